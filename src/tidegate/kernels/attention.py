"""Attention over ragged batches, forward and backward: on the engine where it was built, else on the plain twins below.

Rows of targets, queries [Nt, A], attend each over the positions of its own source, keys [Ns, A] and values [Ns, D]; offsets [B+1] say
where each of the B targets and sources begins. Of row t and position j

    score(t, j) = energy · tanh(query_t + key_j)   additive, Bahdanau et al. 2015, arXiv 1409.0473
    score(t, j) = query_t · key_j                  without energy: multiplicative, Luong et al. 2015, arXiv 1508.04025
    weight(t, ·) = softmax(score(t, ·)),  context_t = Σ_j weight(t, j) · value_j

Weights are flat, [P] with P = Σ T·S over the sequences: the rows of a target one after another, each with the S positions of its source.
`limits` [Nt] say how many positions of its source, from the first, each row sees (1 at least, more than there are counts as all): the
weights of the others are 0. Arrays are float32, or float64 where one is wider; offsets and limits int64.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import ShapeError
from tidegate.kernels import engine

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]


class Attended(NamedTuple):
    """What a forward pass gives.

    Attributes:
        context: [Nt, D].
        weights: [P], as the module says.
    """

    context: Array
    weights: Array


class AttentionGradients(NamedTuple):
    """The gradients of queries, keys, values and, where it was given, energy: each of its shape."""

    queries: Array
    keys: Array
    values: Array
    energy: Array | None


def attention(
    queries: Array,
    keys: Array,
    values: Array,
    target_offsets: Ids,
    source_offsets: Ids,
    *,
    energy: Array | None = None,
    limits: Ids | None = None,
    threads: int | None = None,
) -> Attended:
    """Contexts and weights of queries [Nt, A] over keys [Ns, A] and values [Ns, D], energy [A]. `threads` are the engine's.

    Raises:
        ShapeError: arrays that do not fit each other, a limit below 1, a row whose source is empty.
    """
    q, k, v, e = _arrays(queries, keys, values, energy)
    where = _whole(target_offsets), _whole(source_offsets)
    limits = None if limits is None else _whole(limits)
    if engine.is_there():
        return Attended(*engine.attention(q, k, v, *where, energy=e, limits=limits, threads=threads))
    _check(q, k, v, *where, e, limits)
    return attention_twin(q, k, v, *where, e, limits)


def attention_backward(
    dcontext: Array,
    dweights: Array | None,
    queries: Array,
    keys: Array,
    values: Array,
    weights: Array,
    target_offsets: Ids,
    source_offsets: Ids,
    energy: Array | None = None,
    limits: Ids | None = None,
    *,
    threads: int | None = None,
) -> AttentionGradients:
    """The gradients of everything, from those of the contexts [Nt, D] and of the weights [P] (None: zeros), and the weights themselves.

    Raises:
        ShapeError: as `attention`.
    """
    q, k, v, e, dc, w, dw = _arrays(queries, keys, values, energy, dcontext, weights, dweights)
    where = _whole(target_offsets), _whole(source_offsets)
    limits = None if limits is None else _whole(limits)
    if engine.is_there():
        return AttentionGradients(*engine.attention_backward(dc, dw, q, k, v, w, *where, e, limits, threads=threads))
    pairs = _check(q, k, v, *where, e, limits)
    _expect("dcontext", dc, (len(q), v.shape[1]))
    _expect("weights", w, (pairs,))
    if dw is not None:
        _expect("dweights", dw, (pairs,))
    return attention_backward_twin(dc, dw, q, k, v, w, *where, e)


def attention_twin(
    queries: Array, keys: Array, values: Array, target_offsets: Ids, source_offsets: Ids, energy: Array | None, limits: Ids | None
) -> Attended:
    """`attention`, equation by equation; the arrays fit."""
    context = np.empty((len(queries), values.shape[1]), dtype=values.dtype)
    rows_of_weights = [queries[:0].reshape(-1)]
    for rows, positions, _ in _sequences(target_offsets, source_offsets):
        q, k = queries[rows], keys[positions]
        scores = q @ k.T if energy is None else np.tanh(q[:, None] + k) @ energy
        if limits is not None:
            scores[np.arange(len(k)) >= limits[rows, None]] = -np.inf
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights = powers / powers.sum(axis=1, keepdims=True)
        context[rows] = weights @ values[positions]
        rows_of_weights.append(weights.reshape(-1))
    return Attended(context, np.concatenate(rows_of_weights))


def attention_backward_twin(
    dcontext: Array,
    dweights: Array | None,
    queries: Array,
    keys: Array,
    values: Array,
    weights: Array,
    target_offsets: Ids,
    source_offsets: Ids,
    energy: Array | None,
) -> AttentionGradients:
    """`attention_backward`, equation by equation; the arrays fit. Limits show in the weights: what is not seen has none."""
    dqueries, dkeys, dvalues = (np.zeros_like(part) for part in (queries, keys, values))
    denergy = None if energy is None else np.zeros_like(energy)
    for rows, positions, pairs in _sequences(target_offsets, source_offsets):
        q, k, dc = queries[rows], keys[positions], dcontext[rows]
        w = weights[pairs].reshape(len(q), len(k))
        dw = dc @ values[positions].T
        if dweights is not None:
            dw += dweights[pairs].reshape(w.shape)
        dvalues[positions] = w.T @ dc
        dscores = w * (dw - (w * dw).sum(axis=1, keepdims=True))
        if energy is None or denergy is None:
            dqueries[rows], dkeys[positions] = dscores @ k, dscores.T @ q
            continue
        tanh = np.tanh(q[:, None] + k)
        inner = dscores[:, :, None] * (1 - tanh**2) * energy
        dqueries[rows], dkeys[positions] = inner.sum(axis=1), inner.sum(axis=0)
        denergy += np.tensordot(dscores, tanh, 2)
    return AttentionGradients(dqueries, dkeys, dvalues, denergy)


def _sequences(target_offsets: Ids, source_offsets: Ids) -> Iterator[tuple[slice, slice, slice]]:
    """Of every sequence with rows: its rows, its positions, and its part of the weights."""
    begin = 0
    for b in range(len(target_offsets) - 1):
        rows, positions = slice(*target_offsets[b : b + 2]), slice(*source_offsets[b : b + 2])
        pairs = slice(begin, begin + (rows.stop - rows.start) * (positions.stop - positions.start))
        begin = pairs.stop
        if rows.stop > rows.start:
            yield rows, positions, pairs


def _arrays(*parts: Array | None) -> tuple[Any, ...]:
    """What engine and twins take: contiguous, and all of float32, or of float64 where one is wider."""
    dtype = np.result_type(np.float32, *(part.dtype for part in parts if part is not None))
    return tuple(None if part is None else np.ascontiguousarray(part, dtype) for part in parts)


def _whole(numbers: Ids) -> Ids:
    return np.ascontiguousarray(numbers, np.int64)


def _expect(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise ShapeError(f"{name} has the shape {list(array.shape)}; expected {list(shape)}.")


def _check(q: Array, k: Array, v: Array, target_offsets: Ids, source_offsets: Ids, energy: Array | None, limits: Ids | None) -> int:
    """P of arrays that fit each other.

    Raises:
        ShapeError: they do not.
    """
    for name, array, of in (("queries", q, "[Nt, A]"), ("keys", k, "[Ns, A]"), ("values", v, "[Ns, D]")):
        if array.ndim != 2 or array.shape[1] < 1:
            raise ShapeError(f"{name} has the shape {list(array.shape)}; expected {of}, with columns.")
    _expect("keys", k, (len(k), q.shape[1]))
    _expect("values", v, (len(k), v.shape[1]))
    for name, offsets, of, rows in (
        ("target_offsets", target_offsets, "queries", len(q)),
        ("source_offsets", source_offsets, "keys", len(k)),
    ):
        if offsets.ndim != 1 or not len(offsets) or offsets[0] != 0 or (np.diff(offsets) < 0).any() or offsets[-1] != rows:
            raise ShapeError(f"{name} does not fit {of}; expected [B + 1], rising from 0 to the {rows} rows that {of} has.")
    _expect("source_offsets", source_offsets, target_offsets.shape)
    rows_of, positions_of = np.diff(target_offsets), np.diff(source_offsets)
    for b in np.flatnonzero((rows_of > 0) & (positions_of == 0))[:1]:
        raise ShapeError(f"sequence {b} has {rows_of[b]} queries and no keys; expected no queries where the source is empty.")
    if energy is not None:
        _expect("energy", energy, (q.shape[1],))
    if limits is not None:
        _expect("limits", limits, (len(q),))
        for row in np.flatnonzero(limits < 1)[:1]:
            raise ShapeError(f"limits[{row}] is {limits[row]}; expected 1 or more.")
    return int((rows_of * positions_of).sum())
