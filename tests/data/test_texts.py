"""Texts and labels of tables, JSON Lines, fastText lines and plain lines; columns found by name and by content, or asked for."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tidegate.data.records import TextRecord
from tidegate.data.texts import TextColumns, detect_texts, find_columns, read_text_objects, read_texts
from tidegate.errors import DataError


class Reader:
    """Writes a file (objects become JSON Lines) and reads its texts, or takes down the refusal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder

    def write(self, content: object, name: str = "") -> Path:
        if isinstance(content, list):
            content, name = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in content), name or "in.jsonl"
        self.path = self.folder / (name or "in.csv")
        self.path.write_bytes(content if isinstance(content, bytes) else str(content).encode())
        return self.path

    def __call__(self, content: object, name: str = "", **asked: Any) -> list[TextRecord]:
        return list(read_texts(self.write(content, name), **asked))

    def pairs(self, content: object, name: str = "", **asked: Any) -> list[tuple[str, tuple[str, ...]]]:
        return [(record.text, record.labels) for record in self(content, name, **asked)]

    def columns(self, content: object, name: str = "", **asked: Any) -> TextColumns:
        return find_columns(self.write(content, name), **asked)

    def refusal(self, content: object, name: str = "", **asked: Any) -> str:
        with pytest.raises(DataError) as caught:
            self(content, name, **asked)
        return str(caught.value).removeprefix(f"{self.folder}/")


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


HAM = ["Go until jurong point, crazy", 'He said "later', "Nah I don't think he goes there", "Ok lar, joking with you"]
SMS = "".join(f"{('ham', 'spam')[n % 3 == 2]}\t{HAM[n % 4]} {n}\n" for n in range(12))
GERMAN = "Kundennachricht;Sparte\n" + "".join(f"Guten Tag, hier fehlt die Lieferung {n};{('Hausrat', 'Kfz')[n % 2]}\n" for n in range(12))


@pytest.mark.parametrize(
    ("content", "name", "form"),
    [
        ("a;b\n", "in.csv", "table"),
        ("hello\n", "in.tsv.gz", "table"),
        (SMS, "SMSCollection", "table"),
        (SMS, "in.txt", "table"),
        ('"text";"label"\nhi;x\n', "in.txt", "table"),
        ('{"text": "a"}\n', "in.ndjson", "json"),
        ('{"text": "a"}\n', "in.txt", "json"),
        ("{curly} prose\n", "in.txt", "lines"),
        ("__label__a hello\n__label__b there\n", "in.txt", "fasttext"),
        ("\n__label__a hello\n", "train.ft", "fasttext"),
        ("Hello, world\nBye, world\n", "in.txt", "lines"),
        ("one\ttab\nnone\nnone\n", "in.txt", "lines"),
    ],
)
def test_the_form_is_told_by_suffix_then_content(read: Reader, content: str, name: str, form: str) -> None:
    assert detect_texts(read.write(content, name)) == form


