"""A classifier's run: same bits, resumption, which score counts, thresholds, and the wide path's scores of training."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conftest import SMALL_CLASSIFIER, power_cut, topic_texts
from tidegate.artefact import read_model
from tidegate.data import Source, TextRecord
from tidegate.data.text_batches import words_of
from tidegate.errors import OutputError, RecipeError
from tidegate.runtime import ClassifyModel, load
from tidegate.training.classification.corpus import build_corpus
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.classification.task import ClassifyTask
from tidegate.training.classification.wide import fit_wide_path
from tidegate.training.recipe import build_recipe
from tidegate.training.run import train

Train = Callable[..., Any]


@pytest.fixture(autouse=True)
def _one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def recipe_of(**settings: Any) -> ClassifyRecipe:
    return build_recipe(ClassifyRecipe, options={**SMALL_CLASSIFIER, **settings})


def records(texts: list[str], labels: list[str], groups: list[str] | None = None) -> list[TextRecord]:
    return [
        TextRecord(text, Source("in.csv", line), tuple(filter(None, label.split("|"))), groups[line - 1] if groups else "")
        for line, (text, label) in enumerate(zip(texts, labels, strict=True), 1)
    ]


def task_of(labels: list[str], texts: list[str] | None = None, dev: list[TextRecord] | None = None, **settings: Any) -> ClassifyTask:
    recipe = recipe_of(**settings)
    rows = records(texts or [f"text{place} of {label}" for place, label in enumerate(labels)], labels)
    return ClassifyTask(recipe, build_corpus(rows, dev or rows, [], recipe))


def assert_same_bits(first: Path, second: Path) -> None:
    mine, theirs = read_model(first).tensors, read_model(second).tensors
    assert mine.keys() == theirs.keys()
    for name in mine:
        np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)


def test_the_directory_holds_what_the_run_came_to(toy_classifier: Path) -> None:
    stored = read_model(toy_classifier)
    assert stored.config["recipe"]["task"] == "classify"
    assert stored.config["recipe"]["max_epochs"] == 3
    metrics = stored.metrics
    assert metrics["dev"]["n"] == 60
    assert metrics["test"]["n"] == 80
    assert metrics["test"]["accuracy"] > 0.85
    assert metrics["baseline"]["name"].startswith("TF-IDF of word 1-2")
    for part in ("dev", "test"):
        assert metrics["baseline"][part]["n"] == metrics[part]["n"]
        assert 0.8 < metrics["baseline"][part]["accuracy"] < 1
        assert 0.8 < metrics["baseline"][part]["macro_f1"] < 1
    assert (metrics["train_texts"], metrics["ended"]) == (240, "max_epochs reached")
    assert [epoch["epoch"] for epoch in metrics["epochs"]] == [1, 2, 3]
    assert metrics["dev"]["accuracy"] == metrics["epochs"][metrics["best_epoch"] - 1]["dev_score"]
    card = (toy_classifier / "README.md").read_text()
    assert f"| dev | topic | accuracy | {metrics['dev']['accuracy']:.4f} | {metrics['baseline']['dev']['accuracy']:.4f} |" in card
    assert "one label in `topic`" in card
    assert not list(toy_classifier.rglob("*.ckpt"))


def test_same_seed_gives_same_bits_and_another_seed_does_not(train_texts: Train, tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        torch.rand(3)  # whatever else draws from torch's generator has no part in it
        np.random.rand(3)
        train_texts(tmp_path / name, seed=seed, max_epochs=2)
    assert_same_bits(tmp_path / "one", tmp_path / "two")
    assert not np.array_equal(read_model(tmp_path / "one").tensor("head.weight"), read_model(tmp_path / "three").tensor("head.weight"))


def test_a_resumed_run_gives_the_bits_of_an_uninterrupted_one(train_texts: Train, tmp_path: Path) -> None:
    whole = train_texts(tmp_path / "whole", max_epochs=4)

    with power_cut():
        train_texts(tmp_path / "cut", max_epochs=4)
    assert not (tmp_path / "cut").exists()
    with pytest.raises(OutputError, match="--resume"):
        train_texts(tmp_path / "cut", max_epochs=4)
    resumed = train_texts(tmp_path / "cut", max_epochs=4, resume=True)
    assert_same_bits(tmp_path / "whole", tmp_path / "cut")
    scores = [[epoch["dev_loss"] for epoch in result.metrics["epochs"]] for result in (whole, resumed)]
    assert scores[0] == scores[1]
    assert len(scores[0]) == 4


def test_resuming_on_other_texts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.training.run.finish_output", lambda *args: 1 / 0)
    texts, labels = topic_texts(60)
    with pytest.raises(ZeroDivisionError):
        train(task_of(labels, texts, max_epochs=1), tmp_path / "model", quiet=True)
    monkeypatch.undo()
    for other in ((labels[::-1], texts), (labels, [f"{text} today" for text in texts])):
        with pytest.raises(RecipeError, match="the interrupted run had other training data"):
            train(task_of(*other, max_epochs=1), tmp_path / "model", resume=True, quiet=True)
    assert train(task_of(labels, texts, max_epochs=1), tmp_path / "model", resume=True, quiet=True).path.exists()


def test_training_counts_class_weights_as_scikit_learn_does() -> None:
    labels = ["x"] * 6 + ["y"] * 3 + ["z"] * 1
    network = task_of(labels, class_weights="balanced").build_network()
    assert network._label_weights is not None
    np.testing.assert_allclose(network._label_weights.numpy(), [10 / 18, 10 / 9, 10 / 3], rtol=1e-6)
    assert task_of(labels).build_network()._label_weights is None
    several = task_of(["x|y", "x", "x|y", ""] * 2, label_separator="|", class_weights="balanced").build_network()
    assert several._label_weights is not None
    np.testing.assert_allclose(several._label_weights.numpy(), [2 / 6, 4 / 4], rtol=1e-6)  # texts without the label over texts with it


def test_balanced_classes_find_more_of_the_rare_label() -> None:
    chance = np.random.default_rng(0)
    labels = ["common"] * 180 + ["rare"] * 20
    # A word in three says nothing of the label, so that how often it is given hangs on what it counts.
    texts = [
        " ".join(chance.choice(["alpha", "beta", "gamma"], size=3))
        + (" omega" if chance.random() < (0.6 if label == "rare" else 0.2) else "")
        for label in labels
    ]
    recall = {}
    for weights in ("none", "balanced"):
        task = task_of(labels, texts, class_weights=weights, wide=False, max_epochs=4)
        network = task.build_network()
        optimiser = torch.optim.Adam(network.parameters(), lr=0.02)
        for epoch in range(4):
            for batch in task.batches(epoch):
                optimiser.zero_grad()
                network.loss(batch).backward()
                optimiser.step()
        recall[weights] = task.as_model(network.eval()).evaluate(task.corpus.dev)["recall"]
    assert recall["none"] < 0.2 < 0.4 < recall["balanced"]


@pytest.mark.parametrize(
    ("labels", "settings", "score"),
    [
        (["ham"] * 8 + ["spam"] * 2, {}, "f1"),
        (["ham"] * 6 + ["spam"] * 4, {}, "accuracy"),
        (["ham"] * 6 + ["spam"] * 4, {"positive": "ham"}, "f1"),
        (["a", "b", "c"] * 4, {}, "accuracy"),
        (["a", "b", "c"] * 4, {"positive": "c"}, "f1"),
        (["a|b", "c", ""] * 4, {"label_separator": "|"}, "f1"),
    ],
)
def test_epochs_are_chosen_by_f1_where_a_label_is_rare_or_named_or_there_are_several(
    labels: list[str], settings: dict[str, Any], score: str
) -> None:
    task = task_of(labels, wide=False, **settings)
    network = task.build_network()
    assert task.score_name == score
    assert task.dev_score(network) == task.as_model(network).evaluate(task.corpus.dev)[score]
    assert ("chosen by", f"{score} on the development data") in task.plan()


def test_the_development_loss_is_in_nats_per_text_and_leaves_the_network_training() -> None:
    texts, labels = topic_texts(60)
    dev = records(["rain and snow", "", "soup", "nothing of it"], ["weather", "music", "food", "unheard-of"])
    task = ClassifyTask(
        recipe_of(label_smoothing=0.1, class_weights="balanced"), build_corpus(records(texts, labels), dev[:3], [], recipe_of())
    )
    network = task.build_network().train()
    probabilities = task.as_model(network).predict_proba([record.text for record in dev[:3]])
    expected = -np.log([row[task.corpus.labels.index(record.labels[0])] for row, record in zip(probabilities, dev, strict=False)]).mean()
    assert task.dev_loss(network) == pytest.approx(expected, abs=1e-5)
    assert network.training
    task.corpus.dev.append(dev[3])  # a label that training lacks takes no part
    fresh = ClassifyTask(task.recipe, task.corpus)
    assert fresh.dev_loss(network) == pytest.approx(expected, abs=1e-5)


def test_scores_within_half_a_standard_error_are_noise() -> None:
    accuracy = task_of(["ham", "spam"] * 50)
    assert accuracy.score_noise(0.9) == pytest.approx(0.5 * math.sqrt(0.9 * 0.1 / 100))
    assert task_of(["ham"] * 80 + ["spam"] * 20).score_noise(0.9) == pytest.approx(0.5 * math.sqrt(0.9 * 0.1 / 20))
    assert task_of(["a|b", "a"] * 30, label_separator="|").score_noise(0.5) == pytest.approx(0.5 * math.sqrt(0.25 / 90))
    assert accuracy.score_noise(1.0) == 0


@pytest.fixture(scope="module")
def spam_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose positive label is rare, with a test set."""
    texts, topics = topic_texts(500)
    rows = records(texts, ["spam" if topic == "music" else "ham" for topic in topics])
    rare = [row for place, row in enumerate(rows) if row.labels == ("ham",) or place % 3 == 0]
    recipe = recipe_of()
    corpus = build_corpus(rare[:200], rare[200:300], rare[300:], recipe)
    path: Path = train(ClassifyTask(recipe, corpus), tmp_path_factory.mktemp("spam") / "model", quiet=True).path
    return path


