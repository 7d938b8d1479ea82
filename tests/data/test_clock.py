"""The clock: frequencies, positions on the grid, steps found from times."""

from __future__ import annotations

import numpy as np
import pytest

from tidegate.data.clock import Frequency, infer_frequency
from tidegate.data.records import Source
from tidegate.errors import DataError, RecipeError


def dates(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[s]")


@pytest.mark.parametrize(
    ("given", "text", "season"),
    [
        ("h", "h", 24), ("H", "h", 24), ("15min", "15min", 96), ("900s", "15min", 96), ("15T", "15min", 96), ("30s", "30s", 2880),
        ("60m", "h", 24), ("5h", "5h", 5), ("D", "D", 7), ("2D", "2D", 1), ("7D", "W", 52), ("W-SUN", "W", 52), ("MS", "MS", 12), ("M", "MS", 12),
        ("ME", "ME", 12), ("2M", "2MS", 6), ("Q", "QS", 4), ("QE-DEC", "QE", 4), ("3ME", "QE", 4), ("Y", "YS", 1), ("12MS", "YS", 1), ("1", "1", 1),
        (10, "10", 1),
    ],
)  # fmt: skip
def test_frequencies_have_one_form_that_is_read_back(given: str | int, text: str, season: int) -> None:
    found = Frequency.parse(given)
    assert (found.text, found.season) == (text, season)
    assert Frequency.parse(found.text) == found


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "no length"),
        ("0h", "no length"),
        ("xyz", "no length"),
        ("1.5h", "no length"),
        ("B", "business days"),
        ("ms", "less than a second"),
    ],
)
def test_what_is_no_frequency_is_refused(given: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        Frequency.parse(given)


@pytest.mark.parametrize(
    ("frequency", "given", "steps"),
    [
        ("h", "4d", 96),
        ("h", 96, 96),
        ("h", "96", 96),
        ("15min", "1h", 4),
        ("D", "2w", 14),
        ("MS", "2y", 24),
        ("MS", "12", 12),
        ("3", "7", 7),
    ],
)
def test_durations_are_steps(frequency: str, given: str | int, steps: int) -> None:
    assert Frequency.parse(frequency).steps(given, "--context") == steps


@pytest.mark.parametrize(
    ("frequency", "given", "said"),
    [
        ("h", "90m", "no whole number"),
        ("h", "0", "was expected"),
        ("h", "soon", "was expected"),
        ("h", "1y", "was expected"),
        ("MS", "60d", "of months"),
        ("1", "4d", "counts"),
    ],
)
def test_durations_that_are_no_steps_name_the_option(frequency: str, given: str, said: str) -> None:
    with pytest.raises(RecipeError, match=f"^--horizon: .*{said}"):
        Frequency.parse(frequency).steps(given, "--horizon")


@pytest.mark.parametrize(
    ("frequency", "begin", "expected"),
    [
        ("h", "2016-12-31T23:00", ["2017-01-01T00:00", "2017-01-01T01:00"]),
        ("MS", "2019-12-05T06:00", ["2020-01-05T06:00", "2020-02-05T06:00"]),
        ("MS", "2020-01-30", ["2020-02-29", "2020-03-30"]),
        ("ME", "2020-01-31", ["2020-02-29", "2020-03-31"]),
        ("ME", "2021-02-28", ["2021-03-31", "2021-04-30"]),
        ("QE", "2020-03-31", ["2020-06-30", "2020-09-30"]),
        ("YS", "2020-02-29", ["2021-02-28", "2022-02-28"]),
    ],
)
def test_times_and_positions_are_inverse(frequency: str, begin: str, expected: list[str]) -> None:
    clock = Frequency.parse(frequency)
    start = np.datetime64(begin, "s")
    assert (clock.times(start, 1, 2) == dates(*expected)).all()
    many = clock.times(start, -40, 100)
    assert (clock.positions(many, start) == np.arange(-40, 60)).all()
    assert clock.on_grid(many, start).all()
    assert not clock.on_grid(many + np.timedelta64(1, "s"), start).any()


def test_a_clock_may_count() -> None:
    clock = Frequency.parse(10)
    assert clock.times(5, 2, 3).tolist() == [25, 35, 45]
    assert clock.positions(np.array([5, 25, 26]), 5).tolist() == [0, 2, 2]
    assert clock.on_grid(np.array([5, 25, 26]), 5).tolist() == [True, True, False]


def infer(times: np.ndarray, codes: list[int] | None = None) -> Frequency:
    return infer_frequency(times, np.array(codes or [0] * len(times)), lambda row: Source("a.csv", row + 2), str)


@pytest.mark.parametrize(
    ("times", "text"),
    [
        (np.arange(0, 20), "1"),
        (np.array([0, 5, 10, 20, 25]), "5"),
        (np.datetime64("2020-01-01", "s") + 3600 * np.array([0, 1, 2, 5, 6]), "h"),
        (dates("2020-01-31", "2020-02-29", "2020-03-31", "2020-05-31"), "ME"),
        (dates("2020-01-01", "2020-02-01", "2020-03-01", "2020-05-01"), "MS"),
        (dates("2020-01-01T12:00", "2021-01-01T12:00", "2022-01-01T12:00"), "YS"),
        (dates("2020-03-31", "2020-06-30", "2020-09-30"), "QE"),
        (dates("2020-01-01", "2020-01-29", "2020-02-26", "2020-03-25"), "4W"),
    ],
)
def test_the_step_is_the_most_common_difference(times: np.ndarray, text: str) -> None:
    assert infer(times).text == text


def test_differences_are_those_within_a_series() -> None:
    times = np.array([0, 2, 4, 1000, 1002, 7, 9, 11])
    assert infer(times, [0, 0, 0, 1, 1, 2, 2, 2]).text == "2"


@pytest.mark.parametrize(
    ("times", "codes", "said"),
    [
        (np.array([0, 10, 20, 30, 43]), None, "^a.csv, line 6: 43 is no step of 10 counted from the series' first time 0.*--frequency"),
        (
            np.array([0, 3, 7, 14, 17, 30, 31]),
            None,
            "^a.csv, line 4: the times are irregular: 7 comes 4 after .* difference is 3 .*resample",
        ),
        (
            np.array([0, 10, 20, 100, 110, 125]),
            [0, 0, 0, 1, 1, 1],
            "^a.csv, line 7: 125 is no step of 10 counted from the series' first time 100",
        ),
        (np.array([5]), None, "^a.csv, line 2: no series has two rows.*--series"),
        (np.array([5, 5]), [0, 1], "no series has two rows"),
    ],
)
def test_irregular_times_are_refused_with_their_place(times: np.ndarray, codes: list[int] | None, said: str) -> None:
    with pytest.raises(DataError, match=said):
        infer(times, codes)
