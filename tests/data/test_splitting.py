"""A development set cut from the training records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import SEEDS, sentence
from tidegate.data import Source, TokenRecord, split_off
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
