"""The CRF's likelihood, its log Z and its answers against the enumeration of every labelling."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from strategies import labelings, log_of_sum, offsets_of
from tidegate.decoding import FORBIDDEN, Transitions, marginals, n_best, viterbi
from tidegate.kernels import engine
from tidegate.nn import CRF

K = 3


@pytest.fixture(params=["engine", "torch"], autouse=True)
def half(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test here runs on the engine and on the plain torch that stands in for it."""
    if request.param == "torch":
        monkeypatch.setattr(engine, "is_built", lambda: False)
    name: str = request.param
    return name


def random_crf(seed: int, labels: int = K, forbidden: NDArray[np.float32] | None = None) -> CRF:
    crf = CRF(labels, forbidden).double()
    generator = torch.Generator().manual_seed(seed)
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    return crf


def random_batch(lengths: tuple[int, ...], seed: int, labels: int = K) -> tuple[Tensor, Tensor, NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    tokens = sum(lengths)
    return (
        torch.from_numpy(random.normal(size=(tokens, labels))),
        torch.from_numpy(random.integers(labels, size=tokens)),
        offsets_of(lengths),
    )


def by_enumeration(crf: CRF, emissions: Tensor, labels: Tensor, offsets: NDArray[np.int64]) -> float:
    pair, start, end = (part.detach().numpy() for part in crf.scores())
    total = 0.0
    for begin, stop in pairwise(offsets.tolist()):
        if stop > begin:
            paths, scores = labelings(emissions[begin:stop].numpy(), pair, start, end)
            total += log_of_sum(scores) - scores[paths.index(tuple(labels[begin:stop].tolist()))]
    return total


@pytest.mark.parametrize("lengths", [(1,), (4,), (1, 2, 3, 4), (4, 3, 2, 1), (2, 4, 4, 1, 2), (0, 3, 0, 0, 1, 4, 0)], ids=str)
@pytest.mark.parametrize("labels", [1, 2, 3])
def test_negative_log_likelihood_equals_the_enumeration_of_all_labellings(lengths: tuple[int, ...], labels: int) -> None:
    crf, batch = random_crf(len(lengths), labels), random_batch(lengths, 1, labels)
    assert crf.negative_log_likelihood(*batch).item() == pytest.approx(by_enumeration(crf, *batch), abs=1e-12)


def test_probabilities_of_all_labellings_sum_to_one() -> None:
    crf, (emissions, _, offsets) = random_crf(0), random_batch((4,), 0)
    paths, _ = labelings(emissions.numpy(), np.zeros((K, K)), np.zeros(K), np.zeros(K))
    likelihoods = [torch.exp(-crf.negative_log_likelihood(emissions, torch.tensor(path), offsets)).item() for path in paths]
    assert sum(likelihoods) == pytest.approx(1, abs=1e-12)
    assert min(likelihoods) > 0


def test_pairs_are_read_from_row_to_column_and_edges_at_their_own_ends() -> None:
    crf = CRF(2).double()
    with torch.no_grad():
        crf.pair[0, 1], crf.start[0], crf.end[1] = 5.0, 5.0, 5.0
    flat, offsets = torch.zeros(2, 2, dtype=torch.float64), offsets_of((2,))
    losses = {path: crf.negative_log_likelihood(flat, torch.tensor(path), offsets).item() for path in ((0, 0), (0, 1), (1, 0), (1, 1))}
    assert losses[0, 1] + 15 == pytest.approx(losses[1, 0])
    assert losses[0, 0] == pytest.approx(losses[1, 1])
    assert losses[0, 0] - 5 == pytest.approx(losses[1, 0] - 10)


def test_sequences_without_tokens_count_for_nothing() -> None:
    crf, (emissions, labels, offsets) = random_crf(3), random_batch((2, 3), 3)
    expected = crf.negative_log_likelihood(emissions, labels, offsets)
    torch.testing.assert_close(crf.negative_log_likelihood(emissions, labels, offsets_of((0, 2, 0, 3, 0))), expected, rtol=0, atol=0)


@pytest.mark.parametrize("lengths", [(), (0,), (0, 0)], ids=str)
def test_a_batch_without_tokens_costs_nothing(lengths: tuple[int, ...]) -> None:
    assert random_crf(4).negative_log_likelihood(*random_batch(lengths, 4)).item() == 0.0


def test_the_likelihood_of_a_batch_is_the_sum_of_its_sequences() -> None:
    crf, (emissions, labels, offsets) = random_crf(5), random_batch((3, 1, 4), 5)
    alone = [
        crf.negative_log_likelihood(emissions[begin:end], labels[begin:end], offsets_of((end - begin,)))
        for begin, end in pairwise(offsets.tolist())
    ]
    assert crf.negative_log_likelihood(emissions, labels, offsets).item() == pytest.approx(sum(part.item() for part in alone), abs=1e-12)


def test_gradients_equal_finite_differences() -> None:
    crf, (emissions, labels, offsets) = random_crf(6), random_batch((2, 0, 4, 1), 6)
    names = [name for name, _ in crf.named_parameters()]

    class Likelihood(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.crf = crf

        def forward(self, emissions: Tensor) -> Tensor:
            return self.crf.negative_log_likelihood(emissions, labels, offsets)

    module = Likelihood()

    def loss(emissions: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(module, {f"crf.{n}": p for n, p in zip(names, parameters, strict=True)}, (emissions,))

    inputs = (emissions.requires_grad_(), *(p.detach().clone().requires_grad_() for p in crf.parameters()))
    assert torch.autograd.gradcheck(loss, inputs)


def test_the_gradient_of_the_emissions_is_the_marginals_less_the_right_labels() -> None:
    """Training and answering share one model: ∂ −log p / ∂ emissions = p(y_t = k) − [y_t = k]."""
    crf, (emissions, labels, offsets) = random_crf(7), random_batch((3, 0, 5, 1), 7)
    emissions.requires_grad_()
    crf.negative_log_likelihood(emissions, labels, offsets).backward()
    transitions = Transitions(*(part.detach().numpy() for part in crf.scores()))
    expected = marginals(emissions.detach().numpy(), offsets, transitions) - np.eye(K)[labels.numpy()]
    assert emissions.grad is not None
    np.testing.assert_allclose(emissions.grad.numpy(), expected, rtol=0, atol=1e-12)


def test_forbidden_pairs_and_edges_get_no_probability() -> None:
    forbidden = np.zeros((K + 1, K + 1), dtype=np.float32)
    forbidden[0, 2] = forbidden[K, 1] = forbidden[2, K] = FORBIDDEN  # 0 before 2; 1 first; 2 last
    crf, (emissions, _, offsets) = random_crf(8, forbidden=forbidden), random_batch((3,), 8)
    free = random_crf(8)
    paths, _ = labelings(emissions.numpy(), np.zeros((K, K)), np.zeros(K), np.zeros(K))
    total = 0.0
    for path in paths:
        is_forbidden = path[0] == 1 or path[-1] == 2 or (0, 2) in pairwise(path)
        loss = crf.negative_log_likelihood(emissions, torch.tensor(path), offsets).item()
        assert loss > 5000 if is_forbidden else loss < free.negative_log_likelihood(emissions, torch.tensor(path), offsets).item()
        total += np.exp(-loss)
    assert total == pytest.approx(1, abs=1e-12)
    assert crf.state_dict().keys() == {"pair", "start", "end"}


def test_large_scores_overflow_nothing() -> None:
    crf, (emissions, labels, offsets) = random_crf(9), random_batch((40,), 9)
    assert torch.isfinite(crf.float().negative_log_likelihood(1e4 * emissions.float(), labels, offsets))


@pytest.mark.parametrize("scale", [1.0, 30.0, 3000.0])
def test_loss_and_gradients_of_the_engine_are_those_of_torch(scale: float, half: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # At 3000 no scaled probability stays in a double's range: the engine goes through logarithms.
    if half == "torch":
        pytest.skip("compares both halves itself")
    crf, (emissions, labels, offsets) = random_crf(3, 7), random_batch((5, 0, 1, 9, 2), 3, 7)

    def found() -> list[Tensor]:
        scores = (emissions * scale).requires_grad_()
        crf.zero_grad()
        loss = crf.negative_log_likelihood(scores, labels, offsets)
        (2 * loss).backward()
        assert scores.grad is not None
        return [loss.detach(), scores.grad, *(parameter.grad.clone() for parameter in crf.parameters() if parameter.grad is not None)]

    by_engine = found()
    monkeypatch.setattr(engine, "is_built", lambda: False)
    by_torch = found()
    assert len(by_engine) == len(by_torch) == 5
    for ours, theirs in zip(by_engine, by_torch, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_what_is_no_number_makes_the_loss_no_number() -> None:
    crf, (emissions, labels, offsets) = random_crf(0), random_batch((3, 2), 0)
    emissions[1, 1] = float("nan")
    assert torch.isnan(crf.negative_log_likelihood(emissions, labels, offsets))


@pytest.mark.parametrize("lengths", [(), (0, 0), (1,), (0, 3, 0, 0, 1, 4, 0), (4, 3, 2, 1)], ids=str)
@pytest.mark.parametrize("labels", [1, 3])
def test_log_partition_equals_the_enumeration_of_all_labellings(lengths: tuple[int, ...], labels: int) -> None:
    crf, (emissions, _, offsets) = random_crf(2, labels), random_batch(lengths, 2, labels)
    pair, start, end = (part.detach().numpy() for part in crf.scores())
    expected = [
        log_of_sum(labelings(emissions[begin:stop].numpy(), pair, start, end)[1]) if stop > begin else 0.0
        for begin, stop in pairwise(offsets.tolist())
    ]
    found = crf.log_partition(emissions, offsets)
    assert found.shape == (len(lengths),)
    assert found.tolist() == pytest.approx(expected, abs=1e-12)
    assert crf.float().log_partition(emissions.float(), offsets).tolist() == pytest.approx(expected, rel=1e-6)


def test_gradients_of_log_partition_equal_finite_differences() -> None:
    crf, (emissions, _, offsets) = random_crf(6), random_batch((2, 0, 4, 1), 6)

    class Partition(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.crf = crf

        def forward(self, emissions: Tensor) -> Tensor:
            return self.crf.log_partition(emissions, offsets)

    module, names = Partition(), [name for name, _ in crf.named_parameters()]

    def whole(emissions: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(module, {f"crf.{n}": p for n, p in zip(names, parameters, strict=True)}, (emissions,))

    assert torch.autograd.gradcheck(whole, (emissions.requires_grad_(), *(p.detach().clone().requires_grad_() for p in crf.parameters())))


@pytest.mark.parametrize("scale", [1.0, 3000.0])
def test_log_partition_of_the_engine_is_that_of_torch_where_pairs_are_forbidden(
    scale: float, half: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if half == "torch":
        pytest.skip("compares both halves itself")
    forbidden = np.where(np.random.default_rng(0).random((8, 8)) < 0.4, FORBIDDEN, 0).astype(np.float32)
    crf, (emissions, _, offsets) = random_crf(3, 7, forbidden), random_batch((5, 0, 1, 9, 2), 3, 7)
    weights = torch.tensor([0.5, 3.0, -1.0, 0.0, 2.0], dtype=torch.float64)

    def found() -> list[Tensor]:
        scores = (emissions * scale).requires_grad_()
        whole = crf.log_partition(scores, offsets)
        return [whole.detach(), *torch.autograd.grad((weights * whole).sum(), [scores, *crf.parameters()])]

    by_engine = found()
    monkeypatch.setattr(engine, "is_built", lambda: False)
    for ours, theirs in zip(by_engine, found(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_answers_are_those_of_decoding_with_what_is_forbidden(dtype: torch.dtype) -> None:
    forbidden = np.zeros((K + 1, K + 1), dtype=np.float32)
    forbidden[0, 2] = forbidden[K, 1] = FORBIDDEN
    crf, (emissions, _, offsets) = random_crf(8, forbidden=forbidden).to(dtype), random_batch((3, 0, 5, 1), 8)
    emissions = emissions.to(dtype).requires_grad_()
    wide = torch.promote_types(dtype, torch.float32)
    batch = emissions.detach().to(wide).numpy(), offsets, Transitions(*(part.detach().to(wide).numpy() for part in crf.scores()))
    assert crf.decode(emissions, offsets).tolist() == viterbi(*batch).tolist()
    assert crf.marginals(emissions, offsets).tolist() == marginals(*batch).tolist()
    found, expected = crf.n_best(emissions, offsets, 4), n_best(*batch, 4)
    assert [(labels.tolist(), scores.tolist()) for labels, scores in found] == [(p.labels.tolist(), p.scores.tolist()) for p in expected]


@pytest.mark.parametrize("name", ["negative_log_likelihood", "log_partition"])
def test_a_second_derivative_is_refused_by_the_engine(name: str, half: str) -> None:
    if half == "torch":
        pytest.skip("torch has second derivatives")
    crf, (emissions, labels, offsets) = random_crf(0), random_batch((3, 2), 0)
    emissions.requires_grad_()
    value = (
        crf.log_partition(emissions, offsets).sum() if name == "log_partition" else crf.negative_log_likelihood(emissions, labels, offsets)
    )
    (gradient,) = torch.autograd.grad(value, emissions, create_graph=True)
    with pytest.raises(RuntimeError, match="gradient of a gradient"):
        gradient.sum().backward()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": np.array([0, 3, 1])}, "labels\\[1\\] is 3; expected 0 to 2"),
        ({"labels": np.array([0, -1, 1])}, "labels\\[1\\] is -1; expected 0 to 2"),
        ({"labels": np.array([0, 1])}, "labels has the shape"),
        ({"offsets": np.array([0, 2])}, "offsets ends with 2, but emissions has 3 rows"),
        ({"pair": np.zeros((2, 3))}, "pair has the shape"),
        ({"start": np.zeros(3, np.float32)}, "start is float32; expected float64"),
        ({"emissions": np.zeros((3, 0))}, "K above 0"),
        ({"end": None}, "end is None"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_arrays_that_do_not_fit_are_refused_by_name(change: dict[str, object], message: str, half: str) -> None:
    fitting = {
        "emissions": np.zeros((3, 3)), "labels": np.array([0, 1, 2]), "offsets": np.array([0, 1, 3]),
        "pair": np.zeros((3, 3)), "start": np.zeros(3), "end": np.zeros(3),
    }  # fmt: skip
    with pytest.raises((TypeError, ValueError), match=message):
        engine.crf_loss(**(fitting | change))
