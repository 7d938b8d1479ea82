"""Bounded look-ahead: what a step sees, against the plain twins window by window; and stacks that read a sequence as it comes."""

from __future__ import annotations

import pickle
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from strategies import RAGGED, cell_weights, every_variant, offsets_of, weights_as
from tidegate.artefact import StoredModel
from tidegate.errors import RecipeError
from tidegate.kernels import ARCHITECTURES, Cell, CellWeights, Zoneout, engine, run_layer
from tidegate.runtime import bounded_layer
from tidegate.runtime.layers import RecurrentStack
from tidegate.runtime.stack_stream import StackStream

Array = NDArray[np.floating[Any]]
SIZE, WIDTH = 5, 3


@pytest.fixture(params=["engine", "loop"])
def everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "loop":
        monkeypatch.setattr(engine, "is_built", lambda: False)
    return str(request.param)


class Stack:
    """Random layers, and the stack made of them."""

    def __init__(
        self,
        arch: str,
        layers: int = 2,
        *,
        size: int = SIZE,
        layer_norm: bool = False,
        zoneout: Zoneout = (0.0, 0.0),
        lookahead: int | None = None,
    ) -> None:
        entry = ARCHITECTURES[arch]
        random = np.random.default_rng(0)
        scale = min(1.0, (8 / size) ** 0.5)
        self.cell, self.zoneout = entry.cell, zoneout
        self.layers: list[list[CellWeights]] = []
        tensors = {}
        for layer in range(layers):
            width = entry.directions * size if layer else WIDTH
            self.layers.append([])
            for direction in range(entry.directions):
                w = cell_weights(random, self.cell, width, size, np.float32, layer_norm=layer_norm)
                parts = {name: part * np.float32(scale) for name in w.__slots__ if (part := getattr(w, name)) is not None}
                self.layers[-1].append(CellWeights(**{"weight_hh": None, "bias_hh": None, **parts}))
                tensors |= {f"stack.layers.{layer}.{direction}.{name}": part for name, part in parts.items()}
        network = {
            "arch": arch,
            "num_layers": layers,
            "layer_norm": layer_norm,
            "zoneout": zoneout[0],
            "zoneout_cell": zoneout[1],
            "lookahead": lookahead,
        }
        self.stack = RecurrentStack.of_network(StoredModel(Path("model"), {"network": network}, tensors, {}, {}))

    def by_windows(self, x: Any, lookahead: int) -> Array:
        """States of one sequence [T, WIDTH], every step's backward state from a window of its own, layer by layer."""
        x = x.astype(np.float64)
        for number, (forward, backward) in enumerate(self.layers):
            ahead = lookahead // len(self.layers) + (number < lookahead % len(self.layers))
            states = [self._run(x, forward)]
            rows = [self._run(x[step : step + ahead + 1], backward, reverse=True)[0] for step in range(len(x))]
            x = np.concatenate([*states, np.array(rows).reshape(len(x), -1)], axis=1)
        return np.asarray(x)

    def _run(self, x: Array, w: CellWeights, *, reverse: bool = False) -> Array:
        return run_layer(self.cell, x, np.array([0, len(x)]), weights_as(w, np.float64), reverse=reverse, zoneout=self.zoneout)


def frames(steps: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).normal(size=(steps, WIDTH)).astype(np.float32)


TWO_WAY = [name for name, entry in ARCHITECTURES.items() if entry.is_bidirectional]
ONE_WAY = [name for name, entry in ARCHITECTURES.items() if not entry.is_bidirectional]


@pytest.mark.parametrize("lookahead", [0, 1, 2, 3, 7, 40])
@every_variant
def test_the_backward_direction_of_every_layer_reads_each_steps_own_window(
    cell: Cell, layer_norm: bool, zoneout: Zoneout, lookahead: int, everywhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_layer, "_ROWS", 7)  # that windows are run a few at a time must not be seen
    arch = next(name for name in TWO_WAY if ARCHITECTURES[name].cell == cell)
    model = Stack(arch, layer_norm=layer_norm, zoneout=zoneout, lookahead=lookahead)
    lengths = (*RAGGED, 17)
    x, offsets = frames(sum(lengths)), offsets_of(lengths)
    expected = np.concatenate([model.by_windows(x[begin:end], lookahead) for begin, end in pairwise(offsets) if end > begin])
    tolerance = 1e-4 if layer_norm else 2e-5
    np.testing.assert_allclose(model.stack(x, offsets), expected, atol=tolerance)
    distinct, places = np.unique(x.round(0), axis=0, return_inverse=True)
    np.testing.assert_allclose(model.stack(distinct, offsets, places), model.stack(distinct[places], offsets), atol=tolerance)


@pytest.mark.parametrize("arch", TWO_WAY)
def test_a_look_ahead_as_long_as_the_sequence_is_the_whole_two_way_stack(arch: str, everywhere: str) -> None:
    model = Stack(arch, 3)
    x, offsets = frames(sum(RAGGED)), offsets_of(RAGGED)
    whole = model.stack(x, offsets)
    longest = len(model.layers) * (max(RAGGED) - 1)
    np.testing.assert_allclose(model.stack.with_lookahead(longest)(x, offsets), whole, atol=1e-6)
    assert np.abs(model.stack.with_lookahead(1)(x, offsets) - whole).max() > 0.01
    np.testing.assert_array_equal(model.stack.with_lookahead(1).with_lookahead(None)(x, offsets), whole)


