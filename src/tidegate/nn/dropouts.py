"""Dropout that keeps one mask for a whole sequence.

Source: Gal & Ghahramani 2016, arXiv 1512.05287 (there also on the recurrent state; here on a layer's input and output).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def variational_dropout(x: Tensor, offsets: NDArray[np.int64], *, p: float, is_training: bool) -> Tensor:
    """x [N, D] with each feature dropped for a whole sequence with probability p, the rest scaled by 1 / (1 − p)."""
    if not is_training or p == 0.0:
        return x
    lengths = torch.from_numpy(np.diff(offsets))
    keep = x.new_empty(len(lengths), x.shape[1]).bernoulli_(1 - p).div_(1 - p)
    return x * keep.repeat_interleave(lengths, dim=0)
