"""The layer for inference: the engine and the loop that stands in for it give the same, and who lacks the engine is told once."""

from __future__ import annotations

import pickle
import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from strategies import cell_weights, every_variant, weights_as
from tidegate.errors import MissingEngineError, RecipeError, UserError
from tidegate.kernels import Cell, CellWeights, RecurrentLayer, Zoneout, engine, run_layer

OFFSETS = np.array([0, 3, 3, 7, 8])


def weights(cell: Cell, directions: int, *, layer_norm: bool = False) -> list[CellWeights]:
    random = np.random.default_rng(0)
    return [cell_weights(random, cell, 4, 6, np.float32, layer_norm=layer_norm) for _ in range(directions)]


@pytest.fixture
def without_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "is_built", lambda: False)
    monkeypatch.setattr(engine, "_missing", "No module named 'tidegate.kernels._engine'")


@pytest.mark.parametrize("directions", [1, 2])
@every_variant
@pytest.mark.parametrize("places", [None, np.array([0, 1, 1, 0, 2, 2, 2, 1])], ids=["rows", "places"])
def test_engine_and_loop_give_the_same(
    cell: Cell, layer_norm: bool, zoneout: Zoneout, directions: int, places: np.ndarray | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(1).normal(size=(8 if places is None else 3, 4)).astype(np.float32)
    given = weights(cell, directions, layer_norm=layer_norm)
    by_engine = RecurrentLayer(cell, given, zoneout)(x, OFFSETS, places)
    monkeypatch.setattr(engine, "is_built", lambda: False)
    by_loop = RecurrentLayer(cell, given, zoneout)(x, OFFSETS, places)
    assert by_engine.shape == by_loop.shape == (8, 6 * directions)
    np.testing.assert_allclose(by_engine, by_loop, atol=1e-5 if layer_norm else 2e-6)
    assert not np.array_equal(by_engine, by_loop) or cell == "rnn"  # two ways to compute, not one twice


@pytest.mark.parametrize("is_engine", [True, False], ids=["engine", "loop"])
@pytest.mark.parametrize("directions", [1, 2])
@every_variant
def test_a_batch_is_read_on_from_given_states(
    cell: Cell, layer_norm: bool, zoneout: Zoneout, directions: int, is_engine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "is_built", lambda: is_engine)
    layer = RecurrentLayer(cell, weights(cell, directions, layer_norm=layer_norm), zoneout)
    random = np.random.default_rng(1)
    first, second = (random.normal(size=(8, 4)).astype(np.float32) for _ in range(2))
    _, between = layer.run(first, OFFSETS)
    states, after = layer.run(second, OFFSETS, between)
    assert [part.shape for part in between] == [(directions, 4, 6)] * (2 if cell == "lstm" else 1)
    for given, found in ((None, layer(first, OFFSETS)), (layer.zeros(4), layer.run(first, OFFSETS, layer.zeros(4))[0])):
        assert layer.run(first, OFFSETS, given)[0].tolist() == found.tolist()
    assert after[0][0, 1].tolist() == between[0][0, 1].tolist()  # the sequence without steps
    assert not between[0][0, 1].any()
    # Each sequence of both parts as one; the direction that reads backward would begin at its end.
    whole = np.concatenate([part for begin, end in pairwise(OFFSETS) for part in (first[begin:end], second[begin:end])])
    joined, last = layer.run(whole, 2 * OFFSETS)
    rows = np.concatenate([2 * begin + (end - begin) + np.arange(end - begin) for begin, end in pairwise(OFFSETS)])
    if is_engine:
        assert states[:, :6].tolist() == joined[rows, :6].tolist()
        assert [part[0].tolist() for part in after] == [part[0].tolist() for part in last]
    np.testing.assert_allclose(states[:, :6], joined[rows, :6], atol=1e-5)


@pytest.mark.parametrize("is_engine", [True, False], ids=["engine", "loop"])
@every_variant
def test_step_after_step_is_a_sequence(
    cell: Cell, layer_norm: bool, zoneout: Zoneout, is_engine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "is_built", lambda: is_engine)
    layer = RecurrentLayer(cell, weights(cell, 1, layer_norm=layer_norm), zoneout)
    x = np.random.default_rng(1).normal(size=(2, 9, 4)).astype(np.float32)
    whole, last = layer.run(x.reshape(18, 4), np.array([0, 9, 18]))
    state = layer.zeros(2)
    for t in range(9):
        state = layer.step(np.ascontiguousarray(x[:, t]), state)
        np.testing.assert_allclose(state[0][0], whole.reshape(2, 9, 6)[:, t], atol=1e-5)
    if is_engine:
        assert [part.tolist() for part in state] == [part.tolist() for part in last]


@pytest.mark.usefixtures("without_engine")
@pytest.mark.filterwarnings("ignore::tidegate.kernels.engine.MissingEngineWarning")
@every_variant
def test_without_the_engine_both_directions_equal_the_twins(cell: Cell, layer_norm: bool, zoneout: Zoneout) -> None:
    x = np.random.default_rng(1).normal(size=(8, 4)).astype(np.float32)
    both = weights(cell, 2, layer_norm=layer_norm)
    expected = [run_layer(cell, x, OFFSETS, w, reverse=reverse, zoneout=zoneout) for w, reverse in zip(both, (False, True), strict=True)]
    for layer in (RecurrentLayer(cell, both, zoneout), pickle.loads(pickle.dumps(RecurrentLayer(cell, both, zoneout)))):
        np.testing.assert_allclose(layer(x, OFFSETS), np.concatenate(expected, axis=1), atol=1e-5)


def test_a_cell_that_the_engine_lacks_runs_on_the_loop_without_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "CELLS", ("rnn",))
    x = np.random.default_rng(1).normal(size=(8, 4)).astype(np.float32)
    (w,) = weights("mingru", 1)
    np.testing.assert_allclose(RecurrentLayer("mingru", [w])(x, OFFSETS), run_layer("mingru", x, OFFSETS, w), atol=1e-6)


