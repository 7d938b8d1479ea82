"""The runtime's recurrent stack: what it reads of a model directory's settings and tensors, against the plain twins."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from strategies import RAGGED, cell_weights, every_variant, offsets_of, weights_as
from tidegate.artefact import StoredModel
from tidegate.errors import ModelError
from tidegate.kernels import ARCHITECTURES, Cell, CellWeights, Zoneout, engine, run_layer
from tidegate.runtime.layers import RecurrentStack

OFFSETS = offsets_of(RAGGED)
SIZE = 4


def bidirectional(cell: Cell) -> str:
    return next(name for name, entry in ARCHITECTURES.items() if entry.cell == cell and entry.is_bidirectional)


def stored(cell: Cell, layers: list[list[CellWeights]], **settings: Any) -> StoredModel:
    tensors = {
        f"stack.layers.{number}.{direction}.{part.name}": getattr(w, part.name)
        for number, directions in enumerate(layers)
        for direction, w in enumerate(directions)
        for part in fields(w)
        if getattr(w, part.name) is not None
    }
    network = {"arch": bidirectional(cell), "num_layers": len(layers), **settings}
    return StoredModel(Path("model"), {"network": network}, tensors, {}, {})


def drawn(cell: Cell, *, layer_norm: bool) -> list[list[CellWeights]]:
    random = np.random.default_rng(0)
    return [[cell_weights(random, cell, width, SIZE, np.float32, layer_norm=layer_norm) for _ in range(2)] for width in (3, 2 * SIZE)]


@pytest.fixture(autouse=True)
def _on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "is_built", lambda: False)  # that the engine gives the same is tested with the layers


@every_variant
def test_the_settings_decide_which_tensors_are_read_and_how_the_layers_run(cell: Cell, layer_norm: bool, zoneout: Zoneout) -> None:
    layers = drawn(cell, layer_norm=layer_norm)
    model = stored(cell, layers, layer_norm=layer_norm, zoneout=zoneout[0], zoneout_cell=zoneout[1])
    x = np.random.default_rng(1).normal(size=(sum(RAGGED), 3)).astype(np.float32)
    expected: Any = x.astype(np.float64)
    for directions in layers:
        each = [
            run_layer(cell, expected, OFFSETS, weights_as(w, np.float64), reverse=reverse, zoneout=zoneout)
            for w, reverse in zip(directions, (False, True), strict=True)
        ]
        expected = np.concatenate(each, axis=1)
    np.testing.assert_allclose(RecurrentStack.of_network(model)(x, OFFSETS), expected, atol=1e-4 if layer_norm else 1e-5)


def test_a_directory_from_before_the_settings_existed_has_them_off() -> None:
    layers, x = drawn("lstm", layer_norm=False), np.random.default_rng(1).normal(size=(sum(RAGGED), 3)).astype(np.float32)
    old, new = stored("lstm", layers), stored("lstm", layers, layer_norm=False, zoneout=0.0, zoneout_cell=0.0)
    assert RecurrentStack.of_network(old)(x, OFFSETS).tolist() == RecurrentStack.of_network(new)(x, OFFSETS).tolist()


@pytest.mark.parametrize(
    ("cell", "arch", "settings", "missing"),
    [
        ("gru", "bigru", {"layer_norm": True}, "gain_ih"),
        ("mingru", "bigru", {}, "weight_hh"),
    ],
)
def test_a_tensor_that_the_settings_call_for_is_missed_by_name(cell: Cell, arch: str, settings: dict[str, Any], missing: str) -> None:
    model = stored(cell, drawn(cell, layer_norm=False), **settings)
    model.config["network"]["arch"] = arch
    with pytest.raises(ModelError, match=rf"holds no tensor 'stack\.layers\.0\.0\.{missing}', which its config\.json calls for"):
        RecurrentStack.of_network(model)
