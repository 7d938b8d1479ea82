"""What a run takes from a trained model, against the source's tensors row by row; and what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from conftest import SMALL, SMALL_CLASSIFIER, conllu_text, power_cut
from tidegate.artefact import ModelContent, finish_output, read_model
from tidegate.data.units import count_units
from tidegate.errors import RecipeError
from tidegate.kernels import GATES, architecture, weight_names
from tidegate.runtime import load
from tidegate.training.classification.corpus import read_corpus as read_texts_corpus
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.classification.task import ClassifyTask
from tidegate.training.files import RunFiles
from tidegate.training.generation.corpus import GenerateFiles
from tidegate.training.generation.corpus import read_corpus as read_generate_corpus
from tidegate.training.generation.recipe import GenerateRecipe
from tidegate.training.generation.task import GenerateTask
from tidegate.training.recipe import build_recipe
from tidegate.training.run import begin_with_source, train
from tidegate.training.tagging.corpus import read_corpus
from tidegate.training.tagging.recipe import TagRecipe
from tidegate.training.tagging.task import TagTask

Tensors = Mapping[str, NDArray[Any]]
H, E = 6, 5
# Of the text of the language models: both "The" and "the"; "Paris" with a capital alone; numbers of one key.
TEXT = "The bears sewn\nthe bears of Paris in 1984\nin 2001 zebras and Ants\n"


def language_model(
    path: Path, text: str = TEXT, *, arch: str = "lstm", unit: Any = "word", layers: int = 1, layer_norm: bool = False, seed: int = 0
) -> Path:
    """A directory as `train generate` writes it, every number drawn by chance."""
    chance = np.random.default_rng(seed)
    units = count_units([text], unit, min_count=1, vocabulary_size=0 if unit != "bpe" else 300, line_breaks="unit", lowercase=False)
    entry = architecture(arch)
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (len(units), E), "head.bias": (len(units),)}
    rows = GATES[entry.cell] * H
    for stack in ("left", "right") if entry.is_bidirectional else ("stack",):
        for layer in range(layers):
            sizes = {"weight_ih": (rows, H if layer else E), "weight_hh": (rows, H), "gain_c": (H,), "shift_c": (H,)}
            for name in weight_names(entry.cell, layer_norm=layer_norm):
                shapes[f"{stack}.layers.{layer}.0.{name}"] = sizes.get(name, (rows,))
        shapes["projection.weight" if stack == "stack" else f"{stack}_projection.weight"] = (E, H)
    if entry.is_bidirectional:
        shapes |= {"both_hidden.weight": (H, 2 * H), "both_hidden.bias": (H,), "both_projection.weight": (E, H)}
    tensors = {name: chance.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    network = {"arch": arch, "hidden_size": H, "num_layers": layers, "embedding_size": E, "is_tied": True, "layer_norm": layer_norm}
    recipe = {"unit": unit, "min_count": 1, "vocabulary_size": 0, "line_breaks": "unit", "lowercase": False}
    config = {"task": "generate", "arch": arch, "network": network, "recipe": recipe}
    partial = path.with_name(path.name + ".partial")
    partial.mkdir(parents=True)
    finish_output(partial, path, ModelContent(config, tensors, units.to_json(), {}, "a language model"))
    return path


def tag_task(train_file: Path, source: Path | str, **settings: Any) -> TagTask:
    small = {key: value for key, value in SMALL.items() if key not in ("hidden_size", "word_size")}
    recipe = build_recipe(TagRecipe, options={**small, "init_from": source, **settings})
    return TagTask(recipe, read_corpus(RunFiles([str(train_file)], [str(train_file)]), recipe))


def begun(task: Any) -> tuple[Tensors, Tensors, str]:
    """The tensors of the task's fresh network, those after inheriting, and what was said."""
    network = task.build_network()
    fresh = {name: tensor.numpy().copy() for name, tensor in network.state_dict().items()}
    said = begin_with_source(network, task)
    return fresh, {name: tensor.numpy() for name, tensor in network.state_dict().items()}, said


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    """Two labelled sentences; of their words the language model knows 'the', 'paris', '0000' and 'Ants'."""
    words = [("THE", "D"), ("paris", "N"), ("ants", "N"), ("saw", "V"), ("1999", "M")]
    text = "\n".join(f"{number}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_" for number, (word, tag) in enumerate(words, 1))
    (tmp_path / "train.conllu").write_text(text + "\n\n1\tsaw\t_\tV\t_\t_\t_\t_\t_\t_\n\n", encoding="utf-8")
    return tmp_path / "train.conllu"


