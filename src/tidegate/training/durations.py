"""Durations as people write them: 90s, 10m, 2h, 60d."""

from __future__ import annotations

import re

from tidegate.errors import RecipeError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds_of(text: str) -> float:
    """Seconds of '90s', '10m', '1.5h' or '60d'; a bare number is seconds.

    Raises:
        RecipeError: it is none of these, or not above zero.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", text)
    if match is None or float(match[1]) == 0:
        raise RecipeError(f"'{text}' is no duration; write a number and a unit, for instance 90s, 10m, 2h or 60d.")
    return float(match[1]) * _SECONDS[match[2] or "s"]


def spoken(seconds: float) -> str:
    """'45 s', '3:05 min' or '1:02 h', for people."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60}:{whole % 60:02d} min" if whole < 3600 else f"{whole // 3600}:{whole % 3600 // 60:02d} h"
