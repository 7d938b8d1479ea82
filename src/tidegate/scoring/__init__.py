"""Metrics, and the baseline that every tagger is measured against."""

from tidegate.scoring.baseline import MostFrequentLabel
from tidegate.scoring.tagging import TagScorer, default_score, span_scores

__all__ = ["MostFrequentLabel", "TagScorer", "default_score", "span_scores"]
