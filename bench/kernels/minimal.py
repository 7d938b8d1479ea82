"""How near the cells without a recurrent matrix come to what memory can carry: one input a step, so that the scan is all there is."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tidegate.kernels import GATES, Cell, engine

from .table import markdown, times, verdict

Row = dict[str, Any]

CELLS: tuple[Cell, ...] = ("mingru", "minlstm")
BAR = 0.6
# Sequences, steps, H. The first is a batch of sentences, the last far larger than any cache.
SHAPES = ((32, 40, 256), (32, 500, 512), (64, 1000, 512))


def measure(cell: Cell, shape: tuple[int, int, int], *, threads: int, rounds: int) -> Row:
    """Bytes that must move at least, a second, beside a copy of as many bytes by the faster of torch and NumPy in the same round.

    Inference writes y [N, H]. Forward for training also writes the gates [N, gates · H] and the states; backward reads both and dy, writes
    the gates' gradients, and reads those once more for the weights'.
    """
    B, T, H = shape
    N, G = B * T, GATES[cell]
    rng = np.random.default_rng(4)
    x, dy = rng.standard_normal((N, 1), dtype=np.float32), rng.standard_normal((N, H), dtype=np.float32)
    weight = rng.standard_normal((G * H, 1), dtype=np.float32)
    layer = engine.Layer(cell, [(weight, None, np.zeros(G * H, np.float32), None)], trains=True, threads=threads)
    offsets = np.arange(B + 1, dtype=np.int64) * T
    tape = layer.forward(x, offsets, keep=True).tape
    unit = 4 * N * H
    calls: dict[str, tuple[int, Callable[[], Any]]] = {
        "inference": (unit, lambda: layer.forward(x, offsets)),
        "forward, kept for backward": ((G + 2) * unit, lambda: layer.forward(x, offsets, keep=True)),
        "backward": ((3 * G + 2) * unit, lambda: layer.backward(tape, x, dy, needs_dx=False)),
    }
    source = np.ones(max(unit, 1 << 22) // 4, np.float32)
    target = np.empty_like(source)
    torch.set_num_threads(threads)
    copies: list[Callable[[], Any]] = [
        lambda: np.copyto(target, source),
        lambda: torch.from_numpy(target).copy_(torch.from_numpy(source)),
    ]
    readings: dict[str, list[float]] = {name: [] for name in (*calls, "copy")}
    for _ in range(rounds):
        readings["copy"].append(2 * source.nbytes / min(_seconds(copy) for copy in copies))
        for name, (moved, call) in calls.items():
            readings[name].append(moved / _seconds(call))
    return {"cell": cell, "shape": f"B{B} T{T} I1 H{H}", "rates": {name: statistics.median(values) for name, values in readings.items()}}


def _seconds(call: Callable[[], Any]) -> float:
    call()
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def table(rows: list[Row]) -> str:
    headings = ["cell", "shape", "mode", "GB/s that must move", "GB/s of a copy", "share", "bar"]
    lines = []
    for row in rows:
        copy = row["rates"]["copy"]
        for name, rate in row["rates"].items():
            if name != "copy":
                share = rate / copy
                lines.append(
                    [row["cell"], row["shape"], name, f"{rate / 1e9:.1f}", f"{copy / 1e9:.1f}", times(share), verdict(round(share, 2), BAR)]
                )
    return f"### mingru and minlstm beside memory\n\n{markdown(headings, lines)}"
