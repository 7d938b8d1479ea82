"""Panels of an explanation: the gates of every layer along a sequence, their mean, their spread, and unit by unit."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.explanation.trace import LayerTrace
from tidegate.kernels.gates import CANDIDATE, GATE_NAMES, GATE_ROLES

Array = NDArray[np.floating[Any]]

# The spread that is drawn beside a mean: so much of a gate's units lie below the low line, and above the high one.
LOW, HIGH = 0.1, 0.9


@dataclass(frozen=True)
class GateView:
    """One gate of one layer and direction along T units.

    Attributes:
        name: as in `kernels.gates.GATE_NAMES`, or the candidate, or 'h'.
        role: what it does, in a few words.
        values: [T, H].
        is_signed: between −scale and scale; else between 0 and 1.
    """

    name: str
    role: str
    values: Array
    is_signed: bool = False

    @cached_property
    def scale(self) -> float:
        """The greatest magnitude that is drawn: 1, or more where values are larger, as those of cells without tanh can be."""
        return max(1.0, float(np.abs(self.values).max(initial=0))) if self.is_signed else 1.0

    @cached_property
    def mean(self) -> Array:
        """[T] over the units of the layer."""
        means: Array = self.values.mean(axis=1)
        return means

    @cached_property
    def spread(self) -> Array:
        """[T, 2], the values below and above which a tenth of the layer's units lie."""
        # Sorting takes an eighth of the time of np.quantile's partitions, which give the same numbers.
        rising = np.sort(self.values, axis=1)
        lines = []
        for share in (LOW, HIGH):
            place = share * (rising.shape[1] - 1)
            below, above = int(place), min(int(place) + 1, rising.shape[1] - 1)
            lines.append(rising[:, below] + (place - below) * (rising[:, above] - rising[:, below]))
        spread: Array = np.stack(lines, axis=1)
        return spread

    @cached_property
    def reacts_at(self) -> NDArray[np.int64]:
        """[H], of each unit the step at which it departs most from its own mean: what it reacts to."""
        away = np.abs(self.values - self.values.mean(axis=0))
        steps: NDArray[np.int64] = away.argmax(axis=0).astype(np.int64)
        return steps

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """[H], units by what they react to, the first step's first; of one step the strongest first."""
        away = np.abs(self.values - self.values.mean(axis=0)).max(axis=0)
        order: NDArray[np.int64] = np.lexsort((-away, self.reacts_at)).astype(np.int64)
        return order

    def to_json(self, *, with_units: bool) -> dict[str, Any]:
        """`values` are bytes in base64, [T · H] step by step, units in their own order: 0 to 255 for 0 to 1; if signed, −scale to scale."""
        content: dict[str, Any] = {
            "role": self.role,
            "signed": self.is_signed,
            "scale": round(self.scale, 4),
            "mean": rounded(self.mean),
            "low": rounded(self.spread[:, 0]),
            "high": rounded(self.spread[:, 1]),
        }
        if with_units:
            share = (self.values / self.scale + 1) / 2 if self.is_signed else self.values
            content["values"] = _bytes(share)
            content["order"] = self.order.tolist()
            content["reacts_at"] = self.reacts_at.tolist()
        return content


