"""Whether two contenders differ by more than chance: over other examples, and over other seeds.

Counts [S, N, K] are what a contender answered: S seeds, N examples, K counts as in `Outcomes`. Its score is the mean over seeds of the
score of the counts summed over examples. Two questions are put, and a difference is called one only where both say so:

- Would other examples turn it? Approximate randomisation: the two contenders' rows of an example are exchanged or not, at random, in all
  seeds together, as if it were all the same who answered. All 2^N exchanges are made where they are no more than the draws.
- Would other seeds turn it, on other examples? Hierarchical bootstrap: seeds are drawn with replacement, of each contender its own, then
  examples, the same for all; the spread of the differences gives the interval, and how often they lie as far off as what was found the p.

Sources: Noreen 1989, Computer-Intensive Methods for Testing Hypotheses, ch. 2; Yeh 2000, COLING (exchanges for F1); Efron & Tibshirani
1993, An Introduction to the Bootstrap, ch. 13 and 16; Davison & Hinkley 1997, Bootstrap Methods and their Application, 3.8 (two levels);
Holm 1979, Scand. J. Statist. 6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import lcm, sqrt

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import ShapeError
from tidegate.scoring.outcomes import RULES, Counts

DRAWS = 5_000
# Of fewer the same ones would be drawn over and over; with five the least p of all exchanges is 2 / 2^5 = 0.0625, and nothing is ever told.
_FEWEST_GROUPS = 10
# Student's t at 0.975 with 1, 2, 3, ... degrees of freedom: of a pair, its seeds less one for each contender that has several. Without it,
# of equal networks whose seeds differ much more than examples would make them, 15 in 100 were called different with two seeds and 7 with
# three (300 simulated comparisons); with it 3 to 6. A baseline has one seed, which leaves fewer degrees.
_STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
)  # fmt: skip
# Numbers of one chunk of draws: 32 MB.
_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True)
class Contest:
    """Two contenders, by their places.

    Attributes:
        difference: score of `a` less that of `b`.
        low, high: of that difference, 95 % over examples and seeds.
        p: how often chance alone would part two equals so far, over examples, and over examples and seeds: the larger of the two.
    """

    a: int
    b: int
    difference: float
    low: float
    high: float
    p: float


def contests(counts: Sequence[Counts], rule: str, groups: Sequence[str] = (), *, draws: int = DRAWS, seed: int = 0) -> list[Contest]:
    """Every pair of contenders, in order of places.

    Args:
        counts: of each contender [S, N, K]; S may differ, the N examples are the same.
        rule: of `RULES`.
        groups: [N], which examples hang together: drawn and exchanged together. Empty: each stands alone.
        draws: of the bootstrap, and of exchanges.
        seed: of the draws; equal seeds give equal results.

    Raises:
        ShapeError: contenders have other examples, or none.
    """
    shapes = {found.shape[1:] for found in counts}
    if len(shapes) != 1 or any(found.ndim != 3 or 0 in found.shape for found in counts):
        raise ShapeError(f"counts are {', '.join(str(found.shape) for found in counts)}; expected [S, N, K] with the same N and K for all.")
    whole = [_summed_by_group(found, groups) for found in counts]
    own = [float(RULES[rule](found.sum(axis=1)).mean()) for found in whole]
    means, deviations = bootstrap_scores(whole, rule, draws=draws, seed=seed)
    pairs = list(combinations(range(len(counts)), 2))
    exchanged = exchange_p([(whole[a], whole[b]) for a, b in pairs], rule, draws=draws, seed=seed)
    found = []
    for (a, b), p_examples in zip(pairs, exchanged, strict=True):
        difference = own[a] - own[b]
        spread = means[a] - means[b] + _student(len(whole[a]) + len(whole[b]) - 2) * (deviations[a] - deviations[b])
        low, high = np.percentile(spread, [2.5, 97.5])
        p_seeds = (1 + np.count_nonzero(np.abs(spread - difference) >= abs(difference) - _slack(difference))) / (draws + 1)
        found.append(Contest(a, b, difference, float(low), float(high), max(p_examples, float(p_seeds))))
    return found


def bootstrap_scores(counts: Sequence[Counts], rule: str, *, draws: int = DRAWS, seed: int = 0) -> tuple[Counts, Counts]:
    """Of C contenders [S, G, K] with examples drawn anew: scores [C, draws], and how far those of seeds drawn anew lie off them.

    The deviations are widened by √(S / (S - 1)), since means of so few vary that much too little.
    """
    random = np.random.default_rng(seed)
    examples = counts[0].shape[1]
    columns = np.concatenate([found.transpose(1, 0, 2).reshape(examples, -1) for found in counts], axis=1)
    ends = np.cumsum([found.shape[0] * found.shape[2] for found in counts])[:-1]
    scores: list[list[Counts]] = [[] for _ in counts]
    for size in _chunks(draws, max(columns.shape)):
        places = random.integers(examples, size=(size, examples)) + examples * np.arange(size)[:, None]
        weights = np.bincount(places.ravel(), minlength=size * examples).reshape(size, examples).astype(np.float64)
        for own, sums, found in zip(scores, np.split(weights @ columns, ends, axis=1), counts, strict=True):
            own.append(RULES[rule](sums.reshape(size, found.shape[0], found.shape[2])))
    all_scores = [np.concatenate(own) for own in scores]
    return np.stack([own.mean(axis=1) for own in all_scores]), np.stack([_deviations(own, random) for own in all_scores])


def _deviations(scores: Counts, random: np.random.Generator) -> Counts:
    """Scores [draws, S] of all seeds: how far the means [draws] of seeds that are drawn anew for each lie off those of all."""
    draws, seeds = scores.shape
    if seeds == 1:
        return np.zeros(draws)
    weights = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws) / seeds
    found: Counts = sqrt(seeds / (seeds - 1)) * ((scores * weights).sum(axis=1) - scores.mean(axis=1))
    return found


def _student(degrees: int) -> float:
    """By how much Student's t is wider than the normal; where no contender has two seeds, there is nothing to widen."""
    return _STUDENT[min(degrees, len(_STUDENT)) - 1] / 1.96 if degrees else 1.0


