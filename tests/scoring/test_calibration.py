from __future__ import annotations

import numpy as np
import pytest

from tidegate.scoring import TagScorer
from tidegate.scoring.calibration import calibration_of


def test_bins_and_expected_error_equal_a_table_worked_by_hand() -> None:
    # Of four answers called 0.9, three are right; of two called 0.55, two; one called 1.0 is wrong.
    confidences = np.array([0.9, 0.9, 0.9, 0.9, 0.55, 0.55, 1.0])
    hits = np.array([1, 1, 1, 0, 1, 1, 0], dtype=bool)
    found = calibration_of(confidences, hits, bins=4)
    assert found is not None
    low, high = found["bins"]
    assert (low["low"], low["high"], low["n"], low["confidence"], low["accuracy"]) == (0.5, 0.75, 2, 0.55, 1.0)
    assert (high["low"], high["high"], high["n"]) == (0.75, 1.0, 5)
    assert high["confidence"] == pytest.approx(4.6 / 5)
    assert high["accuracy"] == pytest.approx(3 / 5)
    assert found["ece"] == pytest.approx((2 * 0.45 + 5 * 0.32) / 7)


def test_the_expected_error_is_the_one_that_evaluate_gives() -> None:
    random = np.random.default_rng(2)
    confidences, hits = random.random(400), random.random(400) < 0.7
    scorer = TagScorer(None)
    scorer.add(["a"] * 400, ["a" if hit else "b" for hit in hits], is_seen=[True] * 400, probabilities=confidences.tolist())
    found = calibration_of(confidences, hits)
    assert found is not None
    assert found["ece"] == pytest.approx(scorer.result()["ece"], abs=1e-12)


def test_where_nothing_is_called_probable_there_is_no_calibration() -> None:
    assert calibration_of(np.zeros(0), np.zeros(0, dtype=bool)) is None
