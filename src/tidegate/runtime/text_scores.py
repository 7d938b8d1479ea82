"""How well a model tells texts: long ones in stretches side by side, and lines each by itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.streams import Stream
from tidegate.data.units import Units
from tidegate.runtime.generate_network import Ids, OneWayNetwork, TwoWayNetwork
from tidegate.runtime.windows import BATCH_TOKENS, answered

# A long text is scored in stretches of so many units, each after having read so many before it.
_STRETCH, _CONTEXT = 4096, 512
# So many stretches run side by side, so many units of each at a time.
_ABREAST, _SLICE = 32, 512
# Most units that a two-way network reads at a time.
_ROWS = 1 << 14


@dataclass(frozen=True, slots=True)
class LineScore:
    """The score of one line.

    Attributes:
        logprob: in nats, the sum over its units and its line end; of a two-way model the pseudo-log-likelihood, Σ log p(unit | all others).
        n: how many units that are, the line end among them.
        unknown: how many of them the model does not know.
        is_pseudo: whether it is the pseudo-log-likelihood, which is comparable to others of its kind alone.
    """

    logprob: float
    n: int
    unknown: int
    is_pseudo: bool

    def to_json(self) -> dict[str, Any]:
        """The score as `logprob` writes it."""
        name = "pseudo_log_likelihood" if self.is_pseudo else "logprob"
        return {name: round(self.logprob, 6), "n": self.n, "n_unknown": self.unknown}


def line_scores(network: OneWayNetwork | TwoWayNetwork, units: Units, lines: Iterable[str]) -> Iterator[LineScore]:
    """A score per line, in order, reading the lines as they are needed; each is a text of its own."""
    end = [] if units.line_end is None else [units.line_end]
    encoded = (np.concatenate([units.encode(line.rstrip("\r\n")), np.array(end, dtype=np.int64)]) for line in lines)

    def scored(batch: list[Ids]) -> Iterator[LineScore]:
        ids, offsets = np.concatenate(batch), np.zeros(len(batch) + 1, dtype=np.int64)
        np.cumsum([len(line) for line in batch], out=offsets[1:])
        if isinstance(network, TwoWayNetwork) and len(batch) == 1:  # perhaps a very long one
            each = two_way_log_probabilities(network, ids)
        elif isinstance(network, TwoWayNetwork):
            each = network.head.log_probabilities(network.vectors(*network.contexts(ids, offsets))["both"], ids)
        elif len(batch) == 1:
            each = one_way_log_probabilities(network, ids)
        else:
            before, _ = network.read(ids, offsets, network.start_of(len(batch)))
            each = network.head.log_probabilities(network.vectors(before), ids)
        for line, begin in zip(batch, offsets.tolist(), strict=False):
            total = math.fsum(each[begin : begin + len(line)])
            yield LineScore(total, len(line), int((line == 0).sum()), isinstance(network, TwoWayNetwork))

    return answered(encoded, len, scored, batch_tokens=BATCH_TOKENS)


def one_way_log_probabilities(network: OneWayNetwork, ids: Ids) -> NDArray[np.float64]:
    """log p [N] of each unit of one text, in nats, given all before it."""
    result, states = np.empty(len(ids)), network.start
    for begin in range(0, len(ids), _STRETCH):
        part = np.asarray(ids[begin : begin + _STRETCH], dtype=np.int64)
        before, states = network.read(part, np.array([0, len(part)]), states)
        result[begin : begin + len(part)] = network.head.log_probabilities(network.vectors(before), part)
    return result


def two_way_log_probabilities(network: TwoWayNetwork, ids: Ids) -> NDArray[np.float64]:
    """log p [N] of each unit of one text, in nats, given all others."""
    result = np.empty(len(ids))
    for part, left, right in network.stretches(ids):
        result[part] = network.head.log_probabilities(network.vectors(left, right)["both"], ids[part])
    return result


def one_way_score(network: OneWayNetwork, stream: Stream) -> dict[str, Any]:
    """Scores of one long text, with the keys of `evaluate --format json`."""
    return _result(-sum(float(scores.sum()) for _, scores in _one_way_parts(network, stream.ids)), stream)


def two_way_score(network: TwoWayNetwork, stream: Stream, window: int) -> dict[str, Any]:
    """The same of a two-way network, `window` units at a time with as many on either side to read; with accuracy and each side alone."""
    totals: dict[str, Any] = {side: np.zeros(2) for side in network.SIDES}
    for _, ids, each in _two_way_parts(network, stream.ids, window):
        for side, vectors in each.items():
            scores, is_best = network.head.judged(vectors, ids)
            totals[side] += scores.sum(), is_best.sum()
    n = max(1, len(stream))
    sides = {
        side: {"nats": -logprob / n, "perplexity": _perplexity(-logprob / n), "accuracy": hits / n}
        for side, (logprob, hits) in ((side, total.tolist()) for side, total in totals.items())
    }
    whole = _result(-totals["both"][0].item(), stream)
    return whole | {"accuracy": sides["both"]["accuracy"], "left": sides["left"], "right": sides["right"]}


def unit_nats(network: OneWayNetwork | TwoWayNetwork, stream: Stream, window: int) -> NDArray[np.float64]:
    """[N] of each unit of one long text; their mean is the score's `nats`."""
    result = np.empty(len(stream))
    if isinstance(network, TwoWayNetwork):
        for places, ids, each in _two_way_parts(network, stream.ids, window):
            result[places] = -network.head.log_probabilities(each["both"], ids)
    else:
        for places, scores in _one_way_parts(network, stream.ids):
            result[places] = -scores
    return result


