"""A data set as it is read for a survey of gates: batch by batch, and of every step which groups it belongs to.

A step of a text belongs to one group, its word, character or piece. A step of numbers belongs to one of low, middle, high or missing of
each feature, by the thirds of the data; a step of sound to one of quiet, middling and loud.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data import TextRecord, TokenRecord, reading_order
from tidegate.data.number_sequences import NumberSequence
from tidegate.data.text_batches import units_of
from tidegate.errors import DataError, RecipeError
from tidegate.explanation.explanation import Array
from tidegate.runtime import (
    ClassifyModel,
    GenerateModel,
    SequenceClassifyModel,
    SequenceTagModel,
    TagModel,
    TranscribeModel,
    classify,
    tag,
)
from tidegate.runtime.frame_model import FrameModel
from tidegate.runtime.windows import BATCH_TOKENS

Ids = NDArray[np.int64]

# A line of a text longer than this is read in pieces, each as a text of its own.
LONGEST_LINE = 2048
# The groups that are told of, the most frequent ones: bounds the memory.
MOST_GROUPS = 2000
# Recordings by which loud is told from quiet.
_MEASURED = 200
_THIRDS = (1 / 3, 2 / 3)
_LEVELS = ("low", "middle", "high", "missing")
_LOUDNESS = ("quiet", "middling", "loud")


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences that are read together, N steps in all.

    Attributes:
        groups: [N, G], of each step the groups that it belongs to; −1 for one that is not told of.
        offsets: [B+1], of their steps.
        read: reads them, once; the stacks may then be watched.
    """

    groups: Ids
    offsets: Ids
    read: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Material:
    """All that is read.

    Attributes:
        unit_name: what a step is: 'word', 'character', 'piece', 'step'.
        names: of the groups.
        sequences, steps: how many there are.
        batches: reads all of them, batch by batch.
        notes: sentences that the reader needs.
    """

    unit_name: str
    names: tuple[str, ...]
    sequences: int
    steps: int
    batches: Callable[[], Iterator[Batch]]
    notes: tuple[str, ...] = ()


def material_of(model: Any, given: Iterable[Any], *, min_count: int) -> Material:
    """What a model reads of a data set.

    Args:
        model: a tagger, classifier, language model or model of sequences, of the runtime.
        given: records as the model's `read` or the readers of `tidegate.data` give them, or inputs as its `predict` takes them; of a
            language model lines.
        min_count: groups that are met less often are not told of.

    Raises:
        RecipeError: another model.
        DataError: something that the model cannot read, or nothing.
    """
    if isinstance(model, TagModel):
        return _words(
            model, [item if isinstance(item, TokenRecord) else next(tag.as_records([item])) for item in _several(given)], min_count
        )
    if isinstance(model, ClassifyModel):
        records = [item if isinstance(item, TextRecord) else next(classify.as_records([item])) for item in _several(given)]
        return _texts(model, records, min_count)
    if isinstance(model, GenerateModel):
        return _lines(model, given, min_count)
    if isinstance(model, SequenceClassifyModel | SequenceTagModel | TranscribeModel):
        return _frames(model, list(model.records(given)), min_count)
    raise RecipeError(
        f"a {type(model).__name__} was given to survey its gates over a data set; expected a tagger, a classifier, a language model or a "
        "model of sequences. Explain single inputs of this one."
    )


def _several(given: Iterable[Any]) -> list[Any]:
    if isinstance(given, str | Path | TokenRecord | TextRecord):
        raise DataError(f"one {type(given).__name__} was given where a data set is expected; write [input, …].")
    return list(given)


def _words(model: TagModel, records: list[TokenRecord], min_count: int) -> Material:
    def read(batch: list[TokenRecord], budget: int) -> object:
        return list(model.answers(batch, batch_tokens=budget))

    return _units(
        [record for record in records if len(record)], [record.tokens for record in records if len(record)], "word", min_count, read
    )


def _texts(model: ClassifyModel, records: list[TextRecord], min_count: int) -> Material:
    recipe = model.config["recipe"]
    units = [units_of(record.text, recipe["unit"], recipe["max_length"]) for record in records]

    def read(batch: list[TextRecord], budget: int) -> object:
        return list(model.answers(batch, batch_tokens=budget))

    return _units(records, units, "character" if recipe["unit"] == "char" else "word", min_count, read)


