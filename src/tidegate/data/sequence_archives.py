"""Sequences of numbers from NumPy's archives: arrays by name, flat with offsets or lengths, or padded."""

from __future__ import annotations

import os
import zipfile
import zlib
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.number_sequences import NumberSequence, SequenceColumns
from tidegate.data.records import Source
from tidegate.data.sequence_arrays import columns_like, frames_of, sequences_of_arrays, words_of
from tidegate.data.sequence_columns import Asked
from tidegate.data.series_reading import stem_of
from tidegate.errors import DataError, listed

Arrays = dict[str, NDArray[Any]]

_EXPECTED = (
    "expected are x [frames, features] with offsets [sequences + 1] or lengths [sequences], or X [sequences, frames, features] with or "
    "without lengths; y [sequences], or a label a frame; and, if you like, names and group [sequences] and features [features]"
)
_KNOWN = ("x", "X", "offsets", "lengths", "y", "names", "features", "group")


def read_archive(file: str, asked: Asked, notes: dict[str, None]) -> tuple[SequenceColumns, list[NumberSequence]]:
    """The sequences of an .npz file, and the names of their features.

    Raises:
        DataError: what is no such file, or holds other arrays than these, or such that do not fit one another.
    """
    arrays = _load(file)
    frames, offsets = _frames(file, arrays, notes)
    count = len(offsets) - 1
    if not count:
        raise DataError(f"{file} holds no sequences. One at least was expected.")
    features = words_of(_of_shape(file, arrays, "features", (frames.shape[1],)), "a feature", file).tolist() if "features" in arrays else []
    columns, places = columns_like(features, frames.shape[1], asked.like, file)
    if any((asked.sequence, asked.step, asked.features, asked.label, asked.group)):
        raise DataError(f"{file}: columns were asked for, and an archive has none: its arrays are known by their names. Leave them out.")
    titles = [f"{stem_of(file)}/{place}" for place in range(1, count + 1)]
    if "names" in arrays:
        titles = words_of(_of_shape(file, arrays, "names", (count,)), "a name", file).tolist()
        if len(set(titles)) < count:
            double = next(name for place, name in enumerate(titles) if name in titles[:place])
            raise DataError(f"{file}: two sequences are called '{double}'. Give each its own name, or leave the names out.")
    groups = words_of(_of_shape(file, arrays, "group", (count,)), "a group", file).tolist() if "group" in arrays else None
    values = frames if places is None else np.ascontiguousarray(frames[:, places])
    found = sequences_of_arrays(
        [values[begin:end] for begin, end in pairwise(offsets.tolist())],
        titles,
        lambda place: Source(file, place + 1, "sequence"),
        labels=_labels(file, arrays, offsets, asked) if asked.is_labelled else None,
        groups=groups,
        per_step=asked.per_step,
    )
    return columns, found


def _load(file: str) -> Arrays:
    if not os.path.isfile(file):
        raise DataError(f"{file}: no such file. Check the path, which is read from the folder '{os.getcwd()}'.")
    try:
        with open(file, "rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{file} holds one array and no names; {_EXPECTED}. Save it with numpy.savez_compressed.")
            names = list(archive.files)
            if unknown := [name for name in names if name not in _KNOWN]:
                raise DataError(
                    f"{file} holds {listed(map(repr, unknown))}, of which nothing is known; {_EXPECTED}. Leave it out, or rename it."
                )
            arrays = {name: archive[name] for name in names}
    except ValueError as error:
        if "pickle" in str(error):
            raise DataError(
                f"{file} holds pickled objects, which may run any program as they are read, and are not. Save plain arrays: "
                "numpy.savez_compressed(FILE, x=…, lengths=…), not arrays of objects."
            ) from error
        raise DataError(_damaged(file, str(error))) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, RuntimeError, MemoryError) as error:
        raise DataError(_damaged(file, str(error))) from error
    # NumPy hands out what is no array as bytes.
    if others := [name for name, array in arrays.items() if not isinstance(array, np.ndarray)]:
        raise DataError(_damaged(file, f"{listed(others)} is no array"))
    return arrays


def _damaged(file: str, why: str) -> str:
    return f"{file} cannot be read as an .npz file ({why}). It may have been cut short: write or fetch it again."


