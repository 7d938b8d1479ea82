"""Texts in numbers: units (words or characters), labels, scores of the wide path; and ragged batches of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.data.batches import EncodedRecord, TokenBatch, collate
from tidegate.data.ngrams import Values, WidePath
from tidegate.data.records import TextRecord
from tidegate.data.vocabulary import UNKNOWN_LABEL, FormTable
from tidegate.data.words import tokenise

Unit = Literal["word", "char"]
Ids = NDArray[np.int64]

# What stands for a text without any word, so that it too has an answer.
NOTHING = ""


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text, by the word rule."""
    return tuple(text[begin:end] for begin, end in tokenise(text))


def units_of(text: str, unit: Unit, longest: int) -> tuple[str, ...]:
    """What the network reads of a text, one after another: its words or its characters, the first `longest`; at least `NOTHING`."""
    if unit == "char":
        return tuple(text[:longest]) or (NOTHING,)
    return words_of(text)[:longest] or (NOTHING,)


@dataclass(frozen=True, slots=True)
class EncodedText:
    """A text in numbers: its units, its labels' ids, and its scores [K] from the wide path, if there is one."""

    units: EncodedRecord
    labels: Ids
    wide: Values | None = None

    def __len__(self) -> int:
        return len(self.units)


@dataclass(frozen=True, slots=True)
class TextBatch:
    """B texts.

    Attributes:
        units: their words or characters.
        labels: [B, K], 1 where the text carries the label, else 0; float32.
        wide: [B, K], scores of the wide path; None without one.
    """

    units: TokenBatch
    labels: NDArray[np.float32]
    wide: Values | None = None

    @property
    def tokens(self) -> int:
        return self.units.tokens


class TextEncoder:
    """Turns texts into numbers.

    Args:
        table: of word forms; new ones are added as they are met.
        labels: the labels in order of their ids.
        unit, longest: what the network reads, and how much of it.
        wide: the wide path; None without one.
    """

    def __init__(self, table: FormTable, labels: Sequence[str], *, unit: Unit, longest: int, wide: WidePath | None = None) -> None:
        self.table = table
        self.wide = wide
        self.labels = tuple(labels)
        self._ids = {label: number for number, label in enumerate(labels)}
        self._unit: Unit = unit
        self._longest = longest

    def encode(self, records: Iterable[TextRecord]) -> list[EncodedText]:
        """The records in numbers, in order. Labels that are unknown are UNKNOWN_LABEL."""
        records = list(records)
        scores = None if self.wide is None else self.wide.scores([words_of(record.text) for record in records])
        encoded = []
        for number, record in enumerate(records):
            units = EncodedRecord(self.table.encode(units_of(record.text, self._unit, self._longest)), {})
            labels = np.array([self._ids.get(label, UNKNOWN_LABEL) for label in record.labels], dtype=np.int64)
            encoded.append(EncodedText(units, labels, None if scores is None else scores[number]))
        return encoded

    def collate(self, texts: Sequence[EncodedText]) -> TextBatch:
        """One ragged batch of the given texts, in their order; every label must be known."""
        labels = np.zeros((len(texts), len(self.labels)), dtype=np.float32)
        for number, text in enumerate(texts):
            labels[number, text.labels] = 1.0
        scores = [text.wide for text in texts if text.wide is not None]
        return TextBatch(collate([text.units for text in texts], self.table), labels, np.stack(scores) if scores else None)
