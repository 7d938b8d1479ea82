"""`Filler` from tables to tables: what is learnt, what is given back, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import polars
import pytest

import tidegate
from tidegate import Filler
from tidegate.errors import DataError, RecipeError
from tidegate.training.filling.corpus import corpus_of
from tidegate.training.filling.recipe import FillRecipe
from tidegate.training.filling.task import FillTask

SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "window": 48,
    "batch_windows": 1,
    "max_epochs": 6,
    "dropout": 0.0,
    "learning_rate": 0.02,
    "warmup_steps": 10,
    "average_decay": 0.9,
    "quiet": True,
}
COLUMNS: dict[str, Any] = {"time": "when", "target": "level", "series": "place", "past_covariates": ("heat",)}
HOURS = 700


def toy_frame(*, holes: bool = True, dropped: int | None = None) -> pandas.DataFrame:
    """Two series of a daily wave, hour by hour, and a covariate that follows it; every thirty hours or so a gap."""
    rng = np.random.default_rng(1)
    parts = []
    for place in ("north", "south"):
        hour = np.arange(HOURS)
        wave = np.sin(hour * 2 * np.pi / 24) * 5 + 20 + rng.normal(size=HOURS).cumsum() * 0.3
        level = wave.round(2)
        if holes:
            for begin in range(10, HOURS - 20, 30):
                level[begin : begin + rng.integers(1, 15)] = np.nan
        when = np.datetime64("2024-01-01T00", "s") + hour.astype("timedelta64[h]")
        parts.append(
            pandas.DataFrame({"when": when, "place": place, "level": level, "heat": (wave + rng.normal(size=HOURS) * 0.05).round(3)})
        )
    frame = pandas.concat(parts, ignore_index=True)
    return frame if dropped is None else frame.drop(index=dropped).reset_index(drop=True)


@pytest.fixture(scope="module")
def filler() -> Filler:
    return Filler(**COLUMNS, **SMALL, dev_last="5d", test_last="5d").fit(toy_frame())


def test_it_fills_better_than_a_line_and_its_bands_hold(filler: Filler) -> None:
    for part in ("dev", "test"):
        scores = filler.metrics_[part]
        assert scores["mae"] < 0.6 * scores["linear_mae"]
        assert scores["mae"] < scores["seasonal_mae"]
        assert scores["n"] == sum(row["n"] for row in scores["by_gap"]) > 50
        assert 0.75 < scores["coverage_90"] <= 1
        assert scores["coverage_50"] < scores["coverage_90"]
    assert filler.score(toy_frame()) > 0.4
    assert filler.model_.evaluate(toy_frame(), last="5d") != filler.model_.evaluate(toy_frame(), last="5d", seed=2)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
@pytest.mark.parametrize("dropped", [None, 333])
def test_a_frame_comes_back_filled(filler: Filler, kind: str, dropped: int | None) -> None:
    frame = toy_frame(dropped=dropped)
    given: Any = frame if kind == "pandas" else polars.from_pandas(frame)
    filled = filler.predict(given)
    assert type(filled) is type(given)
    added = ["level-filled", "level-lo-50", "level-hi-50", "level-lo-90", "level-hi-90"]
    assert list(filled.columns) == [*frame.columns, *added]
    if kind == "polars":  # what is missing is null, and nothing NaN
        assert filled["level-lo-90"].null_count() == 2 * HOURS - filled["level-filled"].sum()
        assert not filled["level-lo-90"].is_nan().any()
    back = filled if kind == "pandas" else filled.to_pandas()
    assert len(back) == 2 * HOURS
    assert np.isfinite(back["level"]).all()
    was = toy_frame()["level"].to_numpy().copy()
    if dropped is not None:
        was[dropped] = np.nan
        assert back["heat"].isna().sum() == 1
    is_hole = np.isnan(was)
    assert (back["level-filled"] == is_hole).all()
    assert (back["level"][~is_hole] == was[~is_hole]).all()
    assert back["level-lo-90"].isna().equals(pandas.Series(~is_hole))
    inside = back[is_hole]
    for low, high in (("level-lo-90", "level-lo-50"), ("level-lo-50", "level"), ("level", "level-hi-50"), ("level-hi-50", "level-hi-90")):
        assert (inside[low] <= inside[high]).all()
    assert (back["when"].to_numpy().astype("datetime64[s]") == toy_frame()["when"].to_numpy()).all()
    assert (back["place"] == toy_frame()["place"]).all()


def test_a_table_that_was_filled_before_is_refused(filler: Filler, tmp_path: Path) -> None:
    whole = filler.predict(toy_frame())
    with pytest.raises(DataError, match="the frame: there is a column 'level-filled' already"):
        filler.predict(whole)
    whole.to_csv(tmp_path / "whole.csv", index=False)
    with pytest.raises(DataError, match=r"whole\.csv: there is a column 'level-filled' already"):
        filler.predict(tmp_path / "whole.csv")


def test_large_numbers_are_written_as_exactly_as_their_bands_are_wide(filler: Filler, tmp_path: Path) -> None:
    frame = toy_frame()
    frame["level"] += 1e9
    frame["place"] += "-meter"  # other series, with scales of their own
    frame.to_csv(tmp_path / "meter.csv", index=False)
    (written,) = filler.predict(tmp_path / "meter.csv")
    written.write(tmp_path / "whole.csv")
    whole, back = filler.predict(frame), pandas.read_csv(tmp_path / "whole.csv")
    width = (whole["level-hi-90"] - whole["level-lo-90"]).max()
    for name in ("level", "level-lo-90", "level-hi-90"):
        assert np.nanmax(np.abs(back[name] - whole[name])) < 1e-6 * width
    assert not any("e+" in line for line in written.lines)


def test_a_series_without_a_value_stays_as_it_is(filler: Filler) -> None:
    frame = toy_frame(dropped=333)
    nothing = frame[frame["place"] == "south"].assign(place="void", level=np.nan)
    given = pandas.concat([frame, nothing], ignore_index=True)
    filled = filler.predict(given)
    assert len(filled) == len(given) + 1
    assert filled["level"].isna().equals(filled["place"] == "void")
    assert filled["level-filled"].sum() == frame["level"].isna().sum() + 1
    assert (filled["when"][filled["place"] == "void"].to_numpy() == nothing["when"].to_numpy()).all()
    assert any("void" in note for note in filler.model_.panel(given).notes)


@pytest.mark.parametrize("kind", ["zone", "text", "count"])
def test_times_of_frames_come_back_as_they_were(filler: Filler, kind: str) -> None:
    frame = toy_frame(dropped=333)
    whole = toy_frame()
    ways: dict[str, Any] = {
        "zone": lambda times: times.dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
        "text": lambda times: times.dt.strftime("%d.%m.%Y %H:%M"),
        "count": lambda times: (times - times[0]) // pandas.Timedelta("1h"),
    }
    frame["when"], whole["when"] = ways[kind](frame["when"]), ways[kind](whole["when"])
    model = filler if kind != "count" else Filler(**COLUMNS, **(SMALL | {"max_epochs": 1})).fit(frame)
    filled = model.predict(frame)
    assert filled["when"].tolist() == whole["when"].tolist()


def test_texts_that_training_had_not_are_named(toy_filler: Path, toy_series: Path, tmp_path: Path) -> None:
    frame = pandas.read_csv(toy_series / "pumps.csv", dtype=str)
    frame.loc[[3, 4, 700], "wind"] = "hail"
    frame.to_csv(tmp_path / "hail.csv", index=False)
    model = tidegate.load(toy_filler)
    said = "the covariate 'wind' has texts that the model does not know and reads as missing: 'hail' (3)."
    assert said in model.notes(model.panel([str(tmp_path / "hail.csv")]))
    assert said in model.evaluate(tmp_path / "hail.csv", last="4d")["notes"]
    assert not any("does not know" in note for note in model.notes(model.panel([str(toy_series / "pumps.csv")])))


def test_the_index_of_a_frame_stays(filler: Filler) -> None:
    frame = toy_frame()
    frame.index = frame.index[::-1]
    assert filler.predict(frame).index.equals(frame.index)


def test_a_file_comes_back_with_every_other_cell_as_it_was(filler: Filler, tmp_path: Path) -> None:
    frame = toy_frame(dropped=333)
    frame["level"] = [f"{value:.3f}" if value == value else "NA" for value in frame["level"]]
    frame["remark"] = ['said "so", then' if row % 7 == 0 else "" for row in range(len(frame))]
    file = tmp_path / "levels.csv"
    text = frame.to_csv(index=False).replace("\n", "\n\n", 5)
    file.write_text(text, encoding="utf-8")
    (filled,) = filler.predict(file)
    before, after = text.splitlines(), list(filled.lines)
    assert filled.has_header
    assert filled.added == 1
    assert after[0] == before[0] + ",level-filled,level-lo-50,level-hi-50,level-lo-90,level-hi-90"
    new = next(row for row, line in enumerate(after) if line.startswith("2024-01-14 21:00:00,north,") and line.split(",")[3] == "")
    assert after[new].split(",")[4:6] == ["", "1"]
    del after[new]
    assert len(after) == len(before)
    holes = 0
    for was, now in zip(before[1:], after[1:], strict=True):
        if not was:
            assert not now
        elif ",NA," in was:
            holes += 1
            head, tail = was.split("NA", 1)
            assert now.startswith(head)
            value, rest = now[len(head) :].split(",", 1)
            assert np.isfinite(float(value))
            assert rest.startswith(tail[1:] + ",1,")
        else:
            assert now == was + ",0,,,,"
    assert holes == np.isnan(toy_frame()["level"]).sum()
    filled.write(tmp_path / "filled.csv")
    assert (tmp_path / "filled.csv").read_text(encoding="utf-8") == "".join(f"{line}\n" for line in filled.lines)
    whole = filler.predict(toy_frame(dropped=333))
    assert [float(line.split(",")[2]) for line in filled.lines if line and not line.startswith("when")] == pytest.approx(
        whole["level"].tolist(), rel=1e-4
    )


def test_times_in_several_columns_and_decimal_commas(tmp_path: Path) -> None:
    frame = toy_frame(dropped=333)
    when = frame["when"].dt
    rows = zip(when.year, when.month, when.day, when.hour, frame["place"], frame["level"], strict=True)
    lines = [f"{y};{m};{d};{h};{p};{'' if v != v else str(v).replace('.', ',')}" for y, m, d, h, p, v in rows]
    file = tmp_path / "levels.csv"
    file.write_text("year;month;day;hour;place;level\n" + "\n".join(lines) + "\n", encoding="utf-8")
    filler = Filler(time=("year", "month", "day", "hour"), target="level", series="place", **(SMALL | {"max_epochs": 1})).fit(file)
    (filled,) = filler.predict(file)
    (new,) = [line.split(";") for line in filled.lines if line.startswith("2024;1;14;21;north;")]
    assert new[6] == "1"
    assert all("." not in line for line in filled.lines[1:])
    assert sum(line.split(";")[6] == "1" for line in filled.lines[1:]) == frame["level"].isna().sum() + 1


def test_a_saved_model_fills_alike(filler: Filler, tmp_path: Path) -> None:
    filler.save(tmp_path / "model")
    model = tidegate.load(tmp_path / "model")
    pandas.testing.assert_frame_equal(model.predict(toy_frame()), filler.predict(toy_frame()))


def test_equal_seeds_give_equal_models() -> None:
    one, other = (Filler(**COLUMNS, **(SMALL | {"max_epochs": 1})).fit(toy_frame()) for _ in range(2))
    assert one.metrics_["dev"] == other.metrics_["dev"]


@pytest.mark.parametrize("settings", [{"arch": "gru"}, {"others": "no", "transform": "log1p"}, {"series_vectors": "no", "levels": (80,)}])
def test_other_settings(settings: dict[str, Any]) -> None:
    filler = Filler(**COLUMNS, **(SMALL | {"max_epochs": 1}), **settings).fit(toy_frame())
    filled = filler.predict(toy_frame())
    assert np.isfinite(filled["level"]).all()
    assert filler.metrics_["dev"]["n"]


def test_a_series_is_filled_by_itself_and_one_that_is_new_is_said(filler: Filler) -> None:
    frame = toy_frame()
    alone = frame[frame["place"] == "north"].reset_index(drop=True)
    assert np.isfinite(filler.predict(alone)["level"]).all()
    renamed = alone.assign(place="west")
    assert any("west" in note for note in filler.model_.notes(filler.model_.panel(renamed)))
    error = filler.predict(renamed)["level"] - filler.predict(alone)["level"]
    assert np.abs(error).max() < 3


def test_data_without_gaps_is_said_and_learnt_from() -> None:
    from tidegate.data.series import panel_of_frame

    recipe = FillRecipe(**COLUMNS)
    corpus = corpus_of(panel_of_frame(toy_frame(holes=False), **recipe.reading(), task="fill"), recipe)
    assert any("no gaps of their own; gaps of 6 steps" in note for note in corpus.notes)
    task = FillTask(recipe, corpus)
    asked = sum(len(batch.asked) for batch in task.batches(0))
    assert 0.1 < asked / task.tokens < 0.2
    assert sum(batch.tokens for batch in task.batches(1)) == task.tokens


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda frame: frame.assign(level=np.nan), DataError, "no value at all"),
        (lambda frame: frame[:10], DataError, "must hold 8 values at least"),
        (lambda frame: frame[:16], DataError, "no room to hide a gap"),
        (lambda frame: 3, DataError, "a frame or paths"),
        (lambda frame: frame.drop(columns="heat"), DataError, "no column 'heat'"),
    ],
)
def test_bad_input(change: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        Filler(**COLUMNS, **SMALL).fit(change(toy_frame()))


def test_bad_settings() -> None:
    with pytest.raises(RecipeError, match="hidden_share"):
        Filler(hidden_share=0.9)
    with pytest.raises(RecipeError, match="dev-last"):
        Filler(**COLUMNS, **SMALL, dev_last="90m").fit(toy_frame())


def test_a_test_part_without_room_is_refused_before_training() -> None:
    with pytest.raises(DataError, match="the test part has no room to hide a gap in: .* longer --test-last"):
        Filler(**COLUMNS, **SMALL, test_last=2).fit(toy_frame())


def test_nothing_to_hide_is_said(filler: Filler) -> None:
    with pytest.raises(DataError, match="no room to hide a gap"):
        filler.model_.evaluate(toy_frame()[:2])


def test_several_targets_and_a_file_without_a_header(tmp_path: Path) -> None:
    frame = toy_frame()
    north, south = (frame[frame["place"] == place].reset_index(drop=True) for place in ("north", "south"))
    rows = zip(north["when"], north["level"], south["level"].shift(3), strict=True)
    file = tmp_path / "both.csv"
    file.write_text("".join(f"{when},{one},{other}\n" for when, one, other in rows), encoding="utf-8")
    filler = Filler(time="1", target=("2", "3"), **(SMALL | {"max_epochs": 1})).fit(file)
    (filled,) = filler.predict(file)
    assert not filled.has_header
    cells = [line.split(",") for line in filled.lines]
    assert all(len(row) == 3 + 2 * 5 for row in cells)
    assert [row[3] for row in cells] == ["1" if value != value else "0" for value in north["level"]]
    assert [row[8] for row in cells] == ["1" if value != value else "0" for value in south["level"].shift(3)]
    assert all(np.isfinite(float(row[1])) and np.isfinite(float(row[2])) for row in cells)
