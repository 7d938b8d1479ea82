"""The gates of one step of a cell, written out once more beside the twins, which give the states alone."""

from __future__ import annotations

import numpy as np

from tidegate.kernels import CellWeights
from tidegate.kernels.twins import keeping_share, layer_norm, logistic


def twin_gates(cell: str, x: np.ndarray, h: np.ndarray, w: CellWeights) -> dict[str, np.ndarray]:
    """By name, [H] each, for x [I] and h [H]."""
    H = len(h)
    if cell == "rnn":
        return {}
    if cell == "mingru":
        a, n = np.split(w.weight_ih @ x + w.bias_ih, 2)
        return {"z": logistic(a), "n": n}
    if cell == "minlstm":
        i, f, g = np.split(w.weight_ih @ x + w.bias_ih, 3)
        return {"s": keeping_share(i, f), "g": g}
    u, b = w.recurrent
    if cell == "lstm":
        i, f, g, o = np.split(layer_norm(w.weight_ih @ x, w.gain_ih) + w.bias_ih + layer_norm(u @ h, w.gain_hh) + b, 4)
        return {"i": logistic(i), "f": logistic(f), "o": logistic(o), "g": np.tanh(g)}

    def norm(v: np.ndarray, gain: np.ndarray | None, part: slice) -> np.ndarray:
        return layer_norm(v, None if gain is None else gain[part])

    rz, new = slice(0, 2 * H), slice(2 * H, 3 * H)
    sums = norm((w.weight_ih @ x)[rz], w.gain_ih, rz) + w.bias_ih[rz] + norm((u @ h)[rz], w.gain_hh, rz) + b[rz]
    r, z = np.split(logistic(sums), 2)
    from_x = norm((w.weight_ih @ x)[new], w.gain_ih, new) + w.bias_ih[new]
    if cell == "gru":
        n = np.tanh(from_x + norm(u[new] @ (r * h), w.gain_hh, new) + b[new])
    else:
        n = np.tanh(from_x + r * (norm(u[new] @ h, w.gain_hh, new) + b[new]))
    return {"r": r, "z": z, "n": n}
