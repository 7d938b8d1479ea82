"""`tidegate compare`: several architectures and baselines on the same data, on one leaderboard."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from tidegate.cli import train_options
from tidegate.cli.options import Quiet, Seed, Threads, Version

if TYPE_CHECKING:
    from tidegate.comparison.leaderboard import Run
    from tidegate.comparison.plan import Plan
    from tidegate.comparison.run import Comparison


class _Tasks(TyperGroup):
    """The tasks that can be compared; another one is refused with what to do instead."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        known = self.list_commands(ctx)
        if args[0] not in known:
            from tidegate.errors import RecipeError, nearest

            instead = nearest(args[0], known) or (
                " Models of other tasks are put side by side by training each, for instance with --arch gru --out a/ and --arch lstm --out "
                "b/, and tidegate evaluate."
            )
            raise RecipeError(f"compare knows {' and '.join(known)}, and not {args[0]}.{instead}")
        return super().resolve_command(ctx, args)


compare_app = typer.Typer(cls=_Tasks, help="Put several architectures and baselines on one leaderboard.", no_args_is_help=True)

Train = Annotated[list[str], typer.Argument(metavar="TRAIN...", help="Files as for `tidegate train`; globs allowed.", show_default=False)]
Archs = Annotated[
    str,
    typer.Option("--arch", metavar="A,B,...", help="Architectures, with commas between them.", autocompletion=train_options.complete_arch),
]
Seeds = Annotated[int, typer.Option("--seeds", min=1, metavar="N", help="Seeds for each architecture.")]
Baselines = Annotated[str, typer.Option("--baselines", metavar="auto|none", help="Whether what needs no network takes part too.")]
Folds = Annotated[int, typer.Option("--folds", min=0, metavar="K", help="Cross-validation in K folds of TRAIN, each tested once; 0: none.")]
TrainSizes = Annotated[
    str,
    typer.Option("--train-sizes", metavar="25,50,75,100%", help="Shares of the training data: would more labels help?"),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for the results \\[default: ./<stem>-comparison/]", show_default=False),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with an interrupted comparison; what is done stays, what failed is tried again.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier comparison at DIR.")]
TimeBudget = Annotated[
    str | None,
    typer.Option("--time-budget", metavar="T", help="90s, 10m, 2h … for all runs together, dealt out evenly.", show_default=False),
]


@compare_app.callback()
def _compare() -> None:
    """Put several architectures and baselines on one leaderboard: same data, same budget, same seeds. One subcommand a task."""


