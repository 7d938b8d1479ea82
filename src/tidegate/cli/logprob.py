"""`tidegate logprob`: how probable a language model holds each line, a translator each pair. Needs no torch."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.options import Model, Quiet, Threads, Version

if TYPE_CHECKING:
    from tidegate.data import TextRecord

# Characters from a pipe that are scored together at most, where so many have arrived.
_MOST_CHARACTERS = 1 << 16


def logprob(
    model: Model,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE...|-]",
            help="Texts, or pairs with a tab between, one a line, or - for standard input (also without any).",
            show_default=False,
        ),
    ] = None,
    with_input: Annotated[bool, typer.Option("--with-input", help="Repeat the text, or the pair.")] = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """The log-probability of each line in nats, its line end included: JSON Lines, one object per line, in order.

    A two-way model gives the pseudo-log-likelihood: every unit given all others on either side. A translator gives the log-probability of
    the target given the source.

    Examples:

    tidegate logprob writer/ sentences.txt > scores.jsonl

    printf 'the dog barks\\nthe dog bark\\n' | tidegate logprob writer/ --with-input

    tail -f candidates.txt | tidegate logprob writer/

    tidegate logprob translator/ pairs.tsv --with-input
    """
    from tidegate.threads import use_threads

    use_threads(threads)
    from tidegate.cli.inputs import plain_lines
    from tidegate.cli.live import available
    from tidegate.errors import RecipeError
    from tidegate.runtime import GenerateModel, TranslateModel, load

    loaded = load(model)
    if not isinstance(loaded, GenerateModel | TranslateModel):
        is_of_series = loaded.config["task"] in ("forecast", "fill")
        answers = "what this one tells with its bands" if is_of_series else "this one's labels with their probabilities"
        raise RecipeError(
            f"logprob is for language models and translators, and {model} was trained for the task {loaded.config['task']}. Train one "
            f"with: tidegate train generate FILE. `tidegate predict` gives {answers}."
        )
    # What arrived together is scored together; a line that arrives alone is answered at once.
    for records in available(plain_lines(files or ["-"]), lambda record: len(record.text) + 1, most=_MOST_CHARACTERS):
        if isinstance(loaded, GenerateModel):
            given = [{"text": record.text} for record in records]
            scores = [score.to_json() for score in loaded.logprob(record.text for record in records)]
        else:
            pairs = [_pair(record) for record in records]
            given = [{"source": source, "target": target} for source, target in pairs]
            scores = [score.to_json() for score in loaded.logprob(pairs)]
        for content, score in zip(given, scores, strict=True):
            print(json.dumps((content if with_input else {}) | score, ensure_ascii=False))
        sys.stdout.flush()


def _pair(record: TextRecord) -> tuple[str, str]:
    """The source and the target of a line.

    Raises:
        DataError: not one tab in it.
    """
    from tidegate.errors import DataError

    cells = record.text.split("\t")
    if len(cells) != 2:
        found = f"{len(cells) - 1} tabs" if len(cells) > 1 else "no tab"
        raise DataError(
            f"{record.source}: {found} in {record.text!r:.60}. A translator scores pairs: a source, one tab and a target were expected in "
            "every line."
        )
    return cells[0].strip(), cells[1].strip()
