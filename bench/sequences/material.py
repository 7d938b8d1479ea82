"""japanese_vowels and fsdd as records, parts as their authors cut them."""

from __future__ import annotations

import gzip
import os
import sys
import tarfile
from functools import cache
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tidegate.data import Source
from tidegate.data.recordings import Recording, RecordingColumns, read_recordings
from tidegate.data.sequences import NumberSequence, SequenceColumns

VOWEL_COLUMNS = SequenceColumns("", "", tuple(f"lpc{place}" for place in range(1, 13)), "speaker", "")
# Utterances of the speakers 1 to 9, one after another.
_VOWELS = {"train": (30,) * 9, "test": (31, 35, 88, 44, 29, 24, 40, 50, 29)}
SOUND_COLUMNS = RecordingColumns(pattern="{label}_{group}_{}")


def data_folder(name: str) -> Path:
    """A data set's folder, in the folder that TIDEGATE_DATA names, else ../shared/data."""
    folder = Path(os.environ.get("TIDEGATE_DATA", "../shared/data")) / name
    if not folder.is_dir():
        sys.exit(f"{name} is not there; name the folder of data sets with TIDEGATE_DATA")
    return folder


def vowels(part: str) -> list[NumberSequence]:
    """The utterances of japanese_vowels, 'train' or 'test': frames of 12 numbers, blank lines between, speakers in order."""
    name = f"ae.{part}.gz"
    with gzip.open(data_folder("japanese_vowels") / name, "rt", encoding="utf-8") as lines:
        blocks = [list(block) for is_frame, block in groupby(lines, key=lambda line: bool(line.strip())) if is_frame]
    speakers = np.repeat(np.arange(1, 10), _VOWELS[part]).tolist()
    return [
        NumberSequence(
            np.array([line.split() for line in block], dtype=np.float64), Source(name, place, "utterance"), str(place), str(speaker)
        )
        for place, (block, speaker) in enumerate(zip(blocks, speakers, strict=True), 1)
    ]


@cache
def digits() -> tuple[Recording, ...]:
    """The recordings of fsdd: the digit is the label, the speaker the group."""
    with TemporaryDirectory() as folder, tarfile.open(data_folder("fsdd") / "fsdd_00_19.tar.gz") as packed:
        packed.extractall(folder, filter="data")
        found = read_recordings([f"{folder}/recordings/*.wav"], pattern=SOUND_COLUMNS.pattern)
    return found.recordings


def take(recording: Recording) -> int:
    """Which of its speaker's takes a recording is: `<digit>_<speaker>_<take>.wav`."""
    return int(Path(recording.name).stem.rpartition("_")[2])
