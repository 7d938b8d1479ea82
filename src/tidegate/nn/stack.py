"""The recurrent stack: layers on top of each other, one or two directions, any architecture, ragged in and out.

Takes x [N, I] and offsets [B+1]; gives states [N, H], or [N, 2H] with the two directions side by
side. Each direction is a network of its own that reads its own way. A layer runs on the engine, both
directions in one call. Where the engine was not built, and for what it does not do (another device or
dtype, autocast), a layer is padded and runs on torch.nn where torch.nn has it and on `plain` where it
has not. The numbers are the twins' everywhere. In a graph of torch.compile a layer is an operator
(`operators`); what is not for the engine, and resets, break the graph.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.kernels import GATES, KEEPING_GATE, Architecture, Cell, weight_names
from tidegate.kernels.lookahead import layer_lookaheads
from tidegate.nn.cells import State
from tidegate.nn.dropouts import DrawnLayer, Dropouts, check_variants, variational_dropout
from tidegate.nn.lookahead import bounded_layer
from tidegate.nn.operators import graph_takes, recurrence_operator
from tidegate.nn.plain import run_flat_layer
from tidegate.nn.ragged import PaddedLayout
from tidegate.nn.recurrence import DirectionWeights, recurrence, runs_on_engine
from tidegate.nn.resets import Pieces


class Direction(nn.Module):
    """One layer in one direction; parameters named as in torch.nn, without the layer's suffix. Those that the cell lacks are None.

    Weights begin as in torch.nn, uniform in ±1/√H; an LSTM's forget gate begins at 1 (Jozefowicz et
    al. 2015), and so does the update gate of the GRUs, which does the same work. With `layer_norm` there
    are gain_ih and gain_hh too, and the lstm's gain_c and shift_c; gains begin at 1, the shift at 0.
    """

    weight_ih: nn.Parameter
    weight_hh: nn.Parameter
    bias_ih: nn.Parameter
    bias_hh: nn.Parameter

    def __init__(self, cell: Cell, input_size: int, hidden_size: int, *, layer_norm: bool = False) -> None:
        super().__init__()
        self.cell: Cell = cell
        self.hidden_size = hidden_size
        rows = GATES[cell] * hidden_size
        names = weight_names(cell)
        for name, size in (
            ("weight_ih", (rows, input_size)),
            ("weight_hh", (rows, hidden_size)),
            ("bias_ih", (rows,)),
            ("bias_hh", (rows,)),
        ):
            self.register_parameter(name, nn.Parameter(torch.empty(size)) if name in names else None)
        bound = 1 / math.sqrt(hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        if cell in KEEPING_GATE:
            begin = KEEPING_GATE[cell] * hidden_size
            with torch.no_grad():
                self.bias_ih[begin : begin + hidden_size] += 1.0
        if layer_norm:
            self.gain_ih = nn.Parameter(torch.ones(rows))
            self.gain_hh = nn.Parameter(torch.ones(rows))
            if cell == "lstm":
                self.gain_c = nn.Parameter(torch.ones(hidden_size))
                self.shift_c = nn.Parameter(torch.zeros(hidden_size))

    def weights(self) -> DirectionWeights:
        """weight_ih, weight_hh, bias_ih, bias_hh, None for what the cell lacks; with layer norm the gains, and an lstm's shift_c."""
        return tuple(self._parameters.values())

    def forward(self, x: Tensor) -> Tensor:
        """States [T, B, H] for x [T, B, I], from a state of zeros, on torch.nn's own layer of the cell."""
        weights: list[Tensor] = [self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh]
        zero = x.new_zeros(1, x.shape[1], self.hidden_size)
        # has_biases, num_layers, dropout, train, bidirectional, batch_first
        settings = (True, 1, 0.0, self.training, False, False)
        if self.cell == "lstm":
            return torch.lstm(x, [zero, zero], weights, *settings)[0]
        if self.cell == "gru-reset-after":
            return torch.gru(x, zero, weights, *settings)[0]
        return torch.rnn_tanh(x, zero, weights, *settings)[0]