def _one_way_parts(network: OneWayNetwork, ids: NDArray[Any]) -> Iterator[tuple[Ids, NDArray[np.float64]]]:
    """Places of a long text and log p of the units there, part after part, until all are told."""
    begins = np.arange(0, len(ids), _STRETCH)
    for first in range(0, len(begins), _ABREAST):
        scored_from = begins[first : first + _ABREAST]
        at, ends = np.maximum(scored_from - _CONTEXT, 0), np.minimum(scored_from + _STRETCH, len(ids))
        states = network.start_of(len(at))
        while (at < ends).any():
            until = np.minimum(at + _SLICE, ends)
            places, offsets = _places(at, until)
            part = ids[places].astype(np.int64)
            before, states = network.read(part, offsets, states)
            is_scored = places >= np.repeat(scored_from, np.diff(offsets))
            yield places[is_scored], network.head.log_probabilities(network.vectors(before[is_scored]), part[is_scored])
            at = until


def _two_way_parts(network: TwoWayNetwork, ids: NDArray[Any], window: int) -> Iterator[tuple[Ids, Ids, dict[str, Any]]]:
    """Places of a long text, the units there and their vectors by side, part after part, until all are told."""
    begins = np.arange(0, len(ids), window)
    abreast = max(1, _ROWS // (3 * window))
    for first in range(0, len(begins), abreast):
        inner = begins[first : first + abreast]
        places, offsets = _places(np.maximum(inner - window, 0), np.minimum(inner + 2 * window, len(ids)))
        part = ids[places].astype(np.int64)
        left, right = network.contexts(part, offsets)
        from_inner = places - np.repeat(inner, np.diff(offsets))
        is_scored = (from_inner >= 0) & (from_inner < window)
        yield places[is_scored], part[is_scored], network.vectors(left[is_scored], right[is_scored])


def _places(begins: Ids, ends: Ids) -> tuple[Ids, Ids]:
    """The places of stretches of a text one after another, and their offsets [B+1]."""
    lengths = ends - begins
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths), offsets


def _result(nats: float, stream: Stream) -> dict[str, Any]:
    """By a whole text's nats; `nats` and `bits` are a unit's."""
    n = len(stream)
    each = nats / max(1, n)
    return {
        "n": n,
        "nats": each,
        "bits": each / math.log(2),
        "perplexity": _perplexity(each),
        "n_characters": stream.characters,
        "bits_per_character": nats / math.log(2) / max(1, stream.characters),
        "n_unknown": stream.unknown,
    }


def _perplexity(nats: float) -> float:
    """e^nats; infinite where that is too large."""
    return math.exp(nats) if nats < 700 else math.inf
