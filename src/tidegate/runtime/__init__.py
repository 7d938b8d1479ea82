"""Trained models on NumPy alone: a model directory in, answers out. Nothing here may import torch."""

from __future__ import annotations

from pathlib import Path

from tidegate.artefact import read_model
from tidegate.errors import ModelError
from tidegate.runtime.classify import ClassifyAnswer, ClassifyModel
from tidegate.runtime.fill import FilledSeries, FillModel
from tidegate.runtime.filled_tables import FilledFile
from tidegate.runtime.filling import Blank, Filled
from tidegate.runtime.forecast import ForecastModel
from tidegate.runtime.forecast_session import ForecastSession
from tidegate.runtime.forecasts import Forecast, Forecasts
from tidegate.runtime.generate import GenerateModel
from tidegate.runtime.pair_scores import PairScore
from tidegate.runtime.session import Session
from tidegate.runtime.tag import TagAnswer, TagModel
from tidegate.runtime.text_scores import LineScore
from tidegate.runtime.translate import TranslateModel
from tidegate.runtime.translate_session import TranslateSession
from tidegate.runtime.translations import Hypothesis, Translation

__all__ = [
    "Blank",
    "ClassifyAnswer",
    "ClassifyModel",
    "FillModel",
    "Filled",
    "FilledFile",
    "FilledSeries",
    "Forecast",
    "ForecastModel",
    "ForecastSession",
    "Forecasts",
    "GenerateModel",
    "Hypothesis",
    "LineScore",
    "PairScore",
    "Session",
    "TagAnswer",
    "TagModel",
    "TranslateModel",
    "TranslateSession",
    "Translation",
    "load",
]

Model = TagModel | ClassifyModel | GenerateModel | TranslateModel | ForecastModel | FillModel
_MODELS: dict[str, type[Model]] = {
    "tag": TagModel,
    "classify": ClassifyModel,
    "generate": GenerateModel,
    "translate": TranslateModel,
    "forecast": ForecastModel,
    "fill": FillModel,
}


def load(path: str | Path) -> Model:
    """Reads the model directory at `path`; works without torch.

    Raises:
        ModelError: it is missing, cut, altered or too new, or holds a task that this tidegate does not know.
    """
    model = read_model(path)
    task = model.config.get("task")
    if task not in _MODELS:
        raise ModelError(
            f"{path} was trained for the task {task!r}; this tidegate knows {', '.join(_MODELS)}. Upgrade it: pip "
            "install --upgrade tidegate."
        )
    return _MODELS[task](model)
