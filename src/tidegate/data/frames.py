"""What a network reads of sequences, whether of numbers or of sound: steps [T, C], all at once or as they come; and ragged batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tidegate.data.frame_scales import Floats, FrameScale
from tidegate.data.number_frames import NumberFrames

Ids = NDArray[np.int64]
FrameInput = Literal["numbers", "sound"]
# What has a label: the sequence, each of its steps; or the sequence has a transcript, any number of labels in order.
Labelled = Literal["sequence", "step", "transcript"]


class FrameStream(Protocol):
    """One sequence to steps, part after part: the same bits as all at once."""

    def feed(self, values: NDArray[np.floating[Any]], /) -> Floats:
        """The steps [m, C] that are whole now. Of numbers: frames [n, D], or one [D]; of sound: samples [n]."""
        ...

    def finish(self) -> Floats:
        """The steps [m, C] that are left at the end."""
        ...

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that `restore` needs to go on from here with the same bits."""
        ...

    def restore(self, arrays: Mapping[str, NDArray[Any]], /) -> None:
        """Takes over what `arrays` gave; KeyError where one is missing."""
        ...


class Frames(Protocol):
    """How records become the steps that a network reads."""

    @property
    def input(self) -> FrameInput:
        """Of what kind the records are."""
        ...

    @property
    def scale(self) -> FrameScale:
        """How steps are made of frames."""
        ...

    @property
    def width(self) -> int:
        """C, what a network reads of one step."""
        ...

    @property
    def step_seconds(self) -> float | None:
        """How long a step is; None where the data does not say."""
        ...

    def steps(self, frames: int, /) -> int:
        """How many steps so many frames make."""
        ...

    def steps_of(self, record: Any, /) -> int:
        """How many steps a record makes, which need not be computed for that."""
        ...

    def of(self, record: Any, /) -> Floats:
        """The steps [T, C] of a `NumberSequence` or a `Recording`; DataError where it does not fit."""
        ...

    def stream(self) -> FrameStream:
        """The same as the data comes."""
        ...

    def lookahead_steps(self, span: str, /) -> int:
        """A look-ahead in steps: "4", or where steps have a length a span ("100ms", rounded down); RecipeError for any other."""
        ...

    def delay_seconds(self, step: int, lookahead: int, /) -> float | None:
        """The moment, from the beginning, at which all is there that a step with a look-ahead needs; None where steps have no length."""
        ...

    def to_json(self) -> dict[str, Any]:
        """For vocabulary.json."""
        ...


def frames_from_json(content: Mapping[str, Any]) -> Frames:
    """Frames as `to_json` wrote them."""
    if content["input"] == "numbers":
        return NumberFrames.from_json(content)
    from tidegate.data.sound_frames import SoundFrames

    return SoundFrames.from_json(content)


@dataclass(frozen=True, slots=True, eq=False)
class FrameBatch:
    """B sequences with N steps in all.

    Attributes:
        x: [N, C].
        offsets: [B+1]; sequence b owns steps offsets[b] to offsets[b+1].
        labels: ids, [B] one a sequence, [N] one a step, or [M] those of all transcripts, one after another; [0] when predicting.
        label_offsets: [B+1] of transcripts, which labels are whose; None of anything else.
    """

    x: Floats
    offsets: Ids
    labels: Ids
    label_offsets: Ids | None = None

    @property
    def tokens(self) -> int:
        """N."""
        return int(self.offsets[-1])


def collate_frames(
    xs: Sequence[Floats], labels: Sequence[int] | Sequence[Ids] | Ids | None = None, *, labelled: Labelled = "sequence"
) -> FrameBatch:
    """One ragged batch of sequences, in their order.

    Args:
        xs: of each sequence its steps [T, C]; at least one sequence.
        labels: of each its label's id, or an array of ids; None when predicting.
        labelled: what the labels are of.

    Raises:
        ValueError: not a label a sequence or, if `labelled` is "step", a step.
    """
    offsets = _offsets(xs)
    x = np.ascontiguousarray(np.concatenate(xs), dtype=np.float32)
    if labels is None:
        return FrameBatch(x, offsets, np.zeros(0, dtype=np.int64))
    if len(labels) != len(xs):
        raise ValueError(f"{len(labels)} labels for {len(xs)} sequences")
    if labelled == "sequence":
        return FrameBatch(x, offsets, np.array(labels, dtype=np.int64).reshape(len(xs)))
    own = [np.asarray(ids, dtype=np.int64).reshape(-1) for ids in labels]
    flat, label_offsets = np.concatenate(own), _offsets(own)
    if labelled == "transcript":
        return FrameBatch(x, offsets, flat, label_offsets)
    if (offsets != label_offsets).any():
        raise ValueError(f"labels for {np.diff(label_offsets).tolist()} steps, and there are {np.diff(offsets).tolist()}")
    return FrameBatch(x, offsets, flat)


def _offsets(arrays: Sequence[NDArray[Any]]) -> Ids:
    offsets = np.zeros(len(arrays) + 1, dtype=np.int64)
    np.cumsum([len(array) for array in arrays], out=offsets[1:])
    return offsets