@pytest.mark.parametrize(
    ("content", "name", "asked", "text", "label", "note"),
    [
        (SMS, "SMSCollection", {}, "2", "1", "text '2', label '1' (2 labels) found by their content; --text and --label name others"),
        (SMS, "SMSCollection", {"label": "1"}, "2", "1", "text '2' found by its content; --text names another"),
        (SMS, "SMSCollection", {"text": "2"}, "2", "1", "label '1' (2 labels) found by its content; --label names another"),
        (SMS, "SMSCollection", {"text": "2", "label": "1"}, "2", "1", ""),
        (SMS, "SMSCollection", {"is_labelled": False}, "2", "", "text '2' found by its content; --text names another"),
        (GERMAN, "", {}, "Kundennachricht", "Sparte", "text 'Kundennachricht', label 'Sparte' (2 labels) found by their content; --text and --label name others"),
        (GERMAN, "", {"text": "kundennachricht", "label": "2"}, "Kundennachricht", "Sparte", ""),
        (GERMAN, "", {"text": "1", "label": "SPARTE"}, "Kundennachricht", "Sparte", ""),
        ("text,category\nhi,a\nho,b\n", "", {}, "text", "category", "text 'text', label 'category' (2 labels) found by their name; --text and --label name others"),
        ("text,Sparte\n" + "".join(f"hi {n},{n % 2}\n" for n in range(6)), "", {}, "text", "Sparte", "text 'text' found by its name, label 'Sparte' (2 labels) by its content; --text and --label name others"),
        ("v1,v2,,,\nham,hi,,,\nspam,ho,,,\n", "", {}, "v2", "v1", "text 'v2', label 'v1' (2 labels) found by their name; --text and --label name others"),
        ("title,text,label\nhi,long,a\nho,short,b\n", "", {"label": "label"}, "text", "label", "text 'text' found by its name; --text names another"),
        ("language,name\nde,Meier\nfr,Dupont\n", "", {}, "name", "language", "text 'name', label 'language' (2 labels) found by their name; --text and --label name others"),
        ("2,1\n" + "".join(f"a longer text {n},{'xy'[n % 2]}\n" for n in range(8)), "", {"label": "1"}, "2", "1", "text '2' found by its content; --text names another"),
        ("id,Text,Label\n1,hi,a\n", "", {"text": "text", "label": "LABEL"}, "Text", "Label", ""),
        ("x,x,x\n" + "".join(f"a longer text {n},{n},{'pq'[n % 2]}\n" for n in range(8)), "", {"label": "3"}, "1", "3", "text '1' found by its content; --text names another"),
        ("2,x,x\n" + "".join(f"a longer text {n},{n},{'pq'[n % 2]}\n" for n in range(8)), "", {"label": "3"}, "2", "3", "text '2' found by its content; --text names another"),
        ([{"intent": "a", "chunks": [{"text": "hi"}]}], "", {}, "chunks", "intent", "text 'chunks', label 'intent' (1 label) found by their name; --text and --label name others"),
        ([{"id": f"{n}", "Satz": f"Guten Tag {n}", "Sparte": n % 2} for n in range(8)], "", {}, "Satz", "Sparte", "text 'Satz', label 'Sparte' (2 labels) found by their content; --text and --label name others"),
        ([{"text": "a", "meta": {"x": 1}, "tags": ["p", "q"]}, {"text": "b", "tags": []}], "", {}, "text", "tags", "text 'text', label 'tags' (2 labels) found by their name; --text and --label name others"),
        ("__label__a hi\n", "in.txt", {}, "text", "label", ""),
        ("__label__a hi\n", "in.txt", {"is_labelled": False}, "text", "", ""),
        ("hi\n", "in.txt", {"is_labelled": False}, "text", "", ""),
    ],
)  # fmt: skip
def test_columns_are_found_by_name_then_by_content(
    read: Reader, content: object, name: str, asked: dict[str, Any], text: str, label: str, note: str
) -> None:
    found = read.columns(content, name, **asked)
    assert (found.text, found.label, found.note) == (text, label, note)
    # What was found can be asked for, and is found again.
    again = find_columns(read.path, text=found.text, label=found.label, is_labelled=asked.get("is_labelled", True))
    assert again == TextColumns(found.form, text, label)


def test_more_rows_than_were_looked_at_are_told_in_the_note(read: Reader) -> None:
    found = read.columns("text,label\n" + "hi,a\nho,b\n" * 600)
    assert found.note == "text 'text', label 'label' (2 labels in the first 1000 rows) found by their name; --text and --label name others"
    assert len(list(read_texts(read.path))) == 1200


