"""The torch twins against the NumPy twins and against torch.nn's own cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from strategies import Array, cell_weights
from tidegate.kernels import CELLS as NUMPY_CELLS
from tidegate.kernels import Cell, CellWeights
from tidegate.kernels.twins import keeping_share
from tidegate.nn import CELLS
from tidegate.nn.cells import LAYER_NORM_CELLS, State, Weights, minlstm_gates, zoneout

TORCH_CELLS = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru-reset-after": nn.GRUCell}
PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def tensors(w: CellWeights) -> Weights:
    return tuple(None if part is None else torch.from_numpy(part) for part in w.in_order())


def drawn(cell: Cell, batch: int) -> tuple[CellWeights, Tensor, State]:
    random = np.random.default_rng(batch)
    w = cell_weights(random, cell, 3, 4)
    x, *state = (torch.from_numpy(random.normal(size=(batch, width))) for width in (3, *(4, 4)[: 2 if cell == "lstm" else 1]))
    return w, x, tuple(state)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("cell", list(CELLS))
def test_torch_twins_equal_the_numpy_twins(cell: Cell, batch: int) -> None:
    w, x, state = drawn(cell, batch)
    after = CELLS[cell](x, state, tensors(w))
    assert len(after) == len(state)
    for row in range(batch):
        expected = NUMPY_CELLS[cell](x[row].numpy(), tuple(part[row].numpy() for part in state), w)
        for got, wanted in zip(after, expected, strict=True):
            np.testing.assert_allclose(got[row].numpy(), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("cell", list(TORCH_CELLS))
def test_torch_twins_equal_torch_nn_in_values_and_gradients(cell: Cell, batch: int) -> None:
    w, x, state = drawn(cell, batch)
    theirs = TORCH_CELLS[cell](3, 4).double()
    theirs.load_state_dict(dict(zip(PARTS, tensors(w), strict=True)))
    own = tuple(part.clone().requires_grad_() for part in tensors(w))
    result = theirs(x, state if cell == "lstm" else state[0])
    expected = result if cell == "lstm" else (result,)
    after = CELLS[cell](x, state, own)  # type: ignore[arg-type]
    for got, wanted in zip(after, expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=0, atol=1e-12)
    sum((part * part).sum() for part in expected).backward()
    sum((part * part).sum() for part in after).backward()
    for name, mine in zip(PARTS, own, strict=True):
        torch.testing.assert_close(mine.grad, getattr(theirs, name).grad, rtol=0, atol=1e-11)


@pytest.mark.parametrize("cell", list(CELLS))
def test_gradients_of_a_step_equal_finite_differences(cell: Cell) -> None:
    w, x, state = drawn(cell, 2)
    inputs = [None if part is None else part.clone().requires_grad_() for part in (x, *state, *tensors(w))]
    count = len(state)
    assert torch.autograd.gradcheck(lambda x, *rest: CELLS[cell](x, rest[:count], rest[count:]), inputs)


def normed(v: Array, gain: Array) -> Array:
    """Ba et al. 2016, equation 4, of one vector."""
    mean = sum(v) / len(v)
    variance = sum((value - mean) ** 2 for value in v) / len(v)
    return np.array([g * (value - mean) / (variance + 1e-5) ** 0.5 for g, value in zip(gain, v, strict=True)])


def logistic(v: Array) -> Array:
    return 1 / (1 + np.exp(-v))


def by_the_paper(cell: Cell, x: Array, state: list[Array], w: list[Array], m: Array) -> list[Array]:
    """One step of one row with layer norm, gate after gate; m is recurrent dropout's mask."""
    w_ih, w_hh, b_ih, b_hh, gain_ih, gain_hh, *of_c = w
    h, size = state[0], len(state[0])
    if cell == "lstm":
        a = normed(w_ih @ x, gain_ih) + normed(w_hh @ (m * h), gain_hh) + b_ih + b_hh
        i, f, g, o = (a[k * size : (k + 1) * size] for k in range(4))
        c = logistic(f) * state[1] + logistic(i) * np.tanh(g)
        return [logistic(o) * np.tanh(normed(c, of_c[0]) + of_c[1]), c]
    two = slice(2 * size)
    three = slice(2 * size, None)
    gates = logistic(normed(w_ih[two] @ x, gain_ih[two]) + normed(w_hh[two] @ (m * h), gain_hh[two]) + b_ih[two] + b_hh[two])
    r, z = gates[:size], gates[size:]
    of_x = normed(w_ih[three] @ x, gain_ih[three]) + b_ih[three]
    if cell == "gru":
        n = np.tanh(of_x + normed(w_hh[three] @ (r * m * h), gain_hh[three]) + b_hh[three])
    else:
        n = np.tanh(of_x + r * (normed(w_hh[three] @ (m * h), gain_hh[three]) + b_hh[three]))
    return [z * h + (1 - z) * n]


