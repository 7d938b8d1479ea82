"""How times are written in tables: read as seconds or counts, and written back alike.

Dates in ISO's order (2016-07-01, with or without a clock), day first with points (1.7.2016), day or month first with slashes where the
column tells which, months, quarters, numbers of eight digits (20160701); dates and clocks in columns of their own, and the numbers of
year, month, day, hour, … too; whole numbers, which count. Seconds since 1970 are numbers like any other: they are not guessed.

Offsets: where all are the same, times are as the clock showed them and are written back with it; where they differ, times are UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.clock import Ids, Instant, Times
from tidegate.data.opening import excerpt
from tidegate.data.records import Source
from tidegate.data.zones import has_one_offset, in_zone, of_zone, offset_of
from tidegate.errors import DataError

_OF_DAY = r"(?P<hour>\d{1,2})(?::(?P<minute>\d{2})(?::(?P<second>\d{2})(?P<fraction>[.,]\d+)?)?)?(?P<half> ?[AaPp][Mm])?"
_CLOCK = rf"(?:(?P<between>[T ]|,? +){_OF_DAY})?"
_ZONE = r"(?P<zone> ?(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?"
_PATTERNS = {
    "ymd": re.compile(r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})" + _CLOCK + _ZONE),
    "xxy": re.compile(r"(?P<one>\d{1,2})(?P<mark>[-/.])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4})" + _CLOCK + _ZONE),
    "digits": re.compile(r"(?P<year>(?:18|19|20|21)\d{2})(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])" + _CLOCK + _ZONE),
    "month": re.compile(r"(?P<year>\d{4})(?P<mark>[-/])(?P<month>\d{1,2})"),
    "quarter": re.compile(r"(?P<year>\d{4})(?P<mark>[- ]?Q)(?P<quarter>[1-4])"),
}
_WHOLE = re.compile(r"[+-]?\d{1,18}")
_PARTS = ("year", "month", "day", "hour", "minute", "second")
_PART_NAMES = {
    **{part: part for part in _PARTS},
    **{f"{part}s": part for part in _PARTS},
    **dict(zip(("yr", "mon", "dom", "hr", "min", "sec"), _PARTS, strict=True)),
    **dict(zip(("jahr", "monat", "tag", "stunde", "minute", "sekunde"), _PARTS, strict=True)),
}
EXPECTED = "2016-07-01 13:00 (or 2016-07-01, 1.7.2016 13:00, 2016-07-01T13:00:00+02:00, or whole numbers that count)"


@dataclass(frozen=True, slots=True)
class TimeForm:
    """How times are written.

    Attributes:
        template: of a time, with the fields year, month, day, hour, half_day (1 to 12), half (AM, PM), minute, second, quarter; or count.
        dtype: that of a frame's column of times ("datetime64[ns]"); empty where times are text.
        zone: name of the zone that a frame's column is in; empty without one.
        is_utc: whether times of that zone are UTC here; else they are as its clocks show them.
    """

    template: str
    dtype: str = ""
    zone: str = ""
    is_utc: bool = False

    @property
    def is_count(self) -> bool:
        return self.template == "{count}"

    @property
    def is_local(self) -> bool:
        """Whether times are those of a clock on a wall, of which neither offset nor zone is known."""
        return not self.is_count and not self.zone and not re.search(_ZONE + "$", self.template)["zone"]  # type: ignore[index]

    def write(self, times: Times) -> list[str]:
        """The times as text, each written as those that were read."""
        if self.is_count:
            return [str(count) for count in times.tolist()]
        fields = _fields(times.astype("datetime64[s]"))
        names = list(fields)
        return [self.template.format_map(dict(zip(names, row, strict=True))) for row in zip(*fields.values(), strict=True)]

    def show(self, time: Instant) -> str:
        """One time as text."""
        return self.write(np.array([time]))[0]

    def column(self, times: Times) -> NDArray[Any] | list[Any]:
        """The times as a column of a frame: dates or numbers where they came as such, else text."""
        if self.is_count:
            return times
        if not self.dtype:
            return self.write(times)
        if not self.zone:
            return times.astype(self.dtype)
        return in_zone(times, self.zone) if self.is_utc else of_zone(times, self.zone)

    def to_json(self) -> dict[str, Any]:
        return {"template": self.template, "dtype": self.dtype, "zone": self.zone, "is_utc": self.is_utc}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> TimeForm:
        return cls(stored["template"], stored["dtype"], stored["zone"], stored["is_utc"])


COUNTS = TimeForm("{count}")


def read_times(
    columns: Sequence[Sequence[str]],
    names: Sequence[str],
    where: Callable[[int], Source],
    notes: dict[str, None],
    like: TimeForm | None = None,
) -> tuple[Times, TimeForm]:
    """The times of a table.

    Args:
        columns: of the table, one or several, each with a cell a row.
        names: theirs.
        where: the place of a row, for messages.
        notes: what is to be told is added.
        like: how times were written before, which settles whether day or month comes first where the column does not tell.

    Returns:
        [n] times, and how they are written.

    Raises:
        DataError: a cell that is no time, or is written otherwise than the others; days and months that cannot be told apart.
    """
    if len(columns) == 1:
        return _read_column([cell.strip() for cell in columns[0]], names[0], where, notes, like)
    if all(_WHOLE.fullmatch(cell.strip()) for column in columns for cell in set(column)):
        return _joined_parts(columns, names, where)
    joined = [" ".join(map(str.strip, parts)) for parts in zip(*columns, strict=True)]
    return _read_column(joined, " and ".join(names), where, notes, like)


def cells_of_time(time: Instant, names: Sequence[str], form: TimeForm) -> list[str]:
    """One time as the cells of columns of these names, which `read_times` reads as that time again."""
    shown = form.show(time)
    if len(names) == 1:
        return [shown]
    parts = [_PART_NAMES.get(name.strip().casefold(), "") for name in names]
    if not all(parts) or len(set(parts)) != len(parts):
        if len(pieces := shown.split(" ")) == len(names):
            return pieces
        parts = list(_PARTS[: len(names)])
    fields = _fields(np.array([time]).astype("datetime64[s]"))
    return [str(fields[part][0]) for part in parts]


def times_of_frame(
    column: NDArray[Any], zone: str, name: str, where: Callable[[int], Source], notes: dict[str, None]
) -> tuple[Times, TimeForm]:
    """The times of a frame's column of dates; where it has a zone, the column is UTC.

    Days and longer steps are read as the zone's clocks show them; shorter ones as UTC, unless the zone's clocks are never changed, for else
    the steps that follow would run into an hour that is not there, or is there twice.

    Raises:
        DataError: a time that is missing or has fractions of a second.
    """
    if np.isnat(column).any():
        raise DataError(_no_time("", name, where(int(np.argmax(np.isnat(column))))))
    times = column.astype("datetime64[s]")
    if (times != column).any():
        raise DataError(_fraction(str(column[int(np.argmax(times != column))]), name, where(int(np.argmax(times != column)))))
    is_date = bool((times == times.astype("datetime64[D]")).all())
    template = "{year:04}-{month:02}-{day:02}" + ("" if is_date and not zone else " {hour:02}:{minute:02}:{second:02}")
    dtype = "datetime64[ms]" if column.dtype == np.dtype("datetime64[D]") else column.dtype.str.lstrip("<>=|").replace("M8", "datetime64")
    if not zone:
        return times, TimeForm(template, dtype)
    local = np.array([time.replace(tzinfo=None) for time in in_zone(times, zone)], dtype="datetime64[s]")
    of_day = local - local.astype("datetime64[D]")
    if has_one_offset(zone) or len(np.unique(of_day)) == 1:
        return local, TimeForm(template, dtype, zone, is_utc=False)
    if len(np.unique(local - times)) > 1:
        notes[f"the times of column '{name}' have several offsets from UTC; they are read as UTC, and written in the zone {zone}"] = None
    return times, TimeForm(template + "+00:00", dtype, zone, is_utc=True)


def part_columns(names: Sequence[str]) -> tuple[str, ...]:
    """The columns that hold year, month, day, hour, … by their names, in that order; empty where year or month has none."""
    found = {_PART_NAMES[name.strip().casefold()]: name for name in reversed(names) if name.strip().casefold() in _PART_NAMES}
    return tuple(found[part] for part in _PARTS if part in found) if {"year", "month"} <= found.keys() else ()


def looks_like_times(cells: Sequence[str]) -> bool:
    """Whether all these cells are dates, with or without a clock; whole numbers are not, but for 20160701 and its like."""
    cells = [cell.strip() for cell in cells]
    return bool(cells) and any(all(map(pattern.fullmatch, cells)) for pattern in _PATTERNS.values())


def are_whole_numbers(cells: Sequence[str]) -> bool:
    return bool(cells) and all(_WHOLE.fullmatch(cell.strip()) for cell in cells)


def _read_column(
    cells: list[str], name: str, where: Callable[[int], Source], notes: dict[str, None], like: TimeForm | None
) -> tuple[Times, TimeForm]:
    if all(map(_PATTERNS["digits"].fullmatch, cells)) or not all(map(_WHOLE.fullmatch, cells)):
        return _read_dates(cells, name, where, notes, like)
    return np.array(cells, dtype=np.int64), COUNTS


def _read_dates(
    cells: list[str], name: str, where: Callable[[int], Source], notes: dict[str, None], like: TimeForm | None
) -> tuple[Times, TimeForm]:
    kind, pattern = next(((kind, pattern) for kind, pattern in _PATTERNS.items() if pattern.fullmatch(cells[0])), ("", None))
    if pattern is None:
        raise DataError(_no_time(cells[0], name, where(0)))
    first = pattern.fullmatch(cells[0])
    assert first is not None
    texts, numbers, widths = _fields_by_place(cells, first) or _fields_by_pattern(cells, pattern, name, where)
    if kind == "xxy":
        is_day_first = first["mark"] == "." or _is_day_first(numbers["one"], numbers["two"], name, cells, where, like)
        numbers["day"], numbers["month"] = (numbers[key] for key in (("one", "two") if is_day_first else ("two", "one")))
        order: tuple[str, ...] = ("day", "month", "year") if is_day_first else ("month", "day", "year")
    else:
        order = {"month": ("year", "month"), "quarter": ("year", "quarter")}.get(kind, ("year", "month", "day"))
    halves = texts.get("half", "")
    if isinstance(halves, list) or halves:
        _to_whole_days(numbers, halves, cells, name, where)
    times = _composed(numbers, lambda row: f"{where(row)}: {excerpt(cells[row])} in the column of times '{name}'")
    # Some write no clock at midnight: the longest cell shows all that is written.
    template = _template(order, pattern.fullmatch(max(cells, key=len)) or first, widths)
    zones = texts.get("zone", "")
    if isinstance(zones, str):
        return times, TimeForm(template + zones)
    return _to_utc(times, zones, template, cells, name, where, notes)


def _fields_by_place(cells: list[str], first: re.Match[str]) -> tuple[dict[str, str | list[str]], dict[str, Ids], dict[str, int]] | None:
    """The fields where every cell has digits and other characters just where the first has them; None where one has not."""
    width = len(first[0])
    array = np.array(cells)
    groups = first.groupdict()
    if array.dtype.itemsize != 4 * width or groups.get("fraction"):
        return None
    codes = array.view(np.uint32).reshape(len(cells), width)
    digits = np.array([character.isdigit() for character in first[0]])
    if groups.get("zone"):
        digits[slice(*first.span("zone"))] = False
    if not (codes[:, ~digits] == codes[0, ~digits]).all():
        return None
    values = codes[:, digits].astype(np.int64) - ord("0")
    if ((values < 0) | (values > 9)).any():
        return None
    columns = np.zeros((len(cells), width), dtype=np.int64)
    columns[:, digits] = values
    numbers = {}
    for key, text in groups.items():
        if text is None or not text.isdigit():
            continue
        begin, end = first.span(key)
        numbers[key] = columns[:, begin:end] @ (10 ** np.arange(end - begin - 1, -1, -1))
    widths = {key: first.end(key) - first.start(key) for key in numbers}
    return {key: groups[key] or "" for key in ("half", "zone") if key in groups}, numbers, widths


def _fields_by_pattern(
    cells: list[str], pattern: re.Pattern[str], name: str, where: Callable[[int], Source]
) -> tuple[dict[str, str | list[str]], dict[str, Ids], dict[str, int]]:
    """As `_fields_by_place`, cell by cell: texts (one where all rows have the same), numbers, and the least width of each number."""
    rows = []
    for row, cell in enumerate(cells):
        match = pattern.fullmatch(cell)
        if match is None:
            if any(other.fullmatch(cell) for other in _PATTERNS.values()):
                raise DataError(
                    f"{where(row)}: the time {excerpt(cell)} in column '{name}' is written otherwise than {excerpt(cells[0])} "
                    f"({where(0)}). Write all times alike."
                )
            raise DataError(_no_time(cell, name, where(row)))
        fraction = match.groupdict().get("fraction")
        if fraction and fraction[1:].strip("0"):
            raise DataError(_fraction(cell, name, where(row)))
        rows.append(match.groupdict(default=""))
    texts: dict[str, str | list[str]] = {}
    numbers: dict[str, Ids] = {}
    widths: dict[str, int] = {}
    for key in pattern.groupindex:
        column = [row[key] for row in rows]
        if key in ("half", "zone"):
            texts[key] = column[0] if len(set(column)) == 1 else column
        elif key not in ("mark", "between", "fraction") and any(column):
            numbers[key] = np.array([int(text or 0) for text in column], dtype=np.int64)
            widths[key] = min(len(text) for text in column if text)
    return texts, numbers, widths


def _is_day_first(one: Ids, two: Ids, name: str, cells: list[str], where: Callable[[int], Source], like: TimeForm | None) -> bool:
    is_day = one > 12, two > 12
    if is_day[0].any() and is_day[1].any():
        rows = [int(np.argmax(days)) for days in is_day]
        raise DataError(
            f"{where(max(rows))}: in the column of times '{name}' the day comes first in {excerpt(cells[rows[0]])} and second in "
            f"{excerpt(cells[rows[1]])}. Write all dates alike, best as 2016-07-31."
        )
    if is_day[0].any() or is_day[1].any():
        return bool(is_day[0].any())
    if like is not None and "{day" in like.template and "{month" in like.template and not like.template.startswith("{year"):
        return like.template.index("{day") < like.template.index("{month")
    if (one == two).all():
        return True
    raise DataError(
        f"{where(0)}: {excerpt(cells[0])} in the column of times '{name}': whether the day or the month comes first cannot be told, for no "
        "number in the whole column is above 12. Write the dates as 2016-07-31 (year, month, day) or as 31.7.2016 (day, month, year)."
    )


def _to_whole_days(numbers: dict[str, Ids], halves: str | list[str], cells: list[str], name: str, where: Callable[[int], Source]) -> None:
    """Hours of AM and PM to hours of the day, in place."""
    marks = [halves] * len(cells) if isinstance(halves, str) else halves
    for row, mark in enumerate(marks):
        if not mark or not 1 <= numbers["hour"][row] <= 12:
            raise DataError(
                f"{where(row)}: {excerpt(cells[row])} in column '{name}' is no time with AM or PM, as others there are. Expected: 1:00 PM."
            )
    is_late = np.array([mark.strip().upper() == "PM" for mark in marks])
    numbers["hour"] = numbers["hour"] % 12 + 12 * is_late


def _composed(numbers: Mapping[str, Ids], what: Callable[[int], str]) -> Times:
    """Seconds from the numbers of year, month or quarter, day, hour, …; 24:00 is 0:00 of the next day."""
    year = numbers["year"]
    nothing = np.zeros(len(year), dtype=np.int64)
    month = numbers.get("month", numbers.get("quarter", nothing) * 3 - 2)
    day, hour = numbers.get("day", nothing + 1), numbers.get("hour", nothing)
    minute, second = numbers.get("minute", nothing), numbers.get("second", nothing)
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    start = months.astype("datetime64[D]")
    length = ((months + 1).astype("datetime64[D]") - start).astype(np.int64)
    is_right = (month >= 1) & (month <= 12) & (day >= 1) & (day <= length) & (minute < 60) & (second < 60)
    is_right &= (hour >= 0) & ((hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))) & (minute >= 0) & (second >= 0)
    if not is_right.all():
        row = int(np.argmin(is_right))
        raise DataError(f"{what(row)} is no time that there is. Correct it; expected is for instance {EXPECTED}.")
    seconds = ((day - 1) * 24 + hour) * 3600 + minute * 60 + second
    return start.astype("datetime64[s]") + seconds.astype("timedelta64[s]")  # type: ignore[no-any-return]


def _joined_parts(cells: Sequence[Sequence[str]], names: Sequence[str], where: Callable[[int], Source]) -> tuple[Times, TimeForm]:
    """Times from columns of whole numbers: by the columns' names, else year, month, day, hour, minute, second as they come."""
    parts = [_PART_NAMES.get(name.strip().casefold(), "") for name in names]
    if not all(parts) or len(set(parts)) != len(parts):
        # 20160701 and 13: a date and its hour.
        joined = [" ".join(map(str.strip, row)) for row in zip(*cells, strict=True)]
        if len(cells) == 2 and all(map(_PATTERNS["digits"].fullmatch, joined)):
            return _read_dates(joined, " and ".join(names), where, {}, None)
        parts = list(_PARTS[: len(cells)])
    numbers = {part: _whole_numbers(column) for part, column in zip(parts, cells, strict=False)}
    if "year" not in numbers or len(cells) > len(_PARTS):
        listed = ", ".join(f"'{name}'" for name in names)
        raise DataError(
            f"{where(0)}: the columns {listed} make no time. Name those of year, month, day, hour, … in that order, or one of dates."
        )
    times = _composed(numbers, lambda row: f"{where(row)}: {' '.join(column[row] for column in cells)!r} ({', '.join(names)})")
    template = "{year:04}-{month:02}-{day:02}"
    if "hour" in numbers:
        template += " {hour:02}:{minute:02}" + (":{second:02}" if "second" in numbers else "")
    return times, TimeForm(template)


