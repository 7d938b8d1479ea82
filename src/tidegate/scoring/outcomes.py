"""What one contender answered to every scored example, as counts that add up: what scores are made of, and what they can be resampled from.

An example is what can be left out on its own: a sentence, a text, a window of a series, a recording. Its row of counts says all that
a score needs of it, and the score of any choice of examples is a function of the sum of their rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import ShapeError

Counts = NDArray[np.float64]


def _share(sums: Counts) -> Counts:
    """Columns: what is counted, of how much. Accuracy, nats a unit, error rates, MASE."""
    return _over(sums[..., 0], sums[..., 1])


def _f1(sums: Counts) -> Counts:
    """Columns: right, given, wanted. 2·right / (given + wanted)."""
    return _over(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def _bleu(sums: Counts) -> Counts:
    """Columns: matched 1- to 4-grams, given 1- to 4-grams, length given, length wanted. BLEU of 0 to 100, smoothed as sacrebleu does (exp).

    Source: Papineni et al. 2002; smoothing 3 of Chen & Cherry 2014.
    """
    return np.where((sums[..., 4:8] > 0).all(axis=-1), _bleu_of_known_orders(sums), 0.0)


def _bleu_of_known_orders(sums: Counts) -> Counts:
    """BLEU over the orders of which there are n-grams: a sentence of three words has no 4-grams, and is not worth nothing for that."""
    matched, given, length, wanted = sums[..., :4], sums[..., 4:8], sums[..., 8], sums[..., 9]
    # Each order without a match counts as half of the one before it without.
    misses = np.cumsum((matched == 0) & (given > 0), axis=-1)
    precision = np.where(matched > 0, _over(matched, given), _over(0.5**misses, given))
    known = given > 0
    logs = np.where(known, np.log(np.maximum(precision, 1e-300)), 0.0).sum(axis=-1) / np.maximum(known.sum(axis=-1), 1)
    brevity = np.where(length < wanted, np.exp(1 - _over(wanted, np.maximum(length, 1e-9))), 1.0)
    found: Counts = np.where(matched.sum(axis=-1) > 0, 100 * brevity * np.exp(logs), 0.0)
    return found


def _over(a: Counts, b: Counts) -> Counts:
    found: Counts = np.divide(a, b, out=np.zeros(np.broadcast(a, b).shape), where=b > 0)
    return found


# By name, the score of summed counts [..., K]: [...].
RULES: dict[str, Callable[[Counts], Counts]] = {"share": _share, "f1": _f1, "bleu": _bleu}


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What one contender answered to N examples.

    Attributes:
        score_name: as in the leaderboard, for instance 'accuracy'.
        rule: which of `RULES` makes the score of summed counts.
        lower_is_better: of the score as it is shown.
        counts: [N, K], a row an example.
        given: the answer to each example in words, short enough for a table.
        confidences, hits: [M], how probable each answered label was called, and whether it was right; empty where nothing is called so.
        by_label: for each right label the counts [K'] over the answers that wanted it, by the rule `share`.
        by_position: for each position (a word of the sentence, a step ahead) summed counts [K], by `rule`; in order.
        position_name: what a position is; empty where there are none.
    """

    score_name: str
    rule: str
    lower_is_better: bool
    counts: Counts
    given: tuple[str, ...]
    confidences: Counts = field(default_factory=lambda: np.zeros(0))
    hits: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    by_label: Mapping[str, Counts] = field(default_factory=dict)
    by_position: Mapping[str, Counts] = field(default_factory=dict)
    position_name: str = ""

    def __post_init__(self) -> None:
        if self.counts.ndim != 2 or len(self.counts) != len(self.given):
            raise ShapeError(f"counts are {self.counts.shape} for {len(self.given)} answers; expected a row [K] for each.")

    @property
    def score(self) -> float:
        """Over all examples."""
        return self.score_of(self.counts.sum(axis=0))

    def score_of(self, sums: Counts) -> float:
        """Of summed counts [K]."""
        return float(RULES[self.rule](np.asarray(sums, dtype=np.float64)))

    @property
    def each(self) -> Counts:
        """[N], every example's own score, for telling where contenders differ."""
        return (_bleu_of_known_orders if self.rule == "bleu" else RULES[self.rule])(self.counts)

    def to_json(self) -> dict[str, Any]:
        return {
            "score_name": self.score_name,
            "rule": self.rule,
            "lower_is_better": self.lower_is_better,
            "counts": [_plain(row) for row in self.counts],
            "given": list(self.given),
            "confidences": [round(value, 6) for value in self.confidences.tolist()],
            "hits": self.hits.astype(int).tolist(),
            "by_label": {label: _plain(row) for label, row in self.by_label.items()},
            "by_position": {position: _plain(row) for position, row in self.by_position.items()},
            "position_name": self.position_name,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Outcomes:
        own = dict(content)
        counts = np.array(own.pop("counts"), dtype=np.float64)
        return cls(
            **own
            | {
                "counts": counts.reshape(len(own["given"]), -1),
                "given": tuple(own["given"]),
                "confidences": np.array(own["confidences"], dtype=np.float64),
                "hits": np.array(own["hits"], dtype=bool),
                "by_label": {label: np.array(row, dtype=np.float64) for label, row in own["by_label"].items()},
                "by_position": {position: np.array(row, dtype=np.float64) for position, row in own["by_position"].items()},
            }
        )


@dataclass(frozen=True, slots=True)
class Examples:
    """The N scored examples themselves, the same for every contender.

    Attributes:
        inputs: each in words, short enough for a table.
        right: the right answer in words; empty where there is none to show.
        lengths: words, units or steps of each.
        length_name: what they count.
        groups: of each, which it hangs together with (a series, a speaker): resampled together. Empty: each stands alone.
    """

    inputs: tuple[str, ...]
    right: tuple[str, ...]
    lengths: tuple[int, ...]
    length_name: str
    groups: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "inputs": list(self.inputs),
            "right": list(self.right),
            "lengths": list(self.lengths),
            "length_name": self.length_name,
            "groups": list(self.groups),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Examples:
        return cls(
            tuple(content["inputs"]),
            tuple(content["right"]),
            tuple(content["lengths"]),
            content["length_name"],
            tuple(content["groups"]),
        )


def _plain(row: Counts) -> list[float]:
    """Counts as short numbers: whole ones without a point."""
    return [int(value) if float(value).is_integer() else round(float(value), 9) for value in row]
