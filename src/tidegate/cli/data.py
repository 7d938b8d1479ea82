"""`tidegate data`: looks at data before anything is trained on it, and makes some. Needs no torch."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.connect import EXAMPLES, connect
from tidegate.cli.options import Quiet, Version
from tidegate.cli.train_options import LabelSeparator

if TYPE_CHECKING:
    from rich.table import Table

    from tidegate.data.checking import Report

data_app = typer.Typer(help="Look at data before training on it, and make connected speech.", no_args_is_help=True)

# Other kinds of data are looked at by a dry run.
_SERIES = "Tables of time series are not checked here: tidegate train {} FILE --dry-run says what is in them."
_ELSEWHERE = "Pairs and pronouncing dictionaries are not checked here: tidegate train translate FILE --dry-run counts what is in them."

# Files so named hold a token a line.
_TAGGED = (".conllu", ".conll", ".conllup", ".iob", ".iob2", ".bio")


@data_app.callback()
def _data() -> None:
    """Look at data before training on it, and make connected speech."""


@data_app.command(
    epilog="Examples:\n\n"
    "tidegate data check messages.tsv\n\n"
    "tidegate data check train.csv --dev dev.csv --test test.csv --text body --label topic --group author\n\n"
    "tidegate data check train.conllu --test test.conllu --label upos,xpos\n\n"
    "tidegate data check 'part-*.jsonl.gz' --format json",
)
def check(
    train_files: Annotated[
        list[str],
        typer.Argument(metavar="TRAIN...", help="Training files, in any form that `train` reads; globs allowed.", show_default=False),
    ],
    dev: Annotated[
        list[str] | None, typer.Option("--dev", metavar="FILE", help="Development file; repeat for several.", show_default=False)
    ] = None,
    test: Annotated[
        list[str] | None, typer.Option("--test", metavar="FILE", help="Test file; repeat for several.", show_default=False)
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            "--text", metavar="COL", help="Column of the texts, by name or 1-based number \\[default: found by itself]", show_default=False
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--label",
            metavar="COL",
            help="Label column, by name or number; for tokens several, separated by commas \\[default: found by itself]",
            show_default=False,
        ),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", metavar="COL", help="Column of groups (authors, conversations) to keep in one part.", show_default=False),
    ] = None,
    separator: LabelSeparator = None,
    task: Annotated[
        str, typer.Option("--task", metavar="auto|tag|classify", help="Labels for tokens or for whole texts; auto tells by the file.")
    ] = "auto",
    form: Annotated[str, typer.Option("--format", metavar="text|json", help="Tables, or one JSON object.")] = "text",
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Find what spoils training: repetitions, contradictions, rare labels, odd lengths, damaged characters.

    Nothing is changed, and the exit code is 0 whatever is found.
    """
    from tidegate.data.reading import expand
    from tidegate.data.sequence_detection import material_of
    from tidegate.errors import DataError, RecipeError, nearest

    for option, given, known in (("--task", task, ("auto", "tag", "classify")), ("--format", form, ("text", "json"))):
        if given not in known:
            instead = f" {_ELSEWHERE}" if given == "translate" else nearest(given, known)
            instead = f" {_SERIES.format(given)}" if given in ("forecast", "fill") else instead
            instead = (
                " Recordings are not checked here: tidegate train transcribe FILE --dry-run counts them."
                if given == "transcribe"
                else instead
            )
            raise RecipeError(f"{option} {given}: unknown; expected {', '.join(known)}.{instead}")
    if (material := material_of(train_files)) != "text":
        held = "sequences of numbers, which are" if material == "numbers" else "sound, which is"
        train = "tag" if task == "tag" and material == "numbers" else "classify"
        raise DataError(f"{train_files[0]} holds {held} not checked here: tidegate train {train} FILE --dry-run says what is in it.")
    named = {"train": train_files, "dev": dev, "test": test}
    began = time.monotonic()
    found, report = _checked(
        {name: expand(files) for name, files in named.items() if files}, task, text or "", label or "", group or "", separator or ""
    )
    if not quiet:
        how = "" if task == found else f" read as --task {found}"
        records = sum(profile.records for profile in report.profiles)
        if found == "classify":
            from tidegate.data.texts import find_columns

            columns = find_columns(expand(train_files)[0], text=text or "", label=label or "", group=group or "")
            how += f"; {columns.note}" if columns.note else ""
        print(f"{records:,} records{how}; checked in {time.monotonic() - began:.1f} s", file=sys.stderr)
    if form == "json":
        from dataclasses import asdict

        print(json.dumps({"task": found, **asdict(report)}, ensure_ascii=False))
    else:
        _print_report(report, found)


