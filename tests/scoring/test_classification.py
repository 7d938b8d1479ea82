"""Scores of classifiers against scikit-learn and by hand; thresholds against every cut there is."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from sklearn.preprocessing import MultiLabelBinarizer

from tidegate.scoring.classification import PRECISIONS, ClassScorer, MultiLabelScorer, out_of_scope_threshold, thresholds

# Probabilities of which many are equal, and some that hardly differ.
PROBABILITIES = st.one_of(st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]), st.floats(0, 1), st.integers(0, 3).map(lambda n: 0.75 + n * 2.0**-53))
JUDGED = st.lists(st.tuples(st.booleans(), PROBABILITIES), min_size=1, max_size=40)


def as_arrays(judged: list[tuple[bool, float]]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    return np.array([truth for truth, _ in judged], dtype=bool), np.array([number for _, number in judged], dtype=np.float64)


@given(st.lists(st.tuples(st.sampled_from("ABCD"), st.sampled_from("ABCD")), min_size=1, max_size=30), st.sampled_from("AB"))
def test_scores_of_one_label_a_text_equal_scikit_learn(pairs: list[tuple[str, str]], positive: str) -> None:
    scorer = ClassScorer(positive=positive, out_of_scope="D")
    for right, given_label in pairs:
        scorer.add(right, given_label, 0.5)
    result = scorer.result()
    right, answers = [right for right, _ in pairs], [answer for _, answer in pairs]
    assert (result["n"], result["positive"]) == (len(pairs), positive)
    assert result["accuracy"] == pytest.approx(accuracy_score(right, answers))
    assert result["macro_f1"] == pytest.approx(f1_score(right, answers, average="macro", zero_division=0))
    for key, score in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        assert result[key] == pytest.approx(score(right, answers, labels=[positive], average=None, zero_division=0)[0])
    assert result["recall_out_of_scope"] == pytest.approx(recall_score(right, answers, labels=["D"], average=None, zero_division=0)[0])
    assert result["precision_out_of_scope"] == pytest.approx(
        precision_score(right, answers, labels=["D"], average=None, zero_division=0)[0]
    )


def test_scores_of_one_label_a_text_by_hand() -> None:
    scorer = ClassScorer(positive="spam", out_of_scope="oos")
    for right, answer in [("spam", "spam"), ("spam", "ham"), ("ham", "ham"), ("ham", "oos"), ("oos", "oos"), ("oos", "spam")]:
        scorer.add(right, answer, 1.0)
    result = scorer.result()
    assert (result["accuracy"], result["accuracy_in_scope"]) == (0.5, 0.5)
    assert (result["precision"], result["recall"], result["f1"]) == (0.5, 0.5, 0.5)
    assert (result["precision_out_of_scope"], result["recall_out_of_scope"]) == (0.5, 0.5)
    assert result["ece"] == pytest.approx(0.5)
    assert result["confusion"]["oos"] == {"oos": 1, "spam": 1}


def test_accuracy_in_scope_leaves_texts_out_of_scope_out_and_counts_what_was_taken_for_them_as_wrong() -> None:
    scorer = ClassScorer(out_of_scope="oos")
    for right, answer in [("a", "a"), ("a", "a"), ("b", "oos"), ("b", "a"), ("oos", "oos"), ("oos", "a")]:
        scorer.add(right, answer, 1.0)
    assert scorer.result()["accuracy_in_scope"] == 2 / 4
    assert "positive" not in scorer.result()
    alone = ClassScorer(out_of_scope="oos")
    alone.add("oos", "oos", 1.0)
    assert alone.result()["accuracy_in_scope"] == 0.0


def test_a_named_label_that_does_not_occur_scores_zero_and_without_names_there_are_no_such_scores() -> None:
    named = ClassScorer(positive="spam", out_of_scope="oos")
    named.add("a", "a", 1.0)
    result = named.result()
    assert [result[key] for key in ("f1", "precision", "recall", "recall_out_of_scope", "precision_out_of_scope")] == [0.0] * 5
    plain = ClassScorer()
    plain.add("a", "a", 1.0)
    assert not {"f1", "positive", "accuracy_in_scope", "recall_out_of_scope"} & set(plain.result())
    assert plain.result()["accuracy"] == 1.0
    assert ClassScorer(positive="spam").result()["accuracy"] == 0.0


SETS = st.lists(st.sampled_from("ABCD"), max_size=4)


@given(st.lists(st.tuples(SETS, SETS), min_size=1, max_size=20))
def test_scores_of_several_labels_a_text_equal_scikit_learn(pairs: list[tuple[list[str], list[str]]]) -> None:
    scorer = MultiLabelScorer()
    for right, answers in pairs:
        scorer.add(right, answers)
    result = scorer.result()
    labels = sorted({label for pair in pairs for side in pair for label in side})
    assert list(result["per_label"]) == labels
    assert result["n"] == len(pairs)
    if not labels:
        assert (result["exact_match"], result["f1"], result["macro_f1"]) == (1.0, 0.0, 0.0)
        return
    # All four columns, since scikit-learn takes a single one for another task; scored are the labels that occur.
    table = MultiLabelBinarizer(classes=list("ABCD")).fit([])
    true, found = table.transform([right for right, _ in pairs]), table.transform([answers for _, answers in pairs])
    settings = {"labels": ["ABCD".index(label) for label in labels], "zero_division": 0}
    assert result["exact_match"] == pytest.approx(accuracy_score(true, found))
    assert result["macro_f1"] == pytest.approx(f1_score(true, found, average="macro", **settings))
    for key, score in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        assert result[key] == pytest.approx(score(true, found, average="micro", **settings))
        for label, expected in zip(labels, score(true, found, average=None, **settings), strict=True):
            assert result["per_label"][label][key] == pytest.approx(expected)


def test_scores_of_several_labels_by_hand() -> None:
    scorer = MultiLabelScorer()
    for right, answers in [("AB", "BA"), ("A", "AB"), ("", ""), ("C", "")]:
        scorer.add(list(right), list(answers))
    result = scorer.result()
    # Right 3 of 4 given and 4 true; A: 1, B: 2 · 1 / (2 + 1), C: 0; the first and the third text are wholly right.
    assert (result["precision"], result["recall"], result["f1"]) == (3 / 4, 3 / 4, 3 / 4)
    assert result["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert result["exact_match"] == 2 / 4
    assert result["per_label"]["B"] == {"precision": 0.5, "recall": 1.0, "f1": pytest.approx(2 / 3), "support": 1}
    assert json.loads(json.dumps(result)) == result
    assert MultiLabelScorer().result() == {
        "n": 0, "exact_match": 0.0, "f1": 0.0, "precision": 0.0, "recall": 0.0, "macro_f1": 0.0, "per_label": {},
    }  # fmt: skip


def test_thresholds_by_hand() -> None:
    # Falling: 18 positive down to 0.83, one negative at 0.82, one positive at 0.81, two negatives, one positive at 0.2.
    probabilities = [*(1 - n / 100 for n in range(18)), 0.82, 0.81, 0.5, 0.4, 0.2]
    truth = [True] * 18 + [False, True, False, False, True]
    at90, at95, at99 = thresholds(np.array(truth), np.array(probabilities))
    # 0.95 is reached with 19 of 20, 0.90 again with 19 of 21, 0.99 by the first 18 alone; the next one down is not called.
    assert at90 == pytest.approx({"at_precision": 0.90, "threshold": (0.5 + 0.4) / 2, "precision": 19 / 21, "recall": 19 / 20})
    assert at95 == pytest.approx({"at_precision": 0.95, "threshold": (0.81 + 0.5) / 2, "precision": 19 / 20, "recall": 19 / 20})
    assert at99 == pytest.approx({"at_precision": 0.99, "threshold": (0.83 + 0.82) / 2, "precision": 1.0, "recall": 18 / 20})


def test_equal_probabilities_are_called_together_or_not_at_all() -> None:
    found = thresholds(np.array([True, True, False]), np.array([0.9, 0.5, 0.5]))
    assert [entry["threshold"] for entry in found] == pytest.approx([0.7] * 3)
    assert [entry["recall"] for entry in found] == [0.5] * 3
    assert thresholds(np.array([True, False]), np.array([0.5, 0.5])) == []


def test_a_precision_that_no_cut_reaches_is_left_out() -> None:
    truth, probabilities = [False, *[True] * 20], [0.99, *(0.9 - n / 100 for n in range(20))]
    assert [entry["at_precision"] for entry in thresholds(np.array(truth), np.array(probabilities))] == [0.90, 0.95]
    assert thresholds(np.array([False, False]), np.array([0.9, 0.1])) == []
    assert thresholds(np.zeros(0, dtype=bool), np.zeros(0)) == []


def test_where_all_are_positive_all_are_called() -> None:
    for lowest in (0.4, 0.0):
        found = thresholds(np.array([True, True]), np.array([0.8, lowest]))
        assert [(entry["threshold"], entry["precision"], entry["recall"]) for entry in found] == [(lowest / 2, 1.0, 1.0)] * 3


@pytest.mark.parametrize("step", [0, 1])
def test_between_neighbouring_numbers_the_lower_one_is_not_called(step: int) -> None:
    below, above = (0.75 + (step + n) * 2.0**-53 for n in (0, 1))
    assert np.nextafter(below, 1) == above
    for entry in thresholds(np.array([True, False]), np.array([above, below])):
        assert below < entry["threshold"] <= above


@given(JUDGED)
def test_each_threshold_reaches_its_precision_and_no_lower_cut_does(judged: list[tuple[bool, float]]) -> None:
    truth, probabilities = as_arrays(judged)
    found = {entry["at_precision"]: entry for entry in thresholds(truth, probabilities)}
    assert set(found) <= set(PRECISIONS)
    for wanted in PRECISIONS:
        reaching = [
            cut
            for cut in set(probabilities.tolist())
            if truth[probabilities >= cut].any() and float(truth[probabilities >= cut].mean()) >= wanted
        ]
        assert (wanted in found) == bool(reaching)
        if reaching:
            called = probabilities >= found[wanted]["threshold"]
            assert called.tolist() == (probabilities >= min(reaching)).tolist()
            assert found[wanted]["precision"] == pytest.approx(truth[called].mean())
            assert found[wanted]["precision"] >= wanted
            assert found[wanted]["recall"] == pytest.approx(truth[called].sum() / truth.sum())


@given(JUDGED.filter(lambda judged: any(truth for truth, _ in judged)))
def test_out_of_scope_begins_at_the_doubt_of_the_highest_f1(judged: list[tuple[bool, float]]) -> None:
    outside, doubts = as_arrays(judged)
    f1 = {cut: f1_score(outside, doubts >= cut, zero_division=0) for cut in sorted(set(doubts.tolist()), reverse=True)}
    chosen = out_of_scope_threshold(outside, doubts)
    assert f1[chosen] == pytest.approx(max(f1.values()))
    # Of several as good, the highest: what is in scope is then disturbed least.
    assert not [cut for cut in f1 if cut > chosen and f1[cut] > f1[chosen] - 1e-9]


def test_out_of_scope_is_not_cut_through_equal_doubts() -> None:
    # Were the three at 0.5 cut behind the first, F1 would be 1; all of them together it is 2 · 2 / (5 + 2), less than the first alone.
    outside, doubts = np.array([True, True, False, False, False]), np.array([0.9, 0.5, 0.5, 0.5, 0.5])
    assert out_of_scope_threshold(outside, doubts) == 0.9
