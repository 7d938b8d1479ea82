"""Tables that name recordings: which columns hold the file, the label, the transcript and the group, and the rows one by one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from tidegate.data.opening import excerpt, nearest_file, open_lines, suffix_of
from tidegate.data.pair_tables import text_of_cell
from tidegate.data.recording_files import Asked, RecordingFile, is_sound, recording_file, refuse_other_sound
from tidegate.data.records import Source
from tidegate.data.series_columns import ColumnFinder
from tidegate.data.tables import BARE_SUFFIXES, QUOTED_SUFFIXES, plain, read_rows
from tidegate.data.text_columns import COLUMN_NUMBER, NamedRow, scalar_of
from tidegate.data.texts import JSON_SUFFIXES, named_objects
from tidegate.errors import DataError

TABLE_SUFFIXES = (*sorted(QUOTED_SUFFIXES | BARE_SUFFIXES), ".txt", *sorted(JSON_SUFFIXES))
# Names that columns go by, in lower case; earlier ones are looked for first.
COLUMN_NAMES = {
    "path": ("path", "file", "filename", "file_name", "wav", "audio", "audio_path", "audio_filepath", "audio_file", "sound", "recording"),
    "label": ("label", "class", "category", "target", "y", "word", "command", "intent", "digit"),
    "text": ("text", "transcript", "transcription", "sentence", "utterance", "said"),
    "group": ("group", "speaker", "speaker_id", "client_id", "spk"),
}


def read_recording_table(path: str, asked: Asked) -> tuple[dict[str, str], list[RecordingFile]]:
    """The columns by what they hold ("path", "label", "text", "group"; those that are there), and the files that the rows name, in order.

    Paths are relative to the table.

    Raises:
        DataError: no such column, none or several that may be meant, a file that is not there, or an empty label that is needed.
    """
    rows = list(_rows(path))
    if not rows:
        raise DataError(f"{path} names no recordings. A column of .wav files and at least one row were expected.")
    columns = _choose(rows, asked)
    return columns, [_file(content, where, columns, path, asked) for where, content in rows]


def _rows(path: str) -> Iterator[NamedRow]:
    """The rows by the names of their columns, which are numbers where the first row is no header."""
    if suffix_of(path) in JSON_SUFFIXES:
        yield from named_objects(open_lines(path), path)
        return
    rows = read_rows(path)
    number, first = next(rows)
    names = [cell.strip() for cell in first]
    # A header names no file.
    is_headed = not any(map(is_sound, names))
    if not is_headed:
        names = [str(place) for place in range(1, len(first) + 1)]
        yield Source(path, number), dict(zip(names, first, strict=True))
    elif len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path}, line {number}: two columns are called '{twice}'. Rename one.")
    for number, cells in rows:
        yield Source(path, number), dict(zip(names, cells, strict=True))


def _choose(rows: Sequence[NamedRow], asked: Asked) -> dict[str, str]:
    where, first = rows[0]
    names = list(dict.fromkeys(name for _, content in rows for name in content))
    wanted = {"path": asked.path, "label": asked.label, "text": asked.text, "group": asked.group}
    find = ColumnFinder(names, where)
    chosen = {role: find(name) for role, name in wanted.items() if name}
    for role, hint in (asked.hints or {}).items():
        alike = (
            [name for name in names if plain(name) == plain(hint) and name not in chosen.values()] if hint and role not in chosen else []
        )
        # A number tells nothing of another table, unless its files are in that place.
        if alike and (role != "path" or not COLUMN_NUMBER.fullmatch(hint) or is_sound(str(first.get(alike[0], "")).strip())):
            chosen[role] = hint if hint in alike else alike[0]
    for role, known in COLUMN_NAMES.items():
        by_name = [name for word in known for name in names if plain(name) == word and name not in chosen.values()]
        if role not in chosen and by_name:
            chosen[role] = by_name[0]
    shown = ", ".join(f"{number} {excerpt(name, 30)}" for number, name in enumerate(names, 1))
    if "path" not in chosen:
        sound = [name for name, cell in first.items() if isinstance(cell, str) and is_sound(cell.strip())]
        if len(sound) != 1:
            raise DataError(f"{where}: no column found that names the files. Columns: {shown}. {asked.mend('path')}")
        chosen["path"] = sound[0]
    if asked.needs and not {asked.needs, "label"} & (chosen.keys() | asked.told):
        others = [name for name in names if name not in chosen.values()]
        # Beside the files there is but one column that can be meant.
        if len(others) != 1:
            what = "label" if asked.needs == "label" else "transcript"
            raise DataError(f"{where}: no column found that holds the {what}. Columns: {shown}. {asked.mend(asked.needs)}")
        chosen[asked.needs] = others[0]
    return chosen


def _file(content: dict[str, Any], where: Source, columns: dict[str, str], table: str, asked: Asked) -> RecordingFile:
    told = {role: _cell(content.get(name), name, where) for role, name in columns.items()}
    name = told.pop("path")
    if not name:
        raise DataError(f"{where}: no file: the cell '{columns['path']}' is empty. Write which .wav file is meant, or remove the row.")
    path = os.path.join(os.path.dirname(table), name)
    try:
        refuse_other_sound(path)
        if not os.path.isfile(path):
            raise DataError(f"no file '{path}'.{nearest_file(path)} Paths in a table are relative to the table's folder.")
        if asked.pattern:
            told = asked.told_by(path) | {role: cell for role, cell in told.items() if cell or role == "text"}
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    # A transcript may be empty: nothing is said.
    if asked.needs and not told.get("label") and (asked.needs == "label" or "text" not in told):
        raise DataError(f"{where}: the label of '{name}' is empty; every recording needs one. Write it, or remove the row.")
    return recording_file(path, name, where, told)


def _cell(value: object, name: str, where: Source) -> str:
    cell = "" if value is None else scalar_of(value)
    if cell is None:
        raise DataError(f"{where}: '{name}' is {excerpt(repr(value))}; a string or a number was expected.")
    return text_of_cell(cell)
