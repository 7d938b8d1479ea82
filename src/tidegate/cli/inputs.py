"""What is to be answered: records of the kind that a model's task takes, from files or from standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from tidegate.data import Source, TextRecord, TokenRecord
from tidegate.data.columns import read_columns
from tidegate.data.conllu import read_conllu, read_conllu_lines
from tidegate.data.lexicon import LEXICON_SUFFIX, read_lexicon
from tidegate.data.opening import open_lines, open_stream, suffix_of
from tidegate.data.pair_tables import source_column, text_of_cell
from tidegate.data.reading import detect_input, detect_line, expand
from tidegate.data.spans import read_span_lines, read_span_lines_from
from tidegate.data.tables import BARE_SUFFIXES, QUOTED_SUFFIXES, read_rows_from
from tidegate.data.texts import detect_texts, find_columns, read_text_objects, read_texts
from tidegate.data.words import read_text, read_text_lines, read_tokens, read_tokens_lines
from tidegate.errors import DataError, RecipeError
from tidegate.runtime import ClassifyModel, TagModel, TranslateModel

_STANDARD_INPUT = "standard input"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Reads what a model is to answer.

    Attributes:
        model: the model that will answer.
        kind: 'auto', 'text', 'tokens' or 'conllu'.
        text: the column of the text, for a classifier; empty: as in training, else found.
        quiet: print no notes.
    """

    model: TagModel | ClassifyModel
    kind: str
    text: str
    quiet: bool

    def __post_init__(self) -> None:
        if isinstance(self.model, ClassifyModel) and self.kind in ("tokens", "conllu"):
            raise RecipeError(f"--input {self.kind} is for a tagger, and this model classifies texts. Use --input text, or leave it out.")

    def of_files(self, files: Sequence[str]) -> Iterator[Any]:
        """The records of the files that names and globs stand for; '-' is standard input."""
        for name in files:
            for path in [name] if name == "-" else expand([name]):
                yield from self.of_standard_input() if path == "-" else self._of_file(path)

    def of_standard_input(self) -> Iterator[Any]:
        """The records on standard input, each as soon as it is there; with kind 'auto' the first line tells JSON and CoNLL-U from text.

        Raises:
            DataError: standard input is closed, or what the format's reader refuses.
        """
        lines = _standard_input()
        first = next(lines, None)
        if first is None:
            return
        found = detect_line(first[1]) if self.kind == "auto" else self.kind
        every = chain([first], lines)
        if isinstance(self.model, ClassifyModel):
            if found == "spans":
                yield from read_text_objects(every, _STANDARD_INPUT, text=self.text)
            else:
                self._refuse_column(_STANDARD_INPUT)
                yield from _lines(every, _STANDARD_INPUT)
        elif found == "spans":
            yield from read_span_lines_from(every, _STANDARD_INPUT, label=(), is_labelled=False)
        else:
            reader = {"text": read_text_lines, "tokens": read_tokens_lines, "conllu": read_conllu_lines}[found]
            yield from reader(every, _STANDARD_INPUT)

    def _of_file(self, path: str) -> Iterator[Any]:
        return self._texts(path) if isinstance(self.model, ClassifyModel) else self._tokens(path)

    def _tokens(self, path: str) -> Iterator[TokenRecord]:
        found = detect_input(path) if self.kind == "auto" else self.kind
        if found == "columns":
            self._note(f"{path} is read as columns, a token a line; --input text reads a sequence a line.")
            return read_columns(path, label=(), is_labelled=False)
        if found == "spans":
            return read_span_lines(path, label=(), is_labelled=False)
        return {"text": read_text, "tokens": read_tokens, "conllu": read_conllu}[found](path)

    def _texts(self, path: str) -> Iterator[TextRecord]:
        is_plain = self.kind == "text" or path.removesuffix(".gz").endswith(".txt")
        form = "lines" if is_plain and not self.text else detect_texts(path)
        if form == "lines":
            self._refuse_column(path)
            return _lines(open_lines(path), path)
        columns = self.model.config["columns"]
        text = self.text or self._column_of_training(path, columns["text"], form)
        # The labels of a labelled file are carried along for --with-input, where they bear the name that they had in training.
        label = columns["label"] if not self.text and text == columns["text"] else ""
        try:
            return _read_ahead(read_texts(path, text=text, label=label, is_labelled=False))
        except DataError:
            return read_texts(path, text=text, is_labelled=False)

    def _column_of_training(self, path: str, name: str, form: str) -> str:
        """The text's column: as in training where the file has it, else the one that looks like it."""
        if form == "fasttext":
            return ""
        if name.isdecimal():  # the file of training had no header
            try:
                found = find_columns(path, is_labelled=False).text
            except DataError:
                return name  # with a header its names would have told
            if found.isdecimal():
                return name
        else:
            try:
                return find_columns(path, text=name, is_labelled=False).text
            except DataError as error:
                try:
                    found = find_columns(path, is_labelled=False).text
                except DataError:
                    raise error from None  # which names the columns there are
        self._note(f"{path} has no column '{name}', which was the text in training; '{found}' is read instead. --text names another.")
        return found

    def _refuse_column(self, name: str) -> None:
        if self.text:
            raise DataError(
                f"--text {self.text} names a column, but {name} is read as a text a line. Give a file whose name says that it is a table "
                "(.csv, .tsv) or JSON Lines, or leave --text out."
            )

    def _note(self, said: str) -> None:
        if not self.quiet:
            print(said, file=sys.stderr)


