"""The translation memory against cosines of n-gram counts worked out by hand."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import log

import numpy as np
import pytest

from tidegate.data.pairs import Entry
from tidegate.training.translation import baseline
from tidegate.training.translation.baseline import nearest_targets

WORDS = ["read", "reading", "lead", "ready", "bread", "threads", "a", "läd"]
SENTENCES = ["the dog barks loudly .", "the cat sleeps here now", "a dog sleeps !", "where is the cat ?", "one two three four"]


def grams(text: str) -> Counter[str]:
    """N-grams of 2 to 4 characters inside the words, each with a blank at both ends."""
    found: Counter[str] = Counter()
    for word in text.lower().split():
        padded = f" {word} "
        for size in (2, 3, 4):
            found.update([padded] if len(padded) < size else [padded[at : at + size] for at in range(len(padded) - size + 1)])
            if len(padded) <= size:  # a short word is counted once, at the first size that holds it whole
                break
    return found


def words(text: str) -> Counter[str]:
    tokens = text.lower().split()
    return Counter([*tokens, *(f"{one} {other}" for one, other in pairwise(tokens))])


@pytest.mark.parametrize(
    ("known", "asked", "count"),
    [
        (WORDS, ["breads", "leads", "reads", "Read", "ladder", "äd", "a", "zzz"], grams),
        (SENTENCES, ["the dog sleeps", "is the cat here", "two dog", "a cat ?", "nothing like it"], words),
    ],
)
def test_the_answer_is_that_of_the_most_similar_source(known: list[str], asked: list[str], count: object) -> None:
    assert callable(count)
    documents = [count(text) for text in known]
    frequency = Counter(gram for document in documents for gram in document)
    idf = {gram: 1 + log((1 + len(known)) / (1 + seen)) for gram, seen in frequency.items()}

    def vector(counts: Counter[str]) -> dict[str, float]:
        weights = {gram: number * idf[gram] for gram, number in counts.items() if gram in idf}
        norm = sum(weight**2 for weight in weights.values()) ** 0.5
        return {gram: weight / norm for gram, weight in weights.items()}

    expected = []
    for text in asked:
        query = vector(count(text))
        cosines = [sum(weight * query.get(gram, 0) for gram, weight in vector(document).items()) for document in documents]
        expected.append(f"to {known[int(np.argmax(cosines))]}" if max(cosines) > 0 else "")
    train = [Entry(text, (f"to {text}", "another")) for text in known]
    assert nearest_targets(train, asked) == expected
    assert expected[-1] == ""
    assert nearest_targets(train, known) == [f"to {text}" for text in known]


def test_answers_do_not_hang_on_how_many_are_worked_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    train = [Entry(text, (text.upper(),)) for text in WORDS]
    whole = nearest_targets(train, WORDS[::-1] * 3)
    monkeypatch.setattr(baseline, "_AT_ONCE", 3 * len(WORDS))
    assert nearest_targets(train, WORDS[::-1] * 3) == whole
    assert nearest_targets(train, []) == []