def test_thresholds_are_chosen_on_the_development_data_and_shipped(spam_model: Path) -> None:
    stored = read_model(spam_model)
    chosen = stored.config["decision"]["thresholds"]
    assert stored.config["decision"]["positive"] == "spam"
    dev, test = stored.metrics["dev"], stored.metrics["test"]
    assert [entry["at_precision"] for entry in dev["thresholds"]] == [entry["at_precision"] for entry in chosen]
    assert chosen
    for at, on_dev, on_test in zip(chosen, dev["thresholds"], test["thresholds"], strict=True):
        assert on_dev["threshold"] == on_test["threshold"] == at["threshold"]
        assert on_dev["precision"] == pytest.approx(at["precision"])
        assert on_dev["recall"] == pytest.approx(at["recall"])
        assert on_dev["precision"] >= at["at_precision"]
    assert [entry["recall"] for entry in chosen] == sorted((entry["recall"] for entry in chosen), reverse=True)
    assert dev.keys() >= {"f1", "precision", "recall", "accuracy", "positive"}
    assert stored.metrics["baseline"]["dev"].keys() >= {"f1", "precision", "recall", "positive"}


def test_the_thresholds_that_are_shipped_give_what_they_promise(spam_model: Path) -> None:
    model = load(spam_model)
    assert isinstance(model, ClassifyModel)
    texts, topics = topic_texts(80, seed=7)
    asked = records(texts, ["spam" if topic == "music" else "ham" for topic in topics])
    entry = model.evaluate(asked)["thresholds"][0]
    called = [answer for answer in model.answers(asked, threshold=entry["threshold"]) if answer.label == "spam"]
    right = sum(answer.record.labels == ("spam",) for answer in called)
    assert entry["precision"] == right / len(called)


