"""The series of a filler's run: read, cut by time, scaled, their covariates in numbers, and the gaps that are to be hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from tidegate.data.covariates import CovariateCoder
from tidegate.data.fill_batches import panel_starts
from tidegate.data.hiding import FEWEST_GAPS, GapPatterns, mean_gap
from tidegate.data.scales import SeriesScale, scale_of
from tidegate.data.series import Panel, Series, read_panel
from tidegate.training.filling.recipe import FillRecipe
from tidegate.training.series_parts import Ends, Part, PartSteps

# Seen values that a training part needs at least, and steps of a part.
_LEAST_SEEN, _LEAST_PART = 8, 4


@dataclass(frozen=True, slots=True)
class FillCorpus:
    """What a filler learns from.

    Attributes:
        recipe: settled by the data.
        panel: all series, whole.
        starts: when each series begins, in steps of their common clock.
        ends: of each, where its parts end.
        scales: of each, by its training part.
        coder: of the covariates, by the training parts.
        columns: names of the covariates that change with time, in the order of the patterns.
        patterns: of the gaps of the training parts.
        notes: what reading and cutting have to say.
    """

    recipe: FillRecipe
    panel: Panel
    starts: tuple[int, ...]
    ends: tuple[Ends, ...]
    scales: tuple[SeriesScale, ...]
    coder: CovariateCoder
    columns: tuple[str, ...]
    patterns: GapPatterns
    notes: tuple[str, ...]

    def until(self, part: Literal["train", "dev", "test"]) -> list[Series]:
        """All series as far as that part goes."""
        cut = [getattr(ends, part) for ends in self.ends]
        return [_until(series, last) for series, last in zip(self.panel.series, cut, strict=True)]

    def has(self, part: Part) -> bool:
        return any(ends.has(part) for ends in self.ends)


def read_corpus(files: Sequence[str], recipe: FillRecipe) -> FillCorpus:
    """The corpus of tables.

    Raises:
        DataError: what cannot be read, or has nothing to learn from.
        RecipeError: a span of time that is no whole number of steps.
    """
    return corpus_of(read_panel(files, **recipe.reading(), task="fill"), recipe)


def corpus_of(panel: Panel, recipe: FillRecipe) -> FillCorpus:
    """The corpus of series that were read already; raises as `read_corpus`."""
    steps = PartSteps.of(panel, recipe, _LEAST_PART)
    ends, notes = steps.cut(panel, _has_values, need=f"{_LEAST_SEEN} values at least", options="--dev-last or --test-last")
    recipe = recipe.settled(panel.frequency, len(panel.series), max(part.train for part in ends))
    train = [_until(series, part.train) for series, part in zip(panel.series, ends, strict=True)]
    starts = panel_starts(panel)
    scales = tuple(scale_of(series.y, recipe.season, transform=recipe.transform) for series in train)
    coder = CovariateCoder.fit(panel, [part.train for part in ends], calendar=recipe.calendar)
    columns = (*panel.columns.past, *panel.columns.future)
    mean = mean_gap(recipe.season)
    patterns = GapPatterns.of(train, starts, columns, mean=mean)
    if patterns.own < FEWEST_GAPS:
        found = f"only {patterns.own} gaps" if patterns.own else "no gaps"
        notes.append(f"the training parts have {found} of their own; gaps of {mean:.0f} steps on average are hidden to learn from.")
    return FillCorpus(recipe, panel, tuple(starts), ends, scales, coder, columns, patterns, (*panel.notes, *notes))


def _until(series: Series, last: int) -> Series:
    """The first steps of a series, and its covariates of those alone."""
    columns = {name: values[:last] for name, values in series.columns.items()}
    return replace(series, y=series.y[:last], columns=columns, has_row=series.has_row[:last])


def _has_values(series: Series, train: int) -> bool:
    return int(np.isfinite(series.y[: max(0, train)]).sum()) >= _LEAST_SEEN
