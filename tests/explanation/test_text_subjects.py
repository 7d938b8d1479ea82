"""Taggers and language models explained: scores are the models' own probabilities, and contexts weigh where they can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidegate
from cell_gates import twin_gates
from conftest import SMALL_GENERATOR, toy_text
from tidegate.comparison.demo import demo_recipe
from tidegate.data.teddy import teddy_corpus
from tidegate.errors import DataError, RecipeError
from tidegate.explanation import influence
from tidegate.explanation.evidence import Influence
from tidegate.explanation.explanation import Explanation
from tidegate.explanation.panel import LayerView
from tidegate.explanation.subjects import Subject, subject_of
from tidegate.explanation.subjects.subject import BLANK, CUT, KEEP
from tidegate.kernels import CELLS, CellWeights
from tidegate.runtime import GenerateModel, TagModel, load
from tidegate.runtime.filling import blank_probabilities
from tidegate.runtime.generate_network import TwoWayNetwork
from tidegate.training.generation.generator import Generator
from tidegate.training.run import train
from tidegate.training.tagging.corpus import build_corpus
from tidegate.training.tagging.task import TagTask

TEDDY = "Teddy Roosevelt was president ."


@pytest.fixture(scope="module")
def demo_tagger(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TagModel]:
    """The demo's network of an architecture, trained on fewer sentences."""
    models: dict[str, TagModel] = {}

    def trained(arch: str) -> TagModel:
        if arch not in models:
            sentences = teddy_corpus(seed=1, train=600, dev=100, test=0)
            recipe = demo_recipe(arch, 1).model_copy(update={"max_epochs": 3})
            task = TagTask(recipe, build_corpus(sentences.train, sentences.dev, [], recipe))
            model = load(train(task, tmp_path_factory.mktemp(arch) / "model", quiet=True).path)
            assert isinstance(model, TagModel)
            models[arch] = model
        return models[arch]

    return trained


def influence_of(explanation: Explanation) -> Influence:
    assert explanation.influence is not None
    return explanation.influence


def test_the_tag_of_teddy_hangs_on_what_stands_behind_it(demo_tagger: Callable[[str], TagModel]) -> None:
    explanation = tidegate.explain(demo_tagger("bilstm"), TEDDY, at=0)
    assert explanation.answer.startswith("PERSON (")
    found = influence_of(explanation)
    assert found.at == 0
    assert found.of == "log p of 'PERSON' for 'Teddy'"
    assert found.right[0] > 0.1
    assert found.left[0] == 0  # nothing stands there
    assert found.occlusion[1] > found.occlusion[4]  # Roosevelt tells, the full stop does not
    assert found.backward is not None
    assert found.backward > 0.1  # what stands behind comes by the backward states alone


def test_behind_an_opening_the_right_outweighs_the_left(demo_tagger: Callable[[str], TagModel]) -> None:
    found = influence_of(tidegate.explain(demo_tagger("bilstm"), "They say that Teddy bears were sewn .", at=3))
    assert found.right[3] > found.left[3]
    assert found.left_share[3] < 0.5


@pytest.mark.parametrize("arch", ["lstm", "gru"])
def test_what_stands_behind_a_word_weighs_nothing_for_a_one_way_tagger(demo_tagger: Callable[[str], TagModel], arch: str) -> None:
    model = demo_tagger(arch)
    explanation = tidegate.explain(model, TEDDY, at=1)
    found = influence_of(explanation)
    assert (found.right == 0).all()
    assert (found.occlusion[2:] == 0).all()
    assert found.occlusion[0] != 0
    assert found.backward is None
    assert any("reads from left to right" in note for note in explanation.notes)
    # The zeros are no convention: the network's own numbers do not move.
    whole, cut = (model.predict_proba([TEDDY.split()[:count]])[0][1] for count in (5, 2))
    np.testing.assert_allclose(whole, cut, atol=1e-6)


def test_what_is_called_important_moves_a_tag_more_than_words_by_chance(demo_tagger: Callable[[str], TagModel]) -> None:
    sentence = "In spring , Teddy Miller , as all of us know , was elected at noon beside Rose bushes and we know that one ."
    check = influence_of(tidegate.explain(demo_tagger("bilstm"), sentence, at=3)).check
    assert check is not None
    assert check.removed == 2
    assert len(check.random) == 50
    assert check.important > 2 * abs(check.random_mean)
    assert check.beaten > 0.8


