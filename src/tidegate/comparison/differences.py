"""Where contenders differ: by label, by length, by position, and the examples on which they disagree most."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.comparison.contenders import Contender
from tidegate.scoring.outcomes import RULES, Counts, Examples

# Of lengths there are so many bins, with about as many examples in each.
_LENGTH_BINS = 5
_MOST_DISAGREEMENTS = 60


def differences_of(contenders: Sequence[Contender], examples: Examples) -> dict[str, Any]:
    """Scores of every contender by label, by length of the example and by position, over all seeds and folds."""
    return {
        "by_label": _by_label(contenders),
        "by_length": _by_length(contenders, examples),
        "length_name": examples.length_name,
        "by_position": _by_position(contenders),
    }


def _by_label(contenders: Sequence[Contender]) -> dict[str, dict[str, float]]:
    """The share of answers that were right, of those that wanted the label."""
    found: dict[str, dict[str, float]] = {}
    for contender in contenders:
        for label, sums in _summed(contender, "by_label").items():
            if sums[1] > 0:
                found.setdefault(label, {})[contender.name] = float(RULES["share"](sums))
    return dict(sorted(found.items()))


def _by_length(contenders: Sequence[Contender], examples: Examples) -> list[dict[str, Any]]:
    if not examples.lengths:
        return []
    lengths = np.asarray(examples.lengths)
    highs = np.unique(np.quantile(lengths, np.linspace(0, 1, _LENGTH_BINS + 1)[1:], method="inverted_cdf"))
    place = np.searchsorted(highs, lengths)
    rows = []
    for number in range(len(highs)):
        own = np.flatnonzero(place == number)
        scores = {contender.name: contender.score_at(own) for contender in contenders}
        rows.append({"low": int(lengths[own].min()), "high": int(lengths[own].max()), "n": len(own), "scores": scores})
    return rows


def _by_position(contenders: Sequence[Contender]) -> dict[str, Any]:
    found: dict[str, dict[str, float]] = {}
    for contender in contenders:
        for position, sums in _summed(contender, "by_position").items():
            found.setdefault(position, {})[contender.name] = float(RULES[contender.first.rule](sums))
    name = contenders[0].first.position_name if contenders else ""
    return {"name": name, "rows": [{"position": position, "scores": found[position]} for position in sorted(found, key=_first_number)]}


def _first_number(position: str) -> int:
    """Of '11–20', 11, of 'from 101', 101: not every contender has found something at every position, so none has their order."""
    number = re.search(r"\d+", position)
    return int(number[0]) if number else sys.maxsize


def _summed(contender: Contender, kind: str) -> dict[str, Counts]:
    """Counts by label or position, summed over seeds and folds."""
    total: dict[str, Counts] = {}
    for folds in contender.outcomes:
        for outcomes in folds:
            for key, sums in getattr(outcomes, kind).items():
                total[key] = total[key] + sums if key in total else sums
    return total


def disagreements_of(contenders: Sequence[Contender], examples: Examples) -> list[dict[str, Any]]:
    """The examples on which networks' scores lie furthest apart, then those on which baselines differ from them.

    Of each contender the seed with the median score answers. `is_right` is None where answers are never simply right or wrong, as of
    series; `scores` are the example's own.
    """
    if len(contenders) < 2:
        return []
    own = np.stack([_own_scores(contender) for contender in contenders])
    right = np.stack([_are_right(contender) for contender in contenders])
    is_graded = not right.any()
    is_network = np.array([contender.kind == "network" for contender in contenders])
    apart = own[is_network].std(axis=0) if is_network.sum() > 1 else np.zeros(own.shape[1])
    overall = own.std(axis=0)
    # Where an error has no upper end, one far-off example among baselines must not push out what tells the networks apart.
    order = np.lexsort((-overall, -apart))
    given = [contender.given for contender in contenders]
    found = []
    for place in order[:_MOST_DISAGREEMENTS].tolist():
        if overall[place] <= 1e-12:
            continue
        found.append(
            {
                "input": examples.inputs[place],
                "right": examples.right[place],
                "answers": {contender.name: answers[place] for contender, answers in zip(contenders, given, strict=True)},
                "is_right": {
                    contender.name: None if is_graded else bool(row[place]) for contender, row in zip(contenders, right, strict=True)
                },
                "scores": {contender.name: float(row[place]) for contender, row in zip(contenders, own, strict=True)},
            }
        )
    return found


def _own_scores(contender: Contender) -> Counts:
    """[N], each example's own score. By F1 one without anything to find and nothing found has 1, since that is right."""
    counts = contender.counts[contender.middle]
    scores = RULES[contender.first.rule](counts)
    if contender.first.rule == "f1":
        scores = np.where(counts[:, 1] + counts[:, 2] == 0, 1.0, scores)
    found: Counts = scores
    return found


def _are_right(contender: Contender) -> NDArray[np.bool_]:
    """[N], whether each example is right as a whole."""
    scores = _own_scores(contender)
    highest = 100.0 if contender.first.rule == "bleu" else 1.0
    found: NDArray[np.bool_] = scores <= 1e-12 if contender.first.lower_is_better else scores >= highest - 1e-9
    return found
