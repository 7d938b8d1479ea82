"""Which steps the backward direction of a two-way layer reads where it may see a bounded piece of the future only."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
# Further than any sequence goes.
MOST = 1 << 40


class BackwardWindows(NamedTuple):
    """For each of N steps the steps that are read before its state is known, the furthest first and the step itself last.

    Attributes:
        rows: [M], steps of the flat batch.
        offsets: [N+1], where each window begins in `rows`.
    """

    rows: Ids
    offsets: Ids


def backward_windows(offsets: Ids, lookahead: int) -> BackwardWindows:
    """The windows of the steps of a ragged batch, offsets [B+1], each up to `lookahead` steps ahead or to its sequence's end."""
    steps = np.arange(int(offsets[-1]))
    last = np.minimum(steps + lookahead, np.repeat(offsets[1:] - 1, np.diff(offsets)))
    ends = np.cumsum(last - steps + 1)
    begins = np.concatenate([np.zeros(1, dtype=np.int64), ends])
    rows = np.repeat(last + begins[:-1], last - steps + 1) - np.arange(int(begins[-1]))
    return BackwardWindows(rows.astype(np.int64), begins.astype(np.int64))


def layer_lookaheads(lookahead: int, num_layers: int) -> list[int]:
    """How a stack's look-ahead is dealt out to its layers: alike, what is left over to the first ones."""
    lookahead = min(lookahead, MOST)
    return [lookahead // num_layers + (layer < lookahead % num_layers) for layer in range(num_layers)]
