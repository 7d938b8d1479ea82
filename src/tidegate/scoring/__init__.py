"""Metrics, and the baselines that every tagger and every language model is measured against."""

from tidegate.scoring.baseline import MostFrequentLabel
from tidegate.scoring.tagging import TagScorer, default_score, span_scores
from tidegate.scoring.translation import edit_distance, error_rate, translation_scores
from tidegate.scoring.witten_bell import WittenBell

__all__ = [
    "MostFrequentLabel",
    "TagScorer",
    "WittenBell",
    "default_score",
    "edit_distance",
    "error_rate",
    "span_scores",
    "translation_scores",
]
