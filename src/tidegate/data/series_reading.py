"""Tables of time series from files, many at once, and from frames of pandas and polars."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.data.cells import Missing
from tidegate.data.clock import Ids
from tidegate.data.named_columns import OTHER_TABLES, is_comma_free, named_columns
from tidegate.data.opening import suffix_of
from tidegate.data.records import Source
from tidegate.data.series_columns import choose_columns, no_column, note_unused
from tidegate.data.series_tables import Asked, Column, RowPlaces, SeriesColumns, SeriesTable, cells_of
from tidegate.data.tables import plain, read_columns
from tidegate.data.text_columns import COLUMN_NUMBER
from tidegate.errors import DataError


def read_series_table(files: Sequence[str], ahead: Sequence[str], asked: Asked, missing: Missing, notes: dict[str, None]) -> SeriesTable:
    """The rows of files; those of `ahead` need no target and no past covariates.

    Raises:
        DataError: a file that is no table, a column that is not there, none that could be meant.
    """
    chosen: SeriesColumns | None = None
    pooled: dict[str, list[str]] = {}
    lines: list[Ids] = []
    commas: list[str] = []
    unused: dict[str, None] = {}
    for number, file in enumerate((*files, *ahead)):
        names, columns, line = _read_file(file)
        if chosen is None:
            chosen = choose_columns(names, columns, asked, missing, Source(file, int(line[0])), notes)
            asked = Asked(chosen.time, chosen.target, chosen.series, chosen.past, chosen.future, chosen.static, asked.is_trained)
            wanted = (*chosen.time, *chosen.target, *([chosen.series] if chosen.series else []), *chosen.covariates)
            pooled = {name: [] for name in wanted}
        if number < len(files):
            unused.update(dict.fromkeys(name for name in names if name not in pooled and name))
        for name, cells in pooled.items():
            if name in columns:
                cells.extend(columns[name])
            elif number >= len(files) and name in (*chosen.target, *chosen.past):
                cells.extend([""] * len(line))
            else:
                raise DataError(no_column(name, names, Source(file, 1)))
        lines.append(line)
        if is_comma_free(file):
            commas.append(file)
    assert chosen is not None
    if not asked.is_trained:
        note_unused(unused, notes)
    counts = [len(line) for line in lines]
    places = RowPlaces((*files, *ahead), np.repeat(np.arange(len(lines)), counts), np.concatenate(lines))
    return SeriesTable(dict(pooled), chosen, places, frozenset(commas), sum(counts[: len(files)]))


def frame_table(frame: Any, ahead: Any, asked: Asked, missing: Missing, notes: dict[str, None]) -> SeriesTable:
    """As `read_series_table`, from frames of pandas or polars."""
    for given in (frame, *([] if ahead is None else [ahead])):
        if not hasattr(given, "columns"):
            raise DataError(f"a {type(given).__name__} was given; a frame of pandas or polars was expected, with a row for each time.")
        if len(doubled := [name for name, count in Counter(map(str, given.columns)).items() if count > 1]):
            raise DataError(f"the frame has several columns called '{doubled[0]}'. Rename them.")
        _refuse_index(given, asked)
    names = [str(name) for name in frame.columns]
    columns = {str(name): _frame_column(frame, name) for name in frame.columns}
    rows = len(frame)
    if not rows:
        raise DataError("the frame has no rows. Rows with a time and a value each were expected.")
    chosen = choose_columns(names, columns, asked, missing, Source("frame", 1, "row"), notes, has_times_beside=_has_time_index(frame))
    wanted = (*chosen.time, *chosen.target, *([chosen.series] if chosen.series else []), *chosen.covariates)
    if not asked.is_trained:
        note_unused([name for name in names if name not in wanted], notes)
    files: tuple[str, ...] = ("frame",)
    counts = [rows]
    pooled = {name: columns[name] for name in wanted}
    if ahead is not None:
        files, counts = ("frame", "frame of what comes"), [rows, len(ahead)]
        later = {str(name): _frame_column(ahead, name) for name in ahead.columns}
        for name in wanted:
            if name in later:
                pooled[name] = _joined(pooled[name], later[name])
            elif name in (*chosen.target, *chosen.past):
                pooled[name] = _joined(pooled[name], np.full(len(ahead), np.nan))
            else:
                raise DataError(no_column(name, list(later), Source(files[1], 1, "row")))
    line = np.concatenate([np.arange(1, count + 1) for count in counts])
    places = RowPlaces(files, np.repeat(np.arange(len(counts)), counts), line, "row")
    return SeriesTable(pooled, chosen, places, frozenset(), rows, _zone_of(frame[chosen.time[0]].dtype))


def _refuse_index(frame: Any, asked: Asked) -> None:
    """Refuses a frame of pandas whose index holds what was asked for as a column."""
    index = getattr(frame, "index", None)
    held = {str(name) for name in getattr(index, "names", ()) if name is not None}
    known = {plain(str(name)) for name in frame.columns}
    wanted = (
        *(asked.time or ()),
        *(asked.target or ()),
        *([asked.series] if asked.series else []),
        *asked.past,
        *asked.future,
        *asked.static,
    )
    for name in map(str, wanted):
        if name in held and plain(name) not in known:
            raise DataError(f"'{name}' is the frame's index, and a column was expected. Give frame.reset_index().")
    if _has_time_index(frame) and not held and asked.time is not None and len(asked.time) == 1:
        (time,) = map(str, asked.time)
        if plain(time) not in known and not COLUMN_NUMBER.fullmatch(time):
            raise DataError(
                f"the frame has no column '{time}', but times in its index, and a column was expected. Give "
                f"frame.rename_axis('{time}').reset_index()."
            )


def _has_time_index(frame: Any) -> bool:
    return str(getattr(getattr(frame, "index", None), "dtype", "")).startswith("datetime64")


def stem_of(file: str) -> str:
    """A file's name without its folder and endings."""
    name = os.path.basename(file).removesuffix(".gz")
    return os.path.splitext(name)[0] or name


