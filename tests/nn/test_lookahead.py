"""Two-way stacks that see a bounded piece of the future: every state by the definition, gradients, and what chance drops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from tidegate.kernels import architecture
from tidegate.kernels.lookahead import backward_windows, layer_lookaheads
from tidegate.nn import RecurrentStack

OFFSETS = np.array([0, 5, 5, 6, 13], dtype=np.int64)


def by_definition(stack: RecurrentStack, x: Tensor, lookaheads: list[int]) -> Tensor:
    """Layer by layer and step by step, on stacks of one direction."""
    for directions, lookahead in zip(stack.layers, lookaheads, strict=True):
        forward, backward = (_alone(direction) for direction in directions)  # type: ignore[union-attr]
        rows = []
        for begin, end in zip(OFFSETS[:-1].tolist(), OFFSETS[1:].tolist(), strict=True):
            for step in range(begin, end):
                past = forward(x[begin : step + 1], np.array([0, step + 1 - begin]))[-1]
                ahead = x[step : min(end, step + lookahead + 1)].flip(0)
                rows.append(torch.cat([past, backward(ahead, np.array([0, len(ahead)]))[-1]]))
        x = torch.stack(rows)
    return x


def _alone(direction: torch.nn.Module) -> RecurrentStack:
    cell, hidden = direction.cell, direction.hidden_size
    stack = RecurrentStack(architecture(cell), direction.weight_ih.shape[1], hidden).to(direction.weight_ih.dtype)
    stack.layers[0][0].load_state_dict(direction.state_dict())  # type: ignore[index]
    return stack


@pytest.mark.parametrize("arch", ["birnn", "bilstm", "bigru", "bigru-reset-after", "bimingru", "biminlstm"])
@pytest.mark.parametrize(("layers", "lookahead"), [(1, 0), (1, 2), (2, 3), (2, 40)])
def test_states_are_those_of_the_definition(arch: str, layers: int, lookahead: int) -> None:
    torch.manual_seed(1)
    stack = RecurrentStack(architecture(arch), 3, 4, layers, lookahead=lookahead).double()
    x = torch.randn(13, 3, dtype=torch.float64)
    expected = by_definition(stack, x, layer_lookaheads(lookahead, layers))
    torch.testing.assert_close(stack(x, OFFSETS), expected, rtol=0, atol=1e-12)


def test_a_look_ahead_beyond_every_end_is_the_whole_sequence() -> None:
    torch.manual_seed(1)
    bounded = RecurrentStack(architecture("bilstm"), 3, 4, 1, lookahead=7)
    whole = RecurrentStack(architecture("bilstm"), 3, 4, 1)
    whole.load_state_dict(bounded.state_dict())
    x = torch.randn(13, 3)
    torch.testing.assert_close(bounded(x, OFFSETS), whole(x, OFFSETS), rtol=0, atol=1e-6)


def test_a_state_knows_nothing_of_what_is_further_ahead() -> None:
    torch.manual_seed(1)
    stack = RecurrentStack(architecture("bigru"), 3, 4, 2, lookahead=3)
    x = torch.randn(13, 3)
    changed = x.clone()
    changed[10:] += 1
    before, after = stack(x, OFFSETS), stack(changed, OFFSETS)
    assert torch.equal(before[:7], after[:7])  # step 6 of the flat batch sees up to step 9
    assert not torch.isclose(before[7], after[7]).all()


def test_gradients_are_those_of_the_definition() -> None:
    torch.manual_seed(1)
    stack = RecurrentStack(architecture("bigru"), 3, 4, 2, lookahead=3).double()
    x = torch.randn(13, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: stack(x, OFFSETS), (x,))


def test_chance_drops_alike_in_the_windows_of_a_sequence() -> None:
    torch.manual_seed(1)
    stack = RecurrentStack(architecture("bilstm"), 3, 64, 1, recurrent_dropout=0.5, zoneout=0.2, lookahead=2)
    x = torch.randn(13, 3)
    trained = [stack(x, OFFSETS) for _ in range(2)]
    assert not torch.equal(*trained)
    stack.eval()
    assert torch.equal(stack(x, OFFSETS), stack(x, OFFSETS))


def test_one_way_stacks_have_no_look_ahead() -> None:
    with pytest.raises(ValueError, match="lookahead=2; two-way stacks take 0 or more"):
        RecurrentStack(architecture("gru"), 3, 4, lookahead=2)


def test_windows_of_a_batch() -> None:
    windows = backward_windows(np.array([0, 3, 3, 4]), 1)
    assert windows.rows.tolist() == [1, 0, 2, 1, 2, 3]
    assert windows.offsets.tolist() == [0, 2, 4, 5, 6]


@pytest.mark.parametrize(("lookahead", "layers", "each"), [(0, 2, [0, 0]), (5, 2, [3, 2]), (4, 3, [2, 1, 1])])
def test_a_look_ahead_is_dealt_out_to_the_layers(lookahead: int, layers: int, each: list[int]) -> None:
    assert layer_lookaheads(lookahead, layers) == each
