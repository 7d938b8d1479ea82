"""Spans in JSON Lines become labels of whole words; lines that cannot are refused with what was found."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.records import TokenRecord
from tidegate.data.spans import read_span_lines
from tidegate.decoding.schemes import spans_of
from tidegate.errors import DataError

DATA = Path(os.environ.get("TIDEGATE_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
SNIPS = DATA / "snips_nlu"


class Reader:
    """Writes objects (or lines as they are) and reads them, or takes down the refusal."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "in.jsonl"

    def __call__(self, *objects: object, label: tuple[str, ...] = ()) -> list[TokenRecord]:
        lines = [line if isinstance(line, str) else json.dumps(line) for line in objects]
        self.path.write_text("\n".join(lines), encoding="utf-8", newline="")
        return list(read_span_lines(self.path, label=label))

    def refusal(self, *objects: object, label: tuple[str, ...] = ()) -> str:
        with pytest.raises(DataError) as caught:
            self(*objects, label=label)
        return str(caught.value)


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


TEXT = "Kim Lee sails to New York."
SPELLED = ("B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC", "O")


@pytest.mark.parametrize(
    "content",
    [
        {"spans": [{"start": 0, "end": 7, "label": "PER"}, {"start": 17, "end": 25, "label": "LOC"}]},
        {"entities": [{"start": 17, "end": 25, "slot": "LOC"}, {"start": 0, "end": 7, "type": "PER"}]},
        {"spans": [[0, 7, "PER"], [17, 25, "LOC"]]},
        {"label": [[0, 7, "PER"], [17, 25, "LOC"]]},
        {"tokens": [{"text": "Kim", "start": 0, "end": 3}], "spans": [[0, 7, "PER"], [17, 25, "LOC"]]},
    ],
)
def test_spans_of_characters_become_labels_whatever_their_keys(read: Reader, content: dict[str, Any]) -> None:
    (record,) = read({"text": TEXT, **content})
    assert record.tokens == ("Kim", "Lee", "sails", "to", "New", "York", ".")
    assert record.labels == {"label": SPELLED}
    assert record.text == TEXT
    assert record.offsets[4:6] == ((17, 20), (21, 25))


def test_a_span_inside_a_word_cuts_the_word(read: Reader) -> None:
    (record,) = read({"text": "preLondonpost x", "spans": [[3, 9, "LOC"]]})
    assert list(zip(record.tokens, record.labels["label"], strict=True)) == [("pre", "O"), ("London", "B-LOC"), ("post", "O"), ("x", "O")]


def test_characters_are_counted_as_characters_not_as_bytes(read: Reader) -> None:
    (record,) = read({"text": "zwölf 😀 Kim", "spans": [[8, 11, "PER"]]})
    assert record.tokens == ("zwölf", "😀", "Kim")
    assert record.labels["label"] == ("O", "O", "B-PER")


def test_the_column_is_named_as_asked(read: Reader) -> None:
    assert list(read({"text": "a", "spans": []}, label=("ner",))[0].labels) == ["ner"]
    assert list(read({"chunks": [{"text": "a"}]}, label=("ner",))[0].labels) == ["ner"]
    assert list(read({"chunks": [{"text": "a"}]})[0].labels) == ["slot"]


def test_chunks_are_cut_each_on_its_own(read: Reader) -> None:
    (record,) = read({"chunks": [{"text": "at "}, {"text": "one pm", "slot": "time"}, {"text": "near", "slot": None}, {"text": " us"}]})
    assert record.text == "at one pmnear us"
    assert record.tokens == ("at", "one", "pm", "near", "us")
    assert record.labels == {"slot": ("O", "B-time", "I-time", "O", "O")}
    assert record.offsets == ((0, 2), (3, 6), (7, 9), (9, 13), (14, 16))


def test_neighbouring_chunks_of_one_slot_are_two_spans(read: Reader) -> None:
    (record,) = read({"chunks": [{"text": "a", "slot": "x"}, {"text": " "}, {"text": "b", "slot": "x"}]})
    assert record.labels["slot"] == ("B-x", "B-x")


