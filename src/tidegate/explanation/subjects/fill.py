"""The subject of `fill`: one gap of a series, and the steps about it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tidegate.data.fill_batches import FillSteps, collate_steps, panel_starts, read_steps
from tidegate.errors import DataError
from tidegate.explanation.subjects.series import SeriesSubject, score_of
from tidegate.explanation.subjects.subject import KEEP, PlaceError, Places, Said, Scores, Variants
from tidegate.runtime.fill import FillModel

OTHERS = "other series"


class FillSubject(SeriesSubject):
    """A filler and one gap. Its units are the steps that are read, the gap's among them.

    Args:
        given: a panel, a frame or paths of files.
        series, target: which; None where there is but one.
        at: a step of the series, from 0, in the gap; None for the longest gap.

    Attributes:
        steps: the series as it is read.
        gap: [M], the steps of the gap.
        asked: the step of the gap whose filling gradients are taken of: the one asked for, or the middle one.

    Raises:
        DataError: the series has no hole.
        RecipeError: no such series, several and none is named, or no hole at the step.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("at", "series", "target")

    def __init__(
        self, model: FillModel, given: Any, *, at: int | None = None, series: str | None = None, target: str | None = None
    ) -> None:
        panel = model.panel(given)
        super().__init__(model.config, model.series, panel, series, target)
        self.model, self.network = model, model.network
        self.notes += model.notes(panel)
        self.gap = self._gap(at)
        self.asked = int(self.gap[len(self.gap) // 2]) if at is None else int(at)
        self.first = max(0, int(self.gap[0]) - model.margin)
        self.last = min(len(self.series.y), int(self.gap[-1]) + model.margin + 1)
        values = self.series.y[self.first : self.last].tolist()
        times = self.times(self.first, self.last - self.first)
        self.units = tuple(f"{time}  {'?' if np.isnan(value) else f'{value:g}'}" for time, value in zip(times, values, strict=True))
        self._from, self._until = (times[int(step) - self.first] for step in (self.gap[0], self.gap[-1]))
        self.source = f"{panel.key(self.series)}, {len(self.gap):,} missing from {self._from} to {self._until}"
        self.stacks = {"stack": self.network.stack}
        if model.reads_others:
            self.channels = (*self.channels, OTHERS)
        name = model.series.renamed(panel.series)
        number, self.scale = model.series.of(self.series, name=name)
        self._encoded = model.series.coder.encode(self.series, self.scale, id=number)
        self.steps = model.read(panel.series, panel_starts(panel))[self.index]

    def _gap(self, at: int | None) -> NDArray[np.int64]:
        """The steps of the gap that is explained."""
        holes = np.flatnonzero(~np.isfinite(self.series.y))
        if not len(holes):
            raise DataError(f"series '{self.data.key(self.series)}' ({self.series.place}) has no hole, so there is nothing to explain.")
        gaps = np.split(holes, np.flatnonzero(np.diff(holes) > 1) + 1)
        if at is None:
            if len(gaps) > 1:
                self.notes.append(
                    f"the series has {len(gaps):,} gaps; explained is the longest. Name another by the number of a step in it (at)."
                )
            return max(gaps, key=len)
        found = [gap for gap in gaps if at in gap.tolist()]
        if not found:
            longest = max(gaps, key=len)
            expected = "the series has a value there or no such step, and a gap is explained; of its longest"
            raise PlaceError(at, expected, (int(longest[0]), int(longest[-1])))
        return found[0]

    def _medians(self, steps: list[FillSteps]) -> NDArray[np.float64]:
        """[V, M], what the gap is filled with, in the target's unit."""
        wanted = np.full(self.last - self.first, np.nan, dtype=np.float32)
        wanted[self.gap - self.first] = 0
        batch = collate_steps([(one, self.first, self.last) for one in steps], [wanted] * len(steps))
        quantiles = self.network.quantiles(batch)
        return self.scale.undo(quantiles[:, quantiles.shape[1] // 2].reshape(len(steps), -1).astype(np.float64))

    @cached_property
    def medians(self) -> NDArray[np.float64]:
        """[M], what the gap is filled with; the first look reads the steps."""
        found: NDArray[np.float64] = self._medians([self.steps])[0]
        return found

    def run(self) -> Said:
        filled = dict(zip(self.gap.tolist(), self.medians.tolist(), strict=True))
        said = tuple(f"{filled[step]:.4g}" if step in filled else "" for step in range(self.first, self.last))
        shown = f"{self.medians[0]:.4g}" if len(self.gap) == 1 else f"{self.medians.min():.4g} to {self.medians.max():.4g}"
        return Said(f"{self.series.target} {shown}", said)

    @property
    def of(self) -> str:
        return f"minus the change of {self.series.target} in the gap, the mean over its {len(self.gap):,} steps"

    def _scores(self, variants: Variants, places: Places) -> Scores:
        return score_of(self._medians([self._varied(row) for row in variants]), self.medians)

    def _varied(self, row: Variants) -> FillSteps:
        if not row.any():
            return self.steps
        length = len(self._encoded)

        def placed(mask: NDArray[np.bool_], rows: int = length) -> NDArray[np.bool_]:
            whole = np.zeros(rows, dtype=bool)
            whole[self.first : self.last] = mask
            return whole

        holes, past, known = self.masks(row)
        rows = len(self._encoded.known)
        series = self.without(
            self._encoded,
            placed(holes),
            {name: placed(mask) for name, mask in past.items()},
            {name: placed(mask, rows) for name, mask in known.items()},
        )
        (steps,) = read_steps([series], [0], is_two_way=self.model.is_two_way, others=False)
        if not self.model.reads_others:
            return steps
        others = self.steps.x[:, -2:].copy()
        others[placed(row != KEEP if row.ndim == 1 else row[:, -1] != KEEP)] = 0
        return replace(steps, x=np.concatenate([steps.x, others], axis=1))
