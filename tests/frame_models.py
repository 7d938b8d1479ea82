"""Small models over frames with random weights, and their numbers by the plain twins, step by step in float64."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strategies import cell_weights, weights_as
from tidegate.artefact import StoredModel
from tidegate.data.frame_scales import FrameScale
from tidegate.data.frames import Frames
from tidegate.data.log_mel import MelSettings
from tidegate.data.number_frames import NumberFrames
from tidegate.data.number_sequences import NumberSequence, SequenceColumns
from tidegate.data.recordings import Recording, RecordingColumns
from tidegate.data.records import Source
from tidegate.data.sound_frames import SoundFrames
from tidegate.kernels import CellWeights, architecture, run_layer
from tidegate.kernels.lookahead import layer_lookaheads

Array = NDArray[np.floating[Any]]
POOLS = ("attention", "max", "mean", "last")
FEATURES = ("speed", "heat", "load")


def number_frames(*, per_step: int = 1, has_gaps: bool = True) -> NumberFrames:
    size = len(FEATURES)
    gaps = np.arange(size) == (0 if has_gaps else -1)
    scale = FrameScale(np.array([1, 0, -1], dtype=np.float32), np.array([2, 1, 3], dtype=np.float32), gaps, per_step)
    return NumberFrames(SequenceColumns("id", "t", FEATURES, "kind"), scale)


def sound_frames(*, per_step: int = 2, rate: int = 8000, mels: int = 12) -> SoundFrames:
    flat = np.zeros(mels, dtype=bool)
    scale = FrameScale(np.full(mels, -6, dtype=np.float32), np.full(mels, 3, dtype=np.float32), flat, per_step)
    return SoundFrames(MelSettings(rate, mels=mels), scale)


class FrameModelMaker:
    """The tensors of a model, drawn anew, and its twin.

    Attributes:
        stored: as `read_model` gives it.
    """

    def __init__(
        self,
        task: str,
        arch: str = "gru",
        *,
        frames: Frames | None = None,
        labels: Sequence[str] = ("calm", "storm", "tide"),
        pools: Sequence[str] = POOLS,
        hidden: int = 6,
        embedding: int = 5,
        layers: int = 2,
        lookahead: int | None = None,
        unit: str = "word",
        seed: int = 0,
    ) -> None:
        random = np.random.default_rng(seed)
        entry = architecture(arch)
        self.entry, self.lookahead, self.pools = entry, lookahead, tuple(pools) if task == "classify" else ()
        self.frames = frames or (sound_frames() if task == "transcribe" else number_frames())
        outputs = len(labels) + (task == "transcribe")
        width = entry.directions * hidden
        shapes: dict[str, tuple[int, ...]] = {
            "embed.weight": (embedding, self.frames.width),
            "embed.bias": (embedding,),
            "head.weight": (outputs, width * max(1, len(self.pools))),
            "head.bias": (outputs,),
        }
        if "attention" in self.pools:
            shapes |= {"pooling.attention.weight": (width, width), "pooling.attention.bias": (width,), "pooling.query": (width,)}
        self.tensors: dict[str, Any] = {name: random.normal(scale=0.4, size=shape).astype(np.float32) for name, shape in shapes.items()}
        self.layers: list[list[CellWeights]] = []
        for layer in range(layers):
            self.layers.append([])
            for direction in range(entry.directions):
                w = cell_weights(random, entry.cell, width if layer else embedding, hidden, np.float32)
                self.layers[-1].append(w)
                parts = {name: getattr(w, name) for name in w.__slots__}
                self.tensors |= {f"stack.layers.{layer}.{direction}.{name}": part for name, part in parts.items() if part is not None}
        network = {
            "arch": arch,
            "hidden_size": hidden,
            "num_layers": layers,
            "embedding_size": embedding,
            "inputs": self.frames.width,
            "pools": list(self.pools),
            "lookahead": lookahead,
        }
        config = {"task": task, "input": self.frames.input, "arch": arch, "network": network, "recipe": {}}
        columns = (
            SequenceColumns("id", "t", FEATURES, "kind") if self.frames.input == "numbers" else RecordingColumns(path="file", label="kind")
        )
        vocabulary: dict[str, Any] = {
            "column": "kind",
            "labels": list(labels),
            "frames": self.frames.to_json(),
            "columns": columns.to_json(),
        }
        if task == "transcribe":
            vocabulary["unit"] = unit
        self.stored = StoredModel(Path("model"), config, self.tensors, vocabulary, {"dev": {"accuracy": 0.5}})

    def states(self, record: Any) -> Array:
        """[T, directions · H] of a record's steps."""
        x: Any = self.frames.of(record).astype(np.float64)
        x = np.maximum(x @ self.tensors["embed.weight"].T.astype(np.float64) + self.tensors["embed.bias"], 0)
        if not len(x):
            return np.zeros((0, len(self.tensors["head.weight"][0])))
        ahead = [len(x)] * len(self.layers) if self.lookahead is None else layer_lookaheads(self.lookahead, len(self.layers))
        for directions, k in zip(self.layers, ahead, strict=True):
            forward, *backward = (weights_as(w, np.float64) for w in directions)
            parts = [run_layer(self.entry.cell, x, np.array([0, len(x)]), forward)]
            for w in backward:
                windows = (x[step : step + k + 1] for step in range(len(x)))
                parts.append(
                    np.array([run_layer(self.entry.cell, window, np.array([0, len(window)]), w, reverse=True)[0] for window in windows])
                )
            x = np.concatenate(parts, axis=1)
        return np.asarray(x)

    def logits(self, record: Any) -> Array:
        """[K] of a sequence where there is pooling, else [T, K]."""
        states = self.states(record)
        t = {name: tensor.astype(np.float64) for name, tensor in self.tensors.items()}
        vectors = []
        for pool in self.pools:
            if pool == "max":
                vectors.append(states.max(axis=0))
            elif pool == "mean":
                vectors.append(states.mean(axis=0))
            elif pool == "last":
                half = states.shape[1] // self.entry.directions
                vectors.append(np.concatenate([states[-1, :half], states[0, half:]]))
            else:
                energies = np.tanh(states @ t["pooling.attention.weight"].T + t["pooling.attention.bias"]) @ t["pooling.query"]
                weights = np.exp(energies - energies.max())
                vectors.append(weights @ states / weights.sum())
        vector = np.concatenate(vectors) if vectors else states
        return np.asarray(vector @ t["head.weight"].T + t["head.bias"])


def sequences(
    lengths: Sequence[int] = (7, 1, 12, 30, 2), *, seed: int = 1, label: str = "", labels: Sequence[str] = ()
) -> list[NumberSequence]:
    """Sequences of numbers with holes; of those labels in turn, or every step that label."""
    random = np.random.default_rng(seed)
    found = []
    for number, length in enumerate(lengths):
        values = random.normal(size=(length, len(FEATURES)))
        values[random.random(values.shape) < 0.1] = np.nan
        own = labels[number % len(labels)] if labels else ""
        found.append(NumberSequence(values, Source("in.csv", 2 + number), f"s{number}", own, (label,) * length if label else ()))
    return found


def recordings(
    seconds: Sequence[float] = (0.3, 0.01, 0.71), rate: int = 8000, *, seed: int = 1, text: str | None = None
) -> list[Recording]:
    """Noise that swells and fades."""
    random = np.random.default_rng(seed)
    found = []
    for number, length in enumerate(seconds):
        samples = random.normal(size=round(length * rate)) * 0.1 * (1.1 + np.sin(np.arange(round(length * rate)) / 300))
        found.append(Recording(samples.astype(np.float32), rate, Source(f"{number}.wav", 1, "file"), f"{number}.wav", text=text))
    return found
