from __future__ import annotations

import time
from itertools import product

import numpy as np
import pytest
from scipy.stats import permutation_test

from tidegate.errors import ShapeError
from tidegate.scoring.outcomes import RULES, Counts
from tidegate.scoring.significance import blocks_of, bootstrap_scores, contests, exchange_p, holm


def shares(*seeds: list[int]) -> Counts:
    """Right answers, 1 or 0, of each seed, as counts [S, N, 2]."""
    return np.array([[[right, 1] for right in seed] for seed in seeds], dtype=np.float64)


def test_all_exchanges_of_four_examples_equal_the_table_worked_by_hand() -> None:
    # a is right in 1, 2 and 3, b nowhere; in 4 both are wrong. The difference is 3/4. Of the 8 ways of exchanging 1, 2 and 3, none and all
    # part the two so far, whether 4 is exchanged or not: 4 of 16.
    a, b = shares([1, 1, 1, 0]), shares([0, 0, 0, 0])
    assert exchange_p([(a, b)], "share") == [4 / 16]
    # a is right in 1, 2, 3; b in 3, 4. Where they differ: +1 +1 -1, difference 1/4. |±1 ±1 ±1| is at least 1 always.
    assert exchange_p([(shares([1, 1, 1, 0]), shares([0, 0, 1, 1]))], "share") == [1.0]


def test_all_exchanges_of_f1_equal_the_table_worked_by_hand() -> None:
    # Rows: right, given, wanted. a: F1 = 2·3 / (4 + 5); b: 2·1 / (3 + 5). The difference is 6/9 - 2/8 = 0.4167.
    a = np.array([[[2, 2, 2], [1, 1, 2], [0, 1, 1]]], dtype=np.float64)
    b = np.array([[[0, 1, 2], [1, 1, 2], [0, 1, 1]]], dtype=np.float64)
    # Only example 1 differs: exchanged or not the two are parted as far, so every exchange counts.
    assert exchange_p([(a, b)], "f1") == [1.0]
    # With a second example that differs, b [0,2,2] in 2: a 6/9, b 2·0/(4+5) = 0. Exchange of 1 alone: a 2·1/(3+5) = 0.25, b 2·2/(5+5) = 0.4;
    # of 2 alone the same with signs turned; of both: -6/9. Two of four part them by 6/9 (example 3 does not matter): 4 of 8.
    b[0, 1] = [0, 2, 2]
    assert exchange_p([(a, b)], "f1") == [0.5]


def test_exchanges_go_over_all_seeds_together() -> None:
    # Two seeds: a right in both examples by both seeds, b in none: exchanged as one, 2 of 4; were seeds exchanged alone it were 2 of 16.
    assert exchange_p([(shares([1, 1], [1, 1]), shares([0, 0], [0, 0]))], "share") == [0.5]


def test_exact_and_drawn_exchanges_agree_with_each_other_and_with_scipy() -> None:
    random = np.random.default_rng(3)
    a, b = random.random(11), random.random(11) - 0.35
    as_counts = [np.stack([values, np.ones(11)], axis=1)[None] for values in (a, b)]
    (exact,) = exchange_p([(as_counts[0], as_counts[1])], "share")
    expected = permutation_test(
        (a, b), lambda x, y: np.mean(x - y), permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
    )
    assert exact == pytest.approx(expected.pvalue, abs=1e-12)
    assert 0.001 < exact < 0.2
    (drawn,) = exchange_p([(as_counts[0], as_counts[1])], "share", draws=2047)  # one fewer than the 2^11 exchanges
    assert drawn == pytest.approx(exact, abs=0.02)


def test_the_bootstrap_over_examples_equals_the_table_worked_by_hand() -> None:
    # Two examples, one right: drawn twice from two, the share is 1, 1/2 or 0 in 1/4, 1/2 and 1/4 of the draws.
    (scores,), _ = bootstrap_scores([shares([1, 0])], "share", draws=20_000)
    values, counts = np.unique(scores, return_counts=True)
    assert values.tolist() == [0.0, 0.5, 1.0]
    assert counts / 20_000 == pytest.approx([0.25, 0.5, 0.25], abs=0.015)


