"""Baselines over running text: counted units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.comparison.baselines.baseline import Baseline
from tidegate.comparison.materials.material import Portion
from tidegate.comparison.materials.running_text import Block, block_outcomes
from tidegate.scoring import WittenBell
from tidegate.scoring.outcomes import Outcomes
from tidegate.training.generation.baseline import best_ngrams
from tidegate.training.generation.task import GenerateTask


class _Counted(Baseline):
    _grams: WittenBell

    def answer(self, records: Sequence[Block]) -> list[Any]:
        return [*self._grams.unit_nats(records[0].stream.ids).tolist()]

    def outcomes(self, task: GenerateTask, portion: Portion[Block], answers: Sequence[float]) -> Outcomes:
        return block_outcomes(np.array(answers), portion, task)


class UnitFrequencies(_Counted):
    """How often each unit comes, whatever stands around it."""

    name = "unit frequencies"

    def fit(self, task: GenerateTask) -> None:
        self._grams = WittenBell.fit(task.corpus.train.ids, len(task.corpus.units), 1)


class NGrams(_Counted):
    """Witten–Bell n-grams from the left, as long as suits the development text best."""

    name = "n-grams"

    def fit(self, task: GenerateTask) -> None:
        self._grams, _ = best_ngrams(task.corpus)
