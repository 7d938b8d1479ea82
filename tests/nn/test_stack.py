"""The recurrent stack, on the engine and on torch alone, against the plain twins, torch.nn on packed sequences, and finite differences."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from strategies import RAGGED, module_weights, offsets_of
from tidegate.kernels import ARCHITECTURES, CELLS, KEEPING_GATE, architecture, engine, run_layer, weight_names
from tidegate.nn import Direction, PaddedLayout, RecurrentStack, variational_dropout

PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
every_architecture = pytest.mark.parametrize("arch", list(ARCHITECTURES))
on_both_paths = pytest.mark.usefixtures("path")


@pytest.fixture(params=["engine", "torch"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the layers run: on the engine, or as where it was not built."""
    if request.param == "torch":
        monkeypatch.setattr(engine, "is_built", lambda: False)
    return str(request.param)


@pytest.fixture
def engine_calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of directions of each layer made for the engine since."""
    calls: list[int] = []
    true = engine.Layer

    def made(cell: str, weights: Any, **options: Any) -> Any:
        calls.append(len(weights))
        return true(cell, weights, **options)

    monkeypatch.setattr(engine, "Layer", made)
    return calls


def stack_of(arch: str, input_size: int, hidden_size: int, num_layers: int = 2, *, seed: int = 0) -> RecurrentStack:
    torch.manual_seed(seed)
    return RecurrentStack(architecture(arch), input_size, hidden_size, num_layers).double()


def random_input(rows: int, width: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(rows, width)))


def by_the_twins(stack: RecurrentStack, arch: str, x: NDArray[np.float64], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    for layer in stack.layers:
        halves = [
            run_layer(architecture(arch).cell, x, offsets, module_weights(direction), reverse=reverse)
            for direction, reverse in zip(layer, (False, True), strict=False)  # type: ignore[arg-type]
        ]
        x = np.concatenate(halves, axis=1)
    return x


@pytest.mark.parametrize("lengths", [RAGGED, (4,), (1,)], ids=str)
@on_both_paths
@every_architecture
def test_states_equal_the_twins_run_layer_by_layer(arch: str, lengths: tuple[int, ...]) -> None:
    stack, offsets = stack_of(arch, 3, 4), offsets_of(lengths)
    x = random_input(int(offsets[-1]), 3)
    states = stack(x, offsets)
    assert states.shape == (len(x), stack.output_size)
    assert stack.output_size == 4 * architecture(arch).directions
    np.testing.assert_allclose(states.detach().numpy(), by_the_twins(stack, arch, x.numpy(), offsets), rtol=0, atol=1e-12)


@on_both_paths
@every_architecture
def test_gradients_of_inputs_and_weights_equal_finite_differences(arch: str) -> None:
    stack, offsets = stack_of(arch, 2, 2, 1 if arch.startswith("bi") else 2), offsets_of((2, 0, 1, 3))
    names = [name for name, _ in stack.named_parameters()]

    def states(x: Tensor, *parameters: Tensor) -> Tensor:
        return torch.func.functional_call(stack, dict(zip(names, parameters, strict=True)), (x, offsets))

    inputs = (random_input(6, 2).requires_grad_(), *(p.detach().clone().requires_grad_() for p in stack.parameters()))
    assert torch.autograd.gradcheck(states, inputs)


@on_both_paths
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("name", "module"), [("rnn", nn.RNN), ("lstm", nn.LSTM), ("gru-reset-after", nn.GRU)])
def test_values_and_gradients_equal_torch_nn_on_packed_sequences(name: str, module: Any, bidirectional: bool) -> None:
    lengths = (3, 1, 6, 3, 5)
    offsets = offsets_of(lengths)
    stack = stack_of("bi" + name if bidirectional else name, 3, 4)
    theirs = module(3, 4, num_layers=2, bidirectional=bidirectional).double()
    pairs = [
        (getattr(direction, part), getattr(theirs, f"{part}_l{number}{suffix}"))
        for number, layer in enumerate(stack.layers)
        for direction, suffix in zip(layer, ("", "_reverse"), strict=False)  # type: ignore[arg-type]
        for part in PARTS
    ]
    assert len(pairs) == len(list(theirs.parameters()))
    for mine, other in pairs:
        other.data.copy_(mine.data)
    x = random_input(sum(lengths), 3)
    x_mine, x_theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    packed = pack_sequence([x_theirs[begin:end] for begin, end in pairwise(offsets.tolist())], enforce_sorted=False)
    padded, _ = pad_packed_sequence(theirs(packed)[0], batch_first=True)
    expected = torch.cat([padded[b, :length] for b, length in enumerate(lengths)])
    states = stack(x_mine, offsets)
    torch.testing.assert_close(states, expected, rtol=0, atol=1e-12)
    weight = random_input(sum(lengths), stack.output_size, seed=1)
    (states * weight).sum().backward()
    (expected * weight).sum().backward()
    torch.testing.assert_close(x_mine.grad, x_theirs.grad, rtol=0, atol=1e-11)
    for mine, other in pairs:
        torch.testing.assert_close(mine.grad, other.grad, rtol=0, atol=1e-11)


@on_both_paths
@every_architecture
def test_more_padding_changes_neither_outputs_nor_gradients(arch: str) -> None:
    """A longer sequence beside one, and what that sequence holds, reach neither its states nor what they teach."""
    stack, x = stack_of(arch, 3, 4), random_input(4, 3)

    def seen(other: Tensor) -> list[Tensor]:
        stack.zero_grad()
        both = torch.cat([other, x]).requires_grad_()
        states = stack(both, offsets_of([len(other), 3, 1]))[len(other) :]
        (states * states).sum().backward()
        assert both.grad is not None
        assert (both.grad[: len(other)] == 0).all()
        return [states.detach(), both.grad[len(other) :], *(p.grad.clone() for p in stack.parameters() if p.grad is not None)]

    alone = seen(random_input(0, 3))
    for other in (random_input(9, 3, seed=2), 1e3 * random_input(17, 3, seed=3)):
        for before, after in zip(alone, seen(other), strict=True):
            torch.testing.assert_close(after, before, rtol=0, atol=1e-12)


@on_both_paths
@every_architecture
def test_swapping_two_sequences_swaps_their_states(arch: str) -> None:
    stack, a, b = stack_of(arch, 3, 4), random_input(4, 3), random_input(4, 3, seed=1)
    ab, ba = stack(torch.cat([a, b]), offsets_of((4, 4))), stack(torch.cat([b, a]), offsets_of((4, 4)))
    torch.testing.assert_close(ab, torch.cat([ba[4:], ba[:4]]), rtol=0, atol=1e-14)


@on_both_paths
@every_architecture
def test_the_forward_half_sees_nothing_later_and_the_backward_half_nothing_earlier(arch: str) -> None:
    """By gradients, in the first layer: state t of a half depends on step s on one side of t alone, and there on every step."""
    stack, offsets = stack_of(arch, 2, 3, 1), offsets_of((2, 5))
    x = random_input(7, 2).requires_grad_()
    states = stack(x, offsets)
    halves = states.split(3, dim=1)
    assert len(halves) == architecture(arch).directions
    for half, is_backward in zip(halves, (False, True), strict=False):
        for t in range(7):
            (gradient,) = torch.autograd.grad(half[t].sum(), x, retain_graph=True)
            depends = (gradient != 0).any(dim=1).tolist()
            begin, end = (0, 2) if t < 2 else (2, 7)
            assert depends == [begin <= s < end and (s >= t if is_backward else s <= t) for s in range(7)]


@on_both_paths
def test_in_the_second_layer_both_halves_see_the_whole_sequence_and_none_other() -> None:
    stack, x = stack_of("bigru", 2, 3, 2), random_input(7, 2).requires_grad_()
    for half in stack(x, offsets_of((2, 5))).split(3, dim=1):
        (gradient,) = torch.autograd.grad(half[4].sum(), x, retain_graph=True)
        assert (gradient != 0).any(dim=1).tolist() == [False] * 2 + [True] * 5


@every_architecture
def test_a_layer_is_one_call_of_the_engine_for_both_directions(arch: str, engine_calls: list[int]) -> None:
    stack, x = stack_of(arch, 3, 4), random_input(6, 3)
    stack(x, offsets_of((4, 2)))
    assert engine_calls == [architecture(arch).directions] * 2
    with torch.no_grad():
        stack.float()(x.float(), offsets_of((4, 2)))
    assert len(engine_calls) == 4


@every_architecture
def test_both_paths_give_the_same_numbers_in_float32(arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stack, offsets = stack_of(arch, 3, 4).float(), offsets_of(RAGGED)
    x = random_input(sum(RAGGED), 3).float().requires_grad_()
    results = []
    for is_built in (True, False):
        monkeypatch.setattr(engine, "is_built", lambda is_built=is_built: is_built)
        states = stack(x, offsets)
        results.append([states, *torch.autograd.grad((states * states).sum(), [x, *stack.parameters()])])
    for mine, theirs in zip(*results, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("lengths", [(), (0,), (0, 0)], ids=str)
@every_architecture
def test_a_batch_without_steps_has_no_states_and_teaches_nothing(arch: str, lengths: tuple[int, ...]) -> None:
    stack = stack_of(arch, 3, 4)
    states = stack(random_input(0, 3), offsets_of(lengths))
    assert states.shape == (0, stack.output_size)
    states.sum().backward()
    assert all((parameter.grad == 0).all() for parameter in stack.parameters() if parameter.grad is not None)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@every_architecture
def test_other_dtypes_run_on_torch(arch: str, dtype: torch.dtype, engine_calls: list[int]) -> None:
    stack, x = stack_of(arch, 3, 4).to(dtype), random_input(6, 3).to(dtype)
    assert stack(x, offsets_of((4, 2))).dtype == dtype
    assert not engine_calls


@every_architecture
def test_autocast_runs_on_torch(arch: str, engine_calls: list[int]) -> None:
    stack, x = stack_of(arch, 3, 4).float(), random_input(6, 3).float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        stack(x, offsets_of((4, 2)))
    assert not engine_calls


@pytest.mark.parametrize("arch", ["mingru", "biminlstm"])
def test_off_the_engine_the_cells_without_a_recurrent_matrix_give_the_same(
    arch: str, engine_calls: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tidegate.nn.stack.runs_on_engine", lambda *_: False)
    stack, offsets = stack_of(arch, 3, 4), offsets_of(RAGGED)
    x = random_input(sum(RAGGED), 3)
    np.testing.assert_allclose(stack(x, offsets).detach().numpy(), by_the_twins(stack, arch, x.numpy(), offsets), rtol=0, atol=1e-12)
    assert stack(x[:0], offsets_of((0, 0))).shape == (0, stack.output_size)
    assert not engine_calls


@every_architecture
def test_a_direction_has_the_weights_of_its_cell_and_none_for_the_others(arch: str) -> None:
    cell = architecture(arch).cell
    for direction in stack_of(arch, 3, 4).modules():
        if isinstance(direction, Direction):
            assert tuple(name for name, _ in direction.named_parameters()) == weight_names(cell)
            assert [part is None for part in direction.weights()] == [part not in weight_names(cell) for part in PARTS]


def test_parameters_keep_their_names_and_the_seed_its_stream() -> None:
    stack = stack_of("bilstm", 3, 4)
    assert list(stack.state_dict()) == [f"layers.{layer}.{direction}.{part}" for layer in (0, 1) for direction in (0, 1) for part in PARTS]
    torch.manual_seed(0)
    bound = 4**-0.5
    for name, parameter in stack.named_parameters():
        drawn = torch.empty_like(parameter, dtype=torch.float32).uniform_(-bound, bound)
        drawn[4:8] += 1.0 if name.endswith("bias_ih") else 0.0
        assert torch.equal(parameter, drawn.double()), name


@pytest.mark.parametrize("cell", CELLS)
def test_forget_and_update_gates_begin_open_and_all_else_within_the_bound(cell: Any) -> None:
    torch.manual_seed(0)
    direction = Direction(cell, 3, 16)
    bound = 16**-0.5
    for name, parameter in direction.named_parameters():
        shifted = parameter.detach().clone()
        if name == "bias_ih" and cell in KEEPING_GATE:
            shifted.view(-1, 16)[KEEPING_GATE[cell]] -= 1
        assert shifted.abs().max() <= bound + 1e-6
        assert 0.7 * bound < shifted.abs().max()


@pytest.mark.parametrize("reverse", [False, True])
def test_a_padded_block_is_read_from_each_sequences_own_end_and_zero_past_it(reverse: bool) -> None:
    layout = PaddedLayout(offsets_of((2, 0, 3)), reverse=reverse)
    flat = torch.tensor([[1.0], [2.0], [3.0], [4.0], [5.0]])
    padded = layout.pad(flat)
    assert padded[:, :, 0].T.tolist() == ([[2, 1, 0], [0, 0, 0], [5, 4, 3]] if reverse else [[1, 2, 0], [0, 0, 0], [3, 4, 5]])
    assert layout.unpad(padded).tolist() == flat.tolist()


@pytest.mark.parametrize("reverse", [False, True])
def test_gradients_of_padding_and_unpadding_equal_finite_differences(reverse: bool) -> None:
    layout = PaddedLayout(offsets_of(RAGGED), reverse=reverse)
    assert torch.autograd.gradcheck(layout.pad, (random_input(sum(RAGGED), 2).requires_grad_(),))
    padded = random_input(layout.steps * layout.sequences, 2).view(layout.steps, layout.sequences, 2)
    assert torch.autograd.gradcheck(layout.unpad, (padded.requires_grad_(),))


def test_variational_dropout_draws_one_mask_for_a_whole_sequence() -> None:
    torch.manual_seed(0)
    lengths = (4, 0, 1, 3)
    dropped = variational_dropout(torch.ones(8, 50), offsets_of(lengths), p=0.5, is_training=True)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    masks = []
    for begin, end in pairwise(offsets_of(lengths).tolist()):
        if end > begin:
            assert (dropped[begin:end] == dropped[begin]).all()
            masks.append(tuple(dropped[begin].tolist()))
    assert len(set(masks)) == 3


def test_variational_dropout_scales_so_that_the_expectation_stays() -> None:
    torch.manual_seed(0)
    p, draws = 0.3, 200_000
    dropped = variational_dropout(
        torch.ones(draws // 100, 100, dtype=torch.float64), offsets_of((1,) * (draws // 100)), p=p, is_training=True
    )
    assert dropped.max().item() == pytest.approx(1 / (1 - p))
    assert dropped.mean().item() == pytest.approx(1, abs=4 * (p / (1 - p) / draws) ** 0.5)


def test_variational_dropout_is_nothing_outside_training_and_at_zero() -> None:
    x = torch.ones(3, 2)
    assert variational_dropout(x, offsets_of((3,)), p=0.5, is_training=False) is x
    assert variational_dropout(x, offsets_of((3,)), p=0.0, is_training=True) is x


@on_both_paths
@every_architecture
def test_dropout_falls_between_layers_in_training_alone(arch: str) -> None:
    torch.manual_seed(0)
    x, offsets = random_input(6, 3).float(), offsets_of((4, 2))
    one = RecurrentStack(architecture(arch), 3, 16, 1, dropout=0.5)
    torch.testing.assert_close(one(x, offsets), one.eval()(x, offsets))
    two = RecurrentStack(architecture(arch), 3, 16, 2, dropout=0.5)
    in_training, again = two(x, offsets), two(x, offsets)
    assert not torch.allclose(in_training, again)
    two.eval()
    torch.testing.assert_close(two(x, offsets), two(x, offsets), rtol=0, atol=0)
    assert not torch.allclose(two(x, offsets), in_training)


@on_both_paths
@pytest.mark.parametrize("arch", [name for name in ARCHITECTURES if architecture(name).directions == 1])
def test_a_text_read_window_after_window_gives_what_it_gives_at_once(arch: str) -> None:
    stack = stack_of(arch, 3, 4)
    whole, halves = offsets_of((7, 7)), (offsets_of((3, 3)), offsets_of((4, 4)))
    x = random_input(14, 3).requires_grad_()
    by_text = x.view(2, 7, 3)
    first, states = stack.carried(by_text[:, :3].reshape(6, 3), halves[0])
    second, last = stack.carried(by_text[:, 3:].reshape(8, 3), halves[1], states)
    expected, ends = stack.carried(x, whole)
    torch.testing.assert_close(expected, stack(x, whole))
    torch.testing.assert_close(torch.cat([first.view(2, 3, 4), second.view(2, 4, 4)], dim=1), expected.view(2, 7, 4))
    for given, wanted in zip(last, ends, strict=True):
        torch.testing.assert_close(given, wanted)
    weight = torch.randn(2, 7, 4, dtype=torch.float64)
    in_windows = (torch.cat([first.view(2, 3, 4), second.view(2, 4, 4)], dim=1) * weight).sum() + last[0][-1].sum()
    at_once = (expected.view(2, 7, 4) * weight).sum() + ends[0][-1].sum()
    parameters = [x, *stack.parameters()]
    for given, wanted in zip(torch.autograd.grad(in_windows, parameters), torch.autograd.grad(at_once, parameters), strict=True):
        torch.testing.assert_close(given, wanted)
