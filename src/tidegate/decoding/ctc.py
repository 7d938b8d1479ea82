"""Transcripts from CTC's logits over ragged batches: by the best label of each step, also live, and by prefix beam search.

Logits [N, K] hold the steps of all sequences one after another, offsets [B+1] say where each begins; p(label) = softmax(logits), and
`blank` is the label that says nothing. An alignment says a label or the blank at each step, and spells its labels, of equal neighbours
one, without the blanks.

Sources: Graves et al. 2006; prefix beam search, Graves 2012 and Hannun, Maas, Jurafsky & Ng 2014, arXiv 1408.2873.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.decoding.ctc_twins import prefix_beam
from tidegate.errors import ShapeError
from tidegate.kernels import engine
from tidegate.kernels.ctc import check_batch

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]


class CtcPath(NamedTuple):
    """One transcript of a sequence.

    Attributes:
        labels: [L], without blanks.
        steps: [L], where each label begins.
        score: a log probability in nats; NaN where a logit is no number or a step has no finite greatest one.
    """

    labels: Ids
    steps: Ids
    score: float


def ctc_greedy(logits: Array, offsets: Ids, blank: int = 0) -> list[CtcPath]:
    """What the best label of each step spells, of equal ones the lowest; the score is log p of that alignment, the best there is.

    Raises:
        ShapeError: logits and offsets that do not fit each other.
        ValueError: `blank` is no label.
    """
    check_batch(logits, offsets, blank)
    best, scores = logits.argmax(axis=1), _best_scores(logits)
    found = []
    for begin, end in pairwise(offsets.tolist()):
        said = best[begin:end]
        steps = np.flatnonzero((said != blank) & (said != np.concatenate([[blank], said[:-1]])))
        found.append(CtcPath(said[steps], steps, float(scores[begin:end].sum())))
    return found


def ctc_beam(
    logits: Array,
    offsets: Ids,
    *,
    beam: int = 16,
    n_best: int = 1,
    blank: int = 0,
    prune: float = 0.0,
    threads: int | None = None,
) -> list[list[CtcPath]]:
    """Of each sequence the `n_best` most probable transcripts that a beam of `beam` prefixes finds, the best first, or all that it holds.

    The score is log p of the transcript, the sum over its alignments as far as the beam held them; the steps are those of its best
    alignment. A label that is less probable at a step than `prune` is not tried there, unless it is the most probable one. Of equal
    transcripts the one that was met first comes first. `threads` are the engine's.

    Raises:
        ShapeError: logits and offsets that do not fit each other.
        ValueError: `beam`, `n_best`, `blank` or `prune` is out of range.
    """
    x, begins = np.ascontiguousarray(logits, np.result_type(np.float32, logits.dtype)), np.ascontiguousarray(offsets, np.int64)
    if engine.is_there():
        found = engine.ctc_beam(x, begins, beam=beam, n_best=n_best, blank=blank, prune=prune, threads=threads)
    else:
        check_batch(x, begins, blank)
        for name, number, most in (("beam", beam, 2**31 - 1), ("n_best", n_best, beam)):
            if not 1 <= number <= most:
                raise ValueError(f"{name} is {number}; expected a whole number from 1 to {most}.")
        if not 0 <= prune < 1:
            raise ValueError(f"prune is {prune}; expected a probability, 0 or more and below 1.")
        found = prefix_beam(x, begins, beam, n_best, blank, prune)
    return [[CtcPath(*path) for path in paths] for paths in found]


class CtcGreedyStream:
    """`ctc_greedy` of one sequence while it arrives: the labels in pieces are those of the whole.

    Args:
        blank: the label that says nothing.

    Attributes:
        steps: how many were read.
        last: what the last of them said; the blank before the first.
    """

    def __init__(self, blank: int = 0) -> None:
        self.blank = blank
        self.steps = 0
        self.last = blank

    def feed(self, logits: Array) -> list[tuple[int, int]]:
        """The labels that begin in the next steps [n, K], each with its step.

        Raises:
            ShapeError: logits of another shape.
        """
        if logits.ndim != 2 or logits.shape[1] <= self.blank:
            raise ShapeError(f"logits has the shape {list(logits.shape)}; expected [n, K], the blank {self.blank} among the K.")
        begun = []
        for label in logits.argmax(axis=1).tolist():
            if label not in (self.blank, self.last):
                begun.append((label, self.steps))
            self.last = label
            self.steps += 1
        return begun


def _best_scores(logits: Array) -> NDArray[np.float64]:
    """log p [N] of the best label of each step."""
    most = logits.max(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):  # ∞ − ∞ is no number, as it should be
        return np.asarray(-np.log(np.exp((logits - most).astype(np.float64)).sum(axis=1)))
