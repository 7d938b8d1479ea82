"""`Tagger`: training and answering in scikit-learn's manner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.data import Source, TokenRecord
from tidegate.data.reading import expand, read_labelled
from tidegate.errors import DataError
from tidegate.runtime import TagModel
from tidegate.scoring import default_score
from tidegate.training.estimator import Estimator, paths_of
from tidegate.training.files import RunFiles
from tidegate.training.tagging.corpus import build_corpus, read_corpus
from tidegate.training.tagging.recipe import TagRecipe
from tidegate.training.tagging.task import TagTask

Sentences = Sequence[Sequence[str]]


class Tagger(Estimator[TagRecipe, TagModel]):
    """Labels tokens with a recurrent network.

    Args:
        preset: 'fast', 'default' or 'best'.
        recipe: a TOML file or the name of a recipe that comes with tidegate.
        quiet: show no progress.
        settings: any key of the recipe: `arch="bilstm"`, `label="upos"`, `hidden_size=256`, …

    Example:
        >>> tagger = Tagger(arch="bilstm", label="upos").fit("train.conllu", dev="dev.conllu")
        >>> tagger.predict([["Teddy", "Roosevelt", "was", "president"]])
        >>> tagger.save("model/")

    Raises:
        RecipeError: an unknown setting (the nearest is named), or a value that does not fit.
    """

    _schema = TagRecipe

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator before it searches over it; only scikit-learn calls this."""
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=True),
            input_tags=InputTags(two_d_array=False, string=True),
        )

    def fit(
        self,
        X: str | Path | Sequence[str | Path] | Sentences,
        y: Sentences | None = None,
        *,
        dev: str | Path | Sequence[str | Path] | tuple[Sentences, Sentences] | None = None,
    ) -> Tagger:
        """Trains on a file (or several), or on sentences `X` and their labels `y`.

        Args:
            X: a path, paths, or sentences: lists of tokens.
            y: with sentences, for each a list of labels, as many as tokens.
            dev: the same for the development set; without it, a seeded share of the training sentences.

        Raises:
            DataError: what was given cannot be read, or X and y do not fit each other.
        """
        recipe = self._recipe()
        if y is None:
            corpus = read_corpus(RunFiles(paths_of(X, "sentences"), paths_of(dev, "sentences") if dev is not None else ()), recipe)
        else:
            held_out: list[TokenRecord] = []
            if dev is not None:
                if not isinstance(dev, tuple) or len(dev) != 2:
                    raise DataError("dev must be (sentences, labels) where X and y are sentences and labels.")
                held_out = records_of(_sentences(dev[0]), _sentences(dev[1]), recipe.label)
            corpus = build_corpus(records_of(_sentences(X), y, recipe.label), held_out, [], recipe)
        self._train(TagTask(recipe, corpus))
        self.classes_ = np.array(self.model_.labels[self.model_.columns[0]])
        return self

    def predict(self, X: Sequence[str | Sequence[str]]) -> list[list[str | None]]:
        """For each sentence the label of every token, first label column. A text is cut by the word rule."""
        return self._fitted().predict(X)

    def predict_proba(self, X: Sequence[str | Sequence[str]]) -> list[np.ndarray[Any, np.dtype[np.float64]]]:
        """For each sentence an array [T, K] of the probability of every label, in the order of `classes_`."""
        return self._fitted().predict_proba(X)

    def score(self, X: str | Path | Sequence[str | Path] | Sentences, y: Sentences | None = None) -> float:
        """Strict span F1 where the labels spell spans, else accuracy, on sentences and their labels or on labelled files."""
        model = self._fitted()
        if y is not None:
            return model.score(_sentences(X), y)
        records = (record for path in expand(paths_of(X, "sentences")) for record in read_labelled(path, label=self._recipe().label))
        return default_score(model.evaluate(records))


def records_of(sentences: Sentences, labels: Sentences, column: tuple[str, ...]) -> list[TokenRecord]:
    """Records of sentences and labels given in Python, in one label column named as asked, else 'label'.

    Raises:
        DataError: there are not as many label lists as sentences, or not as many labels as tokens somewhere.
    """
    if len(sentences) != len(labels):
        raise DataError(
            f"X holds {len(sentences)} sentences, but y {len(labels)} lists of labels; give one list of labels for each sentence."
        )
    if len(column) > 1:
        raise DataError(f"label names {len(column)} columns ({', '.join(column)}), but y gives one. Name one, or train on a file.")
    name = column[0] if column else "label"
    records = []
    for number, (tokens, tags) in enumerate(zip(sentences, labels, strict=True), 1):
        if isinstance(tokens, str) or isinstance(tags, str) or len(tokens) != len(tags):
            raise DataError(
                f"sentence {number} has {len(tokens)} tokens, but {len(tags)} labels; give lists of equal length, a label for each token."
            )
        if not all(isinstance(text, str) for text in (*tokens, *tags)):
            raise DataError(f"sentence {number} holds tokens or labels that are no text; give each as a str, for instance str(label).")
        records.append(TokenRecord(tuple(tokens), Source("the sentences given", number, "sentence"), {name: tuple(tags)}))
    return records


def _sentences(given: Any) -> Sentences:
    if isinstance(given, str | Path) or any(isinstance(sentence, str | Path) for sentence in given):
        raise DataError(
            "labels were given with a path or a bare text; X and y must be lists of sentences, each a list of tokens or labels."
        )
    sentences: Sentences = given
    return sentences
