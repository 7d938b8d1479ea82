"""Attention in torch, on the engine and padded: both are one function, its gradients are those of finite differences, and once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from strategies import offsets_of
from tidegate.errors import ShapeError
from tidegate.kernels import engine
from tidegate.nn import attend

# Nothing at the front, in the middle and at the end; a source without rows, and a target and a source without either.
TARGETS, SOURCES = (0, 3, 0, 1, 5, 0), (2, 4, 0, 1, 6, 0)
WHERE = offsets_of(TARGETS), offsets_of(SOURCES)

additive_or_not = pytest.mark.parametrize("is_additive", [True, False], ids=["additive", "multiplicative"])


@pytest.fixture(params=["engine", "torch"])
def half(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs on the engine, and on the plain torch that stands in for it."""
    if request.param == "torch":
        monkeypatch.setattr(engine, "is_built", lambda: False)


def drawn(is_additive: bool = True, dtype: torch.dtype = torch.float64, width: int = 5, depth: int = 3) -> list[Tensor]:
    """Queries, keys, values and, of an additive score, energy."""
    generator = torch.Generator().manual_seed(width)
    shapes = [(sum(TARGETS), width), (sum(SOURCES), width), (sum(SOURCES), depth), (width,)]
    return [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes[: 3 + is_additive]]


def attended(*tensors: Tensor, limits: NDArray[np.int64] | None = None) -> Tensor:
    return attend(*tensors[:3], *WHERE, energy=tensors[3] if len(tensors) == 4 else None, limits=limits)


def engine_refuses(*_: Any, **__: Any) -> Any:
    raise AssertionError("the engine was called")


@pytest.mark.usefixtures("half")
@additive_or_not
@pytest.mark.parametrize("limits", [None, np.array([1, 2, 9, 1, 1, 3, 4, 6, 1 << 30])], ids=["no limits", "limits"])
def test_its_gradients_are_those_of_finite_differences(is_additive: bool, limits: NDArray[np.int64] | None) -> None:
    tensors = drawn(is_additive)
    assert torch.autograd.gradcheck(lambda *given: attended(*given, limits=limits), tensors)


@additive_or_not
@pytest.mark.parametrize("limits", [None, np.array([1, 2, 9, 1, 1, 3, 4, 6, 1 << 30])], ids=["no limits", "limits"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
def test_the_engine_gives_what_padded_torch_gives(
    is_additive: bool, limits: NDArray[np.int64] | None, dtype: torch.dtype, tolerance: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for is_built in (True, False):
        monkeypatch.setattr(engine, "is_built", lambda is_built=is_built: is_built)
        tensors = drawn(is_additive, dtype, 33, 20)
        context = attended(*tensors, limits=limits)
        context.square().sum().backward()
        found.append([context.detach(), *(tensor.grad for tensor in tensors)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=10 * tolerance)


def test_it_runs_on_the_engine_and_on_torch_where_the_engine_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.nn.attention.attention", engine_refuses)
    with pytest.raises(AssertionError, match="the engine was called"):
        attended(*drawn())
    queries, *others = drawn()
    assert attended(queries.bfloat16(), *(part.bfloat16() for part in others)).dtype is torch.bfloat16
    with torch.autocast("cpu", torch.bfloat16):
        assert attended(queries.float(), *(part.float() for part in others)).dtype is torch.bfloat16


@pytest.mark.usefixtures("half")
def test_only_what_needs_gradients_has_them() -> None:
    queries, keys, values, energy = drawn()
    attended(queries, keys.detach(), values, energy.detach()).sum().backward()
    assert [part.grad is not None for part in (queries, keys, values, energy)] == [True, False, True, False]
    assert not attended(*(part.detach() for part in (queries, keys, values, energy))).requires_grad


@pytest.mark.usefixtures("half")
def test_tensors_of_any_strides_give_the_same() -> None:
    queries, keys, values, energy = (part.detach() for part in drawn())
    strided = queries.T.contiguous().T, keys.repeat(1, 2)[:, :5], values.flip(0).flip(0), energy.repeat_interleave(2)[::2]
    torch.testing.assert_close(attended(*strided), attended(queries, keys, values, energy), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_activation_checkpointing_gives_the_same_gradients(use_reentrant: bool) -> None:
    tensors = drawn()
    wanted = torch.autograd.grad(attended(*tensors).square().sum(), tensors)
    checkpoint(attended, *tensors, use_reentrant=use_reentrant).square().sum().backward()  # type: ignore[union-attr]
    for tensor, gradient in zip(tensors, wanted, strict=True):
        torch.testing.assert_close(tensor.grad, gradient, rtol=0, atol=0)


def test_what_is_written_to_after_the_forward_pass_is_found_out() -> None:
    tensors = drawn()
    context = attended(*tensors)
    with torch.no_grad():
        tensors[1].add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        context.sum().backward()


def test_the_gradient_of_a_gradient_is_refused() -> None:
    tensors = drawn()
    (gradient,) = torch.autograd.grad(attended(*tensors).sum(), tensors[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="first derivatives only"):
        gradient.sum().backward()


@pytest.mark.usefixtures("half")
@additive_or_not
def test_a_batch_without_rows_gives_none(is_additive: bool) -> None:
    for targets, sources in (((), ()), ((0, 0), (3, 0))):
        shapes = [(0, 5), (sum(sources), 5), (sum(sources), 3), (5,)]
        tensors = [torch.ones(shape, requires_grad=True) for shape in shapes[: 3 + is_additive]]
        energy = tensors[3] if is_additive else None
        context = attend(*tensors[:3], offsets_of(targets), offsets_of(sources), energy=energy)
        assert context.shape == (0, 3)
        context.sum().backward()
        assert not any(tensor.grad.any() for tensor in tensors)  # type: ignore[union-attr]


def test_shapes_that_do_not_fit_are_refused_by_name() -> None:
    queries, keys, values, energy = drawn()
    with pytest.raises(ShapeError, match="values has the shape"):
        attended(queries, keys, values[1:], energy)
