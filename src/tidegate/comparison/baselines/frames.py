"""Baselines over sequences of numbers and recordings with labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tidegate.comparison.baselines.baseline import Baseline
from tidegate.comparison.materials.frames import POSITIONS, step_labels
from tidegate.comparison.materials.label_outcomes import class_outcomes, tag_outcomes
from tidegate.comparison.materials.material import Portion
from tidegate.scoring.outcomes import Outcomes
from tidegate.training.frame_material import Record
from tidegate.training.sequences.baseline import FrameMachine, SequenceMachine
from tidegate.training.sequences.corpus import labels_of
from tidegate.training.sequences.task import SequenceClassifyTask, SequenceTagTask


class MajorityOfSequences(Baseline):
    """The most frequent label for every sequence."""

    name = "majority"

    def fit(self, task: SequenceClassifyTask) -> None:
        self._label = _most_frequent(task, is_per_step=False)

    def answer(self, records: Sequence[Record]) -> list[Any]:
        return [self._label] * len(records)

    def outcomes(self, task: SequenceClassifyTask, portion: Portion[Record], answers: Sequence[str]) -> Outcomes:
        right = [(record.label,) for record in portion.scored]
        return class_outcomes(right, [(label,) for label in answers], None, score_name=task.score_name)


class LinearSequences(Baseline):
    """Each feature's statistics over the sequence and logistic regression, by scikit-learn."""

    name = "statistics + logistic regression"

    def fit(self, task: SequenceClassifyTask) -> None:
        self._machine = SequenceMachine(task.corpus)

    def answer(self, records: Sequence[Record]) -> list[Any]:
        return self._machine.answer(records)

    def outcomes(self, task: SequenceClassifyTask, portion: Portion[Record], answers: Sequence[tuple[str, float]]) -> Outcomes:
        right = [(record.label,) for record in portion.scored]
        given, probabilities = [(label,) for label, _ in answers], [(probability,) for _, probability in answers]
        return class_outcomes(right, given, probabilities, score_name=task.score_name)


class MajorityOfSteps(Baseline):
    """The most frequent label for every step."""

    name = "majority"

    def fit(self, task: SequenceTagTask) -> None:
        self._label = _most_frequent(task, is_per_step=True)

    def answer(self, records: Sequence[Record]) -> list[Any]:
        return [[self._label] * len(step_labels(record)) for record in records]

    def outcomes(self, task: SequenceTagTask, portion: Portion[Record], answers: Sequence[list[str]]) -> Outcomes:
        return tag_outcomes([step_labels(record) for record in portion.scored], answers, None, scheme=None, position_name=POSITIONS)


class LinearSteps(Baseline):
    """Each step by itself and logistic regression, by scikit-learn."""

    name = "single steps + logistic regression"

    def fit(self, task: SequenceTagTask) -> None:
        self._machine = FrameMachine(task.corpus)

    def answer(self, records: Sequence[Record]) -> list[Any]:
        return self._machine.answer(records)

    def outcomes(self, task: SequenceTagTask, portion: Portion[Record], answers: Sequence[tuple[list[str], list[float]]]) -> Outcomes:
        right = [step_labels(record) for record in portion.scored]
        given, probabilities = [labels for labels, _ in answers], [each for _, each in answers]
        return tag_outcomes(right, given, probabilities, scheme=None, position_name=POSITIONS)


def _most_frequent(task: SequenceClassifyTask | SequenceTagTask, *, is_per_step: bool) -> str:
    counts = Counter(label for record in task.corpus.parts.train for label in labels_of(record, is_per_step=is_per_step))
    return min(counts, key=lambda label: (-counts[label], label))
