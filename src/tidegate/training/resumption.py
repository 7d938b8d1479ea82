"""Where a run works, and whether what lies there is a run that it may go on with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tidegate.artefact import claim_output
from tidegate.errors import OutputError, RecipeError
from tidegate.training.recipe import TagRecipe

# These may change between a run and its resumption: they say when to end, not what is computed on the way.
# (The learning rate falls towards the last epoch, so more epochs do change the bits, as they must.)
_MAY_CHANGE = {"max_epochs", "patience", "time_budget"}


def claim_training(recipe: TagRecipe, out: Path, *, overwrite: bool, resume: bool) -> Path:
    """The working directory of a run towards `out`, with `training/` in it and, when resuming, the checkpoint to go on from.

    A run that Ctrl-C or the clock ended has left a model at `out` and its last checkpoint inside; it can be
    resumed too, and its model stays until the better one replaces it.

    Raises:
        OutputError: `out` exists and there is nothing to resume in it, or it cannot be written.
        RecipeError: the interrupted run had other settings.
    """
    ended_early = resume and (out / "training" / "last.ckpt").exists()
    if resume and out.exists() and not ended_early and not overwrite:
        raise OutputError(
            f"{out} exists already and its training came to its end, so there is nothing to resume; nothing was written. "
            "Name another place with --out, or train anew with --overwrite."
        )
    partial = claim_output(out, overwrite=overwrite or ended_early, resume=resume)
    folder = partial / "training"
    if ended_early and not folder.exists():
        shutil.copytree(out / "training", folder)
    folder.mkdir(exist_ok=True)
    settings = recipe.model_dump(mode="json")
    kept = folder / "recipe.json"
    if resume and kept.exists():
        before = json.loads(kept.read_text(encoding="utf-8"))
        changed = [key for key, value in settings.items() if key not in _MAY_CHANGE and before.get(key) != value]
        if changed:
            pairs = ", ".join(f"{key} {before.get(key)!r} -> {settings[key]!r}" for key in changed)
            raise RecipeError(
                f"{partial}: the interrupted run had other settings ({pairs}). Resume with those, or begin again with --overwrite."
            )
    kept.write_text(json.dumps(settings, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    return partial
