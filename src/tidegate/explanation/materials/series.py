"""Series as they are surveyed: windows as forecasts are made from them, stretches as holes are filled in them.

A segment of the past, or a step, belongs to one group of each of its facets: how high the target and the covariates are there, the hour,
weekday and month, and how far back from the origin it lies; a segment that is told to those that are known ahead, and how far ahead it is;
a hole to how far the next value is.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tidegate.data.fill_batches import FillSteps, collate_steps, panel_starts, stretches
from tidegate.data.forecast_batches import collate_windows
from tidegate.data.series import Panel, Series
from tidegate.errors import DataError, listed
from tidegate.explanation.materials.facets import Facets, clock_facets, covariate_facets, distance_names, distance_of, target_facets
from tidegate.explanation.materials.material import Batch, Groups, Ids, Material
from tidegate.runtime import FillModel, ForecastModel
from tidegate.runtime.windows import BATCH_TOKENS

# Windows that are read; of more so many are drawn.
MOST_WINDOWS = 10_000
_LEVELS = "Low, middle and high are thirds: of the target's values in each series, of a covariate's in all."


def forecast_material(model: ForecastModel, given: Any, seed: int) -> Material:
    """Windows of a forecaster: of each series one every horizon or so, counted back from its end."""
    panel = model.read(given)
    windows, notes = _windows(model, panel, seed)
    network, w = model.network, model.spec.segment
    reach = network.reach(model.horizon)
    spec = replace(model.spec, horizon=reach)
    identified, said = model.series.identified(panel, [len(series.y) for series in panel.series])
    encoded = [
        model.series.coder.encode(series, scale, extra=reach, id=number, name=panel.key(series))
        for series, (number, scale) in zip(panel.series, identified, strict=True)
    ]
    columns, most = panel.columns, model.context // w
    clock = clock_facets(panel, w)
    past = Facets([*target_facets(panel, w), *covariate_facets(panel, (*columns.past, *columns.future), w), *clock])
    ahead = Facets([*covariate_facets(panel, columns.future, w), *clock])
    # From where the distances go on in each panel's groups.
    backs, forwards = len(past.names), len(ahead.names)
    panels = (
        Groups("past", _unit_name(w), (*past.names, *distance_names(most, w, "back"))),
        Groups("ahead", _unit_name(w), (*ahead.names, *distance_names(spec.segments, w, "ahead"))),
    )

    def batches() -> Iterator[Batch]:
        size = max(1, BATCH_TOKENS // (most + spec.segments))
        for begin in range(0, len(windows), size):
            part = windows[begin : begin + size]
            counts = np.minimum(model.context, part[:, 1]) // w
            back = np.concatenate([np.arange(count, 0, -1) for count in counts.tolist()])
            places, origins = (np.repeat(column, counts) for column in part.T)
            read = np.concatenate([past.of(places, origins - back * w), backs + distance_of(back)[:, None]], axis=1)
            forward = np.tile(np.arange(spec.segments), len(part))
            places, origins = (np.repeat(column, spec.segments) for column in part.T)
            told = np.concatenate([ahead.of(places, origins + forward * w), forwards + distance_of(forward + 1)[:, None]], axis=1)
            groups_of = partial(_recursive_groups if network.is_recursive else _direct_groups, read, told, spec.segments)
            yield Batch(partial(network, collate_windows(encoded, part, spec)), groups_of)

    return Material(panels, len(windows), batches, (*panel.notes, *said, *model.series.coder.unknown(panel.series), *notes), "window")


def _direct_groups(read: Ids, told: Ids, segments: int, stack: str, run: int) -> tuple[int, Ids]:
    """All segments ahead are told at once from the states after the past."""
    return (1, told) if run else (0, read)


def _recursive_groups(read: Ids, told: Ids, segments: int, stack: str, run: int) -> tuple[int, Ids] | None:
    """Segment after segment is told, and read for the next; of the past the first reading is meant."""
    if run % 2:
        return 1, told[run // 2 :: segments]
    return None if run else (0, read)


def _windows(model: ForecastModel, panel: Panel, seed: int) -> tuple[Ids, tuple[str, ...]]:
    """Places and origins [M, 2], and what is to be said of them.

    Raises:
        DataError: no series has a segment that can be read.
    """
    segment, horizon = model.spec.segment, model.horizon
    # Windows a day apart would all begin at the same hour.
    every = next(steps for steps in itertools.count(horizon) if math.gcd(steps, model.series.season) == 1)
    found, short = [], []
    for place, series in enumerate(panel.series):
        last = len(series.y) - (0 if _is_known_ahead(panel, series, horizon) else horizon)
        origins = np.arange(last, segment - 1, -every, dtype=np.int64)[::-1]
        found.append(np.stack([np.full(len(origins), place), origins], axis=1))
        if not len(origins):
            short.append(panel.key(series))
    windows = np.concatenate(found)
    if not len(windows):
        longest = max(panel.series, key=lambda series: len(series.y))
        ahead = ", and what is known ahead must be there" if panel.columns.future else ""
        raise DataError(
            f"series '{panel.key(longest)}' ({longest.place}) has {len(longest.y)} steps up to its last value, and no window to survey: "
            f"the model reads {segment} at a time{ahead}. Give more of its history."
        )
    notes = [f"read are windows of up to {model.context:,} steps, one every {every:,} steps, counted back from each series' end. {_LEVELS}"]
    if model.network.is_recursive:
        notes.append("for each segment ahead the network reads anew, with what it told before; of the past the first reading is surveyed.")
    if short:
        notes.append(f"{len(short)} series are too short for a window: {listed(short)}.")
    if len(windows) > MOST_WINDOWS:
        notes.append(f"of {len(windows):,} windows {MOST_WINDOWS:,} were drawn by chance (seed {seed}).")
        windows = windows[np.sort(np.random.default_rng(seed).choice(len(windows), MOST_WINDOWS, replace=False))]
    return windows, tuple(notes)


def _is_known_ahead(panel: Panel, series: Series, horizon: int) -> bool:
    """Whether a forecast from the series' end has all that it reads."""
    rows = series.has_row[len(series.y) :][:horizon]
    return not panel.columns.future or (len(rows) == horizon and bool(rows.all()))


