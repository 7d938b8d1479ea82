"""Pairs in numbers, and ragged batches of them.

Each side has an end symbol beside its units, whose id is the number of units, V. The decoder begins with the end symbol of its side too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tidegate.data.pairs import Entry
from tidegate.data.unit_base import Ids, Units


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """A pair in numbers: source [S+1], its units and the end symbol; target [T], its units alone."""

    source: Ids
    target: Ids

    def __len__(self) -> int:
        """What it adds to `PairBatch.tokens`."""
        return len(self.source) + len(self.target) + 1


@dataclass(frozen=True, slots=True)
class PairBatch:
    """B pairs, nothing padded; pair b owns source_offsets[b] to source_offsets[b+1] of the sources, and likewise of the targets.

    Attributes:
        sources: [Ns], units of the sources, each source ended by the end symbol.
        source_offsets: [B+1].
        inputs: [Nt], what the decoder reads: of each target the end symbol, then its units.
        targets: [Nt], what it should answer: of each target its units, then the end symbol.
        target_offsets: [B+1].
    """

    sources: Ids
    source_offsets: Ids
    inputs: Ids
    targets: Ids
    target_offsets: Ids

    @property
    def tokens(self) -> int:
        return len(self.sources) + len(self.targets)

    def limits(self, k: int) -> Ids:
        """[Nt], how many positions of its source each row sees where the decoder waits for k of them and then answers one for one."""
        lengths = np.diff(self.target_offsets)
        steps = np.arange(len(self.targets)) - np.repeat(self.target_offsets[:-1], lengths)
        limits: Ids = np.minimum(steps + k, np.repeat(np.diff(self.source_offsets), lengths))
        return limits


def encode_sources(texts: Iterable[str], units: Units) -> list[Ids]:
    """The ids [S+1] of each text, ended by the end symbol."""
    end = np.array([len(units)], dtype=np.int64)
    return [np.concatenate((units.encode(text), end)) for text in texts]


def encode_entries(entries: Iterable[Entry], source_units: Units, target_units: Units) -> list[EncodedPair]:
    """The pairs of entries in numbers, one for each target."""
    entries = list(entries)
    sources = encode_sources((entry.source for entry in entries), source_units)
    return [
        EncodedPair(source, target_units.encode(target)) for entry, source in zip(entries, sources, strict=True) for target in entry.targets
    ]


def collate_pairs(pairs: Sequence[EncodedPair], end: int) -> PairBatch:
    """One ragged batch of the given pairs, in their order; `end` is the end symbol of the target side."""
    nothing, symbol = np.zeros(0, dtype=np.int64), np.array([end], dtype=np.int64)
    inputs = [part for pair in pairs for part in (symbol, pair.target)]
    targets = [part for pair in pairs for part in (pair.target, symbol)]
    return PairBatch(
        sources=np.concatenate([nothing, *(pair.source for pair in pairs)]),
        source_offsets=_offsets([len(pair.source) for pair in pairs]),
        inputs=np.concatenate([nothing, *inputs]),
        targets=np.concatenate([nothing, *targets]),
        target_offsets=_offsets([len(pair.target) + 1 for pair in pairs]),
    )


def _offsets(lengths: Sequence[int]) -> Ids:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(np.array(lengths, dtype=np.int64))])
