"""The classifier on NumPy alone: the training network's numbers, and what is made of them."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from conftest import SMALL_CLASSIFIER, topic_texts
from tidegate.artefact import StoredModel, read_model
from tidegate.data import Source, TextRecord
from tidegate.data.texts import read_texts
from tidegate.decoding import softmax
from tidegate.errors import DataError, OutputError, RecipeError
from tidegate.kernels import ARCHITECTURES
from tidegate.runtime import ClassifyModel, load
from tidegate.training.classification.corpus import build_corpus
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.classification.task import ClassifyTask
from tidegate.training.recipe import build_recipe

ODD_TEXTS = ["", "   ", "unheard-of WORDS, 3.14!", "snow " * 40, "👍🏽 naïve\u200b", "rain"]


def records(texts: Sequence[str], labels: Sequence[str] | None = None, separator: str = "|") -> list[TextRecord]:
    given = labels or [""] * len(texts)
    return [
        TextRecord(text, Source("in.csv", line), tuple(filter(None, row.split(separator))))
        for line, (text, row) in enumerate(zip(texts, given, strict=True), 1)
    ]


def small_task(labels: Sequence[str] | None = None, **settings: Any) -> ClassifyTask:
    recipe = build_recipe(ClassifyRecipe, options={**SMALL_CLASSIFIER, **settings})
    texts, topics = topic_texts(60)
    train = records(texts, labels or topics)
    return ClassifyTask(recipe, build_corpus(train, train[:12] if labels else records(*topic_texts(12, seed=2)), [], recipe))


def untrained(task: ClassifyTask) -> tuple[Any, ClassifyModel]:
    """A network with random weights everywhere, and the model that it would become."""
    network = task.build_network().eval()
    torch.manual_seed(3)
    for name, parameter in network.named_parameters():
        if name != "wide_scale":
            torch.nn.init.normal_(parameter, std=0.4)
    return network, task.as_model(network)


@pytest.mark.parametrize("unit", ["word", "char"])
@pytest.mark.parametrize("wide", [True, False], ids=["wide", "deep"])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_logits_equal_the_training_networks(arch: str, wide: bool, unit: str) -> None:
    task = small_task(arch=arch, wide=wide, unit=unit, num_layers=2, pooling=["attention", "max", "mean", "last"], max_length=30)
    network, model = untrained(task)
    asked = [*task.corpus.dev, *records(ODD_TEXTS, ["food"] * len(ODD_TEXTS))]
    encoder = task.corpus.encoder
    expected = network(encoder.collate(encoder.encode(asked))).detach().numpy().astype(np.float64)
    given = np.array([answer.probabilities for answer in model.answers(asked)])
    np.testing.assert_allclose(np.log(given), np.log(softmax(expected)), atol=1e-4)
    assert np.ptp(given[:, 0]) > 0.02


@pytest.mark.parametrize("pool", ["attention", "max", "mean", "last"])
@pytest.mark.parametrize("encoder", ["cnn", "bilstm", "none"])
def test_each_pooling_and_each_character_encoder_has_its_numpy_half(pool: str, encoder: str) -> None:
    task = small_task(pooling=pool, character_encoder=encoder, shape_size=0 if encoder == "none" else 2)
    network, model = untrained(task)
    batch = task.corpus.encoder.collate(task.corpus.encoder.encode(task.corpus.dev))
    expected = network(batch).detach().numpy().astype(np.float64)
    np.testing.assert_allclose(model.predict_proba([record.text for record in task.corpus.dev]), softmax(expected), atol=2e-5)


def test_order_batching_and_window_change_no_answer(toy_classifier: Path, toy_texts: Path) -> None:
    model = load(toy_classifier)
    asked = [*read_texts(toy_texts / "test.csv"), *records(ODD_TEXTS)]
    whole = [answer.probabilities for answer in model.answers(asked)]
    one_by_one = [answer.probabilities for record in asked for answer in model.answers([record])]
    tiny = list(model.answers(iter(asked), batch_tokens=5))
    backward = [answer.probabilities for answer in model.answers(asked[::-1])][::-1]
    assert [answer.record for answer in tiny] == asked
    for other in (one_by_one, [answer.probabilities for answer in tiny], backward):
        np.testing.assert_allclose(other, whole, atol=1e-5)


def test_a_long_stream_is_answered_in_bounded_memory_as_it_is_read(toy_classifier: Path) -> None:
    model = load(toy_classifier)
    produced = 0

    def endless() -> Iterator[TextRecord]:
        nonlocal produced
        while True:
            produced += 1
            yield TextRecord(f"rain number{produced} today", Source("stream", produced))

    answers = model.answers(endless(), batch_tokens=64)
    for _ in range(100):
        next(answers)
    assert produced <= 1000
    tracemalloc.start()
    for _ in range(5_000):
        next(answers)
    assert tracemalloc.get_traced_memory()[1] < 60e6
    tracemalloc.stop()


def test_texts_from_a_generator_are_answered(toy_classifier: Path) -> None:
    model = load(toy_classifier)
    texts, _ = topic_texts(20, seed=9)
    assert model.predict(text for text in texts) == model.predict(texts)
    np.testing.assert_array_equal(model.predict_proba(iter(texts)), model.predict_proba(texts))


@pytest.mark.parametrize("unit", ["word", "char"])
def test_an_empty_text_and_no_text_at_all_are_answered(unit: str) -> None:
    _, model = untrained(small_task(unit=unit))
    assert model.predict([]) == []
    assert model.predict_proba([]).shape == (0, 3)
    assert model.predict(["", " ", "\n"])[0] in model.classes


@pytest.mark.parametrize("text", ["rain " * 200_000, "r" * 1_000_000, "." * 1_000_000], ids=["words", "one word", "marks"])
def test_a_text_of_a_million_characters_is_answered(toy_classifier: Path, text: str) -> None:
    model = load(toy_classifier)
    probabilities = model.predict_proba([text, "snow and wind"])
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities[1], model.predict_proba(["snow and wind"])[0], atol=1e-6)


def test_only_the_first_words_are_read_by_the_network_but_all_count_in_the_wide_path() -> None:
    short, long = "rain today", "rain today violin violin violin"
    _, deep = untrained(small_task(wide=False, max_length=2))
    np.testing.assert_array_equal(*deep.predict_proba([short, long]))
    _, both = untrained(small_task(wide=True, max_length=2))
    assert np.abs(np.subtract(*both.predict_proba([short, long]))).max() > 0.01


def test_probabilities_sum_to_one_and_name_the_label(toy_classifier: Path) -> None:
    model = load(toy_classifier)
    texts, right = topic_texts(50, seed=9)
    probabilities = model.predict_proba(texts)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert model.classes == ("food", "music", "weather")
    assert [model.classes[number] for number in probabilities.argmax(axis=1)] == model.predict(texts)
    assert model.score(texts, right) > 0.8


class Fixed:
    """In place of the network: the same logits for every text."""

    def __init__(self, *logits: float) -> None:
        self._logits = np.array(logits)

    def logits(self, units: Sequence[Sequence[str]], words: Sequence[Sequence[str]]) -> Any:
        return np.tile(self._logits, (len(units), 1))


def model_of(probabilities: Sequence[float], *, several: bool = False, decision: dict[str, Any] | None = None) -> ClassifyModel:
    """A model of labels a, b, …, of which every text has these probabilities."""
    names = "abcdef"[: len(probabilities)]
    settings: dict[str, Any] = {"label_separator": "|"} if several else {}
    task = small_task([names[place % len(names)] for place in range(60)], wide=False, **settings)
    network = task.build_network()
    stored = StoredModel(Path("x"), task.config(network) | {"decision": decision or {}}, network.tensors(), task.vocabulary_json(), {})
    model = ClassifyModel(stored)
    values = np.array(probabilities)
    model.network = Fixed(*(np.log(values / (1 - values)) if several else np.log(values)))  # type: ignore[assignment]
    return model


def answer_of(model: ClassifyModel, **options: Any) -> dict[str, Any]:
    (answer,) = model.answers(records(["one text"]), **options)
    content = model.to_json(answer)
    assert json.loads(json.dumps(content)) == content
    return content


def test_an_answer_has_the_label_its_probability_and_all_probabilities() -> None:
    assert answer_of(model_of([0.2, 0.7, 0.1])) == {"label": "b", "probability": 0.7, "probabilities": {"a": 0.2, "b": 0.7, "c": 0.1}}


def test_with_input_the_text_and_its_own_label_are_repeated() -> None:
    model = model_of([0.2, 0.7, 0.1])
    labelled, bare = (next(model.answers([record])) for record in (*records(["x  y"], ["c"]), *records(["x  y"])))
    assert model.to_json(labelled, with_input=True) == answer_of(model) | {"text": "x  y", "input": {"label": "c"}}
    assert model.to_json(bare, with_input=True) == answer_of(model) | {"text": "x  y"}


def test_an_answer_less_sure_than_asked_is_none() -> None:
    model = model_of([0.2, 0.7, 0.1])
    assert answer_of(model, abstain_below=0.69)["label"] == "b"
    assert answer_of(model, abstain_below=0.71) == answer_of(model) | {"label": None}
    (answer,) = model.answers(records(["x"]), abstain_below=0.71)
    assert answer.labels == ()


def test_a_threshold_decides_between_the_positive_label_and_the_best_other() -> None:
    two = model_of([0.3, 0.7], decision={"positive": "a"})
    assert [answer_of(two, threshold=bound)["label"] for bound in (0.0, 0.29, 0.31, 1.0)] == ["a", "a", "b", "b"]
    assert answer_of(two, threshold=0.29)["probability"] == 0.3
    assert answer_of(two)["label"] == "b"
    three = model_of([0.2, 0.7, 0.1], decision={"positive": "b"})
    assert [answer_of(three, threshold=bound)["label"] for bound in (0.69, 0.71)] == ["b", "a"]


def test_a_threshold_without_a_positive_label_is_refused() -> None:
    with pytest.raises(
        RecipeError,
        match=r"a threshold is for a model with a positive label .*this one chooses among 3\. Use --abstain-below, or train with --positive",
    ):
        list(model_of([0.2, 0.7, 0.1]).answers(records(["x"]), threshold=0.5))


@pytest.mark.parametrize(
    ("outside", "bound", "label"),
    [("c", 0.29, "c"), ("c", 0.31, "b"), ("a", 0.29, "a"), ("a", 0.31, "b"), ("b", 0.79, "b"), ("b", 0.81, "a")],
)
def test_a_text_is_out_of_scope_where_every_label_in_scope_is_improbable(outside: str, bound: float, label: str) -> None:
    model = model_of([0.2, 0.7, 0.1], decision={"out_of_scope": outside, "out_of_scope_threshold": bound})
    assert answer_of(model)["label"] == label


def test_of_several_labels_those_from_the_threshold_on_are_given_most_probable_first() -> None:
    model = model_of([0.6, 0.9, 0.2], several=True)
    assert model.is_multi_label
    assert answer_of(model) == {"label": "b", "probability": 0.9, "labels": ["b", "a"], "probabilities": {"a": 0.6, "b": 0.9, "c": 0.2}}
    assert answer_of(model, threshold=0.1)["labels"] == ["b", "a", "c"]
    assert answer_of(model, threshold=0.7)["labels"] == ["b"]
    assert answer_of(model, abstain_below=0.7)["labels"] == ["b"]
    assert answer_of(model, threshold=0.95) == answer_of(model) | {"label": None, "labels": []}
    assert model.predict(["x", "y"]) == [("b", "a"), ("b", "a")]
    assert model.score(["x", "y"], [["a", "b"], ["a"]]) == 0.5
    (given,) = model.answers(records(["x"], ["c|a"]))
    assert model.to_json(given, with_input=True)["input"] == {"label": ["c", "a"]}


def test_evaluate_counts_labels_as_they_were_given(toy_classifier: Path, toy_texts: Path) -> None:
    model = load(toy_classifier)
    test = list(read_texts(toy_texts / "test.csv"))
    scores = model.evaluate(test)
    assert scores["n"] == 80
    assert scores["accuracy"] == model.score([r.text for r in test], [r.labels[0] for r in test]) == model.metrics["test"]["accuracy"]
    assert {"macro_f1", "ece", "per_label", "confusion"} <= set(scores)
    assert sum(entry["support"] for entry in scores["per_label"].values()) == 80


def test_evaluate_of_several_labels_gives_micro_and_macro_f1_and_the_texts_wholly_right() -> None:
    scores = model_of([0.6, 0.9, 0.2], several=True).evaluate(records(["v", "x", "y", "z"], ["a|b", "b", "", "a|b|c"]))
    assert (scores["n"], scores["exact_match"]) == (4, 0.25)
    assert scores["f1"] == pytest.approx(2 * 5 / (8 + 6))


def test_evaluate_gives_what_each_threshold_comes_to_here() -> None:
    entry = {"at_precision": 0.9, "threshold": 0.25, "precision": 1.0, "recall": 1.0}
    model = model_of([0.3, 0.7], decision={"positive": "a", "thresholds": [entry, entry | {"at_precision": 0.95, "threshold": 0.35}]})
    first, second = model.evaluate(records("w x y z".split(), "a b b a".split()))["thresholds"]
    assert first == {"at_precision": 0.9, "threshold": 0.25, "precision": 0.5, "recall": 1.0}
    assert second == {"at_precision": 0.95, "threshold": 0.35, "precision": 0.0, "recall": 0.0}


def test_a_label_that_training_did_not_know_counts_as_wrong_and_is_told(toy_classifier: Path, toy_texts: Path) -> None:
    model = load(toy_classifier)
    test = list(read_texts(toy_texts / "test.csv"))
    odd = [replace(test[0], labels=("wheather",)), *test[1:]]
    scores = model.evaluate(odd)
    assert scores["n_unknown_labels"] == 1
    assert (
        "label 'wheather' of column 'topic' is not among the 3 labels known from training. Did you mean 'weather'?"
        in scores["first_unknown_label"]
    )
    was_right = model.predict([test[0].text]) == [test[0].labels[0]]
    assert scores["accuracy"] == pytest.approx(model.evaluate(test)["accuracy"] - was_right / 80)


def test_many_labels_that_training_did_not_know_are_refused_with_the_first_ones_line(toy_classifier: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"in\.csv, line 2: label 'fod' of column 'topic' is not among the 3 .* Did you mean 'food'\? So it is with 2 of 3 labels",
    ):
        load(toy_classifier).evaluate(records(["rain", "soup", "salt"], ["weather", "fod", "fod"]))


def test_evaluate_refuses_a_text_without_a_label_with_its_line(toy_classifier: Path) -> None:
    with pytest.raises(DataError, match=r"in\.csv, line 2: this text carries no label; every text needs one here"):
        load(toy_classifier).evaluate(records(["rain", "snow"], ["weather", ""]))


def test_save_copies_the_directory_and_refuses_to_replace(toy_classifier: Path, tmp_path: Path) -> None:
    model = load(toy_classifier)
    assert isinstance(model, ClassifyModel)
    model.save(tmp_path / "copy")
    texts, _ = topic_texts(20, seed=4)
    np.testing.assert_array_equal(load(tmp_path / "copy").predict_proba(texts), model.predict_proba(texts))
    with pytest.raises(OutputError, match="copy exists already; nothing was written"):
        model.save(tmp_path / "copy")


def test_it_loads_and_answers_without_torch_and_without_scikit_learn(toy_classifier: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'sklearn', 'scipy', 'lightning', 'pydantic', 'pandas'): sys.modules[name] = None\n"
        "import tidegate\n"
        "print(tidegate.load(sys.argv[1]).predict(sys.argv[2:]))\n"
    )
    texts, _ = topic_texts(5, seed=6)
    done = subprocess.run([sys.executable, "-c", code, str(toy_classifier), *texts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(load(toy_classifier).predict(texts))


def test_several_threads_may_ask_one_model_and_a_pickled_one_answers_alike(toy_classifier: Path) -> None:
    model = load(toy_classifier)
    texts = [f"{text} new{number}" for number, text in enumerate(topic_texts(300, seed=5)[0])]
    expected = load(toy_classifier).predict(texts)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: model.predict([text])[0], texts)) == expected
    assert pickle.loads(pickle.dumps(model)).predict(texts) == expected


def test_what_is_no_list_of_texts_is_refused_in_words(toy_classifier: Path) -> None:
    model = load(toy_classifier)
    with pytest.raises(DataError, match=r"one text was given where a list of texts is expected; write \[text\]"):
        model.predict("rain")
    with pytest.raises(DataError, match="text 2 is None; a text is a str"):
        model.predict(["rain", None])  # type: ignore[list-item]
    with pytest.raises(DataError, match="1 texts, but 2 labels"):
        model.score(["rain"], ["weather", "food"])


def test_the_directory_says_what_the_model_is(toy_classifier: Path) -> None:
    stored = read_model(toy_classifier)
    assert stored.config["task"] == "classify"
    assert stored.config["columns"] == {"form": "table", "text": "text", "label": "topic", "group": ""}
    assert stored.config["decision"] == {"positive": "", "out_of_scope": ""}
    model = load(toy_classifier)
    assert isinstance(model, ClassifyModel)
    assert (model.column, model.columns, model.labels) == ("topic", ("topic",), {"topic": ("food", "music", "weather")})
