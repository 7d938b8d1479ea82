"""Calibrated bands: ranks counted by hand, coverage on simulated data, and quantiles that do not cross."""

from __future__ import annotations

import numpy as np
import pytest

from tidegate.runtime.bands import calibrate, calibrated, pooling_notes
from tidegate.scoring.forecasting import sides_of


def test_offsets_are_the_ranks_of_the_paper() -> None:
    # 199 distances 1 … 199 to a bound at 0: rank ⌈200 · 0.95⌉ = 190, pooled with nothing behind it.
    y = np.arange(1.0, 200.0)[:, None]
    offsets = calibrate(np.zeros((199, 1, 3)), y, [90])
    np.testing.assert_array_equal(offsets, [[10.0, 0.0, 190.0]])


def test_holes_do_not_count_and_few_values_give_the_widest() -> None:
    y = np.array([[1.0], [np.nan], [2.0], [-3.0]])
    np.testing.assert_array_equal(calibrate(np.zeros((4, 1, 3)), y, [90]), [[-3.0, 0.0, 2.0]])
    assert "3 held-out values in all" in pooling_notes(y, [50, 90])[-1]
    assert "90 %" in pooling_notes(y, [50, 90])[-1]
    nothing = np.full((4, 2), np.nan)
    np.testing.assert_array_equal(calibrate(np.zeros((4, 2, 3)), nothing, [90]), np.zeros((2, 3)))
    assert "not calibrated" in pooling_notes(nothing, [90])[0]
    assert pooling_notes(np.zeros((200, 3)), [50, 90]) == ()


def test_a_step_with_few_windows_borrows_from_its_neighbours_alone() -> None:
    y = np.random.default_rng(0).normal(size=(80, 9))
    y[:, :3] += 100  # far enough from step 8 never to reach it: 200 values are steps 6 to 8
    offsets = calibrate(np.zeros((80, 9, 3)), y, [90])
    assert offsets[8, 2] < 5
    assert offsets[0, 2] > 95
    values = np.sort(y[:, 6:].ravel())
    assert offsets[8, 2] == np.float32(values[int(np.ceil(241 * 0.95)) - 1])
    assert "80 held-out values a step" in pooling_notes(y, [90])[0]


@pytest.mark.parametrize("distorted", [0.2, 1.0, 3.0])
def test_bands_cover_what_they_promise_whatever_the_quantiles(distorted: float) -> None:
    """Skewed truths whose spread depends on x, and quantiles that are too narrow or too wide."""
    random = np.random.default_rng(1)
    levels, steps, n = [50, 90], 3, 4000

    def drawn() -> tuple[np.ndarray, np.ndarray]:
        x = random.random((n, steps)) + 0.5
        y = x * random.gamma(2.0, size=(n, steps)) * np.arange(1, steps + 1)
        normal = np.array([-1.645, -0.674, 0, 0.674, 1.645]) * distorted
        middle = x * 1.678 * np.arange(1, steps + 1)
        return middle[..., None] + x[..., None] * normal, y

    offsets = calibrate(*drawn(), levels)
    quantiles, y = drawn()
    bands = calibrated(quantiles, offsets)
    assert (np.diff(bands, axis=-1) >= 0).all()
    np.testing.assert_array_equal(bands[..., 2], quantiles[..., 2])
    for level, (lower, upper) in sides_of(levels).items():
        for step in range(steps):
            missed_below = (y[:, step] < bands[:, step, lower]).mean()
            missed_above = (y[:, step] > bands[:, step, upper]).mean()
            share = 0.5 - level / 200
            assert missed_below <= share + 0.025
            assert missed_above <= share + 0.025
            if distorted < 3:  # bounds that would cross the median stay at it, and cover more
                assert missed_below + missed_above >= 2 * share - 0.04


def test_quantiles_are_kept_apart_and_go_on_with_the_last_offsets() -> None:
    quantiles = np.array([[[1.0, 2.0, 3.0]] * 3])
    offsets = np.array([[0.0, 0.0, 0.0], [-1.0, 0.0, -5.0]])
    np.testing.assert_array_equal(calibrated(quantiles, offsets)[0], [[1, 2, 3], [0, 2, 2.25], [0, 2, 2.25]])


def test_narrowing_leaves_a_quarter_of_each_side() -> None:
    quantiles = np.array([[[-8.0, -4.0, 0.0, 2.0, 4.0]]])
    moved = calibrated(quantiles, np.array([[7.0, 3.9, 0.0, -1.0, -9.0]]))
    np.testing.assert_allclose(moved, [[[-2.0, -1.0, 0.0, 1.0, 1.0]]])
