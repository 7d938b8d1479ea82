"""Beam search over a batch of sources, knowing nothing of networks: it is told log-probabilities, and tells which hypotheses go on.

A hypothesis of n units, the end symbol counted, scores log P / lp(n) + β · coverage, with lp(n) = ((5 + n)/6)^α. Of all that the open
hypotheses of a source can become, the K most probable are kept at each step; those that end are finished. One that can no longer come
among the n best finished ones is dropped, which leaves its place to others; where none is open, the search is done.

Source: Wu et al. 2016 (GNMT), arXiv 1609.08144, section 7, for length normalisation and coverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Scores = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Finished:
    """One hypothesis that has ended.

    Attributes:
        units: its units, without the end symbol.
        score: what it is ranked by.
        logprob: log P in nats, the end symbol's included.
        rows: for each of its units and the end symbol, the row of that step's log-probabilities that it was chosen from.
    """

    units: tuple[int, ...]
    score: float
    logprob: float
    rows: Ids


def length_penalty_of(lengths: Any, alpha: float) -> Any:
    """lp(n) = ((5 + n)/6)^α for lengths n, the end symbol counted."""
    return ((5.0 + lengths) / 6.0) ** alpha


def best_columns(scores: Array, count: int) -> tuple[Ids, Array]:
    """The `count` greatest of each row [R, M], greatest first, of equal ones the lowest column first: columns and scores [R, count].

    Overwrites the scores; what is taken becomes −∞.
    """
    # As many passes are faster than a partition up to a count of fifty and more, and ties come out in order.
    every = np.arange(len(scores))
    columns = np.empty((len(scores), count), dtype=np.int64)
    values = np.empty((len(scores), count), dtype=scores.dtype)
    for number in range(count):
        best = scores.argmax(axis=1)
        columns[:, number] = best
        values[:, number] = scores[every, best]
        if number < count - 1:
            scores[every, best] = -np.inf
    return columns, values


class BeamSearch:
    """One search for each of B sources, step by step, side by side; no source's answer hangs on another's.

    A row is an open hypothesis. Rows stand by source, and within a source the more probable first. Before the first step there is one,
    empty, a source.

    Args:
        caps: [B], the most units of a hypothesis; one that has so many can only end.
        end: the id of the end symbol.
        beam: K, the most hypotheses of a source that are kept.
        n_best: how many finished ones are wanted, at most K.
        length_penalty: α, 0 or more; 0 ranks by log P alone.
        coverage_penalty: β, 0 or more.

    Attributes:
        sources: [R], whose hypothesis each row is.
    """

    def __init__(
        self, caps: Ids, end: int, *, beam: int, n_best: int = 1, length_penalty: float = 0.0, coverage_penalty: float = 0.0
    ) -> None:
        self._caps = np.asarray(caps, dtype=np.int64)
        self._end, self._beam, self._n_best = end, beam, n_best
        self._alpha, self._beta = length_penalty, coverage_penalty
        # log P only falls, and no hypothesis grows longer than this.
        self._greatest_penalty: Scores = length_penalty_of(self._caps + 1, length_penalty)
        self.sources: Ids = np.arange(len(self._caps))
        self._logprobs: Scores = np.zeros(len(self._caps))
        # Of each step, which row and which unit each of the next step's rows was made of.
        self._parents: list[Ids] = []
        self._units: list[Ids] = []
        # The best finished ones of each source [B, n_best], best first: what they score, log P, their last step and their row in it.
        places = (len(self._caps), n_best)
        self._score, self._logprob = np.full(places, -np.inf), np.full(places, -np.inf)
        self._step, self._row = np.zeros(places, dtype=np.int64), np.zeros(places, dtype=np.int64)

    @property
    def is_done(self) -> bool:
        """Whether nothing is open any more."""
        return not len(self.sources)

    def advance(self, log_probabilities: Array, coverage: Scores | None = None) -> tuple[Ids, Ids]:
        """One step of all open hypotheses.

        Args:
            log_probabilities: [R, V], of the next unit of each row, at most 0, −∞ where a unit is not to be chosen; overwritten.
            coverage: [R], Σ log min(attention that each place of the source has had, this step's included; 1); none counts as 0.

        Returns:
            parents [R'], which of the rows each of the next step's rows goes on from, and units [R'], by which unit.
        """
        step = len(self._units)
        parents, units, logprobs = self._kept(log_probabilities, step)
        sources = self.sources[parents]
        has_ended = units == self._end
        if has_ended.any():
            ended = parents[has_ended]
            scores = logprobs[has_ended] / length_penalty_of(step + 1, self._alpha)
            if coverage is not None:
                scores = scores + self._beta * coverage[ended]
            self._finish(sources[has_ended], scores, logprobs[has_ended], step, ended)
        is_open = ~has_ended & (logprobs / self._greatest_penalty[sources] > self._score[sources, -1])
        self._parents.append(parents[is_open])
        self._units.append(units[is_open])
        self.sources, self._logprobs = sources[is_open], logprobs[is_open]
        return self._parents[-1], self._units[-1]

    def _kept(self, log_probabilities: Array, step: int) -> tuple[Ids, Ids, Scores]:
        """The K most probable continuations of each source, by source, most probable first: parents, units and log P, [C] each."""
        # Each row has K of them at most: those are found first, in the precision that they came in.
        width = min(self._beam, log_probabilities.shape[1])
        must_end = self._caps[self.sources] == step
        last = log_probabilities[must_end, self._end]
        units, values = best_columns(log_probabilities, width)
        units[must_end], values[must_end, 0], values[must_end, 1:] = self._end, last, -np.inf
        # By source, with as many places for rows as the source with most has.
        rows = np.bincount(self.sources, minlength=len(self._caps))
        filled = np.flatnonzero(rows)
        begins = np.cumsum(rows[filled]) - rows[filled]
        most = int(rows.max())
        scores = np.full((len(filled), most, width), -np.inf)
        at = np.arange(len(self.sources)) - np.repeat(begins, rows[filled])
        scores[np.repeat(np.arange(len(filled)), rows[filled]), at] = self._logprobs[:, None] + values
        best, logprobs = best_columns(scores.reshape(len(filled), most * width), min(self._beam, most * width))
        is_one = logprobs > -np.inf
        parents = (begins[:, None] + best // width)[is_one]
        told: Scores = logprobs[is_one].astype(np.float64)
        return parents, units[parents, (best % width)[is_one]], told

    def _finish(self, sources: Ids, scores: Scores, logprobs: Scores, step: int, rows: Ids) -> None:
        """Takes hypotheses that have ended, by source, among the best; of equal scores what came first stays first."""
        whose, begins, counts = np.unique(sources, return_index=True, return_counts=True)
        at = np.repeat(np.arange(len(whose)), counts), self._n_best + np.arange(len(sources)) - np.repeat(begins, counts)
        new = {"_score": scores, "_logprob": logprobs, "_step": np.full_like(rows, step), "_row": rows}
        joined = {}
        for name, values in new.items():
            known = getattr(self, name)
            joined[name] = np.full((len(whose), self._n_best + int(counts.max())), -np.inf if name == "_score" else 0, dtype=known.dtype)
            joined[name][:, : self._n_best] = known[whose]
            joined[name][at] = values
        order = np.argsort(-joined["_score"], axis=1, kind="stable")[:, : self._n_best]
        for name, values in joined.items():
            getattr(self, name)[whose] = np.take_along_axis(values, order, axis=1)

    def results(self) -> list[list[Finished]]:
        """The `n_best` finished hypotheses of each source, best first; fewer where there are no more."""
        is_there = self._score > -np.inf
        steps, rows = self._step[is_there], self._row[is_there]
        longest = int(steps.max(initial=-1))
        # Backwards from each one's end, all together.
        units, trace = np.zeros((len(steps), longest + 1), dtype=np.int64), np.zeros((len(steps), longest + 1), dtype=np.int64)
        trace[np.arange(len(steps)), steps] = rows
        for step in range(longest - 1, -1, -1):
            goes_on = steps > step
            after = trace[goes_on, step + 1]
            units[goes_on, step] = self._units[step][after]
            trace[goes_on, step] = self._parents[step][after]
        found = iter(zip(units, trace, steps.tolist(), self._score[is_there].tolist(), self._logprob[is_there].tolist(), strict=True))
        results = []
        for count in is_there.sum(axis=1).tolist():
            each = (next(found) for _ in range(count))
            results.append(
                [Finished(tuple(row[:step].tolist()), score, logprob, way[: step + 1]) for row, way, step, score, logprob in each]
            )
        return results
