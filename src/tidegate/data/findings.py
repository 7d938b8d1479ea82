"""What a check of data looks at and what it says: items, findings, profiles of the parts, the report of both, and the wording."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tidegate.data.opening import excerpt
from tidegate.data.records import Source, TextRecord, TokenRecord
from tidegate.errors import DataError

Subject = Literal["duplicates", "contradictions", "classes", "spelling", "groups", "lengths", "encoding"]
Severity = Literal["fine", "note", "warning"]
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth knowing.

    Attributes:
        said: one sentence with numbers.
        places: up to three examples, each "file, line N: 'excerpt'".
        mend: what to do about it, if anything.
    """

    subject: Subject
    severity: Severity
    said: str
    places: tuple[str, ...] = ()
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long half of them are at most, how long 95 in 100, and the longest."""

    median: int
    p95: int
    longest: int


@dataclass(frozen=True, slots=True)
class PartProfile:
    """One part in numbers: records, distinct ones among them (case and blanks aside), labels, lengths, empty ones.

    `words` counts what stands between blanks in texts, and the tokens in sentences.
    """

    name: str
    records: int
    distinct: int
    labels: int
    words: Lengths
    characters: Lengths
    empty: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found, warnings first; a subject without trouble has one finding that is 'fine'.

    Attributes:
        class_counts: label -> part -> how often; "column=label" where there are several label columns.
        summary: one line about the training part, with the subjects that have warnings or else notes.
    """

    profiles: tuple[PartProfile, ...]
    findings: tuple[Finding, ...]
    class_counts: dict[str, dict[str, int]]
    summary: str


@dataclass(slots=True)
class Item:
    """One record: `key` is what counts as a repetition, `same` what must have the same `answer`; `labels` has a row for each column."""

    text: str
    key: str
    same: Any
    answer: Any
    labels: tuple[tuple[str, ...], ...]
    words: int
    record: TextRecord | TokenRecord
    group: str = ""

    def where(self, token: int) -> Source:
        """The place of a token, or of the text."""
        return self.record.where(token) if isinstance(self.record, TokenRecord) else self.record.source

    def place(self, at: int = 0) -> str:
        """The place of a character and what stands around it."""
        token, end = 0, 0
        if isinstance(self.record, TokenRecord):
            for token, form in enumerate(self.record.tokens):  # noqa: B007 (the token that holds the character)
                end += len(form) + 1
                if end > at:
                    break
        begin = max(0, at - 30) if at > 40 else 0
        return f"{self.where(token)}: {excerpt(('…' if begin else '') + self.text[begin:])}"

    def beside(self, other: Item, labels: Sequence[str] = ("", ""), token: int = 0) -> str:
        """Both places as one, with what each says."""
        first, second = self.where(token), other.where(token)
        said = [f" ({label})" if label else "" for label in labels]
        shown = f"{second.unit} {second.line}" if first.file == second.file else str(second)
        return f"{first}{said[0]} and {shown}{said[1]}"


def text_item(record: TextRecord) -> Item:
    """A text; case and blanks make no difference."""
    words = record.text.casefold().split()
    key = " ".join(words)
    return Item(record.text, key, key, tuple(sorted(set(record.labels))), (record.labels,), len(words), record, record.group)


def token_item(record: TokenRecord, columns: Sequence[str]) -> Item:
    """A sentence with its labels in these columns.

    Raises:
        DataError: the record lacks one of the columns.
    """
    for column in columns:
        if column not in record.labels:
            known = ", ".join(f"'{name}'" for name in record.labels) or "none"
            raise DataError(f"{record.source}: no label column '{column}' here; columns: {known}. Every part needs the same columns.")
    text, labels = " ".join(record.tokens), tuple(record.labels[column] for column in columns)
    # 'May' and 'may' are repetitions, but may rightly have other tags: contradictions are counted on the tokens as they stand.
    return Item(text, " ".join(text.casefold().split()), record.tokens, labels, labels, len(record), record)


def lengths_of(values: Iterable[int]) -> Lengths:
    """Median, 95th percentile and longest, each a length that occurs."""
    return Lengths(*np.percentile(list(values), (50, 95, 100), method="inverted_cdf").tolist())


def counted(number: int, noun: str) -> str:
    """'1 text', '2,000 texts'."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def verb(number: int, one: str, many: str) -> str:
    """The form of a verb that fits the number."""
    return one if number == 1 else many


def percent(share: float) -> str:
    """'13.4 %', with more digits only where nothing else would be left."""
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.2g} %"