def test_the_threshold_is_printed_where_the_positive_label_is_rare(spam_model: Path) -> None:
    metrics = json.loads((spam_model / "metrics.json").read_text())
    rare, common = task_of(["ham"] * 8 + ["spam"] * 2), task_of(["ham"] * 6 + ["spam"] * 4)
    first = metrics["test"]["thresholds"][0]
    assert rare.remarks(metrics)[0] == (
        f"--threshold {first['threshold']:.6g} was chosen for precision 0.90 on the development data; on test spam then has "
        f"precision {first['precision']:.4f}, recall {first['recall']:.4f}."
    )
    assert common.remarks(metrics) == []


def test_the_out_of_scope_threshold_is_chosen_on_the_development_data(tmp_path: Path) -> None:
    texts, topics = topic_texts(300)
    rows = records(texts, topics)
    outside = records([f"{a} {b}" for a in ("invoice", "engine", "lawyer") for b in ("broken", "paid", "signed", "late")], ["none"] * 12)
    recipe = recipe_of(out_of_scope="none")
    dev = rows[200:260] + outside[::2]
    corpus = build_corpus(rows[:200] + outside[1::2], dev, rows[260:] + outside[::2], recipe)
    result = train(ClassifyTask(recipe, corpus), tmp_path / "model", quiet=True)
    model = load(result.path)
    assert isinstance(model, ClassifyModel)
    assert model.out_of_scope == "none"
    bound = model.config["decision"]["out_of_scope_threshold"]
    place = model.classes.index("none")
    doubts = 1 - np.delete(model.predict_proba([record.text for record in dev]), place, axis=1).max(axis=1)
    is_outside = np.array([record.labels == ("none",) for record in dev])

    def f1_at(cut: float) -> float:
        called = doubts >= cut
        return 2 * float((called & is_outside).sum()) / float(called.sum() + is_outside.sum())

    assert f1_at(bound) == max(map(f1_at, doubts))
    given = model.predict([record.text for record in dev])
    assert [label == "none" for label in given] == (doubts >= bound).tolist()
    for part in ("dev", "test"):
        assert result.metrics[part].keys() >= {"accuracy_in_scope", "recall_out_of_scope", "precision_out_of_scope"}
        assert result.metrics["baseline"][part].keys() >= {"accuracy_in_scope", "recall_out_of_scope"}
    in_scope = [(label, record.labels[0]) for label, record in zip(given, dev, strict=True) if record.labels != ("none",)]
    assert result.metrics["dev"]["accuracy_in_scope"] == pytest.approx(np.mean([a == b for a, b in in_scope]))


