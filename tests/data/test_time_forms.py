"""How times are written: read, and written back alike."""

from __future__ import annotations

import datetime
import random

import numpy as np
import pytest

from tidegate.data.records import Source
from tidegate.data.time_forms import TimeForm, looks_like_times, part_columns, read_times
from tidegate.errors import DataError


def read(*columns: list[str], names: list[str] | None = None, notes: dict[str, None] | None = None, like: TimeForm | None = None):
    names = names or [f"c{place}" for place in range(1, len(columns) + 1)]
    return read_times(columns, names, lambda row: Source("a.csv", row + 2), {} if notes is None else notes, like)


STYLES = [
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S+05:30", "%Y/%m/%d %H:%M", "%Y.%m.%d %H",
    "%d.%m.%Y %H:%M", "%d.%m.%Y, %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M %p", "%Y%m%d %H:%M", "%d-%m-%Y %H:%M",
]  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("is_uneven", [False, True], ids=["even", "without zeros in front"])
def test_times_are_read_as_python_reads_them_and_written_back_alike(style: str, is_uneven: bool) -> None:
    chance = random.Random(1)
    begin = datetime.datetime(1999, 12, 31, 20)
    moments = [begin + datetime.timedelta(hours=hour) for hour in sorted(chance.sample(range(20_000), 300))]
    cells = [moment.strftime(style) for moment in moments]
    if is_uneven and "%I" not in style and style[:6] != "%Y%m%d":
        cells = [
            f"{m.day}" + cell[2:] if style.startswith("%d") else f"{m.month}" + cell[2:] if style.startswith("%m") else cell
            for m, cell in zip(moments, cells, strict=True)
        ]
    times, form = read(cells)
    assert times.tolist() == moments
    assert form.write(times) == cells
    assert TimeForm.from_json(form.to_json()) == form
    # One by one, too: a column of cells of unlike lengths is read otherwise.
    again, _ = read([*cells, cells[0] + " "])
    assert (again[:-1] == times).all()


@pytest.mark.parametrize(
    ("cells", "expected", "template"),
    [
        (["2020-01-01", "2020-01-02"], ["2020-01-01", "2020-01-02"], "{year:04}-{month:02}-{day:02}"),
        (["2020-01-01", "2020-01-01 12:00"], ["2020-01-01", "2020-01-01T12:00"], "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}"),
        (["20200131", "20200201"], ["2020-01-31", "2020-02-01"], "{year:04}{month:02}{day:02}"),
        (["2020-01", "2020-02"], ["2020-01-01", "2020-02-01"], "{year:04}-{month:02}"),
        (["2020Q1", "2020Q4"], ["2020-01-01", "2020-10-01"], "{year:04}Q{quarter:01}"),
        (
            ["2020-01-01 23:00", "2020-01-01 24:00"],
            ["2020-01-01T23:00", "2020-01-02"],
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}",
        ),
        (
            ["2020-01-01 00:00:00.000", "2020-01-01 00:00:01.000"],
            ["2020-01-01", "2020-01-01T00:00:01"],
            "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}",
        ),
        (["1/2/2020", "13/2/2020"], ["2020-02-01", "2020-02-13"], "{day:01}/{month:01}/{year:04}"),
        (["1/2/2020", "1/13/2020"], ["2020-01-02", "2020-01-13"], "{month:01}/{day:01}/{year:04}"),
    ],
)
def test_other_forms(cells: list[str], expected: list[str], template: str) -> None:
    times, form = read(cells)
    assert (times == np.array(expected, dtype="datetime64[s]")).all()
    assert form.template == template


@pytest.mark.parametrize(
    ("columns", "names", "expected"),
    [
        ([["2013", "2013"], ["3", "3"], ["1", "1"], ["0", "13"]], ["year", "month", "day", "hour"], ["2013-03-01", "2013-03-01T13:00"]),
        ([["1", "13"], ["2013", "2013"], ["3", "3"]], ["Hour", "Year", "Month"], ["2013-03-01T01:00", "2013-03-01T13:00"]),
        ([["2013", "2013"], ["3", "3"], ["1", "2"]], ["a", "b", "c"], ["2013-03-01", "2013-03-02"]),
        ([["1.3.2013", "1.3.2013"], ["00:00", "13:30"]], ["Datum", "Zeit"], ["2013-03-01", "2013-03-01T13:30"]),
        ([["2013-03-01", "2013-03-01"], ["1", "24"]], ["date", "hour"], ["2013-03-01T01:00", "2013-03-02"]),
        ([["20130301", "20130301"], ["1", "24"]], ["date", "hour"], ["2013-03-01T01:00", "2013-03-02"]),
    ],
)
def test_columns_are_joined(columns: list[list[str]], names: list[str], expected: list[str]) -> None:
    times, form = read(*columns, names=names)
    assert (times == np.array(expected, dtype="datetime64[s]")).all()
    assert (read(form.write(times))[0] == times).all()


