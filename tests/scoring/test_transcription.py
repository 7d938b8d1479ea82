"""Scores of transcripts: the kinds of edits, against all alignments and against the edit distance by bits."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from tidegate.scoring.transcription import TranscriptScorer, edits
from tidegate.scoring.translation import edit_distance


def by_enumeration(given: str, right: str) -> tuple[int, int, int]:
    """Of every alignment the kinds of its edits; the fewest, then those with most substitutions."""

    @cache
    def all_of(i: int, j: int) -> frozenset[tuple[int, int, int]]:
        if i == len(given) and j == len(right):
            return frozenset([(0, 0, 0)])
        found = set()
        if i < len(given) and j < len(right):
            found |= {(s + (given[i] != right[j]), d, n) for s, d, n in all_of(i + 1, j + 1)}
        if j < len(right):
            found |= {(s, d + 1, n) for s, d, n in all_of(i, j + 1)}
        if i < len(given):
            found |= {(s, d, n + 1) for s, d, n in all_of(i + 1, j)}
        return frozenset(found)

    return min(all_of(0, 0), key=lambda each: (sum(each), each[1] + each[2]))


def test_edits_are_the_fewest_of_all_alignments() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        given, right = ("".join(random.choice(list("abc"), size=random.integers(0, 6))) for _ in range(2))
        assert edits(given, right) == by_enumeration(given, right)
        assert sum(edits(given, right)) == edit_distance(given, right)


@pytest.mark.parametrize(("unit", "key"), [("word", "wer"), ("char", "cer")])
def test_errors_are_summed_before_they_are_divided(unit: str, key: str) -> None:
    scorer = TranscriptScorer(unit)
    scorer.add(["one", "two", "three"], ["one", "three"])
    scorer.add(["four"], ["five"])
    scorer.add([], ["six"])
    scorer.add(["seven", "eight"], ["seven", "eight"])
    assert scorer.result() == {
        "n": 4,
        "n_units": 6,
        key: 3 / 6,
        "exact_match": 1 / 4,
        "substitutions": 1,
        "deletions": 1,
        "insertions": 1,
    }


def test_without_a_unit_that_is_right_any_is_an_error() -> None:
    nothing, something = TranscriptScorer("word"), TranscriptScorer("word")
    nothing.add([], [])
    something.add([], ["one"])
    assert (TranscriptScorer("word").result()["wer"], nothing.result()["wer"], something.result()["wer"]) == (0, 0, 1)
