"""Gaps that are hidden on purpose, so that a network learns to fill them and can be scored: real gaps, transplanted onto seen steps.

A gap is holes in a row with a seen step on either side. Its pattern is its length and, step by step, which covariates were missing with
it: instruments fail together, and a network that never met that would lean on columns that are not there when they are needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tidegate.data.series import Series

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]

# A data set with fewer gaps of its own says little of their lengths: those of a geometric law are added.
FEWEST_GAPS = 20
_LAW = 200  # lengths that stand for the geometric law
_TRIES = 20  # places that are tried for a gap before it is left out
_MOST_MATES = 50  # series of a panel whose common gaps are kept
_LARGEST_SHARE = 3  # a gap is at most so large a part of the stretch it is hidden in: a third


@dataclass(frozen=True, slots=True)
class GapPatterns:
    """G gaps to transplant.

    Attributes:
        lengths: [G], in steps.
        columns: [sum of lengths, C], whether a covariate was missing at that step, gap after gap.
        mates: [sum of lengths, S], whether the series so many places further on in the panel (in a ring; 0 is the gap's own) was missing at
            that time; S is 0 where the panel has one series, or too many for their common gaps to matter.
        own: how many of them, the first, are the data's own; the others follow a geometric law.
    """

    lengths: Ints
    columns: Mask
    mates: Mask
    own: int

    @property
    def offsets(self) -> Ints:
        """[G+1], where each gap's rows of `columns` and `mates` begin."""
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)

    @classmethod
    def of(cls, series: Sequence[Series], starts: Sequence[int], columns: tuple[str, ...], *, mean: float) -> GapPatterns:
        """The patterns of all gaps of some series.

        Args:
            starts: when each series begins, in steps of the clock that they share.
            columns: names of the covariates, in the order of the patterns.
            mean: length of the gaps that are added where there are few, in steps; nothing else is missing in them.
        """
        count = len(series) if 1 < len(series) <= _MOST_MATES else 0
        absent = [~np.isfinite(one.y) for one in series]
        lengths: list[int] = []
        missing: list[Mask] = []
        mates: list[Mask] = []
        for place, one in enumerate(series):
            lacks = missing_in(one, columns)
            begins, ends = gaps_of(~absent[place])
            for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
                lengths.append(end - begin)
                missing.append(lacks[begin:end])
                beside = np.zeros((end - begin, count), dtype=np.bool_)
                for ahead in range(1, count):
                    mate = (place + ahead) % count
                    first, last = _overlap(starts[place] + begin, end - begin, starts[mate], len(absent[mate]))
                    shift = starts[place] + begin
                    beside[first - shift : last - shift, ahead] = absent[mate][first - starts[mate] : last - starts[mate]]
                mates.append(beside)
        own = len(lengths)
        if own < FEWEST_GAPS:
            law = geometric_lengths(mean)
            lengths.extend(law.tolist())
            missing.append(np.zeros((int(law.sum()), len(columns)), dtype=np.bool_))
            mates.append(np.zeros((int(law.sum()), count), dtype=np.bool_))
        return cls(np.array(lengths, dtype=np.int64), np.concatenate(missing), np.concatenate(mates), own)


@dataclass(frozen=True, slots=True)
class Hidden:
    """What is hidden of one series of T steps.

    Attributes:
        gap: [T], length of the gap that a step is hidden in; 0: it is not hidden, or was a hole all along.
        beside: [T], whether a step is hidden because it was missing together with a gap of another series.
        columns: [T, C], whether a covariate is hidden.
    """

    gap: Ints
    beside: Mask
    columns: Mask

    @property
    def steps(self) -> Ints:
        """The steps that are hidden in gaps of the series' own, ascending: those that are scored."""
        return np.flatnonzero(self.gap)

    @property
    def is_hidden(self) -> Mask:
        return (self.gap > 0) | self.beside

    def of(self, series: Series, names: tuple[str, ...]) -> Series:
        """The series without what is hidden; `names` are those of `columns`."""
        columns = dict(series.columns)
        for place, name in enumerate(names):
            if (lacks := self.columns[:, place]).any():
                values = columns[name].copy()
                values[: len(lacks)][lacks] = np.nan if values.dtype.kind == "f" else None
                columns[name] = values
        return replace(series, y=np.where(self.is_hidden, np.nan, series.y), columns=columns)


def gaps_of(seen: Mask) -> tuple[Ints, Ints]:
    """First steps of the gaps of a series, and the seen steps that end them; holes before the first seen step or after the last are not in
    one."""
    steps = np.flatnonzero(seen)
    is_wide = np.diff(steps) > 1
    return steps[:-1][is_wide] + 1, steps[1:][is_wide]


def missing_in(series: Series, names: tuple[str, ...]) -> Mask:
    """[T, C], whether a covariate has no value at a step of the target."""
    result = np.zeros((len(series.y), len(names)), dtype=np.bool_)
    for place, name in enumerate(names):
        values = series.columns[name][: len(series.y)]
        result[:, place] = np.isnan(values) if values.dtype.kind == "f" else [value is None for value in values]
    return result