def _read_file(file: str) -> tuple[list[str], dict[str, list[str]], Ids]:
    """The names of a file's columns, its columns (those of the same name once), and the line of each row."""
    if reader := OTHER_TABLES.get(suffix_of(file)):
        raise DataError(
            f"{file}: series are read from CSV or TSV, not from {suffix_of(file)}. Save the table as CSV; or, in Python, give a frame in "
            f"place of the file: pandas.{reader}."
        )
    numbers, cells = read_columns(file)
    names, columns, lines = named_columns(numbers, cells)
    if not lines:
        raise DataError(
            f"{file} holds a header and no rows. Rows with a time and a value each were expected; check that it was written whole."
        )
    return names, columns, np.array(lines, dtype=np.int64)


def _frame_column(frame: Any, name: Any) -> Column:
    """A column of a frame: an array of numbers, dates or objects that are dates; a list of texts for anything else."""
    series = frame[name]
    dtype = series.dtype
    if getattr(dtype, "tz", None) is not None:
        return series.to_numpy(dtype="datetime64[ns]")  # type: ignore[no-any-return]
    array = np.asarray(series.to_numpy())
    if array.dtype.kind in "iufbM":
        return array
    if len(array) and hasattr(array[0], "year"):
        if any(getattr(time, "tzinfo", None) is not None for time in array):
            # Offsets one by one, as pandas keeps those of several zones: read as they are in text.
            return [str(time) for time in array]
        return np.array(list(array), dtype="datetime64[us]")
    return ["" if value is None or (isinstance(value, float) and value != value) else str(value) for value in array.tolist()]


def _zone_of(dtype: Any) -> str:
    """The zone of a column of times, as pandas or polars keep it."""
    return str(getattr(dtype, "tz", None) or getattr(dtype, "time_zone", None) or "")


def _joined(one: Column, other: Column) -> Column:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.concatenate([one, other])
    return [*cells_of(one), *cells_of(other)]
