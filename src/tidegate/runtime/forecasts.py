"""What a forecaster answers: for each series the steps that follow, their median and bands; as rows, or as a frame of the user's kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.clock import Times
from tidegate.data.series import frame_like
from tidegate.data.series_tables import SeriesColumns
from tidegate.data.time_forms import TimeForm
from tidegate.errors import RecipeError
from tidegate.runtime.bands import rounded
from tidegate.scoring.forecasting import sides_of

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Forecast:
    """The F steps that follow one series, in the target's own unit.

    Attributes:
        name, target: of the series.
        times: [F].
        quantiles: [F, Q], rising, of `scoring.probabilities_of(levels)`.
        levels: of the bands, in percent, rising.
    """

    name: str
    target: str
    times: Times
    quantiles: Values
    levels: tuple[int, ...]

    @property
    def point(self) -> Values:
        """The medians [F]."""
        median: Values = self.quantiles[:, len(self.levels)]
        return median

    def band(self, level: int) -> tuple[Values, Values]:
        """The lower and the upper bounds [F] of a level.

        Raises:
            RecipeError: the model was not trained for it.
        """
        sides = sides_of(self.levels)
        if level not in sides:
            known = ", ".join(map(str, self.levels))
            raise RecipeError(f"level is {level}; this model tells bands of {known} %. Train it with --levels for others.")
        low, high = sides[level]
        return self.quantiles[:, low], self.quantiles[:, high]


@dataclass(frozen=True, slots=True, repr=False)
class Forecasts:
    """Of each series what follows.

    Attributes:
        series: in the order of the data.
        arch: what the columns of forecasts are called after.
        columns: of the table that was read.
        form: how it writes times.
        notes: sentences on what was read and told.
    """

    series: tuple[Forecast, ...]
    arch: str
    columns: SeriesColumns
    form: TimeForm
    notes: tuple[str, ...] = ()

    @property
    def header(self) -> tuple[str, ...]:
        """The names of an answer's columns: series, target where there are several, time, the median, and each band's bounds.

        A name that the table has for its series or its time is theirs; another column that would have it is called forecast-NAME.
        """
        series, time = self.columns.series, self.columns.time[0] if len(self.columns.time) == 1 else None
        own = {series, time}

        def apart(name: str) -> str:
            return f"forecast-{name}" if name in own else name

        target = (apart("target"),) if len(self.columns.target) > 1 else ()
        bounds = (apart(f"{self.arch}-{side}-{level}") for level in self._levels for side in ("lo", "hi"))
        return (series or apart("unique_id"), *target, time or apart("time"), apart(self.arch), *bounds)

    @property
    def _levels(self) -> tuple[int, ...]:
        return self.series[0].levels if self.series else ()

    def __repr__(self) -> str:
        steps = len(self.series[0].times) if self.series else 0
        return f"Forecasts({len(self.series)} series, {steps} steps each; rows() and to_frame(like) have them)"

    def rows(self) -> Iterator[dict[str, Any]]:
        """A row a step, by the names of `header`: times as the table writes them, numbers as `rounded` says."""
        header = self.header
        for each in self.series:
            names = (each.name, each.target) if len(self.columns.target) > 1 else (each.name,)
            values = self._values(each)
            for time, numbers in zip(self.form.write(each.times), values.tolist(), strict=True):
                yield dict(zip(header, (*names, time, *(rounded(number, max(numbers) - min(numbers)) for number in numbers)), strict=True))

    def to_frame(self, like: Any) -> Any:
        """All rows as a frame of the kind of `like` (pandas or polars), times in the form that its column of times has."""
        lengths = [len(each.times) for each in self.series]
        own = self._own_names(like)
        columns: list[Any] = [[own.get(each.name, each.name) for each, n in zip(self.series, lengths, strict=True) for _ in range(n)]]
        if len(self.columns.target) > 1:
            columns.append([each.target for each, n in zip(self.series, lengths, strict=True) for _ in range(n)])
        columns.append(self.form.column(np.concatenate([each.times for each in self.series])))
        columns += list(np.concatenate([self._values(each) for each in self.series]).T.copy())
        return frame_like(like, dict(zip(self.header, columns, strict=True)))

    def _own_names(self, frame: Any) -> dict[str, Any]:
        """Of each series' name what the frame has in its place, which may be a number."""
        column = next((name for name in frame.columns if str(name) == self.columns.series), None)
        return {} if column is None else {str(value).strip(): value for value in frame[column].unique()}

    def _values(self, each: Forecast) -> Values:
        """[F, Q] in the order of `header`."""
        places = [len(each.levels), *(place for sides in sides_of(each.levels).values() for place in sides)]
        values: Values = each.quantiles[:, places]
        return values
