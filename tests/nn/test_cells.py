"""The torch twins against the NumPy twins and against torch.nn's own cells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from strategies import cell_weights
from tidegate.kernels import CELLS as NUMPY_CELLS
from tidegate.kernels import Cell, CellWeights
from tidegate.nn import CELLS
from tidegate.nn.cells import State, Weights

TORCH_CELLS = {"rnn": nn.RNNCell, "lstm": nn.LSTMCell, "gru-reset-after": nn.GRUCell}
PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def tensors(w: CellWeights) -> Weights:
    return tuple(torch.from_numpy(getattr(w, part)) for part in PARTS)  # type: ignore[return-value]


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
    inputs = [part.clone().requires_grad_() for part in (x, *state, *tensors(w))]
    count = len(state)
    assert torch.autograd.gradcheck(lambda x, *rest: CELLS[cell](x, rest[:count], rest[count:]), inputs)
