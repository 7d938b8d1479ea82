"""What is read for a classifier: columns, splits, notes, and what is refused with its place."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, get_args

import pytest

from conftest import topic_texts, write_table
from tidegate.errors import DataError, RecipeError
from tidegate.nn import Pool
from tidegate.training import pools
from tidegate.training.classification.corpus import ClassifyCorpus, read_corpus
from tidegate.training.classification.recipe import ClassifyRecipe
from tidegate.training.files import RunFiles
from tidegate.training.recipe import build_recipe


def corpus_of(train: Path, dev: Path | None = None, test: Path | None = None, **settings: Any) -> ClassifyCorpus:
    chosen = build_recipe(ClassifyRecipe, options={"wide": False, **settings})
    return read_corpus(RunFiles([str(train)], [str(dev)] if dev else [], [str(test)] if test else []), chosen)


def table(folder: Path, rows: list[tuple[str, str]], name: str = "train.csv") -> Path:
    return write_table(folder / name, "text,topic", *(list(column) for column in zip(*rows, strict=True)))


def numbered(*counts: tuple[str, int]) -> list[tuple[str, str]]:
    """So many texts of each label, all distinct."""
    return [(f"text {label} number{place}", label) for label, count in counts for place in range(count)]


def test_reading_a_corpus_brings_in_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys, tidegate.training.classification.corpus\n"
        "print([name for name in ('torch', 'lightning', 'sklearn', 'scipy', 'pandas') if name in sys.modules])\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    assert get_args(pools.Pool) == get_args(Pool)


def test_columns_are_found_and_said(toy_texts: Path) -> None:
    corpus = corpus_of(toy_texts / "train.csv", toy_texts / "dev.csv", toy_texts / "test.csv")
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (240, 60, 80)
    assert corpus.labels == ("food", "music", "weather")
    assert (corpus.columns.form, corpus.columns.text, corpus.columns.label) == ("table", "text", "topic")
    assert corpus.split == f"the development set is {toy_texts / 'dev.csv'}"
    assert corpus.notes[0] == "text 'text', label 'topic' (3 labels) found by their name; --text and --label name others"
    assert corpus.notes[-1] == corpus.split
    assert "240 distinct texts of 240; 3 labels" in corpus.notes[-2]
    assert (corpus.positive, corpus.is_rare, corpus.is_multi_label) == ("", False, False)
    assert corpus.tokens == sum(len(record.text.split()) for record in corpus.train)


def test_columns_with_odd_names_are_found_by_content_or_taken_as_asked(tmp_path: Path) -> None:
    X, y = topic_texts(40)
    path = write_table(tmp_path / "odd.csv", "Nr,What was said,Art", [str(place) for place in range(40)], X, y)
    found = corpus_of(path)
    assert (found.columns.text, found.columns.label) == ("What was said", "Art")
    assert found.notes[0] == "text 'What was said', label 'Art' (3 labels) found by their content; --text and --label name others"
    asked = corpus_of(path, text="2", label="art")
    assert (asked.columns.text, asked.columns.label) == ("What was said", "Art")
    assert not any("--text" in note or "--label" in note for note in asked.notes)


def test_a_missing_column_is_told_with_the_nearest(toy_texts: Path) -> None:
    with pytest.raises(
        DataError, match=r"train\.csv, line 1: there is no column 'topics' here; columns: 1 'text', 2 'topic'\. Did you mean 'topic'\?"
    ):
        corpus_of(toy_texts / "train.csv", label="topics")


def test_development_and_test_files_need_the_columns_of_the_training_file(toy_texts: Path, tmp_path: Path) -> None:
    other = write_table(tmp_path / "dev.csv", "text,kind", *topic_texts(10))
    with pytest.raises(DataError, match=r"dev\.csv, line 1: there is no column 'topic'"):
        corpus_of(toy_texts / "train.csv", other)


def test_empty_training_texts_are_left_out_and_said_with_the_first_line(tmp_path: Path) -> None:
    rows = [("rain", "wet"), ("", "wet"), ("sun and heat", "dry"), ("  ", "dry"), ("hail", "wet"), ("drought", "dry")]
    path = table(tmp_path, rows)
    corpus = corpus_of(path, path)
    assert [record.text for record in corpus.train] == ["rain", "sun and heat", "hail", "drought"]
    assert len(corpus.dev) == 6  # what is scored is not chosen by what is in it
    assert f"2 training texts are empty and left out (the first: {path}, line 3)." in corpus.notes


def test_nothing_but_empty_texts_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, [("", "x"), (" ", "y"), ("", "x"), ("", "y")])
    with pytest.raises(DataError, match=r"4 training texts are empty and left out .*There is no text to train on"):
        corpus_of(path, text="text", label="topic")


def test_one_label_only_is_refused_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"train\.csv, line 2: every text has the label 'x'; there is nothing to learn\. Name another column with --label"
    ):
        corpus_of(table(tmp_path, numbered(("x", 9))), label="topic")


def test_a_positive_or_out_of_scope_label_that_is_none_is_refused_with_the_nearest(tmp_path: Path) -> None:
    path = table(tmp_path, numbered(("ham", 8), ("spam", 4)))
    with pytest.raises(
        RecipeError, match=r"positive 'Spam' is no label of the training texts: ham \(8\), spam \(4\)\. Did you mean 'spam'\?"
    ):
        corpus_of(path, positive="Spam")
    with pytest.raises(RecipeError, match=r"out_of_scope 'spa' is no label of the training texts: .* Did you mean 'spam'\?"):
        corpus_of(path, out_of_scope="spa")
    many = table(tmp_path, numbered(*((f"kind{place}", 2) for place in range(11))))
    with pytest.raises(RecipeError, match=r"kind9 \(2\), …\. Name one of them"):
        corpus_of(many, positive="zzz")


@pytest.mark.parametrize(
    ("counts", "settings", "positive", "is_rare"),
    [
        ([("ham", 60), ("spam", 40)], {}, "spam", False),
        ([("ham", 80), ("spam", 20)], {}, "spam", True),
        ([("ham", 20), ("spam", 80)], {}, "ham", True),
        ([("ham", 50), ("spam", 50)], {}, "ham", False),
        ([("ham", 60), ("spam", 40)], {"positive": "ham"}, "ham", True),
        ([("ham", 60), ("spam", 20), ("news", 20)], {}, "", False),
        ([("ham", 60), ("spam", 20), ("news", 20)], {"positive": "news"}, "news", True),
        ([("ham", 80), ("spam", 20)], {"label_separator": "|"}, "", False),
    ],
)
def test_of_two_labels_the_rarer_one_is_positive(
    counts: Any, settings: dict[str, Any], positive: str, is_rare: bool, tmp_path: Path
) -> None:
    corpus = corpus_of(table(tmp_path, numbered(*counts)), **settings)
    assert (corpus.positive, corpus.is_rare) == (positive, is_rare)


def test_a_few_labels_of_the_test_file_that_training_lacks_are_said(toy_texts: Path, tmp_path: Path) -> None:
    texts, labels = topic_texts(80, seed=3)
    labels[4] = "whether"
    test = write_table(tmp_path / "test.csv", "text,topic", texts, labels)
    corpus = corpus_of(toy_texts / "train.csv", toy_texts / "dev.csv", test)
    assert (
        f"{test}, line 6: label 'whether' of column 'topic' is not among the 3 labels known from training. Did you mean 'weather'? "
        "Such labels count as wrong answers."
    ) in corpus.notes
    assert corpus.labels == ("food", "music", "weather")


@pytest.mark.parametrize("part", ["dev", "test"])
def test_many_labels_that_training_lacks_are_refused_with_the_first_ones_line(part: str, toy_texts: Path, tmp_path: Path) -> None:
    texts, labels = topic_texts(20, seed=3)
    labels[4:7] = ["whether", "drink", "drink"]
    files = {part: write_table(tmp_path / "odd.csv", "text,topic", texts, labels)}
    with pytest.raises(DataError, match=r"odd\.csv, line 6: label 'whether' .* So it is with 3 of 20 labels\. Correct the file"):
        corpus_of(toy_texts / "train.csv", **files)


def test_without_a_development_file_a_stratified_share_is_held_out_and_said(tmp_path: Path) -> None:
    path = table(tmp_path, [*numbered(("ham", 80), ("spam", 20)), *numbered(("ham", 5))])
    corpus = corpus_of(path, dev_share=0.2)
    assert len(corpus.train) + len(corpus.dev) == 105
    assert Counter(record.labels[0] for record in corpus.dev)["spam"] == 4
    assert not {record.text for record in corpus.train} & {record.text for record in corpus.dev}
    said = f"no development file: {len(corpus.dev)} of 105 texts held out (seed 1, stratified over distinct texts)"
    assert corpus.split == corpus.notes[-1] == said
    assert [record.text for record in corpus_of(path, dev_share=0.2).dev] == [record.text for record in corpus.dev]
    assert [record.text for record in corpus_of(path, dev_share=0.2, seed=2).dev] != [record.text for record in corpus.dev]


def test_texts_of_one_group_stay_on_one_side(tmp_path: Path) -> None:
    texts, labels = topic_texts(120)
    path = write_table(tmp_path / "train.csv", "text,topic,author", texts, labels, [f"author{place % 12}" for place in range(120)])
    corpus = corpus_of(path, group="author", dev_share=0.25)
    assert {record.group for record in corpus.train} | {record.group for record in corpus.dev} == {f"author{k}" for k in range(12)}
    assert not {record.group for record in corpus.train} & {record.group for record in corpus.dev}
    assert corpus.columns.group == "author"
    assert corpus.split.endswith("of 120 texts held out (seed 1, stratified over groups)")
    with pytest.raises(DataError, match=r"there is no column 'auther' here.*Did you mean 'author'\?"):
        corpus_of(path, group="auther")


def test_a_separator_cuts_a_cell_into_several_labels(tmp_path: Path) -> None:
    rows = [(f"text{place} {cell}", cell) for place, cell in enumerate(["a|b", "b", "", " c | a", "a|b"] * 6)]
    corpus = corpus_of(table(tmp_path, rows), label_separator="|", label="topic")
    assert corpus.is_multi_label
    assert corpus.labels == ("a", "b", "c")
    by_text = {record.text: record.labels for record in (*corpus.train, *corpus.dev)}
    assert [by_text[text] for text, _ in rows[:4]] == [("a", "b"), ("b",), (), ("c", "a")]
    batch = corpus.encoder.collate(corpus.encoded)
    assert batch.labels.tolist() == [[float(label in record.labels) for label in corpus.labels] for record in corpus.train]


def test_lists_of_labels_in_json_lines_make_several_labels_a_text(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(
        "".join(f'{{"text": "t{k}", "tags": {["[]", chr(91) + chr(34) + "x" + chr(34) + chr(93)][k % 2]}}}\n' for k in range(20)),
        encoding="utf-8",
    )
    corpus = corpus_of(path, label="tags")
    assert corpus.is_multi_label
    assert corpus.labels == ("x",)


def test_an_empty_label_without_a_separator_is_refused_with_its_line(tmp_path: Path) -> None:
    path = table(tmp_path, [("rain", "wet"), ("sun", ""), ("hail", "wet"), ("heat", "dry"), *numbered(("wet", 9), ("dry", 9))])
    with pytest.raises(
        DataError, match=r"train\.csv, line 3: the label 'topic' of 'sun' is empty; every text needs one\..*--label-separator"
    ):
        corpus_of(path)


@pytest.mark.parametrize(("unit", "what"), [("word", "words"), ("char", "characters")])
def test_texts_that_are_cut_off_are_counted_and_said(unit: str, what: str, tmp_path: Path) -> None:
    long = "a b c d e f g h i" if unit == "word" else "abcdefghi"
    path = table(tmp_path, [(long, "x"), (long + " or", "y"), ("or", "x"), ("no", "y")])
    corpus = corpus_of(path, path, unit=unit, max_length=8, label="topic", text="text")
    assert f"2 texts have more than 8 {what} and are cut off there; --set max_length=N reads more." in corpus.notes
    assert [len(text) for text in corpus.encoded] == [8, 8, *((1, 1) if unit == "word" else (2, 2))]
    assert corpus.tokens == sum(len(text) for text in corpus.encoded)


def test_a_text_of_just_the_longest_length_is_not_said_to_be_cut_off(tmp_path: Path) -> None:
    path = table(tmp_path, [("a b c", "x"), ("b c d", "y"), ("or", "x"), ("no", "y")])
    assert not [note for note in corpus_of(path, path, max_length=3, label="topic", text="text").notes if "cut off" in note]


def test_repetitions_between_training_and_test_are_said(toy_texts: Path) -> None:
    train, dev = toy_texts / "train.csv", toy_texts / "dev.csv"
    assert corpus_of(train, dev, train).notes[-2].endswith("look at: duplicates")
    assert corpus_of(train, dev, toy_texts / "test.csv").notes[-2].endswith("nothing odd")


def test_what_training_counts_are_the_training_texts_alone(tmp_path: Path) -> None:
    train = table(tmp_path, numbered(("x", 5), ("y", 5)))
    dev = table(tmp_path, [("unheard words here", "x"), ("text", "y")], "dev.csv")
    corpus = corpus_of(train, dev)
    assert "text" in corpus.vocabulary.words
    assert "unheard" not in corpus.vocabulary.words


def test_several_files_and_globs_are_read_as_one(tmp_path: Path) -> None:
    for part in (1, 2, 3):
        table(tmp_path, [(f"{text} part{part}", label) for text, label in numbered(("x", 3), ("y", 3))], f"part{part}.csv")
    chosen = build_recipe(ClassifyRecipe, options={"wide": False})
    files = RunFiles([str(tmp_path / "part[12].csv"), str(tmp_path / "part3.csv")])
    corpus = read_corpus(files, chosen)
    assert len(corpus.train) + len(corpus.dev) == 18
    with pytest.raises(DataError, match=r"nothing\*\.csv"):
        read_corpus(RunFiles([str(tmp_path / "nothing*.csv")]), chosen)
