"""results.json: what a comparison has come to so far, written after every run, and what a comparison is resumed from."""

from __future__ import annotations

import json
import platform
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.artefact import write_atomically
from tidegate.comparison.contenders import Contender
from tidegate.comparison.cost import spent
from tidegate.comparison.differences import differences_of, disagreements_of
from tidegate.comparison.folder import FORMAT, LOCK, check_folder
from tidegate.comparison.leaderboard import Row, Run, failures, rows_of
from tidegate.comparison.outcome_files import read_outcomes, write_outcomes
from tidegate.comparison.pairs import best_network, pairs_of
from tidegate.comparison.plan import Plan
from tidegate.comparison.verdict import unfinished, verdict_of
from tidegate.errors import OutputError, RecipeError
from tidegate.scoring.outcomes import Examples, Outcomes
from tidegate.version import __version__

if TYPE_CHECKING:
    from tidegate.comparison.materials import Material

FORMAT_VERSION = 2
# What a comparison to be resumed may have differed in, in words; settings have their own names.
_SPOKEN = {"records_sha256": "the data", "scored_on": "what is scored (test files, folds or the development data)", "task": "the task"}
# What may change when a comparison is gone on with.
_FREE = ("score", "lower_is_better", "machine", "archs", "seeds", "shares", "recipe", "tidegate_version")


def header_of(material: Material[Any], plan: Plan) -> dict[str, Any]:
    """What results.json says above the runs; equal for a comparison and its resumption."""
    import torch

    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "tidegate_version": __version__,
        "task": material.recipe.task,
        "score": "",
        "lower_is_better": False,
        "scored_on": "folds" if plan.folds else "test" if material.test else "dev",
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, Python {platform.python_version()}",
        "recipe": material.recipe.model_dump(mode="json"),
        "records_sha256": material.fingerprint(),
        **plan.to_json(),
    }


class Results:
    """What a comparison has come to so far, and its folder. Every run is written down as it ends.

    Attributes:
        runs: that ended, those of an earlier call first.
        forecast: what `cost.Forecast.to_json` says; None before it was made.
        spent_before: minutes of earlier calls.
    """

    def __init__(self, out: Path, header: dict[str, Any], kept: dict[str, Any] | None) -> None:
        self.out, self._header = out, header
        self.forecast: dict[str, Any] | None = None
        self.spent_before = 0.0
        self.runs: list[Run] = []
        self._began = time.monotonic()
        if kept is not None:
            runs = [Run(**content) for content in kept["runs"]]
            # What failed is tried again, and so is what cannot be judged because its answers are gone.
            self.runs = [run for run in runs if not run.failure and read_outcomes(out, run) is not None]
            self.forecast, self.spent_before = kept["cost"]["forecast"], kept["cost"]["spent"]["minutes"]
            self.score, self.lower_is_better = kept["score"], kept["lower_is_better"]
            self._header |= self._asked_and_kept()

    def _asked_and_kept(self) -> dict[str, Any]:
        """Architectures, seeds and shares that are asked for now, and those whose runs stand here from an earlier call."""
        networks = [run for run in self.runs if run.kind == "network"]
        return {
            "archs": list(dict.fromkeys([*self._header["archs"], *(run.name for run in networks)])),
            "seeds": max(self._header["seeds"], len({run.seed for run in networks})),
            "shares": sorted({*self._header["shares"], *(run.share for run in self.runs)}),
        }

    @property
    def score(self) -> str:
        """What the score is called; empty before the first task was made."""
        return str(self._header["score"])

    @score.setter
    def score(self, name: str) -> None:
        self._header["score"] = name

    @property
    def lower_is_better(self) -> bool:
        return bool(self._header["lower_is_better"])

    @lower_is_better.setter
    def lower_is_better(self, is_lower: bool) -> None:
        self._header["lower_is_better"] = is_lower

    @property
    def scored_on(self) -> str:
        return str(self._header["scored_on"])

    def add(self, run: Run, outcomes: Outcomes | None) -> None:
        """A run that ended, and what it answered; None where it failed."""
        if outcomes is not None:
            write_outcomes(self.out, run, outcomes)
        self.runs.append(run)

    def rows(self) -> list[Row]:
        return rows_of(self.runs, lower_is_better=self.lower_is_better)

    def write(self, judged: Mapping[str, Any]) -> dict[str, Any]:
        """Writes results.json, with what was judged (`unjudged`, `judged_of`); gives what stands there now."""
        cost = {"forecast": self.forecast, "spent": spent(self.out, time.monotonic() - self._began, self.spent_before)}
        content = {
            **self._header,
            "leaderboard": [row.to_json() for row in self.rows()],
            "runs": [run.to_json() for run in self.runs],
            **judged,
            "cost": cost,
            "failures": list(failures(self.runs)),
        }
        with write_atomically(self.out / "results.json") as file:
            file.write((json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode("utf-8", "surrogatepass"))
        return content


def unjudged(done: int, total: int) -> dict[str, Any]:
    """What is judged of a comparison before its last run: nothing."""
    return {
        "pairs": [],
        "verdict": unfinished(done, total),
        "differences": {"by_label": {}, "by_length": [], "length_name": "", "by_position": {"name": "", "rows": []}},
        "disagreements": [],
    }


def judged_of(results: Results, contenders: Sequence[Contender], examples: Examples) -> dict[str, Any]:
    """Everything that is judged of all runs together."""
    rows = results.rows()
    share = max((row.share for row in rows), default=1.0)
    pairs, best = pairs_of(contenders, examples), best_network(contenders)
    rows = [row for row in rows if row.share == share]
    verdict = verdict_of(rows, pairs, score=results.score, lower_is_better=results.lower_is_better, best=best.name if best else None)
    return {
        "pairs": pairs,
        "verdict": verdict,
        "differences": differences_of(contenders, examples),
        "disagreements": disagreements_of(contenders, examples),
    }


def claim_folder(out: Path, header: dict[str, Any], *, overwrite: bool, resume: bool) -> Results:
    """Takes the folder, which is `held`, with the runs that a comparison to be resumed has already made.

    What may change on resuming: architectures, seeds, sizes (more of them, or fewer), the time budget.

    Raises:
        OutputError: as `check_folder`, or what stands there cannot be removed.
        RecipeError: the comparison to be resumed had other settings or other data.
    """
    kept = check_folder(out, overwrite=overwrite, resume=resume)
    if kept is not None and resume:
        _check_same(out, header, kept)
    try:
        if kept is not None and overwrite:
            for path in out.iterdir():
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                elif path.name != LOCK:
                    path.unlink()
            kept = None
        (out / "models").mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}. Name a place that you may write with --out.") from error
    return Results(out, header, kept)


def _check_same(out: Path, header: dict[str, Any], kept: dict[str, Any]) -> None:
    if kept["format_version"] != FORMAT_VERSION:
        raise RecipeError(
            f"{out} was written by tidegate {kept['tidegate_version']}, whose comparisons this one cannot go on with. Use --overwrite, or "
            "name another --out."
        )
    changed = [key for key, value in header.items() if key not in _FREE and kept.get(key) != value]
    changed += [key for key, value in header["recipe"].items() if key not in ("arch", "time_budget") and kept["recipe"].get(key) != value]
    if changed:
        told = ", ".join(_SPOKEN.get(key, key) for key in changed)
        raise RecipeError(f"{out}: the comparison to resume differed in {told}. Resume with the same, or use --overwrite.")
