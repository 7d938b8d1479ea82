"""The plain twins: every cell written equation by equation in NumPy, for reading and for checking.

Nothing here is fast. Everything fast is tested against this file.

Letters: I input width, H hidden width. σ is the logistic function, ∘ the elementwise product.
A cell has `weight_ih` [G·H, I], `weight_hh` [G·H, H], `bias_ih` and `bias_hh` [G·H], torch.nn's
names and torch.nn's order of the G blocks: i, f, g, o for the LSTM; r, z, n for the GRUs. The cells
without a recurrent matrix have `weight_ih` and `bias_ih` alone: z, n for the minGRU; i, f, g for the
minLSTM.

The update gate, once and for all. Here, as in Cho et al. and in torch.nn,

    h' = z ∘ h + (1 − z) ∘ n

so z near 1 keeps the past. Texts that write h' = (1 − z) ∘ h + z ∘ n give the name z to what is
1 − z here: the same model with the sign of z's weights flipped.

Layer norm, where the weights have gains, normalises each product of a matrix before its bias is added
(`layer_norm`); without gains the same lines are the ordinary cells.

Sources: layer norm, Ba, Kiros & Hinton 2016, arXiv 1607.06450; zoneout, Krueger et al. 2016, arXiv
1606.01305.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import ShapeError
from tidegate.kernels.architecture import GATES, Cell
from tidegate.kernels.zoneout import Zoneout, kept_units

Array = NDArray[np.floating[Any]]
State = tuple[Array, ...]

# What layer norm adds to a variance.
NORM_EPSILON = 1e-5


@dataclass(frozen=True, slots=True)
class CellWeights:
    """The parameters of one layer and direction, shapes as the module says; what the cell lacks is None.

    Attributes:
        gain_ih, gain_hh: [G·H] of layer norm.
        gain_c, shift_c: [H] of an LSTM's.
    """

    weight_ih: Array
    weight_hh: Array | None
    bias_ih: Array
    bias_hh: Array | None
    gain_ih: Array | None = None
    gain_hh: Array | None = None
    gain_c: Array | None = None
    shift_c: Array | None = None

    def hidden_size(self, cell: Cell) -> int:
        """H of these weights as that cell's."""
        return len(self.weight_ih) // GATES[cell] if self.weight_hh is None else int(self.weight_hh.shape[1])

    @property
    def recurrent(self) -> tuple[Array, Array]:
        """weight_hh and bias_hh of a cell that has them.

        Raises:
            ShapeError: these weights lack one.
        """
        if self.weight_hh is None or self.bias_hh is None:
            raise ShapeError("weight_hh or bias_hh is None; expected arrays, since only mingru and minlstm do without them.")
        return self.weight_hh, self.bias_hh

    def in_order(self) -> tuple[Array | None, ...]:
        """weight_ih, weight_hh, bias_ih, bias_hh, and the gains where there are any: as the engine takes them."""
        gains = (self.gain_ih, self.gain_hh, self.gain_c, self.shift_c)
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, *(gain for gain in gains if gain is not None)


def logistic(a: Array) -> Array:
    """σ(a) = 1 / (1 + e^−a), written with tanh so that no argument overflows."""
    half = a.dtype.type(0.5)
    return half * (np.tanh(half * a) + 1)


def least_argument(itemsize: int) -> float:
    """Where a minLSTM's gates are held, so that σ and 1/σ fit numbers of so many bytes: −708 of a float64, −87 of others."""
    return -708.0 if itemsize == 8 else -87.0


def keeping_share(i: Array, f: Array) -> Array:
    """σ(f) / (σ(f) + σ(i)): what the minLSTM keeps of the past.

    Computed of the reciprocals 1/σ(a) = 1 + e^−a, which lose no digit where σ is small; a is held at `least_argument` and above, so
    that they do not overflow.
    """
    least = i.dtype.type(least_argument(i.dtype.itemsize))
    inverse_i, inverse_f = (1 + np.exp(-np.maximum(a, least)) for a in (i, f))
    share: Array = inverse_i / (inverse_i + inverse_f)
    return share


