"""The network of `tasks.translate` written with torch.nn: padded, as PyTorch's users write it. What the speed of training is compared with.

Takes the weights of a `TranslateNetwork`, gives the same logits (the bench checks it), and pads what the other leaves ragged.
"""

from __future__ import annotations

import itertools
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tidegate.data.pair_batches import PairBatch
from tidegate.tasks.translate import TranslateNetwork

# How the encoder reads sequences of different lengths: torch's packed sequences, or padded ones, which let oneDNN do the LSTM, with the
# backward direction reading each sequence turned round within its own length.
Manner = Literal["packed", "padded"]
_LAYERS = {"lstm": nn.LSTM, "gru-reset-after": nn.GRU, "rnn": nn.RNN}
_NO_TARGET = -100


class PaddedBatch(NamedTuple):
    """sources [B, S], lengths [B], turned [B, S] (where each position stands in the reversed source), inputs and targets [B, T]."""

    sources: Tensor
    lengths: Tensor
    turned: Tensor
    inputs: Tensor
    targets: Tensor

    @classmethod
    def of(cls, batch: PairBatch) -> PaddedBatch:
        sources = _padded(batch.sources, batch.source_offsets, 0)
        lengths = torch.from_numpy(np.diff(batch.source_offsets))
        place = torch.arange(sources.shape[1])
        turned = torch.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)
        inputs = _padded(batch.inputs, batch.target_offsets, 0)
        return cls(sources, lengths, turned, inputs, _padded(batch.targets, batch.target_offsets, _NO_TARGET))


def _padded(flat: NDArray[np.int64], offsets: NDArray[np.int64], filler: int) -> Tensor:
    parts = [torch.from_numpy(flat[begin:end]) for begin, end in itertools.pairwise(offsets)]
    return nn.utils.rnn.pad_sequence(parts, batch_first=True, padding_value=filler)


