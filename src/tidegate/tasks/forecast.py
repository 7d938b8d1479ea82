"""The torch half of `forecast`: segments of the past are read, segments of the future told. The NumPy half is `runtime.forecast`.

encoder:  the values, holes and covariates of w steps side by side -> projection -> recurrent stack -> the origin's states
decoder:  where the segment lies, which series it is, what is known of it ahead -> one step of the same stack from those states
          -> quantiles of its w steps

All segments of the future are told at once, each from the origin's own states, so no error is fed on: the parallel decoding of SegRNN
(Lin et al. 2023, arXiv 2308.11200). A recursive network tells one segment, which is then read as if it had been seen. The loss is that of
the quantiles (Koenker & Bassett 1978); that of the median alone would be half the absolute error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.data.forecast_batches import ForecastBatch, WindowSpec
from tidegate.nn import variational_dropout
from tidegate.scoring.forecasting import probabilities_of
from tidegate.tasks.network import TaskNetwork, stack_of


@dataclass(frozen=True, slots=True)
class ForecastNetworkSettings:
    """What the network is built from; written into config.json and read back by the runtime.

    Attributes:
        arch, hidden_size, num_layers, layer_norm, zoneout, zoneout_cell: of the recurrent stack, which has one direction.
        embedding_size: E, width of what the stack reads.
        segment: w, steps that are read and told at once.
        context: steps that are read before the origin at most, a multiple of `segment`.
        horizon: F, steps that are told; a recursive network's `calibrated` steps.
        decoding: 'direct' tells all segments at once, 'recursive' one after another, each from those before.
        levels: of the bands, in percent.
        scaling: what of a window is taken off before it is read: nothing ('series'), its last value, or its mean and deviation ('window').
        gaps: how holes are read.
        has_holes: whether a step says if its value was seen, and how long ago one was.
        past, known, static: widths of the covariates of a step of the past, of any step, and of a series.
        series: how many series have a vector of their own; 0: none.
    """

    arch: str
    hidden_size: int
    num_layers: int
    embedding_size: int
    segment: int
    context: int
    horizon: int
    decoding: Literal["direct", "recursive"]
    levels: Sequence[int]
    scaling: str
    gaps: str
    has_holes: bool
    past: int
    known: int
    static: int
    series: int
    layer_norm: bool = False
    zoneout: float = 0.0
    zoneout_cell: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"levels": list(self.levels)}

    @property
    def told(self) -> int:
        """Segments that the network tells at once."""
        return 1 if self.decoding == "recursive" else -(-self.horizon // self.segment)


class ForecastNetwork(TaskNetwork):
    """Encoder and decoder, which are one recurrent stack.

    Args:
        settings: the sizes.
        dropout: on the states before the head; variational between layers.
        input_dropout: on what the stack reads of the past.
        series_dropout: probability that a window's series is read as an unknown one, so that such a one can be told too.
        band_weight: what each quantile of the bands counts in the loss beside the median.
        recurrent_dropout, weight_drop: in the stack, in training alone.
    """

    bands_offsets: Tensor
    probabilities: Tensor
    quantile_weights: Tensor

    def __init__(
        self,
        settings: ForecastNetworkSettings,
        *,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        series_dropout: float = 0.0,
        band_weight: float = 1.0,
        recurrent_dropout: float = 0.0,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.dropout, self.input_dropout, self.series_dropout = dropout, input_dropout, series_dropout
        embedding, w = settings.embedding_size, settings.segment
        step = WindowSpec.of_network(settings.to_json()).channels(settings.past, settings.known)
        ahead = w * settings.known + settings.static
        self.embed = nn.Linear(w * step + settings.static, embedding)
        self.stack = stack_of(settings, dropout, recurrent_dropout=recurrent_dropout, weight_drop=weight_drop)
        self.position = nn.Embedding(settings.told, embedding)
        self.series_embedding = nn.Embedding(settings.series + 1, embedding) if settings.series else None
        self.known = nn.Linear(ahead, embedding, bias=False) if ahead else None
        probabilities = probabilities_of(settings.levels)
        self.head = nn.Linear(self.stack.output_size, w * len(probabilities))
        self.register_buffer("probabilities", torch.tensor(probabilities, dtype=torch.float32), persistent=False)
        weights = torch.full((len(probabilities),), band_weight)
        weights[len(probabilities) // 2] = 1
        self.register_buffer("quantile_weights", weights / weights.sum(), persistent=False)
        self.register_buffer("bands_offsets", torch.zeros(settings.horizon, len(probabilities)))

    def forward(self, batch: ForecastBatch) -> Tensor:
        """Quantiles [B, So · w, Q] of the steps after the origin, in units of the window; not yet sorted."""
        settings, told = self.settings, self.settings.told
        x = torch.relu(self.embed(torch.from_numpy(batch.x)))
        x = variational_dropout(x, batch.offsets, p=self.input_dropout, is_training=self.training)
        _, states = self.stack.carried(x, batch.offsets)
        windows = len(batch.ids)
        d = self.position.weight.repeat(windows, 1)
        if self.series_embedding is not None:
            ids = torch.from_numpy(batch.ids)
            if self.training and self.series_dropout:
                ids = ids.masked_fill(torch.rand(windows) < self.series_dropout, 0)
            d = d + self.series_embedding(ids).repeat_interleave(told, dim=0)
        if self.known is not None:
            d = d + self.known(torch.from_numpy(batch.decoder))
        begin = [tuple(part.repeat_interleave(told, dim=1) for part in state) for state in states]
        u, _ = self.stack.carried(d, np.arange(windows * told + 1, dtype=np.int64), begin)
        u = nn.functional.dropout(u, self.dropout, self.training)
        quantiles: Tensor = self.head(u)
        return quantiles.view(windows, told * settings.segment, -1)

    def loss(self, batch: ForecastBatch) -> Tensor:
        """Twice the mean pinball loss of the quantiles, weighted, over the steps whose value was seen, in units of the window."""
        told = self(batch)
        y = torch.from_numpy(batch.y)
        seen = ~torch.isnan(y)
        error = torch.where(seen, y, 0.0)[..., None] - told
        pinball = torch.maximum(self.probabilities * error, (self.probabilities - 1) * error)
        return 2 * ((pinball @ self.quantile_weights) * seen).sum() / seen.sum().clamp(min=1)

    def settings_json(self) -> dict[str, Any]:
        return self.settings.to_json()

    def tensors(self) -> dict[str, NDArray[Any]]:
        names = {"bands_offsets": "bands.offsets"}
        return {names.get(name, name): tensor for name, tensor in super().tensors().items()}
