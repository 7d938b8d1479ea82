"""The wide path, fitted before the network: a linear support vector machine on hashed n-grams, and stacking.

The network then learns what to add to the machine's scores. Were these the scores of a machine that has seen
the text, they would all be right and nothing would be left to learn; so each training text is scored by a machine
fitted on the other folds (stacked generalisation, Wolpert 1992), and what ships is fitted on all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tidegate.data import TextRecord, folds_of
from tidegate.data.ngrams import NgramTable, SparseRows, Values, WidePath
from tidegate.data.text_batches import words_of
from tidegate.errors import DataError
from tidegate.training.classification.recipe import ClassifyRecipe

# Told how much of something is done, of how much.
Watcher = Callable[[int, int], None]

# The score of a label that no text of the other folds carried: what a support vector machine gives to what it is sure is not so.
_ABSENT = -1.0


def fit_wide_path(
    train: Sequence[TextRecord], labels: Sequence[str], recipe: ClassifyRecipe, watch: Watcher | None = None
) -> tuple[WidePath, Values]:
    """The machine fitted on all training texts, and scores [N, K] of each text by one that has not seen it.

    Args:
        train: the training texts.
        labels: all labels, in the order of their ids.
        recipe: which n-grams count, in how many folds, with which seed.
        watch: told after each machine how many are fitted, of how many.
    """
    words = [words_of(record.text) for record in train]
    table = NgramTable.count(words, min_count=recipe.wide_min_count, most=recipe.wide_size)
    rows = _matrix(table.rows(words), len(table))
    carries = np.array([[label in record.labels for label in labels] for record in train])
    fold = np.array(_folds(train, recipe))
    folds = int(fold.max(initial=0)) + 1
    scores = np.full((len(train), len(labels)), _ABSENT, dtype=np.float32)
    for number in range(folds if folds > 1 else 0):
        inside, outside = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        if len(inside) and len(outside):
            weights, bias = _machines(rows[outside], carries[outside], recipe.seed)
            scores[inside] = rows[inside] @ weights + bias
        if watch is not None:
            watch(number + 1, folds + 1)
    return WidePath(table, *_machines(rows, carries, recipe.seed)), scores


def _folds(train: Sequence[TextRecord], recipe: ClassifyRecipe) -> list[int]:
    """A fold for each text; all in one where even two are too many."""
    for folds in range(recipe.wide_folds, 1, -1):
        try:
            return folds_of(train, folds=folds, seed=recipe.seed)
        except DataError:  # fewer distinct texts or groups than folds
            continue
    return [0] * len(train)


def _matrix(rows: SparseRows, columns: int) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix((rows.values.astype(np.float64), rows.columns, rows.offsets), shape=(len(rows), columns))


def _machines(rows: Any, carries: np.ndarray[Any, np.dtype[np.bool_]], seed: int) -> tuple[Values, Values]:
    """Weights [F, K] and bias [K] of one machine a label, against all others."""
    from sklearn.svm import LinearSVC

    weights = np.zeros((rows.shape[1], carries.shape[1]), dtype=np.float32)
    bias = np.full(carries.shape[1], _ABSENT, dtype=np.float32)
    present = carries.any(axis=0)
    both = present & ~carries.all(axis=0)
    bias[present & ~both] = -_ABSENT
    if not rows.shape[1]:  # no n-gram occurs often enough to count
        return weights, bias
    if carries.sum() == len(carries) and both.sum() > 2:  # one label a text: all machines in one call, which is quicker
        number = carries.argmax(axis=1)
        machine = LinearSVC(random_state=seed).fit(rows, number)
        weights[:, machine.classes_] = machine.coef_.T
        bias[machine.classes_] = machine.intercept_
        return weights, bias
    for label in np.flatnonzero(both):
        machine = LinearSVC(random_state=seed).fit(rows, carries[:, label])
        weights[:, label], bias[label] = machine.coef_[0], machine.intercept_[0]
    return weights, bias
