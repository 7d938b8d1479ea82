"""Character encoders: a vector per distinct word form, from its spelling.

`cnn`: windows of three characters, the maximum of each filter over the word (Ma & Hovy 2016, arXiv
1603.01354). `bilstm`: the two last states of a Bi-LSTM over the characters (Lample et al. 2016, arXiv
1603.01360).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.kernels import architecture
from tidegate.nn.stack import RecurrentStack

WINDOW = 3


class CharacterCNN(nn.Module):
    """Filters of width three over character embeddings, ReLU, maximum over the word."""

    def __init__(self, characters: int, embedding_size: int, output_size: int) -> None:
        super().__init__()
        self.output_size = output_size
        self.embedding = nn.Embedding(characters, embedding_size)
        self.filters = nn.Linear(WINDOW * embedding_size, output_size)

    def forward(self, characters: Tensor, offsets: NDArray[np.int64]) -> Tensor:
        """[U, output_size] for character ids [M] and offsets [U+1]; every form has three characters or more, its ends counted."""
        windows = np.diff(offsets) - WINDOW + 1
        begins = np.cumsum(windows) - windows
        at = np.arange(int(windows.sum())) + np.repeat(offsets[:-1] - begins, windows)
        embedded = self.embedding(characters[torch.from_numpy(at[:, None] + np.arange(WINDOW))])  # [windows, WINDOW, E]
        activated = self.filters(embedded.flatten(1))
        # ReLU after the maximum, which it does not change: on far fewer numbers.
        return torch.relu(torch.segment_reduce(activated, "max", lengths=torch.from_numpy(windows)))


class CharacterBiLSTM(nn.Module):
    """A Bi-LSTM over character embeddings: its last state in each direction, side by side."""

    def __init__(self, characters: int, embedding_size: int, output_size: int) -> None:
        super().__init__()
        self.output_size = output_size
        self.embedding = nn.Embedding(characters, embedding_size)
        self.stack = RecurrentStack(architecture("bilstm"), embedding_size, output_size // 2)

    def forward(self, characters: Tensor, offsets: NDArray[np.int64]) -> Tensor:
        """[U, output_size] for character ids [M] and offsets [U+1]."""
        states = self.stack(self.embedding(characters), offsets)
        half = self.output_size // 2
        last, first = torch.from_numpy(offsets[1:] - 1), torch.from_numpy(offsets[:-1])
        return torch.cat([states[last, :half], states[first, half:]], dim=1)
