"""The network of `fill` in NumPy: steps to quantiles. Mirrors `tasks.fill.FillNetwork`; tested to give its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel
from tidegate.data.fill_batches import FillBatch
from tidegate.runtime.layers import RecurrentStack

Array = NDArray[np.floating[Any]]


class FillNetwork:
    """Quantiles of asked steps.

    Attributes:
        stack: what reads the steps.
        offsets: of the bands.
    """

    def __init__(self, model: StoredModel) -> None:
        self._embed, self._embed_bias = np.ascontiguousarray(model.tensor("embed.weight").T), model.tensor("embed.bias")
        self._series = model.tensor("series_embedding.weight") if model.config["network"]["series"] else None
        self.stack = RecurrentStack.of_network(model)
        self._head, self._head_bias = np.ascontiguousarray(model.tensor("head.weight").T), model.tensor("head.bias")
        self.offsets = model.tensor("bands.offsets")

    def quantiles(self, batch: FillBatch) -> Array:
        """[M, Q] of the asked steps, ascending, in units of the series' spread; the bands' offsets are not in them."""
        x = batch.x @ self._embed
        x += self._embed_bias
        if self._series is not None:
            x += np.repeat(self._series[batch.ids], np.diff(batch.offsets), axis=0)
        states = self.stack(np.maximum(x, 0, out=x), batch.offsets)[batch.asked]
        return np.sort(states @ self._head + self._head_bias + batch.guess[:, None], axis=1)
