"""Where series are cut into parts: training, then development, then test, one after another in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tidegate.data.series import Panel, Series
from tidegate.errors import DataError, listed
from tidegate.training.series_recipe import SeriesRecipe

Part = Literal["dev", "test"]
PARTS: tuple[Part, ...] = ("dev", "test")
# Of a series, where the development part is not named, before the test part.
_DEV_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Ends:
    """Where the parts of a series end, in steps: training, development, all."""

    train: int
    dev: int
    test: int

    def bounds(self, part: Part) -> tuple[int, int]:
        """The first step of a part and the one behind its last."""
        return (self.train, self.dev) if part == "dev" else (self.dev, self.test)

    def size(self, part: Part) -> int:
        begin, end = self.bounds(part)
        return end - begin

    def has(self, part: Part) -> bool:
        return self.size(part) > 0


@dataclass(frozen=True, slots=True)
class PartSteps:
    """How many steps the development and the test part of a series have."""

    dev: int
    test: int

    @classmethod
    def of(cls, panel: Panel, recipe: SeriesRecipe, least: int) -> PartSteps:
        """As the recipe names them; a development part that it does not name is a tenth of the longest series, and `least` steps.

        Raises:
            RecipeError: a span of time that is no whole number of steps.
        """
        test = panel.frequency.steps(recipe.test_last, "--test-last") if recipe.test_last else 0
        if recipe.dev_last:
            return cls(panel.frequency.steps(recipe.dev_last, "--dev-last"), test)
        longest = max(len(series.y) for series in panel.series)
        return cls(max(least, round(_DEV_SHARE * (longest - test))), test)

    def cut(self, panel: Panel, suffices: Callable[[Series, int], bool], *, need: str, options: str) -> tuple[tuple[Ends, ...], list[str]]:
        """Where the parts of each series end; one too short for parts of its own is learnt from alone, and named in a note.

        Args:
            suffices: whether a series has enough to learn from in its first so many steps, which may be none or fewer.
            need, options: what `suffices` asks for, and which options leave more, for the message.

        Raises:
            DataError: all series are too short.
        """
        cut: list[Ends] = []
        short: list[Series] = []
        for series in panel.series:
            whole = len(series.y)
            dev = whole - self.test
            if suffices(series, dev - self.dev):
                cut.append(Ends(dev - self.dev, dev, whole))
            else:
                short.append(series)
                cut.append(Ends(whole, whole, whole))
        if len(short) == len(cut):
            raise DataError(
                f"the longest series has {max(ends.test for ends in cut):,} steps; development takes the last {self.dev:,}"
                + (f" before the test part's {self.test:,}" if self.test else "")
                + f", and what is left must hold {need}. Give longer series, or a shorter {options}."
            )
        notes = []
        if short:
            notes.append(f"{counted(panel, short)} too short for a development part of their own: all of them is learnt from.")
        return tuple(cut), notes


def counted(panel: Panel, some: Sequence[Series]) -> str:
    """How many series, the names of the first, and is or are."""
    names = listed(panel.key(series) for series in some)
    return f"{len(some)} of {len(panel.series)} series ({names}) {'is' if len(some) == 1 else 'are'}"
