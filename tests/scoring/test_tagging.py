"""Scores against scikit-learn and seqeval, and small cases by hand."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import classification_report, f1_score, precision_score, recall_score
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, precision_recall_fscore_support
from sklearn.metrics import f1_score as f1_of_labels

from tidegate.decoding import Scheme
from tidegate.scoring import TagScorer, span_scores

Pairs = list[tuple[list[str], list[str]]]


def scored(sentences: Pairs, scheme: Scheme | None = None) -> dict[str, Any]:
    scorer = TagScorer(scheme)
    for right, answers in sentences:
        scorer.add(right, answers, is_seen=[True] * len(right), probabilities=[1.0] * len(right))
    return scorer.result()


def sentences_of(labels: list[str]) -> st.SearchStrategy[Pairs]:
    sentence = st.lists(st.tuples(st.sampled_from(labels), st.sampled_from(labels)), min_size=1, max_size=8)
    return st.lists(sentence.map(lambda pairs: ([a for a, _ in pairs], [b for _, b in pairs])), min_size=1, max_size=6)


@given(sentences_of(["NOUN", "VERB", "ADJ", "X"]))
def test_accuracy_and_f1_equal_scikit_learn(sentences: Pairs) -> None:
    result = scored(sentences)
    right = [label for labels, _ in sentences for label in labels]
    answers = [label for _, labels in sentences for label in labels]
    assert result["n"] == len(right)
    assert result["accuracy"] == pytest.approx(accuracy_score(right, answers))
    assert result["macro_f1"] == pytest.approx(f1_of_labels(right, answers, average="macro", zero_division=0))
    labels = sorted({*right, *answers})
    assert list(result["per_label"]) == labels
    columns = zip(*precision_recall_fscore_support(right, answers, labels=labels, zero_division=0), strict=True)
    for label, (precision, recall, f1, support) in zip(labels, columns, strict=True):
        expected = {"precision": precision, "recall": recall, "f1": f1, "support": support}
        assert result["per_label"][label] == pytest.approx(expected)


@given(sentences_of(["O", "B-X", "I-X", "B-Y", "I-Y"]))
def test_span_scores_equal_seqeval_in_strict_mode_broken_labels_too(sentences: Pairs) -> None:
    result = scored(sentences, "IOB2")
    right, answers = [labels for labels, _ in sentences], [labels for _, labels in sentences]
    settings = {"mode": "strict", "scheme": IOB2, "zero_division": 0}
    assert result["span_f1"] == pytest.approx(f1_score(right, answers, **settings))
    assert result["span_precision"] == pytest.approx(precision_score(right, answers, **settings))
    assert result["span_recall"] == pytest.approx(recall_score(right, answers, **settings))
    if not result["per_span_label"]:
        return
    report = classification_report(right, answers, output_dict=True, **settings)
    for kind, entry in result["per_span_label"].items():
        expected = report[kind]
        assert entry == pytest.approx(
            {"precision": expected["precision"], "recall": expected["recall"], "f1": expected["f1-score"], "support": expected["support"]}
        )


def test_a_span_counts_only_with_both_ends_and_its_label_right() -> None:
    result = scored(
        [
            ("B-X I-X O B-Y O".split(), "B-X I-X O B-Y I-Y".split()),  # one right, one too long
            ("B-X I-X O".split(), "B-Y I-Y O".split()),  # the label is wrong
            ("O B-X".split(), "B-X O".split()),  # beside it
            ("B-X I-X".split(), "I-X I-X".split()),  # never opened
        ],
        "IOB2",
    )
    # Right 1; given 2 + 1 + 1 + 0 = 4; true 2 + 1 + 1 + 1 = 5.
    assert (result["span_precision"], result["span_recall"]) == (1 / 4, 1 / 5)
    assert result["span_f1"] == pytest.approx(2 / 9)
    assert result["per_span_label"]["X"] == {"precision": 1 / 2, "recall": 1 / 4, "f1": pytest.approx(1 / 3), "support": 4}
    assert result["per_span_label"]["Y"] == {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 1}


def test_equal_spans_in_different_sentences_are_different_spans() -> None:
    result = scored([(["B-X"], ["B-X"]), (["O"], ["B-X"]), (["B-X"], ["O"])], "IOB2")
    assert (result["span_precision"], result["span_recall"]) == (1 / 2, 1 / 2)


def test_there_are_span_scores_only_with_a_scheme() -> None:
    assert not [key for key in scored([(["B-X"], ["B-X"])]) if "span" in key]


def test_confidence_bins_worked_by_hand() -> None:
    scorer = TagScorer(None)
    scorer.add(["A", "A"], ["A", "B"], is_seen=[True, True], probabilities=[0.9, 0.9])
    scorer.add(["A", "A"], ["A", "A"], is_seen=[True, True], probabilities=[0.5, 1.0])
    # Bin 13 of 15: two answers sure by 1.8 in all, one right: 0.8. Bin 7: |1 − 0.5|. Bin 14, where 1.0 belongs too: 0.
    assert scorer.result()["ece"] == pytest.approx((0.8 + 0.5) / 4)


def test_answers_as_often_right_as_they_are_sure_have_no_calibration_error() -> None:
    scorer = TagScorer(None)
    scorer.add(["A"] * 4, ["A", "A", "A", "B"], is_seen=[True] * 4, probabilities=[0.75] * 4)
    assert scorer.result()["ece"] == pytest.approx(0)


def test_accuracy_on_unseen_words_counts_those_alone() -> None:
    scorer = TagScorer(None)
    scorer.add(["A", "B", "A"], ["A", "A", "A"], is_seen=[False, False, True], probabilities=[1.0] * 3)
    scorer.add(["A"], ["A"], is_seen=[False], probabilities=[1.0])
    result = scorer.result()
    assert (result["accuracy"], result["accuracy_unseen"], result["n_unseen"]) == (3 / 4, pytest.approx(2 / 3), 3)
    assert "accuracy_unseen" not in scored([(["A"], ["A"])])


def test_confusion_goes_from_the_right_label_to_the_answer() -> None:
    result = scored([(["A", "A", "B"], ["A", "B", "B"]), (["A"], ["B"])])
    assert result["confusion"] == {"A": {"A": 1, "B": 2}, "B": {"B": 1}}
    assert result["per_label"]["A"] == {"precision": 1.0, "recall": pytest.approx(1 / 3), "f1": 0.5, "support": 3}


@given(sentences_of(["O", "B-X", "I-X"]), st.randoms(use_true_random=False))
def test_the_order_of_sentences_changes_nothing(sentences: Pairs, random: Any) -> None:
    shuffled = list(sentences)
    random.shuffle(shuffled)
    assert scored(shuffled, "IOB2") == scored(sentences, "IOB2")


def test_nothing_scored_gives_zeros_and_empty_sentences_count_for_nothing() -> None:
    assert scored([], "IOB2") == scored([([], [])], "IOB2")
    empty = scored([], "IOB2")
    assert (empty["n"], empty["accuracy"], empty["macro_f1"], empty["ece"], empty["span_f1"]) == (0, 0.0, 0.0, 0.0, 0.0)
    assert (empty["per_label"], empty["per_span_label"], empty["confusion"]) == ({}, {}, {})


def test_unequal_numbers_of_labels_are_not_scored() -> None:
    with pytest.raises(ValueError, match="shorter"):
        TagScorer(None).add(["A", "B"], ["A"], is_seen=[True, True], probabilities=[1.0, 1.0])


def test_scores_are_plain_numbers_that_json_can_hold() -> None:
    scorer = TagScorer("IOB2")
    scorer.add(["B-X", "O"], ["B-X", "B-X"], is_seen=np.array([True, False]), probabilities=np.array([0.5, 0.25], dtype=np.float32))  # type: ignore[arg-type]
    assert json.loads(json.dumps(scorer.result())) == scorer.result()


def test_span_scores_of_nothing_are_zero() -> None:
    assert span_scores(Counter(), Counter(), Counter()) == {"span_f1": 0.0, "span_precision": 0.0, "span_recall": 0.0, "per_span_label": {}}
