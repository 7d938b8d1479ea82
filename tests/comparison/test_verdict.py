from __future__ import annotations

from typing import Any

import pytest

from tidegate.comparison.leaderboard import Row
from tidegate.comparison.verdict import unfinished, verdict_of


def row(name: str, score: float | None, **known: Any) -> Row:
    """A network, unless `kind` says otherwise; it trains in 10 s and has 1,000 parameters."""
    step = None if name.startswith("bi") else 0.05
    shown = {
        "title": name, "kind": "network", "share": 1.0, "spread": None, "parameters": 1000, "train_seconds": 10.0, "ms_per_sequence": 0.1,
        "ms_per_step_p50": step, "ms_per_step_p99": step, "epochs_to_95": 3, "ece": 0.01, "megabytes": 0.1, "runs": 3,
        "failed": 0 if score is not None else 3,
    }  # fmt: skip
    return Row(**{"name": name, "score": score, **shown, **known})


def pair(a: str, b: str, difference: float, p: float | None) -> dict[str, Any]:
    low, high = (None, None) if p is None else (difference - 0.002, difference + 0.001)
    return {
        "a": a,
        "b": b,
        "difference": difference,
        "low": low,
        "high": high,
        "p": p,
        "p_adjusted": p,
        "is_tie": p and p >= 0.05,
        "seeds": 1 if p is None else 3,
        "examples": 100,
    }


def baseline(name: str, score: float, seconds: float = 1.0) -> Row:
    return row(name, score, kind="baseline", parameters=None, train_seconds=seconds, ms_per_step_p50=None)


def test_the_network_that_is_as_good_and_faster_is_chosen_and_its_reason_told() -> None:
    rows = [row("bilstm", 0.9866, train_seconds=13.0), row("bigru", 0.9861), row("rnn", 0.95, train_seconds=2.0)]
    pairs = [pair("bilstm", "bigru", 0.0005, 0.41), pair("rnn", "bilstm", -0.0366, 0.0012), pair("rnn", "bigru", -0.0361, 0.002)]
    assert verdict_of(rows, pairs, score="accuracy") == {
        "choice": "bigru",
        "best": "bilstm",
        "sentences": [
            "Choose bigru: not told apart from bilstm, whose mean is the best (accuracy 0.9861 and 0.9866, p = 0.41), and 1.3 × faster to train. "
            "By 95\u00a0% the difference lies between −0.0015 and +0.0015.",
            "Worse than bilstm: rnn (0.9500, p = 0.0012).",
            "If answers are needed while the sequence still comes: rnn (accuracy 0.9500, 0.05 ms a step); bigru reads it to the end first.",
        ],
    }


def test_between_equals_of_equal_time_the_parameters_decide() -> None:
    rows = [row("lstm", 0.9, parameters=1000), row("gru", 0.89, parameters=750, train_seconds=10.9)]
    found = verdict_of(rows, [pair("lstm", "gru", 0.01, 0.2)], score="accuracy")
    assert found["choice"] == "gru"
    assert "and with 25% fewer parameters, at the same time to train." in found["sentences"][0]


def test_the_best_is_chosen_where_all_others_are_worse() -> None:
    rows = [row("lstm", 0.9), row("gru", 0.85, train_seconds=1.0), row("rnn", 0.8, train_seconds=1.0)]
    found = verdict_of(rows, [pair("lstm", "gru", 0.05, 0.01), pair("lstm", "rnn", 0.1, 0.0004)], score="accuracy")
    assert found["choice"] == "lstm"
    assert found["sentences"] == [
        "Choose lstm: its accuracy, 0.9000, is better than that of gru (0.8500, p = 0.01) and rnn (0.8000, p = 0.0004)."
    ]


