"""Pooling: the states of a sequence to one vector, in several ways side by side.

`max` and `mean` over the steps; `last`: each direction's last state; `attention`: the mean weighted by
softmax(v · tanh(W h + b)) over the steps (Yang et al. 2016, NAACL, one level of it).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.nn.ragged import PaddedLayout

Pool = Literal["attention", "max", "mean", "last"]


class Pooling(nn.Module):
    """States [N, D] of B sequences, none empty, to vectors [B, len(pools) · D].

    Args:
        pools: which, in the order in which they stand side by side.
        size: D.
        directions: 2 where the second half of D was read backward.
    """

    def __init__(self, pools: Sequence[Pool], size: int, directions: int) -> None:
        super().__init__()
        self.pools = tuple(pools)
        self.output_size = len(pools) * size
        self._directions = directions
        if "attention" in pools:
            self.attention = nn.Linear(size, size)
            self.query = nn.Parameter(torch.zeros(size))

    def forward(self, states: Tensor, offsets: NDArray[np.int64]) -> Tensor:
        lengths = torch.from_numpy(np.diff(offsets))
        sequence = torch.repeat_interleave(torch.arange(len(lengths)), lengths)
        parts = []
        for pool in self.pools:
            if pool == "max":
                layout = PaddedLayout(offsets)
                is_empty = (layout.rows == len(states)).view(layout.steps, layout.sequences, 1)
                parts.append(layout.pad(states).masked_fill(is_empty, -torch.inf).amax(dim=0))
            elif pool == "mean":
                parts.append(_sums(states, sequence, len(lengths)) / lengths[:, None])
            elif pool == "last":
                parts.append(self._last(states, offsets))
            else:
                energies = torch.tanh(self.attention(states)) @ self.query
                # The highest of each sequence is taken off first, which leaves the weights as they are and keeps e^x in range.
                highest = energies.new_full((len(lengths),), -torch.inf).scatter_reduce(0, sequence, energies.detach(), "amax")
                weights = torch.exp(energies - highest[sequence])
                total = energies.new_zeros(len(lengths)).index_add(0, sequence, weights)
                parts.append(_sums(states * weights[:, None], sequence, len(lengths)) / total[:, None])
        return torch.cat(parts, dim=1)

    def _last(self, states: Tensor, offsets: NDArray[np.int64]) -> Tensor:
        last = states[torch.from_numpy(offsets[1:] - 1)]
        if self._directions == 1:
            return last
        half = states.shape[1] // 2
        return torch.cat([last[:, :half], states[torch.from_numpy(offsets[:-1])][:, half:]], dim=1)


def _sums(rows: Tensor, sequence: Tensor, sequences: int) -> Tensor:
    return rows.new_zeros(sequences, rows.shape[1]).index_add(0, sequence, rows)
