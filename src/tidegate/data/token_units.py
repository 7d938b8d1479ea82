"""Tokens as units: what stands between blanks, as it stands (phones, text that was cut into tokens already)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from tidegate.data.unit_base import Decoder, Ids, UnitKind, Units, most_frequent


class TokenUnits(Units):
    """Tokens between blanks; a line end is a blank like any other, and written they have one blank between them."""

    kind: ClassVar[UnitKind] = "token"

    def __init__(self, texts: Sequence[str]) -> None:
        self._index = {text: number for number, text in enumerate(texts) if number}
        super().__init__(texts, None)

    def decoder(self, before: Sequence[int] = ()) -> Decoder:
        decoder = _TokenDecoder(self.texts)
        for unit in before:
            decoder.push(int(unit))
        return decoder

    def unknown_in(self, text: str) -> list[str]:
        return [token for token in dict.fromkeys(text.split()) if token not in self._index]

    def to_json(self) -> dict[str, Any]:
        return {"unit": self.kind, "texts": list(self.texts)}

    def _encode(self, text: str) -> Ids:
        tokens, index = text.split(), self._index
        return np.fromiter((index.get(token, 0) for token in tokens), dtype=np.int64, count=len(tokens))


class _TokenDecoder:
    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._last: int | None = None

    def push(self, unit: int, /) -> str:
        if unit == 0:
            return ""
        blank = "" if self._last is None else " "
        self._last = unit
        return blank + self._texts[unit]

    def finish(self) -> str:
        return ""

    def before(self) -> tuple[int, ...]:
        return () if self._last is None else (self._last,)


def count_tokens(blocks: Iterable[str], *, min_count: int, vocabulary_size: int) -> TokenUnits:
    """The tokens of a text that comes in blocks of whole lines: those seen `min_count` times or more, most frequent first.

    Args:
        vocabulary_size: the most units that are kept, the unknown one counted; 0 for as many as there are.
    """
    counts: Counter[str] = Counter()
    for block in blocks:
        counts.update(block.split())
    return TokenUnits(["", *most_frequent(counts, min_count=min_count, vocabulary_size=vocabulary_size)])
