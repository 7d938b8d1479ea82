"""CoNLL-U: reading its words and their columns, and writing a sentence back with some columns replaced.

Tokens are the words, those with ids 1, 2, 3, …. Multiword tokens (`3-4`) and empty nodes (`8.1`) carry no
labels of their own: they stay in a record's `layout` with the comments, and are written back as they stood.

Format: https://universaldependencies.org/format.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tidegate.data.opening import excerpt, open_lines
from tidegate.data.records import Source, TokenRecord
from tidegate.data.words import locate
from tidegate.errors import DataError, ShapeError

COLUMNS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
LABELS = ("lemma", "upos", "xpos", "feats", "deprel", "misc")

_PLACES = tuple((name, COLUMNS.index(name)) for name in LABELS)
_MISC = COLUMNS.index("misc")
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
_EMPTY_NODE = re.compile(r"([0-9]{1,9})\.[0-9]+")
_TEXT = re.compile(r"#\s*text\s*=\s?(.*)")
# The escapes that UDPipe uses in MISC for what would end an entry, a column or a line.
_ESCAPES = str.maketrans({"\\": "\\\\", "|": "\\p", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_CELL_BREAKS = re.compile(r"[\t\r\n]")


def read_conllu(path: str | os.PathLike[str]) -> Iterator[TokenRecord]:
    """The sentences of a CoNLL-U file, plain or gzip, one after another.

    A record's labels are `lemma, upos, xpos, feats, deprel, misc`, '_' as it stands; a column that is '_' for
    every word of a sentence is left out of its record. `text` and `offsets` come from `# text =` where it spells the words.

    Raises:
        DataError: a line that is not CoNLL-U, with its number.
        EncodingError: bytes that are not UTF-8.
    """
    return read_conllu_lines(open_lines(path), os.fspath(path))


def read_conllu_lines(lines: Iterable[tuple[int, str]], file: str) -> Iterator[TokenRecord]:
    """As `read_conllu`, from numbered lines; `file` is what messages call them. A sentence comes as soon as it ends."""
    block: list[tuple[int, str]] = []
    for number, line in lines:
        if line and not line.isspace():
            block.append((number, line))
        elif block:
            yield _sentence(block, file)
            block = []
    if block:
        yield _sentence(block, file)


def write_conllu(record: TokenRecord, columns: Mapping[str, Sequence[str]]) -> list[str]:
    """A record as lines of CoNLL-U without line ends, the empty line behind the sentence included.

    A record that was read from CoNLL-U comes back unchanged but for the given columns of its words. Any other record
    becomes a new sentence, with `# text` and `SpaceAfter=No` where it knows its text; without tokens it becomes nothing.

    Args:
        columns: for each name, one label per token. Names of CoNLL-U columns (`upos`, …) fill those; any other goes
            into MISC as `name=label`, in place of an entry of that name, with \\ | and tabs escaped (`\\\\`, `\\p`, `\\t`).

    Raises:
        ShapeError: a column has not one label per token.
    """
    for name, labels in columns.items():
        if len(labels) != len(record):
            raise ShapeError(
                f"{record.source}: column '{name}' has {len(labels)} labels for {len(record)} tokens; give one label for each token."
            )
    if not record.layout:
        return [*_fresh(record, columns), ""] if record.tokens else []
    if not columns:
        return [*record.layout, ""]
    written: list[str] = []
    word = 0
    for line in record.layout:
        cells = line.split("\t")
        if not line.startswith("#") and cells[0].isdecimal():
            line = "\t".join(_filled(cells, columns, word))
            word += 1
        written.append(line)
    return [*written, ""]


def _sentence(block: Sequence[tuple[int, str]], file: str) -> TokenRecord:
    rows: list[list[str]] = []
    lines: list[int] = []
    # Surface tokens in order: form, first word, end word, line.
    surfaces: list[tuple[str, int, int, int]] = []
    covered = 0
    text: str | None = None
    for number, line in block:
        if line.startswith("#"):
            match = _TEXT.match(line) if text is None else None
            text = match[1] if match else text
            continue
        cells = line.split("\t")
        if len(cells) != len(COLUMNS) or not cells[1].strip():
            raise DataError(_bad_row(Source(file, number), line, cells))
        expected = len(rows) + 1
        if cells[0] == str(expected):
            rows.append(cells)
            lines.append(number)
            if expected > covered:
                surfaces.append((cells[1], expected - 1, expected, number))
        elif "-" in cells[0]:
            covered = _end_of_range(cells[0], expected, covered, Source(file, number))
            surfaces.append((cells[1], expected - 1, covered, number))
        elif (node := _EMPTY_NODE.fullmatch(cells[0])) is None or int(node[1]) != len(rows):
            raise DataError(
                f"{file}, line {number}: id {excerpt(cells[0])} stands where word {expected} was expected. Words count 1, 2, 3, … in each "
                "sentence; number them anew, or put an empty line before a new sentence."
            )
    if covered > len(rows):
        raise DataError(
            f"{file}, line {surfaces[-1][3]}: a multiword token reaches to word {covered}, but its sentence has {len(rows)} words. "
            "Correct the range, or add the missing words."
        )
    tokens = tuple(cells[1] for cells in rows)
    offsets = _offsets(tokens, surfaces, text) if text and tokens else ()
    columns = ((name, tuple(cells[place] for cells in rows)) for name, place in _PLACES)
    return TokenRecord(
        tokens,
        Source(file, block[0][0]),
        labels={name: labels for name, labels in columns if any(label != "_" for label in labels)},
        lines=tuple(lines),
        text=text if offsets else None,
        offsets=offsets,
        layout=tuple(line for _, line in block),
    )


def _bad_row(where: Source, line: str, cells: Sequence[str]) -> str:
    if len(cells) == len(COLUMNS):
        return f"{where}: the form (column 2) is empty: {excerpt(line)}. Every line needs one; write '_' where there is none."
    hint = "Give each line its 10 columns, '_' for an empty one."
    if len(line.split()) >= len(COLUMNS) > len(cells):
        hint = "The columns seem to be separated by blanks: replace those by tabs."
    elif len(cells) < len(COLUMNS):
        hint += " If this is another kind of column file, do not name it .conllu."
    found = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
    return f"{where}: {found} found where CoNLL-U has 10, separated by tabs: {excerpt(line)}. {hint}"


def _end_of_range(identity: str, expected: int, covered: int, where: Source) -> int:
    match = _RANGE.fullmatch(identity)
    if match is None or int(match[1]) != expected or int(match[2]) < expected or covered >= expected:
        raise DataError(
            f"{where}: {excerpt(identity)} is no multiword range that may stand here. Expected '{expected}-N', N not below {expected}, "
            f"right before word {expected} and outside any other range."
        )
    return int(match[2])


def _offsets(tokens: Sequence[str], surfaces: Sequence[tuple[str, int, int, int]], text: str) -> tuple[tuple[int, int], ...]:
    """Where the words stand in the text; the words of a multiword token share its range where it does not spell them."""
    ranges = locate([surface[0] for surface in surfaces], text)
    found: list[tuple[int, int]] = []
    for (start, end), (_, first, last, _) in zip(ranges, surfaces, strict=False):
        inner: list[tuple[int, int]] = []
        place = start
        for form in tokens[first:last]:
            begin = text.find(form, place, end)
            if begin < 0:
                inner = [(start, end)] * (last - first)
                break
            place = begin + len(form)
            inner.append((begin, place))
        found.extend(inner)
    return tuple(found)


def _fresh(record: TokenRecord, columns: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if record.text is not None:
        yield f"# text = {_CELL_BREAKS.sub(' ', record.text)}"
    for word, form in enumerate(record.tokens):
        cells = [str(word + 1), _cell(form), *"_" * 8]
        if 0 < word + 1 < len(record.offsets) and record.offsets[word][1] == record.offsets[word + 1][0]:
            cells[_MISC] = "SpaceAfter=No"
        yield "\t".join(_filled(cells, columns, word))


def _filled(cells: list[str], columns: Mapping[str, Sequence[str]], word: int) -> list[str]:
    # Columns of CoNLL-U first: a given MISC must not wipe out what is added to it.
    for name, labels in columns.items():
        if name in COLUMNS:
            cells[COLUMNS.index(name)] = _cell(labels[word])
    for name, labels in columns.items():
        if name not in COLUMNS:
            key = re.sub(r"[=|\s]", "_", name)
            entries = [] if cells[_MISC] == "_" else cells[_MISC].split("|")
            entry = f"{key}={labels[word].translate(_ESCAPES)}"
            places = [place for place, old in enumerate(entries) if old.split("=", 1)[0] == key]
            if places:
                entries[places[0]] = entry
                entries = [old for place, old in enumerate(entries) if place not in places[1:]]
            else:
                entries.append(entry)
            cells[_MISC] = "|".join(entries)
    return cells


def _cell(value: str) -> str:
    """The value as a cell: no tab or line end, never empty."""
    return _CELL_BREAKS.sub(" ", value) or "_"
