"""How frames of numbers become what a network reads: holes filled and marked, features scaled, frames stacked; also as they come.

A frame is what is measured at one moment, D features; a step is what a network reads at once, `per_step` frames side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class FrameScale:
    """Measures of each feature over the training frames.

    Attributes:
        centre, spread: [D], mean and standard deviation (1 where nothing varies) of what is there.
        has_gaps: [D], whether a value was missing in training: the feature then has a second channel that says where.
        per_step: frames that are read at once.
    """

    centre: Floats
    spread: Floats
    has_gaps: NDArray[np.bool_]
    per_step: int = 1

    @classmethod
    def of(cls, arrays: Iterable[NDArray[np.floating[Any]]], *, per_step: int = 1) -> FrameScale:
        """Measured over frames [T, D] of sequences, NaN where a value is missing; at least one frame."""
        each = list(arrays)
        there = np.sum([np.isfinite(frames).sum(axis=0) for frames in each], axis=0)
        counts = np.maximum(there, 1)
        centre = np.sum([np.nansum(frames, axis=0, dtype=np.float64) for frames in each], axis=0) / counts
        squares = (np.nansum((frames.astype(np.float64) - centre) ** 2, axis=0) for frames in each)
        spread = np.sqrt(np.sum(list(squares), axis=0) / counts)
        # Of a constant feature rounding leaves a little.
        varies = spread > 1e-6 * np.maximum(1e-6, np.abs(centre))
        scaled = np.where(varies, spread, 1).astype(np.float32)
        has_gaps = there < sum(map(len, each))
        return cls(centre.astype(np.float32), scaled, has_gaps, per_step)

    @property
    def features(self) -> int:
        """D."""
        return len(self.centre)

    @property
    def width(self) -> int:
        """C, what a network reads of one step."""
        return self.per_step * (self.features + int(self.has_gaps.sum()))

    def steps(self, frames: int) -> int:
        """How many steps so many frames make; the last one may be short of frames and repeats its last."""
        return -(-frames // self.per_step)

    def apply(self, values: NDArray[np.floating[Any]]) -> Floats:
        """Steps [steps(T), C] of frames [T, D]. A missing value is the last that was there, the mean before any was."""
        stream = self.stream()
        return np.concatenate([stream.feed(values), stream.finish()])

    def stream(self) -> ScaleStream:
        """The same for frames as they come."""
        return ScaleStream(self)

    def to_json(self) -> dict[str, Any]:
        """For vocabulary.json."""
        return {
            "centre": self.centre.astype(float).tolist(),
            "spread": self.spread.astype(float).tolist(),
            "has_gaps": self.has_gaps.tolist(),
            "per_step": self.per_step,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> FrameScale:
        return cls(
            np.array(content["centre"], dtype=np.float32),
            np.array(content["spread"], dtype=np.float32),
            np.array(content["has_gaps"], dtype=bool),
            content["per_step"],
        )


class ScaleStream:
    """Frames of one sequence to steps, part after part: the same bits as all at once."""

    def __init__(self, scale: FrameScale) -> None:
        self._scale = scale
        # First in double: values far from 0 would lose their digits.
        self._centre, self._spread = scale.centre.astype(np.float64), scale.spread.astype(np.float64)
        self._has_gaps = bool(scale.has_gaps.any())
        self._last = np.zeros(scale.features, dtype=np.float32)
        self._held = np.zeros((0, scale.width // scale.per_step), dtype=np.float32)

    def feed(self, values: NDArray[np.floating[Any]]) -> Floats:
        """Frames [n, D] to the steps [m, C] that are now whole."""
        scale = self._scale
        scaled = ((np.asarray(values, dtype=np.float64) - self._centre) / self._spread).astype(np.float32)
        is_there = np.isfinite(scaled)
        if not np.logical_and.reduce(is_there, axis=None):
            place = np.where(is_there, np.arange(1, len(scaled) + 1)[:, None], 0)
            np.maximum.accumulate(place, axis=0, out=place)
            scaled = np.take_along_axis(np.concatenate([self._last[None], scaled]), place, axis=0)
        if len(scaled):
            self._last = scaled[-1].copy()
        if self._has_gaps:
            scaled = np.concatenate([scaled, (~is_there[:, scale.has_gaps]).astype(np.float32)], axis=1)
        held = np.concatenate([self._held, scaled]) if len(self._held) else scaled
        whole = len(held) // scale.per_step * scale.per_step
        self._held = held[whole:]
        return held[:whole].reshape(-1, scale.width)

    def finish(self) -> Floats:
        """The last step, whose last frame is repeated where frames are short; [0, C] where none is left."""
        held, per_step = self._held, self._scale.per_step
        self._held = held[:0]
        if not len(held):
            return np.zeros((0, self._scale.width), dtype=np.float32)
        whole: Floats = np.concatenate([held, np.repeat(held[-1:], per_step - len(held), axis=0)]).reshape(1, -1)
        return whole

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that `restore` needs to go on from here with the same bits."""
        return {"last": self._last, "frames": self._held}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes over what `arrays` gave; KeyError where one is missing."""
        self._last, self._held = arrays["last"], arrays["frames"]
