"""The n-gram baseline against the recursion of the paper on dictionaries, and as a distribution."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.scoring import WittenBell, witten_bell


def _probability(text: Sequence[int], size: int, unit: int, context: Sequence[int]) -> float:
    """p(unit | context) by the recursion as it is printed, counted anew."""
    if len(context) == 0:
        shorter, positions = 1 / size, range(len(text))
    else:
        shorter = _probability(text, size, unit, context[1:])
        positions = [p for p in range(len(context), len(text)) if tuple(text[p - len(context) : p]) == tuple(context)]
    after = Counter(text[p] for p in positions)
    if not after:
        return shorter
    return (after[unit] + len(after) * shorter) / (after.total() + len(after))


TEXTS = st.lists(st.integers(0, 3), max_size=30)


@given(TEXTS, TEXTS, st.integers(1, 4))
def test_probabilities_are_those_of_the_recursion(training: list[int], text: list[int], order: int) -> None:
    model = WittenBell.fit(np.array(training, dtype=np.uint16), 5, order)
    expected = [math.log(_probability(training, 5, unit, text[max(0, p - order + 1) : p])) for p, unit in enumerate(text)]
    np.testing.assert_allclose(model.log_probabilities(np.array(text, dtype=np.uint16)), expected, rtol=1e-12)


@pytest.mark.parametrize("context", [[], [2], [0, 1], [1, 2, 0, 1], [6, 6], [1, 6]])
def test_probabilities_sum_to_one_after_contexts_that_were_met_or_not(context: list[int]) -> None:
    model = WittenBell.fit(np.array([0, 1, 2, 0, 1, 3, 0, 1, 2, 2], dtype=np.uint32), 7, 3)
    last = [model.log_probabilities(np.array([*context, unit]))[-1] for unit in range(7)]
    assert math.fsum(np.exp(last)) == pytest.approx(1, abs=1e-12)


def test_large_vocabularies_and_orders_do_not_overflow() -> None:
    size, order = 1 << 20, 8
    ids = np.random.default_rng(1).integers(0, size, 500)
    text = np.concatenate([ids, ids[:20]])
    model = WittenBell.fit(text, size, order)
    place = 510
    expected = math.log(_probability(text.tolist(), size, int(text[place]), text[place - order + 1 : place].tolist()))
    assert model.log_probabilities(text)[place] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 5])
def test_a_long_text_is_scored_in_parts_with_the_same_numbers(order: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = np.random.default_rng(3).integers(0, 4, 300).astype(np.uint16)
    model = WittenBell.fit(ids[:200], 5, order)
    expected = -float(model.log_probabilities(ids).mean())
    for size in (1, 3, 64, 300, 1000):
        monkeypatch.setattr(witten_bell, "_SCORED", size)
        assert model.nats(ids) == pytest.approx(expected, rel=1e-12)


def test_only_the_last_ids_of_a_long_text_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = np.random.default_rng(2).integers(0, 9, 400).astype(np.uint16)
    whole = WittenBell.fit(ids[-150:], 9, 3).log_probabilities(ids)
    monkeypatch.setattr(witten_bell, "MOST_IDS", 150)
    assert (WittenBell.fit(ids, 9, 3).log_probabilities(ids) == whole).all()


def test_structure_is_found_quickly() -> None:
    # A text of a million units in which each unit has two successors: one bit a unit.
    steps = np.random.default_rng(3).integers(1, 3, 1_000_000)
    ids = (np.cumsum(steps) % 50).astype(np.uint16)
    begin = time.process_time()
    model = WittenBell.fit(ids[:-10_000], 50, 4)
    nats = -model.log_probabilities(ids[-10_000:]).mean()
    assert time.process_time() - begin < 20
    assert nats == pytest.approx(math.log(2), rel=0.01)
