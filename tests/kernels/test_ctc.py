"""CTC's loss and gradient against the enumeration of all alignments and torch's, on the engine and on the plain twin."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from strategies import alignments, log_of_sum, log_softmax, offsets_of
from tidegate.errors import ShapeError
from tidegate.kernels import ctc_loss, ctc_loss_gradient, engine
from tidegate.kernels.ctc import ctc_twin

Batch = tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]


@pytest.fixture(params=["engine", "twin"])
def half(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "twin":
        monkeypatch.setattr(engine, "is_built", lambda: False)
        monkeypatch.setattr(engine, "is_there", lambda: False)
    name: str = request.param
    return name


def drawn(
    shapes: list[tuple[int, int]], labels: int, *, scale: float = 1.0, dtype: Any = np.float64, blank: int = 0, kinds: int | None = None
) -> Batch:
    """Normal logits and transcripts of (steps, labels) each; `kinds`: how many different labels there are, fewer for many repeats."""
    random = np.random.default_rng([len(shapes), labels])
    steps, lengths = zip(*shapes, strict=True) if shapes else ((), ())
    allowed = np.delete(np.arange(labels), blank)[:kinds]
    targets = random.choice(allowed, size=sum(lengths)) if sum(lengths) else np.zeros(0, np.int64)
    return (scale * random.normal(size=(sum(steps), labels))).astype(dtype), offsets_of(steps), targets, offsets_of(lengths)


def by_torch(batch: Batch, blank: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Losses [B] and the gradient of their sum [N, K], in float64, sequence by sequence; a gradient of 0 where the loss is infinite."""
    logits, offsets, targets, target_offsets = batch
    losses, gradients = [], [np.zeros((0, logits.shape[1]))]
    for b in range(len(offsets) - 1):
        x = torch.from_numpy(logits[offsets[b] : offsets[b + 1]].astype(np.float64)).requires_grad_()
        transcript = torch.from_numpy(targets[target_offsets[b] : target_offsets[b + 1]])
        given = x.log_softmax(1)[:, None], transcript[None], torch.tensor([len(x)]), torch.tensor([len(transcript)])
        if len(x) == 0:
            losses.append(np.inf if len(transcript) else 0.0)
            continue
        loss = torch.nn.functional.ctc_loss(*given, blank=blank, reduction="sum")
        losses.append(loss.item())
        gradients.append(torch.autograd.grad(loss, x)[0].numpy() if np.isfinite(losses[-1]) else np.zeros(x.shape))
    return np.array(losses), np.concatenate(gradients)


@pytest.mark.parametrize("blank", [0, 2])
def test_losses_and_gradients_equal_the_enumeration_of_all_alignments(blank: int, half: str) -> None:
    others = [label for label in range(3) if label != blank]
    transcripts = [transcript for length in range(5) for transcript in product(others, repeat=length)]
    logits = 2 * np.random.default_rng(blank).normal(size=(4, 3))
    log_p = log_softmax(logits)
    known = alignments(log_p, blank)
    batch = np.tile(logits, (len(transcripts), 1)), offsets_of([4] * len(transcripts)), np.concatenate(transcripts).astype(np.int64)
    losses, gradient = ctc_loss_gradient(*batch, offsets_of([len(t) for t in transcripts]), blank=blank)
    for transcript, loss, found in zip(transcripts, losses, np.split(gradient, len(transcripts)), strict=True):
        paths = known.get(transcript, [])
        if not paths:
            assert loss == np.inf
            assert not found.any()
            continue
        scores = np.array([score for score, _ in paths])
        assert loss == pytest.approx(-log_of_sum(scores), abs=1e-12)
        said = np.eye(3)[[path for _, path in paths]]
        expected = np.exp(log_p) - np.tensordot(np.exp(scores + loss), said, 1)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert np.exp(-losses).sum() == pytest.approx(1, abs=1e-12)  # no other transcript can be spelled


