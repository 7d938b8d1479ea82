"""The network of `forecast` in NumPy: windows to quantiles of the steps that follow. Mirrors `tasks.forecast`.

Segments and their decoding: Lin et al. 2023 (SegRNN), arXiv 2308.11200.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel
from tidegate.data.forecast_batches import ForecastBatch, WindowSpec
from tidegate.runtime.layers import RecurrentStack, States

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]


class ForecastNetwork:
    """Reads B windows segment by segment, and tells the quantiles of the segments behind them.

    Attributes:
        segment: w, steps that are read and told at once.
        channels: C, numbers of a step that is read.
        quantiles: Q, of a step that is told.
        is_recursive: each segment is told from those told before it; else all from the window.
        stack: what reads the segments and tells those that follow.
    """

    def __init__(self, model: StoredModel) -> None:
        settings = model.config["network"]
        self.segment: int = settings["segment"]
        self.is_recursive: bool = settings["decoding"] == "recursive"
        self._horizon: int = settings["horizon"]
        self._past: int = settings["past"]
        self._known: int = settings["known"]
        spec = WindowSpec.of_network(settings)
        self._has_mask = spec.has_mask
        self.channels = spec.channels(self._past, self._known)
        self._most_segments = settings["context"] // self.segment
        self.quantiles = 2 * len(settings["levels"]) + 1
        self.stack = RecurrentStack.of_network(model)
        self._embed, self._embed_bias = _transposed(model, "embed.weight"), model.tensor("embed.bias")
        self._position = model.tensor("position.weight")
        self._series = model.tensor("series_embedding.weight") if settings["series"] else None
        self._known_weight = _transposed(model, "known.weight") if self.segment * self._known + settings["static"] else None
        self._head, self._head_bias = _transposed(model, "head.weight"), model.tensor("head.bias")

    def reach(self, horizon: int) -> int:
        """Steps ahead whose covariates are read to tell so many: whole segments, but for a direct network's last, cut as in training."""
        whole = -(-horizon // self.segment) * self.segment
        return whole if self.is_recursive else min(whole, self._horizon)

    def __call__(self, batch: ForecastBatch) -> Array:
        """Quantiles [B, So·w, Q] in window units, sorted; of all segments that the batch's decoder rows are for."""
        windows = len(batch.offsets) - 1
        segments = len(batch.decoder) // max(1, windows)
        told = self._recursive(batch, windows, segments) if self.is_recursive else self._direct(batch, windows, segments)
        return np.sort(told.reshape(windows, segments * self.segment, self.quantiles), axis=-1)

    def _direct(self, batch: ForecastBatch, windows: int, segments: int) -> Array:
        """[B·So, w·Q]."""
        asked = np.tile(self._position[:segments], (windows, 1))
        if self._series is not None:
            asked += np.repeat(self._series[batch.ids], segments, axis=0)
        if self._known_weight is not None:
            asked += batch.decoder @ self._known_weight
        states = self._read(batch.x, batch.offsets)
        return self._tell(asked, tuple(tuple(np.repeat(part, segments, axis=1) for part in layer) for layer in states))

    def _recursive(self, batch: ForecastBatch, windows: int, segments: int) -> Array:
        """[B, So, w·Q]: each segment's medians become the window's last segment for the next."""
        lengths = np.diff(batch.offsets)
        # Every window's rows, and behind them room for those that are told.
        begins = batch.offsets[:-1] + segments * np.arange(windows)
        rows = np.empty((len(batch.x) + windows * segments, batch.x.shape[1]), dtype=batch.x.dtype)
        rows[np.arange(len(batch.x)) + np.repeat(begins - batch.offsets[:-1], lengths)] = batch.x
        decoder = batch.decoder.reshape(windows, segments, -1)
        asked = np.repeat(self._position[:1], windows, axis=0)
        if self._series is not None:
            asked = asked + self._series[batch.ids]
        told = np.empty((windows, segments, self.segment * self.quantiles), dtype=batch.x.dtype)
        for number in range(segments):
            ends = begins + lengths + number
            counts = np.minimum(lengths + number, self._most_segments)
            offsets = np.concatenate([[0], np.cumsum(counts)])
            places = np.arange(offsets[-1]) + np.repeat(ends - offsets[1:], counts)
            d = asked if self._known_weight is None else asked + decoder[:, number] @ self._known_weight
            told[:, number] = self._tell(d, self._read(rows[places], offsets))
            rows[ends] = self._as_read(rows[ends - 1], told[:, number], decoder[:, number])
        return told

    def _as_read(self, before: Array, told: Array, decoder: Array) -> Array:
        """The input rows [B, w·C + S] of segments that were told: medians for values, all seen; past covariates as in the row before."""
        wide = self.segment * self.channels
        steps = np.zeros((len(before), self.segment, self.channels), dtype=before.dtype)
        quantiles = np.sort(told.reshape(len(before), self.segment, self.quantiles), axis=-1)
        steps[:, :, 0] = quantiles[:, :, self.quantiles // 2]
        at_past = self.channels - self._past - self._known
        if self._has_mask:
            steps[:, :, 1] = 1
        last = before[:, wide - self.channels : wide]
        steps[:, :, at_past : at_past + self._past] = last[:, None, at_past : at_past + self._past]
        known = decoder[:, : self.segment * self._known].reshape(len(before), self.segment, self._known)
        steps[:, :, at_past + self._past :] = known
        return np.concatenate([steps.reshape(len(before), wide), before[:, wide:]], axis=1)

    def _read(self, x: Array, offsets: Ids) -> States:
        """The states of all layers after B windows."""
        e = x @ self._embed
        e += self._embed_bias
        return self.stack.run(np.maximum(e, 0, out=e), offsets)[1]

    def _tell(self, asked: Array, states: States) -> Array:
        """[R, w·Q] of one step of the stack from R rows' states."""
        tops, _ = self.stack.run(asked, np.arange(len(asked) + 1), states)
        told: Array = tops @ self._head
        told += self._head_bias
        return told


def _transposed(model: StoredModel, name: str) -> Array:
    return np.ascontiguousarray(model.tensor(name).T)
