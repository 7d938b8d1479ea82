"""What a word looks like, apart from what it is: case and shape, as spelled features.

`normalise` is the key of the word table (lower case, digits as 0); `shape_of` keeps what that loses.
"""

from __future__ import annotations

import re

_DIGIT = re.compile(r"\d")
_RUN = re.compile(r"(.)\1+")
_LONGEST = 6


def normalise(word: str) -> str:
    """The word in lower case with every digit as 0: '1,984' and '2,001' share an entry."""
    return _DIGIT.sub("0", word.lower())


def shape_of(word: str) -> str:
    """Its letters as X or x, digits as d, anything else as -, runs joined, the first six: 'McDonald' -> 'XxXx', '3.5' -> 'd-d'.

    A single capital is told from several: 'A' -> 'X', 'NATO' -> 'XX'.
    """
    spelled = "".join("X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else "-" for c in word[: 4 * _LONGEST])
    return _RUN.sub(lambda run: "XX" if run[1] == "X" else run[1], spelled)[:_LONGEST]
