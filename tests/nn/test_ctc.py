"""CTC's loss under autograd: on the engine, and on torch's own where the engine is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from strategies import offsets_of
from tidegate import kernels
from tidegate.kernels import engine
from tidegate.nn import ctc_loss

STEPS, LENGTHS = (9, 0, 5, 3, 30), (3, 0, 0, 4, 17)  # the fourth does not fit
OFFSETS, TARGET_OFFSETS = offsets_of(STEPS), offsets_of(LENGTHS)
BLANK = 2


@pytest.fixture(params=["engine", "torch"])
def half(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "torch":
        monkeypatch.setattr(engine, "is_built", lambda: False)
    name: str = request.param
    return name


def batch(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    random = np.random.default_rng(1)
    targets = torch.from_numpy(random.choice([0, 1, 3, 4], size=sum(LENGTHS)))
    return torch.from_numpy(random.normal(size=(sum(STEPS), 5))).to(dtype), targets


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_and_weighed_gradients_are_those_of_the_kernel(dtype: torch.dtype, half: str) -> None:
    logits, targets = batch(dtype)
    losses, gradient = kernels.ctc_loss_gradient(logits.double().numpy(), OFFSETS, targets.numpy(), TARGET_OFFSETS, blank=BLANK)
    logits.requires_grad_()
    found = ctc_loss(logits, OFFSETS, targets, TARGET_OFFSETS, blank=BLANK)
    assert found.dtype == dtype
    close = 1e-12 if dtype == torch.float64 else 1e-5
    np.testing.assert_allclose(found.detach().numpy(), losses, rtol=close)
    weights = torch.tensor([0.5, 1.0, -2.0, 3.0, 1.0], dtype=dtype)
    for weighed in (torch.ones(5, dtype=dtype), weights):
        (got,) = torch.autograd.grad(found, logits, weighed, retain_graph=True)
        np.testing.assert_allclose(got.numpy(), gradient * np.repeat(weighed.numpy(), STEPS)[:, None], rtol=0, atol=close)


def test_gradients_equal_finite_differences(half: str) -> None:
    logits, targets = batch()
    fits = torch.tensor([0, 1, 2, 4])
    assert torch.autograd.gradcheck(lambda x: ctc_loss(x, OFFSETS, targets, TARGET_OFFSETS, blank=BLANK)[fits], logits.requires_grad_())


def test_the_mean_of_what_fits_trains(half: str) -> None:
    logits, targets = batch(torch.float32)
    logits.requires_grad_()
    losses = ctc_loss(logits, OFFSETS, targets, TARGET_OFFSETS, blank=BLANK)
    losses[torch.isfinite(losses)].mean().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert not logits.grad[14:17].any()


def test_narrow_types_are_computed_in_float32() -> None:
    logits, targets = batch(torch.bfloat16)
    found = ctc_loss(logits, OFFSETS, targets, TARGET_OFFSETS, blank=BLANK)
    expected = ctc_loss(logits.float(), OFFSETS, targets, TARGET_OFFSETS, blank=BLANK)
    torch.testing.assert_close(found.float(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("steps", "lengths"), [((), ()), ((0, 0), (0, 2))], ids=str)
def test_a_batch_without_steps(steps: tuple[int, ...], lengths: tuple[int, ...], half: str) -> None:
    logits = torch.zeros(0, 3, requires_grad=True)
    losses = ctc_loss(logits, offsets_of(steps), torch.ones(sum(lengths), dtype=torch.int64), offsets_of(lengths))
    assert losses.tolist() == [np.inf if length else 0.0 for length in lengths]
    losses.sum().backward()
    assert logits.grad is not None


def test_a_second_derivative_is_refused() -> None:
    logits, targets = batch()
    losses = ctc_loss(logits.requires_grad_(), OFFSETS, targets, TARGET_OFFSETS, blank=BLANK)
    (gradient,) = torch.autograd.grad(losses[:1].sum(), logits, create_graph=True)
    with pytest.raises(RuntimeError, match="gradient of a gradient"):
        gradient.sum().backward()
