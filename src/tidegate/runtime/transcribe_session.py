"""A recording that is still coming, and its transcript unit by unit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.frames import Frames, FrameStream
from tidegate.data.transcripts import joined_units
from tidegate.decoding import softmax
from tidegate.decoding.ctc import CtcGreedyStream
from tidegate.errors import UserError
from tidegate.runtime.frame_session import FrameSession
from tidegate.runtime.sequence_network import SequenceNetwork

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class HeardUnit:
    """A unit that has begun.

    Attributes:
        unit: its text.
        step: at which it begins, from 0.
        seconds: the moment, from the beginning of the recording, when all was heard that this step needs; its end at the latest.
        probability: of the unit at this step.
    """

    unit: str
    step: int
    seconds: float
    probability: float


class TranscribeSession(FrameSession[HeardUnit]):
    """One recording: what is told in all are the units of `predict` without a search (beam 1).

    Attributes:
        units: told so far.
    """

    def __init__(
        self,
        steps: FrameStream,
        network: SequenceNetwork,
        frames: Frames,
        names: tuple[str, ...],
        unit: str,
        rate: int,
        kind: Callable[[], dict[str, Any]],
    ) -> None:
        super().__init__(steps, network, kind)
        self._frames, self._names, self._unit, self._rate = frames, names, unit, rate
        self._samples = 0
        self._heard = CtcGreedyStream()
        self.units: list[str] = []

    @property
    def text(self) -> str:
        """The transcript so far."""
        return joined_units(self.units, self._unit)

    def feed(self, values: NDArray[np.floating[Any]]) -> list[HeardUnit]:
        """Reads on, samples [n]; gives the units that begin.

        Raises:
            RecipeError: the session has ended.
            ShapeError: another shape.
        """
        before = self._samples
        self._samples += np.size(values)
        try:
            return super().feed(values)
        except UserError:  # what was refused was not heard
            self._samples = before
            raise

    def _answers(self, states: Array) -> list[HeardUnit]:
        logits = self._network.head(states)
        begun = self._heard.feed(logits)
        if not begun:
            return []
        probabilities = softmax(logits)
        heard = []
        for label, step in begun:
            seconds = self._frames.delay_seconds(step, self.lookahead)
            assert seconds is not None
            seconds = min(seconds, self._samples / self._rate)
            heard.append(HeardUnit(self._names[label - 1], step, seconds, float(probabilities[step - self._told, label])))
        self.units += [one.unit for one in heard]
        return heard

    def _says(self) -> dict[str, Any]:
        return super()._says() | {"units": self.units, "last": self._heard.last, "samples": self._samples}

    def _take_over(self, says: dict[str, Any]) -> None:
        super()._take_over(says)
        self.units = [str(unit) for unit in says["units"]]
        self._samples = int(says["samples"])
        self._heard.steps, self._heard.last = self._told, int(says["last"])
