"""What `predict` does with a tagger or a classifier: an answer for every input, those from a pipe as soon as they are there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from tidegate.cli.inputs import Inputs
from tidegate.cli.live import available
from tidegate.cli.progress import counted
from tidegate.runtime import ClassifyModel
from tidegate.runtime.windows import BATCH_TOKENS


def label(
    inputs: Inputs, files: Sequence[str], write: Callable[[Any], None], stream: IO[bytes], asked: Mapping[str, Any], *, is_shown: bool
) -> None:
    """Answers the inputs in the files, in order.

    Args:
        files: names and globs; '-' alone is standard input.
        write: takes an answer, and writes it to `stream`.
        asked: options of the model's `answers`, by name.
        is_shown: whether a live count may be shown.
    """
    model: Any = inputs.model
    if list(files) == ["-"]:
        size = _characters if isinstance(model, ClassifyModel) else len
        for records in available(inputs.of_standard_input(), size, most=asked.get("batch_tokens", BATCH_TOKENS)):
            for answer in model.answers(records, **asked):
                write(answer)
            stream.flush()
    else:
        for answer in model.answers(counted(inputs.of_files(files), "predicting", is_shown=is_shown), **asked):
            write(answer)
        stream.flush()


def _characters(record: Any) -> int:
    return len(record.text)
