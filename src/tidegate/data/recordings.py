"""Recordings: sound with what is said of it, from folders, files whose names tell, and tables."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.opening import suffix_of
from tidegate.data.recording_files import Asked, Needs, RecordingFile, expand_sound, in_folder, is_sound, named_alone, refuse_other_sound
from tidegate.data.recording_names import NamePattern
from tidegate.data.recording_tables import TABLE_SUFFIXES, read_recording_table
from tidegate.data.records import Source
from tidegate.data.wav import read_wav
from tidegate.errors import DataError, listed

Floats = NDArray[np.float32]

# Seconds beyond which a recording is noted: what is said of it as a whole is said of much.
_LONG = 60


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """One recording.

    Attributes:
        samples: [n], in [-1, 1], one channel.
        rate: samples a second.
        source: its file, or its row in a table.
        name: what answers call it.
        label: its class; empty without one.
        text: what is said in it, the transcript; empty where nothing is said, None without one.
        group: what a split never cuts through (a speaker); empty without one.
    """

    samples: Floats
    rate: int
    source: Source
    name: str
    label: str = ""
    text: str | None = None
    group: str = ""

    @property
    def transcript(self) -> str | None:
        """What is said in it: its text, or its label where it has none; None where nothing tells."""
        return (self.label or None) if self.text is None else self.text

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate


@dataclass(frozen=True, slots=True)
class RecordingColumns:
    """What tells of recordings: columns of a table by name, or the pattern of the files' names; empty where there are none.

    Attributes:
        path: of the file, relative to the table.
        label, text, group: see `Recording`.
        pattern: of files' names, such as '{label}_{group}_{}'.
    """

    path: str = ""
    label: str = ""
    text: str = ""
    group: str = ""
    pattern: str = ""

    def to_json(self) -> dict[str, Any]:
        """For vocabulary.json."""
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> RecordingColumns:
        return cls(**content)


@dataclass(frozen=True, slots=True, eq=False)
class RecordingSet:
    """Recordings, what told of them, and what reading them has to say."""

    columns: RecordingColumns
    recordings: tuple[Recording, ...]
    notes: tuple[str, ...] = ()


def read_recordings(
    paths: Sequence[str],
    *,
    path: str = "",
    label: str = "",
    text: str = "",
    group: str = "",
    pattern: str = "",
    is_labelled: bool = True,
    needs: Needs = "",
    like: RecordingColumns | None = None,
) -> RecordingSet:
    """The recordings that folders, .wav files and tables stand for.

    - a folder: all .wav files below it, labelled by the subfolder that they lie in (DIR/LABEL/*.wav), or by `pattern`;
    - .wav files and globs: labelled by `pattern`, such as '{label}_{group}_{}' for 7_jackson_32.wav;
    - a table (.csv, .tsv, .txt, JSON Lines): a column of files, relative to the table, and columns of labels, transcripts, groups.

    Args:
        path, label, text, group: columns of tables by name or number from 1; empty: found by their names.
        is_labelled: whether recordings must have what they need; if not, what is told of them is read all the same.
        needs: "label" or "text". Where only labels are told, they are the transcripts.
        like: what told of the recordings of training, where a trained model asks: these columns and this pattern are used where they
            are found, and not missed; usual names of columns do as well.

    Raises:
        DataError: nothing there, what is needed is not told, or a file that cannot be read (named, in a table with its line).
        RecipeError: a pattern that cannot be.
    """
    hints = None if like is None else {"path": like.path, "label": like.label, "text": like.text, "group": like.group}
    # Files to be answered may be called anything.
    form = pattern or (like.pattern if like is not None and is_labelled else "")
    asked = Asked(path, label, text, group, NamePattern(form) if form else None, needs if is_labelled else "", hints)
    files: list[RecordingFile] = []
    columns: dict[str, str] = {}
    for name in expand_sound(paths):
        if os.path.isdir(name):
            files += in_folder(name, asked)
        elif is_sound(name):
            files.append(named_alone(name, asked))
        else:
            refuse_other_sound(name)
            if suffix_of(name) not in TABLE_SUFFIXES:
                raise DataError(
                    f"{name}: expected a .wav file, a folder of them, or a table that names them ({', '.join(TABLE_SUFFIXES)})."
                )
            found, rows = read_recording_table(name, asked)
            columns = found | columns
            files += rows
    notes = [f"columns of recordings: {', '.join(f'{role} {name!r}' for role, name in columns.items())}"] if columns else []
    if asked.needs == "text" and "text" not in columns and "text" not in asked.told:
        notes.append("no transcripts are told: the label of a recording is what is said in it")
    recordings = tuple(map(_read, files))
    return RecordingSet(RecordingColumns(pattern=pattern, **columns), recordings, (*notes, *_notes(recordings)))


def _read(file: RecordingFile) -> Recording:
    try:
        samples, rate = read_wav(file.path)
    except DataError as error:
        if not file.source.line:
            raise
        raise DataError(f"{file.source}: {error}") from error
    return Recording(samples, rate, file.source, file.name, file.label, file.text, file.group)


def _notes(recordings: Sequence[Recording]) -> Iterator[str]:
    """What is odd about recordings."""
    rates = Counter(recording.rate for recording in recordings)
    if len(rates) > 1:
        counts = ", ".join(f"{count:,} of {rate:,} Hz" for rate, count in rates.most_common())
        yield f"recordings have several rates ({counts}); all are brought to one"
    long = sorted((recording for recording in recordings if recording.seconds > _LONG), key=lambda one: -one.seconds)
    if long:
        yield (
            f"{len(long):,} of {len(recordings):,} recordings are longer than {_LONG} s ({long[0].name}: {long[0].seconds:,.0f} s); cut "
            "them where several things are heard in one"
        )
    silent = [recording.name for recording in recordings if not recording.samples.any()]
    if silent:
        yield f"nothing is heard in {listed(silent, 3)}: all samples are 0"
