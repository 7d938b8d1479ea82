"""Baselines over labelled texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tidegate.comparison.baselines.baseline import Baseline
from tidegate.comparison.materials.label_outcomes import class_outcomes
from tidegate.comparison.materials.material import Portion
from tidegate.data import TextRecord
from tidegate.scoring.outcomes import Outcomes
from tidegate.training.classification.baseline import LinearMachine
from tidegate.training.classification.task import ClassifyTask


class _OfTexts(Baseline):
    def outcomes(self, task: ClassifyTask, portion: Portion[TextRecord], answers: Sequence[Any]) -> Outcomes:
        return class_outcomes(
            [record.labels for record in portion.scored],
            answers,
            None,
            score_name=task.score_name,
            positive=task.corpus.positive,
            is_multi_label=task.corpus.is_multi_label,
        )


class Majority(_OfTexts):
    """The most frequent label for every text; with several labels a text, the most frequent set."""

    name = "majority"

    def fit(self, task: ClassifyTask) -> None:
        counts = Counter(record.labels for record in task.corpus.train)
        self._labels = min(counts, key=lambda found: (-counts[found], found))

    def answer(self, records: Sequence[TextRecord]) -> list[Any]:
        return [self._labels] * len(records)


class LinearTexts(_OfTexts):
    """TF-IDF of word 1-2 and character 2-5 grams and a linear support vector machine, by scikit-learn."""

    name = "tf-idf + linear SVM"

    def fit(self, task: ClassifyTask) -> None:
        self._machine = LinearMachine(task.recipe.seed)
        self._machine.fit(task.corpus.train, task.corpus.labels, is_multi_label=task.corpus.is_multi_label)

    def answer(self, records: Sequence[TextRecord]) -> list[Any]:
        return self._machine.answer(records)
