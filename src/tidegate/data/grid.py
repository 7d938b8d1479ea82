"""Rows of tables on the grid of their clock: which step of which series each row is, and what is wrong or missing there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.data.clock import Frequency, Ids, Instant, Times, infer_frequency, off_grid, resolved
from tidegate.data.records import Source
from tidegate.data.time_forms import TimeForm
from tidegate.errors import DataError, listed

# A grid of more steps than this, and of so many a row, comes of a wrong time or frequency.
_LARGE, _MOST_STEPS_A_ROW = 1_000_000, 100
_HOUR = 3600
# Months and hours in which clocks are put forward or back, on Sundays.
_CLOCK_MONTHS, _CLOCK_HOURS = (2, 3, 4, 9, 10, 11), 4


@dataclass(frozen=True, slots=True)
class Grid:
    """Where n rows belong.

    Attributes:
        order: [n], the rows ascending by series and time.
        bounds: [S+1]; series s has the rows order[bounds[s]] to order[bounds[s + 1]].
        begins: [S], the time of each series' step 0.
        step: [n], the step of each row, in the order of the rows.
    """

    frequency: Frequency
    order: Ids
    bounds: Ids
    begins: tuple[Instant, ...]
    step: Ids


def lay_out(
    times: Times,
    codes: Ids,
    names: Sequence[str],
    frequency: Frequency | None,
    form: TimeForm,
    where: Callable[[int], Source],
    notes: dict[str, None],
) -> Grid:
    """Puts rows on the grid.

    Args:
        times: [n].
        codes: [n], places in `names`, each of which has a row.
        frequency: None: as the rows have it.
        form: how times are written.
        where: the place of a row.
        notes: what is to be told is added.

    Raises:
        DataError: two rows of a series at one time, a time off the grid, steps that are not of one length.
    """
    order = np.lexsort((times, codes))
    by_series = np.argsort(codes, kind="stable")
    is_late = (codes[by_series][1:] == codes[by_series][:-1]) & (times[by_series][1:] < times[by_series][:-1])
    if is_late.any():
        row = int(by_series[1:][int(np.argmax(is_late))])
        notes[f"rows were not in the order of time and were sorted (first at {where(row)})"] = None
    sorted_times, sorted_codes = times[order], codes[order]

    def place(row: int) -> Source:
        return where(int(order[row]))

    bounds = np.flatnonzero(np.r_[True, sorted_codes[1:] != sorted_codes[:-1], True])
    _refuse_duplicates(sorted_times, sorted_codes, names, form, place)
    if frequency is None:
        frequency = infer_frequency(sorted_times, sorted_codes, place, form.show)
    else:
        frequency = resolved(frequency, times)
        _check_kind(frequency, sorted_times, sorted_codes, form, place)
    step = np.zeros(len(times), dtype=np.int64)
    begins: list[Instant] = []
    gaps = _Gaps(frequency, form)
    for code, (first, end) in enumerate(zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)):
        own = sorted_times[first:end]
        begin = instant(own[0])
        off = np.flatnonzero(~frequency.on_grid(own, begin))
        if len(off):
            row = int(off[0])
            raise DataError(off_grid(place(first + row), form.show(instant(own[row])), frequency, form.show(begin)))
        steps = frequency.positions(own, begin)
        _refuse_emptiness(steps, own, names[code], frequency, form, lambda row, first=first: place(first + row))  # type: ignore[misc]
        step[order[first:end]] = steps
        begins.append(begin)
        gaps.add(names[code], begin, steps)
    gaps.tell(notes)
    return Grid(frequency, order, bounds, tuple(begins), step)


def instant(time: Any) -> Instant:
    """An element of an array of times."""
    return time if isinstance(time, np.datetime64) else int(time)


def _refuse_duplicates(times: Times, codes: Ids, names: Sequence[str], form: TimeForm, place: Callable[[int], Source]) -> None:
    same = np.flatnonzero((times[1:] == times[:-1]) & (codes[1:] == codes[:-1]))
    if not len(same):
        return
    row = int(same[0])
    whose = f"series '{names[int(codes[row])]}' has two rows" if len(names) > 1 else "there are two rows"
    mend = "Remove one; if the table holds several series, name the column that tells them apart with --series."
    if _is_doubled_hour(times[same[codes[same] == codes[row]]]):
        mend = (
            "They fill the hour before, as when a clock with daylight saving is put back: such a clock shows one hour twice. Write times "
            "in UTC, or with their offsets (2016-10-30T02:00:00+01:00); else remove one of the two."
        )
    others = f" ({len(same):,} times are double in all)" if len(same) > 1 else ""
    raise DataError(f"{place(row)} and {place(row + 1)}: {whose} at {form.show(instant(times[row]))}{others}. {mend}")


def _is_doubled_hour(doubled: Times) -> bool:
    """Whether these double times of a series are, on each day that has any, within one hour of a night when clocks are put back."""
    if doubled.dtype.kind != "M":
        return False
    hours = np.unique(doubled.astype("datetime64[h]"))
    days = np.unique(hours.astype("datetime64[D]"))
    return len(hours) == len(days) and all(_is_clock_change(hour) for hour in hours)


def _is_clock_change(time: np.datetime64) -> bool:
    """Whether a clock may be put forward or back at this time: at night, on a Sunday in spring or autumn."""
    day = time.astype("datetime64[D]")
    month = int(day.astype("datetime64[M]").astype(np.int64)) % 12 + 1
    hour = int((time.astype("datetime64[h]") - day).astype(np.int64))
    # 1970-01-04 was a Sunday.
    return month in _CLOCK_MONTHS and hour <= _CLOCK_HOURS and int((day - np.datetime64("1970-01-04")).astype(np.int64)) % 7 == 0


def _check_kind(frequency: Frequency, times: Times, codes: Ids, form: TimeForm, place: Callable[[int], Source]) -> None:
    """Refuses a frequency that is not one of these times: of another kind of clock, or finer than all of them."""
    is_count = times.dtype.kind != "M"
    if is_count != (frequency.unit == "count"):
        clock = "whole numbers, which count" if is_count else "dates"
        mend = "a whole number, as in --frequency 1" if is_count else "h, D, MS or another length of time"
        raise DataError(
            f"{place(0)}: --frequency {frequency.text} was given, but the times of this table are {clock} "
            f"({form.show(instant(times[0]))}). Give {mend}, or leave it out."
        )
    differences = (times[1:] - times[:-1])[codes[1:] == codes[:-1]].astype(np.int64)
    if frequency.unit != "month" and len(differences) >= 3 and int(differences.min()) >= 2 * frequency.step:
        row = int(np.flatnonzero(codes[1:] == codes[:-1])[0])
        apart = Frequency(int(differences.min()), frequency.unit).text
        raise DataError(
            f"{place(row)}: a step is {frequency.text}, but no two rows of a series are less than {apart} apart. Give a table with a row "
            f"for each {frequency.text}; in training, name the step with --frequency {apart}, or leave it out."
        )


def _refuse_emptiness(steps: Ids, times: Times, name: str, frequency: Frequency, form: TimeForm, place: Callable[[int], Source]) -> None:
    if steps[-1] < max(_LARGE, _MOST_STEPS_A_ROW * len(steps)):
        return
    row = int(np.argmax(np.diff(steps)))
    raise DataError(
        f"{place(row + 1)}: series '{name}' goes from {form.show(instant(times[row]))} to {form.show(instant(times[row + 1]))}, over "
        f"{int(steps[row + 1] - steps[row]):,} steps of {frequency.text}. Correct the time, or name a longer step with --frequency."
    )


class _Gaps:
    """Counts the steps for which there is no row."""

    def __init__(self, frequency: Frequency, form: TimeForm) -> None:
        self._frequency, self._form = frequency, form
        self._missing: dict[str, int] = {}
        self._first = ""
        self._leap = ""

    def add(self, name: str, begin: Instant, steps: Ids) -> None:
        lengths = np.diff(steps) - 1
        gaps = np.flatnonzero(lengths)
        if not len(gaps):
            return
        self._missing[name] = int(lengths.sum())
        if not self._first:
            self._first = f"{self._time(begin, int(steps[gaps[0]]) + 1)} in '{name}'"
        frequency = self._frequency
        if self._leap or frequency.unit != "s" or frequency.step > _HOUR or _HOUR % frequency.step:
            return
        for gap in gaps[lengths[gaps] == _HOUR // frequency.step]:
            first = frequency.times(begin, int(steps[gap]) + 1, 1)
            if self._form.is_local and _is_clock_change(first[0]):
                self._leap = self._form.write(first)[0]
                return

    def tell(self, notes: dict[str, None]) -> None:
        if not self._missing:
            return
        total = sum(self._missing.values())
        whose = listed(map(repr, self._missing)) if len(self._missing) > 1 else ""
        steps = "1 step has no row and is a hole" if total == 1 else f"{total:,} steps have no row and are holes"
        notes[f"{steps} (the first at {self._first}{f'; series {whose}' if whose else ''})"] = None
        if self._leap:
            notes[
                f"the hour at {self._leap} is missing, as when a clock with daylight saving is put forward; it is read as a hole. Times "
                "in UTC or with offsets have no such holes"
            ] = None

    def _time(self, begin: Instant, step: int) -> str:
        return self._form.write(self._frequency.times(begin, step, 1))[0]
