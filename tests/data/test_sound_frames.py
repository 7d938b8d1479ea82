"""Recordings to steps: all at once and as they come, at the network's rate and at others; spans of time."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tidegate.data.frame_scales import FrameScale
from tidegate.data.log_mel import LogMel, MelSettings
from tidegate.data.recordings import Recording
from tidegate.data.records import Source
from tidegate.data.resampling import resample
from tidegate.data.sound_frames import SoundFrames
from tidegate.errors import RecipeError, ShapeError

MEL = MelSettings(8000, mels=12)


def sound(seconds: float, rate: int = 8000) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(2).standard_normal(len(time))
    return (0.3 * np.sin(2 * np.pi * (300 + 100 * time) * time) + 0.01 * noise).astype(np.float32)


def frames_of(per_step: int) -> SoundFrames:
    return SoundFrames(MEL, FrameScale.of([LogMel(MEL)(sound(2))], per_step=per_step))


@pytest.mark.parametrize("per_step", [1, 3])
@pytest.mark.parametrize("rate", [8000, 11025, 44100])
def test_steps_as_they_come_are_the_same_bits(per_step: int, rate: int) -> None:
    frames, samples = frames_of(per_step), sound(1.234, rate)
    whole = frames.of(Recording(samples, rate, Source("a.wav", 0), "a"))
    at_8000 = samples if rate == 8000 else resample(samples, rate, 8000)
    assert whole.shape == (frames.steps(MEL.frames(len(at_8000))), frames.width) == (frames.steps(MEL.frames(len(at_8000))), 12 * per_step)
    # Scaled by hand, the last step filled up with its last frame.
    plain = (frames.features(at_8000) - frames.scale.centre) / frames.scale.spread
    filled = np.concatenate([plain, np.repeat(plain[-1:], -len(plain) % per_step, axis=0)])
    np.testing.assert_allclose(whole, filled.reshape(-1, 12 * per_step), atol=1e-5)
    for pieces in (1, 5, 200):
        stream = frames.stream(rate if rate != 8000 or pieces == 5 else None)
        told = [stream.feed(part) for part in np.array_split(samples, pieces)]
        assert np.array_equal(np.concatenate([*told, stream.finish()]), whole)


def test_recordings_of_nothing_and_of_a_moment() -> None:
    frames = frames_of(3)
    assert frames.of(Recording(np.zeros(0, dtype=np.float32), 8000, Source("a.wav", 0), "a")).shape == (0, 36)
    stream = frames.stream()
    assert stream.finish().shape == (0, 36)
    assert frames.of(Recording(sound(0.005), 8000, Source("a.wav", 0), "a")).shape == (1, 36)
    stream = frames.stream()
    assert stream.feed(sound(0.005)).shape == (0, 36)
    assert np.array_equal(stream.finish(), frames.of(Recording(sound(0.005), 8000, Source("a.wav", 0), "a")))


def test_spans_of_future() -> None:
    frames = frames_of(3)
    assert frames.step_seconds == pytest.approx(0.03)
    spans = {"5": 5, "0": 0, "100ms": 3, "90 ms": 3, "89ms": 2, "0.3s": 10, ".06s": 2, "1s": 33}
    assert {span: frames.lookahead_steps(span) for span in spans} == spans
    for wrong in ("", "ms", "-3", "1.5", "100m", "3 steps"):
        with pytest.raises(RecipeError, match=r"neither steps nor a time.*a step is 30 ms here"):
            frames.lookahead_steps(wrong)


@pytest.mark.parametrize("per_step", [1, 3])
def test_a_step_is_there_when_it_is_said_to_be(per_step: int) -> None:
    frames, samples = frames_of(per_step), sound(0.5)
    stream, told = frames.stream(), 0
    for heard, sample in enumerate(samples, 1):
        for step in range(told, told + len(stream.feed(sample[None]))):
            assert heard / 8000 == pytest.approx(frames.delay_seconds(step, 0))
            told += 1
    assert told > 10
    assert frames.delay_seconds(2, 4) == frames.delay_seconds(6, 0)


def test_they_are_stored() -> None:
    frames = frames_of(3)
    content = json.loads(json.dumps(frames.to_json()))
    again = SoundFrames.from_json(content)
    assert content["input"] == frames.input == "sound"
    assert again.to_json() == frames.to_json()
    record = Recording(sound(0.3), 8000, Source("a.wav", 0), "a")
    assert np.array_equal(again.of(record), frames.of(record))


@pytest.mark.parametrize("rate", ["8000", 44100.0, 0, -5, 7, 768_001, True])
def test_rates_that_sound_does_not_have_are_refused(rate: Any) -> None:
    with pytest.raises(RecipeError, match=r"rate = .*from 1,000 to 768,000"):
        frames_of(1).stream(rate)


@pytest.mark.parametrize("given", [np.zeros((5, 2)), np.zeros((1, 5)), 0.5, ["loud"], np.zeros(3, dtype=complex)])
@pytest.mark.parametrize("rate", [None, 16000])
def test_what_is_no_sound_of_one_channel_is_refused(given: Any, rate: int | None) -> None:
    with pytest.raises(ShapeError, match=r"was given; samples \[n\] of one channel"):
        frames_of(1).stream(rate).feed(given)
