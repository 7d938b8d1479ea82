"""The gates of a model over a whole data set: which units of the input open and close each gate, what is stuck, how long the past is kept.

Read in bounded memory, batch by batch; nothing is kept but sums. Explanations of single inputs are `explanation.explain`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.decoding.sampling import is_whole
from tidegate.errors import RecipeError
from tidegate.explanation.materials import Batch, material_of
from tidegate.explanation.survey import CLOSED, OPEN, STILL, GateSurvey, GroupMean, LayerSurvey, PanelSurvey, Survey
from tidegate.explanation.trace import Array, Direction, LayerTrace, layer_traces
from tidegate.kernels import architecture
from tidegate.kernels.gates import GATE_NAMES, GATE_ROLES
from tidegate.runtime import load
from tidegate.runtime.layers import LayerReading, RecurrentStack, stacks_observed

Ids = NDArray[np.int64]
Sums = NDArray[np.float64]

_BINS = 20
# So many groups that open a gate most are told, and that close it most; of a single hidden unit so many.
_TOLD, _TOLD_OF_UNIT = 12, 3


def gate_survey(model: Any, given: Any, *, min_count: int = 5, seed: int = 1) -> Survey:
    """The gates of a model over a whole data set. No torch.

    Args:
        model: of the runtime, or the path of a model directory.
        given: records, or inputs as the model's `predict` takes them; of a language model lines, of a translator pairs (source, target).
        min_count: words and the like that are met less often are not told of.
        seed: of the windows that are drawn where series have more than 10,000.

    Raises:
        ModelError: the path holds no model.
        RecipeError: no model, or an option outside its range.
        DataError: something that the model cannot read, or nothing.
    """
    if not is_whole(min_count, least=1):
        raise RecipeError(f"min_count is {min_count}; expected how often a word must be met to be told of, 1 or more.")
    if isinstance(model, str | Path):
        model = load(model)
    material = material_of(model, given, min_count=int(min_count), seed=seed)
    tallies: _Tallies = {}
    for batch in material.batches():
        _read(batch, tallies, [len(groups.names) for groups in material.panels])
    arch = architecture(model.config["network"]["arch"])
    notes = list(material.notes)
    if arch.cell == "rnn":
        notes.append(f"an {arch.name} has no gates: of its states it is said which hardly move.")
    panels = []
    for number, groups in enumerate(material.panels):
        own = [tally for (panel, *_), tally in tallies.items() if panel == number]
        layers = tuple(tally.result(groups.names, int(min_count)) for tally in own)
        panels.append(PanelSurvey(groups.panel, groups.unit_name, own[0].steps, layers))
    return Survey(
        model.config["task"],
        arch.name,
        arch.title,
        material.sequence_name,
        material.sequences,
        int(min_count),
        tuple(panels),
        tuple(dict.fromkeys(notes)),
    )


def _read(batch: Batch, tallies: _Tallies, counts: Sequence[int]) -> None:
    """Reads a batch and adds what its stacks did; `counts` are the groups of each panel."""
    runs: Counter[str] = Counter()

    def observe(stack: RecurrentStack, reading: LayerReading, states: Array) -> None:
        runs[stack.name] += reading.number == 0
        found = batch.groups_of(stack.name, runs[stack.name] - 1)
        if found is None:
            return
        panel, groups = found
        for trace in layer_traces(stack.name, stack, reading, states):
            direction: Direction = "backward" if stack.name == "right" else trace.direction
            key = (panel, stack.name, trace.number, direction)
            if key not in tallies:
                tallies[key] = _Tally(trace, direction, counts[panel])
            tallies[key].add(trace, groups)

    with stacks_observed(observe):
        batch.read()


class _Moments:
    """Mean and standard deviation [H] of values that come in parts, in double and about the first part's mean."""

    def __init__(self, size: int) -> None:
        self.count, self._about = 0, np.zeros(size)
        self._sum, self._squares = np.zeros(size), np.zeros(size)

    def add(self, values: Array) -> None:
        if not self.count:
            self._about = values.mean(axis=0, dtype=np.float64)
        away = values - self._about
        self.count += len(values)
        self._sum += away.sum(axis=0)
        self._squares += np.einsum("nh,nh->h", away, away)

    @property
    def mean(self) -> Sums:
        return self._about + self._sum / self.count

    @property
    def deviation(self) -> Sums:
        return np.sqrt(np.maximum(0, self._squares / self.count - (self._sum / self.count) ** 2))