@pytest.mark.parametrize(
    ("content", "asked", "told"),
    [
        ("text,label,topic\nhi,a,p\nho,b,p\n", {}, "in.csv, line 1: several columns may hold the label: 'label' (2 values: 'a', 'b'); 'topic' (1 value: 'p'). Name the one with --label, as in --label 'label'."),
        ("text,body,label\nhi,a,p\nho,b,p\n", {}, "in.csv, line 1: several columns may hold the text: 'text' (2 values: 'hi', 'ho'); 'body' (2 values: 'a', 'b'). Name the one with --text"),
        ("text,P,Q\n" + "".join(f"hi {n},{n % 2},{n % 4}\n" for n in range(9)), {}, "in.csv, line 1: several columns may hold the label: 'P' (2 values: '0', '1'); 'Q' (4 values: '0', '1', '2', …). Name the one with --label"),
        ("text,P\n" + "".join(f"hi {n},{n}\n" for n in range(9)), {}, "in.csv, line 1: no column found that looks like the label (two values or more that repeat, in every row); columns beside those named: 'P' (9 values: '0', '1', '2', …). Name it with --label COL"),
        ("text\nhi\n", {}, "in.csv, line 1: no column found that looks like the label (two values or more that repeat, in every row); columns beside those named: no other."),
        ("text,label\nhi,a\n", {"label": "labell"}, "in.csv, line 1: there is no column 'labell' here; columns: 1 'text', 2 'label'. Did you mean 'label'? Ask for one of these by name or number"),
        ("text,label\nhi,a\n", {"group": "user"}, "in.csv, line 1: there is no column 'user' here"),
        ("text,label\nhi,a\n", {"label": "3"}, "in.csv, line 1: there is no column '3' here"),
        ("text,label\nhi,a\n", {"label": "0"}, "in.csv, line 1: there is no column '0' here"),
        ("text,label\nhi,a\n", {"text": "text", "label": "1"}, "in.csv, line 1: column 'text' was asked for as the text and as the label"),
        ("x,y,x\n1,2,3\n", {"text": "y", "label": "x"}, "in.csv, line 1: columns 1 and 3 are all named 'x'. Ask for one by its number"),
        ("text,label\n", {}, "in.csv, line 1: a header and no row below it."),
        ("", {}, "in.csv holds no text."),
        ("\n  \n", {"is_labelled": False}, "in.csv holds no text."),
        ("text,label\nhi,a\nho, \n", {}, "in.csv, line 3: the label 'label' of 'ho' is empty; every text needs one. Write it or remove the text"),
        ([{"text": "hi", "label": "a"}, "", {"text": "ho", "label": None}], {}, "in.jsonl, line 3: the label 'label' of 'ho' is missing; every text needs one."),
        ([{"text": "hi", "label": "a"}, {"text": "ho", "label": ["b", " "]}], {}, "in.jsonl, line 2: the label 'label' of 'ho' is empty"),
        ([{"text": "hi", "label": "a"}] * 20 + [{"text": "ho", "label": {"a": 1}}], {}, "in.jsonl, line 21: the label 'label' is '{\"a\": 1}'; a string, a number"),
        ([{"text": "hi", "label": "a"}, {"body": "ho", "label": "b"}], {"text": "text"}, "in.jsonl, line 2: no 'text'; a string was expected (or a list of objects with a string 'text'). Keys here: 'body', 'label'."),
        ([{"text": "hi", "label": "a"}, {"text": 5, "label": "b"}], {"text": "text"}, "in.jsonl, line 2: 'text' is '5'; a string was expected"),
        ([{"chunks": [{"text": "hi"}], "label": "a"}, {"chunks": [{"txt": "hi"}], "label": "b"}], {"text": "chunks"}, "in.jsonl, line 2: 'chunks' is '[{\"txt\": \"hi\"}]'; a string was expected"),
        ([{"text": "hi", "label": "a"}], {"label": "lable"}, "in.jsonl, line 1: there is no key 'lable' here; keys: 'text', 'label'. Did you mean 'label'? Ask for one of these."),
        ([{"text": "hi", "label": "a", "user": "u"}, {"text": "hi", "label": "a"}], {"group": "user"}, "in.jsonl, line 2: no group 'user'"),
        ([{"text": "hi", "label": "a"}, '{"text": }'], {}, "in.jsonl, line 2: broken JSON at character 10 (Expecting value): '{\"text\": }'. One JSON object a line was expected."),
        (["[", '{"text": "hi"}', "]"], {}, "in.jsonl, line 1: broken JSON at character 2 (Expecting value): '['. One JSON object a line was expected; a list of objects becomes lines with `jq -c '.[]'`."),
        (['["hi", "a"]'], {}, "in.jsonl, line 1: '[\"hi\", \"a\"]' is no object. One JSON object a line was expected"),
        (["[" * 100_000], {}, "in.jsonl, line 1: JSON that cannot be read ("),
        (['{"text": "\\ud800", "label": "a"}'], {}, "in.jsonl, line 1: half of a surrogate pair"),
    ],
)  # fmt: skip
def test_refusals_tell_the_place_what_there_is_and_what_to_do(read: Reader, content: object, asked: dict[str, Any], told: str) -> None:
    assert read.refusal(content, **asked).startswith(told)


