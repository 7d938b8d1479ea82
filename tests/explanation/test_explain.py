"""`explain` of trained toy models, task by task: what is shown is what the model did."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidegate
from conftest import SMALL_CLASSIFIER
from tidegate.errors import DataError, RecipeError, UserError
from tidegate.explanation.subjects import subject_of
from tidegate.explanation.subjects.subject import BLANK, CUT
from tidegate.runtime import ClassifyModel, load

TEXT = "the bread with cheese was very hail today"


@pytest.fixture(scope="module")
def classifier(toy_classifier: Path) -> ClassifyModel:
    model = load(toy_classifier)
    assert isinstance(model, ClassifyModel)
    return model


def test_a_classifier_explained(classifier: ClassifyModel) -> None:
    explanation = tidegate.explain(classifier, TEXT)
    (label,) = classifier.predict([TEXT])
    assert explanation.answer.startswith(f"{label} (")
    assert explanation.task == "classify"
    (panel,) = explanation.panels
    assert panel.units == tuple(TEXT.split())
    assert [layer.title for layer in panel.layers] == ["layer 1 →", "layer 1 ←"]
    assert panel.said == ()
    influence = explanation.influence
    assert influence is not None
    assert influence.of == f"log p of '{label}'"
    assert influence.occlusion.shape == (8,)
    assert len(influence.left) == 0
    assert influence.forward is not None
    assert influence.backward is not None


def test_the_base_score_is_the_log_probability_of_the_answer(classifier: ClassifyModel) -> None:
    for label in classifier.classes:
        subject = subject_of(classifier, TEXT, label=label)
        p = classifier.predict_proba([TEXT])[0][classifier.classes.index(label)]
        assert subject.scores(subject.as_it_is())[0] == pytest.approx(np.log(p), abs=1e-5)


def test_what_is_cut_out_is_as_though_it_had_not_been_there(classifier: ClassifyModel) -> None:
    subject = subject_of(classifier, TEXT, label="food")
    variants = np.repeat(subject.as_it_is(), 3, axis=0)
    variants[0, 2:] = CUT
    variants[1, [1, 3]] = CUT
    variants[2, :] = BLANK
    expected = classifier.predict_proba(["the bread", "the with was very hail today"])[:, classifier.classes.index("food")]
    scores = subject.scores(variants)
    np.testing.assert_allclose(scores[:2], np.log(expected), atol=1e-5)
    assert scores[2] < scores[0]


def test_the_words_of_a_topic_hold_its_score(classifier: ClassifyModel) -> None:
    influence = tidegate.explain(classifier, TEXT, label="food").influence
    assert influence is not None
    assert set(np.argsort(-influence.occlusion)[:2].tolist()) == {1, 3}  # bread, cheese
    assert influence.occlusion[6] < 0  # hail speaks for the weather


def test_what_is_called_important_moves_the_answer_more_than_words_by_chance(classifier: ClassifyModel) -> None:
    text = "the a we like bread my with some was today really cheese very much the soup a we like my some was today very"
    check = tidegate.explain(classifier, text, label="food").influence.check  # type: ignore[union-attr]
    assert check is not None
    assert check.removed == 2
    assert len(check.random) == 50
    assert check.important > check.random_mean
    assert check.beaten >= 0.9


def test_a_wide_path_is_told_of_with_its_part_of_the_score(classifier: ClassifyModel) -> None:
    (note,) = (note for note in tidegate.explain(classifier, TEXT, influence=False).notes if "n-grams alone" in note)
    wide = classifier.network.wide_scores([TEXT.split()])
    assert wide is not None
    logits = classifier.network.logits([TEXT.split()], [TEXT.split()])[0]
    best, other = np.argsort(-logits)[:2]
    assert f"over {classifier.classes[other]!r} is {logits[best] - logits[other]:.2f}" in note
    assert f"n-grams alone give {wide[0, best] - wide[0, other]:.2f}" in note


def test_explaining_imports_no_torch(toy_classifier: Path) -> None:
    code = (
        "import sys, tidegate; e = tidegate.explain(sys.argv[1], sys.argv[2]); assert e.influence.check; e.to_json();"
        "sys.exit(bool({'torch', 'lightning', 'captum', 'matplotlib', 'sklearn', 'pydantic'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(toy_classifier), TEXT], check=False).returncode == 0


def test_mistakes_are_told(classifier: ClassifyModel) -> None:
    with pytest.raises(RecipeError, match="no label 'foot'; its labels: food, .*Did you mean 'food'"):
        tidegate.explain(classifier, TEXT, label="foot")
    with pytest.raises(RecipeError, match="at was given, which means nothing for a ClassifyModel; it takes label. Leave it out"):
        tidegate.explain(classifier, TEXT, at=1)
    with pytest.raises(DataError, match="has no word, so there is nothing to explain"):
        tidegate.explain(classifier, "  ")
    with pytest.raises(DataError, match="a text is a str"):
        tidegate.explain(classifier, 7)
    with pytest.raises(RecipeError, match="draws is 10; expected .*50 or more"):
        tidegate.explain(classifier, TEXT, draws=10)
    with pytest.raises(RecipeError, match="a dict was given to be explained"):
        tidegate.explain({}, TEXT)


def test_words_that_training_did_not_meet_are_named(classifier: ClassifyModel) -> None:
    notes = tidegate.explain(classifier, "bread zebra", influence=False).notes
    assert "words that training did not meet: 'zebra'." in notes


@pytest.fixture(scope="module")
def character_model(train_texts: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> ClassifyModel:
    model = load(train_texts(tmp_path_factory.mktemp("characters") / "toy", unit="char", arch="gru", max_epochs=1, max_length=20).path)
    assert isinstance(model, ClassifyModel)
    return model


def test_a_classifier_of_characters_loses_characters(character_model: ClassifyModel) -> None:
    text = "bread and rice today, with salt"
    explanation = tidegate.explain(character_model, text)
    (panel,) = explanation.panels
    assert panel.unit_name == "character"
    assert "".join(panel.units) == "bread␣and␣rice␣today"
    assert "the model reads the first 20 of the text's 31 characters." in explanation.notes
    assert explanation.influence is not None
    assert explanation.influence.backward is None
    subject = subject_of(character_model, text, label="food")
    variants = np.repeat(subject.as_it_is(), 2, axis=0)
    variants[0, 5:9] = CUT  # " and": its blank goes too, so that two words are one to the network, and the n-grams lose one
    variants[1, 14:] = BLANK
    network, place = character_model.network, character_model.classes.index("food")
    logits = network.logits(
        ["bread rice today", ["b", "r", "e", "a", "d", " ", "a", "n", "d", " ", "r", "i", "c", "e", *[""] * 6]],
        [["bread", "rice", "today", ",", "with", "salt"], ["bread", "and", "rice", "", ",", "with", "salt"]],
    ).astype(float)
    np.testing.assert_allclose(subject.scores(variants), (logits[:, place] - np.logaddexp.reduce(logits, axis=1)), atol=1e-5)


def test_several_labels_a_text_are_each_scored_on_their_own(train_texts: Callable[..., Any], tmp_path: Path) -> None:
    texts = ["bread and salt", "a song", "bread and a song", "rain", "rain and a song"] * 20
    labels = [("food",), ("music",), ("food", "music"), ("weather",), ("music", "weather")] * 20
    fitted = tidegate.Classifier(quiet=True, **SMALL_CLASSIFIER | {"max_epochs": 8}).fit(texts, labels)
    explanation = tidegate.explain(fitted, "bread and a song")
    assert set(re.findall(r"(\w+) \(", explanation.answer)) == {"food", "music"}
    p = fitted.predict_proba(["bread and a song"])[0]
    for label in ("food", "weather"):
        subject = subject_of(fitted.model_, "bread and a song", label=label)
        own = p[fitted.model_.classes.index(label)]
        assert subject.scores(subject.as_it_is())[0] == pytest.approx(np.log(own), abs=1e-5)
        logit = np.log(own / (1 - own))
        assert any(f"the score of {label!r} is {logit:.2f}, of which the n-grams" in note for note in subject.said and subject.notes)


def test_an_estimator_that_was_not_fitted_says_so() -> None:
    with pytest.raises(UserError, match="this Classifier is not fitted yet"):
        tidegate.explain(tidegate.Classifier(), TEXT)


def test_an_rnn_has_states_and_no_gates(train_texts: Callable[..., Any], tmp_path: Path) -> None:
    explanation = tidegate.explain(train_texts(tmp_path / "rnn", arch="rnn", max_epochs=1, wide=False).path, TEXT)
    (layer,) = explanation.panels[0].layers
    assert [gate.name for gate in layer.gates] == ["h"]
    assert layer.memory is None
    assert any(note.startswith("an rnn has no gates") for note in explanation.notes)
    assert not any("n-grams" in note for note in explanation.notes)


def test_the_pooling_weights_are_those_by_which_the_runtime_adds_up_the_states(classifier: ClassifyModel) -> None:
    attention = tidegate.explain(classifier, TEXT, influence=False).attention
    assert attention is not None
    assert attention.sources == tuple(TEXT.split())
    (weights,) = attention.weights
    assert weights.sum() == pytest.approx(1, abs=1e-6)
    network, whole = classifier.network, np.array([0, 8])
    states = network.stack(network.vectors(TEXT.split()), whole)
    pooled = network.pooling(states, whole)[0]
    place = network.pooling.pools.index("attention") * states.shape[1]
    np.testing.assert_allclose(weights @ states, pooled[place : place + states.shape[1]], atol=1e-6)


def test_a_classifier_without_attention_in_its_pooling_shows_none(train_texts: Callable[..., Any], tmp_path: Path) -> None:
    model = train_texts(tmp_path / "max", arch="gru", max_epochs=1, pooling=["max", "mean"]).path
    assert tidegate.explain(model, TEXT, influence=False).attention is None
