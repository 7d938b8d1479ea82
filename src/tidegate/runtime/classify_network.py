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
from tidegate.runtime.stack_network import StackNetwork

Array = NDArray[np.floating[Any]]


class ClassifyNetwork(StackNetwork):
    """Logits for batches of texts.

    Attributes:
        stack: what reads their units.
        pooling: what makes one vector of a text's states.
        wide: the n-grams beside them; None without.
    """

    def __init__(self, model: StoredModel, vocabulary: Vocabulary) -> None:
        settings = model.config["network"]
        self._vectors = FormVectors(model, vocabulary)
        self.stack = RecurrentStack.of_network(model)
        self.pooling = Pooling(model, "pooling", settings["pools"], architecture(settings["arch"]).directions)
        self._weight = np.ascontiguousarray(model.tensor("head.weight").T)
        self._bias = model.tensor("head.bias")
        self.wide: WidePath | None = None
        if settings["has_wide_path"]:
            table = NgramTable(model.tensor("ngrams.hashes"), model.tensor("ngrams.weights"))
            self.wide = WidePath(table, model.tensor("wide.weights"), model.tensor("wide.bias"))

    def vectors(self, units: Sequence[str]) -> Array:
        """[N, E], what the stack reads of units."""
        return self._vectors.each(units)

    def logits(self, units: Sequence[Sequence[str]], words: Sequence[Sequence[str]]) -> Array:
        """Logits [B, K] of B texts, each given as its units (one at least) and as its words for the wide path."""
        offsets = np.zeros(len(units) + 1, dtype=np.int64)
        np.cumsum([len(text) for text in units], out=offsets[1:])
        vectors, places = self._vectors.of([unit for text in units for unit in text])
        states = self.stack(vectors, offsets, places)
        logits = self.head(self.pooling(states, offsets))
        if self.wide is not None:
            logits += self.wide.scores(words)
        return logits

    def head(self, vectors: Array) -> Array:
        """Logits [B, K] of pooled states, without the n-grams."""
        logits: Array = vectors @ self._weight + self._bias
        return logits

    def is_seen(self, word: str) -> bool:
        """Whether training met the word, in lower case and with digits as 0."""
        return self._vectors.is_seen(word)

    def wide_scores(self, words: Sequence[Sequence[str]]) -> Array | None:
        """The part of the logits [B, K] that the n-grams give; None without a wide path."""
        return None if self.wide is None else self.wide.scores(words)
