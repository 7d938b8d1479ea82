"""Resets inside a sequence: rows before which the past is forgotten.

A reset at row n is a wall between the rows n − 1 and n: neither direction carries a state across it. A batch with walls is a
batch of more and shorter sequences, its pieces, and runs as such; only where states begin and end has to be said anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from tidegate.errors import ShapeError
from tidegate.nn.layouts import Indices, Layout, PackedOrder


class Pieces:
    """The pieces into which walls cut a batch.

    Args:
        offsets: [B+1], of the sequences.
        resets: [N], True at each row that begins anew. At a sequence's first row it keeps the state that the sequence was to
            begin from out and, of the direction that reads backward, lets nothing past it: that last state is zeros.
        directions: of each layer, 1 or 2.

    Attributes:
        offsets: [P+1], of the pieces.

    Raises:
        ShapeError: the resets are not N truth values.
    """

    def __init__(self, offsets: Indices, resets: NDArray[np.bool_], directions: int) -> None:
        resets = np.asarray(resets)
        if resets.dtype != np.bool_ or resets.shape != (int(offsets[-1]),):
            raise ShapeError(
                f"resets is {resets.dtype} of shape {list(resets.shape)}; expected bool of shape [{int(offsets[-1])}], one for each row."
            )
        walls: Indices = np.flatnonzero(resets)
        sequence = np.searchsorted(offsets, walls, side="right") - 1
        is_inner = walls > offsets[sequence]
        count = len(offsets) - 1
        parts = np.bincount(sequence[is_inner], minlength=count) + 1
        last = np.cumsum(parts) - 1
        first = last - parts + 1
        walled = sequence[~is_inner]
        self.offsets: Indices = np.sort(np.concatenate([offsets, walls[is_inner]]))
        self._count = len(self.offsets) - 1
        # One past the end stands for zeros.
        begins = np.full((2, self._count), count)
        begins[0, first] = begins[1, last] = np.arange(count)
        begins[0, first[walled]] = count
        ends = np.stack([last, first])
        ends[1, walled] = self._count
        self._begins, self._ends = begins[:directions], ends[:directions]

    def layout(self, layout: Layout) -> Layout:
        """That of the pieces, for that of the sequences."""
        return replace(layout, offsets=self.offsets, sequences=self._count)

    def begins(self, states: Tensor) -> Tensor:
        """[layers · D, P, H]: the states that the pieces begin from, for those of the sequences, [layers · D, B, H]."""
        return _selected(states, self._begins)

    def ends(self, states: Tensor) -> Tensor:
        """[layers · D, B, H]: the last states of the sequences, for those of the pieces, [layers · D, P, H]."""
        return _selected(states, self._ends)


def _selected(states: Tensor, places: Indices) -> Tensor:
    """Of each direction's states [.., S, H] those at `places` [D, K], and zeros for place S."""
    padded = torch.cat([states, states.new_zeros(states.shape[0], 1, states.shape[2])], dim=1)
    directions = len(places)
    chosen = [padded[d::directions].index_select(1, torch.from_numpy(places[d]).to(states.device)) for d in range(directions)]
    return torch.stack(chosen, dim=1).flatten(0, 1)


def run_pieces(
    run: Callable[[PackedSequence, Sequence[Tensor]], tuple[Tensor, Sequence[Tensor]]],
    x: Tensor,
    layout: Layout,
    pieces: Pieces,
    states: Sequence[Tensor],
) -> tuple[Tensor, list[Tensor]]:
    """The pieces as one packed batch, for layers that know no walls.

    Args:
        run: of a packed batch and states [layers · D, P, H] (none for zeros) the packed data [N, D·H] and the last states.
        x: of that layout.
        layout: of the batch.
        pieces: of the batch.
        states: to begin from, [layers · D, B, H] each; none for zeros.

    Returns:
        The states of x's layout, and the last ones, [layers · D, B, H] each.
    """
    order, shape = PackedOrder.of(pieces.offsets), x.shape[:-1]
    rows = layout.flat(np.arange(layout.offsets[-1]))
    there, back, first, second = (
        torch.from_numpy(places).to(x.device) for places in (rows[order.steps], order.rows[rows.argsort()], order.order, order.ranks)
    )
    data = x.reshape(-1, x.shape[-1]).index_select(0, there)
    packed = PackedSequence(data, torch.from_numpy(order.sizes), first, second)
    y, last = run(packed, [pieces.begins(part) for part in states])
    return y.index_select(0, back).view(*shape, -1), [pieces.ends(part) for part in last]


def flags_of(resets: Any, input: Any, layout: Layout) -> NDArray[np.bool_]:
    """Resets as flat rows [N].

    Args:
        resets: bool, one for each step of the input; of a PackedSequence packed alike or its data.
        input: [T, B, I], [B, T, I], [T, I] or a PackedSequence.
        layout: its.

    Raises:
        ShapeError: they are not the batch's.
    """
    data, shape = resets, list((input.data if isinstance(input, PackedSequence) else input).shape[:-1])
    if isinstance(resets, PackedSequence):
        if not isinstance(input, PackedSequence) or not torch.equal(resets.batch_sizes, input.batch_sizes):
            raise ShapeError("resets is a PackedSequence that is not packed as the input is; pack both with the same lengths.")
        mine, theirs = resets.sorted_indices, input.sorted_indices
        if mine is not theirs and (mine is None or theirs is None or not torch.equal(mine, theirs)):
            raise ShapeError("resets is a PackedSequence sorted otherwise than the input; pack both with the same lengths.")
        data = resets.data
    if not isinstance(data, Tensor) or data.dtype is not torch.bool or list(data.shape) != shape:
        found = f"{data.dtype} of shape {list(data.shape)}" if isinstance(data, Tensor) else type(data).__name__
        raise ShapeError(f"resets is {found}; expected torch.bool of shape {shape}, one for each step of the input.")
    flags: NDArray[np.bool_] = layout.flat(data.cpu().numpy())
    return flags
