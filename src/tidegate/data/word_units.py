"""Words as units: the word rule cuts them; where blanks stand between them when they are written is learnt from the training text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tidegate.data.blanks import BLANK, blank_spans
from tidegate.data.unit_base import Decoder, Ids, LineBreaks, UnitKind, Units, most_frequent, with_line_ends
from tidegate.data.words import tokenise

# No word: words hold no blanks.
_HOLE = " "


class WordUnits(Units):
    """Words by the rule of `words.py`, and "\\n".

    Attributes:
        line_breaks: "unit": every line end is a unit. "blank": a line end is a blank, and one or more empty lines are one unit.
        lowercase: whether words are read in lower case.
        joins_left: [V], whether a word is written without a blank before it.
        joins_right: [V], whether the word after it is.
        is_paired: [V], whether a word joins what is on its right and what is on its left in turn, line by line, as " does.
    """

    kind: ClassVar[UnitKind] = "word"

    def __init__(
        self,
        texts: Sequence[str],
        *,
        line_breaks: LineBreaks,
        lowercase: bool,
        joins_left: NDArray[np.bool_],
        joins_right: NDArray[np.bool_],
        is_paired: NDArray[np.bool_],
    ) -> None:
        self._index = {text: number for number, text in enumerate(texts) if number}
        line_end = self._index.get("\n")
        self.line_breaks, self.lowercase = line_breaks, lowercase
        self.joins_left, self.joins_right, self.is_paired = joins_left, joins_right, is_paired
        super().__init__(texts, line_end)

    def decoder(self, before: Sequence[int] = ()) -> Decoder:
        decoder = _WordDecoder(self)
        for unit in before:
            decoder.push(int(unit))
        return decoder

    def unknown_in(self, text: str) -> list[str]:
        forms = dict.fromkeys(form for _, form in self._forms(with_line_ends(text)))
        return [form for form in forms if form not in self._index]

    def to_json(self) -> dict[str, Any]:
        return {
            "unit": self.kind,
            "texts": list(self.texts),
            "line_breaks": self.line_breaks,
            "lowercase": self.lowercase,
            "joins_left": np.flatnonzero(self.joins_left).tolist(),
            "joins_right": np.flatnonzero(self.joins_right).tolist(),
            "is_paired": np.flatnonzero(self.is_paired).tolist(),
        }

    def encode_with_blanks(self, text: str) -> tuple[Ids, Ids]:
        forms = self._forms_with_blanks(text)
        return self._numbers(forms), np.array([place for place, form in enumerate(forms) if form is _HOLE], dtype=np.int64)

    def written(self, text: str, *, with_blanks: bool = False) -> list[str]:
        forms = self._forms_with_blanks(text) if with_blanks else [form for _, form in self._forms(with_line_ends(text))]
        return [BLANK if form is _HOLE else form for form in forms]

    def _forms_with_blanks(self, text: str) -> list[str]:
        """The words of a text, `_HOLE` for each of its blanks."""
        parts, end = [], 0
        for start, stop in blank_spans(text):
            # An underscore is a letter to the word rule: the blank is set apart, but for what must follow a letter, as 's does.
            parts += [text[end:start], " ___" if text[stop : stop + 1] in ("'", "’") else " ___ "]
            end = stop
        spaced = with_line_ends("".join(parts) + text[end:])
        return [_HOLE if form.startswith("___") and not form.strip("_") else form for _, form in self._forms(spaced)]

    def _encode(self, text: str) -> Ids:
        return self._numbers([form for _, form in self._forms(text)])

    def _numbers(self, forms: Sequence[str]) -> Ids:
        index = self._index
        return np.fromiter((index.get(form, 0) for form in forms), dtype=np.int64, count=len(forms))

    def _forms(self, text: str) -> Iterator[tuple[int, str]]:
        return words_of(text, self.line_breaks, lowercase=self.lowercase)


class _WordDecoder:
    def __init__(self, units: WordUnits) -> None:
        self._units = units
        self._break = "\n" if units.line_breaks == "unit" else "\n\n"
        # Whether the next word is joined to what was written last; a text begins with a line.
        self._is_joined = True
        self._open: set[int] = set()
        self._last: int | None = None

    def push(self, unit: int, /) -> str:
        units = self._units
        self._last = unit
        if unit == units.line_end:
            self._is_joined = True
            self._open.clear()
            return self._break
        joins_left, joins_right = bool(units.joins_left[unit]), bool(units.joins_right[unit])
        if units.is_paired[unit]:
            joins_left = unit in self._open
            joins_right = not joins_left
            self._open ^= {unit}
        is_apart = not (self._is_joined or joins_left)
        self._is_joined = joins_right
        return " " * (is_apart and unit != 0) + units.texts[unit]

    def finish(self) -> str:
        return ""

    def before(self) -> tuple[int, ...]:
        if self._last is None:
            return ()
        # Whether the last word is open is for the last word to say.
        return (*sorted(self._open ^ ({self._last} if self._units.is_paired[self._last] else set())), self._last)


# What stands before a word: nothing at all (it is joined to the word before), a blank, or a line end.
_JOINED, _APART, _LINE_BEGIN = 0, 1, 2


def words_of(text: str, line_breaks: LineBreaks, *, lowercase: bool) -> Iterator[tuple[int, str]]:
    """The words of a text with "\\n" where a line break is a unit, each with what stands before it."""
    *lines, rest = text.split("\n")
    form: Callable[[str], str] = str.lower if lowercase else str
    is_break_due = True
    for number, line in enumerate([*lines, rest]):
        before, end = _LINE_BEGIN, 0
        for start, stop in tokenise(line):
            yield (before if before == _LINE_BEGIN else _APART if start > end else _JOINED), form(line[start:stop])
            before, end = _APART, stop
        if number == len(lines):
            return
        if line_breaks == "unit" or (before == _LINE_BEGIN and is_break_due):
            yield _LINE_BEGIN, "\n"
        is_break_due = before != _LINE_BEGIN


def count_words(blocks: Iterable[str], *, min_count: int, vocabulary_size: int, line_breaks: LineBreaks, lowercase: bool) -> WordUnits:
    """The words of a text that comes in blocks of whole lines: those seen `min_count` times or more, most frequent first.

    Where no blank stands between two words, one of them has joined them: the one that has no letter or digit there, or, of two such, the
    one that is joined on that side the more often (a comma, not the quotation mark after it). A word is written joined where more than half
    of what was seen of it was joined by it.

    Args:
        vocabulary_size: the most units that are kept, the unknown one counted; 0 for as many as there are.
    """
    index: dict[str, int] = {}
    counter = _JoinCounter()
    for block in blocks:
        before, numbers, size = [], [], len(index)
        for what, form in words_of(block, line_breaks, lowercase=lowercase):
            before.append(what)
            numbers.append(index.setdefault(form, len(index)))
        counter.add(np.array(numbers, dtype=np.int64), np.array(before, dtype=np.int64), list(islice(index, size, None)))
    counts = dict(zip(index, counter.counts.tolist(), strict=True))
    known = most_frequent(counts, min_count=min_count, vocabulary_size=vocabulary_size)
    order = np.array([index[form] for form in known], dtype=np.int64)
    left, right, paired = (np.concatenate([[False], joins[order]]) for joins in counter.joins())
    return WordUnits(["", *known], line_breaks=line_breaks, lowercase=lowercase, joins_left=left, joins_right=right, is_paired=paired)


class _JoinCounter:
    """How often each word was seen, and joined to its neighbours on the left (side 0) and right (side 1).

    Attributes:
        counts: [V].
    """

    def __init__(self) -> None:
        self.counts = np.zeros(0, dtype=np.int64)
        # [2, V] each: with another word on that side, joined to it, joined to it by its own doing; whether it can do so.
        self._seen = self._joined = self._caused = np.zeros((2, 0), dtype=np.int64)
        self._can_join = np.zeros((2, 0), dtype=np.bool_)
        # [2, V]: joined on that side and not on the other.
        self._one_sided = np.zeros((2, 0), dtype=np.int64)

    def add(self, words: Ids, before: Ids, new: Sequence[str]) -> None:
        """Counts a block: its words [N] by their numbers, what stands before each, and which of them are new."""
        if not len(words):
            return
        self._can_join = np.concatenate(
            [self._can_join, np.array([[not form[end].isalnum() for form in new] for end in (0, -1)], dtype=np.bool_)], axis=1
        )
        size = self._can_join.shape[1]
        # The word on the right of a gap speaks by its left side.
        pairs = np.stack([words[1:], words[:-1]])
        is_joined = before[1:] == _JOINED
        joined = pairs[:, is_joined]
        self.counts = _added(self.counts[None], [words], size)[0]
        self._seen = _added(self._seen, pairs[:, before[1:] != _LINE_BEGIN], size)
        self._joined = _added(self._joined, joined, size)
        # One more than seen, so that of a word seen once little is believed; a word that cannot join comes last.
        rates = np.where(self._can_join, self._joined / (self._seen + 1), -1.0)
        left, right = rates[0][joined[0]], rates[1][joined[1]]
        self._caused = _added(self._caused, [joined[0][(left >= right) & (left >= 0)], joined[1][right > left]], size)
        on_left, on_right = np.concatenate([[False], is_joined]), np.concatenate([is_joined, [False]])
        self._one_sided = _added(self._one_sided, [words[on_left & ~on_right], words[on_right & ~on_left]], size)

    def joins(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether each word [V] is written joined to what is on its left, on its right, and on either side in turn."""
        left, right = 2 * self._caused > self._seen
        # An eighth, since before a full stop or behind a bracket a mark is joined on both sides.
        on_left, on_right = (8 * self._one_sided > self.counts) & self._can_join
        return left, right, on_left & on_right


def _added(counts: NDArray[np.int64], words: Sequence[Ids] | NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Counts [R, V] with R lists of words counted onto them; from now on V is `size`."""
    grown = np.pad(counts, [(0, 0), (0, size - counts.shape[1])])
    return grown + np.stack([np.bincount(row, minlength=size) for row in words])
