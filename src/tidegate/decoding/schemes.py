"""Label schemes: how labels on single tokens spell spans (IOB1, IOB2, BIOES), found from the labels themselves.

A span is (start, end, label): token indices, end exclusive. Reading is strict: a label that the
scheme does not allow at its place opens no span, as in seqeval's strict mode; only IOB1, where
I- may open, is read by its own rule.

Sources: IOB1, Ramshaw & Marcus 1995; IOB2, Tjong Kim Sang & Veenstra 1999; BIOES (also BILOU,
BMEWO), Ratinov & Roth 2009.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

Scheme = Literal["IOB1", "IOB2", "BIOES"]
Span = tuple[int, int, str]

_LABEL = re.compile(r"^([BIESLUO])-(.+)$")
# BILOU and BMEWO spell BIOES with other letters; only L and U occur in files that we have met.
_ALIASES = {"L": "E", "U": "S"}


def split_label(label: str) -> tuple[str, str]:
    """Cuts 'B-PER' into ('B', 'PER'); 'O' and anything that is not of a scheme gives ('O', '')."""
    match = _LABEL.match(label)
    if match is None or match[1] == "O":
        return "O", ""
    return _ALIASES.get(match[1], match[1]), match[2]


def find_scheme(sequences: Iterable[Sequence[str]]) -> Scheme | None:
    """The scheme that the labels of one column follow, or None if they are not span labels.

    They are span labels if at least one prefixed label occurs and nothing else but 'O' does. With an E-
    or S- label (L- or U-) the scheme is BIOES. Otherwise it is IOB1 if an I- label opens spans in most of
    the places where a span opens after no span of its own type, and IOB2 if not: stray openings in an
    IOB2 file are mistakes of the file and stay mistakes.
    """
    prefixes: set[str] = set()
    opened_by_i = opened_by_b = 0
    for labels in sequences:
        before_type = ""
        for label in labels:
            if label == "O":
                before_type = ""
                continue
            match = _LABEL.match(label)
            if match is None or match[1] == "O":
                return None
            prefix, kind = split_label(label)
            prefixes.add(prefix)
            if before_type != kind:
                opened_by_i += prefix == "I"
                opened_by_b += prefix == "B"
            before_type = kind
    if not prefixes:
        return None
    if prefixes & {"E", "S"}:
        return "BIOES"
    return "IOB1" if opened_by_i > opened_by_b else "IOB2"


def spans_of(labels: Sequence[str], scheme: Scheme) -> list[Span]:
    """The spans that `labels` [T] spell, in order; strict, so a span with a broken beginning or end is none."""
    if scheme == "BIOES":
        return _spans_bioes(labels)
    spans: list[Span] = []
    start, kind = -1, ""
    for index, label in enumerate(labels):
        prefix, new = split_label(label)
        continues = prefix == "I" and start >= 0 and new == kind
        if continues:
            continue
        if start >= 0:
            spans.append((start, index, kind))
            start = -1
        if prefix == "B" or (prefix == "I" and scheme == "IOB1"):
            start, kind = index, new
    if start >= 0:
        spans.append((start, len(labels), kind))
    return spans


def _spans_bioes(labels: Sequence[str]) -> list[Span]:
    spans: list[Span] = []
    start, kind = -1, ""
    for index, label in enumerate(labels):
        prefix, new = split_label(label)
        if prefix == "S":
            spans.append((index, index + 1, new))
            start = -1
        elif prefix == "B":
            start, kind = index, new
        elif start >= 0 and new == kind and prefix == "E":
            spans.append((start, index + 1, kind))
            start = -1
        elif not (start >= 0 and new == kind and prefix == "I"):
            start = -1
    return spans


def labels_of(spans: Iterable[Span], length: int) -> list[str]:
    """The IOB2 labels [length] that spell the given spans, which must not overlap."""
    labels = ["O"] * length
    for start, end, kind in spans:
        labels[start] = f"B-{kind}"
        labels[start + 1 : end] = [f"I-{kind}"] * (end - start - 1)
    return labels


def may_follow(before: str, after: str, scheme: Scheme) -> bool:
    """Whether the scheme allows label `after` on the token behind one labelled `before`.

    The edges of a sequence count as 'O' on either side.
    """
    old, old_kind = split_label(before)
    new, new_kind = split_label(after)
    if scheme == "BIOES":
        inside = old in ("B", "I")
        continues = new in ("I", "E")
        return inside == continues and (not inside or old_kind == new_kind)
    if scheme == "IOB2":
        return new != "I" or (old in ("B", "I") and old_kind == new_kind)
    return new != "B" or (old in ("B", "I") and old_kind == new_kind)
