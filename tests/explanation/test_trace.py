"""The gates that a trace gives are those of the twins, cell by cell, step by step."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from cell_gates import twin_gates
from explanation_stacks import HIDDEN, INPUT, random_stack
from tidegate.explanation.trace import LayerTrace, traced
from tidegate.kernels import ARCHITECTURES
from tidegate.kernels.twins import CELLS


def check_against_twins(trace: LayerTrace, offsets: np.ndarray, zoneout: tuple[float, float]) -> None:
    for begin, end in pairwise(offsets):
        state: Any = tuple(np.zeros(HIDDEN) for _ in range(2 if trace.cell == "lstm" else 1))
        steps = range(begin, end)
        for step in reversed(steps) if trace.direction == "backward" else steps:
            expected = twin_gates(trace.cell, trace.x[step], state[0], trace.weights)
            assert expected.keys() == trace.gates.keys()
            for name, values in expected.items():
                np.testing.assert_allclose(trace.gates[name][step], values, atol=1e-6, rtol=0, err_msg=f"{name} at {step}")
            new = CELLS[trace.cell](trace.x[step], state, trace.weights)
            state = tuple(d * old + (1 - d) * after for d, old, after in zip(zoneout, state, new, strict=False))
            np.testing.assert_allclose(trace.states[step], state[0], atol=1e-6, rtol=0)
            if trace.cells is not None:
                np.testing.assert_allclose(trace.cells[step], state[1], atol=1e-6, rtol=0)


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("variant", ["plain", "layer_norm", "zoneout"])
def test_gates_are_those_of_the_twins(arch: str, variant: str) -> None:
    cell = ARCHITECTURES[arch].cell
    if variant == "layer_norm" and cell not in ("lstm", "gru", "gru-reset-after"):
        pytest.skip("this cell has no layer norm")
    if variant == "zoneout" and cell in ("mingru", "minlstm"):
        pytest.skip("this cell has no zoneout")
    zoneout = (0.0, 0.0) if variant != "zoneout" else (0.2, 0.1 if cell == "lstm" else 0.0)
    stack = random_stack(arch, layer_norm=variant == "layer_norm", zoneout=zoneout)
    offsets = np.array([0, 4, 4, 11])
    x = np.random.default_rng(1).normal(size=(11, INPUT))
    traces = traced({"stack": stack}, lambda: stack(x, offsets))
    assert [(t.number, t.direction) for t in traces][: ARCHITECTURES[arch].directions] == [(0, "forward"), (0, "backward")][
        : ARCHITECTURES[arch].directions
    ]
    assert len(traces) == 2 * ARCHITECTURES[arch].directions
    for trace in traces:
        check_against_twins(trace, offsets, zoneout)


@pytest.mark.parametrize("lookahead", [0, 1, 3])
def test_gates_of_a_look_ahead_are_those_of_each_steps_own_window(lookahead: int) -> None:
    stack = random_stack("bigru", layers=1, lookahead=lookahead)
    x = np.random.default_rng(1).normal(size=(7, INPUT))
    _, backward = traced({"stack": stack}, lambda: stack(x, np.array([0, 7])))
    for step in range(7):
        h = np.zeros(HIDDEN)
        for place in range(min(step + lookahead, 6), step - 1, -1):
            gates = twin_gates("gru", x[place], h, backward.weights)
            (h,) = CELLS["gru"](x[place], (h,), backward.weights)
        np.testing.assert_allclose(backward.gates["z"][step], gates["z"], atol=1e-6)
        np.testing.assert_allclose(backward.states[step], h, atol=1e-6)


def test_distinct_inputs_are_read_once_and_shown_at_every_place() -> None:
    stack = random_stack("gru", layers=1)
    table, places = np.random.default_rng(1).normal(size=(3, INPUT)), np.array([0, 2, 1, 2, 0])
    (by_places,) = traced({"stack": stack}, lambda: stack(table, np.array([0, 5]), places))
    (plain,) = traced({"stack": stack}, lambda: stack(table[places], np.array([0, 5])))
    np.testing.assert_allclose(by_places.gates["z"], plain.gates["z"], atol=1e-12)
    assert by_places.x.shape == (5, INPUT)


def test_a_stack_is_not_watched_any_more_once_it_was_traced() -> None:
    stack = random_stack("gru")
    x = np.zeros((2, INPUT))
    first = traced({"stack": stack}, lambda: stack(x, np.array([0, 2])))
    stack(x, np.array([0, 2]))
    assert len(first) == 2
