"""The tagger's network in NumPy: sentences to logits. Mirrors `tasks.tag.TagNetwork`; tested to give its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel
from tidegate.data import Vocabulary
from tidegate.decoding import Transitions
from tidegate.runtime.form_vectors import FormVectors
from tidegate.runtime.layers import RecurrentStack
from tidegate.runtime.stack_network import StackNetwork

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]


class TagNetwork(StackNetwork):
    """Logits for batches of tokens; `stack` is what reads them."""

    def __init__(self, model: StoredModel, vocabulary: Vocabulary) -> None:
        settings = model.config["network"]
        self._vectors = FormVectors(model, vocabulary)
        self.stack = RecurrentStack.of_network(model)
        self._heads: dict[str, tuple[Array, Array]] = {}
        self.transitions: dict[str, Transitions] = {}
        for place, column in enumerate(vocabulary.columns):
            self._heads[column.name] = (np.ascontiguousarray(model.tensor(f"heads.{place}.weight").T), model.tensor(f"heads.{place}.bias"))
            if settings["heads"][column.name] == "crf":
                self.transitions[column.name] = Transitions(*(model.tensor(f"crfs.{place}.{part}") for part in ("pair", "start", "end")))

    def is_seen(self, token: str) -> bool:
        """Whether training met the word, in lower case and with digits as 0."""
        return self._vectors.is_seen(token)

    def vectors(self, tokens: Sequence[str]) -> Array:
        """[N, E], what the stack reads of tokens."""
        return self._vectors.each(tokens)

    def logits(self, sentences: Sequence[Sequence[str]]) -> tuple[dict[str, Array], Ids]:
        """For each label column logits [N, K], and the offsets [B+1] of the sentences' tokens."""
        offsets = np.zeros(len(sentences) + 1, dtype=np.int64)
        np.cumsum([len(sentence) for sentence in sentences], out=offsets[1:])
        vectors, places = self._vectors.of([token for sentence in sentences for token in sentence])
        states = self.stack(vectors, offsets, places)
        return self.head(states), offsets

    def head(self, states: Array) -> dict[str, Array]:
        """For each label column logits [N, K] of states [N, directions · H]."""
        return {name: states @ weight + bias for name, (weight, bias) in self._heads.items()}
