"""The engine's side: a layer called from NumPy."""

from __future__ import annotations

from typing import Any

from tidegate.kernels import Cell, engine

from .contest import Contestant
from .onnx_side import Weights
from .shapes import Array, Batch


def make_layer(cell: Cell, weights: Weights, *, threads: int, is_training: bool = False) -> Any:
    return engine.Layer(cell, weights, trains=is_training, threads=threads)


class LayerCalls:
    """A layer and its batches; one call reads all of them, and takes every gradient when training."""

    def __init__(self, layer: Any, batches: list[Batch], *, is_training: bool) -> None:
        self.layer = layer
        self.batches = batches
        self.is_training = is_training

    def run(self) -> None:
        for batch in self.batches:
            output = self.layer.forward(batch.x, batch.offsets, keep=self.is_training)
            if self.is_training:
                self.layer.backward(output.tape, batch.x, batch.dy)

    def answer(self) -> dict[str, Array]:
        batch = self.batches[0]
        output = self.layer.forward(batch.x, batch.offsets, keep=self.is_training)
        found = {"y": output.y}
        if self.is_training:
            gradients = self.layer.backward(output.tape, batch.x, batch.dy)
            found["dx"] = gradients.dx
            names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
            for suffix, direction in zip(("", "_reverse"), gradients.weights, strict=False):
                found |= {name + suffix: array for name, array in zip(names, direction, strict=True)}
        return found


def layer_contestant(cell: Cell, weights: Weights, batches: list[Batch], *, threads: int, is_training: bool) -> Contestant:
    calls = LayerCalls(make_layer(cell, weights, threads=threads, is_training=is_training), batches, is_training=is_training)
    return Contestant("layer", "layer", calls.run, calls.answer)
