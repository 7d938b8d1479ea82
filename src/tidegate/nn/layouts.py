"""How the batches of torch.nn's recurrent modules become flat rows, sequence after sequence, and turn back again.

[B, T, I], [T, I], one sequence, one step    flat already: another shape, no copy
[T, B, I]                                    transposed
PackedSequence                               gathered; its sequences are laid in the order of the batch before sorting
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

Offsets = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FlatLayout:
    """A batch whose memory is flat already: `shape` is its shape, the width −1."""

    offsets: Offsets
    sequences: int
    rows: int
    shape: tuple[int, ...]

    def flatten(self, x: Tensor) -> Tensor:
        """[N, I], a view where x is contiguous."""
        return x.reshape(self.rows, -1)

    def restore(self, flat: Tensor) -> Tensor:
        """[*shape, width], a view."""
        return flat.view(self.shape)


@dataclass(frozen=True, slots=True)
class TimeMajorLayout:
    """A batch [T, B, I]."""

    offsets: Offsets
    sequences: int
    steps: int

    def flatten(self, x: Tensor) -> Tensor:
        """[N, I], a copy unless x is a transposed view of a batch-first one."""
        return x.transpose(0, 1).reshape(self.sequences * self.steps, -1)

    def restore(self, flat: Tensor) -> Tensor:
        """[T, B, width], a contiguous copy: what torch.nn gives, and what a caller's `view` relies on."""
        return flat.view(self.sequences, self.steps, -1).transpose(0, 1).contiguous()


@dataclass(frozen=True, slots=True)
class PackedLayout:
    """The data [N, I] of a PackedSequence, whose rows run over the sequences of the first step, then of the second, and so on."""

    offsets: Offsets
    sequences: int
    rows: Tensor  # [N], the packed row at each flat place
    places: Tensor  # [N], its inverse

    def flatten(self, x: Tensor) -> Tensor:
        return x.index_select(0, self.rows)

    def restore(self, flat: Tensor) -> Tensor:
        return flat.index_select(0, self.places)


Layout = FlatLayout | TimeMajorLayout | PackedLayout


@lru_cache(maxsize=256)
def padded_layout(shape: tuple[int, ...], batch_first: bool) -> Layout | None:
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
    sizes = packed.batch_sizes.numpy()
    if sizes.ndim != 1 or len(sizes) == 0 or sizes[-1] < 1 or (sizes[1:] > sizes[:-1]).any() or sizes.sum() != len(packed.data):
        return None
    sorted_places = np.arange(sizes[0]) if packed.unsorted_indices is None else packed.unsorted_indices.numpy()
    if len(sorted_places) != sizes[0]:
        return None
    lengths = np.searchsorted(-sizes, -sorted_places, side="left")  # the steps at which more than that many sequences run
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    if offsets[-1] != len(packed.data):
        return None
    starts = np.cumsum(sizes) - sizes
    steps = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    rows = starts[steps] + np.repeat(sorted_places, lengths)
    places = np.full_like(rows, -1)  # what no row fills, indices that are no permutation, is refused when it is read
    places[rows] = np.arange(len(rows))
    return PackedLayout(offsets, len(lengths), torch.from_numpy(rows), torch.from_numpy(places))
