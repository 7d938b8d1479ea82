"""Rows as they are written: cut and joined again they are the file, and their cells are those that the reader of tables finds."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from tidegate.data.raw_tables import delimiter_of, mark_of, raw_cells, read_raw
from tidegate.data.tables import read_rows

FILES = {
    "plain.csv": "a,b,c\n1,,3\n,5,\n\n6,7,8\n",
    "quoted.csv": '"a","b","c"\n"1","x,""y""",NA\n2,"two\nlines",3\n   \n4,"",5\n',
    "german.csv": "zeit;wert;art\n1.2.2020;3,5;a\n2.2.2020;;b\n",
    "bare.tsv": 'a\tb\n1\t"\n2\t"x\n',
    "windows.csv": '\ufeffa,"b\r\nc"\r\n1,"x\ny"\r\n\r\n2,',
    "apple.csv": "a,b\r1,2\r",
}


@pytest.mark.parametrize("is_zipped", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_rows_are_cut_as_they_are_read(name: str, is_zipped: bool, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(gzip.compress(FILES[name].encode()) if is_zipped else FILES[name].encode())
    delimiter, is_quoted = delimiter_of(str(file))
    rows = list(read_raw(str(file), is_quoted=is_quoted))
    assert mark_of(str(file)) + "".join(row.text + row.end for row in rows) == FILES[name]
    read = list(read_rows(file))
    rows = [row for row in rows if not row.is_blank]
    assert [row.line for row in rows] == [number for number, _ in read]
    for row, (_, cells) in zip(rows, read, strict=True):
        found = raw_cells(row.text, delimiter, is_quoted=is_quoted)
        assert delimiter.join(found) == row.text
        bare = ["".join(next(csv.reader([cell], delimiter=delimiter))) if is_quoted else cell for cell in found]
        assert [cell.replace("\r\n", "\n") for cell in bare] == cells
