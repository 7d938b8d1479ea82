"""Histograms of gates over training: of the development data, true to the twins' gates, and hardly any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tidegate.artefact import read_model
from tidegate.kernels import ARCHITECTURES
from tidegate.kernels.gates import gates_of, states_before
from tidegate.runtime.layers import RecurrentStack
from tidegate.training.gate_histograms import GateHistograms

Train = Callable[..., Any]


def histograms(model: Path) -> dict[str, list[Any]]:
    """By tag the histograms of all epochs that a run has left."""
    (folder,) = (model / "training" / "tensorboard").iterdir()
    events = EventAccumulator(str(folder), size_guidance={"histograms": 0})
    events.Reload()
    return {tag: events.Histograms(tag) for tag in events.Tags()["histograms"]}


@pytest.mark.parametrize(
    ("fixture", "tags"),
    [
        ("toy_model", {f"gates/layer1/{direction}/{name}" for direction in ("forward", "backward") for name in ("i", "f", "o", "h")}),
        ("toy_mover", {f"gates/layer1/forward/{name}" for name in ("r", "z", "h")}),
        ("toy_filler", {f"gates/layer1/{direction}/{name}" for direction in ("forward", "backward") for name in ("r", "z", "h")}),
        ("toy_forecaster", {f"gates/layer1/forward/{name}" for name in ("r", "z", "h")}),
        ("toy_transcriber", {f"gates/layer1/forward/{name}" for name in ("r", "z", "h")}),
    ],
)
def test_a_run_leaves_a_histogram_of_every_gate_and_epoch(fixture: str, tags: set[str], request: pytest.FixtureRequest) -> None:
    model = request.getfixturevalue(fixture)
    found = histograms(model)
    assert tags <= found.keys()
    epochs = len(read_model(model).metrics["epochs"])
    for tag in tags:
        assert len(found[tag]) == epochs
        for event in found[tag]:
            values = event.histogram_value
            assert sum(values.bucket) == values.num > 0
            if not tag.endswith("/h"):
                assert 0 <= values.min < values.max <= 1
    first, last = (found[min(tags - {tag for tag in tags if tag.endswith("/h")})][place].histogram_value for place in (0, -1))
    assert first.bucket != last.bucket  # the weights have moved


def test_of_a_translator_the_encoder_and_the_decoder_are_named(toy_translator: Path) -> None:
    found = histograms(toy_translator)
    assert any(tag.startswith("gates/encoder/layer1/backward/") for tag in found)
    assert any(tag.startswith("gates/decoder.0/layer1/forward/") for tag in found)


@pytest.mark.parametrize("arch", ["bilstm", "gru", "biminlstm"])
def test_what_is_sampled_are_the_gates_of_those_steps(arch: str) -> None:
    from explanation_stacks import random_stack

    stack, sampler = random_stack(arch), GateHistograms()
    offsets = np.array([0, 4, 4, 11, 150])
    x = np.random.default_rng(1).normal(size=(150, 5))
    readings: list[Any] = []

    def scores(network: None) -> tuple[float, float]:
        with stack.watched(lambda reading, states: readings.append((reading, states)) or states):
            stack(x, offsets)
        return 1.0, 2.0

    assert sampler.sampled(scores)(None) == (1.0, 2.0)
    rows = np.unique(np.linspace(0, 149, 64).astype(int))
    cell, hidden = ARCHITECTURES[arch].cell, 8
    for reading, states in readings:
        for place, direction in list(enumerate(("forward", "backward")))[: ARCHITECTURES[arch].directions]:
            own = states[:, place * hidden : (place + 1) * hidden]
            before = states_before(own, offsets, reverse=bool(place))
            for name, values in gates_of(cell, reading.weights[place], reading.x, before).items():
                if name in ("n", "g"):
                    continue
                (sampled,) = sampler.sample[f"gates/{stack.name}/layer{reading.number + 1}/{direction}/{name}".replace("/stack/", "/")]
                np.testing.assert_allclose(sampled, values[rows], atol=1e-12)


def test_no_more_is_looked_at_than_some_steps_of_some_batches() -> None:
    from explanation_stacks import random_stack

    stack, sampler = random_stack("gru", layers=1), GateHistograms()
    x = np.random.default_rng(1).normal(size=(5000, 5))

    def scores(network: None) -> tuple[float, float]:
        for _ in range(20):
            stack(x, np.array([0, 5000]))
        return 0.0, 0.0

    sampler.sampled(scores)(None)
    assert sum(len(part) for part in sampler.sample["gates/layer1/forward/z"]) == 512


def test_a_stack_is_seen_only_while_the_development_data_is_scored() -> None:
    from explanation_stacks import random_stack

    stack, sampler = random_stack("gru", layers=1), GateHistograms()
    sampler.sampled(lambda network: (0.0, 0.0))(None)
    stack(np.zeros((3, 5)), np.array([0, 3]))
    assert isinstance(stack, RecurrentStack)
    assert not sampler.sample
