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
    return [r for r in records if r.tokens not in chosen], [r for r in records if r.tokens in chosen]
