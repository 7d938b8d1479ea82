"""The teddy corpus: what its one-way ceiling assumes, counted in fifty thousand sentences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable
from math import sqrt

import numpy as np
import pytest

from tidegate.data import TokenRecord
from tidegate.data.teddy import _P_OBJECT, SENTENCES, TWO_SIDED, one_way_ceiling, one_way_ceiling_on, teddy_corpus

SENSES = ("PERSON", "THING")
# Teddy twice, then Rose, Penny, Mark, Jersey, Frank and Coral, one draw in eight each; some sentences have a second such word.
LOST_BETS = (2 * 0.4 + 0.5 + 0.4 + 0.3 + 0.3 + 0.35 + 0.45) / 8 * (1 + _P_OBJECT)
# The ceiling is 1 − lost bets / tokens; so it assumes this mean.
MEAN_TOKENS = LOST_BETS / (1 - one_way_ceiling())


@pytest.fixture(scope="module")
def sentences() -> list[TokenRecord]:
    return teddy_corpus(seed=7, train=50_000, dev=0, test=0).train


def within(mean: float, expected: float, deviation: float, count: int, errors: float = 4) -> bool:
    return abs(mean - expected) < errors * deviation / sqrt(count)


def test_the_same_seed_gives_the_same_corpus_and_another_gives_another() -> None:
    corpus = teddy_corpus(seed=1, train=30, dev=20, test=10)
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (30, 20, 10)
    assert teddy_corpus(seed=1, train=30, dev=20, test=10) == corpus
    assert teddy_corpus(seed=2, train=30, dev=20, test=10).train != corpus.train
    assert [record.source.line for record in [*corpus.train, *corpus.dev, *corpus.test]] == list(range(1, 61))


def test_the_ceiling_on_a_word_is_the_chance_of_its_more_frequent_sense() -> None:
    assert {word: one_way_ceiling_on(word) for word in TWO_SIDED} == pytest.approx(
        {"Teddy": 0.6, "Rose": 0.5, "Penny": 0.6, "Mark": 0.7, "Jersey": 0.7, "Frank": 0.65, "Coral": 0.55}
    )
    assert 0.95 < one_way_ceiling() < 0.97


def test_sentences_have_as_many_tokens_as_the_ceiling_assumes(sentences: list[TokenRecord]) -> None:
    lengths = np.array([len(record) for record in sentences])
    assert within(lengths.mean(), MEAN_TOKENS, lengths.std(), len(lengths))


def test_two_sided_words_are_as_often_drawn_and_as_often_persons_as_the_ceiling_assumes(sentences: list[TokenRecord]) -> None:
    tags = Counter(pair for record in sentences for pair in zip(record.tokens, record.labels["tag"], strict=True) if pair[0] in TWO_SIDED)
    total = tags.total()
    assert within(total / len(sentences), 1 + _P_OBJECT, sqrt(_P_OBJECT * (1 - _P_OBJECT)), len(sentences))
    for word, p in TWO_SIDED.items():
        persons, things = (tags[word, sense] for sense in SENSES)
        drawn = 2 / 8 if word == "Teddy" else 1 / 8
        assert within((persons + things) / total, drawn, sqrt(drawn * (1 - drawn)), total)
        assert within(persons / (persons + things), p, sqrt(p * (1 - p)), persons + things)


def test_the_best_bet_on_two_sided_words_scores_the_ceiling(sentences: list[TokenRecord]) -> None:
    lost, tokens = [], []
    for record in sentences:
        pairs = zip(record.tokens, record.labels["tag"], strict=True)
        lost.append(sum(tag != SENSES[TWO_SIDED[word] < 0.5] for word, tag in pairs if word in TWO_SIDED))
        tokens.append(len(record))
    score = 1 - sum(lost) / sum(tokens)
    # The error of a ratio of two means, by its linear part.
    deviation = float(np.std(np.array(lost) - (1 - score) * np.array(tokens))) / float(np.mean(tokens))
    assert within(score, one_way_ceiling(), deviation, len(sentences))


def test_the_sense_is_independent_of_everything_to_the_left(sentences: list[TokenRecord]) -> None:
    """Whatever is asked of the words to the left, and of their tags, the share of PERSON stays the word's own."""
    seen: defaultdict[Hashable, list[int]] = defaultdict(lambda: [0, 0])
    for record in sentences:
        tags = record.labels["tag"]
        for place, (word, tag) in enumerate(zip(record.tokens, tags, strict=True)):
            if word not in TWO_SIDED:
                continue
            left = record.tokens[:place]
            questions = {
                "left": left if place < 4 else None,
                "before": left[-2:],
                "first": left[:1],
                "length": place,
                "sense before": next((sense for sense in tags[:place] if sense in SENSES), None),
                "two-sided before": next((other for other in left if other in TWO_SIDED), None),
                "aside": left.count(","),
            }
            for question, answer in questions.items():
                count = seen[word, question, answer]
                count[0] += 1
                count[1] += tag == "PERSON"
    groups = [(word, total, persons) for (word, *_), (total, persons) in seen.items() if total >= 100]  # type: ignore[misc]
    assert len(groups) > 300
    deviations = np.array(
        [(persons / total - TWO_SIDED[word]) / sqrt(TWO_SIDED[word] * (1 - TWO_SIDED[word]) / total) for word, total, persons in groups]
    )
    assert np.abs(deviations).max() < 4.5
    assert np.std(deviations) == pytest.approx(1, abs=0.15)


def test_every_other_tag_follows_from_the_word_and_the_words_to_its_left(sentences: list[TokenRecord]) -> None:
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for record in sentences:
        senses = [tag for tag in record.labels["tag"] if tag in SENSES]
        for before, word, tag in zip(("", *record.tokens), record.tokens, record.labels["tag"], strict=False):
            if word == "one":
                assert tag == senses[0]  # told long before, by what came after the first two-sided word
            elif word not in TWO_SIDED:
                found[before if word == "that" else "", word].add(tag)
    assert all(len(tags) == 1 for tags in found.values())


def test_the_words_to_the_right_tell_the_sense(sentences: list[TokenRecord]) -> None:
    """A rule that reads to the right is right everywhere: what it goes by is never met with the other sense."""
    senses: defaultdict[str, set[str]] = defaultdict(set)
    asides = {
        word
        for record in sentences
        for word, tag in zip(record.tokens, record.labels["tag"], strict=True)
        if tag in ("PRON", "ADV", "CONJ", "PUNCT")
    }
    for record in sentences:
        tags = record.labels["tag"]
        place = next(place for place, word in enumerate(record.tokens) if word in TWO_SIDED)
        # After the aside, if there is one: it ends with its second comma.
        after = place + 1
        if record.tokens[after] == ",":
            after = record.tokens.index(",", after + 1) + 1
        assert record.tokens[after] not in asides
        senses[record.tokens[after]].add(tags[place])
    assert all(len(found) == 1 for found in senses.values())


def test_the_demonstration_sentences_are_of_the_corpus_words(sentences: list[TokenRecord]) -> None:
    words = {word for record in sentences for word in record.tokens}
    for text in SENTENCES:
        assert set(text.split()) <= words
