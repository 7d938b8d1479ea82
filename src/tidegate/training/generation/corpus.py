"""The text of a language model's run: read, cut by position, its units counted and numbered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.data.streams import Stream, TextStreams, encode_files
from tidegate.data.units import Units
from tidegate.errors import DataError, RecipeError
from tidegate.kernels import architecture
from tidegate.training.generation.recipe import GenerateRecipe

_NOUNS = {"char": "characters", "word": "words", "bpe": "pieces"}


@dataclass(frozen=True, slots=True)
class GenerateFiles:
    """The files of a run, as the user named them (globs allowed); `dev` and `test` may be empty."""

    train: Sequence[str]
    dev: Sequence[str] = ()
    test: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class GenerateCorpus:
    """Training, development and test text as ids.

    Attributes:
        split: one sentence that says where the development text comes from.
        noun: what the units are called in sentences.
        notes: sentences that the user should read before training begins.
    """

    units: Units
    train: Stream
    dev: Stream
    test: Stream | None
    split: str
    noun: str
    notes: tuple[str, ...] = ()


def read_corpus(files: GenerateFiles, recipe: GenerateRecipe) -> GenerateCorpus:
    """Reads the files of a run.

    Raises:
        DataError: a file cannot be read or holds no text, or the training text is shorter than one window.
        MissingExtraError: pieces are asked for and the library for them is not installed.
    """
    return corpus_of(encode_files(files.train, files.dev, files.test, **recipe.reading()), recipe)


def corpus_of(streams: TextStreams, recipe: GenerateRecipe) -> GenerateCorpus:
    """The corpus of texts that are ids already.

    Raises:
        DataError: the training text is shorter than one window.
        RecipeError: it has fewer windows than streams are asked for, none of its units is frequent enough to be known, or most of it is
            unknown to the model that the run begins with.
    """
    noun, least = _NOUNS[recipe.unit], recipe.window_size + 1
    if len(streams.train) < least:
        raise DataError(
            f"the training text has {len(streams.train):,} {noun}, but a window of {recipe.window_size} and the next need {least:,} at "
            f"least. Give more text, or smaller windows: --set window={max(2, len(streams.train) // 4)}."
        )
    most = len(streams.train) // recipe.window_size
    if recipe.streams > most and not architecture(recipe.arch).is_bidirectional:
        raise RecipeError(
            f"streams is {recipe.streams:,}, but the training text has room for {most:,} side by side, a window of {recipe.window_size} "
            f"{noun} each. Set fewer, or 0: as many as suit the text."
        )
    if len(streams.units) < 2:
        raise RecipeError(
            f"none of the {noun} of the training text would be known, with min_count = {recipe.min_count} and vocabulary_size = "
            f"{recipe.vocabulary_size}. Set a smaller min_count, or a larger vocabulary_size (0: all of them)."
        )
    if recipe.init_from and 2 * streams.train.unknown > len(streams.train):
        raise RecipeError(
            f"init_from: {streams.train.unknown:,} of the {len(streams.train):,} {noun} of the training text, the first "
            f"{streams.train.first_unknown!r}, are unknown to the model {recipe.init_from}, whose units the run goes on with. Name a model "
            "that was trained on text of the same kind."
        )
    notes = [f"{len(streams.train):,} {noun} to train on, {len(streams.units) - 1:,} different ones; {streams.split}"]
    knows = "the model that the run begins with" if recipe.init_from else "the training text"
    begun = [("training", streams.train)] if recipe.init_from else []
    for name, part in (*begun, ("development", streams.dev), ("test", streams.test)):
        if part is not None and part.unknown:
            notes.append(
                f"{part.unknown:,} of the {len(part):,} {noun} of the {name} text are unknown to {knows}, the first "
                f"{part.first_unknown!r}: they count by the probability of the unknown."
            )
    return GenerateCorpus(streams.units, streams.train, streams.dev, streams.test, streams.split, noun, tuple(notes))
