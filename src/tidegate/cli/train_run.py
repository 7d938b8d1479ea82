"""What every `tidegate train TASK` does: a recipe of its options, a place for the model, and the run between them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tidegate.training.recipe import Recipe
    from tidegate.training.task import TrainingTask

R = TypeVar("R", bound="Recipe")


def recipe_of(
    schema: type[R], given: dict[str, Any], settings: list[str] | None, *, preset: str, recipe: str | None, resumed: Path | None
) -> R:
    """The recipe of what the options say; those that were not given are None."""
    from tidegate.training.recipe import build_recipe, parse_setting

    named = {key: value for key, value in given.items() if value is not None}
    pairs = dict(map(parse_setting, settings or []))
    return build_recipe(schema, preset=preset, recipe=recipe, options=named, settings=pairs, resumed=resumed)


def place_of(out: Path | None, train_files: list[str], recipe: Recipe, *, dry_run: bool, resume: bool, overwrite: bool) -> Path:
    """Where the model is to stand; what is wrong with the place is told before any file is read."""
    from tidegate.artefact import check_output, stem_of

    place = out or Path(f"{stem_of(train_files[0])}-{recipe.arch}")
    if not (dry_run or resume):  # the rest of what can be wrong with the place is checked when the run begins
        check_output(place, overwrite=overwrite, resume=resume)
    return place


def print_notes(notes: Sequence[str]) -> None:
    """What was read, before the silence in which PyTorch is loaded; on standard error."""
    for note in (*notes, "loading PyTorch …"):
        print(note, file=sys.stderr)


def example_file(train: Sequence[str], dev: Sequence[str] | None, test: Sequence[str] | None) -> str:
    """A file to evaluate: one that the user named, or a name for one that the user may have and the model was not trained on."""
    from tidegate.data.opening import suffix_of

    return [*(test or ()), *(dev or ()), f"OTHER-FILE{suffix_of(train[0])}"][0]


def run(
    task: TrainingTask[Any],
    place: Path,
    threads: int,
    example: str,
    *,
    dry_run: bool,
    resume: bool,
    overwrite: bool,
    quiet: bool,
    started: float,
) -> None:
    """Trains and prints what came of it; a dry run prints the plan alone. `example` is a file to evaluate."""
    import torch

    from tidegate.cli.train_report import print_plan, print_result
    from tidegate.training.run import train

    torch.set_num_threads(threads)
    if dry_run:
        print_plan(task, place)
        return
    result = train(task, place, overwrite=overwrite, resume=resume, quiet=quiet, started=started)
    print_result(result, task, example)
