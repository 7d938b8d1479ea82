"""What is to be compared: architectures, seeds, folds, sizes of the training data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.artefact import stem_of
from tidegate.errors import RecipeError, nearest
from tidegate.kernels import architecture
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.recipe import Recipe
from tidegate.training.tagging.recipe import TagRecipe

_SCHEMAS: dict[str, type[Recipe]] = {"classify": ClassifyRecipe, "tag": TagRecipe}
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


def schema_of(task: str) -> type[Recipe]:
    """The recipes of a task that can be compared.

    Raises:
        RecipeError: there is no such task, or it cannot be compared yet.
    """
    if task not in _SCHEMAS:
        raise RecipeError(f"task '{task}' cannot be compared; {' and '.join(_SCHEMAS)} can.{nearest(task, _SCHEMAS)}")
    return _SCHEMAS[task]


def default_folder(train: Sequence[str]) -> Path:
    """Where a comparison is written if nothing else was said: beside where the user stands, named after the first training file."""
    return Path(f"{stem_of(train[0])}-comparison")
