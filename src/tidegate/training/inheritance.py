"""What a run inherits from a trained model (recipe key `init_from`): sizes, words, and first weights.

The source is a language model (task `generate`) or a model of the same task; of `translate` a model of that task alone. What carries over:

- the vectors of units, by their text. A tagger or classifier knows words in lower case with digits as 0, so a language
  model's "The" and "the" meet in "the": the mean of those that are in lower case already, or where none is, of all.
  The source's other words join the vocabulary, so that a word that only the source ever saw has its vector.
- recurrent layers of the same cell and width, whole; where the run's first layer reads more beside the word's vector
  (shape, spelling), the columns of the word's vector. A one-way source gives the forward direction, a two-way one both.
- from a model of the same task everything else too that has the same name and shape; of labels, characters and shapes
  what has the same text. A language model goes on with the units of the one before, whatever its own text holds, and so does
  a translator with those of both sides.

The rest begins as in a fresh run. Below PyTorch: arrays in, arrays out.
"""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel, copy_model, partial_of, read_model
from tidegate.data.shapes import normalise
from tidegate.data.units import Units, units_from_json
from tidegate.decoding import FORBIDDEN
from tidegate.errors import RecipeError
from tidegate.kernels import ARCHITECTURES, architecture

if TYPE_CHECKING:
    from tidegate.training.recipe import Recipe

Tensor = NDArray[Any]
# For each row of a tensor of the run, the rows of the source's that it is the mean of; none: it stays fresh.
Rows = list[list[int]]

_SIZES = ("hidden_size", "num_layers", "word_size", "embedding_size")
_SPELLING_SIZES = ("shape_size", "character_size", "character_embedding_size", "character_encoder")
_UNITS = ("min_count", "vocabulary_size", "line_breaks", "lowercase")
# A translator goes on as it is: what its network is built from, and how its texts are cut.
_TRANSLATOR = (
    "arch",
    "hidden_size",
    "num_layers",
    "embedding_size",
    "layer_norm",
    "decoder",
    "decoder_size",
    "decoder_layers",
    "attention",
)
_TRANSLATOR_UNITS = ("source_unit", "target_unit", "stress", "lowercase", "min_count", "vocabulary_size")
_MUST_FIT = ("hidden_size", "word_size", "embedding_size", "layer_norm", *_UNITS)
_READS = {"word": "words", "char": "characters", "bpe": "pieces of words (bpe)"}
_VECTORS = ("word_embedding.weight", "embedding.weight")
_RECURRENT = re.compile(r"(stack|left|right)\.layers\.(\d+)\.(\d)\.(\w+)")


