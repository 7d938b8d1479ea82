"""What `tidegate compare` prints: what it will cost, a line for each run, the leaderboard, and the verdict."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tidegate.comparison.cost import Forecast
from tidegate.comparison.folder import read_results
from tidegate.comparison.leaderboard import Row, Run
from tidegate.comparison.pairs import pair_of
from tidegate.comparison.run import Comparison
from tidegate.training.durations import spoken

# Columns that are left out, one after the other, where the terminal is too narrow for all.
_LEFT_OUT = ("parameters", "ECE", "MB", "to 95 %", "ms/step p50 p99", "ms/seq.")
_PADDING = 2
# So wide names may be before they are broken.
_NAME = 18


class Progress:
    """On standard error: the forecast, then a line for each run that ends, with the time that is left; on a terminal also a line for the
    run that is going on, renewed after each epoch.
    """

    def __init__(self) -> None:
        self._is_live = sys.stderr.isatty()
        self._is_going_on = False  # whether the cursor stands behind a line that will be replaced

    def expect(self, forecast: Forecast) -> None:
        for sentence in said_forecast(forecast):
            self._write(sentence)

    def epoch_ended(self, run: Run, epoch: int, epochs: int, done: int, total: int, seconds_left: float) -> None:
        if self._is_live:
            left = f"{spoken(seconds_left)} left in all at this speed, with every epoch"
            line = f"[{done}/{total}] {run.spoken}: epoch {epoch}/{epochs} · {left}"
            print(f"\r\x1b[K{line[: Console(stderr=True).width - 1]}", end="", file=sys.stderr, flush=True)
            self._is_going_on = True

    def ended(self, run: Run, done: int, total: int, seconds_left: float) -> None:
        came_to = f"failed: {run.failure}" if run.failure else f"{run.score:.4f}  {spoken(run.train_seconds or 0.0)}"
        left = f" · about {spoken(seconds_left)} left, by the runs so far" if done < total else ""
        self._write(f"[{done}/{total}] {run.spoken}: {came_to}{left}")

    def close(self) -> None:
        """Nothing more comes: what follows begins on a line of its own."""
        if self._is_going_on:
            print(file=sys.stderr, flush=True)
            self._is_going_on = False

    def _write(self, line: str) -> None:
        print(f"\r\x1b[K{line}" if self._is_going_on else line, file=sys.stderr, flush=True)
        self._is_going_on = False


def said_forecast(forecast: Forecast) -> list[str]:
    """What the runs are likely to cost, in sentences; nothing where none is left."""
    if not forecast.runs:
        return []
    parts = [f"{name} {spoken(seconds)}" for name, seconds in forecast.by_run().items()]
    runs = f"{len(forecast.runs)} run{'s' if len(forecast.runs) > 1 else ''}"
    how = "as the time budget says" if forecast.is_budgeted else "with every epoch"
    sentences = [
        f"Forecast from a pilot of {forecast.pilot_seconds:.1f} s: {runs}, about {spoken(forecast.seconds)} {how}, "
        f"and {forecast.megabytes:.1f} MB."
    ]
    if not forecast.is_budgeted:
        sentences.append("  Less where training ends early, more where other work takes the processor; told anew after each run.")
    if parts:
        sentences.append(f"  One run with every epoch: {', '.join(parts)}.")
    sentences += [f"  {name} stops after {spoken(seconds)}." for name, seconds in forecast.baselines.items() if seconds]
    sentences += [f"  {name} could not be tried: {why}" for name, why in forecast.failures.items()]
    return sentences


def print_comparison(result: Comparison) -> None:
    """The leaderboard of every size of training data, the verdict, what was spent, and commands to paste."""
    console = Console()
    for share in sorted({row.share for row in result.rows}, reverse=True):
        rows = [row for row in result.rows if row.share == share]
        size = "" if share == 1 else f", {share:.0%} of the training data"
        console.print(f"{_heading(result)}{size}", highlight=False, soft_wrap=True)
        console.print()
        is_judged = share == max(row.share for row in result.rows) and any(pair["p"] is not None for pair in result.content["pairs"])
        console.print(_table(rows, result, width=console.width, is_judged=is_judged))
        console.print()
    for place, sentence in enumerate(result.content["verdict"]["sentences"]):
        console.print(sentence, style="" if place else "bold", highlight=False, markup=False)
    if result.scored_on == "dev":
        console.print(
            "No test file: the networks' epochs were chosen by these same data, which flatters them a little; --test or --folds does not.",
            highlight=False,
        )
    for sentence in result.content["failures"]:
        console.print(f"[red]failed[/]  {_escaped(sentence)}", highlight=False)
    console.print(said_cost(result.content["cost"]), highlight=False)
    name = result.content["verdict"]["choice"] or next((row.name for row in result.rows if row.kind == "network"), "")
    kept = sorted((result.path / "models").glob(f"{name}-[0-9]*")) if name else []
    if kept:
        console.print(
            f"Next:\n  tidegate evaluate {kept[0]} OTHER-FILE\n  tidegate predict {kept[0]} INPUT", highlight=False, soft_wrap=True
        )
    files = [result.path / name for name in ("report.html", "results.json", "leaderboard.svg")]
    console.print(" · ".join(map(str, files)), highlight=False, soft_wrap=True)


def said_interrupted(out: Path, *, overwrite: bool) -> str:
    """What Ctrl-C left in the folder, and how to go on; `overwrite`, whether --overwrite was given."""
    kept = read_results(out)
    if kept is None:
        return "Interrupted before the first run; nothing was written."
    how = f"the same command with --resume{' in place of --overwrite' if overwrite else ''} goes on."
    if not (count := len(kept["runs"])):
        return f"Interrupted before a run had finished; {how}"
    return f"Interrupted. {count} finished run{'s stand' if count > 1 else ' stands'} in {out / 'results.json'}; {how}"


def said_cost(cost: dict[str, Any]) -> str:
    """What was spent beside what was forecast."""
    forecast, spent = cost["forecast"], cost["spent"]
    memory = "" if spent["peak_megabytes"] is None else f", {spent['peak_megabytes']:,.0f} MB of memory at most"
    said = f"Spent {spoken(60 * spent['minutes'])} and {spent['megabytes']:.1f} MB on disk{memory}"
    if forecast is None:
        return f"{said}."
    return f"{said}; forecast were {spoken(60 * forecast['minutes'])} with every epoch and {forecast['megabytes']:.1f} MB."


def _heading(result: Comparison) -> str:
    where = {"test": "the test data", "folds": "the folds, each tested once", "dev": "the development data"}[result.scored_on]
    count, folds = result.content["seeds"], result.content["folds"]
    seeds = f"{count} seeds" if count > 1 else "one seed"
    if folds:
        spread = f"mean ± standard deviation over {folds} folds, {seeds} in each"
    else:
        spread = f"mean ± standard deviation over {seeds}" if count > 1 else "one seed"
    lower = " (lower is better)" if result.content["lower_is_better"] else ""
    return f"{result.score}{lower} on {where}: {spread}"


def _table(rows: list[Row], result: Comparison, *, width: int, is_judged: bool) -> Table:
    columns = _columns(rows, result, is_judged=is_judged)
    cells = {heading: [cell(row) for row in rows] for heading, cell in columns.items()}
    for heading in _LEFT_OUT:
        widths = [max(len(heading), *map(len, found)) for heading, found in cells.items()]
        if sum([min(widths[0], _NAME), *widths[1:]]) + _PADDING * len(widths) <= width:
            break
        cells.pop(heading, None)
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading, found in cells.items():
        # A baseline's name may be long; figures are never broken.
        table.add_column(heading, justify="left" if heading in ("", "to the best") else "right", no_wrap=bool(heading))
        if not any(cell != "–" for cell in found):
            table.columns.pop()
    shown = [found for found in cells.values() if any(cell != "–" for cell in found)]
    for row in zip(*shown, strict=True):
        table.add_row(*row)
    return table


def _columns(rows: list[Row], result: Comparison, *, is_judged: bool) -> dict[str, Callable[[Row], str]]:
    best = result.content["verdict"]["best"]
    columns: dict[str, Callable[[Row], str]] = {"": lambda row: row.title, result.score: _score}
    if is_judged:
        columns["to the best"] = lambda row: _standing(row, best, result)
    return columns | {
        "training": lambda row: "–" if row.train_seconds is None else f"{row.train_seconds:,.1f} s",
        "to 95 %": lambda row: "–" if row.epochs_to_95 is None else f"{row.epochs_to_95:g} ep.",
        "ms/seq.": lambda row: "–" if row.ms_per_sequence is None else f"{row.ms_per_sequence:.3f}",
        "ms/step p50 p99": lambda row: "–" if row.ms_per_step_p50 is None else f"{row.ms_per_step_p50:.3f} {row.ms_per_step_p99:.3f}",
        "ECE": lambda row: "–" if row.ece is None else f"{row.ece:.3f}",
        "parameters": lambda row: "–" if row.parameters is None else f"{row.parameters:,.0f}",
        "MB": lambda row: "–" if row.megabytes is None else f"{row.megabytes:.1f}",
    }


def _score(row: Row) -> str:
    if row.score is None:
        return "failed"
    return f"{row.score:.4f}" + (f" ± {row.spread:.4f}" if row.spread is not None else "")


def _standing(row: Row, best: str | None, result: Comparison) -> str:
    """Against the best network: 'tie, p .41', 'worse, p = 0.003'."""
    if row.name == best:
        return "best network"
    pair = pair_of(result.content["pairs"], row.name, best) if best else None
    if pair is None or pair["p_adjusted"] is None:
        return "–"
    higher = (pair["difference"] > 0) == (pair["a"] == row.name)
    word = "tie" if pair["is_tie"] else "better" if higher != result.content["lower_is_better"] else "worse"
    return f"{word}, p {_short(pair['p_adjusted'])}"


def _short(p: float) -> str:
    return "<.001" if p < 0.001 else f"{p:.3f}".removeprefix("0") if p < 0.1 else f"{p:.2f}".removeprefix("0")


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
