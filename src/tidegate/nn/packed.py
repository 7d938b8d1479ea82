"""The engine's layers of a module, packed once for inference and used again while the weights stay what they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor

from tidegate.kernels import engine
from tidegate.nn.recurrence import DirectionWeights, EngineCell, engine_layer

SAMPLES = 8


class _Stamp(NamedTuple):
    """By what weights are known to be unchanged, one entry each.

    Writes through `.data` and torch's fused optimisers (torch 2.13) raise no version, so contents are looked at too: all of a
    bias, and of a matrix eight elements from end to end, two in each gate's rows at least. What that misses, a write through
    `.data` to a few rows of a matrix, `flatten_parameters()` mends.
    """

    versions: list[int]
    pointers: list[int]
    reads: list[Callable[[], bytes]]  # of the weights' own memory, which they keep from being given to other tensors
    contents: list[bytes]

    @classmethod
    def of(cls, weights: Sequence[Tensor]) -> _Stamp:
        flats = [weight.detach().view(-1).numpy() for weight in weights]
        reads: list[Callable[[], bytes]] = [
            (flat if weight.dim() == 1 else flat[:: -(-len(flat) // SAMPLES)]).tobytes for weight, flat in zip(weights, flats, strict=True)
        ]
        return cls([weight._version for weight in weights], [weight.data_ptr() for weight in weights], reads, [read() for read in reads])

    def fits(self, weights: Sequence[Tensor]) -> bool:
        return (  # three lists are made in half the time of one loop over all three
            [weight._version for weight in weights] == self.versions
            and [weight.data_ptr() for weight in weights] == self.pointers
            and [read() for read in self.reads] == self.contents
        )


class PackedLayers:
    """The engine's layers for weights as they were.

    Args:
        cell: of all layers.
        weights: of all layers, as they are stamped.
        by_layer: the same, as they are packed.
        zoneout: of all layers, taken in expectation.
    """

    def __init__(
        self,
        cell: EngineCell,
        weights: Sequence[Tensor],
        by_layer: Sequence[Sequence[DirectionWeights]],
        zoneout: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        # Inference tensors count no versions; of others than contiguous ones a stamp would hold a copy.
        is_stamped = not any(weight.is_inference() or not weight.is_contiguous() for weight in weights)
        self._stamp = _Stamp.of(weights) if is_stamped else None  # before packing: what is written meanwhile then shows
        self._cell, self._zoneout = cell, zoneout
        self.layers: list[engine.Layer] = [engine_layer(cell, layer, zoneout=zoneout) for layer in by_layer]

    def fits(self, cell: EngineCell, weights: Sequence[Tensor], zoneout: tuple[float, float] = (0.0, 0.0)) -> bool:
        """Whether these are the weights, unchanged since."""
        if self._stamp is None or cell != self._cell or zoneout != self._zoneout:
            return False
        try:
            return self._stamp.fits(weights)
        except RuntimeError:  # tensors given for this call alone, without a version or without memory
            return False
