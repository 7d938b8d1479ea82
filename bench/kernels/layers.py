"""Whole layers, training and inference: every cell on every shape against every opponent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tidegate.kernels import Cell, CellWeights, run_layer

from .bars import RATIO, least_ratio, least_share
from .contest import Contestant, best_of, check, compete
from .onnx_side import onnx_contestants
from .peak import Peak
from .shapes import Batch, Shape
from .table import geometric_mean, markdown, micros, times, verdict
from .torch_side import drop_in_contestant, make_module, reference, torch_contestants, weights_of

Row = dict[str, Any]
FAMILIES = ("layer", "drop-in", "torch", "onnx")
# Above so many operations the reference is float32, for torch takes minutes in float64.
EXPENSIVE = 3e10
INEXACT = (
    "† reads padding as if it were input: the backward direction of shorter sequences is wrong. Timed nevertheless, to the opponent's "
    "advantage. Padding, packing and sorting are done outside the clock, and outputs left as they come."
)


def check_reference(cell: Cell) -> None:
    """The reference of this bench against the plain twins, on unequal lengths in both directions."""
    shape = Shape("check", ((3, 1, 7, 4),), 5, 6, 2)
    module, batch = make_module(cell, shape), shape.make_batches()[0]
    found = reference(cell, module, batch, is_training=False)["y"]
    x = batch.x.astype(np.float64)
    weights = [CellWeights(*(array.astype(np.float64) for array in direction)) for direction in weights_of(module)]
    twins = [run_layer(cell, x, batch.offsets, w, reverse=reverse) for w, reverse in zip(weights, (False, True), strict=True)]
    difference = np.abs(found - np.concatenate(twins, axis=1)).max()
    if difference > 1e-12:
        raise AssertionError(f"the reference of {cell} differs from its plain twin by {difference:.1e}")


def contestants_of(
    cell: Cell, shape: Shape, batches: list[Batch], *, threads: int, is_training: bool, with_engine: bool
) -> tuple[list[Contestant], float, dict[str, float]]:
    """All who take part in one row, checked: the largest difference between them and the reference, and about how long a call takes."""
    module = make_module(cell, shape)
    made: list[Contestant] = []
    if with_engine:
        from .engine_side import layer_contestant

        made.append(layer_contestant(cell, weights_of(module), batches, threads=threads, is_training=is_training))
        made.append(drop_in_contestant(cell, module, shape, batches, threads=threads, is_training=is_training))
    made += torch_contestants(cell, module, shape, batches, threads=threads, is_training=is_training)
    if not is_training:
        made += onnx_contestants(cell, weights_of(module), shape, batches, threads=threads)
    is_large = shape.flops(cell, is_training=is_training) / len(batches) > EXPENSIVE
    expected = reference(cell, module, batches[0], is_training=is_training, dtype=torch.float32 if is_large else torch.float64)
    difference, seconds = check(made, expected, shape.hidden_size)
    share = len(batches[0].x) / shape.tokens
    return made, difference, {name: taken / share for name, taken in seconds.items()}


def measure(
    cell: Cell,
    shape: Shape,
    *,
    mode: str,
    threads: int,
    rounds: int,
    seconds: float,
    with_engine: bool,
    peak: Peak,
) -> Row:
    """One row: the medians of all who took part."""
    is_training = mode == "training"
    torch._dynamo.reset()
    batches = shape.make_batches()
    made, difference, seen = contestants_of(cell, shape, batches, threads=threads, is_training=is_training, with_engine=with_engine)
    timings = compete(made, rounds=rounds, seconds=seconds, seen=seen)
    peak.measure(0.1)
    return {
        "mode": mode,
        "cell": cell,
        "shape": shape.name,
        "tokens": shape.tokens,
        "flops": shape.flops(cell, is_training=is_training),
        "largest_difference": difference,
        "medians": {timing.name: timing.median for timing in timings},
        "families": {timing.name: timing.contestant.family for timing in timings},
        "readings": {timing.name: timing.readings for timing in timings},
        "best": {family: found.name for family in FAMILIES if (found := best_of(timings, family)) is not None},
        "inexact": [timing.name for timing in timings if not timing.contestant.is_exact],
        "best_exact": exact.name if (exact := best_of(timings, "torch", "onnx", only_exact=True)) is not None else "",
    }


def _median(row: Row, family: str) -> float | None:
    name = row["best"].get(family)
    return None if name is None else float(row["medians"][name])


def own_time(row: Row) -> float | None:
    """The engine's: through the drop-in when training, called as a layer when not."""
    return _median(row, "drop-in" if row["mode"] == "training" else "layer")


