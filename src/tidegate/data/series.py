"""Time series on the grid of their clock, from tables: one step after another, with a hole where a value is missing.

`read_panel` takes files, `panel_of_frame` frames of pandas or polars; both give the same `Panel`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.data.cells import Missing, Numbers
from tidegate.data.clock import Frequency, Ids, Instant, Times
from tidegate.data.grid import lay_out
from tidegate.data.reading import expand
from tidegate.data.records import Source
from tidegate.data.series_reading import frame_table, read_series_table, stem_of
from tidegate.data.series_tables import Asked, RowPlaces, SeriesColumns, SeriesTable, cells_of, covariate_of, numbers_of
from tidegate.data.time_forms import TimeForm, read_times, times_of_frame
from tidegate.errors import DataError, listed

SeriesTask = Literal["forecast", "fill"]
Values = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Series:
    """One target of one thing over time, T steps of it.

    Attributes:
        name: what the column of series says, else the file's name without its ending.
        target: the column; (name, target) is unique in a panel.
        begin: the time of step 0.
        y: [T], NaN a hole. T: up to the last step with a value in forecasts, to the last row where holes are to be filled.
        columns: covariates that change over time, each [R], R ≥ T: numbers (NaN missing) or texts (None missing). Rows after T are ahead.
        static: covariates of the whole series.
        has_row: [R], whether the table has a row of the step.
        place: where its first row stands.
    """

    name: str
    target: str
    begin: Instant
    y: Numbers
    columns: Mapping[str, Values]
    static: Mapping[str, float | str | None]
    has_row: NDArray[np.bool_]
    place: str

    def key(self, targets: int) -> str:
        """What messages and charts call the series, in a panel of so many targets."""
        return self.name if targets == 1 else f"{self.name}/{self.target}"


@dataclass(frozen=True, slots=True)
class PanelRows:
    """Which step each row of the tables is, in the order of the tables: `name` [n] a place in `names`, `step` [n]."""

    places: RowPlaces
    names: tuple[str, ...]
    name: Ids
    step: Ids


@dataclass(frozen=True, slots=True)
class Panel:
    """All series of a run.

    Attributes:
        form: how the table writes times.
        rows: where each row of the tables went.
        notes: sentences on how the tables were read.
    """

    series: tuple[Series, ...]
    columns: SeriesColumns
    frequency: Frequency
    form: TimeForm
    rows: PanelRows
    notes: tuple[str, ...] = ()

    def key(self, series: Series) -> str:
        """What messages and charts call a series."""
        return series.key(len(self.columns.target))

    def times(self, series: Series, first: int, n: int) -> Times:
        """The times of n steps of a series, from step `first` on."""
        return self.frequency.times(series.begin, first, n)

    def show_time(self, series: Series, step: int) -> str:
        """The time of a step, as the table writes it."""
        return self.form.write(self.times(series, step, 1))[0]

    def where(self, series: Series, step: int) -> str:
        """The file and line of a step; of the series' first row, where the step has none."""
        found = np.flatnonzero((self.rows.step == step) & (self.rows.name == self.rows.names.index(series.name)))
        return str(self.rows.places.where(int(found[0]))) if len(found) else series.place