def mean_gap(season: int) -> float:
    """Mean length of gaps where the data has few of its own, in steps: a quarter of a season."""
    return max(1.0, season / 4)


def geometric_lengths(mean: float) -> Ints:
    """Lengths that stand for a geometric law with this mean, at least 1: its quantiles at equal distances."""
    stay = 1 - 1 / max(1.0, mean)
    if stay == 0:
        return np.ones(_LAW, dtype=np.int64)
    rest = 1 - (np.arange(_LAW) + 0.5) / _LAW
    lengths: Ints = np.maximum(1, np.ceil(np.log(rest) / np.log(stay))).astype(np.int64)
    return lengths


def hide(
    seen: Sequence[Mask],
    starts: Sequence[int],
    patterns: GapPatterns,
    rng: np.random.Generator,
    *,
    share: float,
    bounds: Sequence[tuple[int, int]],
) -> list[Hidden]:
    """Hides gaps in each series of a panel until about `share` of its seen steps within its bounds are hidden.

    A gap keeps its length: its first and last step and the steps on either side of it are seen ones, and no two gaps of a series touch.
    Holes that lie in its midst stay holes. What was missing in other series together with it is hidden too, but for steps that
    touch gaps there. Every pattern is used once in a series before one is used again; one that finds no room is left out.

    Args:
        seen: of each series [T].
        starts: when each series begins, in steps of the clock that they share.
        share: in (0, 1).
        bounds: of each series the first step of the stretch and the one behind its last.
    """
    hidden = [
        Hidden(
            np.zeros(len(one), dtype=np.int64),
            np.zeros(len(one), dtype=np.bool_),
            np.zeros((len(one), patterns.columns.shape[1]), dtype=np.bool_),
        )
        for one in seen
    ]
    count = len(seen) if patterns.mates.shape[1] == len(seen) else 0
    offsets = patterns.offsets
    for place in rng.permutation(len(seen)).tolist():
        one, mine, (first, last) = seen[place], hidden[place], bounds[place]
        rest = share * int(one[first:last].sum()) - int((mine.is_hidden & one)[first:last].sum())
        free = one & ~mine.is_hidden
        usable = np.flatnonzero(patterns.lengths <= (last - first) // _LARGEST_SHARE)
        misses = 0
        while rest > 0 and len(usable) and misses < len(usable) + _TRIES:
            for number in rng.permutation(usable).tolist():
                length = int(patterns.lengths[number])
                begin = _place(free, mine.gap, length, rng, first, last)
                if begin is None:
                    misses += 1
                    continue
                rows = slice(int(offsets[number]), int(offsets[number + 1]))
                mine.gap[begin : begin + length] = length
                free[begin : begin + length] = False
                mine.columns[begin : begin + length] = patterns.columns[rows]
                for ahead in np.flatnonzero(patterns.mates[rows].any(axis=0)).tolist() if count else ():
                    mate = (place + ahead) % count
                    _hide_beside(seen[mate], hidden[mate], starts[place] + begin - starts[mate], patterns.mates[rows, ahead], bounds[mate])
                rest -= int(one[begin : begin + length].sum())
                if rest <= 0:
                    break
    for one, mine in zip(seen, hidden, strict=True):
        mine.gap[~one] = 0
        mine.beside[:] &= one & (mine.gap == 0)
    return hidden


def _hide_beside(seen: Mask, hidden: Hidden, begin: int, missing: Mask, bounds: tuple[int, int]) -> None:
    """Hides steps of a series from `begin` on that were missing with a gap of another one; none that touches a gap here."""
    first, last = _overlap(begin, len(missing), bounds[0], bounds[1] - bounds[0])
    if first >= last:
        return
    around = np.zeros(last - first + 2, dtype=np.bool_)
    low, high = max(first - 1, 0), min(last + 1, len(seen))
    around[low - first + 1 : high - first + 1] = hidden.gap[low:high] > 0
    touches = around[:-2] | around[1:-1] | around[2:]
    hidden.beside[first:last] |= missing[first - begin : last - begin] & ~touches


def _overlap(begin: int, length: int, other_begin: int, other_length: int) -> tuple[int, int]:
    """The stretch that two stretches share: first and the one behind the last; empty ones give first = last."""
    first = max(begin, other_begin)
    return first, max(first, min(begin + length, other_begin + other_length))


def _place(free: Mask, gap: Ints, length: int, rng: np.random.Generator, first: int, last: int) -> int | None:
    """A first step for a gap of this length, or None if no place was found."""
    room = last - first - length - 1
    if room < 1:
        return None
    for begin in (first + 1 + rng.integers(room, size=_TRIES)).tolist():
        end = begin + length
        if free[begin - 1] and free[begin] and free[end - 1] and free[end] and not gap[begin:end].any():
            return int(begin)
    return None
