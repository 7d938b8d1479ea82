"""Training over sequences of numbers: the torch half beside the runtime's, what is learnt, what is varied, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tidegate
from conftest import SMALL_SEQUENCES, power_cut, toy_sequences, write_sequences
from tidegate.artefact import StoredModel
from tidegate.data.frames import collate_frames
from tidegate.errors import DataError, RecipeError
from tidegate.kernels import ARCHITECTURES
from tidegate.runtime.sequence_network import SequenceNetwork as NumPyNetwork
from tidegate.tasks.sequence import SequenceNetwork, SequenceNetworkSettings
from tidegate.training.files import RunFiles
from tidegate.training.recipe import build_recipe
from tidegate.training.sequences.corpus import read_corpus
from tidegate.training.sequences.recipe import SequenceClassifyRecipe, SequenceTagRecipe
from tidegate.training.sequences.task import SequenceClassifyTask, SequenceTagTask

POOLS = ("attention", "max", "mean", "last")


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("pools", [POOLS, ()])
@pytest.mark.parametrize("lookahead", [None, 3])
def test_the_runtime_gives_the_networks_logits(arch: str, pools: Any, lookahead: int | None) -> None:
    if lookahead is not None and not ARCHITECTURES[arch].is_bidirectional:
        pytest.skip("one-way networks never look ahead")
    torch.manual_seed(1)
    settings = SequenceNetworkSettings(arch, 6, 2, 5, 3, pools, lookahead)
    network = SequenceNetwork(settings, 4).eval()
    if network.pooling is not None:
        torch.nn.init.normal_(network.pooling.query)
    random = np.random.default_rng(1)
    batch = collate_frames([random.normal(size=(length, 3)).astype(np.float32) for length in (7, 1, 12)])
    config = {"network": network.settings_json()}
    stored = StoredModel(Path("model"), config, network.tensors(), {}, {})
    with torch.no_grad():
        expected = network(batch).numpy()
    np.testing.assert_allclose(NumPyNetwork(stored).logits(batch.x, batch.offsets), expected, rtol=0, atol=2e-6)


def test_a_classifier_learns_which_way_a_sequence_goes(toy_mover: Path, toy_moves: Path) -> None:
    model = tidegate.load(toy_mover)
    assert model.metrics["test"]["accuracy"] >= 0.95
    assert model.metrics["baseline"]["test"]["accuracy"] >= 0.9  # first and last value tell it too
    shares = model.metrics["test"]["by_share"]
    assert [entry["share"] for entry in shares] == pytest.approx([number / 10 for number in range(1, 11)])
    assert shares[-1]["accuracy"] == model.metrics["test"]["accuracy"]


def test_a_tagger_learns_a_label_for_each_step(train_moves: Callable[..., Any], tmp_path: Path) -> None:
    metrics = train_moves(tmp_path / "tagger", task="tag", arch="bilstm").metrics
    assert metrics["test"]["accuracy"] >= 0.95
    assert set(metrics["test"]["confusion"]) == {"high", "low"}


def test_a_run_that_was_cut_off_goes_on_to_the_same_bits(train_moves: Callable[..., Any], tmp_path: Path) -> None:
    with power_cut():
        train_moves(tmp_path / "cut")
    train_moves(tmp_path / "cut", resume=True)
    train_moves(tmp_path / "whole")
    assert (tmp_path / "cut" / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()


def _corpus(path: Path, **settings: Any) -> Any:
    recipe = build_recipe(SequenceClassifyRecipe, options={**SMALL_SEQUENCES, "label": "label", "features": ("a", "b"), **settings})
    return recipe, read_corpus(RunFiles([str(path)]), recipe)


def test_a_label_is_settled_by_the_beginning_where_beginnings_are_trained_on(toy_moves: Path) -> None:
    recipe, corpus = _corpus(toy_moves / "moves.csv", prefix_share=1.0)
    task = SequenceClassifyTask(recipe, corpus)
    places = list(range(20))
    cut, whole = task.varied_batch(places, 0), task.varied.lengths()[places]
    lengths = np.diff(cut.offsets)
    assert (lengths <= whole).all()
    assert (lengths >= np.ceil(0.1 * whole)).all()
    assert lengths.sum() < 0.8 * whole.sum()


def test_what_is_varied_hangs_on_seed_and_epoch_alone(toy_moves: Path) -> None:
    recipe, corpus = _corpus(toy_moves / "moves.csv", offset=0)
    task = SequenceClassifyTask(recipe, corpus)
    first, again, next_epoch = (task.varied_batch([0, 1], epoch).x for epoch in (0, 0, 1))
    assert (first == again).all()
    assert not (first == next_epoch).any(axis=0).all()
    assert 0.05 < np.std(first[:, 0] - next_epoch[:, 0]) < 0.3  # noise of 0.1 on each


def test_groups_stay_on_one_side(tmp_path: Path) -> None:
    rows = toy_sequences(60)
    path = tmp_path / "grouped.csv"
    numbers = [int(row[0][1:]) // 5 for row in rows]
    lines = [",".join([*row, f"g{number}"]) for row, number in zip(rows, numbers, strict=True)]
    path.write_text("\n".join(["sequence,step,a,b,label,phase,who", *lines]) + "\n", encoding="utf-8")
    _, corpus = _corpus(path, group="who", dev_share=0.2)
    train, dev = ({record.group for record in part} for part in (corpus.parts.train, corpus.parts.dev))
    assert train
    assert dev
    assert not train & dev
    assert "groups kept whole" in corpus.parts.split


def test_too_little_to_learn_is_said(tmp_path: Path) -> None:
    path = write_sequences(tmp_path / "one.csv", [row for row in toy_sequences(20) if row[4] == "up"])
    with pytest.raises(DataError, match=r"every label is 'up'.*--label"):
        _corpus(path)


def test_a_development_file_with_other_labels_is_refused(toy_moves: Path, tmp_path: Path) -> None:
    other = write_sequences(tmp_path / "dev.csv", [[*row[:4], "sideways", row[5]] for row in toy_sequences(5)])
    recipe = build_recipe(SequenceClassifyRecipe, options={**SMALL_SEQUENCES, "label": "label", "features": ("a", "b")})
    with pytest.raises(DataError, match=r"dev\.csv.*label 'sideways' of column 'label' is not among the 2 labels"):
        read_corpus(RunFiles([str(toy_moves / "moves.csv")], [str(other)]), recipe)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"lookahead": "3"}, "is for two-way architectures; gru never looks ahead"),
        ({"arch": "bigru", "lookahead": "100ms"}, "a whole number of steps was expected"),
        ({"pooling": "middle"}, "pooling"),
        ({"init_from": "model"}, "begins afresh"),
        ({"snr_db": "loud"}, "snr_db"),
        ({"input": "sound", "speed": "0.1-9"}, "factors from 0.25 to 4 were expected"),
    ],
)
def test_settings_that_do_not_fit_are_refused(toy_moves: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        recipe, corpus = _corpus(toy_moves / "moves.csv", **settings)
        SequenceClassifyTask(recipe, corpus).build_network()


def _arrays(count: int, seed: int) -> tuple[list[np.ndarray[Any, Any]], list[str]]:
    random = np.random.default_rng(seed)
    signs = random.choice([-1, 1], size=count)
    arrays = [sign * np.linspace(-1, 1, random.integers(6, 20))[:, None] + random.normal(0, 0.1, 1) for sign in signs]
    return arrays, ["up" if sign > 0 else "down" for sign in signs]


def test_the_classifier_in_python_takes_arrays(tmp_path: Path) -> None:
    arrays, labels = _arrays(60, 1)
    classifier = tidegate.SequenceClassifier(**SMALL_SEQUENCES, quiet=True).fit(arrays, labels, dev=_arrays(20, 2))
    others, right = _arrays(30, 3)
    assert classifier.score(others, right) >= 0.9
    assert classifier.classes_.tolist() == ["down", "up"]
    assert classifier.predict_proba(others).sum(axis=1) == pytest.approx(np.ones(30))
    classifier.save(tmp_path / "kept")
    assert tidegate.load(tmp_path / "kept").predict(others) == classifier.predict(others).tolist()


def test_the_tagger_in_python_takes_arrays() -> None:
    arrays, _ = _arrays(60, 1)
    labels = [["high" if value > 0 else "low" for value in array[:, 0]] for array in arrays]
    tagger = tidegate.SequenceTagger(**SMALL_SEQUENCES, quiet=True).fit(arrays, labels)
    assert tagger.score(arrays, labels) >= 0.9
    assert [len(one) for one in tagger.predict(arrays[:3])] == [len(array) for array in arrays[:3]]


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        ("moves.csv", ["up"], "paths were given together with y"),
        ([np.zeros((3, 2))], None, "arrays were given without y"),
        ([np.zeros((3, 2)), np.zeros((3, 1))], ["a", "b"], "features"),
    ],
)
def test_what_does_not_fit_in_python_is_refused(X: Any, y: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        tidegate.SequenceClassifier(quiet=True).fit(X, y)


def test_a_look_ahead_beyond_all_bounds_is_the_whole_sequence(toy_moves: Path, train_moves: Callable[..., Any], tmp_path: Path) -> None:
    model = tidegate.load(train_moves(tmp_path / "two-way", arch="bigru", max_epochs=1).path)
    records = list(model.read([str(toy_moves / "test.csv")]))
    whole, bounded = (list(model.answers(records, lookahead=lookahead)) for lookahead in (None, 10**30))
    for one, other in zip(whole, bounded, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)


def test_a_far_look_ahead_makes_smaller_batches(toy_moves: Path) -> None:
    near, far = (
        SequenceClassifyTask(*_corpus(toy_moves / "moves.csv", arch="bigru", lookahead=lookahead)).recipe.batch_steps
        for lookahead in ("2", "100000")
    )
    assert far == 19 < near


def test_labels_of_any_kind_are_scored_as_texts(toy_moves: Path) -> None:
    arrays, labels = _arrays(60, 1)
    numbers = [int(label == "up") for label in labels]
    classifier = tidegate.SequenceClassifier(**SMALL_SEQUENCES, quiet=True).fit(arrays, numbers)
    assert classifier.model_.score(arrays, numbers) == classifier.score(arrays, numbers) >= 0.9


def test_a_tagger_reads_numbers_alone() -> None:
    with pytest.raises(RecipeError, match="input"):
        build_recipe(SequenceTagRecipe, options={"input": "sound"})


def test_a_tagger_has_one_frame_a_step(toy_moves: Path) -> None:
    with pytest.raises(RecipeError, match="per_step"):
        build_recipe(SequenceTagRecipe, options={"per_step": 2})
    recipe = build_recipe(SequenceTagRecipe, options={**SMALL_SEQUENCES, "label": "phase", "features": ("a", "b")})
    task = SequenceTagTask(recipe, read_corpus(RunFiles([str(toy_moves / "moves.csv")]), recipe))
    batch = task.varied_batch([0, 1, 2], 0)
    assert len(batch.labels) == batch.tokens
