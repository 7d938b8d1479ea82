"""A series that comes row by row, and the forecast after each row, at the same cost however long the series grows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.cells import Missing
from tidegate.data.clock import Frequency, Instant
from tidegate.data.covariates import CovariateCoder
from tidegate.data.grid import instant
from tidegate.data.records import Source
from tidegate.data.series import Series
from tidegate.data.series_tables import SeriesColumns
from tidegate.data.time_forms import TimeForm, read_times
from tidegate.errors import DataError, ModelError, RecipeError
from tidegate.runtime.forecasts import Forecast

Row = Mapping[str, Any]
# A covariate of one step: None where it is missing.
Cell = float | str | None


@dataclass(frozen=True, slots=True)
class SessionClock:
    """How rows tell their time, and what stands for a missing value in them."""

    columns: SeriesColumns
    frequency: Frequency
    form: TimeForm
    missing: Missing


@dataclass(slots=True)
class _Steps:
    """Steps in a row, from step `first` of the series on.

    Attributes:
        y: NaN a hole.
        cells: of each covariate that changes over time one a step.
    """

    first: int
    y: list[float] = field(default_factory=list)
    cells: dict[str, list[Cell]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

    def append(self, y: float, cells: Mapping[str, Cell]) -> None:
        self.y.append(y)
        for name, column in self.cells.items():
            column.append(cells.get(name))


class ForecastSession:
    """One series, row by row. After every row its forecast is what `predict` says of all rows so far, to the bit.

    Of a series that training had. What is held, and the time a row takes, do not grow with the series; a hole longer than the context is
    held whole until the context has passed it.

    Attributes:
        position: steps up to the last value.
    """

    def __init__(
        self,
        name: str,
        target: str,
        clock: SessionClock,
        coder: CovariateCoder,
        context: int,
        horizon: int,
        tell: Callable[[Series], Forecast | None],
        digest: Callable[[], str],
    ) -> None:
        self._name, self._target, self._clock, self._context, self._horizon = name, target, clock, context, horizon
        self._tell, self._digest = tell, digest
        stored = coder.to_json()
        # Texts may look like numbers, so the column says which are texts.
        self._texts = {column["name"] for kind in ("past", "future", "static") for column in stored[kind] if "texts" in column}
        columns = clock.columns
        self._moving = (*columns.past, *columns.future)
        self._steps = _Steps(0, cells={column: [] for column in self._moving})
        self._begin: Instant | None = None
        self._static: dict[str, Cell] = {}
        self._has_ended = False

    @property
    def position(self) -> int:
        steps = self._steps
        return steps.first + self._seen_end()

    def feed(self, row: Row | float | None, future: Iterable[Row] | None = None) -> Forecast | None:
        """Takes the next row, and gives the forecast of what follows the last value so far.

        Args:
            row: its cells by column, the time among them; or a value alone, of the next step: None or NaN where it is missing.
                Steps between this row and the one before are holes.
            future: rows with the covariates that are known ahead, from the step after this row on, as many as are told.

        Returns:
            None until a segment can be read, and where the model reads covariates ahead and none are given.

        Raises:
            DataError: a time that is not after that of the row before, or off the grid; a cell that is no number; a covariate ahead or
                a constant one that is missing.
            RecipeError: the session has ended; or future rows, and the model reads none.
        """
        if self._has_ended:
            raise RecipeError("this session has ended; begin another one.")
        columns = self._clock.columns
        if future is not None and not columns.future:
            raise RecipeError("future rows were given, but the model reads no covariates ahead; leave them out.")
        cells: Row = row if isinstance(row, Mapping) else {self._target: row}
        begin, step = self._step_of(cells, is_row=isinstance(row, Mapping))
        if self._target not in cells:
            raise DataError(f"the row has no '{self._target}', the target; it has {', '.join(map(repr, cells))}. Give it, None if missing.")
        y = self._number(cells[self._target], self._target)
        moving = {name: self._cell(cells.get(name), name) for name in self._moving}
        static = {name: self._static_cell(cells, name) for name in columns.static} if self._begin is None else self._static
        steps = self._steps
        holes = step - steps.first - len(steps)
        waiting = len(steps) - self._seen_end() + holes + 1 if math.isnan(y) else 0
        ahead = [] if future is None else self._ahead(list(future), begin, step + 1, self._horizon - waiting)
        # All is read: from here on nothing is refused.
        self._begin, self._static = begin, static
        for _ in range(holes):
            steps.append(math.nan, {})
        steps.append(y, moving)
        if not waiting:
            self._forget(begin)
        return None if columns.future and future is None else self._forecast(begin, ahead)

    def finish(self) -> None:
        """Ends the session; nothing can be fed any more.

        Raises:
            RecipeError: it has ended already.
        """
        if self._has_ended:
            raise RecipeError("this session has ended already.")
        self._has_ended = True

    def _forecast(self, begin: Instant, ahead: list[dict[str, Cell]]) -> Forecast | None:
        steps = self._steps
        arrays = {name: self._array([*column, *(row[name] for row in ahead)], name) for name, column in steps.cells.items()}
        first = instant(self._clock.frequency.times(begin, steps.first, 1)[0])
        has_row = np.ones(len(steps) + len(ahead), dtype=np.bool_)
        y = np.array(steps.y[: self._seen_end()])
        return self._tell(Series(self._name, self._target, first, y, arrays, self._static, has_row, "the session"))

    def _ahead(self, future: list[Row], begin: Instant, step: int, needed: int) -> list[dict[str, Cell]]:
        """The covariates of the rows from that step on, of which so many are needed; of those known ahead none may lack."""
        columns = self._clock.columns
        found = []
        for number, row in enumerate(future, 1):
            expected = step + number - 1
            if all(name in row for name in columns.time) and (given := self._place(row, begin)) != expected:
                raise DataError(
                    f"row {number} of the future is of {self._show(given, begin)}, but that of {self._show(expected, begin)} was expected. "
                    "Give one for each step, from the one after the row on."
                )
            for name in columns.future:
                if name not in row:
                    raise DataError(f"row {number} of the future has no '{name}', which the model reads ahead. Give it, None if missing.")
            found.append({name: self._cell(row[name], name) if name in columns.future else None for name in self._moving})
        if len(found) < needed:
            raise DataError(
                f"{len(found)} rows of the future were given, but the model tells {self._horizon} steps and needs rows up to "
                f"{self._show(step + needed - 1, begin)}. Give as many."
            )
        return found

    def _forget(self, begin: Instant) -> None:
        """Lets go of the steps that no later forecast reads; what they say of later holes stays in the first that is kept."""
        steps = self._steps
        # One more than the context: the first step holds the last value of each covariate, and is not read itself.
        start = len(steps) - self._context - 1
        while start > 0 and math.isnan(steps.y[start]):
            start -= 1
        start = self._same_day(max(0, start), begin)
        if not start:
            return
        for column in steps.cells.values():
            before = next((cell for cell in reversed(column[: start + 1]) if cell is not None), None)
            del column[:start]
            column[0] = before
        del steps.y[:start]
        steps.first += start

    def _same_day(self, start: int, begin: Instant) -> int:
        """The last step up to `start` from which a clock of months counts as from the series' begin: one of the same day of the month."""
        frequency = self._clock.frequency
        if frequency.unit != "month":
            return start

        def day(step: int) -> int:
            date = frequency.times(begin, step, 1)[0].astype("datetime64[D]")
            return int((date - date.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64))

        while start and day(self._steps.first + start) != day(0):
            start -= 1
        return start

    def _seen_end(self) -> int:
        """Steps held up to the last value."""
        end = len(self._steps)
        while end and math.isnan(self._steps.y[end - 1]):
            end -= 1
        return end

    def _step_of(self, cells: Row, *, is_row: bool) -> tuple[Instant, int]:
        """The time of the first row, and the step from there that this row is of."""
        names, end, begin = self._clock.columns.time, self._steps.first + len(self._steps), self._begin
        if not all(name in cells for name in names):
            if is_row and any(name in cells for name in names):
                raise DataError(f"the row has not all columns of the time, which are {', '.join(map(repr, names))}. Give all, or none.")
            if begin is None and not self._clock.form.is_count:
                raise DataError(
                    f"the first row tells no time. Give it with its columns, {', '.join(map(repr, names))} among them; values alone may "
                    "follow."
                )
            return 0 if begin is None else begin, end
        if begin is None:
            return instant(self._time(cells)[0]), 0
        step = self._place(cells, begin)
        if step < end:
            raise DataError(
                f"the row is of {self._show(step, begin)}, but {self._show(end - 1, begin)} was fed already. Rows come in the order of "
                "time, each once."
            )
        return begin, step

    def _place(self, cells: Row, begin: Instant) -> int:
        time, frequency = self._time(cells), self._clock.frequency
        if not frequency.on_grid(time, begin)[0]:
            raise DataError(
                f"the row's time, {self._clock.form.write(time)[0]}, is no step of {frequency.text} from the first row's, "
                f"{self._show(0, begin)}. Correct it."
            )
        return int(frequency.positions(time, begin)[0])

    def _time(self, cells: Row) -> NDArray[Any]:
        """[1], the time that a row tells: as text in the form of training, or as a date or a count."""
        names = self._clock.columns.time
        given = [cells[name] for name in names]
        if len(given) == 1 and not isinstance(given[0], str | int | np.integer):
            try:
                time = np.array([given[0]], dtype="datetime64[s]")
            except (ValueError, TypeError):
                time = np.array(["NaT"], dtype="datetime64[s]")
            if np.isnat(time[0]) or self._clock.form.is_count:
                raise DataError(f"{given[0]!r:.60} in the column of times '{names[0]}' is no time of this model's clock.")
            return time
        time, form = read_times([[str(cell)] for cell in given], names, lambda _: Source("the session", 1, "row"), {}, self._clock.form)
        if form.is_count != self._clock.form.is_count:
            raise DataError(f"{given[0]!r:.60} in the column of times '{names[0]}' is no time of this model's clock.")
        return time

    def _show(self, step: int, begin: Instant) -> str:
        return self._clock.form.write(self._clock.frequency.times(begin, step, 1))[0]

    def _number(self, cell: Any, name: str) -> float:
        if cell is None:
            return math.nan
        if isinstance(cell, str):
            found = self._clock.missing.numbers([cell.strip()])
        else:
            try:
                found = self._clock.missing.without(np.array([float(cell)]))
            except (TypeError, ValueError):
                found = None
        if found is None or math.isinf(found[0]):
            raise DataError(f"'{name}' is {cell!r:.60}; a number was expected, or None where it is missing.")
        return float(found[0])

    def _cell(self, cell: Any, name: str) -> Cell:
        if name not in self._texts:
            number = self._number(cell, name)
            return None if math.isnan(number) else number
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return None
        text = cell.strip() if isinstance(cell, str) else f"{cell:g}" if isinstance(cell, int | float) else str(cell)
        return None if text in self._clock.missing.texts else text

    def _static_cell(self, cells: Row, name: str) -> Cell:
        if name not in cells:
            raise DataError(f"the first row has no '{name}', which the model reads of a series. Give it, None if missing.")
        return self._cell(cells[name], name)

    def _array(self, column: list[Cell], name: str) -> NDArray[Any]:
        if name in self._texts:
            texts = np.empty(len(column), dtype=object)
            texts[:] = column
            return texts
        return np.array([math.nan if cell is None else cell for cell in column], dtype=np.float64)

    def to_bytes(self) -> bytes:
        """All that `ForecastModel.session` needs to go on from here with the same numbers; no pickle."""
        begin = self._begin
        says = {
            "model": self._digest(),
            "series": [self._name, self._target],
            "begin": begin if begin is None or isinstance(begin, int) else str(begin),
            "first": self._steps.first,
            "y": [None if math.isnan(y) else y for y in self._steps.y],
            "cells": self._steps.cells,
            "static": self._static,
            "has_ended": self._has_ended,
        }
        return json.dumps(says).encode()

    def restore(self, data: bytes) -> None:
        """Takes over what `to_bytes` gave.

        Raises:
            ModelError: it is another model's or another series', cut or no session at all.
        """
        try:
            says = json.loads(data)
            if says["model"] != self._digest():
                raise ModelError("the session was saved by another model; go on with the model that began it, or begin a new session.")
            if says["series"] != [self._name, self._target]:
                raise ModelError(f"the session is of the series {' / '.join(says['series'])}, not of {self._name} / {self._target}.")
            begin = says["begin"]
            steps = _Steps(
                int(says["first"]),
                [math.nan if y is None else float(y) for y in says["y"]],
                {name: says["cells"][name] for name in self._moving},
            )
            self._begin = np.datetime64(begin, "s") if isinstance(begin, str) else begin
            self._static, self._has_ended = dict(says["static"]), bool(says["has_ended"])
        except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise ModelError(f"this is no saved session, or a damaged one ({error}); give what to_bytes() returned, whole.") from error
        self._steps = steps
