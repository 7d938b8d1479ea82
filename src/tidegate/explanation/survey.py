"""What is found of a model's gates over a whole data set: words that open and close them, saturation, dead units, memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.explanation.trace import Array, Direction
from tidegate.kernels import Cell
from tidegate.version import __version__

Ids = NDArray[np.int64]

FORMAT = "tidegate-gate-survey"
# A gate is called closed below the one and open above the other; of what hardly varies it is said that it does not.
CLOSED, OPEN, STILL = 0.1, 0.9, 1e-3
# Lengths of memory are counted in classes that double: below 2 steps, below 4, …, the last without an end.
_MEMORY_CLASSES = 12


@dataclass(frozen=True, slots=True)
class GroupMean:
    """How far a gate is open at the steps of a group (a word, or 'a: high'), on the mean, and how many steps that are."""

    name: str
    mean: float
    count: int

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "mean": round(self.mean, 4), "count": self.count}


@dataclass(frozen=True)
class GateSurvey:
    """One gate of one layer and direction over a data set.

    Attributes:
        name, role: as of a `GateView`.
        mean: over all steps and hidden units.
        closed, open: shares of the values below `CLOSED` and above `OPEN`: saturation.
        counts: [20], how many values lie in each twentieth of 0 to 1.
        opens, closes: groups by the mean over all hidden units, most open first, and most closed first.
        unit_mean, unit_closed, unit_open: [H], of each hidden unit.
        unit_opens, unit_closes: of each hidden unit the names of the groups that open and close it most.
        stuck: hidden units whose gate hardly varies over the data: standard deviation below `STILL`.
    """

    name: str
    role: str
    mean: float
    closed: float
    open: float
    counts: Ids
    opens: tuple[GroupMean, ...]
    closes: tuple[GroupMean, ...]
    unit_mean: Array
    unit_closed: Array
    unit_open: Array
    unit_opens: tuple[tuple[str, ...], ...]
    unit_closes: tuple[tuple[str, ...], ...]
    stuck: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "mean": round(self.mean, 4),
            "closed": round(self.closed, 4),
            "open": round(self.open, 4),
            "counts": self.counts.tolist(),
            "opens": [group.to_json() for group in self.opens],
            "closes": [group.to_json() for group in self.closes],
            "units": {
                "mean": np.round(self.unit_mean, 4).tolist(),
                "closed": np.round(self.unit_closed, 4).tolist(),
                "open": np.round(self.unit_open, 4).tolist(),
                "opens": [list(names) for names in self.unit_opens],
                "closes": [list(names) for names in self.unit_closes],
            },
            "stuck": list(self.stuck),
        }


@dataclass(frozen=True)
class LayerSurvey:
    """One layer and direction over a data set.

    Attributes:
        stack, number, direction, cell: as of a `LayerTrace`.
        gates: in order; none of an rnn.
        dead: hidden units whose state hardly moves over the data: standard deviation below `STILL`.
        memory: [H], steps until 1/e of a unit's past is left, at the mean rate at which its gate kept it; None of an rnn.
    """

    stack: str
    number: int
    direction: Direction
    cell: Cell
    hidden_size: int
    gates: tuple[GateSurvey, ...]
    dead: tuple[int, ...]
    memory: Array | None

    @property
    def title(self) -> str:
        """For instance 'layer 1 →'; layers are counted from 1 where people read."""
        return f"layer {self.number + 1} {'→' if self.direction == 'forward' else '←'}"

    @property
    def memory_counts(self) -> list[int]:
        """How many hidden units keep the past below 2 steps, below 4, below 8 and so on; the last: longer."""
        if self.memory is None:
            return []
        classes = np.clip(np.floor(np.log2(np.maximum(self.memory, 1))), 0, _MEMORY_CLASSES - 1).astype(int)
        counts: list[int] = np.bincount(classes, minlength=_MEMORY_CLASSES).tolist()
        return counts

    def to_json(self) -> dict[str, Any]:
        return {
            "stack": self.stack,
            "layer": self.number,
            "direction": self.direction,
            "cell": self.cell,
            "title": self.title,
            "hidden_size": self.hidden_size,
            "gates": {gate.name: gate.to_json() for gate in self.gates},
            "dead": list(self.dead),
            "memory": None
            if self.memory is None
            else {
                "units": np.round(self.memory, 3).tolist(),
                "quantiles": np.round(np.quantile(self.memory, [0.1, 0.25, 0.5, 0.75, 0.9]), 3).tolist(),
                "counts": self.memory_counts,
            },
        }


@dataclass(frozen=True)
class PanelSurvey:
    """What was done along one panel over a data set.

    Attributes:
        name: as of an explanation's panel: 'input', 'source' and 'target', 'past' and 'ahead'.
        unit_name: what a step is.
        steps: how many were read.
        layers: in the order of the reading.
    """

    name: str
    unit_name: str
    steps: int
    layers: tuple[LayerSurvey, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit_name": self.unit_name,
            "steps": self.steps,
            "layers": [layer.to_json() for layer in self.layers],
        }


@dataclass(frozen=True)
class Survey:
    """A model's gates over a data set.

    Attributes:
        task, arch, title: of the model.
        sequence_name: what a sequence is: 'sequence', 'pair', 'window', 'part' of a series.
        sequences: how many were read.
        min_count: groups that were met less often are not told of.
        panels: one, or source and target, or past and ahead.
        notes: sentences that the reader needs.
    """

    task: str
    arch: str
    title: str
    sequence_name: str
    sequences: int
    min_count: int
    panels: tuple[PanelSurvey, ...]
    notes: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[LayerSurvey, ...]:
        """Those of all panels."""
        return tuple(layer for panel in self.panels for layer in panel.layers)

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "format_version": 1,
            "tidegate_version": __version__,
            "task": self.task,
            "arch": self.arch,
            "title": self.title,
            "sequence_name": self.sequence_name,
            "sequences": self.sequences,
            "min_count": self.min_count,
            "panels": [panel.to_json() for panel in self.panels],
            "notes": list(self.notes),
        }
