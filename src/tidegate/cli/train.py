"""`tidegate train`: from files to a model directory."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from tidegate.cli import options
from tidegate.cli.options import Quiet, Seed, Threads, Version

if TYPE_CHECKING:
    from tidegate.training.recipe import Recipe
    from tidegate.training.task import TrainingTask

R = TypeVar("R", bound="Recipe")

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
    "tidegate train tag 'part-*.conllu.gz' --label upos,xpos --dry-run\n\n"
    "tidegate train tag few.conllu --init-from lm/    (word vectors and layers of a language model)",
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
    dev: options.Dev = None,
    test: options.Test = None,
    label: options.TagLabel = None,
    arch: options.Arch = None,
    out: options.Out = None,
    init_from: options.InitFrom = None,
    recipe: options.RecipeFile = None,
    preset: options.Preset = "default",
    time_budget: options.TimeBudget = None,
    max_epochs: options.MaxEpochs = None,
    seed: Seed = None,
    settings: options.Settings = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Train a tagger: a label for every token (parts of speech, named entities, slots)."""
    started = time.monotonic()
    from tidegate.threads import use_threads

    count = use_threads(threads)
    from tidegate.training.tagging.corpus import TagFiles, read_corpus
    from tidegate.training.tagging.recipe import TagRecipe

    given: dict[str, Any] = {"label": label, "arch": arch, "time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    given |= {"init_from": init_from}
    asked = _asked(TagRecipe, given, settings, preset=preset, recipe=recipe, resumed=out if resume else None)
    target = _target(out, train_files, asked, dry_run=dry_run, resume=resume, overwrite=overwrite)
    corpus = read_corpus(TagFiles(train_files, dev or (), test or ()), asked)
    if not quiet:
        columns = ", ".join(f"{c.name} ({len(c.labels)} labels{f', {c.scheme}' if c.scheme else ''})" for c in corpus.vocabulary.columns)
        print(f"{len(corpus.train):,} sentences, {corpus.tokens:,} tokens; {columns}; {corpus.split}", file=sys.stderr)
        if corpus.unknown:
            print(f"{corpus.unknown} Such labels count as wrong answers.", file=sys.stderr)
        print("loading PyTorch …", file=sys.stderr)
    # Only now, so that a mistake in the options or the files is told at once.
    from tidegate.training.tagging.task import TagTask

    task = TagTask(asked, corpus)
    example = [*(test or []), *(dev or []), _unseen(train_files[0])][0]
    _run(task, target, count, example, dry_run=dry_run, resume=resume, overwrite=overwrite, quiet=quiet, started=started)


@train_app.command(
    "classify",
    epilog="Examples:\n\n"
    "tidegate train classify reviews.csv --text review --label sentiment\n\n"
    "tidegate train classify SMSSpamCollection.tsv --positive spam    (no header: columns found by their content)\n\n"
    "tidegate train classify names.csv --unit char --arch bigru    (a word's language from its letters)\n\n"
    "tidegate train classify tickets.jsonl --label topic --group customer --dry-run\n\n"
    "tidegate train classify tagged.csv --label tags --label-separator '|'    (several labels a text)",
)
def classify(
    train_files: Annotated[
        list[str],
        typer.Argument(
            metavar="TRAIN...",
            help="CSV (quotes count), TSV (no quotes), JSON Lines or fastText lines; .gz of each; several files and globs.",
            show_default=False,
        ),
    ],
    dev: options.Dev = None,
    test: options.Test = None,
    text: options.TextColumn = None,
    label: options.ClassLabel = None,
    separator: options.LabelSeparator = None,
    unit: options.Unit = None,
    positive: options.Positive = None,
    group: options.Group = None,
    arch: options.Arch = None,
    out: options.Out = None,
    init_from: options.InitFrom = None,
    recipe: options.RecipeFile = None,
    preset: options.Preset = "default",
    time_budget: options.TimeBudget = None,
    max_epochs: options.MaxEpochs = None,
    seed: Seed = None,
    settings: options.Settings = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Train a classifier: a label for every text or word (topic, intent, spam, sentiment, language)."""
    started = time.monotonic()
    from tidegate.threads import use_threads

    count = use_threads(threads)
    from tidegate.cli.progress import steps_shown
    from tidegate.training.classification.corpus import TextFiles, read_corpus
    from tidegate.training.classification.recipe import ClassifyRecipe

    given: dict[str, Any] = {
        "text": text,
        "label": label,
        "label_separator": separator,
        "unit": unit,
        "positive": positive,
        "group": group,
        "arch": arch,
    }
    given |= {"time_budget": time_budget, "max_epochs": max_epochs, "seed": seed, "init_from": init_from}
    asked = _asked(ClassifyRecipe, given, settings, preset=preset, recipe=recipe, resumed=out if resume else None)
    target = _target(out, train_files, asked, dry_run=dry_run, resume=resume, overwrite=overwrite)
    with steps_shown("fitting n-grams", is_shown=not quiet) as watch:
        corpus = read_corpus(TextFiles(train_files, dev or (), test or ()), asked, watch)
    if not quiet:
        for note in corpus.notes:
            print(note, file=sys.stderr)
        print("loading PyTorch …", file=sys.stderr)
    from tidegate.training.classification.task import ClassifyTask

    task = ClassifyTask(asked, corpus)
    example = [*(test or []), *(dev or []), _unseen(train_files[0])][0]
    _run(task, target, count, example, dry_run=dry_run, resume=resume, overwrite=overwrite, quiet=quiet, started=started)


@train_app.command(
    "generate",
    epilog="Examples:\n\n"
    "tidegate train generate shakespeare.txt --time-budget 10m    (characters; the last tenth is held out)\n\n"
    "tidegate train generate train.txt --dev valid.txt --test test.txt --unit word --arch lstm\n\n"
    "tidegate train generate 'books/*.txt.gz' --unit bpe --set vocabulary_size=4000\n\n"
    "tidegate train generate book.txt --unit word --set line_breaks=blank --arch bilstm    (fills blanks)",
)
def generate(
    train_files: Annotated[
        list[str],
        typer.Argument(
            metavar="TRAIN...",
            help="Plain text in UTF-8, one after another; .gz too; several files and globs.",
            show_default=False,
        ),
    ],
    dev: options.TextDev = None,
    test: options.Test = None,
    unit: options.TextUnit = None,
    arch: options.TextArch = None,
    out: options.Out = None,
    init_from: options.InitFrom = None,
    recipe: options.RecipeFile = None,
    preset: options.Preset = "default",
    time_budget: options.TimeBudget = None,
    max_epochs: options.MaxEpochs = None,
    seed: Seed = None,
    settings: options.Settings = None,
    resume: options.Resume = False,
    overwrite: options.Overwrite = False,
    dry_run: options.DryRun = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Train a language model on plain text: one that writes and scores text, or, with a two-way architecture, one that fills blanks."""
    started = time.monotonic()
    from tidegate.threads import use_threads

    count = use_threads(threads)
    from tidegate.training.generation.corpus import GenerateFiles, read_corpus
    from tidegate.training.generation.recipe import GenerateRecipe

    given: dict[str, Any] = {"unit": unit, "arch": arch, "time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    given |= {"init_from": init_from}
    asked = _asked(GenerateRecipe, given, settings, preset=preset, recipe=recipe, resumed=out if resume else None)
    target = _target(out, train_files, asked, dry_run=dry_run, resume=resume, overwrite=overwrite)
    corpus = read_corpus(GenerateFiles(train_files, dev or (), test or ()), asked)
    if not quiet:
        for note in corpus.notes:
            print(note, file=sys.stderr)
        print("loading PyTorch …", file=sys.stderr)
    from tidegate.training.generation.task import GenerateTask

    task = GenerateTask(asked, corpus)
    example = [*(test or []), *(dev or []), _unseen(train_files[0])][0]
    _run(task, target, count, example, dry_run=dry_run, resume=resume, overwrite=overwrite, quiet=quiet, started=started)


def _asked(
    schema: type[R], given: dict[str, Any], settings: list[str] | None, *, preset: str, recipe: str | None, resumed: Path | None
) -> R:
    """The recipe of what the options say; those that were not given are None."""
    from tidegate.training.recipe import build_recipe, parse_setting

    named = {key: value for key, value in given.items() if value is not None}
    pairs = dict(map(parse_setting, settings or []))
    return build_recipe(schema, preset=preset, recipe=recipe, options=named, settings=pairs, resumed=resumed)


def _target(out: Path | None, train_files: list[str], recipe: Recipe, *, dry_run: bool, resume: bool, overwrite: bool) -> Path:
    """Where the model is to stand; what is wrong with the place is told before any file is read."""
    from tidegate.artefact import check_output, stem_of

    target = out or Path(f"{stem_of(train_files[0])}-{recipe.arch}")
    if not (dry_run or resume):  # the rest of what can be wrong with the place is checked when the run begins
        check_output(target, overwrite=overwrite, resume=resume)
    return target


def _unseen(path: str) -> str:
    """A name for a labelled file that the user may have; one to evaluate that the model was not trained on."""
    from tidegate.data.opening import suffix_of

    return f"OTHER-FILE{suffix_of(path)}"


def _run(
    task: TrainingTask[Any],
    target: Path,
    threads: int,
    example: str,
    *,
    dry_run: bool,
    resume: bool,
    overwrite: bool,
    quiet: bool,
    started: float,
) -> None:
    import torch

    from tidegate.cli.train_report import print_plan, print_result
    from tidegate.training.run import train

    torch.set_num_threads(threads)
    if dry_run:
        print_plan(task, target)
        return
    result = train(task, target, overwrite=overwrite, resume=resume, quiet=quiet, started=started)
    print_result(result, task, example)
