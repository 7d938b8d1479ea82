"""The torch half of `classify` and `tag` over sequences of numbers and sound. The NumPy half is `runtime.sequence_network`.

steps -> linear -> relu -> dropout -> recurrent stack -> dropout -> pooling -> linear      (a label a sequence)
steps -> linear -> relu -> dropout -> recurrent stack -> dropout -> linear                 (a label a step)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tidegate.data.frames import FrameBatch
from tidegate.kernels import architecture
from tidegate.nn import Pool, Pooling, variational_dropout
from tidegate.tasks.network import TaskNetwork, stack_of


@dataclass(frozen=True, slots=True)
class SequenceNetworkSettings:
    """What the network is built from; written into config.json and read back by the runtime.

    Attributes:
        arch, hidden_size, num_layers: of the recurrent stack.
        embedding_size: width of a step's vector, E.
        inputs: what is read of a step, C values.
        pools: how the states become one vector; none: each step has an answer of its own.
        lookahead: steps of the future that a two-way stack sees; None: the whole sequence.
        layer_norm, zoneout, zoneout_cell: of the recurrent stack.
    """

    arch: str
    hidden_size: int
    num_layers: int
    embedding_size: int
    inputs: int
    pools: tuple[Pool, ...] = ()
    lookahead: int | None = None
    layer_norm: bool = False
    zoneout: float = 0.0
    zoneout_cell: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class FrameNetwork(TaskNetwork):
    """A vector for each step, the stack over them, and a linear head on its states or on what they are pooled to.

    Args:
        settings: the sizes.
        outputs: of the head, K.
        dropout: on steps' vectors and states; variational.
        recurrent_dropout, weight_drop: in the stack, in training alone.
    """

    def __init__(
        self,
        settings: SequenceNetworkSettings,
        outputs: int,
        *,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.settings, self.dropout = settings, dropout
        self.embed = nn.Linear(settings.inputs, settings.embedding_size)
        self.stack = stack_of(settings, dropout, recurrent_dropout=recurrent_dropout, weight_drop=weight_drop, lookahead=settings.lookahead)
        self.pooling: Pooling | None = None
        width = self.stack.output_size
        if settings.pools:
            self.pooling = Pooling(settings.pools, width, architecture(settings.arch).directions)
            width = self.pooling.output_size
        self.head = nn.Linear(width, outputs)

    def forward(self, batch: FrameBatch) -> Tensor:
        """Logits [B, K] of sequences where there is pooling, else [N, K] of steps."""
        rates: dict[str, Any] = {"p": self.dropout, "is_training": self.training}
        x = variational_dropout(torch.relu(self.embed(torch.from_numpy(batch.x))), batch.offsets, **rates)
        states = self.stack(x, batch.offsets)
        if self.pooling is None:
            logits: Tensor = self.head(variational_dropout(states, batch.offsets, **rates))
        else:
            logits = self.head(nn.functional.dropout(self.pooling(states, batch.offsets), self.dropout, self.training))
        return logits

    def settings_json(self) -> dict[str, Any]:
        return self.settings.to_json()


class SequenceNetwork(FrameNetwork):
    """Logits of labels, of sequences or of steps.

    Args:
        settings, outputs: as of `FrameNetwork`; K labels.
        label_smoothing: share of the target that is dealt to all labels alike, in training.
        **rates: dropout, recurrent_dropout, weight_drop.
    """

    def __init__(self, settings: SequenceNetworkSettings, outputs: int, *, label_smoothing: float = 0.0, **rates: Any) -> None:
        super().__init__(settings, outputs, **rates)
        self._label_smoothing = label_smoothing

    def loss(self, batch: FrameBatch) -> Tensor:
        """Nats per sequence, or per step."""
        smoothing = self._label_smoothing if self.training else 0.0
        return nn.functional.cross_entropy(self(batch), torch.from_numpy(batch.labels), label_smoothing=smoothing)