def layer_norm(v: Array, gain: Array | None) -> Array:
    """gain ∘ (v − mean v) / √(var v + 1e-5) over the last axis of v [..., K], its variance biased; v itself without a gain."""
    if gain is None:
        return v
    centred = v - v.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    normalised: Array = gain * centred / np.sqrt(variance + v.dtype.type(NORM_EPSILON))
    return normalised


def rnn_cell(x: Array, state: State, w: CellWeights) -> State:
    """h' = tanh(W x + U h + b).  x [I], state (h [H],) -> (h' [H],).  Source: Elman 1990, Cognitive Science 14(2)."""
    u, b_hh = w.recurrent
    (h,) = state
    return (np.tanh(w.weight_ih @ x + w.bias_ih + u @ h + b_hh),)


def lstm_cell(x: Array, state: State, w: CellWeights) -> State:
    """i, f, o = σ(…), g = tanh(…); c' = f∘c + i∘g; h' = o∘tanh(c').  x [I], state (h, c) -> (h', c'), each [H].

    With layer norm, LN over all 4H sums of W x and of U h, and h' = o∘tanh(LN(c') + shift); c' goes on as it is.

    Source: Hochreiter & Schmidhuber 1997, Neural Computation 9(8); the forget gate, Gers, Schmidhuber & Cummins 2000.
    """
    u, b_hh = w.recurrent
    h, c = state
    i, f, g, o = np.split(layer_norm(w.weight_ih @ x, w.gain_ih) + w.bias_ih + layer_norm(u @ h, w.gain_hh) + b_hh, 4)
    c_new = logistic(f) * c + logistic(i) * np.tanh(g)
    read = c_new if w.shift_c is None else layer_norm(c_new, w.gain_c) + w.shift_c
    return logistic(o) * np.tanh(read), c_new


def gru_cell(x: Array, state: State, w: CellWeights) -> State:
    """The GRU as published: the reset gate multiplies the past state *before* the matrix.  (h [H],) -> (h' [H],).

    r = σ(W_r x + U_r h + b_r), z = σ(W_z x + U_z h + b_z), n = tanh(W x + U(r∘h) + b), h' = z∘h + (1−z)∘n.
    Both biases exist, so that weights carry torch.nn's names, and are summed. Layer norm is over the 2H sums of r and z together,
    and over the H of n: of W x, of U h and of U(r∘h).

    Source: Cho et al. 2014, arXiv 1406.1078, equations 5 to 8.
    """
    u, b_hh = w.recurrent
    (h,) = state
    x_rz, x_n = _sums(w.weight_ih @ x, w.gain_ih, w.bias_ih + b_hh)
    u_rz, u_n = np.split(u, [2 * len(h)])
    gain_rz, gain_n = (None, None) if w.gain_hh is None else np.split(w.gain_hh, [2 * len(h)])
    r, z = np.split(logistic(x_rz + layer_norm(u_rz @ h, gain_rz)), 2)
    n = np.tanh(x_n + layer_norm(u_n @ (r * h), gain_n))
    return (z * h + (1 - z) * n,)


def gru_reset_after_cell(x: Array, state: State, w: CellWeights) -> State:
    """The GRU of torch.nn, Keras and cuDNN: the reset gate multiplies *after* the matrix.  (h [H],) -> (h' [H],).

    n = tanh(W x + b + r∘(U h + b')), the rest as in `gru_cell`; with layer norm LN(U h) stands for U h.

    Source: the variant in version 1 of arXiv 1406.1078; torch.nn.GRU's documentation.
    """
    u, b_hh = w.recurrent
    (h,) = state
    x_rz, x_n = _sums(w.weight_ih @ x, w.gain_ih, w.bias_ih)
    h_rz, h_n = _sums(u @ h, w.gain_hh, b_hh)
    r, z = np.split(logistic(x_rz + h_rz), 2)
    n = np.tanh(x_n + r * h_n)
    return (z * h + (1 - z) * n,)


