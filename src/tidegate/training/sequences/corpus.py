"""The data of a run over sequences with labels: read, split, measured, their labels counted."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tidegate.data import LabelColumn, TextRecord, UnknownLabels
from tidegate.data.frames import Frames
from tidegate.data.sequences import NumberSequence
from tidegate.errors import DataError
from tidegate.training.files import RunFiles
from tidegate.training.frame_material import Parts, Record, frames_of, read_parts
from tidegate.training.sequences.recipe import LabelledFramesRecipe

# Fewer development sequences than this are worth a warning.
_FEW = 30


@dataclass(frozen=True, slots=True)
class LabelledCorpus:
    """Sequences with a label each, or with a label for each of their frames.

    Attributes:
        parts: training, development and test records.
        frames: how a record becomes steps.
        column: the labels, in the order of their ids.
        is_per_step: whether each frame has a label of its own.
        notes: sentences that the user should read before training begins.
    """

    parts: Parts
    frames: Frames
    column: LabelColumn
    is_per_step: bool
    notes: tuple[str, ...]
    _places: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {label: place for place, label in enumerate(self.column.labels)})

    def ids(self, record: Record) -> NDArray[np.int64]:
        """Label ids [1], or [T]; −1 where training lacks the label."""
        return np.array([self._places.get(label, -1) for label in labels_of(record, is_per_step=self.is_per_step)], dtype=np.int64)


def labels_of(record: Record, *, is_per_step: bool) -> Sequence[str]:
    """The label of a record, or those of its frames."""
    if is_per_step:
        assert isinstance(record, NumberSequence)
        return record.labels
    return (record.label,)


def read_corpus(files: RunFiles, recipe: LabelledFramesRecipe) -> LabelledCorpus:
    """Reads the files of a run.

    Raises:
        DataError: a file cannot be read, sequences lack labels, or there is nothing to learn.
    """
    return corpus_of(read_parts(files, recipe, "labels" if recipe.task == "tag" else "label"), recipe)


def corpus_of(parts: Parts, recipe: LabelledFramesRecipe) -> LabelledCorpus:
    """The corpus of records that were read already.

    Raises:
        DataError: there is nothing to learn, or many development or test labels do not occur in training.
    """
    is_per_step = recipe.task == "tag"
    counts = Counter(label for record in parts.train for label in labels_of(record, is_per_step=is_per_step))
    if len(counts) < 2:
        raise DataError(
            f"{parts.train[0].source}: every label is '{next(iter(counts), '')}', so there is nothing to learn. Name another column with "
            "--label."
        )
    column = LabelColumn(parts.columns.label or "label", tuple(sorted(counts)), None)
    notes = [*parts.notes]
    for part in (parts.dev, parts.test):
        unknown = UnknownLabels([column])
        deque(unknown.watch_texts(_as_texts(part, is_per_step=is_per_step), may_be_none=False), maxlen=0)
        unknown.settle()  # now, not after hours of training
        if unknown.first:
            notes.append(f"{unknown.first} Such labels count as wrong answers.")
    if len(parts.dev) < _FEW:
        notes.append(f"The development set has {len(parts.dev)} sequences only: its scores, by which epochs are chosen, are partly luck.")
    said = f"{len(parts.train):,} sequences to train on, {len(counts)} labels; {parts.split}"
    return LabelledCorpus(parts, frames_of(parts, recipe), column, is_per_step, (*notes, said))


def _as_texts(records: Sequence[Record], *, is_per_step: bool) -> Iterator[TextRecord]:
    return (TextRecord("", record.source, tuple(labels_of(record, is_per_step=is_per_step))) for record in records)
