"""Covariates and the calendar in numbers, and series ready for a network.

Numbers are standardised by their mean and standard deviation over the training parts of all series; texts are one-hot over the most
frequent ones. Where a number is missing, the last one seen stands in (before the first: the mean), and a column of 0 and 1 says so where
training had such holes. The calendar is the sine and cosine of where in the day, week or year a step is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.data.clock import Frequency, Ids, Times
from tidegate.data.scales import SeriesScale, refuse_untransformed
from tidegate.data.series import Panel, Series
from tidegate.errors import DataError, listed

Gaps = Literal["mask", "interpolate", "refuse"]
Floats = NDArray[np.float32]

# A text covariate of more values than this keeps the most frequent.
_MOST_TEXTS = 50
_DAY = 86_400
_YEAR_DAYS = 365.25


@dataclass(frozen=True, slots=True)
class EncodedSeries:
    """A series in numbers: T steps known, R ≥ T with what is known ahead.

    Attributes:
        id: 1 and up for series of training, 0 for others.
        name: what messages call it.
        y: [T], scaled; NaN a hole.
        filled: [T], y with the last seen value in holes, 0 before any.
        seen: [T], 1 where y is seen, else 0.
        last_seen: [T], the last step up to each that is seen; -1 before any.
        past: [T, P], covariates known up to now.
        known: [R, K], covariates known ahead, the calendar among them.
        static: [S].
        rows: steps for which the table has covariates ahead; after these, `known` holds their last values.
    """

    id: int
    name: str
    y: Floats
    filled: Floats
    seen: Floats
    last_seen: Ids
    past: Floats
    known: Floats
    static: Floats
    rows: int

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True)
class _NumberColumn:
    """A covariate of numbers; `has_holes`: training had missing values, so a column says which are seen."""

    name: str
    mean: float
    std: float
    has_holes: bool

    @property
    def width(self) -> int:
        return 2 if self.has_holes else 1

    def encode(self, values: NDArray[Any], where: str) -> Floats:
        """[R] -> [R, width]."""
        if values.dtype == object:
            shown = next((value for value in values if value is not None), "")
            raise DataError(f"{where}: the covariate '{self.name}' is text here ({shown!r}); in training it was a number.")
        seen = ~np.isnan(values)
        last = np.maximum.accumulate(np.where(seen, np.arange(len(values)), -1)) if len(values) else np.zeros(0, dtype=np.int64)
        filled = np.where(last >= 0, (values[np.maximum(last, 0)] - self.mean) / self.std, 0.0)
        return np.stack([filled, seen], axis=1)[:, : self.width].astype(np.float32)


@dataclass(frozen=True, slots=True)
class _TextColumn:
    """A covariate of texts; `texts`: those that are told apart, the most frequent first."""

    name: str
    texts: tuple[str, ...]

    @property
    def width(self) -> int:
        return len(self.texts)

    def encode(self, values: NDArray[Any], where: str) -> Floats:
        """[R] -> [R, width], all zeros where the text is missing or unknown."""
        index: dict[str | None, int] = {text: place for place, text in enumerate(self.texts)}
        codes = np.array([index.get(value, -1) for value in _texts(values)], dtype=np.int64)
        return (codes[:, None] == np.arange(self.width)).astype(np.float32)  # type: ignore[no-any-return]

    def unknown(self, parts: Sequence[NDArray[Any]]) -> Counter[str]:
        """How often each text is there that is not told apart."""
        counts = Counter(text for values in parts for text in _texts(values) if text is not None)
        for text in self.texts:
            counts.pop(text, None)
        return counts


_Column = _NumberColumn | _TextColumn


class CovariateCoder:
    """Turns series into numbers.

    Args:
        past, future, static: how each column is coded.
        calendar: cycles of the calendar that are read: "day", "week", "year".
    """

    def __init__(
        self,
        frequency: Frequency,
        gaps: Gaps,
        past: Sequence[_Column],
        future: Sequence[_Column],
        static: Sequence[_Column],
        calendar: Sequence[str],
    ) -> None:
        self.frequency = frequency
        self.gaps = gaps
        self.calendar = tuple(calendar)
        self._past, self._future, self._static = tuple(past), tuple(future), tuple(static)
        self.past_width = sum(column.width for column in past)
        self.known_width = sum(column.width for column in future) + 2 * len(self.calendar)
        self.static_width = sum(column.width for column in static)

    @classmethod
    def fit(cls, panel: Panel, until: Sequence[int], *, calendar: bool = True, gaps: Gaps = "mask") -> CovariateCoder:
        """The coder of a panel, from the training part of each series: its first `until` [series] steps."""
        past = [_fitted(name, [one.columns[name][:end] for one, end in _each(panel, until)]) for name in panel.columns.past]
        future = [_fitted(name, [one.columns[name][:end] for one, end in _each(panel, until)]) for name in panel.columns.future]
        static = [
            _fitted(name, [_lone(one.static[name]) for one, _ in _each(panel, until)], is_static=True) for name in panel.columns.static
        ]
        return cls(panel.frequency, gaps, past, future, static, _cycles(panel.frequency, max(until, default=0)) if calendar else ())

    @property
    def places(self) -> tuple[dict[str, slice], dict[str, slice]]:
        """Where the columns of each covariate lie in `EncodedSeries.past`, and in `known` of those known ahead and of the calendar."""
        found: list[dict[str, slice]] = []
        cycles = [(cycle, 2) for cycle in self.calendar]
        for widths in ([(c.name, c.width) for c in self._past], [(c.name, c.width) for c in self._future] + cycles):
            ends = np.cumsum([width for _, width in widths]).tolist()
            found.append({name: slice(end - width, end) for (name, width), end in zip(widths, ends, strict=True)})
        return found[0], found[1]

    def encode(self, series: Series, scale: SeriesScale, *, extra: int = 0, id: int = 0, name: str | None = None) -> EncodedSeries:
        """A series in numbers.

        Args:
            extra: so many steps after the last known one are in `known` too, the calendar going on.
            id: the number of a series of training, from 1.
            name: what messages call it; None: its own name.

        Raises:
            DataError: gaps = "refuse" and a hole; a text where training had a number; a value that the transform refuses.
        """
        label = series.name if name is None else name
        refuse_untransformed(series.y, scale.transform, f"series '{label}' ({series.place})")
        y = scale.apply(series.y).astype(np.float32)
        is_seen = ~np.isnan(y)
        steps = len(y)
        if self.gaps == "refuse" and not is_seen.all():
            hole = int(np.argmin(is_seen))
            time = self.frequency.times(series.begin, hole, 1)[0]
            raise DataError(
                f"series '{label}' (from {series.place}): no value at {str(time).replace('T', ' ')} (step {hole + 1}), and "
                f"{int((~is_seen).sum()):,} holes in all, which gaps = refuse does not allow. Fill them, or take gaps = mask or "
                "interpolate."
            )
        last_seen = np.maximum.accumulate(np.where(is_seen, np.arange(steps), -1)) if steps else np.zeros(0, dtype=np.int64)
        filled = np.where(last_seen >= 0, y[np.maximum(last_seen, 0)], np.float32(0)) if steps else y
        rows = max(len(series.has_row), steps)
        past = [column.encode(series.columns[column.name][:steps], series.place) for column in self._past]
        known = [_longer(column.encode(series.columns[column.name], series.place), steps + extra) for column in self._future]
        length = max(rows, steps + extra)
        known += [calendar_of(self.frequency.times(series.begin, 0, length), cycle) for cycle in self.calendar]
        static = [column.encode(_lone(series.static[column.name]), series.place)[0] for column in self._static]
        return EncodedSeries(
            id,
            label,
            y,
            filled.astype(np.float32),
            is_seen.astype(np.float32),
            last_seen,
            _side_by_side(past, steps),
            _side_by_side(known, length),
            np.concatenate(static) if static else np.zeros(0, dtype=np.float32),
            rows,
        )

    def unknown(self, series: Sequence[Series]) -> tuple[str, ...]:
        """Notes on texts of the series' covariates that are read as if they were missing, since training had none such."""
        once = {one.name: one for one in series}.values()  # the targets of one thing have the same covariates
        moving = [(column, [one.columns[column.name] for one in once]) for column in (*self._past, *self._future)]
        static = [(column, [_lone(one.static[column.name]) for one in once]) for column in self._static]
        notes = []
        for column, parts in (*moving, *static):
            if isinstance(column, _TextColumn) and (found := column.unknown(parts)):
                texts = listed(f"{text!r} ({count:,})" for text, count in found.most_common())
                notes.append(f"the covariate '{column.name}' has texts that the model does not know and reads as missing: {texts}.")
        return tuple(notes)

    def to_json(self) -> dict[str, Any]:
        return {
            "frequency": self.frequency.text,
            "gaps": self.gaps,
            "past": [asdict(column) for column in self._past],
            "future": [asdict(column) for column in self._future],
            "static": [asdict(column) for column in self._static],
            "calendar": list(self.calendar),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> CovariateCoder:
        columns = ([_stored(column) for column in stored[kind]] for kind in ("past", "future", "static"))
        past, future, static = columns
        return cls(Frequency.parse(stored["frequency"]), stored["gaps"], past, future, static, stored["calendar"])


def calendar_of(times: Times, cycle: str) -> Floats:
    """[R] times -> [R, 2], sine and cosine of where in the cycle (day, week or year) each is."""
    days = times.astype("datetime64[D]")
    second = (times - days).astype(np.int64)
    if cycle == "day":
        turn = second / _DAY
    elif cycle == "week":
        # 1970-01-05 was a Monday.
        turn = ((days - np.datetime64("1970-01-05")).astype(np.int64) % 7 + second / _DAY) / 7
    else:
        turn = ((days - times.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64) + second / _DAY) / _YEAR_DAYS
    return np.stack([np.sin(2 * np.pi * turn), np.cos(2 * np.pi * turn)], axis=1).astype(np.float32)


def _cycles(frequency: Frequency, steps: int) -> tuple[str, ...]:
    """The cycles that a step divides and that the longest training part has gone through once."""
    if frequency.unit == "count":
        return ()
    seconds = frequency.step if frequency.unit == "s" else round(frequency.step * _YEAR_DAYS * _DAY / 12)
    spans = {"day": _DAY, "week": 7 * _DAY, "year": round(_YEAR_DAYS * _DAY)}
    least = spans["day"] if frequency.unit == "month" else 0
    return tuple(
        cycle for cycle, span in spans.items() if seconds < span > least and (steps + 1) * seconds >= span and _varies(cycle, seconds)
    )


def _varies(cycle: str, seconds: int) -> bool:
    return seconds % {"day": _DAY, "week": 7 * _DAY}.get(cycle, seconds + 1) != 0


def _each(panel: Panel, until: Sequence[int]) -> zip[tuple[Series, int]]:
    return zip(panel.series, until, strict=True)


def _fitted(name: str, parts: Sequence[NDArray[Any]], *, is_static: bool = False) -> _Column:
    if any(part.dtype == object for part in parts):
        counts = Counter(value for part in parts for value in part.tolist() if isinstance(value, str))
        return _TextColumn(name, tuple(text for text, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_MOST_TEXTS]))
    values = np.concatenate(parts) if parts else np.zeros(0)
    seen = values[~np.isnan(values)]
    mean, std = (float(seen.mean()), float(seen.std())) if len(seen) else (0.0, 1.0)
    return _NumberColumn(name, mean, std if std > 1e-12 * max(1.0, abs(mean)) else 1.0, len(seen) < len(values))


def _lone(value: float | str | None) -> NDArray[Any]:
    """A static value as a column of one row."""
    if value is None:
        return np.array([np.nan])
    return np.array([value], dtype=object if isinstance(value, str) else np.float64)


def _texts(values: NDArray[Any]) -> list[str | None]:
    """A column of texts; numbers as texts."""
    if values.dtype == object:
        texts: list[str | None] = values.tolist()
        return texts
    return [None if value != value else f"{value:g}" for value in values.tolist()]


def _stored(column: Mapping[str, Any]) -> _Column:
    if "texts" in column:
        return _TextColumn(column["name"], tuple(column["texts"]))
    return _NumberColumn(column["name"], float(column["mean"]), float(column["std"]), bool(column["has_holes"]))


def _longer(values: Floats, length: int) -> Floats:
    """[R, k] -> [max(R, length), k], the last row repeated."""
    if len(values) >= length or not len(values):
        return values
    return np.concatenate([values, np.repeat(values[-1:], length - len(values), axis=0)])


def _side_by_side(parts: Sequence[Floats], length: int) -> Floats:
    return np.ascontiguousarray(np.concatenate(parts, axis=1)) if parts else np.zeros((length, 0), dtype=np.float32)
