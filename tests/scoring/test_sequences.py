"""Accuracy by the share of a sequence that was seen."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np

from tidegate.scoring.sequences import SHARES, by_share, seen_steps


def test_shares_are_rounded_up_to_whole_steps() -> None:
    lengths = np.arange(200)
    for tenths, share in enumerate(SHARES, 1):
        assert seen_steps(lengths, share).tolist() == [ceil(Fraction(tenths * length, 10)) for length in range(200)]


def test_accuracy_by_share() -> None:
    is_right = np.zeros((4, 10), dtype=bool)
    for row, begin in enumerate((0, 3, 9, 10)):
        is_right[row, begin:] = True
    found = by_share(is_right)
    assert [entry["share"] for entry in found] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert [entry["accuracy"] for entry in found] == [0.25] * 3 + [0.5] * 6 + [0.75]
