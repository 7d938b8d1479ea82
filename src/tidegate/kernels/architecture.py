"""The architectures: which cell, and whether it reads one way or both. One list for the whole house."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tidegate.errors import RecipeError, nearest

Cell = Literal["rnn", "lstm", "gru", "gru-reset-after", "mingru", "minlstm"]

# Blocks of H rows in the weights of one cell, in torch.nn's order: lstm i, f, g, o; gru r, z, n; mingru z, n; minlstm i, f, g.
GATES: dict[Cell, int] = {"rnn": 1, "lstm": 4, "gru": 3, "gru-reset-after": 3, "mingru": 2, "minlstm": 3}

# Which of these blocks is the gate that keeps the past, f or z.
KEEPING_GATE: dict[Cell, int] = {"lstm": 1, "gru": 1, "gru-reset-after": 1, "mingru": 0, "minlstm": 1}

# Their gates see the present input alone: weight_hh and bias_hh do not exist.
WITHOUT_RECURRENT_MATRIX: frozenset[Cell] = frozenset({"mingru", "minlstm"})
WITH_LAYER_NORM: frozenset[Cell] = frozenset({"lstm", "gru", "gru-reset-after"})


# The probabilities lie in [0, 1); layer_norm is on or off.
PROBABILITIES = ("recurrent_dropout", "zoneout", "zoneout_cell", "weight_drop")
VARIANTS = (*PROBABILITIES, "layer_norm")


@dataclass(frozen=True, slots=True)
class Architecture:
    """One architecture.

    Attributes:
        name: as written after `--arch`.
        cell: the cell of every layer and direction.
        is_bidirectional: whether a second network reads from the end.
        title: as written in tables; says whose GRU it is, or which paper's cell.
    """

    name: str
    cell: Cell
    is_bidirectional: bool
    title: str

    @property
    def directions(self) -> int:
        return 2 if self.is_bidirectional else 1

    @property
    def arrow(self) -> str:
        """→ for one that reads left to right, ⇄ for one that reads both ways."""
        return "⇄" if self.is_bidirectional else "→"


ARCHITECTURES: dict[str, Architecture] = {
    entry.name: entry
    for entry in (
        Architecture("rnn", "rnn", False, "rnn"),
        Architecture("lstm", "lstm", False, "lstm"),
        Architecture("gru", "gru", False, "gru (Cho 2014)"),
        Architecture("birnn", "rnn", True, "birnn"),
        Architecture("bilstm", "lstm", True, "bilstm"),
        Architecture("bigru", "gru", True, "bigru (Cho 2014)"),
        Architecture("gru-reset-after", "gru-reset-after", False, "gru-reset-after (torch, Keras)"),
        Architecture("bigru-reset-after", "gru-reset-after", True, "bigru-reset-after (torch, Keras)"),
        Architecture("mingru", "mingru", False, "mingru (2410.01201)"),
        Architecture("minlstm", "minlstm", False, "minlstm (2410.01201)"),
        Architecture("bimingru", "mingru", True, "bimingru (2410.01201)"),
        Architecture("biminlstm", "minlstm", True, "biminlstm (2410.01201)"),
    )
}


def architecture(name: str) -> Architecture:
    """The architecture of that name.

    Raises:
        RecipeError: there is none; the message lists all and names the nearest.
    """
    if name not in ARCHITECTURES:
        raise RecipeError(f"arch '{name}' is not one of {', '.join(ARCHITECTURES)}.{nearest(name, ARCHITECTURES)}")
    return ARCHITECTURES[name]


def refusal(cell: str, variant: str) -> str | None:
    """Why the cell cannot have the variant, as half a sentence; None where it can."""
    if cell in WITHOUT_RECURRENT_MATRIX:
        return f"{cell} has no recurrent matrix, so there is no {variant}; use an lstm or a gru for that"
    if variant == "layer_norm" and cell not in WITH_LAYER_NORM:
        return "the plain rnn has no layer_norm; lstm, gru and gru-reset-after have it"
    if variant == "zoneout_cell" and cell != "lstm":
        return f"{cell} has no state c to keep, which lstm alone has; use zoneout, which keeps the state h"
    return None


def weight_names(cell: Cell, *, layer_norm: bool = False) -> tuple[str, ...]:
    """The weights that one direction of a layer has, by name, in the order that they are handed on in.

    Raises:
        RecipeError: layer norm for a cell that has none.
    """
    if layer_norm and (why := refusal(cell, "layer_norm")):
        raise RecipeError(f"layer_norm is on, but {why}.")
    names: tuple[str, ...] = (
        ("weight_ih", "bias_ih") if cell in WITHOUT_RECURRENT_MATRIX else ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    if layer_norm:
        names += ("gain_ih", "gain_hh", "gain_c", "shift_c") if cell == "lstm" else ("gain_ih", "gain_hh")
    return names
