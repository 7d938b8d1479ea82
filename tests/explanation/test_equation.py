"""The equations with their numbers come to the states that the layer came to."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from explanation_stacks import INPUT, random_stack
from tidegate.errors import RecipeError
from tidegate.explanation.equation import equation_of
from tidegate.explanation.trace import LayerTrace, traced
from tidegate.kernels import ARCHITECTURES

LENGTH = 6


def traces_of(arch: str, **options: object) -> list[LayerTrace]:
    stack = random_stack(arch, **options)  # type: ignore[arg-type]
    x = np.random.default_rng(1).normal(size=(LENGTH, INPUT))
    return traced({"stack": stack}, lambda: stack(x, np.array([0, LENGTH])))


VARIANTS = [
    (arch, variant)
    for arch, entry in ARCHITECTURES.items()
    for variant in ("plain", "layer_norm", "zoneout", "both")
    if not (variant in ("layer_norm", "both") and entry.cell in ("rnn", "mingru", "minlstm"))
    and not (variant == "zoneout" and entry.cell in ("mingru", "minlstm"))
]


@pytest.mark.parametrize(("arch", "variant"), VARIANTS)
def test_the_last_line_is_the_state_and_the_lines_are_the_gates(arch: str, variant: str) -> None:
    is_lstm = ARCHITECTURES[arch].cell == "lstm"
    zoneout = (0.2, 0.1 if is_lstm else 0.0) if variant in ("zoneout", "both") else (0.0, 0.0)
    for trace in traces_of(arch, layer_norm=variant in ("layer_norm", "both"), zoneout=zoneout):
        for step in range(LENGTH):
            for unit in (0, 5):
                equation = equation_of(trace, step, unit)
                assert equation.value == pytest.approx(trace.states[step, unit], abs=1e-6)
                values = {line.name: line.value for line in equation.lines}
                for name, gate in trace.gates.items():
                    assert values[name] == pytest.approx(gate[step, unit], abs=1e-6)
                if trace.cells is not None:
                    assert values["c'"] == pytest.approx(trace.cells[step, unit], abs=1e-6)


@pytest.mark.parametrize("arch", ["bilstm", "bigru", "biminlstm"])
@pytest.mark.parametrize("lookahead", [0, 3])
def test_a_bounded_look_ahead_has_the_equations_of_its_own_window(arch: str, lookahead: int) -> None:
    for trace in traces_of(arch, lookahead=lookahead):
        for step in range(LENGTH):
            assert equation_of(trace, step, 2).value == pytest.approx(trace.states[step, 2], abs=1e-6)


@pytest.mark.parametrize(("arch", "variant"), VARIANTS)
def test_what_is_written_can_be_worked_out_by_hand(arch: str, variant: str) -> None:
    zoneout = (0.2, 0.1 if ARCHITECTURES[arch].cell == "lstm" else 0.0) if variant in ("zoneout", "both") else (0.0, 0.0)
    for trace in traces_of(arch, layer_norm=variant in ("layer_norm", "both"), zoneout=zoneout):
        for line in equation_of(trace, 3, 1).lines:
            text = line.numbers.replace("−", "-").replace("·", "*").replace("σ", "sigma")
            assert re.fullmatch(r"[-0-9.+*/() a-z]+", text), text
            worked_out = eval(text, {"sigma": lambda a: 1 / (1 + math.exp(-a)), "tanh": math.tanh})
            assert worked_out == pytest.approx(line.value, abs=6e-3)  # three digits were written


def test_lines_read_as_in_books() -> None:
    (trace,) = traces_of("gru", layers=1)
    r, z, n, h = equation_of(trace, 2, 0).lines
    assert re.fullmatch(r"r = σ\(W x \+ U h \+ b\) = σ\(−?\d\.\d{3} \+ \(?−?\d\.\d{3}\)? \+ \(?−?\d\.\d{3}\)?\) = \d\.\d{3}", r.text)
    assert n.symbols == "tanh(W x + U (r∘h) + b)"
    assert h.text.startswith("h' = z·h + (1 − z)·n = ")
    assert [line.role for line in (r, z, n, h)] == ["uses past", "keeps", "offers", "state"]
    assert equation_of(trace, 2, 0).text.count("\n") == 3
    assert equation_of(trace, 2, 0).to_json()["lines"][1]["value"] == pytest.approx(trace.gates["z"][2, 0], abs=1e-5)


def test_a_step_or_unit_that_is_not_there_is_refused() -> None:
    (trace,) = traces_of("gru", layers=1)
    with pytest.raises(RecipeError, match="step is 6; this layer has 6 steps, so a whole number from 0 to 5 was expected"):
        equation_of(trace, 6, 0)
    with pytest.raises(RecipeError, match="unit is -1; this layer has 8 units, so a whole number from 0 to 7 was expected"):
        equation_of(trace, 0, -1)
