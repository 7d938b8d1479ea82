"""Which record goes into which batch, and what a ragged batch holds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from strategies import SEEDS, sentence
from tidegate.data import FormTable, Vocabulary, collate, encode, reading_order, training_order
from tidegate.errors import DataError

LENGTHS = st.lists(st.integers(0, 40), max_size=60).map(lambda lengths: np.array(lengths, dtype=np.int64))
BUDGETS = st.integers(1, 100)
MANY = np.random.default_rng(0).integers(0, 60, size=1000)


def check_budget(batches: list[NDArray[np.int64]], lengths: NDArray[np.int64], budget: int) -> None:
    for batch in batches:
        assert len(batch)
        assert lengths[batch].sum() <= budget or len(batch[lengths[batch] > 0]) == 1


def same(first: list[NDArray[np.int64]], second: list[NDArray[np.int64]]) -> bool:
    return [batch.tolist() for batch in first] == [batch.tolist() for batch in second]


@given(LENGTHS, BUDGETS, SEEDS, st.integers(0, 5))
def test_training_meets_every_record_with_tokens_once_within_the_budget(
    lengths: NDArray[np.int64], budget: int, seed: int, epoch: int
) -> None:
    batches = training_order(lengths, budget_tokens=budget, seed=seed, epoch=epoch)
    assert sorted(number for batch in batches for number in batch.tolist()) == np.flatnonzero(lengths).tolist()
    check_budget(batches, lengths, budget)


@given(LENGTHS, BUDGETS)
def test_reading_meets_every_record_once_shortest_first_within_the_budget(lengths: NDArray[np.int64], budget: int) -> None:
    batches = reading_order(lengths, budget_tokens=budget)
    order = [number for batch in batches for number in batch.tolist()]
    assert sorted(order) == list(range(len(lengths)))
    assert (np.diff(lengths[order]) >= 0).all()
    check_budget(batches, lengths, budget)


def test_the_order_of_training_is_a_function_of_seed_and_epoch_alone() -> None:
    def order(seed: int, epoch: int) -> list[NDArray[np.int64]]:
        return training_order(MANY, budget_tokens=512, seed=seed, epoch=epoch)

    first = order(3, 1)
    np.random.default_rng(9).random()  # draws elsewhere, and epochs skipped or met before, have no say
    order(3, 0)
    assert same(order(3, 1), first)
    for other in (order(3, 2), order(4, 1), order(1, 3)):
        assert not same(other, first)
        assert {frozenset(batch.tolist()) for batch in other} != {frozenset(batch.tolist()) for batch in first}


def test_batches_hold_sequences_of_like_length_and_come_in_no_order_of_length() -> None:
    batches = training_order(MANY, budget_tokens=512, seed=0, epoch=0)
    padded = sum(int(MANY[batch].max()) * len(batch) for batch in batches)
    assert padded < 1.25 * MANY.sum()  # in file order it would be about twice
    means = [float(MANY[batch].mean()) for batch in batches]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.5


def test_a_record_longer_than_the_budget_is_a_batch_of_its_own() -> None:
    assert sorted(batch.tolist() for batch in training_order(np.array([3, 50, 4]), budget_tokens=10, seed=0, epoch=0)) in (
        [[0, 2], [1]],
        [[1], [2, 0]],
    )
    assert [batch.tolist() for batch in reading_order(np.array([3, 50, 4]), budget_tokens=10)] == [[0, 2], [1]]


RECORDS = [
    sentence("b a b", pos="X Y X", ner="O O B-P"),
    sentence("", 5, pos="", ner=""),
    sentence("c b", 6, pos="Y X", ner="B-P O"),
    sentence("d", 9, pos="Y", ner="O"),
]
VOCABULARY = Vocabulary.count(RECORDS, ["pos", "ner"])


def test_a_batch_holds_its_records_in_their_order() -> None:
    table = FormTable(VOCABULARY)
    encoded = encode(RECORDS, table, VOCABULARY.columns)
    assert [len(record) for record in encoded] == [3, 0, 2, 1]
    for chosen in ([0, 1, 2, 3], [2, 0], [3, 1], [1]):
        batch = collate([encoded[number] for number in chosen], table)
        tokens = [token for number in chosen for token in RECORDS[number].tokens]
        assert batch.offsets.tolist() == np.cumsum([0, *(len(RECORDS[number]) for number in chosen)]).tolist()
        assert batch.tokens == len(tokens)
        words, _ = table.words_and_shapes(table.encode(tokens))
        assert batch.words[batch.forms].tolist() == words.tolist()
        for column in VOCABULARY.columns:
            labels = [label for number in chosen for label in RECORDS[number].labels[column.name]]
            assert [column.labels[label] for label in batch.labels[column.name]] == labels


def test_each_distinct_form_stands_in_a_batch_once() -> None:
    table = FormTable(VOCABULARY)
    table.encode(["unused", "forms"])
    batch = collate(encode(RECORDS, table), table)
    assert batch.labels == {}
    assert len(batch.words) == len(batch.shapes) == len(batch.character_offsets) - 1 == 4
    assert sorted(set(batch.forms.tolist())) == [0, 1, 2, 3]
    spelled = np.split(batch.characters, batch.character_offsets[1:-1])
    letters = ["", "", "", *VOCABULARY.characters]
    assert ["".join(letters[c] for c in spelled[form]) for form in batch.forms] == ["b", "a", "b", "c", "b", "d"]


def test_forms_of_one_word_in_different_case_are_distinct_and_share_its_id() -> None:
    table = FormTable(VOCABULARY)
    batch = collate(encode([sentence("b B b")], table), table)
    assert len(batch.words) == 2
    assert len(set(batch.words.tolist())) == 1
    assert len(set(batch.shapes.tolist())) == 2


def test_a_batch_of_nothing_holds_nothing() -> None:
    batch = collate([], FormTable(VOCABULARY))
    assert (batch.tokens, batch.offsets.tolist(), batch.character_offsets.tolist(), batch.labels) == (0, [0], [0], {})
    assert training_order(np.zeros(3, dtype=np.int64), budget_tokens=5, seed=0, epoch=0) == []
    assert reading_order(np.zeros(0, dtype=np.int64), budget_tokens=5) == []


def test_a_record_that_lacks_a_column_is_refused_when_labels_are_asked_for() -> None:
    with pytest.raises(DataError, match=r"^in.conll, line 4: no label column 'pos' here; columns: ner\."):
        encode([sentence("a", 4, ner="O")], FormTable(VOCABULARY), VOCABULARY.columns)
