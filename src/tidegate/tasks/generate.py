"""The torch half of `generate`: the next unit of a text, or the unit in a blank. The NumPy half is `runtime.generate`.

one way:   unit vectors -> recurrent stack, its states carried from window to window -> logits of the next unit
two ways:  unit vectors -> a stack that reads forward, another that reads from the end, nothing between them
           -> logits of each unit from the states on either side of it, so that no unit ever sees itself

Two ways as in Peters et al. 2018 (arXiv 1802.05365) and, for the vector of both sides, Melamud et al. 2016 (context2vec). Weight drop,
embedding dropout and tied vectors as in Merity et al. 2017 (arXiv 1708.02182).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.kernels import Architecture, architecture
from tidegate.nn import RecurrentStack, variational_dropout
from tidegate.nn.cells import State
from tidegate.tasks.network import TaskNetwork, stack_of

# Logits of a batch beyond which the loss is taken in parts, 512 MB of float32, and logits of a part.
_MOST_LOGITS, _LOGITS_OF_A_PART = 1 << 27, 1 << 24


@dataclass(frozen=True, slots=True)
class GenerateNetworkSettings:
    """What the network is built from; written into config.json and read back by the runtime.

    Attributes:
        arch, hidden_size, num_layers: of the recurrent stack, or of either of two.
        embedding_size: width of a unit's vector.
        is_tied: whether the vectors of units serve at the output too.
        layer_norm, zoneout, zoneout_cell: of the recurrent stack.
    """

    arch: str
    hidden_size: int
    num_layers: int
    embedding_size: int
    is_tied: bool
    layer_norm: bool = False
    zoneout: float = 0.0
    zoneout_cell: float = 0.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class TextWindow(NamedTuple):
    """B stretches of text of T units each.

    Attributes:
        units: ids [B, T].
        targets: [B, T], the unit that follows each, of a one-way network; else None.
        begins: whether the stretches begin here; where not, they go on where the last window ended.
    """

    units: NDArray[np.int64]
    targets: NDArray[np.int64] | None
    begins: bool

    @property
    def tokens(self) -> int:
        return self.units.size


class GenerateNetwork(TaskNetwork):
    """What one-way and two-way networks share: vectors of units, dropouts, the output.

    Args:
        settings: the sizes.
        units: how many there are, V.
        dropout: between layers and on what goes to the output; variational.
        input_dropout: on the vectors of units; variational.
        embedding_dropout: of a unit's whole vector, wherever it stands in a window.
        recurrent_dropout, weight_drop: in the stack, in training alone.
    """

    def __init__(
        self,
        settings: GenerateNetworkSettings,
        units: int,
        *,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
        embedding_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.dropout, self.input_dropout, self.embedding_dropout = dropout, input_dropout, embedding_dropout
        self._rates: dict[str, Any] = {"recurrent_dropout": recurrent_dropout, "weight_drop": weight_drop}
        self.embedding = nn.Embedding(units, settings.embedding_size)
        nn.init.normal_(self.embedding.weight, std=0.1 if settings.is_tied else 0.3)
        # The width of the vectors that the output compares with those of the units.
        self.output_size = settings.embedding_size if settings.is_tied else settings.hidden_size
        self.head = _Output(units, None if settings.is_tied else self.output_size)

    def _stack(self) -> RecurrentStack:
        return stack_of(self.settings, self.dropout, arch=one_way(self.settings.arch), **self._rates)

    def vectors(self, units: Tensor, offsets: NDArray[np.int64]) -> Tensor:
        """The units' vectors [N, E] for ids [N], dropouts in training."""
        weight = self.embedding.weight
        if self.training and self.embedding_dropout:
            kept = torch.rand(len(weight), 1).ge_(self.embedding_dropout).div_(1 - self.embedding_dropout)
            weight = weight * kept
        x = nn.functional.embedding(units, weight)
        return variational_dropout(x, offsets, p=self.input_dropout, is_training=self.training)

    def logits(self, vectors: Tensor) -> Tensor:
        """Logits [N, V] for output vectors [N, W]."""
        weight = self.embedding.weight if self.head.weight is None else self.head.weight
        return nn.functional.linear(vectors, weight, self.head.bias)

    def nats(self, vectors: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy of the units `targets` [N] by output vectors [N, W]; a large vocabulary's in bounded memory."""
        if len(vectors) * len(self.head.bias) <= _MOST_LOGITS:
            return nn.functional.cross_entropy(self.logits(vectors), targets)
        weight = self.embedding.weight if self.head.weight is None else self.head.weight
        loss: Tensor = _CrossEntropyInParts.apply(vectors, weight, self.head.bias, targets)  # type: ignore[no-untyped-call]
        return loss

    def settings_json(self) -> dict[str, Any]:
        return self.settings.to_json()


class _CrossEntropyInParts(torch.autograd.Function):
    """Mean cross-entropy of targets [N] by logits v · Oᵀ + b, of which only some rows are there at a time.

    The gradients are worked out with the loss, so that no logits are kept or computed twice.
    """

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
        gradients = torch.empty_like(vectors), torch.zeros_like(weight), torch.zeros_like(bias)
        total, rows = vectors.new_zeros(()), max(1, _LOGITS_OF_A_PART // len(weight))
        for begin in range(0, len(vectors), rows):
            part, wanted = vectors[begin : begin + rows], targets[begin : begin + rows]
            scores = torch.log_softmax(torch.addmm(bias, part, weight.t()), dim=1)
            total += nn.functional.nll_loss(scores, wanted, reduction="sum")
            by_logits = scores.exp_()
            by_logits[torch.arange(len(wanted)), wanted] -= 1
            torch.mm(by_logits, weight, out=gradients[0][begin : begin + rows])
            gradients[1].addmm_(by_logits.t(), part)
            gradients[2].add_(by_logits.sum(dim=0))
        ctx.save_for_backward(*gradients)
        return total / len(vectors)

    @staticmethod
    def backward(ctx: Any, *by_loss: Tensor) -> Any:
        vectors, weight, bias = ctx.saved_tensors
        factor = by_loss[0] / len(vectors)
        return vectors * factor, weight * factor, bias * factor, None


class _Output(nn.Module):
    """The output's own parameters: a bias [V] and, untied, vectors [V, W]."""

    weight: nn.Parameter | None

    def __init__(self, units: int, width: int | None) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(units))
        bound = (width or 1) ** -0.5
        self.register_parameter("weight", None if width is None else nn.Parameter(torch.empty(units, width).uniform_(-bound, bound)))


def one_way(arch: str) -> Architecture:
    """The architecture of one direction with the same cell."""
    return architecture(arch.removeprefix("bi"))


class LanguageNetwork(GenerateNetwork):
    """One way: each unit from all before it. Between two windows of a pass its states stay, without their gradients.

    Args:
        settings, units, rates: as of `GenerateNetwork`.
        state_reset: probability that a stretch begins a window from zeros after all, in training: a text that is read later begins so, and
            without it the network would hardly ever have met a beginning.
    """

    def __init__(self, settings: GenerateNetworkSettings, units: int, *, state_reset: float = 0.0, **rates: float) -> None:
        super().__init__(settings, units, **rates)
        self.state_reset = state_reset
        self.stack = self._stack()
        self.projection = nn.Linear(settings.hidden_size, settings.embedding_size, bias=False) if settings.is_tied else None
        self._states: list[State] | None = None

    def forward(self, units: Tensor, states: Sequence[State] | None = None) -> tuple[Tensor, list[State]]:
        """Logits [B·T, V] of what follows each unit, and the states after the last, for ids [B, T] and the states before the first."""
        y, last = self._read(units, states)
        return self.logits(y), last

    def _read(self, units: Tensor, states: Sequence[State] | None) -> tuple[Tensor, list[State]]:
        """Output vectors [B·T, W] in place of the logits."""
        offsets = _offsets(units)
        y, last = self.stack.carried(self.vectors(units.flatten(), offsets), offsets, states)
        y = variational_dropout(y, offsets, p=self.dropout, is_training=self.training)
        return y if self.projection is None else self.projection(y), last

    def loss(self, batch: TextWindow) -> Tensor:
        """Nats per unit; goes on from the states that the last window left, unless the batch begins."""
        before = None if batch.begins else self._states
        if self.training and self.state_reset and before is not None:
            kept = torch.rand(1, len(batch.units), 1).ge_(self.state_reset)
            before = [tuple(part * kept for part in layer) for layer in before]
        vectors, states = self._read(torch.from_numpy(batch.units), before)
        self._states = [tuple(part.detach() for part in layer) for layer in states]
        assert batch.targets is not None
        return self.nats(vectors, torch.from_numpy(batch.targets).flatten())


class _Vectors(NamedTuple):
    """What a two-way network's output is compared with, [N, W] each."""

    left: Tensor
    right: Tensor
    both: Tensor


class ClozeNetwork(GenerateNetwork):
    """Two ways: each unit from all before it, from all after it, and from both. Arguments as of `GenerateNetwork`."""

    def __init__(self, settings: GenerateNetworkSettings, units: int, **rates: float) -> None:
        super().__init__(settings, units, **rates)
        hidden = settings.hidden_size
        self.left, self.right = self._stack(), self._stack()
        self.left_projection = nn.Linear(hidden, self.output_size, bias=False)
        self.right_projection = nn.Linear(hidden, self.output_size, bias=False)
        self.both_hidden = nn.Linear(2 * hidden, hidden)
        self.both_projection = nn.Linear(hidden, self.output_size, bias=False)

    def forward(self, units: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [B·T, V] of each unit of ids [B, T]: from the left, from the right, from both sides. None is read for its own."""
        vectors = self._read(units)
        return self.logits(vectors.left), self.logits(vectors.right), self.logits(vectors.both)

    def loss(self, batch: TextWindow) -> Tensor:
        """Nats per unit: the mean of what both sides give, and of what one side gives.

        Of every two neighbouring units one is asked of the left alone and the other of the right alone, which is drawn: with many units
        the output costs more than all else, and so a third less.
        """
        asked = torch.from_numpy(batch.units).flatten()
        left, right, both = self._read(torch.from_numpy(batch.units))
        first = int(torch.randint(2, ()))
        is_left = torch.arange(len(asked)) % 2 == first
        one_side = torch.where(is_left[:, None], left, right)
        return (self.nats(both, asked) + self.nats(one_side, asked)) / 2

    def _read(self, units: Tensor) -> _Vectors:
        """Output vectors [B·T, W] in place of the logits."""
        offsets = _offsets(units)
        x = self.vectors(units.flatten(), offsets).view(*units.shape, -1)
        before = _shifted(self.left(x.flatten(0, 1), offsets).view(*units.shape, -1))
        after = _shifted(self.right(x.flip(1).flatten(0, 1), offsets).view(*units.shape, -1)).flip(1)
        left, right = (
            variational_dropout(states.flatten(0, 1), offsets, p=self.dropout, is_training=self.training) for states in (before, after)
        )
        both = torch.relu(self.both_hidden(torch.cat([left, right], dim=1)))
        both = nn.functional.dropout(both, self.dropout, self.training)
        return _Vectors(self.left_projection(left), self.right_projection(right), self.both_projection(both))


def _shifted(states: Tensor) -> Tensor:
    """[B, T, H] one step later, zeros first: what was known before each unit was read."""
    return nn.functional.pad(states[:, :-1], (0, 0, 1, 0))


def _offsets(units: Tensor) -> NDArray[np.int64]:
    return np.arange(len(units) + 1, dtype=np.int64) * units.shape[1]
