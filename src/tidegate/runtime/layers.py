"""The layers of trained networks in NumPy, built from the tensors of a model directory.

Each mirrors a torch module of `tidegate.nn` and takes its tensors by the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel
from tidegate.decoding.sampling import is_whole
from tidegate.errors import RecipeError
from tidegate.kernels import Architecture, CellWeights, RecurrentLayer, State, Zoneout, architecture, weight_names
from tidegate.kernels.lookahead import layer_lookaheads
from tidegate.runtime.bounded_layer import BoundedLayer

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
# Of each layer h, and of an lstm c, each [directions, B, H].
States = tuple[State, ...]


class LayerReading(NamedTuple):
    """What one layer of a stack has just read.

    Attributes:
        number: of the layer, from the lowest.
        weights: of each direction.
        x: [N, I]; with `places` [N], [U, I], each distinct input once.
        offsets: [B+1].
        before: the state that it began from; None for zeros. With a look-ahead, of the forward direction.
    """

    number: int
    weights: Sequence[CellWeights]
    x: Array
    places: Ids | None
    offsets: Ids
    before: State | None


# Is told what a layer has read and the states [N, directions · H] that it came to, and gives the states that are to be read on.
Watcher = Callable[[LayerReading, Array], Array]
# Is told of each stack that runs what a layer of it has read and come to; changes nothing.
Observer = Callable[["RecurrentStack", LayerReading, Array], None]
_OBSERVER: ContextVar[Observer | None] = ContextVar("observer", default=None)


@contextmanager
def stacks_observed(observer: Observer) -> Iterator[None]:
    """Inside, every layer that any stack's `run` has run is shown to the observer, whatever model the stack belongs to; in this thread."""
    outer = _OBSERVER.set(observer)
    try:
        yield
    finally:
        _OBSERVER.reset(outer)


class RecurrentStack:
    """`nn.RecurrentStack`: x [N, I] and offsets [B+1] to states [N, directions · H].

    Args:
        lookahead: steps ahead that a two-way stack sees, shared out among its layers, the lower ones first; None for the whole sequence.

    Attributes:
        name: its prefix, for instance 'stack', 'encoder', 'decoder.0'.
        architecture, lookahead, zoneout: as given.
        layers: from the lowest.
        output_size: directions · H.
        dtype: of its weights.
    """

    def __init__(
        self,
        model: StoredModel,
        prefix: str,
        arch: Architecture,
        num_layers: int,
        *,
        layer_norm: bool = False,
        zoneout: Zoneout = (0.0, 0.0),
        lookahead: int | None = None,
    ) -> None:
        names = weight_names(arch.cell, layer_norm=layer_norm)
        weights = [
            [_weights(model, f"{prefix}.layers.{layer}.{direction}", names) for direction in range(arch.directions)]
            for layer in range(num_layers)
        ]
        self.dtype = weights[0][0].weight_ih.dtype
        self.output_size = sum(direction.hidden_size(arch.cell) for direction in weights[0])
        self.name, self.architecture, self.weights, self.zoneout = prefix, arch, weights, zoneout
        self._watcher: Watcher | None = None
        self._look_ahead(lookahead)

    def _look_ahead(self, lookahead: int | None) -> None:
        arch = self.architecture
        if lookahead is not None and not is_whole(lookahead, least=0):
            raise RecipeError(f"look-ahead is {lookahead}; expected how many steps, a whole number from 0 on.")
        if lookahead and not arch.is_bidirectional:
            raise RecipeError(f"a look-ahead of {lookahead} steps was given, but {arch.name} reads one way and needs none. Leave it out.")
        self.lookahead = int(lookahead) if lookahead is not None and arch.is_bidirectional else None
        cell, each = arch.cell, self.weights
        self.layers: list[RecurrentLayer | BoundedLayer]
        if self.lookahead is None:
            self.layers = [RecurrentLayer(cell, weights, self.zoneout) for weights in each]
        else:
            shares = layer_lookaheads(self.lookahead, len(each))
            self.layers = [BoundedLayer(cell, weights, share, self.zoneout) for weights, share in zip(each, shares, strict=True)]

    @classmethod
    def of_network(cls, model: StoredModel) -> RecurrentStack:
        """The stack `stack`, built as config.json's `network` says; a setting that an older directory lacks is off."""
        settings = model.config["network"]
        return cls(
            model,
            "stack",
            architecture(settings["arch"]),
            settings["num_layers"],
            layer_norm=settings.get("layer_norm", False),
            zoneout=(settings.get("zoneout", 0.0), settings.get("zoneout_cell", 0.0)),
            lookahead=settings.get("lookahead"),
        )

    def with_lookahead(self, lookahead: int | None) -> RecurrentStack:
        """The same weights with another look-ahead.

        Raises:
            RecipeError: it is no whole number from 0 on, or above 0 for a stack that reads one way.
        """
        other = copy(self)
        other._look_ahead(lookahead)
        return other

    @property
    def is_whole(self) -> bool:
        """Whether every state hangs on the whole sequence."""
        return self.architecture.is_bidirectional and self.lookahead is None

    def __call__(self, x: Array, offsets: Ids, places: Ids | None = None) -> Array:
        """With `places` [N], x [U, I] holds each distinct input once."""
        return self.run(x, offsets, None, places)[0]

    def zeros(self, sequences: int) -> States:
        """What `run` begins from if nothing is given."""
        return tuple(layer.zeros(sequences) for layer in self.layers)

    def run(self, x: Array, offsets: Ids, states: States | None = None, places: Ids | None = None) -> tuple[Array, States]:
        """As a call, from given states; with the top layer's states come those of all layers after each sequence.

        With a look-ahead, the states that are given and come are those of the forward direction.
        """
        after = []
        observer = _OBSERVER.get()
        for number, layer in enumerate(self.layers):
            before, own = states[number] if states else None, places if number == 0 else None
            y, state = layer.run(x, offsets, before, own)
            if self._watcher is not None or observer is not None:
                reading = LayerReading(number, self.weights[number], x, own, offsets, before)
                y = y if self._watcher is None else self._watcher(reading, y)
                if observer is not None:
                    observer(self, reading, y)
            after.append(state)
            x = y
        return x, tuple(after)

    @contextmanager
    def watched(self, watcher: Watcher) -> Iterator[None]:
        """Inside, every layer that `run` has run is shown to the watcher, and what that gives is read on in place of its states.

        The states after each sequence stay the layer's own. `step` shows nothing.
        """
        self._watcher, outer = watcher, self._watcher
        try:
            yield
        finally:
            self._watcher = outer

    def step(self, x: Array, states: States) -> States:
        """The states after one more step of B sequences, x [B, I], where the layers have one direction."""
        after = []
        for layer, state in zip(self.layers, states, strict=True):
            assert isinstance(layer, RecurrentLayer)
            after.append(layer.step(x, state))
            x = after[-1][0][0]
        return tuple(after)


