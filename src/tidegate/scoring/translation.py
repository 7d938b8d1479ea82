"""Scores of targets against all that count as right: exact matches, error rates by edit distance, BLEU and chrF.

Edit distance by bits: Hyyrö 2003, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", after Myers 1999.
BLEU (Papineni et al. 2002) and chrF (Popović 2015) are those of the library sacrebleu.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.unit_base import UnitKind

_NO_SACREBLEU = "bleu and chrf are left out, since the library sacrebleu is not installed; pip install 'tidegate[bleu]' brings it."


def edit_distance(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """The fewest insertions, deletions and substitutions that make one sequence the other (Levenshtein)."""
    if not first:
        return len(second)
    where: dict[Hashable, int] = {}
    for place, item in enumerate(first):
        where[item] = where.get(item, 0) | 1 << place
    # A column of the table at a time: bit i says whether cell i is one more (up) or one less (down) than the cell above.
    every, last = (1 << len(first)) - 1, 1 << (len(first) - 1)
    up, down, distance = every, 0, len(first)
    for item in second:
        equal = where.get(item, 0)
        diagonal = (((equal & up) + up) ^ up) | equal | down
        right, left = down | (every & ~(diagonal | up)), diagonal & up
        distance += bool(right & last) - bool(left & last)
        right, left = (right << 1 | 1) & every, (left << 1) & every
        up, down = left | (every & ~(diagonal | right)), diagonal & right
    return distance


def error_rate(hypotheses: Sequence[Sequence[Hashable]], references: Sequence[Sequence[Sequence[Hashable]]]) -> float:
    """Edit distances summed, by the lengths of the references summed: of each source's references the nearest, of equal ones the first."""
    distances = lengths = 0
    for given, right in zip(hypotheses, references, strict=True):
        each = [edit_distance(given, reference) for reference in right]
        least = min(each)
        distances += least
        lengths += len(right[each.index(least)])
    return distances / lengths if lengths else float(distances > 0)


def translation_scores(kind: UnitKind, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Scores of targets of that kind of unit, with the keys of `evaluate --format json`.

    Args:
        hypotheses: a target for each source.
        references: for each source all targets that are right.

    Returns:
        `exact_match`, the share that is one of its references. Of tokens `per`, the error rate by tokens (of phones: phone error rate),
        and `wer`, the share that is not exact; of characters `cer`. Of words and pieces `bleu` and `chrf`, 0 to 100; without the library
        for these `notes` instead.
    """
    if kind == "token":
        given: list[Any] = [text.split() for text in hypotheses]
        right: list[list[Any]] = [[text.split() for text in each] for each in references]
    else:
        given, right = list(hypotheses), [list(each) for each in references]
    exact = sum(text in each for text, each in zip(given, right, strict=True)) / max(1, len(given))
    scores: dict[str, Any] = {"exact_match": exact}
    if kind == "token":
        return scores | {"per": error_rate(given, right), "wer": 1 - exact}
    if kind == "char":
        return scores | {"cer": error_rate(given, right)}
    return scores | _library_scores(hypotheses, references)


def _library_scores(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        return {"notes": [_NO_SACREBLEU]}
    if not hypotheses:
        return {"bleu": 0.0, "chrf": 0.0}
    # The library takes first references, second references and so on; what has none there has None.
    streams: list[Any] = [[each[n] if n < len(each) else None for each in references] for n in range(max(map(len, references)))]
    # force: it would else warn of texts that look tokenised already.
    return {
        "bleu": float(BLEU(force=True).corpus_score(list(hypotheses), streams).score),
        "chrf": float(CHRF().corpus_score(list(hypotheses), streams).score),
    }


def bleu_counts(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """[N, 10] of each target by itself, as the rule `bleu` of outcomes adds them up: matched and given 1- to 4-grams, and the lengths."""
    from sacrebleu.metrics.bleu import BLEU

    bleu = BLEU(force=True)
    rows = []
    for given, right in zip(hypotheses, references, strict=True):
        found = bleu.corpus_score([given], [[text] for text in right])
        rows.append((*found.counts, *found.totals, found.sys_len, found.ref_len))
    return np.array(rows, dtype=np.float64).reshape(len(rows), 10)
