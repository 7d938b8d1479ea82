"""A development set cut from the training records, and folds."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import SEEDS, sentence
from tidegate.data import Source, TextRecord, TokenRecord, folds_of, split_off, split_off_texts, stratified_order
from tidegate.errors import DataError

CORPUS = [sentence(f"sentence {number % 40}", line=number + 1) for number in range(100)]  # 40 sentences, most of them three times


@given(st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=30).filter(lambda words: len(set(words)) > 1), st.floats(0, 1), SEEDS)
def test_every_record_is_on_one_side_in_file_order_and_identical_sentences_stay_together(words: list[str], share: float, seed: int) -> None:
    records = [sentence(word, line) for line, word in enumerate(words, 1)]
    train, dev = split_off(records, share=share, seed=seed)
    assert train
    assert dev
    assert sorted(train + dev, key=lambda record: record.source.line) == records
    for side in (train, dev):
        assert side == sorted(side, key=lambda record: record.source.line)
    assert not {record.tokens for record in train} & {record.tokens for record in dev}


def test_the_share_is_one_of_distinct_sentences() -> None:
    _, dev = split_off(CORPUS, share=0.25, seed=0)
    assert len({record.tokens for record in dev}) == 10


def test_the_same_seed_gives_the_same_sides_and_another_gives_others() -> None:
    assert split_off(CORPUS, share=0.2, seed=5) == split_off(CORPUS, share=0.2, seed=5)
    assert len({tuple(r.tokens for r in split_off(CORPUS, share=0.2, seed=seed)[1]) for seed in range(5)}) == 5


def test_sentences_are_the_same_whatever_their_labels() -> None:
    records = [sentence("a b", tag="X Y"), sentence("a b", 3, tag="Y Y"), sentence("c", 5, tag="X")]
    train, dev = split_off(records, share=0.5, seed=0)
    assert {len(train), len(dev)} == {1, 2}


def test_records_without_tokens_stay_in_training() -> None:
    records = [sentence(""), sentence("a", 2), sentence("b", 3), sentence("", 4)]
    for seed in range(4):
        train, dev = split_off(records, share=0.5, seed=seed)
        assert [len(record) for record in dev] == [1]
        assert len(train) == 3


@pytest.mark.parametrize(
    ("records", "where", "count"),
    [
        ([sentence("a b", 3, "train.conll"), sentence("a b", 6, "train.conll")], "train.conll, line 3", 1),
        ([sentence("", 1, "train.conll")], "train.conll, line 1", 0),
        ([], "the training files", 0),
    ],
)
def test_too_few_sentences_are_refused_with_the_way_out(records: list[TokenRecord], where: str, count: int) -> None:
    with pytest.raises(DataError) as caught:
        split_off(records, share=0.1, seed=0)
    message = str(caught.value)
    assert message.startswith(f"{where}: {count} distinct sentence")
    assert message.endswith("too few to split off a development set. Give more sentences, or name a development file with --dev.")


@given(st.integers(0, 200))
def test_no_label_is_left_to_the_development_part_alone(seed: int) -> None:
    records = [
        TokenRecord((f"w{number}", "x"), Source("f", number + 1), {"label": (f"RARE{number}" if number < 10 else "COMMON", "O")})
        for number in range(60)
    ]
    train, dev = split_off(records, share=0.3, seed=seed)
    known = {label for record in train for label in record.labels["label"]}
    assert dev
    assert {label for record in dev for label in record.labels["label"]} <= known


def texts_of(**counts: int) -> list[TextRecord]:
    """So many different texts of each label, one label after another."""
    names = [(label, number) for label, count in counts.items() for number in range(count)]
    return [TextRecord(f"text {number} of {label}", Source("in.csv", line), (label,)) for line, (label, number) in enumerate(names, 1)]


def labels_of(records: Sequence[TextRecord]) -> set[str]:
    return {label for record in records for label in record.labels}


def plain(record: TextRecord) -> str:
    return " ".join(record.text.casefold().split())


# Texts that are often equal but for case and blanks, some with the same labels in another order, some with none.
TEXTS = st.lists(
    st.builds(
        TextRecord,
        text=st.sampled_from(["a", "A", " a ", "b", "b c", "B  c", "d", "e", "f", "g", "STRASSE", "straße"]),
        source=st.just(Source("in.csv", 1)),
        labels=st.lists(st.sampled_from("XYZ"), max_size=2, unique=True).map(tuple),
        group=st.just(""),
    ),
    min_size=2,
    max_size=30,
)
GROUPED = st.lists(
    st.builds(
        TextRecord,
        text=st.sampled_from("abcd"),
        source=st.just(Source("in.csv", 1)),
        labels=st.sampled_from("XYZ").map(lambda label: (label,)),
        group=st.sampled_from("pqrstu"),
    ),
    min_size=2,
    max_size=30,
)


@given(
    st.dictionaries(st.sampled_from("ABCDEF"), st.integers(1, 40), min_size=1).filter(lambda counts: sum(counts.values()) > 1),
    st.floats(0.02, 0.6),
    SEEDS,
)
def test_every_label_gives_its_share_within_one_text(counts: dict[str, int], share: float, seed: int) -> None:
    records = texts_of(**counts)
    train, dev = split_off_texts(records, share=share, seed=seed)
    assert train
    assert dev
    if max(counts.values()) == 1:
        return
    assert labels_of(train) == set(counts)
    taken = Counter(record.labels[0] for record in dev)
    for label, count in counts.items():
        assert abs(taken[label] - share * count) < 1 + 1e-9
    # Nothing is missing from the share of the whole but what labels of a single text cannot give.
    missing = max(1, round(share * len(records))) - len(dev)
    assert 0 <= missing <= sum(count == 1 for count in counts.values())


def test_the_whole_share_by_hand() -> None:
    # 5.0 of A, 2.5 of B, 1.25 of C, 0.25 of D: eight whole ones, and the ninth from the largest rest, that of B.
    _, dev = split_off_texts(texts_of(A=20, B=10, C=5, D=1), share=0.25, seed=3)
    assert Counter(record.labels[0] for record in dev) == {"A": 5, "B": 3, "C": 1}


@given(TEXTS.filter(lambda records: len({plain(record) for record in records}) > 1), st.floats(0, 1), SEEDS)
def test_texts_equal_but_for_case_and_blanks_stay_together(records: list[TextRecord], share: float, seed: int) -> None:
    train, dev = split_off_texts(records, share=share, seed=seed)
    assert train
    assert dev
    assert not {plain(record) for record in train} & {plain(record) for record in dev}
    assert Counter(train) + Counter(dev) == Counter(records)


@given(GROUPED.filter(lambda records: len({record.group for record in records}) > 1), st.floats(0, 1), SEEDS)
def test_groups_are_never_cut_through(records: list[TextRecord], share: float, seed: int) -> None:
    train, dev = split_off_texts(records, share=share, seed=seed)
    assert train
    assert dev
    assert not {record.group for record in train} & {record.group for record in dev}
    assert Counter(train) + Counter(dev) == Counter(records)


@given(st.one_of(TEXTS, GROUPED), st.floats(0, 1), SEEDS)
def test_every_label_stays_in_training_wherever_one_text_can_be_spared(records: list[TextRecord], share: float, seed: int) -> None:
    keys = [record.group or plain(record) for record in records]
    holders = Counter(
        pair for pair in {(key, label) for key, record in zip(keys, records, strict=True) for label in record.labels or ("none",)}
    )
    places = Counter(label for _, label in holders)
    spare = [key for key in set(keys) if all(places[label] > 1 for holder, label in holders if holder == key)]
    if not spare:
        return
    train, dev = split_off_texts(records, share=share, seed=seed)
    assert dev
    assert labels_of(train) == labels_of(records)


def test_texts_with_several_labels_are_held_out_too_though_no_two_have_the_same_ones() -> None:
    records = [TextRecord(f"t{n}", Source("f", n), tuple(f"L{k}" for k in range(6) if n >> k & 1)) for n in range(1, 64)]
    train, dev = split_off_texts(records, share=0.2, seed=0)
    assert len(dev) == 13
    assert labels_of(train) == labels_of(records)
    # Neither the first by spelling nor the first in the file: every seed takes others.
    assert len({frozenset(record.text for record in split_off_texts(records, share=0.2, seed=seed)[1]) for seed in range(5)}) == 5


def test_labels_in_another_order_are_the_same_labels() -> None:
    # Six texts with the same three labels give two of six. Taken for six labels, they would stand back behind pairs, whose rests are larger.
    alike = [TextRecord(f"t{n}", Source("f", n), order) for n, order in enumerate(permutations("ABC"))]
    _, dev = split_off_texts([*alike, *texts_of(**{f"L{n}": 2 for n in range(9)})], share=1 / 3, seed=0)
    assert Counter(len(record.labels) for record in dev) == {3: 2, 1: 6}


def test_both_sides_keep_the_order_of_the_file() -> None:
    for side in split_off_texts(texts_of(A=30, B=30), share=0.4, seed=1):
        assert len(side) > 20
        assert all(one.source.line < other.source.line for one, other in pairwise(side))


def test_each_text_with_a_label_of_its_own_still_gives_both_sides() -> None:
    records = texts_of(**{f"L{n}": 1 for n in range(10)})
    sides = [split_off_texts(records, share=0.3, seed=seed) for seed in range(5)]
    assert [(len(train), len(dev)) for train, dev in sides] == [(7, 3)] * 5
    assert len({frozenset(map(plain, dev)) for _, dev in sides}) > 1


@given(TEXTS.filter(lambda records: len({plain(record) for record in records}) > 2), st.integers(0, 9), st.randoms(use_true_random=False))
def test_the_order_of_the_file_and_other_random_numbers_change_no_side(records: list[TextRecord], seed: int, order: random.Random) -> None:
    sides = [Counter(side) for side in split_off_texts(records, share=0.3, seed=seed)]
    fold = {plain(record): number for record, number in zip(records, folds_of(records, folds=2, seed=seed), strict=True)}
    shuffled = list(records)
    order.shuffle(shuffled)
    np.random.seed(order.randrange(2**32))
    assert [Counter(side) for side in split_off_texts(shuffled, share=0.3, seed=seed)] == sides
    assert {plain(record): number for record, number in zip(shuffled, folds_of(shuffled, folds=2, seed=seed), strict=True)} == fold


def test_other_seeds_give_other_sides_and_folds() -> None:
    records = texts_of(A=30, B=10)
    assert len({frozenset(map(plain, split_off_texts(records, share=0.2, seed=seed)[1])) for seed in range(5)}) == 5
    assert len({tuple(folds_of(records, folds=4, seed=seed)) for seed in range(5)}) == 5


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([TextRecord("Hi  there", Source("in.csv", 2), ("a",)), TextRecord("hi there", Source("in.csv", 3), ("b",))], "in.csv, line 2: 1 distinct texts are too few"),
        ([TextRecord("a", Source("in.csv", 2), ("a",), "u1"), TextRecord("b", Source("in.csv", 3), ("b",), "u1")], "in.csv, line 2: 1 distinct groups are too few"),
        ([], "the training files: 0 distinct texts are too few"),
    ],
)  # fmt: skip
def test_too_few_texts_are_refused_with_the_way_out(records: list[TextRecord], told: str) -> None:
    with pytest.raises(DataError) as caught:
        split_off_texts(records, share=0.1, seed=0)
    assert str(caught.value) == f"{told} to split off a development set. Give more, or name a development file with --dev."


@given(st.dictionaries(st.sampled_from("ABCDEF"), st.integers(1, 20), min_size=1), st.integers(1, 8), SEEDS)
def test_labels_are_dealt_evenly_to_folds_of_like_size(counts: dict[str, int], folds: int, seed: int) -> None:
    records = texts_of(**counts)
    if len(records) < folds:
        return
    fold = folds_of(records, folds=folds, seed=seed)
    sizes = Counter(fold)
    assert set(sizes) == set(range(folds))
    assert max(sizes.values()) - min(sizes.values()) <= 1
    for label in counts:
        dealt = Counter(number for number, record in zip(fold, records, strict=True) if record.labels == (label,))
        assert max(dealt[number] for number in range(folds)) - min(dealt[number] for number in range(folds)) <= 1


@given(st.one_of(TEXTS, GROUPED), st.integers(1, 4), SEEDS)
def test_equal_texts_and_groups_lie_in_one_fold_and_no_fold_is_empty(records: list[TextRecord], folds: int, seed: int) -> None:
    keys = [record.group or plain(record) for record in records]
    if len(set(keys)) < folds:
        return
    fold = folds_of(records, folds=folds, seed=seed)
    assert set(fold) == set(range(folds))
    assert len(set(zip(keys, fold, strict=True))) == len(set(keys))


def test_more_folds_than_distinct_texts_are_refused() -> None:
    records = [*texts_of(A=2), TextRecord("TEXT 0  of a", Source("in.csv", 3), ("A",))]
    assert sorted(folds_of(records, folds=2, seed=0)) in ([0, 0, 1], [0, 1, 1])
    with pytest.raises(DataError) as caught:
        folds_of(records, folds=3, seed=0)
    assert str(caught.value) == "2 distinct texts or groups cannot be dealt to 3 folds. Ask for fewer with --folds."


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 99))
def test_every_beginning_of_the_stratified_order_has_the_labels_in_like_shares(ham: int, spam: int, seed: int) -> None:
    records = [TextRecord(f"text {k}", Source("t.csv", k), ("ham" if k < ham else "spam",)) for k in range(ham + spam)]
    order = stratified_order(records, seed=seed)
    assert sorted(order) == list(range(ham + spam))
    for size in range(1, len(order) + 1):
        found = sum(records[place].labels == ("spam",) for place in order[:size])
        assert abs(found - size * spam / (ham + spam)) <= 1


def test_the_stratified_order_keeps_equal_texts_and_groups_together() -> None:
    texts = ["Hi  there", "bye", "hi there", "see you", "so long", "hello"]
    records = [TextRecord(text, Source("t.csv", k), ("a",)) for k, text in enumerate(texts)]
    order = stratified_order(records, seed=3)
    assert abs(order.index(0) - order.index(2)) == 1
    grouped = [TextRecord(f"text {k}", Source("t.csv", k), ("a",), group=str(k % 3)) for k in range(12)]
    groups = [grouped[place].group for place in stratified_order(grouped, seed=3)]
    assert sum(first != second for first, second in pairwise(groups)) == 2
