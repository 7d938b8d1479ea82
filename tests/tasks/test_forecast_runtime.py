"""The torch network of `forecast` and its NumPy twin tell the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from forecast_models import CONTEXT, HORIZON, Trained, W, table
from tidegate.data.forecast_batches import WindowSpec, collate_windows
from tidegate.kernels import ARCHITECTURES
from tidegate.runtime.bands import calibrated
from tidegate.runtime.forecast_network import ForecastNetwork as RuntimeNetwork
from tidegate.tasks.forecast import ForecastNetwork, ForecastNetworkSettings

ONE_WAY = [name for name, entry in ARCHITECTURES.items() if not entry.is_bidirectional]


def network_of(trained: Trained) -> tuple[ForecastNetwork, RuntimeNetwork]:
    """A torch network of the same sizes with weights that let the gates leave their middle, and the runtime's with the same."""
    torch.manual_seed(0)
    network = ForecastNetwork(ForecastNetworkSettings(**trained.twin.network), dropout=0.5, input_dropout=0.5, series_dropout=0.5).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.7)
    assert {name: tensor.shape for name, tensor in network.tensors().items()} == {
        name: tensor.shape for name, tensor in trained.twin.stored.tensors.items()
    }
    return network, RuntimeNetwork(replace(trained.twin.stored, tensors=network.tensors()))


def spec_of(trained: Trained, horizon: int) -> WindowSpec:
    settings = trained.twin.network
    return WindowSpec(CONTEXT, W, horizon, settings["scaling"], settings["gaps"], settings["has_holes"])


@pytest.mark.parametrize("columns", ["bare", "past", "all"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("arch", ONE_WAY)
def test_direct_networks_agree(tmp_path: Path, arch: str, layers: int, columns: str) -> None:
    variants: dict[str, Any] = {"layer_norm": True, "zoneout": (0.2, 0.1)} if (arch, layers) == ("lstm", 2) else {}
    trained = Trained(table(tmp_path / "table.csv"), columns, arch=arch, layers=layers, **variants)
    network, runtime = network_of(trained)
    encoded = [
        trained.coder.encode(series, scale, extra=HORIZON, id=(place + 1) * (place < 2))
        for place, (series, scale) in enumerate(zip(trained.panel.series, trained.scales, strict=True))
    ]
    windows = np.array([(place, origin) for place, one in enumerate(encoded) for origin in range(W, len(one) + 1, 3)])
    batch = collate_windows(encoded, windows, spec_of(trained, HORIZON))
    with torch.no_grad():
        expected = np.sort(network(batch).numpy(), axis=-1)
    np.testing.assert_allclose(runtime(batch), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("columns", ["bare", "all"])
@pytest.mark.parametrize("arch", ["rnn", "lstm", "gru", "gru-reset-after"])
def test_recursive_networks_agree_segment_by_segment(tmp_path: Path, arch: str, columns: str) -> None:
    """The truth: torch told one segment, its medians are put behind the series, and it is asked anew from there."""
    path = table(tmp_path / "table.csv", lengths=(40, 17), holes=0.0)
    trained = Trained(path, columns, arch=arch, decoding="recursive", scaling="series", layers=2)
    network, runtime = network_of(trained)
    segments = 3
    for place, origin in [(0, 40), (0, 25), (1, 17), (1, 5), (1, 3)]:
        series, scale = trained.panel.series[place], trained.scales[place]
        one = replace(trained.coder.encode(series, scale, extra=3 * W, id=place + 1), y=np.zeros(0, dtype=np.float32))
        batch = collate_windows([one], np.array([[0, origin]]), spec_of(trained, segments * W))
        found = runtime(batch)[0]
        for number in range(segments):
            now = origin + number * W
            with torch.no_grad():
                told = np.sort(network(collate_windows([one], np.array([[0, now]]), spec_of(trained, W))).numpy()[0], axis=-1)
            np.testing.assert_allclose(found[number * W : (number + 1) * W], told, rtol=2e-4, atol=2e-4)
            end = now + W
            # Past covariates go on as they were at the origin; the values told count as seen.
            past = np.concatenate([one.past[:now], np.repeat(one.past[now - 1 : now], W, axis=0)])
            one = replace(
                one,
                filled=np.concatenate([one.filled[:now], told[:, told.shape[1] // 2]]),
                seen=np.concatenate([one.seen[:now], np.ones(W, dtype=np.float32)]),
                last_seen=np.concatenate([one.last_seen[:now], np.arange(now, end)]),
                past=past,
            )


def test_the_bands_move_what_the_network_tells(tmp_path: Path) -> None:
    trained = Trained(table(tmp_path / "table.csv"), "bare")
    network, _ = network_of(trained)
    with torch.no_grad():
        network.bands_offsets.copy_(torch.from_numpy(trained.twin.stored.tensors["bands.offsets"]))
    model = type(trained.model)(replace(trained.twin.stored, tensors=network.tensors()))
    series, scale = trained.panel.series[0], trained.scales[0]
    encoded = trained.coder.encode(series, scale, extra=HORIZON, id=1)
    batch = collate_windows([encoded], np.array([[0, len(series.y)]]), spec_of(trained, HORIZON))
    with torch.no_grad():
        told = calibrated(np.sort(network(batch).numpy()[0, :HORIZON], axis=-1), network.bands_offsets.numpy())
    expected = scale.undo(told * batch.spread[0] + batch.centre[0])
    np.testing.assert_allclose(model.predict(tmp_path / "table.csv").series[0].quantiles, expected, rtol=1e-4, atol=1e-4)
