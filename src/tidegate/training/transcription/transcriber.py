"""`Transcriber`: training and answering in scikit-learn's manner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

from tidegate.runtime.transcribe import TranscribeModel
from tidegate.training.estimator import Estimator
from tidegate.training.frame_estimator import given_parts
from tidegate.training.transcription.corpus import corpus_of
from tidegate.training.transcription.recipe import TranscribeRecipe
from tidegate.training.transcription.task import TranscribeTask


class Transcriber(Estimator[TranscribeRecipe, TranscribeModel]):
    """Writes down what is said in recordings, with no word on when: a recurrent network and CTC.

    Args:
        preset: 'fast', 'default' or 'best'.
        recipe: a TOML file or the name of a recipe that comes with tidegate.
        quiet: show no progress.
        settings: any key of the recipe: `arch="gru"`, `unit="char"`, `connect="1-7"`, `lookahead="200ms"`, `sample_rate=8000`, …

    Attributes:
        model_: the model that answers; `metrics_`: its scores.

    Example:
        >>> transcriber = Transcriber(arch="gru", text="transcript").fit("recordings.tsv")
        >>> transcriber.predict([samples])

    Raises:
        RecipeError: an unknown setting (the nearest is named), or a value that does not fit.
    """

    _schema = TranscribeRecipe

    def fit(self, X: Any, y: Iterable[Any] | None = None, *, dev: Any = None, groups: Iterable[Any] | None = None) -> Self:
        """Trains on files, or on samples X, [n] in [-1, 1] each, with a transcript each.

        Args:
            X: a path or paths; or samples, at the rate that the setting `sample_rate` names.
            y: with samples, a transcript for each.
            dev: the same for the development set, (X, y); without it, a seeded share of the training recordings.
            groups: a value for each, its speaker for instance; recordings of equal value stay on one side of that split.

        Raises:
            DataError: what was given cannot be read, or X and y do not fit each other.
        """
        recipe = self._recipe()
        corpus = corpus_of(given_parts(X, y, dev, groups, recipe, "text"), recipe)
        self._tell(corpus.notes)
        self._train(TranscribeTask(recipe, corpus))
        return self

    def predict(self, X: Any) -> list[str]:
        """The transcript of each recording."""
        return self._fitted().predict(X)

    def score(self, X: Any, y: Sequence[str]) -> float:
        """1 less the error rate by units: 1 is perfect, and it may be below 0."""
        return self._fitted().score(X, y)