@dataclass(frozen=True, slots=True)
class Source:
    """A trained model that a run begins with."""

    model: StoredModel

    @classmethod
    def read(cls, directory: str | Path) -> Source:
        """Reads and checks a model directory; ModelError where it is none."""
        return cls(read_model(directory))

    @property
    def task(self) -> str:
        return str(self.model.config["task"])

    @property
    def unit(self) -> str:
        """What it reads one after another: word, char or bpe."""
        return str(self.model.config["recipe"].get("unit", "word"))

    def settings(self, task: str, keys: Collection[str], chosen: Mapping[str, Any]) -> dict[str, Any]:
        """What the source settles of a recipe: values for those of the `keys` that the user has not `chosen`.

        Raises:
            RecipeError: as `check`.
        """
        self.check(task, chosen)
        arch = architecture(self.model.config["arch"])
        if task != self.task and not arch.is_bidirectional:
            arch = next(other for other in ARCHITECTURES.values() if other.cell == arch.cell and other.is_bidirectional)
        values = self._sizes(task) | {"arch": arch.name, "unit": self.unit}
        return {key: value for key, value in values.items() if key in keys and key not in chosen}

    def check(self, task: str, chosen: Mapping[str, Any]) -> None:
        """Whether the source can begin a run of this task with these settings.

        Raises:
            RecipeError: it is a model of another kind, reads other units, has another cell, or another width.
        """
        what = f"init_from: the model {self.model.path}"
        begins = (task,) if task in ("generate", "translate") else ("generate", task)
        if self.task not in begins:
            raise RecipeError(f"{what} is of the task {self.task}; a run of {task} can begin with a model of {' or of '.join(begins)}.")
        unit = "word" if task == "tag" else str(chosen.get("unit", self.unit))
        if unit != self.unit or (unit == "bpe" and task != "generate"):
            wanted = "words" if task == "tag" else _READS.get(unit, unit) if unit != self.unit else "words or characters"
            raise RecipeError(f"{what} reads {_READS[self.unit]}, but this run {wanted}; their vectors are not of the same things.")
        cell = architecture(self.model.config["arch"]).cell
        if task != "translate" and "arch" in chosen and architecture(chosen["arch"]).cell != cell:
            fitting = " or ".join(entry.name for entry in ARCHITECTURES.values() if entry.cell == cell)
            raise RecipeError(f"{what} is a {self.model.config['arch']}, whose weights do not fit arch {chosen['arch']}. Use {fitting}.")
        own = self._sizes(task)
        must_fit = (*_TRANSLATOR, *_TRANSLATOR_UNITS) if task == "translate" else _MUST_FIT
        misfits = [key for key in must_fit if key in own and chosen.get(key, own[key]) != own[key]]
        if misfits:
            said = ", ".join(f"{key} = {own[key]}, but {chosen[key]} is asked for" for key in misfits)
            raise RecipeError(f"{what} has {said}. Leave {' and '.join(misfits)} out: the run then takes what the model has.")

    def _sizes(self, task: str) -> dict[str, Any]:
        """Its sizes by the names of the recipe's keys; to another task it hands on those of words and recurrent layers alone."""
        network = self.model.config["network"]
        if task == "translate":
            recipe = self.model.config["recipe"]
            sizes = {name: network[name] for name in _TRANSLATOR} | {name: recipe[name] for name in _TRANSLATOR_UNITS}
            return sizes | {"simultaneous": network["is_simultaneous"]}
        names = _SIZES if task != self.task else (*_SIZES, *_SPELLING_SIZES)
        sizes = {name: network[name] for name in names if name in network} | {"layer_norm": network.get("layer_norm", False)}
        if task != self.task:
            return sizes | {"word_size": sizes.pop("embedding_size")}
        if task == "generate":
            recipe = self.model.config["recipe"]
            return sizes | {"tied": network["is_tied"]} | {key: recipe[key] for key in _UNITS}
        return sizes | ({"pooling": tuple(network["pools"])} if task == "classify" else {})


def located_source(directory: str, resumed: Path | None) -> str:
    """`directory`, or where it is gone, the copy of it that the run towards `resumed` keeps, if it keeps one."""
    if resumed is not None and not Path(directory).exists():
        for place in (partial_of(resumed), resumed):
            copy = kept_source(place / "training", directory)
            if copy.is_dir():
                return str(copy)
    return directory


def kept_source(folder: Path, directory: str) -> Path:
    """Where a run that keeps its files in `folder` has the copy of its source."""
    return folder / "init_from" / Path(directory).absolute().name


def keep_source(folder: Path, directory: str) -> None:
    """Copies the source into the run's folder, so that the run can be resumed when the source is gone.

    Raises:
        OutputError: the place cannot be written.
    """
    copy = kept_source(folder, directory)
    if Path(directory).resolve() != copy.resolve():  # or the run is resumed from its own copy
        drop_source(folder)
        copy_model(Path(directory), copy)


def drop_source(folder: Path) -> None:
    """Removes the copy from the folder of a run that needs it no more."""
    shutil.rmtree(folder / "init_from", ignore_errors=True)


def inherited_words(recipe: Recipe) -> list[str]:
    """The source's words (or characters) as a vocabulary holds them, for the vocabulary of a tagger or a classifier.

    Raises:
        ModelError: `init_from` is no model.
    """
    if not recipe.init_from:
        return []
    texts = _texts(Source.read(recipe.init_from).model.vocabulary)
    return list(dict.fromkeys(normalise(text) for text in texts if text and "\n" not in text))