SHAPES: dict[str, tuple[list[tuple[int, int]], int, float, int | None]] = {
    "ragged, some empty, some too short": ([(0, 0), (7, 3), (5, 0), (0, 2), (1, 1), (3, 5), (40, 17), (0, 0)], 6, 1.0, None),
    "lengths about a vector's": ([(20, n) for n in (0, 1, 6, 7, 8, 9, 14, 15, 16, 17, 18, 20)], 30, 1.0, None),
    "as many labels as steps": ([(n, n) for n in (1, 2, 15, 16, 17, 33, 48)], 40, 2.0, None),
    "repeats that just fit": ([(9, 5), (10, 5), (8, 5), (33, 17), (32, 17), (31, 16)], 4, 1.0, 1),
    "two labels": ([(30, 9), (60, 30)], 2, 3.0, None),
    "many labels": ([(60, 20), (9, 4)], 2003, 3.0, None),
    "many labels, long transcripts": ([(130, 100), (300, 90)], 500, 1.0, 7),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", list(SHAPES))
def test_losses_and_gradients_are_those_of_torch(name: str, dtype: Any, half: str) -> None:
    shapes, labels, scale, kinds = SHAPES[name]
    blank = labels // 2
    batch = drawn(shapes, labels, scale=scale, dtype=dtype, blank=blank, kinds=kinds)
    expected_losses, expected = by_torch(batch, blank)
    losses, gradient = ctc_loss_gradient(*batch, blank=blank)
    assert (losses.dtype, gradient.dtype) == (np.float64, dtype)
    close = {"rtol": 1e-12, "atol": 1e-11} if dtype == np.float64 else {"rtol": 1e-6, "atol": 1e-6}
    np.testing.assert_allclose(losses, expected_losses, **close)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=close["atol"])
    assert ctc_loss(*batch, blank=blank).tobytes() == losses.tobytes()


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-5)])
@pytest.mark.parametrize("scale", [1.0, 10.0, 30.0])
@pytest.mark.parametrize("length", [20, 300, 900])
def test_long_sequences_keep_their_precision(length: int, scale: float, dtype: Any, tolerance: float) -> None:
    """At ±30 neighbouring alignments lie hundreds of nats apart, and most places of the lattice e^−10000 below the best."""
    batch = drawn([(2000, length)], 30, scale=scale, dtype=dtype)
    expected_losses, expected = by_torch(batch)
    losses, gradient = ctc_loss_gradient(*batch)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-7 if dtype == np.float32 else 1e-13)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=tolerance)


def test_a_path_that_seemed_lost_and_wins_later_counts() -> None:
    """Going early to the label costs e^1000 at first, and saves e^1500 in the middle; the end makes them equal but for that."""
    logits = np.zeros((30, 2))
    logits[:10, 0], logits[10:20, 1], logits[20:, 0] = 100.0, 150.0, 50.0
    batch = logits, np.array([0, 30]), np.array([1]), np.array([0, 1])
    expected, gradient = by_torch(batch)
    assert ctc_loss(*batch) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(ctc_loss_gradient(*batch)[1], gradient, rtol=0, atol=1e-12)


def test_logits_of_any_size_give_numbers(half: str) -> None:
    for scale in (1e4, 1e9, 1e30):
        losses, gradient = ctc_loss_gradient(*drawn([(40, 9), (3, 0)], 5, scale=scale, dtype=np.float32))
        assert (losses > 0).all()
        assert np.isfinite(gradient).all()