def _weights(model: StoredModel, prefix: str, names: Sequence[str]) -> CellWeights:
    given: dict[str, Any] = {name: model.tensor(f"{prefix}.{name}") for name in names}
    return CellWeights(**{"weight_hh": None, "bias_hh": None} | given)


class CharacterCNN:
    """`nn.CharacterCNN`. Every character's product with every part of the filters is taken once, when loading."""

    WINDOW = 3

    def __init__(self, model: StoredModel, prefix: str) -> None:
        embedding = model.tensor(f"{prefix}.embedding.weight")
        filters = model.tensor(f"{prefix}.filters.weight")
        width = embedding.shape[1]
        self._tables = [np.ascontiguousarray(embedding @ filters[:, k * width : (k + 1) * width].T) for k in range(self.WINDOW)]
        self._tables[0] += model.tensor(f"{prefix}.filters.bias")
        self.output_size = int(filters.shape[0])

    def __call__(self, characters: Ids, offsets: Ids) -> Array:
        """[U, output_size] for character ids [M] and offsets [U+1]; every form has three characters or more."""
        windows = np.diff(offsets) - self.WINDOW + 1
        begins = np.cumsum(windows) - windows
        at = np.arange(int(windows.sum())) + np.repeat(offsets[:-1] - begins, windows)
        activated = self._tables[0][characters[at]]
        for k in range(1, self.WINDOW):
            activated += self._tables[k][characters[at + k]]
        best: Array = np.maximum.reduceat(activated, begins, axis=0)
        return np.maximum(best, 0, out=best)


class CharacterBiLSTM:
    """`nn.CharacterBiLSTM`: the last state of each direction."""

    def __init__(self, model: StoredModel, prefix: str) -> None:
        self._embedding = model.tensor(f"{prefix}.embedding.weight")
        self._stack = RecurrentStack(model, f"{prefix}.stack", architecture("bilstm"), 1)
        self.output_size = 2 * int(model.tensor(f"{prefix}.stack.layers.0.0.weight_hh").shape[1])

    def __call__(self, characters: Ids, offsets: Ids) -> Array:
        """[U, output_size] for character ids [M] and offsets [U+1]."""
        states = self._stack(self._embedding[characters], offsets)
        half = self.output_size // 2
        return np.concatenate([states[offsets[1:] - 1, :half], states[offsets[:-1], half:]], axis=1)


class Pooling:
    """`nn.Pooling`: states [N, D] of B sequences, none empty, to vectors [B, pools · D]."""

    def __init__(self, model: StoredModel, prefix: str, pools: Sequence[str], directions: int) -> None:
        self.pools = tuple(pools)
        self.directions = directions
        if "attention" in pools:
            self._attention = np.ascontiguousarray(model.tensor(f"{prefix}.attention.weight").T)
            self._bias = model.tensor(f"{prefix}.attention.bias")
            self._query = model.tensor(f"{prefix}.query")

    def __call__(self, states: Array, offsets: Ids) -> Array:
        begins, lengths = offsets[:-1], np.diff(offsets)
        parts: list[Array] = []
        for pool in self.pools:
            if pool == "max":
                parts.append(np.maximum.reduceat(states, begins, axis=0))
            elif pool == "mean":
                parts.append(np.add.reduceat(states, begins, axis=0) / lengths[:, None].astype(states.dtype))
            elif pool == "last":
                parts.append(self._last(states, offsets))
            else:
                weights = self.weights(states, offsets)
                parts.append(np.add.reduceat(states * weights[:, None], begins, axis=0))
        return np.concatenate(parts, axis=1)

    def weights(self, states: Array, offsets: Ids) -> Array:
        """[N], by which attention adds up the states [N, D] of each sequence; those of one sum to 1."""
        begins, lengths = offsets[:-1], np.diff(offsets)
        energies = self.energies(states)
        weights: Array = np.exp(energies - np.repeat(np.maximum.reduceat(energies, begins), lengths))
        weights /= np.repeat(np.add.reduceat(weights, begins), lengths)
        return weights

    def energies(self, states: Array) -> Array:
        """[N], by which attention weighs states [N, D]."""
        projected = self._projected(states)
        energies: Array = np.tanh(projected, out=projected) @ self._query
        return energies

    def _projected(self, states: Array) -> Array:
        projected: Array = states @ self._attention
        projected += self._bias
        return projected

    def _last(self, states: Array, offsets: Ids) -> Array:
        last: Array = states[offsets[1:] - 1]
        if self.directions == 1:
            return last
        half = states.shape[1] // 2
        return np.concatenate([last[:, :half], states[offsets[:-1], half:]], axis=1)
