"""What surveys of gates read: a module for each family of models, each with its `Material`."""

from __future__ import annotations

from typing import Any

from tidegate.data import TextRecord, TokenRecord
from tidegate.errors import RecipeError
from tidegate.explanation.materials.frames import frames_material
from tidegate.explanation.materials.material import Batch, Groups, Material, several
from tidegate.explanation.materials.pairs import pairs_material
from tidegate.explanation.materials.series import fill_material, forecast_material
from tidegate.explanation.materials.texts import lines_material, texts_material, words_material
from tidegate.runtime import (
    ClassifyModel,
    FillModel,
    ForecastModel,
    GenerateModel,
    SequenceClassifyModel,
    SequenceTagModel,
    TagModel,
    TranscribeModel,
    TranslateModel,
    classify,
    tag,
)

__all__ = ["Batch", "Groups", "Material", "material_of"]


def material_of(model: Any, given: Any, *, min_count: int, seed: int) -> Material:
    """What a model reads of a data set.

    Args:
        model: of the runtime.
        given: records as the model's `read` or the readers of `tidegate.data` give them, or inputs as its `predict` takes them; of a
            language model lines, of a translator entries or pairs (source, target).
        min_count: groups that are met less often are not told of.
        seed: of the windows of series, where not all are read.

    Raises:
        RecipeError: nothing that has gates to be surveyed.
        DataError: something that the model cannot read, or nothing.
    """
    if isinstance(model, TagModel):
        return words_material(
            model, [item if isinstance(item, TokenRecord) else next(tag.as_records([item])) for item in several(given)], min_count
        )
    if isinstance(model, ClassifyModel):
        records = [item if isinstance(item, TextRecord) else next(classify.as_records([item])) for item in several(given)]
        return texts_material(model, records, min_count)
    if isinstance(model, GenerateModel):
        return lines_material(model, given, min_count)
    if isinstance(model, SequenceClassifyModel | SequenceTagModel | TranscribeModel):
        return frames_material(model, list(model.records(given)))
    if isinstance(model, TranslateModel):
        return pairs_material(model, several(given), min_count)
    if isinstance(model, ForecastModel):
        return forecast_material(model, given, seed)
    if isinstance(model, FillModel):
        return fill_material(model, given)
    raise RecipeError(f"a {type(model).__name__} was given to survey its gates over a data set; expected a model directory, or its model.")
