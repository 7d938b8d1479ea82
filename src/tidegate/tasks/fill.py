"""The torch half of `fill`: the missing values of a series, with bands. The NumPy half, with the same answers, is `runtime.fill`.

steps -> linear + vector of the series -> relu -> dropout -> recurrent stack -> dropout -> quantiles, each a correction to a first guess

The first guess is the straight line between the seen neighbours where the stack reads both ways, else the last seen value.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tidegate.data.fill_batches import FillBatch
from tidegate.nn import variational_dropout
from tidegate.scoring.filling import REACH_NAMES
from tidegate.scoring.forecasting import probabilities_of
from tidegate.tasks.network import TaskNetwork, stack_of


@dataclass(frozen=True, slots=True)
class FillNetworkSettings:
    """What the network is built from; written into config.json and read back by the runtime.

    Attributes:
        arch, hidden_size, num_layers: of the recurrent stack.
        embedding_size: width of a step's vector, E.
        inputs: what is read of a step, C values.
        series: how many have a vector of their own; 0: none.
        others: whether the last two values of a step are of the panel's other series.
        levels: of the bands, in percent.
        layer_norm, zoneout, zoneout_cell: of the recurrent stack.
    """

    arch: str
    hidden_size: int
    num_layers: int
    embedding_size: int
    inputs: int
    series: int
    others: bool
    levels: tuple[int, ...]
    layer_norm: bool = False
    zoneout: float = 0.0
    zoneout_cell: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"levels": list(self.levels)}


class Bands(nn.Module):
    """What is added to the quantiles after training so that bands cover what they promise: [reaches, Q], in units of the series' spread."""

    offsets: Tensor

    def __init__(self, quantiles: int) -> None:
        super().__init__()
        self.register_buffer("offsets", torch.zeros(len(REACH_NAMES), quantiles))


class FillNetwork(TaskNetwork):
    """Stack and quantile head over the steps of series.

    Args:
        settings: the sizes.
        dropout: on steps' vectors and states; variational.
        series_dropout: probability that a window is read as one of an unknown series, and that it is read without the other series, so
            that such ones can be filled too.
        recurrent_dropout, weight_drop: in the stack, in training alone.
    """

    probabilities: Tensor

    def __init__(
        self,
        settings: FillNetworkSettings,
        *,
        dropout: float = 0.0,
        series_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.dropout, self.series_dropout = dropout, series_dropout
        self.embed = nn.Linear(settings.inputs, settings.embedding_size)
        self.series_embedding: nn.Embedding | None = None
        if settings.series:
            self.series_embedding = nn.Embedding(settings.series + 1, settings.embedding_size)
            nn.init.normal_(self.series_embedding.weight, std=0.1)
        self.stack = stack_of(settings, dropout, recurrent_dropout=recurrent_dropout, weight_drop=weight_drop)
        probabilities = probabilities_of(settings.levels)
        self.head = nn.Linear(self.stack.output_size, len(probabilities))
        nn.init.zeros_(self.head.weight)  # training begins at the first guess
        nn.init.zeros_(self.head.bias)
        self.bands = Bands(len(probabilities))
        self.register_buffer("probabilities", torch.tensor(probabilities, dtype=torch.float32), persistent=False)

    def forward(self, batch: FillBatch) -> Tensor:
        """Quantiles [M, Q] of the asked steps, in units of the series' spread; not sorted."""
        x, lengths = torch.from_numpy(batch.x), torch.from_numpy(np.diff(batch.offsets))
        drops = self.series_dropout if self.training else 0.0
        if self.settings.others and drops:
            kept = (torch.rand(len(lengths)) >= drops).repeat_interleave(lengths)
            x = torch.cat([x[:, :-2], x[:, -2:] * kept[:, None]], dim=1)
        x = self.embed(x)
        if self.series_embedding is not None:
            ids = torch.from_numpy(batch.ids)
            if drops:
                ids = ids.masked_fill(torch.rand(len(ids)) < drops, 0)
            x = x + self.series_embedding(ids).repeat_interleave(lengths, dim=0)
        rates: dict[str, Any] = {"p": self.dropout, "is_training": self.training}
        x = variational_dropout(torch.relu(x), batch.offsets, **rates)
        states = variational_dropout(self.stack(x, batch.offsets), batch.offsets, **rates)
        asked = torch.from_numpy(batch.asked)
        quantiles: Tensor = self.head(states.index_select(0, asked)) + torch.from_numpy(batch.guess)[:, None]
        return quantiles

    def loss(self, batch: FillBatch) -> Tensor:
        """Mean pinball loss of the asked steps over all quantiles, in units of the series' spread (Koenker & Bassett 1978)."""
        above = torch.from_numpy(batch.y)[:, None] - self(batch)
        pinball: Tensor = torch.maximum(self.probabilities * above, (self.probabilities - 1) * above)
        return pinball.mean() if len(batch.y) else pinball.sum()  # 0 where nothing was hidden

    def settings_json(self) -> dict[str, Any]:
        return self.settings.to_json()
