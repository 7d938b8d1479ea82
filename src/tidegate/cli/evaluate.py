"""`tidegate evaluate`: scores of a model on labelled files. Needs no torch."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tidegate.cli.options import BatchTokens, Model, Quiet, Threads, Version

if TYPE_CHECKING:
    from tidegate.runtime import TagModel


def evaluate(
    model: Model,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Labelled files, in any form that `train` reads; globs allowed.", show_default=False),
    ],
    form: Annotated[str, typer.Option("--format", metavar="text|json", help="A table, or one JSON object.")] = "text",
    label: Annotated[
        str | None,
        typer.Option(
            "--label", metavar="COL[,COL...]", help="The label columns in these files [default: as in training]", show_default=False
        ),
    ] = None,
    batch_tokens: BatchTokens = None,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Score a model on labelled files.

    Examples:

    tidegate evaluate model/ test.conllu

    tidegate evaluate model/ test.conll --format json
    """
    from tidegate.cli.threads import use_threads

    use_threads(threads)
    from tidegate.cli.progress import counted
    from tidegate.data.reading import expand
    from tidegate.errors import RecipeError
    from tidegate.runtime import load
    from tidegate.runtime.tag import BATCH_TOKENS

    if form not in ("text", "json"):
        raise RecipeError(f"--format {form} is neither text nor json.")
    loaded = load(model)
    records = counted(_labelled(loaded, expand(files), label), "evaluating", is_shown=not quiet)
    result = loaded.evaluate(records, batch_tokens=batch_tokens or BATCH_TOKENS)
    if result.get("n_unknown_labels") and not quiet:
        print(
            f"{result['n_unknown_labels']:,} labels are unknown to the model and count as wrong. {result['first_unknown_label']}",
            file=sys.stderr,
        )
    if form == "json":
        print(json.dumps(result, ensure_ascii=False))
    else:
        _print_scores(loaded, result)


def _labelled(model: TagModel, files: list[str], label: str | None) -> Any:
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


def _print_scores(model: TagModel, result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for column in model.columns:
        scores = result if column == model.columns[0] else result["columns"][column]
        summary = Table(title=f"{column}: {scores['n']:,} tokens", title_justify="left")
        summary.add_column("score")
        summary.add_column("", justify="right")
        for key, value in scores.items():
            if isinstance(value, float):
                summary.add_row(key, f"{value:.4f}")
        console.print(summary)
        per_label = scores.get("per_span_label", scores["per_label"])
        table = Table()
        for heading in ("label", "precision", "recall", "f1", "support"):
            table.add_column(heading, justify="left" if heading == "label" else "right")
        for name, entry in sorted(per_label.items(), key=lambda item: -item[1]["support"])[:40]:
            table.add_row(name, f"{entry['precision']:.3f}", f"{entry['recall']:.3f}", f"{entry['f1']:.3f}", f"{entry['support']:,}")
        console.print(table)
        if len(per_label) > 40:
            print(f"The 40 most frequent of {len(per_label)} labels; all with --format json.", file=sys.stderr)
