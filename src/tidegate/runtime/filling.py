"""Blanks of a text filled by a two-way model: what each may hold, told from the left, from the right and from both."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.units import BLANK, Units, blank_spans
from tidegate.decoding import softmax
from tidegate.decoding.sampling import is_whole
from tidegate.errors import DataError, RecipeError
from tidegate.runtime.generate_network import TwoWayNetwork

Guesses = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Blank:
    """What may stand in one blank.

    Attributes:
        start, end: the blank's characters in the text that was given.
        both, left, right: units and their probabilities, most probable first: told from both sides, from what is before, and behind.
    """

    start: int
    end: int
    both: Guesses
    left: Guesses
    right: Guesses


@dataclass(frozen=True, slots=True)
class Filled:
    """A text whose blanks were filled.

    Attributes:
        text: with the best unit by both sides in every blank.
        blanks: in order.
    """

    text: str
    blanks: tuple[Blank, ...]

    def to_json(self) -> dict[str, Any]:
        """The answer as `predict` writes it."""
        blanks = [asdict(blank) for blank in self.blanks]
        for blank in blanks:
            for side in TwoWayNetwork.SIDES:
                blank[side] = [[text, round(probability, 6)] for text, probability in blank[side]]
        return {"text": self.text, "blanks": blanks}


def blank_probabilities(network: TwoWayNetwork, units: Units, text: str) -> dict[str, NDArray[np.float64]]:
    """By side, [B, V] of every unit in each of the B blanks.

    Raises:
        DataError: the text has none.
    """
    ids, places = units.encode_with_blanks(text)
    if not len(places):
        raise DataError(f"{text!r:.60} has no blank to fill; write {BLANK} where one {_NOUNS[units.kind]} is missing.")
    left, right = [], []
    for part, before, behind in network.stretches(ids, places):
        within = places[(part.start <= places) & (places < part.stop)] - part.start
        left.append(before[within])
        right.append(behind[within])
    result = {}
    for side, vectors in network.vectors(np.concatenate(left), np.concatenate(right)).items():
        result[side] = np.concatenate([softmax(scores) for _, scores in network.head.logits(vectors)])
    return result


_NOUNS = {"char": "character", "word": "word", "bpe": "piece"}


def filled(network: TwoWayNetwork, units: Units, text: str, n_best: int) -> Filled:
    """The text with its blanks filled; the unknown unit fills none.

    Raises:
        DataError: the text has no blank.
        RecipeError: n_best below 1.
    """
    if not is_whole(n_best, least=1):
        raise RecipeError(f"n_best is {n_best}; expected how many units to name for each blank, 1 or more.")
    probabilities = blank_probabilities(network, units, text)
    best = {side: np.argsort(-rows[:, 1:], axis=1, kind="stable")[:, : int(n_best)] + 1 for side, rows in probabilities.items()}

    def guesses(side: str, blank: int) -> Guesses:
        row = probabilities[side][blank]
        return tuple((units.texts[unit], float(row[unit])) for unit in best[side][blank].tolist())

    blanks = tuple(
        Blank(start, end, guesses("both", blank), guesses("left", blank), guesses("right", blank))
        for blank, (start, end) in enumerate(blank_spans(text))
    )
    return Filled(units.text_with(text, best["both"][:, 0].tolist()), blanks)