data_app.command(epilog=EXAMPLES)(connect)


def _checked(files: dict[str, list[str]], task: str, text: str, label: str, group: str, separator: str) -> tuple[str, Report]:
    """Whether these are tagged tokens or classified texts, and what the check found."""
    from tidegate.errors import DataError, RecipeError

    if task == "auto" and any(os.fspath(name).removesuffix(".gz").lower().endswith(_TAGGED) for names in files.values() for name in names):
        task = "tag"
    if task == "tag" and (text or group):
        raise RecipeError(f"--{'text' if text else 'group'} is for texts with labels; these files are read as tokens (--task classify?).")
    if task == "tag":
        return task, _check_tokens(files, label)
    report, refusal = None, None
    try:
        report = _check_texts(files, text, label, group, separator)
    except DataError as error:
        if task == "classify" or text or group:
            raise
        refusal = error
    # What cannot be read as texts, or has one word in each, may be tokens in a file whose name does not say so.
    if task == "auto" and not (text or group) and (report is None or all(part.words.longest < 2 for part in report.profiles)):
        tagged = _tagged(files, label)
        if tagged is not None:
            return "tag", tagged
    if refusal is not None and _are_pairs(files["train"]):
        raise DataError(f"{refusal} {_ELSEWHERE}")
    if report is None:
        raise refusal or DataError(f"{files['train'][0]} holds no texts.")
    return "classify", report


def _are_pairs(files: list[str]) -> bool:
    """Whether `train translate` could read these files."""
    from tidegate.data.pairs import read_pairs
    from tidegate.errors import DataError

    try:
        read_pairs(files)
    except DataError:
        return False
    return True


def _tagged(files: dict[str, list[str]], label: str) -> Report | None:
    """The report on files as tokens; None where they hold none, or one sentence alone, as a table does that was taken for tokens."""
    from tidegate.data.reading import detect
    from tidegate.errors import DataError

    try:
        detect(files["train"][0])
        report = _check_tokens(files, label)
    except DataError:
        return None
    return report if report.profiles[0].records > 1 else None


def _check_texts(files: dict[str, list[str]], text: str, label: str, group: str, separator: str) -> Report:
    from tidegate.data.checking import check_texts
    from tidegate.data.texts import read_texts

    parts = {}
    for part, names in files.items():
        read = (read_texts(name, text=text, label=label, group=group, label_separator=separator) for name in names)
        parts[part] = [record for records in read for record in records]
    return check_texts(parts)


def _check_tokens(files: dict[str, list[str]], label: str) -> Report:
    from tidegate.data.checking import check_tokens
    from tidegate.data.reading import read_labelled

    asked = tuple(label.split(",")) if label else ()
    parts = {part: [record for name in names for record in read_labelled(name, label=asked)] for part, names in files.items()}
    return check_tokens(parts, list(parts["train"][0].labels))


def _print_report(report: Report, task: str) -> None:
    from rich.console import Console

    console = Console()
    console.print(_profile_table(report, *(("sentences", "tokens") if task == "tag" else ("texts", "words"))))
    console.print(_findings_table(report))
    console.print(report.summary, highlight=False, markup=False)


def _profile_table(report: Report, noun: str, words: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    measured = [f"{of} median\n95 % · longest" for of in (words, "chars")]
    for heading in ("part", noun, "distinct", "labels", *measured, "empty"):
        table.add_column(heading, justify="left" if heading == "part" else "right", no_wrap=True)
    for profile in report.profiles:
        counts = [f"{number:,}" for number in (profile.records, profile.distinct, profile.labels)]
        measured = [f"{of.median:,} · {of.p95:,} · {of.longest:,}" for of in (profile.words, profile.characters)]
        table.add_row(profile.name, *counts, *measured, f"{profile.empty:,}")
    return table


def _findings_table(report: Report) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading in ("", "about", "found"):
        table.add_column(heading, no_wrap=heading != "found")
    styles = {"fine": "green", "note": "cyan", "warning": "yellow"}
    for finding in report.findings:
        told = Text(finding.said)
        for place in finding.places:
            told.append(f"\n  {place}", "dim")
        if finding.mend:
            told.append(f"\n→ {finding.mend}")
        table.add_row(Text(finding.severity, styles[finding.severity]), finding.subject, told)
    return table