def test_several_labels_a_text_are_learnt_and_scored_by_micro_f1(tmp_path: Path) -> None:
    words = {"food": "soup bread", "music": "song piano", "weather": "rain snow"}
    cells = ["food", "food|music", "", "weather|music", "weather"] * 24
    texts = [" ".join([f"w{place}", *(words[label] for label in cell.split("|") if label)]) for place, cell in enumerate(cells)]
    rows = records(texts, cells)
    recipe = recipe_of(label_separator="|", max_epochs=8)
    result = train(ClassifyTask(recipe, build_corpus(rows[:100], rows[100:], [], recipe)), tmp_path / "model", quiet=True)
    assert result.metrics["dev"]["f1"] == result.metrics["dev"]["exact_match"] == 1.0
    assert result.metrics["baseline"]["dev"]["f1"] > 0.9
    assert result.metrics["epochs"][-1]["dev_score"] == 1.0
    model = load(result.path)
    both, none = model.predict(["song rain piano snow", "w1 w2"])
    assert (set(both), none) == ({"music", "weather"}, ())


def random_labels(count: int = 200) -> tuple[list[TextRecord], np.ndarray[Any, Any]]:
    """Texts whose labels nothing in them tells, though each has words of its own."""
    chance = np.random.default_rng(4)
    labels = chance.choice(["a", "b"], size=count)
    texts = [" ".join([*(f"own{place}x{k}" for k in range(3)), "common"]) for place in range(count)]
    return records(texts, labels.tolist()), labels


@pytest.mark.parametrize("labels", [("a", "b"), ("a", "b", "c")], ids=["two labels", "three labels"])
def test_out_of_fold_scores_come_from_a_machine_that_has_not_seen_the_text(labels: tuple[str, ...]) -> None:
    rows, right = random_labels()
    if len(labels) == 3:
        rows += records([f"third{place} kind" for place in range(40)], ["c"] * 40)
        right = np.append(right, ["c"] * 40)
    wide, scores = fit_wide_path(rows, labels, recipe_of(wide_min_count=1))
    shipped = wide.scores([words_of(record.text) for record in rows])
    names = np.array(labels)
    is_random = right != "c"
    assert (names[shipped.argmax(axis=1)] == right).mean() > 0.98
    assert abs((names[scores.argmax(axis=1)] == right)[is_random].mean() - 0.5) < 0.13  # 3.7 standard errors
    assert scores.shape == shipped.shape == (len(rows), len(labels))
    assert np.isfinite(scores).all()


