from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidegate.artefact import StoredModel
from tidegate.data import Source, TokenRecord, collate, encode
from tidegate.data.reading import read_labelled
from tidegate.data.teddy import teddy_corpus
from tidegate.decoding import Transitions, marginals, viterbi
from tidegate.errors import DataError, OutputError
from tidegate.kernels import ARCHITECTURES
from tidegate.nn import CRF
from tidegate.runtime import TagModel, load
from tidegate.runtime.tag_network import TagNetwork as RuntimeNetwork
from tidegate.training.recipe import build_recipe
from tidegate.training.tagging.corpus import TagCorpus, build_corpus
from tidegate.training.tagging.recipe import TagRecipe
from tidegate.training.tagging.task import TagTask


def small_corpus(**settings: Any) -> tuple[Any, TagCorpus]:
    recipe = build_recipe(
        TagRecipe, options={"hidden_size": 12, "word_size": 8, "character_size": 6, "character_embedding_size": 5, **settings}
    )
    sentences = teddy_corpus(seed=3, train=60, dev=20, test=0)
    return recipe, build_corpus(sentences.train, sentences.dev, [], recipe)


@pytest.mark.parametrize("encoder", ["cnn", "bilstm", "none"])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_logits_equal_the_training_networks(arch: str, encoder: str) -> None:
    recipe, corpus = small_corpus(arch=arch, character_encoder=encoder, num_layers=2)
    task = TagTask(recipe, corpus)
    network = task.build_network().eval()
    batch = collate(encode(corpus.dev, corpus.table), corpus.table)
    expected = network(batch)["tag"].detach().numpy()
    runtime = RuntimeNetwork(StoredModel(Path(), {"network": network.settings.to_json()}, network.tensors(), {}, {}), corpus.vocabulary)
    given, offsets = runtime.logits([record.tokens for record in corpus.dev])
    np.testing.assert_allclose(given["tag"], expected, atol=2e-5)
    np.testing.assert_array_equal(offsets, batch.offsets)


@pytest.mark.parametrize("head", ["crf", "softmax"])
def test_labels_and_probabilities_equal_the_training_networks(head: str) -> None:
    recipe, corpus = small_corpus(head=head)
    task = TagTask(recipe, corpus)
    network = task.build_network().eval()
    batch = collate(encode(corpus.dev, corpus.table), corpus.table)
    logits = network(batch)["tag"].detach().numpy()
    if head == "crf":
        crf = network.crfs["0"]
        assert isinstance(crf, CRF)
        transitions = Transitions(*(score.detach().numpy() for score in crf.scores()))
        best, probability = viterbi(logits, batch.offsets, transitions), marginals(logits, batch.offsets, transitions)
    else:
        from scipy.special import softmax

        best, probability = logits.argmax(axis=1), softmax(logits.astype(np.float64), axis=1)
    names = corpus.vocabulary.columns[0].labels
    answers = list(task.as_model(network).answers(corpus.dev))
    assert [label for answer in answers for label in answer.columns["tag"]] == [names[number] for number in best]
    given = [p for answer in answers for p in answer.probabilities["tag"]]
    np.testing.assert_allclose(given, probability[np.arange(len(best)), best], atol=1e-5)


def test_order_batching_and_window_change_no_answer(toy_model: Path, toy_files: Path) -> None:
    model = load(toy_model)
    records = list(read_labelled(toy_files / "test.conllu", label=()))
    whole = [answer.to_json() for answer in model.answers(records)]
    one_by_one = [answer.to_json() for record in records for answer in model.answers([record])]
    tiny_batches = [answer.to_json() for answer in model.answers(iter(records), batch_tokens=7)]
    for other in (one_by_one, tiny_batches):
        assert [a["labels"] for a in other] == [a["labels"] for a in whole]
        for mine, theirs in zip(other, whole, strict=True):
            np.testing.assert_allclose(mine["probabilities"], theirs["probabilities"], atol=1e-5)


def test_a_long_stream_is_answered_in_bounded_memory_as_it_is_read(toy_model: Path) -> None:
    model = load(toy_model)
    produced = 0

    def endless() -> Iterator[TokenRecord]:
        nonlocal produced
        while True:
            produced += 1
            yield TokenRecord((f"word{produced}", "bears"), Source("stream", produced))

    answers = model.answers(endless(), batch_tokens=64)
    for _ in range(100):
        next(answers)
    assert produced <= 1000
    tracemalloc.start()
    for _ in range(20_000):
        next(answers)
    assert tracemalloc.get_traced_memory()[1] < 60e6
    tracemalloc.stop()


