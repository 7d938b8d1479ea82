"""The subject of `forecast`: what a series' next steps are told from. Its units are the segments that are read of the past."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tidegate.data.covariates import EncodedSeries
from tidegate.data.forecast_batches import ForecastBatch, collate_windows
from tidegate.decoding.sampling import is_whole
from tidegate.errors import DataError
from tidegate.explanation.panel import Panel, panel_of
from tidegate.explanation.subjects.series import SeriesSubject, score_of
from tidegate.explanation.subjects.subject import PlaceError, Places, Said, Scores, Variants
from tidegate.explanation.trace import LayerTrace
from tidegate.runtime.forecast import ForecastModel
from tidegate.runtime.layers import RecurrentStack


class ForecastSubject(SeriesSubject):
    """A forecaster and one series.

    Args:
        given: a panel, a frame or paths of files.
        series, target: which; None where there is but one.
        future: files or a frame of rows that come after, where the model reads covariates known ahead.
        at: the step ahead that is explained, from 0; None for all of the horizon.

    Attributes:
        asked: of the horizon's steps those that are explained.
        time: of the step that is explained; None for all of the horizon.

    Raises:
        DataError: a history shorter than a segment, or covariates known ahead that end early.
        RecipeError: no such series, several and none is named, or no such step ahead.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("at", "series", "target", "future")
    panel = "past"
    unit_name = "segment"

    def __init__(
        self,
        model: ForecastModel,
        given: Any,
        *,
        at: int | None = None,
        series: str | None = None,
        target: str | None = None,
        future: Any = None,
    ) -> None:
        panel = model.read(given, future)
        super().__init__(model.config, model.series, panel, series, target)
        model.check_ahead(replace(panel, series=(self.series,)), model.horizon, has_future=future is not None, notes=self.notes)
        self.model, self.network, self._horizon = model, model.network, model.horizon
        self.origin = len(self.series.y)
        self.segment = model.spec.segment
        self._spec = replace(model.spec, horizon=model.network.reach(model.horizon))
        segments = min(model.context, self.origin) // self.segment
        if not segments:
            raise DataError(
                f"series '{panel.key(self.series)}' ({self.series.place}) has {self.origin} steps up to its last value; the model reads "
                f"{self.segment} at a time, so it needs as many. Give more of its history."
            )
        self.first = self.origin - segments * self.segment
        if at is not None and not (is_whole(at, least=0) and at < model.horizon):
            raise PlaceError(at, f"the model tells {model.horizon:,} steps ahead", (0, model.horizon - 1))
        self.asked = slice(None) if at is None else slice(int(at), int(at) + 1)
        self.units = self._segments(self.first, segments)
        self._ahead = self._segments(self.origin, -(-model.horizon // self.segment))
        self.time = None if at is None else self.times(self.origin + int(at), 1)[0]
        self.source = f"{panel.key(self.series)}, {segments * self.segment:,} steps up to {self.times(self.origin - 1, 1)[0]}"
        self.stacks = {"stack": self.network.stack}
        number, self.scale = model.series.identified(panel, [len(one.y) for one in panel.series])[0][self.index]
        name = panel.key(self.series)
        self._encoded = model.series.coder.encode(self.series, self.scale, extra=model.network.reach(model.horizon), id=number, name=name)
        if self.network.is_recursive:
            self.notes.append(
                "for each segment ahead the network reads anew, with what it told before; of the past the first reading is shown."
            )

    @property
    def input_stacks(self) -> Mapping[str, RecurrentStack]:
        """None: the one direction there is tells the steps ahead too, so without it there is no forecast."""
        return {}

    def _segments(self, first: int, count: int) -> tuple[str, ...]:
        """The times of segments from step `first` on, each from its first step to its last."""
        times = self.times(first, count * self.segment)
        if self.segment == 1:
            return tuple(times)
        return tuple(f"{times[place]} – {times[place + self.segment - 1]}" for place in range(0, len(times), self.segment))

    def _medians(self, encoded: list[EncodedSeries]) -> NDArray[np.float64]:
        """[V, F], what is told, in the target's unit."""
        batch = self._windows(encoded)
        told = self.network(batch)[:, : self._horizon, self.network.quantiles // 2].astype(np.float64)
        return self.scale.undo(told * batch.spread[:, None] + batch.centre[:, None])

    def _windows(self, encoded: list[EncodedSeries]) -> ForecastBatch:
        return collate_windows(encoded, np.array([(place, self.origin) for place in range(len(encoded))], dtype=np.int64), self._spec)

    def window(self) -> ForecastBatch:
        """What is read, as it is."""
        return self._windows([self._encoded])

    @cached_property
    def medians(self) -> NDArray[np.float64]:
        """[F], the forecast; the first look reads the past."""
        found: NDArray[np.float64] = self._medians([self._encoded])[0]
        return found

    def run(self) -> Said:
        asked = self.medians[self.asked]
        if self.time is not None:
            return Said(f"{self.series.target} {asked[0]:.4g} at {self.time}")
        return Said(f"{self.series.target} {asked[0]:.4g} to {asked[-1]:.4g}, {len(asked):,} steps ahead")

    @property
    def of(self) -> str:
        when = f"the mean over {self._horizon:,} steps ahead" if self.time is None else f"at {self.time}"
        return f"minus the change of {self.series.target}, {when}"

    def _scores(self, variants: Variants, places: Places) -> Scores:
        told = self._medians([self._varied(row) for row in variants])
        return score_of(told[:, self.asked], self.medians[self.asked])

    def _varied(self, row: Variants) -> EncodedSeries:
        holes, past, known = self.masks(row)

        def placed(mask: NDArray[np.bool_], rows: int) -> NDArray[np.bool_]:
            whole = np.zeros(rows, dtype=bool)
            whole[self.first : self.origin] = np.repeat(mask, self.segment)
            # What is taken away from end to end is not known ahead either.
            whole[self.origin :] = mask.all()
            return whole

        return self.without(
            self._encoded,
            placed(holes, self.origin),
            {name: placed(mask, self.origin) for name, mask in past.items()},
            {name: placed(mask, len(self._encoded.known)) for name, mask in known.items()},
        )

    def panels(self, traces: list[LayerTrace]) -> tuple[Panel, ...]:
        """What was read, and the segments that were told: one step of the stack each, from the states after the past."""
        layers = len(self.network.stack.layers)
        runs = [traces[begin : begin + layers] for begin in range(0, len(traces), layers)]
        told = [_joined([run[layer] for run in runs[1::2]]) for layer in range(layers)]
        parts = np.array_split(self.medians, np.arange(self.segment, self._horizon, self.segment))
        said = tuple(f"{part.mean():.4g}" for part in parts)
        return (
            panel_of(self.panel, self.unit_name, self.units, runs[0]),
            panel_of("ahead", self.unit_name, self._ahead, told, {"said": said}),
        )


def _joined(traces: list[LayerTrace]) -> LayerTrace:
    """The traces of runs one after another as one."""
    first = traces[0]
    arrays: dict[str, Any] = {
        name: None if getattr(first, name) is None else np.concatenate([getattr(trace, name) for trace in traces])
        for name in ("x", "before", "states", "cells", "cells_before")
    }
    return replace(first, gates={name: np.concatenate([trace.gates[name] for trace in traces]) for name in first.gates}, **arrays)
