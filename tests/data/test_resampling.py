"""Sound at another rate: SciPy's polyphase filter with the same taps, sines in closed form, and the same bits as it comes."""

from __future__ import annotations

from math import gcd

import numpy as np
import pytest
import scipy.signal

from tidegate.data.resampling import ResampleStream, at_rate, filters_of, resample

RATES = [(44100, 8000), (48000, 16000), (8000, 16000), (11025, 8000), (8000, 11025), (22050, 16000), (9, 10)]


@pytest.mark.parametrize(("rate", "to"), RATES)
def test_as_scipy_does_with_these_taps(rate: int, to: int) -> None:
    up, down = to // gcd(rate, to), rate // gcd(rate, to)
    samples = np.random.default_rng(0).standard_normal(3000)
    # Row p of the filters at tap t stands p/up after an input: the long filter that SciPy cuts into phases, both its ends in.
    filters = filters_of(up, down).astype(np.float64)
    half = filters.shape[1] // 2
    long = np.zeros(2 * half * up + 1)
    for phase in range(up):
        for tap in range(2 * half):
            long[half * up + phase - (tap - half + 1) * up] = filters[phase, tap]
    expected = scipy.signal.resample_poly(samples, up, down, window=long / up)
    found = resample(samples, rate, to)
    assert found.dtype == np.float32
    assert len(found) == len(expected) == -(-len(samples) * to // rate)
    np.testing.assert_allclose(found, expected, atol=5e-6)


@pytest.mark.parametrize(("rate", "to"), RATES[:-1])
def test_a_sine_stays_and_what_would_fold_back_goes(rate: int, to: int) -> None:
    time, later = np.arange(rate) / rate, np.arange(to) / to
    inner = slice(to // 20, -to // 20)
    for share in (0.1, 0.5, 0.8):
        hz = share * min(rate, to) / 2
        found = resample(np.sin(2 * np.pi * hz * time), rate, to)
        np.testing.assert_allclose(found[inner], np.sin(2 * np.pi * hz * later)[inner], atol=5e-4)
    if to < rate:
        for share in (1.0, 1.2, 1.7):
            hz = share * to / 2
            if hz < rate / 2:
                assert np.abs(resample(np.cos(2 * np.pi * hz * time), rate, to)[inner]).max() < 5e-4, share
    np.testing.assert_allclose(resample(np.ones(rate), rate, to)[inner], 1, atol=1e-6)


@pytest.mark.parametrize(("rate", "to"), [*RATES, (8000, 8000)])
@pytest.mark.parametrize("count", [0, 1, 5, 20000])
def test_sound_as_it_comes_is_the_same_bits(rate: int, to: int, count: int) -> None:
    samples = np.random.default_rng(1).standard_normal(count).astype(np.float32)
    whole = resample(samples, rate, to)
    assert len(whole) == -(-count * to // rate)
    for pieces in (1, 7, min(count + 1, 300)):
        stream = ResampleStream(rate, to)
        told, heard, given = [], 0, 0
        for part in np.array_split(samples, pieces):
            told.append(stream.feed(part))
            heard += len(told[-1])
            given += len(part)
            # Late by the filter's half and not by more.
            assert heard >= (given - stream.delay) * to / rate - 1
        assert np.array_equal(np.concatenate([*told, stream.finish()]), whole)


def test_the_same_rate_is_left_alone() -> None:
    samples = np.arange(5, dtype=np.float32)
    assert at_rate(samples, 8000, 8000) is samples
    assert len(at_rate(samples, 8000, 16000)) == 10
