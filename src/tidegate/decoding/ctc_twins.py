"""CTC's prefix beam search in plain Python: what the engine answers, for reading, for checking, and where the engine was not built.

Source: Hannun, Maas, Jurafsky & Ng 2014, arXiv 1408.2873, algorithm 1, without a language model and in logarithms.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Prefix = tuple[int, ...]


def prefix_beam(logits: Array, offsets: Ids, beam: int, n_best: int, blank: int, prune: float) -> list[list[tuple[Ids, Ids, float]]]:
    """Of each sequence the best transcripts: labels [L], the steps [L] where they begin on the best alignment, and log p, in float64."""
    found = []
    for begin, end in pairwise(offsets.tolist()):
        x = logits[begin:end].astype(np.float64)
        most = x.max(axis=1, keepdims=True)
        if not np.isfinite(most).all():
            found.append([(np.zeros(0, np.int64), np.zeros(0, np.int64), math.nan)])
            continue
        log_y = x - most - np.log(np.exp(x - most).sum(axis=1, keepdims=True))
        best = _search(log_y, beam, blank, prune)[:n_best]
        found.append([(np.array(prefix, dtype=np.int64), _steps(log_y, prefix, blank), min(score, 0.0)) for prefix, score in best])
    return found


def _search(log_y: NDArray[np.float64], beam: int, blank: int, prune: float) -> list[tuple[Prefix, float]]:
    # Of every prefix log p of its alignments so far: those that end in a blank, and those that end in its last label.
    held: dict[Prefix, tuple[float, float]] = {(): (0.0, -math.inf)}
    least = math.log(prune) if prune > 0 else -math.inf
    for row in log_y.tolist():
        ranked = sorted((k for k in range(len(row)) if k != blank), key=lambda k: (-row[k], k))
        tried = [k for rank, k in enumerate(ranked) if rank == 0 or row[k] >= least]
        following = {}
        for prefix in held:
            by_label = -math.inf
            if prefix:
                by_label = held[prefix][1] + row[prefix[-1]]
                if prefix[:-1] in held:
                    by_label = _sum(by_label, _going_on(held, prefix[:-1], prefix[-1]) + row[prefix[-1]])
            following[prefix] = (_sum(*held[prefix]) + row[blank], by_label)
        for prefix in held:
            for label in tried:
                if (*prefix, label) not in held:
                    following[*prefix, label] = (-math.inf, _going_on(held, prefix, label) + row[label])
        possible = [(prefix, scores) for prefix, scores in following.items() if _sum(*scores) > -math.inf]
        held = dict(sorted(possible, key=lambda entry: -_sum(*entry[1]))[:beam])  # sorted leaves equal ones in their order
    return [(prefix, _sum(*scores)) for prefix, scores in held.items()]


def _going_on(held: dict[Prefix, tuple[float, float]], prefix: Prefix, label: int) -> float:
    """log p of the alignments of a prefix that a label can follow as one more: between equal ones there is a blank."""
    return held[prefix][0] if prefix[-1:] == (label,) else _sum(*held[prefix])


def _sum(a: float, b: float) -> float:
    """log(e^a + e^b)."""
    most = max(a, b)
    return most if most == -math.inf else most + math.log1p(math.exp(min(a, b) - most))


def _steps(log_y: NDArray[np.float64], labels: Prefix, blank: int) -> Ids:
    """Where each label begins on the most probable alignment; of equal ones, seen from the end, the one that came to its place last."""
    places = [blank, *(spelled for label in labels for spelled in (label, blank))]
    scores = [0.0, 0.0, *(-math.inf for _ in places[2:])][: len(places)]
    origins = []
    for t, row in enumerate(log_y.tolist()):
        origin = []
        for place, label in enumerate(places):
            far = place % 2 == 1 and place > 1 and label != places[place - 2]
            ways = range(min(place, 1 + far) + 1) if t else range(1)
            origin.append(max(ways, key=lambda by, place=place: (scores[place - by], -by)))  # type: ignore[misc]
        scores = [scores[place - by] + row[label] for place, (by, label) in enumerate(zip(origin, places, strict=True))]
        origins.append(origin)
    steps = np.zeros(len(labels), dtype=np.int64)
    place = len(places) - 1
    if labels and scores[-2] > scores[-1]:
        place -= 1
    for t in range(len(origins) - 1, -1, -1):
        if place % 2:
            steps[place // 2] = t
        place -= origins[t][place]
    return steps
