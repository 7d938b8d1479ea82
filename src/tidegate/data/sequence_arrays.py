"""Sequences of numbers from arrays: their values, labels and names, checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.number_sequences import NumberSequence, SequenceColumns
from tidegate.data.records import Source
from tidegate.data.sequence_tables import LARGEST
from tidegate.data.text_columns import scalar_of
from tidegate.errors import DataError, listed

Where = Callable[[int], Source]


def sequences_of_arrays(
    arrays: Sequence[NDArray[Any]],
    names: Sequence[str],
    where: Where,
    *,
    labels: Sequence[str] | Sequence[Sequence[str]] | None,
    groups: Sequence[str] | None,
    per_step: bool,
) -> list[NumberSequence]:
    """The sequences of arrays [T, D] that `frames_of` gave, with a label each or, if `per_step`, T labels.

    Raises:
        DataError: labels of a sequence that differ, where it is to have one; another number of labels than frames.
    """
    found = []
    for place, values in enumerate(arrays):
        label = ""
        own: tuple[str, ...] = ()
        if labels is not None and per_step:
            own = tuple(labels[place])
            if len(own) != len(values):
                raise DataError(f"{where(place)}: {len(own)} labels for {len(values)} frames. Give one for each frame.")
        elif labels is not None:
            label = str(labels[place])
        found.append(NumberSequence(values, where(place), names[place], label, own, "" if groups is None else groups[place]))
    return found


def frames_of(array: NDArray[Any], where: Callable[[int], str]) -> NDArray[np.floating[Any]]:
    """Frames [n, D] as float32, where they come so, or float64; `where` says where frame n is.

    Raises:
        DataError: another shape, no features, values that are no numbers, infinite ones and such as float32 has no room for.
    """
    if array.dtype.kind not in "iufb":
        raise DataError(f"{where(0)}: an array of {array.dtype} was given; numbers were expected, NaN where one is missing.")
    if array.ndim != 2 or not array.shape[1]:
        raise DataError(
            f"{where(0)}: an array of shape {list(array.shape)} was given; [frames, features] was expected, with a feature at least."
        )
    values = array if array.dtype == np.float32 else array.astype(np.float64)
    is_wrong = np.abs(values) > LARGEST
    if is_wrong.any():
        frame, feature = np.argwhere(is_wrong)[0].tolist()
        raise DataError(
            f"{where(frame)}: feature {feature + 1} is {values[frame, feature]:g}, and numbers up to {LARGEST:g} were expected. Correct "
            "it, or give NaN if it is missing."
        )
    return values


def words_of(array: NDArray[Any], what: str, where: str) -> NDArray[np.object_]:
    """Labels, names or groups as text, in the shape that they have: texts, whole numbers, true and false.

    Raises:
        DataError: anything else.
    """
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.round(array)).all():
        array = array.astype(np.int64)
    values = [item.item() if isinstance(item, np.generic) else item for item in array.reshape(-1).tolist()]
    known: dict[tuple[type, Any], str] = {}
    for place, value in enumerate(values):
        # True is 1 to a dictionary.
        if isinstance(value, str | bytes | int) and (type(value), value) in known:
            continue
        text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
        word = None if isinstance(text, float) else scalar_of(text)
        if not word:
            raise DataError(f"{where}: {what} {value!r} at place {place + 1}; a text or a whole number was expected for each.")
        known[type(value), value] = word
    found = np.empty(len(values), dtype=object)
    found[:] = [known[type(value), value] for value in values]
    return found.reshape(array.shape)


def columns_like(features: Sequence[str], width: int, like: SequenceColumns | None, where: str) -> tuple[SequenceColumns, list[int] | None]:
    """The columns of arrays of so many features, and where each feature of training stands among them; None: where it is.

    Args:
        features: their names; empty: feature1, feature2, …, or those of training.

    Raises:
        DataError: a name too many or too few, twice, or missing.
    """
    if features and (len(features) != width or len(set(features)) != width):
        raise DataError(f"{where}: {len(features)} names of features ({listed(features)}), {width} were expected, all different.")
    if like is None:
        return SequenceColumns(features=tuple(features) or tuple(f"feature{place}" for place in range(1, width + 1))), None
    if not features:
        if width != len(like.features):
            raise DataError(f"{where}: {width} features, {len(like.features)} were expected as in training: {listed(like.features, 12)}.")
        return like, None
    for name in like.features:
        if name not in features:
            raise DataError(
                f"{where}: there is no feature '{name}' here; there are: {listed(features, 12)}. The model was trained with it."
            )
    return like, [list(features).index(name) for name in like.features]