def _lines(model: GenerateModel, given: Iterable[Any], min_count: int) -> Material:
    lines: list[str] = []
    for number, line in enumerate(_several(given), 1):
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
    frequent = [unit for unit, count in counts.most_common(MOST_GROUPS) if count >= min_count]
    number = {unit: place for place, unit in enumerate(frequent)}
    notes = []
    if left := sum(count >= min_count for count in counts.values()) - len(frequent):
        notes.append(
            f"of the {unit_name}s the {MOST_GROUPS:,} most frequent are told of; {left:,} others were met {min_count} times or more."
        )
    lengths = np.array([len(text) for text in units], dtype=np.int64)

    def batches() -> Iterator[Batch]:
        for places in reading_order(lengths, budget_tokens=BATCH_TOKENS):
            chosen = places.tolist()
            groups = np.array([number.get(unit, -1) for place in chosen for unit in units[place]], dtype=np.int64)
            batch = [records[place] for place in chosen]
            offsets = np.concatenate([[0], np.cumsum(lengths[places])])
            yield Batch(groups[:, None], offsets, partial(read, batch, len(groups)))

    return Material(unit_name, tuple(frequent), len(records), int(lengths.sum()), batches, tuple(notes))


def _frames(model: FrameModel, records: list[Any], min_count: int) -> Material:
    frames, network = model.frames, model.network(None)
    levels = _Loudness(model, records) if model.input == "sound" else _Features(model, records)
    lengths = np.array([frames.steps_of(record) for record in records], dtype=np.int64)
    present = np.flatnonzero(lengths)
    if not len(present):
        raise DataError("there is nothing to survey: no sequence with a step was given.")

    def batches() -> Iterator[Batch]:
        for places in reading_order(lengths[present], budget_tokens=BATCH_TOKENS):
            chosen = [records[place] for place in present[places].tolist()]
            each = [frames.of(record) for record in chosen]
            own = np.array([len(x) for x in each], dtype=np.int64)
            offsets, x = np.concatenate([[0], np.cumsum(own)]), np.concatenate(each)
            groups = np.concatenate([levels.of(record, steps) for record, steps in zip(chosen, each, strict=True)])
            yield Batch(groups, offsets, partial(network.states, x, offsets))

    return Material("step", levels.names, len(present), int(lengths.sum()), batches)


class _Features:
    """Of each feature whether a step's value, the mean of its frames, is low, middling, high or missing."""

    def __init__(self, model: FrameModel, records: Sequence[NumberSequence]) -> None:
        columns: Any = model.read_as
        self.names = tuple(f"{feature}: {level}" for feature in columns.features for level in _LEVELS)
        self._per_step = model.frames.scale.per_step
        there = np.concatenate([record.values for record in records]) if records else np.zeros((0, len(columns.features)))
        each = [there[np.isfinite(there[:, place]), place] for place in range(there.shape[1])]
        self._bounds = [np.quantile(values, _THIRDS) if len(values) else np.zeros(2) for values in each]

    def of(self, record: NumberSequence, steps: Array) -> Ids:
        values = record.values.astype(np.float64)
        padded = np.concatenate([values, np.repeat(values[-1:], len(steps) * self._per_step - len(values), axis=0)])
        parts = padded.reshape(len(steps), self._per_step, -1)
        is_there = np.isfinite(parts)
        counts = is_there.sum(axis=1)
        means = np.where(is_there, parts, 0).sum(axis=1) / np.maximum(1, counts)
        levels = np.stack(
            [np.searchsorted(bounds, column, side="left") for bounds, column in zip(self._bounds, means.T, strict=True)], axis=1
        )
        levels[counts == 0] = len(_LEVELS) - 1
        groups: Ids = levels.astype(np.int64) + len(_LEVELS) * np.arange(levels.shape[1])
        return groups


class _Loudness:
    """Whether a step is quiet or loud: the mean of what is read of it, which is scaled energy of all bands."""

    names = _LOUDNESS

    def __init__(self, model: FrameModel, records: Sequence[Any]) -> None:
        chosen = [records[place] for place in np.unique(np.linspace(0, len(records) - 1, _MEASURED).astype(int))] if records else []
        means = [model.frames.of(record).mean(axis=1) for record in chosen]
        self._bounds = np.quantile(np.concatenate(means), _THIRDS) if sum(map(len, means)) else np.zeros(2)

    def of(self, record: Any, steps: Array) -> Ids:
        groups: Ids = np.searchsorted(self._bounds, steps.mean(axis=1))[:, None].astype(np.int64)
        return groups
