"""What `tidegate train` prints: the plan of a dry run, and at the end the scores and commands to paste."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tidegate.training.callbacks import ENDED_EARLY
from tidegate.training.durations import spoken
from tidegate.training.run import TrainingResult, pilot_seconds
from tidegate.training.task import TrainingTask


def print_plan(task: TrainingTask[Any], out: Path) -> None:
    """Columns, labels, sizes and predicted time of a run that is not made."""
    recipe = task.recipe
    network = task.build_network()
    rows = [("arch", recipe.arch), *task.plan(), ("parameters", f"{sum(parameter.numel() for parameter in network.parameters()):,}")]
    predicted = pilot_seconds(task)
    if recipe.time_budget is not None:
        predicted = min(predicted, recipe.time_budget)
        rows.append(("time budget", spoken(recipe.time_budget)))
    rows.append(
        ("predicted", f"{spoken(predicted)} for {recipe.max_epochs} epochs, from a pilot of a few steps; less if training ends early")
    )
    rows.append(("out", f"{out}{' (exists)' if out.exists() else ''}"))
    for name, said in rows:
        print(f"{name:<11} {said}")
    print("Nothing was trained.")


def print_result(result: TrainingResult, task: TrainingTask[Any], example_file: str) -> None:
    """The model's scores beside the baseline's, its path, and commands to paste."""
    metrics = result.metrics
    rows = list(task.score_rows(metrics))
    table = Table(title=f"{result.path}  ({result.ended}; best epoch {metrics['best_epoch']})", title_justify="left")
    for heading in ("data", "column", "score", "model", task.baseline_name):
        table.add_column(heading, justify="right" if heading in ("model", task.baseline_name) else "left")
    for row in rows:
        table.add_row(row.part, row.column, row.score, f"{row.model:.4f}", "–" if row.baseline is None else f"{row.baseline:.4f}")
    console = Console()
    console.print(table)
    for remark in task.remarks(metrics):
        console.print(remark, highlight=False)
    if rows and rows[0].baseline is not None and rows[0].model < rows[0].baseline:
        console.print("The network is below the baseline: it needs more data, more epochs (--max-epochs, --set patience=20) or both.")
    console.print("Next:", highlight=False)
    if result.ended in ENDED_EARLY and (result.path / "training" / "last.ckpt").exists():
        console.print("  the same command with --resume goes on from here", highlight=False)
    text = task.example()
    in_quotes = re.sub(r"[\"'`$\\\\!]", "", text)  # what would need escaping inside two kinds of quotes is left out
    for command in (
        f"tidegate evaluate {shlex.quote(str(result.path))} {shlex.quote(example_file)}",
        f"echo {shlex.quote(text)} | tidegate predict {shlex.quote(str(result.path))}",
        f"python -c \"import tidegate; print(tidegate.load('{result.path}').predict(['{in_quotes}']))\"",
    ):
        console.print(f"  {command}", highlight=False, soft_wrap=True, markup=False)
