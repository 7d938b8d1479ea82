"""`tidegate compare transcribe`."""

from __future__ import annotations

from typing import Any

from tidegate.cli import compare_options, sequence_options, train_options
from tidegate.cli.compare_run import compare
from tidegate.cli.options import Quiet, Seed, Threads, Version

TRANSCRIBE_EXAMPLES = (
    "Examples:\n\n"
    "tidegate compare transcribe spoken.tsv --path file --text sentence --test test.tsv --arch gru,bigru\n\n"
    "tidegate compare transcribe 'digits/*.wav' --pattern '{text}_{group}_{}' --connect 1-7 --arch gru,lstm,bigru --lookahead 200ms"
)


def transcribe(
    train_files: compare_options.Train,
    dev: train_options.Dev = None,
    test: train_options.Test = None,
    text: sequence_options.Transcript = None,
    path: sequence_options.RecordingPath = None,
    pattern: sequence_options.Pattern = None,
    group: train_options.Group = None,
    unit: sequence_options.SpokenUnit = None,
    connect: sequence_options.Connect = None,
    lookahead: sequence_options.TrainLookahead = None,
    arch: compare_options.Archs = None,
    seeds: compare_options.Seeds = 3,
    baselines: compare_options.Baselines = "auto",
    folds: compare_options.Folds = 0,
    train_sizes: compare_options.TrainSizes = "100%",
    out: compare_options.Out = None,
    recipe: train_options.RecipeFile = None,
    preset: train_options.Preset = "default",
    time_budget: compare_options.TimeBudget = None,
    max_epochs: train_options.MaxEpochs = None,
    seed: Seed = None,
    settings: train_options.Settings = None,
    resume: compare_options.Resume = False,
    overwrite: compare_options.Overwrite = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Compare transcribers of recordings by their errors."""
    given: dict[str, Any] = {
        "text": text,
        "path": path,
        "pattern": pattern,
        "group": group,
        "unit": unit,
        "connect": connect,
        "lookahead": lookahead,
    }
    given |= {"time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    planned = {"arch": arch, "seeds": seeds, "baselines": baselines, "folds": folds, "train_sizes": train_sizes}
    source = {"preset": preset, "recipe": recipe, "settings": settings}
    how = {"resume": resume, "overwrite": overwrite, "quiet": quiet}
    compare("transcribe", (train_files, dev or [], test or []), given, planned, source, out, threads, **how)
