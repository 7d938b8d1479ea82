"""CTC's loss over ragged batches as torch differentiates it; how a transcript is read off logits stands in `tidegate.decoding`.

float32 and float64 on the CPU run on the engine, all else on torch.nn.functional.ctc_loss, padded.

Source: Graves, Fernández, Gomez & Schmidhuber 2006, Connectionist Temporal Classification.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tidegate.kernels import engine
from tidegate.nn.ragged import PaddedLayout
from tidegate.nn.recurrence import array_of, differentiable_once, runs_on_engine

Offsets = NDArray[np.int64]


def ctc_loss(logits: Tensor, offsets: Offsets, targets: Tensor, target_offsets: Offsets, *, blank: int = 0) -> Tensor:
    """−log p of each transcript, in nats; the softmax is inside.

    Args:
        logits: [N, K], the steps of all sequences one after another.
        offsets: [B+1], where each begins; sequences may be empty.
        targets: [M], int64, the labels of all transcripts one after another, without blanks.
        target_offsets: [B+1]; transcripts may be empty.
        blank: which of the K labels says nothing.

    Returns:
        [B]; infinite, with a gradient of 0, where no alignment spells the transcript, as where it has more labels than there are steps.
        On the engine differentiable once.

    Raises:
        ShapeError: on the engine, of what does not fit.
        RuntimeError: on the engine, in the backward pass of a backward pass.
    """
    if runs_on_engine(logits):
        return _EngineLoss.apply(logits, offsets, targets, target_offsets, blank)  # type: ignore[no-any-return,no-untyped-call]
    return _padded_loss(logits, offsets, targets, target_offsets, blank)


def _padded_loss(logits: Tensor, offsets: Offsets, targets: Tensor, target_offsets: Offsets, blank: int) -> Tensor:
    layout = PaddedLayout(offsets)
    if layout.steps == 0:
        return logits.sum() + logits.new_tensor(np.where(np.diff(target_offsets) > 0, np.inf, 0.0))
    wide = layout.pad(logits.to(torch.promote_types(logits.dtype, torch.float32))).log_softmax(dim=2)
    # Lengths on the CPU as int64 keep torch's own kernel, which knows labels and lengths of any number.
    steps, labels = torch.from_numpy(np.diff(offsets)), torch.from_numpy(np.diff(target_offsets))
    to = targets.to(wide.device)
    loss = functional.ctc_loss(wide, to, steps, labels, blank=blank, reduction="none", zero_infinity=True)
    with torch.no_grad():  # zero_infinity keeps NaN from the gradient, and takes the infinity too
        true = functional.ctc_loss(wide, to, steps, labels, blank=blank, reduction="none")
    return torch.where(torch.isinf(true), true, loss)


class _EngineLoss(torch.autograd.Function):
    """Losses and the gradient of their sum in one pass of the engine; the backward pass has only to weigh the sequences."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, offsets: Offsets, targets: Tensor, target_offsets: Offsets, blank: int) -> Tensor:
        needs_gradient, threads = ctx.needs_input_grad[0], torch.get_num_threads()
        losses, gradient = engine.ctc_loss(
            array_of(logits), offsets, array_of(targets), target_offsets, blank=blank, needs_gradient=needs_gradient, threads=threads
        )
        if needs_gradient:
            ctx.save_for_backward(torch.from_numpy(gradient))
            ctx.lengths = torch.from_numpy(np.diff(offsets))
        return torch.from_numpy(losses).to(logits.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        (saved,) = ctx.saved_tensors
        weights = gradient.detach()
        # Of a plain sum all weights are 1: a pass over all logits less.
        weighed = saved if bool((weights == 1).all()) else saved * weights.repeat_interleave(ctx.lengths)[:, None]
        return *(differentiable_once([weighed]) if torch.is_grad_enabled() else (weighed,)), None, None, None, None
