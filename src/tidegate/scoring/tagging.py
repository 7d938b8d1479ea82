"""Scores of a tagger: accuracy, on unseen words too, F1 per label, strict span F1, calibration.

Everything is counted sentence by sentence, so a file of any size can be scored.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.decoding import Scheme, spans_of

_BINS = 15


class TagScorer:
    """Counts one label column's answers against the right ones.

    `add` each sentence, then read `result`: a dict with the keys of `evaluate --format json`.

    Args:
        scheme: the column's span scheme; with one, span scores are given too.
    """

    def __init__(self, scheme: Scheme | None) -> None:
        self._scheme = scheme
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._right_unseen = self._unseen = 0
        self._right_spans: Counter[str] = Counter()
        self._given_spans: Counter[str] = Counter()
        self._true_spans: Counter[str] = Counter()
        self._bin_counts = np.zeros(_BINS, dtype=np.int64)
        self._bin_right = np.zeros(_BINS)
        self._bin_confidence = np.zeros(_BINS)

    def add(self, right: Sequence[str], given: Sequence[str], *, is_seen: Sequence[bool], probabilities: Sequence[float]) -> None:
        """Counts one sentence of T tokens.

        Args:
            right, given: the labels.
            is_seen: whether training met each word.
            probabilities: of each given label, by the model's own estimate.
        """
        self._pairs.update(zip(right, given, strict=True))
        hits = np.array([a == b for a, b in zip(right, given, strict=True)], dtype=bool)
        unseen = ~np.asarray(is_seen, dtype=bool)
        self._unseen += int(unseen.sum())
        self._right_unseen += int((hits & unseen).sum())
        confidence = np.asarray(probabilities, dtype=np.float64)
        bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
        np.add.at(self._bin_counts, bins, 1)
        np.add.at(self._bin_right, bins, hits)
        np.add.at(self._bin_confidence, bins, confidence)
        if self._scheme is not None:
            true, found = set(spans_of(right, self._scheme)), set(spans_of(given, self._scheme))
            self._true_spans.update(label for _, _, label in true)
            self._given_spans.update(label for _, _, label in found)
            self._right_spans.update(label for _, _, label in true & found)

    def result(self) -> dict[str, Any]:
        """All scores as fractions; `ece` is the expected calibration error over 15 bins (Guo et al. 2017, arXiv 1706.04599)."""
        tokens = sum(self._pairs.values())
        right: Counter[str] = Counter()
        true: Counter[str] = Counter()
        given: Counter[str] = Counter()
        for (expected, answered), times in self._pairs.items():
            true[expected] += times
            given[answered] += times
            right[expected] += times * (expected == answered)
        per_label = {label: precision_recall_f1(right[label], given[label], true[label]) for label in sorted(true | given)}
        scores: dict[str, Any] = {"n": tokens, "accuracy": right.total() / tokens if tokens else 0.0}
        if self._unseen:
            scores["accuracy_unseen"] = self._right_unseen / self._unseen
            scores["n_unseen"] = self._unseen
        scores["macro_f1"] = float(np.mean([entry["f1"] for entry in per_label.values()])) if per_label else 0.0
        filled = self._bin_counts > 0
        gaps = np.abs(self._bin_right[filled] - self._bin_confidence[filled])
        scores["ece"] = float(gaps.sum() / tokens) if tokens else 0.0
        if self._scheme is not None:
            scores |= span_scores(self._right_spans, self._given_spans, self._true_spans)
        scores["per_label"] = per_label
        confusion: dict[str, dict[str, int]] = {}
        for (expected, answered), times in sorted(self._pairs.items()):
            confusion.setdefault(expected, {})[answered] = times
        scores["confusion"] = confusion
        return scores


def default_score(scores: dict[str, Any]) -> float:
    """The score that stands for a label column: strict span F1 where its labels spell spans, else accuracy."""
    return float(scores["span_f1"] if "span_f1" in scores else scores["accuracy"])


def precision_recall_f1(right: int, given: int, true: int) -> dict[str, Any]:
    """Precision, recall and F1 from counts; 0 where a denominator is 0, as in scikit-learn."""
    precision = right / given if given else 0.0
    recall = right / true if true else 0.0
    f1 = 2 * right / (given + true) if given + true else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "support": true}


def span_scores(right: Counter[str], given: Counter[str], true: Counter[str]) -> dict[str, Any]:
    """Strict span scores, micro-averaged: a span counts if both ends and the label are right.

    Source: Tjong Kim Sang & De Meulder 2003; strict reading of the labels as in seqeval, which the tests compare with.
    """
    total = precision_recall_f1(right.total(), given.total(), true.total())
    return {
        "span_f1": total["f1"],
        "span_precision": total["precision"],
        "span_recall": total["recall"],
        "per_span_label": {label: precision_recall_f1(right[label], given[label], true[label]) for label in sorted(true | given)},
    }
