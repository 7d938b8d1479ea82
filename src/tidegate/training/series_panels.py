"""The series that an estimator is given, read as its recipe says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tidegate.data.series import Panel, SeriesTask, panel_of_frame, read_panel
from tidegate.errors import DataError
from tidegate.training.estimator import paths_of
from tidegate.training.series_recipe import SeriesRecipe


def given_panel(given: Any, recipe: SeriesRecipe, task: SeriesTask) -> Panel:
    """The series of a frame (pandas or polars), or of files.

    Raises:
        DataError: it is neither, or cannot be read.
    """
    if hasattr(given, "columns"):
        return panel_of_frame(given, **recipe.reading(), task=task)
    if not isinstance(given, str | Path | list | tuple):
        raise DataError(f"a frame or paths of files were expected, not {type(given).__name__}.")
    return read_panel(paths_of(given, "series"), **recipe.reading(), task=task)
