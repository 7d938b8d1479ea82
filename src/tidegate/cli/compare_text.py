"""`tidegate compare generate` and `tidegate compare translate`."""

from __future__ import annotations

from typing import Any

from tidegate.cli import compare_options, options, train_options
from tidegate.cli.compare_run import compare
from tidegate.cli.options import Quiet, Seed, Threads, Version

GENERATE_EXAMPLES = (
    "Examples:\n\n"
    "tidegate compare generate shakespeare.txt --arch rnn,lstm,gru --seeds 3 --time-budget 2h    (the last tenth is held out)\n\n"
    "tidegate compare generate train.txt --dev valid.txt --test test.txt --unit word --arch lstm,gru\n\n"
    "tidegate compare generate book.txt --unit word --set line_breaks=blank --arch bilstm,bigru    (they fill blanks)"
)
TRANSLATE_EXAMPLES = (
    "Examples:\n\n"
    "tidegate compare translate cmudict.dict --set stress=drop --set test_share=0.05 --arch gru,bigru\n\n"
    "tidegate compare translate dates.tsv --folds 3 --seeds 1\n\n"
    "tidegate compare translate pairs.tsv --dev dev.tsv --test test.tsv --train-sizes 25,50,100%"
)


def generate(
    train_files: compare_options.Train,
    dev: train_options.TextDev = None,
    test: train_options.Test = None,
    unit: train_options.TextUnit = None,
    arch: compare_options.TextArchs = None,
    seeds: compare_options.Seeds = 3,
    baselines: compare_options.Baselines = "auto",
    folds: compare_options.NoFolds = 0,
    train_sizes: compare_options.NoTrainSizes = "100%",
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
    """Compare language models by nats a unit, beside n-grams: one-way ones, or two-way ones, which fill blanks."""
    given: dict[str, Any] = {"unit": unit}
    given |= {"time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    planned = {"arch": arch, "seeds": seeds, "baselines": baselines, "folds": folds, "train_sizes": train_sizes}
    source = {"preset": preset, "recipe": recipe, "settings": settings}
    how = {"resume": resume, "overwrite": overwrite, "quiet": quiet}
    compare("generate", (train_files, dev or [], test or []), given, planned, source, out, threads, **how)


def translate(
    train_files: compare_options.Train,
    dev: train_options.Dev = None,
    test: train_options.Test = None,
    source_column: options.SourceColumn = None,
    target: options.TargetColumn = None,
    source_unit: train_options.SourceUnit = None,
    target_unit: train_options.TargetUnit = None,
    attention: train_options.Attention = None,
    simultaneous: train_options.Simultaneous = False,
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
    """Compare encoders of translators, beside the target of the nearest source."""
    given: dict[str, Any] = {
        "source": source_column,
        "target": target,
        "source_unit": source_unit,
        "target_unit": target_unit,
        "attention": attention,
        "simultaneous": simultaneous or None,
    }
    given |= {"time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    planned = {"arch": arch, "seeds": seeds, "baselines": baselines, "folds": folds, "train_sizes": train_sizes}
    source = {"preset": preset, "recipe": recipe, "settings": settings}
    how = {"resume": resume, "overwrite": overwrite, "quiet": quiet}
    compare("translate", (train_files, dev or [], test or []), given, planned, source, out, threads, **how)
