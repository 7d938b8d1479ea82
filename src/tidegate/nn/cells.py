"""The plain twins in torch: every cell equation by equation, with gradients by autograd.

Written to be read beside `tidegate.kernels.twins`, whose docstrings hold the shapes and sources.
Here x is [B, I] and a state [B, H]. `mask` [B, H] is recurrent dropout's (Gal & Ghahramani 2016): it
multiplies h where h enters the recurrent matrix and nowhere else. `plain` runs whole layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tidegate.kernels import Cell
from tidegate.kernels.twins import NORM_EPSILON, least_argument

State = tuple[Tensor, ...]
# weight_ih [G·H, I], weight_hh [G·H, H], bias_ih [G·H], bias_hh [G·H]; with layer norm also gain_ih, gain_hh [G·H] and, of the
# lstm, gain_c, shift_c [H]. Of a cell without a recurrent matrix the second and the fourth are None.
Weights = tuple[Any, ...]


def rnn_cell(x: Tensor, state: State, w: Weights, mask: Tensor | None = None) -> State:
    """h' = tanh(W x + U h + b).  Source: Elman 1990."""
    w_ih, w_hh, b_ih, b_hh = w
    (h,) = state
    return (torch.tanh(x @ w_ih.T + b_ih + _entering(h, mask) @ w_hh.T + b_hh),)


def lstm_cell(x: Tensor, state: State, w: Weights, mask: Tensor | None = None) -> State:
    """c' = f∘c + i∘g; h' = o∘tanh(c').  Source: Hochreiter & Schmidhuber 1997; Gers et al. 2000."""
    w_ih, w_hh, b_ih, b_hh = w
    h, c = state
    i, f, g, o = (x @ w_ih.T + b_ih + _entering(h, mask) @ w_hh.T + b_hh).chunk(4, dim=1)
    c_new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c_new), c_new


def gru_cell(x: Tensor, state: State, w: Weights, mask: Tensor | None = None) -> State:
    """n = tanh(W x + U(r∘h) + b); h' = z∘h + (1−z)∘n.  Source: Cho et al. 2014, equations 5 to 8."""
    w_r, w_z, w_n = w[0].chunk(3)
    u_r, u_z, u_n = w[1].chunk(3)
    b_r, b_z, b_n = (w[2] + w[3]).chunk(3)
    (h,) = state
    entering = _entering(h, mask)
    r = torch.sigmoid(x @ w_r.T + entering @ u_r.T + b_r)
    z = torch.sigmoid(x @ w_z.T + entering @ u_z.T + b_z)
    n = torch.tanh(x @ w_n.T + (r * entering) @ u_n.T + b_n)
    return (z * h + (1 - z) * n,)


def gru_reset_after_cell(x: Tensor, state: State, w: Weights, mask: Tensor | None = None) -> State:
    """n = tanh(W x + b + r∘(U h + b')); h' = z∘h + (1−z)∘n.  Source: torch.nn.GRU."""
    w_ih, w_hh, b_ih, b_hh = w
    (h,) = state
    x_r, x_z, x_n = (x @ w_ih.T + b_ih).chunk(3, dim=1)
    h_r, h_z, h_n = (_entering(h, mask) @ w_hh.T + b_hh).chunk(3, dim=1)
    r = torch.sigmoid(x_r + h_r)
    z = torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * h_n)
    return (z * h + (1 - z) * n,)


def mingru_cell(x: Tensor, state: State, w: Weights) -> State:
    """z = σ(W_z x + b_z), n = W_n x + b_n; h' = z∘h + (1−z)∘n.  Source: Feng et al. 2024, section 3.1."""
    keep, candidate = mingru_gates(functional.linear(x, w[0], w[2]))
    return (torch.lerp(candidate, state[0], keep),)


def minlstm_cell(x: Tensor, state: State, w: Weights) -> State:
    """i, f = σ(…), g = W_g x + b_g; s = f/(f + i); h' = s∘h + (1−s)∘g.  Source: Feng et al. 2024, section 3.2."""
    keep, candidate = minlstm_gates(functional.linear(x, w[0], w[2]))
    return (torch.lerp(candidate, state[0], keep),)


def mingru_gates(projected: Tensor) -> tuple[Tensor, Tensor]:
    """What is kept, z, and what comes instead, n, each [..., H], for sums [..., 2H] of any number of steps."""
    z, n = projected.chunk(2, dim=-1)
    return torch.sigmoid(z), n


def minlstm_gates(projected: Tensor) -> tuple[Tensor, Tensor]:
    """What is kept, f/(f + i), and what comes instead, g, each [..., H], for sums [..., 3H] of any number of steps.

    The quotient of two logistic functions is computed as σ(log f − log i), whose gradient is finite where both are tiny.
    """
    i, f, g = projected.chunk(3, dim=-1)
    least = least_argument(projected.dtype.itemsize)
    log_i, log_f = (functional.logsigmoid(gate.clamp(min=least)) for gate in (i, f))
    return torch.sigmoid(log_f - log_i), g