def test_the_bootstrap_draws_the_same_examples_for_all_contenders() -> None:
    random = np.random.default_rng(0)
    right = random.integers(2, size=50).tolist()
    (same, _), opposite = bootstrap_scores([shares(right), shares(right)], "share"), shares([1 - value for value in right])
    assert (same[0] == same[1]).all()
    both, _ = bootstrap_scores([shares(right), opposite], "share")
    assert both[0] + both[1] == pytest.approx(1.0)


def test_the_bootstrap_over_seeds_has_the_spread_of_the_mean_of_three() -> None:
    # Examples that are all alike: what is left is the seeds', 0.7, 0.8 and 0.9, whose mean of three has a standard error of 0.1 / √3.
    counts = np.array([[[score, 1.0]] * 6 for score in (0.7, 0.8, 0.9)])
    (scores,), (deviations,) = bootstrap_scores([counts], "share", draws=20_000)
    assert scores == pytest.approx(0.8)
    assert deviations.mean() == pytest.approx(0.0, abs=0.003)
    assert deviations.std() == pytest.approx(0.1 / 3**0.5, rel=0.03)


def test_a_baseline_beside_three_seeds_leaves_two_degrees_of_freedom() -> None:
    # Seeds 0.85, 0.9 and 0.95 of the same examples, against 0.8 without a seed. Widened for two degrees the mean of the seeds strays by
    # √(3/2) · 0.05 · 4.303 / 1.96 = 0.134, farther than 0.1, when one and the same outer seed is drawn three times: 2 of 27. For four
    # degrees it would be 0.087, and there would be a difference.
    network = np.array([[[score, 1.0]] * 40 for score in (0.85, 0.9, 0.95)])
    baseline = np.array([[[0.8, 1.0]] * 40])
    (found,) = contests([network, baseline], "share", draws=20_000)
    assert found.p == pytest.approx(2 / 27, abs=0.008)


def test_a_clear_difference_is_told_and_an_interval_holds_it() -> None:
    random = np.random.default_rng(1)
    a = shares(*(random.random((3, 400)) < 0.9).astype(int).tolist())
    b = shares(*(random.random((3, 400)) < 0.7).astype(int).tolist())
    (found,) = contests([a, b], "share")
    assert found.difference == pytest.approx(a[..., 0].mean() - b[..., 0].mean())
    assert found.low < found.difference < found.high
    assert found.low > 0
    assert found.p < 0.01
    (turned,) = contests([b, a], "share")
    assert turned.difference == -found.difference
    assert turned.p < 0.01


def test_equal_contenders_are_never_told_apart() -> None:
    a = shares([1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 0, 1])
    (found,) = contests([a, a.copy()], "share")
    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


def test_a_difference_that_other_seeds_would_turn_is_none_however_many_examples_there_are() -> None:
    # 20,000 examples part the means of 0.81 and 0.79 by far; but a's seeds reach from 0.71 to 0.91.
    def seed(share: float) -> list[int]:
        return [1] * round(20_000 * share) + [0] * (20_000 - round(20_000 * share))

    a, b = shares(seed(0.71), seed(0.81), seed(0.91)), shares(seed(0.79), seed(0.78), seed(0.80))
    assert exchange_p([(a, b)], "share", draws=200)[0] < 0.05
    (found,) = contests([a, b], "share", draws=1000)
    assert found.p > 0.3
    assert found.low < 0 < found.high