def read_panel(
    files: Sequence[str],
    *,
    time: Sequence[str] | None = None,
    target: Sequence[str] | None = None,
    series: str | None = None,
    past: Sequence[str] = (),
    future: Sequence[str] = (),
    static: Sequence[str] = (),
    frequency: Frequency | str | int | None = None,
    missing: Sequence[str] = (),
    task: SeriesTask = "forecast",
    ahead: Sequence[str] = (),
    form: TimeForm | None = None,
) -> Panel:
    """The series of files, names or globs, plain or gzip.

    Args:
        time, target, series, past, future, static: columns by name or number from 1. Where time is None, it is the column of times;
            target None: `y`, or the only other column of numbers; series None: `unique_id` if there is one, else each file is a series.
        frequency: the length of a step; None: as the rows have it.
        missing: what stands for a missing value, beside empty cells, NA, NaN, null, None, ? and the like.
        task: "forecast": a series ends with its last value, and what rows there are after it are ahead; "fill": with its last row.
        ahead: files of rows that come after the history; they need no target.
        form: how times were written where the model was trained, which settles the order of day and month where these files do not.

    Raises:
        DataError: files, columns, times or values that are not as they should be; no series with a value.
        RecipeError: no such frequency.
        EncodingError: bytes that are not UTF-8.
    """
    notes: dict[str, None] = {}
    names = expand(files)
    if not names:
        raise DataError("there are no series to read. Name at least one file.")
    marks = Missing(missing)
    asked = Asked(_several(time), _several(target), series, past, future, static, is_trained=form is not None)
    table = read_series_table(names, expand(ahead) if ahead else [], asked, marks, notes)
    return _panel(table, marks, frequency, task, form, notes)


def panel_of_frame(
    frame: Any,
    *,
    time: Sequence[str] | None = None,
    target: Sequence[str] | None = None,
    series: str | None = None,
    past: Sequence[str] = (),
    future: Sequence[str] = (),
    static: Sequence[str] = (),
    frequency: Frequency | str | int | None = None,
    missing: Sequence[str] = (),
    task: SeriesTask = "forecast",
    ahead: Any = None,
    form: TimeForm | None = None,
) -> Panel:
    """As `read_panel`, from a frame of pandas or polars; `ahead` is another one."""
    notes: dict[str, None] = {}
    marks = Missing(missing)
    asked = Asked(_several(time), _several(target), series, past, future, static, is_trained=form is not None)
    table = frame_table(frame, ahead, asked, marks, notes)
    return _panel(table, marks, frequency, task, form, notes)


def frame_like(frame: Any, columns: Mapping[str, Any]) -> Any:
    """A frame of the same kind, pandas or polars, with these columns."""
    return type(frame)(dict(columns))


def _several(asked: Sequence[str] | str | None) -> Sequence[str] | None:
    return [asked] if isinstance(asked, str | int) else asked


def _panel(
    table: SeriesTable,
    missing: Missing,
    frequency: Frequency | str | int | None,
    task: SeriesTask,
    form: TimeForm | None,
    notes: dict[str, None],
) -> Panel:
    chosen, where = table.chosen, table.places.where
    times, form = _times(table, form, notes)
    codes, names = _codes(table)
    asked = frequency if isinstance(frequency, Frequency) or frequency is None else Frequency.parse(frequency)
    grid = lay_out(times, codes, names, asked, form, where, notes)
    targets = {name: numbers_of(table, name, missing, notes) for name in chosen.target}
    for name, values in targets.items():
        if np.isnan(values[: table.ahead]).all():
            raise DataError(f"{where(0)}: column '{name}', the target, has no value at all. Name another one with --target.")
    moving = {name: covariate_of(table, name, missing, notes) for name in (*chosen.past, *chosen.future)}
    still = {name: covariate_of(table, name, missing, notes) for name in chosen.static}
    found: list[Series] = []
    empty: list[str] = []
    constant: list[str] = []
    for code, name in enumerate(names):
        rows = grid.order[grid.bounds[code] : grid.bounds[code + 1]]
        history = rows[rows < table.ahead]
        if not len(history):
            known = listed(repr(names[place]) for place in np.unique(codes[: table.ahead]))
            raise DataError(f"{where(int(rows[0]))}: series '{name}' is ahead of a history that does not have it; its series are {known}.")
        steps = grid.step[rows]
        length = int(steps[-1]) + 1
        columns = {column: _spread(values[rows], steps, length) for column, values in moving.items()}
        static = {column: _constant(values, rows, column, name, where) for column, values in still.items()}
        has_row = np.zeros(length, dtype=bool)
        has_row[steps] = True
        for target, values in targets.items():
            y = _spread(values[history], grid.step[history], int(grid.step[history].max()) + 1)
            one = Series(name, target, grid.begins[code], y, columns, static, has_row, str(where(int(rows[0]))))
            seen = np.flatnonzero(~np.isnan(y))
            if not len(seen):
                empty.append(one.key(len(targets)))
                continue
            if len(seen) > 1 and (y[seen] == y[seen[0]]).all():
                constant.append(one.key(len(targets)))
            found.append(one if task == "fill" else replace(one, y=y[: seen[-1] + 1]))
    if empty:
        notes[f"no value in {len(empty)} of {len(empty) + len(found)} series, which take no part: {listed(map(repr, empty))}"] = None
    if constant:
        notes[f"one value alone, constant, in {len(constant)} of {len(empty) + len(found)} series: {listed(map(repr, constant))}"] = None
    rows_of = PanelRows(table.places, names, codes, grid.step)
    return Panel(tuple(found), chosen, grid.frequency, form, rows_of, tuple(notes))


