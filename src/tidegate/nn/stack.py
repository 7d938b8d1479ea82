"""The recurrent stack: layers on top of each other, one or two directions, any architecture, ragged in and out.

Takes x [N, I] and offsets [B+1]; gives states [N, H], or [N, 2H] with the two directions side by
side. Each direction is a network of its own that reads its own way. A layer runs on the engine, both
directions in one call. Where the engine was not built, and for what it does not do (another device or
dtype, autocast), a layer is padded and runs on torch.nn where torch.nn has the cell and on the twin in
`cells` where it has not. The numbers are the twins' everywhere.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.kernels import GATES, Architecture, Cell
from tidegate.nn.cells import gru_step
from tidegate.nn.dropouts import variational_dropout
from tidegate.nn.ragged import PaddedLayout
from tidegate.nn.recurrence import DirectionWeights, recurrence, runs_on_engine


class Direction(nn.Module):
    """One layer in one direction; parameters named as in torch.nn, without the layer's suffix.

    Weights begin as in torch.nn, uniform in ±1/√H; an LSTM's forget gate begins at 1 (Jozefowicz et
    al. 2015), and so does the update gate of the GRUs, which does the same work.
    """

    def __init__(self, cell: Cell, input_size: int, hidden_size: int) -> None:
        super().__init__()
        self.cell: Cell = cell
        self.hidden_size = hidden_size
        rows = GATES[cell] * hidden_size
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size))
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size))
        self.bias_ih = nn.Parameter(torch.empty(rows))
        self.bias_hh = nn.Parameter(torch.empty(rows))
        bound = 1 / math.sqrt(hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        if cell != "rnn":
            with torch.no_grad():
                self.bias_ih[hidden_size : 2 * hidden_size] += 1.0

    def weights(self) -> DirectionWeights:
        """weight_ih, weight_hh, bias_ih, bias_hh."""
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def forward(self, x: Tensor) -> Tensor:
        """States [T, B, H] for x [T, B, I], from a state of zeros, on torch alone."""
        weights: list[Tensor] = [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]
        zero = x.new_zeros(1, x.shape[1], self.hidden_size)
        # has_biases, num_layers, dropout, train, bidirectional, batch_first
        settings = (True, 1, 0.0, self.training, False, False)
        if self.cell == "lstm":
            return torch.lstm(x, [zero, zero], weights, *settings)[0]
        if self.cell == "gru-reset-after":
            return torch.gru(x, zero, weights, *settings)[0]
        if self.cell == "rnn":
            return torch.rnn_tanh(x, zero, weights, *settings)[0]
        recurrent = self.weight_hh.T
        projected = torch.addmm(self.bias_ih + self.bias_hh, x.flatten(0, 1), self.weight_ih.T).view(x.shape[0], x.shape[1], -1)
        h, states = projected.new_zeros(x.shape[1], self.hidden_size), []  # under autocast, of the product's dtype
        for step in projected.unbind(0):
            h = gru_step(step, h, recurrent)
            states.append(h)
        return torch.stack(states)


class RecurrentStack(nn.Module):
    """`num_layers` layers of one architecture, with variational dropout between them.

    Args:
        architecture: cell and directions.
        input_size: I.
        hidden_size: H of each direction; the output is H or 2H wide.
        num_layers: at least 1.
        dropout: probability, on the input of every layer but the first.
    """

    def __init__(self, architecture: Architecture, input_size: int, hidden_size: int, num_layers: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = dropout
        self.output_size = architecture.directions * hidden_size
        self.layers = nn.ModuleList()
        for layer in range(num_layers):
            width = self.output_size if layer else input_size
            self.layers.append(nn.ModuleList(Direction(architecture.cell, width, hidden_size) for _ in range(architecture.directions)))

    def forward(self, x: Tensor, offsets: NDArray[np.int64]) -> Tensor:
        """States [N, directions · H] for x [N, I] and offsets [B+1]."""
        layouts: list[PaddedLayout] = []
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, nn.ModuleList)
            if number:
                x = variational_dropout(x, offsets, p=self.dropout, is_training=self.training)
            directions: list[Direction] = list(layer)  # type: ignore[arg-type]
            weights = [direction.weights() for direction in directions]
            if runs_on_engine(x, *(part for direction in directions for part in direction.parameters())):
                x = recurrence(directions[0].cell, x, offsets, weights)[0]
                continue
            layouts = layouts or [PaddedLayout(offsets, reverse=reverse) for reverse in (False, True)]
            states = [layout.unpad(direction(layout.pad(x))) for direction, layout in zip(directions, layouts, strict=False)]
            x = torch.cat(states, dim=1) if len(states) == 2 else states[0]
        return x
