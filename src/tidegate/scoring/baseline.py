"""The one-second baseline of a tagger: each word's most frequent label; for unknown words, its suffix's.

A network that does not beat this has learnt nothing that counting would not have told.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tidegate.data import TokenRecord

_LONGEST_SUFFIX = 5


class MostFrequentLabel:
    """Counted from records that carry the given label column."""

    def __init__(self, records: Iterable[TokenRecord], column: str) -> None:
        words: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for record in records:
            for token, label in zip(record.tokens, record.labels[column], strict=True):
                words[token][label] += 1
        suffixes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for word, labels in words.items():
            for suffix in _suffixes(word):
                # Types, not tokens: unknown words resemble the many rare words, not the few frequent ones.
                suffixes[suffix].update(dict.fromkeys(labels, 1))
        self._by_word = {word: _most_frequent(labels) for word, labels in words.items()}
        self._by_suffix = {suffix: _most_frequent(labels) for suffix, labels in suffixes.items()}

    def predict(self, tokens: Sequence[str]) -> list[str]:
        """A label per token: by the word itself, else by the longest suffix that was met."""
        return [self._label(token) for token in tokens]

    def _label(self, token: str) -> str:
        if token in self._by_word:
            return self._by_word[token]
        return next(self._by_suffix[suffix] for suffix in _suffixes(token) if suffix in self._by_suffix)


def _suffixes(word: str) -> list[str]:
    """The word's suffixes, longest first, each with whether the word begins with a capital; the empty suffix last.

    Capitals are kept apart because they tell names; the bare empty suffix catches everything.
    """
    mark = "^" if word[:1].isupper() else "_"
    lower = word.lower()
    longest = min(_LONGEST_SUFFIX, len(lower))
    return [*(mark + lower[-length:] for length in range(longest, 0, -1)), mark, ""]


def _most_frequent(labels: Counter[str]) -> str:
    """Ties go to the label first in spelling, so that equal files give equal baselines."""
    return min(labels, key=lambda label: (-labels[label], label))
