"""Integrated gradients of forecasts and fillings: the number told, in the target's unit, from the scaled zero to the series as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("captum")

import torch

import forecast_models
import tidegate
from conftest import made_once
from tidegate.data.fill_batches import collate_steps
from tidegate.explanation.gradients.integrated import Gradients, integrated_gradients
from tidegate.explanation.gradients.scores import differentiable
from tidegate.explanation.gradients.series import _lines
from tidegate.explanation.subjects import subject_of
from tidegate.runtime import FillModel, load


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    return forecast_models.table(tmp_path_factory.mktemp("gradients") / "table.csv")


def told(found: Any, x: Any) -> float:
    return float(found.score(torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))[None])[0])


def checked(subject: Any, found: Any) -> Gradients:
    gradients = integrated_gradients(subject)
    assert gradients.is_complete
    assert gradients.units.shape == (len(subject.units),)
    assert gradients.fall == pytest.approx(told(found, found.x) - told(found, found.blank), rel=1e-4, abs=1e-4 * gradients.size)
    assert gradients.total == pytest.approx(gradients.fall, abs=max(1e-3 * gradients.size, 0.01 * float(np.abs(gradients.values).sum())))
    # By step and by channel the same is dealt out.
    assert gradients.channels.sum() == pytest.approx(gradients.total, abs=1e-4 * gradients.size)
    assert np.abs(gradients.units).max() > 0
    return gradients


@pytest.mark.parametrize("decoding", ["direct", "recursive"])
@pytest.mark.parametrize(
    "options",
    [{"scaling": "last"}, {"scaling": "window", "arch": "lstm"}, {"scaling": "series", "gaps": "interpolate", "transform": "log1p"}],
)
def test_a_forecasts_gradients_add_up(table: str, decoding: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tidegate.explanation.gradients.integrated.MOST_STEPS", 4096
    )  # of random weights the median jumps from quantile to quantile
    trained = forecast_models.Trained(table, "all", decoding=decoding, layers=2, known=3, **options)
    if options.get("transform"):  # log(1 + y) wants positive values
        series = tuple(replace(one, y=np.abs(one.y)) for one in trained.panel.series)
        panel = replace(trained.panel, series=series)
    else:
        panel = trained.panel
    for at in (None, 0, 5):
        subject: Any = subject_of(trained.model, panel, series="a", at=at)
        found = differentiable(subject)
        assert told(found, found.x) == pytest.approx(subject.medians[subject.asked].mean(), rel=1e-3)
        # The beginning of the way, by the network that predicts.
        batch = subject.window()
        n, wide = batch.x.shape
        begin = replace(batch, x=found.blank[:n], decoder=found.blank[n:, : batch.decoder.shape[1]])
        medians = subject.network(begin)[:, :, subject.network.quantiles // 2].astype(np.float64)
        medians = subject.scale.undo(medians * batch.spread[:, None] + batch.centre[:, None])[0, : trained.model.horizon]
        assert told(found, found.blank) == pytest.approx(medians[subject.asked].mean(), rel=1e-3)
        steps = found.blank[:n, : wide - len(subject._encoded.static)].reshape(-1, trained.twin.channels)
        np.testing.assert_array_equal(steps[:, 0], 0)
        if trained.twin.has_holes:
            np.testing.assert_array_equal(steps[:, 1:3], batch.x[:, : steps.size // n].reshape(steps.shape)[:, 1:3])
        checked(subject, found)


def test_only_a_channel_that_is_read_is_given_something(table: str) -> None:
    trained = forecast_models.Trained(table, "all", known=3)
    weight = trained.twin.stored.tensors["embed.weight"]
    at_wind = [step * trained.twin.channels + 3 for step in range(forecast_models.W)]
    weight[:, at_wind] = 0
    model = type(trained.model)(trained.twin.stored)
    subject: Any = subject_of(model, trained.panel, series="a", at=1)
    gradients = checked(subject, differentiable(subject))
    given = dict(zip(subject.channels, gradients.channels, strict=True))
    columns = trained.coder.places[0]["wind"]
    assert columns.stop - columns.start == 2  # the value, and whether it is there
    assert given["load"] != 0
    assert given["plan"] != 0
    np.testing.assert_array_equal(gradients.values[: len(subject.units), at_wind], 0)


def test_a_forecast_linear_in_what_is_read_is_attributed_exactly(table: str) -> None:
    """A network whose way is linear gives each number its weight times its value."""
    trained = forecast_models.Trained(table, "bare", arch="rnn", known=3)
    tensors = trained.twin.stored.tensors
    tensors["embed.bias"][:] = 50  # the relu is open everywhere
    for name in ("weight_ih", "weight_hh"):
        tensors[f"stack.layers.0.0.{name}"] *= 1e-3  # tanh near 0 is linear
    for name in ("bias_ih", "bias_hh"):
        tensors[f"stack.layers.0.0.{name}"] *= 0
    model = type(trained.model)(trained.twin.stored)
    subject: Any = subject_of(model, trained.panel, series="a", at=0)
    found = differentiable(subject)
    gradients = checked(subject, found)
    whole = told(found, found.x)
    for row in range(len(subject.units)):
        without = found.x.copy()
        without[row] = found.blank[row]
        assert gradients.units[row] == pytest.approx(whole - told(found, without), abs=2e-3 * np.abs(gradients.units).max() + 1e-5)


def test_what_is_explained_of_a_forecast(table: str) -> None:
    trained = forecast_models.Trained(table, "all", known=3)
    found = tidegate.explain(trained.model, trained.panel, series="a", at=2, gradients=True)
    influence = found.influence
    assert influence is not None
    assert influence.channel_gradient.shape == (len(influence.channels),)
    median = trained.model.predict(trained.panel).series[0].quantiles[2, 2]
    time = trained.panel.show_time(trained.panel.series[0], len(trained.panel.series[0].y) + 2)
    assert influence.gradient_of.startswith(f"load, at {time}: {median:.4g}, against ")
    assert "the scaled zero, at the window's last value" in influence.gradient_of
    assert any("are of what is known of the steps ahead" in note for note in found.notes)
    json = found.to_json()["influence"]
    assert json["gradient_of"] == influence.gradient_of
    assert len(json["channel_gradient"]) == len(json["channels"])


@pytest.fixture(scope="module")
def one_way(train_holes: Any, tmp_path_factory: pytest.TempPathFactory) -> FillModel:
    path = made_once("one-way-filler", tmp_path_factory, lambda path: train_holes(path, arch="gru", max_epochs=1))
    model = load(path)
    assert isinstance(model, FillModel)
    return model


def filling(subject: Any, x: Any) -> float:
    """What the network that predicts tells of steps as they are read, in the gap's step that is asked for."""
    steps = replace(subject.steps, x=x, guess=x[:, 0])
    wanted = np.full(len(x), np.nan, dtype=np.float32)
    wanted[subject.asked] = 0
    part = slice(subject.first, subject.last)
    quantiles = subject.network.quantiles(collate_steps([(steps, part.start, part.stop)], [wanted[part]]))
    return float(subject.scale.undo(quantiles[0, quantiles.shape[1] // 2]))


@pytest.mark.parametrize("kind", ["two_way", "one_way"])
def test_a_fillings_gradients_add_up(kind: str, toy_filler: Path, one_way: FillModel, toy_series: Path) -> None:
    model: Any = one_way if kind == "one_way" else load(toy_filler)
    panel = model.panel([str(toy_series / "pumps.csv")])
    for series in ("north", "south"):
        subject: Any = subject_of(model, panel, series=series)
        found = differentiable(subject)
        at = int(subject.asked - subject.gap[0])
        assert told(found, found.x) == pytest.approx(subject.medians[at], rel=1e-4)
        assert subject.asked == subject.gap[len(subject.gap) // 2]
        begin = subject.steps.x.copy()
        begin[subject.first : subject.last] = found.blank  # every value at the median, so every guess too
        begin[: subject.first, 0] = begin[subject.last :, 0] = 0
        assert told(found, found.blank) == pytest.approx(filling(subject, begin), rel=1e-3)
        gradients = checked(subject, found)
        # A hole has no value of its own: what its guess gives is its neighbours'.
        values = gradients.values[subject.gap - subject.first, 0]
        np.testing.assert_array_equal(values, 0)
        beside = subject.gap[0] - 1 - subject.first
        assert abs(gradients.values[beside, 0]) > np.median(np.abs(gradients.values[:, 0]))
    named: Any = subject_of(model, panel, series="north", at=int(subject_of(model, panel, series="north").gap[0]))  # type: ignore[attr-defined]
    assert named.asked == named.gap[0]
    explained = tidegate.explain(model, panel, series="north", gradients=True)
    assert explained.influence is not None
    assert "the scaled zero, at the series' median" in explained.influence.gradient_of


@pytest.mark.parametrize("is_two_way", [True, False])
def test_first_guesses_are_shares_of_what_is_seen(is_two_way: bool) -> None:
    from tidegate.data.covariates import EncodedSeries
    from tidegate.data.fill_batches import read_steps

    nothing = np.zeros((9, 0), dtype=np.float32)
    y = np.array([np.nan, 2, np.nan, np.nan, 8, 5, np.nan, 1, np.nan], dtype=np.float32)
    series = EncodedSeries(1, "s", y, y, y, np.arange(9), nothing, nothing, np.zeros(0, dtype=np.float32), 9)
    (steps,) = read_steps([series], [0], is_two_way=is_two_way, others=False)
    neighbours, shares = _lines(np.isnan(y), is_two_way=is_two_way)
    guess = (np.nan_to_num(y)[neighbours] * shares).sum(axis=1)
    np.testing.assert_allclose(guess, steps.guess, atol=1e-6)
    expected = [2, 2, 4, 6, 8, 5, 3, 1, 1] if is_two_way else [0, 2, 2, 2, 8, 5, 5, 1, 1]
    np.testing.assert_allclose(guess, expected, atol=1e-6)
