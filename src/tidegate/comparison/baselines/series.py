"""Baselines over time series: what came before, a line between what stands beside, and exponential smoothing."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.comparison.baselines.baseline import Baseline
from tidegate.comparison.materials.forecasts import Window, forecast_outcomes
from tidegate.comparison.materials.holes import HiddenGap, gap_outcomes
from tidegate.comparison.materials.material import Portion
from tidegate.errors import RunError
from tidegate.runtime.forecast import truths
from tidegate.scoring.filling import linear_fill, seasonal_fill
from tidegate.scoring.outcomes import Outcomes
from tidegate.training.filling.task import FillTask
from tidegate.training.forecasting.baseline import ets_quantiles, ets_season
from tidegate.training.forecasting.task import ForecastTask

Values = NDArray[np.floating[Any]]
# AutoETS is fitted anew at every origin, for so many seconds in all.
_MOST_SECONDS = 60.0


class _Forecasts(Baseline):
    """One that learns nothing before it is asked."""

    def fit(self, task: ForecastTask) -> None:
        self._corpus = task.corpus
        self._horizon, self._season = int(task.recipe.horizon), task.recipe.season

    def size(self) -> int:
        return 0

    def outcomes(self, task: ForecastTask, portion: Portion[Window], answers: Sequence[Values]) -> Outcomes:
        return forecast_outcomes(np.stack(answers), portion, task)

    def _naive(self, records: Sequence[Window]) -> tuple[Values, Values]:
        """[M, F] the last value and the value a season before; where neither was seen the training part's median stands for them."""
        windows = np.array(records, dtype=np.int64).reshape(-1, 2)
        _, last, seasonal = truths(self._corpus.panel, windows, self._horizon, self._season)
        middle = np.array([self._median(place) for place, _ in records])[:, None]
        last = np.where(np.isnan(last), middle, last)
        return last, np.where(np.isnan(seasonal), last, seasonal)

    def _median(self, place: int) -> float:
        y = self._corpus.panel.series[place].y[: self._corpus.ends[place].train]
        return float(np.nanmedian(y)) if np.isfinite(y).any() else 0.0


class LastValue(_Forecasts):
    """The last value again."""

    name = "last value"

    def answer(self, records: Sequence[Window]) -> list[Any]:
        return list(self._naive(records)[0])


class SeasonBefore(_Forecasts):
    """The value a season before; the last value where none was seen."""

    name = "value a season before"

    def answer(self, records: Sequence[Window]) -> list[Any]:
        return list(self._naive(records)[1])


class AutoEts(_Forecasts):
    """AutoETS by statsforecast, fitted anew at every origin.

    Raises:
        RunError: it would take more than a minute for all of them, or has taken it, or cannot be fitted at one.
    """

    name = "AutoETS"
    most_seconds = _MOST_SECONDS

    def fit(self, task: ForecastTask) -> None:
        super().fit(task)
        self._levels = task.recipe.levels
        windows = task.corpus.origins("test")
        windows = windows if len(windows) else task.corpus.origins("dev")
        self.answer([Window(*windows[0].tolist())])  # the first pays for loading the library
        began = time.perf_counter()
        self.answer([Window(*windows[-1].tolist())])
        if (needed := (time.perf_counter() - began) * len(windows)) > _MOST_SECONDS:
            raise RunError(f"it would take about {needed:.0f} s to fit it at {len(windows)} origins, more than {_MOST_SECONDS:.0f} s.")

    def answer(self, records: Sequence[Window]) -> list[Any]:
        season, began = ets_season(self._season), time.perf_counter()
        found: list[Any] = []
        for place, origin in records:
            # The origin that was tried may have been an easy one, and other work may have begun meanwhile.
            if (spent := time.perf_counter() - began) > _MOST_SECONDS:
                raise RunError(
                    f"stopped after {spent:.0f} s at origin {len(found) + 1} of {len(records)}: more than {_MOST_SECONDS:.0f} s."
                )
            series = self._corpus.panel.series[place]
            quantiles = ets_quantiles(series.y[:origin], self._horizon, season, self._levels)
            if quantiles is None:
                key, when = self._corpus.panel.key(series), self._corpus.panel.show_time(series, origin)
                raise RunError(f"it cannot be fitted on what '{key}' has before {when}.")
            found.append(quantiles[:, len(self._levels)])
        return found


class _Fills(Baseline):
    def fit(self, task: FillTask) -> None:
        self._season = task.recipe.season

    def size(self) -> int:
        return 0

    @abstractmethod
    def filled(self, y: Values) -> Values:
        """[T], the series without a hole."""

    def answer(self, records: Sequence[HiddenGap]) -> list[Any]:
        whole: dict[int, Values] = {}
        for gap in records:
            if id(gap.hidden) not in whole:
                whole[id(gap.hidden)] = self.filled(gap.hidden.series.y)
        return [whole[id(gap.hidden)][gap.hidden.steps[gap.begin : gap.end]] for gap in records]

    def outcomes(self, task: FillTask, portion: Portion[HiddenGap], answers: Sequence[Values]) -> Outcomes:
        return gap_outcomes(answers, portion, task)


class LinearInterpolation(_Fills):
    """The straight line between the values beside a gap."""

    name = "linear interpolation"

    def filled(self, y: Values) -> Values:
        return linear_fill(y)


class SameTime(_Fills):
    """The same time of the nearest season that was seen."""

    name = "same time a season away"

    def filled(self, y: Values) -> Values:
        return seasonal_fill(y, self._season)
