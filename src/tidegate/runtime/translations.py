"""Answers of `translate`: targets with their scores, and what they attended to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import RecipeError

Array = NDArray[np.floating[Any]]

END, UNKNOWN = "</s>", "<unk>"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One target for a source.

    Attributes:
        target: its text.
        score: what hypotheses are ranked by: log P normalised by length, and the coverage of the source.
        logprob: log P in nats, the end symbol's included.
        units: the texts of its T units.
        attention: [T+1, S+1], how much each unit, and the end symbol, attended to each unit of the source and its end; None of a model
            without attention.
        ids: of its T units; of pieces of bytes several may have the same text.
    """

    target: str
    score: float
    logprob: float
    units: tuple[str, ...]
    attention: Array | None
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Translation:
    """The answer to one source.

    Attributes:
        source: what was asked.
        units: the texts of the source's S units; an unknown one is <unk>.
        hypotheses: best first; none of an empty source.
        notes: what is to be said of the source, a sentence each.
    """

    source: str
    units: tuple[str, ...]
    hypotheses: tuple[Hypothesis, ...]
    notes: tuple[str, ...]

    @property
    def target(self) -> str:
        """The best hypothesis; empty for an empty source."""
        return self.hypotheses[0].target if self.hypotheses else ""

    @property
    def score(self) -> float:
        """The best hypothesis's; 0 for an empty source."""
        return self.hypotheses[0].score if self.hypotheses else 0.0

    def to_json(self, *, with_attention: bool = False) -> dict[str, Any]:
        """The answer as `predict` writes it; with what the best hypothesis attended to.

        Raises:
            RecipeError: attention is asked of a model without.
        """
        content: dict[str, Any] = {"target": self.target, "score": round(self.score, 6)}
        content["n_best"] = [
            {"target": each.target, "score": round(each.score, 6), "logprob": round(each.logprob, 6)} for each in self.hypotheses
        ]
        if with_attention:
            content["attention"] = self._attention()
        return content

    def _attention(self) -> dict[str, Any]:
        if not self.hypotheses:
            return {"source": [], "target": [], "weights": []}
        best = self.hypotheses[0]
        if best.attention is None:
            raise RecipeError("this model has no attention to show; train one with --attention additive or multiplicative.")
        return {
            "source": [*self.units, END],
            "target": [*best.units, END],
            "weights": [[round(weight, 6) for weight in row] for row in best.attention.tolist()],
        }
