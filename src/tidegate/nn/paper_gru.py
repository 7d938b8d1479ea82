"""Layers of the paper's GRU in plain torch: where the engine does not run (another device, another dtype, autocast, transforms).

torch.nn has no such cell to fall back on. Rows are those of a PackedSequence: all sequences' first steps, longest sequence
first, then their second steps, and so on; a padded batch [T, B, I] is one whose sequences are equally long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from tidegate.nn.cells import gru_step
from tidegate.nn.recurrence import DirectionWeights


def run_module(gru: nn.GRU, input: Any, hx: Tensor | None) -> tuple[Any, Tensor]:
    """What torch.nn.GRU's `forward` gives, kinds and shapes alike, with the paper's cell and the module's settings and weights.

    Raises:
        RuntimeError, ValueError: as torch.nn.GRU, in its words.
    """
    x, sizes, order, back = input if isinstance(input, PackedSequence) else (input, None, None, None)
    is_batched = sizes is not None or x.dim() == 3
    is_batch_first = is_batched and sizes is None and gru.batch_first
    if sizes is None:
        if x.dim() not in (2, 3):
            raise ValueError(f"GRU: Expected input to be 2D or 3D, got {x.dim()}D instead")
        if hx is not None and hx.dim() != x.dim():
            kind = "batched" if is_batched else "unbatched"
            raise RuntimeError(f"For {kind} {x.dim()}-D input, hx should also be {x.dim()}-D but got {hx.dim()}-D tensor")
        if not is_batched:
            x, hx = x.unsqueeze(0 if gru.batch_first else 1), None if hx is None else hx.unsqueeze(1)
    h0 = x.new_zeros(gru.get_expected_hidden_size(x, sizes)) if hx is None else gru.permute_hidden(hx, order)
    gru.check_forward_args(x, h0, sizes)
    steps: list[int]
    if sizes is None:
        x = x.transpose(0, 1) if gru.batch_first else x
        steps = [x.shape[1]] * x.shape[0]
    else:
        steps = sizes.tolist()
    if not steps:
        raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
    weights: list[Any] = [(*direction, None, None)[:4] for direction in gru.all_weights]
    directions = 1 + gru.bidirectional
    layers = [weights[begin : begin + directions] for begin in range(0, len(weights), directions)]
    flat = x if sizes is not None else x.flatten(0, 1)
    flat, hn = run_layers(flat, steps, h0, layers, gru.dropout if gru.training else 0.0)
    if sizes is not None:
        return PackedSequence(flat, sizes, order, back), gru.permute_hidden(hn, back)
    y = flat.view(len(steps), steps[0], flat.shape[1])
    if not is_batched:
        return y.squeeze(1), hn.squeeze(1)
    return (y.transpose(0, 1) if is_batch_first else y), hn


def run_layers(
    x: Tensor, sizes: Sequence[int], h0: Tensor, layers: Sequence[Sequence[DirectionWeights]], dropout: float
) -> tuple[Tensor, Tensor]:
    """States [N, D·H] of the last layer and the last states [layers · D, B, H] of all.

    Args:
        x: [N, I].
        sizes: [T], never rising: how many sequences run at each step.
        h0: [layers · D, B, H], longest sequence first.
        layers: of each, weight_ih, weight_hh, bias_ih, bias_hh (or None) of D directions.
        dropout: probability, on the outputs of every layer but the last; 0 outside training.
    """
    last: list[Tensor] = []
    for number, layer in enumerate(layers):
        if number and dropout:
            x = functional.dropout(x, dropout, training=True)
        halves = [_direction(x, sizes, h0[len(last) + d], *weights, reverse=d == 1) for d, weights in enumerate(layer)]
        last += [h for _, h in halves]
        x = torch.cat([states for states, _ in halves], dim=1)
    return x, torch.stack(last)


def _direction(
    x: Tensor,
    sizes: Sequence[int],
    h0: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None,
    bias_hh: Tensor | None,
    *,
    reverse: bool,
) -> tuple[Tensor, Tensor]:
    bias = None if bias_ih is None or bias_hh is None else bias_ih + bias_hh
    projected = functional.linear(x, weight_ih, bias)
    if torch._C._is_any_autocast_enabled():
        h0 = h0.to(projected.dtype)  # that of the products
    recurrent, states = weight_hh.T, list(torch.split(projected, list(sizes)))
    if reverse:  # from the last step of the longest; the others join at their own last steps
        h = h0[:0]
        for t in reversed(range(len(sizes))):
            h = gru_step(states[t], torch.cat([h, h0[len(h) : sizes[t]]]), recurrent)
            states[t] = h
        return torch.cat(states), h
    h, ended = h0, []
    for t, size in enumerate(sizes):
        ended.append(h[size:])
        h = gru_step(states[t], h[:size], recurrent)
        states[t] = h
    return torch.cat(states), torch.cat([h, *reversed(ended)])
