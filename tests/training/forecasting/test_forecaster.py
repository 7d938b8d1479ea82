"""`Forecaster` in scikit-learn's manner, and the task of it: scores, bands, baselines, model card, resuming."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone

import tidegate
from conftest import SMALL_FORECASTER, power_cut
from tidegate.errors import DataError, RecipeError
from tidegate.training.forecasting.corpus import corpus_of, read_corpus
from tidegate.training.forecasting.recipe import ForecastRecipe
from tidegate.training.forecasting.task import ForecastTask
from tidegate.training.recipe import build_recipe
from tidegate.training.run import train

SETTINGS: dict[str, Any] = {"quiet": True, **SMALL_FORECASTER}
ASKED = {"time": "when", "target": "level", "series": "gauge"}


def tides(hours: int = 900, *, seed: int = 1) -> pd.DataFrame:
    """Two gauges with a wave of 12 hours, which "a season before" (24) repeats too, and one of 30, which it does not."""
    drawn = np.random.default_rng(seed)
    t = np.arange(hours)
    parts = []
    for gauge, height in (("mole", 2.0), ("pier", 300.0)):
        level = np.sin(2 * np.pi * t / 12) + np.sin(2 * np.pi * t / 30) + 0.05 * drawn.standard_normal(hours)
        parts.append(
            pd.DataFrame({"gauge": gauge, "when": pd.date_range("2024-01-01", periods=hours, freq="h"), "level": height * (10 + level)})
        )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return tides()


@pytest.fixture(scope="module")
def fitted(frame: pd.DataFrame) -> Any:
    return tidegate.Forecaster(**ASKED, **SETTINGS | {"max_epochs": 12, "levels": [50, 90], "auto_ets": True}).fit(frame)


def test_it_is_better_than_what_costs_nothing(fitted: Any) -> None:
    scores = fitted.metrics_["test"]
    assert scores["mase"] < 0.5 * scores["seasonal_naive_mase"]
    assert scores["mae"] < 0.5 * scores["naive_mae"]
    assert fitted.metrics_["baseline"]["auto_ets"]["n_origins"] > 0


def test_its_bands_cover_about_what_they_say(fitted: Any) -> None:
    scores = fitted.metrics_["test"]
    assert 0.75 < scores["coverage_90"] <= 1
    assert 0.3 < scores["coverage_50"] < 0.8
    assert scores["width_50"] < scores["width_90"]


def test_a_frame_of_pandas_comes_back_with_the_users_columns(fitted: Any, frame: pd.DataFrame) -> None:
    told = fitted.predict(frame)
    assert isinstance(told, pd.DataFrame)
    assert list(told.columns) == ["gauge", "when", "gru", "gru-lo-50", "gru-hi-50", "gru-lo-90", "gru-hi-90"]
    assert told["gauge"].tolist() == ["mole"] * 12 + ["pier"] * 12
    assert told["when"].dtype.kind == "M"
    assert told["when"].iloc[0] == frame["when"].max() + pd.Timedelta("1h")
    t = np.arange(900, 912)
    truth = 2.0 * (10 + np.sin(2 * np.pi * t / 12) + np.sin(2 * np.pi * t / 30))
    assert np.abs(told["gru"].to_numpy()[:12] - truth).mean() < 1.0, "the waves go on; a flat line would miss by 1.8"


def test_a_frame_of_polars_comes_back_as_one_with_the_same_numbers(fitted: Any, frame: pd.DataFrame) -> None:
    given = pl.DataFrame({name: frame[name].to_list() for name in frame.columns})
    told = fitted.predict(given)
    assert isinstance(told, pl.DataFrame)
    np.testing.assert_array_equal(told["gru"].to_numpy(), fitted.predict(frame)["gru"].to_numpy())


def test_rows_of_files_are_answered_by_rows(fitted: Any, frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_csv(tmp_path / "tides.csv", index=False)
    rows = fitted.predict(tmp_path / "tides.csv")
    assert [row["gauge"] for row in rows] == ["mole"] * 12 + ["pier"] * 12
    np.testing.assert_allclose([row["gru"] for row in rows], fitted.predict(frame)["gru"], rtol=1e-6)
    assert fitted.score(tmp_path / "tides.csv", last="4d") == pytest.approx(-fitted.metrics_["test"]["mase"], rel=1e-6)


def test_it_is_saved_and_read_again(fitted: Any, frame: pd.DataFrame, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    again: Any = tidegate.load(tmp_path / "model")
    told = again.predict(frame).to_frame(frame)
    pd.testing.assert_frame_equal(told, fitted.predict(frame))
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "forecaster" in card
    assert "mase" in card


def test_it_is_an_estimator_of_scikit_learn(fitted: Any) -> None:
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    with pytest.raises(Exception, match="not fitted"):
        copy.predict(tides(60))


def test_what_is_no_table_is_refused(fitted: Any) -> None:
    with pytest.raises(DataError, match="a frame or paths of files were expected, not int"):
        tidegate.Forecaster(**ASKED, **SETTINGS).fit(3)
    with pytest.raises(RecipeError, match="horizon is 13, but this model was trained to tell 12"):
        fitted.predict(tides(200), horizon=13)


def task_of(frame: pd.DataFrame, **settings: Any) -> ForecastTask:
    from tidegate.data.series import panel_of_frame

    recipe = build_recipe(ForecastRecipe, options={**SMALL_FORECASTER, **ASKED, **settings})
    return ForecastTask(recipe, corpus_of(panel_of_frame(frame, **recipe.reading(), task="forecast"), recipe))


@pytest.mark.parametrize(("arch", "scaling"), [("rnn", "last"), ("lstm", "window"), ("gru", "series"), ("gru-reset-after", "last")])
def test_every_cell_learns_with_every_scaling(frame: pd.DataFrame, tmp_path: Path, arch: str, scaling: str) -> None:
    task = task_of(frame, arch=arch, scaling=scaling, max_epochs=4)
    metrics = train(task, tmp_path / "model", quiet=True).metrics
    assert metrics["epochs"][-1]["train_loss"] < 0.8 * metrics["epochs"][0]["train_loss"]
    assert metrics["test"]["mae"] < metrics["test"]["naive_mae"]


def test_a_recursive_network_tells_any_horizon(frame: pd.DataFrame, tmp_path: Path) -> None:
    task = task_of(frame, decoding="recursive", max_epochs=8, segment=6)
    result = train(task, tmp_path / "model", quiet=True)
    assert result.metrics["test"]["mase"] < result.metrics["test"]["seasonal_naive_mase"]
    model: Any = tidegate.load(result.path)
    told = model.predict(frame, horizon=40)
    assert [len(each.times) for each in told.series] == [40, 40]
    assert any("trained and its bands were calibrated for 12 steps" in note for note in told.notes)
    short = model.predict(frame)
    np.testing.assert_allclose(told.series[0].point[:12], short.series[0].point, rtol=1e-5)


def test_epochs_draw_other_windows_and_equal_seeds_the_same(frame: pd.DataFrame) -> None:
    task, again = (task_of(frame, epoch_windows=256, seed=5) for _ in range(2))
    first, second = (np.concatenate([batch.x for batch in task.batches(epoch)]) for epoch in (0, 1))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, np.concatenate([batch.x for batch in again.batches(0)]))
    assert len(task.batches(0)) == 2


def test_the_loss_leaves_holes_out(frame: pd.DataFrame) -> None:
    task = task_of(frame)
    network = task.build_network().eval()
    batch = next(iter(task.batches(0)))
    told = network(batch).detach().numpy()
    batch.y[::3, ::2] = np.nan
    losses = []
    for b, step in itertools.product(range(len(batch.y)), range(batch.y.shape[1])):
        if not np.isnan(batch.y[b, step]):
            for place, probability in enumerate((0.05, 0.25, 0.5, 0.75, 0.95)):
                error = batch.y[b, step] - told[b, step, place]
                losses.append(2 * max(probability * error, (probability - 1) * error))
    assert float(network.loss(batch).detach()) == pytest.approx(np.mean(losses), rel=1e-5)


def test_the_last_window_is_told_by_its_own_past_alone(frame: pd.DataFrame) -> None:
    """What stands at and after an origin changes nothing of what the network reads of the windows before."""
    task = task_of(frame)
    changed = frame.copy()
    origin = 720  # behind the training part, which the scales are taken from
    changed.loc[changed.groupby("gauge").cumcount() >= origin, "level"] = 1e4
    other = task_of(changed)
    windows = np.array([[0, origin], [1, origin]])
    one, two = task.batch(windows), other.batch(windows)
    assert np.array_equal(one.x, two.x)
    assert np.array_equal(one.decoder, two.decoder)


def test_a_run_that_was_cut_off_goes_on_to_the_same_weights(train_series: Callable[..., Any], tmp_path: Path) -> None:
    whole = train_series(tmp_path / "whole")
    with power_cut():
        train_series(tmp_path / "cut")
    resumed = train_series(tmp_path / "cut", resume=True)
    assert (whole.path / "model.safetensors").read_bytes() == (resumed.path / "model.safetensors").read_bytes()


def test_dropout_of_series_leaves_a_vector_for_new_ones(frame: pd.DataFrame) -> None:
    task = task_of(frame, series_dropout=0.5)
    network = task.build_network()
    assert network.series_embedding is not None
    network.loss(task.batch(task.corpus.windows[:64])).backward()
    gradient = network.series_embedding.weight.grad
    assert gradient is not None
    assert torch.count_nonzero(gradient[0]) > 0


def test_a_row_that_is_missing_among_the_last_does_not_stop_the_picture(frame: pd.DataFrame, tmp_path: Path) -> None:
    planned = frame.assign(plan=np.arange(len(frame)) % 7)
    cut = planned.drop(index=planned.index[-5])
    train(task_of(cut, future_covariates=("plan",), max_epochs=1), tmp_path / "model", quiet=True)
    assert (tmp_path / "model" / "training" / "forecast.svg").exists()


def test_what_reading_has_to_say_is_said_in_python_too(frame: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    little = pd.concat([frame, frame[:3].assign(gauge="weir"), frame[:3].assign(gauge="void", level=np.nan)], ignore_index=True)
    settings = {**ASKED, **SETTINGS, "max_epochs": 1}
    tidegate.Forecaster(**settings).fit(little)
    assert capsys.readouterr().err == ""
    spoken = tidegate.Forecaster(**settings | {"quiet": False}).fit(little)
    said = capsys.readouterr().err
    assert "1 of 3 series (weir) is too short for a window: nothing is learnt from them" in said
    assert "no value in 1 of 4 series, which take no part: 'void'" in said
    assert "take no part" not in json.dumps(spoken.metrics_)
    spoken.predict(frame[frame["gauge"] == "pier"].assign(gauge="dock"))
    assert "1 series that training did not have are scaled by the rows given: dock" in capsys.readouterr().err


def test_holes_are_named_where_training_had_none(fitted: Any, frame: pd.DataFrame) -> None:
    assert not any("training had no holes" in note for note in fitted.model_.predict(frame).notes)
    holes = frame.assign(level=frame["level"].where(frame.index % 50 != 3))
    assert any("training had no holes" in note for note in fitted.model_.predict(holes).notes)


def test_coverage_on_the_part_that_bands_were_moved_on_is_said_to_prove_nothing(frame: pd.DataFrame, fitted: Any) -> None:
    task = task_of(frame)
    assert not any("--test-last keeps a part" in said for said in task.remarks(fitted.metrics_))
    untested = {key: value for key, value in fitted.metrics_.items() if key != "test"}
    assert any("--test-last keeps a part" in said for said in task.remarks(untested))


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_series_that_are_numbers_come_back_as_numbers(fitted: Any, frame: pd.DataFrame, kind: Any) -> None:
    told = fitted.predict(kind({"gauge": (frame["gauge"] == "pier").astype(int) + 7, "when": frame["when"], "level": frame["level"]}))
    assert told["gauge"].to_list() == [7] * 12 + [8] * 12


def test_rows_of_large_numbers_differ_as_the_forecasts_do(fitted: Any, frame: pd.DataFrame) -> None:
    told = fitted.model_.predict(frame.assign(level=frame["level"] + 1e9, gauge=frame["gauge"] + "-meter"))
    written = [row["gru"] for row in told.rows()]
    np.testing.assert_allclose(written, np.concatenate([each.point for each in told.series]), rtol=0, atol=1e-3)
    assert len(set(written)) == 24


def test_a_time_budget_leaves_auto_ets_out_and_says_so(frame: pd.DataFrame, tmp_path: Path) -> None:
    task = task_of(frame, auto_ets=True, time_budget="90s", max_epochs=1)
    metrics = train(task, tmp_path / "model", quiet=True).metrics
    assert metrics["baseline"] == {"notes": ["AutoETS was not fitted, to keep to the time budget."]}
    assert "AutoETS was not fitted, to keep to the time budget." in task.remarks(metrics)


@pytest.mark.parametrize("decoding", ["direct", "recursive"])
def test_epochs_are_scored_as_the_model_scores_the_tables(toy_series: Path, decoding: str) -> None:
    """What was encoded once for training is what the model makes of the tables by itself."""
    columns = {"time": "timestamp", "target": "pressure", "series": "pump", "future_covariates": "open"}
    recipe = build_recipe(ForecastRecipe, options={**SMALL_FORECASTER, **columns, "decoding": decoding, "horizon": "10"})
    task = ForecastTask(recipe, read_corpus([str(toy_series / "pumps.csv")], recipe))
    network = task.build_network()
    told = task.as_model(network).score(task.corpus.panel, task.corpus.origins("dev"))
    assert task.dev_scores(network)[0] == -told["mase"]
