"""What the estimators of all tasks share: settings, scikit-learn's ways with them, and the fitted model."""

from __future__ import annotations

import shutil
import sys
import tempfile
import weakref
from abc import ABC
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import sklearn.exceptions

from tidegate.errors import DataError, UserError
from tidegate.runtime import ClassifyModel, FillModel, ForecastModel, GenerateModel, TagModel, TranslateModel, load
from tidegate.runtime.frame_model import FrameModel
from tidegate.training.recipe import Recipe, build_recipe
from tidegate.training.run import train
from tidegate.training.task import TrainingTask

_DEFAULTS: tuple[tuple[str, object], ...] = (("preset", "default"), ("recipe", None), ("quiet", False))

R = TypeVar("R", bound=Recipe)
M = TypeVar("M", bound=TagModel | ClassifyModel | GenerateModel | TranslateModel | ForecastModel | FillModel | FrameModel)


class NotFittedError(UserError, sklearn.exceptions.NotFittedError):  # type: ignore[misc]
    """An estimator was asked before it was fitted; scikit-learn's own tools know it too."""


class Estimator(ABC, Generic[R, M]):
    """Training and answering in scikit-learn's manner.

    Args:
        preset: 'fast', 'default' or 'best'.
        recipe: a TOML file or the name of a recipe that comes with tidegate.
        quiet: show no progress.
        settings: any key of the recipe.

    Raises:
        RecipeError: an unknown setting (the nearest is named), or a value that does not fit.
    """

    _schema: ClassVar[type[Recipe]]

    model_: M
    metrics_: Mapping[str, Any]

    def __init__(self, *, preset: str = "default", recipe: str | Path | None = None, quiet: bool = False, **settings: Any) -> None:
        self.preset = preset
        self.recipe = recipe
        self.quiet = quiet
        self._settings = settings
        self._recipe()

    def _recipe(self) -> R:
        built: Any = build_recipe(self._schema, preset=self.preset, recipe=self.recipe, options=self._settings)
        recipe: R = built
        return recipe

    def __repr__(self) -> str:
        shown = {name: value for name, value in self.get_params().items() if (name, value) not in _DEFAULTS}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What the constructor was given, as scikit-learn's `clone` wants it."""
        return {"preset": self.preset, "recipe": self.recipe, "quiet": self.quiet, **self._settings}

    def set_params(self, **params: Any) -> Self:
        """Changes settings; the model must be fitted anew for them to take effect."""
        fresh = type(self)(**(self.get_params() | params))  # refuses what does not fit before anything is changed
        self.preset, self.recipe, self.quiet, self._settings = fresh.preset, fresh.recipe, fresh.quiet, fresh._settings
        return self

    def _tell(self, notes: Iterable[str]) -> None:
        """Says on standard error what reading has to say of the data, as the command line does."""
        if not self.quiet:
            for note in notes:
                print(note, file=sys.stderr)

    def _train(self, task: TrainingTask[Any]) -> None:
        # The model's files live in a folder of their own for as long as the model does.
        folder = tempfile.mkdtemp(prefix="tidegate-")
        try:
            result = train(task, Path(folder) / "model", quiet=self.quiet)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        model: Any = load(result.path)
        self.model_ = model
        weakref.finalize(self.model_, shutil.rmtree, folder, ignore_errors=True)
        self.metrics_ = result.metrics

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def _fitted(self) -> M:
        if not hasattr(self, "model_"):
            name = type(self).__name__
            raise NotFittedError(f"this {name} is not fitted yet; call fit(…) first, or read a trained model with tidegate.load(path).")
        return self.model_

    def save(self, path: str | Path) -> None:
        """Writes the model directory to `path`.

        Raises:
            OutputError: `path` exists or cannot be written.
        """
        self._fitted().save(path)


def paths_of(given: Any, what: str) -> tuple[str, ...]:
    """A path or several as texts.

    Raises:
        DataError: it is neither; `what` says what was probably given.
    """
    if isinstance(given, str | Path):
        return (str(given),)
    if all(isinstance(path, str | Path) for path in given):
        return tuple(str(path) for path in given)
    raise DataError(f"{what} were given without labels; call fit(X, y) with labels, or give paths of files.")
