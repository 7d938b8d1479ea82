"""The baseline of every classifier: TF-IDF of word and character n-grams and a linear support vector machine.

It takes a second and is hard to beat on small data (Joachims 1998). scikit-learn's, with the settings of
our measurements: words 1–2 and characters 2–5 inside words, sublinear term frequency, LinearSVC at C = 1.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.data import TextRecord
from tidegate.scoring.classification import ClassScorer, MultiLabelScorer
from tidegate.training.classification.corpus import ClassifyCorpus

NAME = "TF-IDF of word 1-2 and character 2-5 grams, LinearSVC"


class LinearMachine:
    """The baseline, by scikit-learn.

    Args:
        seed: of the machine's solver.
    """

    def __init__(self, seed: int = 1) -> None:
        self._seed = seed

    def fit(self, records: Sequence[TextRecord], labels: Sequence[str], *, is_multi_label: bool = False) -> None:
        """Learns from labelled texts; `labels` are all there are, in order."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.pipeline import make_pipeline, make_union
        from sklearn.svm import LinearSVC

        texts = [record.text for record in records]
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        characters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
        # Where no text holds a word (marks and emoji alone), only characters count.
        features = make_union(words, characters) if any(re.search(r"\w", text) for text in texts) else characters
        machine = LinearSVC(random_state=self._seed)
        self._labels = tuple(labels) if is_multi_label else None
        if self._labels is None:
            self._pipeline = make_pipeline(features, machine).fit(texts, [record.labels[0] for record in records])
            return
        carries = np.array([[label in record.labels for label in self._labels] for record in records], dtype=np.int64)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Label .* is present in all training examples")  # may well be; it is then always given
            self._pipeline = make_pipeline(features, OneVsRestClassifier(machine)).fit(texts, carries)

    def answer(self, records: Sequence[TextRecord]) -> list[tuple[str, ...]]:
        """The label or labels of each text."""
        given = self._pipeline.predict([record.text for record in records])
        if self._labels is None:
            return [(str(label),) for label in given]
        return [tuple(label for label, is_given in zip(self._labels, row, strict=True) if is_given) for row in given]


def scores_of(
    records: Sequence[TextRecord], answers: Sequence[tuple[str, ...]], corpus: ClassifyCorpus, *, out_of_scope: str = ""
) -> dict[str, Any]:
    """Scores of answers without probabilities, with the keys of `evaluate --format json`."""
    if corpus.is_multi_label:
        several = MultiLabelScorer()
        for record, labels in zip(records, answers, strict=True):
            several.add(record.labels, labels)
        return several.result()
    single = ClassScorer(positive=corpus.positive, out_of_scope=out_of_scope)
    for record, (label,) in zip(records, answers, strict=True):
        single.add(record.labels[0], label, 1.0)
    scores = single.result()
    del scores["ece"]  # which says nothing without probabilities
    return scores


def baseline_scores(corpus: ClassifyCorpus, *, out_of_scope: str = "") -> dict[str, Any]:
    """The baseline's scores on the same development and test texts."""
    machine = LinearMachine()
    machine.fit(corpus.train, corpus.labels, is_multi_label=corpus.is_multi_label)
    result: dict[str, Any] = {"name": NAME}
    for part, records in (("dev", corpus.dev), ("test", corpus.test)):
        if records:
            scores = scores_of(records, machine.answer(records), corpus, out_of_scope=out_of_scope)
            result[part] = {key: value for key, value in scores.items() if key not in ("per_label", "confusion")}
    return result