class RecurrentStack(nn.Module):
    """`num_layers` layers of one architecture, with variational dropout between them.

    Args:
        architecture: cell and directions.
        input_size: I.
        hidden_size: H of each direction; the output is H or 2H wide.
        num_layers: at least 1.
        dropout: probability, on the input of every layer but the first.
        recurrent_dropout, zoneout, zoneout_cell, weight_drop: probabilities, in every layer; as `Dropouts` says.
        layer_norm: whether the products, and an lstm's cell, are normed.
        lookahead: how many steps of the future a two-way stack sees, dealt out to its layers (`nn.lookahead`); None: the whole sequence.

    Raises:
        ValueError: a probability outside [0, 1), a variant that the cell does not have, or a look-ahead of a one-way stack.
    """

    def __init__(
        self,
        architecture: Architecture,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        dropout: float = 0.0,
        *,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        zoneout_cell: float = 0.0,
        weight_drop: float = 0.0,
        layer_norm: bool = False,
        lookahead: int | None = None,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        if lookahead is not None and (architecture.directions == 1 or lookahead < 0):
            raise ValueError(f"a {architecture.name} stack was given lookahead={lookahead}; two-way stacks take 0 or more, others None.")
        self._lookaheads = None if lookahead is None else layer_lookaheads(lookahead, num_layers)
        rates = {"recurrent_dropout": recurrent_dropout, "zoneout": zoneout, "zoneout_cell": zoneout_cell, "weight_drop": weight_drop}
        check_variants(f"a {architecture.name} stack", architecture.cell, layer_norm=layer_norm, **rates)
        self.dropouts = Dropouts(**rates)
        self.directions = architecture.directions
        self.output_size = architecture.directions * hidden_size
        self.layers = nn.ModuleList()
        for layer in range(num_layers):
            width = self.output_size if layer else input_size
            self.layers.append(
                nn.ModuleList(
                    Direction(architecture.cell, width, hidden_size, layer_norm=layer_norm) for _ in range(architecture.directions)
                )
            )
        # What torch.nn has no layer of.
        self._is_plain = architecture.cell not in ("rnn", "lstm", "gru-reset-after") or layer_norm or self.dropouts.draws

    def forward(self, x: Tensor, offsets: NDArray[np.int64], resets: NDArray[np.bool_] | None = None) -> Tensor:
        """States [N, directions · H] for x [N, I] and offsets [B+1].

        With `resets` [N], no state passes between a row where it is True and the row before; every mask is then a piece's.

        Raises:
            ShapeError: the resets are not N truth values.
        """
        if torch.compiler.is_compiling():
            if (
                resets is not None
                or self._lookaheads is not None
                or torch.is_autocast_enabled("cpu")
                or not graph_takes(x, *self.parameters())
            ):
                return torch.compiler.disable(self._run)(x, offsets, resets)  # type: ignore[no-untyped-call, no-any-return]
            return self._by_operators(x, torch.from_numpy(offsets))
        return self._run(x, offsets, resets)

    def carried(self, x: Tensor, offsets: NDArray[np.int64], states: Sequence[State] | None = None) -> tuple[Tensor, list[State]]:
        """States [N, directions · H] for x [N, I] and offsets [B+1], from given states on: for texts that are read window after window.

        Args:
            states: of each layer h [D, B, H] and, of the lstm, c; None for zeros.

        Returns:
            the states at every step, and those after the last one, of the same form as those given. Differentiable by both;
            `detach()` them where the gradients are to end (truncated back-propagation through time).
        """
        last: list[State] = []
        for number, layer in enumerate(self.layers):
            x, directions, drawn = self._drawn(number, x, offsets)
            cell = directions[0].cell
            begin = () if states is None else states[number]
            if runs_on_engine(x, *layer.parameters(), *begin):
                x, h, c = recurrence(cell, x, offsets, drawn.weights, *begin, mask=drawn.mask, zoneout=drawn.zoneout, seed=drawn.seed)
                last.append((h,) if c is None else (h, c))
            else:
                x, ends = run_flat_layer(cell, x, offsets, drawn, None if states is None else begin)
                last.append(tuple(ends))
        return x, last

    def _drawn(self, number: int, x: Tensor, offsets: NDArray[np.int64] | Tensor) -> tuple[Tensor, list[Direction], DrawnLayer]:
        """What enters a layer, its directions, and the layer after chance has had its say."""
        if number:
            x = variational_dropout(x, offsets, p=self.dropout, is_training=self.training)
        layer = self.layers[number]
        assert isinstance(layer, nn.ModuleList)
        directions: list[Direction] = list(layer)  # type: ignore[arg-type]
        weights = [direction.weights() for direction in directions]
        return x, directions, self.dropouts.drawn(weights, len(offsets) - 1, is_training=self.training)

    def _by_operators(self, x: Tensor, offsets: Tensor) -> Tensor:
        """As `_run`, each layer a node of torch.compile's graph."""
        for number in range(len(self.layers)):
            x, directions, drawn = self._drawn(number, x, offsets)
            x, _ = recurrence_operator(directions[0].cell, x, offsets, drawn)
        return x

    def _run(self, x: Tensor, offsets: NDArray[np.int64], resets: NDArray[np.bool_] | None) -> Tensor:
        if resets is not None:
            offsets = Pieces(offsets, resets, self.directions).offsets
        layouts: list[PaddedLayout] = []
        for number, layer in enumerate(self.layers):
            x, directions, drawn = self._drawn(number, x, offsets)
            cell = directions[0].cell
            if self._lookaheads is not None:
                x = bounded_layer(cell, x, offsets, drawn, self._lookaheads[number])
            elif runs_on_engine(x, *layer.parameters()):
                x = recurrence(cell, x, offsets, drawn.weights, mask=drawn.mask, zoneout=drawn.zoneout, seed=drawn.seed)[0]
            elif self._is_plain:
                x = run_flat_layer(cell, x, offsets, drawn)[0]
            else:
                layouts = layouts or [PaddedLayout(offsets, reverse=reverse) for reverse in (False, True)]
                states = [layout.unpad(direction(layout.pad(x))) for direction, layout in zip(directions, layouts, strict=False)]
                x = torch.cat(states, dim=1) if len(states) == 2 else states[0]
        return x
