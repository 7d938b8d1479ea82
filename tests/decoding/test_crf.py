"""Best labels, the n best, those of a fixed lag and marginals: against the enumeration of every labelling, on the engine and on its twins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from strategies import RAGGED, SEEDS, labelings, offsets_of
from tidegate.decoding import FORBIDDEN, CrfStream, Transitions, fixed_lag_viterbi, marginals, n_best, softmax, viterbi
from tidegate.decoding.crf_stream import Decided
from tidegate.kernels import engine


@pytest.fixture(params=["engine", "twins"], autouse=True)
def half(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test here runs on the engine and on the plain twins that stand in for it."""
    if request.param == "twins":
        monkeypatch.setattr(engine, "is_built", lambda: False)


SHORT = st.lists(st.integers(0, 4), max_size=6)


@contextmanager
def strict() -> Iterator[None]:
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        yield


def drawn(seed: int, lengths: Any, labels: int, dtype: Any = np.float64) -> tuple[NDArray[Any], NDArray[np.int64], Transitions]:
    random = np.random.default_rng(seed)
    emissions, pair, start, end = (
        random.normal(scale=2, size=shape).astype(dtype) for shape in ((sum(lengths), labels), (labels, labels), labels, labels)
    )
    return emissions, offsets_of(lengths), Transitions(pair, start, end)


def enumerated(emissions: NDArray[Any], offsets: NDArray[np.int64], transitions: Transitions) -> tuple[list[int], NDArray[np.float64]]:
    """The best labels [N] and the marginals [N, K], from all labellings of each sequence."""
    best: list[int] = []
    probability = np.zeros(emissions.shape)
    for begin, stop in pairwise(offsets.tolist()):
        if stop > begin:
            paths, scores = labelings(emissions[begin:stop], transitions.pair, transitions.start, transitions.end)
            best += paths[int(scores.argmax())]
            for path, weight in zip(paths, softmax(scores[None, :])[0], strict=True):
                probability[np.arange(begin, stop), list(path)] += weight
    return best, probability


# The fixture's patch holds for all examples of a test alike.
ONE_HALF = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@ONE_HALF
@given(SEEDS, SHORT, st.integers(1, 3))
def test_best_labels_and_marginals_equal_the_enumeration_of_all_labellings(seed: int, lengths: list[int], labels: int) -> None:
    batch = drawn(seed, lengths, labels)
    best, probability = enumerated(*batch)
    assert viterbi(*batch).tolist() == best
    np.testing.assert_allclose(marginals(*batch), probability, rtol=0, atol=1e-12)


def by_rank(paths: list[tuple[int, ...]], scores: NDArray[np.float64]) -> list[int]:
    """The paths' numbers, the best first; of equal ones the lower last label, then the lower one before it, and so on."""
    return sorted(range(len(paths)), key=lambda number: (-scores[number], paths[number][::-1]))


@ONE_HALF
@given(
    SEEDS,
    SHORT,
    st.integers(1, 3),
    st.sampled_from([1, 2, 7, 80, 10**6]),
    st.sampled_from([0.0, 1.0]),
    st.sampled_from([np.float32, np.float64]),
)
def test_the_n_best_are_the_first_of_all_labellings_in_order(
    seed: int, lengths: list[int], labels: int, n: int, fraction: float, dtype: Any
) -> None:
    """With whole scores, whose sums are exact, many are equal; with others hardly any."""
    emissions, offsets, transitions = drawn(seed, lengths, labels, dtype)
    parts = emissions, transitions.pair, transitions.start, transitions.end
    emissions, *edges = (np.round(part) + (part - np.round(part)) * dtype(fraction) for part in parts)
    transitions = Transitions(*edges)
    found = n_best(emissions, offsets, transitions, n)
    assert len(found) == len(lengths)
    for (begin, stop), (paths, scores) in zip(pairwise(offsets.tolist()), found, strict=True):
        assert paths.dtype == np.int64
        assert scores.dtype == np.float64
        if begin == stop:
            assert (paths.shape, scores.tolist()) == ((1, 0), [0.0])
            continue
        everything, every_score = labelings(emissions[begin:stop], *edges)
        first = by_rank(everything, every_score)[:n] if fraction == 0 else np.argsort(-every_score)[:n].tolist()
        assert list(map(tuple, paths.tolist())) == [everything[number] for number in first]
        np.testing.assert_allclose(scores, every_score[first], rtol=0, atol=1e-12)


