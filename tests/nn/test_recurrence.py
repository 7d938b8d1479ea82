"""One layer on the engine inside torch's graph: against the torch cells, finite differences, and what torch promises of a graph."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from strategies import RAGGED, cell_weights, offsets_of
from tidegate.kernels import Cell
from tidegate.nn.cells import CELLS
from tidegate.nn.layouts import padded_layout
from tidegate.nn.recurrence import DirectionWeights, EngineCell, recurrence

INPUT, H = 3, 4
EVERY = ("rnn", "rnn-relu", "lstm", "gru", "gru-reset-after")
CUTS = ("one", "reverse", "both")
every_cell = pytest.mark.parametrize("cell", EVERY)
every_cut = pytest.mark.parametrize("cut", CUTS)


class Case:
    """Random inputs of one layer; `tensors` is the list of all that can be differentiated, in the order x, h0, c0, weights."""

    def __init__(
        self,
        cell: EngineCell,
        cut: str,
        lengths: Sequence[int] = RAGGED,
        *,
        bias: bool = True,
        states: bool = True,
        dtype: Any = torch.float64,
    ) -> None:
        random = np.random.default_rng(len(lengths))
        self.cell, self.reverse, directions = cell, cut == "reverse", 1 + (cut == "both")
        self.offsets = offsets_of(lengths)
        kind: Cell = "rnn" if cell == "rnn-relu" else cell

        def drawn(*shape: int) -> Tensor:
            return torch.from_numpy(random.normal(size=shape)).to(dtype).requires_grad_()

        self.x = drawn(sum(lengths), INPUT)
        self.states = [drawn(directions, len(lengths), H) for _ in range(1 + (cell == "lstm"))] if states else []
        self.weights: list[DirectionWeights] = []
        for _ in range(directions):
            w = cell_weights(random, kind, INPUT, H)
            parts = [torch.from_numpy(part).to(dtype).requires_grad_() for part in (w.weight_ih, w.weight_hh, w.bias_ih, w.bias_hh)]
            self.weights.append((parts[0], parts[1], *((parts[2], parts[3]) if bias else (None, None))))  # type: ignore[arg-type]
        self.tensors = [self.x, *self.states, *(part for parts in self.weights for part in parts if part is not None)]

    def run(self, **options: Any) -> list[Tensor]:
        return [
            part
            for part in recurrence(self.cell, self.x, self.offsets, self.weights, *self.states, reverse=self.reverse, **options)
            if part is not None
        ]

    def by_the_cells(self) -> list[Tensor]:
        return by_the_cells(self.cell, self.x, self.offsets, self.weights, self.states, reverse=self.reverse)

    def of(self, *tensors: Tensor) -> list[Tensor]:
        """The layer as a function of all its tensors, for gradcheck."""
        rest = iter(tensors)
        x, states = next(rest), [next(rest) for _ in self.states]
        weights: Any = [tuple(None if part is None else next(rest) for part in parts) for parts in self.weights]
        return [part for part in recurrence(self.cell, x, self.offsets, weights, *states, reverse=self.reverse) if part is not None]


def by_the_cells(
    cell: str, x: Tensor, offsets: NDArray[np.int64], weights: Sequence[DirectionWeights], states: Sequence[Tensor], *, reverse: bool
) -> list[Tensor]:
    """y, hn and cn by one step of the plain torch cells after another."""
    sides, ends = [], []
    for d, parts in enumerate(weights):
        zero = x.new_zeros(parts[0].shape[0])
        full: Any = [zero if part is None else part for part in parts]
        rows: list[Tensor] = []
        last: list[list[Tensor]] = []
        for b, (begin, end) in enumerate(pairwise(offsets.tolist())):
            count = 2 if cell == "lstm" else 1
            state = tuple(part[d, b : b + 1] for part in states) or (x.new_zeros(1, H),) * count
            found: dict[int, Tensor] = {}
            for n in reversed(range(begin, end)) if reverse or d == 1 else range(begin, end):
                if cell == "rnn-relu":
                    state = (torch.relu(x[n : n + 1] @ full[0].T + full[2] + state[0] @ full[1].T + full[3]),)
                else:
                    state = CELLS[cell](x[n : n + 1], state, full)  # type: ignore[index]
                found[n] = state[0]
            rows += [found[n] for n in range(begin, end)]
            last.append(list(state))
        sides.append(torch.cat(rows))
        ends.append([torch.cat(parts) for parts in zip(*last, strict=True)])
    return [torch.cat(sides, dim=1), *(torch.stack(parts) for parts in zip(*ends, strict=True))]


def loss(outputs: Sequence[Tensor]) -> Tensor:
    """A number that depends on every output, differently on each element."""
    return sum(((part * torch.arange(1, part.numel() + 1).view(part.shape).cos()).sum() for part in outputs), torch.zeros(()))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("states", [True, False])
@every_cut
@every_cell
def test_values_and_gradients_equal_the_torch_cells(cell: EngineCell, cut: str, states: bool, bias: bool) -> None:
    case = Case(cell, cut, states=states, bias=bias)
    got, wanted = case.run(), case.by_the_cells()
    assert len(got) == len(wanted) == (3 if cell == "lstm" else 2)
    for mine, theirs in zip(got, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
    mine, theirs = (torch.autograd.grad(loss(outputs), case.tensors) for outputs in (got, wanted))
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@every_cut
@every_cell
def test_float32_equals_the_torch_cells_to_five_digits(cell: EngineCell, cut: str) -> None:
    case = Case(cell, cut, dtype=torch.float32)
    got, wanted = case.run(), case.by_the_cells()
    mine, theirs = (torch.autograd.grad(loss(outputs), case.tensors) for outputs in (got, wanted))
    for one, other in zip([*got, *mine], [*wanted, *theirs], strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5 * max(1.0, other.detach().abs().max().item()))


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("states", [True, False])
@every_cut
@every_cell
def test_gradients_of_everything_equal_finite_differences(cell: EngineCell, cut: str, states: bool, bias: bool) -> None:
    case = Case(cell, cut, (2, 0, 1, 3), states=states, bias=bias)
    assert torch.autograd.gradcheck(lambda *tensors: tuple(case.of(*tensors)), case.tensors)


@every_cell
def test_without_gradients_the_values_are_the_same_bits(cell: EngineCell) -> None:
    case = Case(cell, "both")
    with torch.no_grad():
        quiet = case.run()
    for mine, theirs in zip(quiet, case.run(), strict=True):
        assert not mine.requires_grad
        assert theirs.requires_grad
        assert torch.equal(mine, theirs)


@every_cell
def test_each_output_alone_teaches_what_it_teaches_beside_the_others(cell: EngineCell) -> None:
    """Outputs that are not used arrive at the engine as None, not as zeros."""
    case = Case(cell, "both")
    count = 3 if cell == "lstm" else 2
    for size in range(1, count + 1):
        for chosen in combinations(range(count), size):
            mine, theirs = (
                torch.autograd.grad(loss([outputs[k] for k in chosen]), case.tensors) for outputs in (case.run(), case.by_the_cells())
            )
            for one, other in zip(mine, theirs, strict=True):
                torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@every_cell
def test_only_what_needs_a_gradient_gets_one_and_it_is_the_same(cell: EngineCell) -> None:
    case = Case(cell, "both")
    full = torch.autograd.grad(loss(case.run()), case.tensors)
    for place, chosen in enumerate(case.tensors):
        for tensor in case.tensors:
            tensor.requires_grad_(tensor is chosen)
        outputs = case.run()
        loss(outputs).backward()
        assert chosen.grad is not None
        torch.testing.assert_close(chosen.grad, full[place], rtol=0, atol=0)
        assert all(tensor.grad is None for tensor in case.tensors if tensor is not chosen)
        chosen.grad = None


@pytest.mark.parametrize("lengths", [(), (0,), (0, 0)], ids=str)
@every_cell
def test_a_batch_without_steps_ends_where_it_begins(cell: EngineCell, lengths: tuple[int, ...]) -> None:
    case = Case(cell, "both", lengths)
    y, *ends = case.run()
    assert y.shape == (0, 2 * H)
    for end, begin in zip(ends, case.states, strict=True):
        assert torch.equal(end, begin)
    gradients = torch.autograd.grad(loss([y, *ends]), case.tensors)
    for tensor, gradient in zip(case.tensors, gradients, strict=True):
        assert gradient.shape == tensor.shape
    for begin, gradient in zip(case.states, gradients[1:], strict=False):
        assert torch.equal(gradient, torch.autograd.grad(loss([begin]), begin)[0])


@every_cell
def test_a_batch_that_stands_time_major_is_read_where_it_stands(cell: EngineCell) -> None:
    case = Case(cell, "both", (5, 5, 5))
    layout = padded_layout((5, 3), False)
    x = case.x.detach().view(3, 5, INPUT).transpose(0, 1).contiguous().requires_grad_()
    assert layout is not None
    outputs = [part for part in recurrence(cell, x, case.offsets, case.weights, *case.states, rows=layout.rows) if part is not None]
    wanted = case.run()
    assert outputs[0].shape == (5, 3, 2 * H)
    assert outputs[0].is_contiguous()
    assert torch.equal(outputs[0].transpose(0, 1).reshape(15, -1), wanted[0])
    weight = torch.randn(15, 2 * H, dtype=torch.float64)
    (theirs,) = torch.autograd.grad((wanted[0] * weight).sum(), case.x)
    (mine,) = torch.autograd.grad((outputs[0] * weight.view(3, 5, -1).transpose(0, 1)).sum(), x)
    assert torch.equal(mine.transpose(0, 1).reshape(15, -1), theirs)


@pytest.mark.parametrize("cut", ["one", "both"])
@every_cell
def test_inputs_and_gradients_that_are_not_contiguous_are_read_right(cell: EngineCell, cut: str) -> None:
    case = Case(cell, cut)
    wanted = torch.autograd.grad(loss(case.run()), case.tensors)
    for place, tensor in enumerate(case.tensors):  # every second element of a wider one
        wide = torch.stack([tensor.detach(), torch.full_like(tensor, 7.0)], dim=-1)
        case.tensors[place] = wide[..., 0].requires_grad_()
        assert tensor.numel() < 2 or not case.tensors[place].is_contiguous()
    outputs = case.of(*case.tensors)
    for mine, theirs in zip(torch.autograd.grad(loss(outputs), case.tensors), wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    (spread,) = torch.autograd.grad(case.of(*case.tensors)[0].sum(), case.tensors[0])  # its gradient is one number, expanded
    y = case.run()[0]
    torch.testing.assert_close(spread, torch.autograd.grad(y, case.x, torch.ones_like(y))[0], rtol=0, atol=0)


@every_cell
def test_a_graph_that_is_kept_gives_the_same_gradients_again_and_one_that_is_not_is_gone(cell: EngineCell) -> None:
    case = Case(cell, "both")
    total = loss(case.run())
    first, second = (torch.autograd.grad(total, case.tensors, retain_graph=True) for _ in range(2))
    third = torch.autograd.grad(total, case.tensors)
    for one, two, three in zip(first, second, third, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        total.backward()


@every_cell
def test_gradients_share_no_memory(cell: EngineCell) -> None:
    """torch keeps a gradient as it comes: were two biases given one array, clipping would scale both twice."""
    case = Case(cell, "both")
    loss(case.run()).backward()
    arrays = [tensor.grad.numpy() for tensor in case.tensors if tensor.grad is not None]
    assert len(arrays) == len(case.tensors)
    assert not any(np.shares_memory(one, other) for one, other in combinations(arrays, 2))


@every_cell
def test_outputs_share_no_memory_with_each_other_and_with_what_they_came_from(cell: EngineCell) -> None:
    """Also of one step, whose only state is the last one, and of sequences without steps, whose last state is the first."""
    for lengths in (RAGGED, (1, 1), (0, 0)):
        case = Case(cell, "one", lengths)
        for context in (torch.no_grad, torch.enable_grad):
            with context():
                arrays = [part.detach().numpy() for part in (*case.run(), *case.tensors)]
            assert not any(np.shares_memory(one, other) for one, other in combinations(arrays, 2))


@pytest.mark.parametrize("of", [lambda y: y.sum(), lambda y: (y * y).sum()], ids=["of the sum", "of the squares"])
@every_cell
def test_the_gradient_of_a_gradient_is_refused(cell: EngineCell, of: Callable[[Tensor], Tensor]) -> None:
    """Of the sum, too, whose own gradient requires none: torch's once_differentiable would let that pass as a constant."""
    case = Case(cell, "one")
    gradients = torch.autograd.grad(of(case.run()[0]), case.tensors[:1], create_graph=True)
    assert gradients[0].requires_grad
    with pytest.raises(
        RuntimeError, match=r"gradient of a gradient .* [Uu]se torch\.nn\.RNN, torch\.nn\.LSTM or torch\.nn\.GRU .* or tidegate\.nn\.cells"
    ):
        loss(gradients).backward()


