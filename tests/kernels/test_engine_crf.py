"""The CRF on the compiled engine: the same bits on any number of threads, float32 beside float64, what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from strategies import offsets_of
from tidegate.decoding import FORBIDDEN
from tidegate.errors import ShapeError
from tidegate.kernels import engine

Arrays = tuple[NDArray[Any], NDArray[np.int64], NDArray[Any], NDArray[Any], NDArray[Any]]


def weights_for(offsets: Any) -> NDArray[np.float64]:
    return np.cos(np.arange(np.size(offsets) - 1))


# Every function by name, of the arrays that all take.
CALLS: dict[str, Callable[..., Any]] = {
    "loss": lambda e, offsets, *rest, **options: engine.crf_loss(e, np.arange(len(e)) % e.shape[1], offsets, *rest, **options),
    "log partition": engine.crf_log_partition,
    "weighted log partition": lambda *arrays, **options: engine.crf_log_partition(*arrays, weights=weights_for(arrays[1]), **options),
    "marginals": engine.crf_marginals,
    "viterbi": engine.crf_viterbi,
    "fixed lag": lambda *arrays, **options: engine.crf_viterbi_fixed_lag(*arrays, 2, **options),
    "n best": lambda *arrays, **options: engine.crf_n_best(*arrays, 3, **options),
}
every_call = pytest.mark.parametrize("name", list(CALLS))


def drawn(lengths: Any, labels: int, dtype: Any = np.float64, share: float = 0.2) -> Arrays:
    """A ragged batch and a CRF of which that share of pairs and edges is forbidden."""
    random = np.random.default_rng([len(lengths), labels])
    emissions = random.normal(scale=2, size=(sum(lengths), labels))
    pair, start, end = (
        random.normal(size=shape) + np.where(random.random(shape) < share, FORBIDDEN, 0) for shape in ((labels, labels), labels, labels)
    )
    return emissions.astype(dtype), offsets_of(lengths), pair.astype(dtype), start.astype(dtype), end.astype(dtype)


def flattened(result: Any) -> list[Any]:
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in flattened(part)]
    return [result]


@every_call
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("labels", "sequences"), [(5, 700), (20, 300), (67, 40)])
def test_any_number_of_threads_gives_the_same_bits(name: str, labels: int, sequences: int, dtype: Any) -> None:
    lengths = np.random.default_rng(labels).integers(0, 25, size=sequences).tolist()
    arrays = drawn(lengths, labels, dtype)
    alone = flattened(CALLS[name](*arrays, threads=1))
    for threads in (2, 3, 7):
        for one, other in zip(alone, flattened(CALLS[name](*arrays, threads=threads)), strict=True):
            assert (one is None and other is None) or np.asarray(one).tobytes() == np.asarray(other).tobytes()


@every_call
@pytest.mark.parametrize("labels", [1, 2, 7, 8, 16, 17, 50, 70])
def test_float32_gives_what_float64_gives(name: str, labels: int) -> None:
    emissions, offsets, *edges = drawn((5, 0, 1, 30), labels, np.float32)
    narrow = flattened(CALLS[name](emissions, offsets, *edges))
    wide = flattened(CALLS[name](emissions.astype(np.float64), offsets, *(part.astype(np.float64) for part in edges)))
    for ours, theirs in zip(narrow, wide, strict=True):
        if theirs is not None:
            np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e30])
def test_the_score_of_the_best_path_is_the_greatest_and_log_z_no_less(scale: float) -> None:
    emissions, offsets, *edges = drawn((5, 0, 1, 30), 9)
    arrays = scale * emissions, offsets, *edges
    _, scores = engine.crf_viterbi(*arrays)
    whole = engine.crf_log_partition(*arrays)[0]
    assert (whole >= scores - 1e-12 * np.abs(scores)).all()
    np.testing.assert_allclose(whole, scores, rtol=0, atol=35 * np.log(9) + 1e-12 * np.abs(scores).max())
    assert [float(found[0]) for _, found in engine.crf_n_best(*arrays, 1)] == scores.tolist()
    assert whole[1] == scores[1] == 0


def test_a_label_that_seemed_lost_and_wins_later_counts() -> None:
    """e^−1000 is no double, and yet its path is by far the best."""
    pair, start = np.array([[-600, -1e4], [-1e4, 0.0]]), np.array([0.0, -1000])
    arrays = np.zeros((3, 2)), np.array([0, 3]), pair, start, np.zeros(2)
    assert engine.crf_log_partition(*arrays)[0] == pytest.approx(-1000)
    assert engine.crf_viterbi(*arrays)[0].tolist() == [1, 1, 1]
    assert engine.crf_loss(arrays[0], np.ones(3, np.int64), *arrays[1:])[0] == pytest.approx(0, abs=1e-9)


def test_where_every_path_is_impossible_the_score_is_minus_infinity() -> None:
    arrays = np.zeros((3, 2)), np.array([0, 3]), np.full((2, 2), -np.inf), np.zeros(2), np.zeros(2)
    labels, scores = engine.crf_viterbi(*arrays)
    assert (labels.tolist(), scores.tolist()) == ([0, 0, 0], [-np.inf])
    assert engine.crf_n_best(*arrays, 1)[0][1].tolist() == [-np.inf]


@every_call
@pytest.mark.parametrize("place", ["emissions", "offsets", "pair", "start", "end"])
def test_an_array_that_does_not_fit_is_refused_by_name(name: str, place: str) -> None:
    good = dict(zip(("emissions", "offsets", "pair", "start", "end"), drawn((2, 3), 4), strict=True))

    def refusal(kind: type[Exception], value: Any) -> None:
        with pytest.raises(kind, match=place):
            CALLS[name](*{**good, place: value}.values())

    part = good[place]
    refusal(ShapeError, part[:-1] if place == "offsets" else np.zeros((3, 9), part.dtype))
    if place != "emissions":  # of which the calls here need the shape
        refusal(TypeError, None)
        refusal(TypeError, part.astype(np.int32))
        refusal(TypeError, part.tolist())
        refusal(ShapeError, np.repeat(part, 2, axis=0)[::2])


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda a: engine.crf_viterbi_fixed_lag(*a, -1), ValueError, "lag is -1; expected a whole number from 0"),
        (lambda a: engine.crf_viterbi_fixed_lag(*a, 1.5), TypeError, r"lag is 1\.5; expected a whole number"),
        (lambda a: engine.crf_viterbi_fixed_lag(*a, None), TypeError, "lag is None; expected a whole number"),
        (lambda a: engine.crf_n_best(*a, 0), ValueError, "n is 0; expected a whole number from 1"),
        (lambda a: engine.crf_n_best(*a, 10**30), ValueError, "n is 10{30}; expected a whole number from 1 to 2147483647"),
        (lambda a: engine.crf_n_best(*a, "3"), TypeError, "n is '3'; expected a whole number"),
        (
            lambda a: engine.crf_log_partition(*a, weights=np.ones(3)),
            ShapeError,
            r"weights has the shape \[3\]; expected float64 \[B\], here \[2\]",
        ),
        (lambda a: engine.crf_log_partition(*a, weights=np.ones(2, np.float32)), TypeError, "weights is float32; expected float64"),
        (lambda a: engine.crf_viterbi(*a, threads=0), ValueError, "threads is 0; expected a whole number above 0"),
        (lambda a: engine.crf_marginals(np.zeros((5, 0)), *a[1:]), ShapeError, "K above 0"),
        (lambda a: engine.crf_viterbi(a[0].astype(np.float16), *a[1:]), TypeError, "emissions is float16; expected float32"),
        (lambda a: engine.crf_viterbi(a[0].astype(np.float32), *a[1:]), TypeError, "pair is float64; expected float32"),
    ],
)
def test_a_number_that_does_not_fit_is_refused(call: Callable[[Arrays], Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call(drawn((2, 3), 4))


def test_more_paths_than_memory_has_are_a_memory_error() -> None:
    with pytest.raises(MemoryError):
        engine.crf_n_best(*drawn((40,) * 2, 2**12), 2**31 - 1)


@every_call
@pytest.mark.parametrize("lengths", [(), (0,), (0, 0, 0)], ids=str)
def test_a_batch_without_steps_gives_nothing(name: str, lengths: tuple[int, ...]) -> None:
    for leaf in flattened(CALLS[name](*drawn(lengths, 3), threads=2)):
        assert leaf is None or not np.any(leaf)
