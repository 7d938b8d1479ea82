"""What is read for a translator: units by the look of the pairs, splits, notes; settings; and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidegate.artefact import ModelContent, finish_output
from tidegate.data.pairs import Entry, entries_of
from tidegate.data.units import count_units
from tidegate.errors import DataError, RecipeError
from tidegate.training.files import RunFiles
from tidegate.training.generation.recipe import GenerateRecipe
from tidegate.training.inheritance import inherit
from tidegate.training.recipe import build_recipe, recipe_names
from tidegate.training.translation.corpus import TranslateCorpus, corpus_of, read_corpus
from tidegate.training.translation.recipe import TranslateRecipe

SENTENCES = [(f"the small dog number {name} barks .", f"el perro {name} ladra .") for name in "abcdefghijklmnopqrst"]
ARPABET = [(word, " ".join(f"{letter.upper()}0" for letter in word)) for word in ("abc", "bca", "cab", "acb", "bac", "cba")]


def in_memory(pairs: list[tuple[str, str]], dev: list[tuple[str, str]] | None = None, **settings: Any) -> TranslateCorpus:
    recipe = build_recipe(TranslateRecipe, options=settings)
    return corpus_of(entries_of(pairs), entries_of(dev if dev is not None else pairs[:1]), (), recipe)


def test_reading_a_corpus_brings_in_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys, tidegate.training.translation.corpus, tidegate.training.translation.baseline\n"
        "print([name for name in ('torch', 'lightning', 'sklearn', 'scipy', 'pandas') if name in sys.modules])\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("pairs", "kinds"),
    [
        (SENTENCES, ("word", "word")),
        (ARPABET, ("char", "token")),
        # WikiPron.
        ([("chat", "t͡ʃ æ t"), ("eau", "o"), ("fille", "f i j"), ("avoir", "a v w a ʁ")], ("char", "token")),
        # A dictionary of phrases is no list of phones, and neither is IPA in one piece.
        ([("go", "marcharse ahora"), ("see", "llegar a ver"), ("eat", "comer")], ("char", "char")),
        ([("chat", "tʃæt"), ("fille", "fij")], ("char", "char")),
        ([("Tuesday, 3 May 1979", "1979-05-03"), ("the 4th of July 2001", "2001-07-04")], ("char", "char")),
        ([("we saw 3 dogs and 4 cats near the old harbour wall", "vimos 3 perros y 4 gatos cerca del viejo muelle")], ("word", "word")),
        # Sentences with blanks on one side alone.
        ([("how are you today ?", "你今天好吗？"), ("i am very well .", "我很好。")], ("word", "char")),
    ],
)
def test_units_are_chosen_by_the_look_of_the_pairs_and_said(pairs: list[tuple[str, str]], kinds: tuple[str, str]) -> None:
    corpus = in_memory(pairs, min_count=1)
    assert (corpus.source_units.kind, corpus.target_units.kind) == kinds
    nouns = {"char": "characters", "word": "words", "token": "tokens"}
    assert corpus.notes[0].startswith(f"the source is read as {nouns[kinds[0]]}, the target written as {nouns[kinds[1]]}, by the look of")
    # What was asked for is taken, and where nothing was left open nothing is said.
    asked = in_memory(pairs, min_count=1, source_unit="token", target_unit="char")
    assert (asked.source_units.kind, asked.target_units.kind) == ("token", "char")
    assert "--source-unit" not in " ".join(asked.notes)


def test_a_lexicon_is_spelling_to_phones(tmp_path: Path) -> None:
    path = tmp_path / "toy.dict"
    path.write_text(
        "read R EH1 D\nread(2) R IY1 D\nof AH1 V\n(to-day) T AH0\n" + "".join(f"{a} {b}\n" for a, b in ARPABET), encoding="utf-8"
    )
    corpus = read_corpus(RunFiles([str(path)]), build_recipe(TranslateRecipe, options={"stress": "drop", "dev_share": 0.2}))
    assert corpus.is_lexicon
    assert (corpus.source_units.kind, corpus.target_units.kind) == ("char", "token")
    assert {"AH", "EH"} <= {phone for entry in (*corpus.train, *corpus.dev) for target in entry.targets for phone in target.split()}
    assert not any("1" in target for entry in corpus.train for target in entry.targets)
    assert (len(corpus.train), len(corpus.dev), corpus.test) == (7, 2, ())
    assert corpus.split == "the development set is 20 % of the sources, drawn by seed 1"
    assert corpus.notes[0] == "read as a lexicon: a word a line, then its phones with blanks between"


def test_pairs_are_numbered_one_for_each_target_with_units_of_training_alone() -> None:
    train = [("ab", "X Y"), ("ab", "Y"), ("b", "X")]
    corpus = in_memory(train, [("abz", "X Q"), ("b", "Q")], source_unit="char", target_unit="token")
    assert corpus.source_units.texts == ("", "b", "a")
    assert corpus.target_units.texts == ("", "X", "Y")
    assert [(pair.source.tolist(), pair.target.tolist()) for pair in corpus.pairs] == [([2, 1, 3], [1, 2]), ([2, 1, 3], [2]), ([1, 3], [1])]
    assert (corpus.longest_source, corpus.longest_target, corpus.tokens) == (2, 2, 15)
    assert corpus.notes == (
        "3 pairs to train on, of 2 sources; 2 different characters in the source, 2 tokens in the target; the development set is the one given",
        "1 of the 4 characters in the sources of the development set are unknown, the first 'z'",
        "2 of the 3 tokens in the targets of the development set are unknown, the first 'Q'",
        "1 of the 2 sources of the development set stand in the training data too: its scores flatter",
    )


def test_words_have_no_line_end_among_them_and_are_written_with_the_blanks_of_training() -> None:
    corpus = in_memory(
        [("Well, Prince!", "Bien, Príncipe!"), ("so, Prince", "sí, Príncipe")], source_unit="word", target_unit="word", min_count=1
    )
    assert "\n" not in corpus.target_units.texts
    assert sorted(corpus.target_units.texts) == ["", "!", ",", "Bien", "Príncipe", "sí"]
    assert corpus.target_units.decode(corpus.target_units.encode("sí, Príncipe!")) == "sí, Príncipe!"
    lower = in_memory([("Well A", "B C")], source_unit="word", target_unit="word", min_count=1, lowercase=True)
    assert lower.source_units.encode("wELL a").all()
    assert "\n" not in in_memory([("ab", "X")], source_unit="char", target_unit="char").source_units.texts


def test_rare_words_are_unknown_by_default_but_no_character_is() -> None:
    pairs = [("a a b q", "x x y z")]
    assert in_memory(pairs, source_unit="word", target_unit="token").source_units.texts == ("", "a")
    assert in_memory(pairs, source_unit="word", target_unit="token").target_units.texts == ("", "x", "y", "z")
    assert len(in_memory(pairs, source_unit="char", target_unit="token", vocabulary_size=2).target_units) == 2
    with pytest.raises(RecipeError, match=r"none of the words of the sources would be known, with min_count = 2 and vocabulary_size = 0"):
        in_memory([("a b", "c")], source_unit="word", target_unit="char")


def test_pieces_are_learnt_on_each_side_by_itself() -> None:
    pytest.importorskip("tokenizers")
    corpus = in_memory(SENTENCES, source_unit="bpe", target_unit="bpe", vocabulary_size=300)
    assert " dog" in corpus.source_units.texts
    assert " dog" not in corpus.target_units.texts
    assert 257 < len(corpus.source_units) <= 300
    with pytest.raises(RecipeError, match="more than 256 was expected"):
        in_memory(SENTENCES, source_unit="bpe", vocabulary_size=100)


def test_long_pairs_are_left_out_of_training_and_counted() -> None:
    pairs = [("a" * 5, "x"), ("a" * 6, "x"), ("a", "x" * 6), ("b", "xy")]
    corpus = in_memory(pairs, source_unit="char", target_unit="char", max_units=5)
    assert [len(pair.source) - 1 for pair in corpus.pairs] == [5, 1]
    assert (len(corpus.train), corpus.longest_source, corpus.longest_target) == (4, 5, 2)
    assert "2 pairs with a side of more than 5 units are left out of training (max_units)" in corpus.notes
    with pytest.raises(DataError, match=r"every pair to train on has a side of more than 1 units \(characters of the source, "):
        in_memory([("aa", "x")], source_unit="char", target_unit="char", max_units=1)


GIVEN = [Entry("given", ("x",))]


@pytest.mark.parametrize(
    ("dev", "test", "test_share", "sizes", "split"),
    [
        ((), (), 0.0, (18, 2, 0), "the development set is 10 % of the sources, drawn by seed 1"),
        (
            (),
            (),
            0.2,
            (14, 2, 4),
            "the development set is 10 % of the sources, drawn by seed 1; the test set is 20 % of the sources, drawn by seed 1",
        ),
        (GIVEN, (), 0.2, (16, 1, 4), "the development set is the one given; the test set is 20 % of the sources, drawn by seed 1"),
        ((), GIVEN, 0.2, (18, 2, 1), "the test set is the one given; the development set is 10 % of the sources, drawn by seed 1"),
        (GIVEN, GIVEN, 0.2, (20, 1, 1), "the development set is the one given; the test set is the one given"),
    ],
)
def test_what_is_not_given_is_split_off(dev: Any, test: Any, test_share: float, sizes: tuple[int, ...], split: str) -> None:
    entries = entries_of(SENTENCES)
    corpus = corpus_of(
        entries, dev, test, build_recipe(TranslateRecipe, options={"dev_share": 0.1, "test_share": test_share, "min_count": 1})
    )
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == sizes
    assert corpus.split == split
    kept = {entry.source for entry in (*corpus.train, *corpus.dev, *corpus.test)} - {"given"}
    assert kept == {entry.source for entry in entries}
    assert len(corpus.pairs) == len(corpus.train)


def test_files_of_all_three_parts(tmp_path: Path) -> None:
    for name, pairs in (("train", SENTENCES), ("dev", SENTENCES[:3]), ("test", [("the cat", "el gato")])):
        rows = "".join(f"7\t{target}\t{source}\n" for source, target in pairs)
        (tmp_path / f"{name}.tsv").write_text(f"id\tes\ten\n{rows}", encoding="utf-8")
    train, dev, test = (str(tmp_path / f"{name}.tsv") for name in ("tr*n", "dev", "test"))
    corpus = read_corpus(RunFiles([train], [dev], [test]), build_recipe(TranslateRecipe, options={"source": "en", "target": 2}))
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (20, 3, 1)
    assert corpus.dev[0] == Entry(SENTENCES[0][0], (SENTENCES[0][1],), f"{dev}, line 2")
    assert corpus.split == f"the development set is {dev}; the test set is {test}"
    assert any("3 of the 3 sources of the development set stand in the training data too" in note for note in corpus.notes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"simultaneous": True}, r"simultaneous = True does not fit: an encoder that reads from both ends \(bilstm\) .* arch lstm"),
        ({"simultaneous": True, "arch": "gru", "attention": "none"}, "without attention the decoder waits for the summary"),
        ({"coverage_penalty": 0.2, "attention": "none"}, "coverage_penalty = 0.2 does not fit: without attention nothing tells"),
        ({"label_smoothing": 1.0}, "label_smoothing = 1.0 does not fit"),
        ({"beam": 0}, "beam = 0 does not fit"),
        ({"attention": "aditive"}, "attention = 'aditive' does not fit: input should be 'additive', 'multiplicative' or 'none'"),
        ({"decoder": "bilstm"}, "decoder = 'bilstm' does not fit"),
        ({"test_share": 0.96}, "together with dev_share it leaves nothing to train on"),
        ({"source": True}, "source = True does not fit"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build_recipe(TranslateRecipe, options=settings)


def test_the_zeros_are_settled_by_the_data() -> None:
    recipe = build_recipe(TranslateRecipe, options={"source": 1, "hidden_size": 32})
    assert recipe.source == "1"
    assert build_recipe(TranslateRecipe, options={"simultaneous": True, "arch": "mingru"}).decoder_cell == "mingru"
    small, large = recipe.settled("char", "token", 60_000), recipe.settled("char", "word", 60_000_000)
    assert (small.source_unit, small.target_unit, small.embedding_size, small.decoder_size) == ("char", "token", 64, 32)
    assert (small.decoder, small.decoder_cell) == ("auto", "lstm")  # another architecture of the same run has its own
    assert (large.embedding_size, large.max_epochs, small.max_epochs) == (256, 15, 50)
    asked = build_recipe(TranslateRecipe, options={"decoder": "gru", "decoder_size": 8, "embedding_size": 4, "max_epochs": 2})
    assert asked.settled("word", "word", 1) == asked.model_copy(update={"source_unit": "word", "target_unit": "word"})


@pytest.mark.parametrize("name", recipe_names(TranslateRecipe))
def test_recipes_that_come_with_tidegate_are_sound(name: str) -> None:
    assert build_recipe(TranslateRecipe, recipe=name).task == "translate"


SHAPES = {"source_embedding.weight": (4, 5), "bridge.weight": (12, 6), "head.bias": (4,)}


def translator(path: Path, **recipe: Any) -> Path:
    """A directory as `train translate` writes it, of a few tensors drawn by chance."""
    chance = np.random.default_rng(0)
    network = {"arch": "bigru", "hidden_size": 6, "num_layers": 1, "embedding_size": 5, "layer_norm": False, "decoder": "gru"}
    network |= {"decoder_size": 6, "decoder_layers": 2, "attention": "additive", "is_simultaneous": False}
    settings = {"source_unit": "char", "target_unit": "token", "stress": "keep", "lowercase": False, "min_count": 0, "vocabulary_size": 0}
    config = {"task": "translate", "arch": "bigru", "network": network, "recipe": settings | recipe}
    units = [
        count_units([text], kind, min_count=1, vocabulary_size=0, line_breaks="unit", lowercase=False).to_json()
        for text, kind in (("aab", "char"), ("X X Y", "token"))
    ]
    tensors = {name: chance.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    partial = path.with_name(path.name + ".partial")
    partial.mkdir(parents=True)
    vocabulary = {"source": units[0], "target": units[1]}
    finish_output(partial, path, ModelContent(config, tensors, vocabulary, {}, "a translator"))
    return path


def test_a_translator_goes_on_with_sizes_units_and_weights_of_another(tmp_path: Path) -> None:
    source = translator(tmp_path / "first")
    recipe = build_recipe(TranslateRecipe, options={"init_from": source, "dropout": 0.3})
    assert (recipe.arch, recipe.hidden_size, recipe.embedding_size, recipe.decoder) == ("bigru", 6, 5, "gru")
    assert (recipe.source_unit, recipe.target_unit, recipe.simultaneous) == ("char", "token", False)
    corpus = corpus_of(entries_of([("abc", "Y X X"), ("ba", "X")]), entries_of([("ab", "X")]), (), recipe)
    assert (corpus.source_units.texts, corpus.target_units.texts) == (("", "a", "b"), ("", "X", "Y"))
    assert corpus.pairs[0].source.tolist() == [1, 2, 0, 3]
    fresh = {name: np.zeros(shape, dtype=np.float32) for name, shape in SHAPES.items()} | {"head.bias": np.zeros(9, dtype=np.float32)}
    settled = recipe.settled("char", "token", corpus.tokens)
    tensors, said = inherit(settled, fresh, {})
    assert said == f"begun with {source}: its units and 2 of 3 tensors taken"
    assert tensors["bridge.weight"].all()
    assert not tensors["head.bias"].any()
    with pytest.raises(RecipeError, match=r"init_from: 2 of the 2 tokens of the targets are unknown to the model"):
        corpus_of(entries_of([("ab", "P Q")]), entries_of([("ab", "X")]), (), recipe)


@pytest.mark.parametrize(
    ("schema", "settings", "message"),
    [
        (TranslateRecipe, {"arch": "gru"}, "has arch = bigru, but gru is asked for. Leave arch out"),
        (
            TranslateRecipe,
            {"attention": "none", "hidden_size": 7},
            "has hidden_size = 6, but 7 is asked for, attention = additive, but none",
        ),
        (TranslateRecipe, {"target_unit": "char"}, "has target_unit = token, but char is asked for"),
        (GenerateRecipe, {}, "is of the task translate; a run of generate can begin with a model of generate."),
    ],
)
def test_what_does_not_fit_a_translator_to_begin_with_is_refused(
    schema: Any, settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError) as caught:
        build_recipe(schema, options={"init_from": translator(tmp_path / "first"), **settings})
    assert message in str(caught.value)


def test_a_translator_does_not_begin_with_a_model_of_another_task(tmp_path: Path, toy_classifier: Path) -> None:
    with pytest.raises(RecipeError, match="is of the task classify; a run of translate can begin with a model of translate"):
        build_recipe(TranslateRecipe, options={"init_from": toy_classifier})
