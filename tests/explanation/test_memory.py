"""How long the past is kept, read off the gates: what is told is what happens to a state; and what views of wide values say of them."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from explanation_stacks import INPUT, random_stack
from tidegate.explanation.panel import GateView, LayerView
from tidegate.explanation.trace import traced
from tidegate.runtime.layers import RecurrentStack

LENGTH = 12


def layer_of(stack: RecurrentStack, x: np.ndarray) -> LayerView:
    (trace,) = traced({"stack": stack}, lambda: stack(x, np.array([0, len(x)])))
    return LayerView(trace)


@pytest.mark.parametrize(("arch", "zoneout"), [("mingru", (0.0, 0.0)), ("minlstm", (0.0, 0.0)), ("lstm", (0.0, 0.0)), ("lstm", (0.0, 0.3))])
def test_after_its_memory_length_1_e_of_a_past_is_left(arch: str, zoneout: tuple[float, float]) -> None:
    """What a first state, 1 in one unit, has become after T steps is e^(−T / memory), as the gates do not hang on it."""
    stack = random_stack(arch, layers=1, zoneout=zoneout)
    for weights in stack.weights:
        for direction in weights:
            if direction.weight_hh is not None:
                direction.weight_hh[:] = 0  # so that the gates hang on what is read alone
    stack = _built_anew(stack)
    x = np.repeat(np.random.default_rng(1).normal(size=(1, INPUT)), LENGTH, axis=0)
    offsets = np.array([0, LENGTH])
    memory = layer_of(stack, x).memory
    assert memory is not None
    zeros = stack.zeros(1)
    other = tuple(tuple(part.copy() for part in state) for state in zeros)
    other[0][-1][0, 0] = 1.0  # h of the minimal cells, c of an LSTM
    _, ((*_, plain),) = stack.run(x, offsets, zeros)
    _, ((*_, moved),) = stack.run(x, offsets, other)
    np.testing.assert_allclose((moved - plain)[0, 0], np.exp(-LENGTH / memory), rtol=1e-4, atol=1e-12)


def _built_anew(stack: RecurrentStack) -> RecurrentStack:
    """The stack with its layers packed once more, after its weights were changed."""
    stack._look_ahead(None)
    return stack


def test_values_beyond_1_are_drawn_at_their_own_scale() -> None:
    x = 3 * np.random.default_rng(1).normal(size=(LENGTH, INPUT))
    gates = {gate.name: gate for gate in layer_of(random_stack("mingru", layers=1), x).gates}
    assert gates["z"].scale == 1
    widest = np.abs(gates["n"].values).max()
    assert gates["n"].scale == widest > 1
    content = gates["n"].to_json(with_units=True)
    assert content["scale"] == pytest.approx(widest, abs=1e-4)
    drawn = np.frombuffer(base64.b64decode(content["values"]), dtype=np.uint8).reshape(LENGTH, -1)
    np.testing.assert_allclose((drawn / 255 * 2 - 1) * gates["n"].scale, gates["n"].values, atol=widest / 255)


@pytest.mark.parametrize("units", [1, 2, 11, 256])
def test_the_spread_is_that_of_quantiles(units: int) -> None:
    values = np.random.default_rng(1).random((5, units))
    np.testing.assert_allclose(GateView("z", "keeps", values).spread, np.quantile(values, [0.1, 0.9], axis=1).T)
