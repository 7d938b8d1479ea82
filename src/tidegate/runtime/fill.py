"""The NumPy half of `fill`: the holes of series filled, with bands; what was hidden on purpose told and scored. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel, copy_model
from tidegate.data.fill_batches import FillSteps, collate_steps, panel_starts, read_steps, stretches
from tidegate.data.hiding import GapPatterns, hide, mean_gap
from tidegate.data.scales import SeriesScale
from tidegate.data.series import Panel, Series
from tidegate.errors import DataError
from tidegate.kernels import architecture
from tidegate.runtime.bands import calibrated
from tidegate.runtime.fill_network import FillNetwork
from tidegate.runtime.filled_tables import filled_files, filled_frame
from tidegate.runtime.trained_series import TrainedSeries
from tidegate.scoring.filling import fill_scores, linear_fill, reach_of, seasonal_fill

Values = NDArray[np.float64]
Ints = NDArray[np.int64]

# Steps read together, and on either side of a hole so many windows of training: states from further away do not matter.
_MOST_STEPS, _MARGIN = 1 << 16, 2
# A seed of its own for what is hidden to be scored, and the share of the values.
_HIDING, HIDDEN_SHARE = 20_816, 0.15


@dataclass(frozen=True, slots=True)
class FilledSeries:
    """A series with its holes filled.

    Attributes:
        series: as it was read.
        steps: [n], its holes, ascending.
        quantiles: [n, Q], of `scoring.forecasting.probabilities_of(levels)`; the median in the middle is what a hole is filled with.
    """

    series: Series
    steps: Ints
    quantiles: Values

    @property
    def y(self) -> Values:
        """[T], the series without a hole."""
        filled = self.series.y.copy()
        filled[self.steps] = self.quantiles[:, self.quantiles.shape[1] // 2]
        return filled


@dataclass(frozen=True, slots=True)
class HiddenSeries:
    """A series of which some values are hidden on purpose.

    Attributes:
        series: without them.
        steps, y, gap: [n], where they were, what they were, and how long a gap each lies in.
    """

    series: Series
    steps: Ints
    y: Values
    gap: Ints


class FillModel:
    """A trained filler, read from a model directory.

    Attributes:
        config, metrics: what the directory says of itself.
        columns: the target columns.
        series: those of training, and how others are read.
        levels: of the bands, in percent.
        network: gives the quantiles.
        is_two_way: whether it sees what stands behind a hole.
        reads_others: whether it reads the other series of a panel beside each.
        margin: steps that are read on either side of a hole, at least.
        stored: all that the model directory holds.
    """

    def __init__(self, model: StoredModel) -> None:
        self.stored, self._path = model, model.path
        self.config = model.config
        self.metrics = model.metrics
        self.series = TrainedSeries(model.vocabulary, model.config["recipe"], "fill")
        self.columns = self.series.columns.target
        self.levels: list[int] = model.config["network"]["levels"]
        settings = model.config["network"]
        self.is_two_way = architecture(settings["arch"]).is_bidirectional
        self.reads_others: bool = settings["others"]
        self.margin = _MARGIN * model.config["recipe"]["window"]
        self.network = FillNetwork(model)

    def panel(self, given: Any) -> Panel:
        """Paths of files, or a frame, as the series that the model was trained on.

        Raises:
            DataError: what cannot be read, or has another step than the model.
        """
        return self.series.read(given)

    def fill(self, panel: Panel) -> list[FilledSeries]:
        """Every series of the panel with its holes filled."""
        holes = [np.flatnonzero(~np.isfinite(series.y)) for series in panel.series]
        quantiles, reach = self.hole_quantiles(panel.series, panel_starts(panel), holes)
        parts = np.split(self._moved(quantiles, reach), np.cumsum([len(steps) for steps in holes])[:-1])
        return [
            FilledSeries(series, steps, scale.undo(part))
            for series, (_, scale), steps, part in zip(panel.series, self._identified(panel.series), holes, parts, strict=True)
        ]

    def predict(self, given: Any) -> Any:
        """The same table without holes.

        Each target gets columns: NAME-filled (1 where it was a hole), and the bounds of the bands, NAME-lo-90, NAME-hi-90, …, empty where
        there was a value. Rows whose time was missing are added.

        Args:
            given: a frame (pandas or polars) or paths of files.

        Returns:
            a frame of the same kind; of files a `FilledFile` each, in which every cell that was there is as it was.

        Raises:
            DataError: the table cannot be read, or a target has no value at all.
        """
        return self.filled(given, self.panel(given))

    def filled(self, given: Any, panel: Panel) -> Any:
        """As `predict`, of a table that was read already."""
        filled = self.fill(panel)
        return filled_frame(given, panel, filled, self.levels) if hasattr(given, "columns") else filled_files(panel, filled, self.levels)

    def notes(self, panel: Panel) -> tuple[str, ...]:
        """What is to be said of a panel: how it was read, which of its series training did not know, and how many are not there to be read
        beside them."""
        identified, said = self.series.identified(panel)
        notes = [*panel.notes, *said, *self.series.coder.unknown(panel.series)]
        absent = len(self.series) - sum(number > 0 for number, _ in identified)
        if self.reads_others and absent:
            notes.append(
                f"the model reads all series side by side, and {absent:,} of its {len(self.series):,} are not in these tables: holes are "
                "filled less well without them, and bands may be too narrow."
            )
        return tuple(notes)

    def evaluate(self, given: Any, *, last: str | int | None = None, share: float = HIDDEN_SHARE, seed: int = 1) -> dict[str, Any]:
        """Hides gaps of the data's own lengths, fills them and scores that, with the keys of `evaluate --format json`.

        Args:
            given: a panel, a frame, or paths of files.
            last: the end of each series in which gaps are hidden ('30d', or a number of steps); None: all of it.
            share: of the values there that are hidden.
            seed: of the places.

        Raises:
            DataError: what was given cannot be read, or has no room to hide a gap.
            RecipeError: `last` is no whole number of steps.
        """
        panel = self.panel(given)
        steps = None if last is None else self.series.frequency.steps(last, "--last")
        patterns = GapPatterns.of(
            panel.series,
            panel_starts(panel),
            (*panel.columns.past, *panel.columns.future),
            mean=mean_gap(self.series.season),
        )
        bounds = [(0 if steps is None else max(0, len(series.y) - steps), len(series.y)) for series in panel.series]
        hidden = self.hidden(panel, panel.series, bounds, patterns, share=share, seed=seed)
        if not any(len(one.steps) for one in hidden):
            raise DataError("there is no room to hide a gap: too few values stand side by side. Give longer series, or a larger --last.")
        scores = self.scored([(hidden, *self.hidden_quantiles(panel, hidden))])
        notes = self.notes(panel)
        return scores | ({"notes": list(notes)} if notes else {})

    @staticmethod
    def hidden(
        panel: Panel, series: Sequence[Series], bounds: Sequence[tuple[int, int]], patterns: GapPatterns, *, share: float, seed: int
    ) -> list[HiddenSeries]:
        """The series with gaps hidden within their bounds; `series` are those of the panel, or beginnings of them."""
        rng = np.random.default_rng([_HIDING, seed])
        seen = [np.isfinite(one.y) for one in series]
        found = hide(seen, panel_starts(panel), patterns, rng, share=share, bounds=bounds)
        names = (*panel.columns.past, *panel.columns.future)
        return [
            HiddenSeries(hidden.of(one, names), hidden.steps, one.y[hidden.steps], hidden.gap[hidden.steps])
            for one, hidden in zip(series, found, strict=True)
        ]

    def hidden_quantiles(self, panel: Panel, hidden: Sequence[HiddenSeries]) -> tuple[Values, Ints]:
        """As `hole_quantiles`, of what was hidden."""
        return self.hole_quantiles([one.series for one in hidden], panel_starts(panel), [one.steps for one in hidden])

    def hole_quantiles(self, series: Sequence[Series], starts: Sequence[int], steps: Sequence[Ints]) -> tuple[Values, Ints]:
        """Of holes the quantiles [n, Q] in units of the series' spread, ascending and without the bands' offsets, and how far the nearest
        seen value is, [n] in steps; series after series."""
        read = self.read(series, starts)
        quantiles: list[NDArray[np.floating[Any]]] = [np.zeros((0, self.network.offsets.shape[1]))]
        pieces: list[tuple[FillSteps, int, int]] = []
        targets: list[NDArray[np.float32]] = []
        held = 0
        for one, asked in zip(read, steps, strict=True):
            for first, last, part in stretches(asked, len(one), self.margin, _MOST_STEPS):
                if held and held + last - first > _MOST_STEPS:
                    quantiles.append(self.network.quantiles(collate_steps(pieces, targets)))
                    pieces, targets, held = [], [], 0
                wanted = np.full(last - first, np.nan, dtype=np.float32)
                wanted[part - first] = 0
                pieces.append((one, first, last))
                targets.append(wanted)
                held += last - first
        if held:
            quantiles.append(self.network.quantiles(collate_steps(pieces, targets)))
        reach = [one.reach[asked] for one, asked in zip(read, steps, strict=True)]
        return np.concatenate(quantiles), np.concatenate([np.zeros(0, dtype=np.int64), *reach])

    def read(self, series: Sequence[Series], starts: Sequence[int]) -> list[FillSteps]:
        """Series as the network reads them."""
        encoded = [
            self.series.coder.encode(one, scale, id=number) for one, (number, scale) in zip(series, self._identified(series), strict=True)
        ]
        return read_steps(encoded, starts, is_two_way=self.is_two_way, others=self.reads_others)

    def scored(self, parts: Sequence[tuple[Sequence[HiddenSeries], Values, Ints]]) -> dict[str, Any]:
        """Scores of one or several hidings, each with the quantiles and distances of `hidden_quantiles`."""
        rows: dict[str, list[Any]] = {"y": [], "quantiles": [], "gap": [], "linear": [], "seasonal": []}
        for hidden, quantiles, reach in parts:
            for one, told in zip(hidden, self.told(hidden, quantiles, reach), strict=True):
                rows["y"].append(one.y)
                rows["gap"].append(one.gap)
                rows["quantiles"].append(told)
                rows["linear"].append(linear_fill(one.series.y)[one.steps])
                rows["seasonal"].append(seasonal_fill(one.series.y, self.series.season)[one.steps])
        joined = {name: np.concatenate(values) for name, values in rows.items()}
        return fill_scores(joined.pop("y"), joined.pop("quantiles"), self.levels, **joined)

    def told(self, hidden: Sequence[HiddenSeries], quantiles: Values, reach: Ints) -> list[Values]:
        """Of each series the quantiles [n, Q] in the target's unit, bands moved, of what `hidden_quantiles` gave of them all."""
        moved = np.split(self._moved(quantiles, reach), np.cumsum([len(one.steps) for one in hidden])[:-1])
        identified = self._identified([one.series for one in hidden])
        return [scale.undo(part) for (_, scale), part in zip(identified, moved, strict=True)]

    def _moved(self, quantiles: Values, reach: Ints) -> Values:
        """Quantiles with the bands' offsets for their distance to the nearest seen value."""
        result = quantiles.copy()
        places = reach_of(np.maximum(reach, 1))
        for place, offsets in enumerate(self.network.offsets):
            rows = places == place
            result[rows] = calibrated(quantiles[rows][:, None, :], offsets[None, :])[:, 0]
        return result

    def _identified(self, series: Sequence[Series]) -> list[tuple[int, SeriesScale]]:
        """Number and scale of each."""
        name = self.series.renamed(series)
        return [self.series.of(one, name=name) for one in series]

    def save(self, path: str | Path) -> None:
        """Copies the model directory to `path`.

        Raises:
            OutputError: `path` exists or cannot be written.
        """
        copy_model(self._path, Path(path))
