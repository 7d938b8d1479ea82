"""What networks of all tasks have in common, and what those over words share: the vector of a word."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.data import TokenBatch, Vocabulary
from tidegate.kernels import Architecture, architecture
from tidegate.nn import CharacterBiLSTM, CharacterCNN, RecurrentStack, variational_dropout

CharacterEncoder = Literal["cnn", "bilstm", "none"]


class TaskNetwork(nn.Module, ABC):
    """A network that can be trained and shipped."""

    @abstractmethod
    def loss(self, batch: Any) -> Tensor:
        """Nats per token or sequence of a batch."""

    @abstractmethod
    def settings_json(self) -> dict[str, Any]:
        """What the runtime must know to build its half, for config.json."""

    def tensors(self) -> dict[str, NDArray[Any]]:
        """All that the runtime needs, by name."""
        return {name: tensor.detach().numpy().copy() for name, tensor in self.state_dict().items()}


class StackSettings(Protocol):
    """What the settings of a network say of its recurrent stack."""

    @property
    def arch(self) -> str: ...
    @property
    def hidden_size(self) -> int: ...
    @property
    def num_layers(self) -> int: ...
    @property
    def embedding_size(self) -> int: ...
    @property
    def layer_norm(self) -> bool: ...
    @property
    def zoneout(self) -> float: ...
    @property
    def zoneout_cell(self) -> float: ...


def stack_of(
    settings: StackSettings,
    dropout: float,
    *,
    arch: Architecture | None = None,
    recurrent_dropout: float = 0.0,
    weight_drop: float = 0.0,
    lookahead: int | None = None,
) -> RecurrentStack:
    """The stack that settings ask for, over vectors of their `embedding_size`.

    Args:
        dropout: between layers.
        arch: another architecture than theirs.
        recurrent_dropout, weight_drop: in training alone.
        lookahead: steps of the future that a two-way stack sees; None: all.
    """
    return RecurrentStack(
        arch or architecture(settings.arch),
        settings.embedding_size,
        settings.hidden_size,
        settings.num_layers,
        dropout,
        recurrent_dropout=recurrent_dropout,
        zoneout=settings.zoneout,
        zoneout_cell=settings.zoneout_cell,
        weight_drop=weight_drop,
        layer_norm=settings.layer_norm,
        lookahead=lookahead,
    )


class WordNetwork(TaskNetwork):
    """Word, shape and character vectors, and a recurrent stack over them; a task adds its head.

    Args:
        arch, hidden_size, num_layers, layer_norm, zoneout, zoneout_cell: of the recurrent stack.
        word_size, shape_size, character_size, character_embedding_size, character_encoder: of a word's
            vector; 0 or 'none' leaves a part out.
        vocabulary: how many words, shapes and characters there are.
        dropout: on a word's vector and on the states.
        word_dropout: a word seen n times in training becomes the unknown word with probability a / (a + n)
            (Kiperwasser & Goldberg 2016); 0 never.
        recurrent_dropout, weight_drop: in the stack, in training alone.
    """

    word_rates: Tensor

    def __init__(
        self,
        vocabulary: Vocabulary,
        *,
        arch: str,
        hidden_size: int,
        num_layers: int,
        word_size: int,
        shape_size: int,
        character_size: int,
        character_embedding_size: int,
        character_encoder: CharacterEncoder,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        layer_norm: bool = False,
        zoneout: float = 0.0,
        zoneout_cell: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.word_embedding = nn.Embedding(len(vocabulary.words) + 1, word_size)
        nn.init.normal_(self.word_embedding.weight, std=0.1)
        width = word_size
        self.shape_embedding: nn.Embedding | None = None
        if shape_size:
            self.shape_embedding = nn.Embedding(len(vocabulary.shapes) + 1, shape_size)
            nn.init.normal_(self.shape_embedding.weight, std=0.1)
            width += shape_size
        self.character_encoder: CharacterCNN | CharacterBiLSTM | None = None
        if character_encoder != "none":
            encoder = CharacterCNN if character_encoder == "cnn" else CharacterBiLSTM
            self.character_encoder = encoder(len(vocabulary.characters) + 3, character_embedding_size, character_size)
            width += character_size
        self.stack = RecurrentStack(
            architecture(arch),
            width,
            hidden_size,
            num_layers,
            dropout,
            recurrent_dropout=recurrent_dropout,
            zoneout=zoneout,
            zoneout_cell=zoneout_cell,
            weight_drop=weight_drop,
            layer_norm=layer_norm,
        )
        counts = torch.tensor([np.inf, *vocabulary.counts], dtype=torch.float32).clamp(min=1)  # inherited words may have 0
        self.register_buffer("word_rates", word_dropout / (word_dropout + counts), persistent=False)

    def states(self, batch: TokenBatch) -> Tensor:
        """The states [N, H or 2H] of the stack over the words of a batch, dropout on both sides."""
        forms = torch.from_numpy(batch.forms)
        words = torch.from_numpy(batch.words)[forms]
        if self.training:
            words = words.masked_fill(torch.rand(len(words)) < self.word_rates[words], 0)
        parts = [self.word_embedding(words)]
        spelled: list[Tensor] = []
        if self.shape_embedding is not None:
            spelled.append(self.shape_embedding(torch.from_numpy(batch.shapes)))
        if self.character_encoder is not None:
            spelled.append(self.character_encoder(torch.from_numpy(batch.characters), batch.character_offsets))
        if spelled:  # computed once for each distinct form, then dealt out to its tokens
            parts.append(torch.cat(spelled, dim=1).index_select(0, forms))
        x = variational_dropout(torch.cat(parts, dim=1), batch.offsets, p=self.dropout, is_training=self.training)
        return variational_dropout(self.stack(x, batch.offsets), batch.offsets, p=self.dropout, is_training=self.training)
