"""What dropouts inside the recurrence, zoneout and layer norm cost: each beside the plain cell, by the layer and by the stack."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

from tidegate.kernels import Cell, architecture, engine
from tidegate.nn import RecurrentStack, variational_dropout

from .contest import Contestant, compete
from .onnx_side import Weights
from .shapes import Array, Batch, Shape, ewt_lengths
from .table import markdown, micros, times, verdict
from .torch_side import make_module, torch_setting, weights_of

Row = dict[str, Any]

PLAIN, TORCH_LOOP = "plain", "torch: a loop over LSTMCell with the mask"
# Share of the plain cell's speed that is asked for.
BARS = {"layer norm": 0.6}
BAR = 0.9
KEEP = 0.7
# Arguments of the stack, and of the dropout before and after it.
STACKS: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "input and output masks": {},
    "recurrent dropout": {"recurrent_dropout": 0.3},
    "zoneout": {"zoneout": 0.1},
    "weight drop": {"weight_drop": 0.3},
    "layer norm": {"layer_norm": True},
}


def shapes() -> list[Shape]:
    """One of equal lengths, one of small units, and EWT's sentences where the data is there."""
    found = [Shape("B32 T40 I128 H256 bi", ((40,) * 32,), 128, 256, 2), Shape("B16 T200 I64 H64 bi", ((200,) * 16,), 64, 64, 2)]
    lengths = ewt_lengths()
    return found if lengths is None else [*found, Shape("EWT B32 I200 H256 bi shuffled", tuple(lengths[0]), 200, 256, 2)]


def measure_layer(cell: Cell, shape: Shape, *, mode: str, threads: int, rounds: int, seconds: float) -> Row:
    """The engine's layer; weights are packed in every call, as in training."""
    is_training = mode == "training"
    weights: Any = weights_of(make_module(cell, shape))
    batches = shape.make_batches()
    rng = np.random.default_rng(4)
    masks = [
        (rng.random((shape.directions, len(batch.lengths), shape.hidden_size)) < KEEP).astype(np.float32) / np.float32(KEEP)
        for batch in batches
    ]
    forms: dict[str, Callable[[], None]] = {
        PLAIN: partial(_run, cell, weights, batches, None, (0.0, 0.0), threads, is_training),
        "recurrent dropout": partial(_run, cell, weights, batches, masks, (0.0, 0.0), threads, is_training),
        "zoneout": partial(_run, cell, weights, batches, None, (0.1, 0.1 if cell == "lstm" else 0.0), threads, is_training),
    }
    if cell != "rnn":
        normed = [(*direction, *_gains(cell, shape.hidden_size, direction[2])) for direction in weights]
        forms["layer norm"] = partial(_run, cell, normed, batches, None, (0.0, 0.0), threads, is_training)
    made = [Contestant(name, name, run, dict) for name, run in forms.items()]
    if cell == "lstm" and is_training and not shape.is_ragged:
        loop = _CellLoop(shape, batches[0], masks[0])
        made.append(Contestant(TORCH_LOOP, TORCH_LOOP, loop.run, dict, partial(torch_setting, threads, onednn=True, is_training=True)))
    return _row("layer", cell, shape, mode, compete(made, rounds=rounds, seconds=seconds))


def measure_stack(cell: Cell, shape: Shape, *, threads: int, rounds: int, seconds: float) -> Row:
    """One training step of a `RecurrentStack` of one layer: draws, forward, backward; masks by `variational_dropout` on either side."""
    batches = shape.make_batches()
    arch = architecture(f"bi{cell}")
    made = []
    for name, options in STACKS.items():
        if cell == "rnn" and name == "layer norm":
            continue
        torch.manual_seed(4)
        stack = RecurrentStack(arch, shape.input_size, shape.hidden_size, **options)
        run = partial(_step, stack, batches, 1 - KEEP if name == "input and output masks" else 0.0)
        made.append(Contestant(name, name, run, dict, partial(torch_setting, threads, onednn=True, is_training=True)))
    return _row("stack", cell, shape, "training", compete(made, rounds=rounds, seconds=seconds))