def _times(table: SeriesTable, like: TimeForm | None, notes: dict[str, None]) -> tuple[Times, TimeForm]:
    names = table.chosen.time
    columns = [table.columns[name] for name in names]
    if len(columns) == 1 and isinstance(columns[0], np.ndarray) and columns[0].dtype.kind == "M":
        return times_of_frame(columns[0], table.zone, names[0], table.places.where, notes)
    return read_times([cells_of(column) for column in columns], names, table.places.where, notes, like)


def _codes(table: SeriesTable) -> tuple[Ids, tuple[str, ...]]:
    """[n] which series each row is of, and the series' names in order of appearance."""
    places, series = table.places, table.chosen.series
    index: dict[str, int] = {}
    if series is None:
        stems = [stem_of(file) for file in places.files]
        # Files of one name in several folders are told apart by all of it.
        own = [stem if stems.count(stem) == 1 else file for stem, file in zip(stems, places.files, strict=True)]
        history = int(places.file[table.ahead - 1]) + 1
        if history == 1:
            own = own[:1] * len(own)
        else:
            own[history:] = stems[history:]
        of_file = np.array([index.setdefault(name, len(index)) for name in own], dtype=np.int64)
        return of_file[places.file], tuple(index)
    cells = cells_of(table.columns[series])
    of_cell = {cell: index.setdefault(cell.strip(), len(index)) for cell in dict.fromkeys(cells)}
    codes = np.fromiter(map(of_cell.__getitem__, cells), dtype=np.int64, count=len(cells))
    if "" in index:
        row = int(np.argmax(codes == index[""]))
        raise DataError(f"{places.where(row)}: column '{series}', which tells the series apart, is empty. Write the name of the series.")
    return codes, tuple(index)


def _spread(values: Values, steps: Ids, length: int) -> Values:
    """[n] values of rows -> [length] of steps."""
    on_grid = np.full(length, np.nan) if values.dtype != object else np.full(length, None, dtype=object)
    on_grid[steps] = values
    return on_grid


def _constant(values: Values, rows: Ids, column: str, name: str, where: Callable[[int], Source]) -> float | str | None:
    """The one value that a static covariate has in these rows; None without any."""
    own = values[rows]
    seen = rows[~np.isnan(own)] if own.dtype != object else rows[np.array([value is not None for value in own], dtype=bool)]
    if not len(seen):
        return None
    first = values[seen[0]]
    other = seen[values[seen] != first]
    if len(other):
        raise DataError(
            f"{where(int(other[0]))}: the static covariate '{column}' of series '{name}' is {values[other[0]]!r} here and {first!r} before "
            f"({where(int(seen[0]))}). It must be the same in the whole series; one that changes goes with --past-covariates."
        )
    return first if isinstance(first, str) else float(first)
