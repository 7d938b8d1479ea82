"""`Translator` in scikit-learn's manner, and the task of it: scores, baseline, model card, resuming."""

from __future__ import annotations

import itertools
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.base import clone

import tidegate
from conftest import SMALL_TRANSLATOR, power_cut, sounds_of, toy_words
from tidegate.data.pairs import entries_of
from tidegate.errors import DataError, MissingExtraError, RecipeError, UserError
from tidegate.training.recipe import build_recipe
from tidegate.training.translation.corpus import corpus_of
from tidegate.training.translation.recipe import TranslateRecipe
from tidegate.training.translation.task import TranslateTask

SETTINGS: dict[str, Any] = {"quiet": True, **SMALL_TRANSLATOR}
WORDS = toy_words(1300, seed=5)
TRAIN, UNSEEN = WORDS[:1200], WORDS[1200:]
SOUNDS = [sounds_of(word) for word in UNSEEN]


@pytest.fixture(scope="module")
def fitted() -> Any:
    return tidegate.Translator(target_unit="token", **SETTINGS).fit(TRAIN, [sounds_of(word) for word in TRAIN])


def test_it_translates_what_it_never_saw(fitted: Any) -> None:
    given = fitted.predict(UNSEEN)
    assert sum(one == other for one, other in zip(given, SOUNDS, strict=True)) > 50
    assert fitted.score(UNSEEN, SOUNDS) == sum(one == other for one, other in zip(given, SOUNDS, strict=True)) / 100
    assert fitted.metrics_["baseline"]["dev"]["exact_match"] < 0.1, "no source is there twice, so its neighbour's target is not its own"


def test_hypotheses_come_best_first_with_attention(fitted: Any) -> None:
    (translation,) = fitted.translate(["bak"], beam=4, n_best=3)
    scores = [hypothesis.score for hypothesis in translation.hypotheses]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert translation.hypotheses[0].attention.shape == (len(translation.hypotheses[0].units) + 1, 4)


def test_any_of_several_targets_is_right(fitted: Any) -> None:
    right = [(sounds, "X Y") for sounds in SOUNDS]
    assert fitted.score(UNSEEN, right) == fitted.score(UNSEEN, SOUNDS)


def test_it_reads_files_saves_and_is_read_again(fitted: Any, toy_sounds: Path, tmp_path: Path) -> None:
    assert fitted.score(toy_sounds / "test.dict") > 0.5
    fitted.save(tmp_path / "model")
    again: Any = tidegate.load(tmp_path / "model")
    assert again.predict(UNSEEN[:5]) == fitted.predict(UNSEEN[:5])
    fresh: Any = pickle.loads(pickle.dumps(tidegate.Translator(**SETTINGS)))
    assert repr(clone(fresh)) == repr(fresh)


def test_words_on_either_side_and_no_attention() -> None:
    parts = (("the", "a"), ("red", "old", "new"), ("cat", "dog", "hen", "cow"), ("runs", "eats", "sees"), ("here", "there"))
    sources = [" ".join(words) for words in itertools.product(*parts)]
    targets = [" ".join(reversed(source.split())) for source in sources]
    settings = SETTINGS | {"max_epochs": 12, "batch_tokens": 150}
    translator = tidegate.Translator(arch="gru", attention="none", source_unit="word", target_unit="word", **settings)
    translator.fit(sources, targets, dev=(sources[:8], targets[:8]))
    assert translator.metrics_["dev"]["bleu"] > 70
    assert translator.score(sources, targets) > 70


@pytest.mark.parametrize(
    ("sources", "targets", "message"),
    [
        ("one", ["A"], "X is one text"),
        (["one"], "A", "y is one text"),
        (["one", "two"], ["A"], "X holds 2 sources, but y 1 targets"),
        (["one", 2], ["A", "B"], "pair 2 is 2"),
        (["one", "two"], ["A", []], r"pair 2 is 'two' and \(\)"),
        (["one", " "], ["A", "B"], "pair 2: the source is empty"),
    ],
)
def test_pairs_that_are_none_are_refused(sources: Any, targets: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        tidegate.Translator(**SETTINGS).fit(sources, targets)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RecipeError, match="Did you mean 'attention'"):
        tidegate.Translator(atention="none")
    with pytest.raises(RecipeError, match="reads from both ends"):
        tidegate.Translator(simultaneous=True)
    with pytest.raises(UserError, match="not fitted yet"):
        tidegate.Translator().predict(["a"])
    with pytest.raises(DataError, match="dev must be"):
        tidegate.Translator(**SETTINGS).fit(["a"], ["A"], dev=["b"])


