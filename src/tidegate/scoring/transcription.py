"""Scores of transcripts: errors by edit distance, and of which kind they are."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np


def edits(given: Sequence[Hashable], right: Sequence[Hashable]) -> tuple[int, int, int]:
    """Substitutions, deletions (of what is right) and insertions: the fewest edits, and of several ways those with most substitutions."""
    numbers = {unit: number for number, unit in enumerate(dict.fromkeys((*given, *right)))}
    answers = np.array([numbers[unit] for unit in given], dtype=np.int64)
    # An edit costs more than all that tells ways of as many edits apart: a gap one more than a substitution.
    edit = len(given) + len(right) + 1
    gap = edit + 1
    along = gap * np.arange(len(given) + 1)
    row = along
    for expected in (numbers[unit] for unit in right):
        best = np.empty_like(row)
        best[0] = row[0] + gap
        best[1:] = np.minimum(row[:-1] + edit * (answers != expected), row[1:] + gap)
        row = np.minimum.accumulate(best - along) + along  # insertions, any number of them
    total, gaps = divmod(int(row[-1]), edit)
    deletions = (gaps + len(right) - len(given)) // 2
    return total - gaps, deletions, gaps - deletions


class TranscriptScorer:
    """Counts transcripts.

    Args:
        unit: of them, "word" or "char".
    """

    def __init__(self, unit: str) -> None:
        self._key = "wer" if unit == "word" else "cer"
        self._n = self._units = self._exact = 0
        self._edits = [0, 0, 0]

    def add(self, right: Sequence[str], given: Sequence[str]) -> None:
        """Counts one transcript, given as its units."""
        self._n += 1
        self._units += len(right)
        self._exact += list(right) == list(given)
        self._edits = [total + more for total, more in zip(self._edits, edits(given, right), strict=True)]

    def result(self) -> dict[str, Any]:
        """With the keys of `evaluate --format json`.

        `wer` of words, `cer` of characters: edits by units that are right, summed over all transcripts; with no units at all 1 where there
        are edits. `exact_match` is the share of transcripts without an edit.
        """
        errors = sum(self._edits)
        substitutions, deletions, insertions = self._edits
        return {
            "n": self._n,
            "n_units": self._units,
            self._key: errors / self._units if self._units else float(errors > 0),
            "exact_match": self._exact / self._n if self._n else 0.0,
            "substitutions": substitutions,
            "deletions": deletions,
            "insertions": insertions,
        }
