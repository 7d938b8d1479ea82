"""Layers with variants, one sequence and one step after another on the torch twins: the truth that faster ways are held against."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence

from tidegate.kernels import engine
from tidegate.kernels.zoneout import kept_units
from tidegate.nn.cells import CELLS, LAYER_NORM_CELLS, rnn_cell, zoneout
from tidegate.nn.dropouts import DrawnLayer

# Each alone, and all together; zoneout_cell and layer_norm where the cell has them.
ALL: dict[str, Any] = {"recurrent_dropout": 0.4, "zoneout": 0.3, "zoneout_cell": 0.2, "weight_drop": 0.3, "layer_norm": True}
CHOICES = [*({name: value} for name, value in ALL.items()), ALL]
PATHS = ["engine", "plain"]


def fitting(cell: str, choice: dict[str, Any]) -> dict[str, Any]:
    """What of the choice the cell has."""
    lacks = {"rnn": ("layer_norm", "zoneout_cell"), "rnn-relu": ("layer_norm", "zoneout_cell"), "lstm": ()}.get(cell, ("zoneout_cell",))
    return {name: value for name, value in choice.items() if name not in lacks}


CASES = [
    pytest.param(cell, fitting(cell, choice), id=f"{cell}-{'+'.join(fitting(cell, choice))}")
    for cell in ("rnn", "lstm", "gru", "gru-reset-after")
    for choice in CHOICES
    if fitting(cell, choice)
]


def take(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes layers run on the engine, or on torch alone."""
    if path == "plain":
        monkeypatch.setattr(engine, "is_built", lambda: False)


def layer_by_the_twins(
    cell: str, x: Tensor, offsets: NDArray[np.int64], layer: DrawnLayer, states: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    """States [N, D·H] and last states [D, B, H] of a flat layer that begins at `states`, [D, B, H] each."""
    sides: list[Tensor] = []
    ends: list[list[Tensor]] = []
    for d, weights in enumerate(layer.weights):
        hidden = weights[1].shape[1]
        zero = weights[0].new_zeros(len(weights[0]))
        full: Any = (*weights[:2], *(zero if bias is None else bias for bias in weights[2:4]), *weights[4:])
        step = LAYER_NORM_CELLS[cell] if len(weights) > 4 else CELLS.get(cell, rnn_cell)  # type: ignore[index, call-overload]
        rows: list[Any] = [None] * len(x)
        last = []
        for b in range(len(offsets) - 1):
            mask = None if layer.mask is None else layer.mask[d, b][None]
            state = tuple(part[d, b][None] for part in states)
            steps = range(offsets[b], offsets[b + 1])
            for n in reversed(steps) if d else steps:
                kept: list[Any] = list(layer.zoneout[: len(state)])
                if layer.seed is not None:
                    drawn = [
                        kept_units(int(layer.seed), np.array([n]), hidden, p, direction=d, state=name)  # type: ignore[arg-type]
                        for p, name in zip(kept, "hc", strict=False)
                    ]
                    kept = [torch.from_numpy(units).to(x.dtype) for units in drawn]
                state = zoneout(state, step(x[n][None], state, full, mask), kept)
                rows[n] = state[0]
            last.append(state)
        sides.append(torch.cat(rows) if rows else x.new_zeros(0, hidden))
        ends.append([torch.cat(parts) for parts in zip(*last, strict=True)])
    return torch.cat(sides, dim=1), [torch.stack(parts) for parts in zip(*ends, strict=True)]


class ByTheTwins(nn.Module):
    """A drop-in's settings and weights, run on the twins; draws as the module itself draws from the same seed."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module, self.num_layers, self.bidirectional = module, module.num_layers, module.bidirectional

    def forward(self, input: Any, hx: Any = None) -> Any:
        module = self.module
        if isinstance(input, PackedSequence):
            padded, lengths = pad_packed_sequence(input, batch_first=True)
            sequences = [row[:length] for row, length in zip(padded, lengths, strict=True)]
        elif input.dim() == 2:
            sequences = [input]
        else:
            sequences = list(input if module.batch_first else input.transpose(0, 1))
        cell = module._cell()
        directions = 1 + module.bidirectional
        rows = module.num_layers * directions
        begins = hx if cell == "lstm" else (hx,)
        if hx is None:
            begins = [sequences[0].new_zeros(rows, len(sequences), module.hidden_size)] * (1 + (cell == "lstm"))
        begins = [part.view(rows, len(sequences), module.hidden_size) for part in begins]
        offsets = np.concatenate([[0], np.cumsum([len(sequence) for sequence in sequences])])
        x = torch.cat(sequences)
        last = []
        by_layer = module._by_layer([getattr(module, name) for name in module._weight_names()])
        for number, layer in enumerate(module._drawn(by_layer, len(sequences))):
            states = [part[number * directions : (number + 1) * directions] for part in begins]
            x, ends = layer_by_the_twins(cell, x, offsets, layer, states)
            last.append(ends)
        ends = [torch.cat(parts) for parts in zip(*last, strict=True)]
        ys = [x[begin:end] for begin, end in pairwise(offsets)]
        if isinstance(input, PackedSequence):
            y: Any = pack_sequence(ys, enforce_sorted=input.unsorted_indices is None)
        elif input.dim() == 2:
            y, ends = ys[0], [part[:, 0] for part in ends]
        else:
            y = torch.stack(ys, dim=0 if module.batch_first else 1)
        return y, tuple(ends) if cell == "lstm" else ends[0]
