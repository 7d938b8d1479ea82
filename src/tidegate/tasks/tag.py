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
from tidegate.nn import CRF
from tidegate.tasks.network import CharacterEncoder, WordNetwork

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
        layer_norm, zoneout, zoneout_cell: of the recurrent stack.
    """

    arch: str
    hidden_size: int
    num_layers: int
    word_size: int
    shape_size: int
    character_size: int
    character_embedding_size: int
    character_encoder: CharacterEncoder
    heads: dict[str, Head]
    layer_norm: bool = False
    zoneout: float = 0.0
    zoneout_cell: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class TagNetwork(WordNetwork):
    """Embeddings, stack and heads for one vocabulary.

    Args:
        settings: the sizes.
        vocabulary: how many words, shapes, characters and labels there are.
        forbidden: for each CRF column the pairs that its scheme rules out, as `forbidden_pairs` gives them.
        **rates: dropout, word_dropout, recurrent_dropout, weight_drop, as in `WordNetwork`.
    """

    def __init__(
        self,
        settings: TagNetworkSettings,
        vocabulary: Vocabulary,
        forbidden: dict[str, NDArray[np.float32]],
        **rates: Any,
    ) -> None:
        sizes = {name: value for name, value in settings.to_json().items() if name != "heads"}
        super().__init__(vocabulary, **sizes, **rates)
        self.settings = settings
        self.heads = nn.ModuleDict()
        self.crfs = nn.ModuleDict()
        for place, column in enumerate(vocabulary.columns):
            key = str(place)
            self.heads[key] = nn.Linear(self.stack.output_size, len(column.labels))
            if settings.heads[column.name] == "crf":
                self.crfs[key] = CRF(len(column.labels), forbidden.get(column.name))
        self.columns = tuple(column.name for column in vocabulary.columns)

    def forward(self, batch: TokenBatch) -> dict[str, Tensor]:
        """Logits [N, K] for each label column."""
        states = self.states(batch)
        return {name: self.heads[str(place)](states) for place, name in enumerate(self.columns)}

    def settings_json(self) -> dict[str, Any]:
        return self.settings.to_json()

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

    def tensors(self) -> dict[str, NDArray[Any]]:
        """All that the runtime needs, by name; the CRFs' scores with what is forbidden already added."""
        named = {name: tensor for name, tensor in super().tensors().items() if not name.startswith("crfs.")}
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
