"""`tidegate evaluate`: scores of a model on labelled files. Needs no torch."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli import options, sequence_options, series_options
from tidegate.cli.options import BatchTokens, Model, Quiet, Threads, Version

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tidegate.data import TextRecord, TokenRecord
    from tidegate.runtime import ClassifyModel, GenerateModel, TagModel

_NOUNS = {"char": "characters", "word": "words", "bpe": "pieces", "token": "tokens"}


def evaluate(
    model: Model,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Labelled files, pairs or tables, in any form that `train` reads; for a language model plain text; globs allowed.",
            show_default=False,
        ),
    ],
    form: Annotated[str, typer.Option("--format", metavar="text|json", help="A table, or one JSON object.")] = "text",
    label: Annotated[
        str | None,
        typer.Option(
            "--label", metavar="COL[,COL...]", help="The label columns in these files \\[default: as in training]", show_default=False
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            "--text",
            metavar="COL",
            help="Classifier of texts, transcriber: the column of the text \\[default: as in training]",
            show_default=False,
        ),
    ] = None,
    source: options.SourceColumn = None,
    target: options.TargetColumn = None,
    beam: options.Beam = None,
    wait_k: options.WaitKs = None,
    last: series_options.Last = None,
    every: series_options.Every = None,
    scaled: series_options.Scaled = False,
    lookahead: sequence_options.Lookahead = None,
    plot: sequence_options.ClassPlot = None,
    batch_tokens: BatchTokens = None,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Score a model on labelled files or pairs, a language model on text, or a forecaster or filler on tables whose values are known.

    Classifiers and taggers show which label was taken for which, classifiers of sequences also how soon in a sequence they are right.

    Examples:

    tidegate evaluate model/ test.conllu

    tidegate evaluate model/ test.conll --format json

    tidegate evaluate spam-model/ other.csv --text body --label is_spam

    tidegate evaluate writer/ test.txt    (nats, perplexity, bits a character)

    tidegate evaluate sounds/ test.dict --beam 10

    tidegate evaluate translator/ test.tsv --wait-k 1,3,5,full    (a row for each)

    tidegate evaluate pump-gru/ pump.csv --last 30d    (told from origin after origin, beside the naive forecasts)

    tidegate evaluate grid-gru/ grid.csv --last 2880 --every 1 --scaled --format json

    tidegate evaluate moves-bilstm/ test.csv --plot confusion.svg    (sequences of numbers)

    tidegate evaluate streams-bilstm/ test.tsv --lookahead 200ms    (a transcriber: word error rate)
    """
    from tidegate.threads import use_threads

    use_threads(threads)
    from tidegate.cli.fitting import EVALUATE, kind_of, refuse_misfits
    from tidegate.cli.progress import counted
    from tidegate.data.reading import expand
    from tidegate.errors import RecipeError
    from tidegate.runtime import (
        ClassifyModel,
        FillModel,
        ForecastModel,
        GenerateModel,
        SequenceClassifyModel,
        SequenceTagModel,
        TranscribeModel,
        TranslateModel,
        load,
    )
    from tidegate.runtime.windows import BATCH_TOKENS

    if form not in ("text", "json"):
        raise RecipeError(f"--format {form} is neither text nor json.")
    loaded = load(model)
    given: dict[str, Any] = {"--label": label, "--text": text, "--source": source, "--target": target, "--beam": beam, "--wait-k": wait_k}
    given |= {"--last": last, "--every": every, "--scaled": scaled, "--batch-tokens": batch_tokens}
    given |= {"--lookahead": lookahead, "--plot": plot}
    refuse_misfits(kind_of(loaded), given, EVALUATE)
    if plot is not None:
        from tidegate.runtime.picture_files import check_picture_file

        check_picture_file(plot, "--plot")
    budget = batch_tokens or BATCH_TOKENS
    if isinstance(loaded, ForecastModel | FillModel):
        from tidegate.cli.series_scores import scores_of

        result = scores_of(loaded, files, last=last, every=every, scaled=scaled)
    elif isinstance(loaded, GenerateModel):
        result = loaded.evaluate(_text_lines(expand(files)))
    elif isinstance(loaded, TranslateModel):
        from tidegate.cli.translation_scores import labelled_entries, scores_by_wait, waits_of

        waits = None if wait_k is None else waits_of(wait_k)
        if waits and beam is not None:
            raise RecipeError("--beam does not go with --wait-k: what was answered already cannot be taken back. Leave one of them out.")
        entries = labelled_entries(loaded, files, source, target)
        result = scores_by_wait(loaded, entries, waits) if waits else loaded.evaluate(entries, beam=beam)
    elif isinstance(loaded, SequenceClassifyModel | SequenceTagModel | TranscribeModel):
        from tidegate.cli.sequence_scores import sequence_scores

        options = {"beam": beam, "lookahead": lookahead, "batch_tokens": batch_tokens}
        result = sequence_scores(loaded, files, options, label=label, text=text)
    elif isinstance(loaded, ClassifyModel):
        texts = counted(_labelled_texts(loaded, expand(files), text, label), "evaluating", is_shown=not quiet)
        result = loaded.evaluate(texts, batch_tokens=budget)
    else:
        tokens = counted(_labelled(loaded, expand(files), label), "evaluating", is_shown=not quiet)
        result = loaded.evaluate(tokens, batch_tokens=budget)
    if not quiet:
        for note in _notes(loaded.config, result):
            print(note, file=sys.stderr)
    if plot is not None:
        from tidegate.cli.sequence_scores import draw_scores

        said = draw_scores(result, plot, loaded.config)
        if said and not quiet:
            print(said, file=sys.stderr)
    if form == "json":
        print(json.dumps(result, ensure_ascii=False))
    elif isinstance(loaded, ForecastModel | FillModel):
        from tidegate.cli.series_scores import print_series_scores

        print_series_scores(result)
    elif isinstance(loaded, GenerateModel):
        _print_text_scores(result, loaded)
    elif isinstance(loaded, TranslateModel):
        from tidegate.cli.translation_scores import print_translation_scores

        print_translation_scores(result)
    elif isinstance(loaded, TranscribeModel):
        from tidegate.cli.sequence_scores import print_transcript_scores

        print_transcript_scores(result)
    elif isinstance(loaded, SequenceClassifyModel | SequenceTagModel):
        _print_scores(result, loaded.column, "steps" if isinstance(loaded, SequenceTagModel) else "sequences")
    else:
        for column in loaded.columns:
            scores = result if column == loaded.columns[0] else result["columns"][column]
            _print_scores(scores, column, "texts" if isinstance(loaded, ClassifyModel) else "tokens")


