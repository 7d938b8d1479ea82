"""The NumPy half of `forecast`: a model directory tells the steps that follow series, is scored on those that came, and is saved again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel, copy_model
from tidegate.data.cells import Missing
from tidegate.data.covariates import EncodedSeries
from tidegate.data.forecast_batches import WindowSpec, collate_windows
from tidegate.data.scales import SeriesScale
from tidegate.data.series import Panel, Series
from tidegate.decoding.sampling import is_whole
from tidegate.errors import DataError, RecipeError, listed
from tidegate.runtime.bands import calibrated
from tidegate.runtime.forecast_network import ForecastNetwork
from tidegate.runtime.forecast_session import ForecastSession, SessionClock
from tidegate.runtime.forecasts import Forecast, Forecasts
from tidegate.runtime.trained_series import TrainedSeries
from tidegate.scoring.forecasting import ForecastScorer, naive_forecasts

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

# Windows of one batch at most, and numbers of its largest array.
_WINDOWS, _NUMBERS = 4000, 1 << 21
_UNMASKED = "training had no holes, so the network is not told which values are missing here: it reads the last seen one in their place."


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Series as the network reads them: of each its scale, and what it is encoded as."""

    scales: tuple[SeriesScale, ...]
    encoded: tuple[EncodedSeries, ...]
    notes: tuple[str, ...]


