"""Surveys of forecasters and fillers: the gates of windows and gaps explained one by one, and what the steps are told apart by."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forecast_models
import tidegate
from forecast_models import CONTEXT, W
from tidegate.data.series import Panel
from tidegate.errors import DataError
from tidegate.explanation.dataset import gate_survey
from tidegate.explanation.materials import series as series_material
from tidegate.explanation.materials.facets import distance_names, distance_of
from tidegate.explanation.survey import GateSurvey
from tidegate.runtime import FillModel, load


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    return forecast_models.table(tmp_path_factory.mktemp("survey") / "table.csv", lengths=(40, 17, 8))


def until(panel: Panel, place: int, origin: int) -> Panel:
    """The panel of that one series up to an origin; what is known ahead stays, rows that the table lacks read as holes."""
    series = panel.series[place]
    return replace(panel, series=(replace(series, y=series.y[:origin], has_row=np.ones_like(series.has_row)),))


def told_of(gate: GateSurvey) -> dict[str, Any]:
    return {group.name: group for group in (*gate.opens, *gate.closes)}


@pytest.mark.parametrize("decoding", ["direct", "recursive"])
def test_a_forecaster_is_surveyed_as_its_windows_are_explained_one_by_one(
    table: str, decoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.explanation.dataset._TOLD", 100)
    monkeypatch.setattr(series_material, "BATCH_TOKENS", 20)  # several batches
    trained = forecast_models.Trained(table, "all", decoding=decoding, layers=2, known=3)
    panel = trained.panel
    survey = gate_survey(trained.model, panel, min_count=1)
    windows = [(0, 40 - 7 * back) for back in reversed(range(6))] + [(1, 3), (1, 10), (1, 17), (2, 8)]
    assert (survey.sequences, survey.sequence_name) == (len(windows), "window")
    values: dict[tuple[str, int, str], list[Any]] = defaultdict(list)
    back: list[int] = []
    high: list[bool] = []
    hours: list[int] = []
    for place, origin in windows:
        found = tidegate.explain(trained.model, until(panel, place, origin), influence=False)
        for one in found.panels:
            for layer in one.layers:
                for view in layer.gates:
                    values[one.name, layer.trace.number, view.name].append(view.values)
        y = panel.series[place].y
        line = np.nanquantile(y, 2 / 3)
        count = len(found.panels[0].units)
        for number in range(count, 0, -1):
            segment = y[origin - number * W : origin - (number - 1) * W]
            back.append(number)
            high.append(bool((~np.isnan(segment)).any() and np.nanmean(segment) > line))
        times = panel.times(panel.series[place], origin, 3 * W)[::W]
        hours += [int(str(time)[11:13]) for time in times]
    past, ahead = survey.panels
    assert (past.name, past.unit_name, ahead.name) == ("past", "segment", "ahead")
    assert (past.steps, ahead.steps) == (len(back), 3 * len(windows))
    for one in survey.panels:
        assert [layer.number for layer in one.layers] == [0, 1]
        for layer in one.layers:
            for gate in layer.gates:
                expected = np.concatenate(values[one.name, layer.number, gate.name]).astype(np.float64)
                np.testing.assert_allclose(gate.unit_mean, expected.mean(axis=0), atol=1e-5)
                assert gate.closed == pytest.approx((expected < 0.1).mean(), abs=1e-3)
    gate = past.layers[1].gates[0]
    expected = np.concatenate(values["past", 1, gate.name])
    groups = told_of(gate)
    assert groups["1–3 steps back"].count == len(windows)
    assert groups["1–3 steps back"].mean == pytest.approx(expected[np.array(back) == 1].mean(), abs=1e-5)
    assert groups["4–9 steps back"].mean == pytest.approx(expected[np.isin(back, [2, 3])].mean(), abs=1e-5)
    assert groups["10–12 steps back"].count == sum(number == CONTEXT // W for number in back)
    assert groups["load: high"].count == sum(high)
    assert groups["load: high"].mean == pytest.approx(expected[np.array(high)].mean(), abs=1e-5)
    assert {"wind: low", "plan: middle", "sky: x"} <= set(groups)
    gate = ahead.layers[0].gates[0]
    expected = np.concatenate(values["ahead", 0, gate.name])
    groups = told_of(gate)
    # 40 hours are no two days, so hours do not come again and are not told apart.
    assert not any("hour" in name for name in groups)
    assert groups["1–3 steps ahead"].mean == pytest.approx(expected[::3].mean(), abs=1e-5)
    assert groups["4–9 steps ahead"].mean == pytest.approx(np.concatenate([expected[1::3], expected[2::3]]).mean(), abs=1e-5)
    assert {"plan: high", "sky: z"} <= set(groups)
    assert not any(name.startswith(("load", "wind")) for name in groups)  # nobody knows these ahead


def test_a_window_without_what_is_known_ahead_is_not_read(table: str) -> None:
    trained = forecast_models.Trained(table, "all", known=3)
    panel = trained.panel
    ended = replace(panel, series=tuple(replace(one, has_row=one.has_row[: len(one.y)]) for one in panel.series))
    windows, _ = series_material._windows(trained.model, ended, 1)
    assert [origin for place, origin in windows.tolist() if place == 0] == [5, 12, 19, 26, 33]
    short = replace(ended, series=(ended.series[2],))  # 8 steps: one to read, and less than the horizon behind it
    with pytest.raises(DataError, match="has 8 steps up to its last value, and no window to survey: the model reads 3 at a time, and what"):
        gate_survey(trained.model, short)


def test_windows_are_drawn_with_a_seed_that_is_named(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_material, "MOST_WINDOWS", 4)
    trained = forecast_models.Trained(table, "all", known=3)
    surveys = [gate_survey(trained.model, trained.panel, seed=seed) for seed in (1, 1, 2)]
    assert [survey.sequences for survey in surveys] == [4, 4, 4]
    assert "of 10 windows 4 were drawn by chance (seed 2)." in surveys[2].notes
    means = [survey.layers[0].gates[0].mean for survey in surveys]
    assert means[0] == means[1] != means[2]


def test_distances_double() -> None:
    assert distance_names(9, 1, "back") == ("1 step back", "2–3 steps back", "4–7 steps back", "8–9 steps back")
    assert distance_names(3, 12, "ahead") == ("1–12 steps ahead", "13–36 steps ahead")
    np.testing.assert_array_equal(distance_of(np.arange(1, 17)), [0, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 4])


@pytest.fixture(scope="module")
def filler(toy_filler: Path) -> FillModel:
    model = load(toy_filler)
    assert isinstance(model, FillModel)
    return model


def with_holes(panel: Panel, holes: dict[str, slice]) -> Panel:
    """The panel with these holes alone."""
    made = []
    for series in panel.series:
        y = np.interp(np.arange(len(series.y)), np.flatnonzero(np.isfinite(series.y)), series.y[np.isfinite(series.y)])
        if series.name in holes:
            y[holes[series.name]] = np.nan
        made.append(replace(series, y=y))
    return replace(panel, series=tuple(made))


def test_a_filler_is_surveyed_as_its_gaps_are_explained_one_by_one(
    filler: FillModel, toy_series: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.explanation.dataset._TOLD", 200)
    holes = {"north": slice(400, 405), "south": slice(700, 701)}
    panel = with_holes(filler.panel([str(toy_series / "pumps.csv")]), holes)
    survey = gate_survey(filler, panel, min_count=1)
    explained = [tidegate.explain(filler, panel, series=name, influence=False).panels[0] for name in holes]
    (own,) = survey.panels
    assert (survey.sequences, own.steps) == (2, sum(len(one.units) for one in explained))
    y = np.concatenate([next(s.y for s in panel.series if s.name == name)[h.start - 192 : h.stop + 192] for name, h in holes.items()])
    for layer in own.layers:
        views = [view for one in explained for view in one.layers if view.trace.direction == layer.direction]
        for gate in layer.gates:
            expected = np.concatenate([next(g.values for g in view.gates if g.name == gate.name) for view in views]).astype(np.float64)
            np.testing.assert_allclose(gate.unit_mean, expected.mean(axis=0), atol=1e-5)
            groups = told_of(gate)
            assert groups["pressure: missing"].count == 6
            assert groups["pressure: missing"].mean == pytest.approx(expected[np.isnan(y)].mean(), abs=1e-5)
            assert [groups[f"hole, {name} from a value"].count for name in ("1 step", "2–3 steps")] == [3, 3]
            at = np.array([unit[11:13] == "09" for one in explained for unit in one.units])
            assert groups["hour 09"].count == at.sum()
            assert groups["hour 09"].mean == pytest.approx(expected[at].mean(), abs=1e-5)
            assert {"Monday", "heat: high", "wind: N", "open: low"} <= set(groups)


def test_series_without_a_hole_are_refused(filler: FillModel, toy_series: Path) -> None:
    panel = with_holes(filler.panel([str(toy_series / "pumps.csv")]), {})
    with pytest.raises(DataError, match="none of 2 series has a hole, so nothing is filled and there is nothing to survey"):
        gate_survey(filler, panel)
