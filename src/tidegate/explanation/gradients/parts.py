"""Parts of which the scores that torch differentiates are made: layers with the tensors of a model directory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.artefact import StoredModel
from tidegate.nn import RecurrentStack
from tidegate.runtime.layers import RecurrentStack as RuntimeStack

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]


class Differentiable(NamedTuple):
    """A score, and between which inputs its gradients are integrated.

    Attributes:
        x: [T + A, I], what is read of the T units and, of forecasts, of the A segments ahead.
        blank: the same of blanks.
        score: of readings [S, T + A, I] the scores [S].
        channels: [T + A, I], the place of each number's channel, −1 of one that stays as it is; None where they are not told apart.
        of: what is scored, in words; empty: what the subject scores.
        size: of a score that is something: a nat, or the series' spread.
    """

    x: Array
    blank: Array
    score: Callable[[Tensor], Tensor]
    channels: Ids | None = None
    of: str = ""
    size: float = 1.0


def ragged(x: Tensor) -> tuple[Tensor, Ids]:
    """[S, T, I] as a ragged batch."""
    return x.flatten(0, 1), np.arange(len(x) + 1, dtype=np.int64) * x.shape[1]


def stack_of(stack: RuntimeStack, stored: StoredModel) -> RecurrentStack:
    """The stack of the same name in torch."""
    made = RecurrentStack(
        stack.architecture,
        stored.tensor(f"{stack.name}.layers.0.0.weight_ih").shape[1],
        stack.output_size // stack.architecture.directions,
        len(stack.layers),
        layer_norm=f"{stack.name}.layers.0.0.gain_ih" in stored.tensors,
        zoneout=stack.zoneout[0],
        zoneout_cell=stack.zoneout[1],
        lookahead=stack.lookahead,
    )
    load(made, stored, f"{stack.name}.")
    return made


def linear(stored: StoredModel, name: str) -> nn.Linear:
    weight = stored.tensor(f"{name}.weight")
    made = nn.Linear(weight.shape[1], weight.shape[0])
    load(made, stored, f"{name}.")
    return made


def tensor(stored: StoredModel, name: str) -> Tensor:
    return torch.from_numpy(np.array(stored.tensor(name), dtype=np.float32))


def load(module: nn.Module, stored: StoredModel, prefix: str) -> None:
    """Gives a module the tensors whose names begin with the prefix; it then takes part in no training."""
    module.load_state_dict({name: tensor(stored, prefix + name) for name in module.state_dict()})
    module.eval().requires_grad_(requires_grad=False)