@pytest.fixture(scope="module")
def task() -> TranslateTask:
    recipe = build_recipe(TranslateRecipe, options={**SMALL_TRANSLATOR, "target_unit": "token"})
    entries = entries_of([(word, sounds_of(word)) for word in TRAIN[:300]])
    return TranslateTask(recipe, corpus_of(entries[:200], entries[200:], (), recipe))


def test_epochs_are_judged_by_the_model_that_is_shipped(task: TranslateTask) -> None:
    network = task.build_network()
    score, loss = task.dev_scores(network)
    model = task.as_model(network)
    evaluated = model.evaluate(task.corpus.dev, beam=1)
    assert score == evaluated["exact_match"]
    assert loss == pytest.approx(evaluated["nats"], rel=1e-5)
    assert network.training, "training goes on after it"


def test_a_network_is_a_function_of_the_seed(task: TranslateTask) -> None:
    one, other = task.build_network().state_dict(), task.build_network().state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(task.with_arch("bigru", None).build_network().source_embedding.weight, one["target_embedding.weight"])


def test_another_architecture_brings_its_own_decoder(task: TranslateTask) -> None:
    assert task.build_network().settings.decoder == "lstm"
    assert task.with_arch("bigru", None).build_network().settings.decoder == "gru"


def test_an_interrupted_run_goes_on_to_the_same_bits(train_sounds: Callable[..., Any], tmp_path: Path) -> None:
    whole = train_sounds(tmp_path / "whole", max_epochs=3)
    with power_cut(epoch=1):
        train_sounds(tmp_path / "cut", max_epochs=3)
    train_sounds(tmp_path / "cut", max_epochs=3, resume=True)
    assert (tmp_path / "cut" / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()


def test_the_model_directory_says_what_it_is(toy_translator: Path, toy_sounds: Path) -> None:
    config = json.loads((toy_translator / "config.json").read_text(encoding="utf-8"))
    words = [line.split() for line in (toy_sounds / "train.dict").read_text(encoding="utf-8").splitlines()]
    longest = {"longest_source": max(len(word) for word, *_ in words), "longest_target": max(len(phones) for _, *phones in words)}
    assert config["lengths"] == longest
    assert config["network"]["attention"] == "additive"
    metrics = json.loads((toy_translator / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["test"]["wer"] == pytest.approx(1 - metrics["test"]["exact_match"])
    card = (toy_translator / "README.md").read_text(encoding="utf-8")
    assert "| test | target | per |" in card
    assert "target of the nearest source" in card


def test_stress_is_dropped_from_pairs_in_memory_too() -> None:
    translator = tidegate.Translator(target_unit="token", stress="drop", **SETTINGS | {"max_epochs": 1})
    translator.fit(TRAIN[:200], [sounds_of(word) for word in TRAIN[:200]])
    assert not [text for text in translator.model_.target_units.texts if text[-1:] in ("0", "1")]


def test_capitals_do_not_count_where_small_letters_are_written() -> None:
    sources = [f"Say {one} {other} {third}" for one in "abc" for other in "defg" for third in "hijk"]
    settings = SETTINGS | {"max_epochs": 14, "batch_tokens": 100, "lowercase": True, "min_count": 1}
    translator = tidegate.Translator(source_unit="word", target_unit="word", **settings).fit(sources, sources, dev=(sources, sources))
    assert translator.metrics_["dev"]["exact_match"] > 0.8
    assert translator.predict(sources[:1])[0].islower()


def test_words_need_the_library_of_their_score(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidegate.training.translation.task.find_spec", lambda name: None)
    recipe = build_recipe(TranslateRecipe, options={**SMALL_TRANSLATOR, "source_unit": "word", "target_unit": "word"})
    entries = entries_of([("a b", "c d"), ("b a", "d c"), ("a a", "c c")])
    with pytest.raises(MissingExtraError, match=r"tidegate\[bleu\]"):
        TranslateTask(recipe, corpus_of(entries[:2], entries[2:], (), recipe))
