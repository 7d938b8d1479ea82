"""The two halves of `fill`: what the torch network says, the runtime says too; and what its loss and its dropouts are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tidegate.artefact import StoredModel
from tidegate.data.fill_batches import FillBatch
from tidegate.kernels import ARCHITECTURES
from tidegate.runtime.fill_network import FillNetwork as Runtime
from tidegate.tasks.fill import FillNetwork, FillNetworkSettings

C = 6


def network(**options: Any) -> FillNetwork:
    """With other weights than those it begins with, for it begins at the first guess."""
    settings: dict[str, Any] = {"arch": "bigru", "hidden_size": 5, "num_layers": 1, "embedding_size": 4, "inputs": C, "series": 3}
    settings |= {"others": True, "levels": (50, 90)}
    rates = {name: options.pop(name) for name in ("dropout", "series_dropout") if name in options}
    torch.manual_seed(4)
    built = FillNetwork(FillNetworkSettings(**(settings | options)), **rates)
    for weight in built.parameters():
        torch.nn.init.normal_(weight, std=0.5)
    return built


def batch(lengths: tuple[int, ...] = (7, 1, 0, 4), seed: int = 0) -> FillBatch:
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    total = int(offsets[-1])
    asked = np.flatnonzero(rng.random(total) < 0.5)
    return FillBatch(
        rng.normal(size=(total, C)).astype(np.float32),
        offsets,
        rng.integers(4, size=len(lengths)),
        asked,
        rng.normal(size=len(asked)).astype(np.float32),
        rng.normal(size=len(asked)).astype(np.float32),
    )


def stored(built: FillNetwork) -> StoredModel:
    return StoredModel(Path("model"), {"network": built.settings_json()}, built.tensors(), {}, {})


@pytest.mark.parametrize(
    "options",
    [
        *({"arch": arch} for arch in ARCHITECTURES),
        {"num_layers": 2, "layer_norm": True},
        {"series": 0, "others": False},
        {"levels": (80,)},
        {"zoneout": 0.3, "dropout": 0.5},
    ],
)
def test_the_halves_agree(options: dict[str, Any]) -> None:
    built = network(**options).eval()
    runtime = Runtime(stored(built))
    for given in (batch(), batch((1,)), batch((3, 2), seed=5)):
        with torch.no_grad():
            told = np.sort(built(given).numpy(), axis=1)
        found = runtime.quantiles(given)
        assert found.shape == (len(given.asked), 2 * len(built.settings.levels) + 1)
        np.testing.assert_allclose(found, told, rtol=1e-4, atol=2e-5)


def test_a_fresh_network_gives_the_first_guess() -> None:
    settings = FillNetworkSettings("bigru", 5, 1, 4, C, 0, False, (90,))
    given = batch()
    assert np.array_equal(Runtime(stored(FillNetwork(settings))).quantiles(given), np.repeat(given.guess[:, None], 3, axis=1))


def test_the_loss_is_the_pinball_loss_by_the_book() -> None:
    built, given = network().eval(), batch()
    with torch.no_grad():
        told, loss = built(given).numpy(), built.loss(given).item()
    each = []
    for y, row in zip(given.y, told, strict=True):
        for p, q in zip((0.05, 0.25, 0.5, 0.75, 0.95), row, strict=True):
            each.append(p * (y - q) if y >= q else (1 - p) * (q - y))
    assert loss == pytest.approx(np.mean(each), rel=1e-5)


def test_windows_without_a_hidden_step_teach_nothing() -> None:
    built, given = network(), batch()
    nothing = given._replace(asked=given.asked[:0], guess=given.guess[:0], y=given.y[:0])
    loss = built.loss(nothing)
    loss.backward()
    assert loss.item() == 0
    assert all(weight.grad is None or not weight.grad.any() for weight in built.parameters())


def test_a_dropped_series_is_read_as_an_unknown_one_alone() -> None:
    built, given = network(series_dropout=1 - 1e-9).train(), batch()
    alone = given._replace(
        x=np.concatenate([given.x[:, :-2], np.zeros((len(given.x), 2), np.float32)], axis=1), ids=np.zeros_like(given.ids)
    )
    with torch.no_grad():
        dropped = built(given)
        assert torch.allclose(dropped, built.eval()(alone))
        assert not torch.allclose(dropped, built(given))


@pytest.mark.parametrize(("arch", "reads_on"), [("bigru", True), ("gru", False), ("lstm", False)])
def test_one_way_networks_see_no_later_step(arch: str, reads_on: bool) -> None:
    built, given = network(arch=arch).eval(), batch((8,))
    changed = given.x.copy()
    changed[5:] += 1
    early = given.asked < 5
    assert early.any()
    with torch.no_grad():
        before, after = built(given).numpy()[early], built(given._replace(x=changed)).numpy()[early]
    assert np.array_equal(before, after) != reads_on
