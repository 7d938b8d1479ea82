"""How the batches of torch.nn's recurrent modules become flat rows, sequence after sequence, and turn back again.

    [B, T, I], [T, I], one sequence, one step    flat already: another shape, no copy
    [T, B, I]                                    transposed
    PackedSequence                               gathered; its sequences are laid in the order of the batch before sorting

`flatten` and `restore` only move rows, so each is the other's inverse, and its gradient too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.rnn import PackedSequence

Array = NDArray[Any]
Indices = NDArray[np.int64]

# From so many values on torch moves them, on all threads; below, NumPy, whose calls cost a fifth (0.6 against 3 µs for 5 × 2 × 16).
PARALLEL = 1 << 15


@dataclass(frozen=True, slots=True)
class FlatLayout:
    """A batch whose memory is flat already: `shape` is its shape, the width −1."""

    offsets: Indices
    sequences: int
    rows: int
    shape: tuple[int, ...]

    def flatten(self, x: Array) -> Array:
        """[N, I], a view where x is contiguous."""
        return np.ascontiguousarray(x.reshape(self.rows, -1))

    def restore(self, flat: Array) -> Array:
        """[*shape, width], a view."""
        return flat.reshape(self.shape)


@dataclass(frozen=True, slots=True)
class TimeMajorLayout:
    """A batch [T, B, I]."""

    offsets: Indices
    sequences: int
    steps: int

    def flatten(self, x: Array) -> Array:
        """[N, I], a copy unless x is a transposed view of a batch-first one."""
        return _transposed(x).reshape(self.sequences * self.steps, -1)

    def restore(self, flat: Array) -> Array:
        """[T, B, width], a contiguous copy: what torch.nn gives, and what a caller's `view` relies on."""
        return _transposed(flat.reshape(self.sequences, self.steps, -1))


@dataclass(frozen=True, slots=True)
class PackedLayout:
    """The data [N, I] of a PackedSequence, whose rows run over the sequences of the first step, then of the second, and so on."""

    offsets: Indices
    sequences: int
    rows: Indices  # [N], the packed row at each flat place
    places: Indices  # [N], its inverse

    def flatten(self, x: Array) -> Array:
        """[N, I], a copy."""
        return _gathered(x, self.rows)

    def restore(self, flat: Array) -> Array:
        """[N, width], a copy."""
        return _gathered(flat, self.places)


Layout = FlatLayout | TimeMajorLayout | PackedLayout


@lru_cache(maxsize=256)
def padded_layout(shape: tuple[int, ...], batch_first: bool) -> FlatLayout | TimeMajorLayout | None:
    """That of a padded batch, None of an empty one; `shape` is [T] or [T, B] or, batch first, [B, T]."""
    if 0 in shape:
        return None
    steps, sequences = (shape[0], 1) if len(shape) == 1 else shape[::-1] if batch_first else shape
    offsets = np.arange(sequences + 1, dtype=np.int64) * steps
    offsets.flags.writeable = False
    if batch_first or sequences == 1 or steps == 1:
        return FlatLayout(offsets, sequences, sequences * steps, (*shape, -1))
    return TimeMajorLayout(offsets, sequences, steps)


def packed_layout(packed: PackedSequence) -> PackedLayout | None:
    """That of a PackedSequence; None where its parts do not fit each other, which torch.nn then says."""
    sizes: Indices = packed.batch_sizes.numpy()
    if sizes.ndim != 1 or len(sizes) == 0 or sizes[-1] < 1 or (sizes[1:] > sizes[:-1]).any() or sizes.sum() != len(packed.data):
        return None
    order = np.arange(sizes[0])
    sorted_places: Indices = order if packed.unsorted_indices is None else packed.unsorted_indices.numpy()
    if sorted_places is not order and not np.array_equal(np.sort(sorted_places), order):
        return None
    lengths = np.searchsorted(-sizes, -sorted_places, side="left")  # the steps at which more than that many sequences run
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    starts = np.cumsum(sizes) - sizes
    steps = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    rows = starts[steps] + np.repeat(sorted_places, lengths)
    places = np.empty_like(rows)
    places[rows] = np.arange(len(rows))
    return PackedLayout(offsets, len(lengths), rows, places)


def _transposed(x: Array) -> Array:
    """[A, B, W] to [B, A, W], contiguous."""
    turned = x.transpose(1, 0, 2)
    if turned.size < PARALLEL or turned.flags.c_contiguous:
        return np.ascontiguousarray(turned)
    copy: Array = torch.from_numpy(x).transpose(0, 1).contiguous().numpy()
    return copy


def _gathered(x: Array, rows: Indices) -> Array:
    if x.size < PARALLEL:
        return x.take(rows, axis=0)
    copy: Array = torch.from_numpy(x).index_select(0, torch.from_numpy(rows)).numpy()
    return copy
