"""The data of a comparison: records read once, cut into folds and shares, and made into a task for each run."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from tidegate.data import TextRecord, TokenRecord, folds_of, split_off, split_off_texts, stratified_order
from tidegate.data.checking import check_texts
from tidegate.errors import RecipeError
from tidegate.training.classification.corpus import build_corpus, positive_label, read_parts, without_empty
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.classification.task import ClassifyTask
from tidegate.training.files import RunFiles
from tidegate.training.recipe import Recipe
from tidegate.training.tagging.corpus import build_corpus as build_tag_corpus
from tidegate.training.tagging.corpus import read_parts as read_tag_parts
from tidegate.training.tagging.recipe import TagRecipe
from tidegate.training.tagging.task import TagTask
from tidegate.training.task import TrainingTask

Record = TypeVar("Record", TokenRecord, TextRecord)


@dataclass(frozen=True, slots=True)
class Portion(Generic[Record]):
    """What one group of runs trains on, chooses by and is scored on."""

    train: list[Record]
    dev: list[Record]
    test: list[Record]

    @property
    def scored(self) -> list[Record]:
        """The test records, or without any the development records."""
        return self.test or self.dev


class Material(ABC, Generic[Record]):
    """The records of a comparison.

    Args:
        train, dev, test: the records; without `dev` a share of each portion's training records is held out.
        recipe: the settings that all runs share.
    """

    def __init__(self, train: list[Record], dev: list[Record], test: list[Record], recipe: Recipe) -> None:
        self.train: list[Record] = train
        self.dev: list[Record] = dev
        self.test: list[Record] = test
        self.notes: list[str] = []  # what the user should read before the first run
        self.recipe = recipe

    @abstractmethod
    def task(self, portion: Portion[Record], recipe: Recipe) -> TrainingTask[Any]:
        """The task of all runs on a portion with the recipe's seed; `TrainingTask.with_arch` gives each its own."""

    @abstractmethod
    def held_out(self, records: list[Record]) -> tuple[list[Record], list[Record]]:
        """The records cut into training and development records."""

    @abstractmethod
    def as_texts(self, records: Sequence[Record]) -> list[TextRecord]:
        """For cutting alone: what makes two records equal, and the label by which cuts are stratified."""

    def portion(self, *, fold: int | None, folds: int, share: float) -> Portion[Record]:
        """The records of one fold's run (all of them without folds), with so large a share of the training records.

        A smaller share is part of every larger one. Fold and share are the same for every architecture and seed.

        Raises:
            DataError: too few records for so many folds, or for a development set.
        """
        train, test = self.train, self.test
        if fold is not None:
            number = folds_of(self.as_texts(train), folds=folds, seed=self.recipe.seed)
            test = [record for record, own in zip(train, number, strict=True) if own == fold]
            train = [record for record, own in zip(train, number, strict=True) if own != fold]
        dev = self.dev
        if not dev:
            train, dev = self.held_out(train)
        return Portion(self._share_of(train, share), dev, test)

    def _share_of(self, records: list[Record], share: float) -> list[Record]:
        """The first of the records in an order in which every label comes as evenly as it can."""
        if share >= 1:
            return records
        order = stratified_order(self.as_texts(records), seed=self.recipe.seed)[: max(2, round(share * len(records)))]
        return [records[place] for place in sorted(order)]

    def fingerprint(self) -> str:
        """A digest of all records, so that a comparison is resumed on the data that it was begun on."""
        sha = hashlib.sha256()
        for part in (self.train, self.dev, self.test):
            for record in self.as_texts(part):
                sha.update(repr((record.text, record.labels, record.group)).encode("utf-8", "surrogatepass"))
            sha.update(b"|")
        return sha.hexdigest()


class TextMaterial(Material[TextRecord]):
    """Labelled texts."""

    recipe: ClassifyRecipe

    def __init__(self, files: RunFiles, recipe: ClassifyRecipe) -> None:
        self.columns, train, dev, test = read_parts(files, recipe)
        train, notes = without_empty(train)
        # Settled once, so that a smaller share of the data is not scored by another label, or by accuracy where this is scored by F1.
        positive, is_rare = positive_label(recipe, Counter(label for record in train for label in record.labels))
        super().__init__(train, dev, test, recipe.model_copy(update={"positive": positive}) if is_rare else recipe)
        self.notes = [*filter(None, [self.columns.note]), *notes, check_texts({"train": train}).summary]
        if recipe.wide:
            self.notes.append(
                "All networks share the scores of one linear machine on n-grams, so they lie close together; --set wide=false compares "
                "the networks alone."
            )

    def held_out(self, records: list[TextRecord]) -> tuple[list[TextRecord], list[TextRecord]]:
        return split_off_texts(records, share=self.recipe.dev_share, seed=self.recipe.seed)

    def as_texts(self, records: Sequence[TextRecord]) -> list[TextRecord]:
        return list(records)

    def task(self, portion: Portion[TextRecord], recipe: Recipe) -> ClassifyTask:
        assert isinstance(recipe, ClassifyRecipe)
        corpus = build_corpus(portion.train, portion.dev, portion.test, recipe, columns=replace(self.columns, note=""))
        return ClassifyTask(recipe, corpus)


class TokenMaterial(Material[TokenRecord]):
    """Sentences with labelled tokens."""

    recipe: TagRecipe

    def __init__(self, files: RunFiles, recipe: TagRecipe) -> None:
        train, dev, test = read_tag_parts(files, recipe)
        super().__init__([record for record in train if record.tokens], dev, test, recipe)

    def held_out(self, records: list[TokenRecord]) -> tuple[list[TokenRecord], list[TokenRecord]]:
        return split_off(records, share=self.recipe.dev_share, seed=self.recipe.seed)

    def as_texts(self, records: Sequence[TokenRecord]) -> list[TextRecord]:
        return [TextRecord("\n".join(record.tokens), record.source) for record in records]

    def task(self, portion: Portion[TokenRecord], recipe: Recipe) -> TagTask:
        assert isinstance(recipe, TagRecipe)
        return TagTask(recipe, build_tag_corpus(portion.train, portion.dev, portion.test, recipe))


def material_of(recipe: Recipe, train: Sequence[str], dev: Sequence[str], test: Sequence[str]) -> Material[Any]:
    """Reads the files of a comparison.

    Raises:
        DataError: a file cannot be read as what the task needs.
    """
    if isinstance(recipe, ClassifyRecipe):
        return TextMaterial(RunFiles(train, dev, test), recipe)
    if isinstance(recipe, TagRecipe):
        return TokenMaterial(RunFiles(train, dev, test), recipe)
    raise RecipeError(f"task '{recipe.task}' cannot be compared yet; classify and tag can.")
