"""Series fed row by row: the forecast after each row is what `predict` says of the rows so far, to the bit."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecast_models import CONTEXT, HORIZON, Trained, table
from tidegate.errors import DataError, ModelError, RecipeError
from tidegate.runtime import Forecast, ForecastModel


def rows_of(path: str, name: str = "a") -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return [row for row in csv.DictReader(file) if row["name"] == name]


def told_by_predict(model: ForecastModel, path: Path, rows: list[dict[str, str]]) -> Forecast | None:
    """Of a file of these rows; None where it is too short."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    try:
        return model.predict(path).series[0]
    except DataError as error:
        if "steps up to its last value" in str(error) or "has no value at all" in str(error):
            return None
        raise


def equal(found: Forecast | None, expected: Forecast | None) -> None:
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        assert (found.name, found.target, found.levels) == (expected.name, expected.target, expected.levels)
        np.testing.assert_array_equal(found.times, expected.times)
        np.testing.assert_array_equal(found.quantiles, expected.quantiles)


CASES: list[tuple[str, dict[str, Any]]] = [
    ("bare", {}),
    ("past", {"arch": "lstm", "scaling": "window"}),
    ("bare", {"gaps": "interpolate", "scaling": "series"}),
    ("all", {}),
    ("all", {"decoding": "recursive", "gaps": "interpolate"}),
]


@pytest.mark.parametrize("holes", [0.0, 0.3, 0.9])
@pytest.mark.parametrize(("columns", "options"), CASES, ids=str)
def test_every_row_is_answered_as_predict_does(tmp_path: Path, columns: str, options: dict[str, Any], holes: float) -> None:
    path = table(tmp_path / "table.csv", lengths=(70, 30), holes=holes, seed=3)
    trained = Trained(path, columns, **options)
    rows = rows_of(path)
    ahead = trained.panel.columns.future
    session = trained.model.session("a")
    last = 70 - 2 + 1 if ahead else len(rows)  # without rows ahead of it, a row has no forecast
    for number, row in enumerate(rows[:last]):
        if ahead:
            future = rows[number + 1 : number + 1 + HORIZON]
            if number < 8:
                assert session.feed(row) is None  # the table lacks two of the rows that would be needed
                continue
            cut = [{**each, "load": ""} for each in future]
            equal(session.feed(row, future), told_by_predict(trained.model, tmp_path / "part.csv", [*rows[: number + 1], *cut]))
        else:
            equal(session.feed(row), told_by_predict(trained.model, tmp_path / "part.csv", rows[: number + 1]))
        if number == 40:
            session = trained.model.session("a", data=session.to_bytes())
    assert session.position <= 70


def test_what_is_held_does_not_grow(tmp_path: Path) -> None:
    trained = Trained(table(tmp_path / "table.csv", lengths=(40,)), "bare", known=1)
    session = trained.model.session()
    session.feed({"when": "2021-03-01 00:00", "load": 1.0})
    sizes = set()
    for step in range(1, 2000):
        session.feed(float(np.sin(step)))
        if step > 10 * CONTEXT:
            sizes.add(len(session._steps))
    assert sizes == {CONTEXT + 1}
    assert session.position == 2000
    before = session.feed(0.5)
    assert before is not None
    assert before.times[0] == np.datetime64("2021-03-01T00:00") + np.timedelta64(2001, "h")


def test_values_and_rows_and_dates_say_the_same(tmp_path: Path) -> None:
    model = Trained(table(tmp_path / "table.csv", lengths=(40,)), "bare", known=1).model
    texts, values, dates = (model.session() for _ in range(3))
    values.feed({"when": "2021-03-01 00:00", "load": "4"})
    for step, value in enumerate([4.0, 5.0, None, float("nan"), 3.0, 2.0]):
        time = np.datetime64("2021-03-01T00:00") + np.timedelta64(step, "h")
        first = texts.feed({"when": str(time).replace("T", " "), "load": "NA" if value is None else value})
        second = dates.feed({"when": time, "load": value})
        equal(first, second)
        if step:
            equal(values.feed(value), first)
    # A row that comes late leaves holes behind it.
    texts.feed({"when": "2021-03-01 08:00", "load": 1})
    values.feed(None)
    values.feed(None)
    equal(values.feed(1.0), texts.feed({"when": "2021-03-01 09:00", "load": None}))


