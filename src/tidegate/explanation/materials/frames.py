"""Sequences as they are surveyed: a step of numbers belongs to one of low, middle, high or missing of each feature, by the thirds of the
data; a step of sound to one of quiet, middling and loud."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from tidegate.data import reading_order
from tidegate.data.number_sequences import NumberSequence
from tidegate.errors import DataError
from tidegate.explanation.materials.material import LEVELS, THIRDS, Array, Batch, Groups, Ids, Material, along
from tidegate.runtime.frame_model import FrameModel
from tidegate.runtime.windows import BATCH_TOKENS

# Recordings by which loud is told from quiet.
_MEASURED = 200
_LOUDNESS = ("quiet", "middling", "loud")


def frames_material(model: FrameModel, records: list[Any]) -> Material:
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
            yield Batch(partial(network.states, x, offsets), along(groups, offsets))

    return Material((Groups("input", "step", levels.names),), len(present), batches)


class _Features:
    """Of each feature whether a step's value, the mean of its frames, is low, middling, high or missing."""

    def __init__(self, model: FrameModel, records: Sequence[NumberSequence]) -> None:
        columns: Any = model.read_as
        self.names = tuple(f"{feature}: {level}" for feature in columns.features for level in LEVELS)
        self._per_step = model.frames.scale.per_step
        there = np.concatenate([record.values for record in records]) if records else np.zeros((0, len(columns.features)))
        each = [there[np.isfinite(there[:, place]), place] for place in range(there.shape[1])]
        self._bounds = [np.quantile(values, THIRDS) if len(values) else np.zeros(2) for values in each]

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
        levels[counts == 0] = len(LEVELS) - 1
        groups: Ids = levels.astype(np.int64) + len(LEVELS) * np.arange(levels.shape[1])
        return groups


class _Loudness:
    """Whether a step is quiet or loud: the mean of what is read of it, which is scaled energy of all bands."""

    names = _LOUDNESS

    def __init__(self, model: FrameModel, records: Sequence[Any]) -> None:
        chosen = [records[place] for place in np.unique(np.linspace(0, len(records) - 1, _MEASURED).astype(int))] if records else []
        means = [model.frames.of(record).mean(axis=1) for record in chosen]
        self._bounds = np.quantile(np.concatenate(means), THIRDS) if sum(map(len, means)) else np.zeros(2)

    def of(self, record: Any, steps: Array) -> Ids:
        groups: Ids = np.searchsorted(self._bounds, steps.mean(axis=1))[:, None].astype(np.int64)
        return groups
