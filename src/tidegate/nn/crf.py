"""The linear-chain CRF as a torch module: how probable the right labels are among all, over ragged batches, and what it answers.

The answers (best labels, marginals) are `tidegate.decoding`'s, so that training and runtime share them.

Source: Lafferty, McCallum & Pereira 2001; as the last layer of a tagger, Huang, Xu & Yu 2015, arXiv 1508.01991.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tidegate import decoding
from tidegate.kernels import engine
from tidegate.nn.ragged import PaddedLayout
from tidegate.nn.recurrence import array_of, differentiable_once, runs_on_engine

Offsets = NDArray[np.int64]


class CRF(nn.Module):
    """Scores for pairs of neighbouring labels and for the labels at either edge.

    Everywhere emissions [N, K] hold the steps of all sequences one after another, and offsets [B+1] say where each begins; sequences
    may be empty. float32 and float64 on the CPU run on the engine, all else on plain torch, and its answers on the CPU.

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

    def negative_log_likelihood(self, emissions: Tensor, labels: Tensor, offsets: Offsets) -> Tensor:
        """The sum over all sequences of −log p(labels | emissions), for emissions [N, K] and labels [N]; in nats."""
        pair, start, end = self.scores()
        if runs_on_engine(emissions, pair, start, end):
            return _EngineLoss.apply(emissions, pair, start, end, labels, offsets)  # type: ignore[no-any-return,no-untyped-call]
        whole = self._log_partition(emissions, offsets, pair, start, end).sum()
        return whole - self._path_score(emissions, labels, offsets, pair, start, end)

    def log_partition(self, emissions: Tensor, offsets: Offsets) -> Tensor:
        """log Σ e^score over all label sequences, [B], 0 for an empty sequence; differentiable once by emissions and parameters."""
        pair, start, end = self.scores()
        if runs_on_engine(emissions, pair, start, end):
            return _EnginePartition.apply(emissions, pair, start, end, offsets)  # type: ignore[no-any-return,no-untyped-call]
        return self._log_partition(emissions, offsets, pair, start, end)

    def decode(self, emissions: Tensor, offsets: Offsets) -> Tensor:
        """The labels [N] of the best-scoring label sequences; of equal scores the lowest label."""
        array, transitions = self._answerable(emissions)
        return torch.from_numpy(decoding.viterbi(array, offsets, transitions, threads=torch.get_num_threads())).to(emissions.device)

    def marginals(self, emissions: Tensor, offsets: Offsets) -> Tensor:
        """The probability [N, K] of each label at each step, in float64; not differentiable."""
        array, transitions = self._answerable(emissions)
        return torch.from_numpy(decoding.marginals(array, offsets, transitions, threads=torch.get_num_threads())).to(emissions.device)

    def n_best(self, emissions: Tensor, offsets: Offsets, n: int) -> list[tuple[Tensor, Tensor]]:
        """For each sequence its n best label sequences [n, T] and their scores [n], falling, in float64; fewer where fewer exist.

        Raises:
            ValueError: n is below 1.
        """
        array, transitions = self._answerable(emissions)
        found = decoding.n_best(array, offsets, transitions, n, threads=torch.get_num_threads())
        return [tuple(torch.from_numpy(part).to(emissions.device) for part in paths) for paths in found]  # type: ignore[misc]

    def _answerable(self, emissions: Tensor) -> tuple[NDArray[Any], decoding.Transitions]:
        """Emissions and scores as arrays: float64 stays, all else becomes float32."""

        def array(tensor: Tensor) -> NDArray[Any]:
            return array_of(tensor.detach().to("cpu", torch.promote_types(tensor.dtype, torch.float32)))

        return array(emissions), decoding.Transitions(*map(array, self.scores()))

    @staticmethod
    def _path_score(emissions: Tensor, labels: Tensor, offsets: Offsets, pair: Tensor, start: Tensor, end: Tensor) -> Tensor:
        present = np.diff(offsets) > 0
        first, last = torch.from_numpy(offsets[:-1][present]), torch.from_numpy(offsets[1:][present] - 1)
        inner = np.ones(int(offsets[-1]), dtype=bool)
        inner[offsets[:-1][present]] = False
        second = torch.from_numpy(np.flatnonzero(inner))
        score = emissions.gather(1, labels[:, None]).sum()
        return score + start[labels[first]].sum() + end[labels[last]].sum() + pair[labels[second - 1], labels[second]].sum()

    @staticmethod
    def _log_partition(emissions: Tensor, offsets: Offsets, pair: Tensor, start: Tensor, end: Tensor) -> Tensor:
        # Longest first, so that the running sequences are always the first rows and the others keep their last alpha.
        order = np.argsort(-np.diff(offsets), kind="stable")
        lengths = np.diff(offsets)[order]
        layout = PaddedLayout(offsets)
        if layout.steps == 0:  # nothing but sequences without tokens
            return emissions.sum() + emissions.new_zeros(len(lengths))
        padded = layout.pad(emissions)[:, torch.from_numpy(order)]
        to_from = pair.T.contiguous()
        alpha = padded[0, : np.count_nonzero(lengths)] + start
        finished: list[Tensor] = [emissions.new_zeros(len(lengths) - len(alpha))]
        for t in range(1, layout.steps + 1):
            active = int(np.searchsorted(-lengths, -t, side="left"))
            if active < len(alpha):
                finished.append(torch.logsumexp(alpha[active:] + end, dim=1))
                alpha = alpha[:active]
            if active:
                alpha = padded[t, :active] + torch.logsumexp(alpha[:, None, :] + to_from, dim=2)
        return torch.cat(finished[::-1])[torch.from_numpy(np.argsort(order))]


