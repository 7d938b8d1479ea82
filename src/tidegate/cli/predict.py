"""`tidegate predict`: answers for files or for standard input. Needs no torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import BatchTokens, Model, Quiet, Threads, Version

if TYPE_CHECKING:
    from tidegate.data import TokenRecord

_INPUTS = ("auto", "text", "tokens", "conllu")
_FORMATS = ("jsonl", "csv", "conllu")


def predict(
    model: Model,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE...|-]", help="Input files, or - for standard input (also without any).", show_default=False),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--input",
            metavar="auto|text|tokens|conllu",
            help="text: a sequence a line, cut by the word rule; tokens: a sequence a line, blanks between; auto: by "
            "the file's name and content.",
        ),
    ] = "auto",
    form: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="jsonl|csv|conllu", help="Output form [default: by --output's suffix; else jsonl]", show_default=False
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write here, whole or not at all [default: standard output]", show_default=False
        ),
    ] = None,
    with_input: Annotated[bool, typer.Option("--with-input", help="jsonl: repeat the text and the labels that the input carried.")] = False,
    abstain_below: Annotated[
        float, typer.Option("--abstain-below", min=0.0, max=1.0, metavar="P", help="Give no label (null) where its probability is below P.")
    ] = 0.0,
    batch_tokens: BatchTokens = None,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Answer files or standard input: JSON Lines, one object per input, in order; an empty line has an answer without tokens.

    Examples:

    tidegate predict model/ input.txt > answers.jsonl

    tail -f messages.log | tidegate predict model/

    tidegate predict model/ raw.conllu --output tagged.conllu
    """
    from tidegate.cli.threads import use_threads

    use_threads(threads)
    from tidegate.artefact import write_atomically
    from tidegate.cli.answers import writer_for
    from tidegate.cli.live import available, standard_input
    from tidegate.cli.progress import counted
    from tidegate.errors import OutputError, RecipeError, nearest
    from tidegate.runtime import load
    from tidegate.runtime.tag import BATCH_TOKENS

    if kind not in _INPUTS:
        raise RecipeError(f"--input {kind} is not one of {', '.join(_INPUTS)}.{nearest(kind, _INPUTS)}")
    settled = form or (output.suffix.removeprefix(".") if output is not None and output.suffix.removeprefix(".") in _FORMATS else "jsonl")
    if settled not in _FORMATS:
        raise RecipeError(f"--format {settled} is not one of {', '.join(_FORMATS)}.{nearest(settled, _FORMATS)}")
    if output is not None and form is None and output.suffix not in (".jsonl", ".json", ".csv", ".conllu") and not quiet:
        print(f"{output} is written as JSON Lines; --format names another form.", file=sys.stderr)
    loaded = load(model)
    budget = batch_tokens or BATCH_TOKENS
    with ExitStack() as stack:
        if output is None and sys.stdout is None:
            raise OutputError("standard output is closed. Open it, or name a file with --output.")
        stream = stack.enter_context(write_atomically(output)) if output is not None else sys.stdout.buffer
        write = writer_for(settled, stream, loaded, with_input=with_input)
        if not files or list(files) == ["-"]:
            for records in available(standard_input(kind), most_tokens=budget):
                for answer in loaded.answers(records, batch_tokens=budget, abstain_below=abstain_below):
                    write(answer)
                stream.flush()
        else:
            is_shown = not quiet and not (output is None and sys.stdout.isatty())
            found = (record for path in _expanded(files) for record in _records(path, kind, quiet=quiet))
            records_shown = counted(found, "predicting", is_shown=is_shown)
            for answer in loaded.answers(records_shown, batch_tokens=budget, abstain_below=abstain_below):
                write(answer)
            stream.flush()


def _expanded(files: Sequence[str]) -> Iterator[str]:
    """The files that names and globs stand for; '-' stays."""
    from tidegate.data.reading import expand

    for name in files:
        yield from [name] if name == "-" else expand([name])


def _records(path: str, kind: str, *, quiet: bool) -> Iterator[TokenRecord]:
    from tidegate.cli.live import standard_input
    from tidegate.data.columns import read_columns
    from tidegate.data.conllu import read_conllu
    from tidegate.data.reading import detect_input
    from tidegate.data.spans import read_span_lines
    from tidegate.data.words import read_text, read_tokens

    if path == "-":
        return standard_input(kind)
    found = detect_input(path) if kind == "auto" else kind
    if found == "columns":
        if not quiet:
            print(f"{path} is read as columns, a token a line; --input text reads a sequence a line.", file=sys.stderr)
        return read_columns(path, label=(), is_labelled=False)
    if found == "spans":
        return read_span_lines(path, label=(), is_labelled=False)
    return {"text": read_text, "tokens": read_tokens, "conllu": read_conllu}[found](path)
