"""Hashed word and character n-grams of texts, weighted by TF-IDF: sparse rows, and linear scores of them (the wide path).

Words in lower case, alone and in pairs; of each word, with a blank at either end, all runs of two to
five characters. A text's row is two halves, words and characters, each weighted (1 + ln tf) · idf and scaled to
length 1. An n-gram is known by a 32-bit hash alone, and only hashes that training kept have a column.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Values = NDArray[np.float32]
Hashes = NDArray[np.uint64]

SHORTEST, LONGEST = 2, 5
# Hashes of words, pairs and runs of characters begin differently, so that the word "in" and the run "in" are two n-grams.
_WORD, _PAIR, _RUN = (np.uint64(begin) for begin in (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0))
# Odd multipliers: that of splitmix64 (Steele et al. 2014), and one of MurmurHash3's.
_STEP, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFF51AFD7ED558CCD)
# Past so many characters in distinct words what is remembered of them is begun anew, so that an endless stream cannot fill the memory.
_MOST_CHARACTERS = 2_000_000
# Texts that are counted together.
_CHUNK = 2048


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
        self._lock = threading.Lock()  # several threads may ask one model; what is remembered of words grows under it
        self._forget()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}  # a lock cannot be pickled

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def _forget(self) -> None:
        """Begins anew what is remembered of words: for each its number, its hash, its column (or -1), the columns of its runs."""
        self._numbers: dict[str, int] = {}
        self._word_hashes = np.zeros(0, dtype=np.uint64)
        self._word_columns = np.zeros(0, dtype=np.int64)
        self._run_columns: list[Ids] = []
        self._characters = 0

    def __len__(self) -> int:
        return len(self.hashes)

    @classmethod
    def count(cls, texts: Iterable[Sequence[str]], *, min_count: int, most: int) -> NgramTable:
        """The n-grams that occur in `min_count` texts or more, at most `most`, the frequent ones first; texts are given as words.

        idf = ln((1 + texts) / (1 + texts with it)) + 1, as in scikit-learn.
        """
        hashes, times = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        number = 0
        source = iter(texts)
        while chunk := list(islice(source, _CHUNK)):
            number += len(chunk)
            found, found_in = _document_frequencies(chunk)
            hashes, places = np.unique(np.concatenate([hashes, found]), return_inverse=True)
            times = np.bincount(places, weights=np.concatenate([times, found_in])).astype(np.int64)
        kept = np.flatnonzero(times >= min_count)
        kept = np.sort(kept[np.argsort(-times[kept], kind="stable")][:most])
        return cls(hashes[kept], (np.log((1 + number) / (1 + times[kept])) + 1).astype(np.float32))

    def rows(self, texts: Sequence[Sequence[str]]) -> SparseRows:
        """The rows of texts, given as words."""
        text_of = np.repeat(np.arange(len(texts)), [len(text) for text in texts])
        hashes, columns, runs = self.spelled([word for text in texts for word in text])
        is_pair = text_of[1:] == text_of[:-1]
        pairs = self.columns(pair_hashes(hashes[:-1], hashes[1:])[is_pair])
        halves = [
            self._weighted(np.concatenate([columns, pairs]), np.concatenate([text_of, text_of[1:][is_pair]]), len(texts)),
            self._weighted(
                np.concatenate(runs) if runs else np.zeros(0, dtype=np.int64),
                np.repeat(text_of, np.fromiter(map(len, runs), dtype=np.int64, count=len(runs))),
                len(texts),
            ),
        ]
        keys, values = (np.concatenate(parts) for parts in zip(*halves, strict=True))
        order = np.argsort(keys, kind="stable")  # two sorted halves: a merge
        rows, columns = np.divmod(keys[order], max(1, len(self)))
        return SparseRows(columns, values[order], np.searchsorted(rows, np.arange(len(texts) + 1)))

    def spelled(self, words: Sequence[str]) -> tuple[Hashes, Ids, list[Ids]]:
        """Of N words their hashes [N], their columns [N] (-1 where it has none), and of each the columns of its runs of characters."""
        lowered = [word.lower() for word in words]
        with self._lock:
            numbers = self._numbers_of(lowered)
            return self._word_hashes[numbers], self._word_columns[numbers], [self._run_columns[number] for number in numbers.tolist()]

    def _numbers_of(self, words: Sequence[str]) -> Ids:
        """The numbers of words in lower case; what is new among them is learnt first."""
        if self._characters > _MOST_CHARACTERS:
            self._forget()
        new = [word for word in dict.fromkeys(words) if word not in self._numbers]
        if not new:
            return np.fromiter(map(self._numbers.__getitem__, words), dtype=np.int64, count=len(words))
        hashes, runs, offsets = _spelled(new)
        # Of runs only those that have a column are kept, in the order of the words.
        run_columns = self.columns(runs)
        is_known = run_columns >= 0
        ends = np.cumsum(is_known)
        bounds = np.concatenate([[0], ends])[offsets]
        self._run_columns += np.split(run_columns[is_known], bounds[1:-1])
        self._word_columns = np.concatenate([self._word_columns, self.columns(hashes)])
        self._word_hashes = np.concatenate([self._word_hashes, hashes])
        for word in new:
            self._numbers[word] = len(self._numbers)
            self._characters += len(word)
        return np.fromiter(map(self._numbers.__getitem__, words), dtype=np.int64, count=len(words))

    def columns(self, hashes: Hashes) -> Ids:
        """The column of each hash; -1 where it has none."""
        if not len(self.hashes):
            return np.full(len(hashes), -1, dtype=np.int64)
        asked = hashes.astype(np.int64)
        places = np.minimum(np.searchsorted(self.hashes, asked), len(self.hashes) - 1)
        return np.where(self.hashes[places] == asked, places, -1)

    def _weighted(self, columns: Ids, rows: Ids, texts: int) -> tuple[Ids, Values]:
        """Key (row · F + column, rising) and value of every n-gram of one half; columns of -1 do not count."""
        keys, times = np.unique((rows * len(self) + columns)[columns >= 0], return_counts=True)
        rows, columns = np.divmod(keys, max(1, len(self)))
        values = (1 + np.log(times)) * self.weights[columns]
        lengths = np.sqrt(np.bincount(rows, weights=values * values, minlength=texts))
        return keys, (values / np.maximum(lengths[rows], 1e-12)).astype(np.float32)


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


def _document_frequencies(texts: Sequence[Sequence[str]]) -> tuple[Ids, Ids]:
    """All n-grams of some texts, by hash, rising, and in how many of the texts each occurs."""
    words = [word.lower() for text in texts for word in text]
    text_of = np.repeat(np.arange(len(texts), dtype=np.uint64), [len(text) for text in texts])
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    hashes, runs, offsets = _spelled(list(numbers))
    places = np.array([numbers[word] for word in words], dtype=np.int64)
    is_pair = text_of[1:] == text_of[:-1]
    # Of every word in every text its runs: their places in `runs`, word after word.
    lengths = np.diff(offsets)[places]
    begins = np.cumsum(lengths) - lengths
    of_runs = np.arange(int(lengths.sum())) + np.repeat(offsets[:-1][places] - begins, lengths)
    found = [hashes[places], pair_hashes(hashes[places][:-1], hashes[places][1:])[is_pair], runs[of_runs]]
    owners = [text_of, text_of[1:][is_pair], np.repeat(text_of, lengths)]
    keys = np.unique((np.concatenate(found) << np.uint64(32)) | np.concatenate(owners))
    distinct, times = np.unique(keys >> np.uint64(32), return_counts=True)
    return distinct.astype(np.int64), times


def _spelled(words: Sequence[str]) -> tuple[Hashes, Hashes, Ids]:
    """Of U words their hashes [U], the hashes of their runs, word after word, and offsets [U+1] of these."""
    codes, offsets = _codes(words)
    lengths = np.diff(offsets)
    place = np.arange(int(offsets[-1])) - np.repeat(offsets[:-1], lengths)
    left = np.repeat(lengths, lengths) - place  # characters from here to the word's end, this one counted
    hashes, owners = [], []
    value = np.full(len(codes), _RUN)
    for length in range(1, LONGEST + 1):
        ahead = np.zeros(len(codes), dtype=np.uint64)
        ahead[: max(0, len(codes) - length + 1)] = codes[length - 1 :]
        value = (value + ahead) * _STEP
        fits = left >= length
        if length >= SHORTEST:
            hashes.append(_mixed(value[fits]))
            owners.append(np.repeat(np.arange(len(words)), lengths)[fits])
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner, minlength=len(words))
    # A word's own hash: the sum over its characters of a mix of each with its place.
    places = np.arange(1, len(codes) + 1, dtype=np.uint64) - np.repeat(offsets[:-1], lengths).astype(np.uint64)
    mixed = _mixed(codes * _MIX + places * _STEP, bits=64)
    sums = np.add.reduceat(mixed, offsets[:-1]) if len(words) else np.zeros(0, dtype=np.uint64)
    return _mixed(sums ^ _WORD), np.concatenate(hashes)[order], np.concatenate([[0], np.cumsum(counts)])


def _codes(words: Sequence[str]) -> tuple[Hashes, Ids]:
    """The characters of the words, each with a blank at either end, as numbers, and offsets [U+1]."""
    spelled = [f" {word} " for word in words]
    offsets = np.zeros(len(spelled) + 1, dtype=np.int64)
    np.cumsum([len(word) for word in spelled], out=offsets[1:])
    codes = np.frombuffer("".join(spelled).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return codes.astype(np.uint64), offsets


def pair_hashes(first: Hashes, second: Hashes) -> Hashes:
    """Of each word, given by its hash, and the one behind it; the order counts."""
    return _mixed((first ^ _PAIR) * _STEP + second)


def _mixed(values: Hashes, bits: int = 32) -> Hashes:
    """Every bit of the values spread over the `bits` highest, which are given."""
    values = (values ^ (values >> np.uint64(33))) * _MIX
    values = (values ^ (values >> np.uint64(29))) * _STEP
    return values >> np.uint64(64 - bits)
