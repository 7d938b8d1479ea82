"""Tables: the rows of a delimited file, plain or gzip, each with the line that it begins on.

- Quoted: cells between commas, semicolons, tabs or bars, whichever the first lines show; a cell in quotes may hold the delimiter,
  line breaks (each read as \\n) and quotes, doubled. Every `.csv` is read so.
- Bare: cells between tabs, and a quote is a character like any other. `.tsv` and `.tab` files are read so, and so is a file whose
  name says nothing and whose lines have tabs.

Rows are handed out as they are read; no more than the first lines are ever kept.
"""

from __future__ import annotations

import csv
import gzip
import os
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar

from tidegate.data.opening import excerpt, open_lines, suffix_of
from tidegate.data.records import Source
from tidegate.errors import DataError

QUOTED_SUFFIXES = frozenset((".csv",))
BARE_SUFFIXES = frozenset((".tsv", ".tab"))

# What is looked at before anything is decided: so many lines or rows, and no more than so many characters.
_SAMPLE = 1000
_SAMPLE_CHARACTERS = 1 << 21
# Rows turned into columns at once: fewer than make Python look for garbage among all that was read.
_BLOCK = 128
# A cell longer than this is one whose quote was never closed.
_LONGEST_CELL = 10_000_000
# A column's name is seldom longer, and a text seldom shorter.
_LONGEST_NAME = 20
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

T = TypeVar("T")
Row = tuple[int, list[str]]


def read_rows(path: str | os.PathLike[str]) -> Iterator[Row]:
    """The rows of a file: for each the line that it begins on and its cells, as many as the first row has.

    Lines that are empty or of blanks alone are passed over.

    Raises:
        DataError: nothing in the file, a row with another number of cells, a quoted cell that never ends or with text after it.
        EncodingError: bytes that are not UTF-8.
    """
    return read_rows_from(open_lines(path), os.fspath(path))


def read_rows_from(lines: Iterator[tuple[int, str]], file: str) -> Iterator[Row]:
    """As `read_rows`, from numbered lines; `file` is what messages call them, and its ending says how they are read."""
    sample, lines, _ = look_ahead(lines, lambda numbered: len(numbered[1]))
    delimiter, is_quoted = _how_separated([line for _, line in sample], suffix_of(file))
    width = first = 0
    for number, cells, raw in _quoted(lines, file, delimiter) if is_quoted else _bare(lines):
        if len(cells) == 1 and raw.isspace():
            continue
        if not width:
            width, first = len(cells), number
        if len(cells) != width:
            raise DataError(_bad_width(Source(file, number), raw, len(cells), width, first, delimiter, is_quoted))
        yield number, cells
    if not width:
        raise DataError(f"{file} holds no rows. A table with at least one row was expected; check that the file was written whole.")


def read_columns(path: str | os.PathLike[str]) -> tuple[list[int], list[list[str]]]:
    """The lines that a file's rows begin on, and its columns: the cells of `read_rows`, all at once and several times as fast.

    Raises:
        DataError, EncodingError: as `read_rows`.
    """
    name = os.fspath(path)
    text = _whole_text(name)
    columns = None if text is None else _columns_of(text.split("\n"), suffix_of(name))
    if columns is not None:
        return list(range(1, len(columns[0]) + 1)), columns
    rows = list(read_rows(name))
    return [number for number, _ in rows], [list(column) for column in zip(*(cells for _, cells in rows), strict=True)]


def _columns_of(lines: list[str], suffix: str) -> list[list[str]] | None:
    """The columns of a table with a row on every line; None of another, which must be read line by line."""
    delimiter, is_quoted = _how_separated(lines[:_SAMPLE], suffix)
    _allow_long_cells()
    rows = csv.reader(lines, delimiter=delimiter, strict=True) if is_quoted else (line.split(delimiter) for line in lines)
    columns: list[list[str]] = []
    try:
        while block := list(islice(rows, _BLOCK)):
            columns = columns or [[] for _ in block[0]]
            if set(map(len, block)) != {len(columns)}:
                return None
            for column, cells in zip(columns, zip(*block, strict=True), strict=True):
                column.extend(cells)
    except csv.Error:
        return None
    is_whole = len(columns) > 0 and len(columns[0]) == len(lines)
    return columns if is_whole and (len(columns) > 1 or not any(map(str.isspace, columns[0]))) else None


def _whole_text(name: str) -> str | None:
    """The text of a plain or gzip file without its last line end; None where it is not plainly UTF-8 lines that end with \\n."""
    try:
        with open(name, "rb") as file:
            data = file.read()
        if data.startswith(b"\x1f\x8b"):
            data = gzip.decompress(data)
        text = data.decode("utf-8-sig")
    except (OSError, ValueError, EOFError, zlib.error):
        return None
    text = text.replace("\r\n", "\n").removesuffix("\n")
    return None if not text or "\r" in text or "\0" in text else text


def look_ahead(items: Iterator[T], size: Callable[[T], int]) -> tuple[list[T], Iterator[T], bool]:
    """What decisions are made from: the first thousand items, fewer where `size` counts many characters in them.

    Returns:
        Those items; all items, those first; whether there are no others.
    """
    found: list[T] = []
    characters = 0
    for item in items:
        if len(found) >= _SAMPLE or characters >= _SAMPLE_CHARACTERS:
            return found, chain(found, (item,), items), False
        found.append(item)
        characters += size(item)
    return found, iter(found), True


def _how_separated(lines: Sequence[str], suffix: str) -> tuple[str, bool]:
    """What stands between the cells of these lines, and whether cells may be quoted."""
    if suffix in BARE_SUFFIXES or (suffix not in QUOTED_SUFFIXES and have_tabs(lines)):
        return "\t", False
    return sniff_delimiter(lines)[0], True


