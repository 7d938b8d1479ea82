"""The layer for inference: the engine and the loop that stands in for it give the same, and who lacks the engine is told once."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest

from tidegate.errors import MissingEngineError, UserError
from tidegate.kernels import GATES, Cell, CellWeights, RecurrentLayer, engine

OFFSETS = np.array([0, 3, 3, 7, 8])


def weights(cell: Cell, directions: int) -> list[CellWeights]:
    random = np.random.default_rng(0)
    rows = GATES[cell] * 6
    return [
        CellWeights(*(random.normal(size=size).astype(np.float32) for size in ((rows, 4), (rows, 6), (rows,), (rows,))))
        for _ in range(directions)
    ]


@pytest.fixture
def without_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "is_built", lambda: False)
    monkeypatch.setattr(engine, "_missing", "No module named 'tidegate.kernels._engine'")


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("cell", list(GATES))
@pytest.mark.parametrize("places", [None, np.array([0, 1, 1, 0, 2, 2, 2, 1])], ids=["rows", "places"])
def test_engine_and_loop_give_the_same(cell: Cell, directions: int, places: np.ndarray | None, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(1).normal(size=(8 if places is None else 3, 4)).astype(np.float32)
    by_engine = RecurrentLayer(cell, weights(cell, directions))(x, OFFSETS, places)
    monkeypatch.setattr(engine, "is_built", lambda: False)
    by_loop = RecurrentLayer(cell, weights(cell, directions))(x, OFFSETS, places)
    assert by_engine.shape == by_loop.shape == (8, 6 * directions)
    np.testing.assert_allclose(by_engine, by_loop, atol=2e-6)
    assert not np.array_equal(by_engine, by_loop) or cell == "rnn"  # two ways to compute, not one twice


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
