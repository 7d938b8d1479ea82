"""Scores of translations: edit distance against the table of Wagner & Fischer, and what each kind of unit is scored by."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence

import pytest

from tidegate.scoring import edit_distance, error_rate, translation_scores


def table_distance(first: Sequence[object], second: Sequence[object]) -> int:
    """Wagner & Fischer 1974, cell by cell."""
    above = list(range(len(second) + 1))
    for row, a in enumerate(first, 1):
        cells = [row]
        for column, b in enumerate(second, 1):
            cells.append(min(above[column] + 1, cells[-1] + 1, above[column - 1] + (a != b)))
        above = cells
    return above[-1]


@pytest.mark.parametrize("alphabet", ["a", "ab", "abcdefgh"])
@pytest.mark.parametrize("longest", [3, 12, 90])
def test_edit_distance_is_that_of_the_table(alphabet: str, longest: int) -> None:
    drawn = random.Random(longest)
    for _ in range(60):
        first, second = (drawn.choices(alphabet, k=drawn.randrange(longest + 1)) for _ in range(2))
        assert edit_distance(first, second) == table_distance(first, second)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("", "", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3), ("ab", "ba", 2), ("a" * 200, "a" * 129, 71)],
)
def test_edit_distance_by_hand(first: str, second: str, distance: int) -> None:
    assert edit_distance(first, second) == edit_distance(second, first) == distance


def test_the_error_rate_takes_the_nearest_reference_and_its_length() -> None:
    # To "b x" 1 of 2; "c" is right; of equal distances the first, so 1 of 3.
    given = [["b", "y"], ["c"], ["d", "e"]]
    right = [[["a", "a", "a"], ["b", "x"]], [["q"], ["c"]], [["d", "e", "f"], ["d"]]]
    assert error_rate(given, right) == pytest.approx(2 / 6)
    assert error_rate([[]], [[["a", "b"]]]) == 1
    assert error_rate([["a"] * 4], [[["b"]]]) == 4
    assert error_rate([], []) == 0


def test_phones_are_scored_by_tokens_and_characters_by_characters() -> None:
    scores = translation_scores("token", ["K AE T", "D AO G", "B"], [("K AE T",), ("D AA G", "D AO  G"), ("B IY",)])
    assert scores == {"exact_match": pytest.approx(2 / 3), "per": pytest.approx(1 / 8), "wer": pytest.approx(1 / 3)}
    scores = translation_scores("char", ["went", "go  es"], [("go", "wend"), ("go es",)])
    assert scores == {"exact_match": 0, "cer": pytest.approx(2 / 9)}
    assert translation_scores("char", [], []) == {"exact_match": 0, "cer": 0}


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_bleu_and_chrf_are_the_library_s_with_several_references(kind: str) -> None:
    library = pytest.importorskip("sacrebleu")
    given = ["the cat sat on the mat", "a dog barks at the cat", "it is"]
    right = [("the cat sat on a mat", "on the mat the cat sat"), ("a dog barks at the cat",), ("it is.", "it was", "so it is")]
    scores = translation_scores(kind, given, right)  # type: ignore[arg-type]
    assert set(scores) == {"exact_match", "bleu", "chrf"}
    assert scores["exact_match"] == pytest.approx(1 / 3)
    # As the library has it for texts with as many references each: one that is given twice changes nothing.
    filled = [[each[min(n, len(each) - 1)] for each in right] for n in range(3)]
    assert scores["bleu"] == pytest.approx(library.corpus_bleu(given, filled).score)
    assert scores["chrf"] == pytest.approx(library.corpus_chrf(given, filled).score)
    assert 0 < scores["bleu"] < 100
    assert translation_scores(kind, given[1:2], right[1:2])["bleu"] == pytest.approx(100)  # type: ignore[arg-type]


def test_without_the_library_a_note_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    scores = translation_scores("word", ["a b"], [("a b",)])
    assert scores["exact_match"] == 1
    assert set(scores) == {"exact_match", "notes"}
    (note,) = scores["notes"]
    assert "sacrebleu is not installed" in note
    assert "tidegate[bleu]" in note
    assert translation_scores("token", ["a"], [("a",)]) == {"exact_match": 1, "per": 0, "wer": 0}
