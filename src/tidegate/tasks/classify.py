"""The torch half of `classify`: a label per text. The NumPy half, with the same answers, is `runtime.classify`.

unit vectors -> dropout -> recurrent stack -> dropout -> pooling -> linear          (deep path)
hashed n-grams -> linear, fitted beforehand -> times one learnt number            (wide path, optional)
the sum of both -> softmax, or a sigmoid per label

Two paths as in Cheng et al. 2016 (arXiv 1606.07792): the wide one remembers what it has seen, the deep one
carries over to what it has not. How the wide one is fitted: `training.classification.wide`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.data import TextBatch, Vocabulary
from tidegate.data.ngrams import WidePath
from tidegate.kernels import architecture
from tidegate.nn import Pool, Pooling
from tidegate.tasks.network import CharacterEncoder, WordNetwork

_WIDE_SCALE = 3.0


@dataclass(frozen=True, slots=True)
class ClassifyNetworkSettings:
    """What the network is built from; written into config.json and read back by the runtime.

    Attributes:
        arch, hidden_size, num_layers: of the recurrent stack.
        word_size, shape_size, character_size, character_embedding_size, character_encoder: of a unit's vector.
        pools: how the states become one vector.
        has_wide_path: whether n-grams count too.
        is_multi_label: whether a text may carry any number of labels.
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
    pools: tuple[Pool, ...]
    has_wide_path: bool
    is_multi_label: bool
    layer_norm: bool = False
    zoneout: float = 0.0
    zoneout_cell: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class ClassifyNetwork(WordNetwork):
    """Embeddings, stack, pooling and head; the wide path beside them.

    Args:
        settings: the sizes.
        vocabulary: how many units, shapes, characters and labels there are.
        wide: the wide path, which is not trained here; None without one.
        label_weights: [K], what a text of each label counts in the loss; None: 1.
        label_smoothing: share of the target that is dealt to all labels alike.
        deep_loss: weight of the deep path's loss on its own.
        **rates: dropout, word_dropout, recurrent_dropout, weight_drop, as in `WordNetwork`.
    """

    def __init__(
        self,
        settings: ClassifyNetworkSettings,
        vocabulary: Vocabulary,
        wide: WidePath | None,
        *,
        label_weights: Tensor | None = None,
        label_smoothing: float = 0.0,
        deep_loss: float = 0.0,
        **rates: Any,
    ) -> None:
        sizes = {name: value for name, value in settings.to_json().items() if name not in ("pools", "has_wide_path", "is_multi_label")}
        super().__init__(vocabulary, **sizes, **rates)
        self.settings = settings
        self.pooling = Pooling(settings.pools, self.stack.output_size, architecture(settings.arch).directions)
        labels = len(vocabulary.columns[0].labels)
        self.head = nn.Linear(self.pooling.output_size, labels)
        self._wide = wide
        # A support vector machine's scores lie about ±1; as logits they want to be a few times that.
        self.wide_scale = nn.Parameter(torch.tensor(_WIDE_SCALE)) if wide is not None else None
        self._label_weights = label_weights
        self._label_smoothing = label_smoothing
        self._deep_loss = deep_loss

    def deep_logits(self, batch: TextBatch) -> Tensor:
        """Logits [B, K] of the deep path alone."""
        pooled = self.pooling(self.states(batch.units), batch.units.offsets)
        return self.head(nn.functional.dropout(pooled, self.dropout, self.training))  # type: ignore[no-any-return]

    def forward(self, batch: TextBatch) -> Tensor:
        """Logits [B, K]."""
        return self._with_wide(self.deep_logits(batch), batch)

    def _with_wide(self, deep: Tensor, batch: TextBatch) -> Tensor:
        if self.wide_scale is None:
            return deep
        assert batch.wide is not None
        return deep + self.wide_scale * torch.from_numpy(batch.wide)

    def loss(self, batch: TextBatch) -> Tensor:
        """Nats per text: of the softmax, or summed over the labels' sigmoids; plus the deep path's own, weighted, while training."""
        deep = self.deep_logits(batch)
        loss = self._loss(self._with_wide(deep, batch), batch)
        if self.wide_scale is None or not self.training or not self._deep_loss:
            return loss
        return loss + self._deep_loss * self._loss(deep, batch)

    def _loss(self, logits: Tensor, batch: TextBatch) -> Tensor:
        right = torch.from_numpy(batch.labels)
        weights = self._label_weights if self.training else None
        smoothing = self._label_smoothing if self.training else 0.0
        if self.settings.is_multi_label:
            right = right * (1 - smoothing) + smoothing / 2
            summed = nn.functional.binary_cross_entropy_with_logits(logits, right, pos_weight=weights, reduction="sum")
            return summed / len(right)
        return nn.functional.cross_entropy(logits, right.argmax(dim=1), weight=weights, label_smoothing=smoothing)

    def settings_json(self) -> dict[str, Any]:
        return self.settings.to_json()

    def tensors(self) -> dict[str, NDArray[Any]]:
        named = super().tensors()
        if self._wide is not None:
            scale = named.pop("wide_scale")
            named["wide.weights"] = scale * self._wide.weights
            named["wide.bias"] = scale * self._wide.bias
            named["ngrams.hashes"] = self._wide.table.hashes
            named["ngrams.weights"] = self._wide.table.weights
        return named