def have_tabs(lines: Iterable[str]) -> bool:
    """Whether nearly all lines that are not empty have a tab between other characters."""
    found = ["\t" in line.strip() for line in lines if line and not line.isspace()]
    return bool(found) and sum(found) >= 0.9 * len(found)


def sniff_delimiter(lines: Iterable[str]) -> tuple[str, float]:
    """The delimiter that cuts most of these lines into as many cells as the first row, and the share of the rows that it does so with.

    Quotes are minded. A comma, and 0, where none cuts the first row at all.
    """
    ended = [line + "\n" for line in lines if line and not line.isspace()]
    best: tuple[float, int, str] = (0.0, 1, ",")
    for delimiter in _DELIMITERS:
        _allow_long_cells()
        widths: list[int] = []
        try:
            widths.extend(len(cells) for cells in csv.reader(ended, delimiter=delimiter) if cells)
        except csv.Error:  # A cell too long, which reading will tell of.
            continue
        if widths and widths[0] > 1:
            share = widths.count(widths[0]) / len(widths)
            if (share, widths[0]) > best[:2]:
                best = (share, widths[0], delimiter)
    return best[2], best[0]


def has_header(rows: Sequence[Sequence[str]], known: Collection[str], sure: Collection[str]) -> bool:
    """Whether the first of these rows names the columns: it has well-known names, or a value that its column of few values lacks.

    Args:
        known: well-known names, in lower case.
        sure: those of them that are hardly ever a value.
    """
    first = [plain(cell) for cell in rows[0]]
    below = [[plain(row[place]) for row in rows[1:]] for place in range(len(first))]
    names = [place for place, cell in enumerate(first) if cell in known]
    if len(names) > 1:
        return True
    # 'spam' may head a column of zeros and ones, and may as well be the first label of a file without a header.
    if names and first[names[0]] not in below[names[0]]:
        others = first[: names[0]] + first[names[0] + 1 :]
        if first[names[0]] in sure or all(len(cell) <= _LONGEST_NAME for cell in others):
            return True
    kinds = [place for place, cells in enumerate(below) if all(cells) and (repeats(cells, len(cells)) or _is_constant(cells))]
    # A name is short beside the texts under it.
    return bool(kinds) and all(
        cell not in ("", *below[place]) if place in kinds else len(cell) <= max(_LONGEST_NAME, mean_length(below[place]) / 2)
        for place, cell in enumerate(first)
    )


def repeats(values: Collection[str], rows: int) -> bool:
    """Whether these values of so many rows are two or more, and few beside the rows: kinds of something rather than texts or numbers."""
    return 2 <= len(set(values)) <= min(rows / 2, max(100, rows / 5))


def mean_length(texts: Collection[str]) -> float:
    return sum(map(len, texts)) / max(1, len(texts))


def plain(name: str) -> str:
    """A name as it is compared with well-known ones."""
    return name.strip().casefold()


def _is_constant(cells: Sequence[str]) -> bool:
    return len(cells) >= 10 and len(set(cells)) == 1


class _Feed:
    """Lines with their ends for the csv reader, which takes as many as a row needs; knows where that row begins and ends."""

    def __init__(self, lines: Iterator[tuple[int, str]]) -> None:
        self._lines = lines
        self.first = self.last = 0
        self.first_line = self.last_line = ""

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        self.last, self.last_line = next(self._lines)
        if not self.first:
            self.first, self.first_line = self.last, self.last_line
        return self.last_line + "\n"


def _quoted(lines: Iterator[tuple[int, str]], file: str, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    feed = _Feed(lines)
    _allow_long_cells()
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        feed.first = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(_bad_quotes(file, feed, delimiter, str(error))) from error
        if cells:
            yield feed.first, cells, feed.first_line


def _bare(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, list[str], str]]:
    return ((number, line.split("\t"), line) for number, line in lines if line)


def _allow_long_cells() -> None:
    # The limit is one for the whole process: raised where it is lower, never lowered.
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))


def _bad_quotes(file: str, feed: _Feed, delimiter: str, error: str) -> str:
    where = f"{Source(file, feed.first)}"
    mend = (
        'Close the quote where the cell ends; write a quote inside a quoted cell twice (""); or save the table as .tsv, where quotes '
        "have no meaning."
    )
    if "expected after" in error:
        place = f" (on line {feed.last})" if feed.last > feed.first else ""
        return (
            f"{where}: in the row that begins here, text follows the closing quote of a cell{place}: {excerpt(feed.last_line)}. "
            f"A {_DELIMITERS[delimiter]} or the end of the line was expected there. {mend}"
        )
    if "field larger" in error:
        limit = f"the cell is longer than {csv.field_size_limit():,} characters by line {feed.last}"
    elif "end of data" in error:
        limit = f"the file ends on line {feed.last}"
    else:
        return f"{where}: the row cannot be read ({error}): {excerpt(feed.first_line)}. {mend}"
    return f"{where}: a quoted cell in the row that begins here never ends ({limit}): {excerpt(feed.first_line)}. {mend}"


def _bad_width(where: Source, raw: str, found: int, width: int, first: int, delimiter: str, is_quoted: bool) -> str:
    mark = _DELIMITERS[delimiter]
    if found < width:
        hint = "Write the missing cells, even where they are empty" + (", and put a text with line breaks in quotes" if is_quoted else "")
    elif is_quoted:
        hint = f"Put a cell that holds a {mark} in quotes, which must be the first and the last character of the cell"
    else:
        hint = "A tab inside a text cannot be told from one between cells: replace it by a blank"
    cells = "1 cell" if found == 1 else f"{found} cells"
    return f"{where}: {cells} found, {width} expected as in line {first}, with a {mark} between cells: {excerpt(raw)}. {hint}."
