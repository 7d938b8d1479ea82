"""What `evaluate` does with a translator: its scores, by the length of the source and by how long it waits before it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tidegate.data.pairs import Entry, read_pairs
from tidegate.errors import RecipeError

if TYPE_CHECKING:
    from rich.console import Console

    from tidegate.runtime import TranslateModel

# What --wait-k calls an answer that comes after the whole source.
_WHOLE = ("full", "inf")


def labelled_entries(model: TranslateModel, files: Sequence[str], source: str | None, target: str | None) -> Sequence[Entry]:
    """The pairs of files, read as in training; `source` and `target` name other columns.

    Raises:
        DataError: a file cannot be read, or holds no pairs.
    """
    recipe = model.config["recipe"]
    if source is None and target is None:
        source, target = recipe["source"], recipe["target"]
    return read_pairs(files, source=source, target=target, stress=recipe["stress"]).entries


def waits_of(asked: str) -> list[int | None]:
    """The numbers of `--wait-k 1,3,full`; None is the whole source.

    Raises:
        RecipeError: anything else than whole numbers and full.
    """
    waits: list[int | None] = []
    for part in asked.split(","):
        name = part.strip()
        if name in _WHOLE:
            waits.append(None)
        elif name.isdecimal() and int(name) > 0:
            waits.append(int(name))
        else:
            raise RecipeError(
                f"--wait-k {asked}: {name!r} is no number of source units; whole numbers from 1 with commas between them were expected, "
                "and full for the whole source, for instance 1,3,5,full."
            )
    return list(dict.fromkeys(waits))


def scores_by_wait(model: TranslateModel, entries: Sequence[Entry], waits: Sequence[int | None]) -> dict[str, Any]:
    """Under `wait_k` the scores for each number of source units that the answer lags behind, all of them without a beam.

    Raises:
        RecipeError: the model was not trained to answer before the source has ended.
    """
    if not model.is_simultaneous:
        raise RecipeError(
            "--wait-k is for a translator that answers before the source has ended, but this model reads a whole source before it answers. "
            "Train one with --simultaneous, or leave --wait-k out."
        )
    rows = [{"k": wait or _WHOLE[0]} | model.evaluate(entries, beam=1, wait_k=wait) for wait in waits]
    return {"wait_k": rows} | {key: rows[0][key] for key in ("notes", "n_unknown") if key in rows[0]}


def print_translation_scores(scores: Mapping[str, Any]) -> None:
    """Tables of scores: one of each, then by the length of the source; or a row for each wait."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if "wait_k" in scores:
        _print_rows(console, f"{scores['wait_k'][0]['n']:,} sources; units read before the first is answered", "k", scores["wait_k"])
        return
    table = Table(title=f"{scores['n']:,} sources", title_justify="left")
    table.add_column("score")
    table.add_column("", justify="right")
    for key, value in scores.items():
        if isinstance(value, float):
            table.add_row(key, f"{value:.4f}")
    console.print(table)
    if len(scores.get("by_length", ())) > 1:
        _print_rows(console, "by the length of the source", "source_units", scores["by_length"])


def _print_rows(console: Console, title: str, first: str, rows: Sequence[Mapping[str, Any]]) -> None:
    from rich.table import Table

    names = [name for name, value in rows[0].items() if isinstance(value, float)]
    table = Table(title=title, title_justify="left")
    for heading in (first.replace("_", " "), *(["n"] if first != "k" else []), *names):
        table.add_column(heading, justify="right")
    for row in rows:
        counts = [f"{row['n']:,}"] if first != "k" else []
        table.add_row(str(row[first]), *counts, *(f"{row[name]:.4f}" for name in names))
    console.print(table)