def test_create_graph_alone_changes_no_gradient() -> None:
    case = Case("lstm", "both")
    plain = torch.autograd.grad(loss(case.run()), case.tensors)
    graphed = torch.autograd.grad(loss(case.run()), case.tensors, create_graph=True)
    assert all(torch.equal(one, other) for one, other in zip(plain, graphed, strict=True))


@every_cell
def test_what_is_written_to_between_forward_and_backward_is_noticed_by_torch(cell: EngineCell) -> None:
    for place in range(len(Case(cell, "both").tensors)):
        case = Case(cell, "both")
        outputs = case.run()
        with torch.no_grad():
            case.tensors[place].mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss(outputs).backward()


@every_cell
def test_writing_to_the_outputs_changes_no_gradient_before_them(cell: EngineCell) -> None:
    case = Case(cell, "both")
    wanted = torch.autograd.grad(loss([part * 2 for part in case.run()]), case.tensors)
    outputs = [part.mul_(2) for part in case.run()]
    for mine, theirs in zip(torch.autograd.grad(loss(outputs), case.tensors), wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)


def test_what_backward_needs_lives_as_long_as_torchs_own_saved_tensors() -> None:
    case = Case("lstm", "both")
    outputs = case.run()
    keeper = outputs[0].grad_fn.saved_tensors[0]  # type: ignore[union-attr]
    alive = weakref.ref(keeper)
    assert keeper.kept[1].nbytes > 0
    del keeper
    loss(outputs).backward(retain_graph=True)
    assert alive() is not None
    loss(outputs).backward()
    assert alive() is None  # though the outputs are still here


