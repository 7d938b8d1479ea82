"""Tables of time series: which columns hold what, where each row stands, and columns as numbers or texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tidegate.data.cells import Missing, Numbers, required_numbers, with_points
from tidegate.data.clock import Ids
from tidegate.data.records import Source
from tidegate.errors import DataError

Column: TypeAlias = "Sequence[str] | NDArray[Any]"

# Of the cells of a covariate, a share of this at most may be no number where the column is meant to hold numbers.
_FEW = 0.05
# Numbers beyond this have squares that float64 cannot hold in sums: errors could not be scored.
_LARGEST = 1e100


@dataclass(frozen=True, slots=True)
class SeriesColumns:
    """Which columns of a table hold what, by name.

    Attributes:
        time: joined, they tell the time.
        target: each is a series of its own.
        series: tells the series apart; None: the file does.
        past, future, static: covariates known up to now, known ahead, and constant within a series.
    """

    time: tuple[str, ...]
    target: tuple[str, ...]
    series: str | None = None
    past: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    static: tuple[str, ...] = ()

    @property
    def covariates(self) -> tuple[str, ...]:
        return (*self.past, *self.future, *self.static)

    @property
    def target_title(self) -> str:
        """The targets in a table's cell: their names, of many how many there are."""
        return ", ".join(self.target) if len(self.target) <= 3 else f"{len(self.target)} columns"

    def to_json(self) -> dict[str, Any]:
        return {
            "time": list(self.time),
            "target": list(self.target),
            "series": self.series,
            "past": list(self.past),
            "future": list(self.future),
            "static": list(self.static),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> SeriesColumns:
        several = {key: tuple(stored[key]) for key in ("time", "target", "past", "future", "static")}
        return cls(series=stored["series"], **several)


@dataclass(frozen=True, slots=True)
class RowPlaces:
    """Where n rows stand: `file` [n] is a place in `files`, `line` [n] counts what `unit` says, from 1."""

    files: tuple[str, ...]
    file: Ids
    line: Ids
    unit: str = "line"

    def where(self, row: int) -> Source:
        return Source(self.files[int(self.file[row])], int(self.line[row]), self.unit)


@dataclass(frozen=True, slots=True)
class Asked:
    """The columns as they were asked for, by name or number from 1; None or empty where they were not.

    Attributes:
        is_trained: whether a trained model asks, to whom it is no news that there are other columns.
    """

    time: Sequence[str] | None = None
    target: Sequence[str] | None = None
    series: str | None = None
    past: Sequence[str] = ()
    future: Sequence[str] = ()
    static: Sequence[str] = ()
    is_trained: bool = False


@dataclass(frozen=True, slots=True)
class SeriesTable:
    """Rows of one or several files, or of a frame.

    Attributes:
        columns: by name, each [n].
        chosen: which of them hold what.
        places: of the rows.
        decimal_commas: files in which a comma cannot be the delimiter.
        ahead: rows from here on are of files that go on after the history.
        zone: of a frame's column of times, which is UTC here; empty without one.
    """

    columns: dict[str, Column]
    chosen: SeriesColumns
    places: RowPlaces
    decimal_commas: frozenset[str]
    ahead: int
    zone: str = ""


def numbers_of(table: SeriesTable, name: str, missing: Missing, notes: dict[str, None]) -> Numbers:
    """[n] a column that must hold numbers, NaN where they are missing.

    Raises:
        DataError: a cell that is no number, or one so large that its square is none.
    """
    where = table.places.where
    values = _numbers_of(table, name, missing, notes)
    large = np.abs(values) > _LARGEST
    if large.any():
        row = int(np.argmax(large))
        raise DataError(
            f"{where(row)}: column '{name}' is {values[row]:g} here, and numbers up to {_LARGEST:g} were expected. Correct it; if it "
            f"stands for a missing value, name it with --missing {values[row]:g}."
        )
    return values


def _numbers_of(table: SeriesTable, name: str, missing: Missing, notes: dict[str, None]) -> Numbers:
    column, where = table.columns[name], table.places.where
    if not isinstance(column, np.ndarray):
        return required_numbers(column, name, where, missing, table.decimal_commas, notes)
    if column.dtype.kind == "M":
        raise DataError(f"{where(0)}: column '{name}' holds times; numbers were expected.")
    values = column.astype(np.float64)
    if np.isinf(values).any():
        raise DataError(
            f"{where(int(np.argmax(np.isinf(values))))}: column '{name}' is infinite here. Write a number, or NaN if it is missing."
        )
    return missing.without(values)


def covariate_of(table: SeriesTable, name: str, missing: Missing, notes: dict[str, None]) -> NDArray[Any]:
    """[n] a covariate: numbers where (nearly) all its cells are such, else texts, None where they are missing.

    Raises:
        DataError: a column of numbers with cells that are none.
    """
    column = table.columns[name]
    if not isinstance(column, np.ndarray) and missing.numbers(column) is None:
        others, present = missing.others(column)
        # A few words in a column of numbers are mistakes, or marks of missing values; many are its values.
        if sum(others.values()) > present * _FEW and with_points(column, missing) is None:
            return missing.words(column)
    values = numbers_of(table, name, missing, notes)
    if np.isnan(values).all():
        notes[f"column '{name}' has no value at all"] = None
    return values


def cells_of(column: Column) -> Sequence[str]:
    """A column as text."""
    if not isinstance(column, np.ndarray):
        return column
    return ["" if value != value else str(value) for value in column.tolist()]
