"""The main path of a comparison: same data, budget and seeds for every contender, a leaderboard out. Read `compare_material`."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from tidegate.comparison.baselines import baselines_of
from tidegate.comparison.leaderboard import Row, Run, rows_of
from tidegate.comparison.material import Material, Portion, material_of
from tidegate.comparison.picture import draw_leaderboard
from tidegate.comparison.plan import DEFAULT_ARCHS, Plan, default_folder, schema_of
from tidegate.comparison.results import claim_folder, header_of, read_results, write_results
from tidegate.errors import RecipeError, RunError, TidegateError
from tidegate.runtime import load
from tidegate.training.callbacks import INTERRUPTED
from tidegate.training.recipe import Recipe, build_recipe
from tidegate.training.run import train
from tidegate.training.task import TrainingTask

# A network's answers are timed so often; the median counts.
_ROUNDS = 3
# Told of each run as it ends: the run, how many are done, how many there are, seconds left.
Watcher = Callable[[Run, int, int, float], None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison came to.

    Attributes:
        path: the folder with results.json and leaderboard.svg.
        task, score: what was compared, and by which score.
        scored_on: 'test', 'folds', or 'dev' (by which the epochs were chosen too, so the networks are flattered).
        runs, rows: every run; the leaderboard.
    """

    path: Path
    task: str
    score: str
    scored_on: str
    runs: list[Run]
    rows: list[Row]

    @property
    def leaderboard(self) -> Any:
        """The rows as a frame: pandas where it is installed, else polars.

        Raises:
            MissingExtraError: neither is installed.
        """
        from tidegate.comparison.frames import frame_of

        first = ("name", "score", "spread", "train_seconds", "ms_per_sequence", "megabytes", "parameters", "share", "runs", "failed")
        return frame_of([{key: content[key] for key in (*first, "kind", "title")} for content in map(Row.to_json, self.rows)])


def compare_material(
    material: Material[Any],
    plan: Plan,
    out: Path,
    *,
    overwrite: bool = False,
    resume: bool = False,
    watch: Watcher | None = None,
    started: float | None = None,
) -> Comparison:
    """Fits and scores every contender of the plan on the same records.

    A run that fails is listed with its cause and the others go on; Ctrl-C ends the comparison. Every finished run is written
    down at once, so that an interrupted comparison is resumed where it was.

    Args:
        material: the records, and the settings that all networks share; a time budget among them is divided over the runs.
        out: the folder to write: results.json, leaderboard.svg, and the models (of the full training data, without folds).
        watch: told of each run as it ends.
        started: `time.monotonic()` from which the time budget counts; now, if None.

    Raises:
        OutputError: `out` exists and is no comparison, or may not be replaced.
        RecipeError: an architecture has not what the settings ask for, or the comparison to resume had other settings or other data.
        RunError: every run failed.
        KeyboardInterrupt: Ctrl-C; what is done stays for --resume.
    """
    began = time.monotonic() if started is None else started
    for arch in plan.archs:
        material.recipe.with_arch(arch, None)  # an architecture that the settings do not fit is told here
    header = header_of(material, plan)
    steps = list(_steps(material, plan))  # before anything is written: too few records for so many folds are told here
    done = claim_folder(out, header, overwrite=overwrite, resume=resume)
    runs = list(done.values())
    header["score"] = (read_results(out) or header)["score"] if resume else ""
    write_results(out, header, runs)  # from now on the folder can be told for a comparison's own
    left = [run for step in steps for run in step.runs if run.key not in done]
    total, score = len(left) + len(done), header["score"]
    spent_from = time.monotonic()
    for step in steps:
        task: TrainingTask[Any] | None = None
        counting = 0.0
        for planned in step.runs:
            if planned.key in done:
                continue
            try:
                if task is None or task.recipe.seed != planned.seed:
                    counting_from = time.monotonic()
                    task = material.task(step.portion, material.recipe.model_copy(update={"seed": planned.seed}))
                    counting = time.monotonic() - counting_from  # n-grams and vocabulary: once for all, but part of what each costs
                if planned.kind == "baseline":
                    finished = _finish_baseline(planned, task, step.portion)
                else:
                    own = task.with_arch(planned.name, _budget(material.recipe, began, len(left)))
                    finished = _finish(planned, step.portion, own, out, counting)
                score = task.score_name
            except (TidegateError, ArithmeticError, RuntimeError, ValueError, MemoryError) as error:
                finished = replace(planned, failure=f"{type(error).__name__}: {error}")
            left.pop()
            runs.append(finished)
            header["score"] = score
            write_results(out, header, runs)
            if watch is not None:
                count = total - len(left)
                each = (time.monotonic() - spent_from) / max(1, count - len(done))
                watch(finished, count, total, each * len(left))
    if all(run.failure for run in runs):
        raise RunError(f"every run failed, the first because of {runs[0].failure}")
    rows = rows_of(runs)
    draw_leaderboard(rows, out / "leaderboard.svg", score=score, scored_on=header["scored_on"])
    return Comparison(out, material.recipe.task, score, header["scored_on"], runs, rows)


