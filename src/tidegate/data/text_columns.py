"""Which columns of a file of texts hold text, label and group: those asked for, else those that look like it.

A column is told by its name, else by its content; where more than one could be meant, it is asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tidegate.data.cells import Missing, is_mostly_numbers
from tidegate.data.opening import excerpt
from tidegate.data.records import Source
from tidegate.data.tables import mean_length, plain, repeats
from tidegate.errors import DataError, nearest

# A row or an object by the names of its columns or keys, and where it begins.
NamedRow = tuple[Source, dict[str, Any]]
Form = Literal["table", "json", "fasttext", "lines"]

# Begins a label in fastText lines.
LABEL_MARK = "__label__"
# Names that columns go by, in lower case. The first set is looked for before the second, whose names often stand beside the text proper.
_TEXT_NAMES = frozenset(
    ("text", "message", "sentence", "content", "body", "review", "comment", "tweet", "utterance", "query", "question", "sms", "v2")
)
_OTHER_TEXT_NAMES = frozenset(("chunks", "title", "headline", "subject", "description", "name", "word"))
_LABEL_NAMES = frozenset(
    ("label", "labels", "class", "category", "target", "intent", "sentiment", "topic", "tag", "tags", "language", "spam", "emotion", "v1")
)
# One of these in the first row makes it a header, however long what stands beside it. Other names may as well be labels or short texts.
SURE_NAMES = frozenset(
    ("text", "message", "sentence", "content", "utterance", "label", "labels", "class", "category", "target", "intent", "sentiment")
)
KNOWN_NAMES = _TEXT_NAMES | _OTHER_TEXT_NAMES | _LABEL_NAMES | {"id", "index", "group", "user", "author", "date", "score", "rating"}
_NAMES = {"text": (_TEXT_NAMES, _OTHER_TEXT_NAMES), "label": (_LABEL_NAMES,)}
# A column asked for by number.
COLUMN_NUMBER = re.compile(r"[0-9]{1,6}")
# Numbers, dates and times.
_NUMERIC = re.compile(r"\s*[-+]?[0-9][0-9.,:/\sTZ+-]*")
# What to give where labels are needed.
LABELLED_FORMS = (
    "a table with a text and a label column (.csv, .tsv), JSON Lines with a text and a label in each object (.jsonl), or fastText lines "
    f"({LABEL_MARK}spam the text)"
)


@dataclass(frozen=True, slots=True)
class TextColumns:
    """Which columns of a file hold what, by name or, without a header, by number counted from 1, as text.

    Attributes:
        label: empty where the texts are read without labels.
        group: empty without one.
        note:  one sentence on how text and label were found; empty where there was nothing to find.
    """

    form: Form
    text: str
    label: str = ""
    group: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, empty where nothing was."""

    text: str
    label: str
    group: str
    is_labelled: bool
    separator: str


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the first rows, or a key of the first objects.

    Attributes:
        texts:  its texts; None where it holds anything else.
        labels: every label in it; None where it holds anything else.
        is_repeating: whether nearly every row has a label, and the labels are few.
    """

    name: str
    texts: list[str] | None
    labels: list[str] | None
    is_repeating: bool

    def __str__(self) -> str:
        values = list(dict.fromkeys(self.labels or self.texts or ()))
        shown = ", ".join(excerpt(value, 20) for value in values[:3]) + (", …" if len(values) > 3 else "")
        return f"'{self.name}' ({len(values)} value{'s' * (len(values) != 1)}: {shown})"


def choose_columns(
    form: Form, names: Sequence[str], sample: Sequence[NamedRow], asked: Asked, where: Source, *, is_whole: bool
) -> TextColumns:
    """Decides on the columns; `is_whole`: whether `sample` is all that there is."""
    columns = {name: _column(name, [content.get(name) for _, content in sample], asked.separator) for name in names}
    text, label, group = (_asked_for(name, columns, form, where) for name in (asked.text, asked.label, asked.group))
    if text and text == label:
        raise DataError(f"{where}: column '{text}' was asked for as the text and as the label. Name two columns.")
    found: list[tuple[str, str]] = []
    if not text:
        text, way = _find("text", [column for column in columns.values() if column.name not in (label, group)], where)
        if way == "content" and asked.is_labelled:
            _refuse_numbers(text, columns[text].texts or (), where)
        found.append((f"text '{text}'", way))
    if not label and asked.is_labelled:
        label, way = _find("label", [column for column in columns.values() if column.name not in (text, group)], where)
        count = len(set(columns[label].labels or ()))
        place = "" if is_whole else f" in the first {len(sample)} rows"
        found.append((f"label '{label}' ({count} label{'s' * (count != 1)}{place})", way))
    if len(found) == 2:
        (first, by_first), (second, by_second) = found
        how = f"{first}, {second} found by their {by_first}"
        if by_first != by_second:
            how = f"{first} found by its {by_first}, {second} by its {by_second}"
        note = f"{how}; --text and --label name others"
    else:
        note = "".join(f"{what} found by its {way}; --{what.partition(' ')[0]} names another" for what, way in found)
    return TextColumns(form, text, label, group, note)


def _column(name: str, values: Sequence[object], separator: str) -> _Column:
    texts = [text for value in values if (text := text_of(value)) is not None]
    labels = [labels for value in values if (labels := labels_of(value, separator)) is not None]
    flat = [label for row in labels for label in row if label]
    nearly = 0.9 * len(values)
    return _Column(
        name,
        texts if len(texts) >= nearly else None,
        flat if len(labels) >= nearly else None,
        sum("" not in row for row in labels) >= nearly and repeats(flat, len(values)),
    )


def _asked_for(asked: str, columns: Mapping[str, _Column], form: Form, where: Source) -> str:
    """The name of the column asked for by name, however written, or by number; empty for none."""
    if not asked or asked in columns:
        return asked
    alike = [name for name in columns if plain(name) == plain(asked)]
    if len(alike) == 1:
        return alike[0]
    if form == "table" and COLUMN_NUMBER.fullmatch(asked) and 1 <= int(asked) <= len(columns):
        return list(columns)[int(asked) - 1]
    what = "column" if form == "table" else "key"
    known = ", ".join(f"{f'{number} ' if form == 'table' else ''}{excerpt(name, 30)}" for number, name in enumerate(columns, 1))
    by = " by name or number (by number alone where the first row is no header)" if form == "table" else ""
    raise DataError(f"{where}: there is no {what} '{asked}' here; {what}s: {known}.{nearest(asked, columns)} Ask for one of these{by}.")


def _find(role: Literal["text", "label"], columns: Sequence[_Column], where: Source) -> tuple[str, str]:
    """The one column that must be meant, and how it was found."""
    usable = [column for column in columns if (column.texts if role == "text" else column.labels) is not None]
    way = "name"
    found = next((known for names in _NAMES[role] if (known := [column for column in usable if plain(column.name) in names])), [])
    if not found:
        way = "content"
        found = _longest(usable) if role == "text" else [column for column in usable if column.is_repeating]
    if len(found) == 1:
        return found[0].name, way
    listed = "; ".join(map(str, found or columns)) or "no other"
    if found:
        raise DataError(
            f"{where}: several columns may hold the {role}: {listed}. Name the one with --{role}, as in --{role} '{found[0].name}'."
        )
    wanted = "two values or more that repeat, in every row" if role == "label" else "strings"
    raise DataError(
        f"{where}: no column found that looks like the {role} ({wanted}); columns beside those named: {listed}. Name it with --{role} COL, "
        f"or give {LABELLED_FORMS}."
    )


def _refuse_numbers(name: str, texts: Sequence[str], where: Source) -> None:
    """Refuses a column that was not asked for and holds mostly numbers, or times."""
    present = [text for text in texts if text.strip()]
    if is_mostly_numbers(texts, Missing()) or 0 < len(present) <= 2 * sum(map(bool, map(_NUMERIC.fullmatch, present))):
        shown = excerpt(present[0], 20) if present else "empty cells"
        raise DataError(
            f"{where}: the text was not named, and the column most like one, '{name}', holds numbers or times ({shown}). For texts: --text "
            "COL; for sequences of numbers: --input numbers, with --sequence COL where a column tells them apart."
        )


def _longest(columns: Sequence[_Column]) -> list[_Column]:
    """The columns of the longest texts: all that are at least half as long, since none of them is sure; of one row, nothing is."""
    likely: tuple[Callable[[_Column], bool], ...] = (
        lambda column: plain(column.name) not in _LABEL_NAMES,
        lambda column: not column.is_repeating,
        lambda column: not all(map(_NUMERIC.fullmatch, filter(None, column.texts or ()))),
    )
    for is_fit in likely:
        columns = [column for column in columns if is_fit(column)] or columns
    lengths = [mean_length(column.texts or ()) for column in columns]
    return [column for column, length in zip(columns, lengths, strict=True) if 2 * length >= max(lengths) or len(column.texts or ()) < 2]


def text_of(value: object) -> str | None:
    """The text of a cell or of JSON's value, a list of chunks joined; None if it is something else."""
    if isinstance(value, list):
        parts = [chunk.get("text") if isinstance(chunk, dict) else None for chunk in value]
        return "".join(map(str, parts)) if all(isinstance(part, str) for part in parts) else None
    return value if isinstance(value, str) else None


def labels_of(value: object, separator: str) -> list[str] | None:
    """The labels of a cell or of JSON's value: '' where there is none, nothing where there may be none; None if it is something else."""
    if isinstance(value, list):
        items = [scalar_of(item) for item in value]
        return None if None in items else [item for item in items if item is not None]
    text = "" if value is None else scalar_of(value)
    if text is None:
        return None
    return [cut for part in text.split(separator) if (cut := part.strip())] if separator else [text]


def scalar_of(value: object) -> str | None:
    """A string, stripped, or a number, true or false as JSON writes it; None if it is something else."""
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value) if isinstance(value, (bool, int, float)) else None
