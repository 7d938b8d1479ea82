"""Baselines over sentences with labelled tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tidegate.comparison.baselines.baseline import Baseline
from tidegate.comparison.materials.label_outcomes import tag_outcomes
from tidegate.comparison.materials.material import Portion
from tidegate.comparison.materials.tokens import POSITIONS
from tidegate.data import TokenRecord
from tidegate.scoring import MostFrequentLabel
from tidegate.scoring.outcomes import Outcomes
from tidegate.training.tagging.task import TagTask


class _OfTokens(Baseline):
    """Over the first label column, by which taggers are compared."""

    def outcomes(self, task: TagTask, portion: Portion[TokenRecord], answers: Sequence[Sequence[str]]) -> Outcomes:
        column = task.corpus.vocabulary.columns[0]
        right = [record.labels[column.name] for record in portion.scored]
        return tag_outcomes(right, answers, None, scheme=column.scheme, position_name=POSITIONS)


class MajorityTag(_OfTokens):
    """The most frequent label for every token."""

    name = "majority"

    def fit(self, task: TagTask) -> None:
        name = task.corpus.vocabulary.columns[0].name
        counts = Counter(label for record in task.corpus.train for label in record.labels[name])
        self._label = min(counts, key=lambda found: (-counts[found], found))

    def answer(self, records: Sequence[TokenRecord]) -> list[Any]:
        return [[self._label] * len(record) for record in records]


class MostFrequent(_OfTokens):
    """Each word's most frequent label; for unknown words their suffix's."""

    name = "most frequent label of word, suffix"

    def fit(self, task: TagTask) -> None:
        self._labels = MostFrequentLabel(task.corpus.train, task.corpus.vocabulary.columns[0].name)

    def answer(self, records: Sequence[TokenRecord]) -> list[Any]:
        return [self._labels.predict(record.tokens) for record in records]
