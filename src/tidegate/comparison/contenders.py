"""What each contender answered with all its seeds, over the examples of all folds: what differences are judged from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.comparison.leaderboard import Run
from tidegate.comparison.outcome_files import read_outcomes
from tidegate.scoring.outcomes import RULES, Counts, Examples, Outcomes


@dataclass(frozen=True, eq=False)
class Contender:
    """One of them.

    Attributes:
        seeds: those that finished in every fold.
        outcomes: of each seed, fold after fold; a single one without folds.
    """

    name: str
    kind: Literal["network", "baseline"]
    seeds: tuple[int, ...]
    outcomes: tuple[tuple[Outcomes, ...], ...]

    @property
    def first(self) -> Outcomes:
        return self.outcomes[0][0]

    @cached_property
    def counts(self) -> Counts:
        """[S, N, K], the N examples of all folds."""
        return np.stack([np.concatenate([outcomes.counts for outcomes in folds]) for folds in self.outcomes])

    def score_at(self, places: NDArray[np.intp]) -> float:
        """Mean over seeds of the score of the examples at these places."""
        return float(RULES[self.first.rule](self.counts[:, places].sum(axis=1)).mean())

    @property
    def score(self) -> float:
        """Mean over seeds of the score of all examples together."""
        return float(RULES[self.first.rule](self.counts.sum(axis=1)).mean())

    @cached_property
    def middle(self) -> int:
        """The place of the seed whose score is the median, of two the lower: what single answers are shown of."""
        scores = RULES[self.first.rule](self.counts.sum(axis=1))
        return int(np.argsort(scores, kind="stable")[(len(scores) - 1) // 2])

    @property
    def given(self) -> list[str]:
        """That seed's answers [N], in words."""
        return [answer for outcomes in self.outcomes[self.middle] for answer in outcomes.given]


def contenders_of(out: Path, runs: Iterable[Run]) -> list[Contender]:
    """The contenders at the largest share of the training data, in the order of their runs; without those of which no seed finished."""
    runs = list(runs)
    share = max((run.share for run in runs), default=1.0)
    folds = sorted({run.fold for run in runs if run.share == share}, key=lambda fold: -1 if fold is None else fold)
    grouped: defaultdict[tuple[str, Literal["network", "baseline"]], dict[tuple[int, int | None], Run]] = defaultdict(dict)
    for run in runs:
        if run.share == share and not run.failure:
            grouped[run.name, run.kind][run.seed, run.fold] = run
    found = []
    for (name, kind), own in grouped.items():
        whole: dict[int, tuple[Outcomes, ...]] = {}
        for seed in sorted({seed for seed, _ in own}):
            answered = [read_outcomes(out, own[seed, fold]) if (seed, fold) in own else None for fold in folds]
            if all(outcomes is not None for outcomes in answered):
                whole[seed] = tuple(outcomes for outcomes in answered if outcomes is not None)
        if whole:
            found.append(Contender(name, kind, tuple(whole), tuple(whole.values())))
    return found


def joined(parts: Iterable[Examples]) -> Examples:
    """The examples of all folds, in order."""
    parts = list(parts)
    return Examples(
        inputs=tuple(text for part in parts for text in part.inputs),
        right=tuple(text for part in parts for text in part.right),
        lengths=tuple(length for part in parts for length in part.lengths),
        length_name=parts[0].length_name if parts else "",
        groups=tuple(group for part in parts for group in part.groups) if all(part.groups for part in parts) else (),
    )
