"""The clock of time series: the length of a step, where times stand on its grid, and what step a table's times have.

Times are seconds (`datetime64[s]`, as the clock on the wall shows them) or whole numbers, where a table counts instead of telling the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tidegate.data.records import Source
from tidegate.errors import DataError, RecipeError

Times: TypeAlias = NDArray[Any]  # datetime64[s] or int64
Instant: TypeAlias = np.datetime64 | int
Ids = NDArray[np.int64]

_DAY = 86_400
_SECONDS = {"W": 7 * _DAY, "D": _DAY, "h": 3600, "min": 60, "s": 1}
_MONTHS = {"Y": 12, "Q": 3, "M": 1}
# How steps are written, pandas' names among them; the case matters, for 'M' is a month and 'm' a minute.
_NAMES = {
    **dict.fromkeys(("s", "S", "sec", "second", "seconds"), "s"),
    **dict.fromkeys(("min", "T", "m", "minute", "minutes"), "min"),
    **dict.fromkeys(("h", "H", "hour", "hours", "hourly"), "h"),
    **dict.fromkeys(("D", "d", "day", "days", "daily"), "D"),
    **dict.fromkeys(("W", "w", "week", "weeks", "weekly"), "W"),
    **dict.fromkeys(("M", "MS", "ME", "month", "months", "monthly"), "M"),
    **dict.fromkeys(("Q", "QS", "QE", "quarter", "quarters", "quarterly"), "Q"),
    **dict.fromkeys(("Y", "YS", "YE", "A", "AS", "year", "years", "yearly"), "Y"),
}
_DURATIONS = {"s": 1, "m": 60, "h": 3600, "d": _DAY, "w": 7 * _DAY}
_KNOWN = (
    "s, min, h, D, W, M, Q or Y, with a number before it where it is more than one (15min, 2D), or a whole number for a clock that counts"
)


@dataclass(frozen=True, slots=True)
class Frequency:
    """The length of a step.

    Attributes:
        step: so many of the unit.
        unit: seconds; months of the calendar; or counts, for a clock of whole numbers.
        at_end: steps of months stand on the last day of their month, whichever day that is.
    """

    step: int
    unit: Literal["s", "month", "count"]
    at_end: bool = False

    @classmethod
    def parse(cls, text: str | int) -> Frequency:
        """The frequency that a text stands for: 'h', '15min', '2D', 'W', 'MS', '1' (a count), and pandas' other names.

        Raises:
            RecipeError: it is none.
        """
        given = str(text).strip()
        match = re.fullmatch(r"(\d*)\s*([A-Za-z]*)(?:-[A-Z]{3})?", given)
        if match is None or not given or (match[1] and int(match[1]) == 0):
            raise RecipeError(_no_frequency(given))
        step = int(match[1] or 1)
        if not match[2]:
            return cls(step, "count")
        name = _NAMES.get(match[2])
        if name is None:
            raise RecipeError(_no_frequency(given))
        if name in _MONTHS:
            return cls(step * _MONTHS[name], "month", match[2].endswith("E"))
        return cls(step * _SECONDS[name], "s")

    @property
    def text(self) -> str:
        """The frequency in its canonical form, which `parse` reads back."""
        if self.unit == "count":
            return str(self.step)
        sizes = _SECONDS if self.unit == "s" else _MONTHS
        name, size = next((name, size) for name, size in sizes.items() if self.step % size == 0)
        if self.unit == "month":
            name += "E" if self.at_end else "S"
        return f"{self.step // size if self.step > size else ''}{name}"

    @property
    def season(self) -> int:
        """Steps of the period that data of this frequency mostly has: a day, a week, a year; 1 where there is none."""
        if self.unit == "count":
            return 1
        if self.unit == "month":
            return 12 // self.step if 12 % self.step == 0 else 1
        if self.step < _DAY:
            return round(_DAY / self.step)
        return {_DAY: 7, 7 * _DAY: 52}.get(self.step, 1)

    def steps(self, text: str | int, option: str) -> int:
        """How many steps '4d', '96' or 96 is; durations are written with s, m, h, d or w, and y where a step is of months.

        Args:
            option: what messages call the setting.

        Raises:
            RecipeError: no duration, less than a step, or no whole number of steps.
        """
        given = str(text).strip()
        match = re.fullmatch(r"(\d+)\s*([a-z]?)", given)
        expected = "a number of steps (96) or a duration with s, m, h, d or w (4d)"
        if match is None or int(match[1]) == 0:
            raise RecipeError(f"{option}: '{given}' was given; {expected} was expected.")
        number, unit = int(match[1]), match[2]
        if not unit:
            return number
        if self.unit == "month" and unit == "y" and number * 12 % self.step == 0:
            return number * 12 // self.step
        if self.unit != "s":
            what = "the clock counts, so it knows no durations" if self.unit == "count" else f"a step is of months ({self.text})"
            raise RecipeError(f"{option}: '{given}' was given, but {what}. Give a number of steps.")
        if unit not in _DURATIONS:
            raise RecipeError(f"{option}: '{given}' was given; {expected} was expected.")
        seconds = number * _DURATIONS[unit]
        if seconds % self.step:
            raise RecipeError(f"{option}: '{given}' is no whole number of steps of {self.text}. Give a multiple of {self.text}, or steps.")
        return seconds // self.step

    def positions(self, times: Times, begin: Instant) -> Ids:
        """[n] -> [n], which step from `begin` on (0) each time belongs to; see `on_grid` for whether it is exactly its time."""
        if self.unit == "count":
            return (times - int(begin)) // self.step
        if self.unit == "s":
            return (times - _start(begin)).astype(np.int64) // self.step  # type: ignore[no-any-return]
        return (_months(times) - int(_months(_start(begin)))) // self.step

    def on_grid(self, times: Times, begin: Instant) -> NDArray[np.bool_]:
        """[n] -> [n], whether each time is exactly that of a step."""
        return self._at(begin, self.positions(times, begin)) == times  # type: ignore[no-any-return]

    def times(self, begin: Instant, first: int, n: int) -> Times:
        """The times of n steps, the first of them `first` steps after `begin`."""
        return self._at(begin, np.arange(first, first + n, dtype=np.int64))

    def _at(self, begin: Instant, positions: Ids) -> Times:
        if self.unit == "count":
            return int(begin) + positions * self.step
        start = _start(begin)
        if self.unit == "s":
            return start + (positions * self.step).astype("timedelta64[s]")  # type: ignore[no-any-return]
        # A month without the day of the first one (30 February) has its last day instead.
        months = (int(_months(start)) + positions * self.step).astype("datetime64[M]")
        last = (months + 1).astype("datetime64[D]") - months.astype("datetime64[D]") - 1
        day = start.astype("datetime64[D]")
        days = last if self.at_end else np.minimum(day - day.astype("datetime64[M]").astype("datetime64[D]"), last)
        return (months.astype("datetime64[D]") + days).astype("datetime64[s]") + (start - day)  # type: ignore[no-any-return]


def are_month_ends(times: Times) -> bool:
    """Whether each of these times is on the last day of its month."""
    days = times.astype("datetime64[D]")
    return bool(((days + 1).astype("datetime64[M]") != days.astype("datetime64[M]")).all())


def resolved(frequency: Frequency, times: Times) -> Frequency:
    """The frequency, with steps of months at the months' ends where all these times are."""
    return replace(frequency, at_end=True) if frequency.unit == "month" and are_month_ends(times) else frequency


