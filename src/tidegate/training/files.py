"""The files of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of a run, as the user named them (globs allowed, and folders where a task reads them); `dev` and `test` may be empty."""

    train: Sequence[str]
    dev: Sequence[str] = ()
    test: Sequence[str] = ()
