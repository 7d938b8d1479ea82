"""Column files like CoNLL-2003's: a token a line with its labels beside it, an empty line between sentences.

What separates the columns, how many there are, their names and which one holds the token is found from
the first lines; `#` comments, `-DOCSTART-` lines, CoNLL-U Plus (`# global.columns = …`), header lines
and the five columns of Universal NER (id, token, tag, -, annotator) are told by themselves.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from tidegate.data.opening import excerpt, open_lines
from tidegate.data.records import Source, TokenRecord
from tidegate.data.words import locate
from tidegate.errors import DataError, nearest

# How many lines with content are looked at before the columns are decided.
_SAMPLE = 200
_TOKEN_NAMES = ("form", "token", "word", "text")
_LABEL_NAMES = frozenset(("label", "labels", "tag", "tags", "ner", "ner_tag", "pos", "upos", "xpos", "lemma", "chunk", "slot"))
_DELIMITER_NAMES = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars", " ": "blanks"}
_BLANKS = re.compile(r"[ \t]+")
_GLOBAL = re.compile(r"#\s*global\.columns\s*=(.*)")
_TEXT = re.compile(r"#\s*text\s*=\s?(.*)")
# Comments that say `key = value` are comments even where they happen to have as many blanks as a row.
_KEYED = re.compile(r"# +[\w.:-]+ *=")
_NUMBER = re.compile(r"-?[0-9]{1,6}")
_BETWEEN_WORDS = re.compile(r"[0-9]+[-.][0-9]+")
_IOB = re.compile(r"O|[BIES]-.+")


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What separates columns and how many there are; `share` of the lines looked at have exactly that many."""

    delimiter: str
    width: int
    share: float


@dataclass(frozen=True, slots=True)
class _Table:
    """How the rows of one file are read: places count from 0, `header` is the header's line or 0."""

    delimiter: str
    width: int
    header: int
    has_ids: bool
    token: int
    labels: dict[str, int]

    def cut(self, line: str) -> list[str]:
        return _cut(line, self.delimiter, self.width)

    def is_comment(self, line: str) -> bool:
        """Whether a line before a sentence's first token is a comment; '#' with a label beside it is a token."""
        return line == "#" or (line.startswith("# ") and (bool(_KEYED.match(line)) or len(self.cut(line)) != self.width))


def read_columns(
    path: str | os.PathLike[str], *, label: Sequence[str], token: str | None = None, is_labelled: bool = True
) -> Iterator[TokenRecord]:
    """The sentences of a column file, plain or gzip, one after another.

    Args:
        label: label columns, by name or by number (1 is the first, -1 the last), each a key of the record's labels under the
            name asked for; by number it is 'label' if alone, else 'column2' and so on. None: the last column (of Universal
            NER the third), named 'label'.
        token: the token's column, by name or number; None: the column named form, token, word or text, else
            the first column that is no id.
        is_labelled: whether a file of one column, a token a line, is refused.

    Raises:
        DataError: no such column, a row with another number of columns, a row without a token.
        EncodingError: bytes that are not UTF-8.
    """
    file = os.fspath(path)
    lines = open_lines(path)
    sample = list(_first_lines(lines))
    table = _survey(sample, file, label, token, is_labelled)
    tokens: list[str] = []
    numbers: list[int] = []
    rows: list[list[str]] = []
    text: str | None = None
    for number, line in chain(sample, lines, ((0, ""),)):
        cells = [] if _is_break(line) or number == table.header else table.cut(line)
        if not any(cells) or cells[0] == "-DOCSTART-":
            if tokens:
                offsets = locate(tokens, text) if text else ()
                labels = {name: tuple(row[place] for row in rows) for name, place in table.labels.items()}
                yield TokenRecord(tuple(tokens), Source(file, numbers[0]), labels, tuple(numbers), text if offsets else None, offsets)
            tokens, numbers, rows, text = [], [], [], None
        elif not tokens and table.is_comment(line):
            text = match[1] if (match := _TEXT.match(line)) else text
        elif len(cells) != table.width or not cells[table.token]:
            raise DataError(_bad_row(Source(file, number), line, cells, table))
        elif not (table.has_ids and _BETWEEN_WORDS.fullmatch(cells[0])):
            tokens.append(cells[table.token])
            numbers.append(number)
            rows.append(cells)


