"""Scores of forecasts by horizon step and in all, beside the two that cost nothing: the last value, and the value a season ago.

MASE: Hyndman & Koehler 2006, "Another look at measures of forecast accuracy". sMAPE: as in the M4 competition, as a fraction.
CRPS: by the pinball losses of the quantiles that there are (Gneiting & Ranjan 2011), as in GluonTS.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import DataError

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]


def probabilities_of(levels: Sequence[int]) -> NDArray[np.float64]:
    """The quantiles' probabilities [Q], rising: 0.5 in the middle, and for each level (percent) one on either side."""
    half = np.sort(np.asarray(levels, dtype=np.float64)) / 200
    return np.concatenate([0.5 - half[::-1], [0.5], 0.5 + half])


def sides_of(levels: Sequence[int]) -> dict[int, tuple[int, int]]:
    """For each level, rising, the places of its lower and upper bound among the Q quantiles."""
    middle = len(levels)
    return {level: (middle - place, middle + place) for place, level in enumerate(sorted(levels), 1)}


def naive_forecasts(y: Array, origins: Ids, horizon: int, season: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The last seen value before each origin, and for each step the value a season before it, both [n, F].

    Where that season's value is a hole or not before the origin, the nearest earlier season's that is seen stands for it.

    Args:
        y: [T], NaN a hole.
        origins: [n], each the number of steps that are known.
        season: steps of a season.

    Returns:
        NaN where nothing of the kind was seen.
    """
    values = np.append(np.asarray(y, dtype=np.float64), np.nan)  # place −1: nothing was seen
    last_seen = np.concatenate([[-1], _last_seen(~np.isnan(values[:-1])[:, None])[:, 0]])
    last = np.repeat(values[last_seen[origins]][:, None], horizon, axis=1)
    rows = -(-len(y) // season)
    is_seen = np.zeros(rows * season, dtype=bool)
    is_seen[: len(y)] = ~np.isnan(values[:-1])
    row_seen = _last_seen(is_seen.reshape(rows, season))
    place = np.where(row_seen < 0, -1, row_seen * season + np.arange(season)).reshape(-1)
    asked = origins[:, None] - season + np.arange(horizon) % season
    seasonal = values[np.where(asked < 0, -1, np.append(place, -1)[np.maximum(asked, -1)])]
    return last, seasonal


def _last_seen(is_seen: NDArray[np.bool_]) -> Ids:
    """Of each place of [R, C] the row of the last one seen in its column, itself included; −1 where there is none."""
    rows = np.where(is_seen, np.arange(len(is_seen))[:, None], -1)
    return np.maximum.accumulate(rows, axis=0) if len(rows) else rows


class ForecastScorer:
    """Counts windows of F steps, as many at a time as fit; `add` them, then read `result`.

    Args:
        levels: percent, of the bands.
    """

    def __init__(self, horizon: int, levels: Sequence[int]) -> None:
        self._levels = sorted(levels)
        self._probabilities = probabilities_of(levels)
        names = ["n", "absolute", "square", "error", "smape", "pinball", "mase", "mase_n", "naive", "naive_n", "seasonal", "seasonal_n"]
        names += ["naive_mase", "naive_mase_n", "seasonal_mase", "seasonal_mase_n"]
        names += [f"{what}_{level}" for level in self._levels for what in ("coverage", "width")]
        # Of each horizon step.
        self._sums = {name: np.zeros(horizon) for name in names}
        self._mean, self._squares = 0.0, 0.0
        self._windows = self._without_scale = 0

    def add(self, y: Array, point: Array, quantiles: Array, *, naive_scale: Array, last: Array, seasonal: Array) -> None:
        """Counts n windows; what is NaN in `y` is left out.

        Args:
            y: [n, F], what came.
            point: [n, F], the forecast that errors are taken of.
            quantiles: [n, F, Q], of `probabilities_of(levels)`.
            naive_scale: [n], mean |y_t − y_{t−season}| of the window's series in training; NaN or 0: there is none.
            last, seasonal: [n, F], as `naive_forecasts` gives them.
        """
        y = np.asarray(y, dtype=np.float64)
        is_known = ~np.isnan(y)
        error = np.where(is_known, point - y, 0.0)
        absolute = np.abs(error)
        self._sum("n", is_known)
        self._sum("error", error)
        self._sum("absolute", absolute)
        self._sum("square", error * error)
        size = np.where(is_known, np.abs(y) + np.abs(point), 0.0)
        self._sum("smape", 2 * absolute / np.where(size > 0, size, 1.0))
        scale = np.asarray(naive_scale, dtype=np.float64)[:, None]
        has_scale = scale > 0
        self._sum("mase", np.where(has_scale, absolute / np.where(has_scale, scale, 1.0), 0.0))
        self._sum("mase_n", is_known & has_scale)
        for name, forecast in (("naive", last), ("seasonal", seasonal)):
            is_told = is_known & ~np.isnan(forecast)
            missed = np.where(is_told, np.abs(y - forecast), 0.0)
            self._sum(name, missed)
            self._sum(f"{name}_n", is_told)
            self._sum(f"{name}_mase", np.where(has_scale, missed / np.where(has_scale, scale, 1.0), 0.0))
            self._sum(f"{name}_mase_n", is_told & has_scale)
        for place, probability in enumerate(self._probabilities):
            above = np.where(is_known, y - quantiles[:, :, place], 0.0)
            self._sum("pinball", np.maximum(probability * above, (probability - 1) * above))
        for level, (lower, upper) in sides_of(self._levels).items():
            low, high = quantiles[:, :, lower], quantiles[:, :, upper]
            self._sum(f"coverage_{level}", is_known & (low <= y) & (y <= high))
            self._sum(f"width_{level}", np.where(is_known, high - low, 0.0))
        self._count_squares(y[is_known])
        self._windows += len(y)
        self._without_scale += int((~has_scale[:, 0] & is_known.any(axis=1)).sum())

    def _sum(self, name: str, values: NDArray[Any]) -> None:
        self._sums[name] += values.sum(axis=0, dtype=np.float64)

    def _count_squares(self, values: Array) -> None:
        """Adds to Σ (y − mean)², by Chan, Golub & LeVeque 1983; the values are in the sum `n` already."""
        count = len(values)
        if not count:
            return
        before = float(self._sums["n"].sum()) - count
        mean = float(values.mean())
        apart = mean - self._mean
        self._squares += float(((values - mean) ** 2).sum()) + apart * apart * before * count / (before + count)
        self._mean += apart * count / (before + count)

    def result(self) -> dict[str, Any]:
        """All scores, with the keys of `evaluate --format json`.

        `n` values were scored. `bias` is the mean of forecast − truth; `crps` is 2 × the mean pinball loss of the quantiles that there
        are; `coverage_L` the share of truths in the band of level L, `width_L` its mean width. `by_step`: some of these for each step,
        None where it has no truth. What could not be counted is in `notes`.

        Raises:
            DataError: no truth was given.
        """
        sums = {name: float(values.sum()) for name, values in self._sums.items()}
        n = sums["n"]
        if not n:
            raise DataError("there is nothing to score: none of the forecast steps has a true value. Give series that go on behind them.")
        mse = sums["square"] / n
        scores: dict[str, Any] = {"n": int(n), "windows": self._windows, "mae": sums["absolute"] / n, "rmse": math.sqrt(mse), "mse": mse}
        scores |= {"bias": sums["error"] / n, "smape": sums["smape"] / n}
        scores["r2"] = 1 - sums["square"] / self._squares if self._squares > 0 else None
        scores["mase"] = sums["mase"] / sums["mase_n"] if sums["mase_n"] else None
        scores["crps"] = 2 * sums["pinball"] / (n * len(self._probabilities))
        for level in self._levels:
            for what in ("coverage", "width"):
                scores[f"{what}_{level}"] = sums[f"{what}_{level}"] / n
        for name, key in (("naive", "naive"), ("seasonal", "seasonal_naive")):
            scores[f"{key}_mae"] = sums[name] / sums[f"{name}_n"] if sums[f"{name}_n"] else None
            scores[f"{key}_mase"] = sums[f"{name}_mase"] / sums[f"{name}_mase_n"] if sums[f"{name}_mase_n"] else None
        scores["by_step"] = {"mae": self._by_step("absolute", "n"), "mase": self._by_step("mase", "mase_n")} | {
            f"coverage_{level}": self._by_step(f"coverage_{level}", "n") for level in self._levels
        }
        scores["by_step"] |= {"naive_mae": self._by_step("naive", "naive_n"), "seasonal_naive_mae": self._by_step("seasonal", "seasonal_n")}
        if notes := self._notes(sums):
            scores["notes"] = notes
        return scores

    def _by_step(self, name: str, count: str) -> list[float | None]:
        pairs = zip(self._sums[name].tolist(), self._sums[count].tolist(), strict=True)
        return [total / n if n else None for total, n in pairs]

    def _notes(self, sums: dict[str, float]) -> list[str]:
        notes = []
        if self._without_scale:
            notes.append(
                f"mase leaves out {self._without_scale:,} of {self._windows:,} windows, whose series have no season in their training part "
                "to measure by."
            )
        for name, what in (("naive", "naive_mae"), ("seasonal", "seasonal_naive_mae")):
            if missing := int(sums["n"] - sums[f"{name}_n"]):
                notes.append(f"{what} leaves out {missing:,} of {int(sums['n']):,} values, before which nothing was seen to repeat.")
        return notes


def forecast_scores(
    y: Array,
    point: Array,
    quantiles: Array,
    levels: Sequence[int],
    *,
    naive_scale: Array,
    last: Array,
    seasonal: Array,
) -> dict[str, Any]:
    """`ForecastScorer.result` of windows that are all there: y, point, last, seasonal [n, F], quantiles [n, F, Q], naive_scale [n].

    Raises:
        DataError: `y` has no value.
    """
    scorer = ForecastScorer(y.shape[1], levels)
    scorer.add(y, point, quantiles, naive_scale=naive_scale, last=last, seasonal=seasonal)
    return scorer.result()
