"""What is to be compared: architectures, seeds, folds, sizes of the training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidegate.artefact import stem_of
from tidegate.data.sequence_detection import material_of
from tidegate.errors import RecipeError, listed, nearest
from tidegate.kernels import architecture
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.filling.recipe import FillRecipe
from tidegate.training.forecasting.recipe import ForecastRecipe
from tidegate.training.frame_recipe import FrameRecipe
from tidegate.training.generation.recipe import GenerateRecipe
from tidegate.training.recipe import Recipe, build_recipe
from tidegate.training.sequences.recipe import SequenceClassifyRecipe, SequenceTagRecipe
from tidegate.training.tagging.recipe import TagRecipe
from tidegate.training.transcription.recipe import TranscribeRecipe
from tidegate.training.translation.recipe import TranslateRecipe

_SCHEMAS: dict[str, type[Recipe]] = {
    "classify": ClassifyRecipe,
    "tag": TagRecipe,
    "generate": GenerateRecipe,
    "translate": TranslateRecipe,
    "forecast": ForecastRecipe,
    "fill": FillRecipe,
    "transcribe": TranscribeRecipe,
}
# Of what holds sequences of numbers or sound.
_FRAME_SCHEMAS: dict[str, type[FrameRecipe]] = {"classify": SequenceClassifyRecipe, "tag": SequenceTagRecipe}
_BOTH_WAYS = ("rnn", "lstm", "gru", "bilstm", "bigru")
_ONE_WAY = ("rnn", "lstm", "gru", "mingru")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be compared.

    Attributes:
        archs: the architectures.
        seeds: how many seeds each, from the recipe's own upward.
        folds: in how many folds the training data is cut, each tested once; 0: none.
        shares: of the training data, rising; 1 is all of it.
        has_baselines: whether baselines are fitted too.
    """

    archs: tuple[str, ...]
    seeds: int = 3
    folds: int = 0
    shares: tuple[float, ...] = (1.0,)
    has_baselines: bool = True

    def __post_init__(self) -> None:
        for name in self.archs:
            architecture(name)
        if twice := sorted({name for name in self.archs if self.archs.count(name) > 1}):
            raise RecipeError(f"{listed(twice)} would be compared with itself; name every architecture once.")
        if not self.archs or self.seeds < 1:
            raise RecipeError("a comparison needs one architecture and one seed at least.")
        if self.folds == 1 or self.folds < 0:
            raise RecipeError(f"{self.folds} folds: two or more are needed, or 0 for none.")
        if not self.shares or not all(0 < share <= 1 for share in self.shares):
            raise RecipeError("sizes of the training data lie above 0 % and up to 100 %.")

    def to_json(self) -> dict[str, Any]:
        return {"archs": list(self.archs), "seeds": self.seeds, "folds": self.folds, "shares": list(self.shares)}


def check_plan(recipe: Recipe, plan: Plan, *, has_test: bool = False) -> None:
    """Whether a comparison with these settings can be made as planned.

    Args:
        has_test: whether test files were named.

    Raises:
        RecipeError: an architecture that the settings do not fit, or that solves another problem than the others; folds or shares of
            what is cut by time or position; folds beside test files, of which only the folds would be scored.
    """
    for name in plan.archs:
        recipe.with_arch(name, None)
        # What else hangs on the architecture is looked at anew; a look-ahead is kept where a network reads both ways.
        build_recipe(type(recipe), options=recipe.model_dump(exclude={"init_from", "lookahead"}) | {"arch": name})
    one_way = [name for name in plan.archs if not architecture(name).is_bidirectional]
    two_way = [name for name in plan.archs if architecture(name).is_bidirectional]
    if recipe.task == "generate" and one_way and two_way:
        raise RecipeError(
            f"{listed(one_way)} tell each unit from what is before it, {listed(two_way)} from both sides: two problems, whose nats do not "
            f"compare. Make two comparisons, --arch {','.join(one_way)} and --arch {','.join(two_way)}."
        )
    if plan.folds and has_test:
        raise RecipeError("--folds scores parts of the training files in turn, and no test file: leave out either --folds or --test.")
    how = {"generate": "by position", "forecast": "by time", "fill": "by time"}.get(recipe.task)
    if how and (plan.folds or plan.shares != (1.0,)):
        what, option = ("folds", "--folds") if plan.folds else ("shares of the training data", "--train-sizes")
        raise RecipeError(
            f"there are no {what} in a comparison of {recipe.task}, whose data are cut {how}: what is scored comes after what is learnt. "
            f"Leave {option} out."
        )


def default_archs(task: str) -> tuple[str, ...]:
    """What is compared where nothing is named: both kinds, or one-way ones where two-way ones have nothing to read or another problem."""
    return _ONE_WAY if task in ("forecast", "generate") else _BOTH_WAYS


def schema_of(task: str, held: str = "text") -> type[Recipe]:
    """The recipes of a task over files that hold 'text', 'numbers' or 'sound'.

    Raises:
        RecipeError: there is no such task, or none over these.
    """
    if task not in _SCHEMAS:
        raise RecipeError(
            f"task '{task}' cannot be compared; {', '.join(list(_SCHEMAS)[:-1])} and {list(_SCHEMAS)[-1]} can.{nearest(task, _SCHEMAS)}"
        )
    if held == "text" or task not in _FRAME_SCHEMAS:
        return _SCHEMAS[task]
    if (task, held) == ("tag", "sound"):
        raise RecipeError("taggers of sound cannot be compared: there are none. Compare classify or transcribe over sound.")
    return _FRAME_SCHEMAS[task]


def recipe_of(
    task: str,
    archs: Sequence[str],
    files: Sequence[str],
    options: Mapping[str, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    preset: str = "default",
    recipe: str | Path | None = None,
) -> Recipe:
    """The settings that all networks of a comparison share.

    Args:
        archs: those that are compared.
        files: of the training data.
        options: keys of the recipe, and for classifiers and taggers perhaps `input`, 'text' or 'tokens', 'numbers' or 'sound'; without
            it the files tell.
        settings, preset, recipe: as `build_recipe` takes them.

    Raises:
        RecipeError: as `schema_of` and `build_recipe`.
        DataError: files that do not tell what they hold.
    """
    given = dict(options)
    held = "text"
    if task in _FRAME_SCHEMAS:
        asked = given.pop("input", None) or (settings or {}).get("input") or "auto"
        held = _held(files, given) if asked == "auto" else "text" if asked == "tokens" else asked
    schema = schema_of(task, held)
    if held == "sound":
        given["input"] = held
    # The settings must fit the architecture that they are built with; a look-ahead fits a two-way one alone.
    first = next((name for name in archs if architecture(name).is_bidirectional), archs[0]) if issubclass(schema, FrameRecipe) else archs[0]
    return build_recipe(schema, preset=preset, recipe=recipe, options=given | {"arch": first}, settings=settings)


def _held(files: Sequence[str], given: Mapping[str, Any]) -> str:
    """What files hold, by themselves or by what is asked of them."""
    found = material_of(files, path=str(given.get("path") or ""))
    if found == "text" and any(given.get(key) for key in ("sequence", "step", "features")):
        return "numbers"
    return "sound" if found == "text" and given.get("pattern") else found


def default_folder(train: Sequence[str]) -> Path:
    """Where a comparison is written if nothing else was said: beside where the user stands, named after the first training file."""
    return Path(f"{stem_of(train[0])}-comparison")
