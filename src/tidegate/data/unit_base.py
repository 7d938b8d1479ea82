"""What every kind of unit can do: text to ids and back, whole or unit by unit, with blanks or without."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tidegate.data.blanks import BLANK, blank_spans
from tidegate.errors import ShapeError

UnitKind = Literal["char", "word", "bpe", "token"]
# How words read line ends: each is a unit; or a blank, and empty lines together are one unit (text wrapped at a margin).
LineBreaks = Literal["unit", "blank"]
Ids = NDArray[np.int64]

_LINE_ENDS = re.compile("\r\n?")
_HALF_PAIR = re.compile("[\ud800-\udfff]")


class Decoder(Protocol):
    """Ids to text as they come."""

    def push(self, unit: int, /) -> str:
        """The text that this unit adds to what was pushed before it; empty while it is not known yet."""
        ...

    def finish(self) -> str:
        """What is still held back; afterwards nothing may be pushed."""
        ...

    def before(self) -> tuple[int, ...]:
        """The few ids after which another decoder goes on as this one does."""
        ...


class Units(ABC):
    """The units of a text and their ids; id 0 is the unknown unit, of every kind.

    Attributes:
        texts: the text of each id, for showing it alone; empty for id 0.
        line_end: the id of the line break; None where the training text had none.
    """

    kind: ClassVar[UnitKind]

    def __init__(self, texts: Sequence[str], line_end: int | None) -> None:
        self.texts = tuple(texts)
        self.line_end = line_end

    def __len__(self) -> int:
        return len(self.texts)

    def encode(self, text: str) -> Ids:
        """The ids [N] of a text; line ends of any sort are read as \\n."""
        return self._encode(with_line_ends(text))

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids; unknown units give no text."""
        decoder = self.decoder()
        return "".join([decoder.push(int(unit)) for unit in ids]) + decoder.finish()

    @abstractmethod
    def decoder(self, before: Sequence[int] = ()) -> Decoder:
        """Decodes unit by unit what follows the ids `before`, whose own text is not given again."""

    @abstractmethod
    def unknown_in(self, text: str) -> list[str]:
        """The distinct units of a text that have no id of their own, in order of appearance."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """What `units_from_json` reads."""

    def encode_with_blanks(self, text: str) -> tuple[Ids, Ids]:
        """The ids [N] of a text with blanks (`___`), each of them one unit with id 0, and the places [B] of the blanks in the ids."""
        pieces, places, length, end = [], [], 0, 0
        for start, stop in [*self._holes(text), (len(text), len(text))]:
            pieces += [self.encode(text[end:start]), np.zeros(1, dtype=np.int64)]
            length += len(pieces[-2])
            places.append(length)
            length, end = length + 1, stop
        return np.concatenate(pieces[:-1]), np.array(places[:-1], dtype=np.int64)

    def written(self, text: str, *, with_blanks: bool = False) -> list[str]:
        """The units of a text as they stand there, one for each id of `encode`, or of `encode_with_blanks`; what is unknown as �."""
        ids, places = self.encode_with_blanks(text) if with_blanks else (self.encode(text), np.zeros(0, dtype=np.int64))
        shown = [self.texts[unit] or "\ufffd" for unit in ids.tolist()]
        for place in places.tolist():
            shown[place] = BLANK
        return shown

    def text_with(self, text: str, ids: Sequence[int]) -> str:
        """The text with its blanks filled by the units `ids` [B].

        Raises:
            ShapeError: not one id for each blank.
        """
        holes = self._holes(text)
        if len(ids) != len(holes):
            raise ShapeError(f"{len(ids)} units for {len(holes)} blanks; one for each blank was expected.")
        parts, end = [], 0
        for (start, stop), unit in zip(holes, ids, strict=True):
            parts += [text[end:start], self.texts[unit]]
            end = stop
        return "".join(parts) + text[end:]

    def _holes(self, text: str) -> list[tuple[int, int]]:
        """What a unit that fills a blank stands in for: (start, end) characters."""
        return blank_spans(text)

    @abstractmethod
    def _encode(self, text: str) -> Ids:
        """The ids [N] of a text whose line ends are \\n."""


def with_line_ends(text: str) -> str:
    """The text with \\n for every line end."""
    return _LINE_ENDS.sub("\n", text) if "\r" in text else text


def most_frequent(counts: Mapping[str, int], *, min_count: int, vocabulary_size: int) -> list[str]:
    """Texts seen `min_count` times or more, most frequent first, ties by spelling; the line break stays whatever the bounds.

    Texts with half a surrogate pair, which no file can hold, are left out.

    Args:
        vocabulary_size: one more than the most that are kept (the unknown unit); 0 for all.
    """
    known = sorted(
        (text for text, count in counts.items() if (count >= min_count and not _HALF_PAIR.search(text)) or text == "\n"),
        key=lambda text: (text != "\n", -counts[text], text),
    )
    kept = known[: vocabulary_size - 1] if vocabulary_size else known
    return sorted(kept, key=lambda text: (-counts[text], text))
