"""The linear-chain CRF in NumPy over ragged batches: best labels and the probability of each.

A sequence's score is start[y_0] + Σ emissions[t, y_t] + Σ transitions[y_{t−1}, y_t] + end[y_{T−1}].
All sequences of a batch run side by side, longest first, as in `kernels.recurrence`.

Source: Lafferty, McCallum & Pereira 2001; Rabiner 1989 for the recursions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.kernels import TimeMajor

Array = NDArray[np.floating[Any]]
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


def viterbi(emissions: Array, offsets: NDArray[np.int64], transitions: Transitions) -> NDArray[np.int64]:
    """The best-scoring labels [N] of each sequence, for emissions [N, K] and offsets [B+1]."""
    layout = TimeMajor.of(offsets)
    if len(layout.active) == 0:
        return np.zeros(0, dtype=np.int64)
    places = np.concatenate([[0], np.cumsum(layout.active)])
    e = emissions[layout.rows]
    labels = emissions.shape[1]
    back = np.empty((len(e), labels), dtype=np.int64)
    last = np.empty(int(layout.active[0]), dtype=np.int64)
    score = e[: layout.active[0]] + transitions.start
    pair_to_from = np.ascontiguousarray(transitions.pair.T)  # [to, from]: the maximum runs over the contiguous axis
    for t in range(1, len(layout.active) + 1):
        active = int(layout.active[t]) if t < len(layout.active) else 0
        last[active : len(score)] = (score[active:] + transitions.end).argmax(axis=1)
        if active == 0:
            break
        through = score[:active, None, :] + pair_to_from
        best = through.argmax(axis=2)
        back[places[t] : places[t + 1]] = best
        score = np.take_along_axis(through, best[:, :, None], axis=2)[:, :, 0] + e[places[t] : places[t + 1]]
        score -= score.max(axis=1, keepdims=True)  # only differences matter, and small numbers keep them in float32
    result = np.empty(len(e), dtype=np.int64)
    for t in reversed(range(len(layout.active))):
        active = int(layout.active[t])
        here = last[:active]
        result[places[t] : places[t] + active] = here
        if t:
            last[:active] = back[np.arange(places[t], places[t] + active), here]
    flat = np.empty_like(result)
    flat[layout.rows] = result
    return flat


def marginals(emissions: Array, offsets: NDArray[np.int64], transitions: Transitions) -> Probabilities:
    """The probability [N, K] of each label at each step, all other steps summed out; in float64."""
    layout = TimeMajor.of(offsets)
    if len(layout.active) == 0:
        return np.zeros(emissions.shape, dtype=np.float64)
    places = np.concatenate([[0], np.cumsum(layout.active)])
    # Forward and backward run on probabilities, scaled to sum to one at every step, so that each step is a matrix
    # product instead of K² exponentials. The floor keeps e^score above zero where every path is forbidden.
    scores = emissions[layout.rows].astype(np.float64)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    pair = _exponential(transitions.pair)
    alpha = np.empty_like(e)
    alpha[: places[1]] = _normalised(e[: places[1]] * _exponential(transitions.start))
    for t in range(1, len(layout.active)):
        before = alpha[places[t - 1] : places[t - 1] + layout.active[t]]
        here = slice(places[t], places[t + 1])
        alpha[here] = _normalised(e[here] * (before @ pair))
    beta = np.empty_like(e)
    last = _exponential(transitions.end)
    for t in reversed(range(len(layout.active))):
        following = int(layout.active[t + 1]) if t + 1 < len(layout.active) else 0
        beta[places[t] + following : places[t + 1]] = last
        if following:
            ahead = slice(places[t + 1], places[t + 2])
            beta[places[t] : places[t] + following] = _normalised((e[ahead] * beta[ahead]) @ pair.T)
    probability = _normalised(alpha * beta)
    flat = np.empty_like(probability)
    flat[layout.rows] = probability
    return flat


def _exponential(scores: Array) -> Probabilities:
    shifted = scores.astype(np.float64) - scores.max()
    return np.asarray(np.exp(np.maximum(shifted, -300.0)))


def _normalised(weights: Probabilities) -> Probabilities:
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def softmax(logits: Array) -> Probabilities:
    """Probabilities [N, K] of logits [N, K], each step on its own; in float64."""
    shifted = np.exp((logits - logits.max(axis=1, keepdims=True)).astype(np.float64))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