def test_a_baseline_of_one_seed_stands_against_networks_of_several() -> None:
    baseline, networks = shares([1, 1, 0, 0, 1, 1, 0, 1]), shares([1] * 8, [1, 1, 0, 1, 1, 1, 1, 1], [1] * 8)
    (found,) = contests([baseline, networks], "share")
    assert found.difference == pytest.approx(5 / 8 - 23 / 24)
    assert found.p >= exchange_p([(np.tile(baseline, (3, 1, 1)), networks)], "share")[0]


def test_groups_are_drawn_and_exchanged_whole() -> None:
    # Ten groups of twenty alike: no more is known than of ten examples.
    random = np.random.default_rng(5)
    right = (random.random(10) < 0.9).astype(int), (random.random(10) < 0.4).astype(int)
    few = [shares(own.tolist()) for own in right]
    many = [shares(np.repeat(own, 20).tolist()) for own in right]
    groups = [f"series {k // 20}" for k in range(200)]
    (of_few,), (of_groups,), (alone,) = (contests(found, "share", names) for found, names in ((few, ()), (many, groups), (many, ())))
    assert (of_groups.p, of_groups.low, of_groups.high) == pytest.approx((of_few.p, of_few.low, of_few.high))
    assert alone.p < of_groups.p


def test_fewer_than_ten_groups_are_cut_into_blocks_of_neighbours() -> None:
    assert blocks_of(["b", "a", *"bcdefghij"]).tolist() == [1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    blocks = blocks_of(["one"] * 27 + ["two"] * 8)
    assert blocks.tolist() == [k // 3 for k in range(27)] + [9, 9, 10, 10, 11, 11, 12, 12]
    # By the cube root twenty would be seven blocks, of which the least p is 2 / 2^7: adjusted for several pairs, nothing is ever told.
    assert blocks_of(["one"] * 20).tolist() == [k // 2 for k in range(20)]
    assert blocks_of(["one"] * 4).tolist() == [0, 1, 2, 3]


def test_every_rule_is_resampled_as_it_scores() -> None:
    random = np.random.default_rng(8)
    for rule, width in (("share", 2), ("f1", 3), ("bleu", 10)):
        counts = random.integers(1, 9, size=(2, 1, width)).astype(np.float64)
        (scores,), _ = bootstrap_scores([np.repeat(counts, 5, axis=1)[:1]], rule, draws=50)
        assert scores == pytest.approx(float(RULES[rule](counts[0, 0])))


def test_equal_seeds_give_equal_numbers() -> None:
    random = np.random.default_rng(4)
    a, b = (shares(*random.integers(2, size=(3, 90)).tolist()) for _ in range(2))
    assert contests([a, b], "share") == contests([a, b], "share")


def test_holms_adjustment_equals_the_table_worked_by_hand() -> None:
    # 0.005 fourfold; 0.01 threefold; 0.03 twofold; 0.04 once, which is below the one before it and takes that one's.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_a_table_that_can_be_enumerated_is_enumerated() -> None:
    a, b = shares([1, 1, 1, 1, 1, 0]), shares([0, 0, 0, 1, 0, 0])
    differences = a[0, :, 0] - b[0, :, 0]
    parted = [abs(sum(sign * value for sign, value in zip(signs, differences, strict=True))) for signs in product((1, -1), repeat=6)]
    expected = sum(value >= abs(differences.sum()) for value in parted) / 64
    assert exchange_p([(a, b)], "share") == [expected]
    assert expected == 2**3 / 2**6  # four signs alike, two free: 2 · 4 of 64


def test_contenders_over_other_examples_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"counts are \(1, 2, 2\), \(1, 3, 2\); expected \[S, N, K\]"):
        contests([shares([1, 0]), shares([1, 0, 1])], "share")


@pytest.mark.slow
def test_all_pairs_of_a_large_comparison_take_seconds() -> None:
    random = np.random.default_rng(0)
    contenders = [shares(*random.integers(2, size=(3, 5_000)).tolist()) for _ in range(7)]
    began = time.process_time()
    assert len(contests(contenders, "share")) == 21
    assert time.process_time() - began < 30
