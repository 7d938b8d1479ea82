"""Log-mel frames: librosa's numbers, and the same bits however the sound comes."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from tidegate.data.log_mel import LogMel, MelSettings, mel_filters
from tidegate.errors import RecipeError

SETTINGS = [
    MelSettings(8000),
    MelSettings(16000, mels=80),
    MelSettings(11025, window_ms=32, hop_ms=8, mels=30, low_hz=100, high_hz=4000),
    MelSettings(8000, window_ms=32, mels=20, low_hz=0),  # a window of a power of two
]
FLOOR = 1e-8


def speechlike(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """A gliding tone with overtones that comes and goes, in faint noise."""
    time = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * (150 * time + 40 * np.sin(2 * np.pi * time))
    sound = sum(np.sin(k * phase) / k for k in range(1, 8)) * (np.sin(7 * time) > 0)
    return (0.1 * sound + 1e-3 * np.random.default_rng(seed).standard_normal(len(time))).astype(np.float32)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_frames_are_librosas(settings: MelSettings) -> None:
    filters = librosa.filters.mel(
        sr=settings.rate, n_fft=settings.fft_size, n_mels=settings.mels, fmin=settings.low_hz, fmax=settings.top_hz
    )
    np.testing.assert_allclose(mel_filters(settings), filters, rtol=1e-4, atol=1e-6 * filters.max())
    samples = speechlike(2.03, settings.rate)
    # librosa puts a window shorter than its FFT into the middle of it, ours lies at the beginning.
    spare = settings.fft_size - settings.window
    power = librosa.feature.melspectrogram(
        y=np.pad(samples, (spare // 2, spare - spare // 2)),
        sr=settings.rate,
        n_fft=settings.fft_size,
        hop_length=settings.hop,
        win_length=settings.window,
        center=False,
        n_mels=settings.mels,
        fmin=settings.low_hz,
        fmax=settings.top_hz,
    ).T
    frames = LogMel(settings)(samples)
    assert frames.dtype == np.float32
    assert frames.shape == power.shape == (settings.frames(len(samples)), settings.mels)
    np.testing.assert_allclose(np.exp(frames), power + FLOOR, rtol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_frames_as_they_come_are_the_same_bits(settings: MelSettings) -> None:
    log_mel, rng = LogMel(settings), np.random.default_rng(3)
    # More frames than are worked on at once.
    samples = speechlike(7, settings.rate)
    whole = log_mel(samples)
    for cuts in (
        np.sort(rng.integers(0, len(samples), 40)),
        np.arange(settings.hop, len(samples), settings.hop),
        np.arange(1, 3 * settings.window),
    ):
        stream = log_mel.stream()
        told, heard = [], 0
        for part in np.split(samples, cuts):
            told.append(stream.feed(part))
            heard += len(part)
            # No frame waits for later sound than its own.
            assert sum(map(len, told)) == (settings.frames(heard) if heard >= settings.window else 0)
        assert np.array_equal(np.concatenate([*told, stream.finish()]), whole)


def test_short_recordings_and_silence() -> None:
    settings = MelSettings(8000)
    log_mel = LogMel(settings)
    assert [settings.frames(n) for n in (0, 1, 199, 200, 279, 280)] == [0, 1, 1, 1, 1, 2]
    assert log_mel(np.zeros(0, dtype=np.float32)).shape == (0, 40)
    short = speechlike(0.01, 8000)
    for given in (short, short[:1]):
        filled = np.pad(given, (0, settings.window - len(given)))
        assert np.array_equal(log_mel(given), log_mel(filled))
        stream = log_mel.stream()
        assert len(stream.feed(given)) == 0
        assert np.array_equal(stream.finish(), log_mel(given))
        assert len(stream.finish()) == 0
    np.testing.assert_allclose(log_mel(np.zeros(500, dtype=np.float32)), np.log(FLOOR), rtol=1e-6)
    # A tone is loudest in the band that it lies in.
    tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    assert (log_mel(tone).argmax(axis=1) == mel_filters(settings)[:, 32].argmax()).all()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rate": 8}, "sample_rate = 8"),
        ({"window_ms": 0}, "window_ms = 0"),
        ({"hop_ms": 0.01}, "hop_ms = 0.01"),
        ({"rate": 10**6}, "sample_rate = 1000000: .* from 1,000 to 768,000"),
        ({"hop_ms": 26}, "hop_ms = 26 is more than window_ms = 25"),
        ({"high_hz": 5000}, "half of the 8,000 samples"),
        ({"low_hz": 4000}, "0 <= low_hz < high_hz"),
        ({"mels": 200}, "mels = 200: windows of 25 ms at 8,000"),
        ({"mels": 0}, "mels = 0"),
    ],
)
def test_impossible_settings(changed: dict[str, float], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        MelSettings(**({"rate": 8000} | changed))


def test_settings_are_stored() -> None:
    for settings in SETTINGS:
        assert MelSettings.from_json(settings.to_json()) == settings
