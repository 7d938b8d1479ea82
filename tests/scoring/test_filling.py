"""Filling without training, and scores of what was filled, by hand and by brute force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tidegate.scoring.filling import REACH_NAMES, fill_scores, linear_fill, reach_of, seasonal_fill

NAN = np.nan


@pytest.mark.parametrize(
    ("y", "filled"),
    [
        ([], []),
        ([NAN], [NAN]),
        ([NAN, 2, NAN, NAN, 5, NAN], [2, 2, 3, 4, 5, 5]),
        ([1, 2], [1, 2]),
    ],
)
def test_linear(y: Any, filled: Any) -> None:
    assert linear_fill(np.array(y, dtype=float)).tolist() == pytest.approx(filled, nan_ok=True)


@pytest.mark.parametrize("season", [1, 3, 7, 100])
def test_seasonal_is_the_nearest_season_that_is_seen(season: int) -> None:
    rng = np.random.default_rng(season)
    y = np.where(rng.random(60) < 0.5, NAN, rng.normal(size=60))
    expected = y.copy()
    for step in np.flatnonzero(np.isnan(y)):
        near = [step + sign * away * season for away in range(1, 61) for sign in (-1, 1)]
        seen = [at for at in near if 0 <= at < 60 and not np.isnan(y[at])]
        expected[step] = y[seen[0]] if seen else linear_fill(y)[step]
    assert seasonal_fill(y, season).tolist() == expected.tolist()


def test_reaches_are_named() -> None:
    steps = np.array([1, 2, 3, 4, 6, 7, 12, 13, 24, 25, 999])
    assert [REACH_NAMES[place] for place in reach_of(steps)] == "1 2-3 2-3 4-6 4-6 7-12 7-12 13-24 13-24 25+ 25+".split()


def test_scores_by_hand() -> None:
    y = np.array([10.0, 0.0, 4.0, 8.0])
    quantiles = np.array([[8.0, 12.0, 14.0], [0.0, 0.0, 0.0], [5.0, 6.0, 7.0], [1.0, 8.0, 9.0]])
    scores = fill_scores(y, quantiles, (50,), gap=np.array([1, 1, 2, 3]), linear=np.array([9.0, 1, 4, 8]), seasonal=np.zeros(4))
    assert scores["n"] == 4
    assert scores["mae"] == 1
    assert scores["mse"] == 2
    assert scores["rmse"] == pytest.approx(2**0.5)
    assert scores["bias"] == 1
    assert scores["r2"] == pytest.approx(1 - 2 / 14.75)
    assert scores["smape"] == pytest.approx((2 * 2 / 22 + 2 * 2 / 10) / 4)
    pinball = [0.25 * 2 + 0.5 * 2 + 0.25 * 4, 0, 0.75 * 1 + 0.5 * 2 + 0.25 * 3, 0.25 * 7 + 0 + 0.25 * 1]
    assert scores["crps"] == pytest.approx(2 * sum(pinball) / 12)
    assert scores["coverage_50"] == 0.75
    assert scores["width_50"] == 4
    assert scores["linear_mae"] == 0.5
    assert scores["seasonal_mae"] == 5.5
    assert [(row["gap"], row["n"], row["mae"]) for row in scores["by_gap"]] == [("1", 2, 1), ("2-3", 2, 1)]
    assert fill_scores(y[:0], quantiles[:0], (50,), gap=np.array([], dtype=int), linear=y[:0], seasonal=y[:0]) == {"n": 0}
