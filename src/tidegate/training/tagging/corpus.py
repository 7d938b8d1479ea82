"""The data of one training run: read, checked, split, counted and encoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tidegate.data import EncodedRecord, FormTable, TokenRecord, UnknownLabels, Vocabulary, encode, split_off
from tidegate.data.reading import expand, read_labelled
from tidegate.errors import DataError
from tidegate.training.files import RunFiles
from tidegate.training.inheritance import inherited_words
from tidegate.training.tagging.recipe import TagRecipe


@dataclass(frozen=True, slots=True)
class TagCorpus:
    """Training, development and test records, the vocabulary counted on the first, and the encoded training data.

    Attributes:
        split: one sentence that says where the development set comes from.
        unknown: one sentence about the first development or test label that training lacks; empty if there is none.
    """

    train: list[TokenRecord]
    dev: list[TokenRecord]
    test: list[TokenRecord]
    vocabulary: Vocabulary
    table: FormTable
    encoded: list[EncodedRecord]
    split: str
    unknown: str = ""

    @property
    def tokens(self) -> int:
        """Tokens in the training records."""
        return sum(len(record) for record in self.train)


def read_corpus(files: RunFiles, recipe: TagRecipe) -> TagCorpus:
    """Reads the files of a run.

    Raises:
        DataError: a file cannot be read, a label column is missing, a sentence is too long, nothing is left to train on.
    """
    train, dev, test = read_parts(files, recipe)
    named = f"the development set is {', '.join(files.dev)}" if files.dev else ""
    return build_corpus(train, dev, test, recipe, named_split=named)


def read_parts(files: RunFiles, recipe: TagRecipe) -> tuple[list[TokenRecord], list[TokenRecord], list[TokenRecord]]:
    """The training, development and test sentences.

    Raises:
        DataError: a file cannot be read, a label column is missing, a sentence is too long.
    """
    train, dev, test = (_read(names, recipe) for names in (files.train, files.dev, files.test))
    return train, dev, test


def build_corpus(
    train: list[TokenRecord], dev: list[TokenRecord], test: list[TokenRecord], recipe: TagRecipe, *, named_split: str = ""
) -> TagCorpus:
    """The corpus of records that were read already; a development set is split off where `dev` is empty.

    Raises:
        DataError: there are too few sentences, or many development or test labels do not occur in training.
    """
    train = [record for record in train if record.tokens]
    if not train:
        raise DataError("there is no sentence to train on. Give files with at least two labelled sentences.")
    split = named_split or "the development set was given"
    if not dev:
        train, dev = split_off(train, share=recipe.dev_share, seed=recipe.seed)
        held_out = f"{len(dev):,} of {len(train) + len(dev):,} sentences held out"
        split = f"no development file: {held_out} (seed {recipe.seed}, identical sentences on one side)"
    columns = list(train[0].labels)
    vocabulary = Vocabulary.count(train, columns, min_count=recipe.min_count, inherited=inherited_words(recipe))
    for column in vocabulary.columns:
        if len(column.labels) < 2:
            raise DataError(
                f"{train[0].source}: column '{column.name}' holds one label only, '{column.labels[0]}'; there is nothing to "
                "learn. Name another column with --label."
            )
    table = FormTable(vocabulary)
    encoded = encode(train, table, vocabulary.columns)
    unknown = ""
    for part in (dev, test):
        labels = UnknownLabels(vocabulary.columns)
        deque(labels.watch(part), maxlen=0)
        labels.settle()  # now, not after hours of training
        unknown = unknown or labels.first
    return TagCorpus(train, dev, test, vocabulary, table, encoded, split, unknown)


def _read(names: Sequence[str], recipe: TagRecipe) -> list[TokenRecord]:
    records: list[TokenRecord] = []
    for path in expand(names):
        records.extend(_checked(read_labelled(path, label=recipe.label), recipe.max_length))
    return records


def _checked(records: Iterable[TokenRecord], max_length: int) -> Iterable[TokenRecord]:
    for record in records:
        if len(record) > max_length:
            raise DataError(
                f"{record.source}: a sentence of {len(record):,} tokens; at most {max_length:,} are accepted in training. "
                "Sentences end with an empty line: is one missing? If not, allow more with --set max_length=N."
            )
        yield record