@every_variant
def test_the_engine_keeps_the_units_that_the_twins_keep(cell: Cell, layer_norm: bool, zoneout: Zoneout) -> None:
    given = [weights_as(w, np.float64) for w in weights(cell, 2, layer_norm=layer_norm)]
    x = np.random.default_rng(1).normal(size=(8, 4))
    layer = engine.Layer(cell, [w.in_order() for w in given], trains=True, zoneout=zoneout)
    expected = [
        run_layer(cell, x, OFFSETS, w, reverse=direction == 1, zoneout=zoneout, seed=5, direction=direction)
        for direction, w in enumerate(given)
    ]
    np.testing.assert_allclose(layer.forward(x, OFFSETS, seed=5, keep=True).y, np.concatenate(expected, axis=1), rtol=0, atol=1e-12)


SUMS = (-1000, -709, -707, -90, -86, -40, 0, 90)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gates_of_a_minlstm_that_are_all_but_shut_are_shut_alike_on_the_engine_and_in_the_twins(dtype: Any) -> None:
    """The sums i, f and g of one unit are the three inputs; g is 1 and h begins at 0, so the first state is 1 − s."""
    x = np.array([[i, f, 1] for i in SUMS for f in SUMS], dtype=dtype)
    w = CellWeights(np.eye(3, dtype=dtype), None, np.zeros(3, dtype=dtype), None)
    offsets = np.arange(len(x) + 1)
    by_engine = engine.Layer("minlstm", [w.in_order()]).forward(x, offsets).y
    np.testing.assert_allclose(by_engine, run_layer("minlstm", x, offsets, w), atol=1e-6)


def test_zoneout_that_a_cell_cannot_have_is_refused() -> None:
    with pytest.raises(RecipeError, match="gru has no state c to keep"):
        RecurrentLayer("gru", weights("gru", 1), (0.1, 0.1))


def test_a_layer_can_be_pickled_and_its_packed_weights_are_made_anew() -> None:
    layer = RecurrentLayer("lstm", weights("lstm", 2))
    x = np.random.default_rng(1).normal(size=(8, 4)).astype(np.float32)
    again = pickle.loads(pickle.dumps(layer))
    assert again(x, OFFSETS).tolist() == layer(x, OFFSETS).tolist()


@pytest.mark.usefixtures("without_engine")
def test_who_lacks_the_engine_is_told_once_and_gets_the_same() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            RecurrentLayer("gru", weights("gru", 1))
    (note,) = caught
    assert note.category is engine.MissingEngineWarning
    assert "engine was not built" in str(note.message)
    assert "compiler" in str(note.message)


def test_the_missing_engine_says_what_to_install() -> None:
    error = MissingEngineError("No module named 'tidegate.kernels._engine'")
    assert isinstance(error, UserError)
    assert "Install a C++ compiler" in str(error)