@pytest.mark.parametrize("lookahead", [0, 3, 4])
def test_no_step_beyond_the_look_ahead_is_seen_and_the_last_within_is(lookahead: int) -> None:
    model = Stack("bilstm", 3, lookahead=lookahead)
    x, offsets = frames(30), np.array([0, 30])
    other = x.copy()
    other[20:] += 1
    same = (model.stack(x, offsets) == model.stack(other, offsets)).all(axis=1)
    assert same.tolist() == [True] * (20 - lookahead) + [False] * (10 + lookahead)


def streamed(stack: RecurrentStack, x: Array, cut: int) -> list[Array]:
    stream = StackStream(stack)
    return [*(stream.feed(x[begin : begin + cut]) for begin in range(0, len(x), cut)), stream.finish()]


@pytest.mark.parametrize("size", [SIZE, 64])
@pytest.mark.parametrize("arch", ONE_WAY)
def test_read_one_way_every_step_is_told_at_once_with_the_same_bits(arch: str, size: int, everywhere: str) -> None:
    stack = Stack(arch, size=size).stack
    x = frames(60)
    whole = stack(x, np.array([0, 60]))
    for cut in (1, 7, 60):
        parts = streamed(stack, x, cut)
        assert [len(part) for part in parts] == [min(cut, 60 - begin) for begin in range(0, 60, cut)] + [0]
        if everywhere == "engine":
            assert np.concatenate(parts).tobytes() == whole.tobytes()
        np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)


@pytest.mark.parametrize("size", [SIZE, 64])
@pytest.mark.parametrize("lookahead", [0, 1, 4, 9])
@pytest.mark.parametrize("arch", TWO_WAY)
def test_with_a_look_ahead_steps_are_told_so_much_later_and_are_the_same_in_parts_of_any_size(
    arch: str, lookahead: int, size: int, everywhere: str
) -> None:
    stack = Stack(arch, size=size, lookahead=lookahead).stack
    x = frames(60)
    whole = stack(x, np.array([0, 60]))
    for cut in (1, 7, 60):
        parts = streamed(stack, x, cut)
        told = np.cumsum([len(part) for part in parts])
        assert told.tolist() == [max(0, min(begin + cut, 60) - lookahead) for begin in range(0, 60, cut)] + [60]
        if everywhere == "engine":
            assert np.concatenate(parts).tobytes() == whole.tobytes()
        np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)


@pytest.mark.parametrize("steps", [0, 1, 4])
def test_a_sequence_shorter_than_the_look_ahead_is_told_when_it_has_ended(steps: int) -> None:
    stack = Stack("bigru", lookahead=9).stack
    x = frames(steps)
    *parts, last = streamed(stack, x, 3)
    assert all(part.shape == (0, 2 * SIZE) for part in parts)
    np.testing.assert_array_equal(last, stack(x, np.array([0, steps])))


@pytest.mark.parametrize(("arch", "lookahead"), [("lstm", None), ("bilstm", 5), ("gru", 0)])
def test_a_stream_goes_on_from_its_arrays(arch: str, lookahead: int | None) -> None:
    stack = Stack(arch, lookahead=lookahead).stack
    x = frames(40)
    for cut in (0, 2, 23):
        first, second = StackStream(stack), StackStream(stack)
        begun = first.feed(x[:cut])
        second.restore(first.arrays())
        rest = [*(second.feed(part) for part in (x[cut:30], x[30:])), second.finish()]
        np.testing.assert_array_equal(np.concatenate([begun, *rest]), stack(x, np.array([0, 40])))


def test_what_reads_the_whole_sequence_both_ways_is_no_stream() -> None:
    with pytest.raises(ValueError, match="a bigru that reads the whole sequence has no states before its end"):
        StackStream(Stack("bigru").stack)


def test_the_windows_of_a_long_sequence_take_bounded_memory(everywhere: str) -> None:
    stack = Stack("bigru", 1, size=16, lookahead=100).stack
    x = frames(60_000)
    tracemalloc.start()
    states = stack(x, np.array([0, len(x)]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 * states.nbytes  # all windows at once would hold 100 times the half of the states


def test_a_stack_with_a_look_ahead_is_pickled() -> None:
    stack = Stack("bigru", lookahead=3).stack
    x, offsets = frames(9), np.array([0, 9])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(stack))(x, offsets), stack(x, offsets))


@pytest.mark.parametrize("lookahead", [-1, 1.5, "3"])
def test_what_is_no_number_of_steps_is_refused(lookahead: Any) -> None:
    with pytest.raises(RecipeError, match=rf"look-ahead is {lookahead}; expected how many steps, a whole number from 0 on"):
        Stack("bigru").stack.with_lookahead(lookahead)


def test_a_stack_that_reads_one_way_needs_no_look_ahead() -> None:
    with pytest.raises(RecipeError, match=r"a look-ahead of 3 steps was given, but gru reads one way and needs none\. Leave it out"):
        Stack("gru").stack.with_lookahead(3)
    assert Stack("gru").stack.with_lookahead(0).lookahead is None