def opponent(row: Row) -> tuple[str, float]:
    """The fastest opponent and its time."""
    names = [row["best"][family] for family in ("torch", "onnx") if family in row["best"]]
    name = min(names, key=lambda candidate: row["medians"][candidate])
    return name, float(row["medians"][name])


def ratio(row: Row) -> float | None:
    own = own_time(row)
    return None if own is None else opponent(row)[1] / own


def tables(rows: Sequence[Row], mode: str, peak_gflops: float) -> str:
    """The table of one mode, and its geometric means beside the bars."""
    is_training = mode == "training"
    headings = ["cell", "shape", "drop-in µs" if is_training else "layer µs", "layer µs" if is_training else "drop-in µs"]
    headings += ["best opponent µs", "which"] + ([] if is_training else ["best of torch µs", "best of ORT µs"])
    headings += ["GFLOP/s", "% of peak", "bar", "ratio", "bar", "ratio without †"] + ([] if is_training else ["torch / drop-in"])
    lines = []
    for row in rows:
        own, other = own_time(row), _median(row, "layer" if is_training else "drop-in")
        share = None if own is None else 100 * row["flops"] / own / 1e9 / peak_gflops
        name, seconds = opponent(row)
        mark = " †" if name in row["inexact"] else ""
        found = ratio(row)
        cells = [row["cell"], row["shape"], micros(own), micros(other), micros(seconds), name + mark]
        if not is_training:
            cells += [micros(_median(row, "torch")), micros(_median(row, "onnx"))]
        cells += ["–" if own is None else f"{row['flops'] / own / 1e9:.0f}", "–" if share is None else f"{share:.0f}"]
        cells += ["" if share is None else verdict(share, least_share(mode, row["shape"])), times(found)]
        cells += ["" if found is None else verdict(found, least_ratio(mode, row["cell"], row["shape"]))]
        cells += [times(row["medians"][row["best_exact"]] / own) if mark and own is not None else ""]
        if not is_training:
            drop_in, of_torch = _median(row, "drop-in"), _median(row, "torch")
            cells.append(times(None if drop_in is None or of_torch is None else of_torch / drop_in))
        lines.append(cells)
    parts = [f"### {mode.capitalize()}", markdown(headings, lines), INEXACT]
    summaries = [summary(rows, mode, cell) for cell in dict.fromkeys(row["cell"] for row in rows)]
    if any(summaries):
        headings = ["cell", "geometric mean of ratios", "bar", "worst ratio", "on", "against ORT alone" if not is_training else ""]
        parts.append(markdown(headings[: 5 if is_training else 6], [line for line in summaries if line]))
    parts.append(f"Largest difference of anybody from the reference: {max(row['largest_difference'] for row in rows):.0e}.")
    return "\n\n".join(parts)


def summary(rows: Sequence[Row], mode: str, cell: Cell) -> list[str]:
    """One line: the geometric mean over the shapes, the worst of them, and for inference the mean against ONNX Runtime alone."""
    found = [(value, row["shape"]) for row in rows if row["cell"] == cell and (value := ratio(row)) is not None]
    if not found:
        return []
    mean, worst = geometric_mean([value for value, _ in found]), min(found)
    line = [cell, f"{mean:.2f} over {len(found)} shapes", verdict(mean, RATIO[mode, cell].mean), f"{worst[0]:.2f}", worst[1]]
    if mode == "inference":
        pairs = [(_median(row, "onnx"), own_time(row)) for row in rows if row["cell"] == cell]
        line.append(times(geometric_mean([theirs / own for theirs, own in pairs if theirs is not None and own is not None])))
    return line