@ONE_HALF
@given(SEEDS, st.lists(st.integers(0, 6), max_size=4), st.integers(1, 3), st.sampled_from([0, 1, 2, 4, 10**12]))
def test_labels_of_a_fixed_lag_are_those_of_the_best_labelling_up_to_there(seed: int, lengths: list[int], labels: int, lag: int) -> None:
    emissions, offsets, transitions = drawn(seed, lengths, labels)
    found = fixed_lag_viterbi(emissions, offsets, transitions, lag)
    assert found.dtype == np.int64
    expected = []
    for begin, stop in pairwise(offsets.tolist()):
        for t in range(stop - begin):
            seen = emissions[begin : min(begin + t + lag + 1, stop)]
            end = transitions.end if begin + len(seen) == stop else np.zeros(labels)
            paths, scores = labelings(seen, transitions.pair, transitions.start, end)
            expected.append(paths[int(scores.argmax())][t])
    assert found.tolist() == expected
    if lag >= max(lengths, default=0) - 1:
        assert found.tolist() == viterbi(emissions, offsets, transitions).tolist()


def test_of_equal_scores_the_lowest_label_wins() -> None:
    batch = np.zeros((sum(RAGGED), 5)), offsets_of(RAGGED), Transitions(np.zeros((5, 5)), np.zeros(5), np.zeros(5))
    assert not viterbi(*batch).any()
    assert not fixed_lag_viterbi(*batch, 1).any()
    assert [path.tolist() for path in n_best(np.zeros((2, 2)), offsets_of((2,)), Transitions(np.zeros((2, 2)), np.zeros(2), np.zeros(2)), 4)[0].labels] == [
        [0, 0], [1, 0], [0, 1], [1, 1]
    ]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), [
    (lambda *batch: n_best(*batch, 0), "n is 0; expected a whole number above 0"),
    (lambda *batch: fixed_lag_viterbi(*batch, -1), "lag is -1; expected a whole number of steps, 0 or more"),
])  # fmt: skip
def test_numbers_out_of_range_are_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(*drawn(0, RAGGED, 3))


@pytest.mark.parametrize("place", ["emissions", "pair", "start", "end"])
@pytest.mark.parametrize("labels", [1, 3, 20])
def test_what_is_no_number_gives_no_number_and_labels_all_the_same(place: str, labels: int) -> None:
    emissions, offsets, transitions = drawn(3, RAGGED, labels)
    sound = n_best(emissions, offsets, transitions, 2)
    (emissions if place == "emissions" else getattr(transitions, place)).flat[-1] = np.nan
    with np.errstate(invalid="ignore"):
        probability, found = marginals(emissions, offsets, transitions), n_best(emissions, offsets, transitions, 2)
        answers = viterbi(emissions, offsets, transitions), fixed_lag_viterbi(emissions, offsets, transitions, 2)
    for answer in answers:
        assert ((answer >= 0) & (answer < labels)).all()
    # Of the emissions' NaN, in the last sequence that has steps, the others know nothing.
    for b, (begin, stop) in enumerate(pairwise(offsets.tolist())):
        is_struck = stop > begin and (place != "emissions" or stop == len(emissions))
        if stop - begin > 1 or place != "pair":
            assert np.isnan(probability[begin:stop]).sum() == is_struck * labels * (stop - begin)
        assert np.isnan(found[b].scores).any() == is_struck
        if not is_struck:
            assert found[b].scores.tolist() == sound[b].scores.tolist()