class ForecastModel:
    """A trained forecaster, read from a model directory.

    Attributes:
        config, metrics: what the directory says of itself.
        columns: none, since its data has no labels.
        series: those of training, and how others are read.
        levels: of the bands, in percent, rising.
        horizon: steps that it was trained to tell.
        context: steps that it reads at most.
        is_recursive: whether it tells any horizon, each segment from those told before.
        network: gives the quantiles.
        spec: what a window is.
        stored: all that the model directory holds.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, model: StoredModel) -> None:
        self._path = model.path
        self.config = model.config
        self.metrics = model.metrics
        self.stored = model
        settings = model.config["network"]
        self.series = TrainedSeries(model.vocabulary, model.config["recipe"], "forecast")
        self.levels: tuple[int, ...] = tuple(sorted(settings["levels"]))
        self.horizon: int = settings["horizon"]
        self.context: int = settings["context"]
        self.network = ForecastNetwork(model)
        self.is_recursive = self.network.is_recursive
        self._offsets = model.tensor("bands.offsets")
        self.spec = WindowSpec.of_network(settings)

    def read(self, data: Any, future: Any = None) -> Panel:
        """The series of files or of a frame, and what is known ahead; as `TrainedSeries.read`."""
        return self.series.read(data, future)

    def predict(self, data: Any, *, future: Any = None, horizon: int | str | None = None) -> Forecasts:
        """What follows the last value of each series.

        Args:
            data: files (names or globs, or one of them), a frame of pandas or polars, or what `read` gave.
            future: files or a frame of rows that come after, where the model reads covariates known ahead.
            horizon: how many steps (or '2d'); None: as many as in training.

        Raises:
            DataError: data that is not as it should be; a history shorter than a segment; covariates ahead that end early.
            RecipeError: more steps than in training, of a model that is not recursive.
        """
        steps, notes = self._asked_horizon(horizon)
        panel = self.read(data, future)
        panel = self._long_enough(panel, notes)
        self.check_ahead(panel, steps, has_future=future is not None, notes=notes)
        prepared = self._prepared(panel, self.network.reach(steps), [len(series.y) for series in panel.series])
        windows = np.array([(place, len(series.y)) for place, series in enumerate(panel.series)], dtype=np.int64).reshape(-1, 2)
        answers: list[Forecast] = []
        for part, quantiles in self._told(prepared, windows, steps):
            for place, values in zip(windows[part, 0].tolist(), quantiles, strict=True):
                series = panel.series[place]
                times = panel.times(series, len(series.y), steps)
                answers.append(Forecast(series.name, series.target, times, values, self.levels))
        notes = [*panel.notes, *prepared.notes, *self.series.coder.unknown(panel.series), *notes]
        return Forecasts(tuple(answers), self.config["network"]["arch"], panel.columns, panel.form, tuple(dict.fromkeys(notes)))

    def evaluate(
        self,
        data: Any,
        *,
        last: int | str | None = None,
        every: int | str | None = None,
        horizon: int | str | None = None,
        scaled: bool = False,
    ) -> dict[str, Any]:
        """Scores of forecasts from many origins against what came, with the keys of `evaluate --format json`.

        Args:
            data: as `predict` takes it.
            last: only forecasts whose steps all lie in the last so many steps of each series (or '30d'); None: all that have a context.
            every: steps between origins; None: the horizon.
            horizon: as `predict` takes it.
            scaled: errors in standard deviations of each series' training part, as papers on ETT report them.

        Raises:
            DataError: data that is not as it should be, or too short for one forecast.
            RecipeError: an option outside its range.
        """
        _, notes = self._asked_horizon(horizon)
        panel = self.read(data)
        windows, said = self.windows(panel, last=last, every=every, horizon=horizon)
        return self.score(panel, windows, horizon=horizon, scaled=scaled, notes=(*self.series.coder.unknown(panel.series), *notes, *said))

    def windows(
        self, panel: Panel, *, last: int | str | None = None, every: int | str | None = None, horizon: int | str | None = None
    ) -> tuple[Ids, tuple[str, ...]]:
        """Series and origin [M, 2] of the forecasts that `evaluate` scores, and what is to be said of series that have none.

        Raises:
            DataError: there is none.
            RecipeError: an option outside its range.
        """
        steps, _ = self._asked_horizon(horizon)
        within = None if last is None else self.series.frequency.steps(last, "--last")
        step = steps if every is None else self.series.frequency.steps(every, "--every")
        if within is not None and within < steps:
            raise RecipeError(
                f"last is {last}, {within} steps, but a forecast has {steps}; the last part must hold one whole forecast at least."
            )
        found: list[tuple[int, int]] = []
        without: list[str] = []
        for place, series in enumerate(panel.series):
            length, segment = len(series.y), self.spec.segment
            # All that have a context: a whole one, where the series is long enough for it.
            first = (self.context if length >= self.context + steps else segment) if within is None else max(segment, length - within)
            origins = range(first, length - steps + 1, step)
            found += [(place, origin) for origin in origins]
            if not origins:
                without.append(panel.key(series))
        if not found:
            longest = max(len(series.y) for series in panel.series)
            raise DataError(
                f"the longest series has {longest:,} steps; to score one forecast takes a segment of {self.spec.segment} and the {steps} "
                "steps that are told. Give longer series, with the history before the part that is scored."
            )
        notes = (f"{len(without)} series too short to score a forecast of {steps} steps: {listed(without)}.",) if without else ()
        return np.array(found, dtype=np.int64), notes

    def score(
        self,
        panel: Panel,
        windows: Ids,
        *,
        horizon: int | str | None = None,
        scaled: bool = False,
        notes: Sequence[str] = (),
        encoded: Sequence[EncodedSeries] | None = None,
    ) -> dict[str, Any]:
        """As `evaluate`, of given series and origins [M, 2].

        Args:
            encoded: the series as the network reads them, where that is known already.

        Raises:
            DataError: no forecast step has a true value.
        """
        steps, _ = self._asked_horizon(horizon)
        self._check_evaluated(panel, windows, steps)
        prepared = self._prepared(panel, self.network.reach(steps), _before(panel, windows), encoded)
        scorer = ForecastScorer(steps, self.levels)
        for part, quantiles in self._told(prepared, windows, steps):
            y, last, seasonal = truths(panel, windows[part], steps, self.series.season)
            scales = [prepared.scales[place] for place in windows[part, 0]]
            unit = np.array([scale.std if scaled else 1.0 for scale in scales])
            naive = np.array([scale.naive for scale in scales])
            told = quantiles / unit[:, None, None]
            scorer.add(
                y / unit[:, None],
                told[:, :, len(self.levels)],
                told,
                naive_scale=naive / unit,
                last=last / unit[:, None],
                seasonal=seasonal / unit[:, None],
            )
        scores = scorer.result()
        said = list(dict.fromkeys([*panel.notes, *prepared.notes, *notes, *scores.pop("notes", [])]))
        return scores | {"horizon": steps, "scaled": scaled} | ({"notes": said} if said else {})

    def quantiles(self, panel: Panel, windows: Ids, *, encoded: Sequence[EncodedSeries] | None = None) -> NDArray[np.float64]:
        """[M, F, Q], in the target's unit, of forecasts of `horizon` steps from given series and origins [M, 2], as `score` scores them."""
        self._check_evaluated(panel, windows, self.horizon)
        prepared = self._prepared(panel, self.network.reach(self.horizon), _before(panel, windows), encoded)
        told = [quantiles for _, quantiles in self._told(prepared, windows, self.horizon)]
        return np.concatenate([np.zeros((0, self.horizon, self.network.quantiles)), *told])

    def calibration(self, encoded: Sequence[EncodedSeries], windows: Ids) -> tuple[Array, Array]:
        """Sorted quantiles [M, F, Q] of windows [M, 2] before they are moved, and the truths [M, F], both in units of the windows."""
        told = np.empty((len(windows), self.horizon, self.network.quantiles), dtype=np.float32)
        y = np.empty((len(windows), self.horizon), dtype=np.float32)
        for part, quantiles, centre, spread in window_quantiles(self.network, self.spec, encoded, windows, self.horizon):
            told[part] = quantiles
            for row, (place, origin) in enumerate(windows[part].tolist(), part.start):
                y[row] = encoded[place].y[origin : origin + self.horizon]
            y[part] = (y[part] - centre[:, None]) / spread[:, None]
        return told, y

    def _told(self, prepared: _Prepared, windows: Ids, steps: int) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """The calibrated quantiles [n, F, Q] of slices of the windows, in the target's unit."""
        for part, told, centre, spread in window_quantiles(self.network, self.spec, prepared.encoded, windows, steps):
            moved = calibrated(told, self._offsets).astype(np.float64)
            moved *= spread[:, None, None]
            moved += centre[:, None, None]
            for row, place in enumerate(windows[part, 0].tolist()):
                moved[row] = prepared.scales[place].undo(moved[row])
            yield part, moved

    def _prepared(self, panel: Panel, extra: int, until: Sequence[int], encoded: Sequence[EncodedSeries] | None = None) -> _Prepared:
        identified, notes = self.series.identified(panel, until)
        if encoded is None:
            encoded = [
                self.series.coder.encode(series, scale, extra=extra, id=number, name=panel.key(series))
                for series, (number, scale) in zip(panel.series, identified, strict=True)
            ]
        if self.spec.gaps == "mask" and not self.spec.has_holes and any(np.isnan(series.y).any() for series in panel.series):
            notes = (*notes, _UNMASKED)
        return _Prepared(tuple(scale for _, scale in identified), tuple(encoded), notes)

    def _asked_horizon(self, horizon: int | str | None) -> tuple[int, list[str]]:
        """The steps to tell, and what is to be said of so many."""
        if horizon is None:
            return self.horizon, []
        if isinstance(horizon, str):
            horizon = self.series.frequency.steps(horizon, "--horizon")
        if not is_whole(horizon, least=1):
            raise RecipeError(f"horizon is {horizon}; expected how many steps are told, 1 or more.")
        if horizon <= self.horizon:
            return int(horizon), []
        if not self.is_recursive:
            raise RecipeError(
                f"horizon is {horizon}, but this model was trained to tell {self.horizon} steps. Ask for no more; or train one with "
                f"--horizon {horizon}, or, for any horizon, with --set decoding=recursive."
            )
        return int(horizon), [
            f"the model was trained and its bands were calibrated for {self.horizon} steps; those after go on with the last one's."
        ]

    def _long_enough(self, panel: Panel, notes: list[str]) -> Panel:
        """The panel without the series that have no segment to read.

        Raises:
            DataError: none is left.
        """
        segment = self.spec.segment
        kept = tuple(series for series in panel.series if len(series.y) >= segment)
        if not kept:
            longest = max(panel.series, key=lambda series: len(series.y))
            raise DataError(
                f"series '{panel.key(longest)}' ({longest.place}) has {len(longest.y)} steps up to its last value; the model reads "
                f"{segment} at a time, so it needs as many. Give more of its history."
            )
        if left := [panel.key(series) for series in panel.series if len(series.y) < segment]:
            notes.append(
                f"{len(left)} series have no forecast, since they have less than the {segment} steps that it takes: {listed(left)}."
            )
        if short := [panel.key(series) for series in kept if len(series.y) < self.context]:
            notes.append(f"{len(short)} series have less history than the {self.context} steps that the model reads: {listed(short)}.")
        return replace(panel, series=kept)

    def check_ahead(self, panel: Panel, steps: int, *, has_future: bool, notes: list[str]) -> None:
        """Refuses covariates known ahead that do not reach to the last step told.

        Raises:
            DataError: they do not.
        """
        if not panel.columns.future:
            if has_future:
                notes.append("the model reads no covariates known ahead, so the rows of the future are not used.")
            return
        named = ", ".join(f"'{name}'" for name in panel.columns.future)
        for series in panel.series:
            has_row = series.has_row[len(series.y) :][:steps]
            first = int(np.argmin(has_row)) if not has_row.all() else len(has_row)
            if first == steps:
                continue
            missing = panel.show_time(series, len(series.y) + first)
            needed = panel.show_time(series, len(series.y) + steps - 1)
            if first == len(has_row):
                last = panel.show_time(series, len(series.y) + first - 1)
                found = f"the rows given end at {last}"
            else:
                found = f"there is no row of {missing}"
            raise DataError(
                f"series '{panel.key(series)}': the model reads {named} ahead, for which rows up to {needed} are needed, but {found}. "
                "Give all rows after the series' last value with --future, or ask for fewer steps with --horizon."
            )

    def _check_evaluated(self, panel: Panel, windows: Ids, steps: int) -> None:
        lengths = np.array([len(series.y) for series in panel.series])
        places, origins = windows.T
        if (origins < self.spec.segment).any() or (origins + steps > lengths[places]).any():
            raise DataError(f"an origin lies less than {self.spec.segment} steps after a series' begin, or {steps} before its end.")

    def session(self, series: str | None = None, *, target: str | None = None, data: bytes | None = None) -> ForecastSession:
        """A series of training to be fed row by row, from its beginning, or from where the session that gave `data` stood.

        Args:
            series, target: which; None where there is but one.

        Raises:
            RecipeError: training had no such series, or several and none is named.
            ModelError: the data is another model's or another series', or damaged.
        """
        name, column = self.series.chosen(series, target)
        number, scale = self.series[name, column]

        def tell(rows: Series) -> Forecast | None:
            origin = len(rows.y)
            if origin < self.spec.segment:
                return None
            encoded = self.series.coder.encode(rows, scale, extra=self.network.reach(self.horizon), id=number)
            prepared = _Prepared((scale,), (encoded,), ())
            (_, quantiles), *_ = self._told(prepared, np.array([[0, origin]]), self.horizon)
            return Forecast(name, column, self.series.frequency.times(rows.begin, origin, self.horizon), quantiles[0], self.levels)

        clock = SessionClock(self.series.columns, self.series.frequency, self.series.form, Missing(self.series.missing))
        session = ForecastSession(name, column, clock, self.series.coder, self.context, self.horizon, tell, lambda: self.stored.digest)
        if data is not None:
            session.restore(data)
        return session

    def naive_scales(self, panel: Panel, windows: Ids) -> NDArray[np.float64]:
        """Of windows [M, 2] the scale of MASE: that of training, or of a series that training did not have, of the rows before them all."""
        return np.array([scale.naive for _, scale in self.series.identified(panel, _before(panel, windows))[0]])[windows[:, 0]]

    def save(self, path: str | Path) -> None:
        """Copies the model directory to `path`.

        Raises:
            OutputError: `path` exists or cannot be written.
        """
        copy_model(self._path, Path(path))


