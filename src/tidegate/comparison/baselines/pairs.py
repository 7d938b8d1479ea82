"""The baseline over pairs: the target of the training source that is most alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidegate.comparison.baselines.baseline import Baseline
from tidegate.comparison.materials.material import Portion
from tidegate.comparison.materials.pairs import pair_outcomes
from tidegate.data.pairs import Entry
from tidegate.scoring.outcomes import Outcomes
from tidegate.training.translation.baseline import TranslationMemory
from tidegate.training.translation.task import TranslateTask


class NearestSource(Baseline):
    """A translation memory: alike by the cosine of TF-IDF vectors of n-grams."""

    name = "target of the nearest source"

    def fit(self, task: TranslateTask) -> None:
        self._memory = TranslationMemory(task.corpus.train)

    def answer(self, records: Sequence[Entry]) -> list[Any]:
        return self._memory.answer([entry.source for entry in records])

    def outcomes(self, task: TranslateTask, portion: Portion[Entry], answers: Sequence[str]) -> Outcomes:
        return pair_outcomes(answers, portion, task)