def _notes(config: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[str]:
    """What is to be said of scores: how much the model does not know, and which of them could not be had."""
    yield from result.get("notes", ())
    if result.get("n_unknown_labels"):
        yield f"{result['n_unknown_labels']:,} labels are unknown to the model and count as wrong. {result['first_unknown_label']}"
    if result.get("n_unknown_units"):
        yield f"{result['n_unknown_units']:,} units of the transcripts are unknown to the model and count as errors."
    if result.get("n_unknown"):
        recipe = config["recipe"]
        noun = _NOUNS[recipe["target_unit" if config["task"] == "translate" else "unit"]]
        yield f"{result['n_unknown']:,} {noun} are unknown to the model and count by the probability of the unknown."


def _text_lines(files: list[str]) -> Iterator[str]:
    """The lines of several files as one text.

    Raises:
        DataError: a file without a line, or one that is no text.
    """
    from tidegate.data.opening import open_lines
    from tidegate.errors import DataError

    for path in files:
        line = None
        for _, line in open_lines(path):
            yield line
        if line is None:
            raise DataError(f"{path} holds no text. Give a file with at least one line.")


def _labelled_texts(model: ClassifyModel, files: list[str], text: str | None, label: str | None) -> Iterator[TextRecord]:
    from tidegate.data.texts import detect_texts, read_texts

    columns = model.config["columns"]
    for path in files:
        # Columns have names where there was a table or JSON in training, and where there is one here.
        is_named = columns["form"] in ("table", "json") and detect_texts(path) in ("table", "json")
        yield from read_texts(
            path,
            text=text or (columns["text"] if is_named else ""),
            label=label or (columns["label"] if is_named else ""),
            label_separator=model.config["recipe"]["label_separator"],
        )


def _labelled(model: TagModel, files: list[str], label: str | None) -> Iterator[TokenRecord]:
    from dataclasses import replace

    from tidegate.data.reading import read_labelled
    from tidegate.errors import RecipeError

    asked = tuple(label.split(",")) if label is not None else tuple(model.config["recipe"]["label"])
    if label is not None and len(asked) != len(model.columns):
        raise RecipeError(
            f"--label names {len(asked)} columns, but the model fills {len(model.columns)}: {', '.join(model.columns)}. "
            "Name one for each, in this order."
        )
    for path in files:
        for record in read_labelled(path, label=asked):
            if label is None:
                yield record
            else:
                yield replace(record, labels=dict(zip(model.columns, record.labels.values(), strict=True)))


def _print_text_scores(scores: dict[str, Any], model: GenerateModel) -> None:
    """Of a two-way model what the left, the right and both say beside each other."""
    from rich.console import Console
    from rich.table import Table

    sizes = [f"{scores['n']:,} {_NOUNS[model.units.kind]}", f"{scores['n_characters']:,} characters"]
    table = Table(title="\n".join(dict.fromkeys(sizes)), title_justify="left")
    table.add_column("score")
    sides: dict[str, dict[str, Any]] = {"both": scores, **{side: scores[side] for side in ("left", "right") if side in scores}}
    for side in sides:
        table.add_column(side if model.is_two_way else "", justify="right")
    for key, value in scores.items():
        if isinstance(value, float):
            table.add_row(key, *(f"{side[key]:.4f}" if key in side else "" for side in sides.values()))
    Console().print(table)


def _print_scores(scores: dict[str, Any], column: str, counted: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from tidegate.cli.sequence_scores import print_by_share, print_confusion

    console = Console()
    summary = Table(title=f"{column}: {scores['n']:,} {counted}", title_justify="left")
    summary.add_column("score")
    summary.add_column("", justify="right")
    for key, value in scores.items():
        if isinstance(value, float):
            of = f" of {scores['positive']}" if key in ("f1", "precision", "recall") and "positive" in scores else ""
            summary.add_row(key + of, f"{value:.4f}")
    console.print(summary)
    if scores.get("thresholds"):
        cuts = Table(title=f"where to cut the probability of {scores['positive']}", title_justify="left")
        for heading in ("for precision", "threshold", "precision here", "recall here"):
            cuts.add_column(heading, justify="right")
        for entry in scores["thresholds"]:
            cuts.add_row(f"{entry['at_precision']:.2f}", f"{entry['threshold']:.6g}", f"{entry['precision']:.4f}", f"{entry['recall']:.4f}")
        console.print(cuts)
    per_label = scores.get("per_span_label", scores["per_label"])
    table = Table()
    for heading in ("label", "precision", "recall", "f1", "support"):
        table.add_column(heading, justify="left" if heading == "label" else "right")
    for name, entry in sorted(per_label.items(), key=lambda item: -item[1]["support"])[:40]:
        table.add_row(name, f"{entry['precision']:.3f}", f"{entry['recall']:.3f}", f"{entry['f1']:.3f}", f"{entry['support']:,}")
    console.print(table)
    print_confusion(scores)
    print_by_share(scores)
    if len(per_label) > 40:
        print(f"The 40 most frequent of {len(per_label)} labels; all with --format json.", file=sys.stderr)
