"""What is trained on frames: files read and split, the way from records to steps, and training records varied by chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.data.frame_scales import FrameScale
from tidegate.data.frames import Frames
from tidegate.data.log_mel import MelSettings
from tidegate.data.number_frames import NumberFrames
from tidegate.data.recordings import Recording, RecordingColumns, read_recordings
from tidegate.data.resampling import at_rate
from tidegate.data.sequence_splits import split_off_sequences
from tidegate.data.sequences import NumberSequence, SequenceColumns, read_sequences
from tidegate.data.sound_frames import SoundFrames
from tidegate.errors import DataError
from tidegate.training.files import RunFiles
from tidegate.training.frame_recipe import FrameRecipe

Record = NumberSequence | Recording
Columns = SequenceColumns | RecordingColumns
Floats = NDArray[np.float32]
Needs = Literal["label", "labels", "text"]

# Frames that scales are measured over, at most, of recordings spread over the training data.
_MEASURED = 200_000


@dataclass(frozen=True, slots=True)
class Parts:
    """Records of a run, none without a frame.

    Attributes:
        columns: where they stood in the training files.
        split: one sentence that says where the development set comes from.
        notes: sentences that the user should read before training begins.
    """

    train: list[Record]
    dev: list[Record]
    test: list[Record]
    columns: Columns
    split: str
    notes: tuple[str, ...]


def read_parts(files: RunFiles, recipe: FrameRecipe, needs: Needs) -> Parts:
    """Reads and splits the files of a run.

    Args:
        needs: what each record must have: one label, a label a step, or a transcript.

    Raises:
        DataError: a file cannot be read, lacks what is needed, or too little is left.
    """
    train, dev, test, columns, notes = read_records(files, recipe, needs)
    named = f"the development set is {', '.join(files.dev)}" if files.dev else ""
    return parts_of(train, dev, test, columns, recipe, notes=notes, named_split=named)


def read_records(files: RunFiles, recipe: FrameRecipe, needs: Needs) -> tuple[list[Record], list[Record], list[Record], Columns, list[str]]:
    """The training, development and test records of files, where they stood, and what is to be said of how they were read.

    Raises:
        DataError: a file cannot be read, or lacks what is needed.
    """
    train, columns, notes = _read(files.train, recipe, needs, None)
    dev, test = (_read(part, recipe, needs, columns) if part else ([], columns, []) for part in (files.dev, files.test))
    said = [*notes, *(note for _, _, more in (dev, test) for note in more if note not in notes)]
    return train, dev[0], test[0], columns, said


def parts_of(
    train: Sequence[Record],
    dev: Sequence[Record],
    test: Sequence[Record],
    columns: Columns,
    recipe: FrameRecipe,
    *,
    notes: Sequence[str] = (),
    named_split: str = "",
) -> Parts:
    """The parts of records that were read already; a development set is split off where `dev` is empty.

    Raises:
        DataError: nothing is left to train on or to choose epochs by.
    """
    said = list(notes)
    kept: list[list[Record]] = []
    for part, name in ((train, "training"), (dev, "development"), (test, "test")):
        empty = [record for record in part if not length_of(record)]
        if empty:
            said.append(f"{len(empty):,} {name} sequences are empty and left out (the first: {empty[0].source}).")
        kept.append([record for record in part if length_of(record)])
    train, dev, test = kept
    if not train:
        raise DataError("There is no sequence to train on. Give files with at least two labelled sequences that are not empty.")
    if dev:
        split = named_split or "the development set was given"
    else:
        whole = len(train)
        needs_labels = recipe.task != "transcribe"
        train, dev = split_off_sequences(train, share=recipe.dev_share, seed=recipe.seed)
        apart = ", groups kept whole" if any(record.group for record in train) else ""
        strata = ", stratified by label" if needs_labels else ""
        split = f"no development file: {len(dev):,} of {whole:,} sequences held out (seed {recipe.seed}{strata}{apart})"
    return Parts(list(train), list(dev), list(test), columns, split, tuple(said))


def length_of(record: Record) -> int:
    """Samples or frames of a record."""
    return len(record.samples if isinstance(record, Recording) else record.values)


def _read(names: Sequence[str], recipe: FrameRecipe, needs: Needs, like: Columns | None) -> tuple[list[Record], Columns, list[str]]:
    if recipe.input == "sound":
        where: dict[str, Any] = {"path": recipe.path, "group": recipe.group, "pattern": recipe.pattern}
        where |= {"label": getattr(recipe, "label", ""), "text": getattr(recipe, "text", "")}
        sounds = read_recordings(names, **where, needs="text" if needs == "text" else "label")
        return list(sounds.recordings), sounds.columns, list(sounds.notes)
    numbers = read_sequences(
        names,
        sequence=recipe.sequence,
        step=recipe.step,
        features=recipe.features,
        label=getattr(recipe, "label", ""),
        group=recipe.group,
        missing=recipe.missing,
        per_step_labels=needs == "labels",
        like=like if isinstance(like, SequenceColumns) else None,
    )
    return list(numbers.sequences), numbers.columns, list(numbers.notes)


def frames_of(parts: Parts, recipe: FrameRecipe) -> Frames:
    """How records become steps, measured over the training records."""
    per_step = recipe.frames_per_step
    if isinstance(parts.columns, SequenceColumns):
        scale = FrameScale.of((record.values for record in parts.train if isinstance(record, NumberSequence)), per_step=per_step)
        return NumberFrames(parts.columns, scale)
    recordings = [record for record in parts.train if isinstance(record, Recording)]
    rate = recipe.sample_rate or recordings[0].rate
    mel = MelSettings(rate, recipe.window_ms, recipe.hop_ms, recipe.mels)
    unscaled = SoundFrames(mel, FrameScale.of([np.zeros((1, recipe.mels), dtype=np.float32)], per_step=per_step))
    return SoundFrames(mel, FrameScale.of(_some_frames(unscaled, recordings), per_step=per_step))


def _some_frames(frames: SoundFrames, recordings: Sequence[Recording]) -> Iterator[Floats]:
    """Frames of recordings all over the training data until enough are there."""
    measured = 0
    for place in np.random.default_rng(0).permutation(len(recordings)):
        recording = recordings[place]
        features = frames.features(at_rate(recording.samples, recording.rate, frames.mel.rate))
        yield features
        measured += len(features)
        if measured >= _MEASURED:
            return


class VariedRecords:
    """Training records as steps, each time a little different, as the recipe says.

    Args:
        records: of training; recordings are brought to the network's sampling rate once.
        frames: the way from a record to steps.
        recipe: what is varied.
    """

    def __init__(self, records: Sequence[Record], frames: Frames, recipe: FrameRecipe) -> None:
        self.frames = frames
        self.records = [
            replace(one, samples=at_rate(one.samples, one.rate, frames.mel.rate), rate=frames.mel.rate)
            if isinstance(one, Recording) and isinstance(frames, SoundFrames)
            else one
            for one in records
        ]
        self._augmentation = recipe.augmentation()

    def lengths(self) -> NDArray[np.int64]:
        """Steps of each, before it is varied."""
        return np.array([self.frames.steps_of(record) for record in self.records], dtype=np.int64)

    def steps(self, record: Record, rng: np.random.Generator) -> Floats:
        """[T, C] of a record, varied."""
        if isinstance(record, Recording):
            assert isinstance(self.frames, SoundFrames)
            x = self.frames.scale.apply(self.frames.features(self._augmentation.of_samples(record.samples, record.rate, rng)))
        else:
            x = self.frames.of(record)
        scale = self.frames.scale
        return self._augmentation.of_frames(x, rng, per_step=scale.per_step, marks=int(scale.has_gaps.sum()))
