"""What must stay within bounds: memory kept for backward, time for very long sequences, time for denormal numbers."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

from tidegate.kernels import GATES, Cell

from .contest import Contestant, compete
from .engine_side import LayerCalls, make_layer
from .shapes import Shape
from .table import markdown, micros, times, verdict
from .torch_side import make_module, weights_of

Row = dict[str, Any]
ORDINARY = Shape("B32 T40 I128 H256 bi", ((40,) * 32,), 128, 256, 2)
MEMORY = (ORDINARY, Shape("B3 of 5, 1 and 70 I16 H100", ((5, 1, 70),), 16, 100, 1))
LONG = (10**4, 10**5, 10**6, 10**7)
TINY = 1e-40


def memory(cell: Cell, threads: int) -> list[Row]:
    """Bytes of the tape beside (gates + 2)·H·4 a step and direction, and the states to begin from, which are input."""
    rows = []
    for shape in MEMORY:
        batch = shape.make_batches()[0]
        layer = make_layer(cell, weights_of(make_module(cell, shape)), threads=threads, is_training=True)
        kept = layer.forward(batch.x, batch.offsets, keep=True).tape.nbytes
        states = (1 + (cell == "lstm")) * len(batch.lengths)
        allowed = 4 * shape.hidden_size * shape.directions * ((GATES[cell] + 2) * shape.tokens + states)
        rows.append({"part": "memory", "cell": cell, "shape": shape.name, "kept": kept, "allowed": allowed})
    return rows


def length(cell: Cell, threads: int) -> Row:
    """Nanoseconds a step of one sequence, I 16, H 16, at each length."""
    weights = weights_of(make_module(cell, Shape("long", ((1,),), 16, 16, 1)))
    layer = make_layer(cell, weights, threads=threads)
    x = np.random.default_rng(4).standard_normal((max(LONG), 16), dtype=np.float32)
    costs = []
    for steps in LONG:
        offsets = np.array([0, steps], dtype=np.int64)
        readings = []
        for _ in range(3 if steps == max(LONG) else 7):
            began = time.perf_counter()
            layer.forward(x[:steps], offsets)
            readings.append(time.perf_counter() - began)
        costs.append(1e9 * statistics.median(readings) / steps)
    return {"part": "length", "cell": cell, "ns_a_step": dict(zip(LONG, costs, strict=True))}


def denormal(cell: Cell, threads: int, *, mode: str, rounds: int, seconds: float) -> Row:
    """The same layer without biases on ordinary numbers, on inputs, states and incoming gradients of 1e-40."""
    is_training = mode == "training"
    weights = [(w_ih, w_hh, np.zeros_like(b_ih), np.zeros_like(b_hh)) for w_ih, w_hh, b_ih, b_hh in weights_of(make_module(cell, ORDINARY))]
    layer = make_layer(cell, weights, threads=threads, is_training=is_training)
    made = []
    state_shape = (ORDINARY.directions, len(ORDINARY.batches[0]), ORDINARY.hidden_size)
    for name in ("ordinary", "denormal"):
        batch = ORDINARY.make_batches()[0]
        state = np.full(state_shape, 0.1, dtype=np.float32)
        if name == "denormal":
            for array in (batch.x, batch.dy, state):
                array[...] = np.where(array < 0, -TINY, TINY)
        calls = _WithState(layer, [batch], state, cell, is_training=is_training)
        made.append(Contestant(name, "layer", calls.run, calls.answer))
    timings = {timing.name: timing.median for timing in compete(made, rounds=rounds, seconds=seconds)}
    return {"part": "denormal", "cell": cell, "mode": mode, "medians": timings}


class _WithState(LayerCalls):
    def __init__(self, layer: Any, batches: Any, state: Any, cell: Cell, *, is_training: bool) -> None:
        super().__init__(layer, batches, is_training=is_training)
        self.states = (state, state) if cell == "lstm" else (state,)

    def run(self) -> None:
        for batch in self.batches:
            output = self.layer.forward(batch.x, batch.offsets, *self.states, keep=self.is_training)
            if self.is_training:
                self.layer.backward(output.tape, batch.x, batch.dy)


def table(rows: list[Row]) -> str:
    tables = {"memory": _memory_table, "length": _length_table, "denormal": _denormal_table}
    return "\n\n".join(["### Limits", *(make([row for row in rows if row["part"] == part]) for part, make in tables.items())])


def _memory_table(rows: list[Row]) -> str:
    lines = []
    for row in rows:
        share = round(row["kept"] / row["allowed"], 2)  # offsets are a few bytes a sequence
        lines.append([row["cell"], row["shape"], f"{row['kept']:,}", f"{row['allowed']:,}", times(share), verdict(share, 1, at_most=True)])
    return markdown(["cell", "shape", "kept for backward, bytes", "(gates + 2)·H·4·N·D + h0, c0", "ratio", "bar"], lines)


def _length_table(rows: list[Row]) -> str:
    lines = []
    for row in rows:
        costs = row["ns_a_step"]
        lines.append([row["cell"], *(f"{costs[steps]:.1f}" for steps in LONG), times(costs[LONG[-1]] / costs[LONG[1]])])
    return markdown(["cell", *(f"ns a step at N = {steps:,}" for steps in LONG), f"N = {LONG[-1]:,} / {LONG[1]:,}"], lines)


def _denormal_table(rows: list[Row]) -> str:
    lines = []
    for row in rows:
        ordinary, tiny = row["medians"]["ordinary"], row["medians"]["denormal"]
        lines.append([row["cell"], row["mode"], micros(ordinary), micros(tiny), times(tiny / ordinary)])
    return markdown(["cell", "mode", "ordinary µs", "inputs and states of 1e-40, µs", "ratio"], lines)
