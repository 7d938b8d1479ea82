"""Blanks to fill in a text: three or more underscores."""

from __future__ import annotations

import re

BLANK = "___"
_BLANKS = re.compile("_{3,}")


def blank_spans(text: str) -> list[tuple[int, int]]:
    """Where the blanks of a text stand: (start, end) characters, in order."""
    return [match.span() for match in _BLANKS.finditer(text)]
