"""The task of (g) and (h): what came first is to be told at the end of a sequence, whatever came behind it; and networks that learn it."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.kernels import CellWeights, architecture, weight_names
from tidegate.nn.stack import RecurrentStack

Floats = NDArray[np.float64]

HIDDEN, WIDTH = 64, 16
LONGEST, STEPS, BATCH, RATE = 50, 1500, 64, 3e-3
SEEDS = (1, 2, 3)
DISTANCES = (10, 25, 50, 100, 200)
TESTED = 500
SHOWN = 50  # how many others stand between where one distance is shown
# What comes: one of so many words, or a number between −1 and 1, which counts as told within a tenth.
KINDS: dict[str, int] = {"one of 8 words": 8, "one of 256 words": 256, "a number": 1}
NEAR = 0.1


class FirstThing(nn.Module):
    """A linear map of each step's input, one recurrent layer, and a linear map of its last state."""

    def __init__(self, cell: str, kind: str, seed: int, *, keeps: bool = True) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.arch, self.kind, self.size = architecture(cell), kind, KINDS[kind]
        self.vectors = nn.Linear(self.size, WIDTH)
        if self.size > 1:
            nn.init.normal_(self.vectors.weight)  # as the vectors of words begin
        self.stack = RecurrentStack(self.arch, WIDTH, HIDDEN)
        self.head = nn.Linear(HIDDEN, self.size)
        if not keeps:  # torch.nn's own beginning, without 1 on the bias of the gate that keeps
            with torch.no_grad():
                self.direction.bias_ih.uniform_(-(HIDDEN**-0.5), HIDDEN**-0.5)  # type: ignore[union-attr,operator]

    @property
    def direction(self) -> nn.Module:
        return self.stack.layers[0][0]  # type: ignore[index,return-value]

    def states(self, things: Floats) -> Tensor:
        """[B, T, H] for things [B, T, F]."""
        return self.states_of(self.vectors(torch.from_numpy(things).to(self.head.weight.dtype)))

    def states_of(self, x: Tensor) -> Tensor:
        """[B, T, H] for the layer's input [B, T, I]."""
        count, steps, width = x.shape
        flat: Tensor = self.stack(x.reshape(-1, width), np.arange(count + 1, dtype=np.int64) * steps)
        return flat.view(count, steps, HIDDEN)

    def loss(self, things: Floats) -> Tensor:
        told, first = self.head(self.states(things)[:, -1]), torch.from_numpy(things[:, 0]).float()
        if self.size == 1:
            return nn.functional.mse_loss(told, first)
        return nn.functional.cross_entropy(told, first.argmax(dim=1))

    def weights(self) -> CellWeights:
        """Of the layer, for the twins."""
        parts = {name: getattr(self.direction, name).detach().numpy() for name in weight_names(self.arch.cell)}
        return CellWeights(**{"weight_hh": None, "bias_hh": None} | parts)

    def right(self, last: Floats, things: Floats) -> float:
        """Share of the sequences whose first thing is told by last states [B, H]."""
        told = last @ self.head.weight.detach().numpy().T + self.head.bias.detach().numpy()
        if self.size == 1:
            return float((np.abs(told - things[:, 0]) < NEAR).mean())
        return float((told.argmax(axis=1) == things[:, 0].argmax(axis=1)).mean())


def drawn(kind: str, rng: np.random.Generator, count: int, between: int) -> Floats:
    """[B, 1 + between, F]: the thing to be told, and others of the same kind behind it; words as one among zeros."""
    if KINDS[kind] == 1:
        return rng.uniform(-1, 1, size=(count, 1 + between, 1))
    return np.eye(KINDS[kind])[rng.integers(KINDS[kind], size=(count, 1 + between))]


def tested(kind: str, seed: int, between: int) -> Floats:
    """The test sequences of a seed, so many things between."""
    return drawn(kind, np.random.default_rng([seed, 1, between]), TESTED, between)


@cache
def trained(cell: str, kind: str, seed: int) -> FirstThing:
    """A network that was shown sequences with 0 to `LONGEST` things in the way."""
    network, rng = FirstThing(cell, kind, seed), np.random.default_rng(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=RATE)
    for step in range(STEPS):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, 2 * (1 - step / STEPS))
        loss = network.loss(drawn(kind, rng, BATCH, int(rng.integers(LONGEST + 1))))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
    return network.eval()


@torch.no_grad()
def accuracy(network: FirstThing, between: int, seed: int) -> float:
    """Share of the test sequences whose first thing was told."""
    things = tested(network.kind, seed, between)
    return network.right(network.states(things)[:, -1].numpy(), things)
