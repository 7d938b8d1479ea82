"""Which units zoneout keeps at which step: a hash of seed, direction, state, row and unit, the same in the engine, in NumPy and in torch.

A hash and not a generator: a step's draws hang on nothing but these numbers, so they are the same whatever the number of threads
and however the batch is divided, and the backward pass draws them once more instead of keeping them.

Source: zoneout, Krueger et al. 2016, arXiv 1606.01305; the finalisers of MurmurHash3 (Appleby) and SplitMix64 (Steele et al. 2014).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import RecipeError
from tidegate.kernels.architecture import Cell, refusal

# Of the state h, and of an LSTM's c.
Zoneout = tuple[float, float]

_WORD = 0xFFFFFFFFFFFFFFFF
_GOLDEN = 0x9E3779B97F4A7C15


def check_zoneout(cell: Cell, zoneout: Zoneout) -> None:
    """Refuses probabilities that the cell cannot have.

    Raises:
        RecipeError: one is not in [0, 1), or the cell has no recurrent matrix, or no c.
    """
    for name, value in zip(("zoneout", "zoneout_cell"), zoneout, strict=True):
        if not 0 <= value < 1:
            raise RecipeError(f"{name} is {value}; expected a probability from 0 up to, not including, 1.")
        if value and (why := refusal(cell, name)):
            raise RecipeError(f"{name} is {value}, but {why}.")


def kept_units(
    seed: int, rows: NDArray[np.int64], hidden_size: int, probability: float, *, direction: int = 0, state: Literal["h", "c"] = "h"
) -> NDArray[np.bool_]:
    """[len(rows), hidden_size], True where a unit keeps its past instead of taking the new value.

    Args:
        seed: of the call, 0 to 2^64 − 1.
        rows: of the flat batch, one a step.
        hidden_size: H.
        probability: of keeping.
        direction: 0 or 1 of a layer of two.
        state: the state h or an LSTM's cell c, which draw apart.
    """
    low, high = _keys(seed, direction, state)
    with np.errstate(over="ignore"):
        by_row = _mixed(rows.astype(np.uint32) ^ low)
        units = np.arange(hidden_size, dtype=np.uint32) * np.uint32(0x9E3779B1)
        drawn = _mixed((by_row[:, None] + units) ^ high)
    kept: NDArray[np.bool_] = drawn.astype(np.uint64) < np.uint64(probability * 2.0**32)
    return kept


def _keys(seed: int, direction: int, state: str) -> tuple[np.uint32, np.uint32]:
    """The two 32-bit halves of SplitMix64's finaliser over the seed and the number of the stream."""
    value = (seed + _GOLDEN * (1 + 2 * direction + (state == "c"))) & _WORD
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _WORD
    value ^= value >> 31
    return np.uint32(value & 0xFFFFFFFF), np.uint32(value >> 32)


def _mixed(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    values = values ^ (values >> np.uint32(16))
    values = values * np.uint32(0x85EBCA6B)
    values = values ^ (values >> np.uint32(13))
    values = values * np.uint32(0xC2B2AE35)
    mixed: NDArray[np.uint32] = values ^ (values >> np.uint32(16))
    return mixed
