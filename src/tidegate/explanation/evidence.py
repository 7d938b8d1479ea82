"""What an answer hangs on, as it was found: falls of its score where something is taken away, and whether chance does as well."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.explanation.panel import rounded

Array = NDArray[np.floating[Any]]

# A context whose loss changes log p by less is worth nothing: a two-hundredth of p.
LEAST_WORTH = 0.005
# What is called important is so where it moves the answer more than this share of the draws, and by more than float32 rounds.
LEAST_BEATEN, NOISE = 0.95, 1e-5


@dataclass(frozen=True)
class Check:
    """Whether what is called important is: how far the answer's score falls without the most important units, and without others.

    Attributes:
        removed: k, how many units were taken away at once.
        important: fall of the score without the k most important ones.
        random: [draws], falls without k others by chance.
    """

    removed: int
    important: float
    random: tuple[float, ...]

    @property
    def random_mean(self) -> float:
        return float(np.mean(self.random))

    @property
    def beaten(self) -> float:
        """Share of the draws that moved the answer less than the important units did."""
        return float(np.mean([fall < self.important for fall in self.random]))

    @property
    def holds(self) -> bool:
        """Whether what is called important moves the answer more than other units do, and moves it at all."""
        return self.beaten >= LEAST_BEATEN and self.important > NOISE

    def to_json(self) -> dict[str, Any]:
        return {
            "removed": self.removed,
            "important": round(self.important, 6),
            "random_mean": round(self.random_mean, 6),
            "draws": len(self.random),
            "beaten": round(self.beaten, 4),
            "holds": self.holds,
        }


@dataclass(frozen=True)
class Influence:
    """What the answer hangs on, by how far its score falls where something is taken away.

    Attributes:
        of: what is scored, in words, for instance "log p of 'spam'".
        panel: the name of the panel whose units are meant.
        occlusion: [T], fall of the score where a unit is replaced by what says nothing.
        is_single: [T], whether the unit was replaced alone; else it has an equal share of the fall without its stretch. Empty: all were.
        left, right: where one unit's answer is explained, or each unit's own ([T]): fall of the score without all that stands before the
            unit, and behind it. Empty where the answer is to the whole.
        forward, backward: fall of the score where that direction's states are deleted; None of a direction that does not exist.
        gradient: [T], integrated gradients of the same score, or of the number told; empty where they were not asked for.
        gradient_of: what they add up to, in words; empty where they were not asked for.
        channels: names of features or covariates; `channel_occlusion` [T, C] or [C] then has the fall without each, and
            `channel_gradient` [C] the integrated gradients of series by channel, empty of other models.
        check: None where the input is too short for one.
        at: the unit whose answer is explained; None where it is that to the whole.
    """

    of: str
    panel: str
    occlusion: Array
    is_single: NDArray[np.bool_] = field(default_factory=lambda: np.ones(0, dtype=np.bool_))
    left: Array = field(default_factory=lambda: np.zeros(0))
    right: Array = field(default_factory=lambda: np.zeros(0))
    forward: float | None = None
    backward: float | None = None
    gradient: Array = field(default_factory=lambda: np.zeros(0))
    gradient_of: str = ""
    channels: tuple[str, ...] = ()
    channel_occlusion: Array = field(default_factory=lambda: np.zeros(0))
    channel_gradient: Array = field(default_factory=lambda: np.zeros(0))
    check: Check | None = None
    at: int | None = None

    @property
    def left_share(self) -> Array:
        """[T], the left context's part of what both contexts are worth; NaN where they are worth less than `LEAST_WORTH` together."""
        left, right = np.maximum(self.left, 0), np.maximum(self.right, 0)
        total = left + right
        shares: Array = np.divide(left, total, out=np.full(len(left), np.nan), where=total >= LEAST_WORTH)
        return shares

    def to_json(self) -> dict[str, Any]:
        return {
            "of": self.of,
            "panel": self.panel,
            "at": self.at,
            "occlusion": rounded(self.occlusion, 6),
            "is_single": [] if self.is_single.all() else self.is_single.tolist(),
            "left": rounded(self.left, 6),
            "right": rounded(self.right, 6),
            "left_share": [None if np.isnan(share) else round(float(share), 4) for share in self.left_share],
            "forward": None if self.forward is None else round(self.forward, 6),
            "backward": None if self.backward is None else round(self.backward, 6),
            "gradient": rounded(self.gradient, 6),
            "gradient_of": self.gradient_of,
            "channels": list(self.channels),
            "channel_occlusion": np.round(self.channel_occlusion.astype(float), 6).tolist(),
            "channel_gradient": rounded(self.channel_gradient, 6),
            "check": None if self.check is None else self.check.to_json(),
        }