def test_scores_of_a_tagger_are_its_log_probabilities(toy_model: Path, demo_tagger: Callable[[str], TagModel]) -> None:
    crf = load(toy_model)
    assert isinstance(crf, TagModel)
    for model in (crf, demo_tagger("bilstm")):
        column = model.columns[0]
        subject = subject_of(model, TEDDY, at=0)
        variants = np.repeat(subject.as_it_is(), 3, axis=0)
        variants[1, 2:] = CUT
        variants[2, 1:] = CUT
        label = model.labels[column].index(subject.said.said[0])
        texts = [TEDDY.split()[:count] for count in (5, 2, 1)]
        expected = [np.log(p[0, label]) for p in model.predict_proba(texts)]
        np.testing.assert_allclose(subject.scores(variants), expected, atol=1e-5)
        whole = subject_of(model, TEDDY)
        p = model.predict_proba([TEDDY.split()])[0]
        assert whole.scores(whole.as_it_is())[0] == pytest.approx(np.log(p.max(axis=1)).sum(), abs=0.3)
        assert whole.of == "log p of the tags, added up"


def test_a_tagger_explained_whole_has_contexts_of_each_word(toy_model: Path) -> None:
    explanation = tidegate.explain(toy_model, TEDDY.split())
    (panel,) = explanation.panels
    assert panel.units == tuple(TEDDY.split())
    assert explanation.answer == " ".join(f"{unit}/{label}" for unit, label in zip(panel.units, panel.said, strict=True))
    found = influence_of(explanation)
    assert found.left.shape == found.right.shape == (5,)
    assert found.left[0] == found.right[-1] == 0
    assert found.at is None
    assert any("CRF" in note for note in explanation.notes)


def trained_language_model(arch: str) -> GenerateModel:
    settings: dict[str, Any] = {**SMALL_GENERATOR, "arch": arch}
    return Generator(quiet=True, **settings).fit(texts=toy_text(400).splitlines()).model_


@pytest.fixture(scope="module")
def one_way() -> GenerateModel:
    return trained_language_model("gru")


@pytest.fixture(scope="module")
def two_way() -> GenerateModel:
    return trained_language_model("bilstm")


@pytest.fixture(params=["one_way", "two_way"])
def language_model(request: pytest.FixtureRequest) -> GenerateModel:
    model: GenerateModel = request.getfixturevalue(request.param)
    return model


def test_a_language_model_explained(language_model: GenerateModel) -> None:
    text = "Teddy bears were" if not language_model.is_two_way else "Teddy b___ars were"
    explanation = tidegate.explain(language_model, text)
    (panel,) = explanation.panels
    found = influence_of(explanation)
    shown = panel.units
    p = language_model.predict_proba([text])[0]
    best = int(p[1:].argmax()) + 1
    place = 7 if language_model.is_two_way else 15
    assert found.at == place
    assert language_model.units.texts[best].replace(" ", "␣") == panel.said[place]
    assert panel.probabilities[place] == pytest.approx(p[best], abs=1e-5)
    assert len(shown) == len(panel.layers[0].trace.states)
    if language_model.is_two_way:
        assert "".join(shown) == "Teddy␣b___ars␣were"
        assert [layer.trace.direction for layer in panel.layers] == ["forward", "backward"]
        assert abs(found.occlusion[place]) < 1e-6  # it reads nothing there
        assert found.forward is not None
        assert found.backward is not None
    else:
        assert (found.right == 0).all()
        assert found.backward is None


def test_the_backward_layer_of_a_two_way_language_model_stands_beside_what_it_read(two_way: GenerateModel) -> None:
    text = "Rose bushes were"
    (panel,) = tidegate.explain(two_way, text, influence=False).panels
    left, right = (layer.trace for layer in panel.layers)
    np.testing.assert_array_equal(left.x, right.x)
    ids = two_way.units.encode(text)
    _, behind = two_way.network.contexts(ids, np.array([0, len(ids)]))  # type: ignore[union-attr]
    np.testing.assert_allclose(right.states[1:], behind[:-1], atol=1e-6)


def test_scores_of_a_language_model_are_its_log_probabilities(language_model: GenerateModel) -> None:
    text = "Teddy bears w" if not language_model.is_two_way else "Teddy b___ars"
    subject: Subject = subject_of(language_model, text)
    variants = np.repeat(subject.as_it_is(), 3, axis=0)
    variants[1, :6] = CUT
    variants[2, 3] = BLANK
    assert variants[0, 0] == KEEP
    scores = subject.scores(variants)
    place = subject.place
    assert place is not None
    best = language_model.units.encode(subject.said.said[place])[0]
    expected = np.log(language_model.predict_proba([text, text[6:]])[:, best])
    np.testing.assert_allclose(scores[:2], expected, atol=1e-5)
    if language_model.is_two_way:
        # Where a unit is blanked, the model reads what it reads where the text has a blank there.
        assert isinstance(language_model.network, TwoWayNetwork)
        both = blank_probabilities(language_model.network, language_model.units, "Ted___y b___ars")["both"]
        assert scores[2] == pytest.approx(np.log(both[1][best]), abs=1e-5)


