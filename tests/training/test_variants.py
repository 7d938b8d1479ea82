"""Networks with recurrent dropout, zoneout, weight drop and layer norm: built and trained from recipes, answering in the runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tidegate.artefact import StoredModel, read_model
from tidegate.data import collate, encode
from tidegate.data.teddy import teddy_corpus
from tidegate.runtime.tag_network import TagNetwork
from tidegate.training.recipe import build_recipe
from tidegate.training.tagging.corpus import build_corpus
from tidegate.training.tagging.recipe import TagRecipe
from tidegate.training.tagging.task import TagTask
from twin_layers import PATHS, take

SETTINGS: dict[str, Any] = {"recurrent_dropout": 0.3, "zoneout": 0.1, "weight_drop": 0.1, "layer_norm": True}
ARCHITECTURES = [("bilstm", {"zoneout_cell": 0.2}), ("gru", {}), ("bigru-reset-after", {})]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("arch", "more"), ARCHITECTURES)
@pytest.mark.parametrize("task", ["train_toy", "train_texts"])
def test_a_recipe_with_every_variant_trains_and_is_kept(
    task: str, arch: str, more: dict[str, Any], path: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(path, monkeypatch)
    train: Callable[..., Any] = request.getfixturevalue(task)
    for name in ("one", "two"):
        train(tmp_path / name, arch=arch, max_epochs=1, **SETTINGS, **more)
    first, second = (read_model(tmp_path / name) for name in ("one", "two"))
    assert all(np.array_equal(part, second.tensors[name]) for name, part in first.tensors.items())  # the seed decides every draw
    written = {"layer_norm": True, "zoneout": 0.1, "zoneout_cell": 0.0} | more
    assert {key: first.config["network"][key] for key in written} == written
    assert 0 < np.abs(first.tensors["stack.layers.0.0.gain_hh"] - 1).max() < 1  # learnt
    assert all(np.isfinite(part).all() for part in first.tensors.values() if part.dtype.kind == "f")


@pytest.mark.parametrize(("arch", "more"), ARCHITECTURES)
def test_the_runtime_gives_the_networks_logits(arch: str, more: dict[str, Any]) -> None:
    options = {"arch": arch, "hidden_size": 12, "word_size": 8, "character_size": 6, "num_layers": 2, **SETTINGS, **more}
    recipe = build_recipe(TagRecipe, options=options)
    sentences = teddy_corpus(seed=3, train=60, dev=20, test=0)
    corpus = build_corpus(sentences.train, sentences.dev, [], recipe)
    network = TagTask(recipe, corpus).build_network().eval()
    for name, parameter in network.named_parameters():
        if ".gain_" in name or ".shift_" in name:
            torch.nn.init.normal_(parameter)
    expected = network(collate(encode(corpus.dev, corpus.table), corpus.table))["tag"].detach().numpy()
    runtime = TagNetwork(StoredModel(Path(), {"network": network.settings.to_json()}, network.tensors(), {}, {}), corpus.vocabulary)
    given, _ = runtime.logits([record.tokens for record in corpus.dev])
    np.testing.assert_allclose(given["tag"], expected, atol=2e-5)