def drawn_with_norms(cell: Cell, batch: int) -> tuple[list[Tensor], Tensor, State, Tensor]:
    w, x, state = drawn(cell, batch)
    random = np.random.default_rng(7)
    sizes = [len(w.bias_ih)] * 2 + [4] * (2 if cell == "lstm" else 0)
    mask = torch.from_numpy(random.integers(0, 2, size=(batch, 4)) / 0.6)
    return [*tensors(w), *(torch.from_numpy(random.normal(size=size)) for size in sizes)], x, state, mask


@pytest.mark.parametrize("cell", list(LAYER_NORM_CELLS))
def test_cells_with_layer_norm_equal_the_papers_equations(cell: Cell) -> None:
    w, x, state, mask = drawn_with_norms(cell, 5)
    after = LAYER_NORM_CELLS[cell](x, state, w, mask)
    for row in range(5):
        expected = by_the_paper(
            cell, x[row].numpy(), [part[row].numpy() for part in state], [part.numpy() for part in w], mask[row].numpy()
        )
        for got, wanted in zip(after, expected, strict=True):
            np.testing.assert_allclose(got[row].numpy(), wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", list(LAYER_NORM_CELLS))
def test_gradients_with_layer_norm_and_a_mask_equal_finite_differences(cell: Cell) -> None:
    w, x, state, mask = drawn_with_norms(cell, 2)
    count = len(state)
    inputs = [part.clone().requires_grad_() for part in (x, *state, *w)]
    assert torch.autograd.gradcheck(lambda x, *rest: LAYER_NORM_CELLS[cell](x, rest[:count], rest[count:], mask), inputs)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "gru-reset-after"])
def test_recurrent_dropout_reaches_the_recurrent_matrix_alone(cell: Cell) -> None:
    """A mask of zeros leaves a step without that matrix, whose past still passes through z; in the LSTM through f."""
    w, x, state = drawn(cell, 5)
    masked = CELLS[cell](x, state, tensors(w), torch.zeros(5, 4, dtype=torch.float64))
    w_ih, w_hh, b_ih, b_hh = tensors(w)
    without = CELLS[cell](x, state, (w_ih, torch.zeros_like(w_hh), b_ih, b_hh))
    for mine, theirs in zip(masked, without, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-14)
    kept = CELLS[cell](x, state, tensors(w), torch.full((5, 4), 2.0, dtype=torch.float64))
    twice = CELLS[cell](x, state, (w_ih, 2 * w_hh, b_ih, b_hh))
    for mine, theirs in zip(kept, twice, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-14)


def test_zoneout_takes_unit_by_unit_or_on_average() -> None:
    past, new = (torch.tensor([[1.0, 2.0]]),), (torch.tensor([[5.0, 6.0]]),)
    assert zoneout(past, new, [torch.tensor([[1.0, 0.0]])])[0].tolist() == [[1.0, 6.0]]
    assert zoneout(past, new, [0.25])[0].tolist() == [[4.0, 5.0]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_minlstm_has_finite_gradients_where_both_gates_are_shut(dtype: torch.dtype) -> None:
    """f/(f + i), of two logistic functions too small for the dtype, with a slope of 1/4 by f where f = i."""
    projected = torch.tensor([[-80.0, -80.0, 1.0], [-300.0, -300.0, 1.0], [-20.0, 60.0, 1.0]], dtype=dtype, requires_grad=True)
    keep, _ = minlstm_gates(projected)
    assert keep.flatten().tolist() == pytest.approx([0.5, 0.5, 1])
    (gradient,) = torch.autograd.grad(keep.sum(), projected)
    assert gradient[0].tolist() == pytest.approx([-0.25, 0.25, 0])
    assert gradient.isfinite().all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_minlstm_holds_its_gates_where_numpy_does(dtype: type) -> None:
    sums = np.array([[i, f, 0] for i in (-1000, -709, -707, -90, -86, 0) for f in (-1000, -709, -707, -90, -86, 0)], dtype=dtype)
    keep, _ = minlstm_gates(torch.from_numpy(sums))
    np.testing.assert_allclose(keep[:, 0].numpy(), keeping_share(sums[:, 0], sums[:, 1]), atol=1e-6)