def test_gates_shown_are_the_twins(
    toy_model: Path, toy_classifier: Path, demo_tagger: Callable[[str], TagModel], language_model: GenerateModel
) -> None:
    """Of trained models, float32 as they are, against the twins in float64 on what each layer read."""
    given: list[tuple[Any, str]] = [
        (toy_model, TEDDY),
        (toy_classifier, "the bread with cheese was very hail today"),
        (demo_tagger("gru"), TEDDY),
        (language_model, "Teddy bears were"),
    ]
    for model, text in given:
        (panel,) = tidegate.explain(model, text, influence=False).panels
        for layer in panel.layers:
            check_gates(layer)


def check_gates(layer: LayerView) -> None:
    trace = layer.trace
    weights = CellWeights(**{f.name: _double(getattr(trace.weights, f.name)) for f in fields(CellWeights)})
    steps = range(len(trace.x)) if trace.direction == "forward" else range(len(trace.x) - 1, -1, -1)
    c = None if trace.cells_before is None else trace.cells_before[steps[0]].astype(np.float64)
    h = trace.before[steps[0]].astype(np.float64)
    state: Any = (h,) if c is None else (h, c)
    shown = {gate.name: gate.values for gate in layer.gates}
    for step in steps:
        x = trace.x[step].astype(np.float64)
        for name, values in twin_gates(trace.cell, x, state[0], weights).items():
            np.testing.assert_allclose(shown[name][step], values, atol=1e-6, rtol=0, err_msg=f"{name} at {step}")
        state = CELLS[trace.cell](x, state, weights)
        np.testing.assert_allclose(shown["h"][step], state[0], atol=1e-6, rtol=0)


def _double(values: Any) -> Any:
    return None if values is None else values.astype(np.float64)


def test_several_blanks_are_explained_together_or_one_by_one(two_way: GenerateModel) -> None:
    text = "T___ddy b___ars"
    assert isinstance(two_way.network, TwoWayNetwork)
    p = [row[1:].max() for row in blank_probabilities(two_way.network, two_way.units, text)["both"]]
    subject = subject_of(two_way, text)
    assert subject.of == "log p of what fills the blanks, added up"
    variants = np.repeat(subject.as_it_is(), 3, axis=0)
    scores = subject.scores(variants, np.array([-1, 1, 7]))
    np.testing.assert_allclose(scores, [np.log(p).sum(), *np.log(p)], atol=1e-5)
    one = subject_of(two_way, text, at=7)
    assert one.scores(one.as_it_is())[0] == pytest.approx(np.log(p[1]), abs=1e-5)
    assert one.of == f"log p of {one.said.said[7]!r} in the blank"


def test_a_long_text_has_contexts_of_some_characters(language_model: GenerateModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(influence, "MOST_READ", 368)  # contexts of 4
    monkeypatch.setattr(influence, "LEAST", 1)
    text = "Teddy bears were dusted"
    explanation = tidegate.explain(language_model, text, at=20)
    found = influence_of(explanation)
    assert found.occlusion.shape == found.left.shape == found.right.shape == (23,)
    assert "contexts are the 4 characters on either side" in " ".join(explanation.notes)
    if not language_model.is_two_way:
        ids = language_model.units.encode
        best = ids(explanation.panels[0].said[10].replace("␣", " "))[0]
        near, alone = np.log(language_model.predict_proba([text[6:11], text[10]])[:, best])
        assert found.left[10] == pytest.approx(near - alone, abs=1e-4)


def test_mistakes_are_told(toy_model: Path, language_model: GenerateModel) -> None:
    with pytest.raises(RecipeError, match="at is 5; the input has 5 words, a whole number from 0 to 4 was expected"):
        tidegate.explain(toy_model, TEDDY, at=5)
    with pytest.raises(RecipeError, match="at is -1"):
        tidegate.explain(toy_model, TEDDY, at=-1)
    with pytest.raises(RecipeError, match="label was given, which means nothing for a TagModel; it takes at. Leave it out"):
        tidegate.explain(toy_model, TEDDY, label="PERSON")
    with pytest.raises(DataError, match="has no word, so there is nothing to explain"):
        tidegate.explain(toy_model, [])
    with pytest.raises(DataError, match="the text is empty"):
        tidegate.explain(language_model, "")
    with pytest.raises(DataError, match="reads a text, which is a str"):
        tidegate.explain(language_model, ["a"])
