"""On a GPU: what the engine does not run there, torch.nn and plain torch do, with the same numbers. Skipped where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence

from strategies import offsets_of
from tidegate.kernels import ARCHITECTURES, architecture
from tidegate.nn import CRF, GRU, LSTM, RNN, RecurrentStack

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """cuDNN rounds products to TF32 unless told not to."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


LENGTHS = [3, 0, 7, 1, 4]
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "recurrent dropout": {"recurrent_dropout": 0.3},
    "zoneout": {"zoneout": 0.2},
    "weight drop": {"weight_drop": 0.3},
    "layer norm": {"layer_norm": True},
}
MODULES: dict[str, tuple[type, dict[str, Any]]] = {
    "rnn": (RNN, {}),
    "lstm": (LSTM, {}),
    "gru": (GRU, {"reset_after": False}),
    "gru-reset-after": (GRU, {}),
}


def allowed(cell: str, variant: str) -> bool:
    return variant == "plain" or not (cell in ("mingru", "minlstm") or (variant == "layer norm" and cell == "rnn"))


def close(mine: torch.Tensor, theirs: torch.Tensor) -> None:
    torch.testing.assert_close(mine.cpu(), theirs.cpu(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_the_stack_gives_what_it_gives_on_the_cpu(name: str, variant: str) -> None:
    """Gradients too. Draws of chance are other ones on another device, so where there are any, in eval mode."""
    arch = architecture(name)
    if not allowed(arch.cell, variant):
        pytest.skip("the cell has no such variant")
    torch.manual_seed(1)
    draws = variant not in ("plain", "layer norm")
    here = RecurrentStack(arch, 6, 20, 2, **VARIANTS[variant]).train(not draws)
    there = RecurrentStack(arch, 6, 20, 2, **VARIANTS[variant]).train(not draws)
    there.load_state_dict(here.state_dict())
    there.cuda()
    x, offsets = torch.randn(15, 6), offsets_of(LENGTHS)
    states = []
    for stack, device in ((here, "cpu"), (there, "cuda")):
        leaf = x.detach().clone().to(device).requires_grad_()
        y = stack(leaf, offsets)
        assert y.device.type == device
        y.square().sum().backward()
        states.append((y, leaf.grad, *(part.grad for part in stack.parameters())))
    for mine, theirs in zip(*states, strict=True):
        close(theirs, mine)
    there.train()(x.cuda(), offsets).sum().backward()


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("is_packed", [False, True], ids=["padded", "packed"])
def test_drop_ins_give_what_they_give_on_the_cpu(kind: str, variant: str, is_packed: bool) -> None:
    if not allowed(kind, variant):
        pytest.skip("the cell has no such variant")
    cls, options = MODULES[kind]
    torch.manual_seed(1)
    here = cls(6, 20, 2, bidirectional=True, batch_first=True, **options, **VARIANTS[variant]).eval()
    there = cls(6, 20, 2, bidirectional=True, batch_first=True, **options, **VARIANTS[variant]).eval()
    there.load_state_dict(here.state_dict())
    there.cuda()
    x: Any = torch.randn(4, 7, 6)
    given: Any = pack_padded_sequence(x, torch.tensor([3, 7, 1, 4]), batch_first=True, enforce_sorted=False) if is_packed else x
    mine, theirs = here(given)[0], there(given.to("cuda"))[0]
    mine, theirs = (mine.data, theirs.data) if is_packed else (mine, theirs)
    assert theirs.is_cuda
    close(theirs, mine)
    output = there.train()(given.to("cuda"))[0]
    (output.data if is_packed else output).sum().backward()
    assert all(part.grad is not None and part.grad.is_cuda for part in there.parameters())


def test_the_crf_gives_what_it_gives_on_the_cpu() -> None:
    torch.manual_seed(1)
    here = CRF(5)
    for part in here.parameters():
        torch.nn.init.normal_(part)
    there = CRF(5)
    there.load_state_dict(here.state_dict())
    there.cuda()
    emissions, labels, offsets = torch.randn(15, 5), torch.from_numpy(np.arange(15) % 5), offsets_of(LENGTHS)
    losses = [
        crf.negative_log_likelihood(emissions.to(device), labels.to(device), offsets) for crf, device in ((here, "cpu"), (there, "cuda"))
    ]
    close(losses[1], losses[0])
    for loss in losses:
        loss.backward()
    for mine, theirs in zip(here.parameters(), there.parameters(), strict=True):
        close(theirs.grad, mine.grad)


def test_a_module_moves_to_the_gpu_and_back() -> None:
    lstm = LSTM(6, 20)
    x = torch.randn(3, 2, 6)
    before = lstm(x)[0]
    close(lstm.cuda()(x.cuda())[0], before)
    assert torch.equal(lstm.cpu()(x)[0], before)
