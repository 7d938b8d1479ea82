"""Cases for the engine's tests: a ragged batch with weights and states, what the twins and torch make of it, and processes of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from strategies import offsets_of
from tidegate.kernels import CELLS as TWINS
from tidegate.kernels import GATES, CellWeights
from tidegate.kernels.engine import RECURRENT_CELLS, Gradients, Layer, Output
from tidegate.kernels.twins import State, logistic

Array = NDArray[np.floating[Any]]
Weights = tuple[Array, Array, Array | None, Array | None]

# Largest error of an array, relative to the array's largest entry.
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}
PARTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
# What a layer of one or two directions reads: how Case.draw is asked for it.
ARRANGEMENTS: dict[str, dict[str, Any]] = {"from the start": {}, "from the end": {"reverse": True}, "both ways": {"directions": 2}}

every_cell = pytest.mark.parametrize("cell", RECURRENT_CELLS)
every_arrangement = pytest.mark.parametrize("arrangement", list(ARRANGEMENTS))
every_choice_of_biases = pytest.mark.parametrize(
    "biases", [(True, True), (True, False), (False, True), (False, False)], ids=["two biases", "bias_ih", "bias_hh", "no bias"]
)
with_and_without_states = pytest.mark.parametrize("states", [True, False], ids=["with h0", "from zeros"])


def gates_of(cell: str) -> int:
    """Blocks of H rows in the weights of any of the engine's cells."""
    return GATES["rnn" if cell == "rnn-relu" else cell]  # type: ignore[index]


@dataclass(frozen=True)
class Case:
    """A layer and a ragged batch for it, with the gradients that come from above; the letters are those of `engine`."""

    cell: str
    weights: tuple[Weights, ...]
    x: Array
    offsets: NDArray[np.int64]
    dy: Array
    dhn: Array
    dcn: Array | None
    h0: Array | None = None
    c0: Array | None = None
    reverse: bool = False

    @classmethod
    def draw(
        cls,
        cell: str,
        lengths: Sequence[int],
        input_size: int,
        hidden_size: int,
        *,
        directions: int = 1,
        reverse: bool = False,
        dtype: Any = np.float64,
        biases: tuple[bool, bool] = (True, True),
        states: bool = True,
        seed: int = 0,
    ) -> Case:
        """Random numbers that drive the gates well out of their middle, and yet not so far that rounding grows from step to step."""
        random = np.random.default_rng([seed, len(lengths), input_size, hidden_size])
        rows = gates_of(cell) * hidden_size

        def normal(*shape: int, scale: float = 1.0) -> Array:
            return random.normal(scale=scale, size=shape).astype(dtype)

        def weights() -> Weights:
            ih, hh = normal(rows, input_size, scale=input_size**-0.5), normal(rows, hidden_size, scale=0.8 * hidden_size**-0.5)
            return ih, hh, *(normal(rows, scale=0.5) if given else None for given in biases)  # type: ignore[return-value]

        steps, plane, is_lstm = sum(lengths), (directions, len(lengths), hidden_size), cell == "lstm"
        return cls(
            cell,
            tuple(weights() for _ in range(directions)),
            normal(steps, input_size),
            offsets_of(lengths),
            normal(steps, directions * hidden_size),
            normal(*plane),
            normal(*plane) if is_lstm else None,
            normal(*plane) if states else None,
            normal(*plane) if states and is_lstm else None,
            reverse,
        )

    @property
    def hidden_size(self) -> int:
        return int(self.weights[0][1].shape[1])

    @property
    def directions(self) -> int:
        return len(self.weights)

    @property
    def lengths(self) -> list[int]:
        return np.diff(self.offsets).tolist()

    def reads_backward(self, direction: int) -> bool:
        return direction == 1 if self.directions == 2 else self.reverse

    def layer(self, *, trains: bool = False, threads: int | None = None) -> Layer:
        return Layer(self.cell, self.weights, reverse=self.reverse, trains=trains, threads=threads)

    def forward(self, layer: Layer | None = None, **options: Any) -> Output:
        return (layer or self.layer(trains=options.get("keep", False))).forward(self.x, self.offsets, self.h0, self.c0, **options)

    def backward(self, layer: Layer | None = None, *, threads: int | None = None, **options: Any) -> Gradients:
        """Forward and backward with all of the gradients from above."""
        layer = layer or self.layer(trains=True)
        tape = self.forward(layer, keep=True, threads=threads).tape
        return layer.backward(tape, self.x, self.dy, self.dhn, self.dcn, threads=threads, **{"needs_dh0": True, **options})

    def astype(self, dtype: Any) -> Case:
        parts = {name: getattr(self, name) for name in ("x", "dy", "dhn", "dcn", "h0", "c0")}
        weights = tuple(tuple(None if part is None else part.astype(dtype) for part in w) for w in self.weights)
        return replace(self, weights=weights, **{name: None if part is None else part.astype(dtype) for name, part in parts.items()})

    def sequences(self, chosen: Sequence[int]) -> Case:
        """The chosen sequences alone, in that order."""
        rows = self.rows(chosen)
        planes = {name: getattr(self, name) for name in ("dhn", "dcn", "h0", "c0")}
        return replace(
            self,
            x=self.x[rows],
            dy=self.dy[rows],
            offsets=offsets_of([self.lengths[b] for b in chosen]),
            **{name: None if plane is None else np.ascontiguousarray(plane[:, list(chosen)]) for name, plane in planes.items()},
        )

    def rows(self, chosen: Sequence[int]) -> NDArray[np.int64]:
        """The rows of the chosen sequences, one after another."""
        return np.concatenate([np.arange(self.offsets[b], self.offsets[b + 1]) for b in chosen] or [np.zeros(0, dtype=np.int64)])

    def only(self, direction: int) -> Case:
        """One of two directions as a layer of its own."""
        planes = {name: getattr(self, name) for name in ("dhn", "dcn", "h0", "c0")}
        columns = slice(direction * self.hidden_size, (direction + 1) * self.hidden_size)
        return replace(
            self,
            weights=(self.weights[direction],),
            reverse=direction == 1,
            dy=np.ascontiguousarray(self.dy[:, columns]),
            **{name: None if plane is None else plane[direction : direction + 1] for name, plane in planes.items()},
        )