def compare(
    task: str,
    train: str | Path | Sequence[str | Path],
    *,
    dev: str | Path | Sequence[str | Path] = (),
    test: str | Path | Sequence[str | Path] = (),
    arch: str | Sequence[str] = DEFAULT_ARCHS,
    seeds: int = 3,
    baselines: str = "auto",
    folds: int = 0,
    train_sizes: Sequence[float] = (1.0,),
    out: str | Path | None = None,
    preset: str = "default",
    recipe: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    **settings: Any,
) -> Comparison:
    """Which architecture for these data? Trains several on the same data, budget and seeds, beside baselines.

    Args:
        task: 'classify' or 'tag'.
        train, dev, test: files, as for `tidegate train`.
        arch: architectures, a list or a text with commas.
        seeds: how many seeds each.
        baselines: 'auto' or 'none'.
        folds: cross-validation in so many folds, instead of test files; 0: none.
        train_sizes: shares of the training data, for instance (0.25, 0.5, 1.0): would more labels help?
        out: the folder for results.json, leaderboard.svg and the models; None: `<stem>-comparison`.
        preset, recipe, settings: of every network, as for `Tagger` and `Classifier`.
        overwrite, resume: replace an earlier comparison there, or go on with it.

    Example:
        >>> tidegate.compare("classify", "spam.csv", arch="lstm,bilstm,gru", seeds=3).leaderboard

    Raises:
        DataError, RecipeError, OutputError: what was given cannot be read, is not known, or must not be written.
    """
    schema = schema_of(task)
    shared = build_recipe(schema, preset=preset, recipe=recipe, options=settings)
    if baselines not in ("auto", "none"):
        raise RecipeError(f"baselines '{baselines}' is neither auto nor none.")
    names = tuple(arch.split(",")) if isinstance(arch, str) else tuple(arch)
    plan = Plan(names, seeds, folds, tuple(sorted(train_sizes)), baselines == "auto")
    files = [_paths(given) for given in (train, dev, test)]
    target = Path(out) if out is not None else default_folder(files[0])
    return compare_material(material_of(shared, *files), plan, target, overwrite=overwrite, resume=resume)


def _paths(given: str | Path | Sequence[str | Path]) -> list[str]:
    return [str(given)] if isinstance(given, str | Path) else [str(path) for path in given]


@dataclass(frozen=True, slots=True)
class _Step:
    """Runs on one portion of the records."""

    portion: Portion[Any]
    runs: list[Run]


def _steps(material: Material[Any], plan: Plan) -> Iterator[_Step]:
    """All runs, by portion; of each portion seed after seed, so that what is counted once serves every architecture."""
    for share in sorted(plan.shares, reverse=True):
        for fold in range(plan.folds) if plan.folds else (None,):
            first = material.recipe.seed
            runs: list[Run] = []
            portion = material.portion(fold=fold, folds=plan.folds, share=share)
            if plan.has_baselines:
                names = [baseline.name for baseline in baselines_of(material.recipe.task)]
                runs += [Run(name, "baseline", first, fold, share) for name in names]
            runs += [Run(name, "network", seed, fold, share) for seed in range(first, first + plan.seeds) for name in plan.archs]
            yield _Step(portion, runs)


def _finish(planned: Run, portion: Portion[Any], task: TrainingTask[Any], out: Path, counting: float) -> Run:
    """Trains and measures one network; `counting` are the seconds that counting and encoding the data took before."""
    began = time.monotonic()
    is_kept = planned.share == 1 and planned.fold is None
    place = out / "models" / (f"{planned.name}-{planned.seed}" if is_kept else "in-training")
    shutil.rmtree(place, ignore_errors=True)
    result = train(task, place, overwrite=True, quiet=True, started=began)
    seconds = counting + time.monotonic() - began
    if result.ended == INTERRUPTED:  # a network that was cut off is no contender
        shutil.rmtree(place, ignore_errors=True)
        raise KeyboardInterrupt
    model: Any = load(place)
    records = portion.scored
    scores = result.metrics["test" if portion.test else "dev"]
    size = (place / "model.safetensors").stat().st_size + (place / "vocabulary.json").stat().st_size
    milliseconds = 1000 * _seconds(lambda: list(model.answers(iter(records)))) / len(records)
    if not is_kept:
        shutil.rmtree(place, ignore_errors=True)
    return replace(
        planned,
        score=float(scores[task.score_name]),
        scores={key: value for key, value in scores.items() if isinstance(value, float)},
        parameters=result.metrics["parameters"],
        megabytes=size / 1e6,
        train_seconds=seconds,
        ms_per_sequence=milliseconds,
        best_epoch=result.metrics["best_epoch"],
        ended=result.ended,
    )


def _finish_baseline(planned: Run, task: TrainingTask[Any], portion: Portion[Any]) -> Run:
    (baseline,) = (found for found in baselines_of(task.recipe.task) if found.name == planned.name)
    began = time.monotonic()
    baseline.fit(task)
    seconds = time.monotonic() - began
    records = portion.scored
    scores = baseline.score(task, records, baseline.answer(records))
    return replace(
        planned,
        score=float(scores[task.score_name]),
        scores={key: value for key, value in scores.items() if isinstance(value, float)},
        megabytes=baseline.size() / 1e6,
        train_seconds=seconds,
        ms_per_sequence=1000 * _seconds(lambda: baseline.answer(records)) / len(records),
    )


def _seconds(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return median(times)


def _budget(recipe: Recipe, began: float, runs_left: int) -> float | None:
    """An equal part of what is left of the time budget."""
    if recipe.time_budget is None:
        return None
    return max(1.0, (began + recipe.time_budget - time.monotonic()) / max(1, runs_left))
