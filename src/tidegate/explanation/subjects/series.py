"""What the subjects of `forecast` and `fill` share: the series that is meant, and series of which some steps or covariates say nothing.

A step that says nothing has a hole for its value, and covariates known up to now are there as their mean (of texts: none of those known).
What is known ahead, the calendar too, stays: it was not measured at the step. The score is minus the change of the medians, in the
target's unit: 0 of the answer as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.covariates import EncodedSeries
from tidegate.data.scales import SeriesScale
from tidegate.data.series import Panel
from tidegate.errors import RecipeError, listed, nearest
from tidegate.explanation.subjects.subject import KEEP, Scores, Subject, Variants
from tidegate.runtime.trained_series import TrainedSeries

Ids = NDArray[np.int64]
Masks = NDArray[np.bool_]


class SeriesSubject(Subject):
    """A series among those of a panel.

    Args:
        trained: the series of training, and how others are read.
        series, target: which; None where there is but one.

    Attributes:
        data: all series that were given; `series` the one that is meant, `index` its place among them.
        channels: the target, covariates known up to now, those known ahead, the cycles of the calendar.
        past_channels, known_channels: [P] and [K], of each column of `EncodedSeries.past` and `known` the place of its channel.
        scale: of the series.

    Raises:
        RecipeError: the panel has no such series, or several and none is named.
    """

    can_cut = False
    unit_name = "step"
    scale: SeriesScale

    def __init__(self, config: Mapping[str, Any], trained: TrainedSeries, panel: Panel, series: str | None, target: str | None) -> None:
        super().__init__(config)
        self.index = _chosen(panel, series, target)
        self.data, self.series = panel, panel.series[self.index]
        self._past, self._known = trained.coder.places
        calendar = set(trained.coder.calendar)
        named = (f"calendar: {name}" if name in calendar else name for name in self._known)
        self.channels = (self.series.target, *self._past, *named)
        self.past_channels = [place for place, part in enumerate(self._past.values(), 1) for _ in range(part.stop - part.start)]
        first = 1 + len(self._past)
        self.known_channels = [place for place, part in enumerate(self._known.values(), first) for _ in range(part.stop - part.start)]

    def masks(self, row: Variants) -> tuple[Masks, dict[str, Masks], dict[str, Masks]]:
        """Where the units [T] of a variant have no value, and each covariate known up to now and each known ahead says nothing."""
        if row.ndim == 1:
            blank = row != KEEP
            return blank, dict.fromkeys(self._past, blank), {}
        each = dict(zip(("", *self._past, *self._known), (row != KEEP).T, strict=False))
        target = each.pop("")
        return target, {name: each[name] for name in self._past}, {name: each[name] for name in self._known}

    def without(self, one: EncodedSeries, holes: Masks, past: Mapping[str, Masks], known: Mapping[str, Masks]) -> EncodedSeries:
        """A series with holes [T], and covariates that say nothing, [T] or, of those known ahead, [R]."""
        y = np.where(holes, np.float32(np.nan), one.y)
        is_seen = ~np.isnan(y)
        last_seen = np.maximum.accumulate(np.where(is_seen, np.arange(len(y)), -1))
        covariates, ahead = one.past.copy(), one.known.copy()
        for name, mask in past.items():
            covariates[mask, self._past[name]] = 0
        for name, mask in known.items():
            ahead[np.flatnonzero(mask), self._known[name]] = 0
        return replace(
            one,
            y=y,
            filled=np.where(last_seen >= 0, y[np.maximum(last_seen, 0)], np.float32(0)).astype(np.float32),
            seen=is_seen.astype(np.float32),
            last_seen=last_seen,
            past=covariates,
            known=ahead,
        )

    def times(self, first: int, n: int) -> list[str]:
        """The times of n steps from `first` on, as the table writes them."""
        return self.data.form.write(self.data.times(self.series, first, n))


def score_of(medians: NDArray[np.float64], whole: NDArray[np.float64]) -> Scores:
    """Minus the mean change [V] of medians [V, M] from those of the input as it is, [M]."""
    scores: Scores = -np.abs(medians - whole).mean(axis=1)
    return scores


def _chosen(panel: Panel, series: str | None, target: str | None) -> int:
    found = [
        place
        for place, one in enumerate(panel.series)
        if (series is None or one.name == series) and (target is None or one.target == target)
    ]
    if len(found) == 1:
        return found[0]
    names, targets = list(dict.fromkeys(one.name for one in panel.series)), list(dict.fromkeys(one.target for one in panel.series))
    if not found:
        what, given, known = ("series", series, names) if series not in (None, *names) else ("target", target, targets)
        raise RecipeError(f"{what} is {given!r}; known are {listed(known)}.{nearest(str(given), known)}")
    missing = " and ".join(
        f"{what} ({listed(known)})"
        for what, given, known in (("series", series, names), ("target", target, targets))
        if not given and len(known) > 1
    )
    raise RecipeError(f"there are {len(found)} series, and one at a time is explained. Name its {missing}.")
