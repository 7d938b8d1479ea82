"""`tidegate train tag` and `tidegate train classify`: models that give labels."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from tidegate.cli import sequence_options, train_options
from tidegate.cli.options import Quiet, Seed, Threads, Version
from tidegate.cli.sequence_options import input_of
from tidegate.cli.train_run import example_file, place_of, print_notes, recipe_of, run
from tidegate.training.files import RunFiles

TAG_EXAMPLES = (
    "Examples:\n\n"
    "tidegate train tag train.conllu --dev dev.conllu --label upos --arch bilstm --out model/\n\n"
    "tidegate train tag ner.conll --label 4 --preset fast    (columns; label in the fourth)\n\n"
    "tidegate train tag slots.jsonl --time-budget 10m --set hidden_size=256\n\n"
    "tidegate train tag 'part-*.conllu.gz' --label upos,xpos --dry-run\n\n"
    "tidegate train tag few.conllu --init-from lm/    (word vectors and layers of a language model)\n\n"
    "tidegate train tag sleep.csv --sequence night --step epoch --label stage    (numbers: a row a step, a label each)"
)
CLASSIFY_EXAMPLES = (
    "Examples:\n\n"
    "tidegate train classify reviews.csv --text review --label sentiment\n\n"
    "tidegate train classify SMSSpamCollection.tsv --positive spam    (no header: columns found by their content)\n\n"
    "tidegate train classify names.csv --unit char --arch bigru    (a word's language from its letters)\n\n"
    "tidegate train classify tickets.jsonl --label topic --group customer --dry-run\n\n"
    "tidegate train classify tagged.csv --label tags --label-separator '|'    (several labels a text)\n\n"
    "tidegate train classify moves.csv --sequence trial --step t --label gesture    (numbers: a row a step)\n\n"
    "tidegate train classify moves/ --arch gru    (moves/LABEL/*.csv: a file a sequence)\n\n"
    "tidegate train classify 'digits/*.wav' --pattern '{label}_{group}_{}'    (sound: labels and groups from the files' names)\n\n"
    "tidegate train classify commands/ --lookahead 100ms    (commands/LABEL/*.wav; a two-way network that answers live)"
)


def tag(
    train_files: Annotated[
        list[str],
        typer.Argument(
            metavar="TRAIN...",
            help="CoNLL-U, CoNLL-2003-like columns, or JSON Lines with spans; of numbers tables or .npz; .gz of each; several files and "
            "globs.",
            show_default=False,
        ),
    ],
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
    """Train a tagger: a label for every token (parts of speech, named entities, slots), or for every step of sequences of numbers."""
    started = time.monotonic()
    from tidegate.threads import use_threads

    count = use_threads(threads)
    given: dict[str, Any] = {"label": label, "arch": arch, "time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    given |= {"init_from": init_from}
    own = {"group": group, "sequence": sequence, "step": step, "features": features, "missing": missing, "lookahead": lookahead}
    if input_of("tag", kind, train_files, own, recipe=recipe, settings=settings) == "numbers":
        from tidegate.cli.train_sequences import tag_sequences

        source = {"settings": settings, "preset": preset, "recipe": recipe}
        how = {"dry_run": dry_run, "resume": resume, "overwrite": overwrite, "quiet": quiet}
        tag_sequences((train_files, dev or [], test or []), given | own, source, out, count, started, **how)
        return
    from tidegate.training.tagging.corpus import read_corpus
    from tidegate.training.tagging.recipe import TagRecipe

    asked = recipe_of(TagRecipe, given, settings, preset=preset, recipe=recipe, resumed=out if resume else None)
    place = place_of(out, train_files, asked, dry_run=dry_run, resume=resume, overwrite=overwrite)
    corpus = read_corpus(RunFiles(train_files, dev or (), test or ()), asked)
    if not quiet:
        columns = ", ".join(f"{c.name} ({len(c.labels)} labels{f', {c.scheme}' if c.scheme else ''})" for c in corpus.vocabulary.columns)
        notes = [f"{len(corpus.train):,} sentences, {corpus.tokens:,} tokens; {columns}; {corpus.split}"]
        print_notes([*notes, f"{corpus.unknown} Such labels count as wrong answers."] if corpus.unknown else notes)
    # Only now, so that a mistake in the options or the files is told at once.
    from tidegate.training.tagging.task import TagTask

    task = TagTask(asked, corpus)
    example = example_file(train_files, dev, test)
    run(task, place, count, example, dry_run=dry_run, resume=resume, overwrite=overwrite, quiet=quiet, started=started)


def classify(
    train_files: Annotated[
        list[str],
        typer.Argument(
            metavar="TRAIN...",
            help="Texts: CSV (quotes count), TSV (no quotes), JSON Lines or fastText lines. Numbers: tables, a row a step, or .npz. Sound: "
            ".wav files, or a table of them. Folders named by labels; .gz of tables; several files and globs.",
            show_default=False,
        ),
    ],
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
    """Train a classifier: a label for every text (topic, intent, spam, language), sequence of numbers (gesture, fault) or recording."""
    started = time.monotonic()
    from tidegate.threads import use_threads

    count = use_threads(threads)
    given: dict[str, Any] = {"label": label, "group": group, "arch": arch, "init_from": init_from}
    given |= {"time_budget": time_budget, "max_epochs": max_epochs, "seed": seed}
    of_texts = {"text": text, "label_separator": separator, "unit": unit, "positive": positive}
    of_sequences = {"sequence": sequence, "step": step, "features": features, "missing": missing}
    of_sequences |= {"path": path, "pattern": pattern, "lookahead": lookahead}
    found = input_of("classify", kind, train_files, of_texts | of_sequences, recipe=recipe, settings=settings)
    if found != "text":
        from tidegate.cli.train_sequences import classify_sequences

        source = {"settings": settings, "preset": preset, "recipe": recipe}
        how = {"dry_run": dry_run, "resume": resume, "overwrite": overwrite, "quiet": quiet}
        files = (train_files, dev or [], test or [])
        classify_sequences(files, given | of_sequences | {"input": found}, source, out, count, started, **how)
        return
    from tidegate.cli.progress import steps_shown
    from tidegate.training.classification.corpus import read_corpus
    from tidegate.training.classification.recipe import ClassifyRecipe

    given |= of_texts
    asked = recipe_of(ClassifyRecipe, given, settings, preset=preset, recipe=recipe, resumed=out if resume else None)
    place = place_of(out, train_files, asked, dry_run=dry_run, resume=resume, overwrite=overwrite)
    with steps_shown("fitting n-grams", is_shown=not quiet) as watch:
        corpus = read_corpus(RunFiles(train_files, dev or (), test or ()), asked, watch)
    if not quiet:
        print_notes(corpus.notes)
    from tidegate.training.classification.task import ClassifyTask

    task = ClassifyTask(asked, corpus)
    example = example_file(train_files, dev, test)
    run(task, place, count, example, dry_run=dry_run, resume=resume, overwrite=overwrite, quiet=quiet, started=started)
