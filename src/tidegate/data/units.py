"""Units of text, characters, words, BPE pieces or tokens, counted from a training text or read from vocabulary.json."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tidegate.data.blanks import BLANK, blank_spans
from tidegate.data.bpe_units import BpeUnits, train_bpe
from tidegate.data.token_units import TokenUnits, count_tokens
from tidegate.data.unit_base import Decoder, Ids, LineBreaks, UnitKind, Units, most_frequent, with_line_ends
from tidegate.data.word_units import WordUnits, count_words
from tidegate.errors import ModelError

__all__ = [
    "BLANK",
    "BpeUnits",
    "CharacterUnits",
    "Decoder",
    "LineBreaks",
    "TokenUnits",
    "UnitKind",
    "Units",
    "WordUnits",
    "blank_spans",
    "count_units",
    "units_from_json",
]


class CharacterUnits(Units):
    """Characters: code points, the line break among them."""

    kind: ClassVar[UnitKind] = "char"

    def __init__(self, texts: Sequence[str]) -> None:
        codes: NDArray[np.uint32] = np.array([ord(text) if text else 0 for text in texts], dtype="<u4")
        # One place beyond the last known character, where all that lie behind it are looked up.
        self._ids = np.zeros(int(codes.max()) + 2, dtype=np.int64)
        self._ids[codes[1:]] = np.arange(1, len(codes))
        self._codes = codes
        super().__init__(texts, int(self._ids[10]) or None if len(self._ids) > 11 else None)

    def decode(self, ids: Iterable[int]) -> str:
        numbers = np.asarray(ids if isinstance(ids, np.ndarray) else list(ids), dtype=np.int64)
        known: bytes = self._codes[numbers[numbers != 0]].tobytes()
        return known.decode("utf-32-le", "surrogatepass")

    def decoder(self, before: Sequence[int] = ()) -> Decoder:
        return _TextDecoder(self.texts)

    def unknown_in(self, text: str) -> list[str]:
        return [character for character in dict.fromkeys(with_line_ends(text)) if not self.encode(character)[0]]

    def to_json(self) -> dict[str, Any]:
        return {"unit": self.kind, "texts": list(self.texts)}

    def _encode(self, text: str) -> Ids:
        return self._ids.take(_codes(text), mode="clip")


def _codes(text: str) -> NDArray[np.uint32]:
    """The code points [N] of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


class _TextDecoder:
    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def push(self, unit: int, /) -> str:
        return self._texts[unit]

    def finish(self) -> str:
        return ""

    def before(self) -> tuple[int, ...]:
        return ()


def count_units(
    blocks: Iterable[str], kind: UnitKind, *, min_count: int, vocabulary_size: int, line_breaks: LineBreaks, lowercase: bool
) -> Units:
    """The units of a training text that comes in blocks of whole lines, most frequent first, ties by spelling.

    Args:
        min_count: what is seen less often is unknown (the line break never is); of BPE, pairs seen less often are no piece.
        vocabulary_size: the most units there are, the unknown one counted. 0 for as many as there are, which BPE does not take.
        line_breaks: of words alone.
        lowercase: of words alone.

    Raises:
        RecipeError: a vocabulary too small for BPE, which has 256 bytes and the unknown unit at least.
        MissingExtraError: BPE without the library `tokenizers`.
    """
    if kind == "bpe":
        return train_bpe(blocks, min_count=min_count, vocabulary_size=vocabulary_size)
    if kind == "word":
        return count_words(blocks, min_count=min_count, vocabulary_size=vocabulary_size, line_breaks=line_breaks, lowercase=lowercase)
    if kind == "token":
        return count_tokens(blocks, min_count=min_count, vocabulary_size=vocabulary_size)
    seen = np.zeros(sys.maxunicode + 1, dtype=np.int64)
    for block in blocks:
        seen += np.bincount(_codes(block), minlength=len(seen))
    counts = {chr(code): int(seen[code]) for code in np.flatnonzero(seen)}
    return CharacterUnits(["", *most_frequent(counts, min_count=min_count, vocabulary_size=vocabulary_size)])


def units_from_json(content: Mapping[str, Any]) -> Units:
    """Reads what `to_json` gave.

    Raises:
        ModelError: a part is missing or is not what it should be.
        MissingExtraError: BPE without the library `tokenizers`.
    """
    try:
        kind = content["unit"]
        if kind == "bpe":
            return BpeUnits(content["tokenizer"])
        texts = content["texts"]
        if texts[0] != "" or "" in texts[1:] or not all(isinstance(text, str) for text in texts) or len(set(texts)) < len(texts):
            raise ValueError("'texts', which are not distinct texts behind an empty one")
        if kind == "char":
            longer = [text for text in texts if len(text) > 1]
            if longer:
                raise ValueError(f"'texts', of which {longer[0]!r} is no single character")
            return CharacterUnits(texts)
        if kind == "word":
            return _words(texts, content)
        if kind == "token":
            torn = [text for text in texts[1:] if text.split() != [text]]
            if torn:
                raise ValueError(f"'texts', of which {torn[0]!r} holds a blank and is no token")
            return TokenUnits(texts)
        raise ValueError(f"'unit', {kind!r}, where char, word, bpe or token was expected")
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelError(f"vocabulary.json lacks or misspells {error}; the model directory is damaged: fetch or train it again.") from error


def _words(texts: Sequence[str], content: Mapping[str, Any]) -> WordUnits:
    joins = {}
    for side in ("joins_left", "joins_right", "is_paired"):
        places = np.array(content[side], dtype=np.int64)
        if places.ndim != 1 or (places < 1).any() or (places >= len(texts)).any():
            raise ValueError(f"'{side}', where ids below {len(texts)} were expected")
        joins[side] = np.isin(np.arange(len(texts)), places)
    if content["line_breaks"] not in ("unit", "blank"):
        raise ValueError(f"'line_breaks', {content['line_breaks']!r}, where unit or blank was expected")
    if not isinstance(content["lowercase"], bool):
        raise ValueError(f"'lowercase', {content['lowercase']!r}, where true or false was expected")
    return WordUnits(texts, line_breaks=content["line_breaks"], lowercase=content["lowercase"], **joins)
