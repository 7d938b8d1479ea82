"""Tables of pairs: which columns hold source and target, whether the first row names them, and the rows one after another.

Cells stand between tabs, and a quote is a character like any other; in a `.csv` they are read as `tables.py` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidegate.data.opening import excerpt, suffix_of
from tidegate.data.records import Source
from tidegate.data.tables import QUOTED_SUFFIXES, Row, plain, read_rows_from
from tidegate.data.text_columns import COLUMN_NUMBER
from tidegate.errors import DataError, nearest

# Names that columns go by, in lower case; a first row that has one of each in its place is a header.
_SOURCE_NAMES = frozenset(("source", "src", "word", "input", "form", "graphemes", "spelling", "orthography", "written"))
_TARGET_NAMES = frozenset(
    ("target", "tgt", "trg", "output", "pronunciation", "phones", "phonemes", "ipa", "lemma", "translation", "transliteration", "spoken")
)
_LINE_BREAKS = re.compile(r"\s*\n\s*")


@dataclass(frozen=True, slots=True)
class PairColumns:
    """Where source and target stand, counted from 0.

    Attributes:
        names: what the header calls them; None without a header.
    """

    source: int
    target: int
    names: tuple[str, str] | None


def read_pair_table(lines: Iterator[tuple[int, str]], file: str, *, source: str | None, target: str | None) -> PairTable:
    """The table of pairs that these numbered lines are.

    Args:
        file: what messages call them; its ending says how cells are told apart.
        source, target: columns by name or number from 1, as they were asked for.

    Raises:
        DataError: no rows, no such column, one column, or three and more with none asked for.
    """
    rows = read_rows_from(lines, file) if suffix_of(file) in QUOTED_SUFFIXES else _between_tabs(lines, file)
    first = next(rows, None)
    if first is None:
        raise DataError(
            f"{file} holds no pairs. A source and a target a line, a tab between, were expected; check that it was written whole."
        )
    return PairTable(_find_columns(first, file, source, target), first, rows, file)


class PairTable:
    """Iterates over (line number, source, target), without the header, blanks at both ends stripped.

    Raises:
        DataError: an empty side, or a row with another number of columns than the first.
    """

    def __init__(self, columns: PairColumns, first: Row, rows: Iterator[Row], file: str) -> None:
        self.columns = columns
        self._first, self._rows, self._file = first, rows, file

    def __iter__(self) -> Iterator[tuple[int, str, str]]:
        source, target = self.columns.source, self.columns.target
        if self.columns.names is None:
            yield self._pair(self._first, source, target)
        for row in self._rows:
            yield self._pair(row, source, target)

    def _pair(self, row: Row, source: int, target: int) -> tuple[int, str, str]:
        number, cells = row
        sides = [text_of_cell(cells[place]) for place in (source, target)]
        if not all(sides):
            empty = "source" if not sides[0] else "target"
            raise DataError(
                f"{Source(self._file, number)}: the {empty} is empty: {excerpt(' | '.join(cells))}. A pair has text on both sides: write "
                "what is missing, or remove the line."
            )
        return number, sides[0], sides[1]


def source_column(first: Row, file: str, asked: str | None) -> tuple[int, bool]:
    """The place of the sources, from 0, in a table that is to be translated and may have no targets; and whether its first row is a header.

    Args:
        asked: the column by name or number from 1; None: the first, or the second under a header that says target, source.

    Raises:
        DataError: there is no such column.
    """
    number, cells = first
    if asked is None:
        place = int(len(cells) > 1 and plain(cells[0]) in _TARGET_NAMES and plain(cells[1]) in _SOURCE_NAMES)
    else:
        place = _place(asked, cells, Source(file, number))
    is_named = asked is not None and not COLUMN_NUMBER.fullmatch(asked)
    are_known = plain(cells[place]) in _SOURCE_NAMES and any(plain(cell) in _TARGET_NAMES for cell in cells)
    return place, is_named or are_known


def text_of_cell(cell: str) -> str:
    """A cell's text: without blanks at its ends, and with a blank for a line break, which a cell in quotes may hold."""
    return _LINE_BREAKS.sub(" ", cell.strip())


