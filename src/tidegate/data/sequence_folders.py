"""Sequences of numbers in a file each: folders whose subfolders are labels, and tables that list files."""

from __future__ import annotations

import os

from tidegate.data.cells import Missing
from tidegate.data.opening import excerpt, suffix_of
from tidegate.data.records import Source
from tidegate.data.sequence_columns import Asked, label_column, path_column
from tidegate.data.sequence_tables import FrameTable, read_frame_table
from tidegate.data.series_columns import ColumnFinder
from tidegate.errors import DataError, listed

TABLE_SUFFIXES = frozenset((".csv", ".tsv", ".tab", ".txt"))


def read_folder(folder: str, asked: Asked, notes: dict[str, None]) -> list[FrameTable]:
    """The tables in a folder and below it, in order of their paths; each is a sequence, and what is below one subfolder has its label.

    Raises:
        DataError: no table; tables outside of subfolders where these are the labels; what is no table.
    """
    files, others = _files_below(folder)
    if not files:
        raise DataError(
            f"{folder}: no table in this folder. Files {', '.join(sorted(TABLE_SUFFIXES))} (.gz too) were expected, a sequence each."
        )
    if others:
        notes[f"{folder}: {len(others)} other file{'s are' if len(others) > 1 else ' is'} not read: {listed(others)}"] = None
    has_labels = asked.is_labelled and not asked.per_step
    found = []
    for name in files:
        label = name.partition("/")[0] if has_labels else ""
        if label == name:
            raise DataError(
                f"{os.path.join(folder, name)}: this table is in no subfolder of {folder}, and the names of its subfolders are the labels. "
                f"Put it into one, as in {os.path.join(folder, 'LABEL', name)}; or give a table with the columns path and label."
            )
        found.append(read_frame_table(os.path.join(folder, *name.split("/")), asked, name=name, label=label))
    if has_labels and asked.label:
        raise DataError(
            f"{folder}: column '{asked.label}' was asked for as the label, and in a folder the subfolders' names are. Leave it out."
        )
    if asked.is_labelled and asked.group:
        raise DataError(
            f"{folder}: a folder has no column '{asked.group}' of groups. Give a table with the columns path, label and {asked.group}."
        )
    return found


def _files_below(folder: str) -> tuple[list[str], list[str]]:
    """The paths of tables below a folder and of other files, with slashes, in order; nothing hidden."""
    tables: list[str] = []
    others: list[str] = []
    for root, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                path = os.path.relpath(os.path.join(root, name), folder).replace(os.sep, "/")
                (tables if suffix_of(name) in TABLE_SUFFIXES else others).append(path)
    return sorted(tables), sorted(others)


def is_list_of_files(table: FrameTable, asked: Asked) -> bool:
    """Whether a table lists files, a sequence each: its column of paths begins with a table's, and no column of sequences was asked for."""
    column = path_column(table.names)
    return bool(column and len(table.lines) and not asked.sequence and suffix_of(table.columns[column][0].strip()) in TABLE_SUFFIXES)


def read_listed_files(table: FrameTable, asked: Asked, missing: Missing, notes: dict[str, None]) -> tuple[list[FrameTable], str, str]:
    """The tables that a table lists, paths from its own folder; each is a sequence, with the label and group of its row.

    Returns:
        The tables, and the names of the columns of labels and groups.

    Raises:
        DataError: no such file or column, a file twice, an empty label.
    """
    column = path_column(table.names)
    where = Source(table.file, 1)
    like = asked.like
    label = group = ""
    left = [name for name in table.names if name != column]
    if asked.is_labelled:
        group = ColumnFinder(table.names, where)(asked.group) if asked.group else ""
        group = group or (like.group if like and like.group in left else "")
        if not asked.per_step:
            hint = asked.label or (like.label if like and like.label in left else "")
            label = label_column([name for name in left if name != group], table.columns, hint, missing, where)
    found: dict[str, FrameTable] = {}
    folder = os.path.dirname(table.file)
    for row, cell in enumerate(table.columns[column]):
        place = Source(table.file, table.lines[row])
        path = os.path.join(folder, cell.strip())
        if cell.strip() in found:
            raise DataError(
                f"{place}: file {excerpt(cell.strip())} is listed twice. Remove one; if the rows are frames, and column '{column}' tells "
                f"the sequences apart, say so with --sequence {column}."
            )
        if not os.path.isfile(path):
            raise DataError(f"{place}: there is no file {path}. Paths are read from the folder of the table; correct this one.")
        own = {role: table.columns[name][row].strip() if name else "" for role, name in (("label", label), ("group", group))}
        for role, name in (("label", label), ("group", group)):
            if name and not own[role]:
                raise DataError(f"{place}: column '{name}' is empty here. Every sequence needs its {role}: write it, or remove the row.")
        found[cell.strip()] = read_frame_table(path, asked, name=cell.strip(), **own)
    if unused := [name for name in left if name not in (label, group)]:
        notes[f"{table.file}: columns not read: {listed(map(repr, unused))}"] = None
    return list(found.values()), label, group
