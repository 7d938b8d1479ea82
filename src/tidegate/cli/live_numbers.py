"""Frames of numbers from standard input, a line each, as they come."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.data.cells import Missing, with_points
from tidegate.data.number_sequences import SequenceColumns
from tidegate.data.opening import ByteStream, excerpt, open_stream
from tidegate.data.sequence_tables import LARGEST
from tidegate.data.tables import sniff_delimiter
from tidegate.errors import DataError, listed

_STANDARD_INPUT = "standard input"
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Form:
    """How a line is cut into cells: at a delimiter, or where it is empty at blanks; and whether cells may be quoted."""

    delimiter: str
    is_quoted: bool = True

    def cells(self, line: str) -> list[str]:
        """Raises csv.Error where a quoted cell does not end, or text follows it."""
        if not self.delimiter:
            return [cell.strip('"') for cell in line.split()]
        if not self.is_quoted:
            return [cell.strip() for cell in line.split(self.delimiter)]
        return [cell.strip() for row in csv.reader([line], delimiter=self.delimiter, strict=True) for cell in row]


# In the order in which they are tried: a comma may stand in a number where something else is between the cells.
_FORMS = (_Form("\t"), _Form("\t", is_quoted=False), _Form(";"), _Form("|"), _Form(","), _Form(""))


def frames_as_they_come(stream: ByteStream, columns: SequenceColumns, missing: Sequence[str]) -> Iterator[Numbers | None]:
    """Frames [1, D] in the order of the features of `columns`, each as soon as its line is there; None where a sequence ends.

    The first line of all may be a header; then its names say which columns are read. Without one a line has D numbers. A sequence ends
    at an empty line and, where the header names the column of sequences, where that changes. Cells are numbers as they are in tables.

    Raises:
        DataError: a cell that is no number, a line with another number of cells, a header that lacks a feature; with its line.
    """
    reader: _Reader | None = None
    sequence: str | None = None
    for number, line in open_stream(stream, _STANDARD_INPUT):
        if not line.strip():
            sequence = None
            yield None
            continue
        if reader is None:
            reader = _reader_of(line, number, columns, Missing(missing))
        cells = reader.cells(line, number)
        if cells == reader.header:
            continue
        if reader.sequence is not None:
            found = cells[reader.sequence]
            if not found:
                raise DataError(f"{_at(number)}: column '{columns.sequence}' is empty. Name the sequence that the frame is of.")
            if sequence not in (None, found):
                yield None
            sequence = found
        yield reader.frame(cells, number)


@dataclass(frozen=True, slots=True)
class _Reader:
    """How lines become frames.

    Attributes:
        header: its cells; None without one.
        width: cells of a line.
        places: of the features.
        sequence: where the name of the sequence stands; None where nowhere.
    """

    form: _Form
    features: tuple[str, ...]
    missing: Missing
    header: list[str] | None
    width: int
    places: list[int]
    sequence: int | None

    def cells(self, line: str, number: int) -> list[str]:
        """Those of a line, as many as there should be."""
        try:
            cells = self.form.cells(line)
        except csv.Error as error:
            raise DataError(
                f"{_at(number)}: a quoted cell does not end as it should ({error}): {excerpt(line)}. A frame is one line; close the quote "
                "where the cell ends."
            ) from error
        if len(cells) != self.width:
            expected = "as in the header" if self.header else f"a number for each of {listed(self.features)}"
            raise DataError(f"{_at(number)}: {len(cells)} cells in {excerpt(line)}; {self.width} were expected, {expected}.")
        return cells

    def frame(self, cells: Sequence[str], number: int) -> Numbers:
        """[1, D]"""
        given = [cells[place] for place in self.places]
        values = _numbers(given, self.form, self.missing)
        if values is None:
            named = list(zip(self.features, given, strict=True))
            wrong = [pair for pair in named if _numbers([pair[1]], self.form, self.missing) is None]
            # Each alone is a number where points and commas are mixed.
            name, cell = (wrong or [pair for pair in named if "," in pair[1]])[0]
            raise DataError(f"{_at(number)}: {excerpt(cell)} in column '{name}' is no number. {_mend(cell)}")
        large = np.abs(values) > LARGEST
        if large.any():
            place = int(np.argmax(large))
            raise DataError(
                f"{_at(number)}: column '{self.features[place]}' is {values[place]:g} here, and numbers up to {LARGEST:g} were expected. "
                "Leave the cell empty where it is missing."
            )
        return values[None]


def _mend(cell: str) -> str:
    if "," in cell:
        return "Write a point for a decimal comma, in the whole line, or separate the cells by semicolons."
    return "Write one, or leave the cell empty where it is missing."


def _numbers(cells: list[str], form: _Form, missing: Missing) -> Numbers | None:
    """[n], NaN where they are missing; None where one is no number."""
    values = missing.numbers(cells)
    if values is None and form.delimiter != "," and (pointed := with_points(cells, missing)) is not None:
        values = missing.numbers(pointed)
    return values


def _reader_of(line: str, number: int, columns: SequenceColumns, missing: Missing) -> _Reader:
    """How lines are read after this first one, a header or a frame."""
    features = columns.features
    for form in _FORMS:
        if form.delimiter and form.delimiter not in line:
            continue
        try:
            cells = form.cells(line)
        except csv.Error:
            continue
        is_frame = _numbers(cells, form, missing) is not None
        # One cell with a comma may be two numbers as well.
        if is_frame and len(cells) == len(features) and not (len(cells) == 1 and "," in line):
            return _Reader(form, features, missing, None, len(cells), list(range(len(cells))), None)
        if not is_frame and set(features) <= set(cells):
            places = [cells.index(name) for name in features]
            sequence = cells.index(columns.sequence) if columns.sequence and columns.sequence in cells else None
            return _Reader(form, features, missing, cells, len(cells), places, sequence)
    delimiter, share = sniff_delimiter([line])
    form = _Form(delimiter if share else "")
    try:
        cells = form.cells(line)
    except csv.Error:
        cells = line.split(delimiter)
    if len(cells) == 1 or any(_numbers([cell], form, missing) is not None for cell in cells if cell not in missing.texts):
        # Numbers stand in it: a frame, and what is wrong with it is told where it is read.
        return _Reader(form, features, missing, None, len(features), list(range(len(features))), None)
    lacking = next(name for name in features if name not in cells)
    raise DataError(
        f"{_at(number)}: the header has no column '{lacking}'. The model reads {listed(features)}, and there are {listed(cells)}. Name the "
        f"columns so, or send {len(features)} numbers a line without a header."
    )


def _at(number: int) -> str:
    return f"{_STANDARD_INPUT}, line {number}"
