"""RNN, LSTM and GRU as modules: parameters, copies, hooks, packed weights, dropout, threads."""

from __future__ import annotations

import copy
import io
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.prune import random_unstructured

import tidegate.nn
from drop_ins import HIDDEN, INPUT, KINDS, OPTIONS, assert_alike, drawn, every_kind, flat, pair, run
from tidegate.nn import GRU, LSTM, RNN


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("options", [*OPTIONS, {"proj_size": 2}], ids=str)
@every_kind
def test_the_same_seed_begins_with_torch_nns_weights_and_leaves_the_same_randomness(kind: str, options: dict[str, Any]) -> None:
    mine, theirs, more = KINDS[kind]
    if "proj_size" in options and kind != "lstm":
        with pytest.raises(ValueError, match="proj_size argument is only supported for LSTM, not RNN or GRU"):
            mine(INPUT, HIDDEN, **options)
        return
    torch.manual_seed(3)
    ours, after = mine(INPUT, HIDDEN, **more, **options), torch.rand(1)
    torch.manual_seed(3)
    torchs, torchs_after = theirs(INPUT, HIDDEN, **more, **options), torch.rand(1)
    assert torch.equal(after, torchs_after)
    assert list(ours.state_dict()) == list(torchs.state_dict())
    assert all(torch.equal(one, other) for one, other in zip(ours.parameters(), torchs.parameters(), strict=True))
    assert repr(ours) == repr(torchs)
    assert isinstance(ours, theirs)
    torchs.load_state_dict(ours.state_dict())


def test_arguments_stand_in_torch_nns_order() -> None:
    for mine, theirs, arguments in (
        (RNN, nn.RNN, (3, 5, 2, "relu", False, True, 0.5, True)),
        (LSTM, nn.LSTM, (3, 5, 2, False, True, 0.5, True, 2)),
        (GRU, nn.GRU, (3, 5, 2, False, True, 0.5, True)),
    ):
        ours, torchs = mine(*arguments), theirs(*arguments)
        assert repr(ours) == repr(torchs)
        assert ours.__dict__.keys() - torchs.__dict__.keys() <= {"reset_after"}


def test_their_names_are_public() -> None:
    assert {"GRU", "LSTM", "RNN"} <= set(tidegate.nn.__all__)


def pickled(module: Any) -> Any:
    return pickle.loads(pickle.dumps(module))


def saved(module: Any) -> Any:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, pickled, saved])
@pytest.mark.parametrize("kind", [*KINDS, "paper"])
def test_copies_give_the_same_and_carry_nothing_packed(kind: str, copied: Callable[[Any], Any]) -> None:
    module = GRU(INPUT, HIDDEN, 2, reset_after=False) if kind == "paper" else KINDS[kind][0](INPUT, HIDDEN, 2, **KINDS[kind][2])
    x = torch.randn(4, 2, INPUT)
    with torch.no_grad():
        before = module(x)
        assert module._packed is not None
        other = copied(module)
        assert other._packed is None
        assert_alike(other(x), before, 0.0)
    assert type(other) is type(module)
    assert "_packed" not in module.state_dict()
    assert other.state_dict().keys() == module.state_dict().keys()


def test_conversion_to_double_and_back() -> None:
    ours, theirs = pair("lstm", dtype=torch.float32, num_layers=2)
    x = torch.randn(4, 2, INPUT)
    with torch.no_grad():
        assert_alike(ours(x), theirs(x), 1e-6)
        assert_alike(ours.double()(x.double()), theirs.double()(x.double()), 1e-12)
        assert_alike(ours.float()(x), theirs.float()(x), 1e-6)
        assert_alike(ours.to(torch.float64)(x.double()), theirs.double()(x.double()), 1e-12)


def test_hooks_see_what_torch_nns_hooks_see() -> None:
    seen: dict[str, list[Any]] = {}
    for name, module in zip(("ours", "theirs"), pair("gru"), strict=True):
        record = seen.setdefault(name, [])
        module.register_forward_pre_hook(lambda _, given, record=record: record.append(flat(given)))
        module.register_forward_hook(lambda _, given, output, record=record: record.append(flat(output)))
        module.register_full_backward_hook(lambda _, inward, outward, record=record: record.append(flat(inward) + flat(outward)))
        torch.manual_seed(2)
        output, _ = module(torch.randn(4, 2, INPUT, dtype=torch.float64, requires_grad=True))
        output.square().sum().backward()
        next(iter(module.parameters())).grad.zero_()
    assert len(seen["ours"]) == 3
    assert_alike(seen["ours"], seen["theirs"], 1e-11)


