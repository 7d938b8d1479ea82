"""(k) Whether the two directions learn independently: whose gradients hang on whose weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from bench.claims.claim import Claim, Found, Telling, Verdict, table
from torch import Tensor, nn

from tidegate.kernels import architecture
from tidegate.nn.stack import RecurrentStack

CELLS = ("lstm", "gru", "rnn")
INPUT, HIDDEN, LABELS = 12, 16, 5
LENGTHS = (7, 3, 11, 1, 6)


def measure() -> Found:
    """For each cell what happens to the forward direction's gradients when the backward direction's weights are others."""
    return {cell: _of(cell) for cell in CELLS}


def _of(cell: str) -> dict[str, Any]:
    offsets = np.concatenate([[0], np.cumsum(LENGTHS)]).astype(np.int64)
    torch.manual_seed(1)
    x, upstream = torch.randn(int(offsets[-1]), INPUT), torch.randn(int(offsets[-1]), 2 * HIDDEN)
    labels, head = torch.randint(LABELS, (len(x),)), nn.Linear(2 * HIDDEN, LABELS)
    stacks = {layers: _stack(cell, layers) for layers in (1, 2)}

    def held(states: Tensor) -> Tensor:
        """Of which the gradient by the states is `upstream`, whatever they are."""
        return (states * upstream).sum()

    def by_loss(states: Tensor) -> Tensor:
        return nn.functional.cross_entropy(head(states), labels)

    found: dict[str, Any] = {}
    for name, layers, value in (("held", 1, held), ("loss", 1, by_loss), ("second layer", 2, held)):
        stack = stacks[layers]
        before = _forward_gradients(stack, value(stack(x, offsets)))
        kept = [parameter.detach().clone() for parameter in _direction(stack, 1)]
        with torch.no_grad():
            for parameter in _direction(stack, 1):
                parameter.add_(0.5 * torch.randn_like(parameter))
        after = _forward_gradients(stack, value(stack(x, offsets)))
        with torch.no_grad():
            for parameter, own in zip(_direction(stack, 1), kept, strict=True):
                parameter.copy_(own)
        change = torch.cat([(a - b).flatten() for a, b in zip(after, before, strict=True)]).norm()
        found[name] = {
            "equal bits": all(torch.equal(a, b) for a, b in zip(after, before, strict=True)),
            "change": float(change / torch.cat([b.flatten() for b in before]).norm()),
        }
    for name, layers in (("one layer", 1), ("two layers", 2)):
        stack = stacks[layers]
        states = stack(x, offsets)[:, :HIDDEN]  # of the forward direction at the top
        crossed = torch.autograd.grad((states * upstream[:, :HIDDEN]).sum(), _direction(stack, 1), allow_unused=True)
        found[f"crossed, {name}"] = max(0.0 if gradient is None else float(gradient.abs().max()) for gradient in crossed)
    return found


def _stack(cell: str, layers: int) -> RecurrentStack:
    torch.manual_seed(layers)
    return RecurrentStack(architecture(f"bi{cell}"), INPUT, HIDDEN, layers)


def _direction(stack: RecurrentStack, place: int) -> list[nn.Parameter]:
    """The parameters of a direction of the lowest layer."""
    return list(stack.layers[0][place].parameters())  # type: ignore[index]


def _forward_gradients(stack: RecurrentStack, value: Tensor) -> list[Tensor]:
    return [gradient.clone() for gradient in torch.autograd.grad(value, _direction(stack, 0))]


def tell(found: Found) -> Telling:
    def said(one: dict[str, Any]) -> str:
        return "the same bits" if one["equal bits"] else f"changed by {100 * one['change']:.0f} %"

    rows = [
        [
            cell,
            said(found[cell]["held"]),
            f"{found[cell]['crossed, one layer']:g}",
            said(found[cell]["loss"]),
            said(found[cell]["second layer"]),
            f"{found[cell]['crossed, two layers']:.2g}",
        ]
        for cell in CELLS
    ]
    shown = table(
        "cell; gradient from above held; forward states by backward weights; through a loss on both; held above a second layer; second "
        "layer's forward states by the first's backward weights",
        rows,
    )
    below = all(found[cell]["held"]["equal bits"] and found[cell]["crossed, one layer"] == 0 for cell in CELLS)
    beyond = any(not found[cell][name]["equal bits"] for cell in CELLS for name in ("loss", "second layer"))
    verdict: Verdict = ("holds here, not there" if beyond else "holds") if below else "does not hold"
    weakest, strongest = (pick(found[cell]["loss"]["change"] for cell in CELLS) for pick in (min, max))
    done = (
        f"A two-way layer of {HIDDEN} units a direction reads {len(LENGTHS)} sequences of 1 to 11 steps on the engine. Gradients of the "
        "forward direction's weights are taken twice: as they are, and after noise was added to all weights of the backward direction. "
        "Once the gradient that reaches the states is held fixed; once it comes from a softmax and cross-entropy over both directions' "
        "states; once it is held above a second layer. And the derivative of the forward states by the backward weights is taken itself."
    )
    because = (
        "Below the place where the two are joined they are two networks: with the gradient from above held, not one bit of the forward "
        "direction's gradients hangs on the backward direction, and the crossed derivative is 0 exactly. But what comes from above is "
        f"made of both: through one loss the gradients change by {100 * weakest:.0f} % to {100 * strongest:.0f} %, so each learns what the "
        "other has left over, and from the second layer on each direction reads both. Two passes they are; two trainings they are not."
    )
    return Telling(
        done,
        "What becomes of the forward direction's gradients when the backward direction's weights are others:\n\n" + shown,
        verdict,
        because,
    )


CLAIMS = (
    Claim(
        "k",
        "The two directions learn independently",
        "Backpropagation runs twice in a two-way network, once for each direction, and neither depends on the other.",
        measure,
        tell,
        "a second",
    ),
)
