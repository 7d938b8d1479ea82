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
from tidegate.kernels.zoneout import Zoneout, check_zoneout

Array = NDArray[np.floating[Any]]


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
