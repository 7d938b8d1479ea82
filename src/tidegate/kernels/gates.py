"""The gates of a layer that has been run: out of what it read and the states that it came to, all steps at once.

Inference keeps no gates. They are functions of the input of a step and of the state before it, and both are known once a layer has
run, so whole-batch products give them back. Equations and names as in `twins`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.kernels.architecture import Cell
from tidegate.kernels.twins import CellWeights, keeping_share, layer_norm, logistic
from tidegate.kernels.zoneout import Zoneout

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

# The gates of each cell, as `gates_of` names them. s is the minLSTM's f / (f + i), the share of the past that it keeps. n and g are no
# gates but what is offered to them (the candidates, between −1 and 1 where tanh makes them).
GATE_NAMES: dict[Cell, tuple[str, ...]] = {
    "rnn": (),
    "lstm": ("i", "f", "o"),
    "gru": ("r", "z"),
    "gru-reset-after": ("r", "z"),
    "mingru": ("z",),
    "minlstm": ("s",),
}
CANDIDATE: dict[Cell, str] = {"rnn": "", "lstm": "g", "gru": "n", "gru-reset-after": "n", "mingru": "n", "minlstm": "g"}
# The gate whose value is the share of the past that stays.
KEEPER: dict[Cell, str] = {"rnn": "", "lstm": "f", "gru": "z", "gru-reset-after": "z", "mingru": "z", "minlstm": "s"}
# What each gate does, in a few words.
GATE_ROLES: dict[str, str] = {
    "z": "keeps",
    "f": "keeps",
    "s": "keeps",
    "r": "uses past",
    "i": "lets in",
    "o": "shows",
    "n": "offers",
    "g": "offers",
}


def gates_of(cell: Cell, w: CellWeights, x: Array, before: Array, places: Ids | None = None) -> dict[str, Array]:
    """The gates and the candidate of one layer and direction at every step.

    Args:
        x: [N, I] that was read; with `places` [N], [U, I], each distinct input once.
        before: [N, H], the state before each step.

    Returns:
        [N, H] by name: `GATE_NAMES` of the cell, and its candidate. Empty for an rnn.
    """
    if cell == "rnn":
        return {}
    hidden = before.shape[1]

    def placed(product: Array) -> Array:
        return product if places is None else product[places]

    if cell == "mingru":
        a, n = np.split(placed(x @ w.weight_ih.T + w.bias_ih), 2, axis=1)
        return {"z": logistic(a), "n": n}
    if cell == "minlstm":
        i, f, g = np.split(placed(x @ w.weight_ih.T + w.bias_ih), 3, axis=1)
        return {"s": keeping_share(i, f), "g": g}
    u, b_hh = w.recurrent
    if cell == "lstm":
        sums = placed(layer_norm(x @ w.weight_ih.T, w.gain_ih) + w.bias_ih + b_hh) + layer_norm(before @ u.T, w.gain_hh)
        i, f, g, o = np.split(sums, 4, axis=1)
        return {"i": logistic(i), "f": logistic(f), "o": logistic(o), "g": np.tanh(g)}
    border = 2 * hidden
    product = x @ w.weight_ih.T
    gain_x_rz, gain_x_n = _split(w.gain_ih, border)
    gain_h_rz, gain_h_n = _split(w.gain_hh, border)
    x_rz = placed(layer_norm(product[:, :border], gain_x_rz) + w.bias_ih[:border] + b_hh[:border])
    x_n = placed(layer_norm(product[:, border:], gain_x_n) + w.bias_ih[border:])
    r, z = np.split(logistic(x_rz + layer_norm(before @ u[:border].T, gain_h_rz)), 2, axis=1)
    if cell == "gru":
        n = np.tanh(x_n + b_hh[border:] + layer_norm((r * before) @ u[border:].T, gain_h_n))
    else:
        n = np.tanh(x_n + r * (layer_norm(before @ u[border:].T, gain_h_n) + b_hh[border:]))
    return {"r": r, "z": z, "n": n}


def states_before(states: Array, offsets: Ids, first: Array | None = None, *, reverse: bool = False) -> Array:
    """[N, H], the state before each step of a direction whose states after them are [N, H]; `first` [B, H] or zeros at the beginnings."""
    before = np.empty_like(states)
    has_steps = offsets[:-1] < offsets[1:]
    if reverse:
        before[:-1] = states[1:]
        ends = offsets[1:][has_steps] - 1
    else:
        before[1:] = states[:-1]
        ends = offsets[:-1][has_steps]
    before[ends] = 0 if first is None else first[has_steps]
    return before


def cell_states(gates: dict[str, Array], offsets: Ids, first: Array | None = None, *, reverse: bool = False, zoneout: Zoneout) -> Array:
    """c [N, H] of an LSTM at every step, out of its gates; `first` [B, H] or zeros at the beginnings."""
    kept = gates["f"].dtype.type(zoneout[1])
    # kept·c + (1 − kept)·(f·c + i·g) is a share of c and a part that hangs on nothing before.
    share, new = gates["f"], gates["i"] * gates["g"]
    if kept:
        share, new = kept + (1 - kept) * share, (1 - kept) * new
    cells = np.empty_like(share)
    for number, (begin, end) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
        c = np.zeros(share.shape[1], dtype=share.dtype) if first is None else first[number]
        for step in range(end - 1, begin - 1, -1) if reverse else range(begin, end):
            after = cells[step]
            np.multiply(share[step], c, out=after)
            after += new[step]
            c = after
    return cells


def _split(gain: Array | None, border: int) -> tuple[Array | None, Array | None]:
    return (None, None) if gain is None else (gain[:border], gain[border:])
