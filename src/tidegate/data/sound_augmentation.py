"""Sound and frames altered at random, so that a network learns what does not matter: pure functions of their arguments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tidegate.data.resampling import resample
from tidegate.errors import RecipeError

Floats = NDArray[np.float32]
Range = tuple[float, float]

# The longest time mask and the widest feature mask, as shares of the steps and of the features: SpecAugment's 27 of 80 bands.
_LONGEST, _WIDEST = 0.2, 1 / 3
# Speeds are told apart to so many parts of one.
_SPEED_PARTS = 100


def shifted(samples: Floats, rng: Generator, most: int) -> Floats:
    """Samples [n] later or earlier by up to `most`, as many as before: silence comes in at one end, and the other is cut off."""
    by = int(rng.integers(-most, most + 1))
    moved = np.zeros_like(samples)
    if by >= 0:
        moved[by:] = samples[: len(samples) - by]
    else:
        moved[:by] = samples[-by:]
    return moved


def with_noise(samples: Floats, rng: Generator, snr_db: Range) -> Floats:
    """Samples [n] in noise, white or pink, at a ratio of signal to noise drawn from a range in dB. Silence stays silence."""
    snr = rng.uniform(*snr_db)
    sound = noise(len(samples), rng)
    power = float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0
    level = np.sqrt(power / 10 ** (snr / 10))
    louder: Floats = samples + np.float32(level) * sound
    return louder


def noise(count: int, rng: Generator) -> Floats:
    """[count] of mean power 1: white, or pink (as much power in every octave), either as likely."""
    is_pink = rng.random() < 0.5
    white = rng.standard_normal(count, dtype=np.float32)
    if is_pink and count > 1:
        spectrum = np.fft.rfft(white)
        spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum), dtype=np.float32))
        spectrum[0] = 0
        white = np.fft.irfft(spectrum, count).astype(np.float32)
    power = np.mean(np.square(white, dtype=np.float64)) if count else 1.0
    return white / np.float32(np.sqrt(power) or 1)


def with_speed(samples: Floats, rng: Generator, factors: Range) -> Floats:
    """Samples [n] played faster by a factor drawn from a range, to a hundredth: ceil(n / factor) of them, and higher by that factor."""
    faster = round(_SPEED_PARTS * rng.uniform(*factors))
    return samples if faster == _SPEED_PARTS else resample(samples, faster, _SPEED_PARTS)


def with_gain(samples: Floats, rng: Generator, gain_db: Range) -> Floats:
    """Samples [n] louder by so many dB drawn from a range."""
    return samples * np.float32(10 ** (rng.uniform(*gain_db) / 20))


def masked(frames: Floats, rng: Generator, *, time_masks: int = 0, feature_masks: int = 0, per_step: int = 1) -> Floats:
    """Scaled steps [T, C] with runs of steps and bands of neighbouring features set to 0, the mean (SpecAugment, arXiv 1904.08779).

    Each mask is drawn evenly from nothing to a fifth of the steps, or to a third of the features.

    Args:
        per_step: frames side by side in a step: a feature is masked in all of them.
    """
    steps, features = len(frames), frames.shape[1] // per_step
    masked = frames.reshape(steps, per_step, features).copy()
    for _ in range(time_masks):
        begin, length = _run(rng, steps, int(_LONGEST * steps))
        masked[begin : begin + length] = 0
    for _ in range(feature_masks):
        begin, length = _run(rng, features, int(_WIDEST * features))
        masked[:, :, begin : begin + length] = 0
    return masked.reshape(frames.shape)


def with_jitter(frames: Floats, rng: Generator, spread: float) -> Floats:
    """Steps [T, ...] with normal noise of so much spread added to every number."""
    return frames + np.float32(spread) * rng.standard_normal(frames.shape, dtype=np.float32)


def with_offset(frames: Floats, rng: Generator, spread: float) -> Floats:
    """Steps [T, ..., D] with a normal offset of so much spread added to each feature, in all steps the same: another sensor, or voice."""
    return frames + np.float32(spread) * rng.standard_normal(frames.shape[-1], dtype=np.float32)


def _run(rng: Generator, count: int, longest: int) -> tuple[int, int]:
    """Where a mask begins among `count`, and how long it is."""
    length = int(rng.integers(0, longest + 1))
    return int(rng.integers(0, count - length + 1)), length


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What is done to a training record, each time anew; nothing where a setting is 0 or None.

    Attributes:
        shift_ms: the most that sound moves in time, either way.
        snr_db: range of the ratio of sound to added noise.
        speed: range of factors, 1 as recorded.
        gain_db: range of louder or softer.
        time_masks, feature_masks: how many.
        noise: spread of what is added to scaled frames, drawn anew for every number.
        offset: spread of what is added to each feature of a whole sequence.

    Raises:
        RecipeError: settings that are impossible.
    """

    shift_ms: float = 0.0
    snr_db: Range | None = None
    speed: Range | None = None
    gain_db: Range | None = None
    time_masks: int = 0
    feature_masks: int = 0
    noise: float = 0.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        for name in ("snr_db", "speed", "gain_db"):
            drawn = getattr(self, name)
            if drawn is not None and not drawn[0] <= drawn[1]:
                raise RecipeError(f"{name} = {drawn[0]:g} to {drawn[1]:g}: the lower end is the higher one. Turn them round.")
        if self.speed is not None and not 0.25 <= self.speed[0] <= self.speed[1] <= 4:
            raise RecipeError(
                f"speed = {self.speed[0]:g} to {self.speed[1]:g}: factors from 0.25 to 4 were expected; 0.9 to 1.1 are usual."
            )
        for name in ("shift_ms", "time_masks", "feature_masks", "noise", "offset"):
            if getattr(self, name) < 0:
                raise RecipeError(f"{name} = {getattr(self, name):g}: 0 or more was expected.")

    def of_samples(self, samples: Floats, rate: int, rng: Generator) -> Floats:
        """Samples [n] faster or slower, then moved, in noise, louder or softer."""
        if self.speed:
            samples = with_speed(samples, rng, self.speed)
        if self.shift_ms:
            samples = shifted(samples, rng, min(len(samples), round(rate * self.shift_ms / 1000)))
        if self.snr_db:
            samples = with_noise(samples, rng, self.snr_db)
        if self.gain_db:
            samples = with_gain(samples, rng, self.gain_db)
        return samples

    def of_frames(self, frames: Floats, rng: Generator, *, per_step: int = 1, marks: int = 0) -> Floats:
        """Scaled steps [T, C], of `per_step` frames each, with offsets and noise added and masks laid over.

        Args:
            marks: how many of a frame's last values say what is missing; to these nothing is added.
        """
        if self.noise or self.offset:
            split = frames.reshape(len(frames), per_step, -1).copy()
            features = split[..., : split.shape[-1] - marks]
            if self.offset:
                features[...] = with_offset(features, rng, self.offset)
            if self.noise:
                features[...] = with_jitter(features, rng, self.noise)
            frames = split.reshape(frames.shape)
        if self.time_masks or self.feature_masks:
            frames = masked(frames, rng, time_masks=self.time_masks, feature_masks=self.feature_masks, per_step=per_step)
        return frames
