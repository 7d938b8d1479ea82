"""How the gates of a network open and close as it learns: histograms in TensorBoard, after every epoch, of steps of the development data.

Nothing is read for it: the development data is scored after each epoch by the runtime's model of the averaged weights, and some steps of
what its stacks read meanwhile are looked at. The cost is that of the gates of 512 steps a layer: bench/RESULTS.md, "histograms of gates".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning.pytorch as pl
import numpy as np
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger
from numpy.typing import NDArray

from tidegate.kernels.gates import GATE_NAMES, gates_of
from tidegate.runtime.layers import LayerReading, RecurrentStack, stacks_observed

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

# So many steps of each of the first so many batches: these are of all lengths, and the same in every epoch.
_STEPS, _BATCHES = 64, 8
_BINS = 40


class GateHistograms(Callback):
    """Writes `gates/layer1/forward/z` and so on, and the states `gates/layer1/forward/h`; a stack of another name than `stack` is named.

    Comes behind `ScoreDevelopment`, which is given `sampled` scores. Of a two-way stack with a look-ahead, whose backward direction begins
    anew at every step, the forward direction alone.
    """

    def __init__(self) -> None:
        self.sample: dict[str, list[Array]] = {}  # by tag, [n, H] each; of the last scoring
        self._looked: dict[tuple[str, int], int] = {}

    def sampled(self, scores: Callable[[Any], tuple[float, float]]) -> Callable[[Any], tuple[float, float]]:
        """The same scores of a network; on the way the sample is taken anew."""

        def of(network: Any) -> tuple[float, float]:
            self.sample, self._looked = {}, {}
            with stacks_observed(self.look):
                return scores(network)

        return of

    def look(self, stack: RecurrentStack, reading: LayerReading, states: Array) -> None:
        """Takes its steps of what a layer has read, unless it has enough."""
        key = stack.name, reading.number
        looked = self._looked.get(key, 0)
        if looked >= _BATCHES or not len(states) or stack.name.startswith("character_encoder"):
            return
        self._looked[key] = looked + 1
        rows = np.unique(np.linspace(0, len(states) - 1, _STEPS).astype(np.int64))
        x = reading.x[rows if reading.places is None else reading.places[rows]]
        named = "" if stack.name == "stack" else f"{stack.name}/"
        hidden = states.shape[1] // len(reading.weights)
        for place, (direction, weights) in enumerate(zip(("forward", "backward"), reading.weights, strict=False)):
            if place and stack.lookahead is not None:
                continue
            own = states[:, place * hidden : (place + 1) * hidden]
            first = None if reading.before is None else reading.before[0][place]
            before = _before(own, reading.offsets, rows, first, reverse=bool(place))
            cell = stack.architecture.cell
            gates = gates_of(cell, weights, x, before)
            tag = f"gates/{named}layer{reading.number + 1}/{direction}"
            for name in GATE_NAMES[cell]:
                self.sample.setdefault(f"{tag}/{name}", []).append(gates[name])
            self.sample.setdefault(f"{tag}/h", []).append(own[rows])

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        writers = [logger.experiment for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
        for tag, parts in self.sample.items():
            values = np.concatenate(parts).ravel().astype(np.float64)
            values = values[np.isfinite(values)]
            if not len(values):
                continue
            # A state of a minimal cell may lie anywhere, and be one number only.
            low, high = (0.0, 1.0) if not tag.endswith("/h") else (min(-1.0, float(values.min())), max(1.0, float(values.max())))
            counts, edges = np.histogram(values, bins=_BINS, range=(low, high))
            said = {"min": float(values.min()), "max": float(values.max()), "num": len(values), "sum": float(values.sum())}
            squares = float(values @ values)
            for writer in writers:
                writer.add_histogram_raw(
                    tag, **said, sum_squares=squares, bucket_limits=edges[1:], bucket_counts=counts, global_step=trainer.global_step
                )


def _before(states: Array, offsets: Ids, rows: Ids, first: Array | None, *, reverse: bool) -> Array:
    """[n, H], the states before the steps `rows` [n]: `kernels.gates.states_before`, of these alone."""
    sequence = np.searchsorted(offsets, rows, side="right") - 1
    is_first = rows == (offsets[1:][sequence] - 1 if reverse else offsets[:-1][sequence])
    before: Array = states[np.where(is_first, rows, rows + (1 if reverse else -1))]
    before[is_first] = 0 if first is None else first[sequence[is_first]]
    return before
