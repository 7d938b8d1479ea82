"""Texts in numbers: units, labels, scores of the wide path, and ragged batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data import FormTable, Source, TextEncoder, TextRecord, TokenRecord, Vocabulary
from tidegate.data.ngrams import NgramTable, WidePath
from tidegate.data.text_batches import NOTHING, Unit, units_of, words_of
from tidegate.data.vocabulary import UNKNOWN_LABEL

LABELS = ("ham", "spam", "advert")


def record(text: str, *labels: str) -> TextRecord:
    return TextRecord(text, Source("in.csv", 1), labels)


def encoder(unit: Unit = "word", longest: int = 100, *, wide: WidePath | None = None, known: str = "go home now") -> TextEncoder:
    forms = tuple(known.split()) if unit == "word" else tuple(known)
    vocabulary = Vocabulary.count([TokenRecord(forms, Source("in.csv", 1))], [])
    return TextEncoder(FormTable(vocabulary), LABELS, unit=unit, longest=longest, wide=wide)


def wide_path() -> WidePath:
    table = NgramTable.count([["go", "home"], ["now"]], min_count=1, most=100)
    return WidePath(table, np.random.default_rng(0).normal(size=(len(table), 3)).astype(np.float32), np.arange(3, dtype=np.float32))


@pytest.mark.parametrize(
    ("text", "unit", "longest", "units"),
    [
        ("Don't  go!", "word", 9, ["Don", "'t", "go", "!"]),
        ("Don't  go!", "word", 3, ["Don", "'t", "go"]),
        ("a  b👍", "char", 9, ["a", " ", " ", "b", "👍"]),
        ("a  b👍", "char", 2, ["a", " "]),
        ("", "word", 9, [NOTHING]),
        ("", "char", 9, [NOTHING]),
        (" \n\u200b", "word", 9, [NOTHING]),
        (" \n", "char", 9, [" ", "\n"]),
    ],
)
def test_units_are_the_first_words_or_characters_or_nothing(text: str, unit: Unit, longest: int, units: list[str]) -> None:
    assert list(units_of(text, unit, longest)) == units


@given(st.text(max_size=40), st.sampled_from(["word", "char"]), st.integers(1, 9))
def test_every_text_has_a_unit_and_no_more_than_the_longest(text: str, unit: Unit, longest: int) -> None:
    units = units_of(text, unit, longest)
    assert 1 <= len(units) <= longest
    whole = words_of(text) if unit == "word" else tuple(text)
    assert units == (whole[:longest] or (NOTHING,))


def test_labels_become_ids_in_their_order_and_unknown_ones_are_marked() -> None:
    texts = encoder().encode([record("a", "spam"), record("b"), record("c", "advert", "Spam", "ham")])
    assert [text.labels.tolist() for text in texts] == [[1], [], [2, UNKNOWN_LABEL, 0]]
    assert [text.wide for text in texts] == [None, None, None]


def test_equal_units_have_one_form_and_new_ones_are_added() -> None:
    texts = encoder()
    first, second = texts.encode([record("go home go"), record("Go away")])
    assert (first.units.forms.tolist(), second.units.forms.tolist()) == ([0, 1, 0], [2, 3])
    assert texts.encode([record("away home")])[0].units.forms.tolist() == [3, 1]
    assert texts.table.forms == ["go", "home", "Go", "away"]
    assert (len(first), len(second)) == (3, 2)


def test_a_batch_is_ragged_with_the_ids_of_each_distinct_unit() -> None:
    texts = encoder()
    batch = texts.collate(texts.encode([record("go away", "ham"), record(""), record("now go now", "advert", "ham")]))
    assert batch.units.offsets.tolist() == [0, 2, 3, 6]
    assert batch.tokens == 6
    # Words of the vocabulary stand in order of their spelling, from 1: go, home, now. What it lacks is 0, and so is nothing.
    assert batch.units.words[batch.units.forms].tolist() == [1, 0, 0, 3, 1, 3]
    assert len(batch.units.words) == len({"go", "away", NOTHING, "now"})
    assert batch.labels.dtype == np.float32
    assert batch.labels.tolist() == [[1, 0, 0], [0, 0, 0], [1, 0, 1]]
    assert batch.wide is None
    assert batch.units.labels == {}


def test_characters_are_units_too() -> None:
    texts = encoder("char", 4, known="abc")
    batch = texts.collate(texts.encode([record("cab cab"), record("x")]))
    assert batch.units.offsets.tolist() == [0, 4, 5]
    assert batch.units.words[batch.units.forms].tolist() == [3, 1, 2, 0, 0]


def test_a_text_without_words_has_characters_enough_for_the_character_encoder() -> None:
    texts = encoder()
    batch = texts.collate(texts.encode([record(" ")]))
    assert batch.units.characters.tolist() == [1, 0, 2]  # begin, unknown, end


def test_the_wide_path_reads_all_words_whatever_the_unit_and_however_many_the_network_reads() -> None:
    wide = wide_path()
    records = [record("go home now"), record("now"), record("")]
    expected = wide.scores([("go", "home", "now"), ("now",), ()])
    assert (np.abs(expected[0] - wide.scores([("go",)])[0]) > 0.01).all()  # so that a cut text would be found out
    for texts in (encoder(wide=wide), encoder(longest=1, wide=wide), encoder("char", 1, wide=wide)):
        encoded = texts.encode(records)
        batch = texts.collate([encoded[2], encoded[0], encoded[1]])
        assert batch.wide is not None
        np.testing.assert_array_equal(batch.wide, expected[[2, 0, 1]])


def test_texts_may_be_encoded_all_together_or_one_by_one() -> None:
    records = [record("go home now", "ham"), record("", "spam"), record("home away")]
    together, alone = encoder(wide=wide_path()), encoder(wide=wide_path())
    one = together.collate(together.encode(iter(records)))
    other = alone.collate([text for each in records for text in alone.encode([each])])
    for name in ("offsets", "forms", "words", "shapes", "characters", "character_offsets"):
        np.testing.assert_array_equal(getattr(one.units, name), getattr(other.units, name))
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.wide, other.wide)  # type: ignore[arg-type]