def sniff(lines: Iterable[str]) -> Sniffed | None:
    """How the columns of these lines are separated: tabs, else commas, semicolons or bars, else runs of blanks.

    Tabs where half of the lines or more have one; the others where nearly all lines have the same number. None without any line
    that has content.
    """
    rows = [line for line in lines if not _is_break(line) and not line.startswith(("# ", "-DOCSTART-"))]
    if not rows:
        return None
    if 2 * sum("\t" in line.strip() for line in rows) >= len(rows):
        return _most_common("\t", [_cut(line, "\t", 0) for line in rows])
    blanks = _most_common(" ", [_cut(line, " ", 0) for line in rows])
    for delimiter in ",;|":
        table = [cells for line in rows if any(cells := _cut(line, delimiter, 0))]
        found = _most_common(delimiter, table)
        full = sum(len(cells) == found.width and bool(cells[0]) for cells in table)
        # 'a, B' is cut by its comma and '1,000 CD' by its blank: there, blanks are left inside the cells.
        crossed = sum(" " in cell for cells in table for cell in cells)
        if found.width > 1 and full >= 0.9 * len(table) and not (blanks.width > 1 and blanks.share >= 0.9 and crossed):
            return found
    return blanks


def _most_common(delimiter: str, rows: Sequence[Sequence[str]]) -> Sniffed:
    if not rows:
        return Sniffed(delimiter, 1, 0.0)
    width, count = Counter(len(cells) for cells in rows).most_common(1)[0]
    return Sniffed(delimiter, width, count / len(rows))


def _is_break(line: str) -> bool:
    return not line or line.isspace()


def _cut(line: str, delimiter: str, width: int) -> list[str]:
    if delimiter == " ":
        return _BLANKS.split(line.strip(" \t"))
    if delimiter != "\t" and '"' in line:
        try:
            quoted = next(csv.reader([line], delimiter=delimiter, strict=True))
        except csv.Error:
            quoted = []
        # A token '"' that nobody quoted leaves another number of cells: then the quotes are text.
        if quoted and width in (0, len(quoted)):
            return [cell.strip() for cell in quoted]
    return [cell.strip() for cell in line.split(delimiter)]


