"""Windows of series as ragged batches, against a plain loop over every value."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tidegate.data.covariates import EncodedSeries
from tidegate.data.forecast_batches import WindowSpec, collate_windows, too_short, training_windows
from tidegate.errors import DataError, ShapeError
from timing import least_seconds


def encoded(y: np.ndarray, number: int = 1, past: int = 0, known: int = 0, static: int = 0, ahead: int = 0) -> EncodedSeries:
    chance = np.random.default_rng(number)
    seen = ~np.isnan(y)
    last = np.maximum.accumulate(np.where(seen, np.arange(len(y)), -1))
    filled = np.where(last >= 0, y[np.maximum(last, 0)], 0)
    draw = lambda *shape: chance.normal(size=shape).astype(np.float32)  # noqa: E731
    return EncodedSeries(
        number, f"s{number}", y.astype(np.float32), filled.astype(np.float32), seen.astype(np.float32), last,
        draw(len(y), past), draw(len(y) + ahead, known), draw(static), len(y) + ahead,
    )  # fmt: skip


def by_hand(one: EncodedSeries, origin: int, spec: WindowSpec) -> tuple[list[list[float]], list[list[float]], float, float, list[float]]:
    """The window value by value, as the contract says it."""
    w, y = spec.segment, one.y.astype(float)
    start = origin - min(spec.context, origin // w * w)
    in_window = [step for step in range(start, origin) if not np.isnan(y[step])]
    centre, spread = 0.0, 1.0
    if spec.scaling == "last" and in_window:
        centre = y[in_window[-1]]
    if spec.scaling == "window" and in_window:
        centre, spread = np.mean(y[in_window]), max(np.std(y[in_window]), 0.1)
    before = [step for step in range(origin) if not np.isnan(y[step])]
    steps = []
    for step in range(start, origin):
        left = max((s for s in before if s <= step), default=None)
        right = min((s for s in before if s >= step), default=None)
        value = centre if left is None else y[left]
        if spec.gaps == "interpolate" and right is not None:
            value = (
                y[right] if left is None else value if left == right else y[left] + (y[right] - y[left]) * (step - left) / (right - left)
            )
        row = [(value - centre) / spread]
        if spec.gaps == "mask" and spec.has_holes:
            row += [float(left == step), np.log1p(step - (-1 if left is None else left)) / np.log1p(100)]
        steps.append([*row, *one.past[step], *one.known[step]])
    x = [[value for step in steps[first : first + w] for value in step] + one.static.tolist() for first in range(0, len(steps), w)]
    decoder, truth = [], []
    for segment in range(-(-spec.horizon // w)):
        row = []
        for step in range(segment * w, segment * w + w):
            row += (
                one.known[origin + step].tolist() if step < spec.horizon and origin + step < len(one.known) else [0.0] * one.known.shape[1]
            )
            truth.append((y[origin + step] - centre) / spread if step < spec.horizon and origin + step < len(y) else np.nan)
        decoder.append([*row, *one.static])
    return x, decoder, centre, spread, truth


CASES = [
    WindowSpec(8, 4, 6, scaling, gaps, has_holes)
    for scaling in ("series", "last", "window")
    for gaps, has_holes in (("mask", True), ("mask", False), ("interpolate", True))
]


@pytest.mark.parametrize("spec", CASES, ids=lambda spec: f"{spec.scaling}-{spec.gaps}-{spec.has_holes}")
@pytest.mark.parametrize("widths", [(0, 0, 0), (2, 3, 2), (1, 0, 0), (0, 1, 1)], ids=str)
def test_windows_are_those_of_a_plain_loop(spec: WindowSpec, widths: tuple[int, int, int]) -> None:
    chance = np.random.default_rng(3)
    series = []
    for number in range(1, 5):
        y = chance.normal(size=30)
        y[chance.random(30) < (0.4 if number > 1 else 0)] = np.nan
        y[: 3 * (number - 1)] = np.nan
        series.append(encoded(y, number, *widths, ahead=7))
    # One that has no value at all in some windows, and that hardly varies.
    y = np.full(30, np.nan)
    y[20:] = 5 + 1e-3 * np.arange(10)
    series.append(encoded(y, 5, *widths, ahead=7))
    windows = np.array([(place, origin) for place in range(5) for origin in (4, 5, 7, 8, 12, 21, 27, 30)])
    windows = windows[chance.permutation(len(windows))]
    batch = collate_windows(series, windows, spec)
    w, (past, known, static) = spec.segment, widths
    assert batch.x.shape == (batch.offsets[-1], w * spec.channels(past, known) + static)
    assert batch.decoder.shape == (len(windows) * 2, w * known + static)
    assert batch.tokens == len(batch.x) + len(batch.decoder)
    assert {array.dtype for array in (batch.x, batch.decoder, batch.centre, batch.spread, batch.y)} == {np.dtype(np.float32)}
    for number, (place, origin) in enumerate(windows.tolist()):
        x, decoder, centre, spread, truth = by_hand(series[place], origin, spec)
        assert batch.x[batch.offsets[number] : batch.offsets[number + 1]] == pytest.approx(np.array(x), abs=2e-5)
        assert batch.decoder[2 * number : 2 * number + 2] == pytest.approx(np.array(decoder).reshape(2, -1), abs=1e-6)
        assert (batch.centre[number], batch.spread[number]) == (pytest.approx(centre, abs=1e-6), pytest.approx(spread, abs=1e-6))
        assert batch.y[number] == pytest.approx(np.array(truth), abs=2e-5, nan_ok=True)
        assert batch.ids[number] == place + 1


@pytest.mark.parametrize("spec", CASES, ids=lambda spec: f"{spec.scaling}-{spec.gaps}-{spec.has_holes}")
def test_nothing_at_or_after_the_origin_is_read(spec: WindowSpec) -> None:
    chance = np.random.default_rng(5)
    y = chance.normal(size=40)
    y[chance.random(40) < 0.5] = np.nan
    origin = 22
    y[origin - 2 : origin] = np.nan
    one = encoded(y, 1, 2, 2, 1)
    other_y = y.copy()
    other_y[origin:] = 1e6
    other = encoded(other_y, 1, 2, 2, 1)
    past = one.past.copy()
    past[origin:] = 1e6
    other = replace(other, past=past, known=one.known, static=one.static)
    windows = np.array([[0, origin]])
    first, second = (collate_windows([series], windows, spec) for series in (one, other))
    assert np.array_equal(first.x, second.x)
    assert np.array_equal(first.decoder, second.decoder)
    assert (first.centre, first.spread) == (second.centre, second.spread)
    assert not np.array_equal(first.y, second.y, equal_nan=True)


@pytest.mark.parametrize("spec", CASES, ids=lambda spec: f"{spec.scaling}-{spec.gaps}-{spec.has_holes}")
def test_a_window_is_the_same_in_every_batch_to_the_bit(spec: WindowSpec) -> None:
    chance = np.random.default_rng(6)
    y = chance.normal(size=200)
    y[chance.random(200) < 0.2] = np.nan
    series = [encoded(y, 1, 1, 1, 1), encoded(y[:77], 2, 1, 1, 1)]
    windows = np.array([(place, origin) for place in range(2) for origin in range(4, 70, 3)])
    whole = collate_windows(series, windows, spec)
    for number, window in enumerate(windows):
        alone = collate_windows(series, window[None], spec)
        assert np.array_equal(alone.x, whole.x[whole.offsets[number] : whole.offsets[number + 1]])
        assert (alone.centre[0], alone.spread[0]) == (whole.centre[number], whole.spread[number])


def test_windows_of_training_end_with_the_training_part() -> None:
    spec = WindowSpec(8, 4, 6)
    assert training_windows([20], spec, 1).tolist() == [[0, origin] for origin in range(8, 15)]
    assert training_windows([20], spec, 4).tolist() == [[0, 10], [0, 14]]
    # 13 steps: 7 before the horizon, less than the context; 10: one segment and the horizon; 9: none.
    assert training_windows([13, 10, 9, 14], spec, 5).tolist() == [[0, 7], [1, 4], [3, 8]]
    assert too_short([13, 10, 9, 14], spec) == [2]
    with pytest.raises(DataError, match=r"the longest has 9 steps for training, and 10 are needed, 4 to be read and 6 to be told"):
        training_windows([9, 3], spec, 1)


def test_a_window_without_a_segment_is_refused() -> None:
    with pytest.raises(ShapeError, match="no segment of 4 steps"):
        collate_windows([encoded(np.arange(9.0))], np.array([[0, 3]]), WindowSpec(8, 4, 2))


def test_collating_is_fast() -> None:
    chance = np.random.default_rng(7)
    series = [encoded(chance.normal(size=35_000), number + 1) for number in range(12)]
    windows = np.stack([chance.integers(0, 12, 256), chance.integers(720, 34_000, 256)], axis=1)
    spec = WindowSpec(720, 48, 96, "last")
    assert collate_windows(series, windows, spec).x.shape == (256 * 15, 48)
    assert least_seconds(lambda: collate_windows(series, windows, spec), 0.02, tries=200) < 0.02
