"""How long the steps of a session took."""

from __future__ import annotations

import math
import sys
from collections import Counter

# Times are counted in classes whose bounds lie so far apart, so that an endless stream fills no memory: what is told is right to 0.25 %.
_CLASS = math.log(1.005)
_SHORTEST = 1e-9


class Latency:
    """Seconds of steps.

    Args:
        step: what a step is called.
        step_seconds: how long a step of what comes in lasts; 0 where it has no length.
    """

    def __init__(self, step: str = "step", step_seconds: float = 0.0) -> None:
        self._step, self._step_seconds = step, step_seconds
        self._classes: Counter[int] = Counter()
        self._count, self._sum = 0, 0.0

    def add(self, seconds: float) -> None:
        """Counts one step."""
        self._classes[round(math.log(max(_SHORTEST, seconds)) / _CLASS)] += 1
        self._count += 1
        self._sum += seconds

    def quantile(self, share: float) -> float:
        """Seconds that such a share of the steps, of which there is one at least, took at most."""
        steps = 0
        for place in sorted(self._classes):
            steps += self._classes[place]
            if steps >= share * self._count:
                return math.exp(place * _CLASS)
        raise ValueError(f"no step was counted of which a share of {share} could be told.")

    def print(self) -> None:
        """The median and the 99th percentile, and of sound how that compares with real time; on standard error."""
        if not self._count:
            print(f"no {self._step} was answered before the end, so none was timed", file=sys.stderr)
            return
        p50, p99 = (1000 * self.quantile(share) for share in (0.5, 0.99))
        said = f"{self._count:,} {self._step}s: {p50:.3f} ms a {self._step} (median), {p99:.3f} ms (99 %)"
        if self._step_seconds:
            share = self._sum / max(_SHORTEST, self._count * self._step_seconds)
            said += f"; {share:.4f} of real time"
        print(said, file=sys.stderr)
