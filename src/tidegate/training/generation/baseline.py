"""The baseline of a language model: n-grams, as long as suits the development text best."""

from __future__ import annotations

from tidegate.scoring import WittenBell
from tidegate.training.generation.corpus import GenerateCorpus

# The n-gram baseline has that of these lengths which does best on the development text, or on so many units of a long one.
# Characters: 5 is the best for a million of them (tiny Shakespeare, 1.669 nats; 1.698 with 6), 6 for two and a half million (War and Peace,
# 1.347 nats; 1.385 with 5). Words and BPE pieces of these books: 2 and 3 differ little.
_ORDERS = {"char": (4, 5, 6, 7), "word": (2, 3), "bpe": (2, 3, 4)}
_CHOSEN_BY = 500_000


def best_ngrams(corpus: GenerateCorpus) -> tuple[WittenBell, int]:
    """The n-grams of the training text, which read from the left alone, and their length."""
    orders = _ORDERS[corpus.units.kind]
    counted = WittenBell.fit(corpus.train.ids, len(corpus.units), max(orders))
    _, order = min((counted.up_to(order).nats(corpus.dev.ids[:_CHOSEN_BY]), order) for order in orders)
    return counted.up_to(order), order
