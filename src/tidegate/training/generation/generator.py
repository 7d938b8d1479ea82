"""`Generator`: a language model in scikit-learn's manner."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.opening import open_lines
from tidegate.data.reading import expand
from tidegate.data.streams import encode_texts
from tidegate.errors import DataError
from tidegate.runtime import GenerateModel
from tidegate.training.estimator import Estimator, paths_of
from tidegate.training.generation.corpus import GenerateFiles, corpus_of, read_corpus
from tidegate.training.generation.recipe import GenerateRecipe
from tidegate.training.generation.task import GenerateTask

Paths = str | Path | Sequence[str | Path]


class Generator(Estimator[GenerateRecipe, GenerateModel]):
    """Learns what comes next in a text and writes on; with a two-way architecture it fills blanks instead.

    Args:
        preset: 'fast', 'default' or 'best'.
        recipe: a TOML file or the name of a recipe that comes with tidegate.
        quiet: show no progress.
        settings: any key of the recipe: `arch="gru"`, `unit="word"`, `hidden_size=256`, …

    Attributes:
        classes_: the units, in the order of the columns of `predict_proba`; the first, '', is the unknown one.
        model_: the model that answers; `metrics_`: its scores.

    Example:
        >>> generator = Generator(arch="gru").fit("plays.txt")
        >>> generator.predict(["ROMEO:"], length=200, temperature=0.8, seed=1)
        >>> for piece in generator.sample("ROMEO:"):
        ...     print(piece, end="", flush=True)
        >>> Generator(arch="bilstm", unit="word").fit("plays.txt").predict(["It is the ___, and Juliet is the sun."])

    Raises:
        RecipeError: an unknown setting (the nearest is named), or a value that does not fit.
    """

    _schema = GenerateRecipe

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn asks of an estimator before it searches over it; only scikit-learn calls this."""
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False), input_tags=InputTags(two_d_array=False, string=True))

    def fit(
        self, X: Paths | None = None, y: None = None, *, texts: Iterable[str] | None = None, dev: Paths | Iterable[str] | None = None
    ) -> Generator:
        """Trains on files, or on texts given in Python.

        Args:
            X: a path or paths; several files are one text.
            y: nothing; scikit-learn hands it on.
            texts: instead of files: texts, one text in all, a line break between two.
            dev: development text of the same kind, paths or texts; without it the last `dev_share` of the text.

        Raises:
            DataError: what was given cannot be read, or is shorter than one window.
        """
        recipe = self._recipe()
        if (X is None) == (texts is None):
            raise DataError("give the text once: fit('plays.txt') reads files, fit(texts=[…]) takes texts.")
        if texts is None:
            corpus = read_corpus(GenerateFiles(paths_of(X, "texts"), paths_of(dev, "texts") if dev is not None else ()), recipe)
        else:
            corpus = corpus_of(encode_texts(_texts(texts), _texts(dev) if dev is not None else (), **recipe.reading()), recipe)
        self._train(GenerateTask(recipe, corpus))
        self.classes_ = np.array(self.model_.units.texts, dtype=object)
        return self

    def predict(self, X: Iterable[str], **sampling: Any) -> list[str]:
        """Each text continued (`length`, `temperature`, `top_k`, `top_p`, `stop`, `seed`); two ways: each `___` in it filled."""
        return self._fitted().predict(_texts(X), **sampling)

    def sample(self, prompt: str = "", **sampling: Any) -> Iterator[str]:
        """What follows the prompt, piece by piece as it is written; options as of `predict`."""
        return self._fitted().sample(prompt, **sampling)

    def predict_proba(self, X: Iterable[str]) -> NDArray[np.float64]:
        """[N, V], for each text the probability of every unit to come next (two ways: to fill its blank), in the order of `classes_`."""
        return self._fitted().predict_proba(_texts(X))

    def score(self, X: Paths, y: None = None) -> float:
        """Mean log-probability of the units of files, in nats, higher is better: minus what `evaluate` calls nats."""
        lines = (line for path in expand(paths_of(X, "texts")) for _, line in open_lines(path))
        return -float(self._fitted().evaluate(lines)["nats"])


def _texts(given: Any) -> list[str]:
    if isinstance(given, str | Path):
        raise DataError(f"one text ({str(given)[:40]!r}) was given where a list of texts was expected; put it in brackets: [text].")
    texts = list(given)
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str):
            raise DataError(f"text {number} is no text but a {type(text).__name__}; give each as a str.")
    return texts
