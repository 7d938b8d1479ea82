"""The vocabulary: which words, characters, shapes and labels have a number, and words to numbers.

Id 0 is always the unknown. Everything here can be written as JSON and read back the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.records import TokenRecord
from tidegate.data.shapes import normalise, shape_of
from tidegate.decoding import Scheme, find_scheme
from tidegate.errors import DataError, ModelError, nearest

Ids = NDArray[np.int64]

# Characters 1 and 2 stand at a word's two ends; 0 is the unknown character.
WORD_BEGIN, WORD_END, _FIRST_CHARACTER = 1, 2, 3
# The id of a label that training never met: `unknown_labels` decides what is done about it.
UNKNOWN_LABEL = -1
# A longer word keeps its two ends: what a suffix or prefix says is there.
LONGEST_WORD = 48


@dataclass(frozen=True, slots=True)
class LabelColumn:
    """One column of labels: its name, the labels in order of their ids, and the span scheme they follow, if any."""

    name: str
    labels: tuple[str, ...]
    scheme: Scheme | None

    def of(self, record: TokenRecord) -> tuple[str, ...]:
        """The labels [T] of a record.

        Raises:
            DataError: the record lacks the column.
        """
        if self.name not in record.labels:
            known = ", ".join(record.labels) or "none"
            raise DataError(f"{record.source}: no label column '{self.name}' here; columns: {known}.{nearest(self.name, record.labels)}")
        return record.labels[self.name]

    def encode(self, record: TokenRecord) -> Ids:
        """The label ids [T] of a record; UNKNOWN_LABEL for a label that was not met in training.

        Raises:
            DataError: the record lacks the column.
        """
        index = _index(self.labels)
        labels = self.of(record)
        return np.fromiter((index.get(label, UNKNOWN_LABEL) for label in labels), dtype=np.int64, count=len(labels))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Numbers for words, characters and shapes (id = place in the tuple + first id), and the label columns.

    Attributes:
        words: normalised words, id 1 onward; last those that were inherited.
        characters: single characters, id 3 onward.
        shapes: shapes of words, id 1 onward.
        columns: the label columns, in the order asked for.
        inherited: how many of the words are not known from the training data, but from the model that training began with.
        counts: how often each word of `words` occurred in training; empty in a loaded model, where nothing needs it.
    """

    words: tuple[str, ...]
    characters: tuple[str, ...]
    shapes: tuple[str, ...]
    columns: tuple[LabelColumn, ...]
    counts: tuple[int, ...] = field(default=(), compare=False)
    inherited: int = 0

    @classmethod
    def count(
        cls, records: Sequence[TokenRecord], columns: Sequence[str], *, min_count: int = 1, inherited: Iterable[str] = ()
    ) -> Vocabulary:
        """Counts the records: words that occur `min_count` times or more, every character and shape, every label.

        The normalised words `inherited` are kept too, however rare.
        """
        words: Counter[str] = Counter()
        forms: Counter[str] = Counter()
        for record in records:
            forms.update(record.tokens)
        characters: Counter[str] = Counter()
        shapes: Counter[str] = Counter()
        for form, times in forms.items():
            words[normalise(form)] += times
            shapes[shape_of(form)] += times
            for character in form:
                characters[character] += times
        kept = [(word, times) for word, times in _by_count(words) if times >= min_count]
        known = {word for word, _ in kept}
        added = [(word, words[word]) for word in dict.fromkeys(inherited) if word not in known]
        return cls(
            tuple(word for word, _ in kept + added),
            tuple(character for character, _ in _by_count(characters)),
            tuple(shape for shape, _ in _by_count(shapes)),
            tuple(_label_column(name, records) for name in columns),
            tuple(times for _, times in kept + added),
            len(added),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "words": list(self.words),
            "characters": list(self.characters),
            "shapes": list(self.shapes),
            "columns": [{"name": c.name, "labels": list(c.labels), "scheme": c.scheme} for c in self.columns],
            **({"inherited": self.inherited} if self.inherited else {}),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Vocabulary:
        """Reads what `to_json` gave.

        Raises:
            ModelError: a part is missing or is not what it should be.
        """
        try:
            columns = tuple(LabelColumn(c["name"], tuple(c["labels"]), c["scheme"]) for c in content["columns"])
            words, characters, shapes = (tuple(content[part]) for part in ("words", "characters", "shapes"))
            return cls(words, characters, shapes, columns, inherited=content.get("inherited", 0))
        except (KeyError, TypeError) as error:
            raise ModelError(
                f"vocabulary.json lacks or misspells {error}; the model directory is damaged: fetch or train it again."
            ) from error


@lru_cache(maxsize=64)
def _index(labels: tuple[str, ...]) -> dict[str, int]:
    return {label: number for number, label in enumerate(labels)}


def _by_count(counter: Counter[str]) -> list[tuple[str, int]]:
    """Most frequent first, ties by spelling, so that the same files always give the same ids."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def _label_column(name: str, records: Iterable[TokenRecord]) -> LabelColumn:
    sequences = [record.labels[name] for record in records if name in record.labels]
    labels = Counter(label for sequence in sequences for label in sequence)
    return LabelColumn(name, tuple(label for label, _ in _by_count(labels)), find_scheme(sequences))


class FormTable:
    """Distinct word forms and what the network reads of each; grows as new forms are met.

    Looking a form up costs one dictionary access after the first time. `characters` of form f are
    `flat[starts[f] : starts[f + 1]]`, with a mark at either end.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._word_ids = {word: number for number, word in enumerate(vocabulary.words, 1)}
        self._last_known = len(vocabulary.words) - vocabulary.inherited
        self._shape_ids = {shape: number for number, shape in enumerate(vocabulary.shapes, 1)}
        self._character_ids = {c: number for number, c in enumerate(vocabulary.characters, _FIRST_CHARACTER)}
        self._form_ids: dict[str, int] = {}
        self.forms: list[str] = []
        self._words: list[int] = []
        self._shapes: list[int] = []
        self._characters: list[Ids] = []

    def __len__(self) -> int:
        return len(self.forms)

    def is_known(self, form: str) -> bool:
        """Whether the word (in lower case, digits as 0) is in the vocabulary because the training data holds it."""
        return 0 < self._word_ids.get(normalise(form), 0) <= self._last_known

    def encode(self, tokens: Sequence[str]) -> Ids:
        """Form numbers [T] of the tokens; new forms are added."""
        numbers = self._form_ids
        for form in dict.fromkeys(tokens):
            if form not in numbers:
                self._add(form)
        return np.fromiter(map(numbers.__getitem__, tokens), dtype=np.int64, count=len(tokens))

    def _add(self, form: str) -> None:
        self._form_ids[form] = len(self.forms)
        self.forms.append(form)
        self._words.append(self._word_ids.get(normalise(form), 0))
        self._shapes.append(self._shape_ids.get(shape_of(form), 0))
        spelled = form if len(form) <= LONGEST_WORD else form[: LONGEST_WORD // 2] + form[-LONGEST_WORD // 2 :]
        ids = self._character_ids
        self._characters.append(np.array([WORD_BEGIN, *(ids.get(c, 0) for c in spelled or "\0"), WORD_END], dtype=np.int64))

    def words_and_shapes(self, distinct: Ids) -> tuple[Ids, Ids]:
        """Word ids and shape ids, each [U], of the given form numbers [U]."""
        numbers = distinct.tolist()
        words = np.fromiter((self._words[n] for n in numbers), dtype=np.int64, count=len(numbers))
        shapes = np.fromiter((self._shapes[n] for n in numbers), dtype=np.int64, count=len(numbers))
        return words, shapes

    def characters(self, distinct: Ids) -> tuple[Ids, Ids]:
        """Characters of the given forms one after another [M], and offsets [U+1]."""
        pieces = [self._characters[number] for number in distinct.tolist()]
        offsets = np.zeros(len(pieces) + 1, dtype=np.int64)
        np.cumsum([len(piece) for piece in pieces], out=offsets[1:])
        return (np.concatenate(pieces) if pieces else np.zeros(0, dtype=np.int64)), offsets
