"""What all baselines share. One is fitted on a portion, scored like a network, and timed like one."""

from __future__ import annotations

import pickle
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from tidegate.comparison.materials.material import Portion
from tidegate.scoring.outcomes import Outcomes


class Baseline(ABC):
    """One of them. `fit` it, let it `answer` what is scored, and ask for the `outcomes` of the answers."""

    name: ClassVar[str]
    most_seconds: ClassVar[float] = 0.0  # that it may take, where that is worth telling before

    @abstractmethod
    def fit(self, task: Any) -> None:
        """Learns from the training records of the task."""

    @abstractmethod
    def answer(self, records: Sequence[Any]) -> list[Any]:
        """An answer for each of the records, `Portion.scored`."""

    @abstractmethod
    def outcomes(self, task: Any, portion: Portion[Any], answers: Sequence[Any]) -> Outcomes:
        """What came of the answers, scored as networks are."""

    def size(self) -> int:
        """Bytes of what was learnt."""
        return len(pickle.dumps(self.__dict__))