def test_vectors_come_by_the_words_key_and_the_sources_other_words_are_added(tmp_path: Path, sentences: Path) -> None:
    source = language_model(tmp_path / "lm")
    task = tag_task(sentences, source)
    fresh, given, said = begun(task)
    stored = read_model(source)
    of = dict(zip(stored.vocabulary["texts"], stored.tensors["embedding.weight"], strict=True))
    words = task.corpus.vocabulary.words
    got = dict(zip(words, given["word_embedding.weight"][1:], strict=True))
    assert set(words) == {"the", "paris", "ants", "saw", "0000", "bears", "sewn", "of", "in", "zebras", "and"}
    for word in ("the", "bears", "sewn", "of", "in", "zebras", "and"):  # in lower case there, 'The' or not
        np.testing.assert_array_equal(got[word], of[word], err_msg=word)
    np.testing.assert_array_equal(got["paris"], of["Paris"])
    np.testing.assert_array_equal(got["ants"], of["Ants"])
    np.testing.assert_allclose(got["0000"], (of["1984"] + of["2001"]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(got["saw"], fresh["word_embedding.weight"][1 + words.index("saw")])
    np.testing.assert_array_equal(given["word_embedding.weight"][0], of[""])
    for name in ("shape_embedding.weight", "character_encoder.filters.weight", "heads.0.weight", "crfs.0.pair"):
        np.testing.assert_array_equal(given[name], fresh[name], err_msg=name)
    assert said == (
        f"begun with {source}: 4 of 5 words of the training data have its vectors, 6 more were added; recurrent layers taken: 1 forward"
    )


def test_added_words_have_their_vectors_but_count_as_unseen(tmp_path: Path, sentences: Path) -> None:
    task = tag_task(sentences, language_model(tmp_path / "lm"), max_epochs=1, head="softmax")
    assert task.corpus.vocabulary.counts[-6:] == (0,) * 6
    assert [task.corpus.table.is_known(word) for word in ("Saw", "the", "zebras", "bears", "unheard")] == [True, True, False, False, False]
    for rate in (0.0, 0.25):
        recipe = task.recipe.model_copy(update={"word_dropout": rate})
        assert torch.isfinite(TagTask(recipe, task.corpus).build_network().word_rates).all()
    path = train(task, tmp_path / "model", quiet=True).path
    stored, own = read_model(path), read_model(tmp_path / "lm")
    for word in ("zebras", "bears"):  # no gradient has moved them, weight decay has made them a little shorter
        kept = stored.tensors["word_embedding.weight"][1 + stored.vocabulary["words"].index(word)]
        given = own.tensors["embedding.weight"][own.vocabulary["texts"].index(word)]
        np.testing.assert_allclose(kept, given, rtol=1e-2)
    test = "1\tzebras\t_\tN\t_\t_\t_\t_\t_\t_\n2\tsaw\t_\tV\t_\t_\t_\t_\t_\t_\n\n"
    (tmp_path / "test.conllu").write_text(test, encoding="utf-8")
    scores = load(path).evaluate(read_corpus(RunFiles([str(sentences)], [str(tmp_path / "test.conllu")]), task.recipe).dev)
    assert scores["n_unseen"] == 1


def test_words_below_min_count_keep_their_count_and_their_vector(tmp_path: Path, sentences: Path) -> None:
    task = tag_task(sentences, language_model(tmp_path / "lm"), min_count=2)
    vocabulary = task.corpus.vocabulary
    counts = dict(zip(vocabulary.words, vocabulary.counts, strict=True))
    assert counts["saw"] == 2
    assert (counts["paris"], counts["bears"]) == (1, 0)
    assert vocabulary.inherited == len(vocabulary.words) - 1


# Of each target stack and layer, what it is given: source stack and layer; the rest stays fresh.
ONE, TWO = {"0.0": "stack.layers.0.0"}, {"0.0": "left.layers.0.0", "0.1": "right.layers.0.0"}


@pytest.mark.parametrize(
    ("source", "target", "layers", "expected", "layer_norm"),
    [
        ("lstm", "lstm", 1, ONE, False),
        ("lstm", "bilstm", 1, ONE, False),
        ("bilstm", "bilstm", 1, TWO, False),
        ("bigru", "gru", 1, {"0.0": "left.layers.0.0"}, False),
        ("gru", "gru", 2, {"0.0": "stack.layers.0.0", "1.0": "stack.layers.1.0"}, False),
        ("bilstm", "lstm", 2, {"0.0": "left.layers.0.0", "1.0": "left.layers.1.0"}, False),
        ("bilstm", "bilstm", 2, TWO, False),  # the second layer of the target reads both directions, that of the source one
        ("bilstm", "bilstm", 1, TWO, True),
        ("gru", "gru", 2, {"0.0": "stack.layers.0.0", "1.0": "stack.layers.1.0"}, True),
        ("gru-reset-after", "bigru-reset-after", 1, ONE, True),
        ("rnn", "birnn", 1, ONE, False),
        ("mingru", "bimingru", 1, ONE, False),
        ("biminlstm", "biminlstm", 1, TWO, False),
        ("gru-reset-after", "bigru-reset-after", 1, ONE, False),
    ],
)
def test_recurrent_layers_are_taken_where_their_widths_agree(
    source: str, target: str, layers: int, expected: dict[str, str], layer_norm: bool, tmp_path: Path, sentences: Path
) -> None:
    lm = language_model(tmp_path / "lm", arch=source, layers=layers, layer_norm=layer_norm)
    task = tag_task(sentences, lm, arch=target)
    assert (task.recipe.hidden_size, task.recipe.word_size, task.recipe.num_layers, task.recipe.layer_norm) == (H, E, layers, layer_norm)
    fresh, given, said = begun(task)
    own = read_model(lm).tensors
    width = given["stack.layers.0.0.weight_ih"].shape[1]
    assert width == E + 4 + 8
    for name in (name for name in given if name.startswith("stack.")):
        place, part = ".".join(name.split(".")[2:4]), name.rpartition(".")[2]
        wanted = own[f"{expected[place]}.{part}"] if place in expected else fresh[name]
        if part == "weight_ih" and place in expected and place.startswith("0"):
            wanted = np.concatenate([wanted, fresh[name][:, E:]], axis=1)
        np.testing.assert_array_equal(given[name], wanted, err_msg=name)
    assert ("1 forward and backward" in said) == (len([place for place in expected if place[0] == "0"]) == 2)
    assert ("2 forward" in said) == ("1.0" in expected)


def test_without_an_arch_a_tagger_reads_both_ways_with_the_sources_cell(tmp_path: Path, sentences: Path) -> None:
    task = tag_task(sentences, language_model(tmp_path / "lm", arch="gru"))
    assert task.recipe.arch == "bigru"
    recipe = build_recipe(TagRecipe, preset="best", options={"init_from": tmp_path / "lm", "num_layers": 2})
    assert (recipe.hidden_size, recipe.num_layers, recipe.dropout) == (H, 2, TagRecipe.PRESETS["best"]["dropout"])


@pytest.mark.parametrize(
    ("source", "schema", "settings", "message"),
    [
        ({}, TagRecipe, {"hidden_size": 7}, r"has hidden_size = 6, but 7 is asked for\. Leave hidden_size out"),
        ({}, TagRecipe, {"word_size": 8, "hidden_size": 9}, r"hidden_size = 6, but 9 is asked for, word_size = 5, but 8 is asked for"),
        ({}, TagRecipe, {"layer_norm": True}, r"layer_norm = False, but True is asked for"),
        ({"arch": "gru"}, TagRecipe, {"arch": "lstm"}, r"is a gru, whose weights do not fit arch lstm\. Use gru or bigru\."),
        ({"unit": "char"}, TagRecipe, {}, r"reads characters, but this run words"),
        ({"unit": "char"}, ClassifyRecipe, {"unit": "word"}, r"reads characters, but this run words"),
        ({}, ClassifyRecipe, {"unit": "char"}, r"reads words, but this run characters"),
        ({"unit": "bpe"}, ClassifyRecipe, {}, r"reads pieces of words \(bpe\), but this run words or characters"),
    ],
)
def test_what_does_not_fit_is_refused_with_both_sides_named(
    source: dict[str, Any], schema: Any, settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    if source.get("unit") == "bpe":
        pytest.importorskip("tokenizers")
    lm = language_model(tmp_path / "lm", **source)
    with pytest.raises(RecipeError, match=message):
        build_recipe(schema, options={"init_from": str(lm), **settings})


def test_a_model_of_another_task_or_of_other_text_is_refused(tmp_path: Path, sentences: Path, toy_classifier: Path) -> None:
    with pytest.raises(RecipeError, match=r"is of the task classify; a run of tag can begin with a model of generate or of tag"):
        build_recipe(TagRecipe, options={"init_from": toy_classifier})
    task = tag_task(sentences, language_model(tmp_path / "lm", "vad heter du\n"))
    with pytest.raises(RecipeError, match=r"knows none of the 5 words of the training data\. Name a model that was trained on text of"):
        begun(task)
    with pytest.raises(RecipeError, match="knows none"):
        train(task, tmp_path / "model", quiet=True)
    assert not list(tmp_path.glob("model*"))


def test_an_arch_of_another_cell_is_refused_of_a_comparison_too(tmp_path: Path) -> None:
    recipe = build_recipe(TagRecipe, options={"init_from": language_model(tmp_path / "lm")})
    assert recipe.with_arch("lstm", None).arch == "lstm"
    with pytest.raises(RecipeError, match="Use lstm or bilstm"):
        recipe.with_arch("gru", None)


def test_a_classifier_of_characters_takes_a_character_model(tmp_path: Path, toy_texts: Path) -> None:
    lm = language_model(tmp_path / "lm", "Bread, bread & Q\n", unit="char", arch="bigru")
    small = {key: value for key, value in SMALL_CLASSIFIER.items() if key not in ("hidden_size", "word_size")}
    recipe = build_recipe(ClassifyRecipe, options={**small, "init_from": lm, "wide": False})
    assert (recipe.unit, recipe.arch) == ("char", "bigru")
    task = ClassifyTask(recipe, read_texts_corpus(RunFiles([str(toy_texts / "train.csv")], [str(toy_texts / "dev.csv")]), recipe))
    _, given, said = begun(task)
    stored = read_model(lm)
    of = dict(zip(stored.vocabulary["texts"], stored.tensors["embedding.weight"], strict=True))
    got = dict(zip(task.corpus.vocabulary.words, given["word_embedding.weight"][1:], strict=True))
    np.testing.assert_array_equal(got["b"], of["b"])
    np.testing.assert_array_equal(got["q"], of["Q"])
    np.testing.assert_array_equal(got[" "], of[" "])
    assert "\n" not in got
    assert "characters of the training data" in said


@pytest.mark.parametrize("settings", [{}, {"arch": "gru", "num_layers": 2, "character_encoder": "bilstm", "head": "softmax"}])
def test_a_tagger_goes_on_as_the_tagger_that_it_begins_with(
    settings: dict[str, Any], train_toy: Callable[..., Any], toy_files: Path, tmp_path: Path
) -> None:
    source = train_toy(tmp_path / "first", max_epochs=2, **settings).path
    again = tmp_path / "again.conllu"
    again.write_text(conllu_text(150, seed=9), encoding="utf-8")  # words and labels in another order, some of them gone
    recipe = build_recipe(TagRecipe, options={"init_from": source})
    task = TagTask(recipe, read_corpus(RunFiles([str(again)], [str(toy_files / "dev.conllu")]), recipe))
    assert recipe.arch == settings.get("arch", "bilstm")
    assert read_model(source).vocabulary["words"] != task.vocabulary_json()["words"]
    network = task.build_network()
    begin_with_source(network, task)
    records = task.corpus.dev
    scores, before = task.as_model(network.eval()).evaluate(records), load(source).evaluate(records)
    for key in ("accuracy", "ece"):
        assert scores[key] == pytest.approx(before[key], abs=1e-6)


def test_a_classifier_goes_on_as_the_classifier_that_it_begins_with(
    train_texts: Callable[..., Any], toy_texts: Path, tmp_path: Path
) -> None:
    source = train_texts(tmp_path / "first", wide=False, pooling="mean,max", max_epochs=2).path
    recipe = build_recipe(ClassifyRecipe, options={"init_from": source, "wide": False})
    assert recipe.pooling == ("mean", "max")
    task = ClassifyTask(recipe, read_texts_corpus(RunFiles([str(toy_texts / "test.csv")], [str(toy_texts / "dev.csv")]), recipe))
    network = task.build_network()
    begin_with_source(network, task)
    texts = [record.text for record in task.corpus.dev]
    np.testing.assert_allclose(task.as_model(network.eval()).predict_proba(texts), load(source).predict_proba(texts), atol=1e-6)


GENERATE = {"max_epochs": 1, "window": 8, "streams": 2, "dev_share": 0.2}


def other_text(path: Path) -> Path:
    """Text with a unit, of words and of characters, that no source knows."""
    path.write_text("so the bears of Paris and the zebras in 1984 said łódź\n" * 20, encoding="utf-8")
    return path


def generate_task(path: Path, source: Path, **settings: Any) -> GenerateTask:
    recipe = build_recipe(GenerateRecipe, options={**GENERATE, "init_from": source, **settings})
    return GenerateTask(recipe, read_generate_corpus(GenerateFiles([str(path)]), recipe))


@pytest.mark.parametrize("unit", ["char", "word", "bpe"])
@pytest.mark.parametrize("arch", ["gru", "bilstm"])
@pytest.mark.parametrize("tied", [False, True])
def test_a_language_model_goes_on_as_the_one_that_it_begins_with(unit: str, arch: str, tied: bool, tmp_path: Path) -> None:
    if unit == "bpe":
        pytest.importorskip("tokenizers")
    (tmp_path / "first.txt").write_text(TEXT * 20, encoding="utf-8")
    sizes = {"arch": arch, "unit": unit, "tied": tied, "hidden_size": H, "embedding_size": E, "num_layers": 2}
    counted = {"min_count": 3, "vocabulary_size": 300 if unit == "bpe" else 0}
    recipe = build_recipe(GenerateRecipe, options=GENERATE | sizes | counted)
    source = train(
        GenerateTask(recipe, read_generate_corpus(GenerateFiles([str(tmp_path / "first.txt")]), recipe)), tmp_path / "lm", quiet=True
    )
    task = generate_task(other_text(tmp_path / "other.txt"), source.path)
    assert {key: getattr(task.recipe, key) for key in sizes | counted} == sizes | counted
    _, given, said = begun(task)
    stored = read_model(source.path)
    assert task.vocabulary_json() == stored.vocabulary
    assert given.keys() == stored.tensors.keys()
    for name, tensor in stored.tensors.items():
        np.testing.assert_array_equal(given[name], tensor, err_msg=name)
    assert ("2 forward and backward" if arch == "bilstm" else "2 forward") in said
    assert (unit == "bpe") != any("of the training text are unknown to the model that the run begins with" in n for n in task.corpus.notes)
    with pytest.raises(RecipeError, match=r"min_count = 3, but 2 is asked for\. Leave min_count out"):
        generate_task(tmp_path / "other.txt", source.path, min_count=2)


def test_a_one_way_language_model_begins_a_two_way_one_and_the_other_way_round(tmp_path: Path) -> None:
    for first, second, pairs in (("lstm", "bilstm", {"left": "stack"}), ("bilstm", "lstm", {"stack": "left"})):
        lm = language_model(tmp_path / first, arch=first)
        fresh, given, _ = begun(generate_task(other_text(tmp_path / "other.txt"), lm, arch=second))
        own = read_model(lm).tensors
        taken = {f"{mine}.layers.0.0.{part}": f"{its}.layers.0.0.{part}" for mine, its in pairs.items() for part in weight_names("lstm")}
        taken |= {"embedding.weight": "embedding.weight", "head.bias": "head.bias"}
        for name, tensor in given.items():
            np.testing.assert_array_equal(tensor, own[taken[name]] if name in taken else fresh[name], err_msg=name)


def test_a_text_that_a_language_model_cannot_read_is_refused(tmp_path: Path) -> None:
    lm = language_model(tmp_path / "lm", unit="char")
    (tmp_path / "other.txt").write_text("ЖЗИЙКЛМНО\n" * 30, encoding="utf-8")
    with pytest.raises(RecipeError, match=r"216 of the 240 characters of the training text, the first 'Ж', are unknown to the model"):
        generate_task(tmp_path / "other.txt", lm)


def test_a_run_is_resumed_without_the_source_and_to_the_same_bits(train_toy: Callable[..., Any], toy_files: Path, tmp_path: Path) -> None:
    source = train_toy(tmp_path / "lm", max_epochs=1).path
    whole = train_toy(tmp_path / "whole", init_from=source, max_epochs=3)

    with power_cut():
        train_toy(tmp_path / "cut", init_from=source, max_epochs=3)

    other = train_toy(tmp_path / "elsewhere" / "lm", max_epochs=2, seed=2).path
    with pytest.raises(RecipeError, match=r"the interrupted run began with another model of the name lm\. Resume with"):
        train_toy(tmp_path / "cut", init_from=other, max_epochs=3, resume=True)
    renamed = shutil.copytree(source, tmp_path / "renamed")
    with pytest.raises(RecipeError, match=r"other settings \(init_from 'lm' -> 'renamed'\)"):
        train_toy(tmp_path / "cut", init_from=renamed, max_epochs=3, resume=True)

    shutil.rmtree(source)
    recipe = build_recipe(TagRecipe, options={**SMALL, "max_epochs": 3, "init_from": str(source)}, resumed=tmp_path / "cut")
    corpus = read_corpus(RunFiles([str(toy_files / "train.conllu")], [str(toy_files / "dev.conllu")]), recipe)
    resumed = train(TagTask(recipe, corpus), tmp_path / "cut", resume=True, quiet=True)
    mine, theirs = read_model(resumed.path), read_model(whole.path)
    for name, tensor in theirs.tensors.items():
        np.testing.assert_array_equal(mine.tensors[name], tensor, err_msg=name)
    assert not list(tmp_path.glob("cut/training/init_from"))
    assert mine.config["recipe"] == theirs.config["recipe"]


def test_the_directory_stands_on_its_own_and_says_where_it_came_from(
    train_toy: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = train_toy(tmp_path / "deep" / "lm", max_epochs=1).path
    path = train_toy(tmp_path / "model", init_from=source, max_epochs=1).path
    shutil.rmtree(source)
    assert load(path).predict([["Teddy", "bears"]])
    assert "It began with weights of the model `lm` (`init_from`)." in (path / "README.md").read_text(encoding="utf-8")
    assert str(tmp_path) not in (path / "config.json").read_text(encoding="utf-8")
    assert capsys.readouterr().err == ""  # it was asked to be quiet
