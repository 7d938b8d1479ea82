"""The plain twins in torch: every cell equation by equation, with gradients by autograd.

Written to be read beside `tidegate.kernels.twins`, whose docstrings hold the shapes and sources.
Here x is [B, I] and a state [B, H]. `gru_cell` also runs in `stack`, since torch.nn has no GRU of
the paper's form.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tidegate.kernels import Cell

State = tuple[Tensor, ...]
# weight_ih [G·H, I], weight_hh [G·H, H], bias_ih [G·H], bias_hh [G·H]
Weights = tuple[Tensor, Tensor, Tensor, Tensor]


def rnn_cell(x: Tensor, state: State, w: Weights) -> State:
    """h' = tanh(W x + U h + b).  Source: Elman 1990."""
    w_ih, w_hh, b_ih, b_hh = w
    (h,) = state
    return (torch.tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh),)


def lstm_cell(x: Tensor, state: State, w: Weights) -> State:
    """c' = f∘c + i∘g; h' = o∘tanh(c').  Source: Hochreiter & Schmidhuber 1997; Gers et al. 2000."""
    w_ih, w_hh, b_ih, b_hh = w
    h, c = state
    i, f, g, o = (x @ w_ih.T + b_ih + h @ w_hh.T + b_hh).chunk(4, dim=1)
    c_new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c_new), c_new


def gru_cell(x: Tensor, state: State, w: Weights) -> State:
    """n = tanh(W x + U(r∘h) + b); h' = z∘h + (1−z)∘n.  Source: Cho et al. 2014, equations 5 to 8."""
    w_ih, w_hh, b_ih, b_hh = w
    return (gru_step(x @ w_ih.T + (b_ih + b_hh), state[0], w_hh.T),)


def gru_step(projected: Tensor, h: Tensor, recurrent: Tensor) -> Tensor:
    """One step of the paper's GRU whose input product is done: projected [B, 3H], h [B, H], recurrent [H, 3H]."""
    hidden = h.shape[1]
    gates = torch.sigmoid(torch.addmm(projected[:, : 2 * hidden], h, recurrent[:, : 2 * hidden]))
    r, z = gates.chunk(2, dim=1)
    n = torch.tanh(torch.addmm(projected[:, 2 * hidden :], r * h, recurrent[:, 2 * hidden :]))
    return torch.lerp(n, h, z)


def gru_reset_after_cell(x: Tensor, state: State, w: Weights) -> State:
    """n = tanh(W x + b + r∘(U h + b')); h' = z∘h + (1−z)∘n.  Source: torch.nn.GRU."""
    w_ih, w_hh, b_ih, b_hh = w
    (h,) = state
    x_r, x_z, x_n = (x @ w_ih.T + b_ih).chunk(3, dim=1)
    h_r, h_z, h_n = (h @ w_hh.T + b_hh).chunk(3, dim=1)
    r = torch.sigmoid(x_r + h_r)
    z = torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return (z * h + (1 - z) * n,)


CELLS: dict[Cell, Callable[[Tensor, State, Weights], State]] = {
    "rnn": rnn_cell,
    "lstm": lstm_cell,
    "gru": gru_cell,
    "gru-reset-after": gru_reset_after_cell,
}
