from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidegate.comparison.contenders import Contender, contenders_of, joined
from tidegate.comparison.differences import differences_of, disagreements_of
from tidegate.comparison.leaderboard import Run
from tidegate.comparison.outcome_files import read_outcomes, write_outcomes
from tidegate.comparison.pairs import best_network, pair_of, pairs_of
from tidegate.scoring.outcomes import Examples, Outcomes
from tidegate.scoring.significance import holm


def answered(right: list[int], **known: Any) -> Outcomes:
    """Accuracy, where an answer is a or b and a is right."""
    counts = np.array([[value, 1] for value in right], dtype=np.float64)
    return Outcomes("accuracy", "share", False, counts, tuple("a" if value else "b" for value in right), **known)


def contender(name: str, *seeds: list[int], kind: Any = "network", **known: Any) -> Contender:
    return Contender(name, kind, tuple(range(1, len(seeds) + 1)), tuple((answered(right, **known),) for right in seeds))


def examples(count: int, lengths: tuple[int, ...] = ()) -> Examples:
    return Examples(tuple(f"text {k}" for k in range(count)), ("a",) * count, lengths or (3,) * count, "words")


def kept(out: Path, name: str, seed: int, fold: int | None, right: list[int], **known: Any) -> Run:
    run = Run(name, "network", seed, fold, 1.0, score=0.5, **known)
    write_outcomes(out, run, answered(right))
    return run


def test_what_is_kept_of_a_run_is_read_back_and_nothing_else(tmp_path: Path) -> None:
    run = kept(tmp_path, "gru", 1, None, [1, 0, 1])
    found = read_outcomes(tmp_path, run)
    assert found is not None
    assert found.to_json() == answered([1, 0, 1]).to_json()
    assert read_outcomes(tmp_path, replace(run, seed=2)) is None
    for broken in ("", "{", "[]", '{"counts": 3}', "null"):
        (tmp_path / "outcomes" / "gru-1.json").write_text(broken, encoding="utf-8")
        assert read_outcomes(tmp_path, run) is None


def test_a_contender_has_the_seeds_that_finished_in_every_fold_and_the_examples_of_all(tmp_path: Path) -> None:
    runs = [kept(tmp_path, "gru", seed, fold, [seed == 1, fold]) for seed in (1, 2) for fold in (0, 1)]
    runs += [kept(tmp_path, "rnn", 1, 0, [1, 1]), Run("rnn", "network", 1, 1, 1.0, failure="RunError: no")]
    runs += [Run("lstm", "network", 1, fold, 1.0, failure="RunError: no") for fold in (0, 1)]
    (gru,) = contenders_of(tmp_path, runs)
    assert (gru.name, gru.seeds) == ("gru", (1, 2))
    assert gru.counts[..., 0].tolist() == [[1, 0, 1, 1], [0, 0, 0, 1]]
    assert gru.score == pytest.approx((3 / 4 + 1 / 4) / 2)
    assert gru.middle == 1  # of two the lower
    assert gru.given == ["b", "b", "b", "a"]


def test_contenders_are_those_at_the_largest_share(tmp_path: Path) -> None:
    runs = [kept(tmp_path, "gru", 1, None, [1, 1]), replace(kept(tmp_path, "rnn", 1, None, [1, 1]), share=0.5)]
    assert [found.name for found in contenders_of(tmp_path, runs)] == ["gru"]


def test_examples_of_folds_are_joined_in_order_and_groups_kept_where_all_have_them() -> None:
    parts = [replace(examples(2), groups=("x", "y")), replace(examples(1), groups=("z",))]
    assert joined(parts).groups == ("x", "y", "z")
    assert joined(parts).inputs == ("text 0", "text 1", "text 0")
    assert joined([parts[0], examples(1)]).groups == ()


def test_all_pairs_are_adjusted_together() -> None:
    random = np.random.default_rng(0)

    def seeds(share: float) -> list[list[int]]:
        return (random.random((3, 300)) < share).astype(int).tolist()

    contenders = [
        contender("SVM", seeds(0.9)[0], kind="baseline"),
        contender("gru", *seeds(0.92)),
        contender("lstm", *seeds(0.91)),
        contender("rnn", *seeds(0.6)),
    ]
    best = best_network(contenders)
    assert best is not None
    assert best.name == "gru"
    pairs = pairs_of(contenders, examples(300))
    assert len(pairs) == 6
    worse = pair_of(pairs, "rnn", "gru")
    assert worse is not None
    assert (worse["a"], worse["b"], worse["is_tie"]) == ("gru", "rnn", False)
    assert worse["p_adjusted"] == pytest.approx(6 * worse["p"])  # the smallest of six
    tie = pair_of(pairs, "gru", "lstm")
    assert tie is not None
    assert tie["is_tie"] is True
    assert tie["low"] < 0 < tie["high"]
    other = pair_of(pairs, "lstm", "SVM")
    assert other is not None
    assert [pair["p_adjusted"] for pair in pairs] == pytest.approx(holm([pair["p"] for pair in pairs]))
    assert other["is_tie"] is True
    assert pair_of(pairs, "gru", "nobody") is None


def test_of_a_network_with_one_seed_nothing_is_claimed() -> None:
    contenders = [
        contender("SVM", [1, 0, 1] * 3, kind="baseline"),
        contender("majority", [0, 0, 1] * 3, kind="baseline"),
        contender("gru", [1, 1, 1] * 3, [1, 1, 0] * 3),
        contender("rnn", [0, 0, 0] * 3),
    ]
    pairs = pairs_of(contenders, examples(9))
    unclaimed = {frozenset((pair["a"], pair["b"])) for pair in pairs if pair["p"] is None}
    assert unclaimed == {frozenset((name, "rnn")) for name in ("SVM", "majority", "gru")}
    for pair in pairs:
        keys = ("p", "p_adjusted", "is_tie", "low", "high")
        assert len({pair[key] is None for key in keys}) == 1
    alone = pairs_of([contenders[0], contenders[1], contenders[3]], examples(9))
    assert [pair["p"] for pair in alone] == [None] * 3
    assert pairs_of(contenders[:1], examples(9)) == []


