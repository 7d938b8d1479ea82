"""The networks of `generate` in NumPy, one-way and two-way: ids to states and scores. Mirrors `tasks.generate`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel
from tidegate.data.batches import turned_rows
from tidegate.kernels import architecture
from tidegate.runtime.head import Head
from tidegate.runtime.layers import RecurrentStack, States

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

# Units of one text that a two-way network reads together.
_STRETCH = 4096


class OneWayNetwork:
    """Reads a text unit by unit, by `stack`, and tells the next one.

    `start` is the state before the first unit: after a line break, if there is one.
    """

    def __init__(self, model: StoredModel, line_end: int | None) -> None:
        self.embedding = model.tensor("embedding.weight")
        self.stack = RecurrentStack.of_network(model)
        self.head = _head_of(model)
        self._projection = np.ascontiguousarray(model.tensor("projection.weight")) if model.config["network"]["is_tied"] else None
        self.start = self.stack.zeros(1)
        if line_end is not None:
            self.start = self.step(line_end, self.start)

    def start_of(self, sequences: int) -> States:
        """`start` for so many sequences."""
        return tuple(tuple(np.repeat(part, sequences, axis=1) for part in state) for state in self.start)

    def step(self, unit: int, states: States) -> States:
        """The states of one sequence after one more unit."""
        return self.stack.step(self.embedding[unit : unit + 1], states)

    def read(self, ids: Ids, offsets: Ids, states: States) -> tuple[Array, States]:
        """What each unit is told from: states [N, H] before each of ids [N], and all layers' states after the sequences [B+1]."""
        before = np.empty((len(ids), states[-1][0].shape[2]), dtype=self.embedding.dtype)
        if len(ids) > len(self.embedding):
            tops, after = self.stack.run(self.embedding, offsets, states, ids)
        else:
            tops, after = self.stack.run(self.embedding[ids], offsets, states)
        before[1:] = tops[:-1]
        has_steps = offsets[:-1] < offsets[1:]
        before[offsets[:-1][has_steps]] = states[-1][0][0][has_steps]
        return before, after

    def vectors(self, states: Array) -> Array:
        """What the head reads of states [N, H]."""
        return states if self._projection is None else states @ self._projection.T

    def next_logits(self, states: States, out: Array | None = None) -> Array:
        """Scores [V] of the unit after these states of one sequence."""
        vector = states[-1][0][0, 0]
        if self._projection is not None:
            vector = self._projection @ vector
        logits: Array = np.dot(self.head.weight, vector, out=out)
        logits += self.head.bias
        return logits


class TwoWayNetwork:
    """Tells a unit from those before it, from those after it, and from both; never from itself.

    Attributes:
        stacks: one-way both, the first reads from the beginning, the second from the end.
        blank: the id that is read as zeros.
    """

    SIDES = ("both", "left", "right")

    def __init__(self, model: StoredModel) -> None:
        settings = model.config["network"]
        embedding = model.tensor("embedding.weight")
        # One row more: a blank is read as zeros.
        self._embedding = np.concatenate([embedding, np.zeros_like(embedding[:1])])
        self.blank = len(embedding)
        one_way = architecture(architecture(settings["arch"]).cell)
        self.stacks = [
            RecurrentStack(
                model,
                name,
                one_way,
                settings["num_layers"],
                layer_norm=settings.get("layer_norm", False),
                zoneout=(settings.get("zoneout", 0.0), settings.get("zoneout_cell", 0.0)),
            )
            for name in ("left", "right")
        ]
        self.head = _head_of(model)
        self._projections = {side: np.ascontiguousarray(model.tensor(f"{side}_projection.weight").T) for side in self.SIDES}
        self._hidden = np.ascontiguousarray(model.tensor("both_hidden.weight").T)
        self._hidden_bias = model.tensor("both_hidden.bias")

    def contexts(self, ids: Ids, offsets: Ids) -> tuple[Array, Array]:
        """Of each unit of the texts [B+1] the states [N, H] after those before it and after those behind it; zeros at a text's ends."""
        # Row n of the texts turned round is row turned[n].
        turned = turned_rows(offsets)
        left, right = (self._before(stack, read, offsets) for stack, read in zip(self.stacks, (ids, ids[turned]), strict=True))
        return left, right[turned]

    def stretches(self, ids: Ids, blanks: Ids | None = None) -> Iterator[tuple[slice, Array, Array]]:
        """The contexts of one text of any length, ids [N], stretch by stretch: its place, and both states [n, H] of each of its units.

        What lies behind a long text's stretches is read twice, so that only the states between them are held.

        Args:
            blanks: places in ids that are read as zeros.
        """
        if blanks is not None:
            ids = ids.copy()
            ids[blanks] = self.blank
        left, right = self.stacks
        parts = [slice(begin, min(begin + _STRETCH, len(ids))) for begin in range(0, len(ids), _STRETCH)]
        behind = [right.zeros(1)]
        for part in parts[:0:-1]:
            behind.append(self._stretch(right, ids[part][::-1], behind[-1])[1])
        states = left.zeros(1)
        for part in parts:
            before, states = self._stretch(left, ids[part], states)
            yield part, before, self._stretch(right, ids[part][::-1], behind.pop())[0][::-1]

    def _stretch(self, stack: RecurrentStack, ids: Ids, states: States) -> tuple[Array, States]:
        tops, after = stack.run(self._embedding[ids], np.array([0, len(ids)]), states)
        return np.concatenate([states[-1][0][0], tops[:-1]]), after

    def _before(self, stack: RecurrentStack, ids: Ids, offsets: Ids) -> Array:
        states = stack(self._embedding, offsets, ids) if len(ids) > len(self._embedding) else stack(self._embedding[ids], offsets)
        before = np.empty_like(states)
        before[1:] = states[:-1]
        before[offsets[:-1][offsets[:-1] < offsets[1:]]] = 0
        return before

    def vectors(self, left: Array, right: Array) -> dict[str, Array]:
        """What the head reads, [N, W] by side, of contexts [N, H]."""
        hidden = np.concatenate([left, right], axis=1) @ self._hidden
        hidden += self._hidden_bias
        np.maximum(hidden, 0, out=hidden)
        return {side: states @ self._projections[side] for side, states in (("both", hidden), ("left", left), ("right", right))}


def _head_of(model: StoredModel) -> Head:
    name = "embedding.weight" if model.config["network"]["is_tied"] else "head.weight"
    return Head(model.tensor(name), model.tensor("head.bias"))
