"""`tidegate predict`: answers for files or for standard input. Needs no torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import BatchTokens, Model, Quiet, Threads

if TYPE_CHECKING:
    from tidegate.data import TokenRecord
    from tidegate.runtime import TagAnswer, TagModel

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
) -> None:
    """Answer files or standard input: JSON Lines, one object per input, in order.

    Examples:

    tidegate predict model/ input.txt > answers.jsonl

    tail -f messages.log | tidegate predict model/

    tidegate predict model/ raw.conllu --output tagged.conllu
    """
    from tidegate.cli.threads import use_threads

    use_threads(threads)
    from tidegate.artefact import write_atomically
    from tidegate.cli.answers import writer_for
    from tidegate.cli.live import available
    from tidegate.errors import RecipeError, nearest
    from tidegate.runtime import load
    from tidegate.runtime.tag import BATCH_TOKENS

    if kind not in _INPUTS:
        raise RecipeError(f"--input {kind} is not one of {', '.join(_INPUTS)}.{nearest(kind, _INPUTS)}")
    settled = form or (output.suffix.removeprefix(".") if output is not None and output.suffix.removeprefix(".") in _FORMATS else "jsonl")
    if settled not in _FORMATS:
        raise RecipeError(f"--format {settled} is not one of {', '.join(_FORMATS)}.{nearest(settled, _FORMATS)}")
    loaded = load(model)
    budget = batch_tokens or BATCH_TOKENS
    with ExitStack() as stack:
        stream = stack.enter_context(write_atomically(output)) if output is not None else sys.stdout.buffer
        write = writer_for(settled, stream, loaded, with_input=with_input)
        if not files or list(files) == ["-"]:
            for records in available(_standard_input(kind), most_tokens=budget):
                for answer in loaded.answers(records, batch_tokens=budget, abstain_below=abstain_below):
                    write(answer)
                stream.flush()
        else:
            for answer in _answers(
                loaded, files, kind, budget, abstain_below, is_shown=not quiet and not (output is None and sys.stdout.isatty())
            ):
                write(answer)
            stream.flush()


def _answers(model: TagModel, files: Sequence[str], kind: str, budget: int, abstain_below: float, *, is_shown: bool) -> Iterator[TagAnswer]:
    from tidegate.cli.progress import counted
    from tidegate.data.reading import expand

    records = (record for path in expand(files) for record in _records(path, kind))
    return model.answers(counted(records, "predicting", is_shown=is_shown), batch_tokens=budget, abstain_below=abstain_below)


def _records(path: str, kind: str) -> Iterator[TokenRecord]:
    from tidegate.data.columns import read_columns
    from tidegate.data.conllu import read_conllu
    from tidegate.data.reading import detect_input
    from tidegate.data.spans import read_span_lines
    from tidegate.data.words import read_text, read_tokens

    found = detect_input(path) if kind == "auto" else kind
    if found == "columns":
        return read_columns(path, label=())
    if found == "spans":
        return read_span_lines(path, label=())
    return {"text": read_text, "tokens": read_tokens, "conllu": read_conllu}[found](path)


def _standard_input(kind: str) -> Iterator[TokenRecord]:
    from tidegate.data.conllu import read_conllu_lines
    from tidegate.data.opening import open_stream
    from tidegate.data.words import read_text_lines, read_tokens_lines

    name = "standard input"
    reader = {"auto": read_text_lines, "text": read_text_lines, "tokens": read_tokens_lines, "conllu": read_conllu_lines}[kind]
    return reader(open_stream(sys.stdin.buffer, name), name)
