"""The architectures: which cell, and whether it reads one way or both. One list for the whole house."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tidegate.errors import RecipeError, nearest

Cell = Literal["rnn", "lstm", "gru", "gru-reset-after"]

# Blocks of H rows in the weights of one cell, in torch.nn's order: lstm i, f, g, o; gru r, z, n.
GATES: dict[Cell, int] = {"rnn": 1, "lstm": 4, "gru": 3, "gru-reset-after": 3}


@dataclass(frozen=True, slots=True)
class Architecture:
    """One architecture.

    Attributes:
        name: as written after `--arch`.
        cell: the cell of every layer and direction.
        is_bidirectional: whether a second network reads from the end.
        title: as written in tables; says whose GRU it is.
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
