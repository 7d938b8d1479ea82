"""Where a ragged batch is turned to padded and back: the only file above the engine that knows padding.

torch.nn's layers want [T, B, I]. `PaddedLayout` says which flat row stands where, for reading from
the start or from the end of each sequence; rows past a sequence's end are zeros that come *after*
it, so a one-way layer never reads them and no result depends on how many there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class PaddedLayout:
    """The places of N flat rows in a padded block of T steps by B sequences.

    Attributes:
        steps, sequences: T and B.
        rows: [T·B], the flat row at each padded place; N where there is none.
        places: [N], the padded place of each flat row.
    """

    def __init__(self, offsets: NDArray[np.int64], *, reverse: bool = False) -> None:
        lengths = np.diff(offsets)
        self.steps = int(lengths.max(initial=0))
        self.sequences = len(lengths)
        sequence = np.repeat(np.arange(self.sequences), lengths)
        step = np.arange(int(offsets[-1])) - np.repeat(offsets[:-1], lengths)
        if reverse:
            step = np.repeat(lengths, lengths) - 1 - step
        places = step * self.sequences + sequence
        rows = np.full(self.steps * self.sequences, int(offsets[-1]), dtype=np.int64)
        rows[places] = np.arange(len(places))
        self.rows = torch.from_numpy(rows)
        self.places = torch.from_numpy(places)

    def pad(self, flat: Tensor) -> Tensor:
        """[N, D] -> [T, B, D], zeros where nothing stands."""
        padded: Tensor = _Pad.apply(flat, *self._indices(flat))  # type: ignore[no-untyped-call]
        return padded.view(self.steps, self.sequences, flat.shape[1])

    def unpad(self, padded: Tensor) -> Tensor:
        """[T, B, D] -> [N, D]."""
        flat: Tensor = _Unpad.apply(padded.reshape(-1, padded.shape[2]), *self._indices(padded))  # type: ignore[no-untyped-call]
        return flat

    def _indices(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Rows and places where the tensor is."""
        return self.rows.to(like.device), self.places.to(like.device)


def _gather_or_zero(flat: Tensor, rows: Tensor) -> Tensor:
    return torch.cat([flat, flat.new_zeros(1, flat.shape[1])]).index_select(0, rows)


class _Pad(torch.autograd.Function):
    """Every flat row stands in exactly one place, so the gradient is a gather too, where autograd's own would add rows one by one."""

    @staticmethod
    def forward(ctx: Any, flat: Tensor, rows: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        return _gather_or_zero(flat, rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        return gradient.index_select(0, places), None, None


class _Unpad(torch.autograd.Function):
    """The inverse of `_Pad`; padded places receive a gradient of zero."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, rows: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(rows)
        return padded.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (rows,) = ctx.saved_tensors
        return _gather_or_zero(gradient, rows), None, None
