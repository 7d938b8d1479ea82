"""Which columns of a table of sequences hold what: as they were asked for, as a model's training had them, or by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tidegate.data.cells import Missing, is_mostly_numbers
from tidegate.data.number_sequences import SequenceColumns
from tidegate.data.records import Source
from tidegate.data.series_columns import ColumnFinder, no_column
from tidegate.data.tables import plain
from tidegate.data.text_columns import COLUMN_NUMBER
from tidegate.errors import DataError, listed

# Names that columns go by, in lower case, the most telling first.
SEQUENCE_NAMES = ("sequence", "sequence_id", "seq", "series", "series_id", "unique_id", "id")
STEP_NAMES = ("step", "time", "timestamp", "datetime", "t", "frame")
LABEL_NAMES = ("label", "class", "category", "target", "y")
PATH_NAMES = ("path", "file", "filename", "file_name")
# One of these makes a first row a header, even where features are called by numbers.
SURE_NAMES = frozenset(("sequence", "sequence_id", "unique_id", "step", "label", "class", "path", "filename"))
# What pandas calls a column without a name.
_UNNAMED = re.compile(r"(unnamed: \d+)?")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, by name or number from 1; empty where nothing was.

    Attributes:
        is_labelled: whether labels are to be read.
        per_step: whether every frame has a label, not the sequence.
        like: the columns of training, where a trained model asks.
    """

    sequence: str = ""
    step: str = ""
    features: tuple[str, ...] = ()
    label: str = ""
    group: str = ""
    is_labelled: bool = True
    per_step: bool = False
    like: SequenceColumns | None = None

    @property
    def header_names(self) -> frozenset[str]:
        """Names that make a first row a header."""
        named = (self.sequence, self.step, *self.features, self.label, self.group)
        return SURE_NAMES | {plain(name) for name in named if name and not COLUMN_NUMBER.fullmatch(name)}


def choose_columns(
    names: Sequence[str],
    columns: Mapping[str, Sequence[str]],
    asked: Asked,
    missing: Missing,
    where: Source,
    notes: dict[str, None],
    *,
    is_one: bool,
) -> SequenceColumns:
    """The columns of a table that hold what.

    Args:
        is_one: whether the table is one sequence of known group, and of known label unless each frame has one.

    Raises:
        DataError: one asked for is not there, one is asked for twice, or one that was not asked for cannot be told.
    """
    find = ColumnFinder(names, where)
    like = asked.like or SequenceColumns()
    wants_label = asked.is_labelled and (asked.per_step or not is_one)
    features = tuple(map(find, asked.features)) if asked.features else _features_like(like, names, where)
    sequence = find(asked.sequence) if asked.sequence else ""
    step = find(asked.step) if asked.step else ""
    label = find(asked.label) if asked.label and wants_label else ""
    group = find(asked.group) if asked.group and asked.is_labelled and not is_one else ""
    _refuse_twice([("sequence", sequence), ("step", step), ("label", label), ("group", group), *(("features", f) for f in features)], where)

    def known(hint: str, usual: Sequence[str]) -> str:
        taken = {sequence, step, label, group, *features}
        left = {plain(name): name for name in reversed(names) if name not in taken}
        return next((left[name] for name in (plain(hint), *usual) if name and name in left), "")

    if is_one and sequence:
        raise DataError(f"{where}: column '{sequence}' was asked for to tell the sequences apart, and here each file is one. Leave it out.")
    sequence = sequence or known(like.sequence, SEQUENCE_NAMES)
    step = step or known(like.step, STEP_NAMES)
    # Beside x, y is a coordinate.
    usual = LABEL_NAMES if "x" not in map(plain, names) else tuple(name for name in LABEL_NAMES if name != "y")
    label = label or known(like.label, usual)
    group = group or (known(like.group, ()) if asked.is_labelled and not is_one else "")
    taken = {sequence, step, label, group, *features}
    left = [name for name in dict.fromkeys(names) if name not in taken and not _UNNAMED.fullmatch(plain(name))]
    numeric = [name for name in left if is_mostly_numbers(columns[name], missing)]
    if wants_label and not label:
        label = _only_text([name for name in left if name not in numeric], names, where)
    if not features:
        features = tuple(map(find, numeric))
        if not features:
            raise DataError(f"{where}: no column holds numbers to be read as features. Name them with --features. {_columns(names)}")
        unused = [name for name in left if name not in features and name != label]
        unused += [name for name, is_used in ((sequence, not is_one), (label, wants_label)) if name and not is_used]
        found = {"sequence": "" if is_one else sequence, "step": step, "label": label if wants_label else "", "group": group}
        of_role = [f"{role} '{name}'" for role, name in found.items() if name]
        of_role.append(f"{len(features)} feature{'s' * (len(features) != 1)} ({listed(features)})")
        note = "columns: " + ", ".join(of_role)
        notes[note + (f"; not read: {listed(map(repr, unused))}" if unused else "")] = None
    return SequenceColumns("" if is_one else sequence, step, features, label if wants_label else "", group)


def refuse_lacking(names: Sequence[str], chosen: SequenceColumns, where: Source) -> None:
    """Refuses a table without one of the features, or of the other columns, that were chosen from another."""
    for name in (chosen.sequence, chosen.step, *chosen.features, chosen.label, chosen.group):
        if name and name not in names:
            raise DataError(no_column(name, names, where))
        if name and list(names).count(name) > 1:
            ColumnFinder(names, where)(name)


def path_column(names: Sequence[str]) -> str:
    """The column whose name says that it holds paths; empty without one."""
    found = {plain(name): name for name in reversed(names)}
    return next((found[name] for name in PATH_NAMES if name in found), "")


def label_column(names: Sequence[str], columns: Mapping[str, Sequence[str]], asked: str, missing: Missing, where: Source) -> str:
    """The column of labels in a table that has a row a sequence, for messages at `where`."""
    if asked:
        return ColumnFinder(names, where)(asked)
    found = {plain(name): name for name in reversed(names)}
    usual = next((found[name] for name in LABEL_NAMES if name in found), "")
    return usual or _only_text([name for name in dict.fromkeys(names) if not is_mostly_numbers(columns[name], missing)], names, where)


def _features_like(like: SequenceColumns, names: Sequence[str], where: Source) -> tuple[str, ...]:
    found = {plain(name): name for name in reversed(names)}
    for name in like.features:
        if name not in names and plain(name) not in found:
            raise DataError(f"{no_column(name, names, where)} The features are {listed(like.features, 12)}.")
    return tuple(name if name in names else found[plain(name)] for name in like.features)


def _refuse_twice(roles: Sequence[tuple[str, str]], where: Source) -> None:
    held: dict[str, str] = {}
    for role, name in roles:
        if name and name in held:
            raise DataError(f"{where}: column '{name}' was asked for twice, by --{held[name]} and by --{role}. Name it once.")
        held[name] = role


def _only_text(left: Sequence[str], names: Sequence[str], where: Source) -> str:
    """The one column that holds no numbers, which must be that of labels."""
    if len(left) == 1:
        return left[0]
    several = f"several may be meant ({listed(map(repr, left))})" if left else "none was found by its name"
    raise DataError(f"{where}: which column holds the labels was not said, and {several}. Name it with --label. {_columns(names)}")


def _columns(names: Sequence[str]) -> str:
    return "Columns: " + ", ".join(f"{place} '{name}'" for place, name in enumerate(names, 1)) + "."
