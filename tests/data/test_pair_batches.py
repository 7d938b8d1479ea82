"""Ragged batches of pairs, against pairs laid side by side by hand."""

from __future__ import annotations

import numpy as np
import pytest

from tidegate.data.pair_batches import EncodedPair, collate_pairs, encode_entries, encode_sources
from tidegate.data.pairs import Entry
from tidegate.data.units import count_units

CHARACTERS = count_units(["abc"], "char", min_count=1, vocabulary_size=0, line_breaks="unit", lowercase=False)
TOKENS = count_units(["X Y Z"], "token", min_count=1, vocabulary_size=0, line_breaks="unit", lowercase=False)


def test_sources_end_with_the_end_symbol_whose_id_is_the_number_of_units() -> None:
    assert [ids.tolist() for ids in encode_sources(["ab", "", "cä"], CHARACTERS)] == [[1, 2, 4], [4], [3, 0, 4]]
    assert encode_sources([], CHARACTERS) == []


def test_an_entry_is_a_pair_for_each_target() -> None:
    pairs = encode_entries([Entry("ab", ("X", "Z Y")), Entry("c", ("Q",))], CHARACTERS, TOKENS)
    assert [(pair.source.tolist(), pair.target.tolist()) for pair in pairs] == [([1, 2, 4], [1]), ([1, 2, 4], [3, 2]), ([3, 4], [0])]
    assert [len(pair) for pair in pairs] == [5, 6, 4]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_a_batch_holds_every_pair_in_its_place(count: int) -> None:
    chance = np.random.default_rng(count)
    pairs = [EncodedPair(chance.integers(0, 9, size=1 + size), chance.integers(0, 7, size=(3 * size) % 4)) for size in range(count)]
    batch = collate_pairs(pairs, 7)
    assert batch.tokens == sum(map(len, pairs)) == len(batch.sources) + len(batch.inputs)
    assert len(batch.source_offsets) == len(batch.target_offsets) == count + 1
    assert all(
        array.dtype == np.int64 for array in (batch.sources, batch.source_offsets, batch.inputs, batch.targets, batch.target_offsets)
    )
    for place, pair in enumerate(pairs):
        source = slice(*batch.source_offsets[place : place + 2])
        target = slice(*batch.target_offsets[place : place + 2])
        assert batch.sources[source].tolist() == pair.source.tolist()
        assert batch.inputs[target].tolist() == [7, *pair.target.tolist()]
        assert batch.targets[target].tolist() == [*pair.target.tolist(), 7]
