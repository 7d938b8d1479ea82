"""Texts as they are surveyed: a step belongs to one group, its word, character or piece."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from tidegate.data import TextRecord, TokenRecord, reading_order
from tidegate.data.text_batches import units_of
from tidegate.errors import DataError
from tidegate.explanation.materials.material import Batch, Groups, Material, along, most_frequent, several
from tidegate.runtime import ClassifyModel, GenerateModel, TagModel
from tidegate.runtime.windows import BATCH_TOKENS

# A line of a text longer than this is read in pieces, each as a text of its own.
LONGEST_LINE = 2048


def words_material(model: TagModel, records: list[TokenRecord], min_count: int) -> Material:
    def read(batch: list[TokenRecord], budget: int) -> object:
        return list(model.answers(batch, batch_tokens=budget))

    return _units(
        [record for record in records if len(record)], [record.tokens for record in records if len(record)], "word", min_count, read
    )


def texts_material(model: ClassifyModel, records: list[TextRecord], min_count: int) -> Material:
    recipe = model.config["recipe"]
    units = [units_of(record.text, recipe["unit"], recipe["max_length"]) for record in records]

    def read(batch: list[TextRecord], budget: int) -> object:
        return list(model.answers(batch, batch_tokens=budget))

    return _units(records, units, "character" if recipe["unit"] == "char" else "word", min_count, read)


def lines_material(model: GenerateModel, given: Iterable[Any], min_count: int) -> Material:
    lines: list[str] = []
    for number, line in enumerate(several(given), 1):
        if not isinstance(line, str):
            raise DataError(f"line {number} is {line!r:.60}; a line is a str.")
        text = line.rstrip("\r\n")
        lines += [text[begin : begin + LONGEST_LINE] for begin in range(0, max(1, len(text)), LONGEST_LINE)]
    end = () if model.units.line_end is None else (model.units.line_end,)
    texts = model.units.texts
    shown = {"\n": "↵", "": "(unknown)"}
    kind = {"char": "character", "word": "word", "bpe": "piece"}.get(model.units.kind, "token")
    ids = [(*model.units.encode(line).tolist(), *end) for line in lines]
    filled = [(line, tuple(shown.get(texts[unit], texts[unit]) for unit in row)) for line, row in zip(lines, ids, strict=True) if row]

    def read(batch: list[str], budget: int) -> object:
        return list(model.logprob(batch))

    return _units([line for line, _ in filled], [units for _, units in filled], kind, min_count, read)


def _units(
    records: Sequence[Any], units: Sequence[Sequence[str]], unit_name: str, min_count: int, read: Callable[[Any, int], object]
) -> Material:
    """Texts of whatever units; `read` is told the records of a batch and the tokens in it."""
    counts = Counter(unit for text in units for unit in text)
    if not counts:
        raise DataError("there is nothing to survey: no text with a word was given.")
    ranked = counts.most_common()
    frequent, notes = most_frequent([count for _, count in ranked], unit_name, min_count)
    names = tuple(ranked[place][0] for place in frequent)
    number = {unit: place for place, unit in enumerate(names)}
    lengths = np.array([len(text) for text in units], dtype=np.int64)

    def batches() -> Iterator[Batch]:
        for places in reading_order(lengths, budget_tokens=BATCH_TOKENS):
            chosen = places.tolist()
            groups = np.array([number.get(unit, -1) for place in chosen for unit in units[place]], dtype=np.int64)
            batch = [records[place] for place in chosen]
            offsets = np.concatenate([[0], np.cumsum(lengths[places])])
            yield Batch(partial(read, batch, len(groups)), along(groups[:, None], offsets))

    return Material((Groups("input", unit_name, names),), len(records), batches, notes)