def test_a_label_that_cannot_be_is_not_said(half: str) -> None:
    logits, *rest = drawn([(9, 3), (9, 3)], 4)
    rest[1][:] = [1, 2, 1, 1, 3, 1]
    logits[:9, 2], logits[9:, 2] = -np.inf, -np.inf
    losses, gradient = ctc_loss_gradient(logits, *rest)
    narrow = np.delete(logits[9:], 2, axis=1)
    expected_loss, expected = by_torch((narrow, np.array([0, 9]), np.array([1, 2, 1]), np.array([0, 3])))
    np.testing.assert_allclose(losses, [np.inf, expected_loss[0]], rtol=1e-12)
    assert not gradient[:9].any()
    np.testing.assert_allclose(gradient[9:], np.insert(expected, 2, 0.0, axis=1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_makes_its_own_sequence_no_number(value: float, half: str) -> None:
    batch = drawn([(5, 2), (6, 2), (4, 1)], 4)
    batch[0][7, 3] = value
    losses, gradient = ctc_loss_gradient(*batch)
    assert np.isnan(losses).tolist() == [False, True, False]
    assert np.isnan(gradient[5:11]).all()
    assert np.isfinite(np.delete(gradient, slice(5, 11), axis=0)).all()


@pytest.mark.parametrize("shapes", [[], [(0, 0)], [(0, 0), (0, 0)]], ids=str)
def test_a_batch_without_steps_costs_nothing(shapes: list[tuple[int, int]], half: str) -> None:
    losses, gradient = ctc_loss_gradient(*drawn(shapes, 3))
    assert losses.tolist() == [0.0] * len(shapes)
    assert gradient.shape == (0, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_any_number_of_threads_gives_the_same_bits(dtype: Any) -> None:
    random = np.random.default_rng(0)
    shapes = [(int(steps), int(steps * share)) for steps, share in zip(random.integers(0, 90, 70), random.random(70), strict=True)]
    batch = drawn(shapes, 29, dtype=dtype)
    alone = ctc_loss_gradient(*batch, threads=1)
    for threads in (2, 3, 7):
        for one, other in zip(alone, ctc_loss_gradient(*batch, threads=threads), strict=True):
            assert one.tobytes() == other.tobytes()


def test_a_sequence_has_the_same_bits_in_any_batch() -> None:
    logits, offsets, targets, target_offsets = drawn([(50, 9), (3, 1), (80, 33), (0, 0)], 12, dtype=np.float32)
    whole = ctc_loss(logits, offsets, targets, target_offsets)
    for b, ((begin, end), (first, last)) in enumerate(zip(pairwise(offsets), pairwise(target_offsets), strict=True)):
        alone = ctc_loss(logits[begin:end], np.array([0, end - begin]), targets[first:last], np.array([0, last - first]))
        assert alone.tobytes() == whole[b : b + 1].tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_engine_and_twin_give_the_same(dtype: Any) -> None:
    shapes, labels, _, kinds = SHAPES["repeats that just fit"]
    batch = drawn(shapes, labels, scale=4, dtype=dtype, kinds=kinds)
    for ours, theirs in zip(engine.ctc_loss(*batch), ctc_twin(*batch, 0), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6 if dtype == np.float32 else 1e-12, atol=1e-6 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"targets": np.array([1, 0, 2])}, ShapeError, r"targets\[1\] is 0, the blank"),
        ({"targets": np.array([1, 4, 2])}, ShapeError, r"targets\[1\] is 4; expected 0 to 3"),
        ({"targets": np.array([1, 2, -1])}, ShapeError, r"targets\[2\] is -1; expected 0 to 3"),
        ({"targets": np.array([[1, 2, 3]])}, ShapeError, "targets has the shape"),
        ({"targets": np.array([1, 2])}, ShapeError, "target_offsets .*targets"),
        ({"target_offsets": np.array([0, 3])}, ShapeError, "target_offsets has the shape"),
        ({"target_offsets": np.array([0, 2, 1])}, ShapeError, "target_offsets"),
        ({"offsets": np.array([0, 4, 6])}, ShapeError, "offsets .*logits"),
        ({"offsets": np.array([0, 5, 4, 7])}, ShapeError, "offsets"),
        ({"offsets": np.array([1, 4, 7])}, ShapeError, "offsets"),
        ({"logits": np.zeros((7, 0))}, ShapeError, "K above 0"),
        ({"logits": np.zeros(7)}, ShapeError, "logits has the shape"),
        ({"blank": 4}, ValueError, "blank is 4; expected a whole number from 0 to 3"),
        ({"blank": -1}, ValueError, "blank is -1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_does_not_fit_is_refused_by_name(change: dict[str, Any], kind: type[Exception], message: str, half: str) -> None:
    fitting = {
        "logits": np.zeros((7, 4)),
        "offsets": np.array([0, 4, 7]),
        "targets": np.array([1, 2, 3]),
        "target_offsets": np.array([0, 1, 3]),
    }
    with pytest.raises(kind, match=message):
        ctc_loss(**(fitting | change))
