"""What is to be compared: architectures, seeds, folds, sizes of the training data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidegate.errors import RecipeError
from tidegate.kernels import architecture

DEFAULT_ARCHS = ("rnn", "lstm", "gru", "bilstm", "bigru")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be compared.

    Attributes:
        archs: the architectures.
        seeds: how many seeds each, from the recipe's own upward.
        folds: in how many folds the training data is cut, each tested once; 0: none.
        shares: of the training data, rising; 1 is all of it.
        has_baselines: whether baselines are fitted too.
    """

    archs: tuple[str, ...]
    seeds: int = 3
    folds: int = 0
    shares: tuple[float, ...] = (1.0,)
    has_baselines: bool = True

    def __post_init__(self) -> None:
        for name in self.archs:
            architecture(name)
        if not self.archs or self.seeds < 1:
            raise RecipeError("a comparison needs one architecture and one seed at least.")
        if self.folds == 1 or self.folds < 0:
            raise RecipeError(f"{self.folds} folds: two or more are needed, or 0 for none.")
        if not self.shares or not all(0 < share <= 1 for share in self.shares):
            raise RecipeError("sizes of the training data lie above 0 % and up to 100 %.")

    def to_json(self) -> dict[str, Any]:
        return {"archs": list(self.archs), "seeds": self.seeds, "folds": self.folds, "shares": list(self.shares)}
