"""Hashed word and character n-grams of texts, weighted by TF-IDF: sparse rows, and linear scores of them (the wide path).

Words in lower case, alone and in pairs; of each word, with a blank at either end, all runs of two to
five characters. A text's row is two halves, words and characters, each weighted (1 + ln tf) · idf and scaled to
length 1. An n-gram is known by a 32-bit hash alone, and only hashes that training kept have a column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Values = NDArray[np.float32]

SHORTEST, LONGEST = 2, 5
# Hashes of words and of runs of characters begin differently, so that the word "in" and the run "in" are two n-grams.
_WORD, _PAIR, _RUN = crc32(b"word"), crc32(b"pair"), crc32(b"run")
# Past so many distinct words what is remembered of them is begun anew, and of longer words nothing is remembered, so that an
# endless stream cannot fill the memory.
_MOST_WORDS = 100_000
_LONGEST_REMEMBERED = 100


@dataclass(frozen=True, slots=True)
class SparseRows:
    """B sparse rows: row b has `values` at `columns`, both from offsets[b] to offsets[b+1], columns rising."""

    columns: Ids
    values: Values
    offsets: Ids

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, number: int) -> tuple[Ids, Values]:
        """Columns and values of one row."""
        part = slice(int(self.offsets[number]), int(self.offsets[number + 1]))
        return self.columns[part], self.values[part]


class NgramTable:
    """The n-grams that training kept, and how much each weighs.

    Args:
        hashes: [F], rising, 32 bits each.
        weights: [F], inverse document frequencies.
    """

    def __init__(self, hashes: Ids, weights: Values) -> None:
        self.hashes = np.asarray(hashes, dtype=np.int64)
        self.weights = np.asarray(weights, dtype=np.float32)
        self._words: dict[str, tuple[int, Ids, Ids]] = {}

    def __len__(self) -> int:
        return len(self.hashes)

    @classmethod
    def count(cls, texts: Iterable[Sequence[str]], *, min_count: int, most: int) -> NgramTable:
        """The n-grams that occur in `min_count` texts or more, at most `most`, the frequent ones first; texts are given as words.

        idf = ln((1 + texts) / (1 + texts with it)) + 1, as in scikit-learn.
        """
        frequency: Counter[int] = Counter()
        spelled: dict[str, frozenset[int]] = {}
        number = 0
        for text in texts:
            number += 1
            words = [word.lower() for word in text]
            found: set[int] = set(_pair_hashes(words, [_word_hash(word) for word in words]))
            for word in set(words):
                if word not in spelled:
                    spelled[word] = frozenset([_word_hash(word), *_run_hashes(word)])
                found |= spelled[word]
            frequency.update(found)
        kept = [(hashed, times) for hashed, times in frequency.items() if times >= min_count]
        kept = sorted(kept, key=lambda item: (-item[1], item[0]))[:most]
        kept.sort()
        times = np.array([times for _, times in kept], dtype=np.float64)
        hashes = np.array([hashed for hashed, _ in kept], dtype=np.int64)
        return cls(hashes, (np.log((1 + number) / (1 + times)) + 1).astype(np.float32))

    def rows(self, texts: Sequence[Sequence[str]]) -> SparseRows:
        """The rows of texts, given as words."""
        words: list[tuple[Ids, int]] = []
        runs: list[tuple[Ids, int]] = []
        for number, text in enumerate(texts):
            lowered = [word.lower() for word in text]
            known = [self._known(word) for word in lowered]
            pairs = self._columns(np.array(_pair_hashes(lowered, [hashed for hashed, _, _ in known]), dtype=np.int64))
            words.extend((columns, number) for _, columns, _ in known)
            words.append((pairs, number))
            runs.extend((columns, number) for _, _, columns in known)
        halves = [self._weighted(parts, len(texts)) for parts in (words, runs)]
        rows = np.concatenate([row for row, _, _ in halves])
        columns = np.concatenate([column for _, column, _ in halves])
        values = np.concatenate([value for _, _, value in halves])
        order = np.lexsort((columns, rows))
        offsets = np.searchsorted(rows[order], np.arange(len(texts) + 1))
        return SparseRows(columns[order], values[order], offsets)

    def _known(self, word: str) -> tuple[int, Ids, Ids]:
        """Of a word: its hash, its own column if it has one, and the columns of its runs."""
        if word in self._words:
            return self._words[word]
        hashed = _word_hash(word)
        runs = self._columns(np.array(_run_hashes(word), dtype=np.int64))
        known = (hashed, self._columns(np.array([hashed], dtype=np.int64)), runs)
        if len(word) <= _LONGEST_REMEMBERED:
            if len(self._words) >= _MOST_WORDS:
                self._words = {}
            self._words[word] = known
        return known

    def _columns(self, hashes: Ids) -> Ids:
        """Columns of those among the hashes that have one."""
        if not len(self.hashes):
            return np.zeros(0, dtype=np.int64)
        places = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
        known: Ids = places[self.hashes[places] == hashes]
        return known

    def _weighted(self, parts: Sequence[tuple[Ids, int]], texts: int) -> tuple[Ids, Ids, Values]:
        """Row, column and value of every n-gram of one half."""
        sizes = [len(columns) for columns, _ in parts]
        columns = np.concatenate([columns for columns, _ in parts]) if parts else np.zeros(0, dtype=np.int64)
        rows = np.repeat(np.array([row for _, row in parts], dtype=np.int64), sizes)
        keys, times = np.unique(rows * max(1, len(self)) + columns, return_counts=True)
        rows, columns = np.divmod(keys, max(1, len(self)))
        values = (1 + np.log(times)) * self.weights[columns]
        lengths = np.sqrt(np.bincount(rows, weights=values * values, minlength=texts))
        return rows, columns, (values / np.maximum(lengths[rows], 1e-12)).astype(np.float32)


class WidePath:
    """A linear score per label from a text's n-grams.

    Args:
        table: the n-grams that count.
        weights: [F, K]; bias: [K].
    """

    def __init__(self, table: NgramTable, weights: Values, bias: Values) -> None:
        self.table = table
        self.weights = weights
        self.bias = bias

    def scores(self, texts: Sequence[Sequence[str]]) -> Values:
        """Scores [B, K] of texts, given as words."""
        rows = self.table.rows(texts)
        scores = np.tile(self.bias, (len(texts), 1))
        for number in range(len(texts)):
            columns, values = rows.row(number)
            scores[number] += values @ self.weights[columns]
        return scores


def _word_hash(word: str) -> int:
    return crc32(word.encode("utf-8", "surrogatepass"), _WORD)


def _pair_hashes(words: Sequence[str], hashes: Sequence[int]) -> list[int]:
    """Of each word and the next; `hashes` are the words' own. The second word goes in as it is: a CRC of two CRCs forgets their order."""
    return [crc32(f" {second}".encode("utf-8", "surrogatepass"), hashes[place] ^ _PAIR) for place, second in enumerate(words[1:])]


def _run_hashes(word: str) -> list[int]:
    spelled = f" {word} "
    return [
        crc32(spelled[begin : begin + length].encode("utf-8", "surrogatepass"), _RUN)
        for length in range(SHORTEST, min(LONGEST, len(spelled)) + 1)
        for begin in range(len(spelled) - length + 1)
    ]
