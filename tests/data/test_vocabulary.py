"""What gets a number, in which order, and how words and labels are turned to numbers and refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import sentence
from tidegate.data import FormTable, LabelColumn, TokenRecord, Vocabulary
from tidegate.data.vocabulary import LONGEST_WORD, UNKNOWN_LABEL, WORD_BEGIN, WORD_END
from tidegate.errors import DataError, ModelError

RECORDS = [
    sentence("The cat saw 12 cats", ner="O O O O O", pos="DET NOUN VERB NUM NOUN"),
    sentence("the Cat saw 99 Bobs", 7, ner="O B-PER O O B-PER", pos="DET NOUN VERB NUM NOUN"),
    sentence("a", 13, ner="O", pos="DET"),
]


def test_words_are_counted_by_their_key_most_frequent_first_and_ties_by_spelling() -> None:
    vocabulary = Vocabulary.count(RECORDS, [])
    assert vocabulary.words == ("00", "cat", "saw", "the", "a", "bobs", "cats")
    assert vocabulary.counts == (2, 2, 2, 2, 1, 1, 1)
    assert vocabulary.columns == ()


def test_min_count_cuts_rare_words_and_nothing_else() -> None:
    all_words, frequent = Vocabulary.count(RECORDS, ["pos"]), Vocabulary.count(RECORDS, ["pos"], min_count=2)
    assert frequent.words == ("00", "cat", "saw", "the")
    assert frequent.counts == (2, 2, 2, 2)
    assert (frequent.characters, frequent.shapes, frequent.columns) == (all_words.characters, all_words.shapes, all_words.columns)
    assert Vocabulary.count(RECORDS, [], min_count=3).words == ()


def test_characters_keep_their_case_and_shapes_are_those_of_the_words() -> None:
    vocabulary = Vocabulary.count(RECORDS, [])
    assert set(vocabulary.characters) == set("".join(token for record in RECORDS for token in record.tokens))
    # a: cat ×2 with Cat, cats, saw ×2, a; t: cat, Cat, cats, the
    assert vocabulary.characters[0] == "a"
    assert set(vocabulary.shapes) == {"Xx", "x", "d"}


def test_label_columns_come_in_the_order_asked_for_with_their_schemes() -> None:
    pos, ner = Vocabulary.count(RECORDS, ["pos", "ner"]).columns
    assert pos == LabelColumn("pos", ("NOUN", "DET", "NUM", "VERB"), None)
    assert ner == LabelColumn("ner", ("O", "B-PER"), "IOB2")


def test_the_order_of_the_records_changes_nothing() -> None:
    assert Vocabulary.count(RECORDS[::-1], ["pos", "ner"]) == Vocabulary.count(RECORDS, ["pos", "ner"])


def test_records_that_lack_a_column_have_no_say_in_its_labels() -> None:
    assert Vocabulary.count([*RECORDS, sentence("x y", 20)], ["pos"]).columns == Vocabulary.count(RECORDS, ["pos"]).columns


@given(st.lists(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=5), max_size=5))
def test_json_gives_the_vocabulary_back(sentences: list[list[str]]) -> None:
    records = [TokenRecord(tuple(words), RECORDS[0].source, {"tag": tuple(words)}) for words in sentences]
    vocabulary = Vocabulary.count(records, ["tag"])
    again = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert again == vocabulary
    assert again.counts == ()


def test_json_keeps_names_and_schemes_of_columns() -> None:
    content = Vocabulary.count(RECORDS, ["ner"]).to_json()
    assert content["columns"] == [{"name": "ner", "labels": ["O", "B-PER"], "scheme": "IOB2"}]


WHOLE = Vocabulary.count(RECORDS, ["ner"]).to_json()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (WHOLE | {"columns": [{"name": "ner", "scheme": None}]}, "'labels'"),
        (WHOLE | {"columns": [{"labels": [], "scheme": None}]}, "'name'"),
        (WHOLE | {"columns": ["ner"]}, ""),
        (WHOLE | {"columns": None}, ""),
        (WHOLE | {"words": None}, ""),
        (WHOLE | {"shapes": 3}, ""),
        ([], ""),
        (None, ""),
        *(({key: part for key, part in WHOLE.items() if key != name}, f"'{name}'") for name in WHOLE),
    ],
)
def test_damaged_json_is_refused_with_what_is_missing(content: Any, what: str) -> None:
    with pytest.raises(ModelError) as caught:
        Vocabulary.from_json(content)
    message = str(caught.value)
    assert message.startswith(f"vocabulary.json lacks or misspells {what}")
    assert message.endswith("; the model directory is damaged: fetch or train it again.")


NER = LabelColumn("ner", ("O", "B-LOC", "I-LOC"), "IOB2")


def test_labels_become_their_places_in_the_column() -> None:
    ids = NER.encode(sentence("to New York", ner="O B-LOC I-LOC"))
    assert ids.tolist() == [0, 1, 2]
    assert ids.dtype == np.int64
    assert NER.encode(sentence("", ner="")).tolist() == []


def test_an_unseen_label_becomes_the_id_of_unknown_labels() -> None:
    record = sentence("to New York", 811, "train.conll", ner="O B-LOCATION I-LOC")
    assert NER.encode(record).tolist() == [0, UNKNOWN_LABEL, 2]


def test_a_missing_column_is_refused_with_those_there_are_and_the_nearest() -> None:
    with pytest.raises(DataError) as caught:
        NER.encode(sentence("to", 3, "in.conll", nerd="O", pos="ADP"))
    assert str(caught.value) == "in.conll, line 3: no label column 'ner' here; columns: nerd, pos. Did you mean 'nerd'?"
    with pytest.raises(DataError) as caught:
        NER.encode(sentence("to", 3, "in.conll"))
    assert str(caught.value) == "in.conll, line 3: no label column 'ner' here; columns: none."


def table_of(records: list[TokenRecord]) -> FormTable:
    return FormTable(Vocabulary.count(records, []))


def characters_of(table: FormTable, form: str) -> list[int]:
    characters, offsets = table.characters(table.encode([form]))
    assert offsets.tolist() == [0, len(characters)]
    return characters.tolist()


def test_id_zero_is_the_unknown_word_shape_and_character() -> None:
    table = table_of([sentence("ab ab c")])
    words, shapes = table.words_and_shapes(table.encode(["ab", "c", "AB", "zz", "7"]))
    assert words.tolist() == [1, 2, 1, 0, 0]
    assert shapes.tolist() == [1, 1, 0, 1, 0]
    assert characters_of(table, "a?c") == [WORD_BEGIN, 3, 0, 5, WORD_END]


def test_a_form_keeps_its_number_and_new_ones_are_added() -> None:
    table = table_of([sentence("a b")])
    assert table.encode(["b", "a", "b", "x"]).tolist() == [0, 1, 0, 2]
    assert table.encode(["x", "A", "a"]).tolist() == [2, 3, 1]
    assert (table.forms, len(table)) == (["b", "a", "x", "A"], 4)
    assert table.encode([]).tolist() == []


def test_a_word_is_known_by_its_key_if_the_cut_kept_it() -> None:
    table = FormTable(Vocabulary.count(RECORDS, [], min_count=2))
    assert [table.is_known(form) for form in ("the", "THE", "77", "7", "bobs")] == [True, True, True, False, False]


def test_characters_of_several_forms_stand_in_the_order_asked_for() -> None:
    table = table_of([sentence("a bb")])  # b: 3, a: 4
    numbers = table.encode(["a", "bb", "ab"])
    characters, offsets = table.characters(numbers[[2, 0]])
    assert characters.tolist() == [WORD_BEGIN, 4, 3, WORD_END, WORD_BEGIN, 4, WORD_END]
    assert offsets.tolist() == [0, 4, 7]
    none, offsets = table.characters(numbers[:0])
    assert (none.tolist(), none.dtype, offsets.tolist()) == ([], np.int64, [0])


def test_a_long_word_keeps_both_its_ends() -> None:
    table = table_of([sentence("abcdefghijklmnopqrstuvwxyz")])
    longest = "abcdefghijklmnopqrstuvwx" * 2
    assert len(longest) == LONGEST_WORD
    whole = characters_of(table, longest)
    assert len(whole) == LONGEST_WORD + 2
    begin, end = longest[: LONGEST_WORD // 2], longest[LONGEST_WORD // 2 :]
    assert characters_of(table, f"{begin}z{end}") == whole
    assert characters_of(table, begin + "yz" * 10_000 + end) == whole
    assert characters_of(table, f"{longest}z") != whole


def test_an_empty_form_is_one_unknown_character() -> None:
    table = table_of([sentence("a")])
    assert characters_of(table, "") == [WORD_BEGIN, 0, WORD_END]
    words, shapes = table.words_and_shapes(table.encode([""]))
    assert (words.tolist(), shapes.tolist()) == ([0], [0])


def test_inherited_words_stand_last_with_what_training_saw_of_them_and_are_not_known() -> None:
    vocabulary = Vocabulary.count(RECORDS, ["pos"], min_count=2, inherited=["bobs", "the", "dog", "dog"])
    assert vocabulary.words == ("00", "cat", "saw", "the", "bobs", "dog")
    assert vocabulary.counts == (2, 2, 2, 2, 1, 0)
    assert vocabulary.inherited == 2
    again = Vocabulary.from_json(json.loads(json.dumps(vocabulary.to_json())))
    assert again == vocabulary
    for table in (FormTable(vocabulary), FormTable(again)):
        assert [table.is_known(form) for form in ("the", "77", "Bobs", "dog", "cats")] == [True, True, False, False, False]
        assert table.words_and_shapes(table.encode(["Dog", "cats"]))[0].tolist() == [6, 0]
    assert "inherited" not in Vocabulary.count(RECORDS, []).to_json()