def test_pairs_are_read_from_row_to_column_and_edges_at_their_own_ends() -> None:
    pair, start, end = np.zeros((2, 2)), np.zeros(2), np.zeros(2)
    pair[0, 1] = 1
    assert viterbi(np.zeros((2, 2)), offsets_of((2,)), Transitions(pair, start, end)).tolist() == [0, 1]
    start[1], end[0] = 3, 3
    assert viterbi(np.zeros((2, 2)), offsets_of((2,)), Transitions(pair, start, end)).tolist() == [1, 0]
    # Of e^0, e^1+0 ...: scores of 00, 01, 10, 11 are 3, 1, 6, 3.
    weights = np.exp([3.0, 1, 6, 3])
    expected = [[weights[0] + weights[1], weights[2] + weights[3]], [weights[0] + weights[2], weights[1] + weights[3]]]
    result = marginals(np.zeros((2, 2)), offsets_of((2,)), Transitions(pair, start, end))
    np.testing.assert_allclose(result, np.array(expected) / weights.sum(), rtol=1e-14)


def test_float32_in_gives_int64_labels_and_float64_probabilities() -> None:
    batch = drawn(0, RAGGED, 3, np.float32)
    assert viterbi(*batch).dtype == np.int64
    probability = marginals(*batch)
    assert probability.dtype == np.float64
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-14)


def test_other_sequences_in_the_batch_change_nothing() -> None:
    emissions, _, transitions = drawn(1, (6, 3, 2, 5), 4)
    alone = emissions[6:9], offsets_of((3,)), transitions
    for other in (emissions, np.where(np.arange(16)[:, None] // 3 == 2, emissions, 1e3 * emissions)):
        batch = np.concatenate([other[:6], emissions[6:9], other[9:]]), offsets_of((6, 3, 2, 5)), transitions
        assert viterbi(*batch)[6:9].tolist() == viterbi(*alone).tolist()
        np.testing.assert_allclose(marginals(*batch)[6:9], marginals(*alone), rtol=0, atol=1e-14)


def test_reading_a_sequence_from_its_end_with_all_pairs_turned_gives_the_same_answers() -> None:
    emissions, offsets, transitions = drawn(2, (7,), 4)
    mirrored = emissions[::-1], offsets, Transitions(transitions.pair.T, transitions.end, transitions.start)
    assert viterbi(*mirrored)[::-1].tolist() == viterbi(emissions, offsets, transitions).tolist()
    np.testing.assert_allclose(marginals(*mirrored)[::-1], marginals(emissions, offsets, transitions), rtol=0, atol=1e-14)


@pytest.mark.parametrize("lengths", [(), (0,), (0, 0)], ids=str)
def test_a_batch_without_steps_has_no_labels_and_no_probabilities(lengths: tuple[int, ...]) -> None:
    batch = drawn(0, lengths, 3)
    assert viterbi(*batch).shape == (0,)
    assert marginals(*batch).shape == (0, 3)


def test_a_single_label_is_certain() -> None:
    batch = drawn(0, RAGGED, 1)
    assert viterbi(*batch).tolist() == [0] * sum(RAGGED)
    assert marginals(*batch).tolist() == [[1.0]] * sum(RAGGED)


def test_inputs_are_left_as_they_were() -> None:
    emissions, offsets, transitions = drawn(3, RAGGED, 3)
    before = [part.copy() for part in (emissions, transitions.pair, transitions.start, transitions.end)]
    viterbi(emissions, offsets, transitions)
    marginals(emissions, offsets, transitions)
    for part, was in zip((emissions, transitions.pair, transitions.start, transitions.end), before, strict=True):
        assert part.tolist() == was.tolist()


def steps_of(path: list[int], edge: int) -> list[tuple[int, int]]:
    return list(pairwise([edge, *path, edge]))


@ONE_HALF
@given(SEEDS, st.lists(st.integers(1, 4), min_size=1, max_size=5), st.floats(0, 0.7), st.sampled_from([np.float32, np.float64]))
def test_no_forbidden_pair_is_used_where_an_allowed_path_exists(seed: int, lengths: list[int], share: float, dtype: Any) -> None:
    labels = 3
    emissions, offsets, transitions = drawn(seed, lengths, labels, dtype)
    is_forbidden = np.random.default_rng([seed, 1]).random((labels + 1, labels + 1)) < share
    penalty = np.where(is_forbidden, FORBIDDEN, 0).astype(dtype)
    transitions = Transitions(
        transitions.pair + penalty[:-1, :-1], transitions.start + penalty[-1, :-1], transitions.end + penalty[:-1, -1]
    )
    with strict():
        best, probability = viterbi(emissions, offsets, transitions), marginals(emissions, offsets, transitions)
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-12)
    for begin, end in pairwise(offsets.tolist()):
        paths, _ = labelings(emissions[begin:end], transitions.pair, transitions.start, transitions.end)
        allowed = [path for path in paths if not any(is_forbidden[step] for step in steps_of(list(path), labels))]
        if allowed:
            assert tuple(best[begin:end].tolist()) in allowed
            reached = {(step, label) for path in allowed for step, label in enumerate(path)}
            for step in range(end - begin):
                for label in range(labels):
                    if (step, label) not in reached:
                        assert probability[begin + step, label] < 1e-12


@pytest.mark.parametrize("scale", [1e4, 1e8, 1e30])
def test_extreme_scores_where_every_pair_is_forbidden_still_give_probabilities(scale: float) -> None:
    emissions, offsets, _ = drawn(4, RAGGED, 3)
    nothing_allowed = Transitions(np.full((3, 3), FORBIDDEN), np.full(3, FORBIDDEN), np.full(3, FORBIDDEN))
    contradictory = Transitions(FORBIDDEN * (1 - np.roll(np.eye(3), 1, axis=1)), FORBIDDEN * np.arange(3), FORBIDDEN * np.arange(3)[::-1])
    for transitions in (nothing_allowed, contradictory):
        with strict():
            probability = marginals(scale * emissions, offsets, transitions)
            viterbi(scale * emissions, offsets, transitions)
        assert np.isfinite(probability).all()
        np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-12)


