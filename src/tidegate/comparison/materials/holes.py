"""Time series of a comparison of fillers, cut by time, with gaps that are hidden on purpose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.comparison.materials.material import Portion, UncutMaterial, shown_answer, shown_input
from tidegate.comparison.materials.panels import panel_digest
from tidegate.runtime import FillModel
from tidegate.runtime.fill import HiddenSeries
from tidegate.scoring.filling import REACH_NAMES, reach_of
from tidegate.scoring.outcomes import Counts, Examples, Outcomes
from tidegate.training.files import RunFiles
from tidegate.training.filling.corpus import read_corpus
from tidegate.training.filling.recipe import FillRecipe
from tidegate.training.filling.task import FillTask
from tidegate.training.recipe import Recipe
from tidegate.training.series_parts import Part

Values = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class HiddenGap:
    """A gap that was hidden.

    Attributes:
        hiding: all that was hidden of the panel at once, series by series.
        series: the place of its series in the panel.
        begin, end: which rows of `hidden.steps` are this gap's.
    """

    hiding: tuple[HiddenSeries, ...]
    series: int
    begin: int
    end: int

    @property
    def hidden(self) -> HiddenSeries:
        """What was hidden of its series all in all."""
        return self.hiding[self.series]


class HoleMaterial(UncutMaterial[HiddenGap]):
    """A panel of series; an example is a hidden gap."""

    recipe: FillRecipe

    def __init__(self, files: RunFiles, recipe: FillRecipe) -> None:
        self.corpus = read_corpus(files.train, recipe)
        self._task = FillTask(self.corpus.recipe, self.corpus)
        super().__init__([], self._gaps("dev"), self._gaps("test") if self.corpus.has("test") else [], recipe)
        self.notes = list(self.corpus.notes)

    def _gaps(self, part: Part) -> list[HiddenGap]:
        found = []
        for hiding in map(tuple, self._task.hidings(part)):
            for place, one in enumerate(hiding):
                begin = 0
                while begin < len(one.steps):
                    # No two gaps of a series touch, so what lies within a gap's length is its own.
                    end = int(np.searchsorted(one.steps, one.steps[begin] + one.gap[begin]))
                    found.append(HiddenGap(hiding, place, begin, end))
                    begin = end
        return found

    def task(self, portion: Portion[HiddenGap], recipe: Recipe) -> FillTask:
        return self._task.with_seed(recipe.seed)

    def fingerprint(self) -> str:
        return panel_digest(self.corpus.panel)

    def examples(self, portion: Portion[HiddenGap]) -> Examples:
        panel = self.corpus.panel
        shown, right = [], []
        for gap in portion.scored:
            series = panel.series[gap.series]
            first = panel.show_time(series, int(gap.hidden.steps[gap.begin]))
            shown.append(shown_input(f"{panel.key(series)}, {int(gap.hidden.gap[gap.begin])} steps from {first} on"))
            right.append(_values(gap.hidden.y[gap.begin : gap.end]))
        return Examples(
            inputs=tuple(shown),
            right=tuple(right),
            lengths=tuple(int(gap.hidden.gap[gap.begin]) for gap in portion.scored),
            length_name="steps",
            groups=tuple(panel.key(panel.series[gap.series]) for gap in portion.scored),
        )

    def outcomes(self, task: FillTask, model: FillModel, portion: Portion[HiddenGap]) -> Outcomes:
        filled: dict[int, Values] = {}
        for hiding in _hidings(portion.scored):
            told = model.told(hiding, *model.hidden_quantiles(self.corpus.panel, hiding))
            filled |= {id(hidden): each[:, each.shape[1] // 2] for hidden, each in zip(hiding, told, strict=True)}
        return gap_outcomes([filled[id(gap.hidden)][gap.begin : gap.end] for gap in portion.scored], portion, task)

    def answer_all(self, model: FillModel, portion: Portion[HiddenGap]) -> int:
        for hiding in _hidings(portion.scored):
            model.told(hiding, *model.hidden_quantiles(self.corpus.panel, hiding))
        return len(portion.scored)


def gap_outcomes(filled: Sequence[Values], portion: Portion[HiddenGap], task: FillTask) -> Outcomes:
    """Of what each gap was filled with, by the task's score, the mean absolute error."""
    counts = np.zeros((len(filled), 2))
    by_reach: defaultdict[int, Counts] = defaultdict(lambda: np.zeros(2))
    for row, gap, values in zip(counts, portion.scored, filled, strict=True):
        steps = gap.hidden.steps[gap.begin : gap.end]
        errors = np.abs(gap.hidden.y[gap.begin : gap.end] - values)
        row[:] = errors.sum(), len(errors)
        first, last = gap.hidden.steps[gap.begin], gap.hidden.steps[gap.begin] + gap.hidden.gap[gap.begin] - 1
        for place, error in zip(reach_of(np.minimum(steps - first, last - steps) + 1).tolist(), errors.tolist(), strict=True):
            by_reach[place] += (error, 1)
    return Outcomes(
        score_name=task.score_name,
        rule="share",
        lower_is_better=True,
        counts=counts,
        given=tuple(map(_values, filled)),
        by_position={REACH_NAMES[place]: by_reach[place] for place in sorted(by_reach)},
        position_name="steps to the nearer end of the gap",
    )


def _hidings(gaps: Sequence[HiddenGap]) -> list[tuple[HiddenSeries, ...]]:
    """Those that the gaps are of, each once."""
    return list({id(gap.hiding): gap.hiding for gap in gaps}.values())


def _values(values: Values) -> str:
    return shown_answer(", ".join(f"{value:.4g}" for value in values[:8].tolist()) + (", …" if len(values) > 8 else ""))
