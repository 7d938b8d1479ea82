"""`Filler`: the holes of time series, in scikit-learn's manner."""

from __future__ import annotations

from typing import Any, Self

from tidegate.runtime import FillModel
from tidegate.training.estimator import Estimator
from tidegate.training.filling.corpus import corpus_of
from tidegate.training.filling.recipe import FillRecipe
from tidegate.training.filling.task import FillTask
from tidegate.training.series_panels import given_panel


class Filler(Estimator[FillRecipe, FillModel]):
    """Learns from one or many series what their missing values were, with bands; from both sides, unless the architecture reads one way.

    Args:
        preset: 'fast', 'default' or 'best'.
        recipe: a TOML file or the name of a recipe that comes with tidegate.
        quiet: show no progress.
        settings: any key of the recipe: `time="date"`, `target="pm25"`, `series="station"`, `past_covariates=("temp", "wind")`, …

    Attributes:
        model_: the model that answers; `metrics_`: its scores.

    Example:
        >>> filler = Filler(time="date", target="pm25", series="station").fit(frame)
        >>> filler.predict(frame)    # the same frame without holes, and columns pm25-filled, pm25-lo-90, pm25-hi-90 beside it

    Raises:
        RecipeError: an unknown setting (the nearest is named), or a value that does not fit.
    """

    _schema = FillRecipe

    def fit(self, X: Any, y: None = None) -> Self:
        """Trains on a frame (pandas or polars), or on files. Gaps such as the data has are hidden to learn from; parts are cut by time.

        Raises:
            DataError: what was given cannot be read, or has nothing to learn from.
        """
        recipe = self._recipe()
        corpus = corpus_of(given_panel(X, recipe, "fill"), recipe)
        self._tell(corpus.notes)
        self._train(FillTask(recipe, corpus))
        return self

    def predict(self, X: Any) -> Any:
        """The same table without holes: of a frame a frame of the same kind, of files a `FilledFile` each.

        Raises:
            DataError: the table cannot be read, or does not fit the model.
        """
        model = self._fitted()
        panel = model.panel(X)
        self._tell(model.notes(panel))
        return model.filled(X, panel)

    def score(self, X: Any, y: None = None) -> float:
        """By how much the mean absolute error on hidden gaps is below that of linear interpolation, as a share of it: 1 is perfect."""
        scores = self._fitted().evaluate(X)
        return 1 - float(scores["mae"] / scores["linear_mae"]) if scores["linear_mae"] else -float(scores["mae"] > 0)
