"""All that chance drops in recurrent networks: whole features, states on their way into the recurrent matrix, its weights, updates.

    variational dropout    a layer's input or output: one mask for a whole sequence       arXiv 1512.05287
    recurrent dropout      the state where it enters U: one mask for a whole sequence     arXiv 1512.05287
    weight drop            elements of U: one mask for a forward pass                     arXiv 1708.02182
    zoneout                units that keep their past: drawn anew at each step            arXiv 1606.01305

Everything follows torch's default generator, whether the layer then runs on the engine or on torch: zoneout by a seed of one
draw a layer, which `kernels.zoneout` makes a draw for each step and unit of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tidegate.kernels.architecture import PROBABILITIES, refusal
from tidegate.nn.recurrence import DirectionWeights


def variational_dropout(x: Tensor, offsets: NDArray[np.int64] | Tensor, *, p: float, is_training: bool) -> Tensor:
    """x [N, D] with each feature dropped for a whole sequence with probability p, the rest scaled by 1 / (1 − p)."""
    if not is_training or p == 0.0:
        return x
    if isinstance(offsets, Tensor):  # in a graph of torch.compile, which wants the size said
        mask = _mask(x, p, len(offsets) - 1, x.shape[1])
        return x * mask.repeat_interleave(offsets.diff(), dim=0, output_size=len(x))
    lengths = np.diff(offsets)
    sequences = torch.from_numpy(np.repeat(np.arange(len(lengths)), lengths)).to(x.device)
    dropped: Tensor = _MaskedRows.apply(x, _mask(x, p, len(lengths), x.shape[1]), sequences)  # type: ignore[no-untyped-call]
    return dropped


class _MaskedRows(torch.autograd.Function):
    """x [N, D] times the mask [B, D] of each row's sequence; keeps the mask alone, where autograd's product would keep it [N, D]."""

    @staticmethod
    def forward(x: Tensor, mask: Tensor, sequences: Tensor) -> Tensor:
        return mask.index_select(0, sequences).mul_(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[1:])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        mask, sequences = ctx.saved_tensors
        return mask.index_select(0, sequences).mul_(gradient), None, None


class DrawnLayer(NamedTuple):
    """One layer of one forward pass, after chance has had its say.

    Attributes:
        weights: of each direction.
        mask: recurrent dropout's, [D, B, H], of zeros and 1 / (1 − p); None for none.
        zoneout: probabilities that h and c keep their past.
        seed: of zoneout's draws, one int64, a tensor so that graphs may hold it; None for the expectation.
    """

    weights: list[DirectionWeights]
    mask: Tensor | None = None
    zoneout: tuple[float, float] = (0.0, 0.0)
    seed: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Dropouts:
    """How often chance strikes in a recurrent layer; probabilities in [0, 1).

    Attributes:
        recurrent_dropout: of a unit of the state, on its way into the recurrent matrix, for a whole sequence.
        zoneout: that a unit of the state h keeps its past.
        zoneout_cell: that a unit of an LSTM's cell c does.
        weight_drop: of an element of the recurrent matrix.
    """

    recurrent_dropout: float = 0.0
    zoneout: float = 0.0
    zoneout_cell: float = 0.0
    weight_drop: float = 0.0

    @property
    def draws(self) -> bool:
        """Whether anything is left to chance in training."""
        return bool(self.recurrent_dropout or self.zoneout or self.zoneout_cell or self.weight_drop)

    def drawn(self, weights: Sequence[DirectionWeights], sequences: int, *, is_training: bool) -> DrawnLayer:
        """A layer of so many sequences: in training with its draws, else with zoneout's expectation."""
        each, mask, seed = list(weights), None, None
        recurrent: Any = each[0][1]  # there wherever one of its probabilities is not 0
        rates = (self.zoneout, self.zoneout_cell)
        if is_training and self.recurrent_dropout:
            mask = _mask(recurrent, self.recurrent_dropout, len(each), sequences, recurrent.shape[1])
        if is_training and any(rates):
            seed = torch.randint(2**63 - 1, ())
        if is_training and self.weight_drop:
            each = [(w[0], w[1] * _mask(recurrent, self.weight_drop, *recurrent.shape), *w[2:]) for w in each]  # type: ignore[operator]
        return DrawnLayer(each, mask, rates, seed)


def check_variants(name: str, cell: str, *, layer_norm: bool, **probabilities: float) -> None:
    """Refuses what a cell does not have.

    Args:
        name: of the layer, for the message.
        cell: which.
        layer_norm: whether it is asked for.
        probabilities: of `Dropouts`, by name.

    Raises:
        ValueError: a probability outside [0, 1), or a variant that the cell does not have.
    """
    for variant in PROBABILITIES:
        p = probabilities.get(variant, 0.0)
        if isinstance(p, bool) or not isinstance(p, int | float) or not 0 <= p < 1:
            raise ValueError(f"{name} was given {variant}={p!r}; expected a probability of 0 or more and less than 1, for instance 0.1.")
        if p and (why := refusal(cell, variant)):
            raise ValueError(f"{name} was given {variant}={p!r}, but {why}.")
    if not isinstance(layer_norm, bool):
        raise ValueError(f"{name} was given layer_norm={layer_norm!r}; expected True or False.")
    if layer_norm and (why := refusal(cell, "layer_norm")):
        raise ValueError(f"{name} was given layer_norm=True, but {why}.")


def _mask(like: Tensor, p: float, *shape: int) -> Tensor:
    """Zeros with probability p, else 1 / (1 − p); of the dtype and on the device of `like`."""
    # torch's bernoulli_ takes three times as long on a CPU; float32, since halves are too coarse for a probability.
    return torch.rand(shape, device=like.device, dtype=torch.float32).ge_(p).div_(1 - p).to(like.dtype)
