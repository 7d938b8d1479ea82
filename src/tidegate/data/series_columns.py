"""Which columns of a table of time series hold what: as they were asked for, or by their names and what they hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from tidegate.data.cells import Missing, with_points
from tidegate.data.records import Source
from tidegate.data.series_tables import Asked, Column, SeriesColumns
from tidegate.data.tables import plain
from tidegate.data.text_columns import COLUMN_NUMBER
from tidegate.data.time_forms import are_whole_numbers, looks_like_times, part_columns
from tidegate.errors import DataError, nearest

# How many rows show what a column holds.
_SAMPLE = 200
_TIME_NAMES = ("ds", "time", "timestamp", "datetime", "date", "date_time", "datum", "zeit", "zeitstempel", "utc", "t", "step")
_SERIES_NAME, _TARGET_NAME = "unique_id", "y"


def choose_columns(
    names: Sequence[str],
    columns: Mapping[str, Column],
    asked: Asked,
    missing: Missing,
    where: Source,
    notes: dict[str, None],
    *,
    has_times_beside: bool = False,
) -> SeriesColumns:
    """The columns that hold what, from what was asked for and what they hold.

    Args:
        has_times_beside: whether these are of a frame whose index holds times.

    Raises:
        DataError: one asked for is not there, one is asked for twice, or one that was not asked for cannot be told.
    """
    find = ColumnFinder(names, where)
    series = find(asked.series) if asked.series else next((name for name in names if name == _SERIES_NAME), None)
    past, future, static = (tuple(map(find, wanted)) for wanted in (asked.past, asked.future, asked.static))
    target = tuple(map(find, asked.target)) if asked.target else ()
    time = tuple(map(find, asked.time)) if asked.time else ()
    if not time:
        taken = {*target, *past, *future, *static, *([series] if series else [])}
        time = _find_time([name for name in names if name not in taken], columns, where, has_times_beside=has_times_beside)
        notes["the time is in column " + " and ".join(f"'{name}'" for name in time)] = None
    if not target:
        taken = {*time, *past, *future, *static, *([series] if series else [])}
        target = (_find_target([name for name in names if name not in taken], columns, missing, where),)
        notes[f"the target is column '{target[0]}'"] = None
    if series and asked.series is None:
        notes[f"the series are told apart by column '{series}'"] = None
    roles = [("time", time), ("target", target), ("series", (series,) if series else ()), ("past-covariates", past)]
    roles += [("future-covariates", future), ("static-covariates", static)]
    held: dict[str, str] = {}
    for role, of_role in roles:
        for name in of_role:
            if name in held:
                raise DataError(f"{where}: column '{name}' was asked for twice, by --{held[name]} and by --{role}. Name it once.")
            held[name] = role
    return SeriesColumns(time, target, series, past, future, static)


def note_unused(unused: Collection[str], notes: dict[str, None]) -> None:
    if unused:
        some = "column {} is" if len(unused) == 1 else "columns {} are"
        notes[
            some.format(", ".join(f"'{name}'" for name in unused)) + " not used; name those that help with --past-covariates, "
            "--future-covariates (known ahead) or --static-covariates"
        ] = None


class ColumnFinder:
    """Finds a column by its name, or by its number from 1."""

    def __init__(self, names: Sequence[str], where: Source) -> None:
        self._names, self._where = names, where

    def __call__(self, asked: str) -> str:
        names = self._names
        asked = str(asked)
        if asked in names:
            if list(names).count(asked) > 1:
                raise DataError(
                    f"{self._where}: {list(names).count(asked)} columns are called '{asked}'. Rename them, or name one by number."
                )
            return asked
        alike = [name for name in names if plain(name) == plain(asked)]
        if len(alike) == 1:
            return alike[0]
        if COLUMN_NUMBER.fullmatch(asked) and 1 <= int(asked) <= len(names):
            return names[int(asked) - 1]
        raise DataError(no_column(asked, names, self._where))


def no_column(asked: str, names: Sequence[str], where: Source) -> str:
    """The message on a column that is not there."""
    listed = ", ".join(f"{place} '{name}'" for place, name in enumerate(names, 1))
    return f"{where}: there is no column '{asked}' here; there are: {listed}.{nearest(asked, names)} Ask for one by its name or its number."


def _find_time(names: Sequence[str], columns: Mapping[str, Column], where: Source, *, has_times_beside: bool) -> tuple[str, ...]:
    found = [name for name in names if _is_time(columns[name])]
    known = [name for wanted in _TIME_NAMES for name in names if plain(name) == wanted]
    for candidates in ([name for name in known if name in found], found if len(found) == 1 else []):
        if candidates:
            return (candidates[0],)
    parts = part_columns(names)
    if parts and all(_is_whole(columns[name]) for name in parts):
        return parts
    counts = [name for name in known if _is_whole(columns[name])]
    if counts:
        return (counts[0],)
    if has_times_beside and not found:
        raise DataError("the times are in the frame's index, and columns were expected. Give frame.reset_index().")
    several = ", ".join(f"'{name}'" for name in found)
    what = f"several columns hold times ({several})" if found else "no column was found that holds times"
    listed = ", ".join(f"{place} '{name}'" for place, name in enumerate(names, 1))
    raise DataError(
        f"{where}: {what}. Name the column of times with --time, or several that are to be joined with commas between "
        f"(year,month,day,hour). Columns: {listed}."
    )


def _find_target(names: Sequence[str], columns: Mapping[str, Column], missing: Missing, where: Source) -> str:
    if _TARGET_NAME in names:
        return _TARGET_NAME
    numeric = [name for name in names if _is_numeric(columns[name], missing)]
    if len(numeric) == 1:
        return numeric[0]
    listed = ", ".join(f"'{name}'" for name in numeric)
    what = f"several columns hold numbers ({listed})" if numeric else "no column holds numbers"
    raise DataError(f"{where}: which column is to be told was not said, and {what}. Name it with --target, or several with commas between.")


def _is_time(column: Column) -> bool:
    if isinstance(column, np.ndarray):
        return column.dtype.kind == "M" or (column.dtype == object and len(column) > 0 and hasattr(column[0], "year"))
    return looks_like_times(column[:_SAMPLE])


def _is_whole(column: Column) -> bool:
    return column.dtype.kind in "iu" if isinstance(column, np.ndarray) else are_whole_numbers(column[:_SAMPLE])


def _is_numeric(column: Column, missing: Missing) -> bool:
    if isinstance(column, np.ndarray):
        return column.dtype.kind in "iuf"
    values = missing.numbers(column[:_SAMPLE])
    return with_points(column[:_SAMPLE], missing) is not None if values is None else not np.isnan(values).all() or len(column) > _SAMPLE
