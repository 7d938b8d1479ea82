"""The torch half of `translate`: an encoder, a decoder, and attention between them. The NumPy half is `runtime.translate`.

encoder:  unit vectors of the source -> recurrent stack -> annotations; their summary c, from which the decoder begins
decoder:  vectors of the units before -> layer 0 -> query -> attention -> context -> layers 1, 2, … -> readout -> logits of the next unit
          without attention the summary is the context of every step, and layer 0 reads it beside the unit

Without attention as Cho et al. 2014 (arXiv 1406.1078); additive attention as Bahdanau et al. 2015 (arXiv 1409.0473), multiplicative as
Luong et al. 2015 (arXiv 1508.04025); the readout is the maxout of the first two. Attention stands between two recurrent layers, so
each of them reads a whole target in one call of the engine (docs/decisions/0023).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.data.pair_batches import PairBatch
from tidegate.kernels import architecture
from tidegate.nn import RecurrentStack, attend, variational_dropout
from tidegate.nn.cells import State
from tidegate.tasks.network import TaskNetwork, stack_of

AttentionKind = Literal["additive", "multiplicative", "none"]
# For up to so many positions a simultaneous network learns to wait, each k as often as the other, and as often for the whole source.
_LONGEST_WAIT = 10
_WHOLE = 1 << 30


@dataclass(frozen=True, slots=True)
class TranslateNetworkSettings:
    """What the network is built from; written into config.json and read back by the runtime.

    Attributes:
        arch, hidden_size, num_layers, layer_norm, zoneout, zoneout_cell: of the encoder.
        embedding_size: width of a unit's vector, on either side.
        decoder, decoder_size, decoder_layers: cell, width and number of the decoder's layers.
        attention: the score, or none.
        attention_size: width of queries and keys; the multiplicative score's is decoder_size.
        is_simultaneous: whether it answers before the source has ended: no summary, and positions come into sight one by one.
    """

    arch: str
    hidden_size: int
    num_layers: int
    embedding_size: int
    decoder: str
    decoder_size: int
    decoder_layers: int
    attention: AttentionKind
    attention_size: int
    is_simultaneous: bool = False
    layer_norm: bool = False
    zoneout: float = 0.0
    zoneout_cell: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class TranslateNetwork(TaskNetwork):
    """Encoder and decoder.

    Args:
        settings: the sizes.
        source_units, target_units: how many there are of each, Vs and Vt; the end symbols have the ids Vs and Vt.
        dropout: variational, on vectors, between layers and on what goes to the output.
        unit_dropout: probability that a unit of the source is read as unknown.
        label_smoothing: share of the target's probability that is spread over all units.
        recurrent_dropout, weight_drop: in all layers, in training alone.
    """

    def __init__(
        self,
        settings: TranslateNetworkSettings,
        source_units: int,
        target_units: int,
        *,
        dropout: float = 0.0,
        unit_dropout: float = 0.0,
        label_smoothing: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.dropout, self.unit_dropout, self.label_smoothing = dropout, unit_dropout, label_smoothing
        embedding, hidden = settings.embedding_size, settings.decoder_size
        rates: dict[str, Any] = {"recurrent_dropout": recurrent_dropout, "weight_drop": weight_drop}
        self.source_embedding = nn.Embedding(source_units + 1, embedding)
        self.target_embedding = nn.Embedding(target_units + 1, embedding)
        for table in (self.source_embedding, self.target_embedding):
            nn.init.normal_(table.weight, std=embedding**-0.5)
        self.encoder = stack_of(settings, dropout, **rates)
        width = self.encoder.output_size
        cell = architecture(settings.decoder)
        self._parts = 2 if cell.cell == "lstm" else 1
        self.summary = self.bridge = None
        if not settings.is_simultaneous:
            self.summary = nn.Linear(width, hidden)
            self.bridge = nn.Linear(hidden, settings.decoder_layers * self._parts * hidden)
        self.attention = None if settings.attention == "none" else Attention(settings.attention, hidden, width, settings.attention_size)
        context = hidden if self.attention is None else width
        inputs = [embedding + (hidden if self.attention is None else 0)] + [hidden] * (settings.decoder_layers - 1)
        if self.attention is not None and settings.decoder_layers > 1:
            inputs[1] += context
        self.decoder = nn.ModuleList(RecurrentStack(cell, size, hidden, 1, **rates) for size in inputs)
        self.readout = nn.Linear(hidden + embedding + context, 2 * embedding)
        self.head = _Bias(target_units + 1)

    def forward(self, batch: PairBatch, limits: NDArray[np.int64] | None = None) -> Tensor:
        """Logits [Nt, Vt+1] of every unit of the targets, each from the units before it.

        Args:
            batch: B pairs.
            limits: [Nt], how many positions of its source each row sees; None: all.
        """
        annotations, c = self._encode(batch)
        offsets, inputs = batch.target_offsets, torch.from_numpy(batch.inputs)
        vectors = self._dropped(self.target_embedding(inputs), offsets)
        states = self._begin(c)
        if self.attention is None:
            assert c is not None
            context = c.repeat_interleave(torch.from_numpy(np.diff(offsets)), dim=0, output_size=len(vectors))
            x = self._layer(0, torch.cat([vectors, context], dim=1), offsets, states)
        else:
            x = self._layer(0, vectors, offsets, states)
            context = self.attention(x, annotations, offsets, batch.source_offsets, limits)
        for number in range(1, len(self.decoder)):
            x = self._dropped(x, offsets)
            read = torch.cat([x, context], dim=1) if number == 1 and self.attention is not None else x
            x = self._layer(number, read, offsets, states)
        read = self.readout(torch.cat([self._dropped(x, offsets), vectors, context], dim=1))
        r = read.view(len(read), -1, 2).amax(dim=2)
        return nn.functional.linear(r, self.target_embedding.weight, self.head.bias)

    def _encode(self, batch: PairBatch) -> tuple[Tensor, Tensor | None]:
        """Annotations [Ns, W] and the summary [B, Hd]."""
        offsets, units = batch.source_offsets, torch.from_numpy(batch.sources)
        if self.training and self.unit_dropout:
            is_end = torch.zeros(len(units), dtype=torch.bool)
            is_end[torch.from_numpy(offsets[1:]) - 1] = True
            units = units.masked_fill((torch.rand(len(units)) < self.unit_dropout) & ~is_end, 0)
        x = self._dropped(self.source_embedding(units), offsets)
        if self.summary is None:
            return self._dropped(self.encoder(x, offsets), offsets), None
        annotations, last = self.encoder.carried(x, offsets)
        read = last[-1][0].transpose(0, 1).flatten(1)  # [D, B, H] -> [B, D·H]
        return self._dropped(annotations, offsets), torch.tanh(self.summary(read))

    def _begin(self, c: Tensor | None) -> list[list[State] | None]:
        """The states from which the decoder's layers begin, as `RecurrentStack.carried` takes them."""
        if c is None or self.bridge is None:
            return [None] * len(self.decoder)
        begin = torch.tanh(self.bridge(c)).view(len(c), len(self.decoder), self._parts, -1)
        return [[tuple(begin[:, layer, part][None] for part in range(self._parts))] for layer in range(len(self.decoder))]

    def _layer(self, number: int, x: Tensor, offsets: NDArray[np.int64], states: list[list[State] | None]) -> Tensor:
        layer = self.decoder[number]
        assert isinstance(layer, RecurrentStack)
        return layer.carried(x, offsets, states[number])[0]

    def _dropped(self, x: Tensor, offsets: NDArray[np.int64]) -> Tensor:
        return variational_dropout(x, offsets, p=self.dropout, is_training=self.training)

    def loss(self, batch: PairBatch) -> Tensor:
        """Nats per unit of the targets, with label smoothing in training. A simultaneous network draws how long it waits, anew for
        each batch: one network for every k (Elbayad et al. 2020, arXiv 2005.08595)."""
        limits = None
        if self.settings.is_simultaneous:
            drawn = int(torch.randint(1, _LONGEST_WAIT + 2, ())) if self.training else _WHOLE
            limits = batch.limits(drawn if drawn <= _LONGEST_WAIT else _WHOLE)
        smoothing = self.label_smoothing if self.training else 0.0
        return nn.functional.cross_entropy(self(batch, limits), torch.from_numpy(batch.targets), label_smoothing=smoothing)

    def settings_json(self) -> dict[str, Any]:
        return self.settings.to_json()


class Attention(nn.Module):
    """The projections of one of the two scores, and the context."""

    energy: nn.Parameter | None

    def __init__(self, kind: AttentionKind, query_size: int, value_size: int, size: int) -> None:
        super().__init__()
        is_additive = kind == "additive"
        self.key = nn.Linear(value_size, size if is_additive else query_size, bias=is_additive)
        self.query = nn.Linear(query_size, size, bias=False) if is_additive else None
        self.register_parameter("energy", nn.Parameter(torch.randn(size) * size**-0.5) if is_additive else None)

    def forward(
        self,
        queries: Tensor,
        annotations: Tensor,
        target_offsets: NDArray[np.int64],
        source_offsets: NDArray[np.int64],
        limits: NDArray[np.int64] | None,
    ) -> Tensor:
        """Contexts [Nt, W] for queries [Nt, Hd] and annotations [Ns, W]."""
        asked = queries if self.query is None else self.query(queries)
        return attend(asked, self.key(annotations), annotations, target_offsets, source_offsets, energy=self.energy, limits=limits)


class _Bias(nn.Module):
    """The output's own parameter; its vectors are those of the target's units."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(size))