@pytest.mark.parametrize(
    ("score", "difference", "p", "choice", "said"),
    [
        (0.95, 0.05, 0.001, "SVM", "Choose SVM: better than gru (accuracy 0.9500 and 0.9000, p = 0.001), and it trains in 1.0 s."),
        (0.91, 0.01, 0.4, "gru", "SVM is not told apart from gru (accuracy 0.9100 and 0.9000, p = 0.40) and trains in 1.0 s: take it unless"),
        (0.5, -0.4, 0.001, "gru", "gru is better than the best baseline, SVM (accuracy 0.5000 and 0.9000, p = 0.001)."),
    ],
)  # fmt: skip
def test_a_baseline_is_named_where_no_network_beats_it(score: float, difference: float, p: float, choice: str, said: str) -> None:
    rows = sorted([row("gru", 0.9), baseline("SVM", score)], key=lambda own: -(own.score or 0.0))
    found = verdict_of(rows, [pair("SVM", "gru", difference, p)], score="accuracy")
    assert found["choice"] == choice
    assert any(sentence.startswith(said) for sentence in found["sentences"]), found["sentences"]


def test_lower_scores_may_be_better() -> None:
    rows = [baseline("last value", 0.8), row("gru", 0.9), row("rnn", 1.2)]  # the best first
    pairs = [pair("last value", "gru", -0.1, 0.001), pair("last value", "rnn", -0.4, 0.001), pair("gru", "rnn", -0.3, 0.001)]
    found = verdict_of(rows, pairs, score="MASE")
    assert found["choice"] == "last value"
    assert found["sentences"][1].startswith("Among the networks choose gru: its MASE, 0.9000, is better than that of rnn")


def test_with_one_seed_nothing_is_claimed_and_no_choice_made() -> None:
    found = verdict_of([row("gru", 0.9), row("rnn", 0.8)], [pair("gru", "rnn", 0.1, None)], score="accuracy")
    assert found == {
        "choice": None,
        "best": "gru",
        "sentences": [
            "One seed each: no claim, since another seed may turn the order; give --seeds 3.",
            "In these runs gru came first (accuracy 0.9000), rnn second (0.8000).",
        ],
    }


def test_with_too_few_examples_nothing_is_claimed_however_many_the_seeds() -> None:
    one = {**pair("gru", "rnn", 0.0, None), "seeds": 3, "examples": 1}
    assert verdict_of([row("gru", 1.0), row("rnn", 1.0)], [one], score="accuracy") == {
        "choice": None,
        "best": "gru",
        "sentences": [
            "Scored on 1 example: no claim, since so few can tell no difference from chance; score on more.",
            "In these runs gru and rnn came first together (accuracy 1.0000).",
        ],
    }


def test_of_contenders_that_answer_all_alike_no_interval_is_told() -> None:
    alike = {**pair("SVM", "gru", 0.0, 1.0), "low": 0.0, "high": 0.0, "examples": 30}
    said = verdict_of([baseline("SVM", 1.0, seconds=0.04), row("gru", 1.0)], [alike], score="accuracy")["sentences"][-1]
    assert said == (
        "SVM is not told apart from gru (accuracy 1.0000 and 1.0000, p = 1.00) and trains in less than 0.1 s: take it unless you need what "
        "only a network gives. On none of the 30 examples do they differ: harder or more examples would tell."
    )


def test_what_failed_is_left_out_and_said() -> None:
    rows = [row("gru", 0.9, runs=3, failed=1), row("lstm", 0.8), row("bigru", 0.7), row("rnn", None)]
    found = verdict_of(rows, [pair("gru", "lstm", 0.1, 0.01), pair("gru", "bigru", 0.2, None)], score="accuracy")
    assert found["choice"] == "gru"
    assert found["sentences"][-3:] == [
        "Of gru 1 of 3 runs failed; it is judged by the others.",
        "bigru (0.7000) is left out: of fewer than two whole seeds nothing can be claimed.",
        "rnn is left out: all its 3 runs failed.",
    ]


def test_without_a_network_there_is_no_choice() -> None:
    assert verdict_of([row("rnn", None)], [], score="accuracy")["sentences"] == ["Every run failed: there is nothing to choose from."]
    found = verdict_of([baseline("SVM", 0.9), row("rnn", None)], [], score="accuracy")
    assert found == {"choice": None, "best": None, "sentences": ["No network finished. The best baseline is SVM, accuracy 0.9000."]}
    assert unfinished(3, 17)["sentences"] == ["3 of 17 runs are done: no verdict before all are."]


