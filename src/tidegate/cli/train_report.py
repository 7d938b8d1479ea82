"""What `tidegate train` prints: the plan of a dry run, and at the end the scores and commands to paste."""

from __future__ import annotations

import io
import re
import shlex
from itertools import islice
from pathlib import Path
from textwrap import indent
from typing import Any

from rich.console import Console
from rich.table import Table

from tidegate.cli.live_numbers import frames_as_they_come
from tidegate.data.reading import expand
from tidegate.data.recording_files import is_sound
from tidegate.errors import DataError
from tidegate.kernels import architecture
from tidegate.runtime import TranslateModel, load
from tidegate.training.callbacks import ENDED_EARLY
from tidegate.training.chart import LOSS_CHART, series_chart
from tidegate.training.durations import spoken
from tidegate.training.frame_material import Record
from tidegate.training.frame_task import FrameTask
from tidegate.training.run import TrainingResult, begin_with_source, pilot_seconds
from tidegate.training.task import ScoreRow, TrainingTask

_SAMPLE_CHARACTERS, _SAMPLE_TEMPERATURE = 200, 0.8
# Of a table, to be answered as if they were just coming in.
_LIVE_LINES = 20


def print_plan(task: TrainingTask[Any], out: Path) -> None:
    """Columns, labels, sizes and predicted time of a run that is not made."""
    recipe = task.recipe
    network = task.build_network()
    rows = [("arch", recipe.arch), *task.plan(), ("parameters", f"{sum(parameter.numel() for parameter in network.parameters()):,}")]
    if recipe.init_from:
        rows.append(("init from", begin_with_source(network, task)))
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
    if rows and _is_below_baseline(rows[0], lower_is_better=task.lower_is_better):
        console.print("The network is below the baseline: it needs more data, more epochs (--max-epochs, --set patience=20) or both.")
    if task.recipe.task in ("generate", "translate"):
        _print_sample(console, result.path, task.example())
    console.print(f"Loss over time: {result.path / LOSS_CHART}", highlight=False, soft_wrap=True, markup=False)
    if (drawn := result.path / series_chart(task.recipe.task)).exists():
        console.print(f"What came, and what the model tells: {drawn}", highlight=False, soft_wrap=True, markup=False)
    console.print("Next:", highlight=False)
    if result.ended in ENDED_EARLY and (result.path / "training" / "last.ckpt").exists():
        console.print("  the same command with --resume goes on from here", highlight=False)
    for command in _commands(task, result.path, example_file):
        console.print(f"  {command}", highlight=False, soft_wrap=True, markup=False, emoji=False)


def _is_below_baseline(row: ScoreRow, *, lower_is_better: bool) -> bool:
    if row.baseline is None:
        return False
    return row.model > row.baseline if lower_is_better else row.model < row.baseline


def _commands(task: TrainingTask[Any], path: Path, example_file: str) -> list[str]:
    """What may be done next with the model, to be pasted into a shell."""
    if task.recipe.task in ("forecast", "fill"):
        return _series_commands(task, path, example_file)
    if isinstance(task, FrameTask):
        return _frame_commands(task, path, example_file)
    text, model, file = task.example(), shlex.quote(str(path)), shlex.quote(example_file)
    python = _python(f"print(tidegate.load({str(path)!r}).predict([{text!r}]))")
    if task.recipe.task == "generate":
        return [
            f"tidegate predict {model} --prompt {shlex.quote(text)}",
            f"tidegate evaluate {model} {file}",
            f"tidegate logprob {model} {file}",
            python,
        ]
    waits = " --wait-k 1,3,5,full" if getattr(task.recipe, "simultaneous", False) else ""
    commands = [f"tidegate evaluate {model} {file}{waits}", f"echo {shlex.quote(text)} | tidegate predict {model}", python]
    # Read one way, tokens and texts are answered before they end. A look-ahead is what a two-way network was not trained for.
    if task.recipe.task in ("tag", "classify") and not architecture(task.recipe.arch).is_bidirectional:
        commands.append(f"echo {shlex.quote(text)} | tidegate stream {model}")
    return commands


def _python(program: str) -> str:
    """A program for the shell, in double quotes where it has nothing that the shell would read in them."""
    whole = f"import tidegate; {program}"
    is_plain = re.search(r"[\"`$!]|\\\\|\\$", whole) is None
    return f'python -c "{whole}"' if is_plain else f"python -c {shlex.quote(whole)}"


