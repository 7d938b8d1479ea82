"""The main path of a comparison: same data, budget and seeds for every contender, a leaderboard out. Read `compare_material`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from tidegate.comparison.contenders import contenders_of, joined
from tidegate.comparison.cost import Forecast, forecast_cost
from tidegate.comparison.folder import check_folder, held
from tidegate.comparison.leaderboard import Row, Run
from tidegate.comparison.materials import Material, material_of
from tidegate.comparison.measuring import Counted, Step, run_baseline, run_network, steps_of
from tidegate.comparison.outcome_files import write_examples
from tidegate.comparison.plan import Plan, check_plan, default_archs, default_folder, recipe_of, schema_of
from tidegate.comparison.report import write_report
from tidegate.comparison.results import Results, claim_folder, header_of, judged_of, unjudged
from tidegate.errors import RecipeError, RunError, TidegateError
from tidegate.scoring.outcomes import Examples, Outcomes
from tidegate.training.recipe import Recipe


class Watcher(Protocol):
    """Told how a comparison goes on."""

    def expect(self, forecast: Forecast) -> None:
        """Before the first run: what all of them will cost with every epoch."""

    def epoch_ended(self, run: Run, epoch: int, epochs: int, done: int, total: int, seconds_left: float) -> None:
        """A network came so far, of so many epochs at most; how many runs are done before it, and how long it and the others may take."""

    def ended(self, run: Run, done: int, total: int, seconds_left: float) -> None:
        """A run ended; how many are done, how many there are, and how long the others may take."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a comparison came to.

    Attributes:
        path: the folder with results.json, report.html and leaderboard.svg.
        task, score: what was compared, and by which score.
        scored_on: 'test', 'folds', or 'dev' (by which the epochs were chosen too, so the networks are flattered).
        runs, rows: every run; the leaderboard.
        content: what stands in results.json: pairs, verdict, cost, differences, disagreements.
    """

    path: Path
    task: str
    score: str
    scored_on: str
    runs: list[Run]
    rows: list[Row]
    content: dict[str, Any]

    @property
    def verdict(self) -> str:
        """Which contender to take, and why, in plain sentences."""
        return " ".join(self.content["verdict"]["sentences"])

    @property
    def leaderboard(self) -> Any:
        """The rows as a frame: pandas where it is installed, else polars.

        Raises:
            MissingExtraError: neither is installed.
        """
        from tidegate.comparison.frames import frame_of

        figures = (
            "train_seconds",
            "epochs_to_95",
            "ms_per_sequence",
            "ms_per_step_p50",
            "ms_per_step_p99",
            "ece",
            "megabytes",
            "parameters",
        )
        columns = ("name", "score", "spread", *figures, "share", "runs", "failed", "kind", "title")
        return frame_of([{key: content[key] for key in columns} for content in map(Row.to_json, self.rows)])


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
    """Fits and scores every contender of the plan on the same records, and judges what their answers are worth.

    A run that fails is listed with its cause and the others go on; Ctrl-C ends the comparison. Every finished run is written
    down at once, so that an interrupted comparison is resumed where it was.

    Args:
        material: the records, and the settings that all networks share; a time budget among them is divided over the runs.
        out: the folder to write: results.json, report.html and its figures, the outcomes, and the models (of the full training data,
            without folds).
        watch: told what the comparison will cost, and of each run as it ends.
        started: `time.monotonic()` from which the time budget counts; now, if None.

    Raises:
        OutputError: `out` exists and is no comparison, or may not be replaced, or another process is writing there.
        DataError: nothing can be learnt from the data, or not what is scored.
        RecipeError: an architecture has not what the settings ask for, or the comparison to resume had other settings or other data.
        RunError: every run failed; results.json and the report are written, with all causes.
        KeyboardInterrupt: Ctrl-C; what is done stays for --resume.
    """
    began = time.monotonic() if started is None else started
    check_plan(material.recipe, plan)
    header = header_of(material, plan)
    steps = list(steps_of(material, plan))  # before anything is written: too few records for so many folds are told here
    check_folder(out, overwrite=overwrite, resume=resume)
    counted = Counted(material)
    if len(steps) == 1 and not resume:  # what is wrong with the data of all runs, as a label that only the test file has, is told but once
        counted.task(steps[0].portion, material.recipe.seed)
    with held(out):
        results = claim_folder(out, header, overwrite=overwrite, resume=resume)
        return _compare_in(results, material, steps, counted, began, watch)


def _compare_in(
    results: Results, material: Material[Any], steps: Sequence[Step], counted: Counted, began: float, watch: Watcher | None
) -> Comparison:
    """Every run that is left, and what is judged of all."""
    out = results.out
    done = {run.key for run in results.runs}
    left = [run for step in steps for run in step.runs if run.key not in done]
    total = len(done) + len(left)
    results.write(unjudged(len(done), total))  # from now on the folder can be told for a comparison's own
    forecast = forecast_cost(counted, steps, left, time_budget=material.recipe.time_budget, spent_before=results.spent_before)
    if left:
        results.forecast = forecast.to_json()
    if watch is not None:
        watch.expect(forecast)
    finished: list[tuple[Run, float]] = []
    for step in steps:
        for planned in step.runs:
            if planned.key in done:
                continue
            run_from = time.monotonic()
            runs_left = len(left)
            left.remove(planned)

            def on_epoch(epoch: int, epochs: int, planned: Run = planned, run_from: float = run_from) -> None:
                if watch is not None:
                    seconds = time.monotonic() - run_from
                    found = forecast.seconds_left_within(planned, epoch / epochs, seconds, left, finished)
                    watch.epoch_ended(planned, epoch, epochs, len(results.runs), total, _within_budget(found, forecast, began))

            budget = _budget(material.recipe, began, runs_left)
            run, outcomes = _run(planned, material, step, counted, results, out, budget, on_epoch)
            results.add(run, outcomes)
            results.write(unjudged(len(results.runs), total))
            finished.append((run, time.monotonic() - run_from))
            if watch is not None:
                watch.ended(run, len(results.runs), total, _within_budget(forecast.seconds_left(left, finished), forecast, began))
    examples = _examples(material, steps, out)
    contenders = contenders_of(out, results.runs)
    judged = judged_of(results, contenders, examples)
    report = write_report(results.write(judged), out)
    content = results.write(judged)  # with what the report has cost too
    if all(run.failure for run in results.runs):
        raise RunError("\n  ".join(["every run failed; each with its cause:", *content["failures"], f"{out / 'results.json'} · {report}"]))
    return Comparison(out, material.recipe.task, results.score, results.scored_on, results.runs, results.rows(), content)


def _run(
    planned: Run,
    material: Material[Any],
    step: Step,
    counted: Counted,
    results: Results,
    out: Path,
    budget: float | None,
    on_epoch: Callable[[int, int], None],
) -> tuple[Run, Outcomes | None]:
    """One run, measured, or with the cause of its failure."""
    try:
        task = counted.task(step.portion, planned.seed)
        results.score, results.lower_is_better = task.score_name, task.lower_is_better
        if planned.kind == "baseline":
            return run_baseline(planned, material, step.portion, task)
        own = task.with_arch(planned.name, budget)
        return run_network(planned, material, step.portion, own, out, counted.seconds, on_epoch=on_epoch)
    except (TidegateError, ArithmeticError, RuntimeError, ValueError, MemoryError) as error:
        return replace(planned, failure=f"{type(error).__name__}: {error}"), None


def _within_budget(seconds: float, forecast: Forecast, began: float) -> float:
    """No more than the time budget has left."""
    if forecast.time_budget is None:
        return seconds
    return min(seconds, max(0.0, began + forecast.time_budget - time.monotonic()))


def _examples(material: Material[Any], steps: Sequence[Step], out: Path) -> Examples:
    """What was scored, of all folds; kept beside the outcomes."""
    parts = {}
    for step in steps:
        if step.fold not in parts:  # the same at every share of the training data
            parts[step.fold] = material.examples(step.portion)
            write_examples(out, step.fold, parts[step.fold])
    return joined(parts.values())


def _budget(recipe: Recipe, began: float, runs_left: int) -> float | None:
    """An equal part of what is left of the time budget."""
    if recipe.time_budget is None:
        return None
    return max(1.0, (began + recipe.time_budget - time.monotonic()) / max(1, runs_left))


def compare(
    task: str,
    train: str | Path | Sequence[str | Path],
    *,
    dev: str | Path | Sequence[str | Path] = (),
    test: str | Path | Sequence[str | Path] = (),
    arch: str | Sequence[str] | None = None,
    seeds: int = 3,
    baselines: str = "auto",
    folds: int = 0,
    train_sizes: float | Sequence[float] = (1.0,),
    out: str | Path | None = None,
    preset: str = "default",
    recipe: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    **settings: Any,
) -> Comparison:
    """Which architecture for these data? Trains several on the same data, budget and seeds, beside baselines.

    Args:
        task: 'classify', 'tag', 'generate', 'translate', 'forecast', 'fill' or 'transcribe'; what the files of classifiers and taggers
            hold (texts, numbers, sound) is found, or said by the setting `input`.
        train, dev, test: files, as for `tidegate train`.
        arch: architectures, a list or a text with commas; None: five or fewer that suit the task.
        seeds: how many seeds each.
        baselines: 'auto' or 'none'.
        folds: cross-validation in so many folds, instead of test files; 0: none. Of series and running text there are none.
        train_sizes: shares of the training data, for instance (0.25, 0.5, 1.0): would more labels help?
        out: the folder for results.json, report.html and the models; None: `<stem>-comparison`.
        preset, recipe, settings: of every network, as for `Tagger` and `Classifier`.
        overwrite, resume: replace an earlier comparison there, or go on with it.

    Example:
        >>> tidegate.compare("classify", "spam.csv", arch="lstm,bilstm,gru", seeds=3).leaderboard

    Raises:
        DataError, RecipeError, OutputError: what was given cannot be read, is not known, or must not be written.
    """
    schema_of(task)
    if baselines not in ("auto", "none"):
        raise RecipeError(f"baselines '{baselines}' is neither auto nor none.")
    given = arch.split(",") if isinstance(arch, str) else arch
    names = default_archs(task) if given is None else tuple(name.strip() for name in given if name.strip())
    sizes = (train_sizes,) if isinstance(train_sizes, int | float) else train_sizes
    plan = Plan(names, seeds, folds, tuple(sorted(set(sizes))), baselines == "auto")
    files = [_paths(given) for given in (train, dev, test)]
    shared = recipe_of(task, names, files[0], settings, preset=preset, recipe=recipe)
    check_plan(shared, plan, has_test=bool(files[2]))
    target = Path(out) if out is not None else default_folder(files[0])
    return compare_material(material_of(shared, *files), plan, target, overwrite=overwrite, resume=resume)


def _paths(given: str | Path | Sequence[str | Path]) -> list[str]:
    return [str(given)] if isinstance(given, str | Path) else [str(path) for path in given]