def test_where_the_first_of_a_leaderboard_has_one_whole_seed_the_others_are_judged_among_themselves() -> None:
    rows = [row("lstm", 0.95, failed=2), row("gru", 0.9), row("rnn", 0.8)]
    pairs = [pair("lstm", "gru", 0.05, None), pair("lstm", "rnn", 0.15, None), pair("gru", "rnn", 0.1, 0.01)]
    found = verdict_of(rows, pairs, score="accuracy", best="gru")
    assert (found["choice"], found["best"]) == ("gru", "gru")
    assert found["sentences"] == [
        "Choose gru: its accuracy, 0.9000, is better than that of rnn (0.8000, p = 0.01).",
        "lstm (0.9500) is left out: of fewer than two whole seeds nothing can be claimed.",
    ]


@pytest.mark.parametrize(
    ("score", "networks", "first", "p", "lower", "choice", "said"),
    [
        ("f1", 0.0, baseline("majority", 0.0), 1.0, False, None, "the f1 of every network is 0."),
        ("accuracy", 0.6, baseline("majority", 0.6), 1.0, False, None, "the accuracy of every network is that of majority, 0.6000."),
        ("f1", 0.0, baseline("SVM", 0.9), 0.001, False, "SVM", "the f1 of every network is 0."),
        ("f1", 0.0, baseline("SVM", 0.1), 0.3, False, None, "the f1 of every network is 0."),
        ("wer", 1.0, baseline("SVM", 2.0), 0.3, True, None, "the wer of every network is 1 or more."),
    ],
)  # fmt: skip
def test_where_networks_have_learnt_nothing_none_is_chosen(
    score: str, networks: float, first: Row, p: float, lower: bool, choice: str | None, said: str
) -> None:
    rows = sorted([row("gru", networks), row("rnn", networks), first], key=lambda own: (own.score or 0.0) * (1 if lower else -1))
    pairs = [pair("gru", "rnn", 0.0, 1.0), pair(first.name, "gru", 0.0, p), pair(first.name, "rnn", 0.0, p)]
    found = verdict_of(rows, pairs, score=score, lower_is_better=lower)
    assert found["choice"] == choice
    assert any(sentence.startswith(f"The networks have learnt nothing: {said}") for sentence in found["sentences"]), found["sentences"]
    assert found["sentences"][0].startswith("Choose SVM: better" if choice else "The networks have learnt nothing")
    assert not any("hoose gru" in sentence or "hoose rnn" in sentence for sentence in found["sentences"])


def test_errors_of_nought_are_not_nothing() -> None:
    rows = [row("gru", 0.0), row("rnn", 0.0)]
    assert verdict_of(rows, [pair("gru", "rnn", 0.0, 1.0)], score="mae", lower_is_better=True)["choice"] == "gru"


def test_equal_scores_are_said_to_be_equal() -> None:
    found = verdict_of([row("gru", 0.9), row("rnn", 0.9)], [pair("gru", "rnn", 0.0, 1.0)], score="f1")
    assert found["sentences"] == ["Choose gru: rnn has the same f1, 0.9000, and none costs less to train."]


def test_an_interval_that_says_more_than_the_adjusted_p_is_explained_and_a_wide_one_is_called_so() -> None:
    rows = [row("lstm", 0.9, train_seconds=20.0), row("gru", 0.89)]
    apart = {**pair("lstm", "gru", 0.01, 0.06), "p": 0.02, "low": 0.002, "high": 0.02}
    assert "were these two alone compared, it would be told from chance." in verdict_of(rows, [apart], score="f1")["sentences"][0]
    # An interval without zero is not enough where the exchanges of examples say otherwise.
    unsure = {**apart, "p": 0.06}
    assert verdict_of(rows, [unsure], score="f1")["sentences"][0].endswith("lies between −0.0200 and −0.0020.")
    wide = {**pair("lstm", "gru", 0.01, 0.4), "low": -0.1, "high": 0.2}
    said = verdict_of(rows, [wide], score="f1")["sentences"][0]
    assert said.endswith("lies between −0.2000 and +0.1000: more seeds or a larger test set would tell.")