def _series_commands(task: Any, path: Path, file: str) -> list[str]:
    """The same for a model of time series: scored on what training did not see, then put to use."""
    recipe, panel = task.recipe, task.corpus.panel
    model, table = shlex.quote(str(path)), shlex.quote(file)
    held_out = recipe.test_last or recipe.dev_last
    last = f" --last {held_out}" if held_out else ""
    # What is known ahead may stand at the end of the table; where it does not, the user has it elsewhere.
    reads_on = recipe.task == "forecast" and any(
        len(series.has_row) < len(series.y) + int(recipe.horizon) for series in panel.series if panel.columns.future
    )
    ahead, given = (" --future ROWS-AHEAD.csv", ", future='ROWS-AHEAD.csv'") if reads_on else ("", "")
    answer = f"tidegate.load({str(path)!r}).predict([{file!r}]{given})"
    if recipe.task == "forecast":
        output, before, shown = "forecast.csv", "", f"*{answer}.rows()"
    elif len(expand([file])) == 1:
        output, before, shown = "filled.csv", "", f"*{answer}[0].lines[:10]"
    else:  # a folder holds the tables
        output, before, shown = "filled", "mkdir -p filled && ", f"*{answer}[0].lines[:10]"
    return [
        f"tidegate evaluate {model} {table}{last}",
        f"{before}tidegate predict {model} {table}{ahead} --output {output} --plot {recipe.task}.svg",
        _python(f"print({shown}, sep='\\n')"),
    ]


def _frame_commands(task: FrameTask[Any], path: Path, file: str) -> list[str]:
    """The same for a model of sequences of numbers or of sound."""
    model, given, is_transcriber = shlex.quote(str(path)), shlex.quote(file), task.recipe.task == "transcribe"
    shown = f"m = tidegate.load({str(path)!r}); print(*m.predict(m.read([{file!r}])), sep='\\n')"
    commands = [
        f"tidegate evaluate {model} {given}{'' if is_transcriber else ' --plot confusion.svg'}",
        f"tidegate predict {model} {given} --with-input",
        _python(shown),
    ]
    is_whole = architecture(task.recipe.arch).is_bidirectional and not task.recipe.lookahead
    ahead = (" --lookahead 100ms" if task.recipe.input == "sound" else " --lookahead 4") if is_whole else ""
    stream = f"tidegate stream {model}{ahead}"
    if task.recipe.input == "sound":
        heard = next(filter(None, map(_recording_file, (*task.parts.dev, *task.parts.train))), None)
        commands += [f"{stream} --latency < {shlex.quote(heard)}"] if heard else []
    elif _is_read_live(table := task.parts.dev[0].source.file, task):
        commands.append(f"head -n {_LIVE_LINES} {shlex.quote(table)} | {stream}")
    return commands


def _is_read_live(table: str, task: FrameTask[Any]) -> bool:
    """Whether the first lines of a table are frames as they stand: a header names the features, or there is nothing else."""
    if Path(table).suffix.lower() not in (".csv", ".tsv", ".txt"):
        return False
    columns: Any = task.frames
    with open(table, "rb") as file:
        lines = io.BytesIO(b"".join(islice(file, _LIVE_LINES)))
    try:
        return any(frame is not None for frame in frames_as_they_come(lines, columns.columns, task.recipe.missing))
    except DataError:
        return False


def _recording_file(record: Record) -> str | None:
    """Where a recording is: a table names it by its place beside the table; joined ones are in no file."""
    file = Path(record.source.file)
    places = (file,) if is_sound(file.name) else (file.parent / record.name,)
    return next((str(place) for place in places if place.is_file()), None)


def _print_sample(console: Console, path: Path, example: str) -> None:
    """What the model makes of the example; a language model that writes begins with nothing instead."""
    model: Any = load(path)
    if isinstance(model, TranslateModel):
        (answer,) = model.translate([example])
        said, text = "A source of the development data translated", f"{example}\n{answer.target}"
    elif model.is_two_way:
        (blank,) = model.fill(example, n_best=3).blanks
        guesses = ", ".join(f"{unit!r} ({probability:.0%})" for unit, probability in blank.both)
        said, text = "A blank of the development text filled", f"{example}\n___ may be {guesses}"
    else:
        # So many units are as many characters at least, of any kind.
        pieces = model.sample(length=_SAMPLE_CHARACTERS, temperature=_SAMPLE_TEMPERATURE, seed=1)
        said = f"What it writes at temperature {_SAMPLE_TEMPERATURE}"
        text = "".join(pieces)[:_SAMPLE_CHARACTERS].strip("\n")
    console.print(f"{said}:", highlight=False)
    console.print(indent(text, "  | ", lambda line: True), highlight=False, soft_wrap=True, markup=False)
