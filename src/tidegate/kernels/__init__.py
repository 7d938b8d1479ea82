"""Recurrent cells on the CPU: the list of architectures, the plain twins, the engine, and the NumPy loop that stands in for it."""

from tidegate.kernels.architecture import ARCHITECTURES, GATES, Architecture, Cell, architecture
from tidegate.kernels.layer import RecurrentLayer
from tidegate.kernels.recurrence import PackedCell, TimeMajor, run_packed
from tidegate.kernels.twins import CELLS, CellWeights, run_layer

__all__ = [
    "ARCHITECTURES",
    "CELLS",
    "GATES",
    "Architecture",
    "Cell",
    "CellWeights",
    "PackedCell",
    "RecurrentLayer",
    "TimeMajor",
    "architecture",
    "run_layer",
    "run_packed",
]