def mingru_cell(x: Array, state: State, w: CellWeights) -> State:
    """z = σ(W_z x + b_z), n = W_n x + b_n; h' = z∘h + (1−z)∘n: nothing but x decides.  (h [H],) -> (h' [H],).

    Source: Feng et al. 2024, arXiv 2410.01201, section 3.1, whose z is 1 − z here.
    """
    (h,) = state
    a, n = np.split(w.weight_ih @ x + w.bias_ih, 2)
    z = logistic(a)
    return (z * h + (1 - z) * n,)


def minlstm_cell(x: Array, state: State, w: CellWeights) -> State:
    """i, f = σ(…), g = W_g x + b_g; s = f/(f + i); h' = s∘h + (1−s)∘g: nothing but x decides.  (h [H],) -> (h' [H],).

    Source: Feng et al. 2024, arXiv 2410.01201, section 3.2; s is its f', 1 − s its i'.
    """
    (h,) = state
    i, f, g = np.split(w.weight_ih @ x + w.bias_ih, 3)
    s = keeping_share(i, f)
    return (s * h + (1 - s) * g,)


CELLS: dict[Cell, Callable[[Array, State, CellWeights], State]] = {
    "rnn": rnn_cell,
    "lstm": lstm_cell,
    "gru": gru_cell,
    "gru-reset-after": gru_reset_after_cell,
    "mingru": mingru_cell,
    "minlstm": minlstm_cell,
}


def zoned(past: State, new: State, kept: Sequence[Array]) -> State:
    """d∘past + (1−d)∘new of h, and of an LSTM's c, d [H] being 1 where a unit keeps its past, or the probability that it does."""
    return tuple(d * before + (1 - d) * after for d, before, after in zip(kept, past, new, strict=False))


def run_layer(
    cell: Cell,
    x: Array,
    offsets: Sequence[int] | NDArray[np.int64],
    w: CellWeights,
    *,
    reverse: bool = False,
    zoneout: Zoneout = (0.0, 0.0),
    seed: int | None = None,
    direction: int = 0,
) -> Array:
    """The states of one layer and direction at every step of a ragged batch.

    Args:
        cell: which cell.
        x: [N, I], the steps of all sequences one after another.
        offsets: [B+1]; sequence b owns rows offsets[b] to offsets[b+1].
        w: its weights.
        reverse: read each sequence from its own end.
        zoneout: probabilities that a unit keeps its past, of h and of an LSTM's c.
        seed: draws who keeps it, as in training; None for the expectation.
        direction: 0 or 1 of a layer of two, which draw apart.

    Returns:
        [N, H], row n the state after reading step n. Every sequence begins at a state of zeros.
    """
    hidden = w.hidden_size(cell)
    states = np.zeros((len(x), hidden), dtype=x.dtype)
    kept_h, kept_c = _kept(zoneout, seed, direction, states)
    for begin, end in pairwise(offsets):
        zero = np.zeros(hidden, dtype=x.dtype)
        state: State = (zero, zero) if cell == "lstm" else (zero,)
        steps = range(begin, end)
        for step in reversed(steps) if reverse else steps:
            state = zoned(state, CELLS[cell](x[step], state, w), (kept_h[step], kept_c[step]))
            states[step] = state[0]
    return states


def _kept(zoneout: Zoneout, seed: int | None, direction: int, states: Array) -> tuple[Array, Array]:
    """[N, H] of h and of c, as `zoned` takes them."""
    if seed is None:
        return np.full_like(states, zoneout[0]), np.full_like(states, zoneout[1])
    rows, hidden = np.arange(len(states)), states.shape[1]
    h = kept_units(seed, rows, hidden, zoneout[0], direction=direction, state="h")
    c = kept_units(seed, rows, hidden, zoneout[1], direction=direction, state="c")
    return h.astype(states.dtype), c.astype(states.dtype)


def _sums(product: Array, gain: Array | None, bias: Array) -> tuple[Array, Array]:
    """A GRU's W x or U h [3H] plus its bias: the sums [2H] of r and z and that [H] of n, each normalised where there is a gain."""
    border = [len(product) // 3 * 2]
    rz, n = np.split(product, border)
    gain_rz, gain_n = (None, None) if gain is None else np.split(gain, border)
    bias_rz, bias_n = np.split(bias, border)
    return layer_norm(rz, gain_rz) + bias_rz, layer_norm(n, gain_n) + bias_n