def _by_copy(module: Any) -> None:
    with torch.no_grad():
        module.weight_hh_l0.copy_(module.weight_hh_l0 * 2)


def _by_data(module: Any) -> None:
    for parameter in module.parameters():
        parameter.data.mul_(1.5)


def _one_gate_of_a_bias_by_data(module: Any) -> None:
    module.bias_ih_l0.data[HIDDEN : 2 * HIDDEN].fill_(1.0)


def _one_gate_of_a_matrix_by_data(module: Any) -> None:
    module.weight_ih_l0.data[HIDDEN : 2 * HIDDEN].mul_(3)


def _by_another_memory(module: Any) -> None:
    module.weight_ih_l0.data = module.weight_ih_l0.data * 2


def _by_another_parameter(module: Any) -> None:
    module.weight_ih_l0 = nn.Parameter(module.weight_ih_l0.detach() * 2)


def _by_loading(module: Any) -> None:
    module.load_state_dict({name: part * 2 for name, part in module.state_dict().items()})


def _in_inference_mode(module: Any) -> None:
    with torch.inference_mode():
        module.weight_hh_l0.mul_(2)


def _by_a_fused_optimiser(module: Any) -> None:
    """It writes, and raises no version of what it wrote (torch 2.13)."""
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    torch.optim.Adam(module.parameters(), lr=0.1, fused=True).step()


def _one_element_by_data_and_flatten_parameters(module: Any) -> None:
    module.weight_hh_l0.data[1, 1] += 1
    module.flatten_parameters()


@pytest.mark.parametrize(
    "write",
    [
        _by_copy,
        _by_data,
        _one_gate_of_a_bias_by_data,
        _one_gate_of_a_matrix_by_data,
        _by_another_memory,
        _by_another_parameter,
        _by_loading,
        _in_inference_mode,
        _by_a_fused_optimiser,
        _one_element_by_data_and_flatten_parameters,
    ],
)
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_weights_written_to_are_seen(kind: str, write: Callable[[Any], None]) -> None:
    ours, theirs = pair(kind)
    x = torch.randn(4, 2, INPUT, dtype=torch.float64)
    with torch.no_grad():
        before, _ = ours(x)
        packed = ours._packed
        ours(x)
        assert ours._packed is packed  # unchanged: packed once
    write(ours)
    write(theirs)
    with torch.no_grad():
        assert_alike(ours(x), theirs(x), 1e-12)
        assert not torch.allclose(ours(x)[0], before)


def test_training_drops_what_was_packed() -> None:
    lstm, x = LSTM(INPUT, HIDDEN), torch.randn(4, 2, INPUT)
    with torch.no_grad():
        lstm(x)
    lstm(x)
    assert lstm._packed is None


def test_weights_given_for_one_call_are_not_kept() -> None:
    ours, theirs = pair("lstm")
    x = torch.randn(4, 2, INPUT, dtype=torch.float64)
    given = {name: 2 * part.detach() for name, part in theirs.named_parameters()}
    with torch.no_grad():
        before = ours(x)
        assert_alike(torch.func.functional_call(ours, given, (x,)), torch.func.functional_call(theirs, given, (x,)), 1e-12)
        assert_alike(ours(x), before, 0.0)


def test_weights_without_versions_or_memory_are_told_from_the_packed_ones() -> None:
    ours, theirs = pair("lstm")
    x = torch.randn(4, 2, INPUT, dtype=torch.float64)
    with torch.no_grad():
        before = ours(x)
        with torch.inference_mode():
            given = {name: 2 * part for name, part in theirs.named_parameters()}
        assert_alike(torch.func.functional_call(ours, given, (x,)), torch.func.functional_call(theirs, given, (x,)), 1e-12)
        assert_alike(ours(x), before, 0.0)
    parameters = {name: part.detach() for name, part in theirs.named_parameters()}
    mine, output = (
        torch.func.grad(lambda given, module=module: torch.func.functional_call(module, given, (x,))[0].square().sum())(parameters)
        for module in (ours, theirs)
    )
    assert_alike(list(mine.values()), list(output.values()), 1e-12)