def test_marginals_of_twenty_thousand_steps_are_finite_and_those_of_any_stretch_far_from_its_ends() -> None:
    emissions, offsets, transitions = drawn(5, (20_000,), 5, np.float32)
    with strict():
        probability = marginals(emissions, offsets, transitions)
    assert np.isfinite(probability).all()
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-12)
    stretch = marginals(emissions[9_000:9_400], offsets_of((400,)), transitions)
    np.testing.assert_allclose(probability[9_190:9_210], stretch[190:210], rtol=0, atol=1e-10)


def test_best_labels_of_twenty_thousand_steps_are_the_best() -> None:
    """Pairs drive the labels round a ring, most emissions agree, and every seventh pulls aside, for less than leaving would cost."""
    labels, steps = 4, 20_000
    ring = 3 * np.roll(np.eye(labels, dtype=np.float32), 1, axis=1)
    expected = np.arange(steps) % labels
    emissions = np.zeros((steps, labels), dtype=np.float32)
    emissions[np.arange(steps), expected] = 0.5
    emissions[::7] = 0
    emissions[np.arange(0, steps, 7), (expected[::7] + 2) % labels] = 1
    start, end = np.array([9, 0, 0, 0], dtype=np.float32), np.zeros(labels, dtype=np.float32)
    assert viterbi(emissions, offsets_of((steps,)), Transitions(ring, start, end)).tolist() == expected.tolist()


def test_softmax_is_e_to_the_logits_over_their_sum_however_large() -> None:
    with strict():
        np.testing.assert_allclose(softmax(np.log([[1.0, 2, 5], [3, 3, 2]])), [[1 / 8, 2 / 8, 5 / 8], [3 / 8, 3 / 8, 2 / 8]], rtol=1e-14)
        assert softmax(np.array([[1e30, 0], [-1e30, 0]], dtype=np.float32)).tolist() == [[1, 0], [0, 1]]
    assert softmax(np.zeros((0, 3), dtype=np.float32)).shape == (0, 3)


