"""One recurrent layer over a ragged batch in NumPy, fast enough to ship: what the runtime runs on.

The input product is done for all steps at once. The loop over time takes all running sequences
together, longest first: as sequences end, the rows still running are the first ones, so the state
matrix shrinks instead of being masked. Same numbers as `twins`, which it is tested against.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import ShapeError
from tidegate.kernels.architecture import GATES, Cell
from tidegate.kernels.twins import CellWeights

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class PackedCell:
    """The weights of one layer and direction, laid out for the loop: transposed, biases joined.

    Sigmoid blocks are halved, since σ(a) = (tanh(a/2) + 1)/2: one tanh over all blocks then serves
    every gate. For gru-reset-after, the bias inside the reset product stays apart (`bias_n`).
    """

    cell: Cell
    input: Array  # [I, G·H]
    bias: Array  # [G·H]
    recurrent: Array  # [H, G·H]
    bias_n: Array  # [H], zeros but for gru-reset-after

    @classmethod
    def pack(cls, cell: Cell, w: CellWeights) -> PackedCell:
        hidden = w.hidden_size
        if w.weight_ih.shape[0] != GATES[cell] * hidden:
            raise ShapeError(
                f"weight_ih has {w.weight_ih.shape[0]} rows, but {cell} with hidden_size {hidden} needs "
                f"{GATES[cell]} × {hidden} = {GATES[cell] * hidden}. Check that the weights belong to this cell."
            )
        scale = np.ones(GATES[cell] * hidden, dtype=w.weight_ih.dtype)
        if cell == "lstm":
            scale[: 2 * hidden] = scale[3 * hidden :] = 0.5
        elif cell != "rnn":
            scale[: 2 * hidden] = 0.5
        bias_hh, bias_n = w.bias_hh, np.zeros(hidden, dtype=w.weight_ih.dtype)
        if cell == "gru-reset-after":
            bias_n = bias_hh[2 * hidden :]
            bias_hh = np.concatenate([bias_hh[: 2 * hidden], np.zeros_like(bias_n)])
        return cls(
            cell,
            np.ascontiguousarray((w.weight_ih * scale[:, None]).T),
            (w.bias_ih + bias_hh) * scale,
            np.ascontiguousarray((w.weight_hh * scale[:, None]).T),
            bias_n,
        )


@dataclass(frozen=True, slots=True)
class TimeMajor:
    """Where the steps of a ragged batch stand when all sequences run side by side, longest first.

    Attributes:
        rows: [N], for each time-major place the row of the flat batch that stands there.
        active: [T], how many sequences still run at each step.
    """

    rows: NDArray[np.int64]
    active: NDArray[np.int64]

    @classmethod
    def of(cls, offsets: NDArray[np.int64], *, reverse: bool = False) -> TimeMajor:
        lengths = np.diff(offsets)
        order = np.argsort(-lengths, kind="stable")
        longest = int(lengths.max(initial=0))
        active = np.searchsorted(-lengths[order], -np.arange(longest), side="left").astype(np.int64)
        steps = np.repeat(np.arange(longest), active)
        starts = np.concatenate([[0], np.cumsum(active)[:-1]]) if longest else np.zeros(0, dtype=np.int64)
        sequences = order[np.arange(len(steps)) - np.repeat(starts, active)]
        rows = offsets[sequences + 1] - 1 - steps if reverse else offsets[sequences] + steps
        return cls(rows.astype(np.int64), active)


def run_packed(w: PackedCell, x: Array, layout: TimeMajor, places: NDArray[np.int64] | None = None) -> Array:
    """States [N, H] for inputs x [N, I]; which direction is read is the layout's affair. Starts from zeros.

    With `places` [N], x [U, I] holds each distinct input once, and step n reads x[places[n]]: words come again and again, and
    the input product is then taken once for each.
    """
    hidden = w.recurrent.shape[0]
    if places is None:
        projected = x[layout.rows] @ w.input
        projected += w.bias
    else:
        projected = (x @ w.input + w.bias)[places[layout.rows]]
    states = np.empty((len(layout.rows), hidden), dtype=x.dtype)
    batch = int(layout.active[0]) if len(layout.active) else 0
    h = np.zeros((batch, hidden), dtype=x.dtype)
    c = np.zeros((batch, hidden), dtype=x.dtype) if w.cell == "lstm" else h
    begin = 0
    for active in layout.active.tolist():
        a = projected[begin : begin + active]
        h, c = _STEPS[w.cell](w, a, h[:active], c[:active], hidden)
        states[begin : begin + active] = h
        begin += active
    flat = np.empty_like(states)
    flat[layout.rows] = states
    return flat


def _step_rnn(w: PackedCell, a: Array, h: Array, c: Array, hidden: int) -> tuple[Array, Array]:
    a += h @ w.recurrent
    new = np.tanh(a)
    return new, new


def _step_lstm(w: PackedCell, a: Array, h: Array, c: Array, hidden: int) -> tuple[Array, Array]:
    a += h @ w.recurrent
    np.tanh(a, out=a)
    i, f, g, o = (a[:, k * hidden : (k + 1) * hidden] for k in range(4))
    # (t + 1)/2 for each sigmoid; the halves of i and f are taken together at the end.
    f += 1
    f *= c
    i += 1
    i *= g
    f += i
    f *= 0.5
    o += 1
    o *= 0.5
    return o * np.tanh(f), f


def _step_gru(w: PackedCell, a: Array, h: Array, c: Array, hidden: int) -> tuple[Array, Array]:
    gates = a[:, : 2 * hidden]
    gates += h @ w.recurrent[:, : 2 * hidden]
    np.tanh(gates, out=gates)
    gates += 1
    gates *= 0.5
    n = a[:, 2 * hidden :]
    n += (gates[:, :hidden] * h) @ w.recurrent[:, 2 * hidden :]
    return _blend(gates[:, hidden:], h, n)


def _step_gru_reset_after(w: PackedCell, a: Array, h: Array, c: Array, hidden: int) -> tuple[Array, Array]:
    u = h @ w.recurrent
    gates = a[:, : 2 * hidden]
    gates += u[:, : 2 * hidden]
    np.tanh(gates, out=gates)
    gates += 1
    gates *= 0.5
    n = a[:, 2 * hidden :]
    n += gates[:, :hidden] * (u[:, 2 * hidden :] + w.bias_n)
    return _blend(gates[:, hidden:], h, n)


def _blend(z: Array, h: Array, n: Array) -> tuple[Array, Array]:
    """z∘h + (1−z)∘tanh(n), as n + z∘(h − n)."""
    np.tanh(n, out=n)
    new = h - n
    new *= z
    new += n
    return new, new


_STEPS = {"rnn": _step_rnn, "lstm": _step_lstm, "gru": _step_gru, "gru-reset-after": _step_gru_reset_after}