@dataclass(frozen=True, slots=True)
class Sources:
    """Reads what a translator is to answer: a source a line, the cells of one column of a table, or the words of a lexicon (.dict).

    Attributes:
        model: the model that will answer.
        column: by name or number from 1; empty: in tables as in training, else the first. Lines are cut at tabs.
        quiet: print no notes.
    """

    model: TranslateModel
    column: str
    quiet: bool

    def of_files(self, files: Sequence[str]) -> Iterator[TextRecord]:
        """The sources of the files that names and globs stand for; '-' is standard input. An empty line is a source too.

        Raises:
            DataError: a file cannot be read, or has no such column.
        """
        for name in files:
            for path in [name] if name == "-" else expand([name]):
                if path == "-":
                    yield from self._of_lines(_standard_input(), _STANDARD_INPUT)
                else:
                    yield from self._of_lines(open_lines(path), path)

    def _of_lines(self, lines: Iterator[tuple[int, str]], file: str) -> Iterator[TextRecord]:
        if suffix_of(file) == LEXICON_SUFFIX:
            yield from (TextRecord(word, Source(file, number)) for number, word, _ in read_lexicon(lines, file))
            return
        is_csv = suffix_of(file) in QUOTED_SUFFIXES
        rows = read_rows_from(lines, file) if is_csv else ((number, line.split("\t")) for number, line in lines)
        first = next(rows, None)
        if first is None:
            return
        place, is_header = self._column_of(first, file, is_table=is_csv or suffix_of(file) in BARE_SUFFIXES)
        if is_header and not self.quiet:
            print(f"{file}: the first row is a header; the sources are those of '{first[1][place].strip()}'.", file=sys.stderr)
        for number, cells in rows if is_header else chain([first], rows):
            if place >= len(cells) and any(cells):
                raise DataError(
                    f"{Source(file, number)}: {len(cells)} columns; the sources were expected in column {place + 1}, where line {first[0]} "
                    "has one."
                )
            yield TextRecord(text_of_cell(cells[place]) if place < len(cells) else "", Source(file, number))

    def _column_of(self, first: tuple[int, list[str]], file: str, *, is_table: bool) -> tuple[int, bool]:
        """The place of the sources, from 0, and whether the first row is a header."""
        if self.column or not is_table:
            return source_column(first, file, self.column or None) if self.column else (0, False)
        trained = self.model.config["recipe"]["source"]
        if trained is not None:
            try:
                return source_column(first, file, trained)
            except DataError:
                if not self.quiet:
                    print(f"{file} has no column '{trained}', which was the source in training; the first is read.", file=sys.stderr)
        return source_column(first, file, None)


def plain_lines(files: Sequence[str]) -> Iterator[TextRecord]:
    """The lines of files, '-' being standard input, for models of plain text; each as soon as it is there.

    Raises:
        DataError: a file cannot be read, or is no text.
    """
    for name in files:
        for path in [name] if name == "-" else expand([name]):
            yield from _lines(_standard_input(), _STANDARD_INPUT) if path == "-" else _lines(open_lines(path), path)


def _standard_input() -> Iterator[tuple[int, str]]:
    if sys.stdin is None:
        raise DataError("standard input is closed. Give a file, or pipe something in.")
    # A stream of its own: a thread may wait on it for ever, and at its end the interpreter would abort on the lock of sys.stdin's.
    with os.fdopen(os.dup(sys.stdin.fileno()), "rb") as stream:
        yield from open_stream(stream, _STANDARD_INPUT)


def _lines(lines: Iterator[tuple[int, str]] | chain[tuple[int, str]], file: str) -> Iterator[TextRecord]:
    """A text a line; an empty line is an empty text, and has an answer too."""
    return (TextRecord(line, Source(file, number)) for number, line in lines)


def _read_ahead(records: Iterator[TextRecord]) -> Iterator[TextRecord]:
    """The same records, the first one read at once, so that a missing column is told here."""
    first = next(records, None)
    return iter(()) if first is None else chain([first], records)
