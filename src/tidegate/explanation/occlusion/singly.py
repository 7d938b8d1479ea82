"""Scores of an input of which one unit at a time is blanked, by reading on from what was read: the same numbers as reading all anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tidegate.explanation.occlusion.repooling import Repooling
from tidegate.explanation.occlusion.rereading import BLOCK, ReadSequence
from tidegate.runtime.layers import Pooling, RecurrentStack, States

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Scores = NDArray[np.float64]


class Singly(Protocol):
    """A score of an input, and what it becomes without a unit.

    Attributes:
        base: of the input as it is.
        read: how many times a unit was read so far, by all layers and directions; as all anew would be of so many units.
    """

    @property
    def base(self) -> float: ...

    @property
    def read(self) -> float: ...

    def scores(self, units: Ids) -> Scores:
        """[V], where units[v] is blanked; neighbours should stand beside each other."""
        ...


class PooledSingly:
    """Of a network whose states are pooled.

    Args:
        stack: without a look-ahead.
        x: [T, I], what it reads; `blank` [I] of a unit that is blanked.
        pooling: of its states.
        score: of pooled vectors [V, D], in each of which one of the units [V] is blanked; a unit of −1 is none.
    """

    def __init__(self, stack: RecurrentStack, x: Array, blank: Array, pooling: Pooling, score: Callable[[Array, Ids], Scores]) -> None:
        self._sequence = ReadSequence(stack, x)
        self._blank, self._score, self._pooling = blank, score, Repooling(pooling, self._sequence)
        self._sizes = sum(map(len, stack.weights))
        self.base = float(score(self._pooling.whole(), np.full(1, -1, dtype=np.int64))[0])
        self.read = float(len(x))

    def scores(self, units: Ids) -> Scores:
        found = np.empty(len(units))
        for part, reread in self._sequence.replaced(units, self._blank):
            found[part] = self._score(self._pooling.of(reread), units[part])
            self.read += reread.steps / self._sizes
        return found


class LastSingly:
    """Of a one-way network whose last state is scored.

    Args:
        stack: one-way.
        x: [T, I], what it reads; `blank` [I] of a unit that is blanked.
        before: the states that it begins from.
        score: of last states [V, D].
    """

    def __init__(self, stack: RecurrentStack, x: Array, blank: Array, before: States, score: Callable[[Array], Scores]) -> None:
        self._sequence = ReadSequence(stack, x, before)
        self._blank, self._score = blank, score
        self._sizes = sum(map(len, stack.weights))
        self.base = float(score(self._sequence.states[-1:])[0])
        self.read = float(len(x))

    def scores(self, units: Ids) -> Scores:
        """As said; a unit behind the last that is read changes nothing."""
        last, length = (len(self._sequence.states) - 1) % BLOCK, len(self._sequence.states)
        found = np.full(len(units), self.base)
        is_read = np.flatnonzero(units < length)
        for part, reread in self._sequence.replaced(units[is_read], self._blank):
            self.read += reread.steps / self._sizes
            own = reread.own[:, -1]
            changed = own >= 0
            if changed.any():
                found[is_read[part][changed]] = self._score(reread.states[own[changed], last])
        return found
