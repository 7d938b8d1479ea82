"""Rows as a data frame of the library that is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from tidegate.errors import MissingExtraError


def frame_of(rows: Sequence[Mapping[str, Any]]) -> Any:
    """A frame with a column for each key: pandas where it is installed, else polars.

    Raises:
        MissingExtraError: neither is installed.
    """
    for name in ("pandas", "polars"):
        try:
            library = import_module(name)
        except ModuleNotFoundError:
            continue
        return library.DataFrame(list(rows))
    raise MissingExtraError("train", "a leaderboard as a frame (it comes with pandas; polars will do too)")
