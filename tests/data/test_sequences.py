"""Sequences of numbers from tables, folders and lists of files: which columns, in which order, and what is wrong with them."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidegate.data.opening import open_lines
from tidegate.data.sequences import SequenceColumns, SequenceSet, read_sequence_lines, read_sequences
from tidegate.errors import DataError, EncodingError


def write(folder: Path, text: str, name: str = "a.csv") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def told(found: SequenceSet) -> dict[str, tuple[list[list[float]], str]]:
    return {one.name: (one.values.tolist(), one.label) for one in found.sequences}


LONG = """id,step,x,y,label
b,1,1.5,2,walk
a,1,3,4,run
b,2,5,-6e1,walk
a,2,7,8,run
"""
B, A = [[1.5, 2.0], [5.0, -60.0]], [[3.0, 4.0], [7.0, 8.0]]


@pytest.mark.parametrize(
    ("name", "dress"),
    [
        ("a.csv", str.encode),
        ("a.csv", lambda text: b"\xef\xbb\xbf" + text.encode()),
        ("a.csv", lambda text: text.replace("\n", "\r\n").encode()),
        ("a.csv", lambda text: text.replace("\n", "\r").encode()),
        ("a.csv", lambda text: text.replace(",", ";").encode()),
        ("a.csv", lambda text: text.replace("walk", '"walk"').replace("x", '"x"').encode()),
        ("a.tsv", lambda text: text.replace(",", "\t").encode()),
        ("a.txt", lambda text: text.replace(",", "\t").encode()),
        ("a.csv.gz", lambda text: gzip.compress(text.encode())),
        ("a.tsv.gz", lambda text: gzip.compress(text.replace(",", "\t").encode())),
    ],
)
def test_a_long_table_in_every_dress(tmp_path: Path, name: str, dress: Callable[[str], bytes]) -> None:
    path = tmp_path / name
    path.write_bytes(dress(LONG))
    found = read_sequences([str(path)])
    assert told(found) == {"b": (B, "walk"), "a": (A, "run")}
    assert found.columns == SequenceColumns("id", "step", ("x", "y"), "label")
    assert SequenceColumns.from_json(found.columns.to_json()) == found.columns
    assert [str(one.source) for one in found.sequences] == [f"{path}, line 2", f"{path}, line 3"]
    assert found.notes == ("columns: sequence 'id', step 'step', label 'label', 2 features (x, y)",)


def test_lines_read_as_a_file_does(tmp_path: Path) -> None:
    path = write(tmp_path, LONG)
    trained = read_sequences([path])
    found = read_sequence_lines(open_lines(path), "standard input", like=trained.columns)
    assert {name: values for name, (values, _) in told(found).items()} == {"b": B, "a": A}
    assert not found.notes
    with pytest.raises(DataError, match="standard input, line 3: 'q' in column 'x' is no number"):
        read_sequence_lines(enumerate(["id,x", "a,1", "a,q"], 1), "standard input")
    (one,) = read_sequence_lines(enumerate(["id;x;z", "a;1,5;0", "a;-2;3,25"], 1), "standard input").sequences
    assert one.values.tolist() == [[1.5, 0], [-2, 3.25]]


def table_of_steps(steps: list[str]) -> str:
    return "sequence,time,v,label\n" + "".join(f"s,{step},{number},k\n" for number, step in enumerate(steps))


@pytest.mark.parametrize(
    ("steps", "order"),
    [
        (["3", "1", "2"], [1, 2, 0]),
        (["10", "9", "-1"], [2, 1, 0]),
        (["0.3", "0.10", "0.2"], [1, 2, 0]),
        (["1700000000000000002", "1700000000000000001", "1700000000000000003"], [1, 0, 2]),
        (["2024-01-01 00:00:01", "2023-12-31 23:59:59", "2024-01-01 00:00:00"], [1, 2, 0]),
        (["2024-01-01T00:00:00.04", "2024-01-01T00:00:00.02", "2024-01-01T00:00:00"], [2, 1, 0]),
        (["2024-01-01 00:00:00.5+01:00", "2024-01-01 00:00:00.25+01:00", "2024-01-01 00:00:01.1+01:00"], [1, 0, 2]),
    ],
)
def test_frames_are_in_the_order_of_steps(tmp_path: Path, steps: list[str], order: list[int]) -> None:
    path = write(tmp_path, table_of_steps(steps))
    found = read_sequences([path])
    assert found.sequences[0].values[:, 0].tolist() == order
    assert any("not in the order of 'time' and were sorted (first at" in note for note in found.notes)
    assert str(found.sequences[0].source) == f"{path}, line 2"


def test_without_steps_the_order_of_rows_stays(tmp_path: Path) -> None:
    found = read_sequences([write(tmp_path, "id,v,label\na,3,x\nb,9,y\na,1,x\na,2,x\n")])
    assert told(found) == {"a": ([[3], [1], [2]], "x"), "b": ([[9]], "y")}
    assert found.columns.step == ""


def test_columns_by_option_by_number_and_as_features(tmp_path: Path) -> None:
    path = write(tmp_path, "who,nr,p,q,r,kind,subject\ns,2,1,2,3,k,u\ns,1,4,5,6,k,u\n")
    found = read_sequences([path], sequence="WHO", step="2", features=["r", "3"], label="kind", group="subject")
    assert found.columns == SequenceColumns("who", "nr", ("r", "p"), "kind", "subject")
    (one,) = found.sequences
    assert (one.values.tolist(), one.label, one.group) == ([[6, 4], [3, 1]], "k", "u")
    assert found.notes == (f"rows were not in the order of 'nr' and were sorted (first at {path}, line 3)",)
    # The only column of words is the label; groups are never guessed.
    found = read_sequences([path], sequence="who", label="kind")
    assert found.columns.features == ("nr", "p", "q", "r")
    assert found.notes == ("columns: sequence 'who', label 'kind', 4 features (nr, p, q, r); not read: 'subject'",)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("unique_id,timestamp,a,class", SequenceColumns("unique_id", "timestamp", ("a",), "class")),
        ("Series,Frame,y,Target", SequenceColumns("Series", "Frame", ("y",), "Target")),
        ("sequence,id,t,y", SequenceColumns("sequence", "t", ("id",), "y")),
        ("id,x,y,mood", SequenceColumns("id", "", ("x", "y"), "mood")),
        (",id,a,label", SequenceColumns("id", "", ("a",), "label")),
        ("sequence,0,1,label", SequenceColumns("sequence", "", ("0", "1"), "label")),
    ],
)
def test_columns_found_by_their_names(tmp_path: Path, header: str, columns: SequenceColumns) -> None:
    path = write(tmp_path, f"{header}\n7,1,2,k\n7,2,3,k\n")
    assert read_sequences([path]).columns == columns


def test_without_a_header_columns_have_numbers(tmp_path: Path) -> None:
    found = read_sequences([write(tmp_path, "7,1,2,k\n7,2,3,k\n")], sequence="1", step="2")
    assert found.columns == SequenceColumns("column1", "column2", ("column3",), "column4")
    assert str(found.sequences[0].source).endswith("line 1")


HOLES = "id,a,b,label\ns,1,,k\ns,NA,nan,k\ns,?,-,k\ns,-9999,2,k\n"


def test_holes(tmp_path: Path) -> None:
    (one,) = read_sequences([write(tmp_path, HOLES)], missing=["-9999"]).sequences
    np.testing.assert_array_equal(one.values, [[1, np.nan], [np.nan, np.nan], [np.nan, np.nan], [np.nan, 2]])
    (one,) = read_sequences([write(tmp_path, HOLES.replace("-9999", "gone"))], missing=["gone"]).sequences
    assert np.isnan(one.values[3, 0])
    # An infinite mark is a hole too, and no number.
    (one,) = read_sequences([write(tmp_path, HOLES.replace("-9999", "inf"))], missing=["inf"]).sequences
    assert np.isnan(one.values[3, 0])


def test_decimal_commas(tmp_path: Path) -> None:
    found = read_sequences([write(tmp_path, "id;a;b;label\ns;1,5;2;k\ns;-2,25;3;k\n")])
    assert found.sequences[0].values.tolist() == [[1.5, 2], [-2.25, 3]]
    assert any("decimal commas: '1,5' is read as 1.5" in note for note in found.notes)
    with pytest.raises(DataError, match=re.escape("a.csv, line 2: '1,5' in column 'a' has a decimal comma")):
        read_sequences([write(tmp_path, 'id,a,b,label\ns,"1,5",2,k\n')])


def test_labels_of_frames(tmp_path: Path) -> None:
    path = write(tmp_path, "id,step,v,label\na,2,1,x\na,1,2,y\nb,1,3,x\n")
    found = read_sequences([path], per_step_labels=True)
    assert [(one.name, one.labels, one.label, one.values[:, 0].tolist()) for one in found.sequences] == [
        ("a", ("y", "x"), "", [2, 1]),
        ("b", ("x",), "", [3]),
    ]


def test_a_table_without_a_column_of_sequences_is_one(tmp_path: Path) -> None:
    paths = [write(tmp_path, f"t,v,label\n1,{n},{k}\n2,5,{k}\n", f"{k}/{n}.csv") for n, k in enumerate("xyx")]
    paths.append(write(tmp_path, "t,v,label\n1,9,z\n", "z/0.csv"))
    found = read_sequences([str(tmp_path / "[xy]" / "*.csv")])
    assert told(found) == {"0": ([[0], [5]], "x"), "2": ([[2], [5]], "x"), "1": ([[1], [5]], "y")}
    # Files of one name are told apart by all of it.
    assert [one.name for one in read_sequences([paths[0], paths[3]]).sequences] == [paths[0], paths[3]]


def test_a_sequence_goes_on_in_another_file_where_steps_say_how(tmp_path: Path) -> None:
    one, other = write(tmp_path, "id,step,v,label\na,2,1,x\n"), write(tmp_path, "v,label,id,step\n5,x,a,1\n6,y,b,1\n", "b.csv")
    found = read_sequences([one, other])
    assert told(found) == {"a": ([[5], [1]], "x"), "b": ([[6]], "y")}
    assert f"1 sequence goes on in another file ('a', {other}, line 2 and {one}, line 2)" in found.notes
    one, other = write(tmp_path, "id,v,label\na,1,x\n"), write(tmp_path, "id,v,label\na,5,x\n", "b.csv")
    with pytest.raises(DataError, match=r"b\.csv, line 2: sequence 'a' stands in another file too"):
        read_sequences([one, other])


def test_as_training_had_the_columns(tmp_path: Path) -> None:
    trained = read_sequences([write(tmp_path, "who,nr,a,b,kind\ns,1,2,3,k\n")], sequence="who", step="nr", label="kind").columns
    path = write(tmp_path, "B,extra,NR,a,who\n1,x,2,2,s\n3,x,1,4,s\n", "new.csv")
    found = read_sequences([path], like=trained, is_labelled=False)
    assert found.columns.features == ("a", "B")
    assert told(found) == {"s": ([[4, 3], [2, 1]], "")}
    assert not [note for note in found.notes if "columns" in note]
    # A file that is one sequence answers a model that learnt from long tables.
    (one,) = read_sequences([write(tmp_path, "a,b\n1,2\n", "one.csv")], like=trained, is_labelled=False).sequences
    assert (one.name, one.values.tolist()) == ("one", [[1, 2]])
    with pytest.raises(DataError, match=r"c\.csv, line 2: there is no column 'b' here; there are: 1 'a'.*The features are a, b"):
        read_sequences([write(tmp_path, "a\n1\n", "c.csv")], like=trained, is_labelled=False)
    with pytest.raises(DataError, match="which column holds the labels was not said"):
        read_sequences([write(tmp_path, "a,b\n1,2\n", "one.csv")], like=trained)


def test_without_labels_none_are_read_and_none_are_features(tmp_path: Path) -> None:
    found = read_sequences([write(tmp_path, "id,v,class\na,1,0\na,2,\n")], is_labelled=False)
    assert told(found) == {"a": ([[1], [2]], "")}
    assert found.columns == SequenceColumns("id", "", ("v",))
    assert found.notes == ("columns: sequence 'id', 1 feature (v); not read: 'class'",)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("kaputt", r"a.csv, line 57: 'kaputt' in column 'v' is no number.*--missing kaputt"),
        ("inf", r"a.csv, line 57: 'inf' in column 'v' is no number"),
        ("1.234,5", r"a.csv, line 57: '1.234,5' in column 'v' is no number"),
        ("1.5", r"a.csv, line 2: '-0,013' in column 'v' has a decimal comma, and '1.5' \(.*a.csv, line 57\) is written with a point"),
    ],
)
def test_the_cell_that_is_wrong_is_named_among_decimal_commas(cell: str, message: str, tmp_path: Path) -> None:
    rows = [f"a;{step};{cell if step == 55 else '-0,013'};7;x" for step in range(80)]
    with pytest.raises(DataError, match=message):
        read_sequences([write(tmp_path, "\n".join(["id;step;v;w;label", *rows]) + "\n")])


def test_numbers_of_rows_for_sequences_are_noted(tmp_path: Path) -> None:
    found = read_sequences([write(tmp_path, "id,v,label\n1,1,x\n2,2,x\n3,3,x\n")])
    assert "every sequence has one frame: if column 'id' numbers the rows, name another with --sequence" in found.notes


def long(*rows: str, header: str = "id,step,v,w,label") -> str:
    return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (long("a,1,2,3,x", "a,2,oops,3,x"), {}, "a.csv, line 3: 'oops' in column 'v' is no number.*--missing oops"),
        (long("a,1,2,3,x", "a,2,inf,3,x"), {}, "a.csv, line 3: 'inf' in column 'v' is no number"),
        (long("a,1,2,3,x", "a,2,1e31,3,x"), {}, r"a.csv, line 3: column 'v' is 1e\+31 here, and numbers up to 1e\+30"),
        (long("a,1,2,3,x", "b,1,2,3,x", "a,1,2,3,x"), {}, "a.csv, line 4: sequence 'a' has a second row at step '1'.*line 2"),
        (long("a,1,2,3,x", "b,1,2,3,y", "a,2,2,3,y"), {}, "a.csv, line 4: column 'label' of sequence 'a' is 'y' here and 'x' before .*line 2.*tagging"),
        (long("a,1,2,g,x", "a,2,2,h,x"), {"group": "w"}, "a.csv, line 3: column 'w' of sequence 'a' is 'h' here and 'g' before .*the same in the whole"),
        (long("a,1,2,3,x", "a,2,2,3, "), {}, "a.csv, line 3: column 'label' is empty here"),
        (long("a,1,2,3,x", ",2,2,3,x"), {}, "a.csv, line 3: column 'id' is empty here"),
        (long("a,1,2,3,x", "a,,2,3,x"), {}, r"a.csv, line 3: the step \(column 'step'\) is missing"),
        (long("a,2024-01-01,2,3,x", "a,2024-13-01,2,3,x"), {}, "a.csv, line 3: '2024-13-01' in the column of times 'step'.* no time"),
        (long("a,1,2,3,x", "a,2,2,x"), {}, "a.csv, line 3: 4 cells found, 5 expected"),
        (long("a,1,2,3"), {}, "4 cells found, 5 expected"),
        (long("a,1,2,3", header="id,step,v,w"), {}, "a.csv, line 2: which column holds the labels was not said, and none.*Name it with --label.*4 'w'"),
        (long("a,1,p,3,q", header="id,step,v,w,u"), {}, "several may be meant \\('v', 'u'\\)"),
        (long("a,1,2,3,x"), {"label": "labl"}, "no column 'labl' here.*Did you mean 'label'"),
        (long("a,1,2,3,x"), {"features": ["v", "v"]}, "column 'v' was asked for twice, by --features and by --features"),
        (long("a,1,2,3,x"), {"features": ["v"], "step": "v"}, "column 'v' was asked for twice, by --step and by --features"),
        (long("a,1,2,3,x", header="id,step,v,v,label"), {}, "2 columns are called 'v'"),
        (long("a,1,p,q,x"), {"label": "label"}, "no column holds numbers to be read as features"),
        (long(), {}, "a.csv: a header and no rows"),
        ("", {}, "a.csv holds no rows"),
    ],
)  # fmt: skip
def test_tables_that_are_refused(tmp_path: Path, text: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_sequences([write(tmp_path, text)], **options)


def test_files_that_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_sequences([str(tmp_path / "none.csv")])
    with pytest.raises(DataError, match="Name at least one file or folder"):
        read_sequences([])
    with pytest.raises(DataError, match=r"sequences of numbers are read from CSV, TSV and \.npz, not from \.parquet"):
        read_sequences([write(tmp_path, "x", "a.parquet")])
    (tmp_path / "l.csv").write_bytes(long("a,1,2,3,ä").encode("latin1"))
    with pytest.raises(EncodingError, match=r"l\.csv, line 2"):
        read_sequences([str(tmp_path / "l.csv")])
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(long(*(f"a,{n},2,3,x" for n in range(999))).encode())[:-20])
    with pytest.raises(DataError, match="cut short"):
        read_sequences([str(tmp_path / "cut.csv.gz")])


def folder(root: Path) -> str:
    for label in ("walk", "run"):
        for number in range(2):
            write(root, f"t,x,y\n2,{number},1\n1,NA,{len(label)}\n", f"d/{label}/{number}.csv")
    return str(root / "d")


def test_a_folder_whose_subfolders_are_labels(tmp_path: Path) -> None:
    root = folder(tmp_path)
    write(tmp_path, "x,y,t\n", "d/walk/deep/empty.csv")
    (tmp_path / "d" / "run" / "0.csv").rename(tmp_path / "d" / "run" / "z.csv")
    path = tmp_path / "d" / "run" / "9.csv.gz"
    path.write_bytes(gzip.compress(b"t,x,y\n1,5,5\n"))
    write(tmp_path, "", "d/README.md")
    write(tmp_path, "", "d/.hidden/a.csv")
    found = read_sequences([root])
    assert [(one.name, one.label, len(one)) for one in found.sequences] == [
        ("run/1.csv", "run", 2),
        ("run/9.csv.gz", "run", 1),
        ("run/z.csv", "run", 2),
        ("walk/0.csv", "walk", 2),
        ("walk/1.csv", "walk", 2),
        ("walk/deep/empty.csv", "walk", 0),
    ]
    np.testing.assert_array_equal(found.sequences[0].values, [[np.nan, 3], [1, 1]])
    assert found.sequences[5].values.shape == (0, 2)
    assert found.columns == SequenceColumns("", "t", ("x", "y"))
    assert f"{root}: 1 other file is not read: README.md" in found.notes
    assert str(found.sequences[1].source) == f"{path}, line 2"
    again = read_sequences([root], like=found.columns, is_labelled=False)
    assert [one.name for one in again.sequences] == [one.name for one in found.sequences]
    assert not any(one.label for one in again.sequences)


def test_a_folder_with_labels_of_frames(tmp_path: Path) -> None:
    write(tmp_path, "v,label\n1,a\n2,b\n", "d/one.csv")
    write(tmp_path, "v,label\n", "d/two.csv")
    found = read_sequences([str(tmp_path / "d")], per_step_labels=True)
    assert [(one.name, one.labels, one.label) for one in found.sequences] == [("one.csv", ("a", "b"), ""), ("two.csv", (), "")]


def test_what_is_wrong_with_a_folder(tmp_path: Path) -> None:
    root = folder(tmp_path)
    write(tmp_path, "t,x\n1,2\n", "d/walk/9.csv")
    with pytest.raises(DataError, match=r"walk.9\.csv, line 1: there is no column 'y' here"):
        read_sequences([root])
    write(tmp_path, "t,x,y,z\n1,2,3,4\n", "d/walk/9.csv")
    with pytest.raises(
        DataError, match=r"walk.9\.csv, line 1: 3 features are here, 2 were expected as in .*run.0\.csv; it has no column 'z'"
    ):
        read_sequences([root])
    assert len(read_sequences([root], features=["x", "y"]).sequences) == 5
    write(tmp_path, "t,x,y\n1,2,3\n2,oops,3\n", "d/walk/9.csv")
    with pytest.raises(DataError, match=r"walk.9\.csv, line 3: 'oops' in column 'x' is no number"):
        read_sequences([root])
    write(tmp_path, "t,x,y\n1,2,3\n1,3,3\n", "d/walk/9.csv")
    with pytest.raises(DataError, match=r"walk.9\.csv, line 3: sequence 'walk/9\.csv' has a second row at step '1'"):
        read_sequences([root])
    write(tmp_path, "t,x,y\n1,2,3\n", "d/9.csv")
    with pytest.raises(DataError, match=r"d.9\.csv: this table is in no subfolder of .* the names of its subfolders are the labels"):
        read_sequences([root])
    with pytest.raises(DataError, match="was asked for as the label, and in a folder the subfolders"):
        read_sequences([folder(tmp_path / "other")], label="x")
    with pytest.raises(DataError, match="a folder has no column 'x' of groups"):
        read_sequences([folder(tmp_path / "other")], group="x")
    with pytest.raises(DataError, match="column 'x' was asked for to tell the sequences apart, and here each file is one"):
        read_sequences([folder(tmp_path / "other")], sequence="x")
    (tmp_path / "nothing").mkdir()
    with pytest.raises(DataError, match="no table in this folder"):
        read_sequences([str(tmp_path / "nothing")])


def listed(root: Path, rows: str, header: str = "path,label,who") -> str:
    for name in "ab":
        write(root, f"v,w\n{ord(name)},1\n", f"data/{name}.csv")
    return write(root, f"{header}\n{rows}\n", "list.csv")


def test_a_table_that_lists_files(tmp_path: Path) -> None:
    path = listed(tmp_path, "data/b.csv,walk,u\ndata/a.csv,run,v")
    found = read_sequences([path], group="who")
    assert [(one.name, one.label, one.group, one.values.tolist()) for one in found.sequences] == [
        ("data/b.csv", "walk", "u", [[98, 1]]),
        ("data/a.csv", "run", "v", [[97, 1]]),
    ]
    assert found.columns == SequenceColumns("", "", ("v", "w"), "label", "who")
    found = read_sequences([path], like=found.columns, is_labelled=False)
    assert [(one.label, one.group) for one in found.sequences] == [("", ""), ("", "")]
    # Labels of frames stand in the files themselves, and what is called otherwise is found too.
    path = listed(tmp_path / "t", "data/a.csv,u", header="File,who")
    write(tmp_path / "t", "v,label\n1,p\n2,q\n", "data/a.csv")
    (one,) = read_sequences([path], per_step_labels=True, group="who").sequences
    assert (one.labels, one.group) == (("p", "q"), "u")
    # A long table may tell its sequences apart by file names.
    path = write(tmp_path, "file,v,label\na.csv,1,x\na.csv,2,x\n", "long.csv")
    assert told(read_sequences([path], sequence="file")) == {"a.csv": ([[1], [2]], "x")}
    with pytest.raises(DataError, match=r"line 3: file 'a\.csv' is listed twice.*--sequence file"):
        write(tmp_path, "v\n1\n", "a.csv")
        read_sequences([path])


@pytest.mark.parametrize(
    ("rows", "options", "message"),
    [
        ("data/a.csv,x,u\ndata/c.csv,y,u", {}, r"list\.csv, line 3: there is no file .*c\.csv"),
        ("data/a.csv,x,u\ndata/b.csv,,u", {}, r"list\.csv, line 3: column 'label' is empty here.*its label"),
        ("data/a.csv,x,u\ndata/b.csv,y,", {"group": "who"}, r"list\.csv, line 3: column 'who' is empty here.*its group"),
        ("data/a.csv,x,u", {"label": "kind"}, r"list\.csv, line 1: there is no column 'kind'"),
    ],
)
def test_what_is_wrong_with_a_table_that_lists_files(tmp_path: Path, rows: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_sequences([listed(tmp_path, rows)], **options)


def test_several_forms_at_once(tmp_path: Path) -> None:
    np.savez(tmp_path / "c.npz", x=np.ones((3, 2)), lengths=[3], y=["z"])
    found = read_sequences([write(tmp_path, LONG), folder(tmp_path), str(tmp_path / "c.npz")])
    assert [(one.name, one.label) for one in found.sequences][:3] == [("b", "walk"), ("a", "run"), ("run/0.csv", "run")]
    assert (found.sequences[-1].name, found.sequences[-1].label) == ("c/1", "z")
    np.savez(tmp_path / "c.npz", x=np.ones((3, 3)), lengths=[3], y=["z"])
    with pytest.raises(DataError, match="3 features, 2 were expected"):
        read_sequences([write(tmp_path, LONG), str(tmp_path / "c.npz")])
    # Two folders may hold files of one name.
    again = read_sequences([folder(tmp_path), folder(tmp_path / "other")])
    assert len({one.name for one in again.sequences}) == 8


def test_a_million_frames_take_seconds(tmp_path: Path) -> None:
    n = 1_000_000
    values = np.random.default_rng(0).normal(size=n).round(6)

    def rows() -> Iterator[str]:
        yield "id,step,a,b,label\n"
        for number, value in enumerate(values.tolist()):
            yield f"{number // 1000},{number % 1000},{value},{number},{'xy'[number // 1000 % 2]}\n"

    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.writelines(rows())
    begin = time.process_time()
    found = read_sequences([str(path)])
    # Two seconds where nothing else runs.
    assert time.process_time() - begin < 20
    assert np.array_equal(np.concatenate([one.values for one in found.sequences]), np.stack([values, np.arange(n)], axis=1))
    assert [one.label for one in found.sequences[:3]] == ["x", "y", "x"]
