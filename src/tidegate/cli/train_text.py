"""`tidegate train generate` and `tidegate train translate`: models that write text."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from tidegate.cli import options, train_options
from tidegate.cli.options import Quiet, Seed, Threads, Version
from tidegate.cli.train_run import example_file, place_of, print_notes, recipe_of, run
from tidegate.training.files import RunFiles

GENERATE_EXAMPLES = (
    "Examples:\n\n"
    "tidegate train generate shakespeare.txt --time-budget 10m    (characters; the last tenth is held out)\n\n"
    "tidegate train generate train.txt --dev valid.txt --test test.txt --unit word --arch lstm\n\n"
    "tidegate train generate 'books/*.txt.gz' --unit bpe --set vocabulary_size=4000\n\n"
    "tidegate train generate book.txt --unit word --set line_breaks=blank --arch bilstm    (fills blanks)"
)
TRANSLATE_EXAMPLES = (
    "Examples:\n\n"
    "tidegate train translate cmudict.dict --set stress=drop    (spelling to sound: a word and its phones a line)\n\n"
    "tidegate train translate pairs.tsv --dev dev.tsv --test test.tsv    (a source, a tab, a target a line)\n\n"
    "tidegate train translate forms.csv --source form --target lemma --arch bigru    (lemmas)\n\n"
    "tidegate train translate 'de-en-*.tsv.gz' --source-unit bpe --target-unit bpe --time-budget 2h\n\n"
    "tidegate train translate dates.tsv --arch gru --simultaneous    (answers while it reads: predict --wait-k 3)"
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
    dev: train_options.TextDev = None,
    test: train_options.Test = None,
    unit: train_options.TextUnit = None,
    arch: train_options.TextArch = None,
    out: train_options.Out = None,
    init_from: train_options.InitFrom = None,
    recipe: train_options.RecipeFile = None,
    preset: train_options.Preset = "default",
    time_budget: train_options.TimeBudget = None,
    max_epochs: train_options.MaxEpochs = None,
    seed: Seed = None,
    settings: train_options.Settings = None,
    resume: train_options.Resume = False,
    overwrite: train_options.Overwrite = False,
    dry_run: train_options.DryRun = False,
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
    asked = recipe_of(GenerateRecipe, given, settings, preset=preset, recipe=recipe, resumed=out if resume else None)
    place = place_of(out, train_files, asked, dry_run=dry_run, resume=resume, overwrite=overwrite)
    corpus = read_corpus(GenerateFiles(train_files, dev or (), test or ()), asked)
    if not quiet:
        print_notes(corpus.notes)
    from tidegate.training.generation.task import GenerateTask

    task = GenerateTask(asked, corpus)
    example = example_file(train_files, dev, test)
    run(task, place, count, example, dry_run=dry_run, resume=resume, overwrite=overwrite, quiet=quiet, started=started)


def translate(
    train_files: Annotated[
        list[str],
        typer.Argument(
            metavar="TRAIN...",
            help="Pairs: TSV (no quotes) or CSV (quotes count), a source and a target a line; or a pronouncing dictionary: a word and its "
            "phones a line. .gz of each; several files and globs.",
            show_default=False,
        ),
    ],
    dev: train_options.Dev = None,
    test: train_options.Test = None,
    source: options.SourceColumn = None,
    target: options.TargetColumn = None,
    source_unit: train_options.SourceUnit = None,
    target_unit: train_options.TargetUnit = None,
    attention: train_options.Attention = None,
    simultaneous: train_options.Simultaneous = False,
    arch: train_options.Arch = None,
    out: train_options.Out = None,
    init_from: train_options.InitFrom = None,
    recipe: train_options.RecipeFile = None,
    preset: train_options.Preset = "default",
    time_budget: train_options.TimeBudget = None,
    max_epochs: train_options.MaxEpochs = None,
    seed: Seed = None,
    settings: train_options.Settings = None,
    resume: train_options.Resume = False,
    overwrite: train_options.Overwrite = False,
    dry_run: train_options.DryRun = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Train a translator, a sequence from a sequence: translation, spelling to sound, lemmas, transliteration, normalising dates."""
    started = time.monotonic()
    from tidegate.threads import use_threads

    count = use_threads(threads)
    from tidegate.training.translation.corpus import read_corpus
    from tidegate.training.translation.recipe import TranslateRecipe

    given: dict[str, Any] = {"source": source, "target": target, "source_unit": source_unit, "target_unit": target_unit}
    given |= {
        "attention": attention,
        "simultaneous": simultaneous or None,
        "arch": arch,
        "time_budget": time_budget,
        "max_epochs": max_epochs,
        "seed": seed,
    }
    given |= {"init_from": init_from}
    asked = recipe_of(TranslateRecipe, given, settings, preset=preset, recipe=recipe, resumed=out if resume else None)
    place = place_of(out, train_files, asked, dry_run=dry_run, resume=resume, overwrite=overwrite)
    corpus = read_corpus(RunFiles(train_files, dev or (), test or ()), asked)
    if not quiet:
        print_notes(corpus.notes)
    from tidegate.training.translation.task import TranslateTask

    task = TranslateTask(asked, corpus)
    example = example_file(train_files, dev, test)
    run(task, place, count, example, dry_run=dry_run, resume=resume, overwrite=overwrite, quiet=quiet, started=started)
