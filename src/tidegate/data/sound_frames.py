"""Recordings to what a network reads: resampled, as log-mel frames, scaled and stacked; all at once, or as the sound comes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.data.frame_scales import FrameScale, ScaleStream
from tidegate.data.log_mel import LogMel, MelSettings, MelStream
from tidegate.data.recordings import Recording
from tidegate.data.resampling import ResampleStream, at_rate, checked_rate
from tidegate.errors import RecipeError, ShapeError

Floats = NDArray[np.float32]

_SPAN = re.compile(r"([0-9]*\.?[0-9]+)\s*(ms|s)|([0-9]+)")


@dataclass(frozen=True, slots=True, eq=False)
class SoundFrames:
    """How recordings become steps.

    Attributes:
        mel: how frames are made of samples.
        scale: how steps are made of frames.
    """

    mel: MelSettings
    scale: FrameScale
    input: ClassVar[Literal["sound"]] = "sound"
    _log_mel: LogMel = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_log_mel", LogMel(self.mel))

    @property
    def width(self) -> int:
        """C, what a network reads of one step."""
        return self.scale.width

    @property
    def step_seconds(self) -> float:
        """From one step to the next."""
        return self.scale.per_step * self.mel.hop / self.mel.rate

    def steps(self, frames: int) -> int:
        """How many steps so many frames make."""
        return self.scale.steps(frames)

    def steps_of(self, record: Recording) -> int:
        """How many steps a recording at any rate makes."""
        return self.steps(self.mel.frames(-(-len(record.samples) * self.mel.rate // record.rate)))

    def features(self, samples: NDArray[np.floating[Any]]) -> Floats:
        """Frames [T, mels] of samples [n] at the rate of `mel`, not scaled yet."""
        return self._log_mel(samples)

    def of(self, record: Recording) -> Floats:
        """Steps [steps, width] of a recording at any rate."""
        return self.scale.apply(self.features(at_rate(record.samples, record.rate, self.mel.rate)))

    def stream(self, rate: int | None = None) -> SoundStream:
        """The same for samples as they come, at the rate of `mel` or at another `rate`, which is then resampled as `of` does.

        Raises:
            RecipeError: a rate that sound does not have.
        """
        return SoundStream(self._log_mel, self.scale, self.mel.rate if rate is None else checked_rate(rate, "rate"))

    def lookahead_steps(self, span: str) -> int:
        """Steps of future: '5' is steps, '100ms' and '0.1s' as many as fit into that time.

        Raises:
            RecipeError: anything else.
        """
        match = _SPAN.fullmatch(span.strip())
        if match is None:
            raise RecipeError(
                f"lookahead '{span}': neither steps nor a time. Write how many steps ('5'), or how long ('100ms', '0.5s'); a step is "
                f"{1000 * self.step_seconds:g} ms here."
            )
        if match[3]:
            return int(match[3])
        seconds = float(match[1]) / (1000 if match[2] == "ms" else 1)
        # A hair more, so that 30 ms are three steps of 10 ms.
        return int(seconds / self.step_seconds + 1e-9)

    def delay_seconds(self, step: int, lookahead: int) -> float:
        """When all has been heard that a step (from 0) and `lookahead` steps after it need, from the beginning of the recording.

        A recording may end earlier: then that is when.
        """
        last = (step + lookahead + 1) * self.scale.per_step - 1
        return (last * self.mel.hop + self.mel.window) / self.mel.rate

    def to_json(self) -> dict[str, Any]:
        """For vocabulary.json."""
        return {"input": self.input, "mel": self.mel.to_json(), "scale": self.scale.to_json()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> SoundFrames:
        return cls(MelSettings.from_json(content["mel"]), FrameScale.from_json(content["scale"]))


class SoundStream:
    """Steps of one recording as its samples come: the same bits as all at once, wherever they are cut."""

    def __init__(self, log_mel: LogMel, scale: FrameScale, rate: int) -> None:
        self._resampled = ResampleStream(rate, log_mel.settings.rate) if rate != log_mel.settings.rate else None
        self._frames = log_mel.stream()
        self._steps = scale.stream()
        self._width = scale.width

    def feed(self, values: NDArray[np.floating[Any]]) -> Floats:
        """Samples [n] to the steps [m, width] that have now been heard to their ends.

        Raises:
            ShapeError: another shape, or what is no number.
        """
        given = np.asarray(values)
        if given.ndim != 1 or given.dtype.kind not in "fiu":
            what = f"an array of shape {list(given.shape)}" if given.dtype.kind in "fiu" else f"an array of {given.dtype}"
            raise ShapeError(f"{what} was given; samples [n] of one channel, numbers in [-1, 1], were expected.")
        samples = given if self._resampled is None else self._resampled.feed(given)
        frames = self._frames.feed(samples)
        return self._steps.feed(frames) if len(frames) else np.zeros((0, self._width), dtype=np.float32)

    def finish(self) -> Floats:
        """The steps that the end of the recording completes."""
        rest = [] if self._resampled is None else [self._frames.feed(self._resampled.finish())]
        frames = np.concatenate([*rest, self._frames.finish()])
        return np.concatenate([self._steps.feed(frames), self._steps.finish()])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that `restore` needs to go on from here with the same bits."""
        return {name: array for part in self._parts() for name, array in part.arrays().items()}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes over what `arrays` gave, of a stream of the same rate; KeyError where one is missing."""
        for part in self._parts():
            part.restore(arrays)

    def _parts(self) -> Iterator[ResampleStream | MelStream | ScaleStream]:
        if self._resampled is not None:
            yield self._resampled
        yield self._frames
        yield self._steps