def _row(through: str, cell: Cell, shape: Shape, mode: str, timings: Any) -> Row:
    return {
        "through": through,
        "cell": cell,
        "shape": shape.name,
        "mode": mode,
        "medians": {timing.name: timing.median for timing in timings},
    }


def _run(
    cell: Cell,
    weights: Weights,
    batches: list[Batch],
    masks: list[Array] | None,
    zoneout: tuple[float, float],
    threads: int,
    is_training: bool,
) -> None:
    layer = engine.Layer(cell, weights, trains=is_training, threads=threads, zoneout=zoneout)
    for number, batch in enumerate(batches):
        mask = None if masks is None else masks[number]
        output = layer.forward(batch.x, batch.offsets, mask=mask, seed=number, keep=is_training, threads=threads)
        if is_training:
            layer.backward(output.tape, batch.x, batch.dy, threads=threads)


def _gains(cell: Cell, hidden_size: int, bias: Array) -> tuple[Array, ...]:
    gains: tuple[Array, ...] = (np.ones_like(bias), np.ones_like(bias))
    return (*gains, np.ones(hidden_size, np.float32), np.zeros(hidden_size, np.float32)) if cell == "lstm" else gains


def _step(stack: RecurrentStack, batches: list[Batch], dropout: float) -> None:
    for batch in batches:
        x = torch.from_numpy(batch.x).requires_grad_()
        entering = variational_dropout(x, batch.offsets, p=dropout, is_training=True)
        y = variational_dropout(stack(entering, batch.offsets), batch.offsets, p=dropout, is_training=True)
        y.backward(torch.from_numpy(batch.dy))
        stack.zero_grad()


class _CellLoop:
    """Recurrent dropout as torch has it: no fused LSTM takes a mask, so a Python loop over cells, the input product taken out of it."""

    def __init__(self, shape: Shape, batch: Batch, mask: Array) -> None:
        torch.manual_seed(4)
        self.cells = nn.ModuleList(nn.LSTMCell(shape.input_size, shape.hidden_size) for _ in range(shape.directions))
        self.x, self.dy = torch.from_numpy(batch.pad(batch.x)), torch.from_numpy(batch.pad(batch.dy))
        self.mask = torch.from_numpy(mask)

    def run(self) -> None:
        x = self.x.detach().requires_grad_()
        halves = []
        for direction, cell in enumerate(self.cells):
            projected: Any = nn.functional.linear(x, cell.weight_ih, cell.bias_ih + cell.bias_hh)  # type: ignore[arg-type, operator]
            steps = projected.unbind(0)
            h = c = x.new_zeros(x.shape[1], self.mask.shape[2])
            states = []
            for step in reversed(steps) if direction else steps:
                i, f, g, o = torch.addmm(step, h * self.mask[direction], cell.weight_hh.T).chunk(4, dim=1)  # type: ignore[operator, union-attr]
                c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
                h = torch.sigmoid(o) * torch.tanh(c)
                states.append(h)
            halves.append(torch.stack(states[::-1] if direction else states))
        torch.cat(halves, dim=2).backward(self.dy)
        self.cells.zero_grad()


def table(rows: list[Row]) -> str:
    headings = ["through", "cell", "shape", "mode", "plain, µs", "with", "µs", "share of the plain speed", "bar"]
    lines = []
    for row in rows:
        plain = row["medians"][PLAIN]
        for name, median in row["medians"].items():
            if name == PLAIN:
                continue
            share = plain / median
            bar = None if name == TORCH_LOOP else BARS.get(name, BAR)
            lines.append(
                [
                    row["through"],
                    row["cell"],
                    row["shape"],
                    row["mode"],
                    micros(plain),
                    name,
                    micros(median),
                    times(share),
                    verdict(round(share, 2), bar),
                ]
            )
    return f"### Dropouts, zoneout and layer norm beside the plain cell\n\n{markdown(headings, lines)}"
