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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tidegate.data.opening import excerpt, is_json, open_lines, suffix_of
from tidegate.data.records import Source, TextRecord
from tidegate.data.tables import (
    BARE_SUFFIXES,
    QUOTED_SUFFIXES,
    Row,
    has_header,
    have_tabs,
    look_ahead,
    plain,
    read_rows_from,
    sniff_delimiter,
)
from tidegate.data.text_columns import (
    COLUMN_NUMBER,
    KNOWN_NAMES,
    LABEL_MARK,
    LABELLED_FORMS,
    SURE_NAMES,
    Asked,
    Form,
    NamedRow,
    TextColumns,
    choose_columns,
    labels_of,
    scalar_of,
    text_of,
)
from tidegate.errors import DataError

__all__ = ["JSON_SUFFIXES", "Form", "TextColumns", "detect_texts", "find_columns", "named_objects", "read_text_objects", "read_texts"]

JSON_SUFFIXES = frozenset((".jsonl", ".ndjson", ".json"))
_FASTTEXT_LABEL = re.compile(rf"[ \t]*{LABEL_MARK}([^ \t]*)[ \t]?")
_HALF_PAIR = re.compile("[\ud800-\udfff]")


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
    return _open(open_lines(path), os.fspath(path), Asked(text, label, group, is_labelled, ""))[0]


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
    yield from _open(open_lines(path), os.fspath(path), Asked(text, label, group, is_labelled, label_separator))[1]


def read_text_objects(lines: Iterable[tuple[int, str]], file: str, *, text: str = "") -> Iterator[TextRecord]:
    """Texts without labels from numbered lines of JSON, each as soon as its line is there; `file` is what messages call them.

    Without a key asked for, the first object's names say which holds the text.
    """
    asked = Asked(text, "", "", False, "")
    chosen: TextColumns | None = None
    for where, content in named_objects(lines, file):
        chosen = chosen or choose_columns("json", list(content), [(where, content)], asked, where, is_whole=True)
        yield _record(content, chosen, asked, where)


def _open(lines: Iterator[tuple[int, str]], file: str, asked: Asked) -> tuple[TextColumns, Iterator[TextRecord]]:
    sample, lines, _ = look_ahead(lines, lambda numbered: len(numbered[1]))
    form = _form([line for _, line in sample], file)
    if form in ("fasttext", "lines"):
        return _open_lines(lines, sample, form, file, asked)
    header: list[str] = []
    where: Source | None = None
    if form == "table":
        where, header, objects = _table(read_rows_from(lines, file), file, asked)
    else:
        objects = named_objects(lines, file)
    first, objects, is_whole = look_ahead(objects, lambda found: sum(len(value) for value in found[1].values() if isinstance(value, str)))
    names = header or list(dict.fromkeys(key for _, content in first for key in content))
    chosen = choose_columns(form, names, first, asked, where or first[0][0], is_whole=is_whole)
    return chosen, (_record(content, chosen, asked, place) for place, content in objects)


def _form(lines: Sequence[str], file: str) -> Form:
    suffix = suffix_of(file)
    content = [line for line in lines if line and not line.isspace()]
    if not content:
        raise DataError(f"{file} holds no text. A file with at least one was expected; check that it was written whole.")
    if suffix in QUOTED_SUFFIXES | BARE_SUFFIXES:
        return "table"
    if suffix in JSON_SUFFIXES or (content[0].startswith("{") and is_json(content[0])):
        return "json"
    if 2 * sum(line.lstrip().startswith(LABEL_MARK) for line in content) >= len(content):
        return "fasttext"
    # Lines of prose have commas too: without tabs or a name that says so, only a header of known names makes a table of them.
    delimiter, share = sniff_delimiter(content)
    is_headed = share >= 0.9 and sum(plain(cell.strip('"')) in KNOWN_NAMES for cell in content[0].split(delimiter)) >= 2
    return "table" if is_headed or have_tabs(content) else "lines"


