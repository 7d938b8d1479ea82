"""A development set where the user gave none: a seeded share of the training records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidegate.data.records import TokenRecord
from tidegate.errors import DataError


def split_off(records: Sequence[TokenRecord], *, share: float, seed: int) -> tuple[list[TokenRecord], list[TokenRecord]]:
    """Cuts records into (training, development), both in file order; identical sentences stay on one side.

    Raises:
        DataError: fewer than two distinct sentences, so that one side would be empty.
    """
    distinct = list(dict.fromkeys(record.tokens for record in records if record.tokens))
    if len(distinct) < 2:
        where = str(records[0].source) if records else "the training files"
        raise DataError(
            f"{where}: {len(distinct)} distinct sentences are too few to split off a development set. Give more sentences, "
            "or name a development file with --dev."
        )
    size = min(max(1, round(share * len(distinct))), len(distinct) - 1)
    chosen = {distinct[place] for place in np.random.default_rng(seed).permutation(len(distinct))[:size]}
    # A label that the training part lacks could be neither learnt nor scored: sentences that hold one go back.
    known = {pair for record in records if record.tokens not in chosen for pair in _labels(record)}
    for record in records:
        if record.tokens in chosen and len(chosen) > 1 and not _labels(record) <= known:
            chosen.remove(record.tokens)
            known |= {pair for other in records if other.tokens == record.tokens for pair in _labels(other)}
    return [r for r in records if r.tokens not in chosen], [r for r in records if r.tokens in chosen]


def _labels(record: TokenRecord) -> set[tuple[str, str]]:
    return {(column, label) for column, labels in record.labels.items() for label in labels}
