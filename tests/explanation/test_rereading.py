"""Reading on from what was read: the states and pools of a sequence of which one step is another, against reading all of it anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from explanation_stacks import HIDDEN, INPUT, random_stack
from tidegate.artefact import StoredModel
from tidegate.explanation.occlusion.repooling import Repooling
from tidegate.explanation.occlusion.rereading import BLOCK, ReadSequence, Reread
from tidegate.kernels import ARCHITECTURES
from tidegate.runtime.layers import Pooling, RecurrentStack, States

Array = NDArray[np.float64]


def drawn(steps: int) -> tuple[Array, Array]:
    rng = np.random.default_rng(5)
    return rng.normal(size=(steps, INPUT)), rng.normal(size=INPUT)


def anew(stack: RecurrentStack, x: Array, step: int, other: Array, before: States | None = None) -> Array:
    """The states where that step is another, by reading everything."""
    changed = x.copy()
    changed[step] = other
    states: Array = stack.run(changed, np.array([0, len(x)]), before)[0]
    return states


def put_together(sequence: ReadSequence, reread: Reread, variant: int) -> Array:
    """All states of a variant: those of the sequence, and its own blocks."""
    states = sequence.states.copy()
    for block, own in enumerate(reread.own[variant].tolist()):
        begin, end = sequence.bounds[block : block + 2]
        if own >= 0:
            states[begin:end] = reread.states[own][: end - begin]
    return states


@pytest.mark.parametrize("steps", [1, BLOCK, BLOCK + 1, 5 * BLOCK - 3])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_reading_on_gives_the_states_of_reading_all_anew(arch: str, steps: int) -> None:
    stack = random_stack(arch)
    x, other = drawn(steps)
    sequence = ReadSequence(stack, x)
    np.testing.assert_allclose(sequence.states, stack(x, np.array([0, steps])), atol=1e-12, rtol=0)
    count = 0
    for part, reread in sequence.replaced(np.arange(steps), other):
        for variant, step in enumerate(range(part.start, part.stop)):
            np.testing.assert_allclose(put_together(sequence, reread, variant), anew(stack, x, step, other), atol=1e-12, rtol=0)
            count += 1
    assert count == steps


@pytest.mark.parametrize("arch", ["lstm", "bilstm", "bigru"])
def test_with_layer_norm_zoneout_and_a_first_state(arch: str) -> None:
    stack = random_stack(arch, layers=3, layer_norm=True, zoneout=(0.2, 0.1 if "lstm" in arch else 0.0))
    x, other = drawn(3 * BLOCK)
    rng = np.random.default_rng(2)
    before: States = tuple(tuple(rng.normal(size=part.shape) for part in state) for state in stack.zeros(1))
    sequence = ReadSequence(stack, x, before)
    steps = np.array([0, BLOCK - 1, BLOCK, 2 * BLOCK + 7, 3 * BLOCK - 1])
    ((_, reread),) = sequence.replaced(steps, other)
    for variant, step in enumerate(steps.tolist()):
        np.testing.assert_allclose(put_together(sequence, reread, variant), anew(stack, x, step, other, before), atol=1e-12, rtol=0)


@pytest.mark.parametrize("arch", ["gru", "bigru", "lstm"])
def test_reading_ends_where_the_states_are_what_they_were(arch: str) -> None:
    stack = random_stack(arch)
    x, other = drawn(100 * BLOCK)
    steps = np.arange(50 * BLOCK, 50 * BLOCK + 16)
    sequence = ReadSequence(stack, x)
    ((_, reread),) = sequence.replaced(steps, other)
    for variant, step in enumerate(steps.tolist()):
        np.testing.assert_allclose(put_together(sequence, reread, variant), anew(stack, x, step, other), atol=1e-12, rtol=0)
    own = reread.own >= 0
    assert own[:, 50].all()  # the steps' own block
    assert not own[:, [0, 99]].any()
    layers = sum(map(len, stack.weights))
    assert reread.steps < 0.2 * len(steps) * len(x) * layers


def test_a_step_that_is_the_same_changes_nothing_behind_its_block() -> None:
    stack = random_stack("bigru", layers=1)
    x, _ = drawn(4 * BLOCK)
    ((_, reread),) = ReadSequence(stack, x).replaced(np.array([BLOCK + 3]), x[BLOCK + 3])
    assert (reread.own >= 0).tolist() == [[False, True, False, False]]
    assert reread.steps == 2 * BLOCK


@pytest.mark.parametrize("step", [5, BLOCK - 1, 4 * BLOCK - 1])
@pytest.mark.parametrize("gain", [1.02, 2.0])
def test_a_difference_below_rounding_that_grows_is_read_on(gain: float, step: int) -> None:
    # h' = tanh(gain · h + x/10⁷) rests at 0, which it leaves for good after the least push: below one unit in the last place of 1.
    numbers = {"weight_ih": [[1e-7]], "weight_hh": [[gain]], "bias_ih": [0], "bias_hh": [0]}
    tensors = {f"stack.layers.0.0.{name}": np.array(values, dtype=np.float32) for name, values in numbers.items()}
    stack = RecurrentStack(StoredModel(Path("made up"), {}, tensors, {}, {}), "stack", ARCHITECTURES["rnn"], 1)
    x = np.zeros((40 * BLOCK, 1), dtype=np.float32)
    sequence, other = ReadSequence(stack, x), np.ones(1, dtype=np.float32)
    ((_, reread),) = sequence.replaced(np.array([step]), other)
    expected = anew(stack, x, step, other)
    assert expected[-1] > 0.2
    np.testing.assert_array_equal(put_together(sequence, reread, 0), expected)


@pytest.mark.parametrize("pools", [("max",), ("mean",), ("last",), ("attention",), ("attention", "max", "mean", "last")])
@pytest.mark.parametrize("arch", ["gru", "bigru"])
@pytest.mark.parametrize("steps", [3, 2 * BLOCK, 4 * BLOCK + 5])
def test_pools_put_together_are_those_of_all_states(arch: str, pools: tuple[str, ...], steps: int) -> None:
    stack = random_stack(arch)
    rng = np.random.default_rng(4)
    size, directions = stack.output_size, stack.architecture.directions
    assert size == HIDDEN * directions
    tensors = {
        "p.attention.weight": rng.normal(size=(size, size)),
        "p.attention.bias": rng.normal(size=size),
        "p.query": rng.normal(size=size),
    }
    pooling = Pooling(StoredModel(Path("made up"), {}, tensors, {}, {}), "p", pools, directions)
    x, other = drawn(steps)
    sequence = ReadSequence(stack, x)
    repooling, offsets = Repooling(pooling, sequence), np.array([0, steps])
    np.testing.assert_allclose(repooling.whole(), pooling(stack(x, offsets), offsets), atol=1e-12, rtol=0)
    for part, reread in sequence.replaced(np.arange(steps), other):
        expected = np.concatenate([pooling(anew(stack, x, step, other), offsets) for step in range(part.start, part.stop)])
        np.testing.assert_allclose(repooling.of(reread), expected, atol=1e-12, rtol=0)
