"""A sequence's states pooled where some of its blocks are other ones: what pooling makes of each block is kept, and put together anew."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.explanation.occlusion.rereading import BLOCK, ReadSequence, Reread, blocks_of
from tidegate.runtime.layers import Pooling

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Doubles = NDArray[np.float64]


class Repooling:
    """The pooling of one sequence that was read.

    Args:
        pooling: of the network.
        sequence: read.
    """

    def __init__(self, pooling: Pooling, sequence: ReadSequence) -> None:
        kinds: dict[str, type[_Max | _Mean | _Last | _Attention]] = {"max": _Max, "mean": _Mean, "last": _Last, "attention": _Attention}
        blocks, lengths = blocks_of(sequence.states), np.diff(sequence.bounds)
        self._lengths = lengths
        self._pools = [kinds[pool](pooling, blocks, lengths) for pool in pooling.pools]

    def whole(self) -> Doubles:
        """[1, pools · D], of the sequence as it is."""
        nothing = np.zeros((0, BLOCK, self._pools[0].width))
        return self.of(Reread(np.full((1, len(self._lengths)), -1, dtype=np.int64), nothing, 0))

    def of(self, reread: Reread) -> Doubles:
        """[V, pools · D], of the variants."""
        is_own = reread.own >= 0
        variant, block = np.nonzero(is_own)
        states = reread.states[reread.own[is_own]]
        return np.concatenate([pool.of(is_own, variant, states, self._lengths[block]) for pool in self._pools], axis=1)


def _is_there(lengths: Ids) -> NDArray[np.bool_]:
    """[M, BLOCK], of blocks of so many steps."""
    there: NDArray[np.bool_] = np.arange(BLOCK) < lengths[:, None]
    return there


def _added_up(values: Doubles, variant: Ids, variants: int) -> Doubles:
    """Of each variant the sum [V, D] of its own blocks' values [M, D], which stand variant after variant."""
    sums = np.zeros((variants, values.shape[1]))
    if len(variant):
        begins = np.flatnonzero(np.diff(variant, prepend=-1))
        sums[variant[begins]] = np.add.reduceat(values, begins, axis=0)
    return sums


class _Max:
    def __init__(self, pooling: Pooling, blocks: Array, lengths: Ids) -> None:
        self.width = blocks.shape[2]
        each = self._of_blocks(blocks, lengths)
        nothing = np.full((1, self.width), -np.inf)
        # The largest before each block, and from it on.
        self._before = np.maximum.accumulate(np.concatenate([nothing, each]), axis=0)
        self._from = np.maximum.accumulate(np.concatenate([each, nothing])[::-1], axis=0)[::-1]

    def _of_blocks(self, blocks: Array, lengths: Ids) -> Doubles:
        if (lengths < BLOCK).any():
            blocks = np.where(_is_there(lengths)[:, :, None], blocks, blocks.dtype.type(-np.inf))
        most: Doubles = blocks.max(axis=1).astype(np.float64)
        return most

    def of(self, is_own: NDArray[np.bool_], variant: Ids, states: Array, lengths: Ids) -> Doubles:
        has_own, blocks = is_own.any(axis=1), is_own.shape[1]
        first = np.where(has_own, is_own.argmax(axis=1), blocks)
        end = np.where(has_own, blocks - is_own[:, ::-1].argmax(axis=1), blocks)
        # A variant's own blocks stand together: the lowest layer's do so about its step, and each layer above spreads from there.
        most: Doubles = np.maximum(self._before[first], self._from[end])
        if len(variant):
            begins = np.flatnonzero(np.diff(variant, prepend=-1))
            own = np.maximum.reduceat(self._of_blocks(states, lengths), begins, axis=0)
            most[variant[begins]] = np.maximum(most[variant[begins]], own)
        return most


class _Mean:
    def __init__(self, pooling: Pooling, blocks: Array, lengths: Ids) -> None:
        self.width, self._steps = blocks.shape[2], int(lengths.sum())
        self._sums = self._of_blocks(blocks, lengths)

    def _of_blocks(self, blocks: Array, lengths: Ids) -> Doubles:
        sums: Doubles = np.where(_is_there(lengths)[:, :, None], blocks, 0).sum(axis=1, dtype=np.float64)
        return sums

    def of(self, is_own: NDArray[np.bool_], variant: Ids, states: Array, lengths: Ids) -> Doubles:
        own = _added_up(self._of_blocks(states, lengths), variant, len(is_own))
        averages: Doubles = (~is_own @ self._sums + own) / self._steps
        return averages


class _Last:
    """The forward direction's state at the end, and the backward one's at the beginning."""

    def __init__(self, pooling: Pooling, blocks: Array, lengths: Ids) -> None:
        self.width = blocks.shape[2]
        self._ends = [(-1, int(lengths[-1]) - 1, slice(0, self.width // pooling.directions))]
        if pooling.directions == 2:
            self._ends.append((0, 0, slice(self.width // 2, self.width)))
        self._whole = np.concatenate([blocks[block, step, columns] for block, step, columns in self._ends]).astype(np.float64)

    def of(self, is_own: NDArray[np.bool_], variant: Ids, states: Array, lengths: Ids) -> Doubles:
        last = np.tile(self._whole, (len(is_own), 1))
        number = np.cumsum(is_own.reshape(-1)).reshape(is_own.shape) - 1
        for block, step, columns in self._ends:
            changed = is_own[:, block]
            last[changed, columns] = states[number[changed, block], step, columns]
        return last


class _Attention:
    """Of each block the largest energy, and relative to it the sum of the weights and of the weighted states."""

    def __init__(self, pooling: Pooling, blocks: Array, lengths: Ids) -> None:
        self.width, self._energies = blocks.shape[2], pooling.energies
        self._largest, self._weights, self._weighted = self._of_blocks(blocks, lengths)

    def _of_blocks(self, blocks: Array, lengths: Ids) -> tuple[Doubles, Doubles, Doubles]:
        energies = self._energies(blocks.reshape(-1, self.width)).reshape(len(blocks), BLOCK)
        energies = np.where(_is_there(lengths), energies, -np.inf)
        largest = energies.max(axis=1)
        weights = np.exp(energies - largest[:, None]).astype(blocks.dtype)
        weighted = (weights[:, None] @ blocks)[:, 0]
        return largest.astype(np.float64), weights.sum(axis=1, dtype=np.float64), weighted.astype(np.float64)

    def of(self, is_own: NDArray[np.bool_], variant: Ids, states: Array, lengths: Ids) -> Doubles:
        energies = np.where(is_own, -np.inf, self._largest)
        if len(variant):
            own_largest, own_weights, own_weighted = self._of_blocks(states, lengths)
            energies[is_own] = own_largest
        largest = energies.max(axis=1)
        scales = np.exp(energies - largest[:, None])
        kept = np.where(is_own, 0, scales)
        weighted, total = kept @ self._weighted, kept @ self._weights
        if len(variant):
            own = scales[is_own]
            weighted += _added_up(own[:, None] * own_weighted, variant, len(is_own))
            total += _added_up((own * own_weights)[:, None], variant, len(is_own))[:, 0]
        averages: Doubles = weighted / total[:, None]
        return averages
