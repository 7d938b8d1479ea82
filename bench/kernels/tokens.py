"""What a real token costs in batches of unequal lengths, beside one in batches of equal lengths with as many tokens."""

from __future__ import annotations

from typing import Any

from tidegate.kernels import Cell

from .bars import PER_TOKEN
from .contest import compete
from .engine_side import layer_contestant
from .shapes import Shape, ewt_lengths
from .table import markdown, times, verdict
from .torch_side import drop_in_contestant, make_module, weights_of

Row = dict[str, Any]


def pairs() -> list[tuple[Shape, Shape]]:
    """EWT shuffled, and batches of 32 sequences of the mean length of each; empty where the data is not there."""
    lengths = ewt_lengths()
    if lengths is None:
        return []
    shuffled = tuple(lengths[0])
    equal = tuple((round(sum(batch) / len(batch)),) * len(batch) for batch in shuffled)
    return [
        (Shape(f"EWT B32 I200 H{hidden} bi shuffled", shuffled, 200, hidden, 2), Shape("equal lengths", equal, 200, hidden, 2))
        for hidden in (128, 256)
    ]


def measure(cell: Cell, pair: tuple[Shape, Shape], *, mode: str, through: str, threads: int, rounds: int, seconds: float) -> Row:
    """Nanoseconds a token, through the layer or the drop-in (equal lengths then come as a plain tensor, unequal ones packed)."""
    is_training = mode == "training"
    module = make_module(cell, pair[0])
    made = []
    for shape in pair:
        batches = shape.make_batches()
        if through == "layer":
            made.append(layer_contestant(cell, weights_of(module), batches, threads=threads, is_training=is_training))
        else:
            made.append(drop_in_contestant(cell, module, shape, batches, threads=threads, is_training=is_training))
    timings = compete(made, rounds=rounds, seconds=seconds)
    costs = [1e9 * timing.median / shape.tokens for timing, shape in zip(timings, pair, strict=True)]
    return {"cell": cell, "shape": pair[0].name, "mode": mode, "through": through, "ns_a_token": costs, "tokens": [s.tokens for s in pair]}


def table(rows: list[Row]) -> str:
    headings = ["cell", "shape", "mode", "through", "shuffled, ns a token", "equal lengths, ns a token", "ratio", "bar"]
    lines = []
    for row in rows:
        shuffled, equal = row["ns_a_token"]
        cells = [row["cell"], row["shape"], row["mode"], row["through"], f"{shuffled:,.0f}", f"{equal:,.0f}"]
        lines.append([*cells, times(shuffled / equal), verdict(shuffled / equal, PER_TOKEN, at_most=True)])
    return f"### Cost of a real token\n\n{markdown(headings, lines)}"
