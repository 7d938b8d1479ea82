"""Scores of counts that add up, and what is kept of them in a file."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tidegate.errors import ShapeError
from tidegate.scoring.outcomes import RULES, Examples, Outcomes
from tidegate.scoring.translation import bleu_counts, translation_scores


def outcomes(counts: list[list[float]], rule: str = "share", **others: object) -> Outcomes:
    return Outcomes("a score", rule, False, np.array(counts, dtype=float), tuple("abcdefgh"[: len(counts)]), **others)  # type: ignore[arg-type]


def test_a_share_is_of_the_sums_and_not_the_mean_of_shares() -> None:
    found = outcomes([[1, 1], [0, 3]])
    assert found.score == 0.25
    assert found.each.tolist() == [1.0, 0.0]


def test_f1_of_right_given_and_wanted() -> None:
    assert outcomes([[1, 2, 1], [1, 2, 3]], "f1").score == pytest.approx(2 * 2 / (4 + 4))


def test_of_nothing_a_score_is_zero() -> None:
    assert [float(rule(np.zeros(10))) for rule in RULES.values()] == [0, 0, 0]


HYPOTHESES = ["the cat sat on the mat today", "a dog barked loudly", "no"]
REFERENCES = [["the cat sat on a mat"], ["the dog barked very loudly"], ["no"]]


@pytest.mark.parametrize("places", [[0], [1], [2], [0, 2], [1, 2], [0, 1, 2]])
def test_bleu_of_any_choice_of_examples_is_the_librarys(places: list[int]) -> None:
    pytest.importorskip("sacrebleu")
    given, right = [HYPOTHESES[n] for n in places], [REFERENCES[n] for n in places]
    expected = translation_scores("word", given, right)["bleu"]
    assert float(RULES["bleu"](bleu_counts(given, right).sum(axis=0))) == pytest.approx(expected, abs=1e-9)


def test_a_right_answer_of_one_word_is_worth_something_by_itself() -> None:
    pytest.importorskip("sacrebleu")
    counts = bleu_counts(HYPOTHESES, REFERENCES)
    assert Outcomes("bleu", "bleu", False, counts, tuple(HYPOTHESES)).each[2] == pytest.approx(100)


def test_outcomes_and_examples_come_back_from_json_as_they_were() -> None:
    whole = outcomes(
        [[1, 2], [0.1234567891, 3]],
        confidences=np.array([0.25, 0.5]),
        hits=np.array([True, False]),
        by_label={"x": np.array([1.0, 2.0])},
        by_position={"1": np.array([3.0, 4.0])},
        position_name="word",
    )
    back = Outcomes.from_json(json.loads(json.dumps(whole.to_json())))
    assert back.to_json() == whole.to_json()
    assert back.score == pytest.approx(whole.score, abs=1e-9)
    examples = Examples(("a",), ("b",), (3,), "words", ("g",))
    assert Examples.from_json(json.loads(json.dumps(examples.to_json()))) == examples


def test_a_row_for_each_answer() -> None:
    with pytest.raises(ShapeError, match="a row"):
        Outcomes("s", "share", False, np.zeros((2, 2)), ("one",))
