"""A source that comes bit by bit, and a target that is told before it has ended: wait-k.

Source: Ma et al. 2019 (STACL), arXiv 1810.08398.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.units import Units
from tidegate.data.words import last_word_end
from tidegate.errors import RecipeError
from tidegate.runtime.translate_network import Encoded, TranslateNetwork

Array = NDArray[np.floating[Any]]


class TranslateSession:
    """One source and its target: unit t of the target, from 0, is told when k + t units of the source are read, or the source has ended.

    What is told in all is what `predict(wait_k=k)` says of the whole source.
    """

    def __init__(self, network: TranslateNetwork, source_units: Units, target_units: Units, wait_k: int, cap: Callable[[int], int]) -> None:
        self._network, self._units, self._wait_k, self._cap = network, source_units, wait_k, cap
        self._decoder = target_units.decoder()
        nothing = np.zeros(0, dtype=np.int64)
        # Room for annotations and keys, twice as much whenever it runs out.
        self._annotations, self._source_states = network.annotated(nothing, np.zeros(2, dtype=np.int64), None)
        self._keys: Any = network.keys(self._annotations)
        self._read = self._told = 0
        self._states = network.begin(self._seen(0))
        self._last = network.end
        self._pending = ""
        self._has_begun = self._has_answered = self._has_ended = False

    def feed(self, text: str) -> str:
        """Reads on in the source, cut anywhere, and gives what of the target can be told now.

        Of characters each is read as it comes, of other units what stands before the last blank; blanks wait for what follows them.

        Raises:
            RecipeError: the source has ended.
        """
        self._refuse_ended()
        known, self._pending = len(self._pending), self._pending + text
        if not self._has_begun:
            self._pending = self._pending.lstrip()
        end = len(self._pending.rstrip()) if self._units.kind == "char" else last_word_end(self._pending, known)
        complete, self._pending = self._pending[:end], self._pending[end:]
        if complete:
            self._has_begun = True
            self._take(self._units.encode(complete if self._units.kind in ("char", "bpe") else complete.strip()))
        return self._tell()

    def finish(self) -> str:
        """Ends the source, and gives the rest of the target.

        Raises:
            RecipeError: it has ended already.
        """
        self._refuse_ended()
        self._take(self._units.encode(self._pending.rstrip()))
        self._has_ended = True
        if self._read:
            self._take(np.array([len(self._units)], dtype=np.int64))
        else:
            self._has_answered = True
        return self._tell() + self._decoder.finish()

    def _refuse_ended(self) -> None:
        if self._has_ended:
            raise RecipeError("the source of this session has ended; begin another session for the next one.")

    def _take(self, units: NDArray[np.int64]) -> None:
        if not len(units):
            return
        annotations, self._source_states = self._network.annotated(units, np.array([0, len(units)]), self._source_states)
        self._annotations = _put(self._annotations, self._read, annotations)
        self._keys = _put(self._keys, self._read, self._network.keys(annotations))
        self._read += len(units)

    def _seen(self, positions: int) -> Encoded:
        return Encoded(np.array([0, positions]), self._annotations[:positions], self._keys[:positions], None)

    def _tell(self) -> str:
        pieces = []
        while not self._has_answered and (self._has_ended or self._read >= self._wait_k + self._told):
            # The end symbol is no unit of the source.
            is_full = self._told >= self._cap(self._read - self._has_ended)
            if is_full and not self._has_ended:
                break  # a longer source may have a longer target
            unit = self._network.end if is_full else self._next()
            if unit == self._network.end:
                self._has_answered = True
            else:
                pieces.append(self._decoder.push(unit))
        return "".join(pieces)

    def _next(self) -> int:
        seen = self._seen(min(self._read, self._wait_k + self._told))
        told, self._states, _ = self._network.step(np.array([self._last]), self._states, seen, np.zeros(1, dtype=np.int64))
        self._last = int(told[0].argmax())
        self._told += 1
        return self._last


def _put(array: Array, used: int, rows: Any) -> Array:
    """The array with rows behind those used."""
    if used + len(rows) > len(array):
        grown = np.empty((2 * (used + len(rows)), array.shape[1]), dtype=array.dtype)
        grown[:used] = array[:used]
        array = grown
    array[used : used + len(rows)] = rows
    return array
