"""Hashed n-grams against scikit-learn's TF-IDF, and small cases by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from tidegate.data import ngrams
from tidegate.data.ngrams import NgramTable, SparseRows, WidePath
from tidegate.data.text_batches import words_of
from timing import least_seconds

TRAIN = [
    words_of(text)
    for text in (
        "The dog bites the man, the poor man",
        "The man bites the dog",
        "no no no",
        "so so",
        "It's Größe 3.50 in İstanbul",
        "in",
        "a b a b b",
        "",
    )
]
OTHER = [words_of(text) for text in ("man bites man", "no so so no", "nobody in Istanbul", "wholly other: qqqq", "", "DOG dog")]
TEXTS = st.lists(st.text(max_size=30).map(words_of), max_size=5)


def dense(rows: SparseRows, width: int) -> NDArray[np.float64]:
    full = np.zeros((len(rows), width))
    for number in range(len(rows)):
        columns, values = rows.row(number)
        full[number, columns] = values
    return full


def tfidf(ngrams_of: Callable[[Sequence[str]], list[str]]) -> NDArray[np.float64]:
    """scikit-learn's rows of TRAIN and OTHER, fitted on TRAIN."""
    vectorizer = TfidfVectorizer(analyzer=ngrams_of, sublinear_tf=True, smooth_idf=True, norm="l2").fit(TRAIN)
    return vectorizer.transform([*TRAIN, *OTHER]).toarray()  # type: ignore[no-any-return]


def words_and_pairs(text: Sequence[str]) -> list[str]:
    words = [word.lower() for word in text]
    return words + [" ".join(pair) for pair in pairwise(words)]


def runs(text: Sequence[str]) -> list[str]:
    spelled = [f" {word.lower()} " for word in text]
    return [word[place : place + n] for word in spelled for n in (2, 3, 4, 5) for place in range(len(word) - n + 1)]


def test_values_are_those_of_scikit_learn_in_each_half() -> None:
    expected = np.hstack([tfidf(words_and_pairs), tfidf(runs)])
    table = NgramTable.count(TRAIN, min_count=1, most=10_000)
    assert len(table) == expected.shape[1]
    found = dense(table.rows([*TRAIN, *OTHER]), len(table))
    # Columns stand in another order, so rows are compared by their values in order of size, and by all their products with each other.
    np.testing.assert_allclose(np.sort(found, axis=1), np.sort(expected, axis=1), rtol=0, atol=1e-6)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, rtol=0, atol=1e-6)


def test_a_word_and_a_run_spelled_alike_are_two_ngrams() -> None:
    # Runs of ' in ': ' i', 'in', 'n ', ' in', 'in ', ' in '. With the word seven; were 'in' one n-gram, six.
    table = NgramTable.count([["in"]], min_count=1, most=100)
    assert len(table) == 7
    columns, values = table.rows([["in"]]).row(0)
    assert columns.tolist() == list(range(7))
    assert sorted(values.tolist()) == pytest.approx([6**-0.5] * 6 + [1.0])


@pytest.mark.parametrize(("one", "other"), [("dog man", "man dog"), ("no no", "so so")])
def test_pairs_of_other_words_or_in_another_order_are_other_ngrams(one: str, other: str) -> None:
    texts = [one.split(), other.split()]
    both = NgramTable.count(texts, min_count=1, most=1000)
    shared = len(NgramTable.count(texts, min_count=2, most=1000))
    # What both texts have: two words and their runs in the first case, nothing but the runs 'o ' in the second.
    assert shared == len({*words_and_pairs(texts[0])} & {*words_and_pairs(texts[1])}) + len({*runs(texts[0])} & {*runs(texts[1])})
    assert len(both) == len({*words_and_pairs(texts[0]), *words_and_pairs(texts[1])}) + len({*runs(texts[0]), *runs(texts[1])})


def test_idf_by_hand() -> None:
    # The word 'a', its runs ' a', 'a ' and ' a ' are in two of three texts, however often; those of 'b' in one.
    table = NgramTable.count([["a"], ["A", "x"], ["b"]], min_count=1, most=100)
    weights = sorted(table.weights.tolist())
    assert weights == pytest.approx([np.log(4 / 3) + 1] * 4 + [np.log(4 / 2) + 1] * (4 + 4 + 1))  # x has four too, and one pair 'a x'


def test_rare_ngrams_are_left_out_and_a_text_counts_once() -> None:
    texts = [["a"], ["a"], ["b", "b"]]
    assert len(NgramTable.count(texts, min_count=2, most=100)) == 4
    assert len(NgramTable.count(texts, min_count=3, most=100)) == 0


def test_the_frequent_ones_are_kept_where_there_are_too_many() -> None:
    table = NgramTable.count([["a"], ["b"], ["b"]], min_count=1, most=4)
    assert len(table) == 4
    assert [len(table.rows([[word]]).columns) for word in "ab"] == [0, 4]


@pytest.mark.parametrize("most", [0, 5, 10_000])
def test_hashes_rise_and_fit_in_32_bits(most: int) -> None:
    hashes = NgramTable.count(TRAIN, min_count=1, most=most).hashes
    assert len(hashes) <= most
    assert (np.diff(hashes) > 0).all()
    assert ((hashes >= 0) & (hashes < 2**32)).all()


def test_unknown_ngrams_drop_out() -> None:
    table = NgramTable.count([["a", "b"], ["a", "c"]], min_count=1, most=100)
    alone, beside, unknown = (table.rows([text.split()]) for text in ("a", "a zzz", "zzz"))
    assert beside.columns.tolist() == alone.columns.tolist()
    np.testing.assert_array_equal(beside.values, alone.values)
    assert (len(alone.columns), len(unknown.columns), len(unknown)) == (4, 0, 1)


