"""The picture of the loss, read back from its SVG."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from tidegate.errors import OutputError
from tidegate.training.chart import LOSS_CHART, draw_loss

SVG = "{http://www.w3.org/2000/svg}"


def history(epochs: int, *, seconds: float = 7.0) -> list[dict[str, float]]:
    """Epochs of different lengths, the loss falling and the development loss rising again."""
    return [
        {
            "epoch": number,
            "train_loss": 1 + 2 * math.exp(-number / 4),
            "dev_score": 0.5,
            "dev_loss": 1.3 + 2 * math.exp(-number / 3) + 0.02 * number,
            "seconds": seconds * (1 + number % 3),
        }
        for number in range(1, epochs + 1)
    ]


def marks(path: Path, name: str) -> np.ndarray[Any, Any]:
    """Where the marks of a curve stand, [N, 2] in points from the upper left."""
    (group,) = (element for element in ElementTree.parse(path).iter(f"{SVG}g") if element.get("id") == name)
    return np.array([[float(use.get("x", "nan")), float(use.get("y", "nan"))] for use in group.iter(f"{SVG}use")])


def words(path: Path) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.parse(path).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("epochs", "seconds", "unit", "every"),
    [(1, 0.0, "seconds", 1), (1, 3.0, "seconds", 1), (2, 30.0, "minutes", 1), (40, 20.0, "minutes", 3), (9, 4000.0, "hours", 1)],
)
def test_every_epoch_stands_at_its_time_and_its_losses(epochs: int, seconds: float, unit: str, every: int, tmp_path: Path) -> None:
    entries, best = history(epochs, seconds=seconds), max(1, epochs - 1)
    draw_loss(entries, best, tmp_path / "loss.svg", title="tag, bilstm")
    times = np.array(list(accumulate(entry["seconds"] for entry in entries)))
    losses = {key: np.array([entry[key] for entry in entries]) for key in ("train_loss", "dev_loss")}
    drawn = {key: marks(tmp_path / "loss.svg", key) for key in losses}
    ring = marks(tmp_path / "loss.svg", "best_epoch")
    for key, points in drawn.items():
        assert points.shape == (epochs, 2), key
    if epochs > 1:
        # Paper and figures differ by one scale and one shift along each axis, the same for both curves.
        both = np.concatenate([drawn["train_loss"], drawn["dev_loss"]])
        for axis, values in ((0, np.concatenate([times, times])), (1, np.concatenate([losses["train_loss"], losses["dev_loss"]]))):
            slope, shift = np.polyfit(values, both[:, axis], 1)
            np.testing.assert_allclose(slope * values + shift, both[:, axis], atol=0.01)
            assert (slope > 0) == (axis == 0)
    np.testing.assert_allclose(ring, drawn["dev_loss"][[best - 1]])
    said = words(tmp_path / "loss.svg")
    for text in (unit, "loss in nats", "tag, bilstm", "training", "development", f"epoch {best}, kept: {losses['dev_loss'][best - 1]:.4f}"):
        assert text in said
    assert {str(number) for number in range(every, epochs + 1, every)} <= set(said)
    assert "38" not in said  # of forty epochs only every third has room for its number


def test_it_is_readable_on_any_background_and_the_same_every_time(tmp_path: Path) -> None:
    for name in ("a.svg", "b.svg"):
        draw_loss(history(3), 3, tmp_path / name, title="t")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    background = next(
        path for group in ElementTree.parse(tmp_path / "a.svg").iter(f"{SVG}g") if group.get("id") == "patch_1" for path in group
    )
    assert "fill: #ffffff" in background.get("style", "")
    with pytest.raises(OutputError, match="cannot be written"):
        draw_loss(history(3), 3, tmp_path / "nowhere" / "loss.svg", title="t")


def test_every_training_leaves_one(train_toy: Callable[..., Any], tmp_path: Path) -> None:
    result = train_toy(tmp_path / "model", max_epochs=2)
    epochs = json.loads((tmp_path / "model" / "metrics.json").read_text())["epochs"]
    assert marks(result.path / LOSS_CHART, "train_loss").shape == (len(epochs), 2)
    said = words(result.path / LOSS_CHART)
    assert "tag, bilstm" in said
    assert any(text.startswith(f"epoch {result.metrics['best_epoch']}, kept: ") for text in said)