def _between_tabs(lines: Iterator[tuple[int, str]], file: str) -> Iterator[Row]:
    width = first = 0
    for number, line in lines:
        cells = line.split("\t")
        if len(cells) == 1 and (not line or line.isspace()):
            continue
        if not width:
            width, first = len(cells), number
        if len(cells) != width:
            found = "no tab" if len(cells) == 1 else f"{len(cells)} columns"
            mend = "Put a tab between source and target" if len(cells) == 1 else "A tab inside a text ends it: replace it by a blank"
            raise DataError(
                f"{Source(file, number)}: {found} in {excerpt(line)}; {width} columns with tabs between were expected, as in line {first}. "
                f"{mend}, or remove the line."
            )
        yield number, cells


class ColumnsError(DataError):
    """It is not said which of many columns are source and target.

    Args:
        found: what stands in the file, and what was expected.
        mend: the options that say it; not every command has them.
    """

    def __init__(self, found: str, mend: str) -> None:
        super().__init__(f"{found}: {mend}.")
        self.found = found


def _find_columns(first: Row, file: str, source: str | None, target: str | None) -> PairColumns:
    number, cells = first
    where = Source(file, number)
    if len(cells) == 1:
        between = "a comma" if suffix_of(file) in QUOTED_SUFFIXES else "a tab"
        raise DataError(
            f"{where}: one column: {excerpt(cells[0])}. Two were expected in every line, a source and its target with {between} between "
            "them; a lexicon (a word and its phones, blanks between) is told by the ending .dict."
        )
    places = {side: _place(asked, cells, where) for side, asked in (("source", source), ("target", target)) if asked is not None}
    if len(places) < 2:
        missing = [side for side in ("source", "target") if side not in places]
        if len(cells) > 2:
            listed = ", ".join(f"{place} {excerpt(cell, 30)}" for place, cell in enumerate(cells, 1))
            free = [place for place in range(len(cells)) if place not in places.values()]
            options = " ".join(f"--{side} {place + 1}" for side, place in zip(missing, free, strict=False))
            raise ColumnsError(
                f"{where}: {len(cells)} columns: {listed}. Two were expected, source and target",
                f"name the column of {' and '.join(missing)} by its number, or by its name in a header, for instance {options}",
            )
        if not places:
            is_swapped = plain(cells[0]) in _TARGET_NAMES and plain(cells[1]) in _SOURCE_NAMES
            places = {"source": int(is_swapped), "target": int(not is_swapped)}
        else:
            places[missing[0]] = 1 - next(iter(places.values()))
    if places["source"] == places["target"]:
        raise DataError(f"{where}: column {places['source'] + 1} was asked for as the source and as the target. Name two columns.")
    names = cells[places["source"]].strip(), cells[places["target"]].strip()
    is_named = any(asked is not None and not COLUMN_NUMBER.fullmatch(asked) for asked in (source, target))
    is_header = is_named or (plain(names[0]) in _SOURCE_NAMES and plain(names[1]) in _TARGET_NAMES)
    return PairColumns(places["source"], places["target"], names if is_header else None)


def _place(asked: str, cells: Sequence[str], where: Source) -> int:
    """The place of the column asked for by number, or by its name in the first row."""
    names = [cell.strip() for cell in cells]
    if COLUMN_NUMBER.fullmatch(asked):
        found = [int(asked) - 1] if 1 <= int(asked) <= len(names) else []
    else:
        alike = [place for place, name in enumerate(names) if plain(name) == plain(asked)]
        found = [place for place in alike if names[place] == asked] or alike
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} columns are called '{asked}'" if found else f"there is no column '{asked}'"
    listed = ", ".join(f"{place} {excerpt(name, 30)}" for place, name in enumerate(names, 1))
    hint = "" if found else nearest(asked, names)
    raise DataError(
        f"{where}: {what} here; the first row has: {listed}.{hint} Ask for one of these by number, or by name where the first row is a "
        "header."
    )
