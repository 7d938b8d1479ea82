"""Recurrent layers in plain torch: every cell, with recurrent dropout, zoneout and layer norm, step by step.

For where neither the engine runs (another device, another dtype, autocast, transforms, no compiler at installation) nor torch.nn
has the layer: the paper's GRU, and every variant of a cell. Rows are those of a PackedSequence: all sequences' first steps,
longest sequence first, then their second steps, and so on; a padded batch [T, B, I] is one whose sequences are equally long.
The equations are those of `cells`, what hangs on the input alone taken out of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from tidegate.kernels.architecture import GATES
from tidegate.kernels.twins import NORM_EPSILON
from tidegate.kernels.zoneout import kept_units
from tidegate.nn.cells import GATES_AT_ONCE, State
from tidegate.nn.dropouts import DrawnLayer
from tidegate.nn.layouts import Indices, PackedOrder, packed_layout
from tidegate.nn.recurrence import EngineCell


def run_module(module: nn.RNNBase, input: Any, hx: Any, cell: EngineCell, drawn: Callable[[int], Sequence[DrawnLayer]]) -> tuple[Any, Any]:
    """What the `forward` of torch.nn's module gives, kinds and shapes alike, with the cell and the layers given.

    Args:
        module: whose settings hold.
        input, hx: as the module's.
        cell: which.
        drawn: the layers, for so many sequences.

    Raises:
        RuntimeError, ValueError: as torch.nn's module, the GRU's in its very words.
    """
    x, sizes, order, back = input if isinstance(input, PackedSequence) else (input, None, None, None)
    is_batched = sizes is not None or x.dim() == 3
    is_batch_first = is_batched and sizes is None and module.batch_first
    states: Any = hx if cell == "lstm" or hx is None else (hx,)
    if sizes is None:
        if x.dim() not in (2, 3):
            raise ValueError(f"{module.mode.partition('_')[0]}: Expected input to be 2D or 3D, got {x.dim()}D instead")
        if states is not None and any(part.dim() != x.dim() for part in states):
            kind, found = "batched" if is_batched else "unbatched", ", ".join(f"{part.dim()}-D" for part in states)
            raise RuntimeError(f"For {kind} {x.dim()}-D input, hx should also be {x.dim()}-D but got {found} tensor")
        if not is_batched:
            x, states = x.unsqueeze(0 if module.batch_first else 1), None if states is None else tuple(part.unsqueeze(1) for part in states)
    shape = module.get_expected_hidden_size(x, sizes)
    if states is None:
        begins: Any = tuple(x.new_zeros(shape) for _ in range(1 + (cell == "lstm")))
    else:
        begins = states if order is None else tuple(part.index_select(1, order) for part in states)
    module.check_forward_args(x, begins if cell == "lstm" else begins[0], sizes)
    layers = drawn(shape[1])
    if order is not None:
        layers = [layer._replace(mask=None if layer.mask is None else layer.mask.index_select(1, order)) for layer in layers]
    if sizes is None:
        x = x.transpose(0, 1) if module.batch_first else x
        steps, flat = [x.shape[1]] * x.shape[0], x.flatten(0, 1)
        places = np.arange(len(flat)).reshape(int(x.shape[1]), int(x.shape[0])).T.reshape(-1)
    else:
        steps, flat, packed = sizes.tolist(), x, packed_layout(input)
        if steps and packed is None:
            raise RuntimeError(f"batch_sizes {steps} do not fit {len(x)} rows; they must not rise and their sum must be the number of rows")
        places = packed.flat(np.arange(len(x))).argsort() if packed is not None else np.arange(0)
    if not steps:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    flat, last = run_layers(cell, flat, steps, places, layers, begins, module.dropout if module.training else 0.0)
    if sizes is not None:
        y: Any = PackedSequence(flat, sizes, order, back)
        last = last if back is None else [part.index_select(1, back) for part in last]
    else:
        y = flat.view(len(steps), steps[0], flat.shape[1])
        y = y.squeeze(1) if not is_batched else y.transpose(0, 1) if is_batch_first else y
        last = last if is_batched else [part.squeeze(1) for part in last]
    return y, tuple(last) if cell == "lstm" else last[0]


def run_layers(
    cell: EngineCell,
    x: Tensor,
    sizes: Sequence[int],
    places: Indices,
    layers: Sequence[DrawnLayer],
    states: Sequence[Tensor],
    dropout: float,
) -> tuple[Tensor, list[Tensor]]:
    """States [N, D·H] of the last layer and the last states [layers · D, B, H] of all: h, and of the lstm c.

    Args:
        cell: which.
        x: [N, I].
        sizes: [T], never rising: how many sequences run at each step.
        places: [N], the flat place of each row, by which zoneout draws.
        layers: their weights and draws, masks longest sequence first.
        states: h0 and, of the lstm, c0, [layers · D, B, H] each, longest sequence first.
        dropout: probability, on the outputs of every layer but the last; 0 outside training.
    """
    last: list[State] = []
    for number, layer in enumerate(layers):
        if number and dropout:
            x = functional.dropout(x, dropout, training=True)
        count = len(layer.weights)
        halves = [_direction(cell, x, sizes, places, layer, d, [part[number * count + d] for part in states]) for d in range(count)]
        last += [ends for _, ends in halves]
        x = torch.cat([y for y, _ in halves], dim=1)
    return x, [torch.stack(parts) for parts in zip(*last, strict=True)]


def run_flat_layer(
    cell: EngineCell, x: Tensor, offsets: Indices, layer: DrawnLayer, begins: Sequence[Tensor] | None = None
) -> tuple[Tensor, list[Tensor]]:
    """One layer over a flat batch: x [N, I] and offsets [B+1].

    Args:
        begins: h0 and, of the lstm, c0, [D, B, H] each; None for zeros.

    Returns:
        states [N, D·H], and each sequence's last h and, of the lstm, c, [D, B, H] each.
    """
    packed = PackedOrder.of(offsets)
    order, rows, places = (torch.from_numpy(part).to(x.device) for part in (packed.order, packed.rows, packed.steps))
    mask = None if layer.mask is None else layer.mask.index_select(1, order)
    inputs: Any = layer.weights[0][0]
    if begins is None:
        begins = [x.new_zeros(len(layer.weights), len(order), len(inputs) // _GATES[cell])] * (1 + (cell == "lstm"))
    y, last = run_layers(
        cell,
        x.index_select(0, places),
        packed.sizes.tolist(),
        packed.steps,
        [layer._replace(mask=mask)],
        [part.index_select(1, order) for part in begins],
        0,
    )
    back = order.argsort()
    return y.index_select(0, rows), [part.index_select(1, back) for part in last]


_GATES = {str(cell): gates for cell, gates in GATES.items()} | {"rnn-relu": 1}


class _Affine(NamedTuple):
    """v ↦ W v + b; with a gain, LN(W v) + b."""

    weight: Tensor
    bias: Tensor | None
    gain: Tensor | None

    def __call__(self, v: Tensor) -> Tensor:
        if self.gain is None:
            return functional.linear(v, self.weight, self.bias)
        return functional.layer_norm(functional.linear(v, self.weight), self.gain.shape, self.gain, self.bias, NORM_EPSILON)

    def split(self, cell: EngineCell) -> list[_Affine]:
        """One for each group of gates that is normed, and in the paper's GRU multiplied, on its own."""
        if cell not in ("gru", "gru-reset-after"):
            return [self]
        hidden = len(self.weight) // 3
        rows = (slice(2 * hidden), slice(2 * hidden, None))
        return [_Affine(*(None if part is None else part[some] for part in self)) for some in rows]  # type: ignore[arg-type]


