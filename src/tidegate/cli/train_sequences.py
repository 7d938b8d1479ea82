"""`tidegate train transcribe`, and what `train classify` and `train tag` do over sequences of numbers and sound."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli import sequence_options, train_options
from tidegate.cli.options import Quiet, Seed, Threads, Version
from tidegate.cli.train_run import place_of, print_notes, recipe_of, run
from tidegate.training.files import RunFiles

TRANSCRIBE_EXAMPLES = (
    "Examples:\n\n"
    "tidegate train transcribe spoken.tsv --path file --text sentence    (a table: a .wav file and what is said in it a row)\n\n"
    "tidegate train transcribe 'digits/*.wav' --pattern '{text}_{group}_{}' --connect 1-7    (single words, joined while training)\n\n"
    "tidegate train transcribe spoken.jsonl --unit char --dev dev.jsonl --test test.jsonl\n\n"
    "tidegate train transcribe streams.tsv --arch bilstm --lookahead 200ms    (then: tidegate stream streams-bilstm/ --latency < one.wav)"
)

# Files of training, development and test data.
Files = tuple[list[str], list[str], list[str]]


def classify_sequences(
    files: Files, given: Mapping[str, Any], source: Mapping[str, Any], out: Path | None, threads: int, started: float, **how: bool
) -> None:
    """Trains a classifier of sequences of numbers or of recordings.

    Args:
        given: keys of the recipe by option, None where nothing was given.
        source: `settings`, `preset` and `recipe`, as the user gave them.
        out: where the model is to stand.
        how: `dry_run`, `resume`, `overwrite`, `quiet`.
    """
    from tidegate.training.sequences.corpus import read_corpus
    from tidegate.training.sequences.recipe import SequenceClassifyRecipe

    asked = recipe_of(SequenceClassifyRecipe, dict(given), **source, resumed=out if how["resume"] else None)
    place = _place(out, files, asked, how)
    corpus = read_corpus(RunFiles(*files), asked)
    _check_lookahead(corpus, asked)
    if not how["quiet"]:
        print_notes(corpus.notes)
    # Only now, so that a mistake in the options or the files is told at once.
    from tidegate.training.sequences.task import SequenceClassifyTask

    run(SequenceClassifyTask(asked, corpus), place, threads, _example(files), **how, started=started)


def tag_sequences(
    files: Files, given: Mapping[str, Any], source: Mapping[str, Any], out: Path | None, threads: int, started: float, **how: bool
) -> None:
    """Trains a tagger of the steps of sequences of numbers; the arguments are those of `classify_sequences`."""
    from tidegate.training.sequences.corpus import read_corpus
    from tidegate.training.sequences.recipe import SequenceTagRecipe

    asked = recipe_of(SequenceTagRecipe, dict(given), **source, resumed=out if how["resume"] else None)
    place = _place(out, files, asked, how)
    corpus = read_corpus(RunFiles(*files), asked)
    _check_lookahead(corpus, asked)
    if not how["quiet"]:
        print_notes(corpus.notes)
    from tidegate.training.sequences.task import SequenceTagTask

    run(SequenceTagTask(asked, corpus), place, threads, _example(files), **how, started=started)


def transcribe(
    train_files: Annotated[
        list[str],
        typer.Argument(
            metavar="TRAIN...",
            help="Tables or JSON Lines of .wav files and what is said in them; or .wav files whose names say it (--pattern), folders and "
            "globs too.",
            show_default=False,
        ),
    ],
    dev: train_options.Dev = None,
    test: train_options.Test = None,
    text: sequence_options.Transcript = None,
    path: sequence_options.RecordingPath = None,
    pattern: sequence_options.Pattern = None,
    group: train_options.Group = None,
    unit: sequence_options.SpokenUnit = None,
    connect: sequence_options.Connect = None,
    lookahead: sequence_options.TrainLookahead = None,
    arch: train_options.Arch = None,
    out: train_options.Out = None,
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
    """Train a transcriber: what is said in recordings of connected speech, unit after unit (CTC)."""
    started = time.monotonic()
    from tidegate.threads import use_threads

    count = use_threads(threads)
    from tidegate.training.transcription.corpus import read_corpus
    from tidegate.training.transcription.recipe import TranscribeRecipe

    given: dict[str, Any] = {"text": text, "path": path, "pattern": pattern, "group": group, "unit": unit, "connect": connect}
    given |= {"lookahead": lookahead, "arch": arch, "time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    files = (train_files, dev or [], test or [])
    how = {"dry_run": dry_run, "resume": resume, "overwrite": overwrite, "quiet": quiet}
    asked = recipe_of(TranscribeRecipe, given, settings, preset=preset, recipe=recipe, resumed=out if resume else None)
    place = _place(out, files, asked, how)
    corpus = read_corpus(RunFiles(*files), asked)
    _check_lookahead(corpus, asked)
    if not quiet:
        print_notes(corpus.notes)
    from tidegate.training.transcription.task import TranscribeTask

    run(TranscribeTask(asked, corpus), place, count, _example(files), **how, started=started)


def _place(out: Path | None, files: Files, recipe: Any, how: Mapping[str, bool]) -> Path:
    return place_of(out, files[0], recipe, dry_run=how["dry_run"], resume=how["resume"], overwrite=how["overwrite"])


def _check_lookahead(corpus: Any, recipe: Any) -> None:
    """Tells now what is wrong with a look-ahead, before PyTorch is loaded."""
    if recipe.lookahead:
        corpus.frames.lookahead_steps(recipe.lookahead)


def _example(files: Files) -> str:
    """A file to evaluate and to answer: of the test data, else of the development data, else of the training data."""
    train, dev, test = files
    return [*test, *dev, *train][0]
