"""`Classifier`: training and answering in scikit-learn's manner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from tidegate.data import Source, TextRecord
from tidegate.data.reading import expand
from tidegate.data.texts import read_texts
from tidegate.errors import DataError
from tidegate.runtime import ClassifyModel
from tidegate.runtime.classify import as_records
from tidegate.training.classification.corpus import build_corpus, read_corpus
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.classification.task import ClassifyTask
from tidegate.training.estimator import Estimator, paths_of
from tidegate.training.files import RunFiles

Array = np.ndarray[Any, np.dtype[Any]]


class Classifier(Estimator[ClassifyRecipe, ClassifyModel]):
    """Labels texts or words with a recurrent network.

    Args:
        preset: 'fast', 'default' or 'best'.
        recipe: a TOML file or the name of a recipe that comes with tidegate.
        quiet: show no progress.
        settings: any key of the recipe: `arch="bigru"`, `unit="char"`, `positive="spam"`, `class_weights="balanced"`, …

    Attributes:
        classes_: the labels as they were given, sorted; the columns of `predict_proba`.
        model_: the model that answers; `metrics_`: its scores.

    Example:
        >>> classifier = Classifier(arch="bilstm").fit(["cheap pills", "see you at six"], ["spam", "ham"], dev=(texts, labels))
        >>> classifier.predict(["pills for six"])
        >>> classifier.save("model/")

    Raises:
        RecipeError: an unknown setting (the nearest is named), or a value that does not fit.
    """

    _schema = ClassifyRecipe

    classes_: Array
    _columns: int | None  # of the matrix of 0 and 1 that was given for labels, if one was

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator before it searches over it; only scikit-learn calls this."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            classifier_tags=ClassifierTags(multi_label=True),
            target_tags=TargetTags(required=True),
            input_tags=InputTags(one_d_array=True, two_d_array=False, string=True),
        )

    def fit(
        self,
        X: str | Path | Sequence[str | Path] | Iterable[str],
        y: Iterable[Any] | None = None,
        *,
        dev: str | Path | Sequence[str | Path] | tuple[Iterable[str], Iterable[Any]] | None = None,
        groups: Iterable[Any] | None = None,
    ) -> Self:
        """Trains on a file (or several), or on texts `X` and their labels `y`.

        Args:
            X: a path, paths, or texts.
            y: with texts, a label for each (text, number or truth value); or a list of labels for each; or a matrix of 0 and 1.
            dev: the same for the development set; without it, a seeded stratified share of the training texts.
            groups: a value for each text; texts of equal value stay on one side of that split.

        Raises:
            DataError: what was given cannot be read, or X and y do not fit each other.
        """
        recipe = self._recipe()
        if y is None:
            if groups is not None:
                raise DataError("groups were given with files; name the column that holds them, as in Classifier(group='author').")
            corpus = read_corpus(RunFiles(paths_of(X, "texts"), paths_of(dev, "texts") if dev is not None else ()), recipe)
            self._train(ClassifyTask(recipe, corpus))
            self._columns = None
            self.classes_ = np.array(self.model_.classes)
            return self
        texts, labels = _texts(X), _labels(y)
        self._columns = y.shape[1] if isinstance(y, np.ndarray) and y.ndim == 2 else None
        held_out: list[TextRecord] = []
        if dev is not None:
            if not isinstance(dev, tuple) or len(dev) != 2:
                raise DataError("dev must be (texts, labels) where X and y are texts and labels.")
            held_out = records_of(_texts(dev[0]), _named(_labels(dev[1])))
        records = records_of(texts, _named(labels), None if groups is None else [str(group) for group in groups])
        self._train(ClassifyTask(recipe, build_corpus(records, held_out, [], recipe)))
        if self._columns is not None:
            self.classes_ = np.arange(self._columns)
            return self
        classes = {str(label): label for given in labels for label in given}
        self.classes_ = np.unique(np.array([classes[name] for name in self.model_.classes]))
        return self

    def predict(self, X: Iterable[str]) -> Array:
        """The label of each text, as given to `fit`: one, or where a text may carry several a tuple of them or a row of 0 and 1."""
        given = self._fitted().predict(_texts(X))
        if self._columns is not None:
            matrix = np.zeros((len(given), self._columns), dtype=np.int64)
            for row, labels in zip(matrix, given, strict=True):
                row[[int(label) for label in labels]] = 1
            return matrix
        as_given = {str(label): label for label in self.classes_}
        if self._fitted().is_multi_label:
            answers = np.empty(len(given), dtype=object)
            answers[:] = [tuple(as_given[label] for label in labels) for labels in given]
            return answers
        return np.array([as_given[label] for label in given], dtype=self.classes_.dtype)

    def predict_proba(self, X: Iterable[str]) -> Array:
        """Probabilities [N, K], a column for each of `classes_`; a row sums to 1 unless a text may carry several labels."""
        model = self._fitted()
        probabilities = model.predict_proba(_texts(X))
        places = {name: place for place, name in enumerate(model.classes)}
        # A column of a matrix that no training text had is improbable for all.
        columns = [probabilities[:, places[str(c)]] if str(c) in places else np.zeros(len(probabilities)) for c in self.classes_]
        return np.stack(columns, axis=1)

    def score(self, X: str | Path | Sequence[str | Path] | Iterable[str], y: Iterable[Any] | None = None) -> float:
        """Accuracy on texts and their labels, or on labelled files; where a text may carry several labels, the share wholly right."""
        model = self._fitted()
        if y is not None:
            labels = _named(_labels(y))
            return model.score(_texts(X), labels if model.is_multi_label else [label for (label,) in labels])
        names, recipe = model.config["columns"], self._recipe()
        records = (
            record
            for path in expand(paths_of(X, "texts"))
            for record in read_texts(path, text=names["text"], label=names["label"], label_separator=recipe.label_separator)
        )
        result = model.evaluate(records)
        return float(result["exact_match"] if model.is_multi_label else result["accuracy"])


def records_of(texts: Sequence[str], labels: Sequence[tuple[str, ...]], groups: Sequence[str] | None = None) -> list[TextRecord]:
    """Records of texts and labels given in Python.

    Raises:
        DataError: there are not as many labels (or groups) as texts.
    """
    for name, given in (("y", labels), ("groups", groups)):
        if given is not None and len(given) != len(texts):
            raise DataError(f"X holds {len(texts)} texts, but {name} {len(given)} entries; give one for each text.")
    return [
        TextRecord(text, Source("the texts given", number + 1, "text"), labels[number], groups[number] if groups is not None else "")
        for number, text in enumerate(texts)
    ]


def _texts(given: Any) -> list[str]:
    return [record.text for record in as_records(given.tolist() if isinstance(given, np.ndarray) else given)]


def _labels(given: Any) -> list[tuple[Any, ...]]:
    """The labels of each text as they were given: one, several, or the numbers of the columns where a row of a matrix has a 1."""
    if isinstance(given, str):
        raise DataError("y is one text where a label for each text is expected; write [label].")
    if isinstance(given, np.ndarray) and given.ndim == 2:
        if not np.isin(given, (0, 1)).all():
            raise DataError("y is a matrix of other values than 0 and 1; give a column a label, or one label (or a list of them) a text.")
        return [tuple(np.flatnonzero(row).tolist()) for row in given]
    rows = given.tolist() if isinstance(given, np.ndarray) else list(given)
    labels = [tuple(row) if isinstance(row, list | tuple | set | frozenset) else (row,) for row in rows]
    for number, row in enumerate(labels, 1):
        if any(label is None or label != label for label in row):  # NaN, which is not equal to itself, is what pandas reads for nothing
            raise DataError(f"text {number} has no label ({row[0] if len(row) == 1 else list(row)}); give it one, or leave the text out.")
    return labels


def _named(labels: Sequence[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    return [tuple(str(label) for label in row) for row in labels]
