"""Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def markdown(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def micros(seconds: float | None) -> str:
    """Microseconds, three figures at least."""
    if seconds is None:
        return "–"
    value = 1e6 * seconds
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.2f}"


def verdict(value: float, bar: float | None, *, at_most: bool = False) -> str:
    """The bar and whether it was met; empty where none is set."""
    if bar is None:
        return ""
    met = value <= bar if at_most else value >= bar
    return f"{'≤' if at_most else '≥'} {bar:g}{'' if met else ', MISSED'}"


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))
