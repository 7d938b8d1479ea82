"""The wide path's scores of one text in which one word at a time is another: only the n-grams that change are counted anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.ngrams import WidePath, pair_hashes

Ids = NDArray[np.int64]
Doubles = NDArray[np.float64]


class ReplacedWords:
    """One text, given as words, one at least.

    Args:
        path: scores texts.
    """

    def __init__(self, path: WidePath, words: Sequence[str]) -> None:
        self._path, self._table = path, path.table
        self._hashes, self._columns, self._runs = self._table.spelled(words)
        pairs = self._table.columns(pair_hashes(self._hashes[:-1], self._hashes[1:]))
        self._halves = (_Half(path, np.concatenate([self._columns, pairs])), _Half(path, np.concatenate(self._runs)))

    def scores(self, places: Ids, words: Sequence[str]) -> Doubles:
        """Scores [V, K] of the text with words[v] at places[v]; at a place of −1 nothing is replaced."""
        hashes, columns, runs = self._table.spelled(words)
        variant = np.flatnonzero(places >= 0)
        at = places[variant]
        changed: list[tuple[Ids, Ids, int]] = [(variant, self._columns[at], -1), (variant, columns[variant], 1)]
        for has_neighbour, step in ((at > 0, -1), (at < len(self._hashes) - 1, 1)):
            own, here = variant[has_neighbour], at[has_neighbour]
            for middle, sign in ((self._hashes[here], -1), (hashes[own], 1)):
                beside = self._hashes[here + step]
                pair = (beside, middle) if step < 0 else (middle, beside)
                changed.append((own, self._table.columns(pair_hashes(*pair)), sign))
        of_words = self._halves[0].scores(len(places), changed)
        changed = []
        for found, sign in (([self._runs[place] for place in at.tolist()], -1), ([runs[v] for v in variant.tolist()], 1)):
            if found:
                changed.append((np.repeat(variant, [len(part) for part in found]), np.concatenate(found), sign))
        return self._path.bias + of_words + self._halves[1].scores(len(places), changed)


class _Half:
    """Words and pairs, or runs of characters: how often each n-gram occurs, and what they score together."""

    def __init__(self, path: WidePath, columns: Ids) -> None:
        self._path = path
        self._times = np.bincount(columns[columns >= 0], minlength=len(path.table))
        present = np.flatnonzero(self._times)
        values = self._values(present, self._times[present])
        self._sum, self._square = values @ path.weights[present].astype(np.float64), float(values @ values)

    def _values(self, columns: Ids, times: Ids) -> Doubles:
        """(1 + ln tf) · idf; 0 of what does not occur."""
        values: Doubles = np.where(times > 0, 1 + np.log(np.maximum(times, 1)), 0) * self._path.table.weights[columns]
        return values

    def scores(self, variants: int, changed: Sequence[tuple[Ids, Ids, int]]) -> Doubles:
        """[V, K] where the n-grams in these columns come to a variant, by 1, or leave it, by −1; columns of -1 do not count."""
        sums, squares = np.tile(self._sum, (variants, 1)), np.full(variants, self._square)
        if changed:
            size = max(1, len(self._path.table))
            whose, columns, signs = (
                np.concatenate(parts)
                for parts in zip(*[(own, found, np.full(len(own), sign)) for own, found, sign in changed], strict=True)
            )
            counts = columns >= 0
            keys, places = np.unique(whose[counts] * size + columns[counts], return_inverse=True)
            more = np.bincount(places.reshape(-1), weights=signs[counts], minlength=len(keys)).astype(np.int64)
            rows, columns = np.divmod(keys, size)
            before, after = self._values(columns, self._times[columns]), self._values(columns, self._times[columns] + more)
            np.add.at(sums, rows, (after - before)[:, None] * self._path.weights[columns])
            squares += np.bincount(rows, weights=after**2 - before**2, minlength=variants)
        lengths: Any = np.sqrt(np.maximum(squares, 0))
        found: Doubles = sums / np.maximum(lengths, 1e-12)[:, None]
        return found