@pytest.mark.parametrize("computed", ["weight_norm", "prune"])
def test_weights_that_are_computed_are_computed_anew_each_time(computed: str) -> None:
    ours, theirs = pair("gru")
    for module in (ours, theirs):
        torch.manual_seed(4)
        if computed == "weight_norm":
            nn.utils.parametrizations.weight_norm(module, "weight_hh_l0")
        else:
            random_unstructured(module, "weight_hh_l0", 0.5)
    make, leaf, _ = drawn("batch")
    for _ in range(2):
        (mine, my_gradients), (output, gradients) = run(ours, make, leaf, None), run(theirs, make, leaf, None)
        assert_alike(mine, output, 1e-12)
        assert_alike(my_gradients, gradients, 1e-11)
        with torch.no_grad():
            assert_alike(ours(leaf), theirs(leaf), 1e-12)
            for parameter in (*ours.parameters(), *theirs.parameters()):
                parameter.mul_(1.1)


@every_kind
def test_dropout_falls_between_layers_in_training_alone(kind: str) -> None:
    mine, _, more = KINDS[kind]
    module, x = mine(INPUT, 400, 2, **more, dropout=0.25), torch.randn(5, 2, INPUT)
    plain = mine(INPUT, 400, 2, **more)
    plain.load_state_dict(module.state_dict())
    outside = plain(x)
    assert_alike(module.eval()(x), outside, 1e-6)
    module.train()
    for context in (torch.enable_grad, torch.no_grad):
        with context():
            first, second = module(x), module(x)
        assert not torch.allclose(first[0], second[0])
        ends = first[1][0] if kind == "lstm" else first[1]
        torch.testing.assert_close(ends[0], (outside[1][0] if kind == "lstm" else outside[1])[0])  # the first layer's own states stay whole


@pytest.mark.parametrize("is_training_step", [True, False])
def test_dropout_drops_single_elements_at_its_rate_and_scales_the_rest(is_training_step: bool) -> None:
    """A second layer that only adds up its input, through ReLU, shows what arrived there."""
    module = RNN(1, 1000, 2, nonlinearity="relu", dropout=0.3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.bias_ih_l0.fill_(1.0)
        module.weight_ih_l1.copy_(torch.eye(1000))
        with torch.set_grad_enabled(is_training_step):
            y, _ = module(torch.zeros(20, 5, 1))
    assert y.unique().tolist() == pytest.approx([0.0, 1 / 0.7])
    kept = (y > 0).float()
    assert kept.mean().item() == pytest.approx(0.7, abs=0.01)
    assert (kept.mean(dim=2) - 0.7).abs().max() < 0.1  # no step, no sequence and no unit goes as a whole
    assert (kept.flatten(0, 1).mean(dim=0) - 0.7).abs().max() < 0.3


@every_kind
def test_dropout_of_everything_leaves_the_biases(kind: str) -> None:
    mine, _, more = KINDS[kind]
    module = mine(INPUT, HIDDEN, 2, **more, dropout=1.0)
    assert_alike(module(torch.randn(4, 2, INPUT)), module(torch.randn(4, 2, INPUT)), 1e9)
    assert torch.equal(module(torch.randn(4, 2, INPUT))[0], module(torch.randn(4, 2, INPUT))[0])


def test_one_module_serves_several_python_threads() -> None:
    module = LSTM(8, 16, 2, bidirectional=True)
    inputs = [torch.randn(7, size, 8) for size in range(1, 9)]
    with torch.no_grad():
        wanted = [module(x)[0] for x in inputs]
    module.flatten_parameters()
    failures: list[str] = []

    def work(place: int) -> None:
        for turn in range(40):
            x = inputs[(place + turn) % 8]
            if turn % 4 == 3:
                module(x)  # recorded: drops what the others use
            with torch.no_grad():
                if not torch.equal(module(x)[0], wanted[(place + turn) % 8]):
                    failures.append(f"thread {place}, turn {turn}")

    threads = [threading.Thread(target=work, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
