"""`tidegate logprob`: how probable a language model holds each line. Needs no torch."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from tidegate.cli.options import Model, Quiet, Threads, Version

# Characters from a pipe that are scored together at most, where so many have arrived.
_MOST_CHARACTERS = 1 << 16


def logprob(
    model: Model,
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FILE...|-]", help="Texts, one a line, or - for standard input (also without any).", show_default=False),
    ] = None,
    with_input: Annotated[bool, typer.Option("--with-input", help="Repeat the text.")] = False,
    threads: Threads = None,
    quiet: Quiet = False,
    version: Version = False,
) -> None:
    """The log-probability of each line in nats, its line end included: JSON Lines, one object per line, in order.

    A two-way model gives the pseudo-log-likelihood: every unit given all others on either side.

    Examples:

    tidegate logprob writer/ sentences.txt > scores.jsonl

    printf 'the dog barks\\nthe dog bark\\n' | tidegate logprob writer/ --with-input

    tail -f candidates.txt | tidegate logprob writer/
    """
    from tidegate.threads import use_threads

    use_threads(threads)
    from tidegate.cli.inputs import plain_lines
    from tidegate.cli.live import available
    from tidegate.errors import RecipeError
    from tidegate.runtime import GenerateModel, load

    loaded = load(model)
    if not isinstance(loaded, GenerateModel):
        raise RecipeError(
            f"logprob is for language models, and {model} was trained for the task {loaded.config['task']}. Train one with: "
            "tidegate train generate FILE. `tidegate predict` gives this one's labels with their probabilities."
        )
    # What arrived together is scored together; a line that arrives alone is answered at once.
    for records in available(plain_lines(files or ["-"]), lambda record: len(record.text) + 1, most=_MOST_CHARACTERS):
        scores = loaded.logprob(record.text for record in records)
        for record, score in zip(records, scores, strict=True):
            content = {"text": record.text} if with_input else {}
            print(json.dumps(content | score.to_json(), ensure_ascii=False))
        sys.stdout.flush()
