"""A sequence that a stack has read, and reads anew where single steps are other ones: only so far as its states differ.

The sequence is cut into blocks. Where one step is another, each direction goes on from the state that it had before the step's block, and
stops at the end of a block where it has the state again that it had there: from then on all is as it was. A difference below rounding must
not have grown in the block's second half, since a network that is about to tip over makes much of little. A layer above does the same with
all blocks that changed below it. So the time hangs on how long the network keeps what it read, and not on how long the sequence is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.kernels import RecurrentLayer, State
from tidegate.runtime.layers import RecurrentStack, States

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

# Steps of a block. Shorter ones are joined sooner and cost more calls; of 16, 32 and 64 this one was fastest.
BLOCK = 32
_HALF = BLOCK // 2
# Variants that are read together: their blocks are held.
_TOGETHER = 64
# States that differ by no more units in the last place are the same, if that does not grow: two readings that began differently stay
# apart by one or two of them for ever, where a gate that keeps is near 1; to wait for equal bits reads eleven times as much. So a chaotic
# network, in which such a difference would grow later on, is told only as exactly as rounding lets it be read at all.
SAME = 4


@dataclass(frozen=True, slots=True)
class Reread:
    """What V variants changed in the top layer's states.

    Attributes:
        own: [V, K], of each variant and block the place in `states` of its own, or −1 where it has those of the sequence as it is.
        states: [M, BLOCK, D]; of the sequence's last block only the steps that there are mean something.
        steps: how many steps were read, of all layers and directions together.
    """

    own: Ids
    states: Array
    steps: int


class ReadSequence:
    """One sequence as it was read.

    Args:
        stack: without a look-ahead.
        x: [T, I], one step at least.
        before: the states to begin from, of one sequence; None for zeros.

    Attributes:
        bounds: [K+1], where the blocks begin and end.
        states: [T, D], of the top layer.
    """

    def __init__(self, stack: RecurrentStack, x: Array, before: States | None = None) -> None:
        assert stack.lookahead is None
        self.bounds = np.append(np.arange(0, len(x), BLOCK), len(x))
        self._x = x
        self._layers: list[list[_Direction]] = []
        below = x
        for number, weights in enumerate(stack.weights):
            first = stack.layers[number].zeros(1) if before is None else before[number]
            layer = [
                _Direction(RecurrentLayer(stack.architecture.cell, [own], stack.zoneout), below, self.bounds, is_backward=place == 1)
                for place, own in enumerate(weights)
            ]
            for place, direction in enumerate(layer):
                direction.read(tuple(part[place] for part in first))
            self._layers.append(layer)
            below = np.concatenate([direction.states for direction in layer], axis=1)
        self.states = below

    def replaced(self, steps: Ids, x: Array) -> Iterator[tuple[slice, Reread]]:
        """Reads V variants, so many at a time, in each of which one step is another.

        Args:
            steps: [V], which step; variants of neighbouring steps should be neighbours.
            x: [I], what all of them read there.
        """
        for begin in range(0, len(steps), _TOGETHER):
            part = slice(begin, min(begin + _TOGETHER, len(steps)))
            yield part, self._replaced(steps[part], x)

    def _replaced(self, steps: Ids, x: Array) -> Reread:
        blocks = len(self.bounds) - 1
        own = np.full((len(steps), blocks), -1, dtype=np.int64)
        own[np.arange(len(steps)), steps // BLOCK] = np.arange(len(steps))
        count = 0
        # Of the lowest layer the variants share all rows but one, and each distinct row is multiplied once.
        table, rows = np.concatenate([self._x, x[None]]), np.minimum((steps // BLOCK)[:, None] * BLOCK + np.arange(BLOCK), len(self._x) - 1)
        rows[np.arange(len(steps)), steps % BLOCK] = len(self._x)
        for number, layer in enumerate(self._layers):
            each = [direction.reread(table, own, rows, is_shared=number == 0) for direction in layer]
            count += sum(read for _, _, read in each)
            own, states = _beside_each_other([(whose, parts) for whose, parts, _ in each], [direction.blocks for direction in layer])
            if number + 1 < len(self._layers):
                whole = np.concatenate([direction.states for direction in layer], axis=1)
                table = np.concatenate([whole, states.reshape(-1, states.shape[2])])
                rows = len(whole) + np.arange(len(states) * BLOCK).reshape(-1, BLOCK)
        return Reread(own, states, count)


class _Direction:
    """One direction of one layer: the states that it came to, and those before and after every block, in its own order."""

    def __init__(self, layer: RecurrentLayer, x: Array, bounds: Ids, *, is_backward: bool) -> None:
        self._layer, self._x, self._bounds, self._is_backward = layer, x, bounds, is_backward
        self.states: Array = np.zeros((0, 0))
        self.blocks: Array = np.zeros((0, BLOCK, 0))
        self._saved: State = ()

    def read(self, first: State) -> None:
        """Reads the sequence as it is, from h, and of an lstm c, [1, H] each."""
        blocks = len(self._bounds) - 1
        state = tuple(part[None] for part in first)
        saved, parts = [state], []
        for block in range(blocks - 1, -1, -1) if self._is_backward else range(blocks):
            x = self._x[self._bounds[block] : self._bounds[block + 1]]
            states, state = self._layer.run(x[::-1] if self._is_backward else x, np.array([0, len(x)]), state)
            parts.append(states[::-1] if self._is_backward else states)
            saved.append(state)
        self.states = np.concatenate(parts[::-1] if self._is_backward else parts)
        self.blocks = blocks_of(self.states)
        # The states before block k in this order; after it they are those before the next.
        self._saved = tuple(np.concatenate([state[part][0] for state in saved]) for part in range(len(state)))

    def reread(self, table: Array, own: Ids, rows: Ids, *, is_shared: bool) -> tuple[Ids, Array, int]:
        """The variants' own blocks: [V, K] as in `Reread`, their states [M, BLOCK, H], and how many steps were read.

        Args:
            table: [R, I], inputs, first those of the sequence as it is.
            own: [V, K], of each variant and block the place in `rows` of its own.
            rows: [M, BLOCK], of own blocks the rows of the table.
            is_shared: whether variants mostly read the same rows.
        """
        variants, blocks = own.shape
        lengths = np.diff(self._bounds)
        found, parts, count, read = np.full((variants, blocks), -1, dtype=np.int64), [], 0, 0
        turned = own[:, ::-1] if self._is_backward else own
        at = (turned >= 0).argmax(axis=1)  # in this direction's order
        until = blocks - (turned[:, ::-1] >= 0).argmax(axis=1)
        active = np.arange(variants)
        state = tuple(part[at][None] for part in self._saved)
        while len(active):
            block = blocks - 1 - at if self._is_backward else at
            long = lengths[block]
            mine = own[active, block]
            inputs = np.where((mine >= 0)[:, None], rows[mine], block[:, None] * BLOCK + np.arange(BLOCK))
            is_there = np.arange(BLOCK) < long[:, None]
            # Places in the block, in this direction's order; what is not there comes last and is left out.
            order = (long[:, None] - 1 - np.arange(BLOCK)) if self._is_backward else np.broadcast_to(np.arange(BLOCK), inputs.shape)
            which = (np.arange(len(active))[:, None] * BLOCK + order)[is_there]
            steps = inputs.reshape(-1)[which]
            offsets = np.concatenate([[0], np.cumsum(long)])
            if is_shared:
                distinct, places = np.unique(steps, return_inverse=True)
                states, state = self._layer.run(table[distinct], offsets, state, places.reshape(-1).astype(np.int64))
            else:
                states, state = self._layer.run(table[steps], offsets, state)
            shown = np.zeros((len(active) * BLOCK, states.shape[1]), dtype=states.dtype)
            shown[which] = states
            parts.append(shown.reshape(-1, BLOCK, states.shape[1]))
            found[active, block] = count + np.arange(len(active))
            count, read, at = count + len(active), read + int(long.sum()), at + 1
            apart = [_apart(part[0], saved[at]) for part, saved in zip(state, self._saved, strict=True)]
            in_the_middle = _apart(states[np.minimum(offsets[:-1] + _HALF, offsets[1:] - 1)], self.blocks[block, order[:, _HALF]])
            most, grows = np.maximum.reduce(apart), (apart[0] > in_the_middle) | (long < BLOCK)
            goes_on = (at < blocks) & ((at < until) | (most > SAME) | (grows & (most > 0)))
            active, at, until = active[goes_on], at[goes_on], until[goes_on]
            state = tuple(part[:, goes_on] for part in state)
        return found, np.concatenate(parts), read


def _apart(states: Array, as_they_were: Array) -> Array:
    """[V], by how many units in the last place, of 1 or of what is larger, states [V, H] are others."""
    one = np.finfo(states.dtype).eps * np.maximum(1, np.abs(as_they_were))
    apart: Array = (np.abs(states - as_they_were) / one).max(axis=1)
    return apart


def blocks_of(states: Array) -> Array:
    """States [T, D] as blocks [K, BLOCK, D]; zeros behind the last."""
    blocks = np.zeros((-(-len(states) // BLOCK), BLOCK, states.shape[1]), dtype=states.dtype)
    blocks.reshape(-1, states.shape[1])[: len(states)] = states
    return blocks


def _beside_each_other(each: list[tuple[Ids, Array]], wholes: list[Array]) -> tuple[Ids, Array]:
    """The directions' own blocks joined: where one has no own block, it has that of the sequence as it is, [K, BLOCK, H]."""
    if len(each) == 1:
        return each[0]
    is_own = np.logical_or.reduce([own >= 0 for own, _ in each])
    joined = np.full(is_own.shape, -1, dtype=np.int64)
    joined[is_own] = np.arange(int(is_own.sum()))
    block = np.nonzero(is_own)[1]
    width = wholes[0].shape[2]
    states = np.empty((len(block), BLOCK, len(each) * width), dtype=wholes[0].dtype)
    for place, ((own, parts), whole) in enumerate(zip(each, wholes, strict=True)):
        columns, mine = slice(place * width, (place + 1) * width), own[is_own]
        has_own = mine >= 0
        states[has_own, :, columns] = parts[mine[has_own]]
        states[~has_own, :, columns] = whole[block[~has_own]]
    return joined, states
