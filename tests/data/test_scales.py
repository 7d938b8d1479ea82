"""Scales of series."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tidegate.data.scales import SeriesScale, scale_of
from tidegate.errors import DataError


def test_measures_of_a_series_with_holes() -> None:
    y = np.array([1.0, 2.0, np.nan, 4.0, 10.0, 6.0])
    scale = scale_of(y, 2)
    seen = y[~np.isnan(y)]
    assert scale.centre == 4
    assert scale.spread == pytest.approx((6 - 2) / 1.349)
    assert (scale.mean, scale.std) == (pytest.approx(seen.mean()), pytest.approx(seen.std()))
    # |4 − 2|, |6 − 4|: the pairs with a hole are left out.
    assert scale.naive == 2
    assert scale.undo(scale.apply(y)) == pytest.approx(y, nan_ok=True)


@pytest.mark.parametrize(
    ("y", "spread", "std"),
    [
        ([5.0] * 6, 1.0, 1.0),
        ([0.1] * 7, 1.0, 1.0),
        ([0.0] * 9 + [10.0], 3.0, 3.0),
        ([np.nan] * 3, 1.0, 1.0),
        ([7.0], 1.0, 1.0),
    ],
)
def test_constant_empty_and_nearly_constant_series_have_a_spread(y: list[float], spread: float, std: float) -> None:
    scale = scale_of(np.array(y), 1)
    assert (scale.spread, scale.std) == (pytest.approx(spread), pytest.approx(std))


def test_a_series_shorter_than_its_season_has_no_naive_error() -> None:
    scale = scale_of(np.arange(5.0), 24)
    assert np.isnan(scale.naive)
    again = SeriesScale.from_json(json.loads(json.dumps(scale.to_json())))
    assert np.isnan(again.naive)
    assert again.to_json() == scale.to_json()


def test_log1p_is_applied_before_centre_and_spread_and_undone() -> None:
    y = np.array([0.0, 1.0, 10.0, 100.0, np.nan])
    scale = scale_of(y, 1, "log1p")
    assert scale.centre == pytest.approx(np.median(np.log1p(y[:4])))
    assert scale.undo(scale.apply(y)) == pytest.approx(y, nan_ok=True)
    assert scale.mean == pytest.approx(y[:4].mean())
    with pytest.raises(DataError, match=r"'a' \(a.csv, line 2\): the value -1 \(step 2\) has no log"):
        scale_of(np.array([1.0, -1.0]), 1, "log1p", what="series 'a' (a.csv, line 2)")