def inherited_units(recipe: Recipe) -> Units | None:
    """The source's units, which a language model goes on with; None for a run without a source.

    Raises:
        ModelError: `init_from` is no model.
    """
    return units_from_json(Source.read(recipe.init_from).model.vocabulary) if recipe.init_from else None


def inherited_pair_units(recipe: Recipe) -> tuple[Units, Units] | None:
    """The source's units of both sides, which a translator goes on with; None for a run without a source.

    Raises:
        ModelError: `init_from` is no model.
    """
    if not recipe.init_from:
        return None
    vocabulary = Source.read(recipe.init_from).model.vocabulary
    return units_from_json(vocabulary["source"]), units_from_json(vocabulary["target"])


def inherit(recipe: Recipe, fresh: Mapping[str, Tensor], vocabulary: Mapping[str, Any]) -> tuple[dict[str, Tensor], str]:
    """The first weights of a run: those of a fresh network with what its source hands on in their place.

    Args:
        recipe: the run's, with `init_from`.
        fresh: the fresh network's tensors by name.
        vocabulary: the run's vocabulary.json.

    Returns:
        The tensors, and a sentence on what was taken.

    Raises:
        ModelError: `init_from` is no model.
        RecipeError: it does not fit the recipe, or knows nothing of what the training data holds.
    """
    source = Source.read(recipe.init_from)
    source.check(recipe.task, recipe.model_dump())
    given, other = source.model.tensors, source.model.vocabulary
    tensors = {name: tensor.copy() for name, tensor in fresh.items()}
    if recipe.task == "translate":
        taken = [name for name in tensors if name in given and given[name].shape == tensors[name].shape]
        tensors |= {name: given[name].astype(tensors[name].dtype) for name in taken}
        return tensors, f"begun with {source.model.path}: its units and {len(taken)} of {len(tensors)} tensors taken"
    (name,) = (name for name in _VECTORS if name in fresh)
    (from_name,) = (name for name in _VECTORS if name in given)
    if recipe.task == "generate":
        rows = [[number] for number in range(len(fresh[name]))]
        said = f"its {len(rows) - 1:,} {_READS[source.unit]} and their vectors"
    else:
        wanted = ["", *vocabulary["words"]]
        rows = [[0], *([number + 1 for number in found] for found in _rows_by_text(_texts(other)[1:], wanted[1:], normalise))]
        own = len(wanted) - vocabulary.get("inherited", 0)
        known = sum(bool(found) for found in rows[1:own])
        if not known:
            raise RecipeError(
                f"init_from: the model {source.model.path} knows none of the {own - 1:,} {_READS[source.unit]} of the training data. "
                "Name a model that was trained on text of the same kind."
            )
        said = f"{known:,} of {own - 1:,} {_READS[source.unit]} of the training data have its vectors"
        said += f", {len(wanted) - own:,} more were added" if len(wanted) > own else ""
    _put_rows(tensors[name], given[from_name], rows)
    layers_taken = _put_layers(tensors, given)
    if recipe.task == source.task:
        _put_others(tensors, given, _labelled_rows(other, vocabulary, recipe.task))
    layers = ", ".join(f"{layer + 1} {' and '.join(directions)}" for layer, directions in sorted(layers_taken.items()))
    return tensors, f"begun with {source.model.path}: {said}; recurrent layers taken: {layers}"


def _texts(vocabulary: Mapping[str, Any]) -> tuple[str, ...]:
    """The text of each unit, by its id."""
    return units_from_json(vocabulary).texts if "unit" in vocabulary else ("", *vocabulary["words"])


def _rows_by_text(source: Sequence[str], target: Sequence[str], key: Callable[[str], str] = str) -> Rows:
    exact: dict[str, list[int]] = defaultdict(list)
    loose: dict[str, list[int]] = defaultdict(list)
    for number, text in enumerate(source):
        loose[key(text)].append(number)
        if text == text.lower():
            exact[key(text)].append(number)
    return [exact.get(text) or loose.get(text, []) for text in target]