def test_every_list_of_strings_as_long_as_the_tokens_is_a_column(read: Reader) -> None:
    (record,) = read({"tokens": ["a", "b"], "tags": ["X", "Y"], "pos": ["P", "Q"], "ids": [1, 2], "notes": ["only one"], "lang": "en"})
    assert record.labels == {"tags": ("X", "Y"), "pos": ("P", "Q")}


def test_spans_of_tokens_count_tokens_with_the_end_exclusive(read: Reader) -> None:
    (record,) = read({"tokens": ["Kim", "Lee", "sails"], "spans": [{"start": 0, "end": 2, "label": "PER"}]}, label=("ner",))
    assert record.labels == {"ner": ("B-PER", "I-PER", "O")}
    assert record.text is None


def test_tokens_with_labels_and_spans_have_both(read: Reader) -> None:
    content = {"tokens": ["Kim", "sails"], "text": "Kim  sails", "pos": ["N", "V"], "spans": [[0, 1, "PER"]]}
    (record,) = read(content, label=("pos", "ner"))
    assert record.labels == {"pos": ("N", "V"), "ner": ("B-PER", "O")}
    assert record.offsets == ((0, 3), (5, 10))
    assert read(content, label=("pos",))[0].labels == {"pos": ("N", "V")}


def test_empty_lines_are_passed_over_and_lines_are_counted(read: Reader) -> None:
    records = read('{"tokens": ["a"], "labels": ["X"]}', "", " ", '{"tokens": ["b"], "labels": ["Y"]}')
    assert [str(record.source) for record in records] == [f"{read.path}, line 1", f"{read.path}, line 4"]


PARTS = st.lists(st.tuples(st.text(st.sampled_from("ab1.' é😀-"), max_size=6), st.sampled_from(["", "X", "Y"])), max_size=6)


@given(PARTS)
def test_every_span_is_found_again_where_it_was(tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[str, str]]) -> None:
    parts = [(text, kind) for text, kind in parts if text.strip() or not kind]
    text, spans = "", []
    for part, kind in parts:
        if kind:
            spans.append([len(text), len(text) + len(part), kind])
        text += part
    (record,) = Reader(tmp_path_factory.mktemp("spans"))({"text": text, "spans": spans})
    found = [(text[record.offsets[a][0] : record.offsets[b - 1][1]], kind) for a, b, kind in spans_of(record.labels["label"], "IOB2")]
    assert found == [(part.strip(), kind) for part, kind in parts if kind]
    assert "".join(record.tokens) == "".join(text.split())


def test_broken_json_is_refused_with_line_and_character(read: Reader) -> None:
    message = read.refusal('{"text": "a", "spans": []}', '{"text": "a" "spans"}')
    assert message == (
        f'{read.path}, line 2: broken JSON at character 14 (Expecting \',\' delimiter): \'{{"text": "a" "spans"}}\'. '
        "One JSON object a line was expected. Write each object on one line."
    )


