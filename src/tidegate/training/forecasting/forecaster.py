"""`Forecaster`: forecasts of time series in scikit-learn's manner."""

from __future__ import annotations

from typing import Any, Self

from tidegate.runtime import ForecastModel
from tidegate.training.estimator import Estimator
from tidegate.training.forecasting.corpus import corpus_of
from tidegate.training.forecasting.recipe import ForecastRecipe
from tidegate.training.forecasting.task import ForecastTask
from tidegate.training.series_panels import given_panel


class Forecaster(Estimator[ForecastRecipe, ForecastModel]):
    """Learns from the past of one or many series what comes next, with bands.

    Args:
        preset: 'fast', 'default' or 'best'.
        recipe: a TOML file or the name of a recipe that comes with tidegate.
        quiet: show no progress.
        settings: any key of the recipe: `time="date"`, `target="load"`, `series="station"`, `horizon="1d"`, `arch="gru"`, …

    Attributes:
        model_: the model that answers; `metrics_`: its scores.

    Example:
        >>> forecaster = Forecaster(time="date", target="load", series="station", horizon=24).fit(frame)
        >>> forecaster.predict(frame)    # the 24 steps after each series' last one, a frame of the same kind

    Raises:
        RecipeError: an unknown setting (the nearest is named), or a value that does not fit.
    """

    _schema = ForecastRecipe

    def fit(self, X: Any, y: None = None) -> Self:
        """Trains on a frame (pandas or polars), or on files. The parts are cut by time: `dev_last`, `test_last`.

        Raises:
            DataError: what was given cannot be read, or has nothing to learn from.
        """
        recipe = self._recipe()
        corpus = corpus_of(given_panel(X, recipe, "forecast"), recipe)
        self._tell(corpus.notes)
        self._train(ForecastTask(recipe, corpus))
        return self

    def predict(self, X: Any, *, future: Any = None, horizon: int | str | None = None) -> Any:
        """What comes after the last value of each series: of a frame a frame of the same kind, of files rows.

        Args:
            X: the past, as in training.
            future: the covariates that are known ahead, for every step to tell, where `X` does not hold them behind its last value.
            horizon: how many steps, or a span of time ('2d'); of a direct network at most those of training.

        Raises:
            DataError: the past does not fit the model, or what is known ahead ends early.
            RecipeError: a longer horizon than the network can tell.
        """
        told = self._fitted().predict(X, future=future, horizon=horizon)
        self._tell(told.notes)
        return told.to_frame(X) if hasattr(X, "columns") else list(told.rows())

    def score(self, X: Any, y: None = None, *, last: str | int | None = None) -> float:
        """Minus the mean absolute error over the mean seasonal error (MASE), or the mean absolute error where that is undefined.

        Args:
            X: series, as in training.
            last: the end of each series that is told, an origin every horizon; None: all that can be.
        """
        scores = self._fitted().evaluate(X, last=last)
        return -float(scores["mase"] if scores["mase"] is not None else scores["mae"])
