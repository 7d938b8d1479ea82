"""Panels of series from files: which columns, where each row belongs, and what is wrong with tables."""

from __future__ import annotations

import gzip
import os
import re
import time
from pathlib import Path

import numpy as np
import pytest

from tidegate.data.series import Panel, read_panel
from tidegate.data.series_tables import SeriesColumns
from tidegate.errors import DataError, RecipeError

DATA = Path(os.environ.get("TIDEGATE_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
needs_data = pytest.mark.skipif(not DATA.exists(), reason="no data folder")


def write(folder: Path, text: str, name: str = "a.csv") -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def hours(n: int, begin: str = "2020-01-01") -> list[str]:
    return [str(time).replace("T", " ") for time in np.datetime64(begin, "m") + 60 * np.arange(n)]


def table(rows: list[tuple[object, ...]], header: str = "ds,y") -> str:
    return "\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n"


def values(panel: Panel) -> dict[str, list[float]]:
    return {panel.key(one): one.y.tolist() for one in panel.series}


def test_a_plain_table(tmp_path: Path) -> None:
    panel = read_panel([write(tmp_path, table(list(zip(hours(4), range(4), strict=True)), "ds,y"), "load.csv")])
    (one,) = panel.series
    assert (one.name, one.target, one.begin, one.y.tolist()) == ("load", "y", np.datetime64("2020-01-01", "s"), [0, 1, 2, 3])
    assert one.place.endswith("load.csv, line 2")
    assert panel.frequency.text == "h"
    assert panel.columns == SeriesColumns(("ds",), ("y",))
    assert SeriesColumns.from_json(panel.columns.to_json()) == panel.columns
    assert panel.form.write(panel.times(one, 4, 2)) == ["2020-01-01 04:00", "2020-01-01 05:00"]


def test_several_series_targets_and_covariates(tmp_path: Path) -> None:
    rows = [
        (time, name, number, -number, "rain" if number % 2 else "NA", 10 + number, kind)
        for name, kind in (("b", "x"), ("a", "z"))
        for number, time in enumerate(hours(3))
    ]
    path = write(tmp_path, table(rows, "when,station,one,two,sky,plan,kind"))
    panel = read_panel([path], time=["1"], target=["one", "TWO"], series="station", past=["sky"], future=["6"], static=["kind"])
    assert values(panel) == {"b/one": [0, 1, 2], "b/two": [0, -1, -2], "a/one": [0, 1, 2], "a/two": [0, -1, -2]}
    one = panel.series[0]
    assert one.columns["sky"].tolist() == [None, "rain", None]
    assert one.columns["plan"].tolist() == [10, 11, 12]
    assert [series.static["kind"] for series in panel.series] == ["x", "x", "z", "z"]
    assert panel.where(panel.series[2], 1) == f"{path}, line 6"
    assert not panel.notes


def test_files_are_series_unless_a_column_says_so(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    first = write(tmp_path, table([(1, 5), (2, 6)], "t,y"), "x.csv")
    zipped = tmp_path / "y.csv.gz"
    zipped.write_bytes(gzip.compress(table([(7, 1), (8, 2)], "t,y").encode()))
    assert values(read_panel([first, str(zipped)])) == {"x": [5, 6], "y": [1, 2]}
    again = write(tmp_path / "two", table([(3, 7), (4, 8)], "t,y"), "x.csv")
    assert list(values(read_panel([first, again]))) == [first, again]
    # With a column of series, a series may go on in another file.
    one, other = (
        write(tmp_path, table([(1, 5, "s"), (2, 6, "s")], "t,y,unique_id"), "p.csv"),
        write(tmp_path, table([("s", 4, 8)], "unique_id,t,y"), "q.csv"),
    )
    panel = read_panel([one, other])
    assert values(panel)["s"][:2] == [5, 6]
    assert values(panel)["s"][3] == 8
    assert np.isnan(values(panel)["s"][2])


def test_missing_cells_rows_and_marks_are_holes(tmp_path: Path) -> None:
    cells = ["1", "", "NA", "?", "-9999", "-9999.0", "oops", "7"]
    time = hours(10)
    rows = list(zip(time[:5] + time[7:], cells, strict=True))
    panel = read_panel([write(tmp_path, table(rows))], missing=["-9999", "oops"])
    assert np.flatnonzero(~np.isnan(panel.series[0].y)).tolist() == [0, 9]
    assert any("2 steps have no row and are holes (the first at 2020-01-01 05:00" in note for note in panel.notes)
    assert panel.series[0].has_row.tolist() == [True] * 5 + [False] * 2 + [True] * 3


def test_rows_after_the_last_value_are_ahead(tmp_path: Path) -> None:
    rows = [(time, number if number < 3 else "", number * 10) for number, time in enumerate(hours(6))]
    path = write(tmp_path, table(rows, "ds,y,plan"))
    (one,) = read_panel([path], future=["plan"]).series
    assert (one.y.tolist(), one.columns["plan"].tolist()) == ([0, 1, 2], [0, 10, 20, 30, 40, 50])
    (filled,) = read_panel([path], future=["plan"], task="fill").series
    assert len(filled.y) == 6


def test_rows_ahead_come_from_files_of_their_own(tmp_path: Path) -> None:
    history = write(tmp_path, table([(time, number, 1, 0) for number, time in enumerate(hours(3))], "ds,y,plan,wind"))
    ahead = write(tmp_path, table([(time, 2) for time in hours(2, "2020-01-01T03")], "ds,plan"), "later.csv")
    (one,) = read_panel([history], future=["plan"], past=["wind"], ahead=[ahead]).series
    assert one.name == "a"
    assert one.y.tolist() == [0, 1, 2]
    assert one.columns["plan"].tolist() == [1, 1, 1, 2, 2]
    assert len(read_panel([history], future=["plan"], past=["wind"], ahead=[ahead], task="fill").series[0].y) == 3
    with pytest.raises(DataError, match="no column 'plan' here"):
        read_panel([history], future=["plan"], ahead=[write(tmp_path, table([(hours(5)[4], 1)], "ds,x"), "later.csv")])


def test_series_ahead_without_a_history_are_refused(tmp_path: Path) -> None:
    history = write(tmp_path, table([(1, 1, "s"), (2, 2, "s")], "t,y,unique_id"))
    ahead = write(tmp_path, table([(3, "u"), (4, "u")], "t,unique_id"), "later.csv")
    with pytest.raises(DataError, match=r"later.csv, line 2: series 'u' is ahead of a history .* are 's'"):
        read_panel([history], ahead=[ahead])


def test_tables_without_a_header_and_of_other_forms(tmp_path: Path) -> None:
    panel = read_panel([write(tmp_path, "1.7.2020 00:00;3,5\n1.7.2020 00:10;NA\n1.7.2020 00:20;4\n")])
    assert panel.columns == SeriesColumns(("column1",), ("column2",))
    assert panel.frequency.text == "10min"
    assert panel.series[0].y[0] == 3.5
    assert any("decimal commas: '3,5' is read as 3.5" in note for note in panel.notes)
    # As pandas writes a frame with its index.
    panel = read_panel([write(tmp_path, table([(0, "2020-01-01", 1), (1, "2020-01-02", 2)], ",ds,y"))])
    assert values(panel) == {"a": [1, 2]}
    panel = read_panel([write(tmp_path, "date\ty\n2020-01-31\t1\n2020-02-29\t2\n", "m.tsv")])
    assert panel.frequency.text == "ME"


def test_a_table_with_year_month_day_and_hour(tmp_path: Path) -> None:
    rows = [(number, 2013, 3, 1, number, number / 2) for number in range(5)]
    panel = read_panel([write(tmp_path, table(rows, "No,year,month,day,hour,pm"))], target=["pm"])
    assert panel.columns.time == ("year", "month", "day", "hour")
    assert panel.form.write(panel.times(panel.series[0], 5, 1)) == ["2013-03-01 05:00"]
    assert any("'No' is not used" in note for note in panel.notes)


def test_rows_out_of_order_are_sorted_with_a_note(tmp_path: Path) -> None:
    path = write(tmp_path, table([(3, 30), (1, 10), (2, 20)], "t,y"))
    panel = read_panel([path])
    assert values(panel) == {"a": [10, 20, 30]}
    assert any("sorted (first at" in note and "line 3" in note for note in panel.notes)
    assert panel.rows.step.tolist() == [2, 0, 1]


def test_a_given_frequency_stands_against_the_rows(tmp_path: Path) -> None:
    path = write(tmp_path, table([(0, 1), (20, 2), (40, 3), (50, 4)], "t,y"))
    assert len(read_panel([path], frequency="10").series[0].y) == 6
    with pytest.raises(DataError, match=r"line 5: 50 is no step of 20"):
        read_panel([path])
    with pytest.raises(DataError, match=r"--frequency h was given, but the times of this table are whole numbers"):
        read_panel([path], frequency="h")
    with pytest.raises(RecipeError, match="no length of a step"):
        read_panel([path], frequency="often")
    daily = write(tmp_path, table([(f"2020-01-0{day}", day) for day in range(1, 6)]))
    with pytest.raises(DataError, match=r"line 2: a step is h, but no two rows of a series are less than D apart"):
        read_panel([daily], frequency="h")


def test_series_without_a_value_and_constant_ones_are_named(tmp_path: Path) -> None:
    rows = [
        (time, name, value)
        for name, of in (("a", [1, 2, 3]), ("b", ["", "NA", ""]), ("c", [5, 5, 5]))
        for time, value in zip(hours(3), of, strict=True)
    ]
    panel = read_panel([write(tmp_path, table(rows, "ds,unique_id,y"))])
    assert list(values(panel)) == ["a", "c"]
    assert any("no value in 1 of 3 series, which take no part: 'b'" in note for note in panel.notes)
    assert any("constant, in 1 of 3 series: 'c'" in note for note in panel.notes)


def test_the_hour_that_summer_time_skips_is_a_hole_with_a_note(tmp_path: Path) -> None:
    local = [time for time in hours(48, "2016-03-27") if time != "2016-03-27 02:00"]
    panel = read_panel([write(tmp_path, table([(time, 1 + place) for place, time in enumerate(local)]))])
    assert np.isnan(panel.series[0].y[2])
    assert any("the hour at 2016-03-27 02:00 is missing, as when a clock with daylight saving" in note for note in panel.notes)
    # A Monday's missing hour is a hole like any other.
    local = [time for time in hours(48, "2016-03-28") if time != "2016-03-28 02:00"]
    panel = read_panel([write(tmp_path, table([(time, 1 + place) for place, time in enumerate(local)]))])
    assert not any("daylight" in note for note in panel.notes)


def test_the_hour_that_winter_time_shows_twice_is_refused_with_the_mending(tmp_path: Path) -> None:
    quarters = [str(time).replace("T", " ") for time in np.datetime64("2016-10-30T00:00", "m") + 15 * np.arange(20)]
    doubled = [*quarters[:12], *quarters[8:]]
    with pytest.raises(
        DataError,
        match=r"line 10 and .*line 14: there are two rows at 2016-10-30 02:00 \(4 times are double in all\).*daylight saving.*UTC",
    ):
        read_panel([write(tmp_path, table([(time, 1) for time in doubled]))])
    offsets = [time + ("+02:00" if place < 12 else "+01:00") for place, time in enumerate(doubled)]
    panel = read_panel([write(tmp_path, table([(time, place) for place, time in enumerate(offsets)]))])
    assert panel.series[0].y.tolist() == list(range(24))
    assert any("read as UTC" in note for note in panel.notes)


def numbered(*cells: str) -> str:
    return table(list(zip(hours(len(cells)), cells, strict=True)))


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (table([(1, 5), (2, 6), (2, 7)], "t,y"), {}, "a.csv, line 3 and .*a.csv, line 4: there are two rows at 2. .*--series"),
        (numbered("1", "2", "abc"), {}, "a.csv, line 4: 'abc' in column 'y' is no number.*--missing abc"),
        (numbered("1", "2", "inf"), {}, "a.csv, line 4: 'inf' in column 'y' is no number"),
        (numbered("1", '"2,5"', "3"), {}, "a.csv, line 3: '2,5' in column 'y' has a decimal comma. Write points"),
        (numbered("1", '"1.002,5"', "3"), {}, "a.csv, line 3: '1.002,5' in column 'y' is no number"),
        (numbered("", "NA", "?"), {}, "'y', the target, has no value at all"),
        (table([("", 1), ("2020-01-01", 2)]), {"time": ["ds"]}, "a.csv, line 2: the time .* is missing"),
        (table([("2020-01-01", 1), ("2020-01-02", 2)]), {"target": ["z"]}, "no column 'z' here; there are: 1 'ds', 2 'y'"),
        (
            table([("2020-01-01", 1), ("2020-01-02", 2)]),
            {"time": ["y"], "target": ["y"]},
            "column 'y' was asked for twice, by --time and by --target",
        ),
        (
            table([("2020-01-01", 1, 2), ("2020-01-02", 2, 3)], "ds,a,b"),
            {},
            "several columns hold numbers .'a', 'b'.. Name it with --target",
        ),
        (table([("2020-01-01", "x"), ("2020-01-02", "z")], "ds,a"), {}, "no column holds numbers"),
        (table([(0.5, 1), (1.5, 2)], "x,y"), {}, "no column was found that holds times. Name .*--time"),
        (
            table([("2020-01-01", "2020-01-01", 1), ("2020-01-02", "2020-01-02", 2)], "start,end,y"),
            {},
            "several columns hold times .'start', 'end'.",
        ),
        (table([("2020-01-01", 1)]), {}, "no series has two rows"),
        ("ds,y\n", {}, "holds a header and no rows"),
        ("", {}, "holds no rows"),
        (table([(1, 1, ""), (2, 2, "a")], "t,y,s"), {"series": "s"}, "a.csv, line 2: column 's', which tells the series apart, is empty"),
        (
            table([(1, 1, "a"), (2, 2, "b")], "t,y,s"),
            {"static": ["s"]},
            "a.csv, line 3: the static covariate 's' of series 'a' is 'b' here and 'a' before",
        ),
        (
            table([(number, number, "x" if number == 30 else number) for number in range(50)], "t,y,c"),
            {"past": ["c"]},
            "a.csv, line 32: 'x' in column 'c' is no number",
        ),
        (
            table([(0, 1), (1, 2), (2, 3), (9_000_000, 4)], "t,y"),
            {},
            "a.csv, line 5: series 'a' goes from 2 to 9000000, over 8,999,998 steps of 1",
        ),
        (table([("2020-01-01", 1), ("2020-01-02", 2), ("2020-01-02", 3)]), {}, "two rows at 2020-01-02. Remove one"),
        (table([("2020-01-01", 1, 2), ("2020-01-02", 2, 3)], "ds,y,y"), {"target": ["y"]}, "2 columns are called 'y'"),
    ],
)
def test_bad_tables_are_refused_with_their_place(tmp_path: Path, text: str, options: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_panel([write(tmp_path, text)], **options)  # type: ignore[arg-type]


def test_no_files_and_columns_that_another_file_lacks(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least one file"):
        read_panel([])
    one, other = write(tmp_path, table([(1, 1), (2, 2)], "t,y")), write(tmp_path, table([(1, 1), (2, 2)], "t,z"), "b.csv")
    with pytest.raises(DataError, match=r"b.csv, line 1: there is no column 'y' here"):
        read_panel([one, other])


def test_covariates_are_texts_where_many_cells_are_no_numbers(tmp_path: Path) -> None:
    rows = [(number, number, "N" if number % 3 else "7", "NA") for number in range(30)]
    panel = read_panel([write(tmp_path, table(rows, "t,y,c,d"))], past=["c", "d"])
    assert panel.series[0].columns["c"][:2].tolist() == ["7", "N"]
    assert np.isnan(panel.series[0].columns["d"]).all()
    assert any("column 'd' has no value at all" in note for note in panel.notes)


# The README of the data has the missing hours of PM2.5 by station.
MISSING_HOURS = {
    "Aotizhongxin": 925, "Changping": 774, "Dingling": 779, "Dongsi": 750, "Guanyuan": 616, "Gucheng": 646, "Huairou": 953, "Nongzhanguan": 628,
    "Shunyi": 913, "Tiantan": 677, "Wanliu": 382, "Wanshouxigong": 696,
}  # fmt: skip


@needs_data
@pytest.mark.slow
def test_the_air_of_beijing_is_read_whole_and_fast() -> None:
    began = time.process_time()
    panel = read_panel(
        [str(DATA / "beijing_air" / "*.csv.gz")],
        time=["year", "month", "day", "hour"],
        target=["PM2.5"],
        series="station",
        past=["PM10", "SO2", "NO2", "CO", "O3", "TEMP", "PRES", "DEWP", "RAIN", "wd", "WSPM"],
        task="fill",
    )
    seconds = time.process_time() - began
    assert {one.name: int(np.isnan(one.y).sum()) for one in panel.series} == MISSING_HOURS
    assert {len(one.y) for one in panel.series} == {35_064}
    assert panel.frequency.text == "h"
    assert panel.show_time(panel.series[0], 35_063) == "2017-02-28 23:00"
    assert {type(value) for value in panel.series[0].columns["wd"].tolist()} == {str, type(None)}
    print(f"12 files read in {seconds:.1f} s of CPU time")
    # Some 5 s beside other work on two cores, which slows reading down.
    assert seconds < 15


@needs_data
def test_the_transformer_has_an_hour_in_each_row() -> None:
    panel = read_panel([str(DATA / "etth1" / "ETTh1.csv.gz")], target=["OT", "HUFL"])
    assert [(one.key(2), len(one.y), int(np.isnan(one.y).sum())) for one in panel.series] == [
        ("ETTh1/OT", 17_420, 0),
        ("ETTh1/HUFL", 17_420, 0),
    ]
    assert panel.series[0].y[0] == 30.5310001373291
    assert (panel.frequency.text, panel.frequency.season, panel.show_time(panel.series[0], 17_419)) == ("h", 24, "2018-06-26 19:00:00")


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("a.jsonl", "read_json"),
        ("A.JSON", "read_json"),
        ("a.parquet", "read_parquet"),
        ("a.xlsx", "read_excel"),
        ("a.jsonl.gz", "lines=True"),
    ],
)
def test_tables_of_other_kinds_are_refused_with_what_is_read(tmp_path: Path, name: str, reader: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04\x00\xff")
    with pytest.raises(DataError, match=rf"series are read from CSV or TSV, not from .*Save the table as CSV; or.*{reader}"):
        read_panel([str(tmp_path / name)])


@pytest.mark.parametrize(("column", "value"), [("y", "1e300"), ("y", "-1e101"), ("x", "1e200")])
def test_numbers_too_large_to_reckon_with_are_refused(tmp_path: Path, column: str, value: str) -> None:
    cells = {"y": "2", "x": "3"} | {column: value}
    path = tmp_path / "a.csv"
    path.write_text(f"ds,y,x\n1,1,1\n2,{cells['y']},{cells['x']}\n3,1e100,-1e100\n")
    shown = f"{float(value):g}"
    with pytest.raises(DataError, match=re.escape(f"a.csv, line 3: column '{column}' is {shown} here") + ".*up to 1e\\+100"):
        read_panel([str(path)], past=("x",))
    # As the message says it is mended.
    assert len(read_panel([str(path)], past=("x",), missing=(shown,)).series[0].y) == 3