def _put_rows(target: Tensor, source: Tensor, rows: Rows) -> None:
    for place, found in enumerate(rows):
        if found:
            target[place] = source[found].mean(axis=0)


def _put_layers(tensors: dict[str, Tensor], given: Mapping[str, Tensor]) -> dict[int, list[str]]:
    """Puts the source's recurrent layers in place; gives for each layer that was taken the directions."""
    is_two_way = "left.layers.0.0.weight_ih" in given
    taken: dict[int, list[str]] = defaultdict(list)
    for name in tensors:
        match = _RECURRENT.fullmatch(name)
        if match is None or match[4] != "weight_ih":
            continue
        layer, reads_back = int(match[2]), match[1] == "right" or match[3] == "1"
        from_stack = ("right" if reads_back else "left") if is_two_way else "stack"
        prefix = name.removesuffix("weight_ih")
        from_prefix = f"{from_stack}.layers.{layer}.{0 if is_two_way else int(reads_back)}."
        if f"{from_prefix}weight_ih" not in given:
            continue
        width, from_width = tensors[name].shape[1], given[f"{from_prefix}weight_ih"].shape[1]
        if layer == 0:  # the columns of the unit's vector stand first, in every task
            shared = width if width == from_width else next(tensors[key].shape[1] for key in _VECTORS if key in tensors)
        elif width == from_width:
            shared = width
        else:
            continue
        for own in [own for own in tensors if own.startswith(prefix)]:
            value = given[from_prefix + own.removeprefix(prefix)]
            if own == name:
                tensors[own][:, :shared] = value[:, :shared]
            else:
                tensors[own][:] = value
        taken[layer].append("backward" if reads_back else "forward")
    return taken


def _labelled_rows(source: Mapping[str, Any], target: Mapping[str, Any], task: str) -> dict[str, Rows]:
    """For tensors whose rows are shapes, characters or labels, the rows of the source, by the beginning of the tensors' names."""
    if task == "generate":
        return {}
    rows = {"shape_embedding.": [[0], *([n + 1 for n in found] for found in _rows_by_text(source["shapes"], target["shapes"]))]}
    characters = _rows_by_text(source["characters"], target["characters"])
    rows["character_encoder.embedding."] = [[0], [1], [2], *([number + 3 for number in found] for found in characters)]
    for place, (own, other) in enumerate(zip(target["columns"], source["columns"], strict=False)):
        labels = _rows_by_text(other["labels"], own["labels"])
        rows |= {f"heads.{place}.": labels, f"crfs.{place}.": labels} if task == "tag" else {"head.": labels}
    return rows


def _put_others(tensors: dict[str, Tensor], given: Mapping[str, Tensor], labelled: Mapping[str, Rows]) -> None:
    """Everything but vectors of units and recurrent layers, from a model of the same task."""
    for name, tensor in tensors.items():
        if name not in given or name in _VECTORS or _RECURRENT.fullmatch(name):
            continue
        value = given[name]
        rows = next((rows for beginning, rows in labelled.items() if name.startswith(beginning)), None)
        if rows is None:
            if tensor.shape == value.shape:
                tensor[...] = value
        elif name.startswith("crfs."):
            _put_scores(tensor, value, rows)
        elif tensor.shape[1:] == value.shape[1:]:
            _put_rows(tensor, value, rows)


def _put_scores(target: Tensor, source: Tensor, rows: Rows) -> None:
    """Scores of pairs of labels [K, K] or of single ones [K], but for what the source's label scheme forbade."""
    places = [place for place, found in enumerate(rows) if found]
    numbers = [rows[place][0] for place in places]
    values = source[np.ix_(*[numbers] * source.ndim)]
    target[np.ix_(*[places] * target.ndim)] = np.where(values > FORBIDDEN / 2, values, 0)