def relu_cell(x: Array, state: State, w: CellWeights) -> State:
    """h' = relu(W x + U h + b): what the twins lack."""
    return (np.maximum(w.weight_ih @ x + w.bias_ih + w.weight_hh @ state[0] + w.bias_hh, 0),)


def gates_at(cell: str, x: Array, h: Array, h_next: Array, w: CellWeights) -> Array:
    """The activated gates [G, H] of one step from h to h_next; of an rnn the state."""
    if cell.startswith("rnn"):
        return h_next[None]
    blocks = list(zip(*(np.split(getattr(w, part), gates_of(cell)) for part in PARTS), strict=True))
    if cell == "lstm":
        shut = [w_ih @ x + b_ih + w_hh @ h + b_hh for w_ih, w_hh, b_ih, b_hh in blocks]
        return np.stack([np.tanh(a) if gate == 2 else logistic(a) for gate, a in enumerate(shut)])
    r, z = (logistic(w_ih @ x + b_ih + w_hh @ h + b_hh) for w_ih, w_hh, b_ih, b_hh in blocks[:2])
    w_ih, w_hh, b_ih, b_hh = blocks[2]
    past = w_hh @ (r * h) + b_hh if cell == "gru" else r * (w_hh @ h + b_hh)
    return np.stack([r, z, np.tanh(w_ih @ x + b_ih + past)])


def by_twins(case: Case) -> tuple[Output, list[Array]]:
    """What the plain twins make of a case in float64: y, hn, cn, and the gates [N, G, H] of each direction."""
    case = case.astype(np.float64)
    sequences, size, is_lstm = len(case.lengths), case.hidden_size, case.cell == "lstm"
    planes = np.zeros((2, case.directions, sequences, size))
    for plane, given in zip(planes, (case.h0, case.c0), strict=True):
        if given is not None:
            plane[:] = given
    y = np.zeros((len(case.x), case.directions, size))
    gates = [np.zeros((len(case.x), gates_of(case.cell), size)) for _ in case.weights]
    step = relu_cell if case.cell == "rnn-relu" else TWINS[case.cell]  # type: ignore[index]
    for d, parts in enumerate(case.weights):
        w = CellWeights(*(np.zeros(len(parts[0])) if part is None else part for part in parts))
        for b, (begin, end) in enumerate(pairwise(case.offsets.tolist())):
            state: State = tuple(plane[d, b] for plane in planes[: 1 + is_lstm])
            steps = range(begin, end)
            for n in reversed(steps) if case.reads_backward(d) else steps:
                before, state = state[0], step(case.x[n], state, w)
                y[n, d] = state[0]
                gates[d][n] = gates_at(case.cell, case.x[n], before, state[0], w)
            for plane, part in zip(planes, state, strict=False):
                plane[d, b] = part
    return Output(y.reshape(len(y), case.directions * size), planes[0], planes[1] if is_lstm else None, None), gates


def assert_close(got: Any, wanted: Any, tolerance: float, what: str = "") -> None:
    """The largest error is below `tolerance` times the largest entry."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape, what
    largest = np.abs(wanted).max(initial=0)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=tolerance * (largest if largest > 0 else 1), err_msg=what)


def assert_outputs_close(got: Output, wanted: Output, tolerance: float, what: str = "") -> None:
    for name in ("y", "hn", "cn"):
        if getattr(wanted, name) is None:
            assert getattr(got, name) is None
        else:
            assert_close(getattr(got, name), getattr(wanted, name), tolerance, f"{name} {what}")


def arrays_of(result: Output | Gradients) -> dict[str, Array]:
    """The arrays of a result by name, absent ones left out."""
    names = ("y", "hn", "cn") if isinstance(result, Output) else ("dx", "dh0", "dc0")
    found = {name: getattr(result, name) for name in names}
    for d, parts in enumerate(getattr(result, "weights", ())):
        found |= {f"d{name} of direction {d}": part for name, part in zip(PARTS, parts, strict=True)}
    return {name: part for name, part in found.items() if part is not None}


def assert_same_bits(got: Output | Gradients, wanted: Output | Gradients, what: str = "") -> None:
    ours, theirs = arrays_of(got), arrays_of(wanted)
    assert ours.keys() == theirs.keys()
    for name, part in ours.items():
        assert part.dtype == theirs[name].dtype
        assert part.shape == theirs[name].shape
        assert part.tobytes() == theirs[name].tobytes(), f"{name} differs {what}"


def run_python(code: str, *arguments: Any, timeout_s: float = 300, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process of its own, with this one's environment but for the variables given."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env={**os.environ, **environment},
    )
