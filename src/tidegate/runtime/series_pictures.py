"""What forecasters and fillers answer, made ready to be drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.series import Panel, Series
from tidegate.runtime.forecasts import Forecasts
from tidegate.runtime.series_chart import Picture, around_gaps
from tidegate.scoring.forecasting import sides_of

if TYPE_CHECKING:
    from tidegate.runtime.fill import FilledSeries

Array = NDArray[np.floating[Any]]

# A forecast is drawn behind so many horizons of history.
_HORIZONS = 4


def forecast_pictures(panel: Panel, told: Forecasts, truths: Sequence[Array] | None = None) -> list[Picture]:
    """Each series' last steps, and what follows them; those that were not told are left out.

    Args:
        panel: what `told` was told of.
        truths: what came, [F] of each series, where that is known.
    """
    pictures = []
    forecasts = {(forecast.name, forecast.target): forecast for forecast in told.series}
    for place, series in enumerate(panel.series):
        forecast = forecasts.get((series.name, series.target))
        if forecast is None:
            continue
        length = min(len(series.y), _HORIZONS * len(forecast.times))
        pictures.append(
            Picture(
                panel.key(series),
                panel.times(series, len(series.y) - length, length),
                series.y[len(series.y) - length :],
                forecast.times,
                forecast.point,
                {level: forecast.band(level) for level in forecast.levels},
                None if truths is None else truths[place],
            )
        )
    return pictures


def fill_pictures(panel: Panel, filled: Sequence[FilledSeries], levels: Sequence[int]) -> Iterator[Picture]:
    """Each series around its longest hole; those without one are left out."""
    for each in filled:
        if len(each.steps):
            yield gap_picture(panel, each.series, each.steps, each.quantiles, levels)


def gap_picture(
    panel: Panel, series: Series, steps: NDArray[np.int64], quantiles: Array, levels: Sequence[int], truth: Array | None = None
) -> Picture:
    """A series around its longest told gap.

    Args:
        steps: [n], the places that are told, rising; missing in `series`.
        quantiles: [n, Q], of `probabilities_of(levels)`.
        truth: [n], what stood there, where that is known.
    """
    stretch = around_gaps(series.y, steps)
    inside = (stretch.start <= steps) & (steps < stretch.stop)
    told, times = quantiles[inside], panel.times(series, stretch.start, stretch.stop - stretch.start)
    return Picture(
        panel.key(series),
        times,
        series.y[stretch],
        times[steps[inside] - stretch.start],
        told[:, len(levels)],
        {level: (told[:, low], told[:, high]) for level, (low, high) in sides_of(levels).items()},
        None if truth is None else truth[inside],
    )
