"""The equations of a cell with the numbers of one unit at one step, in plain text.

For instance, of a GRU's unit:

    z = σ(W x + U h + b) = σ(1.203 + 0.417 + 0.100) = 0.848
    h' = z·h + (1 − z)·n = 0.848·0.310 + 0.152·(−0.720) = 0.153

Names as in `kernels.twins`. Numbers are computed in float64 out of what the layer read, so that they may differ from its own float32 in
the seventh digit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import RecipeError
from tidegate.explanation.trace import LayerTrace
from tidegate.kernels.gates import GATE_ROLES
from tidegate.kernels.twins import CellWeights, keeping_share, layer_norm, logistic

Vector = NDArray[np.floating[Any]]

# Digits behind the point.
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class EquationLine:
    """One equation.

    Attributes:
        name: what is computed: a gate, a candidate, c' or h'.
        role: what it does, in a few words.
        symbols, numbers: the right-hand side in letters and in numbers.
        value: what comes out.
    """

    name: str
    role: str
    symbols: str
    numbers: str
    value: float

    @property
    def text(self) -> str:
        return f"{self.name} = {self.symbols} = {self.numbers} = {shown(self.value)}"


@dataclass(frozen=True, slots=True)
class Equation:
    """What one unit of a layer and direction did at one step; the last line's value is its new state.

    Attributes:
        cell: which.
        step, unit: counted from 0.
        lines: in the order of the computation.
    """

    cell: str
    step: int
    unit: int
    lines: tuple[EquationLine, ...]

    @property
    def value(self) -> float:
        return self.lines[-1].value

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    def to_json(self) -> dict[str, Any]:
        lines = [
            {"name": line.name, "role": line.role, "symbols": line.symbols, "numbers": line.numbers, "value": round(line.value, 6)}
            for line in self.lines
        ]
        return {"cell": self.cell, "step": self.step, "unit": self.unit, "lines": lines}


def shown(number: float, *, is_factor: bool = False) -> str:
    """A number as equations show it; as a factor or a later summand in brackets where it is negative. Tiny ones as powers of ten."""
    is_tiny = 0 < abs(number) < 0.5 * 10**-_DIGITS
    text = f"{number:.0e}" if is_tiny else f"{number:.{_DIGITS}f}"
    if not text.startswith("-"):
        return text
    text = text.replace("-", "−")
    return f"({text})" if is_factor else text


def equation_of(trace: LayerTrace, step: int, unit: int) -> Equation:
    """The equations of a unit at a step, both counted from 0.

    Raises:
        RecipeError: there is no such step or unit.
    """
    for name, given, count in (("step", step, len(trace.states)), ("unit", unit, trace.states.shape[1])):
        if isinstance(given, bool) or not isinstance(given, int | np.integer) or not 0 <= given < count:
            raise RecipeError(f"{name} is {given!r}; this layer has {count} {name}s, so a whole number from 0 to {count - 1} was expected.")
    writer = _Writer(trace, int(step), int(unit))
    _LINES[trace.cell](writer)
    return Equation(trace.cell, int(step), int(unit), tuple(writer.lines))


class _Writer:
    """Computes a layer's step, all units, and writes down the lines of one of them."""

    def __init__(self, trace: LayerTrace, step: int, unit: int) -> None:
        self.weights = CellWeights(**{field.name: _double(getattr(trace.weights, field.name)) for field in fields(CellWeights)})
        self.x, self.h = trace.x[step].astype(np.float64), trace.before[step].astype(np.float64)
        self.c = None if trace.cells_before is None else trace.cells_before[step].astype(np.float64)
        self.hidden, self.unit, self.zoneout = len(self.h), unit, trace.zoneout
        self.is_normed = self.weights.gain_ih is not None
        self.lines: list[EquationLine] = []

    def block(self, number: int, count: int = 1) -> slice:
        return slice(number * self.hidden, (number + count) * self.hidden)

    def from_x(self, part: slice) -> Vector:
        """W x of some blocks, normalised together where the cell has layer norm; without the bias."""
        return layer_norm(self.weights.weight_ih[part] @ self.x, _part(self.weights.gain_ih, part))

    def from_h(self, part: slice, h: Vector) -> Vector:
        """U h of some blocks, likewise."""
        u, _ = self.weights.recurrent
        return layer_norm(u[part] @ h, _part(self.weights.gain_hh, part))

    def normed(self, product: str) -> str:
        return f"LN({product})" if self.is_normed else product

    def line(self, name: str, role: str, symbols: str, numbers: str, value: float) -> None:
        self.lines.append(EquationLine(name, role, symbols, numbers, float(value)))

    def activated(self, name: str, symbol: str, parts: list[tuple[str, Vector]], function: Callable[[Vector], Vector]) -> Vector:
        """Writes name = symbol(part + part + …) and gives its values [H]; without a symbol the sum as it is."""
        values = function(np.add.reduce([part for _, part in parts]))
        names, numbers = " + ".join(text for text, _ in parts), added([part[self.unit] for _, part in parts])
        if symbol:
            names, numbers = f"{symbol}({names})", f"{symbol}({numbers})"
        self.line(name, GATE_ROLES.get(name, ""), names, numbers, values[self.unit])
        return values

    def blend(self, gate: str, offered: str, share: Vector, new: Vector) -> None:
        """Writes h' = share·h + (1 − share)·new."""
        s, h, n = share[self.unit], self.h[self.unit], new[self.unit]
        self.state("h", f"{gate}·h + (1 − {gate})·{offered}", added([(s, h), (1 - s, n)]), s * h + (1 - s) * n, h, self.zoneout[0])

    def state(self, name: str, symbols: str, numbers: str, new: float, past: float, always: float) -> float:
        """Writes a new state; with zoneout what of the past stays whatever the gates say."""
        role = "state" if name == "h" else "memory"
        if not always:
            self.line(f"{name}'", role, symbols, numbers, new)
            return new
        self.line(f"{name}*", f"{role} before zoneout", symbols, numbers, new)
        value = always * past + (1 - always) * new
        self.line(f"{name}'", role, f"d·{name} + (1 − d)·{name}*", added([(always, past), (1 - always, new)]), value)
        return value


