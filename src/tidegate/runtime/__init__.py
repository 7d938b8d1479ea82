"""Trained models on NumPy alone: a model directory in, answers out. Nothing here may import torch."""

from __future__ import annotations

from pathlib import Path

from tidegate.artefact import read_model
from tidegate.errors import ModelError
from tidegate.runtime.tag import TagAnswer, TagModel

__all__ = ["TagAnswer", "TagModel", "load"]


def load(path: str | Path) -> TagModel:
    """Reads the model directory at `path`; works without torch.

    Raises:
        ModelError: it is missing, cut, altered or too new, or holds a task that this tidegate does not know.
    """
    model = read_model(path)
    if model.config.get("task") != "tag":
        raise ModelError(
            f"{path} was trained for the task {model.config.get('task')!r}; this tidegate knows 'tag'. Upgrade it: pip "
            "install --upgrade tidegate."
        )
    return TagModel(model)
