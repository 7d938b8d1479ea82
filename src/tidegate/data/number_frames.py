"""How sequences of numbers become the steps that a network reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.data.frame_scales import Floats, FrameScale
from tidegate.data.number_sequences import NumberSequence, SequenceColumns
from tidegate.errors import DataError, RecipeError, ShapeError, listed

_STEPS = re.compile(r"[0-9]{1,9}")


class NumberFrames:
    """Frames of numbers, scaled, holes filled and marked.

    Args:
        columns: which the features are.
        scale: of the D features.
    """

    input: Literal["numbers"] = "numbers"
    # Frames are counted: their data says nothing of seconds.
    step_seconds: float | None = None

    def __init__(self, columns: SequenceColumns, scale: FrameScale) -> None:
        self.columns = columns
        self.scale = scale

    @property
    def width(self) -> int:
        """C, what a network reads of one step."""
        return self.scale.width

    def steps(self, frames: int) -> int:
        """How many steps so many frames make."""
        return self.scale.steps(frames)

    def steps_of(self, record: NumberSequence) -> int:
        """How many steps a sequence makes."""
        return self.steps(len(record.values))

    def of(self, record: NumberSequence) -> Floats:
        """The steps [steps(T), C] of a sequence.

        Raises:
            DataError: another number of features.
        """
        values = record.values
        if values.ndim != 2 or values.shape[1] != self.scale.features:
            given = f"{values.shape[1]} features" if values.ndim == 2 else f"an array of shape {list(values.shape)}"
            raise DataError(
                f"{record.source}: sequence '{record.name}' has {given}; {self.scale.features} were expected: "
                f"{listed(self.columns.features)}. Give it with these, in this order."
            )
        return self.scale.apply(values)

    def stream(self) -> NumberStream:
        """The same for frames as they come."""
        return NumberStream(self.scale)

    def lookahead_steps(self, span: str) -> int:
        """A look-ahead in steps, "4".

        Raises:
            RecipeError: anything else; steps of numbers have no length in seconds.
        """
        if not _STEPS.fullmatch(span.strip()):
            raise RecipeError(
                f"a look-ahead of '{span}' was asked for; over sequences of numbers a whole number of steps was expected, 0 or more, as "
                "in 4."
            )
        return int(span)

    def delay_seconds(self, step: int, lookahead: int) -> None:
        """Unknown: steps of numbers have no length in seconds."""
        return

    def to_json(self) -> dict[str, Any]:
        """For vocabulary.json."""
        return {"input": self.input, "columns": self.columns.to_json(), "scale": self.scale.to_json()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> NumberFrames:
        return cls(SequenceColumns.from_json(content["columns"]), FrameScale.from_json(content["scale"]))


class NumberStream:
    """Frames of one sequence to steps, part after part: the same bits as all at once."""

    def __init__(self, scale: FrameScale) -> None:
        self._features = scale.features
        self._stream = scale.stream()

    def feed(self, values: NDArray[np.floating[Any]]) -> Floats:
        """Frames [n, D], or one [D], to the steps [m, C] that are whole now.

        Raises:
            ShapeError: another number of features.
        """
        frames = np.asarray(values)
        frames = frames[None] if frames.ndim == 1 else frames
        if frames.ndim != 2 or frames.shape[1] != self._features:
            raise ShapeError(
                f"frames of shape {list(np.shape(values))} were given; [n, {self._features}] or [{self._features}] was expected, a column "
                "for each feature."
            )
        return self._stream.feed(frames)

    def finish(self) -> Floats:
        """The last step, whose last frame is repeated where frames are short; [0, C] where none is left."""
        return self._stream.finish()

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that `restore` needs to go on from here with the same bits."""
        return self._stream.arrays()

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes over what `arrays` gave; KeyError where one is missing."""
        self._stream.restore(arrays)
