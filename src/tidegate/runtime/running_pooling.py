"""Pooling of a sequence that is still coming: after each step the vector of all steps so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.runtime.layers import Pooling

Array = NDArray[np.floating[Any]]

# Energies further apart than this are not summed relative to one of them: e to the power of it nears the end of double precision.
_WIDEST = 600.0


class RunningPooling:
    """One sequence. What is held, and the time that a step takes, do not grow with it."""

    def __init__(self, pooling: Pooling) -> None:
        kinds = {"max": _Max, "mean": _Mean, "last": _Last, "attention": _Attention}
        self._pools: list[Any] = [kinds[pool](pooling) for pool in pooling.pools]

    def feed(self, states: Array) -> Array:
        """Vectors [m, pools · D] after each of the next states [m, D], one at least."""
        parts: list[Array] = [pool.feed(states) for pool in self._pools]
        return np.concatenate(parts, axis=1, dtype=states.dtype) if len(parts) > 1 else parts[0].astype(states.dtype, copy=False)

    def arrays(self) -> dict[str, Array]:
        """All that `restore` needs to go on from here with the same numbers."""
        return {f"{number}.{name}": array for number, pool in enumerate(self._pools) for name, array in pool.arrays().items()}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Takes over what `arrays` gave; KeyError where one is missing."""
        given = [{name: arrays[f"{number}.{name}"] for name in pool.arrays()} for number, pool in enumerate(self._pools)]
        for pool, parts in zip(self._pools, given, strict=True):
            pool.restore(**parts)


class _Max:
    def __init__(self, pooling: Pooling) -> None:
        self._most: Any = np.float32(-np.inf)

    def feed(self, states: Array) -> Array:
        most: Array = np.maximum(states, self._most)
        if len(most) > 1:
            np.maximum.accumulate(most, axis=0, out=most)
        self._most = most[-1].copy()
        return most

    def arrays(self) -> dict[str, Array]:
        return {"most": np.asarray(self._most)}

    def restore(self, most: Array) -> None:
        self._most = most


class _Mean:
    def __init__(self, pooling: Pooling) -> None:
        self._sum: Any = 0.0
        self._steps = 0

    def feed(self, states: Array) -> Array:
        sums = np.array(states, dtype=np.float64)
        sums[0] += self._sum
        if len(sums) > 1:
            np.cumsum(sums, axis=0, out=sums)
        self._sum = sums[-1].copy()
        before, self._steps = self._steps, self._steps + len(states)
        averages: Array = sums / np.arange(before + 1, self._steps + 1)[:, None]
        return averages

    def arrays(self) -> dict[str, Array]:
        return {"sum": np.asarray(self._sum), "steps": np.array([self._steps], dtype=np.float64)}

    def restore(self, sum: Array, steps: Array) -> None:
        self._sum, self._steps = sum, int(steps[0])


class _Last:
    """The last state; of two directions the backward one's is that of the first step, which has read from its look-ahead back."""

    def __init__(self, pooling: Pooling) -> None:
        self._directions = pooling.directions
        self._first: Array = np.empty((0, 0))

    def feed(self, states: Array) -> Array:
        if self._directions == 1:
            return states
        half = states.shape[1] // 2
        if not len(self._first):
            self._first = states[:1, half:].copy()
        return np.concatenate([states[:, :half], np.broadcast_to(self._first, (len(states), half))], axis=1)

    def arrays(self) -> dict[str, Array]:
        return {"first": self._first}

    def restore(self, first: Array) -> None:
        self._first = first


class _Attention:
    """Weights are e^(energy − the largest energy so far): when a larger one comes, what was summed is scaled down."""

    def __init__(self, pooling: Pooling) -> None:
        self._energies = pooling.energies
        self._largest = -math.inf
        self._weighted: Any = np.float64(0)
        self._weight = 0.0

    def feed(self, states: Array) -> Array:
        energies = self._energies(states)
        return self._feed_one(states, float(energies[0])) if len(states) == 1 else self._feed(states, energies.astype(np.float64))

    def _feed_one(self, state: Array, energy: float) -> Array:
        """As `_feed`, without arrays of one element: they would take most of a step's time."""
        largest = max(self._largest, energy)
        scale, weight = math.exp(self._largest - largest), math.exp(energy - largest)
        self._largest, self._weight = largest, scale * self._weight + weight
        self._weighted = scale * self._weighted + weight * state[0].astype(np.float64)
        average: Array = self._weighted[None] / self._weight
        return average

    def _feed(self, states: Array, energies: NDArray[np.float64]) -> Array:
        largest = max(self._largest, float(energies.max()))
        if len(states) > 1 and largest - float(energies.min()) > _WIDEST:
            half = len(states) // 2
            return np.concatenate([self._feed(states[:half], energies[:half]), self._feed(states[half:], energies[half:])])
        scale = math.exp(self._largest - largest)
        weights = np.exp(energies - largest)
        weighted = states * weights[:, None]
        weighted[0] += scale * self._weighted
        weights[0] += scale * self._weight
        if len(states) > 1:
            np.cumsum(weighted, axis=0, out=weighted)
            np.cumsum(weights, out=weights)
        self._largest, self._weighted, self._weight = largest, weighted[-1].copy(), float(weights[-1])
        weighted /= weights[:, None]
        return weighted

    def arrays(self) -> dict[str, Array]:
        return {"sums": np.array([self._largest, self._weight]), "weighted": np.asarray(self._weighted)}

    def restore(self, sums: Array, weighted: Array) -> None:
        (self._largest, self._weight), self._weighted = sums.tolist(), weighted
