"""How soon a classifier of sequences is right: its accuracy where it has seen no more than the beginning of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Shares of a sequence's steps after which it is asked.
SHARES = tuple(tenths / 10 for tenths in range(1, 11))


def seen_steps(lengths: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """How many steps that share of sequences of so many is, rounded up: of a sequence that has any, at least one."""
    # 0.7 · 10 is a little more than 7.
    steps: NDArray[np.int64] = np.ceil(lengths * share - 1e-9).astype(np.int64)
    return steps


def by_share(is_right: NDArray[np.bool_]) -> list[dict[str, float]]:
    """The accuracy at each of `SHARES`, with the keys of `evaluate --format json`.

    Args:
        is_right: [N, len(SHARES)], whether the answer to so much of each sequence is right; at least one sequence.
    """
    return [{"share": share, "accuracy": float(right)} for share, right in zip(SHARES, is_right.mean(axis=0), strict=True)]