class TorchTranslator(nn.Module):
    """Encoder, decoder and attention of torch.nn alone; the weights are copies of `network`'s."""

    def __init__(self, network: TranslateNetwork, manner: Manner) -> None:
        super().__init__()
        settings = network.settings
        self.manner = manner
        self.dropout, self.label_smoothing = network.dropout, network.label_smoothing
        self.source_embedding = nn.Embedding.from_pretrained(network.source_embedding.weight.detach().clone(), freeze=False)
        self.target_embedding = nn.Embedding.from_pretrained(network.target_embedding.weight.detach().clone(), freeze=False)
        cell = _LAYERS[settings.arch.removeprefix("bi")]
        self.encoder = nn.ModuleList()
        for layer in network.encoder.layers:
            width = layer[0].weight_ih.shape[1]
            directions = len(layer)
            if manner == "packed" or directions == 1:
                copy = cell(width, settings.hidden_size, bidirectional=directions == 2, batch_first=True)
                _copy(copy, layer, ("", "_reverse")[:directions])
                self.encoder.append(nn.ModuleList([copy]))
            else:
                pair = [cell(width, settings.hidden_size, batch_first=True) for _ in layer]
                for copy, direction in zip(pair, layer, strict=True):
                    _copy(copy, [direction], ("",))
                self.encoder.append(nn.ModuleList(pair))
        assert network.summary is not None
        assert network.bridge is not None
        assert network.attention is not None
        self.summary, self.bridge, self.readout = (_linear(part) for part in (network.summary, network.bridge, network.readout))
        self.key = _linear(network.attention.key)
        self.query = None if network.attention.query is None else _linear(network.attention.query)
        self.energy = None if network.attention.query is None else nn.Parameter(network.attention.energy.detach().clone())
        self.bias = nn.Parameter(network.head.bias.detach().clone())
        self.is_lstm = settings.decoder == "lstm"
        self.decoder = nn.ModuleList()
        for stack in network.decoder:
            copy = _LAYERS[settings.decoder](stack.layers[0][0].weight_ih.shape[1], settings.decoder_size, batch_first=True)
            _copy(copy, stack.layers[0], ("",))
            self.decoder.append(copy)

    def forward(self, batch: PaddedBatch) -> Tensor:
        """Logits [B, T, Vt+1]."""
        x, last = self._encode(self._dropped(self.source_embedding(batch.sources)), batch)
        annotations = self._dropped(x)
        begin = torch.tanh(self.bridge(torch.tanh(self.summary(last)))).view(len(last), len(self.decoder), -1, self.decoder[0].hidden_size)
        states = [begin[:, layer].transpose(0, 1).contiguous() for layer in range(len(self.decoder))]
        vectors = self._dropped(self.target_embedding(batch.inputs))
        x = self._layer(0, vectors, states)
        query, keys = x if self.query is None else self.query(x), self.key(annotations)
        scores = query @ keys.transpose(1, 2) if self.energy is None else torch.tanh(query[:, :, None] + keys[:, None]) @ self.energy
        hidden = torch.arange(keys.shape[1]) >= batch.lengths[:, None]
        context = scores.masked_fill(hidden[:, None], -torch.inf).softmax(dim=2) @ annotations
        for number in range(1, len(self.decoder)):
            x = self._dropped(x)
            x = self._layer(number, torch.cat([x, context], dim=2) if number == 1 else x, states)
        read = self.readout(torch.cat([self._dropped(x), vectors, context], dim=2))
        r = read.unflatten(2, (-1, 2)).amax(dim=3)
        return nn.functional.linear(r, self.target_embedding.weight, self.bias)

    def loss(self, batch: PaddedBatch) -> Tensor:
        logits = self(batch).flatten(0, 1)
        return nn.functional.cross_entropy(
            logits, batch.targets.flatten(), ignore_index=_NO_TARGET, label_smoothing=self.label_smoothing if self.training else 0.0
        )

    def _encode(self, x: Tensor, batch: PaddedBatch) -> tuple[Tensor, Tensor]:
        """Annotations [B, S, W] and what each direction read last [B, W]."""
        last = x
        for number, layer in enumerate(self.encoder):
            x = self._dropped(x) if number else x
            if self.manner == "packed":
                packed, state = layer[0](pack_padded_sequence(x, batch.lengths, batch_first=True, enforce_sorted=False))
                x = pad_packed_sequence(packed, batch_first=True)[0]
                last = (state[0] if isinstance(state, tuple) else state).transpose(0, 1).flatten(1)
                continue
            ends = (batch.lengths - 1)[:, None, None]
            forward = layer[0](x)[0]
            parts, lasts = [forward], [forward.gather(1, ends.expand(-1, 1, forward.shape[2]))[:, 0]]
            if len(layer) == 2:
                turned = layer[1](x.gather(1, batch.turned[:, :, None].expand(-1, -1, x.shape[2])))[0]
                lasts.append(turned.gather(1, ends.expand(-1, 1, turned.shape[2]))[:, 0])
                parts.append(turned.gather(1, batch.turned[:, :, None].expand(-1, -1, turned.shape[2])))
            x, last = torch.cat(parts, dim=2), torch.cat(lasts, dim=1)
        return x, last

    def _layer(self, number: int, x: Tensor, states: list[Tensor]) -> Tensor:
        state = states[number]
        y: Tensor = self.decoder[number](x, (state[:1], state[1:]) if self.is_lstm else state)[0]
        return y

    def _dropped(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, self.dropout, self.training)


def _linear(given: nn.Linear) -> nn.Linear:
    copy = nn.Linear(given.in_features, given.out_features, bias=given.bias is not None)
    copy.load_state_dict(given.state_dict())
    return copy


def _copy(layer: nn.RNNBase, directions: nn.ModuleList | list[nn.Module], suffixes: tuple[str, ...]) -> None:
    """Puts the weights of the stack's directions into a layer of torch.nn."""
    state = {
        f"{name}_l0{suffix}": value for part, suffix in zip(directions, suffixes, strict=True) for name, value in part.state_dict().items()
    }
    layer.load_state_dict(state)
