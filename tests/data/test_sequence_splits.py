"""A development set of sequences: stratified, and never through a group."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tidegate.data import Source
from tidegate.data.sequence_splits import split_off_sequences
from tidegate.data.sequences import NumberSequence
from tidegate.errors import DataError


def records(n: int, *, labels: str = "aaab", groups: int = 0) -> list[NumberSequence]:
    values = np.zeros((1, 1))
    return [
        NumberSequence(values, Source("f", n + 1), f"S{n}", labels[n % len(labels)], (), f"g{n // 4 % groups}" if groups else "")
        for n in range(n)
    ]


def test_labels_have_their_share_in_both_parts() -> None:
    given = records(80)
    train, dev = split_off_sequences(given, share=0.25, seed=1)
    assert sorted(train + dev, key=lambda one: one.source.line) == given
    assert Counter(one.label for one in dev) == {"a": 15, "b": 5}
    assert [one.source.line for one in dev] == sorted(one.source.line for one in dev)
    # Who goes where hangs on names and the seed alone, and names that differ in case alone are two.
    shuffled = random.Random(0).sample(given, len(given))
    assert {one.name for one in split_off_sequences(shuffled, share=0.25, seed=1)[1]} == {one.name for one in dev}
    assert {one.name for one in split_off_sequences(given, share=0.25, seed=2)[1]} != {one.name for one in dev}
    two = [given[0], replace(given[0], name="s0")]
    assert list(map(len, split_off_sequences(two, share=0.5, seed=0))) == [1, 1]


def test_names_that_are_no_text_are_split_too() -> None:
    given = [replace(one, name=f"{one.name}\udcff") for one in records(8)]
    train, dev = split_off_sequences(given, share=0.25, seed=1)
    assert sorted(one.name for one in train + dev) == sorted(one.name for one in given)


def test_groups_stay_whole() -> None:
    train, dev = split_off_sequences(records(80, groups=10), share=0.2, seed=1)
    assert len({one.group for one in dev}) == 2
    assert not {one.group for one in dev} & {one.group for one in train}
    with pytest.raises(DataError, match="f, line 1: 1 distinct groups are too few"):
        split_off_sequences(records(8, groups=1), share=0.2, seed=1)
    with pytest.raises(DataError, match="f, line 1: 1 distinct sequences are too few"):
        split_off_sequences(records(1), share=0.2, seed=1)


def test_labels_of_frames_stay_in_training() -> None:
    given = [replace(one, label="", labels=("x", "y") if n % 10 else ("z",)) for n, one in enumerate(records(20))]
    for seed in range(5):
        train, dev = split_off_sequences(given, share=0.5, seed=seed)
        assert {label for one in train for label in one.labels} == {"x", "y", "z"}
        assert Counter(one.labels for one in dev) == {("x", "y"): 9, ("z",): 1}