def _first_lines(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    wanted = _SAMPLE
    for number, line in lines:
        yield number, line
        wanted -= not (_is_break(line) or line.startswith("# "))
        if not wanted:
            return


def _survey(sample: Sequence[tuple[int, str]], file: str, label: Sequence[str], token: str | None, is_labelled: bool) -> _Table:
    """Decides how to read the file, from its first lines."""
    sniffed = sniff(line for _, line in sample)
    if sniffed is None:
        return _Table("\t", 0, 0, False, 0, {})
    bare = _Table(sniffed.delimiter, sniffed.width, 0, False, 0, {})
    rows = [(number, [] if _is_break(line) else bare.cut(line)) for number, line in sample if not bare.is_comment(line)]
    first, cells = next(((number, cells) for number, cells in rows if any(cells) and cells[0] != "-DOCSTART-"), (0, []))
    lowered = {cell.casefold() for cell in cells}
    asked = {name.casefold() for name in (*label, *([token] if token else [])) if not _NUMBER.fullmatch(name)}
    header = first if lowered & asked or (lowered & set(_TOKEN_NAMES) and lowered & _LABEL_NAMES) else 0
    declared = next((match[1].split() for _, line in sample if (match := _GLOBAL.match(line))), None)
    names = declared or (cells if header else None)
    width = len(declared) if declared else sniffed.width
    if width == 1 and not is_labelled:
        return _Table(sniffed.delimiter, 1, 0, False, 0, {})
    if width < 2:
        where = Source(file, first)
        raise DataError(
            f"{where}: one column found; a token and its label were expected, separated by a tab, comma, semicolon, bar or blanks: "
            f"{excerpt(next(line for number, line in sample if number == first))}. Add the labels, or name the format of the file if "
            "it is another."
        )
    if names and len(names) != width:
        raise DataError(f"{file}, line {header}: the header names {len(names)} columns, but most rows have {width}. Make them equal.")
    body = [cells if number != header else [] for number, cells in rows]
    has_ids = names[0].casefold() == "id" if declared and names else width >= 3 and _first_column_counts(body)
    is_uner = not names and has_ids and width == 5 and all(_IOB.fullmatch(cells[2]) for cells in body if len(cells) == 5 and any(cells))
    found = [place for wanted in _TOKEN_NAMES for place, name in enumerate(names or ()) if name.casefold() == wanted]
    form = found[0] if found else int(has_ids)
    default = 2 if is_uner else width - 1
    names = names or _default_names(width, form, default, has_ids, "ner" if is_uner else "label")
    if token is not None:
        form = _place(token, names, default, file)
    chosen: dict[str, int] = {}
    for name in label or ("label",):
        place = _place(name, names, default, file) if label else default
        if place == form:
            raise DataError(
                f"{file}: column {place + 1} ('{names[place]}') holds the tokens; a column of labels was expected. {_listing(names)}"
            )
        by_number = name not in names and _NUMBER.fullmatch(name)
        chosen[("label" if len(label) == 1 else f"column{place + 1}") if by_number else name] = place
    return _Table(sniffed.delimiter, width, header, has_ids, form, chosen)


def _default_names(width: int, token: int, label: int, has_ids: bool, label_name: str) -> list[str]:
    names = [f"column{place + 1}" for place in range(width)]
    if has_ids:
        names[0] = "id"
    names[token], names[label] = "token", label_name
    return names


def _first_column_counts(rows: Iterable[Sequence[str]]) -> bool:
    """Whether the first column of every sentence counts 1, 2, 3, …, multiword tokens and empty nodes aside."""
    expected, seen = 1, False
    for cells in rows:
        if not any(cells):
            expected = 1
        elif cells[0] == str(expected):
            expected, seen = expected + 1, True
        elif not _BETWEEN_WORDS.fullmatch(cells[0]) and cells[0] != "-DOCSTART-":
            return False
    return seen


def _place(asked: str, names: Sequence[str], default: int, file: str) -> int:
    """The place of the column asked for by name or number; 'label' is the default column where no column has that name."""
    lowered = [name.casefold() for name in names]
    if asked in names or asked.casefold() in lowered:
        return names.index(asked) if asked in names else lowered.index(asked.casefold())
    if asked == "label":
        return default
    # 'column2' is what a column asked for by number is named in records, so it must be found under that name too.
    if _NUMBER.fullmatch(bare := asked.removeprefix("column")):
        number = int(bare)
        if 0 < abs(number) <= len(names):
            return number - 1 if number > 0 else len(names) + number
        raise DataError(
            f"{file}: there is no column {number}; columns are numbered 1 to {len(names)}, from the end -1 to -{len(names)}. "
            f"{_listing(names)}"
        )
    raise DataError(f"{file}: there is no column '{asked}'.{nearest(asked, names)} {_listing(names)}")


def _listing(names: Sequence[str]) -> str:
    return "Columns here: " + ", ".join(f"{number} '{name}'" for number, name in enumerate(names, 1)) + ". Ask for one by name or number."


def _bad_row(where: Source, line: str, cells: Sequence[str], table: _Table) -> str:
    if len(cells) == table.width:
        return (
            f"{where}: the token (column {table.token + 1}) is missing: {excerpt(line)}. Every row needs one; "
            "write the token, or remove the row, or leave the line wholly empty if a sentence ends here."
        )
    found = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
    return (
        f"{where}: {found} found, {table.width} expected as in most rows, separated by {_DELIMITER_NAMES[table.delimiter]}: "
        f"{excerpt(line)}. "
        "Correct the row; sentences are separated by an empty line."
    )
