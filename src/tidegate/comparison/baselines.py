"""What needs no network: the most frequent label, and the best that counting and a linear machine can do.

A baseline is fitted on a portion, scored like a network, and timed like one.
"""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

from tidegate.data import TextRecord, TokenRecord
from tidegate.scoring import MostFrequentLabel, TagScorer
from tidegate.training.classification.baseline import LinearMachine, scores_of
from tidegate.training.classification.task import ClassifyTask
from tidegate.training.tagging.task import TagTask


class Baseline(ABC):
    """One of them. `fit` it, then `score` it."""

    name: ClassVar[str]

    @abstractmethod
    def fit(self, task: Any) -> None:
        """Learns from the training records of the task."""

    @abstractmethod
    def answer(self, records: Sequence[Any]) -> list[Any]:
        """Labels for the records."""

    @abstractmethod
    def score(self, task: Any, records: Sequence[Any], answers: Sequence[Any]) -> dict[str, Any]:
        """Scores of answers, with the keys of `evaluate --format json`."""

    def size(self) -> int:
        """Bytes of what was learnt."""
        return len(pickle.dumps(self.__dict__))


class _OfTexts(Baseline):
    def score(self, task: ClassifyTask, records: Sequence[TextRecord], answers: Sequence[Any]) -> dict[str, Any]:
        return scores_of(records, answers, task.corpus, out_of_scope=task.recipe.out_of_scope)


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


class _OfTokens(Baseline):
    """Over the first label column, by which taggers are compared."""

    def score(self, task: TagTask, records: Sequence[TokenRecord], answers: Sequence[Sequence[str]]) -> dict[str, Any]:
        column, table = task.corpus.vocabulary.columns[0], task.corpus.table
        scorer = TagScorer(column.scheme)
        for record, labels in zip(records, answers, strict=True):
            seen = [table.is_known(token) for token in record.tokens]
            scorer.add(record.labels[column.name], labels, is_seen=seen, probabilities=[1.0] * len(record))
        return scorer.result()


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


def baselines_of(task: str) -> list[Baseline]:
    """The baselines that belong on every leaderboard of the task."""
    return [Majority(), LinearTexts()] if task == "classify" else [MajorityTag(), MostFrequent()]