@pytest.mark.parametrize(("count", "is_claimed"), [(1, False), (6, False), (7, True)])
def test_nothing_is_claimed_of_so_few_examples_that_the_clearest_difference_would_be_none(count: int, is_claimed: bool) -> None:
    """Of three pairs the least adjusted p is 3 · 2 / 2^N: 0.094 of six examples, 0.047 of seven."""
    contenders = [
        contender("SVM", [0] * count, kind="baseline"),
        contender("gru", *[[1] * count] * 3),
        contender("rnn", *[[0] * count] * 3),
    ]
    pairs = pairs_of(contenders, examples(count))
    assert {pair["p"] is not None for pair in pairs} == {is_claimed}
    told_apart = {frozenset((pair["a"], pair["b"])) for pair in pairs if pair["is_tie"] is False}
    assert told_apart == ({frozenset(("gru", "SVM")), frozenset(("gru", "rnn"))} if is_claimed else set())


def test_differences_are_told_by_label_length_and_position() -> None:
    by_label = {"ham": np.array([3.0, 4.0]), "spam": np.array([0.0, 0.0])}
    by_position = {"1": np.array([1.0, 2.0]), "2": np.array([2.0, 2.0])}
    known = {"by_label": by_label, "by_position": by_position, "position_name": "word"}
    two = [contender("gru", [1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0], **known), contender("rnn", [0, 0, 0, 0, 0, 1])]
    found = differences_of(two, examples(6, (9, 1, 1, 1, 9, 5)))
    assert found["by_label"] == {"ham": {"gru": 0.75}}  # of spam nothing was wanted
    assert found["by_position"] == {
        "name": "word",
        "rows": [{"position": "1", "scores": {"gru": 0.5}}, {"position": "2", "scores": {"gru": 1.0}}],
    }
    assert found["length_name"] == "words"
    assert found["by_length"] == [
        {"low": 1, "high": 1, "n": 3, "scores": {"gru": pytest.approx(5 / 6), "rnn": 0.0}},
        {"low": 5, "high": 5, "n": 1, "scores": {"gru": 0.0, "rnn": 1.0}},
        {"low": 9, "high": 9, "n": 2, "scores": {"gru": 0.5, "rnn": 0.0}},
    ]


def test_positions_stand_in_their_own_order_though_nobody_has_found_something_at_all_of_them() -> None:
    row = np.array([1.0, 2.0])
    ends = contender("gru", [1, 1], by_position={"2": row, "21–30": row, "from 101": row}, position_name="word")
    rest = contender("rnn", [1, 0], by_position={"1": row, "10": row, "31–50": row}, position_name="word")
    rows = differences_of([ends, rest], examples(2))["by_position"]["rows"]
    assert [found["position"] for found in rows] == ["1", "2", "10", "21–30", "31–50", "from 101"]


def test_the_best_network_has_several_seeds_where_any_has() -> None:
    best = best_network([contender("lstm", [1, 1, 1]), contender("gru", [1, 0, 1], [1, 1, 0])])
    assert best is not None
    assert best.name == "gru"


def test_disagreements_among_networks_come_before_those_with_baselines_and_agreement_is_left_out() -> None:
    contenders = [
        contender("majority", [1, 1, 0, 1], kind="baseline"),
        contender("gru", [1, 1, 1, 1]),
        contender("rnn", [1, 0, 1, 1]),
    ]
    found = disagreements_of(contenders, examples(4))
    assert [entry["input"] for entry in found] == ["text 1", "text 2"]
    assert found[0]["answers"] == {"majority": "a", "gru": "a", "rnn": "b"}
    assert found[0]["is_right"] == {"majority": True, "gru": True, "rnn": False}
    assert disagreements_of(contenders[:1], examples(4)) == []


def test_by_f1_an_example_with_nothing_to_find_is_right_where_nothing_is_found() -> None:
    def by_f1(name: str, rows: list[list[int]]) -> Contender:
        outcomes = Outcomes("f1", "f1", False, np.array(rows, dtype=np.float64), tuple(map(str, rows)))
        return Contender(name, "network", (1,), ((outcomes,),))

    # Nothing to find, found by gru: wrong; one to find, found by gru and not by rnn.
    found = disagreements_of([by_f1("gru", [[0, 1, 0], [1, 1, 1]]), by_f1("rnn", [[0, 0, 0], [0, 0, 1]])], examples(2))
    assert [entry["is_right"] for entry in found] == [{"gru": False, "rnn": True}, {"gru": True, "rnn": False}]


def test_where_answers_are_never_simply_right_nothing_is_called_so() -> None:
    def by_error(name: str, errors: list[float]) -> Contender:
        outcomes = Outcomes("MASE", "share", True, np.array([[error, 1] for error in errors]), ("1.0", "2.0"))
        return Contender(name, "network", (1,), ((outcomes,),))

    found = disagreements_of([by_error("gru", [0.5, 0.7]), by_error("rnn", [0.6, 1.9])], examples(2))
    assert [entry["input"] for entry in found] == ["text 1", "text 0"]
    assert found[0]["is_right"] == {"gru": None, "rnn": None}
    assert found[0]["scores"] == {"gru": 0.7, "rnn": 1.9}
    best = best_network([by_error("gru", [0.5, 0.7]), by_error("rnn", [0.6, 1.9])])
    assert best is not None
    assert best.name == "gru"
