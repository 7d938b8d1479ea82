"""Recurrent cells on the CPU: the list of architectures, the plain twins, the engine, and the NumPy loop in its place; attention; CTC."""

from tidegate.kernels.architecture import (
    ARCHITECTURES,
    GATES,
    KEEPING_GATE,
    WITH_LAYER_NORM,
    WITHOUT_RECURRENT_MATRIX,
    Architecture,
    Cell,
    architecture,
    weight_names,
)
from tidegate.kernels.attention import Attended, AttentionGradients, attention, attention_backward
from tidegate.kernels.ctc import ctc_loss, ctc_loss_gradient
from tidegate.kernels.layer import RecurrentLayer
from tidegate.kernels.recurrence import PackedCell, TimeMajor, run_packed, step_packed
from tidegate.kernels.twins import CELLS, CellWeights, State, run_layer
from tidegate.kernels.zoneout import Zoneout

__all__ = [
    "ARCHITECTURES",
    "CELLS",
    "GATES",
    "KEEPING_GATE",
    "WITHOUT_RECURRENT_MATRIX",
    "WITH_LAYER_NORM",
    "Architecture",
    "Attended",
    "AttentionGradients",
    "Cell",
    "CellWeights",
    "PackedCell",
    "RecurrentLayer",
    "State",
    "TimeMajor",
    "Zoneout",
    "architecture",
    "attention",
    "attention_backward",
    "ctc_loss",
    "ctc_loss_gradient",
    "run_layer",
    "run_packed",
    "step_packed",
    "weight_names",
]