def _frames(file: str, arrays: Arrays, notes: dict[str, None]) -> tuple[NDArray[np.floating[Any]], NDArray[np.int64]]:
    """All frames [N, D], and the offsets [B+1] of the sequences."""
    given = [name for name in ("x", "X") if name in arrays]
    if len(given) != 1:
        raise DataError(f"{file} holds {'both x and X' if given else 'neither x nor X'}; {_EXPECTED}.")
    (key,) = given
    x = arrays[key]
    if x.ndim == 2 and ("offsets" in arrays) != ("lengths" in arrays):
        offsets = _offsets(file, arrays, len(x))
    elif x.ndim == 3 and "offsets" not in arrays:
        lengths = _lengths(file, arrays, len(x)) if "lengths" in arrays else np.full(len(x), x.shape[1], dtype=np.int64)
        if (lengths > x.shape[1]).any():
            place = int(np.argmax(lengths > x.shape[1]))
            raise DataError(f"{file}, sequence {place + 1}: length {lengths[place]}, and {key} has {x.shape[1]} frames a sequence.")
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        x = x[np.arange(x.shape[1]) < lengths[:, None]]
    else:
        beside = (
            ", ".join(f"{name} {list(arrays[name].shape)}" for name in ("offsets", "lengths") if name in arrays)
            or "neither offsets nor lengths"
        )
        raise DataError(f"{file} holds {key} of shape {list(x.shape)} and {beside}; {_EXPECTED}.")

    def where(frame: int) -> str:
        sequence = int(np.searchsorted(offsets, frame, side="right"))
        return f"{file}, sequence {sequence}, frame {frame - int(offsets[sequence - 1]) + 1}" if len(x) else file

    frames = frames_of(x, where)
    if arrays[key].ndim == 3 and "lengths" not in arrays and x.size:
        ends = np.isnan(frames[offsets[1:] - 1]).all(axis=1)
        if ends.any():
            notes[
                f"{file}: {int(ends.sum())} of {len(ends)} sequences end in a frame without any value; if that is padding, save "
                "their lengths too"
            ] = None
    return frames, offsets


def _offsets(file: str, arrays: Arrays, frames: int) -> NDArray[np.int64]:
    if "lengths" in arrays:
        lengths = _lengths(file, arrays, None)
        if lengths.sum() != frames:
            raise DataError(f"{file}: the lengths add up to {lengths.sum()}, and there are {frames} frames.")
        return np.concatenate([[0], np.cumsum(lengths)])
    offsets = _whole(file, arrays, "offsets")
    if not len(offsets) or offsets[0] != 0 or offsets[-1] != frames or (np.diff(offsets) < 0).any():
        raise DataError(
            f"{file}: offsets must begin with 0, never fall, and end with {frames}, the number of frames; sequence b has the frames "
            f"offsets[b] to offsets[b + 1]. They are {listed(map(str, offsets.tolist()))}."
        )
    return offsets


def _lengths(file: str, arrays: Arrays, count: int | None) -> NDArray[np.int64]:
    lengths = _whole(file, arrays, "lengths")
    if (count is not None and len(lengths) != count) or (lengths < 0).any():
        expected = "0 or more" if count is None else f"{count}, each 0 or more,"
        raise DataError(f"{file}: {len(lengths)} lengths ({listed(map(str, lengths.tolist()))}); {expected} were expected.")
    return lengths


def _whole(file: str, arrays: Arrays, name: str) -> NDArray[np.int64]:
    array = arrays[name]
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(f"{file}: {name} is {array.dtype} of shape {list(array.shape)}; whole numbers in one row were expected.")
    return array.astype(np.int64)


def _of_shape(file: str, arrays: Arrays, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    if arrays[name].shape != shape:
        raise DataError(f"{file}: {name} has shape {list(arrays[name].shape)}, and {list(shape)} was expected.")
    return arrays[name]


def _labels(file: str, arrays: Arrays, offsets: NDArray[np.int64], asked: Asked) -> list[str] | list[list[str]]:
    """A label a sequence, or those of its frames."""
    if "y" not in arrays:
        raise DataError(f"{file} holds no labels; {_EXPECTED}.")
    y, count = arrays["y"], len(offsets) - 1
    padded = next(array for name, array in arrays.items() if name in ("x", "X"))
    if y.shape == (count,) and not asked.per_step:
        return words_of(y, "a label", file).tolist()  # type: ignore[no-any-return]
    if padded.ndim == 3 and y.shape == padded.shape[:2]:
        y = y[np.arange(y.shape[1]) < np.diff(offsets)[:, None]]
    if y.shape != (int(offsets[-1]),):
        expected = f"{list(padded.shape[: padded.ndim - 1])}, a label a frame" + (
            "" if asked.per_step else f", or [{count}], one a sequence"
        )
        raise DataError(f"{file}: y has shape {list(arrays['y'].shape)}; {expected}, was expected.")
    words = words_of(y, "a label", file)
    own = [words[begin:end].tolist() for begin, end in pairwise(offsets.tolist())]
    if asked.per_step:
        return own
    for place, labels in enumerate(own):
        if len(set(labels)) != 1:
            raise DataError(
                f"{file}, sequence {place + 1}: {len(set(labels))} labels ({listed(sorted(set(labels)))}). One label a sequence was "
                "expected; labels of single frames are for tagging."
            )
    return [labels[0] for labels in own]