def added(parts: list[Any]) -> str:
    """Numbers, and products given as pairs, with + between them."""
    texts = []
    for place, part in enumerate(parts):
        if isinstance(part, tuple):
            texts.append(f"{shown(part[0], is_factor=place > 0)}·{shown(part[1], is_factor=True)}")
        else:
            texts.append(shown(part, is_factor=place > 0))
    return " + ".join(texts)


def _rnn(w: _Writer) -> None:
    u, b_hh = w.weights.recurrent
    parts = [w.weights.weight_ih @ w.x, u @ w.h, w.weights.bias_ih + b_hh]
    value = np.tanh(np.add.reduce(parts))[w.unit]
    w.state("h", "tanh(W x + U h + b)", f"tanh({added([part[w.unit] for part in parts])})", value, w.h[w.unit], w.zoneout[0])


def _lstm(w: _Writer) -> None:
    assert w.c is not None
    every = w.block(0, 4)
    _, b_hh = w.weights.recurrent
    from_x, from_h, bias = w.from_x(every), w.from_h(every, w.h), w.weights.bias_ih + b_hh
    gates = {}
    for number, name in enumerate("ifgo"):
        part = w.block(number)
        parts = [(w.normed("W x"), from_x[part]), (w.normed("U h"), from_h[part]), ("b", bias[part])]
        gates[name] = w.activated(name, "tanh" if name == "g" else "σ", parts, np.tanh if name == "g" else logistic)
    i, f, g, o = (gates[name] for name in "ifgo")
    new, at, (d_h, d_c) = f * w.c + i * g, w.unit, w.zoneout
    w.state("c", "f·c + i·g", added([(f[at], w.c[at]), (i[at], g[at])]), new[at], w.c[at], d_c)
    # What is shown is the step's own c, before zoneout.
    name = "c*" if d_c else "c'"
    read = new
    if w.weights.shift_c is not None:
        normalised = layer_norm(new, w.weights.gain_c)
        read = normalised + w.weights.shift_c
        w.line("m", "memory, normalised", f"LN({name}) + shift", added([normalised[at], w.weights.shift_c[at]]), read[at])
        name = "m"
    w.state("h", f"o·tanh({name})", f"{shown(o[at])}·tanh({shown(read[at])})", o[at] * np.tanh(read[at]), w.h[at], d_h)


