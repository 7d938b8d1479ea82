"""Any file with labelled tokens as records: which format it has, which label columns it holds.

The readers of the single formats are beside this module; `read_labelled` finds the right one and
checks what they cannot: that the label columns asked for are there and that no label is empty.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from tidegate.data.columns import read_columns, sniff
from tidegate.data.conllu import COLUMNS, LABELS, read_conllu
from tidegate.data.opening import excerpt, is_json, nearest_file, open_lines, suffix_of
from tidegate.data.records import TokenRecord
from tidegate.data.spans import read_span_lines
from tidegate.errors import DataError, nearest

_BY_SUFFIX = {".conllu": "conllu", ".jsonl": "spans", ".ndjson": "spans", ".json": "spans"}
# Names under which nothing but columns is found; what separates them may then be wrong in places without a doubt about the format.
_COLUMN_SUFFIXES = frozenset((".conll", ".conllup", ".iob", ".iob2", ".bio"))
_SAMPLE = 200
_ID = re.compile(r"1|1-[0-9]+|0\.[0-9]+")
_NUMBER = re.compile(r"-?[0-9]+")
# '_' is a value of these columns (no features, nothing to say), so a sentence may hold nothing else.
_MAY_BE_BLANK = frozenset(("lemma", "xpos", "feats", "misc"))


# What lists of labels are called in JSON Lines, where none is asked for by name.
_USUAL = frozenset(("slot", "label", "labels", "tags", "ner_tags"))


def detect(path: str | os.PathLike[str]) -> str:
    """The format of a file with labelled tokens: 'conllu', 'columns' or 'spans', by its suffix, then by its first lines.

    Raises:
        DataError: it is none of these, or holds nothing.
    """
    name = os.fspath(path)
    suffix = suffix_of(path)
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    lines = [line for _, line in islice(open_lines(path), _SAMPLE)]
    content = [line for line in lines if line and not line.isspace()]
    if not content:
        raise DataError(_no_sentence(name))
    row = next((line.split("\t") for line in content if not line.startswith("#")), [""])
    if len(row) == len(COLUMNS) and _ID.fullmatch(row[0]) and not any(line.startswith("# global.columns") for line in content):
        return "conllu"
    if content[0].startswith("{") and is_json(content[0]):
        return "spans"
    found = sniff(lines)
    if suffix in _COLUMN_SUFFIXES or (found and found.width > 1 and (found.delimiter == "\t" or found.share >= 0.9)):
        return "columns"
    raise DataError(
        f"{name}: not a format with labelled tokens; its first line is {excerpt(content[0])}. Expected conllu (CoNLL-U), columns (a "
        "token and its labels "
        "a line, separated alike in every line) or spans (a JSON object a line); the formats text and tokens carry no labels. "
        "Bring the file into one of the three; .conllu and .jsonl files are told by their names."
    )


def detect_line(line: str) -> str:
    """What a stream's first line says of its format: 'conllu' (a row, or a comment of CoNLL-U's own), 'spans' (JSON) or 'text'."""
    row = line.split("\t")
    if (len(row) == len(COLUMNS) and _ID.fullmatch(row[0])) or line.startswith(("# sent_id", "# newdoc", "# newpar", "# text =")):
        return "conllu"
    return "spans" if line.startswith("{") and is_json(line) else "text"


def detect_input(path: str | os.PathLike[str]) -> str:
    """The format of a file to be answered: as `detect`, but a file that holds no labelled tokens is 'text'; so is every .txt.

    Raises:
        DataError: it cannot be opened, or is no text.
    """
    if suffix_of(path) == ".txt":
        return "text"
    if not any(line.strip() for _, line in islice(open_lines(path), _SAMPLE)):
        return "text"
    try:
        found = detect(path)
    except DataError:
        return "text"
    # Lines of equally many words are no table: without a suffix that says so, only tabs make columns.
    if found == "columns" and suffix_of(path) not in _COLUMN_SUFFIXES:
        sniffed = sniff(line for _, line in islice(open_lines(path), _SAMPLE))
        return "columns" if sniffed is not None and sniffed.delimiter == "\t" else "text"
    return found


def read_labelled(path: str | os.PathLike[str], *, label: Sequence[str]) -> Iterator[TokenRecord]:
    """The records of a file with labelled tokens, each with exactly the label columns asked for.

    Args:
        label: names, or numbers counted from 1, of the columns. None: 'upos' in CoNLL-U, the last column of a column file, the
            spans or the only list of labels in JSON Lines. In CoNLL-U the names are upos, xpos, feats, lemma, deprel and misc.

    Raises:
        DataError: no such column, a record without it, an empty label, no sentence at all, or what the format's reader refuses.
        EncodingError: bytes that are not UTF-8.
    """
    name = os.fspath(path)
    kind = detect(path)
    if kind == "conllu":
        wanted = tuple(dict.fromkeys(_conllu_name(asked, name) for asked in label or ("upos",)))
        records = _annotated(read_conllu(path), wanted, name)
    elif kind == "columns":
        wanted = ()
        records = read_columns(path, label=label)
    else:
        wanted = tuple(dict.fromkeys(label))
        records = read_span_lines(path, label=label)
    is_empty = True
    for record in records:
        if not wanted:
            wanted = tuple(record.labels) if kind == "columns" else _only_column(record)
        is_empty = is_empty and not record.tokens
        yield _checked(record, wanted)
    if is_empty:
        raise DataError(_no_sentence(name))


def expand(patterns: Iterable[str]) -> list[str]:
    """The files that names and globs stand for: in the order given, sorted within a glob, none twice. `**` reaches into folders.

    Raises:
        DataError: a pattern that matches no file.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        # A file whose own name has brackets or stars in it is meant as it stands.
        files = [pattern] if os.path.exists(pattern) else sorted(filter(os.path.isfile, glob.glob(pattern, recursive=True)))
        if not files:
            kind = "no file matches this pattern" if glob.has_magic(pattern) else "no such file"
            raise DataError(
                f"{pattern}: {kind}.{nearest_file(pattern)} A file or a glob was expected, read from the folder '{os.getcwd()}'; check "
                "the path."
            )
        found.update(dict.fromkeys(files))
    return list(found)


