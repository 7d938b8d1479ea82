"""`tidegate predict`: answers for files or for standard input. Needs no torch."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from tidegate.cli.options import BatchTokens, Model, Quiet, Threads, Version

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
            "--format",
            metavar="jsonl|csv|conllu",
            help="Output form; conllu is for taggers \\[default: by --output's suffix; else jsonl]",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="Write here, whole or not at all \\[default: standard output]", show_default=False
        ),
    ] = None,
    with_input: Annotated[bool, typer.Option("--with-input", help="Repeat the text and the labels that the input carried.")] = False,
    abstain_below: Annotated[
        float, typer.Option("--abstain-below", min=0.0, max=1.0, metavar="P", help="Give no label (null) where its probability is below P.")
    ] = 0.0,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            min=0.0,
            max=1.0,
            metavar="P",
            help="Classifier: call a text positive from this probability on; of several labels a text, give those from P on.",
            show_default=False,
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            "--text", metavar="COL", help="Classifier: the column of the text \\[default: as in training, else found]", show_default=False
        ),
    ] = None,
    batch_tokens: BatchTokens = None,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """Answer files or standard input: JSON Lines, one object per input, in order; an empty line has an answer too.

    Examples:

    tidegate predict model/ input.txt > answers.jsonl

    tail -f messages.log | tidegate predict model/

    tidegate predict model/ raw.conllu --output tagged.conllu

    tidegate predict spam-model/ new.csv --threshold 0.9 --with-input --output answers.csv
    """
    from tidegate.threads import use_threads

    use_threads(threads)
    from tidegate.artefact import write_atomically
    from tidegate.cli.answers import writer_for
    from tidegate.cli.inputs import Inputs
    from tidegate.cli.live import available
    from tidegate.cli.progress import counted
    from tidegate.errors import OutputError, RecipeError, nearest
    from tidegate.runtime import ClassifyModel, load
    from tidegate.runtime.windows import BATCH_TOKENS

    if kind not in _INPUTS:
        raise RecipeError(f"--input {kind} is not one of {', '.join(_INPUTS)}.{nearest(kind, _INPUTS)}")
    settled = form or (output.suffix.removeprefix(".") if output is not None and output.suffix.removeprefix(".") in _FORMATS else "jsonl")
    if settled not in _FORMATS:
        raise RecipeError(f"--format {settled} is not one of {', '.join(_FORMATS)}.{nearest(settled, _FORMATS)}")
    if output is not None and form is None and output.suffix not in (".jsonl", ".json", ".csv", ".conllu") and not quiet:
        print(f"{output} is written as JSON Lines; --format names another form.", file=sys.stderr)
    loaded = load(model)
    inputs = Inputs(loaded, kind, text or "", quiet)
    options: dict[str, Any] = {"batch_tokens": batch_tokens or BATCH_TOKENS, "abstain_below": abstain_below}
    if isinstance(loaded, ClassifyModel):
        options["threshold"] = threshold
    elif threshold is not None:
        raise RecipeError("--threshold is for a classifier, and this model tags tokens. --abstain-below P gives only what is sure.")
    if settled == "conllu" and isinstance(loaded, ClassifyModel):
        raise RecipeError("--format conllu is for a tagger, and this model classifies texts. Use jsonl or csv.")
    for name in files or []:
        if output is not None and output.exists() and output.resolve() == Path(name).resolve():
            raise OutputError(f"--output {output} is the input itself, which would be lost. Name another place.")
    with ExitStack() as stack:
        if output is None and sys.stdout is None:
            raise OutputError("standard output is closed. Open it, or name a file with --output.")
        stream = stack.enter_context(write_atomically(output)) if output is not None else sys.stdout.buffer
        write = writer_for(settled, stream, loaded, with_input=with_input)
        if not files or list(files) == ["-"]:
            size = _characters if isinstance(loaded, ClassifyModel) else len
            for records in available(inputs.of_standard_input(), size, most=options["batch_tokens"]):
                for answer in loaded.answers(records, **options):
                    write(answer)
                stream.flush()
        else:
            is_shown = not quiet and not (output is None and sys.stdout.isatty())
            records_shown: Any = counted(inputs.of_files(files), "predicting", is_shown=is_shown)
            for answer in loaded.answers(records_shown, **options):
                write(answer)
            stream.flush()


def _characters(record: Any) -> int:
    return len(record.text)
