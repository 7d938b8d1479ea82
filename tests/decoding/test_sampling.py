"""Drawing the next unit: which may be drawn, how often each is, and that nothing else decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import SEEDS
from tidegate.decoding import Sampling
from tidegate.errors import RecipeError

LOGITS = np.array([0.5, -1.0, 2.0, 2.0, -3.0, 1.0], dtype=np.float32)
DRAWS = 20_000
OPTIONS: list[dict[str, Any]] = [
    {},
    {"temperature": 0.5},
    {"temperature": 3.0},
    {"top_k": 3},
    {"top_p": 0.8},
    {"temperature": 2.0, "top_k": 4, "top_p": 0.7},
]


def drawn(sampling: Sampling, logits: Any, count: int, seed: int = 0) -> Any:
    noise = sampling.noise(np.random.default_rng(seed), count, len(logits))
    return np.array([sampling.choose(logits.copy(), row) for row in noise])


def softmax(logits: Any, temperature: float = 1.0) -> Any:
    weights = np.exp(logits.astype(np.float64) / temperature)
    return weights / weights.sum()


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_units_are_drawn_as_often_as_their_probabilities_say(options: dict[str, Any]) -> None:
    sampling = Sampling(**options)
    expected = DRAWS * sampling.probabilities(LOGITS)
    counts = np.bincount(drawn(sampling, LOGITS, DRAWS), minlength=len(LOGITS))
    allowed = expected > 0
    assert not counts[~allowed].any()
    # χ² with 5 degrees of freedom is above 20.5 once in a thousand times; the seed is fixed.
    assert ((counts - expected)[allowed] ** 2 / expected[allowed]).sum() < 20.5


@pytest.mark.parametrize("temperature", [0.25, 1.0, 4.0])
def test_a_temperature_divides_the_logits(temperature: float) -> None:
    np.testing.assert_allclose(Sampling(temperature).probabilities(LOGITS), softmax(LOGITS, temperature), rtol=1e-6)


def test_the_k_best_are_drawn_of_equal_ones_the_lowest() -> None:
    for k, best in ((1, [2]), (2, [2, 3]), (3, [2, 3, 5]), (5, [0, 1, 2, 3, 5]), (6, [0, 1, 2, 3, 4, 5]), (99, [0, 1, 2, 3, 4, 5])):
        assert np.flatnonzero(Sampling(top_k=k).probabilities(LOGITS)).tolist() == best
        assert set(drawn(Sampling(top_k=k), LOGITS, 2000)) <= set(best)


def test_the_nucleus_is_the_fewest_best_that_reach_p() -> None:
    logits = np.log(np.array([0.05, 0.4, 0.25, 0.3])).astype(np.float32)
    for p, nucleus in (
        (1e-9, [1]),
        (0.39, [1]),
        (0.41, [1, 3]),
        (0.69, [1, 3]),
        (0.71, [1, 2, 3]),
        (0.96, [0, 1, 2, 3]),
        (1, [0, 1, 2, 3]),
    ):
        probabilities = Sampling(top_p=p).probabilities(logits)
        assert np.flatnonzero(probabilities).tolist() == nucleus
        np.testing.assert_allclose(probabilities[nucleus], softmax(logits[nucleus]), rtol=1e-6)


def test_top_k_comes_before_top_p() -> None:
    logits = np.log(np.array([0.5, 0.3, 0.2])).astype(np.float32)
    # Of the two best, 0.5 and 0.3, the first has 0.625.
    assert np.flatnonzero(Sampling(top_k=2, top_p=0.6).probabilities(logits)).tolist() == [0]
    assert np.flatnonzero(Sampling(top_p=0.6).probabilities(logits)).tolist() == [0, 1]


@pytest.mark.parametrize(
    "options", [{"temperature": 0}, {"temperature": 0, "top_k": 3, "top_p": 0.5}, {"top_k": 1}, {"temperature": 1e-320}]
)
def test_at_temperature_0_and_next_to_it_the_best_is_taken(options: dict[str, Any]) -> None:
    logits = np.array([0.5, -1.0, 2.0, 1.9], dtype=np.float32)
    assert set(drawn(Sampling(**options), logits, 50)) == {2}
    assert Sampling(**options).probabilities(logits).tolist() == [0, 0, 1, 0]


@given(SEEDS, st.integers(1, 40), st.floats(0.1, 5), st.integers(0, 45), st.floats(0.01, 1))
def test_probabilities_are_those_of_a_sort(seed: int, units: int, temperature: float, top_k: int, top_p: float) -> None:
    logits = np.random.default_rng(seed).normal(scale=3, size=units).astype(np.float32)
    order = sorted(range(units), key=lambda unit: (-logits[unit], unit))[: top_k or units]
    weights = softmax(logits[order], temperature)
    count = next((n for n in range(1, len(order) + 1) if weights[:n].sum() >= top_p * (1 - 1e-12)), len(order))
    expected = np.zeros(units)
    expected[order[:count]] = weights[:count] / weights[:count].sum()
    np.testing.assert_allclose(Sampling(temperature, top_k, top_p).probabilities(logits), expected, atol=1e-6)


def test_noise_made_together_is_noise_made_row_by_row() -> None:
    sampling, one, many = Sampling(0.7), np.random.default_rng(3), np.random.default_rng(3)
    rows = [sampling.noise(one, 1, 5)[0] for _ in range(20)]
    assert sampling.noise(many, 20, 5).tolist() == [row.tolist() for row in rows]
    assert one.random() == many.random()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.1}, r"temperature is -0\.1; expected 0 \(always the most probable unit\) or more, such as 0\.8\."),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"temperature": float("inf")}, "temperature is inf"),
        ({"top_k": -1}, r"top_k is -1; expected how many of the most probable units may be drawn, or 0 for all\."),
        ({"top_k": 1.5}, r"top_k is 1\.5"),
        ({"top_p": 0}, r"top_p is 0; expected a share above 0 and up to 1, such as 0\.9; 1 lets all units be drawn\."),
        ({"top_p": 1.1}, r"top_p is 1\.1"),
        ({"top_p": float("nan")}, "top_p is nan"),
    ],
    ids=str,
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        Sampling(**options)
