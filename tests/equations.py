"""The cells' variants written out in torch, step by step for one sequence after another: the truth for the engine's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from strategies import offsets_of
from tidegate.kernels.engine import Layer
from tidegate.kernels.zoneout import kept_units

NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "gain_ih", "gain_hh", "gain_c", "shift_c")
GATES = {"rnn": 1, "rnn-relu": 1, "lstm": 4, "gru": 3, "gru-reset-after": 3, "mingru": 2, "minlstm": 3}
MINIMAL = ("mingru", "minlstm")


@dataclass
class Variant:
    """A layer, a ragged batch and gradients from above, in float64; `tensors` are leaves."""

    cell: str
    lengths: list[int]
    input_size: int
    hidden_size: int
    directions: int = 1
    reverse: bool = False
    layer_norm: bool = False
    zoneout: tuple[float, float] = (0.0, 0.0)
    seed: int | None = None
    masked: bool = False
    states: bool = True
    draw: int = 0
    weights: list[dict[str, Tensor]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = torch.Generator().manual_seed(self.draw)
        H, I, D, B, N = self.hidden_size, self.input_size, self.directions, len(self.lengths), sum(self.lengths)  # noqa: E741
        rows = GATES[self.cell] * H
        for _ in range(D):
            own = {"weight_ih": self.normal(rows, I, scale=I**-0.5), "bias_ih": self.normal(rows, scale=0.5)}
            if self.cell not in MINIMAL:
                own |= {"weight_hh": self.normal(rows, H, scale=0.8 * H**-0.5), "bias_hh": self.normal(rows, scale=0.5)}
            if self.layer_norm:
                own |= {"gain_ih": self.normal(rows), "gain_hh": self.normal(rows)}
                if self.cell == "lstm":
                    own |= {"gain_c": self.normal(H), "shift_c": self.normal(H, scale=0.5)}
            self.weights.append(own)
        self.offsets: NDArray[np.int64] = offsets_of(self.lengths)
        self.x = self.normal(N, I)
        self.h0 = self.normal(D, B, H) if self.states else None
        self.c0 = self.normal(D, B, H) if self.states and self.cell == "lstm" else None
        keep = torch.rand(D, B, H, generator=self.random, dtype=torch.float64) < 0.7
        self.mask = keep.double() / 0.7 if self.masked else None
        self.dy = self.normal(N, D * H).detach()
        self.dhn = self.normal(D, B, H).detach()
        self.dcn = self.normal(D, B, H).detach() if self.cell == "lstm" else None

    def normal(self, *shape: int, scale: float = 1.0) -> Tensor:
        return (torch.randn(*shape, generator=self.random, dtype=torch.float64) * scale).requires_grad_()

    def engine_weights(self, dtype: Any = np.float64) -> list[Any]:
        count = 4 if not self.layer_norm else 8 if self.cell == "lstm" else 6
        return [tuple(array_of(own.get(name), dtype) for name in NAMES[:count]) for own in self.weights]

    def layer(self, dtype: Any = np.float64, **options: Any) -> Layer:
        return Layer(self.cell, self.engine_weights(dtype), reverse=self.reverse, zoneout=self.zoneout, **options)

    def forward(self, layer: Layer, dtype: Any = np.float64, **options: Any) -> Any:
        arrays = {"mask": array_of(self.mask, dtype), "seed": self.seed} | options
        return layer.forward(array_of(self.x, dtype), self.offsets, array_of(self.h0, dtype), array_of(self.c0, dtype), **arrays)

    def truth(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """y, hn and cn by the equations."""
        H, D = self.hidden_size, self.directions
        y = [[torch.zeros(0, H, dtype=torch.float64)] for _ in range(D)]
        hn, cn = [], []
        for d in range(D):
            for b, length in enumerate(self.lengths):
                zero = torch.zeros(H, dtype=torch.float64)
                h = zero if self.h0 is None else self.h0[d, b]
                c = zero if self.c0 is None else self.c0[d, b]
                steps = range(int(self.offsets[b]), int(self.offsets[b + 1]))
                states: list[Tensor] = []
                for n in reversed(steps) if self.reverse or d == 1 else steps:
                    h, c = self.step(d, b, n, h, c)
                    states.append(h)
                if states:
                    y[d].append(torch.stack(states[::-1] if self.reverse or d == 1 else states))
                assert len(states) == length
                hn.append(h)
                cn.append(c)
        plane = (D, len(self.lengths), H)
        last = [torch.stack(part).view(plane) if part else torch.zeros(plane, dtype=torch.float64) for part in (hn, cn)]
        return torch.cat([torch.cat(part) for part in y], dim=1), last[0], last[1] if self.cell == "lstm" else None

    def step(self, d: int, b: int, n: int, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        w, H, x = self.weights[d], self.hidden_size, self.x[n]
        if self.cell in MINIMAL:
            a = (w["weight_ih"] @ x + w["bias_ih"]).split(H)
            if self.cell == "mingru":
                z = torch.sigmoid(a[0])
                return z * h + (1 - z) * a[1], c
            i, f = torch.sigmoid(a[0]), torch.sigmoid(a[1])
            return f / (f + i) * h + i / (f + i) * a[2], c
        entering = h if self.mask is None else h * self.mask[d, b]
        slices = (
            [slice(0, 4 * H)] if self.cell == "lstm" else [slice(0, H)] if "rnn" in self.cell else [slice(0, 2 * H), slice(2 * H, 3 * H)]
        )

        def product(kind: str, vector: Tensor, at: slice) -> Tensor:
            value = w[f"weight_{kind}"][at] @ vector
            return normalised(value) * w[f"gain_{kind}"][at] if self.layer_norm else value

        past_h, past_c = self.past(d, n, "h"), self.past(d, n, "c")
        if "gru" in self.cell:
            rz, last = slices
            r, z = torch.sigmoid(product("ih", x, rz) + product("hh", entering, rz) + w["bias_ih"][rz] + w["bias_hh"][rz]).split(H)
            if self.cell == "gru":
                new = torch.tanh(product("ih", x, last) + product("hh", r * entering, last) + w["bias_ih"][last] + w["bias_hh"][last])
            else:
                new = torch.tanh(product("ih", x, last) + w["bias_ih"][last] + r * (product("hh", entering, last) + w["bias_hh"][last]))
            return past_h * h + (1 - past_h) * (z * h + (1 - z) * new), c
        a = product("ih", x, slices[0]) + product("hh", entering, slices[0]) + w["bias_ih"] + w["bias_hh"]
        if self.cell != "lstm":
            return past_h * h + (1 - past_h) * (torch.tanh(a) if self.cell == "rnn" else torch.relu(a)), c
        i, f, g, o = a.split(H)
        new_c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        shown = normalised(new_c) * w["gain_c"] + w["shift_c"] if self.layer_norm else new_c
        new_h = torch.sigmoid(o) * torch.tanh(shown)
        return past_h * h + (1 - past_h) * new_h, past_c * c + (1 - past_c) * new_c

    def past(self, d: int, n: int, state: Any) -> Tensor:
        """The share of its past that each unit keeps."""
        p = self.zoneout[state == "c"]
        if self.seed is None:
            return torch.full((self.hidden_size,), p, dtype=torch.float64)
        return torch.from_numpy(kept_units(self.seed, np.array([n]), self.hidden_size, p, direction=d, state=state)[0]).double()

    def gradients(self) -> dict[str, Any]:
        """Of everything, by autograd, named as in `found`."""
        y, hn, cn = self.truth()
        loss = (y * self.dy).sum() + (hn * self.dhn).sum() + (0 if cn is None or self.dcn is None else (cn * self.dcn).sum())
        leaves = {"x": self.x, "h0": self.h0, "c0": self.c0} | {
            f"{name}[{d}]": w for d, own in enumerate(self.weights) for name, w in own.items()
        }
        present = {name: leaf for name, leaf in leaves.items() if leaf is not None}
        if not loss.requires_grad:
            return {name: torch.zeros_like(leaf) for name, leaf in present.items()}
        each = torch.autograd.grad(loss, list(present.values()), allow_unused=True)
        return {name: torch.zeros_like(leaf) if g is None else g for (name, leaf), g in zip(present.items(), each, strict=True)}

    def found(self, layer: Layer, tape: Any, dtype: Any = np.float64, **options: Any) -> dict[str, Any]:
        """The engine's gradients."""
        arrays = [array_of(part, dtype) for part in (self.x, self.dy, self.dhn, self.dcn)]
        gradients = layer.backward(tape, *arrays, needs_dh0=self.states, **options)
        named = {"x": gradients.dx, "h0": gradients.dh0, "c0": gradients.dc0}
        named |= {f"{name}[{d}]": part for d, own in enumerate(gradients.weights) for name, part in zip(NAMES, own, strict=False)}
        return {name: part for name, part in named.items() if part is not None}


def normalised(v: Tensor) -> Tensor:
    return (v - v.mean()) / torch.sqrt(v.var(unbiased=False) + 1e-5)


def array_of(tensor: Tensor | None, dtype: Any) -> Any:
    return None if tensor is None else np.ascontiguousarray(tensor.detach().numpy().astype(dtype))
