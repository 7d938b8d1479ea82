"""One sequence through a recurrent stack as it comes: the states that no later step can change are told at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.kernels import RecurrentLayer, State
from tidegate.runtime.bounded_layer import BoundedLayer
from tidegate.runtime.layers import RecurrentStack

Array = NDArray[np.floating[Any]]


class StackStream:
    """Steps x [n, C] to the states [m, directions · H] that are now final.

    Read one way m = n, and on the engine the states have the same bits as read at once. With a look-ahead of L steps they lag L behind.
    Neither what is held nor the time that a step takes grows.

    Args:
        stack: one-way, or with a look-ahead.

    Raises:
        ValueError: it reads the whole sequence both ways.
    """

    def __init__(self, stack: RecurrentStack) -> None:
        if stack.is_whole:
            raise ValueError(f"a {stack.architecture.name} that reads the whole sequence has no states before its end.")
        self._layers: list[_OneWayStream | _BoundedStream] = []
        for layer in stack.layers:
            if isinstance(layer, BoundedLayer):
                self._layers.append(_BoundedStream(layer))
            else:
                self._layers.append(_OneWayStream(layer))
        self._nothing = np.empty((0, stack.output_size), dtype=stack.dtype)

    def feed(self, x: Array) -> Array:
        """Reads on, [n, C]; n may be 0."""
        for layer in self._layers:
            if not len(x):
                return self._nothing
            x = layer.feed(x)
        return x

    def finish(self) -> Array:
        """Ends the sequence, and gives the states that were still to come."""
        x: Array | None = None
        for layer in self._layers:
            x = layer.finish(x)
        return self._nothing if x is None else x

    def arrays(self) -> dict[str, Array]:
        """All that `restore` needs to go on from here with the same numbers."""
        return {f"{number}.{name}": array for number, layer in enumerate(self._layers) for name, array in layer.arrays().items()}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Takes over what `arrays` gave.

        Raises:
            KeyError: an array is missing.
        """
        given = [{name: arrays[f"{number}.{name}"] for name in layer.arrays()} for number, layer in enumerate(self._layers)]
        for layer, parts in zip(self._layers, given, strict=True):
            layer.restore(parts)


class _OneWayStream:
    def __init__(self, layer: RecurrentLayer) -> None:
        self._layer, self._state = layer, layer.zeros(1)

    def feed(self, x: Array) -> Array:
        if len(x) == 1:
            self._state = self._layer.step(x, self._state)
            last: Array = self._state[0][0]
            return last
        states, self._state = self._layer.run(x, np.array([0, len(x)]), self._state)
        return states

    def finish(self, x: Array | None) -> Array | None:
        return None if x is None or not len(x) else self.feed(x)

    def arrays(self) -> dict[str, Array]:
        return _named(self._state)

    def restore(self, arrays: Mapping[str, Array]) -> None:
        self._state = _state_of(arrays)


class _BoundedStream:
    """Holds the last inputs, behind which the look-ahead is not there yet, and the forward direction's states at them."""

    def __init__(self, layer: BoundedLayer) -> None:
        self._layer, self._state = layer, layer.zeros(1)
        self._held = self._forward = np.empty((0, 0), dtype=self._state[0].dtype)

    def feed(self, x: Array) -> Array:
        self._take(x)
        ready = max(0, len(self._held) - self._layer.lookahead)
        states = np.concatenate([self._forward[:ready], self._layer.ahead(self._held, ready)], axis=1)
        self._held, self._forward = self._held[ready:], self._forward[ready:]
        return states

    def finish(self, x: Array | None) -> Array | None:
        if x is not None and len(x):
            self._take(x)
        if not len(self._held):
            return None
        states = np.concatenate([self._forward, self._layer.backward(self._held, np.array([0, len(self._held)]))], axis=1)
        self._held, self._forward = self._held[:0], self._forward[:0]
        return states

    def _take(self, x: Array) -> None:
        forward, self._state = self._layer.forward.run(x, np.array([0, len(x)]), self._state)
        self._held, self._forward = _joined(self._held, x), _joined(self._forward, forward)

    def arrays(self) -> dict[str, Array]:
        return {"held": self._held, "forward": self._forward, **_named(self._state)}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        self._held, self._forward = arrays["held"], arrays["forward"]
        self._state = _state_of(arrays)


def _joined(held: Array, x: Array) -> Array:
    return np.concatenate([held, x]) if len(held) else x


def _named(state: State) -> dict[str, Array]:
    return {f"state.{part}": array for part, array in enumerate(state)}


def _state_of(arrays: Mapping[str, Array]) -> State:
    return tuple(array for name, array in arrays.items() if name.startswith("state."))
