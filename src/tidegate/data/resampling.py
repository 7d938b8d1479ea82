"""Sound at another rate: band-limited interpolation, all at once or as the sound comes.

A windowed sinc cut into one filter for each place that an output may take between two inputs (J. O. Smith, "Digital Audio Resampling").
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import RecipeError

Floats = NDArray[np.float32]

# Zero crossings of the sinc on either side, and Kaiser's shape: what would fold back is 80 dB down, and 84 % of the band is left as it is.
_CROSSINGS, _BETA = 32, 8.0
# Where the sinc's band ends, as a share of the lower of the two half rates: its slope ends there.
_BAND = 0.92
# Samples a second that sound has: fewer hold no speech, and for more no recorder is made.
RATES = range(1_000, 768_001)
# Outputs that are worked on at once.
_BLOCK = 4096


def checked_rate(rate: Any, name: str) -> int:
    """A rate that was asked for, as it is; `name` is what messages call it.

    Raises:
        RecipeError: it is no whole number, or not in `RATES`.
    """
    if isinstance(rate, int | np.integer) and not isinstance(rate, bool) and int(rate) in RATES:
        return int(rate)
    raise RecipeError(
        f"{name} = {rate!r}: a whole number of samples a second was expected, from {RATES[0]:,} to {RATES[-1]:,}; 8000 and 16000 are usual "
        "for speech."
    )


def resample(samples: NDArray[np.floating[Any]], rate: int, to: int) -> Floats:
    """Samples [n] at `rate` a second as samples [ceil(n · to / rate)] at `to` a second; beyond the ends is silence."""
    stream = ResampleStream(rate, to)
    return np.concatenate([stream.feed(samples), stream.finish()])


def at_rate(samples: NDArray[np.floating[Any]], rate: int, to: int) -> Floats:
    """Samples at another rate, or as they are where it is the same."""
    return np.asarray(samples, dtype=np.float32) if rate == to else resample(samples, rate, to)


# Room for all the speeds that augmentation draws.
@lru_cache(maxsize=64)
def filters_of(up: int, down: int) -> Floats:
    """[up, taps]: row p are the weights of the inputs around an output that lies p/up of an input's distance after an input.

    Taps are even; the input just before the output is the (taps/2 - 1)-th.
    """
    # Distances count inputs; the band is that of the slower side.
    slower = min(1.0, up / down)
    half = int(np.ceil(_CROSSINGS / slower))
    distance = np.arange(1 - half, half + 1) - np.arange(up)[:, None] / up
    kaiser = np.i0(_BETA * np.sqrt(np.maximum(0, 1 - (distance / half) ** 2))) / np.i0(_BETA)
    weights = _BAND * slower * np.sinc(_BAND * slower * distance) * kaiser
    # Each row keeps a constant what it is.
    filters: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return filters


class ResampleStream:
    """Sound at another rate as it comes: the same bits as all at once, wherever it is cut; some milliseconds late."""

    def __init__(self, rate: int, to: int) -> None:
        common = gcd(rate, to)
        self._up, self._down = to // common, rate // common
        self._half = 0
        if self._up != self._down:
            self._filters = filters_of(self._up, self._down)
            self._half = self._filters.shape[1] // 2
        # Inputs around the next output, from `_begin` on; those before the first are silence.
        self._held = np.zeros(max(0, self._half - 1), dtype=np.float32)
        self._begin = -len(self._held)
        self._heard = self._told = 0

    @property
    def delay(self) -> int:
        """Inputs after an output that it waits for."""
        return self._half

    def feed(self, samples: NDArray[np.floating[Any]]) -> Floats:
        """Samples [n] to those at the new rate that are now final."""
        given = np.asarray(samples, dtype=np.float32)
        self._heard += len(given)
        if not self._half:
            return given
        self._held = np.concatenate([self._held, given])
        # Output m lies (m · down) / up inputs after the first; it reads up to `half` inputs after the one before it.
        end = max(self._told, -(-(self._heard - self._half) * self._up // self._down))
        return self._outputs(end)

    def finish(self) -> Floats:
        """The samples that are left, with silence after the end."""
        if not self._half:
            return np.zeros(0, dtype=np.float32)
        self._held = np.concatenate([self._held, np.zeros(self._half, dtype=np.float32)])
        return self._outputs(-(-self._heard * self._up // self._down))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All that `restore` needs to go on from here with the same bits."""
        return {"inputs": self._held, "places": np.array([self._begin, self._heard, self._told])}

    def restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes over what `arrays` gave; KeyError where one is missing."""
        self._held = arrays["inputs"]
        self._begin, self._heard, self._told = arrays["places"].tolist()

    def _outputs(self, end: int) -> Floats:
        """Outputs from the next one to before `end`; lets go of the inputs that no later one reads."""
        outputs = np.empty(end - self._told, dtype=np.float32)
        if not len(outputs):
            return outputs
        taps = 2 * self._half
        windows = np.lib.stride_tricks.sliding_window_view(self._held, taps)
        for begin in range(self._told, end, _BLOCK):
            places = np.arange(begin, min(end, begin + _BLOCK)) * self._down
            first = places // self._up - (self._half - 1) - self._begin
            block = np.einsum("nt,nt->n", windows[first], self._filters[places % self._up])
            outputs[begin - self._told : begin - self._told + len(block)] = block
        self._told = end
        keep = end * self._down // self._up - (self._half - 1) - self._begin
        self._held = self._held[keep:].copy()
        self._begin += keep
        return outputs