def window_quantiles(
    network: ForecastNetwork, spec: WindowSpec, encoded: Sequence[EncodedSeries], windows: Ids, horizon: int
) -> Iterator[tuple[slice, Array, Array, Array]]:
    """Of slices of the windows [M, 2], in bounded memory: sorted quantiles [n, F, Q] in window units, their centres and spreads [n]."""
    spec = replace(spec, horizon=network.reach(horizon))
    size = max(1, min(_WINDOWS, _NUMBERS // max(spec.context * network.channels, horizon * network.quantiles)))
    for begin in range(0, len(windows), size):
        part = slice(begin, min(begin + size, len(windows)))
        batch = collate_windows(encoded, windows[part], spec)
        yield part, network(batch)[:, :horizon], batch.centre, batch.spread


def _before(panel: Panel, windows: Ids) -> list[int]:
    """Of each series the steps before all its windows [M, 2]; all, where it has none."""
    first = np.array([len(series.y) for series in panel.series])
    np.minimum.at(first, windows[:, 0], windows[:, 1])
    found: list[int] = first.tolist()
    return found


def truths(panel: Panel, windows: Ids, horizon: int, season: int) -> tuple[Array, Array, Array]:
    """What came, the last value before, and the value a season before, each [n, F], of windows [n, 2]."""
    found = np.full((3, len(windows), horizon), np.nan)
    for place in np.unique(windows[:, 0]).tolist():
        rows = np.flatnonzero(windows[:, 0] == place)
        y, origins = panel.series[place].y, windows[rows, 1]
        found[0, rows] = y[origins[:, None] + np.arange(horizon)]
        found[1, rows], found[2, rows] = naive_forecasts(y, origins, horizon, season)
    return found[0], found[1], found[2]
