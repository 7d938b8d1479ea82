"""CTC's transcripts against the enumeration of all alignments: the best labels, whole and live, and prefix beam search."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from strategies import alignments, log_of_sum, log_softmax, offsets_of
from tidegate.decoding import CtcGreedyStream, ctc_beam, ctc_greedy
from tidegate.errors import ShapeError
from tidegate.kernels import ctc_loss, engine

EVERY = 10**6  # wide enough for all prefixes


@pytest.fixture(params=["engine", "twin"])
def half(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "twin":
        monkeypatch.setattr(engine, "is_there", lambda: False)
    name: str = request.param
    return name


def drawn(steps: tuple[int, ...], labels: int, scale: float = 2.0, seed: int = 0, dtype: Any = np.float64) -> tuple[NDArray[Any], Any]:
    return (scale * np.random.default_rng([seed, labels]).normal(size=(sum(steps), labels))).astype(dtype), offsets_of(steps)


def begins(path: tuple[int, ...], blank: int) -> list[int]:
    return [t for t, label in enumerate(path) if label != blank and (t == 0 or label != path[t - 1])]


@pytest.mark.parametrize("blank", [0, 1])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("steps", "labels"), [(1, 2), (5, 3), (6, 3), (4, 4)])
def test_a_beam_that_holds_all_prefixes_finds_all_transcripts(steps: int, labels: int, seed: int, blank: int, half: str) -> None:
    logits, offsets = drawn((steps,), labels, seed=seed)
    known = alignments(log_softmax(logits), blank)
    (found,) = ctc_beam(logits, offsets, beam=EVERY, n_best=EVERY, blank=blank)
    assert {tuple(path.labels.tolist()) for path in found} == set(known)
    assert [path.score for path in found] == sorted((path.score for path in found), reverse=True)
    for path in found:
        paths = known[tuple(path.labels.tolist())]
        assert path.score == pytest.approx(log_of_sum(np.array([score for score, _ in paths])), abs=1e-12)
        assert path.steps.tolist() == begins(max(paths)[1], blank)


@pytest.mark.parametrize("blank", [0, 1])
def test_the_best_labels_are_the_best_alignment(blank: int) -> None:
    logits, offsets = drawn((5, 0, 6, 1), 3)
    for (begin, end), path in zip(pairwise(offsets), ctc_greedy(logits, offsets, blank), strict=True):
        best, spelled = max(
            (paths, labels) for labels, all_paths in alignments(log_softmax(logits[begin:end]), blank).items() for paths in all_paths
        )
        assert tuple(path.labels.tolist()) == spelled
        assert path.steps.tolist() == begins(best[1], blank)
        assert path.score == pytest.approx(best[0], abs=1e-12)


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_labels_that_arrive_live_are_those_of_the_whole(chunk: int) -> None:
    logits, offsets = drawn((60,), 4, dtype=np.float32)
    stream = CtcGreedyStream(blank=2)
    pieces = [label for begin in range(0, 60, chunk) for label in stream.feed(logits[begin : begin + chunk])]
    (whole,) = ctc_greedy(logits, offsets, 2)
    assert pieces == list(zip(whole.labels.tolist(), whole.steps.tolist(), strict=True))
    assert stream.feed(logits[:0]) == []
    with pytest.raises(ShapeError, match=r"logits has the shape \[2\]"):
        stream.feed(logits[0, :2])


@pytest.mark.parametrize("prune", [0.0, 0.02, 0.4])
@pytest.mark.parametrize("beam", [1, 2, 5, 20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_engine_and_twin_find_the_same(beam: int, prune: float, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    logits, offsets = drawn((40, 0, 1, 25, 90), 7, scale=3, dtype=dtype)
    by_engine = ctc_beam(logits, offsets, beam=beam, n_best=beam, blank=3, prune=prune)
    monkeypatch.setattr(engine, "is_there", lambda: False)
    by_twin = ctc_beam(logits, offsets, beam=beam, n_best=beam, blank=3, prune=prune)
    for ours, theirs in zip(by_engine, by_twin, strict=True):
        assert [(p.labels.tolist(), p.steps.tolist()) for p in ours] == [(p.labels.tolist(), p.steps.tolist()) for p in theirs]
        np.testing.assert_allclose([p.score for p in ours], [p.score for p in theirs], rtol=1e-12, atol=1e-12)


def test_a_score_comes_from_below_to_the_transcripts_own_probability() -> None:
    logits, offsets = drawn((40,), 5, scale=4)

    def own(labels: NDArray[np.int64]) -> float:
        return -float(ctc_loss(logits, offsets, labels, np.array([0, len(labels)]))[0])

    found = [ctc_beam(logits, offsets, beam=beam)[0][0] for beam in (1, 4, 16, 64, 256)]
    assert all(path.score <= own(path.labels) + 1e-12 for path in found)
    missing = [own(path.labels) - path.score for path in found]
    assert missing == sorted(missing, reverse=True)
    assert missing[-1] < 0.02
    (greedy,) = ctc_greedy(logits, offsets)
    assert greedy.score <= own(greedy.labels) <= own(found[-1].labels)


def test_equal_transcripts_come_in_the_order_they_were_met(half: str) -> None:
    (found,) = ctc_beam(np.zeros((1, 4)), np.array([0, 1]), beam=4, n_best=4, blank=1)
    assert [path.labels.tolist() for path in found] == [[], [0], [2], [3]]


def test_no_steps_spell_nothing(half: str) -> None:
    logits, offsets = drawn((0, 0), 3)
    empty = [([], [], 0.0)]
    assert [[(p.labels.tolist(), p.steps.tolist(), p.score) for p in paths] for paths in ctc_beam(logits, offsets)] == [empty, empty]
    assert [p.score for p in ctc_greedy(logits, offsets)] == [0.0, 0.0]


def test_what_is_no_number_spells_nothing_of_no_score(half: str) -> None:
    logits, offsets = drawn((3, 4), 3)
    logits[1, 2] = np.nan
    (lost,), (kept,) = ctc_beam(logits, offsets)
    assert (len(lost.labels), np.isnan(lost.score), np.isfinite(kept.score)) == (0, True, True)
    assert np.isnan(ctc_greedy(logits, offsets)[0].score)


@pytest.mark.parametrize(("steps", "labels"), [(3, 1), (5, 3)])
def test_labels_that_cannot_be_are_not_found(steps: int, labels: int, half: str) -> None:
    logits, offsets = drawn((steps,), labels)
    logits[:, 1:2] = -np.inf
    (found,) = ctc_beam(logits, offsets, beam=EVERY, n_best=EVERY)
    assert found
    assert all(1 not in path.labels and np.isfinite(path.score) for path in found)


def test_any_number_of_threads_finds_the_same() -> None:
    logits, offsets = drawn(tuple(range(0, 120, 4)), 9)
    alone = ctc_beam(logits, offsets, n_best=4, threads=1)
    for one, other in zip(alone, ctc_beam(logits, offsets, n_best=4, threads=3), strict=True):
        assert [(p.labels.tolist(), p.steps.tolist(), p.score) for p in one] == [
            (p.labels.tolist(), p.steps.tolist(), p.score) for p in other
        ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, "beam is 0; expected a whole number from 1"),
        ({"n_best": 0}, "n_best is 0; expected a whole number from 1 to 16"),
        ({"n_best": 17}, "n_best is 17; expected a whole number from 1 to 16"),
        ({"blank": 3}, "blank is 3; expected a whole number from 0 to 2"),
        ({"prune": 1.0}, r"prune is 1\.0; expected a probability"),
        ({"prune": -0.1}, r"prune is -0\.1; expected a probability"),
        ({"prune": float("nan")}, "prune is nan; expected a probability"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, Any], message: str, half: str) -> None:
    with pytest.raises(ValueError, match=message):
        ctc_beam(*drawn((4,), 3), **options)


def test_offsets_that_do_not_fit_are_refused(half: str) -> None:
    logits, _ = drawn((4,), 3)
    for call in (ctc_beam, ctc_greedy):
        with pytest.raises(ShapeError, match="offsets"):
            call(logits, np.array([0, 5]))