def _no_sentence(name: str) -> str:
    expected = "A file with at least one labelled sentence was expected; check that it is the right file and was written whole."
    return f"{name} holds no sentence. {expected}"


def _conllu_name(asked: str, name: str) -> str:
    if asked.lower() in LABELS:
        return asked.lower()
    if _NUMBER.fullmatch(asked):
        number = int(asked) if len(asked) < 4 else 0
        if 1 <= number <= len(COLUMNS) and COLUMNS[number - 1] in LABELS:
            return COLUMNS[number - 1]
        what = f" (that is '{COLUMNS[number - 1]}')" if 1 <= number <= len(COLUMNS) else ""
        given = f"column {asked}{what}"
    else:
        given = f"column '{asked}'"
    known = ", ".join(f"{COLUMNS.index(column) + 1} {column}" for column in LABELS)
    raise DataError(
        f"{name}: {given} is no label column of CoNLL-U.{nearest(asked, LABELS)} Ask for one of these, by name or number: {known}."
    )


def _annotated(records: Iterable[TokenRecord], wanted: Sequence[str], name: str) -> Iterator[TokenRecord]:
    """Puts '_' back where a sentence holds nothing else in a column that may be blank; refuses a file where every sentence does."""
    never = {column for column in wanted if column in _MAY_BE_BLANK}
    seen = False
    for record in records:
        never -= record.labels.keys()
        seen = seen or bool(record.tokens)
        blank = {c: ("_",) * len(record) for c in wanted if c not in record.labels and (c in _MAY_BE_BLANK or not record.tokens)}
        yield replace(record, labels=record.labels | blank) if blank else record
    if never and seen:
        raise DataError(
            f"{name}: column '{min(never)}' is '_' for every word, so there is nothing to learn or compare. Ask for another column, or "
            "fill it."
        )


def _only_column(record: TokenRecord) -> tuple[str, ...]:
    """The column meant where none was asked for: the spans', else a usual name, else the only one."""
    usual = [name for name in record.labels if name in _USUAL]
    for names in (usual, list(record.labels)):
        if len(names) == 1:
            return (names[0],)
    raise DataError(
        f"{record.source}: several label columns here ({', '.join(record.labels)}) and none was asked for. Name one, as in "
        f"label='{next(iter(record.labels))}'."
    )


def _checked(record: TokenRecord, wanted: Sequence[str]) -> TokenRecord:
    labels = {}
    for name in wanted:
        if name not in record.labels:
            known = ", ".join(f"'{column}'" for column in record.labels) or "none (the words are not annotated)"
            raise DataError(
                f"{record.source}: no label column '{name}' here; columns: {known}.{nearest(name, record.labels)} "
                "Every sentence must have it: annotate this one, remove it, or ask for another column."
            )
        labels[name] = record.labels[name]
        if "" in labels[name]:
            place = labels[name].index("")
            raise DataError(
                f"{record.where(place)}: the label of token {excerpt(record.tokens[place])} in column '{name}' is empty; every token "
                "needs one. "
                "Write it, or 'O' where the token belongs to no span."
            )
    return replace(record, labels=labels)
