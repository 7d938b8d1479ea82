"""Byte-level BPE as units (Sennrich et al. 2016, on bytes as in GPT-2), by the library `tokenizers`: nothing is ever unknown."""

from __future__ import annotations

import codecs
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tidegate.data.blanks import blank_spans
from tidegate.data.unit_base import Decoder, Ids, UnitKind, Units
from tidegate.errors import MissingExtraError, RecipeError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BYTES = 256
# A character has four bytes at most, so what is still open began in one of the last three pieces.
_OPEN_PIECES = 3


class BpeUnits(Units):
    """BPE pieces; a piece's id is one more than its number in the library's JSON, and a line end is always a piece by itself.

    Raises:
        MissingExtraError: the library `tokenizers` is not installed.
        ValueError: not the library's JSON.
    """

    kind: ClassVar[UnitKind] = "bpe"

    def __init__(self, tokenizer: Mapping[str, Any]) -> None:
        self._json = tokenizer
        self._tokenizer = _tokenizer_from(json.dumps(tokenizer))
        vocabulary = self._tokenizer.get_vocab()
        pieces = sorted(vocabulary, key=vocabulary.__getitem__)
        byte_of = {character: byte for byte, character in enumerate(_byte_characters())}
        if sorted(vocabulary.values()) != list(range(len(pieces))) or not byte_of.keys() <= vocabulary.keys():
            raise ValueError("'tokenizer', whose pieces are not numbered from 0 or lack single bytes")
        self.bytes = (b"", *(bytes(map(byte_of.__getitem__, piece)) for piece in pieces))
        super().__init__([piece.decode("utf-8", "replace") for piece in self.bytes], vocabulary[_byte_characters()[10]] + 1)

    def decoder(self, before: Sequence[int] = ()) -> Decoder:
        decoder = _ByteDecoder(self.bytes)
        for unit in before[-_OPEN_PIECES:]:
            decoder.push(int(unit))
        return decoder

    def unknown_in(self, text: str) -> list[str]:
        return []

    def to_json(self) -> dict[str, Any]:
        return {"unit": self.kind, "tokenizer": dict(self._json)}

    def _holes(self, text: str) -> list[tuple[int, int]]:
        # A word's piece begins with the blank before it, so a unit for "___" stands in for that blank too.
        return [(start - text[:start].endswith(" "), end) for start, end in blank_spans(text)]

    def _encode(self, text: str) -> Ids:
        encodings = self._tokenizer.encode_batch_fast(list(_lines(text)))
        return np.fromiter((piece for encoding in encodings for piece in encoding.ids), dtype=np.int64) + 1


class _ByteDecoder:
    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self._recent: deque[int] = deque(maxlen=_OPEN_PIECES)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, unit: int, /) -> str:
        self._recent.append(unit)
        return self._decoder.decode(self._pieces[unit])

    def finish(self) -> str:
        return self._decoder.decode(b"", final=True)

    def before(self) -> tuple[int, ...]:
        return tuple(self._recent)


def train_bpe(blocks: Iterable[str], *, min_count: int, vocabulary_size: int) -> BpeUnits:
    """BPE of a text that comes in blocks of whole lines: `vocabulary_size` units, or fewer where the text gives no more.

    Raises:
        RecipeError: room for fewer units than there are bytes.
        MissingExtraError: the library `tokenizers` is not installed.
    """
    if vocabulary_size <= _BYTES:
        raise RecipeError(
            f"vocabulary_size is {vocabulary_size}; units of BPE are the unknown one, {_BYTES} bytes and pieces longer than a byte, so "
            f"more than {_BYTES} was expected. Set vocabulary_size to a few thousand, or use another unit."
        )
    try:
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    except ImportError:
        raise _missing_library() from None
    tokenizer = Tokenizer(models.BPE())
    # Line ends by themselves: so the pieces of a text are those of its lines, however it is cut into blocks.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary_size - 1, min_frequency=min_count, show_progress=False, initial_alphabet=sorted(_byte_characters())
    )
    # Lines and not blocks, of which the library would hold hundreds at a time.
    tokenizer.train_from_iterator((line for block in blocks for line in _lines(block)), trainer)
    return BpeUnits(json.loads(tokenizer.to_str()))


def _lines(text: str) -> Iterator[str]:
    """The lines of a text with their ends; half a surrogate pair, which has no bytes, is read as U+FFFD."""
    if not text.isascii():
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    *lines, rest = text.split("\n")
    yield from (line + "\n" for line in lines)
    if rest:
        yield rest


def _tokenizer_from(content: str) -> Tokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise _missing_library() from None
    try:
        return Tokenizer.from_str(content)
    # The library raises bare exceptions.
    except Exception as error:
        raise ValueError(f"'tokenizer' ({error})") from error


def _missing_library() -> MissingExtraError:
    return MissingExtraError("bpe", "A model of BPE units")


def _byte_characters() -> list[str]:
    """The character by which byte-level BPE writes each byte [256]: itself where it is printable, else from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(_BYTES)]
