"""The data of a comparison, a module a task family: read once, cut into folds and shares, and made into a task for each run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidegate.comparison.materials.forecasts import ForecastMaterial
from tidegate.comparison.materials.frames import SequenceMaterial, StepMaterial, TranscriptMaterial
from tidegate.comparison.materials.holes import HoleMaterial
from tidegate.comparison.materials.material import Material, Portion
from tidegate.comparison.materials.pairs import PairMaterial
from tidegate.comparison.materials.running_text import RunningTextMaterial
from tidegate.comparison.materials.texts import TextMaterial
from tidegate.comparison.materials.tokens import TokenMaterial
from tidegate.errors import RecipeError
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.files import RunFiles
from tidegate.training.filling.recipe import FillRecipe
from tidegate.training.forecasting.recipe import ForecastRecipe
from tidegate.training.generation.recipe import GenerateRecipe
from tidegate.training.recipe import Recipe
from tidegate.training.sequences.recipe import SequenceClassifyRecipe, SequenceTagRecipe
from tidegate.training.tagging.recipe import TagRecipe
from tidegate.training.transcription.recipe import TranscribeRecipe
from tidegate.training.translation.recipe import TranslateRecipe

__all__ = ["Material", "Portion", "material_of"]


def material_of(recipe: Recipe, train: Sequence[str], dev: Sequence[str], test: Sequence[str]) -> Material[Any]:
    """Reads the files of a comparison.

    Raises:
        DataError: a file cannot be read as what the task needs.
    """
    files = RunFiles(train, dev, test)
    if isinstance(recipe, ClassifyRecipe):
        return TextMaterial(files, recipe)
    if isinstance(recipe, TagRecipe):
        return TokenMaterial(files, recipe)
    if isinstance(recipe, SequenceClassifyRecipe):
        return SequenceMaterial(files, recipe)
    if isinstance(recipe, SequenceTagRecipe):
        return StepMaterial(files, recipe)
    if isinstance(recipe, TranscribeRecipe):
        return TranscriptMaterial(files, recipe)
    if isinstance(recipe, GenerateRecipe):
        return RunningTextMaterial(files, recipe)
    if isinstance(recipe, TranslateRecipe):
        return PairMaterial(files, recipe)
    if isinstance(recipe, ForecastRecipe | FillRecipe):
        if dev or test:
            raise RecipeError("series are cut by time, not by files: say how much is chosen by and scored with --dev-last and --test-last.")
        return ForecastMaterial(files, recipe) if isinstance(recipe, ForecastRecipe) else HoleMaterial(files, recipe)
    raise RecipeError(f"task '{recipe.task}' cannot be compared.")
