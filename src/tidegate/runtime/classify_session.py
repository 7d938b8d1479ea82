"""A text through a classifier as it comes: after every piece what would be said if the text ended there; saved and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tidegate.data.text_batches import NOTHING, Unit, words_of
from tidegate.data.words import last_word_end
from tidegate.errors import DataError
from tidegate.runtime.classify_network import ClassifyNetwork
from tidegate.runtime.running_ngrams import RunningNgrams
from tidegate.runtime.running_pooling import RunningPooling
from tidegate.runtime.stack_session import StackSession

Array = NDArray[np.floating[Any]]


Answer = TypeVar("Answer")


class ClassifySession(StackSession, Generic[Answer]):
    """One text. What a word or a character takes does not grow with it; with n-grams a character's grows with the word that it is in.

    Of characters each is read as it comes, of words those that a blank follows. With a look-ahead of L units those behind it are
    known to the network, but not yet counted.

    Args:
        network: reads one way, or with a look-ahead.
        unit, longest: what the network reads of a text, and how much of it.
        decide: the answer to a text with the logits [1, K].
        kind: what a saved session must have in common with this one.
    """

    def __init__(
        self,
        network: ClassifyNetwork,
        unit: Unit,
        longest: int,
        decide: Callable[[str, Array], Answer],
        kind: Callable[[], dict[str, Any]],
    ) -> None:
        super().__init__(network.stack, kind)
        self._network, self._unit, self._longest, self._decide = network, unit, longest, decide
        self._pooled = _Pooled(network)
        self._ngrams = None if network.wide is None else RunningNgrams(network.wide)
        self._text = self._pending = ""  # up to the last blank, and behind it
        self._units = 0

    def feed(self, text: str) -> Answer | None:
        """Reads on, cut anywhere; gives the answer to the text so far, None where nothing new was read or can be said yet.

        Raises:
            RecipeError: the session has ended.
            DataError: what was given is no text.
        """
        self._refuse_ended()
        if not isinstance(text, str):
            raise DataError(f"{text!r:.60} is no text; feed a str, cut anywhere.")
        is_new = self._read(text, is_end=False)
        return self._answer() if is_new and self._pooled.vector is not None else None

    def finish(self) -> Answer:
        """Ends the text, and gives the answer to all of it.

        Raises:
            RecipeError: it has ended already.
        """
        self._refuse_ended()
        self._read("", is_end=True)
        self._has_ended = True
        return self._answer()

    def _read(self, text: str, *, is_end: bool) -> bool:
        """Whether there is anything new to count."""
        known, self._pending = len(self._pending), self._pending + text
        end = len(self._pending) if is_end else last_word_end(self._pending, known)
        complete, self._pending = self._pending[:end], self._pending[end:]
        words = words_of(complete)
        self._text += complete
        if self._ngrams is not None and words:
            self._ngrams.feed(words)
        pieces = tuple(text) if self._unit == "char" else words
        units = pieces[: self._longest - self._units]
        if is_end and not self._units + len(units):
            units = (NOTHING,)
        self._units += len(units)
        states = [self._stack.feed(self._network.vectors(units))] if units else []
        if is_end:
            states.append(self._stack.finish())
        for final in filter(len, states):
            self._pooled.feed(final)
            self._told += len(final)
        return bool(pieces if self._ngrams is not None else units)

    def _answer(self) -> Answer:
        assert self._pooled.vector is not None
        counted = self._pending if self._unit == "char" else ""
        logits = self._network.head(self._pooled.vector)
        if self._ngrams is not None:
            logits = logits + self._ngrams.scores(words_of(counted))
        return self._decide(self._text + counted, logits)

    def _says(self) -> dict[str, Any]:
        return super()._says() | {"text": self._text, "pending": self._pending, "units": self._units}

    def _take_over(self, says: dict[str, Any]) -> None:
        super()._take_over(says)
        self._text, self._pending, self._units = str(says["text"]), str(says["pending"]), int(says["units"])

    def _parts(self) -> dict[str, Any]:
        return super()._parts() | {"pooling": self._pooled} | ({} if self._ngrams is None else {"ngrams": self._ngrams})


class _Pooled:
    """A running pooling, and what it gave last."""

    def __init__(self, network: ClassifyNetwork) -> None:
        self._running = RunningPooling(network.pooling)
        self.vector: Array | None = None

    def feed(self, states: Array) -> None:
        self.vector = self._running.feed(states)[-1:]

    def arrays(self) -> dict[str, Array]:
        return self._running.arrays() | ({} if self.vector is None else {"vector": self.vector})

    def restore(self, arrays: dict[str, Array]) -> None:
        self._running.restore(arrays)
        self.vector = arrays.get("vector")
