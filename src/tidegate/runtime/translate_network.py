"""The network of `translate` in NumPy: sources to annotations, and targets unit by unit or whole. Mirrors `tasks.translate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel
from tidegate.data.pair_batches import PairBatch
from tidegate.kernels import architecture
from tidegate.kernels.attention import attention
from tidegate.runtime.head import Head, log_softmax
from tidegate.runtime.layers import RecurrentStack, States

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
# Of each layer of the decoder its states, as a stack of one layer has them: h, and of an lstm c, each [1, R, Hd].
DecoderStates = tuple[States, ...]


@dataclass(frozen=True, slots=True)
class Encoded:
    """B sources, read.

    Attributes:
        offsets: [B+1], of their positions, the end symbol's among them.
        annotations: [Ns, W].
        keys: [Ns, A]; None without attention.
        summary: [B, Hd]; None where the model answers before a source has ended.
    """

    offsets: Ids
    annotations: Array
    keys: Array | None
    summary: Array | None


class TranslateNetwork:
    """Encoder and decoder.

    Attributes:
        encoder, layers: the stack that reads the source, and of each layer of the decoder a stack of one layer.
        end: the id of the target's end symbol.
    """

    def __init__(self, model: StoredModel) -> None:
        settings = model.config["network"]
        arch, cell = architecture(settings["arch"]), architecture(settings["decoder"])
        self.is_simultaneous: bool = settings["is_simultaneous"]
        self.has_attention: bool = settings["attention"] != "none"
        self._directions, self._parts = arch.directions, 2 if cell.cell == "lstm" else 1
        self._source_embedding = model.tensor("source_embedding.weight")
        self._embedding = model.tensor("target_embedding.weight")
        self.end = len(self._embedding) - 1
        self.encoder = RecurrentStack(
            model,
            "encoder",
            arch,
            settings["num_layers"],
            layer_norm=settings["layer_norm"],
            zoneout=(settings["zoneout"], settings["zoneout_cell"]),
        )
        self.layers = [RecurrentStack(model, f"decoder.{number}", cell, 1) for number in range(settings["decoder_layers"])]
        if not self.is_simultaneous:
            self._summary, self._bridge = _transposed(model, "summary.weight"), _transposed(model, "bridge.weight")
            self._summary_bias, self._bridge_bias = model.tensor("summary.bias"), model.tensor("bridge.bias")
        self._energy: Array | None = None
        if self.has_attention:
            self._key = _transposed(model, "attention.key.weight")
            if settings["attention"] == "additive":
                self._key_bias, self._query = model.tensor("attention.key.bias"), _transposed(model, "attention.query.weight")
                self._energy = model.tensor("attention.energy")
        # Of the maxout's pairs the first halves, then the second; by what they read: the state, the unit before, the context.
        readout, bias = model.tensor("readout.weight"), model.tensor("readout.bias")
        paired = np.concatenate([readout[0::2], readout[1::2]]).T
        hidden, width = settings["decoder_size"], settings["embedding_size"]
        self._readout = [np.ascontiguousarray(part) for part in np.split(paired, [hidden, hidden + width])]
        self._readout_bias = np.concatenate([bias[0::2], bias[1::2]])
        self._head = Head(self._embedding, model.tensor("head.bias"))
        self.width = int(self._readout[2].shape[0])

    def encode(self, sources: Ids, offsets: Ids) -> Encoded:
        """Reads B sources, each ended by the end symbol of its side."""
        annotations = self.annotated(sources, offsets, None)[0]
        summary = None
        if not self.is_simultaneous:
            last = annotations[offsets[1:] - 1]
            if self._directions == 2:
                half = last.shape[1] // 2
                last[:, half:] = annotations[offsets[:-1], half:]
            summary = np.tanh(last @ self._summary + self._summary_bias)
        return Encoded(offsets, annotations, self.keys(annotations), summary)

    def annotated(self, units: Ids, offsets: Ids, states: States | None) -> tuple[Array, States]:
        """Annotations [Ns, W] of units that are read from given states (None: zeros), and the states after them."""
        if len(units) > len(self._source_embedding):
            return self.encoder.run(self._source_embedding, offsets, states, units)
        return self.encoder.run(self._source_embedding[units], offsets, states)

    def keys(self, annotations: Array) -> Array | None:
        """[Ns, A] of annotations; None without attention."""
        if not self.has_attention:
            return None
        keys: Array = annotations @ self._key
        if self._energy is not None:
            keys += self._key_bias
        return keys

    def begin(self, encoded: Encoded) -> DecoderStates:
        """The states before the first unit of each source's target."""
        if encoded.summary is None:
            return tuple(layer.zeros(len(encoded.offsets) - 1) for layer in self.layers)
        states = np.tanh(encoded.summary @ self._bridge + self._bridge_bias)
        parts = states.reshape(len(states), len(self.layers), self._parts, -1)
        return tuple(
            (tuple(np.ascontiguousarray(parts[:, layer, part])[None] for part in range(self._parts)),) for layer in range(len(self.layers))
        )

    def step(
        self, units: Ids, states: DecoderStates, encoded: Encoded, sources: Ids, limit: int | None = None
    ) -> tuple[Array, DecoderStates, Array | None]:
        """One step of R targets.

        Args:
            units: [R], the unit before; the end symbol before the first.
            states: of R rows.
            encoded: B sources.
            sources: [R], whose target each row is; never falling.
            limit: how many positions of its source each row sees at most; None: all.

        Returns:
            log p [R, V+1] of the next unit, −∞ of the unknown one; the states after the step; and the attention [P], R rows' positions one
            after another, None without attention.
        """
        rows = np.arange(len(units) + 1)
        after: list[States] = []

        def read(number: int, x: Array, places: Ids | None = None) -> Array:
            layer, before = self.layers[number], states[number]
            after.append(layer.step(x, before) if places is None else layer.run(x, rows, before, places)[1])
            top: Array = after[-1][0][0][0]
            return top

        offsets = np.searchsorted(sources, np.arange(len(encoded.offsets)))
        limits = None if limit is None else np.full(len(units), limit)
        u, context, weights = self._decoded(units, read, encoded, offsets, limits)
        scores = self._read_out(u, self._embedding[units], context) @ self._head.weight.T
        scores += self._head.bias
        told = log_softmax(scores)
        told[:, 0] = -np.inf
        return told, tuple(after), weights

    def log_probabilities(self, batch: PairBatch, wait_k: int | None = None) -> NDArray[np.float64]:
        """log p [Nt] of each unit of the targets and of their ends, each given those before it."""
        encoded = self.encode(batch.sources, batch.source_offsets)
        states, offsets = self.begin(encoded), batch.target_offsets

        def read(number: int, x: Array, places: Ids | None = None) -> Array:
            return self.layers[number].run(x, offsets, states[number], places)[0]

        limits = None if wait_k is None else batch.limits(wait_k)
        u, context, _ = self._decoded(batch.inputs, read, encoded, offsets, limits)
        return self._head.log_probabilities(self._read_out(u, self._embedding[batch.inputs], context), batch.targets)

    def _decoded(self, units: Ids, read: Any, encoded: Encoded, offsets: Ids, limits: Ids | None) -> tuple[Array, Array, Array | None]:
        """The top states [N, Hd], the contexts [N, C] and the attention of units [N] that are read, by source [B+1].

        Args:
            read: a layer's number and its inputs [N, I], or distinct inputs and which of them each row reads, to its states [N, Hd].
        """
        weights = None
        if encoded.keys is None:
            context: Array = np.repeat(encoded.summary, np.diff(offsets), axis=0)  # type: ignore[arg-type]
            u = read(0, np.concatenate([self._embedding[units], context], axis=1))
        else:
            u = read(0, self._embedding, units) if len(units) > len(self._embedding) else read(0, self._embedding[units])
            queries = u if self._energy is None else u @ self._query
            context, weights = attention(
                queries, encoded.keys, encoded.annotations, offsets, encoded.offsets, energy=self._energy, limits=limits
            )
        for number in range(1, len(self.layers)):
            u = read(number, np.concatenate([u, context], axis=1) if number == 1 and self.has_attention else u)
        return u, context, weights

    def _read_out(self, u: Array, vectors: Array, context: Array) -> Array:
        """What the head reads, [N, E]."""
        pairs = u @ self._readout[0]
        pairs += vectors @ self._readout[1]
        pairs += context @ self._readout[2]
        pairs += self._readout_bias
        half = pairs.shape[1] // 2
        vectors_read: Array = np.maximum(pairs[:, :half], pairs[:, half:])
        return vectors_read


def _transposed(model: StoredModel, name: str) -> Array:
    return np.ascontiguousarray(model.tensor(name).T)
