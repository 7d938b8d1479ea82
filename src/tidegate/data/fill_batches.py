"""Steps of series as a network that fills holes reads them, whole or in windows, ragged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.data.covariates import EncodedSeries
from tidegate.data.series import Panel

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

# A distance of so many steps is read as 1.
_FAR = 100.0


@dataclass(frozen=True, slots=True)
class FillSteps:
    """One series of T steps as it is read.

    Attributes:
        x: [T, C], of each step: the first guess, whether the target is seen, how long it was not and, two ways, how long it will not be
            seen, past and known covariates, static ones; last, where they are read, the mean of the other series that are seen at that
            time (0 where none is) and their share.
        guess: [T], seen targets as they are, holes by the first guess, in units of the series' spread.
        reach: [T], steps to the nearest seen value (one way: to the last one), 0 where it is seen; T where nothing is.
        id: the series' number, 0 an unknown one.
    """

    x: Floats
    guess: Floats
    reach: Ints
    id: int

    def __len__(self) -> int:
        return len(self.guess)


class FillBatch(NamedTuple):
    """B stretches of series, N steps in all, of which M are asked.

    Attributes:
        x: [N, C].
        offsets: [B+1].
        ids: [B], of the stretches' series.
        asked: [M], steps whose target is wanted.
        guess: [M], the first guess of those.
        y: [M], their targets; NaN where they are not known.
    """

    x: Floats
    offsets: Ints
    ids: Ints
    asked: Ints
    guess: Floats
    y: Floats

    @property
    def tokens(self) -> int:
        return len(self.x)


def fill_width(past: int, known: int, static: int, *, is_two_way: bool, others: bool) -> int:
    """C, values that are read of a step."""
    return 3 + is_two_way + past + known + static + 2 * others


def others_of(targets: Sequence[Floats], starts: Sequence[int]) -> list[Floats]:
    """For each series [T, 2] what the other series of the panel say at the same time: the mean of those that are seen, and their share.

    Args:
        targets: of each series [T], in units of its spread; NaN a hole.
        starts: when each begins, in steps of the clock that they share.
    """
    begins = _without_empty_time(starts, [len(y) for y in targets])
    parts = [slice(begin, begin + len(y)) for begin, y in zip(begins, targets, strict=True)]
    length = max(part.stop for part in parts)
    total, count = np.zeros(length), np.zeros(length)
    for y, part in zip(targets, parts, strict=True):
        total[part] += np.nan_to_num(y)
        count[part] += np.isfinite(y)
    result = []
    for y, part in zip(targets, parts, strict=True):
        number = count[part] - np.isfinite(y)
        mean = np.where(number > 0, (total[part] - np.nan_to_num(y)) / np.maximum(number, 1), 0)
        result.append(np.stack([mean, number / max(1, len(targets) - 1)], axis=1).astype(np.float32))
    return result


def _without_empty_time(starts: Sequence[int], lengths: Sequence[int]) -> list[int]:
    """When each series begins if time without any is cut out: a logger whose clock began in 1970 costs no memory for all since."""
    begins = [0] * len(starts)
    end = removed = min(starts)
    for place in sorted(range(len(starts)), key=starts.__getitem__):
        removed += max(0, starts[place] - end)
        begins[place] = starts[place] - removed
        end = max(end, starts[place] + lengths[place])
    return begins


def read_steps(series: Sequence[EncodedSeries], starts: Sequence[int], *, is_two_way: bool, others: bool) -> list[FillSteps]:
    """The series of a panel as they are read.

    Args:
        starts: when each begins, in steps of the clock that they share.
        others: whether what `others_of` says is read too.
    """
    beside = others_of([one.y for one in series], starts) if others else [None] * len(series)
    return [_read(one, other, is_two_way=is_two_way) for one, other in zip(series, beside, strict=True)]


def _read(series: EncodedSeries, others: Floats | None, *, is_two_way: bool) -> FillSteps:
    """A series as it is read, with what `others_of` says of the others, if that is read.

    The first guess of a hole is the straight line between the seen neighbours, beyond the first and the last seen value that value; one way
    it is the last seen value, and before the first one the series' centre, 0.
    """
    y, length = series.y, len(series.y)
    seen = np.isfinite(y)
    steps = np.arange(length)
    at = np.flatnonzero(seen)
    before = np.maximum.accumulate(np.where(seen, steps, -1)) if length else steps
    since = np.where(before >= 0, steps - before, length)
    guess = np.where(before >= 0, y[np.maximum(before, 0)], 0).astype(np.float32)
    columns = [guess, seen, _distance(since)]
    reach = since
    if is_two_way:
        after = np.minimum.accumulate(np.where(seen, steps, 2 * length)[::-1])[::-1] if length else steps
        until = np.where(after < length, after - steps, length)
        if len(at):
            guess = np.where(seen, y, np.interp(steps, at, y[at])).astype(np.float32)
        columns = [guess, seen, _distance(since), _distance(until)]
        reach = np.minimum(since, until)
    static = np.broadcast_to(series.static, (length, len(series.static)))
    x = np.concatenate(
        [np.stack(columns, axis=1), series.past[:length], series.known[:length], static, *(() if others is None else (others,))], axis=1
    )
    return FillSteps(x.astype(np.float32), guess, reach.astype(np.int64), series.id)


def _distance(steps: Ints) -> NDArray[np.float64]:
    distance: NDArray[np.float64] = np.log1p(steps) / np.log1p(_FAR)
    return distance


def collate_steps(pieces: Sequence[tuple[FillSteps, int, int]], targets: Sequence[Floats]) -> FillBatch:
    """Stretches (series, first step, last step + 1) as one batch.

    Args:
        targets: for each stretch the targets of its steps, NaN where they are not asked.
    """
    offsets = np.zeros(len(pieces) + 1, dtype=np.int64)
    np.cumsum([last - first for _, first, last in pieces], out=offsets[1:])
    y = np.concatenate(targets)
    asked = np.flatnonzero(np.isfinite(y))
    return FillBatch(
        np.concatenate([steps.x[first:last] for steps, first, last in pieces]),
        offsets,
        np.array([steps.id for steps, _, _ in pieces], dtype=np.int64),
        asked,
        np.concatenate([steps.guess[first:last] for steps, first, last in pieces])[asked],
        y[asked],
    )


def panel_starts(panel: Panel) -> list[int]:
    """When each series of a panel begins, in steps of their common clock; the earliest at 0."""
    begins = np.array([series.begin for series in panel.series])
    return panel.frequency.positions(begins, begins.min()).tolist()  # type: ignore[no-any-return]


def stretches(asked: Ints, length: int, margin: int, most: int) -> list[tuple[int, int, Ints]]:
    """What must be read of a series of `length` steps so that those asked are read with `margin` steps on either side.

    Args:
        asked: ascending.
        most: asked steps of a stretch lie within so many steps; bounds the memory.

    Returns:
        of each stretch its first step, the one behind its last, and the steps asked in it.
    """
    found: list[tuple[int, int, Ints]] = []
    if not len(asked):
        return found
    breaks = np.flatnonzero(np.diff(asked) > 2 * margin) + 1
    for run in np.split(asked, breaks):
        parts = (run - run[0]) // most
        for part in np.split(run, np.flatnonzero(np.diff(parts)) + 1):
            found.append((max(0, int(part[0]) - margin), min(length, int(part[-1]) + margin + 1), part))
    return found