@pytest.mark.parametrize(
    ("content", "asked", "told"),
    [
        ("Hello\nthere\n", {}, "in.txt, line 1: a text without a label: 'Hello'. Expected a table with a text and a label column (.csv, .tsv)"),
        ("Hello\n", {"text": "body", "is_labelled": False}, "in.txt: there is no column 'body', since the file holds lines of text alone. Leave --text out"),
        ("Hello\n", {"label": "label", "is_labelled": False}, "in.txt: there is no column 'label', since the file holds lines of text alone"),
        ("__label__a hi\n", {"group": "group"}, "in.txt: there is no column 'group', since the file holds fastText lines"),
        ("__label__a hi\n__label__b ho\nlabel-less\n", {}, "in.txt, line 3: no label in 'label-less'. Every line begins with __label__ and a name"),
        ("__label__a hi\n__label__ ho\n", {}, "in.txt, line 2: a label without a name in '__label__ ho'."),
    ],
)  # fmt: skip
def test_refusals_of_forms_without_columns(read: Reader, content: str, asked: dict[str, Any], told: str) -> None:
    assert read.refusal(content, "in.txt", **asked).startswith(told)


def test_a_table_without_a_header_is_read_from_its_first_line(read: Reader) -> None:
    records = read(gzip.compress(SMS.encode()), "SMSCollection.gz")
    assert (records[0].text, records[0].labels) == ("Go until jurong point, crazy 0", ("ham",))
    assert records[1].text == 'He said "later 1'
    assert [record.source.line for record in records] == list(range(1, 13))
    assert str(records[2].source) == f"{read.path}, line 3"


def test_a_table_with_a_header_is_read_from_below_it(read: Reader) -> None:
    records = read("\ufeff" + GERMAN)
    assert len(records) == 12
    assert (records[0].text, records[0].labels) == ("Guten Tag, hier fehlt die Lieferung 0", ("Hausrat",))
    assert str(records[0].source) == f"{read.path}, line 2"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_texts_stay_as_they_are_and_labels_are_stripped(read: Reader, end: str) -> None:
    records = read(end.join(["text,label", '"  two', 'lines ", a ', ",b", "last,b"]))
    assert [(record.text, record.labels, record.source.line) for record in records] == [
        ("  two\nlines ", ("a",), 2),
        ("", ("b",), 4),
        ("last", ("b",), 5),
    ]


def test_labels_are_text_whatever_json_has(read: Reader) -> None:
    values = ["a ", 1, 1.5, True, False, ["x", "y ", "x"], [2, True], []]
    labels = [("a",), ("1",), ("1.5",), ("true",), ("false",), ("x", "y"), ("2", "true"), ()]
    assert [found for _, found in read.pairs([{"text": "t", "label": value} for value in values])] == labels


def test_chunks_are_joined(read: Reader) -> None:
    content = [{"intent": "add", "chunks": [{"text": "add "}, {"text": "one", "slot": "x"}, {"text": "!"}]}, {"intent": "b", "chunks": []}]
    assert read.pairs(content) == [("add one!", ("add",)), ("", ("b",))]
    assert read.pairs([{"parts": [{"text": "a"}, {"text": "b"}], "label": "c"}], text="parts") == [("ab", ("c",))]


def test_a_separator_cuts_labels_and_allows_none(read: Reader) -> None:
    content = 'text,label\nhi,"a; b;a"\nho,\nhey, c ;;\n'
    assert read.pairs(content, label_separator=";") == [("hi", ("a", "b")), ("ho", ()), ("hey", ("c",))]
    content_json = [{"text": "hi", "label": "a|b"}, {"text": "ho", "label": None}, {"text": "hey"}]
    assert read.pairs(content_json, label_separator="|") == [("hi", ("a", "b")), ("ho", ()), ("hey", ())]


def test_without_labels_they_are_read_only_where_asked_for(read: Reader) -> None:
    content = "text,label\nhi,a\nho,\n"
    assert read.pairs(content, is_labelled=False) == [("hi", ()), ("ho", ())]
    assert read.pairs(content, is_labelled=False, label="label") == [("hi", ("a",)), ("ho", ())]
    objects = [{"text": "hi", "label": "a"}, {"text": "ho"}]
    assert read.pairs(objects, is_labelled=False, label="label") == [("hi", ("a",)), ("ho", ())]
    assert read.pairs("Nachricht\nhi\n", is_labelled=False, text="nachricht") == [("hi", ())]
    assert read.pairs("12\n13\n", is_labelled=False) == [("12", ()), ("13", ())]


