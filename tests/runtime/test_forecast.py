"""Forecasters read from a directory: what they tell, against windows built by loops and the plain twins, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecast_models import COLUMNS, CONTEXT, HORIZON, SEASON, Trained, table
from tidegate.artefact import ModelContent, finish_output
from tidegate.errors import DataError, ModelError, RecipeError
from tidegate.kernels import ARCHITECTURES, engine
from tidegate.runtime import ForecastModel, forecast, load

ONE_WAY = [name for name, entry in ARCHITECTURES.items() if not entry.is_bidirectional]


@pytest.fixture(params=["engine", "loop"])
def _everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "loop":
        monkeypatch.setattr(engine, "is_built", lambda: False)


OPTIONS: list[dict[str, Any]] = [
    *({"arch": arch, "layers": layers} for arch in ONE_WAY for layers in (1, 2)),
    *({"arch": arch, "decoding": "recursive"} for arch in ("lstm", "gru")),
    *({"scaling": scaling, "gaps": gaps} for scaling in ("series", "window", "last") for gaps in ("mask", "interpolate")),
    {"layer_norm": True, "zoneout": (0.2, 0.0)},
    {"transform": "log1p", "levels": (80,)},
]


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("columns", COLUMNS)
def test_forecasts_are_those_of_the_twin(tmp_path: Path, columns: str, options: dict[str, Any]) -> None:
    path = table(tmp_path / "table.csv")
    if options.get("transform") == "log1p":
        Path(path).write_text(Path(path).read_text().replace(",-", ","))
    trained = Trained(path, columns, **options)
    told = trained.model.predict(path)
    assert len(told.series) == len(trained.panel.series)
    for place, (series, found) in enumerate(zip(trained.panel.series, told.series, strict=True)):
        assert (found.name, found.target, len(found.times)) == (series.name, series.target, HORIZON)
        assert found.times[0] == series.begin + np.timedelta64(len(series.y), "h")
        np.testing.assert_allclose(found.quantiles, trained.expected(place, len(series.y)), rtol=2e-4, atol=2e-4)
        np.testing.assert_array_equal(found.point, found.quantiles[:, found.quantiles.shape[1] // 2])
        assert (np.diff(found.quantiles, axis=1) >= 0).all()


def test_recursive_forecasts_go_on_and_direct_ones_refuse(tmp_path: Path) -> None:
    path = table(tmp_path / "table.csv", ahead=20)
    trained = Trained(path, "all", decoding="recursive")
    told = trained.model.predict(path, horizon=17)
    np.testing.assert_allclose(told.series[0].quantiles, trained.expected(0, len(trained.panel.series[0].y), 17), rtol=2e-4, atol=2e-4)
    assert any("calibrated for 7 steps" in note for note in told.notes)
    few = trained.model.predict(path, horizon=2).series[1]
    np.testing.assert_allclose(few.quantiles, trained.model.predict(path).series[1].quantiles[:2], rtol=1e-5, atol=1e-6)
    model = Trained(path, "all").model
    with pytest.raises(RecipeError, match=r"horizon is 8, but this model was trained to tell 7 steps.*decoding=recursive"):
        model.predict(path, horizon=8)
    for horizon, message in [(0, "horizon is 0; expected"), ("90min", "--horizon: '90"), ("8h", "horizon is 8, but")]:
        with pytest.raises(RecipeError, match=message):
            model.predict(path, horizon=horizon)
    assert len(model.predict(path, horizon="2h").series[0].times) == 2
    whole = model.predict(path).series[0].quantiles
    for horizon in range(1, 7):
        np.testing.assert_allclose(model.predict(path, horizon=horizon).series[0].quantiles, whole[:horizon], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "options", [{}, {"decoding": "recursive", "scaling": "window"}, {"scaling": "series", "gaps": "interpolate"}], ids=str
)
def test_scores_are_counted_over_the_twins_windows(tmp_path: Path, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path / "table.csv", lengths=(40, 30, 9))
    trained = Trained(path, "all", **options)
    scores = trained.model.evaluate(path, last=16, every=3)
    errors, naive, covered = [], [], []
    for place, series in enumerate(trained.panel.series[:2]):
        for origin in range(len(series.y) - 16, len(series.y) - HORIZON + 1, 3):
            expected = trained.expected(place, origin)
            y = series.y[origin : origin + HORIZON]
            errors += list((expected[:, 2] - y)[~np.isnan(y)])
            seen = series.y[:origin][~np.isnan(series.y[:origin])]
            naive += list(np.abs(y - seen[-1])[~np.isnan(y)])
            covered += list(((expected[:, 0] <= y) & (y <= expected[:, 4]))[~np.isnan(y)])
    assert scores["windows"] == 8
    assert scores["n"] == len(errors)
    assert scores["mae"] == pytest.approx(np.abs(errors).mean(), rel=1e-3)
    assert scores["bias"] == pytest.approx(np.mean(errors), rel=1e-2, abs=1e-3)
    assert scores["naive_mae"] == pytest.approx(np.mean(naive))
    assert scores["coverage_90"] == pytest.approx(np.mean(covered))
    assert any("1 series too short" in note and ": c." in note for note in scores["notes"])
    monkeypatch.setattr(forecast, "_WINDOWS", 3)
    parts = trained.model.evaluate(path, last=16, every=3)
    for name in ("n", "mae", "mse", "mase", "crps", "r2", "coverage_50"):
        assert parts[name] == pytest.approx(scores[name], rel=1e-5), name
    assert json.loads(json.dumps(scores)) == scores


def test_scaled_scores_are_in_standard_deviations_of_the_training_part(tmp_path: Path) -> None:
    path = table(tmp_path / "table.csv", lengths=(40,))
    trained = Trained(path, "bare", until=lambda n: n - 10)
    plain, scaled = (trained.model.evaluate(path, every=1, scaled=value) for value in (False, True))
    std = np.nanstd(trained.panel.series[0].y[:30])
    for name in ("mae", "rmse", "crps", "width_90", "naive_mae", "seasonal_naive_mae", "bias"):
        assert scaled[name] == pytest.approx(plain[name] / std), name
    assert scaled["mse"] == pytest.approx(plain["mse"] / std**2)
    for name in ("mase", "coverage_90", "r2"):
        assert scaled[name] == pytest.approx(plain[name]), name
    # All that have a whole context, where none is named.
    assert plain["windows"] == 40 - CONTEXT - HORIZON + 1


def test_unknown_series_are_scaled_by_their_rows_and_short_ones_told_of(tmp_path: Path) -> None:
    path = table(tmp_path / "table.csv")
    told = Trained(path, "bare").model.predict(path)
    assert "1 series that training did not have are scaled by the rows given: c." in told.notes
    assert not any("not used" in note for note in told.notes)  # of columns that the model does not read
    assert "1 series have less history than the 12 steps that the model reads: c." in told.notes


def test_texts_that_training_had_not_are_named(tmp_path: Path) -> None:
    trained = Trained(table(tmp_path / "table.csv", lengths=(40,)), "all")
    lines = (tmp_path / "table.csv").read_text().splitlines()
    other = [line.replace(",x,", ",hail,") if number < 12 else line for number, line in enumerate(lines)]
    assert other != lines
    (tmp_path / "other.csv").write_text("\n".join(other) + "\n")
    count = sum(one != two for one, two in zip(lines, other, strict=True))
    said = f"the covariate 'sky' has texts that the model does not know and reads as missing: 'hail' ({count})."
    assert said in trained.model.predict(tmp_path / "other.csv").notes
    assert said in trained.model.evaluate(tmp_path / "other.csv")["notes"]
    assert not any("does not know" in note for note in trained.model.predict(tmp_path / "table.csv").notes)


def test_one_file_stands_for_the_one_that_training_had(tmp_path: Path) -> None:
    lines = Path(table(tmp_path / "table.csv", lengths=(40,))).read_text().splitlines()
    for name in ("old.csv", "new.csv"):
        (tmp_path / name).write_text("\n".join(line.partition(",")[2] for line in lines) + "\n")
    trained = Trained(str(tmp_path / "table.csv"), "bare")
    stored = trained.twin.stored
    stored.vocabulary["columns"]["series"] = None
    stored.vocabulary["series"] = [stored.vocabulary["series"][0] | {"name": "old"}]
    old, new = (ForecastModel(stored).predict(tmp_path / name) for name in ("old.csv", "new.csv"))
    np.testing.assert_array_equal(old.series[0].quantiles, new.series[0].quantiles)
    assert "'new' is read as the series that training had, 'old'." in new.notes
    assert not any("read as the series" in note for note in old.notes)


def test_rows_and_frames_have_the_users_names_and_times(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = table(tmp_path / "table.csv")
    model = Trained(path, "targets").model
    told = model.predict(path)
    rows = list(told.rows())
    assert list(rows[0]) == ["name", "target", "when", "gru", "gru-lo-50", "gru-hi-50", "gru-lo-90", "gru-hi-90"]
    assert len(rows) == 6 * HORIZON
    assert (rows[0]["name"], rows[0]["target"], rows[0]["when"]) == ("a", "load", "2021-03-02 16:00")
    low, high = told.series[0].band(90)
    assert rows[0]["gru-lo-90"] == pytest.approx(low[0], rel=1e-6)
    assert rows[0]["gru-hi-90"] == pytest.approx(high[0], rel=1e-6)
    assert rows[0]["gru-lo-90"] <= rows[0]["gru-lo-50"] <= rows[0]["gru"] <= rows[0]["gru-hi-50"] <= rows[0]["gru-hi-90"]
    with pytest.raises(RecipeError, match=r"level is 80; this model tells bands of 50, 90 %"):
        told.series[0].band(80)
    frame = pandas.read_csv(path, parse_dates=["when"])
    answer = model.predict(frame).to_frame(frame)
    assert isinstance(answer, pandas.DataFrame)
    assert list(answer.columns) == list(rows[0])
    assert answer["when"].dtype == frame["when"].dtype
    np.testing.assert_allclose(answer["gru"], [row["gru"] for row in rows], rtol=1e-5)


@pytest.mark.parametrize(
    ("series", "time", "header"),
    [
        ("gru", ("when",), ["gru", "target", "when", "forecast-gru", "gru-lo-90", "gru-hi-90"]),
        ("name", ("gru-lo-90",), ["name", "target", "gru-lo-90", "gru", "forecast-gru-lo-90", "gru-hi-90"]),
        ("target", ("day", "hour"), ["target", "forecast-target", "time", "gru", "gru-lo-90", "gru-hi-90"]),
        ("time", ("day", "hour"), ["time", "target", "forecast-time", "gru", "gru-lo-90", "gru-hi-90"]),
        (None, ("unique_id",), ["forecast-unique_id", "target", "unique_id", "gru", "gru-lo-90", "gru-hi-90"]),
    ],
)
def test_a_column_called_as_one_of_the_answer_is_not_overwritten(
    tmp_path: Path, series: str | None, time: tuple[str, ...], header: list[str]
) -> None:
    told = Trained(table(tmp_path / "table.csv"), "targets").model.predict(str(tmp_path / "table.csv"))
    renamed = replace(told, columns=replace(told.columns, series=series, time=time))
    for before, row in zip(told.rows(), renamed.rows(), strict=True):
        assert [name for name in row if "-50" not in name] == header
        assert list(row.values()) == list(before.values())


def test_frames_of_polars_give_frames_of_polars(tmp_path: Path) -> None:
    polars = pytest.importorskip("polars")
    path = table(tmp_path / "table.csv")
    model = Trained(path, "bare").model
    frame = polars.read_csv(path, null_values=["NA", ""], try_parse_dates=True)
    answer = model.predict(frame).to_frame(frame)
    assert isinstance(answer, polars.DataFrame)
    rows = list(model.predict(path).rows())
    assert answer.columns == list(rows[0])
    assert answer["when"].dtype == frame["when"].dtype
    np.testing.assert_allclose(answer["gru-lo-90"].to_numpy(), [row["gru-lo-90"] for row in rows], rtol=1e-5)


def test_what_is_known_ahead_may_come_in_a_file_of_its_own_and_must_reach(tmp_path: Path) -> None:
    path = table(tmp_path / "table.csv", lengths=(40,), ahead=9, holes=0.0)
    trained = Trained(path, "all", known=1)
    header, *lines = Path(path).read_text().splitlines()
    told = trained.model.predict(path)

    def written(name: str, some: Sequence[str]) -> str:
        (tmp_path / name).write_text("\n".join([header, *some]) + "\n")
        return str(tmp_path / name)

    past, future = written("past.csv", lines[:-9]), written("future.csv", lines[-9:])
    apart = trained.model.predict(past, future=future)
    np.testing.assert_array_equal(apart.series[0].quantiles, told.series[0].quantiles)
    with pytest.raises(
        DataError, match=r"series 'a'.*reads 'plan', 'sky' ahead.*up to 2021-03-02 22:00 are needed.*end at 2021-03-02 15:00.*--future"
    ):
        trained.model.predict(past)
    with pytest.raises(DataError, match=r"2021-03-02 22:00 are needed, but the rows given end at 2021-03-02 20:00"):
        trained.model.predict(past, future=written("early.csv", lines[-9:-4]))
    with pytest.raises(DataError, match=r"but there is no row of 2021-03-02 16:00"):
        trained.model.predict(past, future=written("late.csv", lines[-8:]))
    assert any("no covariates known ahead" in note for note in Trained(path, "bare", known=1).model.predict(past, future=future).notes)
    with pytest.raises(RecipeError, match="read both together"):
        trained.model.predict(trained.model.read(past), future=future)


def test_what_cannot_be_told_or_scored_is_said(tmp_path: Path) -> None:
    path = table(tmp_path / "table.csv", lengths=(40, 2), holes=0.0)
    model = Trained(path, "bare").model
    told = model.predict(path)
    assert [each.name for each in told.series] == ["a"]
    assert any("1 series have no forecast, since they have less than the 3 steps that it takes: b" in note for note in told.notes)
    with pytest.raises(DataError, match=r"series 'a' .*tiny.csv, line \d+\) has 2 steps up to its last value; the model reads 3 at a time"):
        model.predict(table(tmp_path / "tiny.csv", lengths=(2,), holes=0.0))
    with pytest.raises(DataError, match=r"the longest series has 9 steps.*a segment of 3 and the 7 steps"):
        model.evaluate(table(tmp_path / "short.csv", lengths=(9,)))
    with pytest.raises(RecipeError, match=r"last is 6, 6 steps, but a forecast has 7"):
        model.evaluate(path, last=6)
    with pytest.raises(RecipeError, match="--every"):
        model.evaluate(path, every="5min")
    with pytest.raises(DataError, match="files are expected"):
        model.predict([3])


def test_the_model_is_saved_and_loaded_with_the_same_answers(tmp_path: Path) -> None:
    path = table(tmp_path / "table.csv")
    stored = Trained(path, "all").twin.stored
    (tmp_path / "m.partial").mkdir()
    content = ModelContent(stored.config, stored.tensors, stored.vocabulary, stored.metrics, "# card")
    finish_output(tmp_path / "m.partial", tmp_path / "m", content)
    model = load(tmp_path / "m")
    assert isinstance(model, ForecastModel)
    model.save(tmp_path / "copy")
    first, second = (list(each.predict(path).rows()) for each in (model, load(tmp_path / "copy")))  # type: ignore[union-attr, call-arg]
    assert first == second
    with pytest.raises(ModelError, match="holds no tensor 'bands.offsets'"):
        ForecastModel(
            type(stored)(
                stored.path, stored.config, {k: v for k, v in stored.tensors.items() if k != "bands.offsets"}, stored.vocabulary, {}
            )
        )


def test_a_series_that_training_did_not_have_is_scaled_by_what_comes_before_its_forecasts(tmp_path: Path) -> None:
    """What is scored has no part in how it is read, nor in the measure of its errors."""
    path = table(tmp_path / "table.csv", lengths=(40, 30, 30), holes=0.0)
    model = Trained(path, "bare").model
    panel = model.read(path)
    windows = np.array([[2, 20], [2, 15], [0, 30]])
    naive = np.nanmean([abs(panel.series[2].y[step] - panel.series[2].y[step - SEASON]) for step in range(SEASON, 15)])
    np.testing.assert_allclose(model.naive_scales(panel, windows)[:2], naive)
    before = model.score(panel, windows)
    panel.series[2].y[27:] *= 1e6  # behind all steps that are told
    assert model.score(panel, windows) == before
