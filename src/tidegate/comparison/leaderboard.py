"""Runs to rows: for each contender the mean and spread of its score, its size, its time."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from statistics import mean, median, stdev
from typing import Any, Literal

from tidegate.kernels import ARCHITECTURES


@dataclass(frozen=True, slots=True)
class Run:
    """One network or baseline, fitted and scored once.

    Attributes:
        name: the architecture's or the baseline's.
        seed, fold, share: which run of that contender; `share` of the training records, `fold` None without folds.
        score: on the test records (without any, on the development records); None where the run failed.
        scores: every score that is one number.
        parameters, megabytes: size of what was learnt, the latter on disk.
        train_seconds, ms_per_sequence: of fitting all in all, counting the data and fitting the n-grams too; of answering,
            batches and all, on the NumPy runtime.
        ms_per_step_p50, ms_per_step_p99: of a step of a session that reads as it comes; None for what reads whole sequences.
        epochs_to_95: the first epoch within 5 % of the run's best score on the development data.
        ece, calibration: expected calibration error, and its bins; None where nothing is called probable.
        epochs: of each epoch its loss, score and seconds, as in metrics.json.
        failure: why the run failed; empty where it did not.
    """

    name: str
    kind: Literal["network", "baseline"]
    seed: int
    fold: int | None
    share: float
    score: float | None = None
    scores: dict[str, float] | None = None
    parameters: int | None = None
    megabytes: float | None = None
    train_seconds: float | None = None
    ms_per_sequence: float | None = None
    ms_per_step_p50: float | None = None
    ms_per_step_p99: float | None = None
    best_epoch: int | None = None
    epochs_to_95: int | None = None
    ece: float | None = None
    calibration: dict[str, Any] | None = None
    epochs: list[dict[str, float]] = field(default_factory=list)
    ended: str = ""
    failure: str = ""

    @property
    def key(self) -> tuple[str, int, int | None, float]:
        """What tells this run from the others."""
        return self.name, self.seed, self.fold, self.share

    @property
    def file_name(self) -> str:
        """What files of this run are called."""
        fold = "" if self.fold is None else f"-fold{self.fold}"
        share = "" if self.share == 1 else f"-share{100 * self.share:g}"
        return f"{re.sub('[^A-Za-z0-9]+', '-', self.name).strip('-')}-{self.seed}{fold}{share}"

    @property
    def spoken(self) -> str:
        """Which run it is, in words."""
        parts = [self.name]
        if self.kind == "network":
            parts.append(f"seed {self.seed}")
        if self.fold is not None:
            parts.append(f"fold {self.fold}")
        if self.share < 1:
            parts.append(f"{self.share:.0%} of the training data")
        return ", ".join(parts)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the leaderboard.

    Attributes:
        score: mean over seeds (and folds); None where every run failed.
        spread: standard deviation over the folds (of each the mean over seeds), without folds over the seeds; None with a single one.
        runs, failed: how many were made, and how many of them failed.

    Everything else is the median over the runs.
    """

    name: str
    title: str
    kind: Literal["network", "baseline"]
    share: float
    score: float | None
    spread: float | None
    parameters: float | None
    train_seconds: float | None
    ms_per_sequence: float | None
    ms_per_step_p50: float | None
    ms_per_step_p99: float | None
    epochs_to_95: float | None
    ece: float | None
    megabytes: float | None
    runs: int
    failed: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def rows_of(runs: Iterable[Run], *, lower_is_better: bool = False) -> list[Row]:
    """A row for each contender and share of the training data; the full data first, in each share the best first."""
    sign = 1 if lower_is_better else -1
    grouped: defaultdict[tuple[str, float], list[Run]] = defaultdict(list)
    for run in runs:
        grouped[run.name, run.share].append(run)
    rows = [_row(found) for found in grouped.values()]
    return sorted(rows, key=lambda row: (-row.share, row.score is None, sign * (row.score or 0.0), row.train_seconds or 0.0, row.name))


def _row(runs: list[Run]) -> Row:
    first = runs[0]
    done = [run for run in runs if run.score is not None]
    scores = [run.score for run in done if run.score is not None]
    return Row(
        name=first.name,
        title=ARCHITECTURES[first.name].title if first.kind == "network" else first.name,
        kind=first.kind,
        share=first.share,
        score=mean(scores) if scores else None,
        spread=_spread(done),
        parameters=_middle(run.parameters for run in done),
        train_seconds=_middle(run.train_seconds for run in done),
        ms_per_sequence=_middle(run.ms_per_sequence for run in done),
        ms_per_step_p50=_middle(run.ms_per_step_p50 for run in done),
        ms_per_step_p99=_middle(run.ms_per_step_p99 for run in done),
        epochs_to_95=_middle(run.epochs_to_95 for run in done),
        ece=_middle(run.ece for run in done),
        megabytes=_middle(run.megabytes for run in done),
        runs=len(runs),
        failed=len(runs) - len(done),
    )


def epochs_to_95(scores: Sequence[float], *, lower_is_better: bool = False) -> int | None:
    """The first epoch, from 1, whose score on the development data is within 5 % of the best of them; None without epochs."""
    if not scores:
        return None
    best = min(scores) if lower_is_better else max(scores)
    slack = 0.05 * abs(best)
    return next(epoch for epoch, score in enumerate(scores, 1) if (score <= best + slack if lower_is_better else score >= best - slack))


def _spread(runs: list[Run]) -> float | None:
    grouped: defaultdict[int, list[float]] = defaultdict(list)
    for run in runs:
        grouped[run.seed if run.fold is None else run.fold].append(run.score or 0.0)
    values = [mean(scores) for scores in grouped.values()]
    return stdev(values) if len(values) > 1 else None


def _middle(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def failures(runs: Iterable[Run]) -> Iterator[str]:
    """A sentence for each run that failed."""
    for run in runs:
        if run.failure:
            yield f"{run.spoken}: {run.failure}"
