"""A two-way layer that sees a bounded number of steps ahead, so that its states can be told while a sequence is still coming.

At step t the forward direction has read everything up to t; the backward direction reads the steps t + k (or the last one) to t from
zeros. With k as long as the sequence that is the ordinary two-way layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.kernels import Cell, CellWeights, RecurrentLayer, State, Zoneout

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

# Steps of windows that are run together: bounds the memory, k + 1 times a sequence otherwise.
_ROWS = 16384


class BoundedLayer:
    """One layer of two directions.

    Args:
        cell: which cell.
        directions: the weights of the forward direction and of the backward one.
        lookahead: k, 0 or more.
        zoneout: probabilities of h and of an LSTM's c; the layer gives the expectation.
    """

    def __init__(self, cell: Cell, directions: Sequence[CellWeights], lookahead: int, zoneout: Zoneout = (0.0, 0.0)) -> None:
        forward, backward = directions
        self.forward = RecurrentLayer(cell, [forward], zoneout)
        self._backward = RecurrentLayer(cell, [backward], zoneout)
        self._hidden_size = backward.hidden_size(cell)
        self.lookahead = lookahead

    def zeros(self, sequences: int) -> State:
        """The state before anything was read, of the forward direction alone: h, and of an lstm c, each [1, B, H]."""
        return self.forward.zeros(sequences)

    def run(self, x: Array, offsets: Ids, state: State | None = None, places: Ids | None = None) -> tuple[Array, State]:
        """States [N, 2H] for x [N, I] and offsets [B+1], and the forward direction's state after each sequence.

        With `places` [N], x [U, I] holds each distinct input once.
        """
        ahead, after = self.forward.run(x, offsets, state, places)
        return np.concatenate([ahead, self.backward(x, offsets, places)], axis=1), after

    def backward(self, x: Array, offsets: Ids, places: Ids | None = None) -> Array:
        """The backward direction's states [N, H] of sequences that have ended."""
        rows = np.arange(offsets[-1]) if places is None else places
        states = np.empty((len(rows), self._hidden_size), dtype=x.dtype)
        # The last k + 1 steps of a sequence all read from its end: one pass serves them.
        lengths = np.minimum(np.diff(offsets), self.lookahead + 1)
        tails = np.concatenate([[0], np.cumsum(lengths)])
        back = np.repeat(offsets[1:] + tails[:-1], lengths) - 1 - np.arange(tails[-1])
        states[back] = self._backward(x, tails, rows[back])
        is_early = np.ones(len(rows), dtype=bool)
        is_early[back] = False
        early = np.flatnonzero(is_early)
        at_a_time = max(1, _ROWS // (self.lookahead + 1))
        for begin in range(0, len(early), at_a_time):
            starts = early[begin : begin + at_a_time]
            first, end = int(starts[0]), int(starts[-1]) + self.lookahead + 1
            states[starts] = self._windows(x[rows[first:end]], starts - first)
        return states

    def ahead(self, x: Array, steps: int) -> Array:
        """The backward direction's states [steps, H] of the first steps of x [N, I], behind each of which k steps at least are there."""
        at_a_time = max(1, _ROWS // (self.lookahead + 1))
        parts = [
            self._windows(x[begin : begin + count + self.lookahead], np.arange(count))
            for begin in range(0, steps, at_a_time)
            for count in [min(at_a_time, steps - begin)]
        ]
        return np.concatenate(parts) if parts else np.empty((0, self._hidden_size), dtype=x.dtype)

    def _windows(self, x: Array, starts: Ids) -> Array:
        """The states [n, H] at steps of x [N, I] behind each of which k steps are there."""
        width = self.lookahead + 1
        places = starts[:, None] + np.arange(self.lookahead, -1, -1)
        after = self._backward.run(x, np.arange(len(starts) + 1) * width, None, places.reshape(-1))[1]
        states: Array = after[0][0]
        return states
