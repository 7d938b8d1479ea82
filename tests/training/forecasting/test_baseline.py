"""AutoETS beside a forecaster: at the same origins, within its time, and left out where it cannot be had."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest

from forecast_models import HORIZON, Trained
from tidegate.training.forecasting import baseline
from tidegate.training.forecasting.baseline import auto_ets_scores

pytest.importorskip("statsforecast")


def trained(path: Path, *, holes: float = 0.1, length: int = 120) -> Trained:
    """On a season of 4 steps, a trend and a little noise, which AutoETS tells well and random weights do not."""
    random = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "when", "load"])
        for step in range(length):
            value = 20 + 0.3 * step + [3, -2, 1, 0][step % 4] + 0.1 * random.normal()
            writer.writerow(["a", np.datetime64("2021-01-01T00", "h") + step, "" if random.random() < holes else f"{value:.4f}"])
    return Trained(str(path), "bare", known=1)


def test_it_is_scored_at_origins_spread_over_all_beside_the_model(tmp_path: Path) -> None:
    model, panel = (each := trained(tmp_path / "a.csv")).model, each.panel
    windows, _ = model.windows(panel, every=1)
    found = auto_ets_scores(model, panel, windows, most=5)
    ets, own = found["auto_ets"], found["model"]
    assert ets["n_origins"] == ets["windows"] == own["windows"] == 5
    assert ets["n"] == own["n"]
    assert ets["naive_mae"] == own["naive_mae"]
    assert ets["seasonal_naive_mae"] == own["seasonal_naive_mae"]
    assert ets["mae"] < 0.5 * ets["seasonal_naive_mae"]  # the trend, which the season before lacks
    assert ets["mase"] == pytest.approx(ets["mae"] / model.naive_scales(panel, windows)[0])
    assert ets["crps"] < ets["mae"]
    assert ets["coverage_90"] > 0.6
    assert len(ets["by_step"]["mae"]) == HORIZON
    spread = windows[np.linspace(0, len(windows) - 1, 5).round().astype(int)]
    assert own["mae"] == pytest.approx(model.score(panel, spread)["mae"])


def test_it_stops_when_its_time_is_over_and_says_so(tmp_path: Path) -> None:
    model, panel = (each := trained(tmp_path / "a.csv")).model, each.panel
    windows, _ = model.windows(panel, every=1)
    found = auto_ets_scores(model, panel, windows, most=6, seconds=0)
    assert found["auto_ets"]["n_origins"] == found["model"]["windows"] == 1
    assert found["notes"] == ["AutoETS was fitted at 1 of 6 origins, in the 0 seconds that it is given."]


def test_histories_too_short_for_it_are_counted(tmp_path: Path) -> None:
    model, panel = (each := trained(tmp_path / "a.csv", holes=0, length=40)).model, each.panel
    found = auto_ets_scores(model, panel, np.array([[0, 3], [0, 30]]))
    assert found["auto_ets"]["n_origins"] == 1
    assert found["notes"] == ["AutoETS could not be fitted at 1 of 2 origins."]
    assert auto_ets_scores(model, panel, np.array([[0, 3]])) == {"notes": ["AutoETS could not be fitted at 1 of 1 origins."]}


def test_holes_are_filled_from_the_same_step_of_other_seasons() -> None:
    nan = np.nan
    y = np.array([1.0, 20, nan, 22, nan, 24, 4, nan])
    np.testing.assert_array_equal(baseline._without_holes(y, 2), [1, 20, 2, 22, 3, 24, 4, 24])
    np.testing.assert_array_equal(baseline._without_holes(np.array([nan, 1, nan, 3]), 2), [1, 1, 2, 3])
    np.testing.assert_array_equal(baseline._without_holes(np.array([nan, nan]), 3), [0, 0])


def test_long_seasons_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, panel = (each := trained(tmp_path / "a.csv")).model, each.panel
    monkeypatch.setattr(baseline, "_LONGEST_SEASON", 3)
    found = auto_ets_scores(model, panel, np.array([[0, 100]]))
    assert found["notes"] == ["AutoETS is fitted without a season, since 4 steps are too many for it."]


def test_without_the_library_it_is_left_out_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, panel = (each := trained(tmp_path / "a.csv")).model, each.panel
    monkeypatch.setitem(sys.modules, "statsforecast.models", None)
    (note,) = auto_ets_scores(model, panel, np.array([[0, 100]]))["notes"]
    assert "pip install 'tidegate[train]'" in note
