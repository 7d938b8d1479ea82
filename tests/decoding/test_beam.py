"""Beam search against all sequences of a tiny vocabulary, and against a plain search written hypothesis by hypothesis."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from tidegate.decoding.beam import BeamSearch, Finished, best_columns

END = 0


class Teller:
    """Random log-probabilities [V] of the next unit of each source, by all units before it; attention over five places beside them."""

    def __init__(self, seed: int, units: int, *, sharpness: float = 1.0, ties: int = 0) -> None:
        self._seed, self._units, self._sharpness, self._ties = seed, units, sharpness, ties

    def __call__(self, source: int, before: tuple[int, ...]) -> Any:
        random = np.random.default_rng([self._seed, source, len(before), *before])
        logits = random.normal(size=self._units) * self._sharpness
        if self._ties:
            logits = random.integers(0, self._ties, self._units).astype(float)
        return logits - np.log(np.exp(logits).sum())

    def attention(self, source: int, before: tuple[int, ...]) -> Any:
        weights = np.random.default_rng([self._seed, 9, source, len(before), *before]).random(5)
        return weights / weights.sum()


def logprob_of(teller: Teller, source: int, units: tuple[int, ...]) -> float:
    return math.fsum(teller(source, units[:t])[unit] for t, unit in enumerate((*units, END)))


def score_of(teller: Teller, source: int, units: tuple[int, ...], alpha: float, beta: float) -> float:
    seen = sum(teller.attention(source, units[:t]) for t in range(len(units) + 1))
    coverage = sum(math.log(min(float(share), 1.0)) for share in seen)
    return logprob_of(teller, source, units) / ((6 + len(units)) / 6) ** alpha + beta * coverage


def searched(teller: Teller, caps: list[int], sources: list[int] | None = None, **options: Any) -> list[list[Finished]]:
    """Drives a search as a network would; checks that rows stand by source."""
    sources = list(range(len(caps))) if sources is None else sources
    search = BeamSearch(np.array(caps), END, **options)
    texts: list[tuple[int, ...]] = [()] * len(caps)
    seen = [np.zeros(5)] * len(caps)
    while not search.is_done:
        assert (np.diff(search.sources) >= 0).all()
        rows = list(zip(search.sources.tolist(), texts, strict=True))
        seen = [sum_ + teller.attention(sources[source], text) for sum_, (source, text) in zip(seen, rows, strict=True)]
        coverage = np.array([np.log(np.minimum(each, 1)).sum() for each in seen])
        told = np.array([teller(sources[source], text) for source, text in rows])
        parents, units = search.advance(told, coverage)
        texts = [(*texts[parent], unit) for parent, unit in zip(parents.tolist(), units.tolist(), strict=True)]
        seen = [seen[parent] for parent in parents.tolist()]
    return search.results()


def plain_search(teller: Teller, source: int, cap: int, *, beam: int, n_best: int, length_penalty: float, coverage_penalty: float) -> Any:
    """The same by lists of tuples: (units, score), best first."""
    hypotheses: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    finished: list[tuple[float, tuple[int, ...]]] = []
    while hypotheses:
        candidates = []
        for logprob, units in hypotheses:
            told = teller(source, units)
            candidates += [(logprob + told[unit], (*units, unit)) for unit in range(len(told)) if unit == END or len(units) < cap]
        candidates.sort(key=lambda candidate: -candidate[0])
        hypotheses = []
        for logprob, units in candidates[:beam]:
            if units[-1] == END:
                finished.append((score_of(teller, source, units[:-1], length_penalty, coverage_penalty), units[:-1]))
            else:
                hypotheses.append((logprob, units))
        finished = sorted(finished, key=lambda each: -each[0])[:n_best]
        if len(finished) == n_best:
            greatest = ((6 + cap) / 6) ** length_penalty
            hypotheses = [(logprob, units) for logprob, units in hypotheses if logprob / greatest > finished[-1][0]]
    return [(units, pytest.approx(score)) for score, units in finished]


@pytest.mark.parametrize("sharpness", [0.3, 1.0, 3.0])
@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (1.0, 0.0), (0.6, 0.4), (2.0, 1.0)])
@pytest.mark.parametrize("n_best", [1, 4, 100])
def test_a_beam_as_wide_as_all_sequences_finds_the_best_of_them(n_best: int, alpha: float, beta: float, sharpness: float) -> None:
    teller = Teller(7, 4, sharpness=sharpness)
    caps = [4, 2, 0, 1, 3]
    found = searched(teller, caps, beam=3**4 * 2, n_best=n_best, length_penalty=alpha, coverage_penalty=beta)
    for source, (cap, hypotheses) in enumerate(zip(caps, found, strict=True)):
        every = [units for length in range(cap + 1) for units in itertools.product(range(1, 4), repeat=length)]
        scores = {units: score_of(teller, source, units, alpha, beta) for units in every}
        expected = sorted(every, key=lambda units: -scores[units])[:n_best]
        assert [each.units for each in hypotheses] == expected
        np.testing.assert_allclose([each.score for each in hypotheses], [scores[units] for units in expected])
        np.testing.assert_allclose([each.logprob for each in hypotheses], [logprob_of(teller, source, units) for units in expected])


@pytest.mark.parametrize("ties", [0, 2])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    ("beam", "n_best", "alpha", "beta"), [(1, 1, 1.0, 0.0), (2, 1, 0.0, 0.0), (3, 3, 1.0, 0.2), (5, 2, 0.7, 0.0), (9, 9, 1.5, 1.0)]
)
def test_a_narrow_beam_is_the_plain_search_and_no_source_hangs_on_another(
    beam: int, n_best: int, alpha: float, beta: float, seed: int, ties: int
) -> None:
    teller = Teller(seed, 5, ties=ties)
    caps = [8, 0, 3, 12, 1, 8]
    options: Any = {"beam": beam, "n_best": n_best, "length_penalty": alpha, "coverage_penalty": beta}
    together = searched(teller, caps, **options)
    for source, cap in enumerate(caps):
        expected = plain_search(teller, source, cap, **options)
        assert [(each.units, each.score) for each in together[source]] == expected
        (alone,) = searched(teller, [cap], [source], **options)
        assert [(a.units, a.score, a.logprob) for a in alone] == [(t.units, t.score, t.logprob) for t in together[source]]


def test_a_beam_of_one_takes_the_best_unit_each_time_and_stops_at_the_end() -> None:
    teller, cap = Teller(3, 6, sharpness=2.0), 30
    found = searched(teller, [cap] * 20, beam=1, n_best=1, length_penalty=1.0)
    for source, ((hypothesis,),) in enumerate(zip(found, strict=True)):
        units: tuple[int, ...] = ()
        while len(units) < cap and (best := int(teller(source, units).argmax())) != END:
            units = (*units, best)
        assert hypothesis.units == units


def test_of_equal_hypotheses_the_one_of_lower_units_comes_first() -> None:
    search = BeamSearch(np.array([2]), END, beam=4, n_best=4)
    while not search.is_done:
        search.advance(np.full((len(search.sources), 3), -math.log(3)))
    (found,) = search.results()
    assert [each.units for each in found] == [(), (1,), (2,), (1, 1)]


def test_a_unit_of_no_probability_is_never_chosen() -> None:
    search = BeamSearch(np.array([3]), END, beam=5, n_best=5)
    while not search.is_done:
        search.advance(np.array([[-1.0, -np.inf, -0.5]] * len(search.sources)))
    (found,) = search.results()
    assert {unit for each in found for unit in each.units} == {2}
    assert len(found) == 4


def test_the_search_ends_as_soon_as_no_open_hypothesis_can_win() -> None:
    search = BeamSearch(np.array([1000]), END, beam=5, length_penalty=0.0)
    search.advance(np.log([[0.6, 0.3, 0.1]]))
    assert search.is_done
    open_still = BeamSearch(np.array([1000]), END, beam=5, length_penalty=1.0)
    open_still.advance(np.log([[0.6, 0.3, 0.1]]))
    assert len(open_still.sources) == 2  # a long one would be normalised by up to 1006/6


def test_rows_lead_back_to_what_each_unit_was_chosen_from() -> None:
    teller = Teller(5, 5)
    told: list[Any] = []
    search = BeamSearch(np.array([6, 4, 6]), END, beam=4, n_best=3, length_penalty=1.0)
    texts: list[tuple[int, ...]] = [()] * 3
    while not search.is_done:
        told.append(np.array([teller(source, text) for source, text in zip(search.sources.tolist(), texts, strict=True)]))
        parents, units = search.advance(told[-1].copy())
        texts = [(*texts[parent], unit) for parent, unit in zip(parents.tolist(), units.tolist(), strict=True)]
    for hypotheses in search.results():
        for each in hypotheses:
            assert len(each.rows) == len(each.units) + 1
            way = [told[step][row][unit] for step, (row, unit) in enumerate(zip(each.rows.tolist(), (*each.units, END), strict=True))]
            assert each.logprob == pytest.approx(math.fsum(way))


def test_no_sources_are_done_at_once() -> None:
    search = BeamSearch(np.zeros(0, dtype=np.int64), END, beam=3)
    assert search.is_done
    assert search.results() == []


def test_the_best_columns_are_those_of_a_stable_sort() -> None:
    scores = np.random.default_rng(0).integers(0, 4, (50, 9)).astype(np.float32)
    columns, values = best_columns(scores.copy(), 5)
    assert columns.tolist() == np.argsort(-scores, axis=1, kind="stable")[:, :5].tolist()
    assert values.tolist() == np.take_along_axis(scores, columns, axis=1).tolist()