def exchange_p(pairs: Sequence[tuple[Counts, Counts]], rule: str, *, draws: int = DRAWS, seed: int = 0) -> list[float]:
    """For each pair of [S, G, K] the share of exchanges that part the two at least as far as they are; the same exchanges for all pairs.

    Exact where all 2^G exchanges are no more than `draws`; else (hits + 1) / (draws + 1).
    """
    if not pairs:
        return []
    examples = pairs[0][0].shape[1]
    is_exact = examples < 63 and 2**examples <= draws
    equal = [_equal_seeds(a, b) for a, b in pairs]
    observed = [float(_mean_score(a.sum(axis=1), rule) - _mean_score(b.sum(axis=1), rule)) for a, b in equal]
    hits = [0] * len(pairs)
    width = max(a.shape[0] * a.shape[2] for a, _ in equal)
    for masks in _all_masks(examples) if is_exact else _drawn_masks(examples, width, draws, seed):
        for place, (a, b) in enumerate(equal):
            seeds, _, kinds = a.shape
            moved = (masks @ (b - a).transpose(1, 0, 2).reshape(examples, -1)).reshape(len(masks), seeds, kinds)
            parted = _mean_score(a.sum(axis=1) + moved, rule) - _mean_score(b.sum(axis=1) - moved, rule)
            hits[place] += int(np.count_nonzero(np.abs(parted) >= abs(observed[place]) - _slack(observed[place])))
    return [count / 2**examples if is_exact else (count + 1) / (draws + 1) for count in hits]


def _all_masks(examples: int) -> Iterator[Counts]:
    yield ((np.arange(2**examples)[:, None] >> np.arange(examples)) & 1).astype(np.float64)


def _drawn_masks(examples: int, width: int, draws: int, seed: int) -> Iterator[Counts]:
    random = np.random.default_rng([seed, 1])  # another stream than the bootstrap's
    for size in _chunks(draws, max(examples, width)):
        yield random.integers(2, size=(size, examples), dtype=np.int8).astype(np.float64)


def _mean_score(sums: Counts, rule: str) -> NDArray[np.float64]:
    """Of sums [..., S, K], over seeds: [...]."""
    found: Counts = RULES[rule](sums).mean(axis=-1)
    return found


def _slack(difference: float) -> float:
    """Rounding by which two ways of adding the same counts may differ."""
    return 1e-9 * max(1.0, abs(difference))


def _equal_seeds(a: Counts, b: Counts) -> tuple[Counts, Counts]:
    """Both with so many seeds that each one's own come equally often, which leaves their means as they are."""
    seeds = lcm(len(a), len(b))
    return np.tile(a, (seeds // len(a), 1, 1)), np.tile(b, (seeds // len(b), 1, 1))


def _summed_by_group(counts: Counts, groups: Sequence[str]) -> Counts:
    """[S, N, K] as [S, G, K]."""
    if not groups:
        return counts
    _, index = np.unique(blocks_of(groups), return_inverse=True)
    found = np.zeros((counts.shape[0], int(index.max()) + 1, counts.shape[2]))
    for seed, own in enumerate(counts):
        np.add.at(found[seed], index, own)
    return found


def blocks_of(groups: Sequence[str]) -> NDArray[np.int64]:
    """Numbers [N] of what is drawn together: the groups, or where these are too few to tell anything, blocks of neighbours in each.

    Blocks have n^(1/3) of a group's n examples (Hall, Horowitz & Jing 1995, Biometrika 82): most of what hangs together in time stays so.
    Of few examples they are shorter, so that there are enough blocks to tell anything by.
    """
    names, index, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    if len(names) >= _FEWEST_GROUPS:
        return index.astype(np.int64)
    blocks = np.zeros(len(index), dtype=np.int64)
    begin, longest = 0, max(1, len(index) // _FEWEST_GROUPS)
    for group, size in enumerate(sizes):
        own = np.arange(size) // min(longest, max(1, round(size ** (1 / 3))))
        blocks[index == group] = begin + own
        begin += int(own[-1]) + 1
    return blocks


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted so that among all of them a false claim is made as seldom as alone.

    The smallest of m is taken m-fold, the next (m - 1)-fold, and so on; none is below one before it, none above 1.
    """
    order = np.argsort(np.asarray(p, dtype=np.float64), kind="stable")
    adjusted = [0.0] * len(p)
    highest = 0.0
    for rank, place in enumerate(order.tolist()):
        highest = max(highest, min(1.0, (len(p) - rank) * p[place]))
        adjusted[place] = highest
    return adjusted


def _chunks(draws: int, width: int) -> Iterator[int]:
    """Sizes of chunks that add up to the draws."""
    most = max(1, _CHUNK // max(1, width))
    for begin in range(0, draws, most):
        yield min(most, draws - begin)
