"""`tidegate train`: from files to a model directory."""

from __future__ import annotations

import re
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.options import Quiet, Seed, Threads, Version, complete_arch

if TYPE_CHECKING:
    from tidegate.training.corpus import TagCorpus
    from tidegate.training.recipe import TagRecipe
    from tidegate.training.run import TrainingResult

train_app = typer.Typer(help="Train a model from files.", no_args_is_help=True)


@train_app.callback()
def _train() -> None:
    """Train a model from files. One subcommand a task."""


@train_app.command(
    "tag",
    epilog="Examples:\n\n"
    "tidegate train tag train.conllu --dev dev.conllu --label upos --arch bilstm --out model/\n\n"
    "tidegate train tag ner.conll --label 4 --preset fast    (columns; label in the fourth)\n\n"
    "tidegate train tag slots.jsonl --time-budget 10m --set hidden_size=256\n\n"
    "tidegate train tag 'part-*.conllu.gz' --label upos,xpos --dry-run",
)
def tag(
    train_files: Annotated[
        list[str],
        typer.Argument(
            metavar="TRAIN...",
            help="CoNLL-U, CoNLL-2003-like columns, or JSON Lines with spans; .gz of each; several files and globs.",
            show_default=False,
        ),
    ],
    dev: Annotated[
        list[str] | None,
        typer.Option(
            "--dev", metavar="FILE", help="Development file; repeat for several [default: a seeded share of TRAIN]", show_default=False
        ),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option("--test", metavar="FILE", help="Test file, scored once at the end; repeat for several.", show_default=False),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            metavar="COL[,COL...]",
            help="Label columns by name or 1-based number; CoNLL-U: upos, xpos, feats, lemma [default: CoNLL-U upos, else the last column]",
            show_default=False,
        ),
    ] = None,
    arch: Annotated[
        str | None,
        typer.Option(
            "--arch",
            metavar="ARCH",
            help="rnn, lstm, gru, birnn, bilstm, bigru, gru-reset-after or bigru-reset-after [default: bilstm]",
            autocompletion=complete_arch,
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Model directory to write [default: ./<stem>-<arch>/]", show_default=False)
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe", metavar="NAME|FILE", help="Settings from a TOML file, or a recipe that comes with tidegate.", show_default=False
        ),
    ] = None,
    preset: Annotated[str, typer.Option("--preset", metavar="fast|default|best", help="Sizes and epochs.")] = "default",
    time_budget: Annotated[
        str | None, typer.Option("--time-budget", metavar="T", help="End within 90s, 10m, 2h …, the best so far kept.", show_default=False)
    ] = None,
    max_epochs: Annotated[
        int | None, typer.Option("--max-epochs", min=1, metavar="N", help="Passes over the training data at most.", show_default=False)
    ] = None,
    seed: Seed = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any key of the recipe; repeat for several.", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where an interrupted run towards DIR was; afresh where none was.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at DIR.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print columns, split, labels, parameters and predicted minutes; train nothing.")
    ] = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Train a tagger: a label for every token (parts of speech, named entities, slots)."""
    started = time.monotonic()
    from tidegate.cli.threads import use_threads

    count = use_threads(threads)
    from tidegate.artefact import check_output
    from tidegate.training.corpus import TagFiles, read_corpus
    from tidegate.training.recipe import build_recipe, parse_setting

    options = {"label": label, "arch": arch, "time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    given = {key: value for key, value in options.items() if value is not None}
    asked = build_recipe(preset=preset, recipe=recipe, options=given, settings=dict(map(parse_setting, settings or [])))
    target = out or Path(f"{_stem(train_files[0])}-{asked.arch}")
    if not (dry_run or resume):  # the rest of what can be wrong with the place is checked when the run begins
        check_output(target, overwrite=overwrite, resume=resume)
    corpus = read_corpus(TagFiles(train_files, dev or (), test or ()), asked)
    settled = asked.settled(corpus.tokens)
    if not quiet:
        columns = ", ".join(f"{c.name} ({len(c.labels)} labels{f', {c.scheme}' if c.scheme else ''})" for c in corpus.vocabulary.columns)
        print(f"{len(corpus.train):,} sentences, {corpus.tokens:,} tokens; {columns}; {corpus.split}", file=sys.stderr)
        if corpus.unknown:
            print(f"{corpus.unknown} Such labels count as wrong answers.", file=sys.stderr)
        print("loading PyTorch …", file=sys.stderr)
    # Only now, so that a mistake in the options or the files is told at once.
    import torch

    from tidegate.training.run import train

    torch.set_num_threads(count)
    if dry_run:
        _print_plan(settled, corpus, target)
        return
    result = train(settled, corpus, target, overwrite=overwrite, resume=resume, quiet=quiet, started=started)
    _print_result(result, corpus, example=(test or dev or train_files)[0])


def _stem(path: str) -> str:
    name = Path(path).name.removesuffix(".gz").partition(".")[0]
    return "".join(character for character in name if character not in "*?[]").strip("-") or "model"


def _print_plan(recipe: TagRecipe, corpus: TagCorpus, out: Path) -> None:
    from tidegate.training.durations import spoken
    from tidegate.training.networks import build_network
    from tidegate.training.run import pilot_seconds

    network = build_network(recipe, corpus)
    print(f"arch        {recipe.arch}")
    for column in corpus.vocabulary.columns:
        shown = ", ".join(column.labels[:12]) + (", …" if len(column.labels) > 12 else "")
        print(
            f"column      {column.name}: {len(column.labels)} labels ({shown}); {column.scheme or 'no span scheme'}; head "
            f"{network.settings.heads[column.name]}"
        )
    print(f"training    {len(corpus.train):,} sentences, {corpus.tokens:,} tokens, {len(corpus.vocabulary.words):,} words known")
    print(f"development {len(corpus.dev):,} sentences; {corpus.split}")
    print(f"test        {len(corpus.test):,} sentences")
    print(f"parameters  {sum(parameter.numel() for parameter in network.parameters()):,}")
    predicted = pilot_seconds(recipe, corpus)
    if recipe.time_budget is not None:
        predicted = min(predicted, recipe.time_budget)
    if recipe.time_budget is not None:
        print(f"time budget {spoken(recipe.time_budget)}")
    print(f"predicted   {spoken(predicted)} for {recipe.max_epochs} epochs, from a pilot of a few steps; less if training ends early")
    print(f"out         {out}{' (exists)' if out.exists() else ''}")
    print("Nothing was trained.")


def _print_result(result: TrainingResult, corpus: TagCorpus, *, example: str) -> None:
    """Both scores for each label column, the model's path, and commands to paste."""
    from rich.console import Console
    from rich.table import Table

    from tidegate.scoring import default_score
    from tidegate.training.callbacks import ENDED_EARLY
    from tidegate.training.scores import score_rows

    metrics: dict[str, Any] = result.metrics
    columns = [column.name for column in corpus.vocabulary.columns]
    table = Table(title=f"{result.path}  ({result.ended}; best epoch {metrics['best_epoch']})", title_justify="left")
    for heading in ("data", "column", "score", "model", "most frequent label"):
        table.add_column(heading, justify="right" if heading in ("model", "most frequent label") else "left")
    for part, column, key, model, base in score_rows(metrics, columns):
        table.add_row(part, column, key, f"{model:.4f}", "–" if base is None else f"{base:.4f}")
    console = Console()
    console.print(table)
    if default_score(metrics["dev"]) < default_score(metrics["baseline"]["dev"]):
        console.print("The network is below the baseline: it needs more data, more epochs (--max-epochs, --set patience=20) or both.")
    console.print("Next:", highlight=False)
    if result.ended in ENDED_EARLY and (result.path / "training" / "last.ckpt").exists():
        console.print("  the same command with --resume goes on from here", highlight=False)
    sentence = next(record for record in corpus.dev if record.tokens)
    text = sentence.text or " ".join(sentence.tokens)
    in_quotes = re.sub(r"[\"'`$\\\\!]", "", text)  # what would need escaping inside two kinds of quotes is left out
    for command in (
        f"tidegate evaluate {result.path} {example}",
        f"echo {shlex.quote(text)} | tidegate predict {result.path}",
        f"python -c \"import tidegate; print(tidegate.load('{result.path}').predict(['{in_quotes}']))\"",
    ):
        console.print(f"  {command}", highlight=False, soft_wrap=True, markup=False)