def told(emissions: NDArray[Any], transitions: Transitions | None, lag: int, cuts: int = 1) -> list[Decided]:
    stream = CrfStream(transitions, emissions.shape[1], lag)
    decided = [answer for begin in range(0, len(emissions), cuts) for answer in stream.feed(emissions[begin : begin + cuts])]
    assert len(decided) == max(0, len(emissions) - lag)
    return [*decided, *stream.finish(emissions[:0])]


@ONE_HALF
@given(SEEDS, st.integers(0, 6), st.integers(1, 3), st.sampled_from([0, 1, 2, 4, 10]), st.sampled_from([1, 2, 100]))
def test_each_label_is_that_of_the_best_labelling_up_to_there(seed: int, steps: int, labels: int, lag: int, cuts: int) -> None:
    emissions, _, transitions = drawn(seed, [steps], labels)
    found = told(emissions, transitions, lag, cuts)
    for t, (label, probability) in enumerate(found):
        has_ended = t + lag >= steps
        seen = emissions if has_ended else emissions[: t + lag + 1]
        paths, scores = labelings(seen, transitions.pair, transitions.start, transitions.end if has_ended else np.zeros(labels))
        assert label == paths[int(scores.argmax())][t]
        weights = np.exp(scores - scores.max())
        share = sum(weight for path, weight in zip(paths, weights, strict=True) if path[t] == label) / weights.sum()
        assert probability == pytest.approx(share, abs=1e-9)
    if lag >= steps:
        assert [label for label, _ in found] == viterbi(emissions, np.array([0, steps]), transitions).tolist()


def test_without_transitions_a_label_is_its_own_most_probable_one_and_waits_all_the_same() -> None:
    emissions = np.random.default_rng(4).normal(size=(9, 5)).astype(np.float32)
    found = told(emissions, None, 3)
    assert [label for label, _ in found] == emissions.argmax(axis=1).tolist()
    np.testing.assert_allclose([p for _, p in found], softmax(emissions.astype(np.float64)).max(axis=1), rtol=0, atol=1e-12)


def test_a_sequence_without_end_keeps_its_numbers_small_and_its_labels() -> None:
    emissions, offsets, transitions = drawn(7, [200], 4)
    emissions += 1e3  # every step adds to every score
    lag = 3
    stream = CrfStream(transitions, 4, lag)
    found = [label for label, _ in stream.feed(emissions)]
    assert found == fixed_lag_viterbi(emissions, offsets, transitions, lag)[: len(emissions) - lag].tolist()
    assert all(np.abs(array).max() < 2e3 for array in stream.arrays().values())


@ONE_HALF
@given(SEEDS, st.integers(1, 8), st.integers(0, 8), st.sampled_from([0, 1, 3]))
def test_a_saved_stream_goes_on_as_if_it_had_not_been(seed: int, steps: int, cut: int, lag: int) -> None:
    emissions, _, transitions = drawn(seed, [steps], 3)
    first, second = CrfStream(transitions, 3, lag), CrfStream(transitions, 3, lag)
    begun = first.feed(emissions[:cut])
    second.restore(first.arrays())
    assert [*begun, *second.feed(emissions[cut:]), *second.finish(emissions[:0])] == told(emissions, transitions, lag)


def test_the_labels_at_the_end_come_of_one_reading_of_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def counted(emissions: NDArray[Any], *rest: Any) -> NDArray[np.int64]:
        read.append(len(emissions))
        return viterbi(emissions, *rest)

    monkeypatch.setattr("tidegate.decoding.crf_stream.viterbi", counted)
    emissions, offsets, transitions = drawn(3, [300], 4)
    stream = CrfStream(transitions, 4, 500)
    assert stream.feed(emissions[:200]) == []
    assert [label for label, _ in stream.finish(emissions[200:])] == viterbi(emissions, offsets, transitions).tolist()
    assert read == [300]


def test_a_piece_of_many_steps_is_decided_by_no_more_than_the_lag() -> None:
    emissions, _, transitions = drawn(11, [60], 4)
    for lag in (0, 1, 3):
        assert told(emissions, transitions, lag, 100) == told(emissions, transitions, lag, 1)
