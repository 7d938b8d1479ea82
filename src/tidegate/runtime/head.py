"""What a network tells the next unit by: scores of all units from a vector, and log-probabilities from scores."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

# Most scores that are computed together: 64 MB of float32, whatever the vocabulary.
SCORES = 1 << 24


class Head:
    """Scores of all V units from vectors [N, W]: v · Oᵀ + b, O [V, W] being the embedding itself where it is tied."""

    def __init__(self, weight: Array, bias: Array) -> None:
        self.weight, self.bias = np.ascontiguousarray(weight), bias

    def logits(self, vectors: Array) -> Iterator[tuple[slice, Array]]:
        """The scores [n, V] of slices of `vectors`, which together are the whole."""
        rows = max(1, SCORES // len(self.bias))
        for begin in range(0, len(vectors), rows):
            part = slice(begin, min(begin + rows, len(vectors)))
            scores = vectors[part] @ self.weight.T
            scores += self.bias
            yield part, scores

    def log_probabilities(self, vectors: Array, ids: Ids) -> NDArray[np.float64]:
        """[N], of unit ids[n] by vectors[n]."""
        result = np.empty(len(ids))
        for part, scores in self.logits(vectors):
            result[part] = _log_probabilities(scores, ids[part])
        return result

    def judged(self, vectors: Array, ids: Ids) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """`log_probabilities`, and [N] whether the unit is the most probable one."""
        result, is_best = np.empty(len(ids)), np.empty(len(ids), dtype=np.bool_)
        for part, scores in self.logits(vectors):
            is_best[part] = scores.argmax(axis=1) == ids[part]
            result[part] = _log_probabilities(scores, ids[part])
        return result, is_best


def _log_probabilities(scores: Array, ids: Ids) -> NDArray[np.float64]:
    """log softmax(scores)[ids] in nats, [N]; overwrites the scores [N, V]. Sums are float64."""
    scores -= scores.max(axis=1, keepdims=True)
    chosen = scores[np.arange(len(ids)), ids].astype(np.float64)
    result: NDArray[np.float64] = chosen - np.log(np.exp(scores, out=scores).sum(axis=1, dtype=np.float64))
    return result


def log_softmax(scores: Array) -> Array:
    """log softmax of each row of scores [N, V] in nats, in place; never above 0."""
    scores -= scores.max(axis=1, keepdims=True)
    totals = np.exp(scores).sum(axis=1, dtype=np.float64, keepdims=True)
    scores -= np.log(totals).astype(scores.dtype)
    return scores
