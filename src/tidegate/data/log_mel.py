"""Sound to log-mel frames [T, mels]: the power in bands as wide as the ear's, every few milliseconds; all at once, or as the sound comes.

The bands are Slaney's (Auditory Toolbox, 1998: linear below 1 kHz, logarithmic above, each of area 1), as librosa draws them by default.
Nothing is padded at the ends: frame t is the samples from t · hop to t · hop + window, so no frame waits for later sound than its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.resampling import checked_rate
from tidegate.errors import RecipeError

Floats = NDArray[np.float32]

# About the power of noise of -84 dB of full scale: above the noise of 16 bits, below that of a quiet room. Models depend on it.
_FLOOR = np.float32(1e-8)
# Frames that are worked on at once: what bounds the memory, and stays in the cache.
_BLOCK = 512
# Slaney's scale: so many Hz a mel up to the knee, above it so much more, relatively, a mel.
_HZ_A_MEL, _KNEE_HZ, _LOG_STEP = 200 / 3, 1000.0, np.log(6.4) / 27


@dataclass(frozen=True, slots=True)
class MelSettings:
    """What log-mel frames are made with.

    Attributes:
        rate: samples a second.
        window_ms, hop_ms: how long a frame listens, and how far the next one is.
        mels: bands, D of the frames.
        low_hz, high_hz: where the bands begin and end; a high end of 0 is half the rate.

    Raises:
        RecipeError: settings that are impossible, or bands so narrow that the window cannot tell them apart.
    """

    rate: int
    window_ms: float = 25.0
    hop_ms: float = 10.0
    mels: int = 40
    low_hz: float = 20.0
    high_hz: float = 0.0

    def __post_init__(self) -> None:
        checked_rate(self.rate, "sample_rate")
        if not (self.window_ms > 0 and self.window >= 4):
            raise RecipeError(f"window_ms = {self.window_ms:g}: a window of {self.window} samples. 25 is usual for speech.")
        if not (self.hop_ms > 0 and self.hop >= 1):
            raise RecipeError(f"hop_ms = {self.hop_ms:g}: the next frame must be a sample ahead or more. 10 is usual for speech.")
        if self.hop > self.window:
            raise RecipeError(
                f"hop_ms = {self.hop_ms:g} is more than window_ms = {self.window_ms:g}: sound between the frames would not be heard. "
                "Make the hop as long as the window or shorter; 10 and 25 are usual for speech."
            )
        if not 0 <= self.low_hz < self.top_hz <= self.rate / 2:
            raise RecipeError(
                f"bands from {self.low_hz:g} to {self.top_hz:g} Hz: expected 0 <= low_hz < high_hz <= {self.rate / 2:g}, half of the "
                f"{self.rate:,} samples a second."
            )
        if self.mels < 1 or not mel_filters(self).any(axis=1).all():
            raise RecipeError(
                f"mels = {self.mels}: windows of {self.window_ms:g} ms at {self.rate:,} samples a second do not tell so many bands apart. "
                "Ask for fewer (40 are usual at 8000, 80 at 16000), or for a longer window_ms."
            )

    @property
    def window(self) -> int:
        """Samples of a frame."""
        return round(self.rate * self.window_ms / 1000)

    @property
    def hop(self) -> int:
        """Samples from frame to frame."""
        return round(self.rate * self.hop_ms / 1000)

    @property
    def top_hz(self) -> float:
        """Where the bands end."""
        return self.high_hz or self.rate / 2

    @property
    def fft_size(self) -> int:
        """The window and zeros up to a power of two."""
        return 1 << (self.window - 1).bit_length()

    @property
    def centres_hz(self) -> NDArray[np.float64]:
        """[mels], where each band lets most through."""
        return _hz_of(np.linspace(_mel_of(self.low_hz), _mel_of(self.top_hz), self.mels + 2))[1:-1]

    def frames(self, samples: int) -> int:
        """T of so many samples: none of none, and one where there are fewer than a window has."""
        return 0 if samples <= 0 else 1 + max(0, samples - self.window) // self.hop

    def to_json(self) -> dict[str, Any]:
        """For vocabulary.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> MelSettings:
        return cls(**content)


def mel_filters(settings: MelSettings) -> Floats:
    """[mels, fft_size/2 + 1], how much of each frequency's power each band takes: triangles of area 1, evenly spaced in mels."""
    edges = _hz_of(np.linspace(_mel_of(settings.low_hz), _mel_of(settings.top_hz), settings.mels + 2))
    frequencies = np.fft.rfftfreq(settings.fft_size, 1 / settings.rate)
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return filters.astype(np.float32)


