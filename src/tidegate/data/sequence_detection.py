"""What files hold, text, sequences of numbers or recordings: told by their names, their columns and their first rows.

Nothing is refused here: what cannot be told, or opened, counts as text, and the reader that comes next says what is wrong with it.
"""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from tidegate.data.cells import Missing, is_mostly_numbers
from tidegate.data.opening import is_json, open_lines, suffix_of
from tidegate.data.recording_files import SOUND_SUFFIXES
from tidegate.data.recording_tables import COLUMN_NAMES
from tidegate.data.sequence_columns import LABEL_NAMES, PATH_NAMES, SEQUENCE_NAMES, STEP_NAMES
from tidegate.data.sequence_folders import TABLE_SUFFIXES
from tidegate.data.tables import plain, read_rows_from
from tidegate.errors import TidegateError

Material = Literal["text", "numbers", "sound"]

_OBJECT_SUFFIXES = frozenset((".jsonl", ".ndjson"))
_NUMBER_SUFFIXES = TABLE_SUFFIXES | {".npz"}

# Columns that are no features, whatever they hold.
_ROLES = frozenset((*STEP_NAMES, *LABEL_NAMES, "group"))

# So many rows, and so many files of a folder are looked at.
_ROWS, _FILES = 50, 1000


def material_of(paths: Iterable[str], *, path: str = "") -> Material:
    """What files, globs and folders hold, by the first of them that tells.

    - sound: .wav files, folders of them, tables and JSON Lines with a column of their names;
    - numbers: .npz files, folders of tables, tables with a column of the names of such files, tables whose columns are a sequence, a step
      or a label, and numbers;
    - text: everything else.

    Args:
        path: the column of the names of files, where it was asked for.
    """
    for name in paths:
        for place in [name] if os.path.exists(name) else sorted(glob.glob(name, recursive=True)):
            found = _of_folder(Path(place)) if os.path.isdir(place) else _of_file(Path(place), path)
            if found is not None:
                return found
    return "text"


def _of_folder(folder: Path) -> Material | None:
    """What lies in a folder and below it: its tables are sequences, whatever they look like, for no folder holds texts."""
    return next((kind for name in islice(_names_below(folder), _FILES) if (kind := _of_names([name])) is not None), None)


def _names_below(folder: Path) -> Iterator[str]:
    """The names of all files in a folder and below it, in an order that does not hang on the file system."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (name for name in sorted(names) if not name.startswith(".") and os.path.isfile(os.path.join(place, name)))


def _of_file(file: Path, path: str) -> Material | None:
    """What one file holds; None where its content must be known and cannot be read."""
    suffix = suffix_of(file)
    if suffix in SOUND_SUFFIXES:
        return "sound"
    if suffix == ".npz":
        return "numbers"
    try:
        if suffix in _OBJECT_SUFFIXES:
            return _of_names(_names_in_objects(file, path)) or "text"
        if suffix not in TABLE_SUFFIXES:
            return "text"
        rows = [cells for _, cells in islice(read_rows_from(open_lines(file), os.fspath(file)), _ROWS)]
    except TidegateError:
        return None
    return _of_rows(rows, path)


def _of_rows(rows: Sequence[Sequence[str]], path: str) -> Material:
    """What a table holds, of its first rows."""
    header, below = [plain(cell) for cell in rows[0]], rows[1:]
    for place, name in enumerate(header):
        is_asked = bool(path) and path.strip() in (rows[0][place].strip(), str(place + 1))
        found = _of_names([row[place].strip() for row in below])
        if (found == "sound" and name in COLUMN_NAMES["path"]) or (found == "numbers" and name in PATH_NAMES) or (found and is_asked):
            return found
    return "numbers" if _are_sequences(header, below) else "text"


def _are_sequences(header: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether rows are steps of sequences: a column says of which one, and what is neither step nor label is numbers."""
    named = [place for place, name in enumerate(header) if name in SEQUENCE_NAMES]
    if not named or not below:
        return False
    missing = Missing()
    columns = [[row[place] for row in below] for place in range(len(header))]
    others = [column for name, column in zip(header, columns, strict=True) if name not in _ROLES and name not in SEQUENCE_NAMES]
    others = [column for column in others if not all(cell.strip() in missing.texts for cell in column)]
    words = [column for column in others if not is_mostly_numbers(column, missing)]
    if len(words) == len(others) or len(words) > 1 or any(2 * len(set(column)) > len(column) for column in words):
        return False  # one column of few words may be the label
    # Without a column of steps, rows must agree in their sequence; else each is one by itself, as texts are.
    owners = columns[named[0]]
    return not set(STEP_NAMES).isdisjoint(header) or len(set(owners)) < len(owners)


def _names_in_objects(file: Path, path: str) -> list[str]:
    """What stands under the key of files' names in the first lines of JSON."""
    found: list[Any] = [json.loads(line) for _, line in islice(open_lines(file), _ROWS) if line.startswith("{") and is_json(line)]
    wanted = [key for entry in found[:1] for key in entry if plain(key) in COLUMN_NAMES["path"] or (path and key == path)]
    return [str(entry.get(wanted[0], "")) for entry in found] if wanted else []


def _of_names(names: Sequence[str]) -> Material | None:
    """What the named files hold, if these are names of files."""
    suffixes = {suffix_of(name) for name in names if name}
    if suffixes and suffixes <= SOUND_SUFFIXES:
        return "sound"
    return "numbers" if suffixes and suffixes <= _NUMBER_SUFFIXES else None
