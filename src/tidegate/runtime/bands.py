"""Bands that hold what they promise: quantiles moved outwards or inwards by what held-out windows show (split conformal prediction).

Sources: Romano, Patterson & Candès 2019, "Conformalized quantile regression", arXiv 1905.03222, each side by itself; Chernozhukov,
Fernández-Val & Galichon 2010, "Quantile and probability curves without crossing", for sorting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.scoring.forecasting import sides_of

Array = NDArray[np.floating[Any]]

# A step's own windows are enough from so many on; fewer are pooled with those of the steps around it.
_ENOUGH = 200
# Of the distance between median and bound, what calibration leaves at least.
_LEAST_SHARE = 0.25
# Said where no part was kept to test on.
UNTESTED = (
    "dev: the bands were moved until they held on this part, so its coverage says nothing of other times; --test-last keeps a part to "
    "measure it on."
)


def calibrate(quantiles: Array, y: Array, levels: Sequence[int]) -> Array:
    """What to add to the quantiles so that each side of each band leaves out its share: offsets [F, Q], the median's 0.

    Each is the ⌈(n+1)(1−α/2)⌉-th smallest of n distances to the truth. A step with few truths borrows those of its neighbours, as near
    as there are; `pooling_notes` says so.

    Args:
        quantiles: [n, F, Q], of windows that training has not seen; sorted here if they are not.
        y: [n, F], the truths in the same unit; NaN where there is none.
        levels: percent.
    """
    quantiles = np.sort(quantiles, axis=-1)
    _, steps, count = quantiles.shape
    offsets = np.zeros((steps, count))
    pools = _pools(y, _enough(levels))
    for level, sides in sides_of(levels).items():
        for side, place in zip((-1.0, 1.0), sides, strict=True):
            distances = side * (y - quantiles[:, :, place])
            for step, pool in enumerate(pools):
                values = distances[:, pool].ravel()
                values = values[~np.isnan(values)]
                if len(values):
                    # Rounded: (n + 1) · 0.95 must not be a whole number and a hair.
                    rank = min(len(values), math.ceil(round((len(values) + 1) * (0.5 + level / 200), 9)))
                    offsets[step, place] = side * np.partition(values, rank - 1)[rank - 1]
    return offsets.astype(np.float32)


def pooling_notes(y: Array, levels: Sequence[int], *, each: str = "step") -> tuple[str, ...]:
    """What is to be said of bands calibrated on these truths [n, F]: that steps were pooled, or are too few even so.

    Args:
        each: what the F are.
    """
    counts = (~np.isnan(y)).sum(axis=0)
    if not counts.sum():
        return ("the bands are not calibrated, since no held-out window has a truth; they are the network's own quantiles.",)
    notes = []
    if counts.min() < _enough(levels):
        notes.append(
            f"the bands are calibrated on {int(counts.min()):,} held-out values a {each} where fewest; {each}s with under "
            f"{_enough(levels):,} were pooled with those around them. A longer dev part makes them surer."
        )
    if unsure := [level for level in sorted(levels) if counts.sum() < _least(level)]:
        named = ", ".join(f"{level} %" for level in unsure)
        notes.append(f"the bands of {named} rest on {int(counts.sum()):,} held-out values in all, too few to promise their coverage.")
    return tuple(notes)


def calibrated(quantiles: Array, offsets: Array) -> Array:
    """Sorted quantiles [..., F, Q] moved by offsets [F, Q], and kept from crossing: no bound comes nearer to the median than one inside.

    The median stays what it was. Offsets that narrow bands leave a quarter of each side: they are the same for all windows, and would
    take all of it from those of which the network is surest. Steps behind the F of the offsets take those of the last.
    """
    steps = quantiles.shape[-2]
    moved = quantiles + offsets[np.minimum(np.arange(steps), len(offsets) - 1)]
    middle = quantiles.shape[-1] // 2
    median = quantiles[..., middle]
    for place in range(1, middle + 1):
        for side, keep in ((middle + place, np.maximum), (middle - place, np.minimum)):
            keep(moved[..., side], median + _LEAST_SHARE * (quantiles[..., side] - median), out=moved[..., side])
        upper, lower = moved[..., middle + place], moved[..., middle - place]
        np.maximum(upper, moved[..., middle + place - 1], out=upper)
        np.minimum(lower, moved[..., middle - place + 1], out=lower)
    return moved


def rounded(value: float, width: float) -> float:
    """A quantile as it is written: to seven digits of its own size or of the width of its bands, whichever is finer."""
    sizes = [size for size in (abs(value), width) if 0 < size < math.inf]
    return round(value, max(0, 6 - math.floor(math.log10(min(sizes))))) if sizes else value


def _least(level: int) -> int:
    """Values that a bound of that level needs, for its rank to be among them."""
    return math.ceil(round(1 / (0.5 - level / 200), 9)) - 1


def _enough(levels: Sequence[int]) -> int:
    return max(_ENOUGH, *map(_least, levels))


def _pools(y: Array, enough: int) -> list[slice]:
    """Of each step of y [n, F] the steps around it that together have enough truths, or all."""
    steps = y.shape[1]
    totals = np.concatenate([[0], np.cumsum((~np.isnan(y)).sum(axis=0))])
    pools = []
    for step in range(steps):
        low, high = step, step + 1
        while totals[high] - totals[low] < enough and (low > 0 or high < steps):
            low, high = max(0, low - 1), min(steps, high + 1)
        pools.append(slice(low, high))
    return pools