def infer_frequency(times: Times, codes: Ids, where: Callable[[int], Source], write: Callable[[Instant], str]) -> Frequency:
    """The step of a table: the most common difference between neighbouring times of a series.

    Args:
        times: of all rows, ascending within a series and without a repetition.
        codes: [n], which series each row belongs to, ascending.
        where: the place of a row in the file.
        write: a time as messages show it.

    Raises:
        DataError: no two times of a series; times that are not multiples of the step apart.
    """
    within = np.flatnonzero(codes[1:] == codes[:-1])
    if not len(within):
        raise DataError(
            f"{where(0)}: no series has two rows, so the length of a step cannot be told. Name it with --frequency (h, D, MS, …), and the "
            "column that tells the series apart with --series, if there is one."
        )
    is_count = times.dtype.kind != "M"
    differences = (times[within + 1] - times[within]).astype(np.int64)
    found = Frequency(_most_common(differences), "count" if is_count else "s")
    if not is_count and found.step >= 28 * _DAY:
        found = _in_months(times, within) or found
    is_multiple = differences % found.step == 0 if found.unit != "month" else np.ones(len(differences), dtype=bool)
    bounds = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1], True])
    for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        off = np.flatnonzero(~found.on_grid(times[begin:end], _instant(times[begin])))
        if not len(off):
            continue
        row = begin + int(off[0])
        if is_multiple.mean() < 0.5:
            raise DataError(
                f"{where(row)}: the times are irregular: {write(_instant(times[row]))} comes "
                f"{_spoken(int((times[row] - times[row - 1]).astype(np.int64)), is_count)} after the row before, while the most common "
                f"difference is {_spoken(found.step, is_count)} ({int((differences == found.step).sum()):,} of {len(differences):,}). "
                "Steps of one length were expected: resample the table (pandas: frame.resample), or name the step with --frequency if it "
                "is another."
            )
        raise DataError(off_grid(where(row), write(_instant(times[row])), found, write(_instant(times[begin]))))
    return found