class _EngineLoss(torch.autograd.Function):
    """Loss and gradients in one pass of the engine; the backward pass has only to scale them."""

    @staticmethod
    def forward(ctx: Any, emissions: Tensor, pair: Tensor, start: Tensor, end: Tensor, labels: Tensor, offsets: Offsets) -> Tensor:
        arrays = [array_of(tensor) for tensor in (emissions, pair, start, end)]
        needs_gradients, threads = any(ctx.needs_input_grad[:4]), torch.get_num_threads()
        loss, *gradients = engine.crf_loss(
            arrays[0], labels.numpy(), offsets, *arrays[1:], needs_gradients=needs_gradients, threads=threads
        )
        if needs_gradients:
            ctx.save_for_backward(*map(torch.from_numpy, gradients))
        return emissions.new_tensor(loss)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradients: list[Tensor | None] = [saved * gradient.detach() for saved in ctx.saved_tensors]
        return *(differentiable_once(gradients) if torch.is_grad_enabled() else gradients), None, None


class _EnginePartition(torch.autograd.Function):
    """log Z [B] by the engine; the gradients wait for what log Z's own are, and then take a pass of their own."""

    @staticmethod
    def forward(ctx: Any, emissions: Tensor, pair: Tensor, start: Tensor, end: Tensor, offsets: Offsets) -> Tensor:
        ctx.save_for_backward(emissions, pair, start, end)
        ctx.offsets = offsets.copy()
        arrays = [array_of(tensor) for tensor in (emissions, pair, start, end)]
        values, *_ = engine.crf_log_partition(arrays[0], offsets, *arrays[1:], threads=torch.get_num_threads())
        return torch.from_numpy(values).to(emissions.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        arrays = [array_of(tensor) for tensor in ctx.saved_tensors]
        weights, threads = array_of(gradient.double()), torch.get_num_threads()
        _, *found = engine.crf_log_partition(arrays[0], ctx.offsets, *arrays[1:], weights=weights, threads=threads)
        gradients: list[Tensor | None] = list(map(torch.from_numpy, found))
        return *(differentiable_once(gradients) if torch.is_grad_enabled() else gradients), None
