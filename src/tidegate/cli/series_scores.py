"""What `evaluate` does with forecasters and fillers: their scores beside the baselines', and by steps ahead or length of the gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from tidegate.runtime import FillModel, ForecastModel

# Baselines by how their scores' names begin.
_BASELINES = {"naive_": "last value", "seasonal_naive_": "a season before", "linear_": "a line across", "seasonal_": "a season away"}
# Steps ahead that are shown at most; all are in JSON.
_MOST_STEPS = 8


def scores_of(
    model: ForecastModel | FillModel, files: Sequence[str], *, last: str | None, every: str | None, scaled: bool
) -> dict[str, Any]:
    """The scores on tables whose values are known, read as in training.

    Raises:
        DataError: a file cannot be read, or holds too little to be told.
        RecipeError: a span of time that is no whole number of steps.
    """
    from tidegate.runtime import ForecastModel

    if isinstance(model, ForecastModel):
        return model.evaluate(files, last=last, every=every, scaled=scaled)
    return model.evaluate(files, last=last)


def print_series_scores(scores: Mapping[str, Any]) -> None:
    """A table of the scores, and one of how they change with the steps ahead or with the length of the gap."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    windows = f" in {scores['windows']:,} forecasts" if "windows" in scores else ""
    beside = {start: name for start, name in _BASELINES.items() if any(f"{start}{key}" in scores for key in ("mae", "rmse"))}
    table = Table(title=f"{scores['n']:,} values{windows}", title_justify="left")
    table.add_column("score")
    for name in ("model", *beside.values()):
        table.add_column(name, justify="right")
    for key, value in scores.items():
        is_baseline = any(key == f"{start}{rest}" for start in beside for rest in scores)
        if (isinstance(value, float) or (value is None and key in ("r2", "mase"))) and not is_baseline:
            table.add_row(key, _spoken(value), *(_spoken(scores[f"{start}{key}"]) if f"{start}{key}" in scores else "" for start in beside))
    console.print(table)
    if "by_step" in scores:
        _print_by_step(console, scores["by_step"])
    if "by_gap" in scores:
        _print_rows(console, "by the length of the gap: mae, and the share inside the bands", scores["by_gap"])


def _print_by_step(console: Console, by_step: Mapping[str, Sequence[float | None]]) -> None:
    from rich.table import Table

    horizon = len(by_step["mae"])
    if horizon < 2:
        return
    table = Table(title="by steps ahead: mae, and the share inside the bands", title_justify="left")
    for heading in ("step", *by_step):
        table.add_column(_heading(heading), justify="right")
    for step in shown_steps(horizon):
        table.add_row(f"{step:,}", *(_spoken(values[step - 1]) for values in by_step.values()))
    console.print(table)


def shown_steps(horizon: int) -> list[int]:
    """Steps from 1 to the horizon, closer together at the beginning, where scores change most."""
    if horizon <= _MOST_STEPS:
        return list(range(1, horizon + 1))
    return sorted({round(horizon ** (place / (_MOST_STEPS - 1))) for place in range(_MOST_STEPS)})


def _print_rows(console: Console, title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for heading in rows[0]:
        table.add_column(_heading(heading), justify="right")
    for row in rows:
        table.add_row(*(_spoken(value) if isinstance(value, float) or value is None else str(value) for value in row.values()))
    console.print(table)


def _heading(key: str) -> str:
    """A score's name in few and short words, between which a narrow table can break it."""
    if key.startswith("coverage_"):
        return f"in {key.removeprefix('coverage_')} %"
    return next((name for start, name in _BASELINES.items() if key == f"{start}mae"), key)


def _spoken(value: float | None) -> str:
    """Four digits behind the point; values in a unit that is very small or very large by their first digits."""
    if value is None:
        return "–"
    return f"{value:.4f}" if value == 0 or 1e-2 <= abs(value) < 1e6 else f"{value:.4g}"
