"""Rows come back as they were written, with the line that each begins on; what is no table is refused with its place."""

from __future__ import annotations

import csv
import gzip
import io
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.tables import has_header, look_ahead, read_columns, read_rows, read_rows_from, repeats, sniff_delimiter, suffix_of
from tidegate.errors import DataError, EncodingError

KNOWN = {"text", "label", "spam", "question", "id"}
SURE = {"text", "label"}


class Reader:
    """Writes a file (of text, or of bytes as they are) and reads its rows, or takes down the refusal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, content: str | bytes, name: str = "in.csv") -> list[tuple[int, list[str]]]:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        rows = list(read_rows(path))
        # Read all at once they are the same.
        numbers, columns = read_columns(path)
        assert list(zip(numbers, map(list, zip(*columns, strict=True)), strict=True)) == rows
        return rows

    def refusal(self, content: str | bytes, name: str = "in.csv") -> str:
        with pytest.raises(DataError) as caught:
            self(content, name)
        with pytest.raises(DataError) as at_once:
            read_columns(self.folder / name)
        assert str(at_once.value) == str(caught.value)
        return str(caught.value).removeprefix(f"{self.folder}/")


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("a,b\nc,d\n", [(1, ["a", "b"]), (2, ["c", "d"])]),
        ("a,b\nc,d", [(1, ["a", "b"]), (2, ["c", "d"])]),
        ("a,b\r\nc,d\r\n", [(1, ["a", "b"]), (2, ["c", "d"])]),
        ("a,b\rc,d\r", [(1, ["a", "b"]), (2, ["c", "d"])]),
        ("\ufeffa,b\nc,d\n", [(1, ["a", "b"]), (2, ["c", "d"])]),
        ('\ufeff"a",b\n', [(1, ["a", "b"])]),
        ("a,b\n\n  \nc,d\n\n", [(1, ["a", "b"]), (4, ["c", "d"])]),
        ("\n \na,b\n", [(3, ["a", "b"])]),
        ("a,\n,b\n,\n", [(1, ["a", ""]), (2, ["", "b"]), (3, ["", ""])]),
        ('"a, ""so called""",b\n', [(1, ['a, "so called"', "b"])]),
        ('5" disc,b\n', [(1, ['5" disc', "b"])]),
        (" a , b \n", [(1, [" a ", " b "])]),
        ('"one\ntwo\n\nfour",b\n"c",d\n', [(1, ["one\ntwo\n\nfour", "b"]), (5, ["c", "d"])]),
        ('"one\r\ntwo",b\r\nc,d\r\n', [(1, ["one\ntwo", "b"]), (3, ["c", "d"])]),
        ('text\n"one, two"\n\nthree\n', [(1, ["text"]), (2, ["one, two"]), (4, ["three"])]),
        ("a;b;1,5\nc;d;2,5\n", [(1, ["a", "b", "1,5"]), (2, ["c", "d", "2,5"])]),
        ('"a, b";c\n"d, e";f\n', [(1, ["a, b", "c"]), (2, ["d, e", "f"])]),
        ('a\tb\n"c\td"\te\n', [(1, ["a", "b"]), (2, ["c\td", "e"])]),
        ("a|b\nc|d, e\n", [(1, ["a", "b"]), (2, ["c", "d, e"])]),
    ],
)
def test_quoted_tables_are_read_with_the_line_that_each_row_begins_on(read: Reader, content: str, rows: object) -> None:
    assert read(content) == rows


@pytest.mark.parametrize("name", ["in.tsv", "in.TAB", "in.txt", "SMSCollection", "in.tsv.gz"])
def test_in_tab_separated_files_a_quote_is_a_character(read: Reader, name: str) -> None:
    content = 'ham\t"Never closed\nspam\t5" disc, "new"\n\nham\tsaid ""\r\n'
    given = gzip.compress(content.encode()) if name.endswith(".gz") else content
    assert read(given, name) == [(1, ["ham", '"Never closed']), (2, ["spam", '5" disc, "new"']), (4, ["ham", 'said ""'])]


def test_gzip_is_told_by_the_content_and_its_suffix_passed_over(read: Reader) -> None:
    assert read(gzip.compress(b'"a\nb";c\nd;e\n'), "in.csv.gz") == [(1, ["a\nb", "c"]), (3, ["d", "e"])]
    assert suffix_of("x/Y.CSV.gz") == ".csv"
    assert suffix_of("SMSSpamCollection.gz") == ""


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=12)


