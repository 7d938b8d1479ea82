"""One run of a comparison: a network or a baseline is fitted, its answers are kept, and what it costs is measured."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tidegate.comparison.baselines import baselines_of
from tidegate.comparison.leaderboard import Run, epochs_to_95
from tidegate.comparison.materials import Material, Portion
from tidegate.comparison.plan import Plan
from tidegate.errors import InterruptedRunError
from tidegate.runtime import load
from tidegate.scoring.calibration import calibration_of
from tidegate.scoring.outcomes import Outcomes
from tidegate.training.callbacks import INTERRUPTED
from tidegate.training.run import train
from tidegate.training.task import TrainingTask

# Answers are timed so often, and no further time once they took so many seconds; the median counts.
_ROUNDS, _MOST_SECONDS = 3, 10.0
# So long the steps of each network's sessions are timed.
_STEP_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """Runs on one portion of the records; `fold` None without folds."""

    portion: Portion[Any]
    fold: int | None
    runs: list[Run]


def steps_of(material: Material[Any], plan: Plan) -> Iterator[Step]:
    """All runs, by portion; of each portion seed after seed, so that what is counted once serves every architecture."""
    for share in sorted(plan.shares, reverse=True):
        for fold in range(plan.folds) if plan.folds else (None,):
            first = material.recipe.seed
            runs: list[Run] = []
            portion = material.portion(fold=fold, folds=plan.folds, share=share)
            if plan.has_baselines:
                runs += [Run(baseline.name, "baseline", first, fold, share) for baseline in baselines_of(material)]
            runs += [Run(name, "network", seed, fold, share) for seed in range(first, first + plan.seeds) for name in plan.archs]
            yield Step(portion, fold, runs)


class Counted:
    """Tasks as they are asked for: n-grams and vocabulary are counted once for all runs of a portion and seed."""

    def __init__(self, material: Material[Any]) -> None:
        self.material = material
        self._portion: Portion[Any] | None = None
        self._task: TrainingTask[Any] | None = None
        self.seconds = 0.0  # that counting took for the last task: part of what each of its runs costs

    def task(self, portion: Portion[Any], seed: int) -> TrainingTask[Any]:
        """The task of a portion's runs with that seed."""
        if self._task is None or self._portion is not portion or self._task.recipe.seed != seed:
            self._task = None
            began = time.monotonic()
            self._task = self.material.task(portion, self.material.recipe.model_copy(update={"seed": seed}))
            self._portion, self.seconds = portion, time.monotonic() - began
        return self._task


def run_network(
    planned: Run,
    material: Material[Any],
    portion: Portion[Any],
    task: TrainingTask[Any],
    out: Path,
    counting: float,
    *,
    on_epoch: Callable[[int, int], None] | None = None,
) -> tuple[Run, Outcomes]:
    """Trains and measures one network.

    Args:
        counting: seconds that counting and encoding the data took before.
        on_epoch: told after each epoch how many are done, and of how many at most.

    Raises:
        KeyboardInterrupt: training was cut off: such a network is no contender.
    """
    began = time.monotonic()
    is_kept = planned.share == 1 and planned.fold is None
    place = out / "models" / (f"{planned.name}-{planned.seed}" if is_kept else "in-training")
    shutil.rmtree(place, ignore_errors=True)
    try:
        result = train(task, place, overwrite=True, quiet=True, started=began, on_epoch=on_epoch)
    except InterruptedRunError:
        raise KeyboardInterrupt from None
    seconds = counting + time.monotonic() - began
    if result.ended == INTERRUPTED:
        shutil.rmtree(place, ignore_errors=True)
        raise KeyboardInterrupt
    model: Any = load(place)
    outcomes = material.outcomes(task, model, portion)
    scores = result.metrics["test" if portion.test else "dev"]
    size = (place / "model.safetensors").stat().st_size + (place / "vocabulary.json").stat().st_size
    sequence_seconds = _seconds(lambda: material.answer_all(model, portion))
    steps = material.step_seconds(model, portion, most_seconds=_STEP_SECONDS)
    if not is_kept:
        shutil.rmtree(place, ignore_errors=True)
    epochs = result.metrics["epochs"]
    calibration = calibration_of(outcomes.confidences, outcomes.hits)
    return (
        replace(
            planned,
            score=outcomes.score,
            scores={key: value for key, value in scores.items() if isinstance(value, float)},
            parameters=result.metrics["parameters"],
            megabytes=size / 1e6,
            train_seconds=seconds,
            ms_per_sequence=1000 * sequence_seconds,
            ms_per_step_p50=1000 * float(np.percentile(steps, 50)) if steps else None,
            ms_per_step_p99=1000 * float(np.percentile(steps, 99)) if steps else None,
            best_epoch=result.metrics["best_epoch"],
            epochs_to_95=epochs_to_95([epoch["dev_score"] for epoch in epochs], lower_is_better=task.lower_is_better),
            ece=calibration["ece"] if calibration else None,
            calibration=calibration,
            epochs=epochs,
            ended=result.ended,
        ),
        outcomes,
    )


def run_baseline(planned: Run, material: Material[Any], portion: Portion[Any], task: TrainingTask[Any]) -> tuple[Run, Outcomes]:
    """Fits and measures one baseline."""
    (baseline,) = (found for found in baselines_of(material) if found.name == planned.name)
    began = time.monotonic()
    baseline.fit(task)
    seconds = time.monotonic() - began
    records = portion.scored
    answers: list[Any] = []

    def answer_all() -> int:
        answers[:] = baseline.answer(records)
        return len(records)

    sequence_seconds = _seconds(answer_all)
    outcomes = baseline.outcomes(task, portion, answers)
    return (
        replace(
            planned,
            score=outcomes.score,
            scores={outcomes.score_name: outcomes.score},
            megabytes=baseline.size() / 1e6,
            train_seconds=seconds,
            ms_per_sequence=1000 * sequence_seconds,
        ),
        outcomes,
    )


def _seconds(answer_all: Callable[[], int]) -> float:
    """Seconds a sequence, of answering all of them."""
    times: list[float] = []
    while len(times) < _ROUNDS and sum(times) < _MOST_SECONDS:
        began = time.perf_counter()
        count = answer_all()
        times.append(time.perf_counter() - began)
    return median(times) / max(1, count)
