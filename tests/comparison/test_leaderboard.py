from __future__ import annotations

from statistics import stdev
from typing import Any

import pytest

from tidegate.comparison.leaderboard import Run, epochs_to_95, failures, rows_of


def run(name: str, seed: int, score: float | None, *, fold: int | None = None, share: float = 1.0, **known: Any) -> Run:
    kind = "baseline" if name == "majority" else "network"
    return Run(name, kind, seed, fold, share, score=score, failure="" if score is not None else "RunError: the loss diverged.", **known)


def test_a_row_has_the_mean_over_all_runs_and_the_spread_of_the_folds_means() -> None:
    runs = [run("gru", seed, score, fold=fold) for seed, fold, score in ((1, 0, 0.8), (1, 1, 0.9), (2, 0, 0.7), (2, 1, 0.7))]
    (row,) = rows_of(runs)
    assert row.score == pytest.approx(0.775)
    assert row.spread == pytest.approx(stdev([0.75, 0.8]))
    assert (row.runs, row.failed) == (4, 0)


def test_without_folds_the_spread_is_that_of_the_seeds_and_with_one_run_there_is_none() -> None:
    (row,) = rows_of([run("gru", 1, 0.8), run("gru", 2, 0.9)])
    assert row.spread == pytest.approx(stdev([0.8, 0.9]))
    (row,) = rows_of([run("gru", 1, 0.8)])
    assert row.spread is None


def test_the_best_comes_first_the_failed_last_and_larger_shares_before_smaller() -> None:
    runs = [run("rnn", 1, None), run("gru", 1, 0.7), run("majority", 1, 0.5), run("lstm", 1, 0.9), run("gru", 1, 0.95, share=0.5)]
    assert [(row.name, row.share) for row in rows_of(runs)] == [
        ("lstm", 1.0),
        ("gru", 1.0),
        ("majority", 1.0),
        ("rnn", 1.0),
        ("gru", 0.5),
    ]


def test_failed_runs_are_left_out_of_the_mean_counted_and_named_with_their_cause() -> None:
    runs = [run("gru", 1, 0.8, train_seconds=3.0), run("gru", 2, None, fold=1, share=0.25)]
    assert list(failures(runs)) == ["gru, seed 2, fold 1, 25% of the training data: RunError: the loss diverged."]
    full, quarter = rows_of(runs)
    assert (full.score, full.train_seconds, full.failed) == (0.8, 3.0, 0)
    assert (quarter.score, quarter.train_seconds, quarter.failed) == (None, None, 1)


def test_the_title_says_whose_cell_it_is() -> None:
    assert [row.title for row in rows_of([run("gru", 1, 0.9), run("gru-reset-after", 1, 0.8), run("mingru", 1, 0.7)])] == [
        "gru (Cho 2014)",
        "gru-reset-after (torch, Keras)",
        "mingru (2410.01201)",
    ]


@pytest.mark.parametrize(
    ("scores", "lower_is_better", "epoch"),
    [
        ([0.5, 0.94, 0.96, 1.0, 0.9], False, 3),
        ([3.0, 2.2, 2.09, 2.0], True, 3),
        ([0.0, 0.0], False, 1),
        ([], False, None),
        ([7.0], True, 1),
    ],
)
def test_epochs_to_95_percent_of_the_runs_own_best(scores: list[float], lower_is_better: bool, epoch: int | None) -> None:
    assert epochs_to_95(scores, lower_is_better=lower_is_better) == epoch


def test_where_lower_is_better_the_lowest_comes_first() -> None:
    rows = rows_of([run("gru", 1, 0.7), run("lstm", 1, 0.9), run("rnn", 1, None)], lower_is_better=True)
    assert [row.name for row in rows] == ["gru", "lstm", "rnn"]


def test_a_row_has_the_median_of_what_was_measured() -> None:
    (row,) = rows_of([run("gru", seed, 0.8, epochs_to_95=epoch, ece=ece) for seed, epoch, ece in ((1, 2, 0.1), (2, 9, 0.2), (3, 3, 0.3))])
    assert (row.epochs_to_95, row.ece, row.ms_per_step_p50) == (3, 0.2, None)


def test_files_of_runs_have_names_of_their_own() -> None:
    runs = [run("tf-idf + linear SVM", 1, 0.5), run("gru", 1, 0.5, fold=2, share=0.25), run("gru", 1, 0.5, fold=2)]
    assert [own.file_name for own in runs] == ["tf-idf-linear-SVM-1", "gru-1-fold2-share25", "gru-1-fold2"]
