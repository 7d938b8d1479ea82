"""Trained models on NumPy alone: a model directory in, answers out. Nothing here may import torch."""

from __future__ import annotations

from pathlib import Path

from tidegate.artefact import read_model
from tidegate.errors import ModelError
from tidegate.runtime.classify import ClassifyAnswer, ClassifyModel
from tidegate.runtime.classify_session import ClassifySession
from tidegate.runtime.fill import FilledSeries, FillModel
from tidegate.runtime.filled_tables import FilledFile
from tidegate.runtime.filling import Blank, Filled
from tidegate.runtime.forecast import ForecastModel
from tidegate.runtime.forecast_session import ForecastSession
from tidegate.runtime.forecasts import Forecast, Forecasts
from tidegate.runtime.frame_session import SequenceSession, SequenceTagSession, StepAnswer
from tidegate.runtime.generate import GenerateModel
from tidegate.runtime.pair_scores import PairScore
from tidegate.runtime.sequence_classify import SequenceAnswer, SequenceClassifyModel
from tidegate.runtime.sequence_tag import SequenceTagAnswer, SequenceTagModel
from tidegate.runtime.session import Session
from tidegate.runtime.tag import TagAnswer, TagModel
from tidegate.runtime.tag_session import TagSession, TokenAnswer
from tidegate.runtime.text_scores import LineScore
from tidegate.runtime.transcribe import ScoredText, TranscribeModel, Transcript
from tidegate.runtime.transcribe_session import HeardUnit, TranscribeSession
from tidegate.runtime.translate import TranslateModel
from tidegate.runtime.translate_session import TranslateSession
from tidegate.runtime.translations import Hypothesis, Translation

__all__ = [
    "Blank",
    "ClassifyAnswer",
    "ClassifyModel",
    "ClassifySession",
    "FillModel",
    "Filled",
    "FilledFile",
    "FilledSeries",
    "Forecast",
    "ForecastModel",
    "ForecastSession",
    "Forecasts",
    "GenerateModel",
    "HeardUnit",
    "Hypothesis",
    "LineScore",
    "PairScore",
    "ScoredText",
    "SequenceAnswer",
    "SequenceClassifyModel",
    "SequenceSession",
    "SequenceTagAnswer",
    "SequenceTagModel",
    "SequenceTagSession",
    "Session",
    "StepAnswer",
    "TagAnswer",
    "TagModel",
    "TagSession",
    "TokenAnswer",
    "TranscribeModel",
    "TranscribeSession",
    "Transcript",
    "TranslateModel",
    "TranslateSession",
    "Translation",
    "load",
]

Model = (
    TagModel
    | ClassifyModel
    | GenerateModel
    | TranslateModel
    | ForecastModel
    | FillModel
    | SequenceClassifyModel
    | SequenceTagModel
    | TranscribeModel
)
# By task, and by what is read where a task reads several kinds.
_MODELS: dict[tuple[str, str], type[Model]] = {
    ("tag", ""): TagModel,
    ("classify", ""): ClassifyModel,
    ("generate", ""): GenerateModel,
    ("translate", ""): TranslateModel,
    ("forecast", ""): ForecastModel,
    ("fill", ""): FillModel,
    ("classify", "numbers"): SequenceClassifyModel,
    ("classify", "sound"): SequenceClassifyModel,
    ("tag", "numbers"): SequenceTagModel,
    ("transcribe", "sound"): TranscribeModel,
}


def load(path: str | Path) -> Model:
    """Reads the model directory at `path`; works without torch.

    Raises:
        ModelError: it is missing, cut, altered or too new, or holds a task that this tidegate does not know.
    """
    model = read_model(path)
    task, read = str(model.config.get("task")), str(model.config.get("input", ""))
    if (task, read) not in _MODELS:
        over = f" over {read}" if read else ""
        known = ", ".join(dict.fromkeys(name for name, _ in _MODELS))
        raise ModelError(
            f"{path} was trained for the task {task!r}{over}; this tidegate knows {known}. Upgrade it: pip install --upgrade tidegate."
        )
    return _MODELS[task, read](model)
