"""Answers written out: JSON Lines, CSV or CoNLL-U."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from tidegate.runtime import TagAnswer, TagModel


def writer_for(form: str, stream: IO[bytes], model: TagModel, *, with_input: bool) -> Callable[[TagAnswer], None]:
    """A function that writes one answer to `stream` in the given form: 'jsonl', 'csv' or 'conllu'."""
    if form == "jsonl":
        return lambda answer: _write(stream, json.dumps(answer.to_json(with_input=with_input), ensure_ascii=False) + "\n")
    if form == "csv":
        return _csv_writer(stream, model)
    return lambda answer: _write_conllu(stream, answer)


def _write(stream: IO[bytes], text: str) -> None:
    # A lone surrogate cannot come from our readers, but may come from Python; it is written as an escape.
    stream.write(text.encode("utf-8", errors="backslashreplace"))


def _csv_writer(stream: IO[bytes], model: TagModel) -> Callable[[TagAnswer], None]:
    """A row per token: sequence and index from 0, the token, and for each label column the label and its probability."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    count = 0

    def flush() -> None:
        _write(stream, text.getvalue())
        text.seek(0)
        text.truncate()

    rows.writerow(["sequence", "index", "token", *(name for column in model.columns for name in (column, f"{column}_probability"))])
    flush()

    def write(answer: TagAnswer) -> None:
        nonlocal count
        for index, token in enumerate(answer.record.tokens):
            cells: list[object] = [count, index, token]
            for column in model.columns:
                cells += [answer.columns[column][index], f"{answer.probabilities[column][index]:.6f}"]
            rows.writerow(cells)
        count += 1
        flush()

    return write


def _write_conllu(stream: IO[bytes], answer: TagAnswer) -> None:
    """The sentence as it stood with its columns filled, the empty line that ends it included; a line of text as a fresh sentence."""
    from tidegate.data.conllu import write_conllu

    columns = {name: [label if label is not None else "_" for label in labels] for name, labels in answer.columns.items()}
    _write(stream, "".join(line + "\n" for line in write_conllu(answer.record, columns)))