def test_months_keep_their_day(tmp_path: Path) -> None:
    """A series of month-ends on the 31st, whose steps are let go of from a month that has one."""
    path = tmp_path / "months.csv"
    begin = np.datetime64("2000-01", "M")
    days = [(begin + n + 1).astype("datetime64[D]") - 1 for n in range(60)]
    path.write_text("name,when,load\n" + "".join(f"a,{day},{n % 5 + 1}\n" for n, day in enumerate(days)))
    trained = Trained(str(path), "bare", known=1)
    session = trained.model.session()
    rows = rows_of(str(path))
    for number, row in enumerate(rows):
        found = session.feed(row)
        if number:  # one row has no frequency of its own to be read by
            equal(found, told_by_predict(trained.model, tmp_path / "part.csv", rows[: number + 1]))
    assert session._steps.first


def test_rows_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path / "table.csv", lengths=(40, 30))
    model = Trained(path, "all").model
    with pytest.raises(RecipeError, match="several, and no series was named; known are a, b"):
        model.session()
    with pytest.raises(RecipeError, match="series is 'c', which training did not have"):
        model.session("c")
    with pytest.raises(RecipeError, match="target is 'flow', which training did not have"):
        model.session("a", target="flow")
    session = model.session("a")
    row = {"when": "2021-03-01 00:00", "load": "1", "wind": "1", "plan": "1", "sky": "x", "kind": "u"}
    with pytest.raises(DataError, match=r"the first row tells no time\. Give it with its columns, 'when' among them"):
        session.feed(1.0)
    with pytest.raises(DataError, match="the first row has no 'kind'"):
        session.feed({name: cell for name, cell in row.items() if name != "kind"})
    session = model.session("a")
    session.feed(row)
    for change, message in [
        ({"when": "2021-03-01 00:00"}, "is of 2021-03-01 00:00, but 2021-03-01 00:00 was fed already"),
        ({"when": "2021-03-01 01:30"}, "2021-03-01 01:30, is no step of h"),
        ({"when": "tomorrow"}, "'tomorrow'.*no time"),
        ({"when": 3.5}, "3.5 in the column of times 'when' is no time"),
        ({"load": "1,5"}, "'load' is '1,5'; a number was expected"),
        ({"wind": "strong"}, "'wind' is 'strong'; a number was expected"),
        ({"load": float("inf")}, "'load' is inf"),
    ]:
        with pytest.raises(DataError, match=message):
            session.feed({**row, "when": "2021-03-01 01:00", **change})
    with pytest.raises(DataError, match="the row has no 'load', the target"):
        session.feed({"when": "2021-03-01 01:00"})
    following = [{"plan": "1", "sky": "x"}] * HORIZON
    for step, some in enumerate([following[:3], [{"plan": "1"}] * HORIZON, [{**following[0], "when": "2021-03-02 00:00"}] * HORIZON], 1):
        message = [
            "3 rows of the future .* up to 2021-03-01 08:00",
            "row 1 of the future has no 'sky'",
            "of 2021-03-02 00:00, but that of",
        ][step - 1]
        fresh = model.session("a")
        for hour in range(1):
            fresh.feed({**row, "when": f"2021-03-01 0{hour}:00"})
        with pytest.raises(DataError, match=message):
            fresh.feed({**row, "when": "2021-03-01 01:00"}, some)
    session.finish()
    for call in (session.finish, lambda: session.feed({**row, "when": "2021-03-01 01:00"})):
        with pytest.raises(RecipeError, match="has ended"):
            call()
    with pytest.raises(RecipeError, match="reads no covariates ahead; leave them out"):
        Trained(path, "bare").model.session("a").feed({"when": "2021-03-01 00:00", "load": 1}, [])


def test_a_row_that_was_refused_leaves_the_session_as_it_was(tmp_path: Path) -> None:
    model = Trained(table(tmp_path / "table.csv", lengths=(40,)), "all", known=1).model
    row = {"when": "2021-03-01 00:00", "load": "1", "wind": "1", "plan": "1", "sky": "x", "kind": "u"}
    session = model.session()
    for bad, future in itertools.product(({"load": "?!"}, {"wind": "?!"}, {"kind": None, "plan": "?!"}), (None, [])):
        with pytest.raises(DataError):
            session.feed({**row, **bad}, future)
    with pytest.raises(DataError, match="rows of the future"):
        session.feed(row, [{"plan": 1, "sky": "x"}])
    assert session.to_bytes() == model.session().to_bytes()


def test_saved_sessions_are_of_one_model_and_one_series(tmp_path: Path) -> None:
    path = table(tmp_path / "table.csv", lengths=(40, 30))
    model = Trained(path, "bare").model
    data = model.session("a").to_bytes()
    with pytest.raises(ModelError, match="of the series a / load, not of b / load"):
        model.session("b", data=data)
    with pytest.raises(ModelError, match="saved by another model"):
        Trained(path, "bare", seed=1).model.session("a", data=data)
    for damaged in (data[:-5], b"", b"\xff\xfe", b"[]"):
        with pytest.raises(ModelError, match="damaged"):
            model.session("a", data=damaged)
