"""Whether answers that are called 90 % probable are right in 90 of 100: calibration in bins, and its expected error."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15


def calibration_of(confidences: NDArray[np.float64], hits: NDArray[np.bool_], *, bins: int = BINS) -> dict[str, Any] | None:
    """Answers by how probable they were called, in bins of equal width.

    Args:
        confidences: [M], from 0 to 1.
        hits: [M], whether each answer was right.

    Returns:
        `ece`, the mean distance of confidence and accuracy, each answer counting once; `bins` that hold any: `low`, `high`, `n`, mean
        `confidence`, `accuracy`. None where there are no answers.

    Source: Guo et al. 2017, arXiv 1706.04599.
    """
    if len(confidences) == 0:
        return None
    place = np.minimum((confidences * bins).astype(np.int64), bins - 1)
    counts = np.bincount(place, minlength=bins)
    called = np.bincount(place, weights=confidences, minlength=bins)
    right = np.bincount(place, weights=hits.astype(np.float64), minlength=bins)
    rows = [
        {
            "low": k / bins,
            "high": (k + 1) / bins,
            "n": int(counts[k]),
            "confidence": called[k] / counts[k],
            "accuracy": right[k] / counts[k],
        }
        for k in np.flatnonzero(counts).tolist()
    ]
    return {"ece": float(np.abs(right - called).sum() / len(confidences)), "bins": rows}
