"""What every `tidegate compare TASK` does: settings and a plan of its options, and the comparison between them."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import typer

# Files of training, development and test data.
Files = tuple[list[str], list[str], list[str]]


def compare(
    task: str,
    files: Files,
    given: dict[str, Any],
    planned: dict[str, Any],
    source: dict[str, Any],
    out: Path | None,
    threads: int | None,
    **how: bool,
) -> None:
    """Compares and prints what came of it.

    Args:
        given: keys of the recipe by option, None where nothing was given.
        planned: `arch`, `seeds`, `baselines`, `folds` and `train_sizes`, as the user gave them.
        source: `settings`, `preset` and `recipe`.
        out: the folder for the results.
        how: `resume`, `overwrite`, `quiet`.
    """
    started = time.monotonic()
    from tidegate.threads import use_threads

    count = use_threads(threads)
    from tidegate.comparison.folder import check_folder
    from tidegate.comparison.plan import Plan, check_plan, default_archs, default_folder, recipe_of
    from tidegate.errors import RecipeError
    from tidegate.training.recipe import parse_setting

    if planned["baselines"] not in ("auto", "none"):
        raise RecipeError(f"--baselines {planned['baselines']} is neither auto nor none.")
    asked = planned["arch"]
    archs = default_archs(task) if asked is None else tuple(name.strip() for name in asked.split(",") if name.strip())
    plan = Plan(archs, planned["seeds"], planned["folds"], _shares(planned["train_sizes"]), planned["baselines"] == "auto")
    named = {key: value for key, value in given.items() if value is not None}
    settings = dict(map(parse_setting, source["settings"] or []))
    shared = recipe_of(task, archs, files[0], named, settings=settings, preset=source["preset"], recipe=source["recipe"])
    check_plan(shared, plan, has_test=bool(files[2]))
    target = out or default_folder(files[0])
    check_folder(target, overwrite=how["overwrite"], resume=how["resume"])
    if not how["quiet"]:
        print("loading PyTorch …", file=sys.stderr)
    # Only now, so that a mistake in the options is told at once.
    import torch

    from tidegate.cli.compare_report import Progress, print_comparison, said_interrupted
    from tidegate.comparison.materials import material_of
    from tidegate.comparison.run import compare_material

    torch.set_num_threads(count)
    material = material_of(shared, *files)
    if not how["quiet"]:
        for note in material.notes:
            print(note, file=sys.stderr)
    watch = None if how["quiet"] else Progress()
    try:
        result = compare_material(material, plan, target, overwrite=how["overwrite"], resume=how["resume"], watch=watch, started=started)
    except KeyboardInterrupt:
        if watch is not None:
            watch.close()
        print(said_interrupted(target, overwrite=how["overwrite"]), file=sys.stderr)
        raise typer.Exit(130) from None
    print_comparison(result)


def _shares(text: str) -> tuple[float, ...]:
    """'25,50,100%' as shares, rising."""
    from tidegate.errors import RecipeError

    expected = "percentages with commas between them were expected, for instance 25,50,100%."
    try:
        shares = tuple(sorted({float(part.strip().removesuffix("%")) / 100 for part in text.split(",") if part.strip()}))
    except ValueError:
        raise RecipeError(f"--train-sizes {text}: {expected}") from None
    if not shares or not all(0 < share <= 1 for share in shares):
        raise RecipeError(f"--train-sizes {text}: sizes of the training data lie above 0 % and up to 100 %; {expected}")
    if max(shares) <= 0.01:
        raise RecipeError(f"--train-sizes {text} would be {max(shares):.0%} of the training data at most; {expected}")
    return shares
