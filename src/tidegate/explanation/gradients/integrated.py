"""What an answer hangs on by its gradient: integrated gradients of the score by what the recurrent stack reads, added up by unit.

The way goes in a straight line from blanks, units that say nothing, to the input as it is, so the attributions of all units add up to
the fall of the score where every unit is blanked (completeness). How far the sum is from it says whether the way was cut finely enough;
it is cut finer until that is so. Of forecasts and fillings the score is the number that was told, in the target's unit.

Source: Sundararajan, Taly & Yan 2017, Axiomatic Attribution for Deep Networks, arXiv 1703.01365; computed by captum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import MissingExtraError
from tidegate.explanation.subjects.subject import Subject

Array = NDArray[np.floating[Any]]

# The way is cut into so many pieces, twice as many and so on up to so many.
FEWEST_STEPS, MOST_STEPS = 32, 512
# The sum is complete where it is so near, relative to all that is attributed, whichever way, or in nats; of numbers told in spreads of
# the series.
TOLERANCE, LEAST_GAP = 0.01, 1e-3
# Numbers of what the stack reads that are held at once.
_NUMBERS = 1 << 21


@dataclass(frozen=True)
class Gradients:
    """Attributions.

    Attributes:
        units: [T], of each unit.
        values: [T + A, I], of each number that is read of it; of sequences of numbers and sound these are the channels of a step. The
            last A rows are of what is known ahead.
        channels: [C], of each channel of the subject; empty where it tells none apart.
        fall: of the score where all units are blanked; what the attributions should add up to.
        steps: into how many pieces the way was cut.
        of: what the attributions add up to, in words.
        size: of a score that is something: a nat, or the series' spread.
    """

    units: Array
    values: Array
    channels: Array
    fall: float
    steps: int
    of: str
    size: float

    @property
    def total(self) -> float:
        return float(self.values.sum(dtype=np.float64))

    @property
    def gap(self) -> float:
        """How far the sum of the attributions is from the fall."""
        return abs(self.total - self.fall)

    @property
    def is_complete(self) -> bool:
        return self.gap <= max(LEAST_GAP * self.size, TOLERANCE * float(np.abs(self.values.sum(axis=1, dtype=np.float64)).sum()))


def integrated_gradients(subject: Subject) -> Gradients:
    """The attributions of a subject's score to its units. Needs PyTorch and captum.

    The numbers are those of the torch half of the model, with the tensors of its directory. Where even the finest cut leaves a gap, a note
    of the subject says so.

    Raises:
        MissingExtraError: PyTorch or captum is not there.
    """
    try:
        import torch
        from captum.attr import IntegratedGradients

        from tidegate.explanation.gradients.scores import differentiable
    except ImportError as error:
        raise MissingExtraError("train", "a gradient attribution") from error
    found = differentiable(subject)
    x, blank = (torch.from_numpy(np.ascontiguousarray(part, dtype=np.float32))[None] for part in (found.x, found.blank))
    with torch.no_grad():
        fall = float(found.score(x)[0].double() - found.score(blank)[0].double())
    method, at_once = IntegratedGradients(found.score), max(1, _NUMBERS // max(1, x.numel()))
    steps = FEWEST_STEPS
    while True:
        values = method.attribute(x, baselines=blank, n_steps=steps, internal_batch_size=min(at_once, steps))[0].detach().numpy()
        units = values[: len(subject.units)].sum(axis=1, dtype=np.float64)
        channels: Array = np.zeros(0)
        if found.channels is not None:
            is_told = found.channels >= 0
            channels = np.zeros(len(subject.channels))
            np.add.at(channels, found.channels[is_told], values[is_told])
        result = Gradients(units, values, channels, fall, steps, found.of or subject.of, found.size)
        if result.is_complete or steps >= MOST_STEPS:
            break
        steps *= 2
    if len(values) > len(subject.units):
        ahead = float(values[len(subject.units) :].sum(dtype=np.float64))
        if ahead:
            subject.notes.append(f"of the gradients' attributions {ahead:+.4g} are of what is known of the steps ahead.".replace("-", "−"))
    if not result.is_complete:
        subject.notes.append(
            f"the gradients' attributions add up to {result.total:.4g}, where the score falls by {fall:.4g} without all units: the "
            f"score is too bent between the two for {steps} steps, so take their sizes with caution."
        )
    return result
