"""Ragged batches: one flat array and offsets, nothing padded; which record goes into which batch.

A batch is bounded by a token budget and holds sequences of like length. The order of training
batches is a function of (seed, epoch) and of nothing else, so a run that was interrupted and a run
that was not see the same batches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.data.records import TokenRecord
from tidegate.data.vocabulary import FormTable, LabelColumn

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TokenBatch:
    """B sequences with N tokens in all, of U distinct word forms with M characters in all.

    Attributes:
        offsets: [B+1]; sequence b owns tokens offsets[b] to offsets[b+1].
        forms: [N], each token's place among the U distinct forms.
        words, shapes: [U], ids of each distinct form.
        characters: [M], character ids, form after form; character_offsets: [U+1].
        labels: for each label column [N]; empty when predicting.
    """

    offsets: Ids
    forms: Ids
    words: Ids
    shapes: Ids
    characters: Ids
    character_offsets: Ids
    labels: dict[str, Ids]

    @property
    def tokens(self) -> int:
        return int(self.offsets[-1])


@dataclass(frozen=True, slots=True)
class EncodedRecord:
    """A record in numbers: form numbers [T] and, per label column, label ids [T]."""

    forms: Ids
    labels: dict[str, Ids]

    def __len__(self) -> int:
        return len(self.forms)


def encode(records: Iterable[TokenRecord], table: FormTable, columns: Sequence[LabelColumn] = ()) -> list[EncodedRecord]:
    """The records in numbers; with columns, their labels too (DataError where a column is missing)."""
    return [EncodedRecord(table.encode(record.tokens), {c.name: c.encode(record) for c in columns}) for record in records]


def collate(records: Sequence[EncodedRecord], table: FormTable) -> TokenBatch:
    """One ragged batch of the given records, in their order."""
    offsets = np.zeros(len(records) + 1, dtype=np.int64)
    np.cumsum([len(record) for record in records], out=offsets[1:])
    forms = np.concatenate([record.forms for record in records]) if records else np.zeros(0, dtype=np.int64)
    distinct, places = np.unique(forms, return_inverse=True)
    words, shapes = table.words_and_shapes(distinct)
    characters, character_offsets = table.characters(distinct)
    columns = records[0].labels if records else {}
    labels = {name: np.concatenate([record.labels[name] for record in records]) for name in columns}
    return TokenBatch(offsets, places.astype(np.int64), words, shapes, characters, character_offsets, labels)


def training_order(lengths: Ids, *, budget_tokens: int, seed: int, epoch: int) -> list[Ids]:
    """Which records form each training batch of an epoch: a list of arrays of record numbers.

    Records are ordered by length with a little noise, so that batches differ from epoch to epoch, cut
    at `budget_tokens` tokens, and the batches shuffled. Records without tokens take no part.
    """
    random = np.random.default_rng([seed, epoch])
    present = np.flatnonzero(lengths)
    noisy = lengths[present] * random.uniform(0.9, 1.1, size=len(present))
    batches = list(_cut(present[np.argsort(noisy, kind="stable")], lengths, budget_tokens))
    return [batches[place] for place in random.permutation(len(batches))]


def reading_order(lengths: Ids, *, budget_tokens: int) -> list[Ids]:
    """Batches of like length, shortest first, every record once; for evaluation and prediction, where order is free."""
    return list(_cut(np.argsort(lengths, kind="stable"), lengths, budget_tokens))


def _cut(order: Ids, lengths: Ids, budget_tokens: int) -> Iterator[Ids]:
    begin = tokens = 0
    for place, length in enumerate(lengths[order].tolist()):
        if tokens + length > budget_tokens and place > begin:
            yield order[begin:place]
            begin, tokens = place, 0
        tokens += length
    if begin < len(order):
        yield order[begin:]


def turned_rows(offsets: Ids) -> Ids:
    """[N], the rows of a ragged batch, offsets [B+1], with every sequence read from its end; applied twice, the rows as they were."""
    rows: Ids = np.repeat(offsets[:-1] + offsets[1:] - 1, np.diff(offsets)) - np.arange(int(offsets[-1]))
    return rows
