"""One recurrent layer over a ragged batch in NumPy, fast enough to ship: what the runtime runs on.

The input product is done for all steps at once. The loop over time takes all running sequences
together, longest first: as sequences end, the rows still running are the first ones, so the state
matrix shrinks instead of being masked. Same numbers as `twins`, which it is tested against.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import ShapeError
from tidegate.kernels.architecture import GATES, Cell, weight_names
from tidegate.kernels.twins import CellWeights, State, keeping_share, layer_norm
from tidegate.kernels.zoneout import Zoneout, check_zoneout

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

# Blocks whose gate is a logistic function taken by tanh.
_HALVED: dict[Cell, tuple[int, ...]] = {
    "rnn": (),
    "lstm": (0, 1, 3),
    "gru": (0, 1),
    "gru-reset-after": (0, 1),
    "mingru": (0,),
    "minlstm": (),
}


@dataclass(frozen=True, slots=True)
class PackedCell:
    """The weights of one layer and direction, laid out for the loop: transposed, biases joined.

    Sigmoid blocks are halved, since σ(a) = (tanh(a/2) + 1)/2: one tanh over all blocks then serves
    every gate; under layer norm it is the gains that are halved. For gru-reset-after, the bias inside
    the reset product stays apart (`bias_n`).
    """

    cell: Cell
    input: Array  # [I, G·H]
    bias: Array  # [G·H]
    recurrent: Array  # [H, G·H]; [H, 0] of a cell without a recurrent matrix
    bias_n: Array  # [H], zeros but for gru-reset-after
    gain_ih: Array | None  # [G·H], as gain_hh: with layer norm
    gain_hh: Array | None
    gain_c: Array | None  # [H], as shift_c: an LSTM's
    shift_c: Array | None
    zoneout: Zoneout

    @classmethod
    def pack(cls, cell: Cell, w: CellWeights, zoneout: Zoneout = (0.0, 0.0)) -> PackedCell:
        """The loop's layout of `w`; `zoneout` holds the probabilities of h and of an LSTM's c, for the expectation.

        Raises:
            ShapeError: the weights are another cell's.
            RecipeError: the cell has no layer norm, or no zoneout.
        """
        check_zoneout(cell, zoneout)
        hidden = _checked_hidden_size(cell, w)
        dtype = w.weight_ih.dtype
        scale = np.ones(GATES[cell] * hidden, dtype=dtype)
        for block in _HALVED[cell]:
            scale[block * hidden : (block + 1) * hidden] = 0.5
        recurrent, bias_hh = np.zeros((0, hidden), dtype=dtype), np.zeros_like(w.bias_ih)
        if w.weight_hh is not None and w.bias_hh is not None:
            recurrent, bias_hh = w.weight_hh, w.bias_hh
        bias_n = np.zeros(hidden, dtype=dtype)
        if cell == "gru-reset-after":
            bias_n = bias_hh[2 * hidden :]
            bias_hh = np.concatenate([bias_hh[: 2 * hidden], np.zeros_like(bias_n)])
        is_normed = w.gain_ih is not None
        matrix_scale = np.ones_like(scale) if is_normed else scale
        return cls(
            cell,
            np.ascontiguousarray((w.weight_ih * matrix_scale[:, None]).T),
            (w.bias_ih + bias_hh) * scale,
            np.ascontiguousarray((recurrent * matrix_scale[: len(recurrent), None]).T),
            bias_n,
            None if w.gain_ih is None else w.gain_ih * scale,
            None if w.gain_hh is None else w.gain_hh * scale,
            w.gain_c,
            w.shift_c,
            zoneout,
        )

    @property
    def hidden_size(self) -> int:
        return len(self.recurrent)

    @property
    def parts(self) -> tuple[slice, ...]:
        """The columns that layer norm takes together: of a GRU those of both gates, and those of the candidate; else all."""
        whole, hidden = self.input.shape[1], self.hidden_size
        is_gru = self.cell in ("gru", "gru-reset-after")
        return (slice(0, 2 * hidden), slice(2 * hidden, whole)) if is_gru else (slice(0, whole),)

    def project(self, x: Array) -> Array:
        """W x, normalised where the layer is, plus the biases: [N, G·H] for x [N, I]."""
        projected = self._normed(x @ self.input, self.gain_ih)
        projected += self.bias
        return projected

    def recall(self, h: Array) -> Array:
        """U h, normalised where the layer is: [B, G·H] for h [B, H]."""
        return self._normed(h @ self.recurrent, self.gain_hh)

    def recall_part(self, h: Array, part: slice) -> Array:
        """The columns of one of `parts` of `recall`."""
        return layer_norm(h @ self.recurrent[:, part], None if self.gain_hh is None else self.gain_hh[part])

    def _normed(self, product: Array, gain: Array | None) -> Array:
        if gain is not None:
            for part in self.parts:
                product[:, part] = layer_norm(product[:, part], gain[part])
        return product


def _checked_hidden_size(cell: Cell, w: CellWeights) -> int:
    names = [part.name for part in fields(w) if getattr(w, part.name) is not None]
    expected = weight_names(cell, layer_norm=w.gain_ih is not None)
    if set(names) != set(expected):
        raise ShapeError(f"{cell} was given {', '.join(names)}; it has {', '.join(expected)}. Check that the weights belong to this cell.")
    hidden = w.hidden_size(cell)
    if w.weight_ih.shape[0] != GATES[cell] * hidden:
        raise ShapeError(
            f"weight_ih has {w.weight_ih.shape[0]} rows, but {cell} with hidden_size {hidden} needs "
            f"{GATES[cell]} × {hidden} = {GATES[cell] * hidden}. Check that the weights belong to this cell."
        )
    for name in expected:
        rows = hidden if name in ("gain_c", "shift_c") else GATES[cell] * hidden
        wanted = (rows, hidden) if name == "weight_hh" else (rows, w.weight_ih.shape[1]) if name == "weight_ih" else (rows,)
        found = getattr(w, name).shape
        if found != wanted:
            raise ShapeError(f"{name} has the shape {list(found)}; expected {list(wanted)} for {cell} with hidden_size {hidden}.")
    return hidden


@dataclass(frozen=True, slots=True)
class TimeMajor:
    """Where the steps of a ragged batch stand when all sequences run side by side, longest first.

    Attributes:
        rows: [N], for each time-major place the row of the flat batch that stands there.
        active: [T], how many sequences still run at each step.
        order: [B], the sequences, longest first.
    """

    rows: Ids
    active: Ids
    order: Ids

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
        return cls(rows.astype(np.int64), active, order)


def run_packed(w: PackedCell, x: Array, layout: TimeMajor, places: Ids | None = None, state: State | None = None) -> tuple[Array, State]:
    """States [N, H] for inputs x [N, I], and the state after each sequence; which direction is read is the layout's affair.

    Args:
        w: the layer's weights.
        x: [N, I], or with `places` [N] each distinct input once, [U, I], and step n reads x[places[n]]: words come again and again,
            and the input product is then taken once for each.
        layout: of the sequences.
        places: see x.
        state: h, and of an lstm c, each [B, H], that the sequences begin from; zeros if None.
    """
    projected = w.project(x[layout.rows]) if places is None else w.project(x)[places[layout.rows]]
    states = np.empty((len(layout.rows), w.hidden_size), dtype=x.dtype)
    if state is None:
        zeros = np.zeros((len(layout.order), w.hidden_size), dtype=x.dtype)
        last: State = (zeros, zeros.copy()) if w.cell == "lstm" else (zeros,)
    else:
        last = tuple(part[layout.order] for part in state)
    past, begin = last, 0
    for active in layout.active.tolist():
        if active < len(past[0]):
            for kept, part in zip(last, past, strict=True):
                kept[active : len(part)] = part[active:]
            past = tuple(part[:active] for part in past)
        past = _next_state(w, projected[begin : begin + active], past)
        states[begin : begin + active] = past[0]
        begin += active
    for kept, part in zip(last, past, strict=True):
        kept[: len(part)] = part
    flat, after = np.empty_like(states), tuple(np.empty_like(part) for part in last)
    flat[layout.rows] = states
    for sorted_back, part in zip(after, last, strict=True):
        sorted_back[layout.order] = part
    return flat, after


def step_packed(w: PackedCell, x: Array, state: State) -> State:
    """The state after one step of B sequences: x [B, I], and h, and of an lstm c, each [B, H]."""
    return _next_state(w, w.project(x), state)


def _next_state(w: PackedCell, a: Array, past: State) -> State:
    """The state after a step whose projected inputs are a [B, G·H], which it overwrites."""
    new = _STEPS[w.cell](w, a, past[0], past[-1], w.hidden_size)[: len(past)]
    return tuple(p * before + (1 - p) * after for p, before, after in zip(w.zoneout, past, new, strict=False)) if any(w.zoneout) else new


def _step_rnn(w: PackedCell, a: Array, h: Array, c: Array, hidden: int) -> tuple[Array, Array]:
    a += w.recall(h)
    new = np.tanh(a)
    return new, new


def _step_lstm(w: PackedCell, a: Array, h: Array, c: Array, hidden: int) -> tuple[Array, Array]:
    a += w.recall(h)
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
    read = f if w.shift_c is None else layer_norm(f, w.gain_c) + w.shift_c
    return o * np.tanh(read), f


def _step_gru(w: PackedCell, a: Array, h: Array, c: Array, hidden: int) -> tuple[Array, Array]:
    both, candidate = w.parts
    gates = a[:, both]
    gates += w.recall_part(h, both)
    np.tanh(gates, out=gates)
    gates += 1
    gates *= 0.5
    n = a[:, candidate]
    n += w.recall_part(gates[:, :hidden] * h, candidate)
    return _blend(gates[:, hidden:], h, np.tanh(n, out=n))


def _step_gru_reset_after(w: PackedCell, a: Array, h: Array, c: Array, hidden: int) -> tuple[Array, Array]:
    u = w.recall(h)
    gates = a[:, : 2 * hidden]
    gates += u[:, : 2 * hidden]
    np.tanh(gates, out=gates)
    gates += 1
    gates *= 0.5
    n = a[:, 2 * hidden :]
    n += gates[:, :hidden] * (u[:, 2 * hidden :] + w.bias_n)
    return _blend(gates[:, hidden:], h, np.tanh(n, out=n))


def _step_mingru(w: PackedCell, a: Array, h: Array, c: Array, hidden: int) -> tuple[Array, Array]:
    z = a[:, :hidden]
    np.tanh(z, out=z)
    z += 1
    z *= 0.5
    return _blend(z, h, a[:, hidden:])


def _step_minlstm(w: PackedCell, a: Array, h: Array, c: Array, hidden: int) -> tuple[Array, Array]:
    share = keeping_share(a[:, :hidden], a[:, hidden : 2 * hidden])
    return _blend(share, h, a[:, 2 * hidden :])


def _blend(z: Array, h: Array, n: Array) -> tuple[Array, Array]:
    """z∘h + (1−z)∘n, as n + z∘(h − n)."""
    new = h - n
    new *= z
    new += n
    return new, new


_STEPS: dict[Cell, Callable[[PackedCell, Array, Array, Array, int], tuple[Array, Array]]] = {
    "rnn": _step_rnn,
    "lstm": _step_lstm,
    "gru": _step_gru,
    "gru-reset-after": _step_gru_reset_after,
    "mingru": _step_mingru,
    "minlstm": _step_minlstm,
}
