"""Sequences of numbers from files, and from arrays in Python."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.cells import Missing
from tidegate.data.number_sequences import NumberSequence, SequenceColumns, SequenceSet
from tidegate.data.opening import suffix_of
from tidegate.data.reading import expand
from tidegate.data.records import Source
from tidegate.data.sequence_archives import read_archive
from tidegate.data.sequence_arrays import columns_like, frames_of, sequences_of_arrays, words_of
from tidegate.data.sequence_columns import Asked
from tidegate.data.sequence_folders import is_list_of_files, read_folder, read_listed_files
from tidegate.data.sequence_tables import FrameTable, frame_table_of_lines, read_frame_table, sequences_of_tables
from tidegate.errors import DataError

__all__ = ["NumberSequence", "SequenceColumns", "SequenceSet", "read_sequence_lines", "read_sequences", "sequences_of"]


def read_sequences(
    paths: Sequence[str],
    *,
    sequence: str = "",
    step: str = "",
    features: Sequence[str] = (),
    label: str = "",
    group: str = "",
    missing: Sequence[str] = (),
    per_step_labels: bool = False,
    is_labelled: bool = True,
    like: SequenceColumns | None = None,
) -> SequenceSet:
    """The sequences of files, names or globs, and of folders.

    A table (CSV, TSV, plain or gzip) has a row a frame, or lists files in a column `path`; an .npz file has arrays; of a folder each table
    is a sequence, and the subfolders are the labels.

    Args:
        sequence, step, features, label, group: columns by name or number from 1; empty: found by their names, and all other columns of
            numbers are features.
        missing: what stands for a missing value, beside empty cells, NA, NaN, null, None, ? and the like.
        per_step_labels: every frame has a label, not the sequence.
        is_labelled: whether labels and groups are read.
        like: the columns of training: these features are read, in this order.

    Raises:
        DataError: files, columns, cells or labels that are not as they should be; features that differ.
        EncodingError: bytes that are not UTF-8.
    """
    asked = Asked(sequence, step, tuple(features), label, group, is_labelled, per_step_labels, like)
    marks = Missing(missing)
    notes: dict[str, None] = {}
    # Tables that hold many sequences may go on in one another, and are read together, where the first of them stands.
    parts: list[tuple[list[FrameTable], str, str] | str] = []
    rows: list[FrameTable] = []
    files = expand(paths)
    if not files:
        raise DataError("there are no sequences to read. Name at least one file or folder.")
    for file in files:
        if os.path.isdir(file):
            parts.append((read_folder(file, asked, notes), "", ""))
        elif suffix_of(file) in (".npz", ".npy"):
            parts.append(file)
        else:
            table = read_frame_table(file, asked)
            if is_list_of_files(table, asked):
                parts.append(read_listed_files(table, asked, marks, notes))
            else:
                if not rows:
                    parts.append((rows, "", ""))
                rows.append(table)
    columns: SequenceColumns | None = None
    found: list[NumberSequence] = []
    for part in parts:
        asked = asked if columns is None else replace(asked, like=like or columns)
        if isinstance(part, str):
            own, sequences = read_archive(part, asked, notes)
        else:
            tables, label, group = part
            own, sequences = sequences_of_tables(tables, asked, marks, notes)
            own = replace(own, label=own.label or label, group=own.group or group)
        columns = columns or own
        found += sequences
    assert columns is not None
    return SequenceSet(columns, _told_apart(found), tuple(notes))


def read_sequence_lines(
    lines: Iterator[tuple[int, str]],
    name: str,
    *,
    sequence: str = "",
    step: str = "",
    missing: Sequence[str] = (),
    like: SequenceColumns | None = None,
) -> SequenceSet:
    """As `read_sequences`, without labels, from the numbered lines of a table with a row a frame; `name` is what messages call them."""
    notes: dict[str, None] = {}
    asked = Asked(sequence, step, is_labelled=False, like=like)
    columns, found = sequences_of_tables([frame_table_of_lines(lines, name, asked)], asked, Missing(missing), notes)
    return SequenceSet(columns, tuple(found), tuple(notes))


def sequences_of(
    X: Any,
    y: Sequence[Any] | None = None,
    groups: Sequence[Any] | None = None,
    *,
    features: Sequence[str] | None = None,
    per_step_labels: bool = False,
    like: SequenceColumns | None = None,
) -> SequenceSet:
    """Sequences of arrays.

    Args:
        X: a list of arrays [T, D], or one array [B, T, D]; NaN where a value is missing.
        y: a label a sequence; with `per_step_labels` T labels for each. Texts, whole numbers, true and false.
        groups: one a sequence, which a split never cuts through.
        features: names of the D features.
        like: the columns of training.

    Raises:
        DataError: anything else.
    """
    if hasattr(X, "columns") or isinstance(X, dict | str | os.PathLike):
        raise DataError(
            f"a {type(X).__name__} was given; a list of arrays [frames, features] or an array [sequences, frames, features] was expected. "
            "Of a frame with a row a frame: [one[features].to_numpy() for _, one in frame.groupby('sequence')]."
        )
    values = [_frames_at(one, place) for place, one in enumerate(X)]
    if not values:
        raise DataError("X is empty: there are no sequences. One array [frames, features] at least was expected.")
    width = values[0].shape[1]
    for place, one in enumerate(values):
        if one.shape[1] != width:
            raise DataError(f"{_place(place)}: {one.shape[1]} features, {width} were expected as in {_place(0)}.")
    columns, places = columns_like(tuple(map(str, features or ())), width, like, "X")
    if places is not None:
        values = [np.ascontiguousarray(one[:, places]) for one in values]
    for name, given in (("y", y), ("groups", groups)):
        if given is not None and len(given) != len(values):
            raise DataError(f"{name} has {len(given)} items for {len(values)} sequences. One for each was expected.")
    labels: Any = None
    if y is not None and per_step_labels:
        labels = [words_of(np.asarray(own), "a label", f"y, index {place}").reshape(-1).tolist() for place, own in enumerate(y)]
    elif y is not None:
        labels = words_of(_flat(y, "y"), "a label", "y").tolist()
    own_groups = None if groups is None else words_of(_flat(groups, "groups"), "a group", "groups").tolist()
    names = [f"X[{place}]" for place in range(len(values))]
    found = sequences_of_arrays(values, names, _place, labels=labels, groups=own_groups, per_step=per_step_labels)
    return SequenceSet(columns, tuple(found))


def _place(place: int) -> Source:
    return Source(f"X[{place}]", 0)


def _frames_at(one: Any, place: int) -> NDArray[np.floating[Any]]:
    try:
        array = np.asarray(one)
    except ValueError as error:
        raise DataError(f"{_place(place)}: rows of unlike length; an array [frames, features] was expected.") from error
    return frames_of(array, lambda frame: f"{_place(place)}, frame {frame}")


def _flat(given: Sequence[Any], name: str) -> Any:
    array = np.asarray(given)
    if array.ndim != 1:
        raise DataError(f"{name} has shape {list(array.shape)}; one item a sequence was expected, [{len(array)}].")
    return array


def _told_apart(sequences: Sequence[NumberSequence]) -> tuple[NumberSequence, ...]:
    """Sequences of one name in several files, with the file before the name."""
    seen: dict[str, int] = {}
    for one in sequences:
        seen[one.name] = seen.get(one.name, 0) + 1
    return tuple(one if seen[one.name] == 1 else replace(one, name=f"{one.source.file}: {one.name}") for one in sequences)
