"""The data of a transcriber's run: recordings read and split, their units counted, streams joined where that is asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tidegate.data.connected import connected_set
from tidegate.data.frames import Frames
from tidegate.data.recordings import Recording
from tidegate.data.transcripts import transcript_of, transcript_units
from tidegate.errors import DataError
from tidegate.training.files import RunFiles
from tidegate.training.frame_material import Parts, Record, frames_of, read_parts
from tidegate.training.transcription.recipe import TranscribeRecipe

# Seeds of the streams that networks are chosen and tested by, beside the run's own.
_DEV, _TEST = 71, 72
# Streams of a development or test part, at least.
_LEAST_STREAMS = 50


@dataclass(frozen=True, slots=True)
class TranscribeCorpus:
    """Recordings with their transcripts.

    Attributes:
        parts: training recordings, and what is chosen and tested by: joined to streams where the recipe joins them.
        frames: how a recording becomes steps.
        units: of the transcripts, in the order of their ids; 0 is the blank, so the first unit has id 1.
        notes: sentences that the user should read before training begins.
    """

    parts: Parts
    frames: Frames
    units: tuple[str, ...]
    notes: tuple[str, ...]
    _places: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_places", {name: place for place, name in enumerate(self.units, 1)})

    def ids(self, text: str, unit: str) -> NDArray[np.int64]:
        """Ids [L] of a transcript; −1 for a unit that training lacks."""
        return np.array([self._places.get(name, -1) for name in transcript_units(text, unit)], dtype=np.int64)


def read_corpus(files: RunFiles, recipe: TranscribeRecipe) -> TranscribeCorpus:
    """Reads the files of a run.

    Raises:
        DataError: a file cannot be read, recordings lack transcripts, or there is nothing to learn.
    """
    return corpus_of(read_parts(files, recipe, "text"), recipe)


def corpus_of(parts: Parts, recipe: TranscribeRecipe, *, are_joined: bool = False) -> TranscribeCorpus:
    """The corpus of recordings that were read already.

    Args:
        are_joined: whether the development and test recordings are streams already, made by `development_streams` and `test_streams`.

    Raises:
        DataError: there is nothing to learn.
    """
    counts = Counter(unit for record in parts.train for unit in transcript_units(transcript_of(record), recipe.unit))
    if not counts:
        raise DataError(f"{parts.train[0].source}: no recording has a transcript with a {recipe.unit}. Name its column with --text.")
    if recipe.unit == "char" and recipe.counts[1] > 1:
        counts[" "] += 1  # what stands between joined transcripts
    units = tuple(sorted(counts))
    notes = [*parts.notes]
    for name, part in (("development", parts.dev), ("test", parts.test)):
        unknown = [unit for record in part for unit in transcript_units(transcript_of(record), recipe.unit) if unit not in counts]
        if unknown:
            notes.append(
                f"{len(unknown):,} units of the {name} transcripts do not occur in training ('{unknown[0]}'): they count as wrong."
            )
    if recipe.connect:
        if not are_joined:
            parts = replace(parts, dev=development_streams(parts.dev, recipe), test=test_streams(parts.test, recipe))
        notes.append(
            f"{recipe.connect} recordings are joined to a stream, with silence and noise between: anew each epoch to train on, once "
            f"({len(parts.dev)} streams) to choose by" + (f", once ({len(parts.test)}) to test." if parts.test else ".")
        )
    frames = frames_of(parts, recipe)
    if not recipe.connect:
        kept = [record for record in parts.train if fits(frames, record, recipe.unit)]
        if not kept:
            raise DataError("every recording is shorter than its transcript: a step can hold one unit. Set a smaller hop_ms or per_step.")
        if len(kept) < len(parts.train):
            notes.append(f"{len(parts.train) - len(kept):,} recordings are too short for their transcripts and left out.")
            parts = replace(parts, train=kept)
    seconds = sum(record.seconds for record in parts.train if isinstance(record, Recording))
    notes.append(f"{len(parts.train):,} recordings ({seconds / 60:,.1f} minutes) to train on, {len(units)} units; {parts.split}")
    return TranscribeCorpus(parts, frames, units, tuple(notes))


def development_streams(records: Sequence[Record], recipe: TranscribeRecipe) -> list[Record]:
    """Development recordings as the recipe joins them: the same streams for all seeds."""
    return _streams(records, recipe, _DEV) if recipe.connect else list(records)


def test_streams(records: Sequence[Record], recipe: TranscribeRecipe) -> list[Record]:
    """The same of test recordings, of which there may be none."""
    return _streams(records, recipe, _TEST) if recipe.connect and records else list(records)


def _streams(records: Sequence[Record], recipe: TranscribeRecipe, seed: int) -> list[Record]:
    recordings = [record for record in records if isinstance(record, Recording)]
    low, high = recipe.counts
    streams = max(_LEAST_STREAMS, round(2 * len(recordings) / (low + high)))
    joined = connected_set(recordings, streams=streams, count=(low, high), seed=seed, gap_seconds=recipe.gap, snr_db=recipe.snr_db)
    return list(joined)


def fits(frames: Frames, record: Record, unit: str) -> bool:
    """Whether a recording has a step for each unit of its transcript, and one more between two that are the same."""
    units = transcript_units(transcript_of(record), unit)
    repeats = sum(first == second for first, second in pairwise(units))
    return frames.steps_of(record) >= len(units) + repeats
