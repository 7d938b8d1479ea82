"""The data of a classifier's run: read, checked, split, counted and encoded."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tidegate.data import (
    EncodedText,
    FormTable,
    LabelColumn,
    TextEncoder,
    TextRecord,
    TokenRecord,
    UnknownLabels,
    Vocabulary,
    split_off_texts,
)
from tidegate.data.checking import check_texts
from tidegate.data.opening import excerpt
from tidegate.data.reading import expand
from tidegate.data.text_batches import units_of
from tidegate.data.texts import TextColumns, find_columns, read_texts
from tidegate.errors import DataError, RecipeError, nearest
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.classification.wide import Watcher, fit_wide_path
from tidegate.training.files import RunFiles
from tidegate.training.inheritance import inherited_words

# Of two labels the rarer one is positive anyway; below this share its F1 says more than accuracy.
_RARE = 0.3
# Fewer development texts than this are worth a warning.
_FEW = 50


@dataclass(frozen=True, slots=True)
class ClassifyCorpus:
    """Training, development and test texts, what was counted on the first, and the encoded training data.

    Attributes:
        columns: which columns the texts came from.
        positive: the label whose F1 counts; empty where there is none.
        is_rare: whether the epochs are chosen by that F1 rather than by accuracy.
        is_multi_label: whether a text may carry several labels.
        split: one sentence that says where the development set comes from.
        notes: sentences that the user should read before training begins.
    """

    train: list[TextRecord]
    dev: list[TextRecord]
    test: list[TextRecord]
    columns: TextColumns
    vocabulary: Vocabulary
    encoder: TextEncoder
    encoded: list[EncodedText]
    positive: str
    is_rare: bool
    is_multi_label: bool
    split: str
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, in the order of their ids."""
        return self.vocabulary.columns[0].labels

    @property
    def tokens(self) -> int:
        """Words (or characters) in the training texts, as far as they are read."""
        return sum(len(text) for text in self.encoded)


def read_corpus(files: RunFiles, recipe: ClassifyRecipe, watch: Watcher | None = None) -> ClassifyCorpus:
    """Reads the files of a run; `watch` is told how far the fitting of the n-grams is.

    Raises:
        DataError: a file cannot be read, a column is missing, nothing is left to train on.
        RecipeError: `positive` or `out_of_scope` is no label.
    """
    columns, train, dev, test = read_parts(files, recipe)
    named = f"the development set is {', '.join(files.dev)}" if files.dev else ""
    return build_corpus(train, dev, test, recipe, columns=columns, named_split=named, watch=watch)


def read_parts(files: RunFiles, recipe: ClassifyRecipe) -> tuple[TextColumns, list[TextRecord], list[TextRecord], list[TextRecord]]:
    """The columns found in the first training file, and the training, development and test texts.

    Raises:
        DataError: a file cannot be read, or a column is missing.
    """
    names = expand(files.train)
    columns = find_columns(names[0], text=recipe.text, label=recipe.label, group=recipe.group)
    train, dev, test = (_read(part, columns, recipe) for part in (names, expand(files.dev), expand(files.test)))
    return columns, train, dev, test


def _read(names: Sequence[str], columns: TextColumns, recipe: ClassifyRecipe) -> list[TextRecord]:
    return [
        record
        for path in names
        for record in read_texts(path, text=columns.text, label=columns.label, group=columns.group, label_separator=recipe.label_separator)
    ]


