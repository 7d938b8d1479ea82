"""Labels that training never met: few are counted, many are refused."""

from __future__ import annotations

import pytest

from tidegate.data import LabelColumn, Source, TextRecord, TokenRecord, UnknownLabels
from tidegate.errors import DataError

COLUMN = LabelColumn("upos", ("NOUN", "VERB"), None)
CLASS = LabelColumn("class", ("ham", "spam"), None)


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


def texts(*labels: str) -> list[TextRecord]:
    """A text for each argument, with the labels that stand between its blanks."""
    return [TextRecord(f"t{n}", Source("in.csv", n + 2), tuple(own.split())) for n, own in enumerate(labels)]


def test_texts_pass_as_they_are_and_all_their_labels_count() -> None:
    unknown = UnknownLabels([CLASS])
    records = texts("ham spam", "ham", *["spam"] * 97, "ham spams", "", "Ham")
    assert list(unknown.watch_texts(records, may_be_none=True)) == records
    unknown.settle()  # 102 labels, two of them unknown: just under two in a hundred
    assert unknown.count == 2
    assert unknown.first == (
        "in.csv, line 101: label 'spams' of column 'class' is not among the 2 labels known from training. Did you mean 'spam'?"
    )


def test_of_texts_too_many_unknown_labels_are_refused_by_labels_not_by_texts() -> None:
    unknown = UnknownLabels([CLASS])
    list(unknown.watch_texts(texts(*["ham"] * 50, "ham spam junk trash"), may_be_none=False))
    with pytest.raises(DataError) as error:
        unknown.settle()
    assert str(error.value).startswith("in.csv, line 52: label 'junk' of column 'class' is not among the 2 labels known from training.")
    assert "So it is with 2 of 54 labels." in str(error.value)


def test_a_text_without_a_label_is_refused_where_every_text_needs_one_and_those_before_it_pass() -> None:
    watched = UnknownLabels([CLASS]).watch_texts(texts("ham", "spam", "", "ham"), may_be_none=False)
    assert [next(watched).text, next(watched).text] == ["t0", "t1"]
    with pytest.raises(DataError) as error:
        next(watched)
    assert str(error.value) == "in.csv, line 4: this text carries no label; every text needs one here. Name the column with --label."


def test_texts_without_labels_where_they_may_be_are_no_unknown_ones() -> None:
    unknown = UnknownLabels([CLASS])
    assert len(list(unknown.watch_texts(texts("", ""), may_be_none=True))) == 2
    unknown.settle()
    assert (unknown.count, unknown.first) == (0, "")


def test_labels_of_several_files_are_counted_together() -> None:
    unknown = UnknownLabels([CLASS])
    list(unknown.watch_texts(texts("junk"), may_be_none=False))
    list(unknown.watch_texts(texts(*["ham"] * 49), may_be_none=False))
    unknown.settle()
    assert unknown.count == 1
