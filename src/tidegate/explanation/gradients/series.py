"""The numbers that forecasters and fillers tell, which torch differentiates by what is read of the series.

The way begins where every value reads as the scaled zero, covariates as their mean (of texts: none of those known), and the calendar as no
time at all. Which steps are holes, and how far off a value is, stays, and so do the scale of the window, constant covariates and the
series' own vector. The end is the series as it is. The score is the median told, in the target's unit.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tidegate.data.forecast_batches import ForecastBatch
from tidegate.data.scales import SeriesScale
from tidegate.explanation.gradients.parts import Differentiable, Ids, linear, ragged, stack_of, tensor
from tidegate.explanation.subjects.fill import FillSubject
from tidegate.explanation.subjects.forecast import ForecastSubject
from tidegate.explanation.subjects.series import SeriesSubject
from tidegate.nn import RecurrentStack

State = tuple[Tensor, ...]
Floats = NDArray[np.float32]

_ZEROS = {"series": "at the series' median", "last": "at the window's last value", "window": "at the window's mean"}


def forecast_score(subject: ForecastSubject) -> Differentiable:
    """The median at the step ahead that is asked about, or the mean of the medians over the horizon."""
    batch, w, spec = subject.window(), subject.segment, subject.model.spec
    network = _Forecaster(subject, batch)
    past, known = _widths(subject)
    step = spec.channels(past, known)
    own = np.full(step, -1, dtype=np.int64)  # the channel of each number of a step; the holes' marks and constant covariates have none
    own[0] = 0
    own[step - past - known :] = [*subject.past_channels, *subject.known_channels]
    static = batch.x.shape[1] - w * step
    x = np.zeros((len(batch.x) + len(batch.decoder), batch.x.shape[1]), dtype=np.float32)
    channels = np.full(x.shape, -1, dtype=np.int64)
    x[: len(batch.x)] = batch.x
    channels[: len(batch.x)] = [*np.tile(own, w), *[-1] * static]
    x[len(batch.x) :, : batch.decoder.shape[1]] = batch.decoder
    channels[len(batch.x) :, : w * known] = np.tile(own[step - known :] if known else own[:0], w)
    blank = np.where(channels >= 0, np.float32(0), x)
    asked = subject.asked
    centre, spread = float(batch.centre[0]), float(batch.spread[0])

    def score(x: Tensor) -> Tensor:
        medians = network.medians(x)[:, : subject.model.horizon].double()
        return _undone(subject.scale, medians * spread + centre)[:, asked].mean(dim=1)

    ahead = "the mean over the steps ahead" if subject.time is None else f"at {subject.time}"
    return Differentiable(x, blank, score, channels, _words(subject, ahead, _ZEROS[spec.scaling], score, x, blank), _size(subject, spread))


class _Forecaster:
    """`tasks.forecast` of one window with another past and other things known ahead; `runtime.ForecastNetwork` in torch."""

    def __init__(self, subject: ForecastSubject, batch: ForecastBatch) -> None:
        stored, network = subject.model.stored, subject.model.network
        self._network, self._w, self._read_rows = network, subject.segment, len(batch.x)
        self._widths = _widths(subject)
        self._ahead = batch.decoder.shape[1]
        self._embed, self._head = linear(stored, "embed"), linear(stored, "head")
        self._stack: RecurrentStack = stack_of(network.stack, stored)
        self._position = tensor(stored, "position.weight")
        self._known = tensor(stored, "known.weight") if "known.weight" in stored.tensors else None
        self._series: Tensor | float = 0.0
        if "series_embedding.weight" in stored.tensors:
            self._series = tensor(stored, "series_embedding.weight")[int(batch.ids[0])]
        self._past_columns = slice(network.channels - sum(self._widths), network.channels - self._widths[1])
        self._has_mask = subject.model.spec.has_mask
        self._most = subject.model.context // subject.segment

    def medians(self, x: Tensor) -> Tensor:
        """[S, So · w], in units of the window, of readings [S, N + So, I]."""
        rows, ahead = x[:, : self._read_rows], x[:, self._read_rows :, : self._ahead]
        if not self._network.is_recursive:
            segments = ahead.shape[1]
            states = [tuple(part.repeat_interleave(segments, dim=1) for part in state) for state in self._read(rows)]
            asked = self._asked(self._position[:segments].expand(len(x), -1, -1), ahead)
            return self._tell(asked.flatten(0, 1), states).view(len(x), -1)
        told = []
        for number in range(ahead.shape[1]):
            known = ahead[:, number]
            medians = self._tell(self._asked(self._position[:1].expand(len(x), -1), known), self._read(rows[:, -self._most :]))
            told.append(medians)
            rows = torch.cat([rows, self._as_read(rows[:, -1], medians, known)[:, None]], dim=1)
        return torch.cat(told, dim=1)

    def _asked(self, position: Tensor, ahead: Tensor) -> Tensor:
        return position + self._series + (0.0 if self._known is None else ahead @ self._known.T)

    def _read(self, rows: Tensor) -> list[State]:
        """The states after S pasts [S, n, I]."""
        x, offsets = ragged(rows)
        return self._stack.carried(torch.relu(self._embed(x)), offsets)[1]

    def _tell(self, asked: Tensor, states: list[State]) -> Tensor:
        """The medians [R, w] of one step from each of R rows' states."""
        tops = self._stack.carried(asked, np.arange(len(asked) + 1, dtype=np.int64), states)[0]
        quantiles = self._head(tops).view(len(asked), self._w, -1).sort(dim=2).values
        medians: Tensor = quantiles[:, :, quantiles.shape[2] // 2]
        return medians

    def _as_read(self, before: Tensor, medians: Tensor, ahead: Tensor) -> Tensor:
        """A segment that was told as the row [S, I] that is read of it: all seen, covariates known up to now as in the row before."""
        w, channels = self._w, self._network.channels
        wide, (past, known) = w * channels, self._widths
        parts = [medians[:, :, None]]
        if self._has_mask:
            parts.append(medians.new_tensor([1.0, 0.0]).expand(len(medians), w, 2))
        last = before[:, wide - channels : wide][:, self._past_columns]
        parts += [last[:, None].expand(-1, w, past), ahead[:, : w * known].view(-1, w, known)]
        return torch.cat([torch.cat(parts, dim=2).flatten(1), before[:, wide:]], dim=1)


def _widths(subject: ForecastSubject) -> tuple[int, int]:
    """Columns of the covariates known up to now, and of those known ahead."""
    return len(subject.past_channels), len(subject.known_channels)


def fill_score(subject: FillSubject) -> Differentiable:
    """What the middle of the gap, or the step of it that is asked about, is filled with.

    What is read are the values that are there: the first guess in a hole is a line between its neighbours, so what it gives is theirs.
    """
    stored, model = subject.model.stored, subject.model
    stack, embed, head = stack_of(model.network.stack, stored), linear(stored, "embed"), linear(stored, "head")
    steps, part = subject.steps, slice(subject.first, subject.last)
    x = steps.x[part].copy()
    is_hole, at = steps.reach[part] > 0, subject.asked - subject.first
    neighbours, shares = _lines(steps.reach > 0, is_two_way=model.is_two_way)
    # What lies beyond the stretch is no input, so its share of a guess stays.
    is_read = (neighbours[part] >= part.start) & (neighbours[part] < part.stop)
    shares = np.where(is_read, shares[part], 0).astype(np.float32)
    places = np.where(is_read, neighbours[part] - part.start, 0)
    held = torch.from_numpy(x[:, 0] - (x[places, 0] * shares).sum(axis=1))
    shares_of = torch.from_numpy(shares)
    x[is_hole, 0] = 0
    own = np.full(x.shape[1], -1, dtype=np.int64)
    marks = 3 + model.is_two_way
    covariates = [*subject.past_channels, *subject.known_channels]
    own[0] = 0
    own[marks : marks + len(covariates)] = covariates
    if model.reads_others:
        own[-2:] = len(subject.channels) - 1
    channels = np.broadcast_to(own, x.shape).copy()
    blank = np.where(channels >= 0, np.float32(0), x)
    series: Tensor | float = 0.0
    if "series_embedding.weight" in stored.tensors:
        series = tensor(stored, "series_embedding.weight")[steps.id]

    def score(x: Tensor) -> Tensor:
        guess = held + (x[:, places, 0] * shares_of).sum(dim=2)
        read, offsets = ragged(torch.cat([guess[:, :, None], x[:, :, 1:]], dim=2))
        states = stack(torch.relu(embed(read) + series), offsets).view(*x.shape[:2], -1)[:, at]
        quantiles = (head(states) + guess[:, at, None]).sort(dim=1).values
        return _undone(subject.scale, quantiles[:, quantiles.shape[1] // 2].double())

    words = _words(subject, f"at {subject.times(subject.asked, 1)[0]}", _ZEROS["series"], score, x, blank)
    return Differentiable(x, blank, score, channels, words, _size(subject, 1.0))


def _lines(is_hole: NDArray[np.bool_], *, is_two_way: bool) -> tuple[Ids, NDArray[np.float64]]:
    """Of each of T steps the two seen steps [T, 2] between whose values its first guess lies, and their shares in it [T, 2].

    As `data.fill_batches` guesses: a line between both, beyond the last and one way the one before, before the first the one behind; a
    share is 0 where there is no such step.
    """
    steps, seen = np.arange(len(is_hole)), np.flatnonzero(~is_hole)
    if not len(seen):
        return np.zeros((len(steps), 2), dtype=np.int64), np.zeros((len(steps), 2))
    number = np.searchsorted(seen, steps, side="right") - 1  # of the last seen one
    has_before, has_after = number >= 0, (number + 1 < len(seen)) & is_two_way & is_hole
    before, after = seen[np.maximum(number, 0)], seen[np.minimum(number + 1, len(seen) - 1)]
    share = np.where(has_before & has_after, (steps - before) / np.maximum(after - before, 1), np.where(has_after, 1.0, 0.0))
    shares = np.stack([np.where(has_before, 1 - share, 0.0), share], axis=1)
    return np.stack([before, after], axis=1), shares


def _undone(scale: SeriesScale, scaled: Tensor) -> Tensor:
    """`SeriesScale.undo`."""
    values = scaled * scale.spread + scale.centre
    return torch.expm1(values) if scale.transform == "log1p" else values


def _size(subject: SeriesSubject, spread: float) -> float:
    """How far a spread of what is read leads from its centre, in the target's unit."""
    low, high = subject.scale.undo(np.array([0.0, spread]))
    return float(abs(high - low))


def _words(subject: SeriesSubject, when: str, zero: str, score: Callable[[Tensor], Tensor], x: Floats, blank: Floats) -> str:
    """What is attributed, and from where the way begins."""
    with torch.no_grad():
        whole, begin = (float(score(torch.from_numpy(part)[None])[0]) for part in (x, blank))
    return (
        f"{subject.series.target}, {when}: {whole:.4g}, against {begin:.4g} where every value reads as the scaled zero, {zero}, covariates "
        "as their mean and the calendar as no time"
    )
