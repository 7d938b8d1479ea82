"""Small stacks with random weights, whose traces and equations are looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tidegate.artefact import StoredModel
from tidegate.kernels import ARCHITECTURES, weight_names
from tidegate.kernels.architecture import GATES
from tidegate.runtime.layers import RecurrentStack

HIDDEN, INPUT = 8, 5


def random_stack(
    arch_name: str,
    *,
    layers: int = 2,
    hidden: int = HIDDEN,
    layer_norm: bool = False,
    zoneout: tuple[float, float] = (0.0, 0.0),
    **options: Any,
) -> RecurrentStack:
    rng = np.random.default_rng(3)
    arch = ARCHITECTURES[arch_name]
    tensors = {}
    width = INPUT
    for layer in range(layers):
        for direction in range(arch.directions):
            blocks = GATES[arch.cell] * hidden
            shapes = {
                "weight_ih": (blocks, width),
                "weight_hh": (blocks, hidden),
                "bias_ih": (blocks,),
                "bias_hh": (blocks,),
                "gain_ih": (blocks,),
                "gain_hh": (blocks,),
                "gain_c": (hidden,),
                "shift_c": (hidden,),
            }
            for name in weight_names(arch.cell, layer_norm=layer_norm):
                tensors[f"stack.layers.{layer}.{direction}.{name}"] = rng.normal(0, 0.6, shapes[name])
        width = hidden * arch.directions
    model = StoredModel(Path("made up"), {}, tensors, {}, {})
    return RecurrentStack(model, "stack", arch, layers, layer_norm=layer_norm, zoneout=zoneout, **options)
