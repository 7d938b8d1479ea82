"""`Generator` in scikit-learn's manner."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

import tidegate
from conftest import SMALL_GENERATOR, toy_text
from tidegate.errors import DataError, RecipeError, UserError

SETTINGS: dict[str, Any] = {"quiet": True, **SMALL_GENERATOR}


@pytest.fixture(scope="module")
def fitted() -> Any:
    return tidegate.Generator(arch="gru", **SETTINGS | {"max_epochs": 10}).fit(texts=[toy_text(400)])


@pytest.fixture(scope="module")
def filling() -> Any:
    settings = SETTINGS | {"max_epochs": 10}
    return tidegate.Generator(arch="bigru", unit="word", **settings).fit(texts=toy_text(1000).splitlines())


def test_it_writes_on(fitted: Any) -> None:
    first, second = fitted.predict(["Teddy ", "the "], length=40, seed=1)
    assert first.startswith("Teddy ")
    assert second.startswith("the ")
    assert len(first) == 46
    assert fitted.predict(["Teddy "], length=40, seed=1) == [first]
    assert fitted.predict(["Teddy "], length=40, seed=2) != [first]
    assert "Teddy " + "".join(fitted.sample("Teddy ", length=40, seed=1)) == first
    words = set(toy_text(400).split())
    greedy = "".join(fitted.sample("Teddy ", length=200, temperature=0)).split()[:-1]
    assert greedy
    assert set(greedy) <= words, "what is most probable in a text of few words is one of them"


def test_probabilities_of_the_next_unit(fitted: Any) -> None:
    probabilities = fitted.predict_proba(["Tedd", "Teddy "])
    assert probabilities.shape == (2, len(fitted.classes_))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert fitted.classes_[probabilities[0].argmax()] == "y"


def test_it_scores_saves_and_is_read_again(fitted: Any, tmp_path: Path) -> None:
    text = tmp_path / "other.txt"
    text.write_text(toy_text(50, seed=9), encoding="utf-8")
    score = fitted.score(text)
    assert -0.8 < score < -0.2
    assert score == -fitted.model_.evaluate(text.read_text(encoding="utf-8").splitlines())["nats"]
    fitted.save(tmp_path / "model")
    again: Any = tidegate.load(tmp_path / "model")
    assert again.predict(["Teddy "], length=30, seed=3) == fitted.predict(["Teddy "], length=30, seed=3)


def test_a_pickled_one_answers_alike(fitted: Any) -> None:
    copy = pickle.loads(pickle.dumps(fitted))
    assert copy.predict(["Teddy "], length=30, seed=3) == fitted.predict(["Teddy "], length=30, seed=3)
    session = fitted.model_.session()
    session.feed("Teddy ")
    assert copy.model_.session(session.to_bytes()).position == 6


def test_files_give_the_model_that_their_text_gives(tmp_path: Path, fitted: Any) -> None:
    text = tmp_path / "text.txt"
    text.write_text(toy_text(400), encoding="utf-8")
    other = tidegate.Generator(arch="gru", **SETTINGS | {"max_epochs": 10}).fit(str(text))
    assert other.predict(["Teddy "], length=50, seed=1) == fitted.predict(["Teddy "], length=50, seed=1)


def test_two_ways_it_fills_blanks_by_what_stands_on_either_side(filling: Any) -> None:
    scores = filling.metrics_["dev"]
    assert scores["accuracy"] > max(scores["left"]["accuracy"], scores["right"]["accuracy"])
    lines = [line.split() for line in toy_text(200, seed=7).splitlines()]
    right = 0
    asked, answers = [], []
    for words in lines:
        place = len(words) // 2
        asked.append(" ".join([*words[:place], "___", *words[place + 1 :]]))
        answers.append(" ".join(words))
    for given, wanted in zip(filling.predict(asked), answers, strict=True):
        right += given == wanted
    assert right / len(lines) > 0.4
    with pytest.raises(RecipeError, match="not written yet"):
        next(filling.sample("Teddy"))


def test_settings_as_scikit_learn_wants_them() -> None:
    generator = tidegate.Generator(arch="lstm", unit="word", hidden_size=32)
    assert clone(generator).get_params() == generator.get_params()
    assert repr(generator) == "Generator(arch='lstm', unit='word', hidden_size=32)"
    with pytest.raises(RecipeError, match="embedding_size"):
        tidegate.Generator(embeding_size=3)
    with pytest.raises(UserError, match="not fitted"):
        generator.predict(["a"])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "give the text once"),
        ({"X": "a.txt", "texts": ["a"]}, "give the text once"),
        ({"texts": "Teddy"}, "put it in brackets"),
        ({"texts": ["Teddy", 3]}, "text 2 is no text but a int"),
        ({"X": "no-such-file.txt"}, "no such file"),
    ],
)
def test_what_cannot_be_fitted_is_told(given: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        tidegate.Generator(**SETTINGS).fit(**given)