def _gru(w: _Writer) -> None:
    r, z = _reset_and_keep(w)
    part = w.block(2)
    _, b_hh = w.weights.recurrent
    parts = [
        (w.normed("W x"), w.from_x(part)),
        (w.normed("U (r∘h)"), w.from_h(part, r * w.h)),
        ("b", w.weights.bias_ih[part] + b_hh[part]),
    ]
    w.blend("z", "n", z, w.activated("n", "tanh", parts, np.tanh))


def _gru_reset_after(w: _Writer) -> None:
    r, z = _reset_and_keep(w)
    part, at = w.block(2), w.unit
    _, b_hh = w.weights.recurrent
    from_x, bias, from_h, inner = w.from_x(part), w.weights.bias_ih[part], w.from_h(part, w.h), b_hh[part]
    n = np.tanh(from_x + bias + r * (from_h + inner))
    symbols = f"tanh({w.normed('W x')} + b + r·({w.normed('U h')} + b'))"
    numbers = f"tanh({added([from_x[at], bias[at]])} + {shown(r[at])}·({added([from_h[at], inner[at]])}))"
    w.line("n", GATE_ROLES["n"], symbols, numbers, n[at])
    w.blend("z", "n", z, n)


def _reset_and_keep(w: _Writer) -> tuple[Vector, Vector]:
    both = w.block(0, 2)
    _, b_hh = w.weights.recurrent
    from_x, from_h, bias = w.from_x(both), w.from_h(both, w.h), w.weights.bias_ih[both] + b_hh[both]
    found = []
    for number, name in enumerate("rz"):
        part = w.block(number)
        found.append(
            w.activated(name, "σ", [(w.normed("W x"), from_x[part]), (w.normed("U h"), from_h[part]), ("b", bias[part])], logistic)
        )
    return found[0], found[1]


def _mingru(w: _Writer) -> None:
    z, n = (
        w.activated(name, symbol, [("W x", w.from_x(w.block(number))), ("b", w.weights.bias_ih[w.block(number)])], function)
        for number, (name, symbol, function) in enumerate((("z", "σ", logistic), ("n", "", _as_it_is)))
    )
    w.blend("z", "n", z, n)


def _minlstm(w: _Writer) -> None:
    sums = [w.from_x(w.block(number)) + w.weights.bias_ih[w.block(number)] for number in range(3)]
    i, f, g = (
        w.activated(name, symbol, [("W x", w.from_x(w.block(number))), ("b", w.weights.bias_ih[w.block(number)])], function)
        for number, (name, symbol, function) in enumerate((("i", "σ", logistic), ("f", "σ", logistic), ("g", "", _as_it_is)))
    )
    share, at = keeping_share(sums[0], sums[1]), w.unit
    w.line("s", GATE_ROLES["s"], "f / (f + i)", f"{shown(f[at])} / ({shown(f[at])} + {shown(i[at])})", share[at])
    w.blend("s", "g", share, g)


_LINES: dict[str, Callable[[_Writer], None]] = {
    "rnn": _rnn,
    "lstm": _lstm,
    "gru": _gru,
    "gru-reset-after": _gru_reset_after,
    "mingru": _mingru,
    "minlstm": _minlstm,
}


def _as_it_is(values: Vector) -> Vector:
    return values


def _double(values: Any) -> Any:
    return None if values is None else values.astype(np.float64)


def _part(gain: Any, part: slice) -> Any:
    return None if gain is None else gain[part]
