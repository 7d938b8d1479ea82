"""Trained models on NumPy alone: a model directory in, answers out. Nothing here may import torch."""

from __future__ import annotations

from pathlib import Path

from tidegate.artefact import read_model
from tidegate.errors import ModelError
from tidegate.runtime.classify import ClassifyAnswer, ClassifyModel
from tidegate.runtime.tag import TagAnswer, TagModel

__all__ = ["ClassifyAnswer", "ClassifyModel", "TagAnswer", "TagModel", "load"]

_MODELS: dict[str, type[TagModel] | type[ClassifyModel]] = {"tag": TagModel, "classify": ClassifyModel}


def load(path: str | Path) -> TagModel | ClassifyModel:
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
