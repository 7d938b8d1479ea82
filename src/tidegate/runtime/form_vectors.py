"""The vector of a word form, computed when it is first met, then kept: what networks over words share."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel
from tidegate.data import FormTable, Vocabulary
from tidegate.runtime.layers import CharacterBiLSTM, CharacterCNN

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

# Past so many distinct word forms the table of their vectors is begun anew, so that an endless stream
# of new words (numbers, typing errors) cannot fill the memory: 100,000 × 144 floats are 58 MB.
_MOST_FORMS = 100_000
# Nor can long ones (lines without blanks, base64): of so many characters the table is begun anew too.
_MOST_CHARACTERS = 10_000_000


class FormVectors:
    """Word, shape and character vectors side by side for the words of a vocabulary and any others."""

    def __init__(self, model: StoredModel, vocabulary: Vocabulary) -> None:
        settings = model.config["network"]
        self._vocabulary = vocabulary
        self._words = model.tensor("word_embedding.weight")
        self._shapes = model.tensor("shape_embedding.weight") if settings["shape_size"] else None
        self._characters: CharacterCNN | CharacterBiLSTM | None = None
        if settings["character_encoder"] != "none":
            encoder = CharacterCNN if settings["character_encoder"] == "cnn" else CharacterBiLSTM
            self._characters = encoder(model, "character_encoder")
        self._lock = threading.Lock()  # several threads may ask one model; the table of forms grows under it
        self._begin_table()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}  # a lock cannot be pickled

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def _begin_table(self) -> None:
        self._table = FormTable(self._vocabulary)
        width = self._words.shape[1] + (self._shapes.shape[1] if self._shapes is not None else 0)
        width += self._characters.output_size if self._characters is not None else 0
        self._vectors = np.empty((1024, width), dtype=self._words.dtype)
        self._filled = self._spelled = 0

    def is_seen(self, token: str) -> bool:
        """Whether training met the word, in lower case and with digits as 0."""
        return self._table.is_known(token)

    def of(self, tokens: Sequence[str]) -> tuple[Array, Ids]:
        """Vectors [U, D] of the U distinct forms among N tokens, and for each token [N] the place of its own."""
        with self._lock:
            forms = self._met(tokens)
            distinct, places = np.unique(forms, return_inverse=True)
            return self._vectors[distinct], places.astype(np.int64)

    def each(self, tokens: Sequence[str]) -> Array:
        """Vectors [N, D] of N tokens, one after another."""
        with self._lock:
            forms = self._met(tokens)  # which may put another array in the vectors' place
            return self._vectors[forms]

    def _met(self, tokens: Sequence[str]) -> Ids:
        """The numbers [N] of the tokens' forms, whose vectors are there."""
        if len(self._table) > _MOST_FORMS or self._spelled > _MOST_CHARACTERS:
            self._begin_table()
        forms = self._table.encode(tokens)
        self._fill()
        return forms

    def _fill(self) -> None:
        """Computes the vectors of forms that were met since the last call."""
        total = len(self._table)
        if total > len(self._vectors):
            grown = np.empty((max(total, 2 * len(self._vectors)), self._vectors.shape[1]), dtype=self._vectors.dtype)
            grown[: self._filled] = self._vectors[: self._filled]
            self._vectors = grown
        if total == self._filled:
            return
        new = np.arange(self._filled, total)
        words, shapes = self._table.words_and_shapes(new)
        parts = [self._words[words]]
        if self._shapes is not None:
            parts.append(self._shapes[shapes])
        if self._characters is not None:
            parts.append(self._characters(*self._table.characters(new)))
        self._spelled += sum(map(len, self._table.forms[self._filled :]))
        self._vectors[self._filled : total] = np.concatenate(parts, axis=1)
        self._filled = total