# Of what x gives [B, G·H], the state, h on its way into the recurrent matrix, that matrix, and what norms c: the new state.
_Step = Callable[[Tensor, State, Tensor, Sequence[_Affine], Callable[[Tensor], Tensor]], State]


def _rnn(a: Tensor, state: State, entering: Tensor, recurrent: Sequence[_Affine], norm_c: Any) -> State:
    return (torch.tanh(a + recurrent[0](entering)),)


def _rnn_relu(a: Tensor, state: State, entering: Tensor, recurrent: Sequence[_Affine], norm_c: Any) -> State:
    return (torch.relu(a + recurrent[0](entering)),)


def _lstm(a: Tensor, state: State, entering: Tensor, recurrent: Sequence[_Affine], norm_c: Callable[[Tensor], Tensor]) -> State:
    i, f, g, o = (a + recurrent[0](entering)).chunk(4, dim=1)
    c = torch.sigmoid(f) * state[1] + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(norm_c(c)), c


def _gru(a: Tensor, state: State, entering: Tensor, recurrent: Sequence[_Affine], norm_c: Any) -> State:
    hidden = state[0].shape[1]
    r, z = torch.sigmoid(a[:, : 2 * hidden] + recurrent[0](entering)).chunk(2, dim=1)
    n = torch.tanh(a[:, 2 * hidden :] + recurrent[1](r * entering))
    return (z * state[0] + (1 - z) * n,)


def _gru_reset_after(a: Tensor, state: State, entering: Tensor, recurrent: Sequence[_Affine], norm_c: Any) -> State:
    hidden = state[0].shape[1]
    r, z = torch.sigmoid(a[:, : 2 * hidden] + recurrent[0](entering)).chunk(2, dim=1)
    n = torch.tanh(a[:, 2 * hidden :] + r * recurrent[1](entering))
    return (z * state[0] + (1 - z) * n,)


