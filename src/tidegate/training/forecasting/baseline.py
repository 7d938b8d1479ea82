"""What a forecaster is measured against beside the naive forecasts: AutoETS by the library statsforecast, part of the extra `train`.

Exponential smoothing in state-space form, chosen by AICc: Hyndman, Koehler, Snyder & Grose 2002.
"""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.series import Panel
from tidegate.runtime.forecast import ForecastModel, truths
from tidegate.scoring.forecasting import ForecastScorer, sides_of

Array = NDArray[np.float64]
Ids = NDArray[np.int64]

# It is fitted anew at every origin, on so many seasons before it; steps where there is no season.
_SEASONS, _STEPS = 10, 120
# Longer seasons have too many states to fit in seconds.
_LONGEST_SEASON = 100
_NO_LIBRARY = "AutoETS is left out, since the library statsforecast is not installed; pip install 'tidegate[train]' brings it."


def auto_ets_scores(model: ForecastModel, panel: Panel, windows: Ids, *, most: int = 200, seconds: float = 30.0) -> dict[str, Any]:
    """AutoETS and the model at the same origins: `most` of the windows, spread over all, or as many as can be fitted in so many seconds.

    Args:
        windows: [M, 2], series and origin, as `ForecastModel.windows` gives them.

    Returns:
        `auto_ets`: its scores, `naive_mae` and `seasonal_naive_mae` among them, and `n_origins`; `model`: the model's scores at these
        origins; `notes`. Without the library, or where nothing could be fitted, `notes` alone.
    """
    try:
        import_module("statsforecast.models")
    except ImportError:
        return {"notes": [_NO_LIBRARY]}
    season = ets_season(model.series.season)
    notes = (
        []
        if season == model.series.season
        else [f"AutoETS is fitted without a season, since {model.series.season} steps are too many for it."]
    )
    chosen = windows[np.unique(np.linspace(0, len(windows) - 1, min(most, len(windows))).round().astype(np.int64))]
    # In random order, so that those that time allows are spread over all.
    chosen = chosen[np.random.default_rng(0).permutation(len(chosen))]
    end = time.monotonic() + seconds
    fitted: list[int] = []
    told: list[Array] = []
    unfit = 0
    for place, (series, origin) in enumerate(chosen.tolist()):
        if fitted and time.monotonic() > end:
            notes.append(f"AutoETS was fitted at {len(fitted)} of {len(chosen)} origins, in the {seconds:g} seconds that it is given.")
            break
        quantiles = ets_quantiles(panel.series[series].y[:origin], model.horizon, season, model.levels)
        if quantiles is None:
            unfit += 1
            continue
        fitted.append(place)
        told.append(quantiles)
    if unfit:
        notes.append(f"AutoETS could not be fitted at {unfit} of {len(chosen)} origins.")
    if not fitted:
        return {"notes": notes}
    subset, all_told = chosen[fitted], np.stack(told)
    y, last, seasonal = truths(panel, subset, model.horizon, model.series.season)
    if np.isnan(y).all():
        return {"notes": [*notes, "AutoETS is left out, since its origins have no true values."]}
    scorer = ForecastScorer(model.horizon, model.levels)
    scorer.add(y, all_told[:, :, len(model.levels)], all_told, naive_scale=model.naive_scales(panel, subset), last=last, seasonal=seasonal)
    scores = {"auto_ets": scorer.result() | {"n_origins": len(fitted)}, "model": model.score(panel, subset)}
    return scores | ({"notes": notes} if notes else {})


def ets_season(season: int) -> int:
    """The season that AutoETS is fitted with: none where it is too long for it."""
    return season if season <= _LONGEST_SEASON else 1


def ets_quantiles(y: Array, horizon: int, season: int, levels: tuple[int, ...]) -> Array | None:
    """[F, Q] of what follows a series y [T], by AutoETS fitted on its end; None where that is too short.

    Args:
        season: as `ets_season` gives it.
        levels: percent, of the bands, rising.
    """
    from statsforecast.models import AutoETS

    history = _without_holes(y[-(_SEASONS * season if season > 1 else _STEPS) :], season)
    try:
        answer = AutoETS(season_length=season).forecast(y=history, h=horizon, level=list(levels))
    except (NotImplementedError, ValueError, ZeroDivisionError, IndexError):
        return None  # how it says that a history is too short
    quantiles = _quantiles(answer, levels)
    return quantiles if np.isfinite(quantiles).all() else None


def _without_holes(y: Array, season: int) -> Array:
    """Holes on the line between the values of the season's same step, if it has any; else between neighbours; zeros if there is nothing."""
    filled = y.copy()
    for part in [filled[phase::season] for phase in range(season)] + [filled]:
        seen = np.flatnonzero(~np.isnan(part))
        if len(seen):
            part[:] = np.interp(np.arange(len(part)), seen, part[seen])
    return np.nan_to_num(filled, copy=False)


def _quantiles(answer: dict[str, Array], levels: tuple[int, ...]) -> Array:
    """[F, Q] of the library's answer; its point forecast is the mean, which stands in the middle."""
    quantiles = np.empty((len(answer["mean"]), 2 * len(levels) + 1))
    quantiles[:, len(levels)] = answer["mean"]
    for level, (low, high) in sides_of(levels).items():
        quantiles[:, low], quantiles[:, high] = answer[f"lo-{level}"], answer[f"hi-{level}"]
    return quantiles