@given(
    rows=st.integers(2, 4).flatmap(lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=8)),
    delimiter=st.sampled_from([",", ";"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_the_csv_writer_writes_is_read_back(rows: list[list[str]], delimiter: str, end: str) -> None:
    # The first rows settle the delimiter whatever the random text holds.
    rows = [[f"column{place}" for place in range(len(rows[0]))]] * 3 + rows
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, lineterminator=end).writerows(rows)
    lines = written.getvalue().replace("\r\n", "\n").removesuffix("\n").split("\n")
    found = list(read_rows_from(iter(list(enumerate(lines, 1))), "in.csv"))
    assert [cells for _, cells in found] == rows
    line = 1
    for (number, _), cells in zip(found, rows, strict=True):
        assert number == line
        line += 1 + sum(cell.count("\n") for cell in cells)


def test_a_text_of_a_million_characters_is_read(read: Reader) -> None:
    text = "word, " * 170_000
    assert read(f'text,label\n"{text}",x\ny,z\n') == [(1, ["text", "label"]), (2, [text, "x"]), (3, ["y", "z"])]


MEND = 'Close the quote where the cell ends; write a quote inside a quoted cell twice (""); or save the table as .tsv'


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        ("", "in.csv", "in.csv holds no rows."),
        ("\n\n \n", "in.tsv", "in.tsv holds no rows."),
        ('a,b\n"c,d\ne,f\n', "in.csv", "in.csv, line 2: a quoted cell in the row that begins here never ends (the file ends on line 3): '\"c,d'."),
        ('a,b\nc,"d', "in.csv", "in.csv, line 2: a quoted cell in the row that begins here never ends (the file ends on line 2)"),
        ('a,b\n"c",d\n"e" f,g\n', "in.csv", "in.csv, line 3: in the row that begins here, text follows the closing quote of a cell: '\"e\" f,g'. A comma or"),
        ('a;b\n"c;d\n"e";f\n', "in.csv", "in.csv, line 2: in the row that begins here, text follows the closing quote of a cell (on line 3): '\"e\";f'. A semicolon"),
        ('a,b\n"say \\"hi\\"",c\n', "in.csv", "in.csv, line 2: in the row that begins here, text follows the closing quote"),
    ],
)  # fmt: skip
def test_broken_quotes_are_told_with_the_row_that_they_began_in(read: Reader, content: str, name: str, told: str) -> None:
    message = read.refusal(content, name)
    assert message.startswith(told)
    assert "holds no rows" in told or MEND in message


def test_a_quote_that_never_ends_is_told_before_the_file_has_filled_the_memory(read: Reader) -> None:
    began = time.process_time()
    message = read.refusal('a,b\n"c,d\n' + ("e" * 997 + ",f\n") * 12_000)
    assert message.startswith("in.csv, line 2: a quoted cell in the row that begins here never ends (the cell is longer than 10,000,000")
    assert MEND in message
    assert time.process_time() - began < 20


@pytest.mark.parametrize(
    ("content", "name", "told", "hint"),
    [
        ("text,label\nan egg, a hen,x\n", "in.csv", "in.csv, line 2: 3 cells found, 2 expected as in line 1, with a comma between cells: 'an egg, a hen,x'.", "in quotes"),
        ('a;b\n"c\nd";e\n\nf\n', "in.csv", "in.csv, line 5: 1 cell found, 2 expected as in line 1, with a semicolon between cells: 'f'.", "line breaks in quotes"),
        ("ham\ta\nspam\tb\tc\n", "in.tsv", "in.tsv, line 2: 3 cells found, 2 expected as in line 1, with a tab between cells: 'spam\\tb\\tc'.", "replace it by a blank"),
        ("\nham\ta\nspam\n", "in.tab", "in.tab, line 3: 1 cell found, 2 expected as in line 2, with a tab between cells: 'spam'.", "Write the missing cells"),
        ("text\nan egg, a hen\n", "in.csv", "in.csv, line 2: 2 cells found, 1 expected as in line 1", "in quotes"),
    ],
)  # fmt: skip
def test_a_row_with_another_number_of_cells_is_told_with_both_numbers(read: Reader, content: str, name: str, told: str, hint: str) -> None:
    message = read.refusal(content, name)
    assert message.startswith(told)
    assert hint in message


