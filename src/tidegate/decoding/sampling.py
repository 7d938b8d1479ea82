"""Drawing the next unit of a text from a model's scores: temperature, the k best, the nucleus, or simply the best.

A draw is the greatest of the scores with Gumbel noise (Gumbel 1954; Maddison, Tarlow & Minka 2014, arXiv 1411.0030): no sum is taken.
Source: top-k, Fan, Lewis & Dauphin 2018, arXiv 1805.04833; top-p (nucleus), Holtzman et al. 2020, arXiv 1904.09751.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import RecipeError

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

# What a temperature next to 0 is held at, so that no product overflows.
_STEEPEST = 1e30


class Sampling:
    """How a unit is chosen by scores (logits) [V].

    Args:
        temperature: divides the logits: below 1 safer, above 1 bolder than the model; 0 takes the most probable unit.
        top_k: only the k most probable units may be drawn, of equal ones the lowest; 0 lets all.
        top_p: only the fewest most probable units whose probabilities, of those that `temperature` and `top_k` leave, sum to p or more.

    Raises:
        RecipeError: a temperature or top_k below 0, or top_p outside (0, 1].
    """

    def __init__(self, temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0) -> None:
        if not (math.isfinite(temperature) and temperature >= 0):
            raise RecipeError(f"temperature is {temperature}; expected 0 (always the most probable unit) or more, such as 0.8.")
        if not is_whole(top_k, least=0):
            raise RecipeError(f"top_k is {top_k}; expected how many of the most probable units may be drawn, or 0 for all.")
        if not 0 < top_p <= 1:
            raise RecipeError(f"top_p is {top_p}; expected a share above 0 and up to 1, such as 0.9; 1 lets all units be drawn.")
        self.temperature, self.top_k, self.top_p = float(temperature), int(top_k), float(top_p)
        self._is_bounded = self.temperature > 0 and (self.top_k > 0 or self.top_p < 1)

    def noise(self, random: np.random.Generator, rows: int, units: int) -> Array:
        """[rows, units] for `choose`, a row a draw: Gumbel noise times the temperature. Rows drawn together are those drawn one by one."""
        if self.temperature == 0:
            return np.zeros((rows, units), dtype=np.float32)
        drawn = random.standard_exponential((rows, units))
        np.log(drawn, out=drawn)
        drawn *= -self.temperature
        return drawn.astype(np.float32)

    def choose(self, logits: Array, noise: Array) -> int:
        """An index into logits [V], which are overwritten, by a row of `noise`.

        The greatest of logits + temperature · Gumbel noise is a draw from softmax(logits / temperature), within any part of them too.
        """
        if not self._is_bounded:
            logits += noise
            return int(logits.argmax())
        allowed = self._allowed(logits)
        return int(allowed[(logits[allowed] + noise[allowed]).argmax()])

    def probabilities(self, logits: Array) -> NDArray[np.float64]:
        """[V] what `choose` draws by."""
        drawn: NDArray[np.float64] = np.zeros(len(logits))
        if self.temperature == 0:
            drawn[logits.argmax()] = 1
            return drawn
        allowed = self._allowed(logits) if self._is_bounded else np.arange(len(logits))
        drawn[allowed] = self._weights(logits[allowed])
        drawn /= drawn.sum()
        return drawn

    def _weights(self, logits: Array) -> NDArray[np.float64]:
        """e^(logit/temperature), of the greatest 1."""
        scaled = logits.astype(np.float64) - logits.max()  # first, so that no quotient overflows
        weights: NDArray[np.float64] = np.exp(scaled * min(1 / self.temperature, _STEEPEST))
        return weights

    def _allowed(self, logits: Array) -> Ids:
        """The indices that may be drawn."""
        allowed = np.arange(len(logits))
        if 0 < self.top_k < len(logits):
            least = np.partition(logits, -self.top_k)[-self.top_k]
            above, equal = np.flatnonzero(logits > least), np.flatnonzero(logits == least)
            allowed = np.concatenate([above, equal[: self.top_k - len(above)]])
        if self.top_p < 1:
            allowed = allowed[np.argsort(-logits[allowed], kind="stable")]
            cumulative = self._weights(logits[allowed]).cumsum()
            allowed = allowed[: int(cumulative.searchsorted(self.top_p * cumulative[-1])) + 1]
        return allowed


def is_whole(number: Any, *, least: int) -> bool:
    """Whether it is a whole number, of any type (3.0 is one), and not below `least`."""
    return isinstance(number, int | float | np.integer | np.floating) and bool(number % 1 == 0 and number >= least)
