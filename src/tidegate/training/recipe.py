"""The recipe: every setting of a training run, one schema a task for the command line, Python and TOML.

A key has the same name as `--set key=value`, as a keyword of `tidegate.Tagger(…)` and as a line of a
recipe file. Precedence: preset < sizes of the model at `init_from` < recipe file < options < `--set`. What
all tasks share is here; each task's own keys stand beside its corpus, in `tagging/recipe.py`, `classification/recipe.py`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_serializer, field_validator

from tidegate.errors import RecipeError, nearest
from tidegate.kernels import ARCHITECTURES, architecture
from tidegate.kernels.architecture import VARIANTS, refusal
from tidegate.training.durations import seconds_of
from tidegate.training.inheritance import Source, located_source

Rate = Annotated[float, Field(ge=0, lt=1)]


class Recipe(BaseModel):
    """Settings that every task has; a task's own class adds its keys and its presets."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    CAN_INHERIT: ClassVar[bool] = True  # whether a run may begin with a trained model, `init_from`

    task: str
    arch: str = Field("bilstm", description=f"architecture: {', '.join(ARCHITECTURES)}")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(1, description="all draws of chance hang on it")

    init_from: str = Field("", description="directory of a trained model whose weights and sizes the run begins with; empty: none")

    dev_share: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.1, description="share of the distinct training sequences held out where no --dev is given"
    )
    min_count: Annotated[int, Field(ge=1)] = Field(1, description="words seen less often in training count as unknown")

    hidden_size: Annotated[int, Field(ge=1)] = Field(200, description="width of the recurrent state, each direction")
    num_layers: Annotated[int, Field(ge=1)] = Field(1, description="recurrent layers")
    layer_norm: bool = Field(False, description="norms a step's products, and an lstm's cell (arXiv 1607.06450); in lstm and the grus")
    recurrent_dropout: Rate = Field(0.0, description="variational, on the state where it enters the recurrent matrix (arXiv 1512.05287)")
    weight_drop: Rate = Field(0.0, description="dropout on the recurrent matrix itself, one draw a batch (arXiv 1708.02182)")
    zoneout: Rate = Field(0.0, description="probability that a unit of the state keeps its past at a step (arXiv 1606.01305)")
    zoneout_cell: Rate = Field(0.0, description="the same for the cell of an lstm")

    max_epochs: Annotated[int, Field(ge=0)] = Field(
        0, description="passes over the training data at most; 0: 15, or as many as make 3,000 steps, at most 50"
    )
    patience: Annotated[int, Field(ge=1)] = Field(5, description="epochs without a better development score before training ends")
    time_budget: Annotated[float, Field(gt=0)] | None = Field(
        None, description="seconds for the whole run, for instance 10m; none: no limit"
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(2e-3, description="AdamW's, at its highest")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(
        200, description="steps over which the learning rate rises; at most a tenth of all; it then falls linearly to 0"
    )
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.01, description="AdamW's")
    clip_norm: Annotated[float, Field(gt=0)] = Field(5.0, description="longest gradient, as a norm over all parameters")
    average_decay: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.999, description="of the moving average of the weights, which is what is scored and kept"
    )

    @field_validator("arch")
    @classmethod
    def _arch_is_known(cls, value: str) -> str:
        return architecture(value).name

    @field_validator(*VARIANTS)
    @classmethod
    def _cell_has_the_variant(cls, value: float, info: ValidationInfo) -> float:
        why = refusal(architecture(info.data["arch"]).cell, str(info.field_name)) if value and "arch" in info.data else None
        if why:
            raise ValueError(why)
        return value

    @field_validator("init_from", mode="before")
    @classmethod
    def _init_from_may_be_a_path(cls, value: Any) -> Any:
        return str(value) if isinstance(value, Path) else value

    @field_serializer("init_from")
    def _init_from_without_its_place(self, value: str) -> str:
        """What is written down names the model and no machine's folders."""
        return Path(value).absolute().name if value else ""

    @field_validator("time_budget", mode="before")
    @classmethod
    def _time_budget_may_have_a_unit(cls, value: Any) -> Any:
        return seconds_of(value) if isinstance(value, str) else value

    def with_arch(self, arch: str, time_budget: float | None) -> Self:
        """The same settings for another architecture.

        Raises:
            RecipeError: it has not what these settings ask for.
        """
        cell = architecture(arch).cell
        for variant in VARIANTS:
            if getattr(self, variant) and (why := refusal(cell, variant)):
                raise RecipeError(f"{variant} = {getattr(self, variant)!r} does not fit arch {arch}: {why}.")
        if self.init_from:
            Source.read(self.init_from).check(self.task, {"arch": arch})
        return self.model_copy(update={"arch": arch, "time_budget": time_budget})

    def settled_epochs(self, steps: int) -> int:
        """`max_epochs`, or what 0 stands for where an epoch has so many steps."""
        return self.max_epochs or min(50, max(15, 3000 // max(1, steps)))


R = TypeVar("R", bound=Recipe)

_NETWORK_SIZES = (
    "arch",
    "hidden_size",
    "num_layers",
    "layer_norm",
    "zoneout",
    "zoneout_cell",
    "word_size",
    "shape_size",
    "character_size",
    "character_embedding_size",
    "character_encoder",
)


class WordRecipe(Recipe):
    """Settings that tasks over words share: how a word becomes a vector, and how many words make a batch."""

    word_size: Annotated[int, Field(ge=1)] = Field(100, description="width of a word's own vector")
    shape_size: Annotated[int, Field(ge=0)] = Field(16, description="width of the vector of case and shape; 0: none")
    character_encoder: Literal["cnn", "bilstm", "none"] = Field("cnn", description="how spelling is read")
    character_size: Annotated[int, Field(ge=2, multiple_of=2)] = Field(128, description="width of what the character encoder gives")
    character_embedding_size: Annotated[int, Field(ge=1)] = Field(32, description="width of one character's vector")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.4, description="variational, on word vectors and states")
    word_dropout: Annotated[float, Field(ge=0)] = Field(
        0.25, description="a: a word seen n times becomes unknown with probability a / (a + n)"
    )

    def network_sizes(self) -> dict[str, Any]:
        """The keys that every network over words is built from, by name."""
        return self.model_dump(include=set(_NETWORK_SIZES))


# What other tools call our keys, where spelling alone would not lead there.
_SYNONYMS = {
    "batch_size": "batch_tokens",
    "lr": "learning_rate",
    "epochs": "max_epochs",
    "num_epochs": "max_epochs",
    "layers": "num_layers",
    "embedding_size": "word_size",
    "ema": "average_decay",
    "architecture": "arch",
    "cell": "arch",
    "variational_dropout": "dropout",
    "rnn_dropout": "recurrent_dropout",
    "hidden_dropout": "recurrent_dropout",
    "wdrop": "weight_drop",
    "weight_dropout": "weight_drop",
    "dropconnect": "weight_drop",
    "zoneout_h": "zoneout",
    "zoneout_c": "zoneout_cell",
    "layernorm": "layer_norm",
    "pretrained": "init_from",
    "pretrained_model": "init_from",
    "finetune": "init_from",
    "use_layer_norm": "layer_norm",
}


def build_recipe(
    schema: type[R],
    *,
    preset: str = "default",
    recipe: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    resumed: Path | None = None,
) -> R:
    """The recipe from its four sources, later ones over earlier ones.

    With `init_from` the sizes of that model stand over the preset's and below all else.

    Args:
        schema: the task's class of recipes.
        preset: 'fast', 'default' or 'best'.
        recipe: a TOML file, or the name of one that comes with tidegate.
        options: what the command line or the constructor gave.
        settings: `--set` pairs.
        resumed: where the run goes that is to be resumed, if one is: it keeps a copy of the model that it began with.

    Raises:
        RecipeError: an unknown preset, recipe or key (the nearest is named), or a value that does not fit.
        ModelError: `init_from` is no model.
    """
    if preset not in schema.PRESETS:
        raise RecipeError(f"preset '{preset}' is not one of {', '.join(schema.PRESETS)}.{nearest(preset, schema.PRESETS)}")
    chosen: dict[str, Any] = {}
    where = "the recipe"
    lines: dict[str, int] = {}
    if recipe is not None:
        chosen, where, lines = _read_toml(schema, recipe)
    chosen |= dict(options or {}) | dict(settings or {})
    inherited: dict[str, Any] = {}
    if chosen.get("init_from") and not schema.CAN_INHERIT:
        task = schema.model_fields["task"].default
        raise RecipeError(f"init_from = {str(chosen['init_from'])!r} does not fit: a run of {task} begins afresh. Leave it out.")
    if isinstance(chosen.get("init_from"), str | Path) and str(chosen["init_from"]):
        chosen["init_from"] = located_source(str(chosen["init_from"]), resumed)
        inherited = Source.read(chosen["init_from"]).settings(schema.model_fields["task"].default, schema.model_fields, chosen)
    try:
        return schema.model_validate(dict(schema.PRESETS[preset]) | inherited | chosen)
    except ValidationError as error:
        raise RecipeError(_explain(schema, error, where, lines, {**(options or {}), **(settings or {})})) from None


def parse_setting(text: str) -> tuple[str, Any]:
    """Cuts `key=value`, the value read as TOML where it is TOML and as text where it is not.

    Raises:
        RecipeError: there is no '='.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise RecipeError(f"--set {text}: expected key=value, for instance --set hidden_size=256.")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def recipe_content(schema: type[Recipe], recipe: str | Path) -> dict[str, Any]:
    """What a TOML file, or a recipe that comes with tidegate for this task, says; no key of it is checked.

    Raises:
        RecipeError: there is no such recipe, or it is not TOML.
    """
    return _read_toml(schema, recipe)[0]


def recipe_names(schema: type[Recipe]) -> list[str]:
    """The recipes of a task that come with tidegate."""
    return sorted(entry.name.removesuffix(".toml") for entry in _folder(schema).iterdir() if entry.name.endswith(".toml"))


def _folder(schema: type[Recipe]) -> Traversable:
    """Where a task's recipes lie: beside its schema."""
    return resources.files(schema.__module__.rpartition(".")[0]).joinpath("recipes")


def _read_toml(schema: type[Recipe], recipe: str | Path) -> tuple[dict[str, Any], str, dict[str, int]]:
    """The content of a recipe file, its name, and the line on which each key stands."""
    path = Path(recipe)
    if path.suffix == ".toml" or path.exists():
        try:
            text, where = path.read_text(encoding="utf-8"), str(path)
        except OSError as error:
            raise RecipeError(
                f"recipe {path} cannot be read: {error.strerror}. Give a TOML file or one of: {', '.join(recipe_names(schema))}."
            ) from error
        except UnicodeDecodeError as error:
            raise RecipeError(f"recipe {path} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from error
    elif str(recipe) in recipe_names(schema):
        where = f"recipe {recipe}"
        text = _folder(schema).joinpath(f"{recipe}.toml").read_text(encoding="utf-8")
    else:
        known = recipe_names(schema)
        raise RecipeError(f"recipe '{recipe}' is neither a TOML file nor one of: {', '.join(known)}.{nearest(str(recipe), known)}")
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where} is not TOML: {error}. A line reads key = value, text in quotes.") from error
    lines = {line.partition("=")[0].strip(): number for number, line in enumerate(text.splitlines(), 1)}
    return content, where, lines


def _explain(schema: type[Recipe], error: ValidationError, where: str, lines: Mapping[str, int], given: Mapping[str, Any]) -> str:
    sentences = []
    for problem in error.errors():
        key = str(problem["loc"][0]) if problem["loc"] else "?"
        place = "" if key in given or key not in lines else f"{where}, line {lines[key]}: "
        if problem["type"] == "extra_forbidden":
            known = schema.model_fields
            hint = f" Did you mean '{_SYNONYMS[key]}'?" if key in _SYNONYMS else nearest(key, known)
            sentences.append(f"{place}unknown key '{key}'.{hint or ' Known keys: ' + ', '.join(known) + '.'}")
        else:
            said = problem["msg"].removeprefix("Value error, ")
            if not problem["loc"]:  # of keys that do not go together; it names them itself
                sentences.append(f"{said}.")
                continue
            sentences.append(f"{place}{key} = {problem['input']!r} does not fit: {said[0].lower()}{said[1:]}.".replace("..", "."))
    return " ".join(sentences)
