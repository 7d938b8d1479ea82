"""What models over sequences of numbers and sound share: their frames, their network with a look-ahead, and records as they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel, copy_model
from tidegate.data.frames import FrameStream, frames_from_json
from tidegate.data.number_sequences import NumberSequence, SequenceColumns
from tidegate.data.opening import suffix_of
from tidegate.data.recording_files import SOUND_SUFFIXES, expand_sound
from tidegate.data.recording_tables import TABLE_SUFFIXES
from tidegate.data.recordings import Recording, RecordingColumns, read_recordings
from tidegate.data.sequences import read_sequences
from tidegate.data.sound_frames import SoundFrames
from tidegate.errors import DataError, RecipeError, listed
from tidegate.runtime.frame_records import as_records
from tidegate.runtime.sequence_network import SequenceNetwork
from tidegate.runtime.stack_session import check_live
from tidegate.runtime.windows import answered

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Record = NumberSequence | Recording
# Steps, a number of them or a span ("100ms"); None: as trained.
Lookahead = int | str | None
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """A record and its steps x [T, C]."""

    record: Record
    x: Array


class FrameModel:
    """A model read from a model directory.

    Attributes:
        config, metrics: what the directory says of itself.
        frames: how a record becomes steps.
        read_as: how the files of training were read; for numbers `frames.columns` too.
        input: "numbers" or "sound".
    """

    def __init__(self, model: StoredModel) -> None:
        self._path, self.stored = model.path, model
        self.config = model.config
        self.metrics = model.metrics
        self.frames = frames_from_json(model.vocabulary["frames"])
        self.input = self.frames.input
        columns = model.vocabulary["columns"]
        self.read_as: SequenceColumns | RecordingColumns
        self.read_as = SequenceColumns.from_json(columns) if self.input == "numbers" else RecordingColumns.from_json(columns)
        self._network = SequenceNetwork(model)
        self._bounded: dict[int, SequenceNetwork] = {}

    @property
    def lookahead(self) -> int | None:
        """Steps ahead that the network sees as it was trained; None where it sees the whole sequence."""
        stack = self._network.stack
        return stack.lookahead if stack.architecture.is_bidirectional else 0

    def network(self, lookahead: Lookahead) -> SequenceNetwork:
        """The network that sees so far ahead.

        Raises:
            RecipeError: no look-ahead, or one for a network that reads one way.
        """
        if lookahead is None:
            return self._network
        steps = self.frames.lookahead_steps(lookahead) if isinstance(lookahead, str) else lookahead
        if steps not in self._bounded:
            self._bounded[steps] = self._network.with_lookahead(steps)
        return self._bounded[steps]

    def live(self, lookahead: Lookahead, rate: int | None) -> tuple[FrameStream, SequenceNetwork, Callable[[], dict[str, Any]]]:
        """What a session begins with: steps as they come, the network, and what the session says of itself when it is saved.

        Raises:
            RecipeError: the network reads the whole sequence both ways; a rate that sound does not have, or one where there is no sound.
        """
        network = self.network(lookahead)
        check_live(network.stack, "sequence", "SPAN")
        if rate is not None and not isinstance(self.frames, SoundFrames):
            raise RecipeError(f"a rate of {rate} was given, but the model reads numbers, not sound. Leave it out.")
        steps = self.frames.stream(rate) if isinstance(self.frames, SoundFrames) else self.frames.stream()
        given = None if rate is None else int(rate)
        return steps, network, lambda: {"model": self.stored.digest, "lookahead": network.stack.lookahead, "rate": given}

    def records(self, given: Any) -> Iterator[Record]:
        """What is given in Python as records; `as_records` says what may be."""
        return as_records(given, self.frames)

    def read(self, paths: Sequence[str], *, label: str = "", text: str = "", is_labelled: bool = False) -> list[Record]:
        """The sequences or recordings of files, globs and folders, read as those of training were.

        Args:
            label, text: columns in these files, where they are others than in training.
            is_labelled: whether each must have its label, a label for each frame, or its transcript.

        Raises:
            DataError: a file cannot be read, lacks what is needed, or its features are not those of training.
        """
        if isinstance(self.read_as, RecordingColumns):
            asked = label or text
            if asked and not any(suffix_of(path) in TABLE_SUFFIXES for path in expand_sound(paths)):
                raise DataError(
                    f"--{'label' if label else 'text'} {asked} names a column of a table, and {listed(paths, 3)} holds none: folders' and "
                    "files' names tell labels. Leave it out, or give a table with that column."
                )
            needs: Literal["label", "text"] = "text" if self.config["task"] == "transcribe" else "label"
            found = read_recordings(paths, label=label, text=text, is_labelled=is_labelled, needs=needs, like=self.read_as)
            return list(found.recordings)
        if sounds := [path for path in paths if suffix_of(path) in SOUND_SUFFIXES]:
            raise DataError(f"{sounds[0]} is sound, and this model reads sequences of numbers: {listed(self.read_as.features)}.")
        numbers = read_sequences(
            paths,
            label=label,
            missing=self.config["recipe"]["missing"],
            per_step_labels=self.config["task"] == "tag",
            is_labelled=is_labelled,
            like=self.read_as,
        )
        return list(numbers.sequences)

    def answered(
        self,
        records: Iterable[Record],
        answer: Callable[[list[Steps], Array, Ids], Iterable[Answer]],
        *,
        batch_tokens: int,
    ) -> Iterator[Answer]:
        """An answer per record, in order, reading the records as they are needed.

        Args:
            answer: the answers to a batch, given its steps x [N, C] and offsets [B+1].
            batch_tokens: most steps that are computed together; bounds the memory.

        Raises:
            DataError: a record without a step, or with other features.
        """

        def of_batch(batch: list[Steps]) -> Iterable[Answer]:
            offsets = np.zeros(len(batch) + 1, dtype=np.int64)
            np.cumsum([len(steps.x) for steps in batch], out=offsets[1:])
            return answer(batch, batch[0].x if len(batch) == 1 else np.concatenate([steps.x for steps in batch]), offsets)

        return answered(map(self._steps, records), lambda steps: len(steps.x), of_batch, batch_tokens=batch_tokens)

    def _steps(self, record: Record) -> Steps:
        x = self.frames.of(record)
        if not len(x):
            what = "recording" if isinstance(record, Recording) else "sequence"
            raise DataError(f"{record.source}: {what} '{record.name}' is empty; there is nothing to answer. Leave it out.")
        return Steps(record, x)

    def save(self, path: str | Path) -> None:
        """Copies the model directory to `path`.

        Raises:
            OutputError: `path` exists or cannot be written.
        """
        copy_model(self._path, Path(path))


class LabelModel(FrameModel):
    """What models that give labels share.

    Attributes:
        column: the label column that it was trained on; `columns` names it too.
        classes: the labels in the order of the probabilities; `labels` has them by column.
    """

    def __init__(self, model: StoredModel) -> None:
        super().__init__(model)
        self.column: str = model.vocabulary["column"]
        self.columns = (self.column,)
        self.classes = tuple(model.vocabulary["labels"])
        self.labels = {self.column: self.classes}
