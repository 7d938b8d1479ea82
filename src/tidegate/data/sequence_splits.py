"""A development set of sequences or recordings where the user gave none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from tidegate.data.records import Source, TextRecord
from tidegate.data.splitting import split_off_texts


class Labelled(Protocol):
    """A sequence of numbers or a recording."""

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def group(self) -> str: ...

    @property
    def source(self) -> Source: ...


T = TypeVar("T", bound=Labelled)


def split_off_sequences(records: Sequence[T], *, share: float, seed: int) -> tuple[list[T], list[T]]:
    """Cuts sequences or recordings into (training, development), both in file order, every label in both in like shares.

    Those of one group stay on one side; every label stays in training, unless each sequence has one of its own. Where frames have the
    labels, the set of them counts as the sequence's. Which go where hangs on names and groups and the seed, not on the order.

    Raises:
        DataError: fewer than two sequences or groups, so that one side would be empty.
    """
    texts = [
        TextRecord(record.name.encode("utf-8", "surrogatepass").hex(), record.source, _labels(record), record.group) for record in records
    ]
    own = {id(text): record for text, record in zip(texts, records, strict=True)}
    train, dev = split_off_texts(texts, share=share, seed=seed, unit="sequences")
    return [own[id(text)] for text in train], [own[id(text)] for text in dev]


def _labels(record: Labelled) -> tuple[str, ...]:
    return (record.label,) if record.label else tuple(sorted(set(getattr(record, "labels", ()))))
