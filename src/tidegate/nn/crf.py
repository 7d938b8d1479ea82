"""The linear-chain CRF for training: how probable the right labels are among all, over ragged batches.

The answers (best labels, marginals) are `tidegate.decoding`'s, so that training and runtime share them.

Source: Lafferty, McCallum & Pereira 2001; as the last layer of a tagger, Huang, Xu & Yu 2015, arXiv 1508.01991.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate.kernels import engine
from tidegate.nn.ragged import PaddedLayout
from tidegate.nn.recurrence import array_of, differentiable_once, runs_on_engine


class CRF(nn.Module):
    """Scores for pairs of neighbouring labels and for the labels at either edge.

    Args:
        labels: K.
        forbidden: score to add to each pair [K+1, K+1], 0 or strongly negative; the last row is the
            edge before a sequence, the last column the edge after it. None forbids nothing.
    """

    forbidden: Tensor

    def __init__(self, labels: int, forbidden: NDArray[np.float32] | None = None) -> None:
        super().__init__()
        edges = np.zeros((labels + 1, labels + 1), dtype=np.float32) if forbidden is None else forbidden
        self.pair = nn.Parameter(torch.zeros(labels, labels))
        self.start = nn.Parameter(torch.zeros(labels))
        self.end = nn.Parameter(torch.zeros(labels))
        self.register_buffer("forbidden", torch.from_numpy(edges), persistent=False)

    def scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Pair [K, K], start [K] and end [K], what the scheme forbids included."""
        return self.pair + self.forbidden[:-1, :-1], self.start + self.forbidden[-1, :-1], self.end + self.forbidden[:-1, -1]

    def negative_log_likelihood(self, emissions: Tensor, labels: Tensor, offsets: NDArray[np.int64]) -> Tensor:
        """The sum over all sequences of −log p(labels | emissions), for emissions [N, K] and labels [N]; in nats."""
        pair, start, end = self.scores()
        if runs_on_engine(emissions, pair, start, end):
            return _EngineLoss.apply(emissions, pair, start, end, labels, offsets)  # type: ignore[no-any-return,no-untyped-call]
        return self._log_partition(emissions, offsets, pair, start, end) - self._path_score(emissions, labels, offsets, pair, start, end)

    @staticmethod
    def _path_score(emissions: Tensor, labels: Tensor, offsets: NDArray[np.int64], pair: Tensor, start: Tensor, end: Tensor) -> Tensor:
        present = np.diff(offsets) > 0
        first, last = torch.from_numpy(offsets[:-1][present]), torch.from_numpy(offsets[1:][present] - 1)
        inner = np.ones(int(offsets[-1]), dtype=bool)
        inner[offsets[:-1][present]] = False
        second = torch.from_numpy(np.flatnonzero(inner))
        score = emissions.gather(1, labels[:, None]).sum()
        return score + start[labels[first]].sum() + end[labels[last]].sum() + pair[labels[second - 1], labels[second]].sum()

    @staticmethod
    def _log_partition(emissions: Tensor, offsets: NDArray[np.int64], pair: Tensor, start: Tensor, end: Tensor) -> Tensor:
        # Longest first, so that the running sequences are always the first rows and the others keep their last alpha.
        present = np.flatnonzero(np.diff(offsets))
        lengths = np.diff(offsets)[present]
        order = np.argsort(-lengths, kind="stable")
        lengths = lengths[order]
        layout = PaddedLayout(offsets)
        if layout.steps == 0:  # nothing but sequences without tokens
            return emissions.sum()
        padded = layout.pad(emissions)[:, torch.from_numpy(present[order])]
        to_from = pair.T.contiguous()
        alpha = padded[0] + start
        finished: list[Tensor] = []
        for t in range(1, layout.steps):
            active = int(np.searchsorted(-lengths, -t, side="left"))
            if active < len(alpha):
                finished.append(alpha[active:])
                alpha = alpha[:active]
            alpha = padded[t, :active] + torch.logsumexp(alpha[:, None, :] + to_from, dim=2)
        finished.append(alpha)
        return torch.logsumexp(torch.cat(finished) + end, dim=1).sum()


class _EngineLoss(torch.autograd.Function):
    """Loss and gradients in one pass of the engine; the backward pass has only to scale them."""

    @staticmethod
    def forward(
        ctx: Any, emissions: Tensor, pair: Tensor, start: Tensor, end: Tensor, labels: Tensor, offsets: NDArray[np.int64]
    ) -> Tensor:
        arrays = [array_of(tensor) for tensor in (emissions, pair, start, end)]
        loss, *gradients = engine.crf_loss(arrays[0], labels.numpy(), offsets, *arrays[1:], needs_gradients=any(ctx.needs_input_grad[:4]))
        if any(ctx.needs_input_grad[:4]):
            ctx.save_for_backward(*map(torch.from_numpy, gradients))
        return emissions.new_tensor(loss)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradients: list[Tensor | None] = [saved * gradient.detach() for saved in ctx.saved_tensors]
        return *(differentiable_once(gradients) if torch.is_grad_enabled() else gradients), None, None
