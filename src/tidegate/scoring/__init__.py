"""Metrics, and the baselines that every tagger, every language model and every forecast is measured against."""

from tidegate.scoring.baseline import MostFrequentLabel
from tidegate.scoring.forecasting import ForecastScorer, forecast_scores, naive_forecasts, probabilities_of
from tidegate.scoring.tagging import TagScorer, default_score, span_scores
from tidegate.scoring.translation import edit_distance, error_rate, translation_scores
from tidegate.scoring.witten_bell import WittenBell

__all__ = [
    "ForecastScorer",
    "MostFrequentLabel",
    "TagScorer",
    "WittenBell",
    "default_score",
    "edit_distance",
    "error_rate",
    "forecast_scores",
    "naive_forecasts",
    "probabilities_of",
    "span_scores",
    "translation_scores",
]
