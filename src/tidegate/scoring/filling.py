"""How well holes were filled, and the two ways of filling that need no training: a straight line, and the same time a season away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.scoring.forecasting import forecast_scores

Values = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]

# Lengths of gaps, and distances to the nearest seen value, that are told apart: 1, 2–3, 4–6, 7–12, 13–24, more.
REACHES = (1, 3, 6, 12, 24)
REACH_NAMES = ("1", "2-3", "4-6", "7-12", "13-24", "25+")

_KEYS = ("n", "mae", "rmse", "mse", "bias", "r2", "smape", "crps")


def reach_of(steps: Ints) -> Ints:
    """The place among `REACH_NAMES` of lengths or distances in steps, each at least 1."""
    return np.searchsorted(np.array(REACHES), steps).astype(np.int64)


def linear_fill(y: Values) -> Values:
    """[T], holes (NaN) on the straight line between the seen values beside them; before the first and after the last the nearest.

    All NaN where nothing is seen.
    """
    steps = np.flatnonzero(np.isfinite(y))
    if not len(steps):
        return y.copy()
    return np.where(np.isfinite(y), y, np.interp(np.arange(len(y)), steps, y[steps]))


def seasonal_fill(y: Values, season: int) -> Values:
    """[T], holes as the same time of a season before; where that is a hole, a season after, then two before, two after, and so on.

    What no season tells is filled by `linear_fill`.
    """
    filled = y.copy()
    holes = np.flatnonzero(np.isnan(y))
    for away in range(1, len(y) // season + 1):
        for step in (-away * season, away * season):
            at = holes + step
            inside = (at >= 0) & (at < len(y))
            filled[holes[inside]] = y[at[inside]]
            holes = holes[np.isnan(filled[holes])]
        if not len(holes):
            return filled
    return np.where(np.isnan(filled), linear_fill(y), filled)


def fill_scores(y: Values, quantiles: Values, levels: Sequence[int], *, gap: Ints, linear: Values, seasonal: Values) -> dict[str, Any]:
    """Scores of n filled steps, in the target's unit.

    Args:
        y: [n], what was hidden.
        quantiles: [n, Q], ascending, of the probabilities `probabilities_of(levels)`.
        levels: of the bands, in percent.
        gap: [n], length of the gap that each step lay in.
        linear, seasonal: [n], what the two baselines say.

    Returns:
        n, mae, rmse, mse, bias (mean of filled − true), r2, smape (mean of 2|y−f|/(|y|+|f|), 0/0 = 0), crps (twice the mean pinball loss of
        the quantiles there are), coverage_L and width_L of each level, linear_mae, seasonal_mae, and `by_gap`: the same in brief for
        each length of gap. `n` alone where nothing was hidden.
    """
    if not len(y):
        return {"n": 0}
    result = _scores(y, quantiles, levels) | {"linear_mae": _mae(y, linear), "seasonal_mae": _mae(y, seasonal)}
    rows = []
    for place, name in enumerate(REACH_NAMES):
        chosen = reach_of(gap) == place
        if chosen.any():
            whole = _scores(y[chosen], quantiles[chosen], levels)
            brief = {key: whole[key] for key in ("n", "mae", *(f"coverage_{level}" for level in levels))}
            baselines = {"linear_mae": _mae(y[chosen], linear[chosen]), "seasonal_mae": _mae(y[chosen], seasonal[chosen])}
            rows.append({"gap": name} | brief | baselines)
    return result | {"by_gap": rows}


def _scores(y: Values, quantiles: Values, levels: Sequence[int]) -> dict[str, Any]:
    """Those of forecasts of one step each, which no naive forecast stands beside."""
    none = np.full((len(y), 1), np.nan)
    told = quantiles[:, None, :]
    found = forecast_scores(y[:, None], told[:, :, len(levels)], told, levels, naive_scale=none[:, 0], last=none, seasonal=none)
    return {key: found[key] for key in (*_KEYS, *(f"{what}_{level}" for level in levels for what in ("coverage", "width")))}


def _mae(y: Values, filled: Values) -> float:
    return float(np.mean(np.abs(filled - y)))
