from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from conftest import SMALL_FILLER, SMALL_FORECASTER, TOY_COLUMNS
from outcome_checks import baseline_outcomes, check_comparison, check_network, compare
from tidegate.comparison.baselines import series
from tidegate.comparison.materials import material_of
from tidegate.comparison.materials.forecasts import ForecastMaterial, Window
from tidegate.comparison.materials.holes import HoleMaterial
from tidegate.errors import RecipeError, RunError
from tidegate.runtime import load
from tidegate.training.filling.recipe import FillRecipe
from tidegate.training.forecasting.recipe import ForecastRecipe
from tidegate.training.recipe import build_recipe


def small(settings: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "max_epochs"}


def test_outcomes_of_forecasts_have_the_score_that_metrics_tell(toy_series: Path, toy_forecaster: Path) -> None:
    recipe = build_recipe(ForecastRecipe, options={**SMALL_FORECASTER, **TOY_COLUMNS})
    material, model = material_of(recipe, [str(toy_series / "pumps.csv")], [], []), load(toy_forecaster)
    assert isinstance(material, ForecastMaterial)
    task, portion, outcomes = check_network(material, model, model.metrics["test"]["mase"], has_steps=True)
    by_step = model.metrics["test"]["by_step"]["mase"]
    assert [row[0] / row[1] for row in outcomes.by_position.values()] == pytest.approx(by_step)
    assert len(set(material.examples(portion).groups)) == 2  # so few are drawn from in blocks
    found = baseline_outcomes(material, task, portion)
    assert found.keys() == {"last value", "value a season before"}
    assert found["value a season before"].score == pytest.approx(model.metrics["test"]["seasonal_naive_mase"], abs=1e-9)
    assert found["last value"].score == pytest.approx(model.metrics["test"]["naive_mase"], abs=1e-9)


@pytest.mark.skipif(find_spec("statsforecast") is None, reason="needs statsforecast")
def test_auto_ets_is_a_contender_where_it_can_be_fitted_at_every_origin(toy_series: Path) -> None:
    own = {**SMALL_FORECASTER, **TOY_COLUMNS, "auto_ets": True, "dev_last": "2d", "test_last": "12h"}
    material = material_of(build_recipe(ForecastRecipe, options=own), [str(toy_series / "pumps.csv")], [], [])
    portion = material.portion(fold=None, folds=0, share=1.0)
    task = material.task(portion, material.recipe)
    assert not task.recipe.auto_ets  # beside the networks it is not fitted again
    found = baseline_outcomes(material, task, portion)
    assert found["AutoETS"].score > 0
    many = material_of(
        build_recipe(ForecastRecipe, options={**own, "test_last": "5d", "origin_every": 1}), [str(toy_series / "pumps.csv")], [], []
    )
    assert isinstance(many, ForecastMaterial)
    assert not many.has_auto_ets
    assert "AutoETS does not take part" in many.notes[-1]


def test_auto_ets_stops_when_its_minute_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 1000, 25))  # each look at it comes 25 s after the one before
    monkeypatch.setattr(series, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    monkeypatch.setattr(series, "ets_quantiles", lambda *_: np.zeros((2, 3)))
    auto_ets = series.AutoEts()
    panel = SimpleNamespace(series=[SimpleNamespace(y=np.arange(100.0))])
    vars(auto_ets).update(_season=24, _horizon=2, _levels=(90,), _corpus=SimpleNamespace(panel=panel))
    assert len(auto_ets.answer([Window(0, 50), Window(0, 60)])) == 2
    with pytest.raises(RunError, match="stopped after 75 s at origin 3 of 5: more than 60 s"):
        auto_ets.answer([Window(0, origin) for origin in range(50, 55)])


def test_outcomes_of_hidden_gaps_have_the_score_that_metrics_tell(toy_series: Path, toy_filler: Path) -> None:
    recipe = build_recipe(FillRecipe, options={**SMALL_FILLER, **TOY_COLUMNS})
    material, model = material_of(recipe, [str(toy_series / "pumps.csv")], [], []), load(toy_filler)
    assert isinstance(material, HoleMaterial)
    task, portion, outcomes = check_network(material, model, model.metrics["test"]["mae"], has_steps=False)
    assert outcomes.counts[:, 1].sum() == model.metrics["test"]["n"]
    for gap, length in zip(portion.scored, material.examples(portion).lengths, strict=True):
        steps = gap.hidden.steps[gap.begin : gap.end]
        assert 0 < len(steps) <= length
        assert steps[-1] - steps[0] == length - 1  # the ends of a gap were seen
        assert set(gap.hidden.gap[gap.begin : gap.end]) == {length}
    found = baseline_outcomes(material, task, portion)
    assert found["linear interpolation"].score == pytest.approx(model.metrics["test"]["linear_mae"], abs=1e-9)
    assert found["same time a season away"].score == pytest.approx(model.metrics["test"]["seasonal_mae"], abs=1e-9)
    assert np.isfinite(outcomes.counts).all()


def test_a_series_too_short_for_a_part_of_its_own_has_no_gap_hidden_in_it(toy_series: Path, tmp_path: Path) -> None:
    lines = (toy_series / "pumps.csv").read_text(encoding="utf-8").splitlines()
    short = [line.replace("north", "small", 1) for line in lines[1:40]]
    (tmp_path / "three.csv").write_text("\n".join([lines[0], *short, *lines[1:]]) + "\n", encoding="utf-8")
    material = material_of(build_recipe(FillRecipe, options={**SMALL_FILLER, **TOY_COLUMNS}), [str(tmp_path / "three.csv")], [], [])
    portion = material.portion(fold=None, folds=0, share=1.0)
    assert {gap.series for gap in portion.scored} == {1, 2}
    task = material.task(portion, material.recipe)
    model = task.as_model(task.build_network())
    assert material.outcomes(task, model, portion).score == pytest.approx(task.scores(task.build_network())["test"]["mae"], abs=1e-9)


def test_forecasters_are_compared(toy_series: Path, tmp_path: Path) -> None:
    result = compare(
        "forecast", toy_series / "pumps.csv", tmp_path / "out", arch="gru,mingru", **small(SMALL_FORECASTER), **TOY_COLUMNS
    )  # fmt: skip
    check_comparison(result, {"gru", "mingru"})
    assert (result.score, result.scored_on) == ("mase", "test")


def test_fillers_are_compared(toy_series: Path, tmp_path: Path) -> None:
    result = compare("fill", toy_series / "pumps.csv", tmp_path / "out", arch="gru,bigru", **small(SMALL_FILLER), **TOY_COLUMNS)
    check_comparison(result, {"gru", "bigru"})
    assert (result.score, result.scored_on) == ("mae", "test")


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("forecast", {"arch": "gru,bigru"}, "a two-way network \\(bigru\\) has no future to read when it forecasts"),
        ("forecast", {"arch": "gru", "folds": 3}, "there are no folds in a comparison of forecast, whose data are cut by time"),
        ("fill", {"arch": "gru", "train_sizes": (0.5, 1.0)}, "there are no shares of the training data in a comparison of fill"),
        ("fill", {"arch": "gru", "test": "pumps.csv"}, "series are cut by time, not by files"),
    ],
)
def test_what_series_cannot_be_compared_by_is_told(
    task: str, options: dict[str, Any], message: str, toy_series: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=message):
        compare(task, toy_series / "pumps.csv", tmp_path / "out", **options, **TOY_COLUMNS)
    assert not (tmp_path / "out").exists()