def test_what_is_not_text_is_told_by_opening(read: Reader) -> None:
    with pytest.raises(EncodingError, match=r"in\.csv, line 2: .*Latin-1"):
        read(b"text,label\nS\xfc\xdf,x\n")


def test_rows_come_as_they_are_read() -> None:
    def endless() -> Iterator[tuple[int, str]]:
        number = 0
        while True:
            number += 1
            yield number, f"a{number},b"

    assert [cells[0] for _, cells in islice(read_rows_from(endless(), "in.csv"), 3)] == ["a1", "a2", "a3"]


def test_no_more_than_a_sample_is_looked_at() -> None:
    first, everything, is_whole = look_ahead(iter(range(3000)), lambda _: 1)
    assert (first, is_whole, list(everything)) == (list(range(1000)), False, list(range(3000)))
    first, everything, is_whole = look_ahead(iter(range(9)), lambda _: 1 << 20)
    assert (first, is_whole, list(everything)) == ([0, 1], False, list(range(9)))
    first, everything, is_whole = look_ahead(iter(range(1000)), lambda _: 1)
    assert (is_whole, list(everything)) == (True, list(range(1000)))


@pytest.mark.parametrize(
    ("lines", "delimiter", "share"),
    [
        ([], ",", 0.0),
        (["text"], ",", 0.0),
        (["a,b;c", "d,e;f"], ",", 1.0),
        (["a;b", "c, d, e;f", "g;h"], ";", 1.0),
        (["a,b", "c,d,e", "f,g", "h,i"], ",", 0.75),
        (["a;b;c", "1,5;2;3"], ";", 1.0),
        (["", "a|b", "", "c|d"], "|", 1.0),
    ],
)
def test_the_delimiter_cuts_most_rows_alike(lines: list[str], delimiter: str, share: float) -> None:
    assert sniff_delimiter(lines) == (delimiter, share)


LONG = ["Guten Tag, wo bleibt meine Lieferung vom Montag?", "Die Rechnung stimmt leider wieder nicht.", "Bitte rufen Sie mich doch zurück."]


@pytest.mark.parametrize(
    ("rows", "answer"),
    [
        ([["text", "label"], ["a", "b"]], True),
        ([["Kundennachricht", "LABEL "], *([text, str(n)] for n, text in enumerate(LONG))], True),
        ([["Kundennachricht", "Sparte"], *([LONG[n % 3] + str(n), "AB"[n % 2]] for n in range(8))], True),
        ([["Kundennachricht", "Sparte"], *([LONG[n % 3] + str(n), "A"] for n in range(12))], True),
        ([["Name", "Sprache"], *([f"Mei{n}", ("de", "fr")[n % 2]] for n in range(8))], True),
        ([["2", "1"], *([LONG[n % 3] + str(n), "AB"[n % 2]] for n in range(8))], True),
        ([["id", "Satz", "Sparte"], *([str(n), LONG[n % 3] + str(n), "AB"[n % 2]] for n in range(8))], True),
        ([["text"]], True),
        ([["question"], ["Why?"]], True),
        # Headerless: the first label comes again, or is like the others beside a text as long as the others.
        ([["A", LONG[0]], *(["AB"[n % 2], LONG[n % 3] + str(n)] for n in range(8))], False),
        ([["C", LONG[0]], *(["AB"[n % 2], LONG[n % 3] + str(n)] for n in range(8))], False),
        ([["spam", LONG[0]], ["ham", LONG[1]], ["ham", LONG[2]]], False),
        ([["spam", "buy"], ["ham", "hi"], ["spam", "win"]], False),
        ([["question", "Who"], ["number", "12"], ["question", "Why"]], False),
        ([["Kundennachricht"], ["Guten Tag"]], False),
        ([["ham", "hi"]], False),
    ],
)
def test_a_first_row_is_a_header_where_it_names_columns(rows: list[list[str]], answer: bool) -> None:
    assert has_header(rows, KNOWN, SURE) is answer


def test_values_repeat_where_they_are_few_beside_the_rows() -> None:
    assert repeats(["a", "b", "a", "b"], 4)
    assert not repeats(["a", "a"], 2)
    assert not repeats(["a", "b", "c"], 4)
    assert repeats([str(n % 100) for n in range(300)], 300)
    assert not repeats([str(n % 101) for n in range(300)], 300)
    assert repeats([str(n % 200) for n in range(1000)], 1000)
    assert not repeats([str(n % 201) for n in range(1000)], 1000)
