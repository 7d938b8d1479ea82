"""Every error that tidegate raises on purpose.

    TidegateError
    ├── UserError              the user can mend it; the command line exits with 2
    │   ├── DataError          a file or record that cannot be read as what it should be
    │   │   └── EncodingError  bytes that are not UTF-8
    │   ├── RecipeError        an unknown, missing or impossible setting
    │   ├── ModelError         a model directory that is missing, cut, altered or too new
    │   ├── OutputError        a place that cannot or must not be written
    │   ├── ShapeError         an array whose shape does not fit
    │   ├── MissingExtraError  a part of tidegate that was not installed
    │   └── MissingEngineError the compiled engine was asked for and was not built
    └── RunError               it was started rightly and then failed; the command line exits with 1
        └── InterruptedRunError  Ctrl-C came a second time, before what was going on could end well

    `training.estimator.NotFittedError` is a UserError too, and scikit-learn's error of that name.

A message says what was given, where it was found, what was expected and how to mend it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TidegateError(Exception):
    """Root of the tree: `except TidegateError` catches all that tidegate raises on purpose."""


class UserError(TidegateError):
    """Something that the caller can mend."""


class DataError(UserError):
    """A file or a record that cannot be read as what it should be."""


class EncodingError(DataError):
    """Bytes that are not UTF-8."""


class RecipeError(UserError):
    """An unknown, missing or impossible setting."""


class ModelError(UserError):
    """A model directory that is missing, cut, altered or written by a newer tidegate."""


class OutputError(UserError):
    """A place that cannot or must not be written."""


class ShapeError(UserError, ValueError):
    """An array whose shape does not fit."""


class MissingEngineError(UserError, ImportError):
    """The compiled engine was asked for by name and was not built."""

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"tidegate's compiled engine is not there ({cause}). Install a C++ compiler (GCC 12, Clang 15 or newer) and "
            "install tidegate anew; without it tidegate runs on its plain twins."
        )


class MissingExtraError(UserError, ImportError):
    """A part of tidegate that was not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the extra '{extra}', which is not installed. Install it with: pip install 'tidegate[{extra}]' "
            f"(in a checkout: pip install '.[{extra}]')"
        )


class RunError(TidegateError):
    """Started rightly, then failed: a full disk, a diverged loss."""


class InterruptedRunError(RunError):
    """Ctrl-C came a second time, before what was going on could end well."""


def nearest(given: str, known: Iterable[str]) -> str:
    """Names the known word nearest to `given`, as the end of a sentence; empty where none is near."""
    matches = difflib.get_close_matches(given, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{matches[0]}'?" if matches else ""


def listed(words: Iterable[str], most: int = 5) -> str:
    """The first few, and how many are left: 'a, b, c, d, e and 4 more'."""
    found = list(words)
    more = f" and {len(found) - most:,} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
