"""The torch half of `tag`: a label per token. The NumPy half, with the same answers, is `runtime.tag`.

word, shape and character vectors -> dropout -> recurrent stack -> dropout -> one head per label column
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.data import TokenBatch, Vocabulary
from tidegate.decoding import FORBIDDEN, may_follow
from tidegate.kernels import architecture
from tidegate.nn import CRF, CharacterBiLSTM, CharacterCNN, RecurrentStack, variational_dropout

Head = Literal["crf", "softmax"]


@dataclass(frozen=True, slots=True)
class TagNetworkSettings:
    """What the network is built from; written into config.json and read back by the runtime.

    Attributes:
        arch: the architecture's name.
        hidden_size, num_layers: of the recurrent stack, each direction.
        word_size, shape_size, character_size: widths of the parts of a word's vector; 0 leaves a part out.
        character_encoder: how spelling is read.
        heads: for each label column 'crf' or 'softmax'.
    """

    arch: str
    hidden_size: int
    num_layers: int
    word_size: int
    shape_size: int
    character_size: int
    character_embedding_size: int
    character_encoder: Literal["cnn", "bilstm", "none"]
    heads: dict[str, Head]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class TagNetwork(nn.Module):
    """Embeddings, stack and heads for one vocabulary.

    Args:
        settings: the sizes.
        vocabulary: how many words, shapes, characters and labels there are.
        forbidden: for each CRF column the pairs that its scheme rules out, as `forbidden_pairs` gives them.
        dropout: on a word's vector and on the states.
        word_dropout: a word seen n times in training becomes the unknown word with probability a / (a + n)
            (Kiperwasser & Goldberg 2016); 0 never.
    """

    word_rates: Tensor

    def __init__(
        self,
        settings: TagNetworkSettings,
        vocabulary: Vocabulary,
        forbidden: dict[str, NDArray[np.float32]],
        *,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.dropout = dropout
        self.word_embedding = nn.Embedding(len(vocabulary.words) + 1, settings.word_size)
        nn.init.normal_(self.word_embedding.weight, std=0.1)
        width = settings.word_size
        self.shape_embedding: nn.Embedding | None = None
        if settings.shape_size:
            self.shape_embedding = nn.Embedding(len(vocabulary.shapes) + 1, settings.shape_size)
            nn.init.normal_(self.shape_embedding.weight, std=0.1)
            width += settings.shape_size
        self.character_encoder: CharacterCNN | CharacterBiLSTM | None = None
        if settings.character_encoder != "none":
            encoder = CharacterCNN if settings.character_encoder == "cnn" else CharacterBiLSTM
            self.character_encoder = encoder(len(vocabulary.characters) + 3, settings.character_embedding_size, settings.character_size)
            width += settings.character_size
        self.stack = RecurrentStack(architecture(settings.arch), width, settings.hidden_size, settings.num_layers, dropout)
        self.heads = nn.ModuleDict()
        self.crfs = nn.ModuleDict()
        for place, column in enumerate(vocabulary.columns):
            key = str(place)
            self.heads[key] = nn.Linear(self.stack.output_size, len(column.labels))
            if settings.heads[column.name] == "crf":
                self.crfs[key] = CRF(len(column.labels), forbidden.get(column.name))
        self.columns = tuple(column.name for column in vocabulary.columns)
        counts = torch.tensor([np.inf, *vocabulary.counts], dtype=torch.float32)
        self.register_buffer("word_rates", word_dropout / (word_dropout + counts), persistent=False)

    def forward(self, batch: TokenBatch) -> dict[str, Tensor]:
        """Logits [N, K] for each label column."""
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
        states = variational_dropout(self.stack(x, batch.offsets), batch.offsets, p=self.dropout, is_training=self.training)
        return {name: self.heads[str(place)](states) for place, name in enumerate(self.columns)}

    def loss(self, batch: TokenBatch) -> Tensor:
        """Nats per token, summed over the label columns."""
        total = torch.zeros(())
        for place, (name, logits) in enumerate(self(batch).items()):
            labels = torch.from_numpy(batch.labels[name])
            if self.settings.heads[name] == "crf":
                crf = self.crfs[str(place)]
                assert isinstance(crf, CRF)
                total = total + crf.negative_log_likelihood(logits, labels, batch.offsets)
            else:
                total = total + nn.functional.cross_entropy(logits, labels, reduction="sum")
        return total / batch.tokens

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """All that the runtime needs, by name; the CRFs' scores with what is forbidden already added."""
        named = {name: tensor.detach().numpy().copy() for name, tensor in self.state_dict().items() if not name.startswith("crfs.")}
        for key, crf in self.crfs.items():
            assert isinstance(crf, CRF)
            for part, score in zip(("pair", "start", "end"), crf.scores(), strict=True):
                named[f"crfs.{key}.{part}"] = score.detach().numpy().copy()
        return named


def forbidden_pairs(vocabulary: Vocabulary, observed: dict[str, list[NDArray[np.int64]]]) -> dict[str, NDArray[np.float32]]:
    """For each column with a span scheme, the score [K+1, K+1] of pairs that the scheme rules out and training never shows.

    Pairs that do occur in training stay allowed even against the scheme: a file with mistakes must
    still be learnable. Rows are the label before (last: the beginning), columns the label after (last: the end).
    """
    result = {}
    for column in vocabulary.columns:
        if column.scheme is None:
            continue
        edge = len(column.labels)
        names = [*column.labels, "O"]
        scores = np.zeros((edge + 1, edge + 1), dtype=np.float32)
        for before, first in enumerate(names):
            for after, second in enumerate(names):
                if not may_follow(first, second, column.scheme):
                    scores[before, after] = FORBIDDEN
        for labels in observed[column.name]:
            bordered = np.concatenate([[edge], labels, [edge]])
            scores[bordered[:-1], bordered[1:]] = 0.0
        result[column.name] = scores
    return result
