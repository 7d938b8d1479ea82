"""How series are cut by time, scaled and turned into windows; nothing of a later part is learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import SMALL_FORECASTER, TOY_COLUMNS
from tidegate.data.series import read_panel
from tidegate.errors import DataError, RecipeError
from tidegate.training.forecasting.corpus import ForecastCorpus, corpus_of, read_corpus
from tidegate.training.forecasting.recipe import ForecastRecipe
from tidegate.training.recipe import build_recipe


def corpus(path: Path, **settings: Any) -> ForecastCorpus:
    recipe = build_recipe(ForecastRecipe, options={**SMALL_FORECASTER, **TOY_COLUMNS, **settings})
    return read_corpus([str(path)], recipe)


def table(path: Path, *series: tuple[str, list[float]]) -> Path:
    lines = [
        f"{name},2024-01-{1 + hour // 24:02d} {hour % 24:02d}:00,{value}" for name, values in series for hour, value in enumerate(values)
    ]
    path.write_text("unique_id,ds,y\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def plain(path: Path, **settings: Any) -> ForecastCorpus:
    recipe = ForecastRecipe(horizon="6", context="24", segment=6, **settings)
    return read_corpus([str(path)], recipe)


def wave(hours: int) -> list[float]:
    return [round(10 + float(np.sin(hour / 24 * 2 * np.pi)), 4) for hour in range(hours)]


def test_parts_follow_each_other_in_time(toy_series: Path) -> None:
    found = corpus(toy_series / "pumps.csv")
    for ends, series in zip(found.ends, found.panel.series, strict=True):
        assert (ends.train, ends.dev, ends.test) == (len(series.y) - 192, len(series.y) - 96, len(series.y))
    horizon, windows = 12, found.windows
    assert (windows[:, 1] + horizon <= np.array([found.ends[place].train for place in windows[:, 0]])).all()
    for part, begin, end in (("dev", "train", "dev"), ("test", "dev", "test")):
        origins = found.origins(part)  # type: ignore[arg-type]
        assert len(origins) == 2 * 96 // horizon
        for place, origin in origins.tolist():
            assert getattr(found.ends[place], begin) <= origin
            assert origin + horizon <= getattr(found.ends[place], end)


def test_what_comes_after_the_training_part_changes_nothing_that_is_learnt_from(tmp_path: Path) -> None:
    hours = 400
    first = plain(table(tmp_path / "a.csv", ("s", wave(hours))), dev_last="24", test_last="24")
    other = wave(hours - 48) + [1e6] * 48
    second = plain(table(tmp_path / "b.csv", ("s", other)), dev_last="24", test_last="24")
    assert first.scales == second.scales
    assert first.coder.to_json() == second.coder.to_json()
    assert np.array_equal(first.windows, second.windows)
    assert np.array_equal(first.encoded[0].filled[: hours - 48], second.encoded[0].filled[: hours - 48])


def test_a_series_too_short_for_a_development_part_is_learnt_from_and_named(tmp_path: Path) -> None:
    found = plain(table(tmp_path / "a.csv", ("long", wave(400)), ("short", wave(40)), ("stub", wave(8))), dev_last="48")
    assert [ends.train for ends in found.ends] == [352, 40, 8]
    assert {place for place, _ in found.windows.tolist()} == {0, 1}
    notes = " ".join(found.notes)
    assert "2 of 3 series (short, stub) are too short for a development part" in notes
    assert "1 of 3 series (stub) is too short for a window: nothing is learnt from them" in notes
    assert {place for place, _ in found.origins("dev").tolist()} == {0}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"dev_last": "3"}, "--dev-last 3 is 3 steps, but a forecast has 6"),
        ({"test_last": "2h"}, "--test-last 2h is 2 steps"),
        ({"dev_last": "500"}, "the longest series has 400 steps"),
        ({"context": "90m"}, "--context"),
    ],
)
def test_parts_that_cannot_be_cut_are_refused(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    path = table(tmp_path / "a.csv", ("s", wave(400)))
    recipe = ForecastRecipe(**{"horizon": "6", "context": "24", "segment": 6, **settings})
    with pytest.raises((DataError, RecipeError), match=words):
        read_corpus([str(path)], recipe)


def test_holes_are_refused_where_that_is_asked(tmp_path: Path) -> None:
    values = wave(400)
    values[100] = float("nan")
    path = table(tmp_path / "a.csv", ("s", values))
    with pytest.raises(DataError, match="no value at"):
        plain(path, gaps="refuse")
    assert plain(path, gaps="mask").spec.has_mask
    assert not plain(path, gaps="interpolate").spec.has_mask


@pytest.mark.parametrize("arch", ["bigru", "bilstm", "birnn"])
def test_two_way_networks_are_refused_with_the_reason(arch: str) -> None:
    with pytest.raises(RecipeError, match="has no future to read when it forecasts; use a one-way one"):
        build_recipe(ForecastRecipe, options={"arch": arch})


def test_recursive_forecasts_take_no_past_covariates() -> None:
    with pytest.raises(RecipeError, match="past covariates are not known of the steps that are fed back"):
        build_recipe(ForecastRecipe, options={"past_covariates": "heat", "decoding": "recursive"})


@pytest.mark.parametrize(
    ("season", "horizon", "segment"),
    [
        (24, 24, 24),
        (24, 96, 24),
        (24, 12, 12),
        (7, 14, 7),
        (12, 12, 12),
        (1, 12, 4),
        (1, 2, 1),
        (144, 144, 48),
        (1440, 60, 48),
        (52, 13, 13),
    ],
)
def test_default_segments_divide_what_repeats(season: int, horizon: int, segment: int) -> None:
    from tidegate.data.clock import Frequency

    recipe = ForecastRecipe(season=season, horizon=str(horizon)).settled(Frequency.parse("h"), 1)
    assert recipe.segment == segment
    assert int(recipe.context) == 15 * segment


def test_a_panel_in_memory_gives_the_corpus_of_its_file(toy_series: Path) -> None:
    recipe = build_recipe(ForecastRecipe, options={**SMALL_FORECASTER, **TOY_COLUMNS})
    panel = read_panel([str(toy_series / "pumps.csv")], **recipe.reading(), task="forecast")
    assert corpus_of(panel, recipe).scales == corpus(toy_series / "pumps.csv").scales
