"""The subject of `classify` over texts: the label's log p, with words or characters blanked or cut out."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tidegate.data.replaced_words import ReplacedWords
from tidegate.data.words import tokenise
from tidegate.errors import DataError, RecipeError, listed, nearest
from tidegate.explanation.explanation import Attention
from tidegate.explanation.occlusion.singly import PooledSingly, Singly
from tidegate.explanation.subjects.subject import (
    BLANK,
    CUT,
    KEEP,
    NOTHING,
    Places,
    Said,
    Scores,
    Subject,
    Variants,
    pooling_attention,
    visible,
)
from tidegate.runtime.classify import ClassifyAnswer, ClassifyModel, as_records

Array = NDArray[np.floating[Any]]


class ClassifySubject(Subject):
    """A classifier and one text.

    Args:
        label: whose score is explained; None for the label answered (of several or none, the most probable).

    Raises:
        DataError: no text, or one without a word.
        RecipeError: the model does not have the label.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("label",)

    def __init__(self, model: ClassifyModel, given: Any, *, label: str | None = None) -> None:
        super().__init__(model.config)
        (self._record,) = as_records([given])
        self.model, self.network, self.source = model, model.network, self._record.text
        self.words, self.read = model.cut(self._record)
        self.units = tuple(map(visible, self.read))
        if not self.words:
            raise DataError(f"the text {self.source!r:.60} has no word, so there is nothing to explain. Give a text.")
        self._reads_characters = model.config["recipe"]["unit"] == "char"
        self.unit_name = "character" if self._reads_characters else "word"
        self.stacks = {"stack": self.network.stack}
        self._chosen = label
        if label is not None and label not in model.classes:
            raise RecipeError(f"the model has no label {label!r}; its labels: {listed(model.classes)}.{nearest(label, model.classes)}")
        self._tell_what_is_not_read(model.config["recipe"]["max_length"])

    def _tell_what_is_not_read(self, longest: int) -> None:
        whole = len(self.source) if self._reads_characters else len(self.words)
        if len(self.units) < whole:
            self.notes.append(f"the model reads the first {longest:,} of the text's {whole:,} {self.unit_name}s.")
        if not self._reads_characters and (unknown := [w for w in dict.fromkeys(self.read) if not self.network.is_seen(w)]):
            self.notes.append(f"words that training did not meet: {listed(map(repr, unknown))}.")

    @cached_property
    def _answer(self) -> ClassifyAnswer:
        (answer,) = self.model.answers([self._record])
        return answer

    @cached_property
    def _label(self) -> str:
        """Whose score is explained."""
        return self._chosen or self._answer.label or self.model.classes[int(self._answer.probabilities.argmax())]

    @cached_property
    def column(self) -> int:
        return self.model.classes.index(self._label)

    def run(self) -> Said:
        answer = self._answer
        wide = self.network.wide_scores([self.words])
        if wide is not None:
            self._tell_of_ngrams(wide[0].astype(np.float64))
        if not answer.labels:
            return Said(f"no label (the most probable, {self._label}: {answer.probability:.2f})")
        shown = [f"{label} ({answer.probabilities[self.model.classes.index(label)]:.2f})" for label in answer.labels]
        return Said(", ".join(shown))

    def _tell_of_ngrams(self, wide: Scores) -> None:
        """By the logit of the label explained, or, where labels exclude each other, by what it is above the best other's."""
        # Of probabilities far from 0 and 1 and near them alike, logits to the last digits that were computed.
        p, own = np.clip(self._answer.probabilities, 1e-300, 1 - 1e-16), self.column
        if self.model.is_multi_label:
            whole, alone, against = float(np.log(p[own]) - np.log1p(-p[own])), float(wide[own]), ""
        else:
            other = max((k for k in range(len(p)) if k != own), key=lambda k: float(p[k]))
            whole, alone = float(np.log(p[own]) - np.log(p[other])), float(wide[own] - wide[other])
            against = f" over {self.model.classes[other]!r}"
        self.notes.append(
            f"the score of {self._label!r}{against} is {whole:.2f}, of which the n-grams alone give {alone:.2f}, by a linear path past all "
            f"gates; what the gates show is behind the other {whole - alone:.2f}."
        )

    @property
    def of(self) -> str:
        return f"log p of {self._label!r}"

    def _scores(self, variants: Variants, places: Places) -> Scores:
        texts = [self._varied(row.tolist()) for row in variants]
        return self._log_p(self.network.logits([units for units, _ in texts], [words for _, words in texts]).astype(np.float64))

    def _log_p(self, logits: Scores) -> Scores:
        """[V], of the label that is explained, of logits [V, K]."""
        if self.model.is_multi_label:
            own: Scores = -np.logaddexp(0, -logits[:, self.column])
            return own
        log_totals: Scores = np.logaddexp.reduce(logits, axis=1)
        return logits[:, self.column] - log_totals

    def attention(self) -> Attention | None:
        network, whole = self.network, np.array([0, len(self.read)])
        return pooling_attention(self.said.answer, self.units, network.pooling, network.stack(network.vectors(self.read), whole))

    def singly(self) -> Singly | None:
        network = self.network
        if network.stack.lookahead is not None:
            return None
        replaced = None if network.wide is None else ReplacedWords(network.wide, self.words)
        words, without = self._without_each()

        def score(vectors: Array, units: Places) -> Scores:
            logits = network.head(vectors).astype(np.float64)
            if replaced is not None:
                logits += replaced.scores(np.where(units < 0, -1, words[units]), [without[unit] for unit in units.tolist()])
            return self._log_p(logits)

        return PooledSingly(network.stack, network.vectors(self.read), network.vectors([NOTHING])[0], network.pooling, score)

    def _without_each(self) -> tuple[Places, list[str]]:
        """Of each unit the place of its word in the text, −1 of one that stands between words, and the word where the unit is blanked."""
        if not self._reads_characters:
            return np.arange(len(self.units)), [NOTHING] * len(self.units)
        places, words = np.full(len(self.units), -1), [NOTHING] * len(self.units)
        for place, (begin, end) in enumerate(tokenise(self.source)):
            for unit in range(begin, min(end, len(self.units))):
                places[unit], words[unit] = place, self.source[begin:unit] + self.source[unit + 1 : end]
        return places, words

    def _varied(self, row: list[int]) -> tuple[list[str], list[str]]:
        """A variant's units, and its words for the n-grams, which meet no n-gram across a blank."""
        units = [NOTHING if way == BLANK else unit for unit, way in zip(self.read, row, strict=True) if way != CUT]
        if not self._reads_characters:
            rest = self.words[len(row) :]
            return units or [NOTHING], [*units, *rest]
        # Of a word what is left of its characters.
        ways = row + [KEEP] * (len(self.source) - len(row))
        words = []
        for begin, end in tokenise(self.source):
            kept = "".join(c for c, way in zip(self.source[begin:end], ways[begin:end], strict=True) if way == KEEP)
            if kept or BLANK in ways[begin:end]:
                words.append(kept)
        return units or [NOTHING], words
