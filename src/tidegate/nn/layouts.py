"""Where the steps of torch.nn's batches stand in memory, seen as flat rows, sequence after sequence.

    [B, T, I], [T, I], one sequence, one step    in order already
    [T, B, I]                                    step t of sequence b in row t · B + b
    PackedSequence                               as its batch sizes and its sorting say

The engine reads and writes the rows where they are; nothing is moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.nn.utils.rnn import PackedSequence

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Layout:
    """A batch of `sequences` sequences; sequence b owns the flat steps offsets[b] to offsets[b+1].

    Attributes:
        offsets: [B+1].
        sequences: B.
        rows: [N], the row of memory in which each flat step stands; None: in order.
    """

    offsets: Indices
    sequences: int
    rows: Indices | None

    def flat(self, values: NDArray[Any]) -> NDArray[Any]:
        """A value for each row of memory, [N] in any shape, as one for each flat step."""
        flattened = values.reshape(-1)
        return flattened if self.rows is None else flattened[self.rows]


@lru_cache(maxsize=256)
def padded_layout(shape: tuple[int, ...], batch_first: bool) -> Layout | None:
    """That of a padded batch, None of an empty one; `shape` is [T] or [T, B] or, batch first, [B, T]."""
    if 0 in shape:
        return None
    steps, sequences = (shape[0], 1) if len(shape) == 1 else shape[::-1] if batch_first else shape
    offsets = np.arange(sequences + 1, dtype=np.int64) * steps
    offsets.flags.writeable = False
    if batch_first or sequences == 1 or steps == 1:
        return Layout(offsets, sequences, None)
    rows = np.arange(sequences * steps, dtype=np.int64).reshape(steps, sequences).T.ravel()
    rows.flags.writeable = False
    return Layout(offsets, sequences, rows)


def packed_layout(packed: PackedSequence) -> Layout | None:
    """That of a PackedSequence; None where its parts do not fit each other, which torch.nn then says."""
    sizes: Any = packed.batch_sizes.numpy()
    if sizes.ndim != 1 or len(sizes) == 0 or sizes[-1] < 1 or (sizes[1:] > sizes[:-1]).any() or sizes.sum() != len(packed.data):
        return None
    order = np.arange(sizes[0])
    sorted_places: Indices = order if packed.unsorted_indices is None else packed.unsorted_indices.cpu().numpy()
    if sorted_places is not order and not np.array_equal(np.sort(sorted_places), order):
        return None
    lengths = np.searchsorted(-sizes, -sorted_places, side="left")  # the steps at which more than that many sequences run
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return Layout(offsets, len(lengths), _packed_rows(offsets, sizes, sorted_places))


@dataclass(frozen=True, slots=True)
class PackedOrder:
    """How a flat batch is packed: all first steps, longest sequence first, then all second steps, and so on.

    Attributes:
        order: [B], the sequences, longest first; those without steps come last.
        ranks: [B], its inverse.
        sizes: [T], how many sequences run at each step.
        rows: [N], the packed row of each flat step.
        steps: [N], its inverse.
    """

    order: Indices
    ranks: Indices
    sizes: Indices
    rows: Indices
    steps: Indices

    @classmethod
    def of(cls, offsets: Indices) -> PackedOrder:
        """That of the flat batch with these offsets [B+1]."""
        lengths = np.diff(offsets)
        order = np.argsort(-lengths, kind="stable")
        ranks = np.argsort(order)
        sizes = np.searchsorted(-lengths[order], -np.arange(lengths.max(initial=0)), side="left")
        rows = _packed_rows(offsets, sizes, ranks)
        return cls(order, ranks, sizes, rows, np.argsort(rows))


def _packed_rows(offsets: Indices, sizes: Indices, ranks: Indices) -> Indices:
    """The packed row [N] of each flat step, of sequences that stand at these ranks [B] at every step."""
    lengths = np.diff(offsets)
    starts = np.cumsum(sizes) - sizes
    steps = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    rows: Indices = starts[steps] + np.repeat(ranks, lengths)
    return rows
