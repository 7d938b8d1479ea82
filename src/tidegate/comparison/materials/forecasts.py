"""Time series of a comparison of forecasters, cut by time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.comparison.materials.material import Portion, UncutMaterial, shown_answer, shown_input, timed
from tidegate.comparison.materials.panels import panel_digest
from tidegate.data.grid import instant
from tidegate.data.series import Series, read_panel
from tidegate.data.time_forms import cells_of_time
from tidegate.runtime import ForecastModel
from tidegate.scoring.outcomes import Examples, Outcomes
from tidegate.training.files import RunFiles
from tidegate.training.forecasting.corpus import corpus_of
from tidegate.training.forecasting.recipe import ForecastRecipe
from tidegate.training.forecasting.task import ForecastTask
from tidegate.training.recipe import Recipe

Ids = NDArray[np.int64]
# AutoETS is fitted anew at every origin; at so many at most.
_MOST_ORIGINS = 100
# Rows that a session is fed with, after a segment.
_FED = 200
# Values of a forecast that are shown.
_SHOWN = 8


class Window(NamedTuple):
    """A forecast that is scored: of which series, by its place in the panel, and from which step on."""

    series: int
    origin: int


class ForecastMaterial(UncutMaterial[Window]):
    """A panel of series; an example is the steps that are told from one origin of one series."""

    recipe: ForecastRecipe

    def __init__(self, files: RunFiles, recipe: ForecastRecipe) -> None:
        panel = read_panel(files.train, **recipe.reading(), task="forecast")
        # AutoETS is a contender of its own here, and not fitted again beside every network.
        self.corpus = corpus_of(panel, recipe.model_copy(update={"auto_ets": False}))
        dev, test = ([Window(*row) for row in self.corpus.origins(part).tolist()] for part in ("dev", "test"))
        super().__init__([], dev, test, recipe)
        self.notes = list(self.corpus.notes)
        self.has_auto_ets = recipe.auto_ets and find_spec("statsforecast") is not None
        if self.has_auto_ets and len(test or dev) > _MOST_ORIGINS:
            self.has_auto_ets = False
            self.notes.append(
                f"AutoETS does not take part: it would be fitted anew at each of {len(test or dev):,} origins, and {_MOST_ORIGINS} are its "
                "most. Score fewer, by --test-last or --set origin_every=N, and it does."
            )
        self._task: ForecastTask | None = None

    def task(self, portion: Portion[Window], recipe: Recipe) -> ForecastTask:
        if self._task is None:
            self._task = ForecastTask(self.corpus.recipe, self.corpus)
        return self._task.with_seed(recipe.seed)

    def fingerprint(self) -> str:
        return panel_digest(self.corpus.panel)

    def examples(self, portion: Portion[Window]) -> Examples:
        panel, horizon = self.corpus.panel, int(self.corpus.recipe.horizon)
        context = int(self.corpus.recipe.context)
        shown, right = [], []
        for place, origin in portion.scored:
            series = panel.series[place]
            shown.append(shown_input(f"{panel.key(series)}, {horizon} steps from {panel.show_time(series, origin)} on"))
            right.append(_values(series.y[origin : origin + horizon]))
        return Examples(
            inputs=tuple(shown),
            right=tuple(right),
            lengths=tuple(min(origin, context) for _, origin in portion.scored),
            length_name="steps read",
            groups=tuple(panel.key(panel.series[place]) for place, _ in portion.scored),
        )

    def outcomes(self, task: ForecastTask, model: ForecastModel, portion: Portion[Window]) -> Outcomes:
        quantiles = model.quantiles(self.corpus.panel, _array(portion), encoded=self.corpus.encoded)
        return forecast_outcomes(quantiles[:, :, quantiles.shape[2] // 2], portion, task)

    def answer_all(self, model: ForecastModel, portion: Portion[Window]) -> int:
        # The series are read anew, as they are for `predict`.
        return len(model.quantiles(self.corpus.panel, _array(portion)))

    def step_seconds(self, model: ForecastModel, portion: Portion[Window], *, most_seconds: float) -> list[float] | None:
        return timed(self._rows(model), most_seconds=most_seconds)

    def _rows(self, model: ForecastModel) -> Iterator[Callable[[], object]]:
        """What feeds a session with the end of the longest series, row by row."""
        panel, horizon = self.corpus.panel, model.horizon
        series = max(panel.series, key=lambda one: len(one.y))
        has_future = bool(panel.columns.future)
        last = min(len(series.y), len(series.has_row) - horizon) if has_future else len(series.y)
        session = model.session(series.name, target=series.target)
        segment = int(self.corpus.recipe.segment)
        begin = max(0, last - _FED - segment)
        for step in range(begin, last):
            row = self._cells(series, step) | {series.target: float(series.y[step])}
            ahead = [self._cells(series, number) for number in range(step + 1, step + 1 + horizon)] if has_future else None
            if step < begin + segment:  # before a segment is read nothing is told
                session.feed(row, ahead)
            else:
                yield partial(session.feed, row, ahead)

    def _cells(self, series: Series, step: int) -> dict[str, Any]:
        """The cells of one row but the target."""
        panel = self.corpus.panel
        names = panel.columns.time
        times = cells_of_time(instant(panel.times(series, step, 1)[0]), names, panel.form)
        moving = {name: values[step] for name, values in series.columns.items()}
        return dict(zip(names, times, strict=True)) | moving | dict(series.static)


def forecast_outcomes(point: NDArray[np.floating[Any]], portion: Portion[Window], task: ForecastTask) -> Outcomes:
    """Of what was told, [M, F], by the task's score: absolute errors, by each series' own seasonal error for MASE."""
    corpus = task.corpus
    horizon = point.shape[1]
    y = np.stack([corpus.panel.series[place].y[origin : origin + horizon] for place, origin in portion.scored])
    scale = np.array([corpus.scales[place].naive for place, _ in portion.scored])[:, None]
    is_counted = ~np.isnan(y)
    if task.score_name == "mase":
        is_counted &= scale > 0
    unit = np.where(scale > 0, scale, 1.0) if task.score_name == "mase" else np.ones_like(scale)
    errors = np.where(is_counted, np.abs(np.where(np.isnan(y), 0.0, y) - point) / unit, 0.0)
    by_step = np.stack([errors.sum(axis=0), is_counted.sum(axis=0)], axis=1)
    return Outcomes(
        score_name=task.score_name,
        rule="share",
        lower_is_better=True,
        counts=np.stack([errors.sum(axis=1), is_counted.sum(axis=1)], axis=1),
        given=tuple(map(_values, point)),
        by_position={str(step): row for step, row in enumerate(by_step, 1)},
        position_name="step ahead",
    )


def _values(values: NDArray[np.floating[Any]]) -> str:
    """The first numbers of a forecast, or of what came."""
    shown = ", ".join("–" if np.isnan(value) else f"{value:.4g}" for value in values[:_SHOWN].tolist())
    return shown_answer(f"{shown}, …" if len(values) > _SHOWN else shown)


def _array(portion: Portion[Window]) -> Ids:
    return np.array(portion.scored, dtype=np.int64).reshape(-1, 2)
