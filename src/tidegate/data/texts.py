"""Texts with labels: `TextRecord`s of a file in any of four forms, plain or gzip.

- table: rows of cells (see tables.py), one column the text, one its label, perhaps one the group; with a header or without.
- json: one JSON object a line, keys in place of columns. `{"chunks": [{"text": "add "}, {"text": "song"}]}` is the text 'add song'
  (Snips). A label is a string, a number, true or false, or a list of these; an empty list means none.
- fasttext: `__label__spam __label__advert the text`, labels first.
- lines: a text a line and nothing else, so no labels.

Which columns hold text and label is told by their names, else by their content; where more than one could be meant, it is asked for.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tidegate.data.opening import excerpt, open_lines
from tidegate.data.records import Source, TextRecord
from tidegate.data.tables import (
    BARE_SUFFIXES,
    QUOTED_SUFFIXES,
    Row,
    has_header,
    have_tabs,
    look_ahead,
    mean_length,
    plain,
    read_rows_from,
    repeats,
    sniff_delimiter,
    suffix_of,
)
from tidegate.errors import DataError, nearest

# A row or an object by the names of its columns or keys, and where it begins.
_Object = tuple[Source, dict[str, Any]]
Form = Literal["table", "json", "fasttext", "lines"]

_JSON_SUFFIXES = frozenset((".jsonl", ".ndjson", ".json"))
_MARK = "__label__"
# Names that columns go by, in lower case. The first set is looked for before the second, whose names often stand beside the text proper.
_TEXT_NAMES = frozenset(
    ("text", "message", "sentence", "content", "body", "review", "comment", "tweet", "utterance", "query", "question", "sms", "v2")
)
_OTHER_TEXT_NAMES = frozenset(("chunks", "title", "headline", "subject", "description", "name", "word"))
_LABEL_NAMES = frozenset(
    ("label", "labels", "class", "category", "target", "intent", "sentiment", "topic", "tag", "tags", "language", "spam", "emotion", "v1")
)
# One of these in the first row makes it a header, however long what stands beside it. Other names may as well be labels or short texts.
_SURE_NAMES = frozenset(
    ("text", "message", "sentence", "content", "utterance", "label", "labels", "class", "category", "target", "intent", "sentiment")
)
_KNOWN_NAMES = _TEXT_NAMES | _OTHER_TEXT_NAMES | _LABEL_NAMES | {"id", "index", "group", "user", "author", "date", "score", "rating"}
_NAMES = {"text": (_TEXT_NAMES, _OTHER_TEXT_NAMES), "label": (_LABEL_NAMES,)}
_FASTTEXT_LABEL = re.compile(rf"[ \t]*{_MARK}([^ \t]*)[ \t]?")
_NUMBER = re.compile(r"[0-9]{1,6}")
# Numbers, dates and times.
_NUMERIC = re.compile(r"\s*[-+]?[0-9][0-9.,:/\s-]*")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_FORMS = (
    "a table with a text and a label column (.csv, .tsv), JSON Lines with a text and a label in each object (.jsonl), or fastText lines "
    f"({_MARK}spam the text)"
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


def detect_texts(path: str | os.PathLike[str]) -> Form:
    """The form of a file of texts, by its suffix, then by its first lines.

    Raises:
        DataError: it cannot be opened, or holds nothing.
    """
    return _form([line for _, line in look_ahead(open_lines(path), lambda numbered: len(numbered[1]))[0]], os.fspath(path))


def find_columns(
    path: str | os.PathLike[str], *, text: str = "", label: str = "", group: str = "", is_labelled: bool = True
) -> TextColumns:
    """Which columns hold text, label and group: those asked for, by name or by number, and otherwise those that look like it.

    Args:
        is_labelled: whether there must be a label; if not, there is one only where it is asked for.

    Raises:
        DataError: no such column, none or several that could be meant, a form without labels, nothing in the file.
    """
    return _open(open_lines(path), os.fspath(path), _Asked(text, label, group, is_labelled, ""))[0]


def read_texts(
    path: str | os.PathLike[str], *, text: str = "", label: str = "", group: str = "", label_separator: str = "", is_labelled: bool = True
) -> Iterator[TextRecord]:
    """The records of a file, one after another, from the columns that `find_columns` finds.

    Texts stay as they are; labels are stripped. Empty lines are passed over, but for plain lines, where each is a text.

    Args:
        label_separator: cuts a label cell into several labels, none where it is empty.
        is_labelled: whether every text needs a label. If not, labels are read only where their column is asked for.

    Raises:
        DataError: as `find_columns`; a row or an object that lacks text or label; what `read_rows` refuses.
        EncodingError: bytes that are not UTF-8.
    """
    yield from _open(open_lines(path), os.fspath(path), _Asked(text, label, group, is_labelled, label_separator))[1]


def read_text_objects(lines: Iterable[tuple[int, str]], file: str, *, text: str = "") -> Iterator[TextRecord]:
    """Texts without labels from numbered lines of JSON, each as soon as its line is there; `file` is what messages call them.

    Without a key asked for, the first object's names say which holds the text.
    """
    asked = _Asked(text, "", "", False, "")
    chosen: TextColumns | None = None
    for where, content in _objects(lines, file):
        chosen = chosen or _choose("json", list(content), [(where, content)], asked, where, is_whole=True)
        yield _record(content, chosen, asked, where)


@dataclass(frozen=True, slots=True)
class _Asked:
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


def _open(lines: Iterator[tuple[int, str]], file: str, asked: _Asked) -> tuple[TextColumns, Iterator[TextRecord]]:
    sample, lines, _ = look_ahead(lines, lambda numbered: len(numbered[1]))
    form = _form([line for _, line in sample], file)
    if form in ("fasttext", "lines"):
        return _open_lines(lines, sample, form, file, asked)
    header: list[str] = []
    where: Source | None = None
    if form == "table":
        where, header, objects = _table(read_rows_from(lines, file), file, asked)
    else:
        objects = _objects(lines, file)
    first, objects, is_whole = look_ahead(objects, lambda found: sum(len(value) for value in found[1].values() if isinstance(value, str)))
    names = header or list(dict.fromkeys(key for _, content in first for key in content))
    chosen = _choose(form, names, first, asked, where or first[0][0], is_whole=is_whole)
    return chosen, (_record(content, chosen, asked, place) for place, content in objects)


def _form(lines: Sequence[str], file: str) -> Form:
    suffix = suffix_of(file)
    content = [line for line in lines if line and not line.isspace()]
    if not content:
        raise DataError(f"{file} holds no text. A file with at least one was expected; check that it was written whole.")
    if suffix in QUOTED_SUFFIXES | BARE_SUFFIXES:
        return "table"
    if suffix in _JSON_SUFFIXES or (content[0].startswith("{") and _is_json(content[0])):
        return "json"
    if 2 * sum(line.lstrip().startswith(_MARK) for line in content) >= len(content):
        return "fasttext"
    # Lines of prose have commas too: without tabs or a name that says so, only a header of known names makes a table of them.
    delimiter, share = sniff_delimiter(content)
    is_headed = share >= 0.9 and sum(plain(cell.strip('"')) in _KNOWN_NAMES for cell in content[0].split(delimiter)) >= 2
    return "table" if is_headed or have_tabs(content) else "lines"


def _table(rows: Iterator[Row], file: str, asked: _Asked) -> tuple[Source, list[str], Iterator[_Object]]:
    """Where a table begins, what its columns are called (by number where they have no names of their own), its rows by these names."""
    sample, rows, _ = look_ahead(rows, lambda row: sum(map(len, row[1])))
    number, cells = sample[0]
    is_headed = any(name and not _NUMBER.fullmatch(name) for name in (asked.text, asked.label, asked.group))
    is_headed = is_headed or has_header([cells for _, cells in sample], _KNOWN_NAMES, _SURE_NAMES)
    names = [str(place) for place in range(1, len(cells) + 1)]
    if is_headed:
        header = [cell.strip() for cell in cells]
        for name in (asked.text, asked.label, asked.group):
            if name and header.count(name) > 1:
                places = " and ".join(place for place, cell in zip(names, header, strict=True) if cell == name)
                raise DataError(
                    f"{file}, line {number}: columns {places} are all named '{name}'. Ask for one by its number, or rename one."
                )
        own = [name if name and header.count(name) == 1 else "" for name in header]
        names = [name or (place if place not in own else f"column{place}") for place, name in zip(names, own, strict=True)]
        next(rows)
        if len(sample) == 1:
            raise DataError(f"{file}, line {number}: a header and no row below it. At least one text was expected.")
    return Source(file, number), names, ((Source(file, line), dict(zip(names, row, strict=True))) for line, row in rows)


def _objects(lines: Iterable[tuple[int, str]], file: str) -> Iterator[_Object]:
    return ((Source(file, number), _parsed(line, Source(file, number))) for number, line in lines if line and not line.isspace())


def _parsed(line: str, where: Source) -> dict[str, Any]:
    expected = "One JSON object a line was expected"
    try:
        content = json.loads(line)
    except json.JSONDecodeError as error:
        hint = "; a list of objects becomes lines with `jq -c '.[]'`" if line.strip() in ("[", "{", "[{") else ""
        raise DataError(f"{where}: broken JSON at character {error.pos + 1} ({error.msg}): {excerpt(line)}. {expected}{hint}.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: JSON that cannot be read ({error}): {excerpt(line)}. {expected}.") from error
    if not isinstance(content, dict):
        raise DataError(f"{where}: {excerpt(line)} is no object. {expected}; a list of objects becomes lines with `jq -c '.[]'`.")
    if "\\u" in line and _HALF_PAIR.search(json.dumps(content, ensure_ascii=False)):
        raise DataError(f"{where}: half of a surrogate pair (\\ud800 to \\udfff alone), which is no character. Write the whole character.")
    return content


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _open_lines(
    lines: Iterator[tuple[int, str]], sample: Sequence[tuple[int, str]], form: Form, file: str, asked: _Asked
) -> tuple[TextColumns, Iterator[TextRecord]]:
    """fastText lines and plain lines, which have no columns; only the names that `TextColumns` gives them may be asked for."""
    is_plain = form == "lines"
    for role, name in (("text", asked.text), ("label", asked.label), ("group", asked.group)):
        if name and (plain(name) != role or role == "group" or (role == "label" and is_plain)):
            what = "lines of text alone" if is_plain else f"fastText lines ({_MARK}… the text)"
            raise DataError(f"{file}: there is no column '{name}', since the file holds {what}. Leave --{role} out, or give {_FORMS}.")
    if not is_plain:
        chosen = TextColumns(form, "text", "label" if asked.is_labelled or asked.label else "")
        return chosen, (_fasttext(line, Source(file, number), chosen, asked) for number, line in lines if line and not line.isspace())
    if asked.is_labelled:
        number, first = next((number, line) for number, line in sample if line and not line.isspace())
        raise DataError(f"{file}, line {number}: a text without a label: {excerpt(first)}. Expected {_FORMS}.")
    return TextColumns(form, "text"), (TextRecord(line, Source(file, number)) for number, line in lines)


def _fasttext(line: str, where: Source, chosen: TextColumns, asked: _Asked) -> TextRecord:
    labels: list[str] = []
    end = 0
    while match := _FASTTEXT_LABEL.match(line, end):
        labels.append(match[1])
        end = match.end()
    if chosen.label and asked.is_labelled and (not labels or "" in labels):
        raise DataError(
            f"{where}: {'a label without a name' if labels else 'no label'} in {excerpt(line)}. Every line begins with {_MARK} and a name, "
            f"as in '{_MARK}spam the text'."
        )
    return TextRecord(line[end:], where, tuple(dict.fromkeys(filter(None, labels))) if chosen.label else ())


def _record(content: Mapping[str, Any], chosen: TextColumns, asked: _Asked, where: Source) -> TextRecord:
    text = _text(content.get(chosen.text))
    if text is None:
        found = f"'{chosen.text}' is {excerpt(_shown(content[chosen.text]))}" if chosen.text in content else f"no '{chosen.text}'"
        keys = ", ".join(f"'{key}'" for key in content) or "none"
        raise DataError(f"{where}: {found}; a string was expected (or a list of objects with a string 'text'). Keys here: {keys}.")
    labels: Sequence[str] = ()
    if chosen.label:
        value = content.get(chosen.label)
        found_labels = _labels(value, asked.separator)
        if found_labels is None:
            raise DataError(
                f"{where}: the label '{chosen.label}' is {excerpt(_shown(value))}; a string, a number, true or false, or a list of these "
                "was expected."
            )
        if asked.is_labelled and "" in found_labels:
            raise DataError(
                f"{where}: the label '{chosen.label}' of {excerpt(text)} is {'missing' if value is None else 'empty'}; every text needs "
                "one. Write it or remove the text; where a text may have any number of labels, name what stands between them with "
                "--label-separator, or write a list in JSON Lines."
            )
        labels = tuple(dict.fromkeys(filter(None, found_labels)))
    group = ""
    if chosen.group:
        value = _scalar(content.get(chosen.group))
        if value is None:
            raise DataError(f"{where}: no group '{chosen.group}'; every text needs one, a string or a number. Write it or remove the text.")
        group = value
    return TextRecord(text, where, tuple(labels), group)


def _text(value: object) -> str | None:
    if isinstance(value, list):
        parts = [chunk.get("text") if isinstance(chunk, dict) else None for chunk in value]
        return "".join(map(str, parts)) if all(isinstance(part, str) for part in parts) else None
    return value if isinstance(value, str) else None


def _labels(value: object, separator: str) -> list[str] | None:
    """The labels of a cell or of JSON's value: '' where there is none, nothing where there may be none; None if it is something else."""
    if isinstance(value, list):
        items = [_scalar(item) for item in value]
        return None if None in items else [item for item in items if item is not None]
    text = "" if value is None else _scalar(value)
    if text is None:
        return None
    return [cut for part in text.split(separator) if (cut := part.strip())] if separator else [text]


def _scalar(value: object) -> str | None:
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value) if isinstance(value, (bool, int, float)) else None


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _choose(form: Form, names: Sequence[str], sample: Sequence[_Object], asked: _Asked, where: Source, *, is_whole: bool) -> TextColumns:
    """Decides on the columns; `is_whole`: whether `sample` is all that there is."""
    columns = {name: _column(name, [content.get(name) for _, content in sample], asked.separator) for name in names}
    text, label, group = (_asked_for(name, columns, form, where) for name in (asked.text, asked.label, asked.group))
    if text and text == label:
        raise DataError(f"{where}: column '{text}' was asked for as the text and as the label. Name two columns.")
    found: list[tuple[str, str]] = []
    if not text:
        text, way = _find("text", [column for column in columns.values() if column.name not in (label, group)], where)
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
    texts = [text for value in values if (text := _text(value)) is not None]
    labels = [labels for value in values if (labels := _labels(value, separator)) is not None]
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
    if form == "table" and _NUMBER.fullmatch(asked) and 1 <= int(asked) <= len(columns):
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
        f"or give {_FORMS}."
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