@pytest.mark.parametrize("bound", ["_MOST_FORMS", "_MOST_CHARACTERS"])
def test_forms_past_the_table_are_still_answered_alike(bound: str, toy_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sentences = [["Teddy", "bears", f"w{number}"] for number in range(50)]
    expected = load(toy_model).predict(sentences)
    monkeypatch.setattr(f"tidegate.runtime.form_vectors.{bound}", 5)
    model = load(toy_model)
    assert [labels for sentence in sentences for labels in model.predict([sentence])] == expected


def test_long_forms_of_an_endless_stream_are_not_kept(toy_model: Path) -> None:
    model = load(toy_model)
    assert isinstance(model, TagModel)
    tracemalloc.start()
    for number in range(60):
        model.network.vectors([f"{number}" + "A" * 1_000_000])
    assert tracemalloc.get_traced_memory()[1] < 40e6
    tracemalloc.stop()


def test_a_sentence_without_tokens_and_no_sentence_at_all_are_answered(toy_model: Path) -> None:
    model = load(toy_model)
    assert model.predict([]) == []
    assert model.predict([[], ["Teddy"], ""])[0] == []


def test_labels_less_sure_than_asked_are_none(toy_model: Path) -> None:
    model = load(toy_model)
    record = TokenRecord(("Teddy", "qwertz", "Roosevelt"), Source("x", 1))
    sure = next(iter(model.answers([record])))
    bound = sorted(sure.probabilities["upos"])[1]
    answer = next(iter(model.answers([record], abstain_below=bound)))
    assert [label is None for label in answer.columns["upos"]] == [p < bound for p in sure.probabilities["upos"]]
    assert answer.columns["upos"].count(None) == 1


def test_predict_proba_rows_sum_to_one_and_name_the_predicted_label(toy_model: Path) -> None:
    model = load(toy_model)
    sentences = [["Teddy", "bears", "faded", "."], ["We", "read"]]
    for probabilities, labels in zip(model.predict_proba(sentences), model.predict(sentences), strict=True):
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
        assert probabilities.shape == (len(labels), len(model.labels["upos"]))


def test_evaluate_refuses_a_label_that_training_did_not_know_with_its_line(toy_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "odd.conllu"
    path.write_text("1\tTeddy\t_\tPERSON\t_\t_\t_\t_\t_\t_\n2\tran\t_\tVERBS\t_\t_\t_\t_\t_\t_\n\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"odd.conllu, line 2: label 'VERBS' of column 'upos' is not among the .* Did you mean 'VERB'\?"):
        load(toy_model).evaluate(read_labelled(path, label=()))


def test_a_text_is_cut_by_the_word_rule_and_spans_point_into_it() -> None:
    recipe = build_recipe(TagRecipe, options={"hidden_size": 8, "label": "ner"})
    train = [TokenRecord(("in", "New", "York", "."), Source("x", n), {"ner": ("O", "B-LOC", "I-LOC", "O")}) for n in range(3)]
    other = [TokenRecord(("in", "May", "."), Source("x", 9), {"ner": ("O", "O", "O")})]
    corpus = build_corpus(train + other, train, [], recipe)
    task = TagTask(recipe, corpus)
    model = task.as_model(task.build_network())
    model.network.transitions["ner"].start[:] = 0

    class Fixed:
        transitions: dict[str, Any] = {}

        def logits(self, sentences: Any) -> Any:
            names = list(corpus.vocabulary.columns[0].labels)
            ids = [names.index(label) for label in ("O", "B-LOC", "I-LOC", "O")]
            return {"ner": np.eye(len(names))[ids] * 9.0}, np.array([0, 4])

    model.network = Fixed()  # type: ignore[assignment]
    record = TokenRecord(("in", "New", "York", "."), Source("x", 1), text="in  New York.", offsets=((0, 2), (4, 7), (8, 12), (12, 13)))
    (span,) = next(iter(model.answers([record]))).to_json()["spans"]
    assert {k: span[k] for k in ("start", "end", "label", "text", "start_char", "end_char")} == {
        "start": 1,
        "end": 3,
        "label": "LOC",
        "text": "New York",
        "start_char": 4,
        "end_char": 12,
    }
    assert 0.99 < span["probability"] <= 1


def test_one_text_instead_of_a_list_is_refused(toy_model: Path) -> None:
    with pytest.raises(DataError, match=r"one text was given where a list of sentences is expected; write \[text\]"):
        load(toy_model).predict("Teddy bears")
    with pytest.raises(DataError, match=r"sentence 1 is \[1, 2\]; a sentence is a text or a list of tokens, each a str"):
        load(toy_model).predict([[1, 2]])  # type: ignore[list-item]


def test_save_copies_the_directory_and_refuses_to_replace(toy_model: Path, tmp_path: Path) -> None:
    model = load(toy_model)
    model.save(tmp_path / "copy")
    assert load(tmp_path / "copy").predict([["Teddy", "bears"]]) == model.predict([["Teddy", "bears"]])
    with pytest.raises(OutputError, match="copy exists already; nothing was written"):
        model.save(tmp_path / "copy")


def test_score_is_the_accuracy_that_evaluate_gives(toy_model: Path, toy_files: Path) -> None:
    model = load(toy_model)
    records = list(read_labelled(toy_files / "test.conllu", label=()))
    score = model.score([r.tokens for r in records], [r.labels["upos"] for r in records])
    assert score == pytest.approx(model.evaluate(records)["accuracy"])
    assert json.loads((toy_model / "metrics.json").read_text())["test"]["accuracy"] == pytest.approx(score)


def test_none_and_numbers_and_unequal_lengths_are_refused_in_words(toy_model: Path) -> None:
    model = load(toy_model)
    with pytest.raises(DataError, match="sentence 1 is None; a sentence is a text or a list of tokens"):
        model.predict([None])  # type: ignore[list-item]
    with pytest.raises(DataError, match="1 sentences, but 2 lists of labels"):
        model.score([["a"]], [["X"], ["Y"]])
    with pytest.raises(DataError, match="sentence 1 has 1 tokens, but 2 labels"):
        model.score([["a"]], [["X", "Y"]])


def test_several_threads_may_ask_one_model(toy_model: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    sentences = [[f"new{number}", "Teddy", "bears"] for number in range(2000)]
    expected = load(toy_model).predict(sentences)
    model = load(toy_model)
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda sentence: model.predict([sentence])[0], sentences))
    assert given == expected


def test_runtime_model_type_is_the_tagger(toy_model: Path) -> None:
    assert isinstance(load(toy_model), TagModel)
