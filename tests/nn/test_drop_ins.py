"""What RNN, LSTM and GRU compute, against torch.nn's of the same names; the paper's GRU against its cell."""

from __future__ import annotations

import sys
import types
import unittest
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

import tidegate.nn
from drop_ins import HIDDEN, INPUT, INPUTS, KINDS, OPTIONS, assert_alike, drawn, every_kind, flat, pair, run, states_of
from tidegate.kernels import engine
from tidegate.nn import GRU
from twin_layers import ByTheTwins


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("has_states", [True, False])
@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@every_kind
def test_outputs_and_gradients_equal_torch_nn(
    kind: str, options: dict[str, Any], name: str, has_states: bool, engine_calls: list[str]
) -> None:
    ours, theirs = pair(kind, **options)
    make, leaf, sequences = drawn(name, batch_first=options["batch_first"])
    hx = states_of(theirs, sequences) if has_states else None
    (mine, my_gradients), (output, gradients) = run(ours, make, leaf, hx), run(theirs, make, leaf, hx)
    assert_alike(mine, output, 1e-12)
    for one, other in zip(my_gradients, gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)
    with torch.no_grad():
        for _ in range(2):  # packed the first time
            assert_alike(ours(make(leaf), hx), theirs(make(leaf), hx), 1e-12)
    assert len(engine_calls) == 2 * options["num_layers"]


@pytest.mark.parametrize("name", ["batch", "packed unsorted"])
@pytest.mark.parametrize("bidirectional", [False, True])
@every_kind
def test_float32_agrees_to_five_digits(kind: str, bidirectional: bool, name: str) -> None:
    ours, theirs = pair(kind, dtype=torch.float32, num_layers=2, bidirectional=bidirectional)
    make, leaf, sequences = drawn(name, dtype=torch.float32)
    hx = states_of(theirs, sequences, torch.float32)
    (mine, my_gradients), (output, gradients) = run(ours, make, leaf, hx), run(theirs, make, leaf, hx)
    assert_alike(mine, output, 1e-5)
    assert_alike(my_gradients, gradients, 1e-5)


@pytest.mark.parametrize("sizes", [(130, 40), (7, 33)], ids=str)
@every_kind
def test_large_batches_move_their_rows_as_small_ones_do(kind: str, sizes: tuple[int, int]) -> None:
    """Past `layouts.PARALLEL` elements torch turns them, below NumPy."""
    mine, theirs, more = KINDS[kind]
    ours, torchs = mine(64, 64, **more), theirs(64, 64, **more)
    ours.load_state_dict(torchs.state_dict())
    x = torch.randn(*sizes, 64)
    lengths = torch.randint(1, sizes[0] + 1, (sizes[1],))
    for made in (x, x.transpose(0, 1).contiguous().transpose(0, 1), pack_padded_sequence(x, lengths, enforce_sorted=False)):
        assert_alike(ours(made), torchs(made), 1e-5)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", [*KINDS, "paper"])
