from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from statistics import stdev
from typing import Any

import pytest

from tidegate.comparison.leaderboard import Run, failures, rows_of
from tidegate.comparison.picture import cells_of, draw_leaderboard
from tidegate.errors import OutputError


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


@pytest.mark.parametrize("shares", [(1.0,), (0.25, 1.0)])
def test_the_picture_is_svg_with_every_contender_in_it_and_equal_bytes_for_equal_rows(shares: tuple[float, ...], tmp_path: Path) -> None:
    scores = {"gru": 0.9, "lstm": 0.92, "rnn": 0.89, "majority": 0.4}
    runs = [run(name, seed, score + seed / 100, share=share) for name, score in scores.items() for seed in (1, 2) for share in shares]
    runs.append(run("birnn", 1, None))
    for name in ("one.svg", "two.svg"):
        draw_leaderboard(rows_of(runs), tmp_path / name, score="accuracy", scored_on="test")
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    root = ElementTree.parse(tmp_path / "one.svg").getroot()
    text = " ".join("".join(element.itertext()) for element in root.iter() if element.tag.endswith("text"))
    for said in ("gru (Cho 2014)", "lstm", "birnn", "failed", "majority", "accuracy on the test data", "0.9350"):
        assert said in text
    assert ("share of the training data" in text) == (len(shares) > 1)


def test_a_majority_far_below_is_pointed_at_so_that_the_others_can_be_told_apart(tmp_path: Path) -> None:
    draw_leaderboard(
        rows_of([run("gru", 1, 0.91), run("lstm", 1, 0.92), run("majority", 1, 0.1)]), tmp_path / "p.svg", score="f1", scored_on="dev"
    )
    assert "◀ 0.1000" in (tmp_path / "p.svg").read_text(encoding="utf-8")


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        draw_leaderboard(rows_of([run("gru", 1, 0.9)]), tmp_path / "no" / "p.svg", score="f1", scored_on="dev")


def test_what_is_not_known_is_a_dash_in_the_table() -> None:
    (row,) = rows_of([run("majority", 1, 0.5)])
    assert cells_of(row) == {"": "majority", "score": "0.5000", "parameters": "–", "training": "–", "ms/sequence": "–", "MB": "–"}
