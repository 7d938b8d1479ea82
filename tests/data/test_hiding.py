"""Gaps to hide: found and transplanted whole, with what was missing beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tidegate.data.hiding import FEWEST_GAPS, GapPatterns, gaps_of, geometric_lengths, hide, missing_in
from tidegate.data.series import Series


def series_of(y: Any, name: str = "a", **columns: Any) -> Series:
    values = np.array(y, dtype=np.float64)
    return Series(
        name, "y", 0, values, {key: np.array(column) for key, column in columns.items()}, {}, np.ones(len(values), dtype=bool), ""
    )


def runs(mask: Any) -> list[int]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return (edges[1::2] - edges[::2]).tolist()


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ("", []),
        ("...", []),
        ("x", []),
        ("xxx", []),
        (".x..x.", [(2, 4)]),
        ("x.xx...x..", [(1, 2), (4, 7)]),
    ],
)
def test_gaps_lie_between_seen_steps(seen: str, found: list[tuple[int, int]]) -> None:
    begins, ends = gaps_of(np.array([mark == "x" for mark in seen], dtype=bool))
    assert list(zip(begins.tolist(), ends.tolist(), strict=True)) == found


@pytest.mark.parametrize("mean", [1.0, 1.5, 6.0, 40.0])
def test_geometric_lengths_have_their_mean(mean: float) -> None:
    lengths = geometric_lengths(mean)
    assert lengths.min() >= 1
    assert lengths.mean() == pytest.approx(mean, rel=0.05)


def test_patterns_hold_what_was_missing_beside_a_gap() -> None:
    nan = np.nan
    words = np.array(["w", None, "w", "w", None, "w"], dtype=object)
    one = series_of([1, nan, nan, 2, nan, 3], heat=[1, nan, 1, 1, 1, nan], wind=words)
    other = series_of([nan, 5, nan, 5, 5], name="b", heat=[1.0] * 5, wind=np.array(["w"] * 5, dtype=object))
    patterns = GapPatterns.of([one, other], [0, 1], ("heat", "wind"), mean=3)
    assert patterns.own == 3
    assert patterns.lengths[:3].tolist() == [2, 1, 1]
    assert patterns.columns[:4].tolist() == [[True, True], [False, False], [False, True], [False, False]]
    # Series b begins a step later: its step 0, a hole at that time 1, lies in the first gap of a; its step 2 is in none of them.
    assert patterns.mates[:3].tolist() == [[False, True], [False, False], [False, False]]
    assert patterns.mates[3].tolist() == [False, False]  # b's own gap, when a was seen
    assert len(patterns.lengths) > FEWEST_GAPS  # the law's lengths are added to so few
    assert not patterns.columns[4:].any()
    alone = GapPatterns.of([one], [0], ("heat", "wind"), mean=3)
    assert alone.mates.shape == (len(alone.columns), 0)


def toy_panel() -> tuple[list[Series], list[int]]:
    rng = np.random.default_rng(3)
    panel, starts = [], [0, 40, 7]
    for place, length in enumerate((900, 700, 800)):
        y = rng.normal(size=length)
        for begin in rng.integers(5, length - 20, size=12):
            y[begin : begin + rng.integers(1, 9)] = np.nan
        heat = np.where(np.isnan(y) & (rng.random(length) < 0.7), np.nan, 1.0)
        panel.append(series_of(y, name=str(place), heat=heat))
    return panel, starts


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hidden_gaps_keep_their_lengths_and_touch_nothing(seed: int) -> None:
    panel, starts = toy_panel()
    patterns = GapPatterns.of(panel, starts, ("heat",), mean=4)
    seen = [np.isfinite(one.y) for one in panel]
    bounds = [(0, 900), (100, 600), (0, 800)]
    hidden = hide(seen, starts, patterns, np.random.default_rng(seed), share=0.15, bounds=bounds)
    again = hide(seen, starts, patterns, np.random.default_rng(seed), share=0.15, bounds=bounds)
    lengths = set(patterns.lengths.tolist())
    for one, mask, twice, (first, last) in zip(panel, hidden, again, bounds, strict=True):
        assert (mask.gap == twice.gap).all()
        assert (mask.is_hidden == twice.is_hidden).all()
        assert not mask.is_hidden[: first + 1].any()
        assert not mask.is_hidden[last - 1 :].any() or last == len(one.y)
        assert np.isfinite(one.y[mask.is_hidden]).all()
        assert 0.13 < mask.is_hidden[first:last].sum() / np.isfinite(one.y[first:last]).sum() < 0.3
        without = mask.of(one, ("heat",))
        begins, ends = gaps_of(np.isfinite(without.y))
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            told = set(mask.gap[begin:end].tolist()) - {0}
            assert not told or told == {end - begin}, "a gap that is scored is as long as it is said to be"
            assert not told or end - begin in lengths
        assert np.array_equal(np.isnan(without.columns["heat"]), np.isnan(one.columns["heat"]) | mask.columns[:, 0])
        assert np.array_equal(missing_in(without, ("heat",))[:, 0], np.isnan(without.columns["heat"]))


def test_a_series_without_room_hides_nothing() -> None:
    patterns = GapPatterns.of([series_of([1.0] * 5)], [0], (), mean=6)
    for length in (0, 1, 2):
        (mask,) = hide([np.ones(length, dtype=bool)], [0], patterns, np.random.default_rng(0), share=0.5, bounds=[(0, length)])
        assert not mask.is_hidden.any()
    (mask,) = hide([np.zeros(50, dtype=bool)], [0], patterns, np.random.default_rng(0), share=0.5, bounds=[(0, 50)])
    assert not mask.is_hidden.any()