def test_whole_numbers_count_and_are_not_taken_for_seconds() -> None:
    times, form = read(["1467331200", "1467334800"])
    assert times.dtype == np.int64
    assert form.is_count
    assert form.write(times) == ["1467331200", "1467334800"]


def test_offsets_that_are_the_same_are_kept() -> None:
    notes: dict[str, None] = {}
    times, form = read(["2020-07-01T00:00:00+02:00", "2020-07-01T01:00:00+02:00"], notes=notes)
    assert times.tolist() == [datetime.datetime(2020, 7, 1, 0), datetime.datetime(2020, 7, 1, 1)]
    assert form.write(times + 3600) == ["2020-07-01T01:00:00+02:00", "2020-07-01T02:00:00+02:00"]
    assert not notes
    assert not form.is_local


def test_unlike_offsets_are_read_as_utc() -> None:
    notes: dict[str, None] = {}
    cells = ["2016-10-30T01:00:00+02:00", "2016-10-30T02:00:00+02:00", "2016-10-30T02:00:00+01:00", "2016-10-30T03:00:00+01:00"]
    times, form = read(cells, notes=notes)
    assert np.diff(times).tolist() == [datetime.timedelta(hours=1)] * 3
    assert form.write(times[:1]) == ["2016-10-29T23:00:00+00:00"]
    assert "several offsets" in next(iter(notes))


def test_days_with_unlike_offsets_stay_days() -> None:
    notes: dict[str, None] = {}
    times, form = read(["2016-10-29T00:00+02:00", "2016-10-30T00:00+02:00", "2016-10-31T00:00+01:00"], notes=notes)
    assert np.diff(times).tolist() == [datetime.timedelta(days=1)] * 2
    assert form.write(times[:1]) == ["2016-10-29T00:00"]
    assert "without an offset" in next(iter(notes))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["2020-01-01", ""], "line 3: the time .* is missing"),
        (["2020-01-01", "soon"], "line 3: 'soon' .* is no time"),
        (["soon"], "line 2: 'soon' .* is no time"),
        (["0.5", "1.0"], "'0.5' .* is no time"),
        (["2020-01-31", "2020-02-30"], "line 3: '2020-02-30' .* no time that there is"),
        (["2020-01-31 12:00", "2020-02-01 25:00"], "line 3: .*25:00' .* no time that there is"),
        (["2020-01-31 12:00", "2020-02-01 12:60"], "line 3: .*12:60' .* no time that there is"),
        (["2020-13-01", "2020-12-01"], "line 2: .* no time that there is"),
        (["2020-01-01", "2.1.2020"], "line 3: .*'2.1.2020' .* written otherwise than '2020-01-01' .*line 2"),
        (["1/2/2020", "2/2/2020", "3/2/2020"], "line 2: .* day or the month .*2016-07-31"),
        (["13/2/2020", "1/13/2020"], "line 3: .* day comes first in '13/2/2020' and second in '1/13/2020'"),
        (["2020-01-01T00:00Z", "2020-01-01T01:00"], r"line 3: .* without an offset .* \(a.csv, line 2\) with one"),
        (["2020-01-01T00:00", "2020-01-01T01:00+01:00"], "line 3: .* with an offset"),
        (["2020-01-01 00:00:00.5", "2020-01-01 00:00:01.0"], "line 2: .* fractions of a second"),
        (["1/1/2020 13:00 PM", "13/1/2020 1:00 PM"], "line 2: .* no time with AM or PM"),
        (["1/1/2020 1:00 PM", "13/1/2020 1:00"], "line 3: .* no time with AM or PM"),
    ],
)
def test_what_is_no_time_is_refused_with_its_place(cells: list[str], said: str) -> None:
    with pytest.raises(DataError, match=f"^a.csv, {said}" if said.startswith("line") else said):
        read(cells)


def test_parts_that_make_no_time_are_refused() -> None:
    with pytest.raises(DataError, match=r"line 3: '2013 2 30' \(year, month, day\) is no time"):
        read(["2013", "2013"], ["2", "2"], ["28", "30"], names=["year", "month", "day"])
    with pytest.raises(DataError, match="make no time"):
        read(["3", "3"], ["28", "30"], names=["month", "day"])


def test_the_order_of_day_and_month_is_known_from_training() -> None:
    american = TimeForm("{month:02}/{day:02}/{year:04}")
    assert read(["01/02/2020"], like=american)[0].tolist() == [datetime.datetime(2020, 1, 2)]
    assert read(["01/02/2020"], like=TimeForm("{day:02}/{month:02}/{year:04}"))[0].tolist() == [datetime.datetime(2020, 2, 1)]


def test_columns_of_parts_and_of_times_are_found() -> None:
    assert part_columns(["No", "hour", "year", "month", "day", "y"]) == ("year", "month", "day", "hour")
    assert part_columns(["year", "y"]) == ()
    assert looks_like_times(["2020-01-01", "2020-01-02 "])
    assert not looks_like_times(["1", "2"])
