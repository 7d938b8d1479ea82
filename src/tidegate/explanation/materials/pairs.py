"""Pairs as they are surveyed: the encoder reads the source, the decoder the right target, and a step belongs to the unit that it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np

from tidegate.data import reading_order
from tidegate.data.pair_batches import collate_pairs, encode_entries
from tidegate.data.pairs import Entry, entries_of
from tidegate.data.unit_base import Units
from tidegate.errors import DataError
from tidegate.explanation.materials.material import Batch, Groups, Ids, Material, most_frequent
from tidegate.runtime import TranslateModel
from tidegate.runtime.translations import END, UNKNOWN
from tidegate.runtime.windows import BATCH_TOKENS


def pairs_material(model: TranslateModel, given: Iterable[Any], min_count: int) -> Material:
    """Entries, or pairs (source, target)."""
    entries: list[Entry] = []
    for number, item in enumerate(given, 1):
        if isinstance(item, str) or not (isinstance(item, Entry) or _is_pair(item)):
            raise DataError(
                f"item {number} is {item!r:.60}; a pair (source, target) was expected, since the decoder reads targets. For those that the "
                "model tells itself give zip(sources, model.predict(sources))."
            )
        entries += [item] if isinstance(item, Entry) else entries_of([item])
    if not entries:
        raise DataError("there is nothing to survey: no pair was given.")
    pairs = encode_entries(entries, model.source_units, model.target_units)
    end = model.network.end
    source, sources, source_notes = _groups("source", model.source_units, [pair.source for pair in pairs], min_count)
    ends = np.array([end])
    target, targets, target_notes = _groups(
        "target", model.target_units, [part for pair in pairs for part in (ends, pair.target)], min_count
    )
    lengths = np.array([len(pair) for pair in pairs], dtype=np.int64)

    def batches() -> Iterator[Batch]:
        for places in reading_order(lengths, budget_tokens=BATCH_TOKENS):
            batch = collate_pairs([pairs[place] for place in places.tolist()], end)
            read, told = sources[batch.sources][:, None], targets[batch.inputs][:, None]

            def groups_of(stack: str, run: int, read: Ids = read, told: Ids = told) -> tuple[int, Ids]:
                return (0, read) if stack == "encoder" else (1, told)

            yield Batch(partial(model.network.log_probabilities, batch), groups_of)

    notes = (f"the decoder reads the right targets, unit after unit from {END} on; a group of the target is the unit that it reads.",)
    return Material((source, target), len(pairs), batches, (*notes, *source_notes, *target_notes), "pair")


def _is_pair(item: Any) -> bool:
    return isinstance(item, tuple | list) and len(item) == 2 and all(isinstance(side, str) for side in item)


def _groups(panel: str, units: Units, ids: list[Ids], min_count: int) -> tuple[Groups, Ids, tuple[str, ...]]:
    """The groups of one side, of each unit [V+1] the group's place, and notes; the last unit is the end symbol."""
    unit_name = {"char": "character", "bpe": "piece"}.get(units.kind, units.kind)
    counts = np.bincount(np.concatenate(ids), minlength=len(units) + 1)
    frequent, notes = most_frequent(counts.tolist(), f"{panel}'s {unit_name}", min_count)
    names = tuple(UNKNOWN if unit == 0 else END if unit == len(units) else units.texts[unit] for unit in frequent)
    places = np.full(len(units) + 1, -1, dtype=np.int64)
    places[frequent] = np.arange(len(frequent))
    return Groups(panel, unit_name, names), places, notes
