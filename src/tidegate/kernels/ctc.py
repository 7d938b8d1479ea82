"""CTC's loss over ragged batches and its gradient by the logits: on the engine where it was built, else on the plain twin below.

Logits [N, K] hold the steps of all sequences one after another, offsets [B+1] say where each begins, and of the transcripts targets [M]
and target_offsets [B+1] do so; `blank` is one of the K labels and stands in no transcript. An alignment says a label or the blank at
each step, and spells its labels, of equal neighbours one, without the blanks. With y = softmax(logits) at each step

    loss = −log Σ Π_t y(t, alignment_t)  over the alignments that spell the transcript, in nats
    ∂ loss / ∂ logits(t, k) = y(t, k) − p(alignment_t = k | transcript)

The loss of an empty transcript of an empty sequence is 0. Where no alignment spells the transcript, since there are fewer steps than
labels and equal neighbours or since a logit is −∞, the loss is infinite and the gradient 0; where a logit is no number or a row has no
finite greatest one, both are NaN.

Source: Graves, Fernández, Gomez & Schmidhuber 2006, Connectionist Temporal Classification.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import ShapeError
from tidegate.kernels import engine

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Losses = NDArray[np.float64]


def ctc_loss(logits: Array, offsets: Ids, targets: Ids, target_offsets: Ids, *, blank: int = 0, threads: int | None = None) -> Losses:
    """−log p of each transcript [B], in float64. `threads` are the engine's.

    Raises:
        ShapeError: arrays that do not fit each other, a target that is the blank or no label.
        ValueError: `blank` is no label.
    """
    arrays = _arrays(logits, offsets, targets, target_offsets)
    if engine.is_there():
        return engine.ctc_loss(*arrays, blank=blank, needs_gradient=False, threads=threads)[0]
    _check(*arrays, blank)
    return ctc_twin(*arrays, blank)[0]


def ctc_loss_gradient(
    logits: Array, offsets: Ids, targets: Ids, target_offsets: Ids, *, blank: int = 0, threads: int | None = None
) -> tuple[Losses, Array]:
    """The losses [B], and the gradient of their sum by the logits [N, K].

    Raises:
        ShapeError, ValueError: as `ctc_loss`.
    """
    arrays = _arrays(logits, offsets, targets, target_offsets)
    if engine.is_there():
        return engine.ctc_loss(*arrays, blank=blank, threads=threads)
    _check(*arrays, blank)
    return ctc_twin(*arrays, blank)


def ctc_twin(logits: Array, offsets: Ids, targets: Ids, target_offsets: Ids, blank: int) -> tuple[Losses, Array]:
    """`ctc_loss_gradient` by the paper's recursions in logarithms, in float64; the arrays fit."""
    losses, gradient = np.zeros(len(offsets) - 1), np.zeros_like(logits)
    for b in range(len(losses)):
        rows, transcript = slice(*offsets[b : b + 2]), targets[slice(*target_offsets[b : b + 2])]
        losses[b], gradient[rows] = _ctc_of(logits[rows].astype(np.float64), transcript, blank)
    return losses, gradient


def _ctc_of(logits: NDArray[np.float64], transcript: Ids, blank: int) -> tuple[float, NDArray[np.float64]]:
    steps, places = len(logits), 2 * len(transcript) + 1
    if steps == 0:
        return (np.inf if len(transcript) else 0.0), logits
    most = logits.max(axis=1, keepdims=True)
    if not np.isfinite(most).all():
        return np.nan, np.full_like(logits, np.nan)
    log_y = logits - most - np.log(np.exp(logits - most).sum(axis=1, keepdims=True))
    spelled = np.full(places, blank)
    spelled[1::2] = transcript
    # Where a place may be reached from the one before the last: another label, and no blank.
    skips = np.zeros(places)
    skips[2:][(spelled[2:] == blank) | (spelled[2:] == spelled[:-2])] = -np.inf
    emission = log_y[:, spelled]
    alpha, beta = np.full((steps, places), -np.inf), np.full((steps, places), -np.inf)
    alpha[0, :2], beta[-1, -2:] = emission[0, :2], 0.0
    for t in range(1, steps):
        alpha[t] = emission[t] + _sums(alpha[t - 1], skips)
    for t in range(steps - 2, -1, -1):
        following = (beta[t + 1] + emission[t + 1])[::-1]
        beta[t] = _sums(following, np.concatenate([skips[:2], skips[:1:-1]]))[::-1]
    whole = np.logaddexp.reduce(alpha[-1, -2:])
    if np.isneginf(whole):
        return np.inf, np.zeros_like(logits)
    gradient = np.exp(log_y)
    expected = np.exp(alpha + beta - whole)
    np.subtract.at(gradient.T, spelled, expected.T)
    return -float(whole), gradient


def _sums(before: NDArray[np.float64], skips: NDArray[np.float64]) -> NDArray[np.float64]:
    """log Σ of what comes to each place: from itself, from the one before, and from the one before that where `skips` is 0."""
    result = before.copy()
    result[1:] = np.logaddexp(result[1:], before[:-1])
    result[2:] = np.logaddexp(result[2:], before[:-2] + skips[2:])
    return result


def _arrays(logits: Array, offsets: Ids, targets: Ids, target_offsets: Ids) -> tuple[Array, Ids, Ids, Ids]:
    """What engine and twin take: contiguous, logits of float32, or of float64 where they are wider."""
    x = np.ascontiguousarray(logits, np.result_type(np.float32, logits.dtype))
    return x, *(np.ascontiguousarray(numbers, np.int64) for numbers in (offsets, targets, target_offsets))  # type: ignore[return-value]


def check_batch(logits: Array, offsets: Ids, blank: int) -> None:
    """Refuses logits [N, K] and offsets [B+1] that do not fit each other, in the engine's place.

    Raises:
        ShapeError: they do not.
        ValueError: `blank` is no label.
    """
    if logits.ndim != 2 or logits.shape[1] < 1:
        raise ShapeError(f"logits has the shape {list(logits.shape)}; expected [N, K] with K above 0.")
    _check_offsets("offsets", offsets, "logits", len(logits))
    if not 0 <= blank < logits.shape[1]:
        raise ValueError(f"blank is {blank}; expected a whole number from 0 to {logits.shape[1] - 1}.")


def _check(logits: Array, offsets: Ids, targets: Ids, target_offsets: Ids, blank: int) -> None:
    check_batch(logits, offsets, blank)
    if targets.ndim != 1:
        raise ShapeError(f"targets has the shape {list(targets.shape)}; expected [M].")
    if target_offsets.shape != offsets.shape:
        raise ShapeError(f"target_offsets has the shape {list(target_offsets.shape)}; expected {list(offsets.shape)}, as offsets.")
    _check_offsets("target_offsets", target_offsets, "targets", len(targets))
    for m in np.flatnonzero((targets == blank) | (targets < 0) | (targets >= logits.shape[1]))[:1]:
        if targets[m] == blank:
            raise ShapeError(f"targets[{m}] is {blank}, the blank; expected the labels of the transcripts alone.")
        raise ShapeError(f"targets[{m}] is {targets[m]}; expected 0 to {logits.shape[1] - 1}.")


def _check_offsets(name: str, offsets: Ids, of: str, rows: int) -> None:
    if offsets.ndim != 1 or not len(offsets) or offsets[0] != 0 or (np.diff(offsets) < 0).any() or offsets[-1] != rows:
        raise ShapeError(f"{name} does not fit {of}; expected [B + 1], rising from 0 to the {rows} rows that {of} has.")
