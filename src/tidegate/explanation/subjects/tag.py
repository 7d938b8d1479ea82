"""The subject of `tag` over words: log p of one word's tag, or of all of them, with words blanked or cut out."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from tidegate.decoding import marginals, softmax
from tidegate.errors import DataError, listed
from tidegate.explanation.subjects.subject import BLANK, CUT, NOTHING, WHOLE, Places, Said, Scores, Subject, Variants, offsets_of
from tidegate.runtime.tag import TagModel, as_records

# log p of what is as improbable as nothing.
_LEAST = 1e-300


class TagSubject(Subject):
    """A tagger and one sentence. Without a word that is asked about, the score is the sum of log p over the tags of all words.

    Args:
        at: the word whose tag is explained, counted from 0.

    Raises:
        DataError: no sentence, or one without a word.
        RecipeError: no word stands at `at`.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("at",)

    def __init__(self, model: TagModel, given: Any, *, at: int | None = None) -> None:
        super().__init__(model.config)
        (self._record,) = as_records([given])
        self.model, self.network = model, model.network
        self.units = tuple(self._record.tokens)
        self.source = self._record.text if self._record.text is not None else " ".join(self.units)
        if not self.units:
            raise DataError(f"the sentence {self.source!r:.60} has no word, so there is nothing to explain. Give a sentence.")
        self.column, *others = model.columns
        self._transitions = self.network.transitions.get(self.column)
        self.stacks = {"stack": self.network.stack}
        self.place = self.checked_place(at)
        self.has_unit_answers, self.can_cut = True, self.place is not None
        self.reads_ahead = self.network.stack.architecture.is_bidirectional or self._transitions is not None
        if others:
            self.notes.append(f"the tags of the first column, {self.column!r}, are explained; the model fills {listed(others)} too.")
        if self._transitions is not None:
            self.notes.append("a CRF chooses the tags together: neighbours' tags speak for a tag too, past all gates.")
        if not self.reads_ahead:
            self.notes.append("the model reads from left to right: what stands behind a word cannot change its tag.")
        if unknown := [word for word in dict.fromkeys(self.units) if not self.network.is_seen(word)]:
            self.notes.append(f"words that training did not meet: {listed(map(repr, unknown))}.")

    def run(self) -> Said:
        (answer,) = self.model.answers([self._record])
        labels = tuple(str(label) for label in answer.columns[self.column])
        probabilities = tuple(answer.probabilities[self.column])
        if self.place is not None:
            said = f"{labels[self.place]} ({probabilities[self.place]:.2f}) for {self.units[self.place]!r}"
        else:
            said = " ".join(f"{unit}/{label}" for unit, label in zip(self.units, labels, strict=True))
        return Said(said, labels, probabilities)

    @property
    def of(self) -> str:
        if self.place is None:
            return "log p of the tags, added up"
        return f"log p of {self.said.said[self.place]!r} for {self.units[self.place]!r}"

    def _scores(self, variants: Variants, places: Places) -> Scores:
        variants, again = np.unique(variants, axis=0, return_inverse=True)  # many places may be asked about in one
        kept = variants != CUT
        units = np.array(self.units, dtype=object)
        words = [np.where(row == BLANK, NOTHING, units)[there].tolist() for row, there in zip(variants, kept, strict=True)]
        logits, offsets = self.network.logits(words)
        scores = logits[self.column]
        p = softmax(scores) if self._transitions is None else marginals(scores, offsets, self._transitions)
        labels = self.model.labels[self.column]
        told = np.array([labels.index(label) for label in self.said.said])
        own = np.log(np.maximum(p[np.arange(len(p)), np.concatenate([told[there] for there in kept])], _LEAST))
        if self.place is not None:
            places = np.where(places == WHOLE, self.place, places)
        return one_or_all(own, kept, places, again.reshape(-1))


def one_or_all(values: Scores, kept: Any, places: Places, which: Places, counted: Any = True) -> Scores:
    """[V]: of variant which[v] the value at places[v], or, where that is `WHOLE`, the sum of its values.

    Args:
        values: of the units that the variants [D, T] keep, one after another.
        kept: [D, T].
        counted: of each value whether the sum has it; True for all.
    """
    offsets = offsets_of(kept)
    before = np.cumsum(kept, axis=1) - kept
    sums = np.add.reduceat(np.where(counted, values, 0), offsets[:-1])
    single = values[offsets[which] + before[which, np.maximum(places, 0)]]
    found: Scores = np.where(places == WHOLE, sums[which], single)
    return found
