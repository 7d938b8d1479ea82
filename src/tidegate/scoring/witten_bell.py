"""The baseline of a language model: interpolated n-grams with the smoothing of Witten and Bell (1991), method C.

    p(w | h) = (c(h w) + T(h) · p(w | h')) / (c(h) + T(h))

c counts, T(h) is how many different units were seen after h, and h' is h without its first unit; below the single units lies 1 / V.
A context that was never seen leaves the word to the shorter one. A network that does not beat this has learnt nothing but n-grams.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]

# Of a longer training text the last part is counted: it takes about a second a million at order 6.
MOST_IDS = 5_000_000
# Units that are scored together: bounds the memory that a long text takes.
_SCORED = 1 << 18


@dataclass(frozen=True, slots=True)
class _Order:
    """The n-grams of one length. An n-gram is written as (number of the one shorter by its last unit) · V + last unit.

    Attributes:
        keys: [U] sorted; the place of a key is its n-gram's number.
        counts: [U], how often each was seen.
        following: [U'], how often each of the one shorter was followed by any unit.
        distinct: [U'], by how many different ones.
    """

    keys: Ids
    counts: Ids
    following: Ids
    distinct: Ids


class WittenBell:
    """Counted n-grams; made by `fit`."""

    def __init__(self, size_of_vocabulary: int, orders: tuple[_Order, ...]) -> None:
        self.size_of_vocabulary = size_of_vocabulary
        self._orders = orders

    @classmethod
    def fit(cls, ids: NDArray[Any], size_of_vocabulary: int, order: int) -> WittenBell:
        """Counts n-grams of up to `order` units in a text of ids [N] below V, of which it reads the last five million.

        Numbering n-grams through shorter ones keeps the keys in 64 bits whatever V and order are, for N · V stays far below 2^63.
        """
        units = np.asarray(ids[-MOST_IDS:], dtype=np.int64)
        orders = []
        # The n-gram before each unit, by its number; before a text's first unit stands the empty one, of which there is one.
        before, size = np.zeros(len(units), dtype=np.int64), 1
        for length in range(1, min(order, len(units)) + 1):
            keys, numbers, counts = np.unique(before * size_of_vocabulary + units[length - 1 :], return_inverse=True, return_counts=True)
            shorter = keys // size_of_vocabulary
            orders.append(
                _Order(
                    keys,
                    counts,
                    np.bincount(shorter, weights=counts, minlength=size).astype(np.int64),
                    np.bincount(shorter, minlength=size),
                )
            )
            before, size = numbers[:-1], len(keys)
        return cls(size_of_vocabulary, tuple(orders))

    def up_to(self, order: int) -> WittenBell:
        """The same counts, n-grams of up to `order` units alone."""
        return WittenBell(self.size_of_vocabulary, self._orders[:order])

    def nats(self, ids: NDArray[Any]) -> float:
        """Mean negative log-probability of the units of a text of any length, ids [N]."""
        return sum(float(part.sum()) for part in self._parts(ids)) / len(ids)

    def unit_nats(self, ids: NDArray[Any]) -> Floats:
        """[N], the negative log-probability of each of them."""
        return np.concatenate([np.zeros(0), *self._parts(ids)])

    def _parts(self, ids: NDArray[Any]) -> Iterator[Floats]:
        before = len(self._orders) - 1
        for begin in range(0, len(ids), _SCORED):
            context = min(begin, max(before, 0))
            yield -self.log_probabilities(ids[begin - context : begin + _SCORED])[context:]

    def log_probabilities(self, ids: NDArray[Any]) -> Floats:
        """Natural logarithms [N] of each unit's probability after those before it; the first ones have shorter contexts."""
        units = np.asarray(ids, dtype=np.int64)
        found: Floats = np.full(len(units), 1 / self.size_of_vocabulary)
        before = np.zeros(len(units), dtype=np.int64)
        for length, grams in enumerate(self._orders, 1):
            if length > len(units):
                break
            # A context that was not met has number -1, and so has whatever is longer.
            keys = np.where(before < 0, -1, before * self.size_of_vocabulary + units[length - 1 :])
            places = np.minimum(np.searchsorted(grams.keys, keys), len(grams.keys) - 1)
            is_met = grams.keys[places] == keys
            counts = np.where(is_met, grams.counts[places], 0)
            following, distinct = np.where(before < 0, 0, np.stack([grams.following, grams.distinct])[:, before])
            is_followed = following > 0
            shorter = found[length - 1 :]
            found[length - 1 :] = np.where(
                is_followed, (counts + distinct * shorter) / np.where(is_followed, following + distinct, 1), shorter
            )
            before = np.where(is_met, places, -1)[:-1]
        logarithms: Floats = np.log(found)
        return logarithms