@pytest.mark.parametrize("use_reentrant", [True, False])
@every_cell
def test_activation_checkpointing_gives_the_same_gradients(cell: EngineCell, use_reentrant: bool) -> None:
    case = Case(cell, "both")
    wanted = torch.autograd.grad(loss(case.run()), case.tensors)
    loss(checkpoint(lambda *tensors: tuple(case.of(*tensors)), *case.tensors, use_reentrant=use_reentrant)).backward()  # type: ignore[arg-type]
    for tensor, theirs in zip(case.tensors, wanted, strict=True):
        assert tensor.grad is not None
        torch.testing.assert_close(tensor.grad, theirs, rtol=0, atol=0)


def test_under_saved_tensor_hooks_nothing_but_tensors_is_kept() -> None:
    case = Case("gru", "both")
    wanted = torch.autograd.grad(loss(case.run()), case.tensors)
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: tensor.detach().numpy().copy(), torch.from_numpy):
        outputs = case.run()
    assert not hasattr(outputs[0].grad_fn.saved_tensors[0], "kept")  # type: ignore[union-attr]
    for mine, theirs in zip(torch.autograd.grad(loss(outputs), case.tensors), wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=0)


@pytest.mark.parametrize("poison", [np.nan, np.inf])
@every_cut
@every_cell
def test_nan_and_infinity_stay_in_their_sequence(cell: EngineCell, cut: str, poison: float) -> None:
    lengths = (4, 3, 5)
    case = Case(cell, cut, lengths)
    clean = case.run()
    clean_dx = torch.autograd.grad(clean[0].sum(), case.x)[0]
    with torch.no_grad():
        case.x[5, 1] = poison  # second step of the middle sequence
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outputs = case.run()
    (dx,) = torch.autograd.grad(outputs[0].sum(), case.x)
    for rows in (slice(0, 4), slice(7, 12)):
        assert torch.equal(outputs[0][rows], clean[0][rows])
        assert torch.equal(dx[rows], clean_dx[rows])
    for mine, theirs in zip(outputs[1:], clean[1:], strict=True):
        assert torch.equal(mine[:, [0, 2]], theirs[:, [0, 2]])
    wanted = case.by_the_cells()
    for mine, theirs in zip(outputs, wanted, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-11, equal_nan=True)


def test_transforms_of_torch_func_are_refused() -> None:
    case = Case("lstm", "one")
    with pytest.raises(RuntimeError, match="setup_context"):
        torch.func.grad(lambda x: recurrence("lstm", x, case.offsets, case.weights)[0].sum())(case.x.detach())