@dataclass(frozen=True)
class LayerView:
    """One layer and direction of a panel."""

    trace: LayerTrace

    @property
    def title(self) -> str:
        """For instance 'layer 1 →'; layers are counted from 1 where people read."""
        return f"layer {self.trace.number + 1} {'→' if self.trace.direction == 'forward' else '←'}"

    @cached_property
    def gates(self) -> tuple[GateView, ...]:
        """The cell's gates in order, the candidate, and the state h."""
        trace = self.trace
        names = GATE_NAMES[trace.cell]
        views = [GateView(name, GATE_ROLES[name], trace.gates[name]) for name in names]
        if offered := CANDIDATE[trace.cell]:
            views.append(GateView(offered, GATE_ROLES[offered], trace.gates[offered], is_signed=True))
        return (*views, GateView("h", "state", trace.states, is_signed=True))

    @cached_property
    def memory(self) -> Array | None:
        """[H], over how many steps each unit keeps the past: until 1/e of it is left, at the rate at which its gate kept it here.

        −1 / mean(log k) for the shares k [T] that were kept, at most a million; None for an rnn, which has no such gate.
        """
        kept = self.trace.kept
        if kept is None:
            return None
        logs = np.log(np.clip(kept.astype(np.float64), 1e-12, 1 - 1e-6)).mean(axis=0)
        lengths: Array = -1 / logs
        return lengths

    def _before_first(self, before: Array | None, after: Array | None) -> list[float] | None:
        """[H], what was held before the first step that was read; None where each step began anew, as a bounded look-ahead does."""
        if before is None or after is None or not len(before):
            return None
        is_forward = self.trace.direction == "forward"
        is_one_run = np.array_equal(before[1:], after[:-1]) if is_forward else np.array_equal(before[:-1], after[1:])
        return rounded(before[0 if is_forward else -1]) if is_one_run else None

    def _equation_json(self) -> dict[str, Any]:
        """What the last equation of the cell needs besides its gates: the first state before, zoneout, and an LSTM's c, if a plain one."""
        trace = self.trace
        content: dict[str, Any] = {"first": self._before_first(trace.before, trace.states), "zoneout": list(trace.zoneout), "cells": None}
        if trace.cells is not None and trace.weights.shift_c is None and np.isfinite(trace.cells).all():
            scale = max(float(np.abs(trace.cells).max(initial=0)), 1.0)
            first = self._before_first(trace.cells_before, trace.cells)
            content["cells"] = {"signed": True, "scale": round(scale, 6), "first": first, "values": _bytes((trace.cells / scale + 1) / 2)}
        return content

    def to_json(self, *, with_units: bool) -> dict[str, Any]:
        return {
            "stack": self.trace.stack,
            "layer": self.trace.number,
            "direction": self.trace.direction,
            "cell": self.trace.cell,
            "title": self.title,
            "hidden_size": int(self.trace.states.shape[1]),
            "gates": {view.name: view.to_json(with_units=with_units) for view in self.gates},
            "memory": None if self.memory is None else rounded(self.memory, 3),
            **(self._equation_json() if with_units else {}),
        }


@dataclass(frozen=True)
class Panel:
    """A sequence that was read or written, and the layers that ran along it.

    Attributes:
        name: 'input'; of an encoder and decoder 'source' and 'target'.
        unit_name: what stands along it: 'word', 'character', 'step', …
        units: T of them in words.
        layers: in the order of the reading, each T long.
        said: of each unit the answer there in words; empty where only the whole has one.
        probabilities: of those answers.
    """

    name: str
    unit_name: str
    units: tuple[str, ...]
    layers: tuple[LayerView, ...]
    said: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()

    @property
    def _titles(self) -> list[str]:
        """Of the layers, with their stacks' names where two would be called the same."""
        own = [layer.title for layer in self.layers]
        return own if len(set(own)) == len(own) else [f"{layer.trace.stack}, {layer.title}" for layer in self.layers]

    def to_json(self, *, with_units: bool) -> dict[str, Any]:
        return {
            "name": self.name,
            "unit_name": self.unit_name,
            "units": list(self.units),
            "said": list(self.said),
            "probabilities": [round(p, 6) for p in self.probabilities],
            "layers": [
                layer.to_json(with_units=with_units) | {"title": title} for layer, title in zip(self.layers, self._titles, strict=True)
            ],
        }


def panel_of(name: str, unit_name: str, units: tuple[str, ...], traces: list[LayerTrace], extras: Mapping[str, Any] | None = None) -> Panel:
    """A panel of traces as long as the units."""
    return Panel(name, unit_name, units, tuple(LayerView(trace) for trace in traces), **(extras or {}))


def _bytes(shares: Array) -> str:
    """Shares between 0 and 1 as bytes in base64."""
    return base64.b64encode(np.round(np.clip(shares, 0, 1) * 255).astype(np.uint8).tobytes()).decode()


def rounded(values: Array, digits: int = 4) -> list[float]:
    return [round(value, digits) for value in values.astype(float).tolist()]
