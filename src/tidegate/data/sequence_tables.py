"""Sequences of numbers from tables with a row a frame: many sequences in a table, or a file for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.cells import Missing, Numbers, is_mostly_numbers, required_numbers
from tidegate.data.clock import Ids
from tidegate.data.named_columns import OTHER_TABLES, is_comma_free, named_columns
from tidegate.data.number_sequences import NumberSequence, SequenceColumns
from tidegate.data.opening import excerpt, suffix_of
from tidegate.data.records import Source
from tidegate.data.sequence_columns import Asked, choose_columns, refuse_lacking
from tidegate.data.series_reading import stem_of
from tidegate.data.series_tables import RowPlaces
from tidegate.data.tables import look_ahead, read_columns, read_rows_from, sniff_delimiter
from tidegate.data.time_forms import read_times
from tidegate.errors import DataError, listed

# Larger numbers, or their spread, do not fit what a network computes with, float32.
LARGEST = 1e30
_FRACTION = re.compile(r"(.*\d:\d{2}:\d{2})[.,](\d{1,9})(.*)")
_LABELS_MEND = "One label a sequence was expected; labels of single frames are for tagging"
_GROUPS_MEND = "It must be the same in the whole sequence"

Where = Callable[[int], Source]


@dataclass(frozen=True, slots=True)
class FrameTable:
    """A table with a row a frame.

    Attributes:
        names: of the columns, as they stand.
        columns: [n] cells each; of those with one name the first.
        lines: [n], where each row begins.
        name: what the sequence is called, where the table is one; empty where its rows or the file's name say.
        label, group: of that sequence.
        is_comma_free: whether a comma cannot stand between its cells; None: as the file shows when it is looked at.
    """

    file: str
    names: list[str]
    columns: dict[str, list[str]]
    lines: Sequence[int]
    name: str = ""
    label: str = ""
    group: str = ""
    is_comma_free: bool | None = None

    @property
    def first(self) -> Source:
        """Where its rows begin."""
        return Source(self.file, self.lines[0] if len(self.lines) else 1)


def read_frame_table(file: str, asked: Asked, *, name: str = "", label: str = "", group: str = "") -> FrameTable:
    """The table of a file, plain or gzip.

    Raises:
        DataError: what is no table.
        EncodingError: bytes that are not UTF-8.
    """
    if suffix_of(file) in OTHER_TABLES:
        raise DataError(
            f"{file}: sequences of numbers are read from CSV, TSV and .npz, not from {suffix_of(file)}. Save them as such; or, in Python, "
            "give a list of arrays [frames, features]."
        )
    return FrameTable(file, *named_columns(*read_columns(file), asked.header_names), name, label, group)


def frame_table_of_lines(lines: Iterator[tuple[int, str]], file: str, asked: Asked) -> FrameTable:
    """As `read_frame_table`, from numbered lines; `file` is what messages call them."""
    sample, lines, _ = look_ahead(lines, lambda numbered: len(numbered[1]))
    rows = list(read_rows_from(lines, file))
    cells = [list(column) for column in zip(*(cells for _, cells in rows), strict=True)]
    named = named_columns([number for number, _ in rows], cells, asked.header_names)
    return FrameTable(file, *named, is_comma_free=sniff_delimiter(line for _, line in sample)[0] != ",")


def sequences_of_tables(
    tables: Sequence[FrameTable], asked: Asked, missing: Missing, notes: dict[str, None]
) -> tuple[SequenceColumns, list[NumberSequence]]:
    """The sequences of tables, and the columns that they were read from; either all tables are one sequence each, or none is said to be.

    Raises:
        DataError: columns, cells or labels that are not as they should be.
    """
    is_one = bool(tables[0].name)
    # What the columns hold shows in a table with rows.
    model = next((table for table in tables if len(table.lines)), tables[0])
    chosen = choose_columns(model.names, model.columns, asked, missing, model.first, notes, is_one=is_one)
    for table in tables:
        refuse_lacking(table.names, chosen, Source(table.file, 1))
        if table is not model and asked.like is None and not asked.features:
            _refuse_more(table, model, chosen, missing)
    rows = _Rows(tables, chosen, missing, notes)
    if not is_one and not rows.n:
        files = listed(table.file for table in tables)
        raise DataError(f"{files}: a header and no rows. A row for each frame was expected; check that it was written whole.")
    titles, codes = _named(tables, chosen, rows, notes)
    order = _order(rows, chosen.step, codes, titles, notes)
    bounds = np.searchsorted(codes[order], np.arange(len(titles) + 1))
    values = np.empty((rows.n, len(chosen.features)))
    for place, name in enumerate(chosen.features):
        values[:, place] = rows.numbers(name)[order]
    labels = rows.words(chosen.label)[order] if chosen.label else np.zeros(0, dtype=object)
    whole, groups = ([table.label for table in tables], [table.group for table in tables]) if is_one else ([""] * len(titles),) * 2
    if chosen.label and not asked.per_step:
        whole = _constant(labels, bounds, order, chosen.label, titles, rows, _LABELS_MEND)
    if chosen.group:
        groups = _constant(rows.words(chosen.group)[order], bounds, order, chosen.group, titles, rows, _GROUPS_MEND)
    found = []
    for code, title in enumerate(titles):
        begin, end = int(bounds[code]), int(bounds[code + 1])
        # The first row in the file, which need not be the first frame.
        source = rows.where(int(order[begin:end].min())) if end > begin else tables[code].first
        own = tuple(labels[begin:end].tolist()) if asked.per_step else ()
        found.append(NumberSequence(values[begin:end], source, title, whole[code], own, groups[code]))
    if chosen.sequence and 1 < len(found) == rows.n:
        notes[f"every sequence has one frame: if column '{chosen.sequence}' numbers the rows, name another with --sequence"] = None
    return chosen, found


class _Rows:
    """The rows of all tables, one after another, n of them."""

    def __init__(self, tables: Sequence[FrameTable], chosen: SequenceColumns, missing: Missing, notes: dict[str, None]) -> None:
        self._tables, self._missing, self._notes = tables, missing, notes
        counts = [len(table.lines) for table in tables]
        self.n = sum(counts)
        self.table: Ids = np.repeat(np.arange(len(tables)), counts)
        lines = np.concatenate([np.asarray(table.lines, dtype=np.int64) for table in tables])
        self.where: Where = RowPlaces(tuple(table.file for table in tables), self.table, lines).where

    def cells(self, name: str) -> list[str]:
        """[n]"""
        if len(self._tables) == 1:
            return self._tables[0].columns[name]
        return [cell for table in self._tables for cell in table.columns[name]]

    def words(self, name: str) -> NDArray[np.object_]:
        """[n] texts, none of them empty."""
        cells = self.cells(name)
        stripped = {cell: cell.strip() for cell in dict.fromkeys(cells)}
        if "" in stripped.values():
            row = next(place for place, cell in enumerate(cells) if not stripped[cell])
            raise DataError(f"{self.where(row)}: column '{name}' is empty here. Every row needs its value: write it, or remove the row.")
        found = np.empty(len(cells), dtype=object)
        found[:] = list(map(stripped.__getitem__, cells))
        return found

    def numbers(self, name: str) -> Numbers:
        """[n], NaN where they are missing."""
        cells = self.cells(name)
        values = self._missing.numbers(cells)
        if values is None:
            commas = [
                table.file for table in self._tables if (is_comma_free(table.file) if table.is_comma_free is None else table.is_comma_free)
            ]
            values = required_numbers(cells, name, self.where, self._missing, commas, self._notes)
        large = np.abs(values) > LARGEST
        if large.any():
            row = int(np.argmax(large))
            raise DataError(
                f"{self.where(row)}: column '{name}' is {values[row]:g} here, and numbers up to {LARGEST:g} were expected. Correct it; if "
                f"it stands for a missing value, name it with --missing {values[row]:g}."
            )
        return values

    def steps(self, name: str) -> NDArray[Any]:
        """[n] numbers, or moments in nanoseconds, that put rows in order."""
        cells = self.cells(name)
        try:
            # Moments in nanoseconds are too long for float64.
            return np.fromiter(map(int, cells), dtype=np.int64, count=len(cells))
        except (ValueError, OverflowError):
            pass
        if not is_mostly_numbers(cells, self._missing):
            return self._moments(cells, name)
        steps = self.numbers(name)
        if np.isnan(steps).any():
            row = int(np.argmax(np.isnan(steps)))
            raise DataError(
                f"{self.where(row)}: the step (column '{name}') is missing. Every row needs one: write it, or remove the row; without a "
                "column of steps frames are in the order of the rows."
            )
        return steps

    def _moments(self, cells: Sequence[str], name: str) -> Ids:
        parts = list(map(_FRACTION.fullmatch, map(str.strip, cells)))
        whole = [cell if part is None else part[1] + part[3] for cell, part in zip(cells, parts, strict=True)]
        fractions = [0 if part is None else int(part[2].ljust(9, "0")) for part in parts]
        times, _ = read_times([whole], [name], self.where, self._notes)
        return times.astype("datetime64[s]").astype(np.int64) * 10**9 + np.array(fractions, dtype=np.int64)


def _refuse_more(table: FrameTable, model: FrameTable, chosen: SequenceColumns, missing: Missing) -> None:
    """Refuses a table with features that the first one does not have."""
    more = [name for name in table.names if name and name not in model.names and is_mostly_numbers(table.columns[name], missing)]
    if more:
        raise DataError(
            f"{table.file}, line 1: {len(more) + len(chosen.features)} features are here, {len(chosen.features)} were expected as in "
            f"{model.file}; it has no column {listed(map(repr, more))}. Give all tables the same columns, or name those to be read with "
            "--features."
        )


def _named(tables: Sequence[FrameTable], chosen: SequenceColumns, rows: _Rows, notes: dict[str, None]) -> tuple[list[str], Ids]:
    """The sequences' names in order of appearance; [n] which of them each row is of."""
    if not chosen.sequence:
        stems = [table.name or stem_of(table.file) for table in tables]
        return [stem if stems.count(stem) == 1 else table.file for stem, table in zip(stems, tables, strict=True)], rows.table
    words = rows.words(chosen.sequence)
    index: dict[str, int] = {}
    codes = np.fromiter((index.setdefault(word, len(index)) for word in words.tolist()), dtype=np.int64, count=rows.n)
    titles = list(index)
    if len(tables) > 1:
        pairs = np.unique(np.stack([codes, rows.table], axis=1), axis=0)
        again = np.flatnonzero(pairs[1:, 0] == pairs[:-1, 0])
        if len(again):
            code, file = pairs[again[0] + 1].tolist()
            here = rows.where(int(np.argmax((codes == code) & (rows.table == file))))
            before = rows.where(int(np.argmax(codes == code)))
            if not chosen.step:
                raise DataError(
                    f"{here}: sequence '{titles[code]}' stands in another file too ({before}), and no column says which frames come first. "
                    "Name a column of steps with --step if it is one sequence; give each its own name if they are two."
                )
            some = len(np.unique(pairs[again, 0]))
            notes[f"{some} sequence{'s go' if some > 1 else ' goes'} on in another file ('{titles[code]}', {here} and {before})"] = None
    return titles, codes


