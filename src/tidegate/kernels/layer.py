"""A recurrent layer for inference: on the engine where it was built, on the NumPy loop where not. Same numbers to rounding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.kernels import engine
from tidegate.kernels.architecture import Cell
from tidegate.kernels.recurrence import PackedCell, TimeMajor, run_packed, step_packed
from tidegate.kernels.twins import CellWeights, State
from tidegate.kernels.zoneout import Zoneout, check_zoneout
from tidegate.threads import default_threads

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]


class RecurrentLayer:
    """One layer of one or two directions, its weights packed once.

    Args:
        cell: which cell.
        directions: the weights of each; the second reads backward.
        zoneout: probabilities of h and of an LSTM's c; the layer gives the expectation.

    Raises:
        ShapeError: the weights are another cell's.
        RecipeError: the cell has no layer norm, or no zoneout.
    """

    def __init__(self, cell: Cell, directions: Sequence[CellWeights], zoneout: Zoneout = (0.0, 0.0)) -> None:
        check_zoneout(cell, zoneout)
        self._cell: Cell = cell
        self._directions = tuple(directions)
        self._zoneout = zoneout
        self._pack()

    def _pack(self) -> None:
        self._engine: engine.Layer | None = None
        self._loops: list[PackedCell] = []
        self._threads = default_threads()
        if engine.is_built():
            weights: list[Any] = [
                tuple(None if part is None else np.ascontiguousarray(part) for part in w.in_order()) for w in self._directions
            ]
            self._engine = engine.Layer(self._cell, weights, zoneout=self._zoneout)
        else:
            engine.note_missing()
            self._loops = [PackedCell.pack(self._cell, w, self._zoneout) for w in self._directions]

    def __getstate__(self) -> dict[str, Any]:
        # What is packed depends on the machine.
        return {"_cell": self._cell, "_directions": self._directions, "_zoneout": self._zoneout}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._pack()

    def __call__(self, x: Array, offsets: Ids, places: Ids | None = None) -> Array:
        """States [N, directions · H] for x [N, I] and offsets [B+1]; every sequence begins at zeros.

        With `places` [N], x [U, I] holds each distinct input once, and step n reads x[places[n]].
        """
        return self.run(x, offsets, None, places)[0]

    def zeros(self, sequences: int) -> State:
        """The state before anything was read: h, and of an lstm c, each [directions, B, H]."""
        first = self._directions[0]
        shape = (len(self._directions), sequences, first.hidden_size(self._cell))
        return tuple(np.zeros(shape, dtype=first.weight_ih.dtype) for _ in range(2 if self._cell == "lstm" else 1))

    def run(self, x: Array, offsets: Ids, state: State | None = None, places: Ids | None = None) -> tuple[Array, State]:
        """As a call, from `state` (zeros if None); gives the states [N, directions · H] and the state after each sequence.

        A sequence without steps keeps its state. On the engine a sequence read in parts, each from the state after the last, has the same
        bits as read at once; on the loop it is the same to rounding.
        """
        if self._engine is not None:
            out = self._engine.forward(np.ascontiguousarray(x), offsets, *(state or ()), places=places)
            return out.y, (out.hn,) if out.cn is None else (out.hn, out.cn)
        before = state or self.zeros(len(offsets) - 1)
        each = []
        for direction, loop in enumerate(self._loops):
            layout = TimeMajor.of(offsets, reverse=direction == 1)
            each.append(run_packed(loop, x, layout, places, tuple(part[direction] for part in before)))
        states = np.concatenate([y for y, _ in each], axis=1) if len(each) == 2 else each[0][0]
        return states, tuple(np.stack(parts) for parts in zip(*(after for _, after in each), strict=True))

    def step(self, x: Array, state: State) -> State:
        """The state after one more step of B sequences, x [B, I], of a layer of one direction: the same bits as `run`'s on the engine."""
        if self._engine is not None:
            # Steps of a stream follow each other closely, so a second thread is still awake.
            if len(state) == 1:
                return (self._engine.step(x, state[0][0], threads=self._threads)[None],)
            h, c = self._engine.step(x, state[0][0], state[1][0], threads=self._threads)
            return h[None], c[None]
        (loop,) = self._loops
        return tuple(part[None] for part in step_packed(loop, x, tuple(part[0] for part in state)))
