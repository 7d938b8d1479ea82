"""The n-grams' part of a text's scores while it is still coming: after each word the scores of all words so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.data.ngrams import WidePath, pair_hashes

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Values = NDArray[np.float64]


class RunningNgrams:
    """One text. What a word takes does not grow with the text; what is held does not grow beyond the n-grams that training kept.

    A half of a text's row is (1 + ln tf) · idf over its length, so its score is a sum over n-grams over the root of a sum of squares: both
    sums are carried on, and a word changes them by the n-grams that it brings.
    """

    def __init__(self, wide: WidePath) -> None:
        self._wide = wide
        self._halves = [_Half(wide), _Half(wide)]
        self._last = np.zeros(0, dtype=np.uint64)  # the hash of the last word, which is half of the next pair

    def feed(self, words: Sequence[str]) -> None:
        """Counts the next words."""
        columns, hashes = self._brought(words)
        for half, brought in zip(self._halves, columns, strict=True):
            half.take(half.change(brought))
        self._last = hashes[-1:]

    def scores(self, words: Sequence[str] = ()) -> Array:
        """Scores [1, K] of all words so far, and of further ones that are not counted by this."""
        columns, _ = self._brought(words)
        parts = [half.score(half.change(brought)) for half, brought in zip(self._halves, columns, strict=True)]
        scores: Array = (self._wide.bias + parts[0] + parts[1])[None]
        return scores

    def _brought(self, words: Sequence[str]) -> tuple[tuple[Ids, Ids], NDArray[np.uint64]]:
        """The columns that words add: of themselves and their pairs, and of their runs; and the hashes from the last word's on."""
        if not words:
            nothing = np.zeros(0, dtype=np.int64)
            return (nothing, nothing), self._last
        table = self._wide.table
        hashes, columns, runs = table.spelled(words)
        hashes = np.concatenate([self._last, hashes])
        pairs = table.columns(pair_hashes(hashes[:-1], hashes[1:]))
        return (np.concatenate([columns, pairs]), np.concatenate(runs)), hashes

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that `restore` needs to go on from here with the same numbers."""
        halves = {f"{number}.{name}": array for number, half in enumerate(self._halves) for name, array in half.arrays().items()}
        return {"last": self._last, **halves}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes over what `arrays` gave; KeyError where one is missing."""
        self._last = arrays["last"]
        for number, half in enumerate(self._halves):
            half.restore(*(arrays[f"{number}.{name}"] for name in ("columns", "times", "sums")))


class _Change(NamedTuple):
    """What n-grams come to: columns [n] and their times, the sum of their scores [K] and that of their squares."""

    columns: Ids
    times: Ids
    weighted: Values
    squares: float


class _Half:
    def __init__(self, wide: WidePath) -> None:
        self._wide = wide
        self._times = np.zeros(len(wide.table), dtype=np.int64)
        self._weighted: Values = np.zeros(len(wide.bias))
        self._squares = 0.0

    def change(self, brought: Ids) -> _Change:
        """What the half comes to with further columns, of which those of -1 do not count."""
        if not len(brought):
            return _Change(brought, brought, self._weighted, self._squares)
        columns, new = np.unique(brought[brought >= 0], return_counts=True)
        before, idf = self._times[columns], self._wide.table.weights[columns].astype(np.float64)
        times = before + new
        old = np.where(before > 0, 1 + np.log(np.maximum(before, 1)), 0.0) * idf
        now = (1 + np.log(times)) * idf
        weighted = self._weighted + (now - old) @ self._wide.weights[columns]
        return _Change(columns, times, weighted, self._squares + float(now @ now - old @ old))

    def take(self, change: _Change) -> None:
        self._times[change.columns] = change.times
        self._weighted, self._squares = change.weighted, change.squares

    @staticmethod
    def score(change: _Change) -> Values:
        score: Values = change.weighted / max(1e-12, change.squares**0.5)
        return score

    def arrays(self) -> dict[str, NDArray[Any]]:
        columns = np.flatnonzero(self._times)
        return {"columns": columns, "times": self._times[columns], "sums": np.append(self._weighted, self._squares)}

    def restore(self, columns: Ids, times: Ids, sums: Values) -> None:
        self._times[:] = 0
        self._times[columns] = times
        self._weighted, self._squares = sums[:-1], float(sums[-1])
