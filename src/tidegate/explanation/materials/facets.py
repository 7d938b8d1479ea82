"""What a stretch of steps of a series is like: how high its values are, when in the day, week and year it lies, how far from somewhere.

A stretch is a step, or a segment of several. Of each facet it belongs to one group: 'load: high', 'hour 07', '13–36 steps back'.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tidegate.data.series import Panel
from tidegate.explanation.materials.material import LEVELS, THIRDS, Ids

Values = NDArray[np.float64]

# Of a covariate of texts so many are told apart, the most frequent ones.
_MOST_TEXTS = 20
_DAY, _WEEK, _YEAR = 86_400, 7 * 86_400, 366 * 86_400
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip


class Facet(ABC):
    """One way of telling stretches apart.

    Attributes:
        names: of its groups.
    """

    names: tuple[str, ...]

    @abstractmethod
    def of(self, place: int, starts: Ids) -> Ids:
        """The group [n] of each stretch of the series at `place` that begins at a step, `starts` [n]."""


class Facets:
    """Several facets side by side, their groups numbered on.

    Attributes:
        names: of all groups.
    """

    def __init__(self, facets: Sequence[Facet]) -> None:
        self._facets = facets
        self._first = np.concatenate([[0], np.cumsum([len(facet.names) for facet in facets])]).astype(np.int64)
        self.names = tuple(name for facet in facets for name in facet.names)

    def of(self, places: Ids, starts: Ids) -> Ids:
        """The groups [N, G] of stretches of the series at `places` [N] that begin at the steps `starts` [N]."""
        groups = np.empty((len(starts), len(self._facets)), dtype=np.int64)
        for place in np.unique(places).tolist():
            rows = np.flatnonzero(places == place)
            for column, facet in enumerate(self._facets):
                groups[rows, column] = self._first[column] + facet.of(place, starts[rows])
        return groups


class Level(Facet):
    """Whether the mean of the values that are there is low, middling or high, or none is there.

    Args:
        name: of the column.
        series: of each series its values, NaN missing.
        width: steps of a stretch.
        is_shared: whether the thirds are those of all series together; else each has its own.
    """

    def __init__(self, name: str, series: Sequence[Values], width: int, *, is_shared: bool) -> None:
        self.names = tuple(f"{name}: {level}" for level in LEVELS)
        self._width = width
        there = [values[np.isfinite(values)] for values in series]
        self._bounds = [_thirds(np.concatenate(there))] * len(there) if is_shared else [_thirds(values) for values in there]
        self._sums = [_running(np.nan_to_num(values)) for values in series]
        self._counts = [_running(np.isfinite(values)) for values in series]

    def of(self, place: int, starts: Ids) -> Ids:
        counts, sums = (_within(parts[place], starts, self._width) for parts in (self._counts, self._sums))
        groups: Ids = np.searchsorted(self._bounds[place], sums / np.maximum(counts, 1), side="left").astype(np.int64)
        groups[counts == 0] = len(LEVELS) - 1
        return groups


class Text(Facet):
    """Which text stands at the first step; the most frequent ones are told apart."""

    def __init__(self, name: str, series: Sequence[NDArray[np.object_]]) -> None:
        counts = Counter(value for values in series for value in values.tolist() if value is not None)
        texts = [text for text, _ in counts.most_common(_MOST_TEXTS)]
        self.names = (*(f"{name}: {text}" for text in texts), f"{name}: {'other or missing' if len(counts) > len(texts) else 'missing'}")
        number = {text: place for place, text in enumerate(texts)}
        # Behind the last row nothing is known.
        self._codes = [np.array([*(number.get(value, len(texts)) for value in values.tolist()), len(texts)]) for values in series]

    def of(self, place: int, starts: Ids) -> Ids:
        codes: Ids = self._codes[place]
        return codes[np.minimum(starts, len(codes) - 1)]


class _Clock(Facet):
    """When a stretch begins."""

    def __init__(self, panel: Panel, names: tuple[str, ...]) -> None:
        self._panel, self.names = panel, names

    def _times(self, place: int, starts: Ids) -> NDArray[np.datetime64]:
        series, first = self._panel.series[place], int(starts.min())
        return self._panel.times(series, first, int(starts.max()) - first + 1)[starts - first]


class _Hour(_Clock):
    def of(self, place: int, starts: Ids) -> Ids:
        times = self._times(place, starts)
        hours: Ids = (times - times.astype("datetime64[D]")).astype(np.int64) // 3600
        return hours


class _Weekday(_Clock):
    def of(self, place: int, starts: Ids) -> Ids:
        # 1970-01-05 was a Monday.
        return (self._times(place, starts).astype("datetime64[D]") - np.datetime64("1970-01-05")).astype(np.int64) % 7


class _Month(_Clock):
    def of(self, place: int, starts: Ids) -> Ids:
        return self._times(place, starts).astype("datetime64[M]").astype(np.int64) % 12


def clock_facets(panel: Panel, width: int) -> list[Facet]:
    """Hours, weekdays and months, so far as a stretch of `width` steps has one and the series are so long that they come again."""
    frequency = panel.frequency
    if frequency.unit == "count":
        return []
    step = frequency.step * (1 if frequency.unit == "s" else _YEAR // 12)
    span, longest = step * width, step * max(len(series.y) for series in panel.series)
    begins = "from " if width > 1 else ""
    found: list[Facet] = []
    if span < _DAY and longest >= 2 * _DAY:
        found.append(_Hour(panel, tuple(f"{begins}hour {hour:02d}" for hour in range(24))))
    if span < _WEEK and longest >= 2 * _WEEK:
        found.append(_Weekday(panel, tuple(f"{begins}{name}" for name in _WEEKDAYS)))
    if span < _YEAR and longest >= 2 * _YEAR:
        found.append(_Month(panel, tuple(f"{begins}{name}" for name in _MONTHS)))
    return found


def covariate_facets(panel: Panel, names: Sequence[str], width: int) -> list[Facet]:
    """A facet for each covariate of numbers or texts, by the thirds of all series."""
    found: list[Facet] = []
    for name in names:
        columns = [series.columns[name] for series in panel.series]
        if any(column.dtype == object for column in columns):
            found.append(Text(name, columns))
        else:
            found.append(Level(name, columns, width, is_shared=True))
    return found


def target_facets(panel: Panel, width: int) -> list[Facet]:
    """How high the target is, by the thirds of each series."""
    names = dict.fromkeys(series.target for series in panel.series)
    return [Level(" or ".join(names), [series.y for series in panel.series], width, is_shared=False)]


def distance_names(most: int, width: int, said: str) -> tuple[str, ...]:
    """Names of the groups of `distance_of` up to a distance of so many stretches: '1 step back', '2–3 steps back', …

    Args:
        width: steps of a stretch.
        said: what stands behind the number of steps.
    """
    names = []
    for group in range(int(most).bit_length()):
        first, last = (2**group - 1) * width + 1, min(2 ** (group + 1) - 1, most) * width
        steps = f"{first:,}" if first == last else f"{first:,}–{last:,}"
        names.append(f"{steps} step{'' if last == 1 else 's'} {said}")
    return tuple(names)


def distance_of(distances: Ids) -> Ids:
    """The group of each distance, 1 and up, in stretches: 1, 2 to 3, 4 to 7 and so on."""
    groups: Ids = np.frexp(distances.astype(np.float64))[1].astype(np.int64) - 1
    return groups


def _thirds(values: Values) -> Values:
    bounds: Values = np.quantile(values, THIRDS) if len(values) else np.zeros(2)
    return bounds


def _running(values: NDArray[np.float64] | NDArray[np.bool_]) -> Values:
    return np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])


def _within(running: Values, starts: Ids, width: int) -> Values:
    """Sums [n] over `width` steps from each start, so far as there are steps."""
    most = len(running) - 1
    sums: Values = running[np.minimum(starts + width, most)] - running[np.minimum(starts, most)]
    return sums
