"""Records: what a file holds, one object per sequence, before anything is counted or numbered.

A `TokenRecord` is one sentence (or line, or utterance) with its tokens and, where the file has
them, labels: one label per token and column. A `TextRecord` is one text with labels of its own. A
record remembers where it came from, so that any later complaint can name the file and the line.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Source:
    """Where a record begins: the file's name as the user gave it and a line counted from 1, or whatever else `unit` counts; 0: the file."""

    file: str
    line: int
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.file}, {self.unit} {self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """One sequence of tokens.

    Attributes:
        tokens: the words, T of them.
        labels: for each label column, T labels. Empty where the file carries none.
        source: where the record begins.
        lines:  for each token, its line in the file, counted from 1; empty where all tokens stand on the source's line.
        text:   the text that the tokens were cut from; None where the file gives tokens alone.
        offsets: for each token, its (start, end) characters in `text`; empty without text.
        layout: CoNLL-U alone: every line of the sentence as it stood, so that it can be written back unchanged.
    """

    tokens: tuple[str, ...]
    source: Source
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lines: tuple[int, ...] = ()
    text: str | None = None
    offsets: tuple[tuple[int, int], ...] = ()
    layout: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.tokens)

    def where(self, token: int) -> Source:
        """Where the given token (counted from 0) stands."""
        return replace(self.source, line=self.lines[token]) if self.lines else self.source


@dataclass(frozen=True, slots=True)
class TextRecord:
    """One text.

    Attributes:
        text: as it stands in the file.
        source: where it begins.
        labels: one in single-label data, any number in multi-label data; empty where the file carries none.
        group: the value of the group column (a person, a conversation), which a split never cuts through; empty without one.
    """

    text: str
    source: Source
    labels: tuple[str, ...] = ()
    group: str = ""
