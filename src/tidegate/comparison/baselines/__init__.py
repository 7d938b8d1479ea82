"""What needs no network, a module a task family: what is most frequent, what came before, and the best that counting can do."""

from __future__ import annotations

from typing import Any

from tidegate.comparison.baselines.baseline import Baseline
from tidegate.comparison.baselines.frames import LinearSequences, LinearSteps, MajorityOfSequences, MajorityOfSteps
from tidegate.comparison.baselines.pairs import NearestSource
from tidegate.comparison.baselines.running_text import NGrams, UnitFrequencies
from tidegate.comparison.baselines.series import AutoEts, LastValue, LinearInterpolation, SameTime, SeasonBefore
from tidegate.comparison.baselines.texts import LinearTexts, Majority
from tidegate.comparison.baselines.tokens import MajorityTag, MostFrequent
from tidegate.comparison.materials import Material
from tidegate.comparison.materials.forecasts import ForecastMaterial
from tidegate.comparison.materials.frames import SequenceMaterial, StepMaterial
from tidegate.comparison.materials.holes import HoleMaterial
from tidegate.comparison.materials.pairs import PairMaterial
from tidegate.comparison.materials.running_text import RunningTextMaterial
from tidegate.comparison.materials.texts import TextMaterial
from tidegate.comparison.materials.tokens import TokenMaterial
from tidegate.kernels import architecture

__all__ = ["Baseline", "baselines_of"]


def baselines_of(material: Material[Any]) -> list[Baseline]:
    """The baselines that belong on every leaderboard of such material."""
    if isinstance(material, TextMaterial):
        return [Majority(), LinearTexts()]
    if isinstance(material, TokenMaterial):
        return [MajorityTag(), MostFrequent()]
    if isinstance(material, SequenceMaterial):
        return [MajorityOfSequences(), LinearSequences()]
    if isinstance(material, StepMaterial):
        return [MajorityOfSteps(), LinearSteps()]
    if isinstance(material, RunningTextMaterial):
        # What n-grams tell from the left is no measure of what is told from both sides.
        return [UnitFrequencies()] if architecture(material.recipe.arch).is_bidirectional else [UnitFrequencies(), NGrams()]
    if isinstance(material, PairMaterial):
        return [NearestSource()]
    if isinstance(material, ForecastMaterial):
        return [LastValue(), SeasonBefore(), *([AutoEts()] if material.has_auto_ets else [])]
    if isinstance(material, HoleMaterial):
        return [LinearInterpolation(), SameTime()]
    return []  # of transcripts
