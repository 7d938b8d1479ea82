"""Each unit of an input taken away alone; where that costs too much stretches first, and alone the units of the strongest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import listed
from tidegate.explanation.occlusion.singly import Singly
from tidegate.explanation.subjects.subject import BLANK, Scores, Subject

Ids = NDArray[np.int64]

# Units that are read at most, where what is left of an input is read anew for each unit: of n units n² are. Of an input of more than the
# root of this many, half is for stretches and half for the units of the strongest; but of either this many are read at least.
MOST_READ = 500_000
LEAST = 32
# Where reading goes on from what was read: units that are read at most. 5,000 words read by a bigru of 100 units take 550,000.
MOST_READ_ON = 1_000_000
# By so many units, from all over the input, it is found how far that goes.
_TRIED = 64
# Units that are read between two words on the progress.
_BETWEEN = 512
# Runs of units that a note names.
_RUNS = 3


class Meter:
    """Adds up the units that are read, and tells of it.

    Args:
        told: is told how many units were read, and how many will be in all, as far as that is known.
        expected: how many that is.
    """

    def __init__(self, told: Callable[[int, int], None] | None, expected: float) -> None:
        self._told, self._done, self._expected = told, 0.0, expected

    def expect(self, units: float) -> None:
        """So many more are to be read."""
        self._expected += units

    def add(self, units: float) -> None:
        """So many were read."""
        self._done += units
        if self._told is not None:
            self._told(int(min(self._done, self._expected)), int(self._expected))


def occlusion_of(subject: Subject, base: float, meter: Meter) -> tuple[Scores, NDArray[np.bool_]]:
    """Of each unit [T] the fall of the score without it, and whether it was taken away alone.

    Of a stretch that was taken away as a whole each unit has an equal share; the subject's notes then say so.

    Args:
        base: the score of the input as it is.
    """
    length = len(subject.units)
    singly = subject.singly() if length > LEAST else None
    way = _Anew(subject, base) if singly is None else _ReadingOn(singly, length, meter)
    if length <= way.affordable:
        meter.expect(way.each * length)
        return way.falls(np.arange(length)), np.ones(length, dtype=np.bool_)
    stretches = np.array_split(np.arange(length), min(length, max(LEAST, MOST_READ // (2 * length))))
    meter.expect(length * len(stretches) + way.each * way.affordable)
    of_stretches = _falls(subject, base, stretches)
    falls, is_single = np.empty(length), np.zeros(length, dtype=np.bool_)
    for stretch, fall in zip(stretches, of_stretches, strict=True):
        falls[stretch] = fall / len(stretch)
    parts = _closer(stretches, of_stretches, way.affordable)
    if units := [part[0] for part in parts if len(part) == 1]:
        falls[units], is_single[units] = way.falls(np.array(units)), True
    if wider := [part for part in parts if len(part) > 1]:
        for part, fall in zip(wider, _falls(subject, base, wider), strict=True):
            falls[part] = fall / len(part)
    subject.notes.append(_note(subject, max(map(len, stretches)), is_single))
    return falls, is_single


class _Anew:
    """Units taken away alone by reading all that is left.

    Attributes:
        each: the units that are read for one.
        affordable: for how many units that may be done.
    """

    def __init__(self, subject: Subject, base: float) -> None:
        self._subject, self._base = subject, base
        length = len(subject.units)
        self.each: float = length
        self.affordable = length if length * length <= MOST_READ else max(LEAST, MOST_READ // (2 * length))

    def falls(self, units: Ids) -> Scores:
        return _falls(self._subject, self._base, units[:, None])


class _ReadingOn:
    """The same by going on from what was read; how far that goes is tried."""

    def __init__(self, singly: Singly, length: int, meter: Meter) -> None:
        self._singly, self._meter = singly, meter
        tried = np.unique(np.linspace(0, length - 1, _TRIED).astype(np.int64))
        before = singly.read
        singly.scores(tried)
        self.each = max(1.0, (singly.read - before) / len(tried))
        self.affordable = max(LEAST, int(MOST_READ_ON / self.each))

    def falls(self, units: Ids) -> Scores:
        found = np.empty(len(units))
        for begin in range(0, len(units), _BETWEEN):
            before = self._singly.read
            found[begin : begin + _BETWEEN] = self._singly.base - self._singly.scores(units[begin : begin + _BETWEEN])
            self._meter.add(self._singly.read - before)
        return found


def _falls(subject: Subject, base: float, parts: Sequence[Ids] | Ids) -> Scores:
    """[P], fall of the score without the units of each part."""
    variants: Any = np.repeat(subject.as_it_is(), len(parts), axis=0)
    for row, part in zip(variants, parts, strict=True):
        row[part] = BLANK
    falls: Scores = base - subject.scores(variants)
    return falls


def _closer(stretches: Sequence[Ids], falls: Scores, most: int) -> list[Ids]:
    """What is looked at more closely: the units of the strongest stretches, in their order, while there are no more than `most`.

    Where there would be more in the first alone, it is so many parts of it.
    """
    chosen: list[int] = []
    left = most
    for number in np.argsort(-np.abs(falls), kind="stable").tolist():
        if len(stretches[number]) > left:
            break
        chosen.append(number)
        left -= len(stretches[number])
    if not chosen:
        return np.array_split(stretches[int(np.abs(falls).argmax())], most)
    return [unit for number in sorted(chosen) for unit in np.split(stretches[number], len(stretches[number]))]


def _note(subject: Subject, longest: int, is_single: NDArray[np.bool_]) -> str:
    """Which units were taken away alone, in words."""
    name = subject.unit_name
    bounds = np.flatnonzero(np.diff(is_single.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    runs = [f"{begin + 1:,} to {end:,}" for begin, end in bounds.tolist()]
    alone = f"{name}s {listed(runs, most=_RUNS)}, on which most hangs, alone" if runs else "none of them alone"
    return (
        f"the input is long: its {len(subject.units):,} {name}s were taken away in stretches of up to {longest:,}, and {alone}. "
        f"Of a stretch each {name} has an equal share of what hangs on it."
    )
