"""The engine's layers of a module, packed once for inference and used again while the weights stay what they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from tidegate.kernels import engine
from tidegate.nn.recurrence import EngineCell

SAMPLES = 8


class _Stamp(NamedTuple):
    """By what a weight is known to be unchanged.

    Writes through `.data` and torch's fused optimisers (torch 2.13) raise no version, so contents are looked at too: all of a
    bias, and of a matrix eight elements from end to end, two or more in each gate's rows: 0.2 µs each. What that misses, a
    write through `.data` to single rows of a matrix, `flatten_parameters()` mends.
    """

    version: int
    pointer: int
    contents: Callable[[], bytes]  # reads the weight's memory, and so keeps it from being given to another tensor
    bytes: bytes

    @classmethod
    def of(cls, weight: Tensor) -> _Stamp:
        flat = weight.detach().view(-1).numpy()
        contents = (flat if weight.dim() == 1 else flat[:: -(-len(flat) // SAMPLES)]).tobytes
        return cls(weight._version, weight.data_ptr(), contents, contents())


class PackedLayers(NamedTuple):
    """The engine's layers for weights as they were when the stamps were taken."""

    cell: EngineCell
    stamps: list[_Stamp]
    layers: list[engine.Layer]

    def fits(self, cell: EngineCell, weights: Sequence[Tensor]) -> bool:
        """Whether these are the weights, unchanged since."""
        for weight, (version, pointer, contents, before) in zip(weights, self.stamps, strict=True):
            if weight._version != version or weight.data_ptr() != pointer or contents() != before:
                return False
        return cell == self.cell


def stamps(weights: Sequence[Tensor]) -> list[_Stamp] | None:
    """One for each weight, to be taken before packing; None where one is not contiguous or counts no versions."""
    if any(weight.is_inference() or not weight.is_contiguous() for weight in weights):
        return None
    return [_Stamp.of(weight) for weight in weights]
