"""The plain twins: every cell written equation by equation in NumPy, for reading and for checking.

Nothing here is fast. Everything fast is tested against this file.

Letters: I input width, H hidden width. σ is the logistic function, ∘ the elementwise product.
A cell has `weight_ih` [G·H, I], `weight_hh` [G·H, H], `bias_ih` and `bias_hh` [G·H], torch.nn's
names and torch.nn's order of the G blocks: i, f, g, o for the LSTM; r, z, n for the GRUs.

The update gate, once and for all. Here, as in Cho et al. and in torch.nn,

    h' = z ∘ h + (1 − z) ∘ n

so z near 1 keeps the past. Texts that write h' = (1 − z) ∘ h + z ∘ n give the name z to what is
1 − z here: the same model with the sign of z's weights flipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.kernels.architecture import Cell

Array = NDArray[np.floating[Any]]
State = tuple[Array, ...]


@dataclass(frozen=True, slots=True)
class CellWeights:
    """The parameters of one layer and direction, shapes as the module says."""

    weight_ih: Array
    weight_hh: Array
    bias_ih: Array
    bias_hh: Array

    @property
    def hidden_size(self) -> int:
        return int(self.weight_hh.shape[1])


def logistic(a: Array) -> Array:
    """σ(a) = 1 / (1 + e^−a), written with tanh so that no argument overflows."""
    half = a.dtype.type(0.5)
    return half * (np.tanh(half * a) + 1)


def rnn_cell(x: Array, state: State, w: CellWeights) -> State:
    """h' = tanh(W x + U h + b).  x [I], state (h [H],) -> (h' [H],).  Source: Elman 1990, Cognitive Science 14(2)."""
    (h,) = state
    return (np.tanh(w.weight_ih @ x + w.bias_ih + w.weight_hh @ h + w.bias_hh),)


def lstm_cell(x: Array, state: State, w: CellWeights) -> State:
    """i, f, o = σ(…), g = tanh(…); c' = f∘c + i∘g; h' = o∘tanh(c').  x [I], state (h, c) -> (h', c'), each [H].

    Source: Hochreiter & Schmidhuber 1997, Neural Computation 9(8); the forget gate, Gers, Schmidhuber & Cummins 2000.
    """
    h, c = state
    i, f, g, o = np.split(w.weight_ih @ x + w.bias_ih + w.weight_hh @ h + w.bias_hh, 4)
    c_new = logistic(f) * c + logistic(i) * np.tanh(g)
    return logistic(o) * np.tanh(c_new), c_new


def gru_cell(x: Array, state: State, w: CellWeights) -> State:
    """The GRU as published: the reset gate multiplies the past state *before* the matrix.  (h [H],) -> (h' [H],).

    r = σ(W_r x + U_r h + b_r), z = σ(W_z x + U_z h + b_z), n = tanh(W x + U(r∘h) + b), h' = z∘h + (1−z)∘n.
    Both biases exist, so that weights carry torch.nn's names, and are summed.

    Source: Cho et al. 2014, arXiv 1406.1078, equations 5 to 8.
    """
    (h,) = state
    w_r, w_z, w_n = np.split(w.weight_ih, 3)
    u_r, u_z, u_n = np.split(w.weight_hh, 3)
    b_r, b_z, b_n = np.split(w.bias_ih + w.bias_hh, 3)
    r = logistic(w_r @ x + u_r @ h + b_r)
    z = logistic(w_z @ x + u_z @ h + b_z)
    n = np.tanh(w_n @ x + u_n @ (r * h) + b_n)
    return (z * h + (1 - z) * n,)


def gru_reset_after_cell(x: Array, state: State, w: CellWeights) -> State:
    """The GRU of torch.nn, Keras and cuDNN: the reset gate multiplies *after* the matrix.  (h [H],) -> (h' [H],).

    n = tanh(W x + b + r∘(U h + b')), the rest as in `gru_cell`.

    Source: the variant in version 1 of arXiv 1406.1078; torch.nn.GRU's documentation.
    """
    (h,) = state
    x_r, x_z, x_n = np.split(w.weight_ih @ x + w.bias_ih, 3)
    h_r, h_z, h_n = np.split(w.weight_hh @ h + w.bias_hh, 3)
    r = logistic(x_r + h_r)
    z = logistic(x_z + h_z)
    n = np.tanh(x_n + r * h_n)
    return (z * h + (1 - z) * n,)


CELLS: dict[Cell, Callable[[Array, State, CellWeights], State]] = {
    "rnn": rnn_cell,
    "lstm": lstm_cell,
    "gru": gru_cell,
    "gru-reset-after": gru_reset_after_cell,
}


def run_layer(cell: Cell, x: Array, offsets: Sequence[int] | NDArray[np.int64], w: CellWeights, *, reverse: bool = False) -> Array:
    """The states of one layer and direction at every step of a ragged batch.

    Args:
        cell: which cell.
        x: [N, I], the steps of all sequences one after another.
        offsets: [B+1]; sequence b owns rows offsets[b] to offsets[b+1].
        w: its weights.
        reverse: read each sequence from its own end.

    Returns:
        [N, H], row n the state after reading step n. Every sequence begins at a state of zeros.
    """
    states = np.zeros((len(x), w.hidden_size), dtype=x.dtype)
    for begin, end in pairwise(offsets):
        zero = np.zeros(w.hidden_size, dtype=x.dtype)
        state: State = (zero, zero) if cell == "lstm" else (zero,)
        steps = range(begin, end)
        for step in reversed(steps) if reverse else steps:
            state = CELLS[cell](x[step], state, w)
            states[step] = state[0]
    return states
