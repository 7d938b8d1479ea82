"""Recurrent cells on the CPU: the list of architectures, the plain twins, and the NumPy loop over ragged batches."""

from tidegate.kernels.architecture import ARCHITECTURES, GATES, Architecture, Cell, architecture
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
    "TimeMajor",
    "architecture",
    "run_layer",
    "run_packed",
]
