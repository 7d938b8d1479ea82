"""`tidegate compare classify` and `tidegate compare tag`."""

from __future__ import annotations

from typing import Any

from tidegate.cli import compare_options, sequence_options, train_options
from tidegate.cli.compare_run import compare
from tidegate.cli.options import Quiet, Seed, Threads, Version
from tidegate.cli.sequence_options import input_of
from tidegate.threads import use_threads

CLASSIFY_EXAMPLES = (
    "Examples:\n\n"
    "tidegate compare classify spam.csv --arch rnn,lstm,bilstm,gru,bigru --seeds 3 --out report/\n\n"
    "tidegate compare classify spam.csv --folds 5 --seeds 1 --time-budget 20m\n\n"
    "tidegate compare classify tickets.jsonl --label topic --train-sizes 25,50,75,100%\n\n"
    "tidegate compare classify moves.csv --sequence trial --label gesture --arch gru,bigru    (numbers: a row a step)\n\n"
    "tidegate compare classify 'digits/*.wav' --pattern '{label}_{group}_{}' --folds 3    (sound)"
)
TAG_EXAMPLES = (
    "Examples:\n\n"
    "tidegate compare tag train.conllu --dev dev.conllu --test test.conllu --label upos --arch lstm,bilstm,bigru\n\n"
    "tidegate compare tag ner.conll --folds 3 --preset fast\n\n"
    "tidegate compare tag sleep.csv --sequence night --label stage    (numbers: a row a step, a label each)"
)


def classify(
    train_files: compare_options.Train,
    dev: train_options.Dev = None,
    test: train_options.Test = None,
    kind: sequence_options.ClassifyInput = "auto",
    text: train_options.TextColumn = None,
    label: train_options.ClassLabel = None,
    separator: train_options.LabelSeparator = None,
    unit: train_options.Unit = None,
    positive: train_options.Positive = None,
    group: train_options.Group = None,
    sequence: sequence_options.Sequence = None,
    step: sequence_options.Step = None,
    features: sequence_options.Features = None,
    missing: sequence_options.Missing = None,
    path: sequence_options.RecordingPath = None,
    pattern: sequence_options.Pattern = None,
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
    """Compare classifiers of texts, sequences of numbers or recordings, beside a linear machine."""
    given: dict[str, Any] = {"label": label, "group": group}
    given |= {"time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    use_threads(threads)  # before the files are looked at
    of_texts = {"text": text, "label_separator": separator, "unit": unit, "positive": positive}
    of_sequences = {"sequence": sequence, "step": step, "features": features, "missing": missing}
    of_sequences |= {"path": path, "pattern": pattern, "lookahead": lookahead}
    found = input_of("classify", kind, train_files, of_texts | of_sequences, recipe=recipe, settings=settings)
    given |= {"input": found} | (of_texts if found == "text" else of_sequences)
    planned = {"arch": arch, "seeds": seeds, "baselines": baselines, "folds": folds, "train_sizes": train_sizes}
    source = {"preset": preset, "recipe": recipe, "settings": settings}
    how = {"resume": resume, "overwrite": overwrite, "quiet": quiet}
    compare("classify", (train_files, dev or [], test or []), given, planned, source, out, threads, **how)


def tag(
    train_files: compare_options.Train,
    dev: train_options.Dev = None,
    test: train_options.Test = None,
    kind: sequence_options.TagInput = "auto",
    label: train_options.TagLabel = None,
    group: train_options.Group = None,
    sequence: sequence_options.Sequence = None,
    step: sequence_options.Step = None,
    features: sequence_options.Features = None,
    missing: sequence_options.Missing = None,
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
    """Compare taggers of tokens, or of the steps of sequences of numbers, beside what is most frequent."""
    given: dict[str, Any] = {"label": label}
    given |= {"time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    use_threads(threads)  # before the files are looked at
    own = {"group": group, "sequence": sequence, "step": step, "features": features, "missing": missing, "lookahead": lookahead}
    found = input_of("tag", kind, train_files, own, recipe=recipe, settings=settings)
    given |= {"input": found} | (own if found == "numbers" else {})
    planned = {"arch": arch, "seeds": seeds, "baselines": baselines, "folds": folds, "train_sizes": train_sizes}
    source = {"preset": preset, "recipe": recipe, "settings": settings}
    how = {"resume": resume, "overwrite": overwrite, "quiet": quiet}
    compare("tag", (train_files, dev or [], test or []), given, planned, source, out, threads, **how)
