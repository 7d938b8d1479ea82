"""Sound and frames altered: what was asked for, measured, and the same bits from the same generator."""

from __future__ import annotations

import numpy as np
import pytest

from tidegate.data import sound_augmentation as alter
from tidegate.data.sound_augmentation import Augmentation
from tidegate.errors import RecipeError

RATE = 8000
TONE = (0.3 * np.sin(2 * np.pi * 500 * np.arange(RATE) / RATE)).astype(np.float32)
EVERYTHING = Augmentation(50, (5, 20), (0.9, 1.1), (-6, 6), time_masks=2, feature_masks=2, noise=0.1)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_seed_is_all_that_chance_hangs_on() -> None:
    frames = rng(9).standard_normal((50, 12)).astype(np.float32)
    kept = TONE.copy(), frames.copy()
    for seed in range(5):
        assert np.array_equal(EVERYTHING.of_samples(TONE, RATE, rng(seed)), EVERYTHING.of_samples(TONE, RATE, rng(seed)))
        assert np.array_equal(EVERYTHING.of_frames(frames, rng(seed)), EVERYTHING.of_frames(frames, rng(seed)))
    first, other = (EVERYTHING.of_samples(TONE, RATE, rng(seed)) for seed in (0, 1))
    assert first.shape != other.shape or not np.array_equal(first, other)
    assert first.dtype == EVERYTHING.of_frames(frames, rng()).dtype == np.float32
    # What is given stays as it is.
    assert np.array_equal(TONE, kept[0])
    assert np.array_equal(frames, kept[1])
    none = Augmentation()
    assert none.of_samples(TONE, RATE, rng()) is TONE
    assert none.of_frames(frames, rng()) is frames


def test_shifts() -> None:
    sound = np.arange(1, 11, dtype=np.float32)
    found = {tuple(alter.shifted(sound, rng(seed), 2).astype(int).tolist()) for seed in range(100)}
    assert found == {
        (0, 0, 1, 2, 3, 4, 5, 6, 7, 8),
        (0, 1, 2, 3, 4, 5, 6, 7, 8, 9),
        (1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
        (2, 3, 4, 5, 6, 7, 8, 9, 10, 0),
        (3, 4, 5, 6, 7, 8, 9, 10, 0, 0),
    }
    # Never by more than there is.
    assert len(Augmentation(shift_ms=1000).of_samples(sound, RATE, rng())) == 10


def test_noise_is_as_loud_as_asked_for() -> None:
    ratios = []
    for seed in range(50):
        added = alter.with_noise(TONE, rng(seed), (3, 12)) - TONE
        ratios.append(10 * np.log10(np.mean(TONE.astype(float) ** 2) / np.mean(added.astype(float) ** 2)))
    assert 3 <= min(ratios) < 4.5
    assert 10.5 < max(ratios) <= 12.001
    assert not alter.with_noise(np.zeros(100, dtype=np.float32), rng(), (3, 12)).any()
    assert len(alter.with_noise(TONE[:0], rng(), (3, 12))) == 0
    assert np.isfinite(alter.with_noise(TONE[100:101], rng(), (3, 12))).all()


def test_noise_is_white_or_pink() -> None:
    slopes = []
    for seed in range(20):
        power = np.abs(np.fft.rfft(alter.noise(1 << 14, rng(seed)).astype(float))) ** 2
        octaves = [power[1 << k : 2 << k].mean() for k in range(6, 13)]
        slopes.append(np.polyfit(np.arange(len(octaves)), np.log2(octaves), 1)[0])
    # Power by frequency: even, or half as much an octave higher.
    assert all(abs(slope) < 0.1 or abs(slope + 1) < 0.1 for slope in slopes)
    assert 0 < sum(slope < -0.5 for slope in slopes) < 20
    assert np.mean(alter.noise(1000, rng()).astype(float) ** 2) == pytest.approx(1, rel=1e-5)


def test_speed_changes_length_and_pitch_alike() -> None:
    factors = set()
    for seed in range(40):
        faster = alter.with_speed(TONE, rng(seed), (0.8, 1.25))
        factor = len(TONE) / len(faster)
        factors.add(round(factor, 2))
        spectrum = np.abs(np.fft.rfft(faster * np.hanning(len(faster)), 1 << 16))
        assert spectrum.argmax() * RATE / (1 << 16) == pytest.approx(500 * factor, rel=2e-3)
    assert min(factors) < 0.85
    assert max(factors) > 1.2
    assert min(factors) >= 0.8
    assert alter.with_speed(TONE, rng(), (1, 1)) is TONE


def test_gain() -> None:
    levels = [20 * np.log10(np.abs(alter.with_gain(TONE, rng(seed), (-6, 3))).max() / np.abs(TONE).max()) for seed in range(50)]
    assert -6 <= min(levels) < -5
    assert 2 < max(levels) <= 3


@pytest.mark.parametrize("per_step", [1, 2])
def test_masks_are_runs_of_the_right_sizes(per_step: int) -> None:
    frames = np.ones((40, 12 * per_step), dtype=np.float32)
    lengths, widths, begins = set(), set(), set()
    for seed in range(300):
        by_time = alter.masked(frames, rng(seed), time_masks=1)
        rows = np.flatnonzero(~by_time.any(axis=1))
        assert (by_time == 0).sum() == len(rows) * frames.shape[1]
        assert np.array_equal(rows, np.arange(len(rows)) + (rows[0] if len(rows) else 0))
        lengths.add(len(rows))
        by_feature = alter.masked(frames, rng(seed), feature_masks=1, per_step=per_step).reshape(40, per_step, 12)
        columns = np.flatnonzero(~by_feature.any(axis=(0, 1)))
        assert (by_feature == 0).sum() == len(columns) * 40 * per_step
        assert np.array_equal(columns, np.arange(len(columns)) + (columns[0] if len(columns) else 0))
        widths.add(len(columns))
        begins |= set(columns[:1].tolist())
    assert lengths == set(range(9))
    assert widths == set(range(5))
    assert begins == set(range(12))
    twice = alter.masked(frames, rng(1), time_masks=3, feature_masks=3)
    assert 0 < (twice == 0).sum() < twice.size
    assert alter.masked(frames[:0], rng(), time_masks=2, feature_masks=2).shape == (0, 12 * per_step)


def test_jitter_has_the_spread_asked_for() -> None:
    frames = np.full((500, 12), 3, dtype=np.float32)
    added = Augmentation(noise=0.2).of_frames(frames, rng()) - frames
    assert (added.mean(), added.std()) == pytest.approx((0, 0.2), abs=0.01)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"snr_db": (20, 5)}, "snr_db = 20 to 5: the lower end"),
        ({"speed": (0, 1)}, "speed = 0 to 1: factors from 0.25 to 4"),
        ({"shift_ms": -1}, "shift_ms = -1"),
        ({"time_masks": -1}, "time_masks = -1"),
        ({"noise": -0.5}, "noise = -0.5"),
    ],
)
def test_impossible_settings(settings: dict[str, float], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        Augmentation(**settings)
