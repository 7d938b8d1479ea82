"""Label schemes: found from the labels, read strictly, and what may follow what."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.scheme import BILOU, IOB2, IOBES, Entities

from strategies import spans, spell
from tidegate.decoding import Scheme, Span, find_scheme, labels_of, may_follow, spans_of, split_label

SCHEMES: tuple[Scheme, ...] = ("IOB1", "IOB2", "BIOES")
every_scheme = pytest.mark.parametrize("scheme", SCHEMES)


def sequences(prefixes: str, kinds: str = "XY") -> st.SearchStrategy[list[str]]:
    labels = ["O", *(f"{prefix}-{kind}" for prefix in prefixes for kind in kinds)]
    return st.lists(st.sampled_from(labels), max_size=10)


@pytest.mark.parametrize(
    ("label", "parts"),
    [
        ("B-PER", ("B", "PER")),
        ("I-geo-loc", ("I", "geo-loc")),
        ("L-PER", ("E", "PER")),
        ("U-PER", ("S", "PER")),
        ("S-B-PER", ("S", "B-PER")),
        ("O", ("O", "")),
        ("O-PER", ("O", "")),
        ("NOUN", ("O", "")),
        ("B-", ("O", "")),
        ("", ("O", "")),
    ],
)
def test_a_label_is_cut_into_its_prefix_and_its_kind(label: str, parts: tuple[str, str]) -> None:
    assert split_label(label) == parts


@pytest.mark.parametrize(
    ("columns", "scheme"),
    [
        (["O I-PER I-PER O", "I-LOC O I-PER B-PER"], "IOB1"),  # B- only where like touches like
        (["I-PER I-LOC O"], "IOB1"),
        (["O B-PER I-PER O", "B-LOC B-LOC O"], "IOB2"),
        (["O B-PER O", "B-LOC O", "I-LOC O"], "IOB2"),  # a stray I- is the file's mistake
        (["O B-PER B-PER"], "IOB2"),
        (["O B-PER E-PER", "O B-LOC I-LOC E-LOC"], "BIOES"),
        (["S-PER O"], "BIOES"),
        (["O B-PER L-PER", "U-LOC O"], "BIOES"),  # BILOU
        (["O O", "O"], None),
        (["NOUN VERB O"], None),
        (["B-PER O X"], None),
        (["O-PER B-PER O"], None),
        (["B- O"], None),
        ([""], None),
        ([], None),
    ],
)
def test_the_scheme_is_found_from_the_labels(columns: list[str], scheme: Scheme | None) -> None:
    assert find_scheme([column.split() for column in columns]) == scheme


@given(st.lists(spans(), min_size=1, max_size=4), st.sampled_from(SCHEMES))
def test_labels_spelled_in_a_scheme_are_known_to_be_of_it(drawn: list[tuple[list[Span], int]], scheme: Scheme) -> None:
    expected = scheme if any(found for found, _ in drawn) else None
    assert find_scheme([spell(found, length, scheme) for found, length in drawn]) == expected


@given(spans(), st.sampled_from(SCHEMES))
def test_spans_spelled_in_any_scheme_are_read_back(drawn: tuple[list[Span], int], scheme: Scheme) -> None:
    found, length = drawn
    assert spans_of(spell(found, length, scheme), scheme) == found


@given(spans())
def test_labels_of_spans_are_iob2_and_give_the_spans_back(drawn: tuple[list[Span], int]) -> None:
    found, length = drawn
    assert labels_of(found, length) == spell(found, length, "IOB2")
    assert spans_of(labels_of(found, length), "IOB2") == found


def test_labels_of_touching_spans_keep_them_apart() -> None:
    assert labels_of([(1, 3, "PER"), (3, 4, "PER")], 5) == ["O", "B-PER", "I-PER", "B-PER", "O"]
    assert labels_of([], 2) == ["O", "O"]


def by_seqeval(labels: list[str], scheme: object) -> list[Span]:
    return [(entity.start, entity.end, entity.tag) for entity in Entities([labels], scheme).entities[0]]


@given(sequences("BI"))
def test_iob2_is_read_as_strictly_as_by_seqeval(labels: list[str]) -> None:
    assert spans_of(labels, "IOB2") == by_seqeval(labels, IOB2)


@given(sequences("BIES"))
def test_bioes_is_read_as_strictly_as_by_seqeval(labels: list[str]) -> None:
    assert spans_of(labels, "BIOES") == by_seqeval(labels, IOBES)


@given(sequences("BILU"))
def test_bilou_is_read_as_strictly_as_by_seqeval(labels: list[str]) -> None:
    assert spans_of(labels, "BIOES") == by_seqeval(labels, BILOU)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("I-X I-X O I-X", [(0, 2, "X"), (3, 4, "X")]),
        ("I-X B-X I-X", [(0, 1, "X"), (1, 3, "X")]),
        ("I-X I-Y I-Y", [(0, 1, "X"), (1, 3, "Y")]),
        ("I-X B-X B-X", [(0, 1, "X"), (1, 2, "X"), (2, 3, "X")]),
        ("O B-X I-X", [(1, 3, "X")]),  # against the scheme, and yet there is but one way to mean it
        ("I-X B-Y I-X", [(0, 1, "X"), (1, 2, "Y"), (2, 3, "X")]),
        ("O", []),
        ("", []),
    ],
)
def test_iob1_is_read_by_its_own_rule(labels: str, expected: list[Span]) -> None:
    assert spans_of(labels.split(), "IOB1") == expected


@pytest.mark.parametrize(
    ("scheme", "labels", "expected"),
    [
        ("IOB2", "I-X I-X B-X I-X", [(2, 4, "X")]),
        ("IOB2", "B-X I-Y I-Y", [(0, 1, "X")]),
        ("BIOES", "B-X I-X O", []),
        ("BIOES", "B-X E-Y S-X", [(2, 3, "X")]),
        ("BIOES", "B-X B-X E-X", [(1, 3, "X")]),
        ("BIOES", "I-X E-X", []),
        ("BIOES", "B-X I-X", []),
    ],
)
def test_a_span_with_a_broken_beginning_or_end_is_none(scheme: Scheme, labels: str, expected: list[Span]) -> None:
    assert spans_of(labels.split(), scheme) == expected


@pytest.mark.parametrize(("scheme", "prefixes", "longest"), [("IOB1", "BI", 5), ("IOB2", "BI", 5), ("BIOES", "BIES", 4)])
def test_labels_are_of_a_scheme_exactly_if_every_neighbour_may_follow(scheme: Scheme, prefixes: str, longest: int) -> None:
    """Of the scheme: the spans that the labels spell, spelled anew, give the labels back."""
    alphabet = ["O", *(f"{prefix}-{kind}" for prefix in prefixes for kind in "XY")]
    for length in range(1, longest + 1):
        for labels in product(alphabet, repeat=length):
            is_of_it = spell(spans_of(labels, scheme), length, scheme) == list(labels)
            assert is_of_it == all(may_follow(a, b, scheme) for a, b in pairwise(["O", *labels, "O"])), labels


@every_scheme
def test_edges_count_as_outside(scheme: Scheme) -> None:
    assert may_follow("O", "O", scheme)
    assert may_follow("O", "I-X", scheme) == (scheme == "IOB1")
    assert may_follow("I-X", "O", scheme) == (scheme != "BIOES")
    assert may_follow("O", "B-X", scheme) == (scheme != "IOB1")


def test_bilou_letters_may_follow_as_their_likes() -> None:
    assert may_follow("B-X", "L-X", "BIOES")
    assert not may_follow("B-X", "L-Y", "BIOES")
    assert not may_follow("B-X", "U-X", "BIOES")
    assert may_follow("L-X", "U-X", "BIOES")
