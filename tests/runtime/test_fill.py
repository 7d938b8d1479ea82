"""Filling with a model directory alone: long series, many series, and what stays the same whichever way they are read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch

from tidegate.artefact import StoredModel
from tidegate.data.covariates import CovariateCoder
from tidegate.data.scales import scale_of
from tidegate.data.series import Panel, panel_of_frame, read_panel
from tidegate.runtime import FillModel, fill
from tidegate.scoring.filling import REACH_NAMES
from tidegate.tasks.fill import FillNetwork, FillNetworkSettings

NAN = np.nan


class Frame:
    """As much of a frame as is asked for."""

    def __init__(self, columns: dict[str, Any]) -> None:
        self._columns = columns
        self.columns = list(columns)

    def __len__(self) -> int:
        return len(self._columns["ds"])

    def __getitem__(self, name: str) -> Any:
        class Column:
            values = np.asarray(self._columns[name])
            dtype = values.dtype

            def to_numpy(self) -> Any:
                return self.values

        return Column()


def toy_panel(lengths: tuple[int, ...] = (300, 90), seed: int = 0) -> Panel:
    rng = np.random.default_rng(seed)
    names = np.repeat([f"s{place}" for place in range(len(lengths))], lengths)
    y = rng.normal(size=sum(lengths)).cumsum()
    y[rng.random(len(y)) < 0.15] = NAN
    ds = np.concatenate([np.arange(length) for length in lengths])
    return panel_of_frame(Frame({"unique_id": names, "ds": ds, "y": y}), task="fill")


def model_of(panel: Panel, *, arch: str = "bigru", offsets: Any = None) -> FillModel:
    """A model of random weights for a panel."""
    torch.manual_seed(1)
    is_two_way = arch.startswith("bi")
    network = FillNetwork(FillNetworkSettings(arch, 6, 1, 5, 5 + is_two_way, len(panel.series), True, (50, 90)))
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    if offsets is not None:
        network.bands.offsets.copy_(torch.as_tensor(offsets))
    config = {"network": network.settings_json(), "recipe": {"transform": "none", "window": 100, "missing": []}}
    vocabulary = {
        "columns": panel.columns.to_json(),
        "frequency": panel.frequency.text,
        "season": 4,
        "form": panel.form.to_json(),
        "series": [{"name": one.name, "target": one.target, "scale": scale_of(one.y, 4).to_json()} for one in panel.series],
        "covariates": CovariateCoder.fit(panel, [len(one.y) for one in panel.series]).to_json(),
    }
    return FillModel(StoredModel(Path("model"), config, network.tensors(), vocabulary, {}))


@pytest.mark.parametrize("arch", ["bigru", "gru"])
@pytest.mark.parametrize("most", [7, 40, 1 << 16])
def test_long_series_are_read_in_parts_with_the_same_answers(arch: str, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = toy_panel()
    model = model_of(panel, arch=arch)
    whole = model.fill(panel)
    monkeypatch.setattr(fill, "_MOST_STEPS", most)
    for one, other in zip(whole, model.fill(panel), strict=True):
        assert one.steps.tolist() == np.flatnonzero(np.isnan(one.series.y)).tolist()
        np.testing.assert_allclose(one.quantiles, other.quantiles, rtol=1e-4, atol=1e-5)
        assert np.isfinite(one.y).all()
        assert (one.y[~np.isnan(one.series.y)] == one.series.y[~np.isnan(one.series.y)]).all()


def test_bands_move_by_the_distance_to_the_nearest_value() -> None:
    panel = toy_panel((400,))
    offsets = np.zeros((len(REACH_NAMES), 5), dtype=np.float32)
    offsets[1] = [-2, -1, 0, 1, 3]
    (plain,), (moved,) = model_of(panel).fill(panel), model_of(panel, offsets=offsets).fill(panel)
    seen = np.flatnonzero(~np.isnan(plain.series.y))
    reach = np.abs(plain.steps[:, None] - seen).min(axis=1)
    spread = scale_of(plain.series.y, 4).spread
    change = (moved.quantiles - plain.quantiles) / spread
    assert np.allclose(change[reach == 1], 0, atol=1e-6)
    far = (reach == 2) | (reach == 3)
    assert far.any()
    assert np.allclose(change[far], offsets[1], atol=1e-5)


def test_evaluate_hides_what_is_there_and_counts_only_that() -> None:
    panel = toy_panel((600, 500))
    model = model_of(panel)
    scores = model.evaluate(panel)
    assert scores["n"] == sum(row["n"] for row in scores["by_gap"])
    assert 0.05 < scores["n"] / sum(np.isfinite(one.y).sum() for one in panel.series) < 0.25
    assert scores == model.evaluate(panel)
    late = model.evaluate(panel, last=100)
    assert late["n"] < scores["n"]
    assert {"mae", "rmse", "mse", "bias", "r2", "smape", "crps", "coverage_90", "width_90", "linear_mae", "seasonal_mae"} <= set(scores)


def test_a_file_of_another_name_is_the_series_of_training(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    y = 100 + 5 * rng.normal(size=80)
    rows = [f"{step},{'' if step % 9 == 4 else value}" for step, value in enumerate(y)]
    for name in ("old", "new"):
        (tmp_path / f"{name}.csv").write_text("\n".join(["ds,y", *rows]))
    (tmp_path / "more.csv").write_text("\n".join(["ds,y", *rows[40:]]))
    model = model_of(read_panel([str(tmp_path / "old.csv")], task="fill"))
    told = model.predict([str(tmp_path / "new.csv")])
    assert told[0].lines == model.predict([str(tmp_path / "old.csv")])[0].lines
    panel = model.panel([str(tmp_path / "new.csv")])
    assert [note for note in model.notes(panel) if "training" in note] == ["'new' is read as the series that training had, 'old'."]
    # A part of it is scaled as in training too, and scores are told in its unit.
    (part,) = model.fill(model.panel([str(tmp_path / "more.csv")]))
    (own,) = model.fill(replace(panel, series=(replace(panel.series[0], name="old", y=panel.series[0].y[40:]),)))
    np.testing.assert_array_equal(part.quantiles, own.quantiles)
    assert model.evaluate([str(tmp_path / "new.csv")])["mae"] == model.evaluate([str(tmp_path / "old.csv")])["mae"]
    # Two files are two series, neither of which training had.
    both = model.panel([str(tmp_path / "new.csv"), str(tmp_path / "more.csv")])
    assert "2 series that training did not have are scaled by the rows given: new, more." in model.notes(both)


@pytest.mark.parametrize("is_descending", [False, True])
@pytest.mark.parametrize(("end", "mark", "last"), [("\n", "", "\n"), ("\r\n", "\ufeff", "\r\n"), ("\r\n", "", ""), ("\n", "", "")])
def test_a_file_keeps_its_line_ends_and_added_rows_stand_in_its_order(
    tmp_path: Path, end: str, mark: str, last: str, is_descending: bool
) -> None:
    model = model_of(read_panel([str(table(tmp_path / "all.csv", range(60)))], task="fill"))
    steps = [step for step in range(60) if step not in (1, 30, 31, 32, 58)]
    path = table(tmp_path / "some.csv", steps[::-1] if is_descending else steps, end=end, mark=mark, last=last)
    (filled,) = model.predict([str(path)])
    filled.write(tmp_path / "filled.csv")
    written = (tmp_path / "filled.csv").read_bytes().decode()
    assert written.startswith(mark + "ds,y,y-filled,")
    assert written.removesuffix(last).count(end) == 60
    assert written.count("\n") == written.count(end)
    assert written.endswith("\n") == bool(last)
    rows = [line.split(",") for line in filled.lines[1:]]
    assert [int(row[0]) for row in rows] == sorted(range(60), reverse=is_descending)
    frame = pandas.read_csv(path)
    assert model.predict(frame)["ds"].tolist() == sorted(range(60), reverse=is_descending)
    by_step = {int(row[0]): float(row[1]) for row in rows}
    told = model.predict(frame.sort_values("ds"))
    np.testing.assert_allclose([by_step[step] for step in told["ds"]], told["y"], rtol=1e-3)


def table(path: Path, steps: Iterable[int], *, end: str = "\n", mark: str = "", last: str = "\n") -> Path:
    """A file of one series, its last line ended by `last`."""
    lines = ["ds,y", *(f"{step},{np.sin(step):.4f}" for step in steps)]
    path.write_bytes((mark + end.join(lines) + last).encode())
    return path
