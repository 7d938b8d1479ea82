"""The GRU of the paper in torch, as good as its parts allow: torch.nn has none, so this is what a user of torch would write.

The input product is taken once for all steps; each step is two products, a sigmoid, a tanh and a blend. Three formulations: a loop
in Python, the same loop with its step compiled by torch.compile, and the whole loop compiled by torch.jit.script.
"""

# No `from __future__ import annotations`: torch.jit.script reads the annotations.
from collections.abc import Callable
from typing import Any, List  # noqa: UP035  (torch.jit.script knows no list[Tensor] in older releases)

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

FORMULATIONS = ("loop", "compiled step", "scripted loop")


def gru_step(gates: Tensor, new: Tensor, h: Tensor, u_gates: Tensor, u_new: Tensor) -> Tensor:
    """gates [B, 2H] and new [B, H] projected, h [B, H], u_gates [H, 2H], u_new [H, H] -> the next h."""
    r, z = torch.sigmoid(torch.addmm(gates, h, u_gates)).chunk(2, 1)
    return torch.lerp(torch.tanh(torch.addmm(new, r * h, u_new)), h, z)


def _loop(step: Callable[..., Tensor], gates: List[Tensor], new: List[Tensor], u_gates: Tensor, u_new: Tensor, reverse: bool) -> Tensor:  # noqa: UP006
    count = len(gates)
    h = gates[count - 1 if reverse else 0].new_zeros(gates[count - 1 if reverse else 0].shape[0], u_new.shape[0])
    states = [h] * count
    for number in range(count):
        t = count - 1 - number if reverse else number
        rows = gates[t].shape[0]
        if rows < h.shape[0]:
            h = h[:rows]
        elif rows > h.shape[0]:
            h = torch.cat([h, h.new_zeros(rows - h.shape[0], h.shape[1])])
        h = step(gates[t], new[t], h, u_gates, u_new)
        states[t] = h
    return torch.cat(states)


def _scriptable(gates: List[Tensor], new: List[Tensor], u_gates: Tensor, u_new: Tensor, reverse: bool) -> Tensor:  # noqa: UP006
    count = len(gates)
    first = gates[count - 1] if reverse else gates[0]
    h = torch.zeros(first.shape[0], u_new.shape[0], dtype=first.dtype)
    states = [h] * count
    for number in range(count):
        t = count - 1 - number if reverse else number
        rows = gates[t].shape[0]
        if rows < h.shape[0]:
            h = h[:rows]
        elif rows > h.shape[0]:
            h = torch.cat([h, torch.zeros(rows - h.shape[0], h.shape[1], dtype=h.dtype)])
        r, z = torch.sigmoid(torch.addmm(gates[t], h, u_gates)).chunk(2, 1)
        h = torch.lerp(torch.tanh(torch.addmm(new[t], r * h, u_new)), h, z)
        states[t] = h
    return torch.cat(states)


class PaperGRU(nn.Module):
    """One layer, one or two directions, with torch.nn.GRU's parameters; takes [T, B, I] or a PackedSequence, whose batch then shrinks."""

    def __init__(self, source: nn.RNNBase, formulation: str) -> None:
        super().__init__()
        self.suffixes = ("_l0", "_l0_reverse") if source.bidirectional else ("_l0",)
        for name, parameter in source.named_parameters():
            self.register_parameter(name, nn.Parameter(parameter.detach().clone()))
        self.formulation = formulation
        self.hidden_size = source.hidden_size

    def forward(self, x: Any) -> tuple[Any, None]:
        packed = isinstance(x, PackedSequence)
        flat = x.data if packed else x.flatten(0, 1)
        sizes = x.batch_sizes.tolist() if packed else [x.shape[1]] * x.shape[0]
        y = torch.cat([self._direction(flat, sizes, suffix) for suffix in self.suffixes], dim=1)
        return (PackedSequence(y, *x[1:]) if packed else y.view(x.shape[0], x.shape[1], -1)), None

    def _direction(self, flat: Tensor, sizes: list[int], suffix: str) -> Tensor:
        w_ih, w_hh, b_ih, b_hh = (getattr(self, name + suffix) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        border = 2 * self.hidden_size
        bias = b_ih + b_hh
        gates = torch.addmm(bias[:border], flat, w_ih[:border].T).split(sizes)  # type: ignore[no-untyped-call]
        new = torch.addmm(bias[border:], flat, w_ih[border:].T).split(sizes)  # type: ignore[no-untyped-call]
        rest = (list(gates), list(new), w_hh[:border].T, w_hh[border:].T, suffix.endswith("reverse"))
        if self.formulation == "scripted loop":
            states: Tensor = scripted()(*rest)
            return states
        return _loop(compiled() if self.formulation == "compiled step" else gru_step, *rest)


_made: dict[str, Any] = {}


def scripted() -> Any:
    if "scripted" not in _made:
        _made["scripted"] = torch.jit.script(_scriptable)
    return _made["scripted"]


def compiled() -> Any:
    """The step compiled, once for each shape that comes."""
    if "compiled" not in _made:
        torch._dynamo.config.recompile_limit = 64
        _made["compiled"] = torch.compile(gru_step, dynamic=False)
    return _made["compiled"]
