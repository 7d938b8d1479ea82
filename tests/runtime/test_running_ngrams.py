"""The n-grams' part of a text that is still coming equals that of the whole text so far."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.ngrams import NgramTable, WidePath
from tidegate.data.text_batches import words_of
from tidegate.runtime.running_ngrams import RunningNgrams

TEXTS = [words_of(text) for text in ("The dog bites the man, the poor man", "no no no so so", "It's Größe 3.50 in İstanbul", "a b a b b")]
WORDS = st.lists(st.sampled_from([*{word for text in TEXTS for word in text}, "unheard-of", "", "\ud83d", "DOG"]), max_size=12)


def path(most: int = 1000) -> WidePath:
    table = NgramTable.count(TEXTS, min_count=1, most=most)
    random = np.random.default_rng(3)
    return WidePath(table, random.normal(size=(len(table), 3)).astype(np.float32), random.normal(size=3).astype(np.float32))


@given(st.lists(WORDS, max_size=5), WORDS)
def test_scores_are_those_of_all_words_so_far_however_they_come(parts: list[list[str]], further: list[str]) -> None:
    wide = path()
    running, so_far = RunningNgrams(wide), list[str]()
    for part in [[], *parts]:
        running.feed(part)
        so_far += part
        np.testing.assert_allclose(running.scores(), wide.scores([so_far]), atol=1e-5)
        np.testing.assert_allclose(running.scores(further), wide.scores([[*so_far, *further]]), atol=1e-5)
        np.testing.assert_allclose(running.scores(), wide.scores([so_far]), atol=1e-5)


def test_a_long_text_drifts_nowhere() -> None:
    wide = path()
    words = [word for _ in range(300) for text in TEXTS for word in text]
    running = RunningNgrams(wide)
    for word in words:
        running.feed([word])
    np.testing.assert_allclose(running.scores(), wide.scores([words]), atol=1e-5)


@pytest.mark.parametrize("most", [0, 5, 1000])
def test_what_was_saved_goes_on_with_the_same_bits(most: int) -> None:
    wide = path(most)
    first, second = RunningNgrams(wide), RunningNgrams(wide)
    second.feed(["overwritten", "man"])
    saved: list[dict[str, Any]] = []
    for text in TEXTS:
        first.feed(text)
        saved.append(first.arrays())
        second.restore(saved[-1])
        first.feed(["man", "no"])
        second.feed(["man", "no"])
        np.testing.assert_array_equal(first.scores(["in"]), second.scores(["in"]))
    with pytest.raises(KeyError):
        second.restore({name: array for name, array in saved[0].items() if name != "1.times"})
