"""Scores of a classifier: accuracy, F1 per label and of a named one, calibration, thresholds; several labels a text too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.scoring.tagging import TagScorer, precision_recall_f1

# The precisions for which `thresholds` finds where to cut.
PRECISIONS = (0.90, 0.95, 0.99)


class ClassScorer:
    """Counts one label a text.

    Args:
        positive: the label whose precision, recall and F1 stand for the whole; empty: none.
        out_of_scope: the label that means none of the others; empty: none.
    """

    def __init__(self, *, positive: str = "", out_of_scope: str = "") -> None:
        self._counts = TagScorer(None)
        self._positive = positive
        self._out_of_scope = out_of_scope
        self._in_scope = self._right_in_scope = 0

    def add(self, right: str, given: str, probability: float) -> None:
        """Counts one text: the right label, the given one, and the given one's probability by the model's own estimate."""
        self._counts.add([right], [given], is_seen=[True], probabilities=[probability])
        if right != self._out_of_scope:
            self._in_scope += 1
            self._right_in_scope += right == given

    def result(self) -> dict[str, Any]:
        """All scores as fractions, with the keys of `evaluate --format json`."""
        scores = self._counts.result()
        if self._positive:
            entry = scores["per_label"].get(self._positive, precision_recall_f1(0, 0, 0))
            scores |= {"positive": self._positive, **{key: entry[key] for key in ("f1", "precision", "recall")}}
        if self._out_of_scope:
            entry = scores["per_label"].get(self._out_of_scope, precision_recall_f1(0, 0, 0))
            scores["accuracy_in_scope"] = self._right_in_scope / self._in_scope if self._in_scope else 0.0
            scores |= {"recall_out_of_scope": entry["recall"], "precision_out_of_scope": entry["precision"]}
        return scores


class MultiLabelScorer:
    """Counts any number of labels a text: F1 over all decisions (micro), its mean over labels (macro), texts wholly right."""

    def __init__(self) -> None:
        self._right: Counter[str] = Counter()
        self._given: Counter[str] = Counter()
        self._true: Counter[str] = Counter()
        self._texts = self._exact = 0

    def add(self, right: Sequence[str], given: Sequence[str]) -> None:
        """Counts one text."""
        true, found = set(right), set(given)
        self._true.update(true)
        self._given.update(found)
        self._right.update(true & found)
        self._texts += 1
        self._exact += true == found

    def result(self) -> dict[str, Any]:
        """All scores as fractions; `f1`, `precision` and `recall` are the micro averages, `exact_match` the texts wholly right."""
        per_label = {
            label: precision_recall_f1(self._right[label], self._given[label], self._true[label])
            for label in sorted(self._true | self._given)
        }
        total = precision_recall_f1(self._right.total(), self._given.total(), self._true.total())
        return {
            "n": self._texts,
            "exact_match": self._exact / self._texts if self._texts else 0.0,
            **{key: total[key] for key in ("f1", "precision", "recall")},
            "macro_f1": float(np.mean([entry["f1"] for entry in per_label.values()])) if per_label else 0.0,
            "per_label": per_label,
        }


def thresholds(is_positive: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> list[dict[str, float]]:
    """For each of `PRECISIONS` where to cut so that at least so many of the texts called positive are so, and as many as can be are called.

    Args:
        is_positive: [N], the truth.
        probabilities: [N], of being positive.

    Returns:
        `at_precision`, `threshold`, `precision` and `recall` reached with it here; a precision that no threshold reaches is left out.
    """
    order = np.argsort(-probabilities, kind="stable")
    sorted_probabilities, hits = probabilities[order], np.cumsum(is_positive[order])
    called = np.arange(1, len(order) + 1)
    is_cut = _is_cut(sorted_probabilities)
    found = []
    for wanted in PRECISIONS:
        places = np.flatnonzero(is_cut & (hits >= wanted * called) & (hits > 0))
        if len(places):
            last = int(places[-1])
            least = float(sorted_probabilities[last])
            below = float(sorted_probabilities[last + 1]) if last + 1 < len(order) else 0.0
            halfway = (least + below) / 2  # to the first that is not called; of two neighbouring numbers it may be the lower one
            found.append(
                {
                    "at_precision": wanted,
                    "threshold": halfway if halfway > below else least,
                    "precision": float(hits[last] / called[last]),
                    "recall": float(hits[last] / hits[-1]),
                }
            )
    return found


def out_of_scope_threshold(is_outside: NDArray[np.bool_], doubts: NDArray[np.float64]) -> float:
    """The doubt from which on a text is best called out of scope: the one with the highest F1 of that label.

    Args:
        is_outside: [N], the truth; at least one is.
        doubts: [N], 1 − the probability of the most probable label in scope.
    """
    order = np.argsort(-doubts, kind="stable")
    hits = np.cumsum(is_outside[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + hits[-1])
    return float(doubts[order][int(np.where(_is_cut(doubts[order]), f1, -1).argmax())])


def _is_cut(falling: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Behind which of the falling numbers a cut can be made: where the next is another."""
    return np.append(falling[1:] < falling[:-1], True) if len(falling) else np.zeros(0, dtype=bool)
