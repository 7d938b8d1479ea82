"""How well a model tells given targets, each unit from the right units before it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.data.pair_batches import EncodedPair, collate_pairs
from tidegate.runtime.translate_network import TranslateNetwork
from tidegate.runtime.windows import BATCH_TOKENS, answered


@dataclass(frozen=True, slots=True)
class PairScore:
    """The score of one pair.

    Attributes:
        logprob: log p(target | source) in nats, the end symbol's included.
        n: how many units of the target that are, the end symbol among them.
        unknown: how many of them the model does not know.
    """

    logprob: float
    n: int
    unknown: int

    def to_json(self) -> dict[str, Any]:
        """The score as `logprob` writes it."""
        return {"logprob": round(self.logprob, 6), "n": self.n, "n_unknown": self.unknown}


def pair_scores(network: TranslateNetwork, pairs: Iterable[EncodedPair], wait_k: int | None = None) -> Iterator[PairScore]:
    """A score per pair, in order, reading the pairs as they are needed."""

    def scored(pairs: list[EncodedPair]) -> Iterator[PairScore]:
        batch = collate_pairs(pairs, network.end)
        each = network.log_probabilities(batch, wait_k)
        for begin, end in zip(batch.target_offsets[:-1].tolist(), batch.target_offsets[1:].tolist(), strict=True):
            yield PairScore(math.fsum(each[begin:end]), end - begin, int(np.count_nonzero(batch.targets[begin:end] == 0)))

    return answered(pairs, len, scored, batch_tokens=BATCH_TOKENS)
