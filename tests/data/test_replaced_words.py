"""Scores of a text in which a word is another, against those of the changed text counted anew."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.ngrams import NgramTable, WidePath
from tidegate.data.replaced_words import ReplacedWords

# Few letters, so that words and runs of characters come several times; "" is a word that is blanked.
WORDS = st.text("abA", max_size=3)
TABLE = NgramTable.count([["ab", "a", "ba"], ["ab", "ab", "bab"], ["b", "", "aba"], ["a", "ab"]], min_count=1, most=1000)
_RANDOM = np.random.default_rng(1)
PATH = WidePath(TABLE, _RANDOM.normal(size=(len(TABLE), 3)).astype(np.float32), _RANDOM.normal(size=3).astype(np.float32))


@given(st.lists(WORDS, min_size=1, max_size=12), st.lists(st.tuples(st.integers(-1, 11), WORDS), min_size=1, max_size=6))
def test_scores_of_replaced_words_are_those_of_the_changed_text(words: list[str], changes: list[tuple[int, str]]) -> None:
    changes = [(min(place, len(words) - 1), word) for place, word in changes]
    texts = [words if place < 0 else [*words[:place], word, *words[place + 1 :]] for place, word in changes]
    found = ReplacedWords(PATH, words).scores(np.array([place for place, _ in changes]), [word for _, word in changes])
    np.testing.assert_allclose(found, PATH.scores(texts), atol=3e-6)


def test_a_table_without_n_grams_scores_the_bias() -> None:
    empty = WidePath(NgramTable.count([["once"]], min_count=2, most=10), np.zeros((0, 2), dtype=np.float32), np.array([1, 2], np.float32))
    np.testing.assert_array_equal(ReplacedWords(empty, ["once"]).scores(np.array([0, -1]), ["twice", ""]), [[1, 2], [1, 2]])
