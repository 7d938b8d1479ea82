"""`SequenceClassifier` and `SequenceTagger`: training and answering in scikit-learn's manner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from tidegate.runtime.sequence_classify import SequenceClassifyModel
from tidegate.runtime.sequence_tag import SequenceTagModel
from tidegate.training.estimator import Estimator
from tidegate.training.frame_estimator import given_parts
from tidegate.training.sequences.corpus import corpus_of
from tidegate.training.sequences.recipe import SequenceClassifyRecipe, SequenceTagRecipe
from tidegate.training.sequences.task import SequenceClassifyTask, SequenceTagTask

Array = np.ndarray[Any, np.dtype[Any]]


class SequenceClassifier(Estimator[SequenceClassifyRecipe, SequenceClassifyModel]):
    """Labels whole sequences of numbers, or recordings, with a recurrent network.

    Args:
        preset: 'fast', 'default' or 'best'.
        recipe: a TOML file or the name of a recipe that comes with tidegate.
        quiet: show no progress.
        settings: any key of the recipe: `arch="gru"`, `input="sound"`, `sequence="id"`, `features=("x", "y")`, …

    Attributes:
        classes_: the labels, sorted; the columns of `predict_proba`.
        model_: the model that answers; `metrics_`: its scores.

    Example:
        >>> classifier = SequenceClassifier(arch="bigru").fit(arrays, labels)    # arrays [T, D], each of its own length
        >>> classifier.predict(others)
        >>> classifier.save("model/")

    Raises:
        RecipeError: an unknown setting (the nearest is named), or a value that does not fit.
    """

    _schema = SequenceClassifyRecipe

    classes_: Array

    def fit(self, X: Any, y: Iterable[Any] | None = None, *, dev: Any = None, groups: Iterable[Any] | None = None) -> Self:
        """Trains on files, or on arrays X with a label each.

        Args:
            X: a path or paths; or arrays [T, D] of numbers (NaN where one is missing); with `input="sound"` samples [n] in [-1, 1].
            y: with arrays, a label for each.
            dev: the same for the development set, (X, y); without it, a seeded stratified share of the training sequences.
            groups: a value for each; sequences of equal value stay on one side of that split.

        Raises:
            DataError: what was given cannot be read, or X and y do not fit each other.
        """
        recipe = self._recipe()
        corpus = corpus_of(given_parts(X, y, dev, groups, recipe, "label"), recipe)
        self._tell(corpus.notes)
        self._train(SequenceClassifyTask(recipe, corpus))
        self.classes_ = np.array(self.model_.classes)
        return self

    def predict(self, X: Any) -> Array:
        """The label of each sequence, as texts."""
        return np.array(self._fitted().predict(X))

    def predict_proba(self, X: Any) -> Array:
        """Probabilities [N, K], a column for each of `classes_`."""
        return self._fitted().predict_proba(X)

    def score(self, X: Any, y: Sequence[Any]) -> float:
        """Accuracy on sequences and their labels."""
        return self._fitted().score(X, [str(label) for label in y])


class SequenceTagger(Estimator[SequenceTagRecipe, SequenceTagModel]):
    """Labels every step of sequences of numbers with a recurrent network.

    Args:
        preset, recipe, quiet, settings: as of `SequenceClassifier`.

    Attributes:
        model_: the model that answers; `metrics_`: its scores.

    Example:
        >>> tagger = SequenceTagger(arch="bilstm").fit(arrays, labels)    # of each array [T, D] T labels
        >>> tagger.predict(others)

    Raises:
        RecipeError: an unknown setting (the nearest is named), or a value that does not fit.
    """

    _schema = SequenceTagRecipe

    def fit(self, X: Any, y: Iterable[Any] | None = None, *, dev: Any = None, groups: Iterable[Any] | None = None) -> Self:
        """Trains on files, or on arrays X [T, D] with T labels each; otherwise as `SequenceClassifier.fit`."""
        recipe = self._recipe()
        corpus = corpus_of(given_parts(X, y, dev, groups, recipe, "labels"), recipe)
        self._tell(corpus.notes)
        self._train(SequenceTagTask(recipe, corpus))
        return self

    def predict(self, X: Any) -> list[Array]:
        """The labels [T] of each sequence, as texts."""
        return [np.array(labels) for labels in self._fitted().predict(X)]

    def score(self, X: Any, y: Sequence[Any]) -> float:
        """Accuracy over all steps."""
        return self._fitted().score(X, [[str(label) for label in labels] for labels in y])
