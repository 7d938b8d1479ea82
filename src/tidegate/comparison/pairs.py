"""Every pair of contenders: by how much they differ, and whether that is more than chance."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb
from typing import Any

import numpy as np

from tidegate.comparison.contenders import Contender
from tidegate.scoring.outcomes import Examples
from tidegate.scoring.significance import blocks_of, contests, holm

# Adjusted p from which on two are called a tie.
LEVEL = 0.05


def best_network(contenders: Sequence[Contender]) -> Contender | None:
    """The network with the best mean over seeds, of those with several seeds where there are any; of equals the first."""
    networks = [contender for contender in contenders if contender.kind == "network"]
    networks = [contender for contender in networks if len(contender.seeds) > 1] or networks
    if not networks:
        return None
    sign = 1 if networks[0].first.lower_is_better else -1
    return min(networks, key=lambda contender: sign * contender.score)


def pairs_of(contenders: Sequence[Contender], examples: Examples) -> list[dict[str, Any]]:
    """What results.json says of every pair.

    Nothing is claimed of a network with one seed, nor of baselines where no network has more, nor of any pair where the examples are so few
    that even the clearest difference would be no claim: `low`, `high`, `p`, `p_adjusted` and `is_tie` are None then. `p_adjusted` is Holm's
    over all pairs: the verdict asks for those with the best network only, but which one that is these same answers have said. Adjusted for
    its own pairs alone, of five equal networks of three seeds some were told apart in 11 of 100 simulated comparisons.
    """
    if len(contenders) < 2:
        return []
    count = contenders[0].counts.shape[1]
    drawn = len(np.unique(blocks_of(examples.groups))) if examples.groups else count
    has_claims = any(contender.kind == "network" and len(contender.seeds) > 1 for contender in contenders)
    ones = sum(contender.kind == "network" and len(contender.seeds) == 1 for contender in contenders)
    # The least p that exchanges of N examples can give is 2 / 2^N, and Holm multiplies the least by the number of pairs.
    has_claims = has_claims and comb(len(contenders) - ones, 2) * 2.0 ** (1 - drawn) < LEVEL
    pairs = []
    for contest in contests([contender.counts for contender in contenders], contenders[0].first.rule, examples.groups):
        a, b = contenders[contest.a], contenders[contest.b]
        seeds = [len(own.seeds) for own in (a, b) if own.kind == "network"]
        is_claimed = has_claims and min(seeds, default=2) > 1
        pairs.append(
            {
                "a": a.name,
                "b": b.name,
                "difference": contest.difference,
                "low": contest.low if is_claimed else None,
                "high": contest.high if is_claimed else None,
                "p": contest.p if is_claimed else None,
                "p_adjusted": None,
                "is_tie": None,
                "seeds": min(seeds, default=1),
                "examples": count,
            }
        )
    claimed = [pair for pair in pairs if pair["p"] is not None]
    for pair, p in zip(claimed, holm([pair["p"] for pair in claimed]), strict=True):
        pair["p_adjusted"], pair["is_tie"] = p, p >= LEVEL
    return pairs


def pair_of(pairs: Sequence[dict[str, Any]], a: str, b: str) -> dict[str, Any] | None:
    """The pair of these two, in whichever order; None where there is none."""
    return next((pair for pair in pairs if {pair["a"], pair["b"]} == {a, b}), None)
