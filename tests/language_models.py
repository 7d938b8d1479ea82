"""Small language models with random weights, and their numbers by the plain twins, unit by unit in float64."""

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


class LanguageModel:
    """A language model's tensors, drawn anew, and its twin.

    Attributes:
        stored: as `read_model` gives it.
    """

    def __init__(
        self,
        arch: str,
        units: Units,
        *,
        hidden: int = 7,
        embedding: int = 5,
        layers: int = 1,
        is_tied: bool = False,
        layer_norm: bool = False,
        zoneout: tuple[float, float] = (0.0, 0.0),
        window: int = 4,
        seed: int = 0,
    ) -> None:
        random = np.random.default_rng(seed)
        entry = architecture(arch)
        self.cell, self.zoneout, self.units, self.is_tied = entry.cell, zoneout, units, is_tied
        stacks = ("left", "right") if entry.is_bidirectional else ("stack",)
        # Wide layers with weights as large as narrow ones' would make rounding grow from step to step.
        scale = min(1.0, (8 / hidden) ** 0.5)
        self.stacks = {
            name: [
                _scaled(cell_weights(random, self.cell, hidden if layer else embedding, hidden, np.float32, layer_norm=layer_norm), scale)
                for layer in range(layers)
            ]
            for name in stacks
        }
        width = embedding if is_tied else hidden
        shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (len(units), embedding), "head.bias": (len(units),)}
        if not is_tied:
            shapes["head.weight"] = (len(units), width)
        if entry.is_bidirectional:
            shapes |= {f"{side}_projection.weight": (width, hidden) for side in ("left", "right", "both")}
            shapes |= {"both_hidden.weight": (hidden, 2 * hidden), "both_hidden.bias": (hidden,)}
        elif is_tied:
            shapes["projection.weight"] = (width, hidden)
        tensors: dict[str, Any] = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
        self.weights = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
        for name, stack in self.stacks.items():
            for layer, w in enumerate(stack):
                parts = {field.name: getattr(w, field.name) for field in fields(CellWeights)}
                tensors |= {f"{name}.layers.{layer}.0.{part}": array for part, array in parts.items() if array is not None}
        network = {
            "arch": arch,
            "hidden_size": hidden,
            "num_layers": layers,
            "embedding_size": embedding,
            "is_tied": is_tied,
            "layer_norm": layer_norm,
            "zoneout": zoneout[0],
            "zoneout_cell": zoneout[1],
        }
        config = {"task": "generate", "arch": arch, "network": network, "recipe": {"unit": units.kind, "window": window}}
        self.stored = StoredModel(Path("model"), config, tensors, units.to_json(), {"dev": {"bits": 2.0}})

    def states(self, stack: str, vectors: Sequence[Array]) -> list[Array]:
        """The top layer's state after each vector, zeros before all of them: one more than there are vectors."""
        layers = [weights_as(w, np.float64) for w in self.stacks[stack]]
        zero = np.zeros(layers[0].hidden_size(self.cell))
        state = [(zero, zero) if self.cell == "lstm" else (zero,) for _ in layers]
        tops = [zero]
        for vector in vectors:
            x = vector
            for layer, w in enumerate(layers):
                kept = [np.full_like(zero, p) for p in self.zoneout]
                state[layer] = zoned(state[layer], CELLS[self.cell](x, state[layer], w), kept)  # type: ignore[assignment]
                x = state[layer][0]
            tops.append(x)
        return tops

    def log_softmax(self, vector: Array) -> Array:
        """log p [V] of what the head reads."""
        logits = self.weights["embedding.weight" if self.is_tied else "head.weight"] @ vector + self.weights["head.bias"]
        return np.asarray(logits - np.log(np.exp(logits).sum()))

    def next_log_probabilities(self, ids: Sequence[int]) -> list[Array]:
        """log p [V] of the unit after each beginning of a text, the empty one and the whole one too."""
        begin = [] if self.units.line_end is None else [self.units.line_end]
        tops = self.states("stack", [self.weights["embedding.weight"][unit] for unit in [*begin, *ids]])[len(begin) :]
        return [self.log_softmax(self.weights["projection.weight"] @ top if self.is_tied else top) for top in tops]

    def log_probabilities(self, ids: Sequence[int]) -> list[float]:
        """log p of each unit given those before it."""
        return [float(row[unit]) for row, unit in zip(self.next_log_probabilities(ids), ids, strict=False)]

    def two_way_log_probabilities(self, ids: Sequence[int], blanks: Sequence[int] = ()) -> dict[str, list[Array]]:
        """By side, log p [V] of each unit of a text given those before it, behind it, and all others."""
        zero = np.zeros(self.weights["embedding.weight"].shape[1])
        vectors = [zero if place in blanks else self.weights["embedding.weight"][unit] for place, unit in enumerate(ids)]
        left = self.states("left", vectors)[:-1]
        right = self.states("right", vectors[::-1])[:-1][::-1]
        result: dict[str, list[Array]] = {"left": [], "right": [], "both": []}
        for l, r in zip(left, right, strict=True):  # noqa: E741
            hidden = np.maximum(self.weights["both_hidden.weight"] @ np.concatenate([l, r]) + self.weights["both_hidden.bias"], 0)
            for side, state in (("left", l), ("right", r), ("both", hidden)):
                result[side].append(self.log_softmax(self.weights[f"{side}_projection.weight"] @ state))
        return result


def _scaled(w: CellWeights, scale: float) -> CellWeights:
    parts = (getattr(w, field.name) for field in fields(w))
    return CellWeights(*(None if part is None else (part * scale).astype(part.dtype) for part in parts))  # type: ignore[arg-type]
