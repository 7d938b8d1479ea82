"""Answers written out: JSON Lines, CSV or CoNLL-U."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tidegate.artefact import write_atomically
from tidegate.errors import OutputError

if TYPE_CHECKING:
    from tidegate.runtime import ClassifyAnswer, ClassifyModel, TagAnswer, TagModel


def writer_for(form: str, stream: IO[bytes], model: TagModel | ClassifyModel, *, with_input: bool) -> Callable[[Any], None]:
    """A function that writes one answer to `stream` in the given form: 'jsonl', 'csv' or 'conllu'."""
    from tidegate.runtime import ClassifyModel

    if form == "jsonl":
        if isinstance(model, ClassifyModel):
            return lambda answer: write_text(stream, json.dumps(model.to_json(answer, with_input=with_input), ensure_ascii=False) + "\n")
        return lambda answer: write_text(stream, json.dumps(answer.to_json(with_input=with_input), ensure_ascii=False) + "\n")
    if form == "csv":
        return _class_rows(stream, model, with_input=with_input) if isinstance(model, ClassifyModel) else _token_rows(stream, model)
    return lambda answer: _write_conllu(stream, answer)


@contextmanager
def stream_to(output: Path | None) -> Iterator[IO[bytes]]:
    """Where the answers go: `output`, whole or not at all, or standard output.

    Raises:
        OutputError: standard output is closed, or `output` cannot be written.
    """
    if output is not None:
        with write_atomically(output) as stream:
            yield stream
    elif sys.stdout is None:
        raise OutputError("standard output is closed. Open it, or name a file with --output.")
    else:
        yield sys.stdout.buffer


def write_text(stream: IO[bytes], text: str) -> None:
    """Writes text as UTF-8."""
    # A lone surrogate cannot come from our readers, but may come from Python; it is written as an escape.
    stream.write(text.encode("utf-8", errors="backslashreplace"))


class Rows:
    """Rows of a CSV file, each written as soon as it is there."""

    def __init__(self, stream: IO[bytes], header: Sequence[str]) -> None:
        self._stream = stream
        self._text = io.StringIO()
        self._rows = csv.writer(self._text, lineterminator="\n")
        self._header: list[Sequence[object]] = [header]  # written with the first row, so that an input that fails leaves nothing

    def write(self, row: Sequence[object]) -> None:
        self._rows.writerows([*self._header, row])
        self._header = []
        write_text(self._stream, self._text.getvalue())
        self._text.seek(0)
        self._text.truncate()


def _token_rows(stream: IO[bytes], model: TagModel) -> Callable[[TagAnswer], None]:
    """A row per token: sequence and index from 0, the token, and for each label column the label and its probability."""
    header = ["sequence", "index", "token", *(name for column in model.columns for name in (column, f"{column}_probability"))]
    rows = Rows(stream, header)
    numbers = count()

    def write(answer: TagAnswer) -> None:
        number = next(numbers)
        for index, token in enumerate(answer.record.tokens):
            cells: list[object] = [number, index, token]
            for column in model.columns:
                cells += [answer.columns[column][index], f"{answer.probabilities[column][index]:.6f}"]
            rows.write(cells)

    return write


def _class_rows(stream: IO[bytes], model: ClassifyModel, *, with_input: bool) -> Callable[[ClassifyAnswer], None]:
    """A row per text: with_input the text and its own label first, then the label (several joined by '|') and its probability."""
    rows = Rows(stream, [*(["text", f"{model.column}_given"] if with_input else []), "label", "probability"])

    def write(answer: ClassifyAnswer) -> None:
        record = answer.record
        given = [record.text, "|".join(record.labels)] if with_input else []
        rows.write([*given, "|".join(answer.labels), f"{answer.probability:.6f}"])

    return write


def _write_conllu(stream: IO[bytes], answer: TagAnswer) -> None:
    """The sentence as it stood with its columns filled, the empty line that ends it included; a line of text as a fresh sentence."""
    from tidegate.data.conllu import write_conllu

    columns = {name: [label if label is not None else "_" for label in labels] for name, labels in answer.columns.items()}
    write_text(stream, "".join(line + "\n" for line in write_conllu(answer.record, columns)))
