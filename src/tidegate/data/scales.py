"""Scales of series: each series' own measures over its training part, and the way from its values to scaled ones and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.data.cells import Numbers
from tidegate.errors import DataError

Transform = Literal["none", "log1p"]

# The interquartile range of a normal distribution with standard deviation 1.
_NORMAL_RANGE = 1.349


@dataclass(frozen=True, slots=True)
class SeriesScale:
    """Measures of a series; those of the first line after the transform, the others in the series' own unit.

    Attributes:
        centre, spread: the median, and the interquartile range over 1.349 (the standard deviation where that is 0, else 1).
        mean, std: the mean and the standard deviation, with N in the denominator; 1 where that is 0.
        naive: the mean of |y_t − y_{t−season}|, the scale of MASE (Hyndman & Koehler 2006); NaN where no such pair is seen.
        transform: "log1p": log(1 + y) before all else.
    """

    centre: float
    spread: float
    mean: float
    std: float
    naive: float
    transform: Transform = "none"

    def apply(self, y: NDArray[Any]) -> Numbers:
        """Values of the series' unit -> scaled ones; NaN stays."""
        values = np.log1p(y) if self.transform == "log1p" else np.asarray(y, dtype=np.float64)
        return (values - self.centre) / self.spread

    def undo(self, scaled: NDArray[Any]) -> Numbers:
        """Scaled values -> those of the series' unit."""
        values = np.asarray(scaled, dtype=np.float64) * self.spread + self.centre
        return np.expm1(values) if self.transform == "log1p" else values

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        return found | {"naive": None if np.isnan(self.naive) else self.naive}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> SeriesScale:
        numbers = {key: float(stored[key]) for key in ("centre", "spread", "mean", "std")}
        return cls(naive=np.nan if stored["naive"] is None else float(stored["naive"]), transform=stored["transform"], **numbers)


def scale_of(y: Numbers, season: int, transform: Transform = "none", *, what: str = "the series") -> SeriesScale:
    """The scale of a series from its training part.

    Args:
        y: [T], NaN a hole.
        season: steps of a period.
        what: what messages call the series, best with its place.

    Raises:
        DataError: log1p of a value of -1 or less.
    """
    refuse_untransformed(y, transform, what)
    seen = y[~np.isnan(y)]
    if not len(seen):
        return SeriesScale(0.0, 1.0, 0.0, 1.0, np.nan, transform)
    values = np.log1p(seen) if transform == "log1p" else seen
    low, centre, high = np.percentile(values, [25, 50, 75])
    spread = (high - low) / _NORMAL_RANGE
    if not _is_spread(spread, values):
        spread = values.std()
        if not _is_spread(spread, values):
            spread = 1.0
    std = seen.std()
    apart = np.abs(y[season:] - y[:-season])
    apart = apart[~np.isnan(apart)]
    naive = float(apart.mean()) if len(apart) else np.nan
    return SeriesScale(float(centre), float(spread), float(seen.mean()), float(std) if _is_spread(std, seen) else 1.0, naive, transform)


def refuse_untransformed(y: Numbers, transform: Transform, what: str) -> None:
    """Raises DataError where the transform has no value for one of y."""
    if transform == "log1p" and (low := np.flatnonzero(y <= -1)).size:
        raise DataError(
            f"{what}: the value {y[low[0]]:g} (step {low[0] + 1}) has no log(1 + y), for which values must be above -1. Leave "
            "transform = log1p out, or mend the value."
        )


def _is_spread(spread: Any, values: Numbers) -> bool:
    """Whether the values differ by more than rounding."""
    return bool(spread > 1e-12 * max(1.0, float(np.abs(values).max())))