@given(TEXTS, TEXTS)
def test_any_text_has_a_row_of_finite_values_and_rising_columns(train: list[tuple[str, ...]], texts: list[tuple[str, ...]]) -> None:
    table = NgramTable.count(train, min_count=1, most=50)
    rows = table.rows(texts)
    assert len(rows) == len(texts)
    assert (rows.offsets[0], rows.offsets[-1]) == (0, len(rows.columns))
    for number in range(len(texts)):
        columns, values = rows.row(number)
        assert (np.diff(columns) > 0).all()
        assert not len(columns) or (columns[0] >= 0 and columns[-1] < len(table))
        assert np.isfinite(values).all()
        # Each half has length 1, or no n-gram that counts.
        squares = float((values.astype(np.float64) ** 2).sum())
        assert min(abs(squares - whole) for whole in (0, 1, 2)) < 1e-5


@given(TEXTS)
def test_both_halves_of_a_training_text_have_length_one(train: list[tuple[str, ...]]) -> None:
    rows = NgramTable.count(train, min_count=1, most=10_000).rows(train)
    for number, text in enumerate(train):
        assert float((rows.row(number)[1].astype(np.float64) ** 2).sum()) == pytest.approx(2 if text else 0, abs=1e-5)


def test_texts_beside_a_text_change_nothing() -> None:
    table = NgramTable.count(TRAIN, min_count=1, most=10_000)
    together = table.rows([*TRAIN, *OTHER])
    for number, text in enumerate([*TRAIN, *OTHER]):
        columns, values = table.rows([text]).row(0)
        np.testing.assert_array_equal(columns, together.row(number)[0])
        np.testing.assert_array_equal(values, together.row(number)[1])


def test_how_much_is_remembered_changes_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = NgramTable.count(TRAIN, min_count=1, most=10_000).rows([*TRAIN, *OTHER])
    monkeypatch.setattr(ngrams, "_MOST_CHARACTERS", 0)
    table = NgramTable.count(TRAIN, min_count=1, most=10_000)
    for _ in range(2):
        rows = table.rows([*TRAIN, *OTHER])
        np.testing.assert_array_equal(rows.offsets, expected.offsets)
        np.testing.assert_array_equal(rows.columns, expected.columns)
        np.testing.assert_array_equal(rows.values, expected.values)
    table.rows([["one"]])
    assert list(table._numbers) == ["one"]


def test_counting_in_chunks_gives_the_same_table(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = NgramTable.count([*TRAIN, *OTHER], min_count=1, most=50)
    monkeypatch.setattr(ngrams, "_CHUNK", 2)
    cut = NgramTable.count(iter([*TRAIN, *OTHER]), min_count=1, most=50)
    np.testing.assert_array_equal(cut.hashes, whole.hashes)
    np.testing.assert_array_equal(cut.weights, whole.weights)


def test_distinct_ngrams_of_many_words_have_distinct_hashes() -> None:
    words = [f"{a}{b}{c}" for a in "abcdefghijklmnopqrstuvwxyzäöüß" for b in "aeiouxyz" for c in "0123456789"]
    pairs = [[first, second] for first in words[:60] for second in words[:60]]
    spelled = {f" {word} "[k : k + n] for word in words for n in range(2, 6) for k in range(len(word) + 3 - n)}
    table = NgramTable.count([*([word] for word in words), *pairs], min_count=1, most=10**6)
    assert len(table) == len(words) + 60 * 60 + len(spelled)


def test_no_text_no_words_and_no_table_give_empty_rows() -> None:
    table = NgramTable.count(TRAIN, min_count=1, most=100)
    nothing = NgramTable.count([], min_count=1, most=100)
    assert (len(nothing), nothing.rows([["a"], []]).offsets.tolist()) == (0, [0, 0, 0])
    assert table.rows([]).offsets.tolist() == [0]
    assert table.rows([[], []]).offsets.tolist() == [0, 0, 0]
    assert table.rows([[], ["in"], []]).offsets.tolist()[:2] == [0, 0]


def test_half_surrogate_pairs_and_emoji_are_hashed_like_any_character() -> None:
    texts = [["\ud800", "a\udfffb"], ["👍🏽", "👨‍👩‍👧"], ["\ud800"]]
    table = NgramTable.count(texts, min_count=1, most=1000)
    values = dense(table.rows(texts), len(table))
    assert (values**2).sum(axis=1) == pytest.approx([2, 2, 2])
    assert values[0] @ values[1] == 0
    assert values[0] @ values[2] > 0.1


@pytest.mark.parametrize("text", ["abcdefghij" * 100_000, "a few words, " * 76_924], ids=["one word", "many words"])
def test_a_million_characters_take_under_five_seconds(text: str) -> None:
    assert len(text) >= 1_000_000
    table = NgramTable.count(TRAIN, min_count=1, most=10_000)
    assert least_seconds(lambda: table.rows([words_of(text)]), 5) < 5
    assert len(table.rows([words_of(text)]).columns) > 0


def test_scores_of_the_wide_path_are_the_dense_product() -> None:
    table = NgramTable.count(TRAIN, min_count=1, most=10_000)
    random = np.random.default_rng(0)
    weights, bias = random.normal(size=(len(table), 3)).astype(np.float32), random.normal(size=3).astype(np.float32)
    scores = WidePath(table, weights, bias).scores([*OTHER, *TRAIN])
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, dense(table.rows([*OTHER, *TRAIN]), len(table)) @ weights + bias, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(scores[4], bias)  # an empty text
    assert WidePath(table, weights, bias).scores([]).shape == (0, 3)
