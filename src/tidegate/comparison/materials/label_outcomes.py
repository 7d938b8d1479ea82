"""Labels that were given beside those that were right, as outcomes: of texts, of tokens and of steps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from tidegate.comparison.materials.material import shown_answer
from tidegate.decoding import Scheme, spans_of
from tidegate.scoring.outcomes import Counts, Outcomes

# Positions one by one, then in bands, each up to this one.
_ONE_BY_ONE = 20
_BANDS = (30, 50, 100)

Labels = Sequence[str]


def class_outcomes(
    rights: Sequence[Labels],
    givens: Sequence[Labels],
    probabilities: Sequence[Sequence[float]] | None,
    *,
    score_name: str,
    positive: str = "",
    is_multi_label: bool = False,
) -> Outcomes:
    """Of texts or sequences with labels of their own.

    Args:
        rights, givens: the labels of each; one, unless it may carry several.
        probabilities: of each given label; None where nothing is called probable.
        score_name: 'accuracy', or 'f1': of the positive label, of several over all decisions.
    """
    by_label: defaultdict[str, Counts] = defaultdict(lambda: np.zeros(2))
    rows = []
    for right, given in zip(rights, givens, strict=True):
        true, found = set(right), set(given)
        for label in true:
            by_label[label] += (label in found, 1)
        if score_name == "f1" and not is_multi_label:
            true, found = true & {positive}, found & {positive}
        rows.append((len(true & found), len(found), len(true)) if score_name == "f1" else (true == found, 1))
    called = [
        (probability, label in right)
        for right, given, row in zip(rights, givens, probabilities or [()] * len(givens), strict=True)
        for label, probability in zip(given, row, strict=probabilities is not None)
    ]
    return Outcomes(
        score_name=score_name,
        rule="f1" if score_name == "f1" else "share",
        lower_is_better=False,
        counts=np.array(rows, dtype=np.float64).reshape(len(rows), -1),
        given=tuple(shown_answer(", ".join(sorted(given))) for given in givens),
        confidences=np.array([probability for probability, _ in called], dtype=np.float64),
        hits=np.array([is_hit for _, is_hit in called], dtype=bool),
        by_label=dict(sorted(by_label.items())),
    )


def tag_outcomes(
    rights: Sequence[Labels],
    givens: Sequence[Labels],
    probabilities: Sequence[Sequence[float]] | None,
    *,
    scheme: Scheme | None,
    position_name: str,
) -> Outcomes:
    """Of sequences with a label for each token or step: strict span F1 where labels spell spans, else accuracy.

    Args:
        rights, givens: T labels of each.
        probabilities: of each given label; None where nothing is called probable.
    """
    width = 2 if scheme is None else 3
    counts = np.zeros((len(rights), width))
    by_label: defaultdict[str, Counts] = defaultdict(lambda: np.zeros(2))
    by_position: defaultdict[int, Counts] = defaultdict(lambda: np.zeros(width))
    hits: list[bool] = []
    for row, right, given in zip(counts, rights, givens, strict=True):
        is_hit = [a == b for a, b in zip(right, given, strict=True)]
        hits += is_hit
        for label, is_right in zip(right, is_hit, strict=True):
            by_label[label] += (is_right, 1)
        if scheme is None:
            row[:] = (sum(is_hit), len(is_hit))
            for place, is_right in enumerate(is_hit):
                by_position[_band(place)] += (is_right, 1)
            continue
        true, found = set(spans_of(right, scheme)), set(spans_of(given, scheme))
        row[:] = (len(true & found), len(found), len(true))
        for column, spans in enumerate((true & found, found, true)):
            for start, _, _ in spans:
                by_position[_band(start)][column] += 1
    return Outcomes(
        score_name="accuracy" if scheme is None else "span_f1",
        rule="share" if scheme is None else "f1",
        lower_is_better=False,
        counts=counts,
        given=tuple(shown_answer(" ".join(given)) for given in givens),
        confidences=np.array([p for row in probabilities or () for p in row], dtype=np.float64),
        hits=np.array(hits if probabilities is not None else [], dtype=bool),
        by_label=dict(sorted(by_label.items())),
        by_position={_said(band): by_position[band] for band in sorted(by_position)},
        position_name=position_name,
    )


def _band(place: int) -> int:
    """The last position, from 1, of the band that a place, from 0, lies in; 0 is said of none, and one beyond all of the rest."""
    if place < _ONE_BY_ONE:
        return place + 1
    return next((last for last in _BANDS if place < last), _BANDS[-1] + 1)


def _said(band: int) -> str:
    if band <= _ONE_BY_ONE:
        return str(band)
    if band > _BANDS[-1]:
        return f"from {band}"
    before = (_ONE_BY_ONE, *_BANDS)[_BANDS.index(band)]
    return f"{before + 1}–{band}"