def off_grid(where: Source, time: str, frequency: Frequency, begin: str) -> str:
    """The message on a time that is not one of a step."""
    return (
        f"{where}: {time} is no step of {frequency.text} counted from the series' first time {begin}. Steps of one length were expected: "
        "correct the time or remove the row, resample the table (pandas: frame.resample), or name another step with --frequency."
    )


def _in_months(times: Times, within: Ids) -> Frequency | None:
    """Steps of months, where all times have the same day of the month, or its last, and the same time of day; else None."""
    days = times.astype("datetime64[D]")
    in_month = days - days.astype("datetime64[M]").astype("datetime64[D]")
    at_end = are_month_ends(times)
    if len(np.unique(times - days)) > 1 or not (at_end or len(np.unique(in_month)) == 1):
        return None
    months = _months(times)
    return Frequency(_most_common(months[within + 1] - months[within]), "month", at_end)


def _most_common(differences: Ids) -> int:
    values, counts = np.unique(differences, return_counts=True)
    return int(values[np.argmax(counts)])


def _instant(time: Any) -> Instant:
    return time if isinstance(time, np.datetime64) else int(time)


def _start(begin: Instant) -> Any:
    return np.asarray(begin, dtype="datetime64[s]")[()]


def _months(times: Any) -> Ids:
    return times.astype("datetime64[M]").astype(np.int64)  # type: ignore[no-any-return]


def _spoken(difference: int, is_count: bool) -> str:
    if is_count:
        return str(difference)
    name, size = next((name, size) for name, size in (("d", _DAY), ("h", 3600), ("min", 60), ("s", 1)) if difference % size == 0)
    return f"{difference // size} {name}"


def _no_frequency(given: str) -> str:
    if given == "B":
        return "--frequency: business days (B) are no steps of one length. Take D: the days without a row are holes."
    if given.lower() in ("ms", "us", "ns", "l", "u", "n") and given != "MS":
        return f"--frequency: '{given}' is less than a second. Number the rows and name that column with --time: a clock may count."
    return f"--frequency: '{given}' is no length of a step. Expected: {_KNOWN}."
