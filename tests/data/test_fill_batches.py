"""What a network that fills holes reads: first guesses, distances, other series, windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tidegate.data.covariates import EncodedSeries
from tidegate.data.fill_batches import FillSteps, collate_steps, fill_width, others_of, read_steps, stretches

NAN = np.nan


def encoded(y: Any, *, past: int = 1, known: int = 2, static: int = 1) -> EncodedSeries:
    values = np.array(y, dtype=np.float32)
    length = len(values)
    numbers = np.arange(length, dtype=np.float32)[:, None]
    return EncodedSeries(
        3,
        "a",
        values,
        np.nan_to_num(values),
        np.isfinite(values).astype(np.float32),
        np.zeros(length, dtype=np.int64),
        np.repeat(numbers, past, axis=1),
        np.repeat(np.concatenate([numbers + 0.5, [[9.0]]]), known, axis=1).astype(np.float32),
        np.full(static, 7, dtype=np.float32),
        length,
    )


def read_one(y: Any, *, is_two_way: bool) -> FillSteps:
    (steps,) = read_steps([encoded(y)], [0], is_two_way=is_two_way, others=False)
    return steps


def test_two_ways_the_guess_is_the_line_between_neighbours() -> None:
    steps = read_one([NAN, 1, NAN, NAN, 4, NAN], is_two_way=True)
    assert steps.guess.tolist() == [1, 1, 2, 3, 4, 4]
    assert steps.reach.tolist() == [1, 0, 1, 1, 0, 1]
    assert steps.x[:, 1].tolist() == [0, 1, 0, 0, 1, 0]
    assert steps.x[2, 2:4] == pytest.approx(np.log1p([1, 2]) / np.log1p(100))
    assert steps.x[3].tolist()[4:] == [3, 3.5, 3.5, 7]
    assert steps.x.shape[1] == fill_width(1, 2, 1, is_two_way=True, others=False)
    assert steps.id == 3


def test_one_way_the_guess_is_the_last_value_and_nothing_later_is_read() -> None:
    y = [NAN, 1, NAN, NAN, 4, NAN]
    steps = read_one(y, is_two_way=False)
    assert steps.guess.tolist() == [0, 1, 1, 1, 4, 4]
    assert steps.reach.tolist() == [6, 0, 1, 2, 0, 1]
    for end in range(1, 7):
        cut = read_one(y[:end], is_two_way=False)
        assert np.array_equal(cut.x[:, [0, 1]], steps.x[:end, [0, 1]])
    assert steps.x.shape[1] == fill_width(1, 2, 1, is_two_way=False, others=False)


@pytest.mark.parametrize("is_two_way", [True, False])
@pytest.mark.parametrize("y", [[], [NAN, NAN], [1.0]])
def test_series_of_little(y: Any, is_two_way: bool) -> None:
    steps = read_one(y, is_two_way=is_two_way)
    assert len(steps) == len(y)
    assert np.isfinite(steps.x).all()
    assert np.isfinite(steps.guess).all()


def test_others_are_the_seen_ones_at_the_same_time() -> None:
    a, b, c = (np.array(y, dtype=np.float32) for y in ([1, NAN, 3], [10, 20], [NAN, 200, 300, 400]))
    found = others_of([a, b, c], [5, 6, 5])
    assert found[0].tolist() == [[0, 0], [105, 1], [160, 1]]
    assert found[1].tolist() == [[200, 0.5], [151.5, 1]]
    assert found[2].tolist() == [[1, 0.5], [10, 0.5], [11.5, 1], [0, 0]]
    assert others_of([a], [0])[0].tolist() == [[0, 0]] * 3


def test_time_without_any_series_costs_no_memory() -> None:
    a, b, c = (np.array(y, dtype=np.float32) for y in ([1, 2, 3], [20, 30], [7, 8]))
    far = 10**15
    near, apart = others_of([a, b, c], [0, 1, 9]), others_of([a, b, c], [far, far + 1, -far])
    for one, other in zip(near, apart, strict=True):
        assert one.tolist() == other.tolist()
    assert apart[0].tolist() == [[0, 0], [20, 0.5], [30, 0.5]]


@pytest.mark.parametrize("seed", range(5))
def test_stretches_hold_every_asked_step_with_its_margin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    length = 400
    asked = np.flatnonzero(rng.random(length) < 0.03)
    found = stretches(asked, length, 6, 50)
    assert np.concatenate([part for _, _, part in found]).tolist() == asked.tolist()
    for first, last, part in found:
        assert first == max(0, part[0] - 6)
        assert last == min(length, part[-1] + 7)
        assert last - first <= 50 + 12
    assert stretches(asked[:0], length, 6, 50) == []


def test_batches_are_ragged_and_ask_what_has_a_target() -> None:
    one, other = read_one([1, NAN, 3], is_two_way=True), read_one([NAN, 5], is_two_way=True)
    batch = collate_steps([(one, 1, 3), (other, 0, 2)], [np.array([8, NAN], dtype=np.float32), np.array([9, NAN], dtype=np.float32)])
    assert batch.offsets.tolist() == [0, 2, 4]
    assert batch.asked.tolist() == [0, 2]
    assert batch.y.tolist() == [8, 9]
    assert batch.guess.tolist() == [2, 5]
    assert np.array_equal(batch.x, np.concatenate([one.x[1:], other.x]))
    assert batch.tokens == 4
