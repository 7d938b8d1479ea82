"""The engine alternated with torch: does a call take longer when torch has just used the same cores?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

from tidegate.kernels import Cell

from .bars import ALTERNATING
from .contest import settle
from .engine_side import layer_contestant
from .shapes import Shape
from .table import markdown, micros, times, verdict
from .torch_side import drop_in_contestant, make_module, torch_setting, weights_of

Row = dict[str, Any]
# Calls in a turn; fewer of long ones, so that a turn lasts half a second.
CALLS = 40
# A short call, where waking threads would show most, and an ordinary one.
SHAPES = (Shape("B8 T20 I64 H256", ((20,) * 8,), 64, 256, 1), Shape("B32 T40 I128 H256 bi", ((40,) * 32,), 128, 256, 2))


def measure(cell: Cell, shape: Shape, *, mode: str, threads: int, rounds: int) -> Row:
    """Medians of the engine's calls alone and after other work.

    torch.tanh of [2048, 1024] uses all threads and empties the caches; of [64, 1024] it uses all threads alone; NumPy's addition
    empties the caches of one core alone. So what a slower call suffers from can be told.
    """
    is_training = mode == "training"
    module, batches = make_module(cell, shape), shape.make_batches()
    if is_training:
        contestant = drop_in_contestant(cell, module, shape, batches, threads=threads, is_training=True)
    else:
        contestant = layer_contestant(cell, weights_of(module), batches, threads=threads, is_training=False)
    tensor, result = torch.randn(2048, 1024), torch.empty(2048, 1024)
    small, small_result = tensor[:64], result[:64]
    array, target = tensor.numpy(), result.numpy()
    between: dict[str, Callable[[], object]] = {
        "alone": lambda: None,
        "after torch": lambda: torch.tanh(tensor, out=result),
        "after small torch": lambda: torch.tanh(small, out=small_result),
        "after NumPy": lambda: np.add(array, 1, out=target),
    }
    readings: dict[str, list[float]] = {name: [] for name in between}
    began = time.perf_counter()
    with _held(contestant.setting, threads, is_training=is_training):
        contestant.run()
    calls = max(5, min(CALLS, round(0.5 / (time.perf_counter() - began))))
    for _ in range(rounds):
        for name, other in between.items():
            settle()
            with _held(contestant.setting, threads, is_training=is_training):
                for number in range(calls + 2):
                    other()
                    began = time.perf_counter()
                    contestant.run()
                    if number >= 2:
                        readings[name].append(time.perf_counter() - began)
    return {
        "cell": cell,
        "shape": shape.name,
        "mode": mode,
        "medians": {name: statistics.median(found) for name, found in readings.items()},
    }


def _held(setting: Callable[[], AbstractContextManager[object]], threads: int, *, is_training: bool) -> AbstractContextManager[object]:
    """torch's threads are set for the layer too: torch works between its calls."""
    return setting() if is_training else torch_setting(threads, onednn=True, is_training=True)


def table(rows: list[Row]) -> str:
    headings = ["cell", "shape", "mode", "alone µs", "after torch.tanh µs", "ratio", "bar"]
    headings += ["after torch.tanh on [64, 1024] µs", "after NumPy on one thread µs"]
    lines = []
    for row in rows:
        medians = row["medians"]
        found = medians["after torch"] / medians["alone"]
        cells = [row["cell"], row["shape"], row["mode"], micros(medians["alone"]), micros(medians["after torch"]), times(found)]
        lines.append(
            [*cells, verdict(found, ALTERNATING, at_most=True), micros(medians["after small torch"]), micros(medians["after NumPy"])]
        )
    title = "### Alternated with torch.tanh on [2048, 1024]: the engine's own time"
    return f"{title}\n\n{markdown(headings, lines)}"