def _order(rows: _Rows, step: str, codes: Ids, titles: Sequence[str], notes: dict[str, None]) -> Ids:
    """[n], the rows ascending by sequence and step."""
    by_sequence = np.argsort(codes, kind="stable")
    if not step:
        return by_sequence
    steps = rows.steps(step)
    order = np.lexsort((steps, codes))
    is_late = (codes[by_sequence][1:] == codes[by_sequence][:-1]) & (steps[by_sequence][1:] < steps[by_sequence][:-1])
    if is_late.any():
        late = rows.where(int(by_sequence[1:][int(np.argmax(is_late))]))
        notes[f"rows were not in the order of '{step}' and were sorted (first at {late})"] = None
    is_double = (codes[order][1:] == codes[order][:-1]) & (steps[order][1:] == steps[order][:-1])
    if is_double.any():
        place = int(np.argmax(is_double))
        one, other = order[place : place + 2].tolist()
        cell = rows.cells(step)[other].strip()
        raise DataError(
            f"{rows.where(other)}: sequence '{titles[codes[other]]}' has a second row at step {excerpt(cell)} (column '{step}'); the first "
            f"is at {rows.where(one)}. Remove one, or name the column that tells the sequences apart with --sequence."
        )
    return order


def _constant(
    values: NDArray[np.object_], bounds: Ids, order: Ids, column: str, titles: Sequence[str], rows: _Rows, mend: str
) -> list[str]:
    """The one value that each sequence has, of values [n] in the order of `order`."""
    firsts = np.repeat(bounds[:-1], np.diff(bounds))
    other = values != values[firsts]
    if other.any():
        place = int(np.argmax(other))
        code = int(np.searchsorted(bounds, place, side="right")) - 1
        raise DataError(
            f"{rows.where(int(order[place]))}: column '{column}' of sequence '{titles[code]}' is {excerpt(values[place])} here and "
            f"{excerpt(values[firsts[place]])} before ({rows.where(int(order[firsts[place]]))}). {mend}."
        )
    return [str(values[begin]) for begin in bounds[:-1]]