def test_the_training_texts_carry_out_of_fold_scores_and_others_the_shipped_machines() -> None:
    rows, right = random_labels()
    recipe = recipe_of(wide_min_count=1)
    corpus = build_corpus(rows, rows[:20], [], recipe)
    given = np.array([text.wide for text in corpus.encoded])
    names = np.array(corpus.labels)
    assert abs((names[given.argmax(axis=1)] == right).mean() - 0.5) < 0.13
    for text, row in zip(corpus.encoder.encode(rows[:20]), right, strict=False):
        assert text.wide is not None
        assert names[text.wide.argmax()] == row


def test_equal_texts_and_texts_of_one_group_are_never_scored_by_a_machine_that_saw_one_of_them() -> None:
    rows, right = random_labels(100)
    twice = [*rows, *rows]
    _, scores = fit_wide_path(twice, ("a", "b"), recipe_of(wide_min_count=1))
    assert abs((np.array(["a", "b"])[scores.argmax(axis=1)] == np.tile(right, 2)).mean() - 0.5) < 0.18
    np.testing.assert_allclose(scores[:100], scores[100:], atol=1e-6)
    # The words of a group tell its label, and no other group has them.
    chance = np.random.default_rng(1)
    labels = chance.choice(["a", "b"], size=40)
    grouped = records([f"author{k % 40} text{k}" for k in range(200)], np.tile(labels, 5).tolist(), [f"g{k % 40}" for k in range(200)])
    _, scores = fit_wide_path(grouped, ("a", "b"), recipe_of(wide_min_count=1))
    assert (np.array(["a", "b"])[scores.argmax(axis=1)] == np.tile(labels, 5)).mean() < 0.75
    alone = [TextRecord(record.text, record.source, record.labels) for record in grouped]
    _, scores = fit_wide_path(alone, ("a", "b"), recipe_of(wide_min_count=1))
    assert (np.array(["a", "b"])[scores.argmax(axis=1)] == np.tile(labels, 5)).mean() > 0.95


def test_labels_that_no_text_or_every_text_carries_have_scores_too() -> None:
    rows = records(["one two", "two three", "three four", "four one"] * 5, ["a|all", "b|all", "a|all", "all"] * 5)
    wide, scores = fit_wide_path(rows, ("a", "all", "b"), recipe_of(wide_min_count=1))
    assert (wide.scores([("one", "two"), ("unheard",)])[:, 1] == 1).all()
    assert (scores[:, 1] == 1).all()
    single = records([f"text {place}" for place in range(9)], ["a"] * 5 + ["b"] * 3 + ["c"])
    _, scores = fit_wide_path(single, ("a", "b", "c"), recipe_of(wide_min_count=1))
    assert scores[8, 2] == -1  # no machine of the other folds has met 'c'


def test_two_texts_are_enough_for_a_wide_path() -> None:
    wide, scores = fit_wide_path(records(["one", "two"], ["a", "b"]), ("a", "b"), recipe_of(wide_min_count=1))
    assert np.isfinite(scores).all()
    assert wide.scores([("one",), ("two",)]).argmax(axis=1).tolist() == [0, 1]


def test_texts_of_marks_and_emoji_alone_are_learnt_and_have_a_baseline(tmp_path: Path) -> None:
    texts = ["!!!", "👍", "???", "👎"] * 6
    result = train(task_of(["good", "good", "bad", "bad"] * 6, texts, max_epochs=8), tmp_path / "model", quiet=True)
    assert result.metrics["dev"]["accuracy"] == result.metrics["baseline"]["dev"]["accuracy"] == 1.0


def test_a_label_of_every_text_is_learnt_without_a_warning(tmp_path: Path) -> None:
    result = train(task_of(["all|soup", "all"] * 20, label_separator="|", max_epochs=6), tmp_path / "model", quiet=True)
    for scores in (result.metrics["dev"], result.metrics["baseline"]["dev"]):
        assert scores["f1"] > 0.9
    assert "all" in load(result.path).predict(["anything"])[0]


def test_no_ngram_may_be_left_by_the_least_count() -> None:
    task = task_of(["a", "b"] * 5, [f"{chr(97 + k) * 7}" for k in range(10)], wide_min_count=99)
    assert task.corpus.encoder.wide is not None
    assert len(task.corpus.encoder.wide.table) == 0
    assert np.isfinite(task.as_model(task.build_network()).predict_proba(["aaa", ""])).all()
