"""Sequences and recordings given in Python as records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.data.frames import Frames
from tidegate.data.number_sequences import NumberSequence
from tidegate.data.recordings import Recording
from tidegate.data.records import Source
from tidegate.data.sequence_tables import LARGEST
from tidegate.data.sound_frames import SoundFrames
from tidegate.data.wav import read_wav
from tidegate.errors import DataError


def as_records(given: Any, frames: Frames) -> Iterator[NumberSequence | Recording]:
    """Records as they are; arrays [T, D] of numbers; of sound, samples [n] at the rate that the model reads, or .wav files.

    Raises:
        DataError: something else, or one sequence instead of a list of them.
    """
    is_sound = isinstance(frames, SoundFrames)
    what, form = ("recording", "samples [n] or a .wav file") if is_sound else ("sequence", "an array [T, D]")
    if isinstance(given, np.ndarray) and given.dtype != object and given.ndim == (1 if is_sound else 2):
        raise DataError(f"one {what} was given where a list of them is expected; write [{what}].")
    if isinstance(given, str | NumberSequence | Recording) or hasattr(given, "columns"):
        raise DataError(f"a {type(given).__name__} was given where a list is expected, of each {what} {form}.")
    for number, item in enumerate(given, 1):
        if isinstance(item, Recording if is_sound else NumberSequence):
            yield item
            continue
        source = Source(f"the {what}s given", number, what)
        if is_sound and isinstance(item, str | Path):
            samples, rate = read_wav(item)
            yield Recording(samples, rate, Source(str(item), 1, "file"), Path(item).name)
            continue
        try:
            values = np.asarray(item)
            if is_sound and values.dtype.kind in "iub":
                raise DataError(f"{what} {number} is of whole numbers; samples in [-1, 1] were expected: of 16 bits, divide by 32768.")
            if values.dtype.kind == "c":
                raise DataError(f"{what} {number} is of complex numbers; {form} of real ones was expected.")
            values = values if values.dtype == np.float32 else values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"{what} {number} is {item!r:.60}; {form} of numbers was expected.") from error
        if values.ndim != (1 if is_sound else 2):
            raise DataError(f"{what} {number} is an array of shape {list(values.shape)}; {form} was expected.")
        if np.isinf(values).any() or (np.abs(values) > LARGEST).any() or (is_sound and not np.isfinite(values).all()):
            raise DataError(f"{what} {number} holds numbers that are not finite, or beyond {LARGEST:g}. Leave them out.")
        if isinstance(frames, SoundFrames):
            yield Recording(values.astype(np.float32), frames.mel.rate, source, str(number))
        else:
            yield NumberSequence(values, source, str(number))
