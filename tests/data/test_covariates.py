"""Covariates and the calendar in numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tidegate.data.clock import Frequency
from tidegate.data.covariates import CovariateCoder, calendar_of
from tidegate.data.scales import scale_of
from tidegate.data.series import Panel, read_panel
from tidegate.errors import DataError


def panel_of(folder: Path, rows: list[tuple[object, ...]], header: str, **options: object) -> Panel:
    path = folder / "a.csv"
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return read_panel([str(path)], **options)  # type: ignore[arg-type]


def test_series_in_numbers(tmp_path: Path) -> None:
    rows = [
        (0, 1, 10, "N", 1, "x"), (1, "", "", "E", 2, "x"), (2, 3, 30, "N", 3, "x"), (3, 5, 50, "", "", "x"), (4, "", 70, "S", 5, "x"), (5, "", "", "", 6, "x"),
    ]  # fmt: skip
    panel = panel_of(tmp_path, rows, "t,y,p,w,f,s", past=["p", "w"], future=["f"], static=["s"], target=["y"])
    (one,) = panel.series
    scale = scale_of(one.y, 1)
    coder = CovariateCoder.fit(panel, [3])
    assert (coder.past_width, coder.known_width, coder.static_width) == (4, 1, 1)
    found = coder.encode(one, scale, extra=4, id=7)
    assert (found.id, found.name, len(found), found.rows) == (7, "a", 4, 6)
    assert found.y == pytest.approx((np.array([1, np.nan, 3, 5]) - scale.centre) / scale.spread, nan_ok=True)
    assert found.filled == pytest.approx((np.array([1, 1, 3, 5]) - scale.centre) / scale.spread)
    assert (found.seen.tolist(), found.last_seen.tolist()) == ([1, 0, 1, 1], [0, 0, 2, 3])
    # Training saw 10, a hole and 30: mean 20, standard deviation 10, and a column that says what is seen; N is more frequent than E.
    assert found.past.tolist() == [[-1, 1, 1, 0], [-1, 0, 0, 1], [1, 1, 1, 0], [3, 1, 0, 0]]
    # Training saw 1, 2, 3: without holes, so without that column, though one comes later; after the rows the last value stands.
    assert found.known[:, 0] == pytest.approx((np.array([1, 2, 3, 3, 5, 6, 6, 6]) - 2) / np.std([1, 2, 3]))
    assert found.static.tolist() == [1]
    again = CovariateCoder.from_json(json.loads(json.dumps(coder.to_json()))).encode(one, scale, extra=4, id=7)
    assert all(
        np.array_equal(getattr(again, name), getattr(found, name), equal_nan=True) for name in ("y", "filled", "past", "known", "static")
    )


def test_what_was_not_seen_in_training(tmp_path: Path) -> None:
    columns = {"past": ["p", "w"], "static": ["s"]}
    trained = panel_of(tmp_path, [(0, 1, 1, "N", "a"), (1, 2, 2, "N", "a")], "t,y,p,w,s", **columns)
    coder = CovariateCoder.fit(trained, [2])
    later = panel_of(tmp_path, [(0, 1, "", 7, "b"), (1, 2, "", 8, "b")], "t,y,p,w,s", **columns).series[0]
    found = coder.encode(later, scale_of(later.y, 1))
    assert found.past.tolist() == [[0, 0], [0, 0]]
    assert found.static.tolist() == [0]
    assert coder.unknown([later, later]) == (
        "the covariate 'w' has texts that the model does not know and reads as missing: '7' (1), '8' (1).",
        "the covariate 's' has texts that the model does not know and reads as missing: 'b' (1).",
    )
    assert coder.unknown(trained.series) == ()
    holes = panel_of(tmp_path, [(0, 1, 1, "", ""), (1, 2, 2, "N", "")], "t,y,p,w,s", **columns)
    assert coder.unknown(holes.series) == ()
    assert found.filled[0] != 0
    texts = panel_of(tmp_path, [(0, 1, "high", "N", "a"), (1, 2, "low", "N", "a")], "t,y,p,w,s", **columns).series[0]
    with pytest.raises(DataError, match=r"a.csv, line 2: the covariate 'p' is text here \('high'\)"):
        coder.encode(texts, scale_of(texts.y, 1))


def test_holes_are_refused_where_they_are_to_be(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, [("2020-01-01", 1), ("2020-01-02", ""), ("2020-01-03", 2)], "ds,y")
    coder = CovariateCoder.fit(panel, [3], gaps="refuse")
    with pytest.raises(DataError, match=r"series 'a' \(from .*a.csv, line 2\): no value at 2020-01-02 00:00:00 \(step 2\), and 1 holes"):
        coder.encode(panel.series[0], scale_of(panel.series[0].y, 1))


def test_a_column_of_many_texts_keeps_the_most_frequent(tmp_path: Path) -> None:
    rows = [(number, number, f"k{number // 2 if number < 60 else number}") for number in range(200)]
    coder = CovariateCoder.fit(panel_of(tmp_path, rows, "t,y,c", past=["c"]), [200])
    assert coder.past_width == 50
    assert {f"k{number}" for number in range(30)} <= set(coder.to_json()["past"][0]["texts"])


@pytest.mark.parametrize(
    ("frequency", "steps", "cycles"),
    [
        ("15min", 96 * 400, ["day", "week", "year"]),
        ("h", 24 * 30, ["day", "week"]),
        ("h", 10, []),
        ("D", 400, ["week", "year"]),
        ("D", 100, ["week"]),
        ("W", 100, ["year"]),
        ("MS", 36, ["year"]),
        ("QE", 8, ["year"]),
        ("YS", 50, []),
        ("1", 1000, []),
    ],
)
def test_the_calendar_has_what_varies_in_the_data(tmp_path: Path, frequency: str, steps: int, cycles: list[str]) -> None:
    clock = Frequency.parse(frequency)
    begin = 0 if clock.unit == "count" else np.datetime64("2020-03-31" if frequency.endswith("E") else "2020-01-01", "s")
    panel = panel_of(tmp_path, [(str(time).replace("T", " "), number) for number, time in enumerate(clock.times(begin, 0, steps))], "ds,y")
    assert panel.frequency.text == frequency
    assert list(CovariateCoder.fit(panel, [steps]).calendar) == cycles
    assert CovariateCoder.fit(panel, [steps], calendar=False).known_width == 0


def test_cycles_begin_where_they_should() -> None:
    times = np.array(["2020-01-01T06:00", "2020-01-06T00:00", "2020-01-09T12:00"], dtype="datetime64[s]")
    assert calendar_of(times, "day")[0] == pytest.approx([1, 0], abs=1e-6)
    # Monday at 0:00, and half a week later.
    assert calendar_of(times, "week")[1:] == pytest.approx(np.array([[0, 1], [0, -1]]), abs=1e-6)
    assert calendar_of(times, "year")[0] == pytest.approx([0, 1], abs=1e-2)
