"""The network over sequences of numbers and of sound in NumPy: steps to logits. Mirrors `tasks.sequence.FrameNetwork`; same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel
from tidegate.kernels import architecture
from tidegate.runtime.layers import Pooling, RecurrentStack
from tidegate.runtime.running_pooling import RunningPooling
from tidegate.runtime.stack_network import StackNetwork
from tidegate.runtime.stack_stream import StackStream

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

# Steps of one sequence that are read at once: bounds the memory that a long one takes.
_READ = 16384


class SequenceNetwork(StackNetwork):
    """Logits of sequences where there is pooling, else of steps.

    Attributes:
        stack: the recurrent one.
        pooling: None where every step has an answer of its own.
    """

    def __init__(self, model: StoredModel) -> None:
        settings = model.config["network"]
        self._embed, self._embed_bias = np.ascontiguousarray(model.tensor("embed.weight").T), model.tensor("embed.bias")
        self.stack = RecurrentStack.of_network(model)
        self.pooling: Pooling | None = None
        if settings.get("pools"):
            self.pooling = Pooling(model, "pooling", settings["pools"], architecture(settings["arch"]).directions)
        self._head, self._bias = np.ascontiguousarray(model.tensor("head.weight").T), model.tensor("head.bias")

    def vectors(self, x: Array) -> Array:
        """What the stack reads, [N, E], of steps [N, C]."""
        vectors: Array = x @ self._embed
        vectors += self._embed_bias
        return np.maximum(vectors, 0, out=vectors)

    def states(self, x: Array, offsets: Ids) -> Array:
        """[N, directions · H] of steps [N, C] and offsets [B+1]."""
        return self.stack(self.vectors(x), offsets)

    def head(self, vectors: Array) -> Array:
        """Logits of states, or of what they were pooled to."""
        logits: Array = vectors @ self._head
        logits += self._bias
        return logits

    def logits(self, x: Array, offsets: Ids) -> Array:
        """[B, K] of B sequences, none empty, where there is pooling; else [N, K]."""
        if len(offsets) == 2 and len(x) > _READ and not self.stack.is_whole:
            return self._long(x)
        states = self.states(x, offsets)
        return self.head(states if self.pooling is None else self.pooling(states, offsets))

    def _long(self, x: Array) -> Array:
        """As `logits`, of one sequence that is read in parts."""
        if self.pooling is None:
            return np.concatenate([self.head(states) for states in self._parts(x)])
        running = RunningPooling(self.pooling)
        for states in self._parts(x):
            vectors = running.feed(states)[-1:]
        return self.head(vectors)

    def _parts(self, x: Array) -> Iterator[Array]:
        stream = StackStream(self.stack)
        for begin in range(0, len(x), _READ):
            if len(states := stream.feed(self.vectors(x[begin : begin + _READ]))):
                yield states
        if len(states := stream.finish()):
            yield states
