"""Attention over ragged batches: every row of a target against the positions of its own source.

Two scores, on queries and keys of width A that are projected already:

    additive         energy · tanh(query + key)      Bahdanau et al. 2015, arXiv 1409.0473
    multiplicative   query · key                     Luong et al. 2015, arXiv 1508.04025

float32 and float64 on the CPU run on the engine, ragged as they are; all else runs padded on plain torch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tidegate.kernels import attention, attention_backward
from tidegate.nn.ragged import PaddedLayout
from tidegate.nn.recurrence import array_of, differentiable_once, runs_on_engine

Offsets = NDArray[np.int64]


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    target_offsets: Offsets,
    source_offsets: Offsets,
    *,
    energy: Tensor | None = None,
    limits: Offsets | None = None,
) -> Tensor:
    """What each row of a target attends to: the mean of its source's values by the softmax of the scores.

    Args:
        queries: [Nt, A].
        keys: [Ns, A].
        values: [Ns, D].
        target_offsets, source_offsets: [B+1]; a source has a position at least wherever its target has a row.
        energy: [A] of the additive score; None for the multiplicative one.
        limits: [Nt], how many positions from the first a row sees, at least 1; None: all, as are more than there are.

    Returns:
        [Nt, D]; on the engine differentiable once.

    Raises:
        ShapeError: on the engine, of what does not fit.
        RuntimeError: on the engine, in the backward pass of a backward pass.
    """
    if runs_on_engine(queries, keys, values, *(() if energy is None else (energy,))):
        return _Attention.apply(queries, keys, values, energy, target_offsets, source_offsets, limits)  # type: ignore[no-any-return,no-untyped-call]
    return _attend_padded(queries, keys, values, target_offsets, source_offsets, energy, limits)


def _attend_padded(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    target_offsets: Offsets,
    source_offsets: Offsets,
    energy: Tensor | None,
    limits: Offsets | None,
) -> Tensor:
    rows, places = PaddedLayout(target_offsets), PaddedLayout(source_offsets)
    query, key, value = (layout.pad(part).transpose(0, 1) for layout, part in ((rows, queries), (places, keys), (places, values)))
    scores = query @ key.transpose(1, 2) if energy is None else torch.tanh(query[:, :, None] + key[:, None]) @ energy
    visible = np.repeat(np.diff(source_offsets)[:, None], rows.steps, axis=1)
    if limits is not None:
        lengths = np.diff(target_offsets)
        sequence = np.repeat(np.arange(rows.sequences), lengths)
        visible[sequence, _steps(target_offsets)] = np.minimum(limits, np.repeat(np.diff(source_offsets), lengths))
    hidden = torch.arange(places.steps) >= torch.from_numpy(visible)[:, :, None]
    weights = scores.masked_fill(hidden, -torch.inf).softmax(dim=2)
    return rows.unpad((weights @ value).transpose(0, 1))


def _steps(offsets: Offsets) -> Offsets:
    """[N], which step of its sequence each row is."""
    return np.arange(int(offsets[-1])) - np.repeat(offsets[:-1], np.diff(offsets))


class _Attention(torch.autograd.Function):
    """Contexts and gradients by the engine; of the forward pass the weights are kept, one number for a row and a position."""

    @staticmethod
    def forward(
        ctx: Any,
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        energy: Tensor | None,
        target_offsets: Offsets,
        source_offsets: Offsets,
        limits: Offsets | None,
    ) -> Tensor:
        context, weights = attention(
            array_of(queries),
            array_of(keys),
            array_of(values),
            target_offsets,
            source_offsets,
            energy=None if energy is None else array_of(energy),
            limits=limits,
            threads=torch.get_num_threads(),
        )
        ctx.save_for_backward(queries, keys, values, energy, torch.from_numpy(weights))
        ctx.offsets = target_offsets.copy(), source_offsets.copy()
        ctx.limits = None if limits is None else limits.copy()
        return torch.from_numpy(context)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        queries, keys, values, energy, weights = ctx.saved_tensors
        target_offsets, source_offsets = ctx.offsets
        found = attention_backward(
            array_of(gradient),
            None,
            array_of(queries),
            array_of(keys),
            array_of(values),
            array_of(weights),
            target_offsets,
            source_offsets,
            None if energy is None else array_of(energy),
            ctx.limits,
            threads=torch.get_num_threads(),
        )
        gradients: list[Tensor | None] = [
            torch.from_numpy(part) if is_needed and part is not None else None
            for part, is_needed in zip(found, ctx.needs_input_grad, strict=False)
        ]
        return *(differentiable_once(gradients) if torch.is_grad_enabled() else gradients), None, None, None