def _mel_of(hz: float) -> float:
    knee = _KNEE_HZ / _HZ_A_MEL
    return float(hz / _HZ_A_MEL if hz < _KNEE_HZ else knee + np.log(hz / _KNEE_HZ) / _LOG_STEP)


def _hz_of(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    knee = _KNEE_HZ / _HZ_A_MEL
    return np.where(mels < knee, mels * _HZ_A_MEL, _KNEE_HZ * np.exp(_LOG_STEP * (np.maximum(mels, knee) - knee)))


class LogMel:
    """Samples at the settings' rate to frames. Each frame has the same bits whatever frames are made with it."""

    def __init__(self, settings: MelSettings) -> None:
        self.settings = settings
        # Hann's window as spectra want it, of a period of `window`.
        self._window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(settings.window) / settings.window)).astype(np.float32)
        self._bands = _Bands(mel_filters(settings))

    def __call__(self, samples: NDArray[np.floating[Any]]) -> Floats:
        """Frames [T, mels] of samples [n]; fewer samples than a window has are filled up with zeros to one frame."""
        stream = self.stream()
        frames = stream.feed(samples)
        return frames if len(frames) else stream.finish()

    def stream(self) -> MelStream:
        """The same for samples as they come."""
        return MelStream(self)

    def of_windows(self, samples: Floats) -> Floats:
        """Frames [1 + (n - window) // hop, mels] of samples [n], at least a window of them."""
        settings = self.settings
        if len(samples) < settings.window + settings.hop:  # one frame, as live sound brings: views cost more than the frame
            return self._of(samples[None, : settings.window])
        windows = np.lib.stride_tricks.sliding_window_view(samples, settings.window)[:: settings.hop]
        if len(windows) <= _BLOCK:
            return self._of(windows)
        frames = np.empty((len(windows), settings.mels), dtype=np.float32)
        for begin in range(0, len(windows), _BLOCK):
            frames[begin : begin + _BLOCK] = self._of(windows[begin : begin + _BLOCK])
        return frames

    def _of(self, windows: Floats) -> Floats:
        spectrum = np.fft.rfft(windows * self._window, self.settings.fft_size)
        power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32, copy=False)
        bands = self._bands(power)
        bands += _FLOOR
        return np.log(bands, out=bands)


class _Bands:
    """Power [n, F] to bands [n, mels], each the sum over the frequencies that its triangle covers.

    A product of matrices would round a frame in one way or another by the number of frames beside it.
    """

    def __init__(self, filters: Floats) -> None:
        runs = [np.flatnonzero(band) for band in filters]
        self._places = np.concatenate(runs)
        self._weights = np.concatenate([band[run] for band, run in zip(filters, runs, strict=True)])
        self._starts = np.cumsum([0, *map(len, runs[:-1])])

    def __call__(self, power: Floats) -> Floats:
        weighted = np.take(power, self._places, axis=1)
        weighted *= self._weights
        bands: Floats = np.add.reduceat(weighted, self._starts, axis=1)
        return bands


class MelStream:
    """Frames of one recording as its samples come: the same bits as all at once, wherever they are cut."""

    def __init__(self, log_mel: LogMel) -> None:
        self._log_mel = log_mel
        self._held = np.zeros(0, dtype=np.float32)
        self._is_begun = False

    def feed(self, samples: NDArray[np.floating[Any]]) -> Floats:
        """Samples [n] to the frames [m, mels] that have now been heard to their ends."""
        settings = self._log_mel.settings
        given = np.asarray(samples, dtype=np.float32)
        held = np.concatenate([self._held, given]) if len(self._held) else given
        if len(held) < settings.window:
            self._held = held.copy() if held is given else held
            return np.zeros((0, settings.mels), dtype=np.float32)
        frames = self._log_mel.of_windows(held)
        self._held = held[len(frames) * settings.hop :].copy()
        self._is_begun = True
        return frames

    def finish(self) -> Floats:
        """One frame, filled up with zeros, where the recording was shorter than a window; else [0, mels]: the rest makes no frame."""
        settings = self._log_mel.settings
        held, self._held = self._held, self._held[:0]
        if self._is_begun or not len(held):
            return np.zeros((0, settings.mels), dtype=np.float32)
        return self._log_mel.of_windows(np.concatenate([held, np.zeros(settings.window - len(held), dtype=np.float32)]))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that `restore` needs to go on from here with the same bits."""
        return {"samples": self._held, "is_begun": np.array(self._is_begun)}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes over what `arrays` gave; KeyError where one is missing."""
        self._held, self._is_begun = arrays["samples"], bool(arrays["is_begun"])