def _minimal(gates: Callable[[Tensor], tuple[Tensor, Tensor]]) -> _Step:
    def step(a: Tensor, state: State, entering: Tensor, recurrent: Sequence[_Affine], norm_c: Any) -> State:
        keep, new = gates(a)
        return (torch.lerp(new, state[0], keep),)

    return step


_STEPS: dict[EngineCell, _Step] = {
    "rnn": _rnn,
    "rnn-relu": _rnn_relu,
    "lstm": _lstm,
    "gru": _gru,
    "gru-reset-after": _gru_reset_after,
    **{cell: _minimal(gates) for cell, gates in GATES_AT_ONCE.items()},
}


class _Walk:
    """One direction of one layer, ready to go from step to step."""

    def __init__(self, cell: EngineCell, x: Tensor, sizes: Sequence[int], places: Indices, layer: DrawnLayer, direction: int) -> None:
        weights: tuple[Any, ...] = layer.weights[direction]
        w_ih, w_hh, b_ih, b_hh, gain_ih, gain_hh, gain_c, shift_c = weights + (None,) * (8 - len(weights))
        self._step = _STEPS[cell]
        inputs = _Affine(w_ih, b_ih, gain_ih)
        # Normed or not, all at once; cut into groups only where they are normed apart.
        self.given = inputs(x) if gain_ih is None else torch.cat([group(x) for group in inputs.split(cell)], dim=1)
        self._recurrent = _Affine(w_hh, b_hh, gain_hh).split(cell)
        self._norm_c: Callable[[Tensor], Tensor] = (
            (lambda c: c) if gain_c is None else lambda c: functional.layer_norm(c, gain_c.shape, gain_c, shift_c, NORM_EPSILON)
        )
        # Under autocast the products have another dtype than the states that came.
        self.dtype = self.given.dtype if torch._C._is_any_autocast_enabled() else None
        self._mask = None if layer.mask is None else layer.mask[direction]
        self._rates = layer.zoneout if cell == "lstm" else layer.zoneout[:1]
        self._kept: list[Sequence[Tensor] | None] = [None] * len(self._rates)
        if layer.seed is not None:
            hidden = w_hh.shape[1]
            for number, (rate, state) in enumerate(zip(self._rates, ("h", "c"), strict=False)):
                kept = kept_units(int(layer.seed), places, hidden, rate, direction=direction, state=state)  # type: ignore[arg-type]
                self._kept[number] = torch.split(torch.from_numpy(kept).to(x.device), list(sizes)) if rate else None
        self._draws = layer.seed is not None

    def step(self, t: int, given: Tensor, state: State) -> State:
        """The state after step t."""
        entering = state[0] if self._mask is None else state[0] * self._mask[: len(state[0])]
        new = self._step(given, state, entering, self._recurrent, self._norm_c)
        if any(self._rates):
            new = tuple(self._zoned_out(number, t, *parts) for number, parts in enumerate(zip(state, new, strict=True)))
        return new if self.dtype is None else self.cast(new)

    def cast(self, state: State) -> State:
        return state if self.dtype is None else tuple(part.to(self.dtype) for part in state)

    def _zoned_out(self, number: int, t: int, past: Tensor, new: Tensor) -> Tensor:
        rate, kept = self._rates[number], self._kept[number]
        if not rate or (self._draws and kept is None):
            return new
        return torch.where(kept[t], past, new) if kept is not None else rate * past + (1 - rate) * new


def _direction(
    cell: EngineCell, x: Tensor, sizes: Sequence[int], places: Indices, layer: DrawnLayer, direction: int, begin: Sequence[Tensor]
) -> tuple[Tensor, State]:
    """States [N, H] and last states [B, H] of one direction; the second reads from the end."""
    walk = _Walk(cell, x, sizes, places, layer, direction)
    begin = walk.cast(tuple(begin))
    if not sizes:
        return walk.given[:, : begin[0].shape[1]], begin
    states = list(torch.split(walk.given, list(sizes)))
    if direction == 1:  # from the last step of the longest; the others join at their own last steps
        state = tuple(part[:0] for part in begin)
        for t in reversed(range(len(sizes))):
            joined = tuple(torch.cat([past, first[len(past) : sizes[t]]]) for past, first in zip(state, begin, strict=True))
            state = walk.step(t, states[t], joined)
            states[t] = state[0]
        return torch.cat(states), tuple(torch.cat([past, first[len(past) :]]) for past, first in zip(state, begin, strict=True))
    state, ended = begin, []
    for t, size in enumerate(sizes):
        ended.append(tuple(part[size:] for part in state))
        state = walk.step(t, states[t], tuple(part[:size] for part in state))
        states[t] = state[0]
    return torch.cat(states), tuple(torch.cat([past, *reversed(parts)]) for past, *parts in zip(state, *ended, strict=True))
