"""Labels that training never met: few are counted, many are refused."""

from __future__ import annotations

import pytest

from tidegate.data import LabelColumn, Source, TokenRecord, UnknownLabels
from tidegate.errors import DataError

COLUMN = LabelColumn("upos", ("NOUN", "VERB"), None)


def records(right: int, odd: int) -> list[TokenRecord]:
    labels = ["NOUN"] * right + ["VERBS"] * odd
    return [TokenRecord((f"w{n}",), Source("x.conllu", n + 1), {"upos": (label,)}) for n, label in enumerate(labels)]


def test_a_few_are_counted_and_the_first_is_named_with_its_place_and_the_nearest() -> None:
    unknown = UnknownLabels([COLUMN])
    assert len(list(unknown.watch(records(98, 2)))) == 100
    unknown.settle()
    assert unknown.count == 2
    assert (
        unknown.first
        == "x.conllu, line 99: label 'VERBS' of column 'upos' is not among the 2 labels known from training. Did you mean 'VERB'?"
    )


def test_many_are_refused_with_their_share_and_a_remedy() -> None:
    unknown = UnknownLabels([COLUMN])
    list(unknown.watch(records(90, 10)))
    with pytest.raises(DataError) as error:
        unknown.settle()
    assert str(error.value).startswith("x.conllu, line 91: label 'VERBS' of column 'upos' is not among the 2 labels known from training.")
    assert "So it is with 10 of 100 labels. Correct the file, name another column with --label, or train again" in str(error.value)


def test_none_at_all_says_nothing() -> None:
    unknown = UnknownLabels([COLUMN])
    list(unknown.watch(records(3, 0)))
    unknown.settle()
    assert (unknown.count, unknown.first) == (0, "")


def test_a_missing_column_is_refused_at_once() -> None:
    with pytest.raises(DataError, match="f, line 1: no label column 'upos' here; columns: xpos. Did you mean 'xpos'"):
        list(UnknownLabels([COLUMN]).watch([TokenRecord(("a",), Source("f", 1), {"xpos": ("NN",)})]))
