"""Scores of forecasts: numbers worked by hand, and every sum by plain loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tidegate.errors import DataError
from tidegate.scoring.forecasting import ForecastScorer, forecast_scores, naive_forecasts, probabilities_of, sides_of

NAN = math.nan


def test_quantiles_of_levels() -> None:
    np.testing.assert_allclose(probabilities_of([90, 50]), [0.05, 0.25, 0.5, 0.75, 0.95])
    assert sides_of([90, 50]) == {50: (1, 3), 90: (0, 4)}
    np.testing.assert_allclose(probabilities_of([]), [0.5])


def test_numbers_worked_by_hand() -> None:
    y = np.array([[1.0, 2.0], [4.0, NAN]])
    point = np.array([[2.0, 2.0], [1.0, 9.0]])
    quantiles = np.stack([point - 1, point, point + 2], axis=-1)
    scores = forecast_scores(
        y,
        point,
        quantiles,
        [80],
        naive_scale=np.array([2.0, NAN]),
        last=np.array([[0.0, 0.0], [NAN, NAN]]),
        seasonal=np.array([[1.0, 4.0], [5.0, 5.0]]),
    )
    # Errors 1, 0, -3 of the truths 1, 2, 4, whose mean is 7/3.
    assert scores["n"] == 3
    assert scores["windows"] == 2
    assert scores["mae"] == pytest.approx(4 / 3)
    assert scores["mse"] == pytest.approx(10 / 3)
    assert scores["rmse"] == pytest.approx(math.sqrt(10 / 3))
    assert scores["bias"] == pytest.approx(-2 / 3)
    assert scores["r2"] == pytest.approx(1 - 10 / (16 / 9 + 1 / 9 + 25 / 9))
    assert scores["smape"] == pytest.approx((2 * 1 / 3 + 0 + 2 * 3 / 5) / 3)
    assert scores["mase"] == pytest.approx((0.5 + 0) / 2)
    assert scores["coverage_80"] == pytest.approx(2 / 3)  # [1, 4], [1, 4], [0, 3]
    assert scores["width_80"] == pytest.approx(3)
    assert scores["naive_mae"] == pytest.approx((1 + 2) / 2)
    assert scores["seasonal_naive_mae"] == pytest.approx((0 + 2 + 1) / 3)
    # Pinball of 0.1, 0.5, 0.9: for y 1: 0, .5, .1·3; for y 2: .1, 0, .1·2; for y 4: .1·4, 1.5, .9·1.
    assert scores["crps"] == pytest.approx(2 * (0.8 + 0.3 + 2.8) / 9)
    assert scores["by_step"]["mae"] == [2.0, 0.0]
    assert scores["by_step"]["coverage_80"] == [0.5, 1.0]
    assert scores["by_step"]["mase"] == [0.5, 0.0]
    assert [note[:23] for note in scores["notes"]] == ["mase leaves out 1 of 2 ", "naive_mae leaves out 1 "]


def test_a_step_without_truths_and_a_forecast_of_zero() -> None:
    y = np.array([[0.0, NAN]])
    zero = np.zeros((1, 2))
    scores = forecast_scores(y, zero, zero[..., None], [], naive_scale=np.array([0.0]), last=zero, seasonal=zero)
    assert (scores["smape"], scores["mae"], scores["mase"], scores["r2"]) == (0.0, 0.0, None, None)
    assert scores["by_step"]["mae"] == [0.0, None]


def test_nothing_to_score_is_refused() -> None:
    with pytest.raises(DataError, match="nothing to score"):
        ForecastScorer(2, [90]).result()


def test_windows_added_in_parts_score_as_all_together() -> None:
    random = np.random.default_rng(0)
    n, steps, levels = 50, 4, [50, 90]
    y = random.normal(1e4, 1, (n, steps))  # far from 0: variances by Σy² would lose digits
    y[random.random((n, steps)) < 0.2] = NAN
    quantiles = np.sort(random.normal(1e4, 1, (n, steps, 5)), axis=-1)
    given: dict[str, Any] = {"naive_scale": random.random(n), "last": y[::-1], "seasonal": y[:, ::-1]}
    whole = forecast_scores(y, quantiles[..., 2], quantiles, levels, **given)
    scorer = ForecastScorer(steps, levels)
    for part in (slice(0, 1), slice(1, 30), slice(30, 30), slice(30, n)):
        scorer.add(y[part], quantiles[part, :, 2], quantiles[part], **{name: value[part] for name, value in given.items()})
    parts = scorer.result()
    assert parts.keys() == whole.keys()
    for name, value in whole.items():
        if name not in ("by_step", "notes"):
            assert parts[name] == pytest.approx(value, rel=1e-12), name
    seen = y[~np.isnan(y)]
    error = (quantiles[..., 2] - y)[~np.isnan(y)]
    assert whole["r2"] == pytest.approx(1 - (error**2).sum() / ((seen - seen.mean()) ** 2).sum(), rel=1e-9)


@pytest.mark.parametrize("season", [1, 3, 7])
@pytest.mark.parametrize("horizon", [1, 2, 8])
def test_naive_forecasts_are_what_a_loop_finds(season: int, horizon: int) -> None:
    random = np.random.default_rng(season)
    y = random.normal(size=20)
    y[random.random(20) < 0.5] = NAN
    y[:2] = NAN
    origins = np.arange(21)
    last, seasonal = naive_forecasts(y, origins, horizon, season)
    for origin in origins:
        seen = [value for value in y[:origin] if not np.isnan(value)]
        np.testing.assert_array_equal(last[origin], [seen[-1] if seen else NAN] * horizon)
        for step in range(horizon):
            place = origin + step
            while place >= origin or (place >= 0 and np.isnan(y[place])):
                place -= season
            np.testing.assert_array_equal(seasonal[origin, step], y[place] if place >= 0 else NAN)


def test_naive_forecasts_of_nothing() -> None:
    last, seasonal = naive_forecasts(np.zeros(0), np.zeros(1, dtype=np.int64), 2, 24)
    assert np.isnan(last).all()
    assert np.isnan(seasonal).all()