def _whole_numbers(cells: Sequence[str]) -> Ids:
    values = {cell: int(cell) for cell in set(cells)}
    return np.fromiter(map(values.__getitem__, cells), dtype=np.int64, count=len(cells))


def _template(order: Sequence[str], match: re.Match[str], widths: Mapping[str, int]) -> str:
    groups = match.groupdict()
    keys = {order[0]: "one", order[1]: "two"} if "one" in groups else {}

    def number(field: str) -> str:
        # What stands with one digit anywhere is written without zeros in front.
        return f"{{{field}:0{widths[keys.get(field, field)]}}}"

    template = (groups.get("mark") or "").join(number(part) for part in order)
    if groups.get("hour"):
        template += groups["between"] + (number("hour") if not groups["half"] else f"{{half_day:0{widths['hour']}}}")
        template += "".join(f":{{{part}:02}}" for part in ("minute", "second") if groups[part])
        if groups["half"]:
            template += " " * groups["half"].startswith(" ") + "{half}"
    return template


def _to_utc(
    times: Times, zones: list[str], template: str, cells: list[str], name: str, where: Callable[[int], Source], notes: dict[str, None]
) -> tuple[Times, TimeForm]:
    """Times of unlike offsets as UTC; of offsets that are the same but written otherwise, as they stand."""
    without = next((row for row, zone in enumerate(zones) if not zone), None)
    if without is not None:
        other = next(row for row, zone in enumerate(zones) if zone)
        row = max(without, other)
        raise DataError(
            f"{where(row)}: the time {excerpt(cells[row])} in column '{name}' is written {'with' if row == other else 'without'} an offset "
            f"from UTC, and {excerpt(cells[min(without, other)])} ({where(min(without, other))}) {'without' if row == other else 'with'} "
            "one. Write it with all times or with none."
        )
    known = {zone: offset_of(zone) for zone in set(zones)}
    if len(set(known.values())) == 1:
        return times, TimeForm(template + zones[0])
    if len(np.unique(times - times.astype("datetime64[D]"))) == 1:
        notes[f"column '{name}' has days with several offsets from UTC; they are read and written as days without an offset"] = None
        return times, TimeForm(template)
    notes[f"the times of column '{name}' have several offsets from UTC; they are read as UTC, and written with +00:00"] = None
    offsets = np.array([known[zone] for zone in zones], dtype="timedelta64[s]")
    return times - offsets, TimeForm(template + "+00:00")


