"""Panels from frames of pandas and polars, and frames of the same kind back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest

from tidegate.data.series import frame_like, panel_of_frame
from tidegate.data.zones import in_zone
from tidegate.errors import DataError

try:
    import polars
except ImportError:
    polars = None

Make = Callable[[dict[str, Any]], Any]
KINDS = [
    pytest.param(pandas.DataFrame, id="pandas"),
    pytest.param(
        lambda columns: polars.DataFrame(columns), id="polars", marks=pytest.mark.skipif(polars is None, reason="polars is not installed")
    ),
]


def hours(n: int) -> np.ndarray:
    return np.datetime64("2020-01-01", "us") + np.arange(n) * np.timedelta64(1, "h")


@pytest.mark.parametrize("make", KINDS)
def test_a_frame_is_read_as_the_same_table_in_a_file(make: Make) -> None:
    frame = make(
        {
            "when": np.concatenate([hours(3), hours(4)]),
            "who": ["a"] * 3 + ["b"] * 4,
            "load": [1.0, float("nan"), 3.0, 4.0, 5.0, 6.0, float("nan")],
            "sky": ["rain", None, "sun", "sun", "sun", "rain", None],
            "count": [1, 2, 3, 4, 5, 6, 7],
        }
    )
    panel = panel_of_frame(frame, time=["when"], target=["load"], series="who", past=["sky"], future=["count"])
    first, second = panel.series
    assert first.y[[0, 2]].tolist() == [1, 3]
    assert np.isnan(first.y[1])
    assert second.y.tolist() == [4, 5, 6]
    assert first.columns["sky"].tolist() == ["rain", None, "sun"]
    assert second.columns["count"].tolist() == [4, 5, 6, 7]
    assert (panel.frequency.text, first.place, second.place) == ("h", "frame, row 1", "frame, row 4")
    times = panel.times(second, 3, 2)
    back = frame_like(frame, {"when": panel.form.column(times), "load": [1.0, 2.0]})
    assert type(back) is type(frame)
    assert back["when"].dtype == frame["when"].dtype
    assert back["when"].to_numpy().astype("datetime64[s]").tolist() == times.tolist()


@pytest.mark.parametrize("make", KINDS)
def test_frames_of_text_numbers_and_dates(make: Make) -> None:
    import datetime

    panel = panel_of_frame(make({"ds": ["2020-01-01", "2020-01-02"], "y": ["1", "NA"]}))
    assert panel.form.column(panel.times(panel.series[0], 1, 1)) == ["2020-01-02"]
    panel = panel_of_frame(make({"ds": [5, 6, 8], "y": [1, 2, 3]}))
    assert panel.form.column(panel.times(panel.series[0], 4, 1)).tolist() == [9]
    days = [datetime.date(2020, 1, 31), datetime.date(2020, 2, 29)]
    panel = panel_of_frame(make({"ds": days, "y": [1, 2]}))
    assert panel.frequency.text == "ME"
    panel = panel_of_frame(make({"year": [2020, 2020], "month": [1, 1], "day": [1, 2], "v": [1.0, 2.0]}), target=["v"])
    assert panel.frequency.text == "D"


@pytest.mark.parametrize("make", KINDS)
def test_columns_in_a_zone(make: Make) -> None:
    from datetime import UTC, datetime, timedelta
    from zoneinfo import ZoneInfo

    berlin = ZoneInfo("Europe/Berlin")
    through_autumn = [(datetime(2016, 10, 29, 22, tzinfo=UTC) + timedelta(hours=hour)).astimezone(berlin) for hour in range(6)]
    frame = make({"ds": through_autumn, "y": [1, 2, 3, 4, 5, 6]})
    panel = panel_of_frame(frame)
    assert panel.frequency.text == "h"
    assert panel.series[0].y.tolist() == [1, 2, 3, 4, 5, 6]
    assert any("read as UTC" in note for note in panel.notes)
    back = frame_like(frame, {"ds": panel.form.column(panel.times(panel.series[0], 0, 6))})
    assert back["ds"].dtype.kind == frame["ds"].dtype.kind if make is pandas.DataFrame else back["ds"].dtype == frame["ds"].dtype
    assert back["ds"].to_list() == through_autumn
    # Steps that run over the change are each an hour after the one before, though the rows have one offset.
    panel = panel_of_frame(make({"ds": through_autumn[:3], "y": [1, 2, 3]}))
    assert panel.form.column(panel.times(panel.series[0], 0, 6)) == through_autumn
    # Days of local time are 23 or 25 hours long in UTC, and days they stay.
    days = [datetime(2016, 10, day, tzinfo=berlin) for day in (29, 30, 31)]
    panel = panel_of_frame(make({"ds": days, "y": [1, 2, 3]}))
    assert panel.frequency.text == "D"
    assert [time.replace(tzinfo=None) for time in panel.form.column(panel.times(panel.series[0], 3, 1))] == [datetime(2016, 11, 1)]


@pytest.mark.parametrize("make", KINDS)
def test_rows_ahead_in_a_frame_of_their_own(make: Make) -> None:
    history, ahead = make({"ds": hours(3), "y": [1, 2, 3], "plan": [0, 0, 1]}), make({"ds": hours(5)[3:], "plan": [1, 0]})
    (one,) = panel_of_frame(history, future=["plan"], ahead=ahead).series
    assert (one.y.tolist(), one.columns["plan"].tolist()) == ([1, 2, 3], [0, 0, 1, 1, 0])
    with pytest.raises(DataError, match=r"frame of what comes, row 1: there is no column 'plan'"):
        panel_of_frame(history, future=["plan"], ahead=make({"ds": hours(4)[3:]}))


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"ds": hours(0), "y": []}, "no rows"),
        ({"ds": hours(2), "y": [1.0, float("inf")]}, "frame, row 2: column 'y' is infinite"),
        ({"ds": hours(3)[[0, 1, 1]], "y": [1, 2, 3]}, "frame, row 2 and frame, row 3: there are two rows at 2020-01-01 01:00:00"),
        ({"ds": np.array(["2020-01-01", "NaT"], dtype="datetime64[us]"), "y": [1, 2]}, "frame, row 2: the time .* is missing"),
        ({"ds": hours(2) + np.array([0, 1], dtype="timedelta64[us]"), "y": [1, 2]}, "frame, row 2: .* fractions of a second"),
        ({"ds": hours(2), "y": ["1", "x"]}, "frame, row 2: 'x' in column 'y' is no number"),
    ],
)
def test_bad_frames_are_refused_with_the_row(make: Make, columns: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        panel_of_frame(make(columns), target=["y"])


def test_pandas_own_missing_values_and_names_that_are_no_text() -> None:
    frame = pandas.DataFrame(
        {"ds": hours(3), "y": pandas.array([1, None, 3], dtype="Int64"), 7: pandas.array(["a", None, "b"], dtype="string")}
    )
    (one,) = panel_of_frame(frame, past=["7"]).series
    assert np.isnan(one.y[1])
    assert one.columns["7"].tolist() == ["a", None, "b"]
    frame = pandas.DataFrame({"ds": hours(3), "y": [1, 2, 3], "kind": pandas.Categorical(["a", "a", "a"])})
    assert panel_of_frame(frame, static=["kind"]).series[0].static == {"kind": "a"}


def test_zones_of_fixed_offsets_and_unknown_ones() -> None:
    from datetime import datetime, timedelta, timezone

    column = pandas.Series(hours(3)).dt.tz_localize(timezone(timedelta(hours=5, minutes=30)))
    panel = panel_of_frame(pandas.DataFrame({"ds": column, "y": [1, 2, 3]}))
    assert panel.form.column(panel.times(panel.series[0], 0, 3)) == column.to_list()
    assert not any("UTC" in note for note in panel.notes)
    # Objects of several offsets.
    moments = [datetime(2020, 1, 1, hour, tzinfo=timezone(timedelta(hours=hour))) for hour in (1, 2, 3)]
    frame = pandas.DataFrame(
        {"ds": pandas.Series([*moments, moments[0] + timedelta(hours=1)], dtype=object), "y": [1, 2, 3, 4], "who": [*"abca"]}
    )
    assert panel_of_frame(frame, series="who").form.write(hours(1)) == ["2020-01-01 00:00:00+00:00"]
    with pytest.raises(DataError, match="zone 'Nowhere/Odd', which this machine does not know"):
        in_zone(hours(1), "Nowhere/Odd")


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        ([1, 2, 3], "a list was given; a frame of pandas or polars was expected"),
        (pandas.DataFrame({"y": [1, 2]}, index=pandas.DatetimeIndex(hours(2))), r"in the frame's index.*reset_index"),
        (pandas.DataFrame([[1, 2, 3]], columns=["t", "y", "y"]), "several columns called 'y'"),
    ],
)
def test_what_is_no_frame_with_columns_is_refused(frame: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        panel_of_frame(frame)


TIMES = pandas.DatetimeIndex(hours(4))
VALUES = {"y": [1.0, 2.0, 3.0, 4.0]}
PLACES = pandas.MultiIndex.from_product([["a", "b"], TIMES[:2]], names=["place", "at"])


@pytest.mark.parametrize(
    ("frame", "asked", "message"),
    [
        (pandas.DataFrame(VALUES, index=TIMES.rename("ds")), {"time": "ds"}, r"'ds' is the frame's index.*Give frame.reset_index\(\)"),
        (pandas.DataFrame(VALUES, index=TIMES), {"time": "ds"}, r"no column 'ds', but times in its index.*rename_axis\('ds'\).reset_index"),
        (pandas.DataFrame(VALUES, index=PLACES), {"series": "place", "target": "y"}, r"'place' is the frame's index.*reset_index"),
        (pandas.DataFrame(VALUES, index=TIMES), {"time": "y2"}, r"no column 'y2', but times in its index"),
    ],
)
def test_what_stands_in_the_index_is_asked_for_as_a_column(frame: Any, asked: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        panel_of_frame(frame, **asked)
    mended = frame.rename_axis(asked["time"]).reset_index() if "time" in asked else frame.reset_index()
    assert sum(len(one.y) for one in panel_of_frame(mended, **asked).series) == 4


def test_a_column_of_times_is_read_beside_an_index_of_times() -> None:
    frame = pandas.DataFrame({**VALUES, "ds": hours(4)}, index=TIMES + pandas.Timedelta("1D"))
    assert panel_of_frame(frame).series[0].begin == np.datetime64(TIMES[0])
    with pytest.raises(DataError, match="'ds' is the frame's index"):
        panel_of_frame(frame, time="ds", future=("y",), target="y", ahead=frame[["y"]].set_index(pandas.DatetimeIndex(hours(4), name="ds")))
