"""results.json: what a comparison has come to so far, written after every run, and what a comparison is resumed from."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.artefact import write_atomically
from tidegate.comparison.leaderboard import Run, rows_of
from tidegate.comparison.plan import Plan
from tidegate.errors import OutputError, RecipeError
from tidegate.version import __version__

if TYPE_CHECKING:
    from tidegate.comparison.material import Material

FORMAT = "tidegate-comparison"


def header_of(material: Material[Any], plan: Plan) -> dict[str, Any]:
    """What results.json says above the runs; equal for a comparison and its resumption."""
    import torch

    return {
        "format": FORMAT,
        "format_version": 1,
        "tidegate_version": __version__,
        "task": material.recipe.task,
        "score": "",
        "scored_on": "folds" if plan.folds else "test" if material.test else "dev",
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, Python {platform.python_version()}",
        "recipe": material.recipe.model_dump(mode="json"),
        "records_sha256": material.fingerprint(),
        **plan.to_json(),
    }


def check_folder(out: Path, *, overwrite: bool, resume: bool) -> dict[str, Any] | None:
    """Whether a comparison may be written to the folder; gives the results of the one that stands there. Writes nothing.

    Raises:
        OutputError: something else stands there, or a comparison that may not be replaced.
    """
    kept = read_results(out)
    if out.exists() and any(out.iterdir() if out.is_dir() else (out,)):
        if kept is None:
            raise OutputError(f"{out} exists already and is no comparison; nothing was written. Name another place with --out.")
        if not (overwrite or resume):
            raise OutputError(
                f"{out} holds a comparison already. Go on with it by --resume, replace it by --overwrite, or name another --out."
            )
    return kept


def claim_folder(out: Path, header: dict[str, Any], *, overwrite: bool, resume: bool) -> dict[Any, Run]:
    """Makes the folder, or takes it over; gives the runs that a comparison to be resumed has already made.

    What may change on resuming: architectures, seeds, sizes (more of them, or fewer), the time budget.
    """
    kept = check_folder(out, overwrite=overwrite, resume=resume)
    done: dict[Any, Run] = {}
    if kept is not None and resume and not overwrite:
        free = ("score", "machine", "archs", "seeds", "shares", "recipe", "tidegate_version")
        changed = [key for key, value in header.items() if key not in free and kept.get(key) != value]
        changed += [
            key for key, value in header["recipe"].items() if key not in ("arch", "time_budget") and kept["recipe"].get(key) != value
        ]
        if changed:
            raise RecipeError(
                f"{out}: the comparison to resume differed in {', '.join(changed)}. Resume with the same, or use --overwrite."
            )
        runs = [Run(**content) for content in kept["runs"]]
        done = {run.key: run for run in runs if not run.failure}  # what failed is tried again
    elif kept is not None:
        shutil.rmtree(out)
    try:
        (out / "models").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}. Name a place that you may write with --out.") from error
    return done


def read_results(out: Path) -> dict[str, Any] | None:
    try:
        content: Any = json.loads((out / "results.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and content.get("format") == FORMAT else None


def write_results(out: Path, header: dict[str, Any], runs: Sequence[Run]) -> None:
    content = header | {"leaderboard": [row.to_json() for row in rows_of(runs)], "runs": [run.to_json() for run in runs]}
    with write_atomically(out / "results.json") as file:
        file.write((json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode())
