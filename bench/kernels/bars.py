"""The bars that issue 4 sets, by mode and cell."""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.kernels import Cell


@dataclass(frozen=True)
class Bar:
    """Ratio to the best opponent: the geometric mean over the shapes, and what no shape may stay below (None: not set)."""

    mean: float
    least: float | None = None


RATIO: dict[tuple[str, Cell], Bar] = {
    ("training", "lstm"): Bar(3, 1.6),
    ("training", "gru-reset-after"): Bar(6, 3),
    ("training", "gru"): Bar(8),
    ("training", "rnn"): Bar(4, 2),
    ("inference", "lstm"): Bar(1.3, 1),
    ("inference", "gru-reset-after"): Bar(1.8, 1),
    ("inference", "gru"): Bar(2),
    ("inference", "rnn"): Bar(3, 1.2),
}
STEP_US: dict[Cell, float] = {"lstm": 4, "gru": 3.5, "gru-reset-after": 3.5, "rnn": 2.5}
STEP_RATIO: dict[Cell, float] = {"lstm": 3, "gru": 3, "gru-reset-after": 3, "rnn": 2}
ALTERNATING = 1.1
PER_TOKEN = 1.25


def least_ratio(mode: str, cell: Cell, shape: str) -> float | None:
    if (mode, cell) == ("training", "lstm") and ("bucketed" in shape or "H1024" in shape):
        return 1.2
    return RATIO[mode, cell].least


def least_share(mode: str, shape: str) -> float | None:
    """Share of the peak that this shape must reach, in percent; None where no bar is set."""
    is_training = mode == "training"
    if shape.startswith("B32 T40"):
        return 70 if is_training else 72
    if shape.startswith("B64 T128"):
        return 80 if is_training else 82
    if shape.startswith("EWT") and "H256" in shape:
        return 55
    return 45 if "H1024" in shape else None