def _fields(times: Times) -> dict[str, list[Any]]:
    months = times.astype("datetime64[M]")
    days = times.astype("datetime64[D]")
    month = months.astype(np.int64) % 12 + 1
    second = (times - days).astype(np.int64)
    hour = second // 3600
    found = {
        "year": months.astype("datetime64[Y]").astype(np.int64) + 1970,
        "month": month,
        "quarter": (month + 2) // 3,
        "day": (days - months.astype("datetime64[D]")).astype(np.int64) + 1,
        "hour": hour,
        "half_day": (hour + 11) % 12 + 1,
        "minute": second // 60 % 60,
        "second": second % 60,
    }
    return {key: values.tolist() for key, values in found.items()} | {"half": np.where(hour < 12, "AM", "PM").tolist()}


def _fraction(cell: str, name: str, where: Source) -> str:
    return (
        f"{where}: the time {excerpt(cell)} in column '{name}' has fractions of a second; whole seconds were expected. Number the rows and "
        "name that column with --time: a clock may count."
    )


def _no_time(cell: str, name: str, where: Source) -> str:
    if not cell:
        return f"{where}: the time (column '{name}') is missing. Every row needs one: write it, or remove the row."
    return f"{where}: {excerpt(cell)} in the column of times '{name}' is no time. Expected is for instance {EXPECTED}."