def layer_norm(v: Tensor, gain: Tensor) -> Tensor:
    """LN(v; g) = g∘(v − mean v) / sqrt(var v + 1e-5), the variance biased; v [B, k], gain [k].  Source: Ba et al. 2016, equation 4."""
    centred = v - v.mean(dim=1, keepdim=True)
    return gain * centred / torch.sqrt(centred.square().mean(dim=1, keepdim=True) + NORM_EPSILON)


def layer_norm_lstm_cell(x: Tensor, state: State, w: Weights, mask: Tensor | None = None) -> State:
    """a = LN(W x) + LN(U h) + b; c' = f∘c + i∘g; h' = o∘tanh(LN(c') + s).  Source: Ba et al. 2016, arXiv 1607.06450, equations 20 to 22."""
    w_ih, w_hh, b_ih, b_hh, gain_ih, gain_hh, gain_c, shift_c = w
    h, c = state
    a = layer_norm(x @ w_ih.T, gain_ih) + layer_norm(_entering(h, mask) @ w_hh.T, gain_hh) + b_ih + b_hh
    i, f, g, o = a.chunk(4, dim=1)
    c_new = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(layer_norm(c_new, gain_c) + shift_c), c_new


def layer_norm_gru_cell(x: Tensor, state: State, w: Weights, mask: Tensor | None = None) -> State:
    """[r z] = σ(LN(W x) + LN(U h) + b) normed as one; n = tanh(LN(W x) + LN(U(r∘h)) + b); h' = z∘h + (1−z)∘n."""
    (h,) = state
    (w_rz, w_n), (u_rz, u_n), (b_rz, b_n), (c_rz, c_n), (gx_rz, gx_n), (gh_rz, gh_n) = _gates_and_new(w, h.shape[1])
    entering = _entering(h, mask)
    r, z = torch.sigmoid(layer_norm(x @ w_rz.T, gx_rz) + layer_norm(entering @ u_rz.T, gh_rz) + b_rz + c_rz).chunk(2, dim=1)
    n = torch.tanh(layer_norm(x @ w_n.T, gx_n) + layer_norm((r * entering) @ u_n.T, gh_n) + b_n + c_n)
    return (z * h + (1 - z) * n,)


def layer_norm_gru_reset_after_cell(x: Tensor, state: State, w: Weights, mask: Tensor | None = None) -> State:
    """[r z] as in `layer_norm_gru_cell`; n = tanh(LN(W x) + b + r∘(LN(U h) + b')); h' = z∘h + (1−z)∘n."""
    (h,) = state
    (w_rz, w_n), (u_rz, u_n), (b_rz, b_n), (c_rz, c_n), (gx_rz, gx_n), (gh_rz, gh_n) = _gates_and_new(w, h.shape[1])
    entering = _entering(h, mask)
    r, z = torch.sigmoid(layer_norm(x @ w_rz.T, gx_rz) + layer_norm(entering @ u_rz.T, gh_rz) + b_rz + c_rz).chunk(2, dim=1)
    n = torch.tanh(layer_norm(x @ w_n.T, gx_n) + b_n + r * (layer_norm(entering @ u_n.T, gh_n) + c_n))
    return (z * h + (1 - z) * n,)


def zoneout(state: State, new: State, kept: Sequence[Tensor | float]) -> State:
    """d∘h + (1−d)∘h̃ of each state: d [B, H] of zeros and ones in training, its probability outside.  Source: Krueger et al. 2016."""
    return tuple(d * h + (1 - d) * h_new for h, h_new, d in zip(state, new, kept, strict=True))


def _entering(h: Tensor, mask: Tensor | None) -> Tensor:
    return h if mask is None else mask * h


def _gates_and_new(w: Weights, hidden: int) -> list[tuple[Tensor, ...]]:
    """Each part of a GRU's weights cut into the rows of r and z and those of n, which are normed apart."""
    return [torch.split(part, [2 * hidden, hidden]) for part in w]


# Of the cells without a recurrent matrix: the gates of all steps from the sums of all steps.
GATES_AT_ONCE: dict[Cell, Callable[[Tensor], tuple[Tensor, Tensor]]] = {"mingru": mingru_gates, "minlstm": minlstm_gates}

CELLS: dict[Cell, Callable[..., State]] = {
    "rnn": rnn_cell,
    "lstm": lstm_cell,
    "gru": gru_cell,
    "gru-reset-after": gru_reset_after_cell,
    "mingru": mingru_cell,
    "minlstm": minlstm_cell,
}
LAYER_NORM_CELLS: dict[Cell, Callable[..., State]] = {
    "lstm": layer_norm_lstm_cell,
    "gru": layer_norm_gru_cell,
    "gru-reset-after": layer_norm_gru_reset_after_cell,
}