def _table(rows: Iterator[Row], file: str, asked: Asked) -> tuple[Source, list[str], Iterator[NamedRow]]:
    """Where a table begins, what its columns are called (by number where they have no names of their own), its rows by these names."""
    sample, rows, _ = look_ahead(rows, lambda row: sum(map(len, row[1])))
    number, cells = sample[0]
    is_headed = any(name and not COLUMN_NUMBER.fullmatch(name) for name in (asked.text, asked.label, asked.group))
    is_headed = is_headed or has_header([cells for _, cells in sample], KNOWN_NAMES, SURE_NAMES)
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


def named_objects(lines: Iterable[tuple[int, str]], file: str) -> Iterator[NamedRow]:
    """The objects of numbered lines of JSON, empty lines passed over; `file` is what messages call them.

    Raises:
        DataError: a line that is no object.
    """
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


def _open_lines(
    lines: Iterator[tuple[int, str]], sample: Sequence[tuple[int, str]], form: Form, file: str, asked: Asked
) -> tuple[TextColumns, Iterator[TextRecord]]:
    """fastText lines and plain lines, which have no columns; only the names that `TextColumns` gives them may be asked for."""
    is_plain = form == "lines"
    for role, name in (("text", asked.text), ("label", asked.label), ("group", asked.group)):
        if name and (plain(name) != role or role == "group" or (role == "label" and is_plain)):
            what = "lines of text alone" if is_plain else f"fastText lines ({LABEL_MARK}… the text)"
            raise DataError(
                f"{file}: there is no column '{name}', since the file holds {what}. Leave --{role} out, or give {LABELLED_FORMS}."
            )
    if not is_plain:
        chosen = TextColumns(form, "text", "label" if asked.is_labelled or asked.label else "")
        return chosen, (_fasttext(line, Source(file, number), chosen, asked) for number, line in lines if line and not line.isspace())
    if asked.is_labelled:
        number, first = next((number, line) for number, line in sample if line and not line.isspace())
        raise DataError(f"{file}, line {number}: a text without a label: {excerpt(first)}. Expected {LABELLED_FORMS}.")
    return TextColumns(form, "text"), (TextRecord(line, Source(file, number)) for number, line in lines)


def _fasttext(line: str, where: Source, chosen: TextColumns, asked: Asked) -> TextRecord:
    labels: list[str] = []
    end = 0
    while match := _FASTTEXT_LABEL.match(line, end):
        labels.append(match[1])
        end = match.end()
    if chosen.label and asked.is_labelled and (not labels or "" in labels):
        raise DataError(
            f"{where}: {'a label without a name' if labels else 'no label'} in {excerpt(line)}. Every line begins with {LABEL_MARK} and "
            f"a name, as in '{LABEL_MARK}spam the text'."
        )
    return TextRecord(line[end:], where, tuple(dict.fromkeys(filter(None, labels))) if chosen.label else ())


def _record(content: Mapping[str, Any], chosen: TextColumns, asked: Asked, where: Source) -> TextRecord:
    text = text_of(content.get(chosen.text))
    if text is None:
        found = f"'{chosen.text}' is {excerpt(_shown(content[chosen.text]))}" if chosen.text in content else f"no '{chosen.text}'"
        keys = ", ".join(f"'{key}'" for key in content) or "none"
        raise DataError(f"{where}: {found}; a string was expected (or a list of objects with a string 'text'). Keys here: {keys}.")
    labels: Sequence[str] = ()
    if chosen.label:
        value = content.get(chosen.label)
        found_labels = labels_of(value, asked.separator)
        if found_labels is None:
            raise DataError(
                f"{where}: the label '{chosen.label}' is {excerpt(_shown(value))}; a string, a number, true or false, or a list of these "
                "was expected."
            )
        if asked.is_labelled and "" in found_labels:
            raise DataError(
                f"{where}: the label '{chosen.label}' of {excerpt(text)} is {'missing' if value is None else 'empty'}; every text needs "
                "one. Write it or remove the text; where a text may have any number of labels, name what stands between them with "
                "--label-separator X, or write a list in JSON Lines."
            )
        labels = tuple(dict.fromkeys(filter(None, found_labels)))
    group = ""
    if chosen.group:
        value = scalar_of(content.get(chosen.group))
        if value is None:
            raise DataError(f"{where}: no group '{chosen.group}'; every text needs one, a string or a number. Write it or remove the text.")
        group = value
    return TextRecord(text, where, tuple(labels), group)


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
