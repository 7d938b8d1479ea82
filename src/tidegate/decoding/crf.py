"""The linear-chain CRF's answers over ragged batches: best labels, the n best, labels before the end is known, probabilities.

A sequence's score is start[y_0] + Σ emissions[t, y_t] + Σ pair[y_{t−1}, y_t] + end[y_{T−1}]. On the engine where it was built, else on
the plain twins. Everywhere emissions [N, K] and offsets [B+1]; of equal scores the lowest label wins.

Source: Lafferty, McCallum & Pereira 2001.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.decoding import twins
from tidegate.kernels import engine

Array = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]

# What a transition that the label scheme forbids scores. Large enough to lose to anything learned, and
# finite, so that a sequence with no allowed path still has one and no infinities meet.
FORBIDDEN = -1e4


@dataclass(frozen=True, slots=True)
class Transitions:
    """Scores of label pairs: `pair` [K, K] from row to column, `start` [K] and `end` [K] at the edges."""

    pair: Array
    start: Array
    end: Array


class Paths(NamedTuple):
    """The best label sequences of one sequence of T steps, best first.

    Attributes:
        labels: [n, T].
        scores: [n], falling; float64.
    """

    labels: Labels
    scores: Probabilities


def viterbi(emissions: Array, offsets: Labels, transitions: Transitions, *, threads: int | None = None) -> Labels:
    """The best-scoring labels [N] of each sequence. `threads`, here and below, are the engine's; None: its default."""
    arrays = _arrays(emissions, offsets, transitions)
    return engine.crf_viterbi(*arrays, threads=threads)[0] if engine.is_there() else twins.viterbi(*arrays)


def fixed_lag_viterbi(emissions: Array, offsets: Labels, transitions: Transitions, lag: int, *, threads: int | None = None) -> Labels:
    """Labels [N] for readers that cannot wait for the end: that of step t is decided when step t + lag is known.

    It is the label on the best path up to there, or of the whole sequence where that ends sooner. From lag = T − 1 on the labels
    are those of `viterbi`.

    Raises:
        ValueError: lag is below 0.
    """
    if lag < 0:
        raise ValueError(f"lag is {lag}; expected a whole number of steps, 0 or more.")
    arrays = _arrays(emissions, offsets, transitions)
    if engine.is_there():
        return engine.crf_viterbi_fixed_lag(*arrays, lag, threads=threads)
    return twins.fixed_lag_viterbi(*arrays, lag)


def n_best(emissions: Array, offsets: Labels, transitions: Transitions, n: int, *, threads: int | None = None) -> list[Paths]:
    """For each sequence the n best-scoring label sequences, or all Kᵀ where they are fewer; an empty one has one, empty, of score 0.

    Scores are added in float64. Of equal ones the sequence whose last label is lower comes first; where these are the same, the label
    before decides, and so on.

    Raises:
        ValueError: n is below 1.
    """
    if n < 1:
        raise ValueError(f"n is {n}; expected a whole number above 0.")
    arrays = _arrays(emissions, offsets, transitions)
    found = engine.crf_n_best(*arrays, n, threads=threads) if engine.is_there() else twins.n_best(*arrays, n)
    return [Paths(*paths) for paths in found]


def marginals(emissions: Array, offsets: Labels, transitions: Transitions, *, threads: int | None = None) -> Probabilities:
    """The probability [N, K] of each label at each step, all other steps summed out; in float64."""
    arrays = _arrays(emissions, offsets, transitions)
    return engine.crf_marginals(*arrays, threads=threads) if engine.is_there() else twins.marginals(*arrays)


def _arrays(emissions: Array, offsets: Labels, transitions: Transitions) -> tuple[Array, Labels, Array, Array, Array]:
    """What engine and twins take: contiguous, and all of float32, or of float64 where one is wider."""
    parts = emissions, transitions.pair, transitions.start, transitions.end
    dtype = np.result_type(np.float32, *(part.dtype for part in parts))
    e, pair, start, end = (np.ascontiguousarray(part, dtype) for part in parts)
    return e, np.ascontiguousarray(offsets, np.int64), pair, start, end


def softmax(logits: Array) -> Probabilities:
    """Probabilities [N, K] of logits [N, K], each step on its own; in float64."""
    # The ufuncs' own reductions: for the one step of a stream, methods take as long again.
    shifted = np.exp((logits - np.maximum.reduce(logits, axis=1, keepdims=True)).astype(np.float64))
    shifted /= np.add.reduce(shifted, axis=1, keepdims=True)
    return shifted
