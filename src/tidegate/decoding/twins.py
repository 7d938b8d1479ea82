"""The CRF's plain twins in NumPy: what the engine answers, for reading, for checking, and where the engine was not built.

Every function takes emissions [N, K], offsets [B+1], pair [K, K] (from the row's label to the column's), start and end [K], all of one
dtype. In `viterbi` and `marginals` all sequences of a batch run side by side, longest first, as in `kernels.recurrence`; the others take
them one by one.

Sources: Lafferty, McCallum & Pereira 2001; Rabiner 1989 for the recursions; Seshadri & Sundberg 1994 for the n best.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.kernels import TimeMajor

Array = NDArray[np.floating[Any]]
Labels = NDArray[np.int64]
Probabilities = NDArray[np.float64]


def viterbi(emissions: Array, offsets: Labels, pair: Array, start: Array, end: Array) -> Labels:
    """The labels [N] of the best path of each sequence; of equal scores the lowest label."""
    layout = TimeMajor.of(offsets)
    if len(layout.active) == 0:
        return np.zeros(0, dtype=np.int64)
    places = np.concatenate([[0], np.cumsum(layout.active)])
    e = emissions[layout.rows]
    labels = emissions.shape[1]
    back = np.empty((len(e), labels), dtype=np.int64)
    last = np.empty(int(layout.active[0]), dtype=np.int64)
    score = _less_greatest(e[: layout.active[0]] + start)
    pair_to_from = np.ascontiguousarray(pair.T)  # [to, from]: the maximum runs over the contiguous axis
    for t in range(1, len(layout.active) + 1):
        active = int(layout.active[t]) if t < len(layout.active) else 0
        last[active : len(score)] = (score[active:] + end).argmax(axis=1)
        if active == 0:
            break
        through = score[:active, None, :] + pair_to_from
        best = through.argmax(axis=2)
        back[places[t] : places[t + 1]] = best
        score = _less_greatest(np.take_along_axis(through, best[:, :, None], axis=2)[:, :, 0] + e[places[t] : places[t + 1]])
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


def _less_greatest(score: Array) -> Array:
    """Only differences matter, and small numbers keep them in float32. Where all are −∞ they stay."""
    most = score.max(axis=1, keepdims=True)
    return np.asarray(score - np.where(np.isneginf(most), most.dtype.type(0), most))


def fixed_lag_viterbi(emissions: Array, offsets: Labels, pair: Array, start: Array, end: Array, lag: int) -> Labels:
    """The labels [N], that of step t from the best path up to step t + lag, or of the whole sequence if that is shorter."""
    found = [np.zeros(0, dtype=np.int64)]
    for first, last in pairwise(offsets.tolist()):
        for t in range(last - first):
            seen = emissions[first : min(first + t + lag + 1, last)]
            edge = end if first + len(seen) == last else np.zeros_like(end)
            found.append(viterbi(seen, np.array([0, len(seen)]), pair, start, edge)[t : t + 1])
    return np.concatenate(found)


def n_best(emissions: Array, offsets: Labels, pair: Array, start: Array, end: Array, n: int) -> list[tuple[Labels, Probabilities]]:
    """Of each sequence of T steps the n best paths, or all Kᵀ where they are fewer: labels [n, T] and scores [n], falling; in float64.

    Of equal scores the path with the lower last label comes first; where these are the same, the label before decides, and so on.
    Where a score is NaN, all scores of the sequence are and its labels are 0.
    """
    e, between, begin, stop = (part.astype(np.float64) for part in (emissions, pair, start, end))
    return [_n_best_of(e[first:last], between, begin, stop, n) for first, last in pairwise(offsets.tolist())]


def _n_best_of(emissions: Array, pair: Array, start: Array, end: Array, n: int) -> tuple[Labels, Probabilities]:
    steps, labels = emissions.shape
    if steps == 0:
        return np.zeros((1, 0), dtype=np.int64), np.zeros(1)
    # For each label the best paths to it: scores falling, and the labels before.
    paths: list[list[tuple[float, tuple[int, ...]]]] = [[(start[k] + emissions[0, k], ())] for k in range(labels)]
    for t in range(1, steps):
        paths = [[(score + emissions[t, j], path) for score, path in _merged(paths, pair[:, j], n)] for j in range(labels)]
    best = _merged(paths, end, n)
    result = np.array([path for _, path in best], dtype=np.int64), np.array([score for score, _ in best], dtype=np.float64)
    if any(np.isnan(part).any() for part in (emissions, pair, start, end)):
        return np.zeros_like(result[0]), np.full_like(result[1], np.nan)
    return result


def _merged(paths: list[list[tuple[float, tuple[int, ...]]]], add: Array, n: int) -> list[tuple[float, tuple[int, ...]]]:
    """The n best of the paths to any label, each gone on from its label at a price."""
    longer = [(score + add[label], (*path, label)) for label, found in enumerate(paths) for score, path in found]
    return sorted(longer, key=lambda path: -path[0])[:n]  # sorted leaves equal ones in their order


def marginals(emissions: Array, offsets: Labels, pair: Array, start: Array, end: Array) -> Probabilities:
    """The probability [N, K] of each label at each step, all other steps summed out; in float64."""
    layout = TimeMajor.of(offsets)
    if len(layout.active) == 0:
        return np.zeros(emissions.shape, dtype=np.float64)
    places = np.concatenate([[0], np.cumsum(layout.active)])
    # Forward and backward run on probabilities, scaled to sum to one at every step, so that each step is a matrix
    # product instead of K² exponentials. The floor keeps e^score above zero where every path is forbidden.
    scores = emissions[layout.rows].astype(np.float64)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    through = _exponential(pair)
    alpha = np.empty_like(e)
    alpha[: places[1]] = _normalised(e[: places[1]] * _exponential(start))
    for t in range(1, len(layout.active)):
        before = alpha[places[t - 1] : places[t - 1] + layout.active[t]]
        here = slice(places[t], places[t + 1])
        alpha[here] = _normalised(e[here] * (before @ through))
    beta = np.empty_like(e)
    last = _exponential(end)
    for t in reversed(range(len(layout.active))):
        following = int(layout.active[t + 1]) if t + 1 < len(layout.active) else 0
        beta[places[t] + following : places[t + 1]] = last
        if following:
            ahead = slice(places[t + 1], places[t + 2])
            beta[places[t] : places[t] + following] = _normalised((e[ahead] * beta[ahead]) @ through.T)
    probability = _normalised(alpha * beta)
    flat = np.empty_like(probability)
    flat[layout.rows] = probability
    return flat


def _exponential(scores: Array) -> Probabilities:
    shifted = scores.astype(np.float64) - scores.max()
    return np.asarray(np.exp(np.maximum(shifted, -300.0)))


def _normalised(weights: Probabilities) -> Probabilities:
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
