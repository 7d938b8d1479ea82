"""Language models trained on a toy text: the runtime's numbers are the network's, the same seed gives the same bits, blanks know both sides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from conftest import SMALL_GENERATOR, power_cut, toy_text
from tidegate.artefact import read_model
from tidegate.data.streams import encode_texts
from tidegate.data.units import blank_spans
from tidegate.errors import DataError, RecipeError
from tidegate.kernels import ARCHITECTURES, architecture
from tidegate.runtime import GenerateModel, load
from tidegate.training.generation.corpus import GenerateFiles, corpus_of, read_corpus
from tidegate.training.generation.recipe import GenerateRecipe
from tidegate.training.generation.task import GenerateTask
from tidegate.training.recipe import build_recipe
from tidegate.training.run import train

ONE_WAY = [name for name in ARCHITECTURES if not architecture(name).is_bidirectional]
TWO_WAY = [name for name in ARCHITECTURES if architecture(name).is_bidirectional]


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def task_of(text: str | None = None, **settings: Any) -> GenerateTask:
    recipe = build_recipe(GenerateRecipe, options={**SMALL_GENERATOR, **settings})
    return GenerateTask(recipe, corpus_of(encode_texts([text or toy_text()], **recipe.reading()), recipe))


def evaluated(task: GenerateTask, network: Any) -> dict[str, float]:
    """Nats of the development text, by the network in torch: all of it at once, after a line break."""
    units, ids = task.corpus.units, torch.from_numpy(task.corpus.dev.ids.astype(np.int64))[None]
    network = network.eval().double()
    with torch.no_grad():
        if task.is_two_way:
            return {
                side: float(functional.cross_entropy(logits, ids[0]))
                for side, logits in zip(("left", "right", "both"), network(ids), strict=True)
            }
        assert units.line_end is not None
        before = functional.pad(ids[:, :-1], (1, 0), value=units.line_end)
        return {"both": float(functional.cross_entropy(network(before)[0], ids[0]))}


@pytest.mark.parametrize("arch", ["rnn", "lstm", "gru", "gru-reset-after", "mingru", "minlstm", "bilstm", "bigru", "bimingru"])
@pytest.mark.parametrize("settings", [{}, {"unit": "word"}, {"num_layers": 2, "tied": True}], ids=["char", "word", "two tied layers"])
def test_the_runtime_gives_the_networks_own_numbers(arch: str, settings: dict[str, Any]) -> None:
    task = task_of(toy_text(60), arch=arch, dev_share=0.2, window=700, streams=1, **settings)
    network = task.build_network()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(2)  # away from nearly uniform answers
    scores = task.as_model(network).evaluate_stream(task.corpus.dev)
    expected = evaluated(task, network)
    assert scores["nats"] == pytest.approx(expected["both"], abs=2e-5)
    assert scores["perplexity"] == pytest.approx(np.exp(scores["nats"]))
    assert scores["bits"] == pytest.approx(scores["nats"] / np.log(2))
    for side in ("left", "right") if task.is_two_way else ():
        assert scores[side]["nats"] == pytest.approx(expected[side], abs=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_every_architecture_learns_the_toy_text(arch: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"unit": "word", "max_epochs": 8, "streams": 16, "window": 16}
    metrics = train(task_of(toy_text(600), arch=arch, **settings), tmp_path / "model", quiet=True).metrics
    dev, counted = metrics["dev"], metrics["baseline"]["dev"]["nats"]
    if architecture(arch).is_bidirectional:
        assert dev["nats"] < 0.7 < 1.1 < counted
        assert dev["accuracy"] > max(dev["left"]["accuracy"], dev["right"]["accuracy"]) + 0.05
    else:
        assert dev["nats"] < counted < 1.25


def test_the_model_directory_holds_all_and_answers_the_same(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(toy_text(), encoding="utf-8")
    recipe = build_recipe(GenerateRecipe, options={**SMALL_GENERATOR, "arch": "gru", "test_share": 0.1})
    task = GenerateTask(recipe, read_corpus(GenerateFiles([str(text)]), recipe))
    result = train(task, tmp_path / "model", quiet=True)
    stored = read_model(tmp_path / "model")
    assert stored.config["task"] == "generate"
    assert stored.config["network"] == {
        "arch": "gru",
        "hidden_size": 24,
        "num_layers": 1,
        "embedding_size": 12,
        "is_tied": False,
        "layer_norm": False,
        "zoneout": 0.0,
        "zoneout_cell": 0.0,
    }
    assert result.metrics["dev"]["nats"] == min(epoch["dev_loss"] for epoch in result.metrics["epochs"])
    assert [epoch["dev_score"] for epoch in result.metrics["epochs"]] == [epoch["dev_loss"] for epoch in result.metrics["epochs"]]
    model = load(tmp_path / "model")
    assert isinstance(model, GenerateModel)
    assert task.corpus.test is not None
    assert model.evaluate_stream(task.corpus.test) == result.metrics["test"]
    characters = text.read_text(encoding="utf-8")
    assert task.corpus.units.decode(task.corpus.train.ids) == characters[: int(0.8 * len(characters))]
    card = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert "language model" in card
    assert "left to right" in card
    assert json.loads((tmp_path / "model" / "metrics.json").read_text())["split"].startswith(
        "the development set is the 10 % of the text before"
    )


@pytest.mark.slow
@pytest.mark.parametrize("arch", ["lstm", "bigru"])
def test_resumed_training_ends_with_the_bits_of_one_that_was_never_interrupted(arch: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"arch": arch, "dropout": 0.3, "embedding_dropout": 0.1, "weight_drop": 0.2, "max_epochs": 4}
    train(task_of(**settings), tmp_path / "whole", quiet=True)
    with power_cut():
        train(task_of(**settings), tmp_path / "cut", quiet=True)
    assert (tmp_path / "cut.partial" / "training" / "last.ckpt").exists()
    train(task_of(**settings), tmp_path / "cut", quiet=True, resume=True)
    mine, theirs = read_model(tmp_path / "cut").tensors, read_model(tmp_path / "whole").tensors
    for name in theirs:
        np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)


def test_a_text_in_a_file_of_ids_trains_as_one_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tidegate.data.streams

    in_memory = task_of(max_epochs=1)
    monkeypatch.setattr(tidegate.data.streams, "_IN_MEMORY", 100)
    mapped = task_of(max_epochs=1)
    assert isinstance(mapped.corpus.train.ids, np.memmap)
    assert not isinstance(in_memory.corpus.train.ids, np.memmap)
    assert b"".join(mapped.fingerprint()) == b"".join(in_memory.fingerprint())
    for first, second in zip(mapped.batches(0), in_memory.batches(0), strict=True):
        np.testing.assert_array_equal(first.units, second.units)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "settings", "told"),
    [
        ("Teddy bears.\n" * 3, {"window": 50}, ["the training text has 35 characters", "window of 50", "--set window=8"]),
        ("   \n\n", {}, ["holds no text"]),
        ("Teddy bears.\n" * 30, {"dev_share": 0.6, "test_share": 0.5}, ["test_share", "leaves nothing to train on"]),
        ("Teddy bears.\n" * 30, {"unit": "words"}, ["unit", "'word'"]),
        ("Teddy bears.\n" * 30, {"arch": "gru", "streams": 18}, ["streams is 18", "room for 17 side by side, a window of 20 characters"]),
        ("Teddy bears.\n" * 30, {"vocabulary_size": 1}, ["none of the characters", "vocabulary_size = 1"]),
        ("Teddy bears. " * 60, {"min_count": 999}, ["none of the characters", "min_count = 999"]),
        ("Teddy bears.\n" * 30, {"unit": "bpe", "vocabulary_size": 100}, ["vocabulary_size is 100", "256"]),
    ],
)
def test_what_cannot_be_trained_on_is_told(text: str, settings: dict[str, Any], told: list[str]) -> None:
    with pytest.raises((DataError, RecipeError)) as caught:
        task_of(text, **settings)
    assert [part for part in told if part not in str(caught.value)] == []


@pytest.mark.parametrize("arch", ["gru", "bigru"])
@pytest.mark.parametrize("unit", ["char", "word", "bpe"])
@pytest.mark.parametrize("line", ["Name: _______________ Date: _______", "_" * 30, "Teddy bears", " " * 30 + "a"])
def test_the_example_of_a_two_way_model_has_one_blank_whatever_the_text(line: str, unit: str, arch: str) -> None:
    example = task_of(f"{line}\n" * 60, arch=arch, unit=unit, vocabulary_size=0 if unit != "bpe" else 300, window=4).example()
    assert len(blank_spans(example)) == (arch == "bigru")
    assert "\n" not in example


def test_sizes_are_settled_by_the_text() -> None:
    few, some, many = (build_recipe(GenerateRecipe).settled(units) for units in (20_000, 200_000, 1_000_000))
    assert (few.streams, some.streams, many.streams) == (1, 10, 32)
    assert (few.max_epochs, some.max_epochs, many.max_epochs) == (19, 19, 15)
    words = build_recipe(GenerateRecipe, options={"unit": "word"}).settled(1_000_000)
    assert (many.window, words.window, many.embedding_size, words.embedding_size) == (128, 64, 64, 256)
    assert build_recipe(GenerateRecipe, options={"unit": "word"}).settled(1000).tied is True
    assert build_recipe(GenerateRecipe, options={"unit": "word", "tied": False}).settled(1000).tied is False


def test_unknown_units_of_the_development_text_are_told() -> None:
    recipe = build_recipe(GenerateRecipe, options=SMALL_GENERATOR)
    corpus = corpus_of(encode_texts([toy_text()], ["Zażółć gęślą jaźń."], **recipe.reading()), recipe)
    (note,) = [note for note in corpus.notes if "unknown" in note]
    assert "of the 19 characters of the development text are unknown" in note
    assert "'Z'" in note or "'ż'" in note
