"""The search for targets: a network told what to go on with by a beam, many sources at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.decoding.beam import BeamSearch, Finished
from tidegate.runtime.translate_network import DecoderStates, TranslateNetwork

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

# Of a place of the source that got no attention at all the logarithm is taken of this.
_LEAST_SHARE = 1e-30


@dataclass(frozen=True, slots=True)
class Decoding:
    """How targets are searched for; see `TranslateModel.translate`."""

    beam: int
    n_best: int
    length_penalty: float
    coverage_penalty: float
    wait_k: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """A target found: how it ended, and the attention [T+1, S+1] of each of its units and the end symbol, where it was kept."""

    finished: Finished
    attention: Array | None


def search(network: TranslateNetwork, sources: Sequence[Ids], caps: Ids, decoding: Decoding, *, keeps_attention: bool) -> list[list[Found]]:
    """The best targets of B sources, each ended by the end symbol and with at most caps [B] units, best first."""
    lengths = np.array([len(source) for source in sources], dtype=np.int64)
    encoded = network.encode(np.concatenate(sources), np.concatenate([[0], np.cumsum(lengths)]))
    beam = BeamSearch(
        caps,
        network.end,
        beam=decoding.beam,
        n_best=decoding.n_best,
        length_penalty=decoding.length_penalty,
        coverage_penalty=decoding.coverage_penalty,
    )
    states, units = network.begin(encoded), np.full(len(sources), network.end, dtype=np.int64)
    covering = _Coverage(lengths) if decoding.coverage_penalty else None
    kept: list[tuple[Array, Ids]] = []
    step = 0
    while not beam.is_done:
        limit = None if decoding.wait_k is None else decoding.wait_k + step
        told, states, weights = network.step(units, states, encoded, beam.sources, limit)
        coverage = None
        if weights is not None and (covering is not None or keeps_attention):
            rows = lengths[beam.sources]
            if keeps_attention:
                kept.append((weights, np.concatenate([[0], np.cumsum(rows)])))
            if covering is not None:
                coverage = covering.add(weights, rows)
        going = len(units)
        parents, units = beam.advance(told, coverage)
        if not np.array_equal(parents, np.arange(going)):
            states = _of_rows(states, parents)
        if covering is not None:
            covering.go_on(parents)
        step += 1
    return [[Found(each, _attention_of(each, kept)) for each in hypotheses] for hypotheses in beam.results()]


def _of_rows(states: DecoderStates, rows: Ids) -> DecoderStates:
    return tuple(tuple(tuple(part[:, rows] for part in state) for state in layer) for layer in states)


def _attention_of(finished: Finished, kept: list[tuple[Array, Ids]]) -> Array | None:
    """[T+1, S+1], from the attention of each step and where its rows begin in it."""
    if not kept:
        return None
    rows = [weights[offsets[row] : offsets[row + 1]] for row, (weights, offsets) in zip(finished.rows.tolist(), kept, strict=False)]
    return np.stack(rows)


class _Coverage:
    """How much attention each place of the source has had from each open hypothesis."""

    def __init__(self, lengths: Ids) -> None:
        self._seen = np.zeros((len(lengths), int(lengths.max(initial=0))))

    def add(self, weights: Array, lengths: Ids) -> NDArray[np.float64]:
        """One step's attention [P] over places [R]; gives Σ log min(what each place has had, 1), [R]."""
        is_place = np.arange(self._seen.shape[1]) < lengths[:, None]
        self._seen[is_place] += weights
        shares = np.clip(self._seen, _LEAST_SHARE, 1.0)
        total: NDArray[np.float64] = np.log(shares, out=np.zeros_like(shares), where=is_place).sum(axis=1)
        return total

    def go_on(self, parents: Ids) -> None:
        """The hypotheses that go on, by the rows that they go on from."""
        self._seen = self._seen[parents]


def cap_of(units: int, longest_source: int, longest_target: int) -> int:
    """The most units of a target for a source of so many, by the longest of each that training saw."""
    return math.ceil(longest_target * max(1.0, units / max(1, longest_source))) + 5
