"""What an answer hangs on by its gradient: integrated gradients of the score by what the recurrent stack reads, added up by unit.

The way goes in a straight line from blanks, units that say nothing, to the input as it is, so the attributions of all units add up to
the fall of the score where every unit is blanked (completeness). How far the sum is from it says whether the way was cut finely enough;
it is cut finer until that is so.

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
# The sum is complete where it is so near, relative to all that is attributed, whichever way, or in nats.
TOLERANCE, LEAST_GAP = 0.01, 1e-3
# Numbers of what the stack reads that are held at once.
_NUMBERS = 1 << 21


@dataclass(frozen=True)
class Gradients:
    """Attributions.

    Attributes:
        units: [T], of each unit.
        values: [T, I], of each number that is read of it; of sequences of numbers and sound these are the channels of a step.
        fall: of the score where all units are blanked; what the attributions should add up to.
        steps: into how many pieces the way was cut.
    """

    units: Array
    values: Array
    fall: float
    steps: int

    @property
    def gap(self) -> float:
        """How far the sum of the attributions is from the fall."""
        return abs(float(self.units.sum()) - self.fall)

    @property
    def is_complete(self) -> bool:
        return self.gap <= max(LEAST_GAP, TOLERANCE * float(np.abs(self.units).sum()))


def integrated_gradients(subject: Subject) -> Gradients:
    """The attributions of a subject's score to its units. Needs PyTorch and captum.

    The numbers are those of the torch half of the model, with the tensors of its directory. Where even the finest cut leaves a gap, a note
    of the subject says so.

    Raises:
        MissingExtraError: PyTorch or captum is not there.
        RecipeError: of a kind of model whose scores are not differentiated.
    """
    try:
        import torch
        from captum.attr import IntegratedGradients

        from tidegate.explanation.torch_scores import differentiable
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
        result = Gradients(values.sum(axis=1, dtype=np.float64), values, fall, steps)
        if result.is_complete or steps >= MOST_STEPS:
            break
        steps *= 2
    if not result.is_complete:
        subject.notes.append(
            f"the gradients' attributions add up to {result.units.sum():.3f}, where the score falls by {fall:.3f} without all units: the "
            f"score is too bent between the two for {steps} steps, so take their sizes with caution."
        )
    return result