def test_gradients_equal_finite_differences(kind: str, bidirectional: bool) -> None:
    options = {"num_layers": 2, "bidirectional": bidirectional, "dtype": torch.float64}
    module = GRU(2, 2, reset_after=False, **options) if kind == "paper" else KINDS[kind][0](2, 2, **KINDS[kind][2], **options)
    names, parameters = zip(*module.named_parameters(), strict=True)
    rows, count = 2 * (1 + bidirectional), 1 + (kind == "lstm")
    states = [torch.randn(rows, 3, 2, dtype=torch.float64, requires_grad=True) for _ in range(count)]
    x = torch.randn(3, 3, 2, dtype=torch.float64, requires_grad=True)

    def outputs(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        hx = tuple(rest[:count]) if count == 2 else rest[0]
        packed = pack_padded_sequence(x, torch.tensor([2, 3, 1]), enforce_sorted=False)
        (data, *_), last = torch.func.functional_call(module, dict(zip(names, rest[count:], strict=True)), (packed, hx))
        return data, *flat(last)

    assert torch.autograd.gradcheck(outputs, (x, *states, *(parameter.detach().clone().requires_grad_() for parameter in parameters)))


@pytest.mark.parametrize("device", ["engine", "torch"])
@pytest.mark.parametrize("has_states", [True, False])
@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_papers_gru_equals_its_cell_step_by_step(
    options: dict[str, Any], name: str, has_states: bool, device: str, monkeypatch: pytest.MonkeyPatch, engine_calls: list[str]
) -> None:
    if device == "torch":
        monkeypatch.setattr(engine, "is_built", lambda: False)
    gru = GRU(INPUT, HIDDEN, reset_after=False, dtype=torch.float64, **options)
    make, leaf, sequences = drawn(name, batch_first=options["batch_first"])
    hx = states_of(gru, sequences) if has_states else None
    mine, gradients = run(gru, make, leaf, hx)
    wanted, wanted_gradients = run(ByTheTwins(gru), make, leaf, hx)
    assert_alike(mine, wanted, 1e-12)
    for one, other in zip(gradients, wanted_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)
    assert bool(engine_calls) == (device == "engine")


def test_the_two_grus_differ_in_numbers_alone() -> None:
    torch.manual_seed(1)
    papers = GRU(INPUT, HIDDEN, 2, bidirectional=True, reset_after=False)
    torch.manual_seed(1)
    torchs = GRU(INPUT, HIDDEN, 2, bidirectional=True)
    assert {name: part.shape for name, part in papers.state_dict().items()} == {n: p.shape for n, p in torchs.state_dict().items()}
    x = torch.randn(4, 2, INPUT)
    assert not torch.allclose(papers(x)[0], torchs(x)[0], atol=1e-3)
    assert repr(papers) == "GRU(3, 5, num_layers=2, bidirectional=True, reset_after=False)"
    assert repr(torchs) == "GRU(3, 5, num_layers=2, bidirectional=True)"


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("bidirectional", [False, True])
@every_kind
def test_nan_and_infinity_pass_as_in_torch_nn_and_reach_no_neighbour(kind: str, bidirectional: bool, poison: float) -> None:
    ours, theirs = pair(kind, num_layers=2, bidirectional=bidirectional)
    x = torch.randn(6, 4, INPUT, dtype=torch.float64)
    clean = ours(x)[0]
    x[2, 1, 0] = poison
    mine, output = ours(x)[0], theirs(x)[0]
    torch.testing.assert_close(mine, output, rtol=1e-12, atol=1e-12, equal_nan=True)
    others = [0, 2, 3]
    assert torch.equal(mine[:, others], clean[:, others])
    assert kind == "lstm" or poison != np.nan or mine[:, 1].isnan().any()


@pytest.fixture(scope="module")
def module_inputs() -> dict[type, Callable[..., Sequence[Any]]]:
    """The inputs that torch tests its own modules with; its test code wants a package of one class, and to lock torch's settings."""
    with pytest.MonkeyPatch.context() as patch:
        if "expecttest" not in sys.modules:
            stub = types.ModuleType("expecttest")
            stub.TestCase = unittest.TestCase  # type: ignore[attr-defined]
            patch.setitem(sys.modules, "expecttest", stub)
        patch.setattr(torch.backends, "disable_global_flags", lambda: None)
        from torch.testing._internal.common_modules import module_db

    return {info.module_cls: info.module_inputs_func for info in module_db}


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_torchs_own_module_inputs(module_inputs: dict[type, Callable[..., Sequence[Any]]], name: str, is_training: bool) -> None:
    mine, theirs = getattr(tidegate.nn, name), getattr(nn, name)
    samples: list[Any] = []
    for packed in (False, True):
        options = {} if name == "LSTM" else {"is_rnn": name == "RNN", "with_packed_sequence": packed}
        samples += module_inputs[theirs](theirs, device="cpu", dtype=torch.float64, requires_grad=True, training=is_training, **options)
    assert len(samples) >= 32
    for sample in samples:
        made = sample.constructor_input
        ours, torchs = (which(*made.args, **made.kwargs, dtype=torch.float64).train(is_training) for which in (mine, theirs))
        ours.load_state_dict(torchs.state_dict())
        given = sample.forward_input
        leaves = [part for part in flat((given.args, *given.kwargs.values())) if part.requires_grad]
        results = []
        for module in (ours, torchs):
            output = module(*given.args, **given.kwargs)
            total = sum((part * part).sum() for part in flat(output) if part.requires_grad)
            results.append((output, torch.autograd.grad(total, [*leaves, *module.parameters()])))  # type: ignore[arg-type]
        assert_alike(*(output for output, _ in results), 1e-12)
        assert_alike(*(gradients for _, gradients in results), 1e-11)