@compare_app.command(
    "classify",
    epilog="Examples:\n\n"
    "tidegate compare classify spam.csv --arch rnn,lstm,bilstm,gru,bigru --seeds 3 --out report/\n\n"
    "tidegate compare classify spam.csv --folds 5 --seeds 1 --time-budget 20m\n\n"
    "tidegate compare classify tickets.jsonl --label topic --train-sizes 25,50,75,100%",
)
def classify(
    train_files: Train,
    dev: train_options.Dev = None,
    test: train_options.Test = None,
    text: train_options.TextColumn = None,
    label: train_options.ClassLabel = None,
    separator: train_options.LabelSeparator = None,
    unit: train_options.Unit = None,
    positive: train_options.Positive = None,
    group: train_options.Group = None,
    arch: Archs = "rnn,lstm,gru,bilstm,bigru",
    seeds: Seeds = 3,
    baselines: Baselines = "auto",
    folds: Folds = 0,
    train_sizes: TrainSizes = "100%",
    out: Out = None,
    recipe: train_options.RecipeFile = None,
    preset: train_options.Preset = "default",
    time_budget: TimeBudget = None,
    max_epochs: train_options.MaxEpochs = None,
    seed: Seed = None,
    settings: train_options.Settings = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Compare classifiers of texts or words; a TF-IDF with a linear SVM always takes part."""
    asked: dict[str, Any] = {"text": text, "label": label, "label_separator": separator, "unit": unit, "positive": positive, "group": group}
    asked |= {"time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    plan = {"arch": arch, "seeds": seeds, "baselines": baselines, "folds": folds, "train_sizes": train_sizes}
    source = {"preset": preset, "recipe": recipe, "settings": settings}
    _run(
        "classify", (train_files, dev or [], test or []), asked, plan, source, out, threads, resume=resume, overwrite=overwrite, quiet=quiet
    )


@compare_app.command(
    "tag",
    epilog="Examples:\n\n"
    "tidegate compare tag train.conllu --dev dev.conllu --test test.conllu --label upos --arch lstm,bilstm,bigru\n\n"
    "tidegate compare tag ner.conll --folds 3 --preset fast",
)
def tag(
    train_files: Train,
    dev: train_options.Dev = None,
    test: train_options.Test = None,
    label: train_options.TagLabel = None,
    arch: Archs = "rnn,lstm,gru,bilstm,bigru",
    seeds: Seeds = 3,
    baselines: Baselines = "auto",
    folds: Folds = 0,
    train_sizes: TrainSizes = "100%",
    out: Out = None,
    recipe: train_options.RecipeFile = None,
    preset: train_options.Preset = "default",
    time_budget: TimeBudget = None,
    max_epochs: train_options.MaxEpochs = None,
    seed: Seed = None,
    settings: train_options.Settings = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Compare taggers of tokens; the most frequent label of each word always takes part."""
    asked = {"label": label, "time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    plan = {"arch": arch, "seeds": seeds, "baselines": baselines, "folds": folds, "train_sizes": train_sizes}
    source = {"preset": preset, "recipe": recipe, "settings": settings}
    _run("tag", (train_files, dev or [], test or []), asked, plan, source, out, threads, resume=resume, overwrite=overwrite, quiet=quiet)


def _run(
    task: str,
    files: tuple[list[str], list[str], list[str]],
    asked: dict[str, Any],
    planned: dict[str, Any],
    source: dict[str, Any],
    out: Path | None,
    threads: int | None,
    *,
    resume: bool,
    overwrite: bool,
    quiet: bool,
) -> None:
    started = time.monotonic()
    from tidegate.threads import use_threads

    count = use_threads(threads)
    from tidegate.comparison.plan import Plan, default_folder, schema_of
    from tidegate.comparison.results import check_folder
    from tidegate.data.sequence_detection import material_of as held_by
    from tidegate.errors import RecipeError
    from tidegate.training.recipe import build_recipe, parse_setting

    if planned["baselines"] not in ("auto", "none"):
        raise RecipeError(f"--baselines {planned['baselines']} is neither auto nor none.")
    if (held := held_by(files[0])) != "text":
        what = "sequences of numbers" if held == "numbers" else "sound"
        whom = "texts" if task == "classify" else "tagged sentences"
        raise RecipeError(
            f"compare {task} is for {whom}, and {files[0][0]} holds {what}. Put networks over {what} side by side by training each, for "
            f"instance tidegate train {task} with --arch gru --out a/ and --arch lstm --out b/, and tidegate evaluate."
        )
    named = {key: value for key, value in asked.items() if value is not None}
    shared = build_recipe(
        schema_of(task),
        preset=source["preset"],
        recipe=source["recipe"],
        options=named,
        settings=dict(map(parse_setting, source["settings"] or [])),
    )
    archs = tuple(name.strip() for name in planned["arch"].split(",") if name.strip())
    plan = Plan(archs, planned["seeds"], planned["folds"], _shares(planned["train_sizes"]), planned["baselines"] == "auto")
    target = out or default_folder(files[0])
    check_folder(target, overwrite=overwrite, resume=resume)
    if not quiet:
        print("loading PyTorch …", file=sys.stderr)
    # Only now, so that a mistake in the options is told at once.
    import torch

    from tidegate.comparison.material import material_of
    from tidegate.comparison.run import compare_material

    torch.set_num_threads(count)
    material = material_of(shared, *files)
    if not quiet:
        for note in material.notes:
            print(note, file=sys.stderr)
    watch = None if quiet else _Progress()
    try:
        result = compare_material(material, plan, target, overwrite=overwrite, resume=resume, watch=watch, started=started)
    except KeyboardInterrupt:
        print(f"Interrupted. What is done stands in {target / 'results.json'}; the same command with --resume goes on.", file=sys.stderr)
        raise typer.Exit(130) from None
    _print(result, plan)


def _shares(text: str) -> tuple[float, ...]:
    """'25,50,100%' as shares, rising."""
    from tidegate.errors import RecipeError

    expected = "percentages with commas between them were expected, for instance 25,50,100%."
    try:
        shares = tuple(sorted({float(part.strip().removesuffix("%")) / 100 for part in text.split(",") if part.strip()}))
    except ValueError:
        raise RecipeError(f"--train-sizes {text}: {expected}") from None
    if shares and max(shares) <= 0.01:
        raise RecipeError(f"--train-sizes {text} would be {max(shares):.0%} of the training data at most; {expected}")
    return shares


class _Progress:
    """A line on standard error for each run that ends, with the time that is left."""

    def __call__(self, run: Run, done: int, total: int, seconds_left: float) -> None:
        from tidegate.training.durations import spoken

        came_to = f"failed: {run.failure}" if run.failure else f"{run.score:.4f}  {spoken(run.train_seconds or 0.0)}"
        left = f" · about {spoken(seconds_left)} left" if done < total else ""
        print(f"[{done}/{total}] {run.spoken}: {came_to}{left}", file=sys.stderr, flush=True)


def _print(result: Comparison, plan: Plan) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from tidegate.comparison.leaderboard import failures
    from tidegate.comparison.picture import cells_of

    console = Console()
    where = {"test": "the test data", "folds": "the folds, each tested once", "dev": "the development data"}[result.scored_on]
    seeds = f"{plan.seeds} seeds" if plan.seeds > 1 else "one seed"
    if plan.folds:
        spread = f"mean ± standard deviation over {plan.folds} folds, {seeds} in each"
    else:
        spread = f"mean ± standard deviation over {seeds}" if plan.seeds > 1 else "one seed"
    for share in sorted({row.share for row in result.rows}, reverse=True):
        size = "" if share == 1 else f", {share:.0%} of the training data"
        table = Table(
            title=f"{result.score} on {where}{size}: {spread}", title_justify="left", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True
        )
        rows: Sequence[dict[str, str]] = [cells_of(row) for row in result.rows if row.share == share]
        for heading in rows[0]:
            table.add_column(heading, justify="left" if not heading else "right", no_wrap=bool(heading))
        for cells in rows:
            table.add_row(*cells.values())
        console.print(table)
    if result.scored_on == "dev":
        console.print(
            "No test file: the networks' epochs were chosen by these same data, which flatters them a little; --test or --folds does not.",
            highlight=False,
        )
    best = next((row for row in result.rows if row.kind == "network" and row.score is not None and row.share == 1), None)
    kept = sorted((result.path / "models").glob(f"{best.name}-[0-9]*")) if best is not None else []
    if kept:
        console.print(
            f"Next:\n  tidegate evaluate {kept[0]} OTHER-FILE\n  tidegate predict {kept[0]} INPUT", highlight=False, soft_wrap=True
        )
    for sentence in failures(result.runs):
        console.print(f"[red]failed[/]  {sentence}", highlight=False)
    console.print(f"{result.path / 'results.json'} · {result.path / 'leaderboard.svg'}", highlight=False, soft_wrap=True)
