"""Builders that the tests of `tidegate.nn`'s drop-ins share: ours beside torch.nn's, inputs of every kind, outputs compared."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from tidegate.nn import GRU, LSTM, RNN

INPUT, HIDDEN = 3, 5
# Name, our class, torch.nn's, and what is passed beside the sizes.
KINDS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "rnn": (RNN, nn.RNN, {}),
    "rnn-relu": (RNN, nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (LSTM, nn.LSTM, {}),
    "gru": (GRU, nn.GRU, {}),
}
every_kind = pytest.mark.parametrize("kind", list(KINDS))
OPTIONS = [
    dict(zip(("num_layers", "bidirectional", "bias", "batch_first"), values, strict=True))
    for values in product((1, 2), (False, True), (True, False), (False, True))
]
INPUTS = ("batch", "one step", "one sequence", "single", "transposed", "sliced", "packed", "packed unsorted")
UNEVEN = (2, 5, 1, 5, 3)


def pair(kind: str, *, dtype: torch.dtype = torch.float64, **options: Any) -> tuple[Any, Any]:
    """Ours and torch.nn's with the same weights."""
    mine, theirs, more = KINDS[kind]
    ours, torchs = mine(INPUT, HIDDEN, **more, **options, dtype=dtype), theirs(INPUT, HIDDEN, **more, **options, dtype=dtype)
    ours.load_state_dict(torchs.state_dict())
    return ours, torchs


def drawn(name: str, *, batch_first: bool = False, dtype: torch.dtype = torch.float64) -> tuple[Callable[[Tensor], Any], Tensor, int]:
    """A leaf, how a module's input is made of it, and how many sequences that holds."""
    if name.startswith("packed"):
        leaf = torch.randn(len(UNEVEN), max(UNEVEN), INPUT, dtype=dtype)
        lengths = UNEVEN if "unsorted" in name else tuple(sorted(UNEVEN, reverse=True))
        return (
            lambda x: pack_padded_sequence(x, torch.tensor(lengths), batch_first=True, enforce_sorted="unsorted" not in name),
            leaf,
            len(UNEVEN),
        )
    if name == "single":
        return lambda x: x, torch.randn(6, INPUT, dtype=dtype), 0
    steps, sequences = {"one step": (1, 4), "one sequence": (6, 1)}.get(name, (6, 4))
    shape = (sequences, steps) if batch_first else (steps, sequences)
    if name == "sliced":
        return lambda x: x[..., INPUT:], torch.randn(*shape, 2 * INPUT, dtype=dtype), sequences
    if name == "transposed":
        return lambda x: x.transpose(0, 1), torch.randn(*shape[::-1], INPUT, dtype=dtype), sequences
    return lambda x: x, torch.randn(*shape, INPUT, dtype=dtype), sequences


def states_of(module: Any, sequences: int, dtype: torch.dtype = torch.float64) -> Any:
    """Random (h0, c0) or h0; unbatched for no sequences."""
    rows = module.num_layers * (1 + module.bidirectional)
    shape = (rows, sequences, HIDDEN) if sequences else (rows, HIDDEN)
    parts = tuple(torch.randn(shape, dtype=dtype) for _ in range(1 + isinstance(module, nn.LSTM)))
    return parts if len(parts) == 2 else parts[0]


def flat(value: Any) -> list[Tensor]:
    """All tensors of an output, a PackedSequence's other parts included."""
    if value is None:
        return []
    return [value] if isinstance(value, Tensor) else [tensor for part in value for tensor in flat(part)]


def run(module: Any, make: Callable[[Tensor], Any], leaf: Tensor, hx: Any) -> tuple[Any, list[Tensor]]:
    """The output, and the gradients of the input, the states and the parameters, of a loss that every element enters differently."""
    module.zero_grad()
    leaf = leaf.clone().requires_grad_()
    begins = [part.clone().requires_grad_() for part in flat(hx)]
    output = module(make(leaf), None if hx is None else (tuple(begins) if isinstance(hx, tuple) else begins[0]))
    parts = [part for part in flat(output) if part.is_floating_point()]
    sum((part * torch.arange(1, part.numel() + 1).view(part.shape).cos()).sum() for part in parts).backward()  # type: ignore[union-attr]
    return output, [tensor.grad.clone() for tensor in (leaf, *begins, *module.parameters())]


def assert_alike(mine: Any, theirs: Any, tolerance: float) -> None:
    """Same kind, shapes, dtypes and, but for the tolerance, numbers."""
    assert type(mine) is type(theirs)
    assert len(flat(mine)) == len(flat(theirs))
    for one, other in zip(flat(mine), flat(theirs), strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * max([1.0, *other.detach().abs().flatten().tolist()]))
