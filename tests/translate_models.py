"""Small translators with random weights, and their numbers by the plain twins, unit by unit in float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strategies import cell_weights, weights_as
from tidegate.artefact import StoredModel
from tidegate.data.units import Units
from tidegate.kernels import CELLS, CellWeights, architecture
from tidegate.kernels.twins import zoned

Array = NDArray[np.floating[Any]]


class TranslateTwin:
    """A translator's tensors, drawn anew, and its twin.

    Attributes:
        stored: as `read_model` gives it.
    """

    def __init__(
        self,
        source_units: Units,
        target_units: Units,
        *,
        arch: str = "bilstm",
        decoder: str = "lstm",
        attention: str = "additive",
        hidden: int = 6,
        layers: int = 1,
        embedding: int = 5,
        decoder_size: int = 7,
        decoder_layers: int = 2,
        attention_size: int = 4,
        is_simultaneous: bool = False,
        layer_norm: bool = False,
        zoneout: tuple[float, float] = (0.0, 0.0),
        longest: tuple[int, int] = (6, 5),
        recipe: dict[str, Any] | None = None,
        seed: int = 0,
    ) -> None:
        random = np.random.default_rng(seed)
        entry = architecture(arch)
        self.source_units, self.target_units = source_units, target_units
        self.cell, self.decoder, self.attention, self.zoneout = entry.cell, architecture(decoder).cell, attention, zoneout
        self.is_simultaneous, self.decoder_size = is_simultaneous, decoder_size
        self.parts = 2 if self.decoder == "lstm" else 1
        width = hidden * entry.directions
        context = decoder_size if attention == "none" else width
        self.encoder = [
            [
                cell_weights(random, self.cell, width if layer else embedding, hidden, np.float32, layer_norm=layer_norm)
                for _ in range(entry.directions)
            ]
            for layer in range(layers)
        ]
        inputs = [embedding + (decoder_size if attention == "none" else 0)] + [decoder_size] * (decoder_layers - 1)
        if attention != "none" and decoder_layers > 1:
            inputs[1] += context
        self.layers = [cell_weights(random, self.decoder, size, decoder_size, np.float32) for size in inputs]
        ends = len(source_units), len(target_units)
        shapes: dict[str, tuple[int, ...]] = {
            "source_embedding.weight": (ends[0] + 1, embedding),
            "target_embedding.weight": (ends[1] + 1, embedding),
            "readout.weight": (2 * embedding, decoder_size + embedding + context),
            "readout.bias": (2 * embedding,),
            "head.bias": (ends[1] + 1,),
        }
        if not is_simultaneous:
            states = decoder_layers * self.parts * decoder_size
            shapes |= {"summary.weight": (decoder_size, width), "summary.bias": (decoder_size,)}
            shapes |= {"bridge.weight": (states, decoder_size), "bridge.bias": (states,)}
        if attention == "additive":
            shapes |= {"attention.key.weight": (attention_size, width), "attention.key.bias": (attention_size,)}
            shapes |= {"attention.query.weight": (attention_size, decoder_size), "attention.energy": (attention_size,)}
        elif attention == "multiplicative":
            shapes["attention.key.weight"] = (decoder_size, width)
        tensors: dict[str, Any] = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
        tensors["readout.weight"] *= np.float32(0.5)  # so that neither every answer is sure nor every logit alike
        self.weights: dict[str, Array] = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
        for layer, directions in enumerate(self.encoder):
            for direction, w in enumerate(directions):
                tensors |= _named(f"encoder.layers.{layer}.{direction}", w)
        for layer, w in enumerate(self.layers):
            tensors |= _named(f"decoder.{layer}.layers.0.0", w)
        network = {
            "arch": arch,
            "hidden_size": hidden,
            "num_layers": layers,
            "embedding_size": embedding,
            "layer_norm": layer_norm,
            "zoneout": zoneout[0],
            "zoneout_cell": zoneout[1],
            "decoder": decoder,
            "decoder_size": decoder_size,
            "decoder_layers": decoder_layers,
            "attention": attention,
            "attention_size": decoder_size if attention == "multiplicative" else attention_size,
            "is_simultaneous": is_simultaneous,
        }
        config = {
            "task": "translate",
            "arch": arch,
            "network": network,
            "recipe": {"beam": 3, "length_penalty": 1.0, "coverage_penalty": 0.0} | (recipe or {}),
            "lengths": {"longest_source": longest[0], "longest_target": longest[1]},
        }
        vocabulary = {"source": source_units.to_json(), "target": target_units.to_json()}
        self.stored = StoredModel(Path("model"), config, tensors, vocabulary, {"dev": {"exact_match": 0.5}})

    def annotations(self, source: Sequence[int]) -> tuple[list[Array], Array]:
        """The annotation of each unit, and what the top layer's directions have read last, side by side."""
        xs: list[Array] = [self.weights["source_embedding.weight"][unit] for unit in source]
        last = np.zeros(0)
        for layer in self.encoder:
            sides = []
            for direction, w in enumerate(layer):
                tops = _run(self.cell, weights_as(w, np.float64), xs[::-1] if direction else xs, self.zoneout)
                sides.append((tops[::-1] if direction else tops, tops[-1]))
            xs = [np.concatenate(parts) for parts in zip(*(tops for tops, _ in sides), strict=True)]
            last = np.concatenate([each for _, each in sides])
        return xs, last

    def told(self, source: Sequence[int], units: Sequence[int], wait_k: int | None = None) -> tuple[list[Array], list[Array]]:
        """log p [V+1] of the unit after each beginning of the target `units`, the empty one and the whole one too; and the attention
        [S+1] of each, of a source that ends with its end symbol."""
        w = self.weights
        annotations, last = self.annotations(source)
        states: list[tuple[Array, ...]] = [(np.zeros(self.decoder_size),) * self.parts for _ in self.layers]
        context = np.zeros(0)
        if not self.is_simultaneous:
            context = np.tanh(w["summary.weight"] @ last + w["summary.bias"])
            begin = np.tanh(w["bridge.weight"] @ context + w["bridge.bias"]).reshape(len(self.layers), self.parts, -1)
            states = [tuple(begin[layer]) for layer in range(len(self.layers))]
        rows, attended = [], []
        for step, unit in enumerate([len(self.target_units), *units]):
            e = w["target_embedding.weight"][unit]
            u = self._read(0, np.concatenate([e, context]) if self.attention == "none" else e, states)
            if self.attention != "none":
                seen = annotations if wait_k is None else annotations[: wait_k + step]
                scores = np.array([self._score(u, annotation) for annotation in seen])
                a = np.exp(scores - scores.max())
                a /= a.sum()
                context = sum(share * annotation for share, annotation in zip(a, seen, strict=True))
                attended.append(np.pad(a, (0, len(annotations) - len(a))))
            for layer in range(1, len(self.layers)):
                u = self._read(layer, np.concatenate([u, context]) if layer == 1 and self.attention != "none" else u, states)
            pairs = w["readout.weight"] @ np.concatenate([u, e, context]) + w["readout.bias"]
            logits = w["target_embedding.weight"] @ pairs.reshape(-1, 2).max(axis=1) + w["head.bias"]
            rows.append(logits - np.log(np.exp(logits).sum()))
        return rows, attended

    def logprob(self, source: Sequence[int], units: Sequence[int], wait_k: int | None = None) -> float:
        """log p of a target and its end."""
        rows, _ = self.told(source, units, wait_k)
        return float(sum(row[unit] for row, unit in zip(rows, [*units, len(self.target_units)], strict=True)))

    def _read(self, layer: int, x: Array, states: list[tuple[Array, ...]]) -> Array:
        states[layer] = CELLS[self.decoder](x, states[layer], weights_as(self.layers[layer], np.float64))[: self.parts]  # type: ignore[arg-type]
        return states[layer][0]

    def _score(self, query: Array, annotation: Array) -> float:
        w = self.weights
        if self.attention == "multiplicative":
            return float(query @ (w["attention.key.weight"] @ annotation))
        key = w["attention.key.weight"] @ annotation + w["attention.key.bias"]
        return float(w["attention.energy"] @ np.tanh(w["attention.query.weight"] @ query + key))


def _run(cell: Any, w: CellWeights, xs: Sequence[Array], zoneout: tuple[float, float]) -> list[Array]:
    zero = np.zeros(w.hidden_size(cell))
    state: tuple[Array, ...] = (zero, zero) if cell == "lstm" else (zero,)
    tops = []
    for x in xs:
        state = zoned(state, CELLS[cell](x, state, w), [np.full_like(zero, p) for p in zoneout])  # type: ignore[arg-type]
        tops.append(state[0])
    return tops


def _named(prefix: str, w: CellWeights) -> dict[str, Any]:
    parts = {field.name: getattr(w, field.name) for field in fields(CellWeights)}
    return {f"{prefix}.{name}": part for name, part in parts.items() if part is not None}
