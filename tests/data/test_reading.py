"""A file's format is found by itself; the label columns asked for are there in every record, or the refusal says which are."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tidegate.data.reading import detect, expand, read_labelled
from tidegate.errors import DataError

DATA = Path(os.environ.get("TIDEGATE_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")

CONLLU = (
    "# text = Ebb falls\n"
    "1\tEbb\tebb\tNOUN\tNN\tNumber=Sing\t2\tnsubj\t_\t_\n2\tfalls\tfall\tVERB\tVBZ\t_\t0\troot\t_\t_\n\n"
    "1\t.\t.\tPUNCT\t.\t_\t0\troot\t_\t_\n\n"
)
UNANNOTATED = "1\tEbb\t_\t_\t_\t_\t_\t_\t_\t_\n\n"
COLUMNS = "Ebb\tNN\tO\nfalls\tVB\tO\n\n"
SPANS = '{"tokens": ["Ebb", "falls"], "pos": ["N", "V"], "ner": ["O", "O"]}\n'


def first_columns(path: Path, label: Sequence[str]) -> tuple[str, ...]:
    """The label columns of the first record; nothing behind it is read."""
    return tuple(next(read_labelled(path, label=label)).labels)


def _written(folder: Path, text: str, name: str = "in") -> str:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(path)


def _refusal(path: str, *label: str) -> str:
    with pytest.raises(DataError) as caught:
        list(read_labelled(path, label=label))
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("in.conllu", "", "conllu"),
        ("in.CONLLU.gz", "", "conllu"),
        ("in.jsonl", "", "spans"),
        ("in.ndjson.gz", "", "spans"),
        ("in.json", "", "spans"),
        ("in.txt", CONLLU, "conllu"),
        ("in", "1-2\tzum\t_\t_\t_\t_\t_\t_\t_\t_\n", "conllu"),
        ("in.txt.gz", COLUMNS, "columns"),
        ("in.conll", "Ebb O\nfalls\n", "columns"),
        ("in", "Ebb O\nfalls O\n", "columns"),
        ("in", "Ebb,O\nfalls,O\n", "columns"),
        ("in", "\n" + SPANS, "spans"),
        ("in", "{\tO\n}\tO\n", "columns"),
        ("in", "# global.columns = ID FORM UPOS A B C D E F G\n1" + "\tx" * 9 + "\n", "columns"),
    ],
)
def test_the_format_is_found_by_suffix_and_then_by_content(tmp_path: Path, name: str, text: str, expected: str) -> None:
    assert detect(_written(tmp_path, text, name)) == expected


def test_plain_text_is_refused_where_labels_are_needed_and_the_formats_are_named(tmp_path: Path) -> None:
    path = _written(tmp_path, "The ebb falls.\nIt rises again at four.\n")
    message = _refusal(path)
    assert message.startswith(
        f"{path}: not a format with labelled tokens; its first line is 'The ebb falls.'. Expected conllu (CoNLL-U), columns ("
    )
    assert "text and tokens carry no labels" in message


@pytest.mark.parametrize("name", ["in", "in.conllu", "in.conll", "in.jsonl", "in.gz"])
@pytest.mark.parametrize("text", ["", "\n \n\n"])
def test_a_file_without_sentences_is_refused(tmp_path: Path, name: str, text: str) -> None:
    path = _written(tmp_path, text, name)
    assert _refusal(path).startswith(f"{path} holds no sentence. A file with at least one labelled sentence was expected")
    with pytest.raises(DataError, match="holds no sentence"):
        first_columns(path, ())


def test_a_file_of_remarks_alone_holds_no_sentence(tmp_path: Path) -> None:
    assert "holds no sentence" in _refusal(_written(tmp_path, "# a remark\n\n", "in.conllu"))


@pytest.mark.parametrize(
    ("name", "text", "label", "expected"),
    [
        ("in.conllu", CONLLU, (), ("upos",)),
        ("in.conllu", CONLLU, ("XPOS", "4", "lemma"), ("xpos", "upos", "lemma")),
        ("in.conllu", CONLLU, ("6",), ("feats",)),
        ("in", COLUMNS, (), ("label",)),
        ("in", COLUMNS, ("2", "3"), ("column2", "column3")),
        ("in.jsonl", SPANS, ("ner", "pos"), ("ner", "pos")),
        ("in.jsonl", '{"tokens": ["a"], "x": ["b"]}', (), ("x",)),
        ("in.jsonl", '{"tokens": ["a"], "x": ["b"], "tags": ["c"]}', (), ("tags",)),
        ("in.jsonl", '{"chunks": [{"text": "a"}]}', (), ("slot",)),
        ("in.jsonl", '{"text": "a", "spans": []}', ("ner",), ("ner",)),
    ],
)
def test_records_have_exactly_the_columns_asked_for(
    tmp_path: Path, name: str, text: str, label: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    path = _written(tmp_path, text, name)
    assert first_columns(path, label) == expected
    assert {tuple(record.labels) for record in read_labelled(path, label=label)} == {expected}


def test_resolved_names_give_the_same_columns_again(tmp_path: Path) -> None:
    path = _written(tmp_path, COLUMNS)
    again = first_columns(path, ("2", "-1"))
    assert first_columns(path, again) == again == ("column2", "column3")


def test_label_columns_are_known_from_the_first_record_alone(tmp_path: Path) -> None:
    assert first_columns(_written(tmp_path, SPANS + "broken", "in.jsonl"), ("ner",)) == ("ner",)


def test_a_sentence_without_features_has_blank_ones_where_others_have_some(tmp_path: Path) -> None:
    records = list(read_labelled(_written(tmp_path, CONLLU, "in.conllu"), label=("feats",)))
    assert [record.labels["feats"] for record in records] == [("Number=Sing", "_"), ("_",)]


def test_a_column_that_is_blank_in_the_whole_file_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path, CONLLU, "in.conllu")
    assert _refusal(path, "misc").startswith(f"{path}: column 'misc' is '_' for every word, so there is nothing to learn or compare.")


def test_a_sentence_that_was_not_annotated_is_refused_with_its_line(tmp_path: Path) -> None:
    path = _written(tmp_path, CONLLU + UNANNOTATED, "in.conllu")
    assert _refusal(path, "upos") == (
        f"{path}, line 7: no label column 'upos' here; columns: none (the words are not annotated). "
        "Every sentence must have it: annotate this one, remove it, or ask for another column."
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (
            "upso",
            "column 'upso' is no label column of CoNLL-U. Did you mean 'upos'? Ask for one of these, by name or number: 3 lemma, 4 "
            "upos, 5 xpos, 6 feats",
        ),
        ("7", "column 7 (that is 'head') is no label column of CoNLL-U."),
        ("11", "column 11 is no label column of CoNLL-U."),
        ("-1", "column -1 is no label column of CoNLL-U."),
    ],
)
def test_a_wrong_column_of_conllu_is_refused_with_those_there_are(tmp_path: Path, asked: str, expected: str) -> None:
    path = _written(tmp_path, CONLLU, "in.conllu")
    assert _refusal(path, asked).startswith(f"{path}: {expected}")


def test_a_wrong_key_of_json_lines_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = _written(tmp_path, SPANS, "in.jsonl")
    assert f"{path}, line 1: no label column 'nerr' here; columns: 'pos', 'ner'. Did you mean 'ner'?" in _refusal(path, "nerr")


def test_several_columns_and_none_asked_for_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path, SPANS, "in.jsonl")
    assert f"{path}, line 1: several label columns here (pos, ner) and none was asked for. Name one, as in label='pos'." in _refusal(path)


@pytest.mark.parametrize(
    ("name", "text", "label", "line"),
    [
        ("in", "Ebb\tNN\nfalls\t\n", (), 2),
        ("in.conllu", CONLLU.replace("VERB", ""), (), 3),
        ("in.jsonl", '{"tokens": ["Ebb", "falls"], "labels": ["X", ""]}', (), 1),
    ],
)
def test_an_empty_label_is_refused_with_its_token_and_line(tmp_path: Path, name: str, text: str, label: tuple[str, ...], line: int) -> None:
    path = _written(tmp_path, text, name)
    assert f"{path}, line {line}: the label of token 'falls' in column" in _refusal(path, *label)
    assert "Write it, or 'O' where the token belongs to no span." in _refusal(path, *label)


def test_carriage_returns_change_no_record(tmp_path: Path) -> None:
    for text, name in ((CONLLU, "{}.conllu"), (COLUMNS, "{}.conll"), (SPANS, "{}.jsonl")):
        plain, returned = (
            list(
                read_labelled(
                    _written(tmp_path, content, name.format(end)),
                    label=("upos",) if "conllu" in name else ("ner",) if "json" in name else (),
                )
            )
            for end, content in (("lf", text), ("crlf", text.replace("\n", "\r\n")))
        )
        assert [(r.tokens, r.labels, r.lines) for r in plain] == [(r.tokens, r.labels, r.lines) for r in returned]


def test_names_and_globs_become_files_in_order_and_none_twice(tmp_path: Path) -> None:
    b, a, odd = (_written(tmp_path, "", name) for name in ("b.conllu", "a.conllu", "odd[1].txt"))
    (tmp_path / "folder.conllu").mkdir()
    deep = _written(tmp_path / "folder.conllu", "", "deep.conllu")
    assert expand([b, str(tmp_path / "*.conllu"), odd]) == [b, a, odd]
    assert expand([str(tmp_path / "**" / "d*.conllu")]) == [deep]


def test_a_pattern_that_matches_nothing_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    near = _written(tmp_path, "", "train.conllu")
    with pytest.raises(DataError) as caught:
        expand([str(tmp_path / "trian.conllu")])
    assert str(caught.value).startswith(f"{tmp_path / 'trian.conllu'}: no such file. Did you mean '{near}'?")
    with pytest.raises(DataError, match=r"no file matches this pattern\. Did you mean .*train\.conllu"):
        expand([near, str(tmp_path / "tran*.conllu")])


@pytest.mark.skipif(not DATA.exists(), reason="no data folder")
@pytest.mark.parametrize(
    ("file", "expected", "label"),
    [
        ("ud_english_ewt/en_ewt-ud-dev.conllu.gz", "conllu", "upos"),
        ("wnut17/emerging.test.annotated.gz", "columns", "label"),
        ("broad_twitter_corpus/btc.train.gz", "columns", "label"),
        ("snips_nlu/valid.jsonl.gz", "spans", "slot"),
    ],
)
def test_public_data_sets_are_recognised(file: str, expected: str, label: str) -> None:
    assert detect(DATA / file) == expected
    assert first_columns(DATA / file, ()) == (label,)
