"""What a word looks like: the key of the word table, and the shape that the key loses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.shapes import normalise, shape_of


@pytest.mark.parametrize(
    ("word", "key"),
    [("Teddy", "teddy"), ("1,984", "0,000"), ("2,001", "0,000"), ("B2B", "b0b"), ("ÉTÉ", "été"), ("٣٫٥", "0٫0"), ("x²", "x²"), ("", "")],
)
def test_words_are_keyed_in_lower_case_with_digits_as_zero(word: str, key: str) -> None:
    assert normalise(word) == key


@pytest.mark.parametrize(
    ("word", "shape"),
    [
        ("McDonald", "XxXx"),
        ("3.5", "d-d"),
        ("A", "X"),
        ("NATO", "XX"),
        ("Teddy", "Xx"),
        ("1984", "d"),
        ("B2B", "XdX"),
        ("USA's", "XX-x"),
        ("été", "x"),
        ("北京", "x"),
        ("...", "-"),
        ("😀", "-"),
        ("a-b-c-d", "x-x-x-"),
        ("", ""),
    ],
)
def test_shapes_join_runs_and_keep_the_first_six(word: str, shape: str) -> None:
    assert shape_of(word) == shape


@given(st.text(max_size=40))
def test_shapes_are_short_and_hold_no_runs_but_of_capitals(word: str) -> None:
    assert re.fullmatch(r"[Xxd-]{0,6}", shape_of(word))
    assert not re.search(r"xx|dd|--|XXX", shape_of(word))
    assert bool(shape_of(word)) == bool(word)


@given(st.text(alphabet="aB1.", max_size=20))
def test_the_key_of_a_key_is_itself_and_digits_do_not_change_the_shape(word: str) -> None:
    assert normalise(normalise(word)) == normalise(word)
    assert shape_of(word.replace("1", "7")) == shape_of(word)
