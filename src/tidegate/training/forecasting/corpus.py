"""The series of a forecaster's run: read, cut by time, scaled, their covariates in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tidegate.data.covariates import CovariateCoder, EncodedSeries
from tidegate.data.forecast_batches import WindowSpec, too_short, training_windows
from tidegate.data.scales import SeriesScale, scale_of
from tidegate.data.series import Panel, read_panel
from tidegate.errors import DataError
from tidegate.training.forecasting.recipe import ForecastRecipe
from tidegate.training.series_parts import Ends, Part, PartSteps, counted

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ForecastCorpus:
    """What a forecaster learns from.

    Attributes:
        recipe: settled by the data.
        panel: all series, whole.
        ends: of each.
        scales: of each, by its training part.
        coder: of the covariates, by the training parts.
        encoded: of each series what the network reads.
        spec: how windows are cut.
        windows: [M, 2], series and origin of every window of the training parts.
        notes: what reading and cutting have to say.
    """

    recipe: ForecastRecipe
    panel: Panel
    ends: tuple[Ends, ...]
    scales: tuple[SeriesScale, ...]
    coder: CovariateCoder
    encoded: tuple[EncodedSeries, ...]
    spec: WindowSpec
    windows: Ids
    notes: tuple[str, ...]

    def origins(self, part: Part, every: int = 0) -> Ids:
        """[M, 2]: series and origin of the windows whose steps to tell lie in a part, an origin every so many steps (0: the recipe's)."""
        every = every or self.recipe.origin_every
        horizon = int(self.recipe.horizon)
        found = [
            (place, origin)
            for place, ends in enumerate(self.ends)
            for begin, end in [ends.bounds(part)]
            for origin in range(begin, end - horizon + 1, every)
            if origin >= self.spec.segment
        ]
        return np.array(found, dtype=np.int64).reshape(-1, 2)

    def until(self, part: Part) -> Panel:
        """The series that have such a part, up to its end, with all that is known of later steps."""
        held = [(series, ends) for series, ends in zip(self.panel.series, self.ends, strict=True) if ends.has(part)]
        return replace(self.panel, series=tuple(replace(series, y=series.y[: getattr(ends, part)]) for series, ends in held), notes=())


def read_corpus(files: Sequence[str], recipe: ForecastRecipe) -> ForecastCorpus:
    """The corpus of tables.

    Raises:
        DataError: what cannot be read, or has nothing to learn from.
        RecipeError: a span of time that is no whole number of steps.
    """
    return corpus_of(read_panel(files, **recipe.reading(), task="forecast"), recipe)


def corpus_of(panel: Panel, recipe: ForecastRecipe) -> ForecastCorpus:
    """The corpus of series that were read already; raises as `read_corpus`."""
    has_holes = any(bool(np.isnan(series.y).any()) for series in panel.series)
    recipe = recipe.settled(panel.frequency, len(panel.series))
    horizon, season = int(recipe.horizon), recipe.season
    spec = WindowSpec(
        context=int(recipe.context),
        segment=recipe.segment,
        horizon=horizon if recipe.decoding == "direct" else recipe.segment,
        scaling=recipe.scaling,
        gaps=recipe.gaps,
        has_holes=has_holes and recipe.gaps == "mask",
    )
    ends, notes = _cut(panel, recipe, horizon)
    each = tuple(zip(panel.series, ends, strict=True))
    scales = tuple(
        scale_of(series.y[: part.train], season, recipe.transform, what=f"series '{panel.key(series)}' ({series.place})")
        for series, part in each
    )
    trained = [part.train for part in ends]
    coder = CovariateCoder.fit(panel, trained, calendar=recipe.calendar, gaps=recipe.gaps)
    encoded = tuple(
        coder.encode(series, scale, extra=horizon + spec.segment, id=number, name=panel.key(series))
        for number, (series, scale) in enumerate(zip(panel.series, scales, strict=True), 1)
    )
    windows = training_windows(trained, spec, 1)
    if short := too_short(trained, spec):
        notes.append(f"{counted(panel, [panel.series[place] for place in short])} too short for a window: nothing is learnt from them.")
    corpus = ForecastCorpus(recipe, panel, ends, scales, coder, encoded, spec, windows, (*panel.notes, *notes))
    _check_parts(corpus, horizon)
    return corpus


def _check_parts(corpus: ForecastCorpus, horizon: int) -> None:
    """Refuses a part in which no forecast meets a value: after training nothing could be said of the model."""
    parts: tuple[tuple[Part, str], ...] = (("dev", "development"), ("test", "test"))
    for part, name in parts:
        origins = corpus.origins(part).tolist()
        told = (corpus.panel.series[place].y[origin : origin + horizon] for place, origin in origins)
        if origins and not any(np.isfinite(y).any() for y in told):
            raise DataError(
                f"the {name} part has no value to score a forecast by: the last steps of the series are holes. Give more steps with "
                f"--{part}-last, or series whose end is known."
            )


def _cut(panel: Panel, recipe: ForecastRecipe, horizon: int) -> tuple[tuple[Ends, ...], list[str]]:
    """Where the parts of each series end, each of which holds a whole forecast; what is to be said of it."""
    steps = PartSteps.of(panel, recipe, horizon)
    for name, part, given in (("--dev-last", steps.dev, recipe.dev_last), ("--test-last", steps.test, recipe.test_last)):
        if given and part < horizon:
            raise DataError(f"{name} {given} is {part} steps, but a forecast has {horizon}: a part must hold one whole forecast at least.")
    return steps.cut(
        panel,
        lambda _, train: train >= recipe.segment + horizon,
        need=f"a segment of {recipe.segment} and a forecast of {horizon}",
        options="--horizon, --dev-last or --test-last",
    )
