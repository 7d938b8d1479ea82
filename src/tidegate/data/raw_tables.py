"""The rows of a delimited file as they are written, quotes and all: a file can be given back with nothing changed but some cells."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from tidegate.data.opening import GZIP, open_lines, suffix_of
from tidegate.data.tables import BARE_SUFFIXES, QUOTED_SUFFIXES, have_tabs, sniff_delimiter

_SAMPLE = 1000
MARK = "\ufeff"


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row, or a line between two rows.

    Attributes:
        line: where it begins.
        text: as it is written, without the end of the line; a quoted cell may hold line breaks.
        end: of the line: \\n, \\r\\n or \\r; empty at the end of a file whose last line has none.
        is_blank: whether it is a line of blanks alone, which is no row.
    """

    line: int
    text: str
    end: str
    is_blank: bool


def delimiter_of(path: str) -> tuple[str, bool]:
    """What stands between the cells of a file, and whether quotes have a meaning in it; as `tables.read_rows` reads it."""
    sample = [line for _, line in islice(open_lines(path), _SAMPLE)]
    suffix = suffix_of(path)
    if suffix in BARE_SUFFIXES or (suffix not in QUOTED_SUFFIXES and have_tabs(sample)):
        return "\t", False
    return sniff_delimiter(sample)[0], True


def read_raw(path: str, *, is_quoted: bool) -> Iterator[RawRow]:
    """The rows of a file that `tables.read_rows` can read, and the blank lines between them, in order."""
    held = ""
    begin = 0
    for number, line in enumerate(_lines(path), 1):
        whole = held + (line.removeprefix(MARK) if number == 1 else line)
        begin = begin or number
        if is_quoted and whole.count('"') % 2:
            held = whole
            continue
        text = whole.removesuffix("\n").removesuffix("\r")
        yield RawRow(begin, text, whole[len(text) :], not text or text.isspace())
        held, begin = "", 0


def mark_of(path: str) -> str:
    """The byte order mark that a file begins with, or nothing."""
    with closing(_lines(path)) as lines:
        return MARK if next(lines, "").startswith(MARK) else ""


def _lines(path: str) -> Generator[str]:
    """The lines of a file that `open_lines` can read, with their ends and the byte order mark."""
    with open(path, "rb") as file:
        stream = gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == GZIP else file
        with io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
            yield from iter(text.readline, "")


def raw_cells(text: str, delimiter: str, *, is_quoted: bool) -> list[str]:
    """The cells of a row as they are written, quotes with them; joined by the delimiter they are the row."""
    if not is_quoted or '"' not in text:
        return text.split(delimiter)
    cell = re.compile(rf'"(?:[^"]|"")*"|[^{re.escape(delimiter)}]*')
    cells, at = [], 0
    while at <= len(text):
        match = cell.match(text, at)
        assert match is not None  # an empty cell matches too
        cells.append(match[0])
        at = match.end() + 1
    return cells
