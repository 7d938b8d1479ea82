"""One sequence's labels while it is still coming: each told as soon as so many more steps are known, and how probable it is by then."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.decoding.crf import Transitions, marginals, softmax, viterbi

Array = NDArray[np.floating[Any]]
Scores = NDArray[np.float64]
# The number of a label, and its probability.
Decided = tuple[int, float]


class CrfStream:
    """Viterbi with a fixed lag: the label of step t is told when step t + lag is known, or the sequence has ended before.

    It is the label on the best path up to there; its probability is that of the label given all steps up to there. `end` of the
    transitions counts when the sequence has ended, so the labels that `finish` gives are those on the best path of the whole
    sequence from the first of them on. Neither what is held nor the time that a step takes grows.

    Args:
        transitions: the CRF's; None for labels that do not hang on each other (softmax).
        labels: K.
        lag: steps.
    """

    def __init__(self, transitions: Transitions | None, labels: int, lag: int) -> None:
        self._labels, self._lag, self._is_crf = labels, lag, transitions is not None
        self._open: Scores = np.zeros(labels)  # what the end scores while it may be anywhere
        self._pair = np.zeros((labels, labels)) if transitions is None else transitions.pair.astype(np.float64)
        self._end = self._open if transitions is None else transitions.end.astype(np.float64)
        # What the steps before the first undecided one say of its label: the best path's score, and the logarithm of all paths' sum.
        self._best: Scores = self._open if transitions is None else transitions.start.astype(np.float64)
        self._sum = self._best
        self._undecided: deque[Scores] = deque()

    def feed(self, emissions: Array) -> list[Decided]:
        """Reads on, [n, K]; gives the labels that are decided by it."""
        self._undecided.extend(emissions.astype(np.float64))
        count = max(0, len(self._undecided) - self._lag)
        if not self._is_crf:
            return _most_probable([self._undecided.popleft() for _ in range(count)])
        return [self._decide() for _ in range(count)]

    def finish(self, emissions: Array) -> list[Decided]:
        """Ends the sequence with its last steps [n, K], which may be none, and gives the labels that were still to come."""
        self._undecided.extend(emissions.astype(np.float64))
        rest = list(self._undecided)
        self._undecided.clear()
        if not rest or not self._is_crf:
            return _most_probable(rest)
        steps, seen = np.array(rest), np.array([0, len(rest)])
        best = viterbi(steps, seen, Transitions(self._pair, self._best, self._end))
        probability = marginals(steps, seen, Transitions(self._pair, self._sum, self._end))
        return list(zip(best.tolist(), np.take_along_axis(probability, best[:, None], axis=1)[:, 0].tolist(), strict=True))

    def _decide(self) -> Decided:
        """The label of the first undecided step, which is one no longer, by those that are known behind it."""
        first = self._undecided.popleft()
        best, total = self._best + first, self._sum + first
        if not self._lag:  # no step behind it is known, so its own scores tell
            label = int(best.argmax())
            weights = np.exp(total - np.maximum.reduce(total))
            probability = float(weights[label] / np.add.reduce(weights))
        else:
            steps, seen = np.array([first, *islice(self._undecided, self._lag)]), np.array([0, 1 + self._lag])
            label = int(viterbi(steps, seen, Transitions(self._pair, self._best, self._open))[0])
            probability = float(marginals(steps, seen, Transitions(self._pair, self._sum, self._open))[0, label])
        self._best = _lowered(np.maximum.reduce(best[:, None] + self._pair, axis=0))
        through = total[:, None] + self._pair
        most = np.maximum.reduce(through, axis=0)
        self._sum = _lowered(most + np.log(np.add.reduce(np.exp(through - most), axis=0)))
        return label, probability

    def arrays(self) -> dict[str, Array]:
        """All that `restore` needs to go on from here with the same numbers."""
        undecided: Scores = np.array(self._undecided, np.float64).reshape(-1, self._labels)
        return {"best": self._best, "sum": self._sum, "undecided": undecided}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Takes over what `arrays` gave; KeyError where one is missing."""
        self._best, self._sum, undecided = (np.asarray(arrays[name], np.float64) for name in ("best", "sum", "undecided"))
        self._undecided = deque(undecided)


def _most_probable(steps: list[Scores]) -> list[Decided]:
    """Of each step [K] the most probable label, by itself."""
    if not steps:
        return []
    probability = softmax(np.array(steps))
    labels = probability.argmax(axis=1)
    return list(zip(labels.tolist(), probability[np.arange(len(steps)), labels].tolist(), strict=True))


def _lowered(scores: Scores) -> Scores:
    """Scores less their greatest, so that those of an endless sequence do not grow; which is best stays."""
    lowered: Scores = scores - np.maximum.reduce(scores)
    return lowered
