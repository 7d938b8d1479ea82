"""A recurrent layer for inference: on the engine where it was built, on the NumPy loop where not. Same numbers to rounding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.kernels import engine
from tidegate.kernels.architecture import Cell
from tidegate.kernels.recurrence import PackedCell, TimeMajor, run_packed
from tidegate.kernels.twins import CellWeights

Array = NDArray[np.floating[Any]]


class RecurrentLayer:
    """One layer of one or two directions, its weights packed once.

    Args:
        cell: which cell.
        directions: the weights of each; the second reads backward.
    """

    def __init__(self, cell: Cell, directions: Sequence[CellWeights]) -> None:
        self._cell: Cell = cell
        self._directions = tuple(directions)
        self._pack()

    def _pack(self) -> None:
        self._engine: engine.Layer | None = None
        self._loops: list[PackedCell] = []
        if engine.is_built():
            whole = np.ascontiguousarray
            weights = [(whole(w.weight_ih), whole(w.weight_hh), whole(w.bias_ih), whole(w.bias_hh)) for w in self._directions]
            self._engine = engine.Layer(self._cell, weights)
        else:
            engine.note_missing()
            self._loops = [PackedCell.pack(self._cell, w) for w in self._directions]

    def __getstate__(self) -> dict[str, Any]:
        return {"_cell": self._cell, "_directions": self._directions}  # what is packed depends on the machine

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._pack()

    def __call__(self, x: Array, offsets: NDArray[np.int64], places: NDArray[np.int64] | None = None) -> Array:
        """States [N, directions · H] for x [N, I] and offsets [B+1]; every sequence begins at zeros.

        With `places` [N], x [U, I] holds each distinct input once, and step n reads x[places[n]].
        """
        if self._engine is not None:
            states: Array = self._engine.forward(np.ascontiguousarray(x), offsets, places=places).y
            return states
        layouts = (TimeMajor.of(offsets, reverse=reverse) for reverse in (False, True))
        each = [run_packed(loop, x, layout, places) for loop, layout in zip(self._loops, layouts, strict=False)]
        return np.concatenate(each, axis=1) if len(each) == 2 else each[0]
