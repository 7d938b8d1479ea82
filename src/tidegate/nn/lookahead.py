"""A two-way layer that sees a bounded piece of the future: at each step the backward direction has read the next k steps and no more.

At step t the forward direction has read everything up to t; the backward direction reads t + k (or the end), …, t from zeros. So a state
is a function of the inputs up to t + k, and a stream can have it k steps behind the reading. It costs the backward direction k + 1 times
its steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tidegate.kernels.lookahead import backward_windows
from tidegate.nn.dropouts import DrawnLayer
from tidegate.nn.plain import run_flat_layer
from tidegate.nn.recurrence import DirectionWeights, EngineCell, recurrence, runs_on_engine


def bounded_layer(cell: EngineCell, x: Tensor, offsets: NDArray[np.int64], layer: DrawnLayer, lookahead: int) -> Tensor:
    """States [N, 2H] for x [N, I] and offsets [B+1] of a layer of two directions with a look-ahead of so many steps."""
    forward, backward = (_direction(layer, number) for number in range(2))
    windows = backward_windows(offsets, lookahead)
    if backward.mask is not None:  # of each sequence, dealt out to its windows
        lengths = torch.from_numpy(np.diff(offsets))
        backward = backward._replace(mask=backward.mask.repeat_interleave(lengths, dim=1))
    read = x.index_select(0, torch.from_numpy(windows.rows))
    return torch.cat([_run(cell, x, offsets, forward)[0], _run(cell, read, windows.offsets, backward)[1][0]], dim=1)


def _direction(layer: DrawnLayer, number: int) -> DrawnLayer:
    """One direction of a layer; each has zoneout's draws of its own."""
    mask = None if layer.mask is None else layer.mask[number : number + 1]
    seed = None if layer.seed is None else layer.seed ^ number
    weights: Sequence[DirectionWeights] = layer.weights
    return layer._replace(weights=[weights[number]], mask=mask, seed=seed)


def _run(cell: EngineCell, x: Tensor, offsets: NDArray[np.int64], layer: DrawnLayer) -> tuple[Tensor, Tensor]:
    """States at every step [N, H], and after each sequence [1, B, H]."""
    tensors = [part for direction in layer.weights for part in direction if part is not None]
    if runs_on_engine(x, *tensors):
        y, h, _ = recurrence(cell, x, offsets, layer.weights, mask=layer.mask, zoneout=layer.zoneout, seed=layer.seed)
        return y, h
    y, ends = run_flat_layer(cell, x, offsets, layer)
    return y, ends[0]