class _GateTally:
    """Sums over the values of one gate."""

    def __init__(self, hidden: int, groups: int) -> None:
        self.moments = _Moments(hidden)
        self.closed, self.open = np.zeros(hidden), np.zeros(hidden)
        self.counts = np.zeros(_BINS, dtype=np.int64)
        self.by_group = np.zeros((groups, hidden))

    def add(self, values: Array, order: Ids, starts: Ids, groups: Ids) -> None:
        """Values [N, H]; `order` lists steps by group, `starts` where each of `groups` begins in it."""
        self.moments.add(values)
        self.closed += (values < CLOSED).sum(axis=0)
        self.open += (values > OPEN).sum(axis=0)
        self.counts += np.bincount(np.minimum((values * _BINS).astype(np.int64), _BINS - 1).ravel(), minlength=_BINS)
        if len(groups):
            self.by_group[groups] += np.add.reduceat(values[order], starts, axis=0)


class _Tally:
    """Sums over what one layer and direction did."""

    def __init__(self, trace: LayerTrace, direction: Direction, groups: int) -> None:
        self._trace, self._direction = (trace.stack, trace.number, trace.cell), direction
        self._hidden = trace.states.shape[1]
        self._gates = {name: _GateTally(self._hidden, groups) for name in GATE_NAMES[trace.cell]}
        self._states = _Moments(self._hidden)
        self._counts = np.zeros(groups, dtype=np.int64)
        self._kept: Sums | None = None

    @property
    def steps(self) -> int:
        return self._states.count

    def add(self, trace: LayerTrace, groups: Ids) -> None:
        """A trace of N steps and the groups [N, G] of these."""
        if len(groups) != len(trace.states):
            raise ValueError(f"{len(trace.states)} steps were read of {len(groups)}")
        columns = groups.shape[1]
        flat = groups.ravel()
        order = np.argsort(flat, kind="stable")
        order = order[np.searchsorted(flat[order], 0) :]
        met, starts, counts = np.unique(flat[order], return_index=True, return_counts=True)
        self._counts[met] += counts
        self._states.add(trace.states)
        for name, tally in self._gates.items():
            tally.add(trace.gates[name], order // columns, starts, met)
        if trace.kept is not None:
            logs = np.log(np.clip(trace.kept.astype(np.float64), 1e-12, 1 - 1e-6)).sum(axis=0)
            self._kept = logs if self._kept is None else self._kept + logs

    def result(self, names: tuple[str, ...], min_count: int) -> LayerSurvey:
        stack, number, cell = self._trace
        told = np.flatnonzero(self._counts >= min_count)
        counts = self._counts[told]
        own = [names[place] for place in told.tolist()]
        gates = tuple(self._gate(name, tally, told, counts, own) for name, tally in self._gates.items())
        dead = tuple(np.flatnonzero(self._states.deviation < STILL).tolist())
        memory = None if self._kept is None else -self.steps / self._kept
        return LayerSurvey(stack, number, self._direction, cell, self._hidden, gates, dead, memory)

    def _gate(self, name: str, tally: _GateTally, told: Ids, counts: Ids, names: list[str]) -> GateSurvey:
        steps = self.steps
        by_group = tally.by_group[told] / np.maximum(1, counts)[:, None]
        of_layer = by_group.mean(axis=1) if len(told) else np.zeros(0)
        ranked = np.lexsort((-counts, -of_layer))
        groups = [GroupMean(names[place], float(of_layer[place]), int(counts[place])) for place in ranked.tolist()]
        by_unit = np.argsort(-by_group, axis=0, kind="stable").T  # [H, groups], most open first

        def of_units(ranked: Ids) -> tuple[tuple[str, ...], ...]:
            return tuple(tuple(names[place] for place in row) for row in ranked[:, :_TOLD_OF_UNIT].tolist())

        return GateSurvey(
            name,
            GATE_ROLES[name],
            float(tally.moments.mean.mean()),
            float(tally.closed.mean() / steps),
            float(tally.open.mean() / steps),
            tally.counts,
            tuple(groups[:_TOLD]),
            tuple(groups[::-1][:_TOLD]),
            tally.moments.mean,
            tally.closed / steps,
            tally.open / steps,
            of_units(by_unit),
            of_units(by_unit[:, ::-1]),
            tuple(np.flatnonzero(tally.moments.deviation < STILL).tolist()),
        )


# By the panel, the stack's name, the layer's number and its direction.
_Tallies = dict[tuple[int, str, int, Direction], _Tally]
