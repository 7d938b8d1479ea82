"""Ranges that are drawn from, as they are written: '1-7', '0.9-1.1', '-5-20', or one number for both ends."""

from __future__ import annotations

import re

from tidegate.errors import RecipeError

_NUMBER = r"-?[0-9]*\.?[0-9]+"
_RANGE = re.compile(rf"({_NUMBER})(?:\s*(?:-|–|\.\.)\s*({_NUMBER}))?")


def read_range(text: str, name: str) -> tuple[float, float]:
    """Both ends of a range; `name` is what messages call it.

    Raises:
        RecipeError: no range, or one whose lower end is the higher.
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        raise RecipeError(f"{name} {text}: expected a range such as 1-7 or 0.9-1.1, or one number.")
    low = float(match[1])
    high = low if match[2] is None else float(match[2])
    if low > high:
        raise RecipeError(f"{name} {text}: the lower end is the higher one. Turn them round.")
    return low, high


def read_count_range(text: str, name: str) -> tuple[int, int]:
    """As `read_range`, of whole numbers from 1 on."""
    low, high = read_range(text, name)
    if low < 1 or low % 1 or high % 1:
        raise RecipeError(f"{name} {text}: expected whole numbers of 1 or more, such as 1-7.")
    return int(low), int(high)
