"""The classifier's network in NumPy: texts to logits. Mirrors `tasks.classify.ClassifyNetwork`; tested to give its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel
from tidegate.data import Vocabulary
from tidegate.data.ngrams import NgramTable, WidePath
from tidegate.kernels import architecture
from tidegate.runtime.form_vectors import FormVectors
from tidegate.runtime.layers import Pooling, RecurrentStack

Array = NDArray[np.floating[Any]]


class ClassifyNetwork:
    """Logits for batches of texts; `stack` is what reads their units."""

    def __init__(self, model: StoredModel, vocabulary: Vocabulary) -> None:
        settings = model.config["network"]
        self._vectors = FormVectors(model, vocabulary)
        self.stack = RecurrentStack.of_network(model)
        self._pooling = Pooling(model, "pooling", settings["pools"], architecture(settings["arch"]).directions)
        self._head = np.ascontiguousarray(model.tensor("head.weight").T)
        self._bias = model.tensor("head.bias")
        self._wide: WidePath | None = None
        if settings["has_wide_path"]:
            table = NgramTable(model.tensor("ngrams.hashes"), model.tensor("ngrams.weights"))
            self._wide = WidePath(table, model.tensor("wide.weights"), model.tensor("wide.bias"))

    def vectors(self, units: Sequence[str]) -> Array:
        """[N, E], what the stack reads of units."""
        vectors, places = self._vectors.of(units)
        return vectors[places]

    def logits(self, units: Sequence[Sequence[str]], words: Sequence[Sequence[str]]) -> Array:
        """Logits [B, K] of B texts, each given as its units (one at least) and as its words for the wide path."""
        offsets = np.zeros(len(units) + 1, dtype=np.int64)
        np.cumsum([len(text) for text in units], out=offsets[1:])
        vectors, places = self._vectors.of([unit for text in units for unit in text])
        states = self.stack(vectors, offsets, places)
        logits: Array = self._pooling(states, offsets) @ self._head + self._bias
        if self._wide is not None:
            logits += self._wide.scores(words)
        return logits

    def is_seen(self, word: str) -> bool:
        """Whether training met the word, in lower case and with digits as 0."""
        return self._vectors.is_seen(word)

    def wide_scores(self, words: Sequence[Sequence[str]]) -> Array | None:
        """The part of the logits [B, K] that the n-grams give; None without a wide path."""
        return None if self._wide is None else self._wide.scores(words)