def test_the_group_is_the_value_of_its_column(read: Reader) -> None:
    assert [record.group for record in read("text,label,user\nhi,a, u1 \nho,b,u2\n", group="User")] == ["u1", "u2"]
    assert [record.group for record in read([{"text": "hi", "label": "a", "user": 7}], group="user")] == ["7"]
    assert [record.group for record in read("text,label\nhi,a\n")] == [""]


@pytest.mark.parametrize(
    ("line", "text", "labels"),
    [
        ("__label__spam the text", "the text", ("spam",)),
        ("__label__spam __label__x  the text ", " the text ", ("spam", "x")),
        (" __label__a\t__label__a\tb __label__c", "b __label__c", ("a",)),
        ("__label__a", "", ("a",)),
        ("__label__größe 1", "1", ("größe",)),
    ],
)
def test_fasttext_labels_come_first(read: Reader, line: str, text: str, labels: tuple[str, ...]) -> None:
    assert read.pairs(f"\n{line}\n", "in.txt") == [(text, labels)]
    assert read.pairs(line, "in.txt", is_labelled=False) == [(text, ())]
    assert read.pairs(line, "in.txt", is_labelled=False, text="text", label="label") == [(text, labels)]


def test_every_plain_line_is_a_text(read: Reader) -> None:
    records = read(" one \n\ntwo, too", "in.txt", is_labelled=False)
    assert [(record.text, record.source.line) for record in records] == [(" one ", 1), ("", 2), ("two, too", 3)]


def test_json_lines_under_any_name_and_empty_lines_among_them(read: Reader) -> None:
    records = read([{"text": "hi", "label": "a"}, "", " ", {"text": "ho", "label": "b"}], "messages.gz")
    assert [(record.text, record.source.line) for record in records] == [("hi", 1), ("ho", 4)]


def test_objects_from_a_pipe_come_one_by_one() -> None:
    taken = []

    def lines() -> Iterator[tuple[int, str]]:
        for number in range(1, 4):
            taken.append(number)
            yield number, json.dumps({"id": "a longer name than the text has", "query": f"hi {number}", "label": "x"})

    records = read_text_objects(lines(), "<stdin>")
    first = next(records)
    assert (first.text, first.labels, str(first.source), taken) == ("hi 1", (), "<stdin>, line 1", [1])
    assert [record.text for record in records] == ["hi 2", "hi 3"]


@pytest.mark.parametrize(
    ("lines", "asked", "told"),
    [
        (['{"text": "a"}', '{"body": "b"}'], "", "<stdin>, line 2: no 'text'"),
        (['{"P": "a", "Q": "longer than a"}'], "", "<stdin>, line 1: several columns may hold the text: 'P' (1 value: 'a'); 'Q' (1 value: 'longer than a')"),
        (['{"P": 1}'], "", "<stdin>, line 1: no column found that looks like the text"),
        (["{}"], "", "<stdin>, line 1: no column found that looks like the text"),
        (['{"text": "a"}'], "body", "<stdin>, line 1: there is no key 'body' here"),
        (["hi"], "", "<stdin>, line 1: broken JSON"),
    ],
)  # fmt: skip
def test_objects_from_a_pipe_are_refused_with_their_line(lines: list[str], asked: str, told: str) -> None:
    with pytest.raises(DataError) as caught:
        list(read_text_objects(enumerate(lines, 1), "<stdin>", text=asked))
    assert str(caught.value).startswith(told)


def test_the_only_string_of_an_object_is_its_text() -> None:
    assert [record.text for record in read_text_objects([(1, '{"Satz": "a", "n": 1, "date": "2024-01-01"}')], "<stdin>")] == ["a"]


@pytest.mark.parametrize(
    "cells",
    [
        ["2024-05-01 10:00:00.125", "2024-05-01T10:00:01Z", "2024-05-01 10:00:02", "2024-05-01 10:00:03"],
        ["1,50", "2,25", "oops and more of it", "0,5"],
    ],
)
def test_numbers_and_times_are_no_texts_unless_they_are_asked_for(read: Reader, cells: list[str]) -> None:
    table = "zeit;Was tut er?\n" + "".join(f"{cell};{label}\n" for cell, label in zip(cells, "abab", strict=True))
    assert "'zeit', holds numbers or times" in read.refusal(table, "in.csv", label="Was tut er?")
    assert "for sequences of numbers: --input numbers" in read.refusal(table, "in.csv", label="Was tut er?")
    assert [text for text, _ in read.pairs(table, "in.csv", text="zeit", label="Was tut er?")] == cells