def fill_material(model: FillModel, given: Any) -> Material:
    """Stretches about the holes of series, as a filler reads them to fill these."""
    panel = model.panel(given)
    steps = model.read(panel.series, panel_starts(panel))
    pieces = []
    for place, series in enumerate(panel.series):
        holes = np.flatnonzero(~np.isfinite(series.y))
        pieces += [(place, first, last) for first, last, _ in stretches(holes, len(series.y), model.margin, BATCH_TOKENS)]
    if not pieces:
        raise DataError(
            f"none of {len(panel.series)} series has a hole, so nothing is filled and there is nothing to survey. Give tables with holes."
        )
    facets = Facets(
        [*target_facets(panel, 1), *covariate_facets(panel, (*panel.columns.past, *panel.columns.future), 1), *clock_facets(panel, 1)]
    )
    most = max(int(one.reach.max()) for one in steps)
    groups = Groups("input", "step", (*facets.names, *(f"hole, {name}" for name in distance_names(most, 1, "from a value"))))

    def groups_of(part: list[tuple[int, int, int]]) -> Ids:
        places = np.concatenate([np.full(last - first, place) for place, first, last in part])
        at = np.concatenate([np.arange(first, last) for _, first, last in part])
        reach = np.concatenate([steps[place].reach[first:last] for place, first, last in part])
        holes = np.where(reach > 0, len(facets.names) + distance_of(np.maximum(reach, 1)), -1)
        return np.concatenate([facets.of(places, at), holes[:, None]], axis=1)

    def batches() -> Iterator[Batch]:
        for part in _batched(pieces):
            own = groups_of(part)
            yield Batch(partial(_read, model, steps, part), lambda stack, run, own=own: (0, own))  # type: ignore[misc]

    notes = (f"read are the holes and {model.margin:,} steps on either side, as where they are filled. {_LEVELS}",)
    return Material((groups,), len(pieces), batches, (*model.notes(panel), *notes), "part")


def _read(model: FillModel, steps: list[FillSteps], part: list[tuple[int, int, int]]) -> object:
    wanted = [np.where(steps[place].reach[first:last] > 0, np.float32(0), np.float32(np.nan)) for place, first, last in part]
    return model.network.quantiles(collate_steps([(steps[place], first, last) for place, first, last in part], wanted))


def _batched(pieces: list[tuple[int, int, int]]) -> Iterator[list[tuple[int, int, int]]]:
    """Stretches that are read together: one, or as many as `BATCH_TOKENS` steps hold."""
    part: list[tuple[int, int, int]] = []
    held = 0
    for piece in pieces:
        length = piece[2] - piece[1]
        if part and held + length > BATCH_TOKENS:
            yield part
            part, held = [], 0
        part.append(piece)
        held += length
    yield part


def _unit_name(segment: int) -> str:
    return "step" if segment == 1 else "segment"