@pytest.mark.parametrize("line", ["[", "{"])
def test_json_over_several_lines_is_refused_with_the_command_that_joins_them(read: Reader, line: str) -> None:
    assert "The JSON seems to run over several lines: put each object on one line, for instance with `jq -c '.[]'`" in read.refusal(
        line, "]"
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ([{"text": "a"}], "a list with an object in it found where one JSON object a line was expected"),
        (
            {"txt": "a", "spans": []},
            "no labels found; keys here: 'txt', 'spans'. Expected 'text' with 'spans', 'tokens' with 'labels' or 'spans', or 'chunks'",
        ),
        ({"tokens": ["a"]}, "no labels found; keys here: 'tokens'."),
        ({}, "no labels found; keys here: none."),
        ({"text": 5, "spans": []}, "'text' is the number 5; a string was expected"),
        ({"text": "a", "spans": "b"}, "the spans are a string; a list was expected"),
        (
            {"text": "a", "spans": [{"start": "0", "end": 1, "label": "X"}]},
            'span 1 is \'{"start": "0", "end": 1, "label": "X"}\'; expected whole numbers',
        ),
        ({"text": "a", "spans": [[0, True, "X"]]}, "span 1 is '[0, true, \"X\"]'"),
        ({"text": "a", "spans": [[0, 1, ""]]}, "span 1 is"),
        (
            {"text": "a", "spans": [[0, 2, "X"]]},
            "the span 0 to 2 ('X') lies outside; expected 0 <= start < end <= 1, counted in characters, end exclusive",
        ),
        ({"text": "a", "spans": [[-1, 1, "X"]]}, "the span -1 to 1 ('X') lies outside"),
        ({"text": "a", "spans": [[1, 1, "X"]]}, "the span 1 to 1 ('X') is empty"),
        ({"text": "abc", "spans": [[2, 1, "X"]]}, "the span 2 to 1 ('X') ends before it starts"),
        ({"text": "a  b", "spans": [[1, 3, "X"]]}, "the span 1 to 3 ('X') holds no word, only '  '. Correct its borders or remove it"),
        (
            {"text": "abc", "spans": [[1, 3, "Y"], [0, 2, "X"]]},
            "the spans 0 to 2 ('X') and 1 to 3 ('Y') overlap. A token has one label here",
        ),
        (
            {"tokens": ["a"], "spans": [[0, 2, "X"]]},
            "the span 0 to 2 ('X') lies outside; expected 0 <= start < end <= 1, counted in tokens",
        ),
        ({"tokens": ["a", "b"], "labels": ["X"]}, "1 labels in 'labels' for 2 tokens. Give one label for each token"),
        (
            {"tokens": ["a"], "ner_tags": [3]},
            "'ner_tags' is a list with the number 3 in it; a list of strings was expected. Write the names of the labels",
        ),
        ({"tokens": "a b", "labels": []}, "'tokens' is a string; a list of strings was expected"),
        ({"tokens": ["a", None], "labels": ["X", "X"]}, "'tokens' is a list with null in it"),
        ({"tokens": ["a", ""], "labels": ["X", "X"]}, "token 1 (counted from 0) is empty"),
        ({"chunks": "a"}, "'chunks' is a string; a list of objects with 'text' was expected"),
        ({"chunks": [{"text": "a"}, {"slot": "x"}]}, "chunk 2 is '{\"slot\": \"x\"}'; an object with a string 'text' was expected"),
        ({"chunks": [{"text": "a", "slot": 3}]}, "the slot of chunk 1 is '3'; a name was expected"),
        ({"tokens": ["\ud83d"], "labels": ["X"]}, "half of a surrogate pair"),
    ],
)
def test_a_line_of_no_known_form_is_refused_with_what_it_holds(read: Reader, content: object, expected: str) -> None:
    message = read.refusal({"tokens": ["fine"], "labels": ["X"]}, content)
    assert message.startswith(f"{read.path}, line 2: ")
    assert expected in message


def test_two_columns_of_spans_are_refused(read: Reader) -> None:
    assert "spans give one label column, but 2 were asked for (a, b)" in read.refusal({"text": "x", "spans": []}, label=("a", "b"))


def test_json_too_deep_to_read_is_refused(read: Reader) -> None:
    assert "line 1: JSON that cannot be read" in read.refusal('{"text": ' + "[" * 200_000)


@pytest.mark.skipif(not SNIPS.exists(), reason="no data folder")
@pytest.mark.parametrize(("split", "utterances", "pieces"), [("train", 13784, 122920), ("valid", 700, 6327)])
def test_voice_requests_are_read_whole_with_every_slot(split: str, utterances: int, pieces: int) -> None:
    path = SNIPS / f"{split}.jsonl.gz"
    records = list(read_span_lines(path, label=()))
    assert len(records) == utterances
    # The number that the data set's description gives counts what stands between blanks.
    assert sum(len((record.text or "").split()) for record in records) == pieces
    kinds = {kind for record in records for _, _, kind in spans_of(record.labels["slot"], "IOB2")}
    assert len(kinds) == 39