def build_corpus(
    train: list[TextRecord],
    dev: list[TextRecord],
    test: list[TextRecord],
    recipe: ClassifyRecipe,
    *,
    columns: TextColumns | None = None,
    named_split: str = "",
    watch: Watcher | None = None,
) -> ClassifyCorpus:
    """The corpus of texts that were read already; a development set is split off where `dev` is empty.

    Raises:
        DataError: there are too few texts or labels, or many development or test labels do not occur in training.
        RecipeError: `positive` or `out_of_scope` is no label.
    """
    columns = columns or TextColumns("lines", "text", "label", "group" if recipe.group else "")
    # With a separator the labels of the note are cells, and their number says nothing.
    notes = [re.sub(r" \(\d+ labels[^)]*\)", "", columns.note) if recipe.label_separator else columns.note] if columns.note else []
    train, note = without_empty(train)
    notes += note
    if not train:
        raise DataError(" ".join([*note, "There is no text to train on. Give files with at least two labelled texts that are not empty."]))
    is_multi_label = bool(recipe.label_separator) or any(len(record.labels) != 1 for record in train)
    counts = Counter(label for record in train for label in record.labels)
    if len(counts) < 2 and not (is_multi_label and counts):
        raise DataError(
            f"{train[0].source}: every text has the label {excerpt(next(iter(counts), ''))}; there is nothing to learn. "
            "Name another column with --label."
        )
    if not is_multi_label and max(counts.values()) == 1:
        raise DataError(
            f"{train[0].source}: every label comes only once ({excerpt(next(iter(counts)))}, …), so there is nothing to learn from. "
            f"Is '{columns.label or 'label'}' the right column? Name another with --label."
        )
    positive, is_rare = positive_label(recipe, counts, is_multi_label=is_multi_label)
    if recipe.out_of_scope and recipe.out_of_scope not in counts:
        raise RecipeError(_no_label("out_of_scope", recipe.out_of_scope, counts))
    given = bool(dev)
    if not dev:
        train, dev = split_off_texts(train, share=recipe.dev_share, seed=recipe.seed)
        what = "groups" if recipe.group else "distinct texts"
        held_out = f"{len(dev):,} of {len(train) + len(dev):,} texts held out"
        split = f"no development file: {held_out} (seed {recipe.seed}, stratified over {what})"
        counts = Counter(label for record in train for label in record.labels)
        if len(counts) < 2 and not is_multi_label:
            raise DataError(
                f"{train[0].source}: {len(train) + len(dev)} texts are too few to hold some out: only the label "
                f"{excerpt(next(iter(counts)))} is left to train on. Give more texts of each label, or a development file with --dev."
            )
    else:
        split = named_split or "the development set was given"
    name = columns.label or "label"
    column = LabelColumn(name, tuple(sorted(counts)), None)
    for part in (dev, test):
        unknown = UnknownLabels([column])
        deque(unknown.watch_texts(part, may_be_none=is_multi_label), maxlen=0)
        unknown.settle()  # now, not after hours of training
        if unknown.first:
            notes.append(f"{unknown.first} Such labels count as wrong answers.")
    encoder, vocabulary, encoded = _encoded(train, column, recipe, watch)
    read = recipe.max_length
    cut = sum(len(text) == read < len(units_of(record.text, recipe.unit, read + 1)) for record, text in zip(train, encoded, strict=True))
    if cut:
        what = "words" if recipe.unit == "word" else "characters"
        notes.append(f"{cut:,} texts have more than {read:,} {what} and are cut off there; --set max_length=N reads more.")
    if len(dev) < _FEW:
        notes.append(f"The development set has {len(dev)} texts only: its scores, by which epochs are chosen, are little more than luck.")
    is_of_single_words = sum(len(record.text.split()) == 1 for record in train) >= 0.9 * len(train)
    if is_of_single_words and recipe.unit == "word":
        notes.append("Nearly all texts are single words: --unit char lets the network read their letters.")
    parts = {"train": train, **({"dev": dev} if given else {}), **({"test": test} if test else {})}
    notes += [check_texts(parts).summary, split]
    return ClassifyCorpus(train, dev, test, columns, vocabulary, encoder, encoded, positive, is_rare, is_multi_label, split, tuple(notes))


def _encoded(
    train: list[TextRecord], column: LabelColumn, recipe: ClassifyRecipe, watch: Watcher | None
) -> tuple[TextEncoder, Vocabulary, list[EncodedText]]:
    """The vocabulary counted on the training texts, the wide path fitted on them, and the texts in numbers."""
    units = [TokenRecord(units_of(record.text, recipe.unit, recipe.max_length), record.source) for record in train]
    vocabulary = replace(Vocabulary.count(units, [], min_count=recipe.min_count, inherited=inherited_words(recipe)), columns=(column,))
    plain = TextEncoder(FormTable(vocabulary), column.labels, unit=recipe.unit, longest=recipe.max_length)
    encoded = plain.encode(train)
    if not recipe.wide:
        return plain, vocabulary, encoded
    wide, scores = fit_wide_path(train, column.labels, recipe, watch)
    encoded = [replace(text, wide=row) for text, row in zip(encoded, scores, strict=True)]
    return TextEncoder(plain.table, column.labels, unit=recipe.unit, longest=recipe.max_length, wide=wide), vocabulary, encoded


def without_empty(records: list[TextRecord]) -> tuple[list[TextRecord], list[str]]:
    """The records with a text, and a sentence on those without, if there are any."""
    kept = [record for record in records if record.text.strip()]
    if len(kept) == len(records):
        return kept, []
    first = next(record for record in records if not record.text.strip())
    return kept, [f"{len(records) - len(kept):,} training texts are empty and left out (the first: {first.source})."]


def positive_label(recipe: ClassifyRecipe, counts: Counter[str], *, is_multi_label: bool = False) -> tuple[str, bool]:
    """The positive label, the one asked for, else the rarer of two (empty: none); and whether its F1 says more than accuracy.

    Raises:
        RecipeError: the label asked for is none.
    """
    if recipe.positive:
        if recipe.positive not in counts:
            raise RecipeError(_no_label("positive", recipe.positive, counts))
        return recipe.positive, True
    if len(counts) != 2 or is_multi_label or recipe.label_separator:
        return "", False
    rarer = min(counts, key=lambda label: (counts[label], label))
    return rarer, counts[rarer] < _RARE * counts.total()


def _no_label(key: str, asked: str, counts: Counter[str]) -> str:
    shown = ", ".join(f"{label} ({times:,})" for label, times in counts.most_common(10)) + (", …" if len(counts) > 10 else "")
    return f"{key} '{asked}' is no label of the training texts: {shown}.{nearest(asked, counts)} Name one of them."
