"""Where a run works, and whether what lies there is a run that it may go on with."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import torch

from tidegate.artefact import claim_output, partial_of
from tidegate.errors import ModelError, OutputError, RecipeError
from tidegate.training.inheritance import Source, keep_source
from tidegate.training.task import TrainingTask

# These may change between a run and its resumption: they say when to end, not what is computed on the way.
# (The learning rate falls towards the last epoch, so more epochs do change the bits, as they must.)
_MAY_CHANGE = {"max_epochs", "patience", "time_budget"}


def claim_training(task: TrainingTask[Any], out: Path, *, overwrite: bool, resume: bool) -> Path:
    """The working directory of a run towards `out`, with `training/` in it and, when resuming, the checkpoint to go on from.

    A run that Ctrl-C or the clock ended has left a model at `out` and its last checkpoint inside; it can be
    resumed too, and its model stays until the better one replaces it.

    Raises:
        OutputError: `out` exists and there is nothing to resume in it, or it cannot be written.
        RecipeError: the interrupted run had other settings or other data, began with another model, or has done more epochs than
            are asked for.
        ModelError: its checkpoint is damaged, or the model to begin with is none.
    """
    ended_early = resume and (out / "training" / "last.ckpt").exists()
    if resume and out.exists() and not ended_early and not overwrite:
        raise OutputError(
            f"{out} exists already and holds no checkpoint to go on from: its training came to its end, or was ended before one "
            "whole epoch was done. Nothing was written. "
            "Name another place with --out, or train anew with --overwrite."
        )
    partial = partial_of(out)
    before = partial if (partial / "training").exists() or not ended_early else out
    source = task.recipe.init_from
    begun_with = Source.read(source).model.config["sha256"] if source else ""
    run: dict[str, object] = {
        "recipe": task.recipe.model_dump(mode="json"),
        "init_from_sha256": begun_with,
        "data_sha256": _digest(task),
    }
    if resume:
        _check_same_run(before / "training", run)
    claim_output(out, overwrite=overwrite or ended_early, resume=resume)
    if before == out:
        shutil.copytree(out / "training", partial / "training", dirs_exist_ok=True)
    (partial / "training").mkdir(exist_ok=True)
    if source:
        keep_source(partial / "training", source)
    (partial / "training" / "run.json").write_text(json.dumps(run, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return partial


def _check_same_run(folder: Path, run: dict[str, object]) -> None:
    """Refuses to go on from a run in `folder` that is not this one; says nothing where there is none."""
    if not (folder / "last.ckpt").exists() or not (folder / "run.json").exists():
        return
    kept = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    mend = "Resume with those, or begin again with --overwrite."
    settings, old = run["recipe"], kept["recipe"]
    assert isinstance(settings, dict)
    changed = [key for key, value in settings.items() if key not in _MAY_CHANGE and old.get(key) != value]
    if changed:
        pairs = ", ".join(f"{key} {old.get(key)!r} -> {settings[key]!r}" for key in changed)
        raise RecipeError(f"{folder}: the interrupted run had other settings ({pairs}). {mend}")
    if kept.get("init_from_sha256", "") != run["init_from_sha256"]:
        raise RecipeError(f"{folder}: the interrupted run began with another model of the name {settings['init_from']}. {mend}")
    if kept["data_sha256"] != run["data_sha256"]:
        raise RecipeError(f"{folder}: the interrupted run had other training data (a file was changed or another one named). {mend}")
    try:
        done = int(torch.load(folder / "last.ckpt", weights_only=True, mmap=True)["epoch"]) + 1
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        raise ModelError(f"{folder / 'last.ckpt'} is damaged and cannot be resumed from. Begin again with --overwrite.") from error
    if done > settings["max_epochs"]:
        raise RecipeError(
            f"max_epochs = {settings['max_epochs']}, but the run to resume has done {done} epochs. Ask for more with --max-epochs."
        )


def _digest(task: TrainingTask[Any]) -> str:
    sha = hashlib.sha256()
    for piece in task.fingerprint():
        sha.update(piece)
    return sha.hexdigest()
