"""Words of plain text, by one documented rule, and files of plain text or of ready tokens.

The rule, in order; the first that fits at a place wins:

1. A URL (`https://…`, `http://…`, `www.…`) up to the next blank stays whole, without closing punctuation.
2. An e-mail address stays whole.
3. `@name` and `#tag` stay whole.
4. An apostrophe (' or ’) behind a word character and before letters begins a token with them:
   "it's" gives it, 's; by the same rule "don't" gives don, 't, unlike treebanks, which cut do, n't.
5. A run of letters, marks, digits and underscores is a word; marks (the vowel signs of Devanagari, accents written
   apart) and joiners belong to what they follow. Between two digits . , : and / do not end it: 3.50, 1,000, 10:30, 1/2.
6. An emoji stays whole: variation selectors, skin tones, ZWJ sequences and flags do not split it.
7. Every other character that is not blank is a token by itself.

Zero-width characters (U+200B, the byte order mark, directional marks) count as blanks; the joiners ZWJ, ZWNJ and the soft
hyphen do so where they join nothing. Scripts without blanks between words (Chinese, Thai) are not cut into words.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from tidegate.data.opening import open_lines
from tidegate.data.records import Source, TokenRecord

_JOINERS = "\u200c\u200d\u00ad"
_ZERO_WIDTH = frozenset([0x061C, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF])

# The rule is matched on a shadow of the text, as long as the text and in ASCII alone: letters become a, digits 0,
# blanks a blank, and the rest one of these. `re` has no classes for marks, and the shadow keeps offsets as they are.
_MARK, _JOINER, _FLAG, _SYMBOL, _MODIFIER = "\x01", "\x02", "\x03", "\x04", "\x05"

_LETTERLIKE = r"[A-Za-z0-9_\x01\x02]"
_WORD = rf"[A-Za-z0-9_]{_LETTERLIKE}*"
# Counted repetitions keep matching linear: a failed address costs at most 64 steps, wherever it is tried.
_TOKEN = re.compile(
    r"(?i:https?://|www\.)[^ ]*[^ .,;:!?'\")\]}>\x03\x04\x05]"
    r"|[A-Za-z0-9_][A-Za-z0-9_.%+-]{0,63}+@(?:[A-Za-z0-9-]{1,63}\.){1,10}[A-Za-z]{2,24}"
    rf"|[@#]{_WORD}"
    rf"|(?<={_LETTERLIKE})'[A-Za-z]{_LETTERLIKE}*"
    rf"|{_WORD}(?:(?<=[0-9])[.,:/](?=[0-9]){_WORD})*"
    r"|\x03\x03"
    r"|[^ A-Za-z0-9_\x01\x02][\x01\x05]*(?:\x02+[^ A-Za-z0-9_\x01\x02][\x01\x05]*)*"
    r"|\x01+"
)
_BETWEEN_BLANKS = re.compile(r"[^ \t]+")


class _Shadow(dict[int, str]):
    """For `str.translate`: works a character out when it is first met."""

    def __missing__(self, code: int) -> str:
        found = self[code] = _shadow_of(chr(code))
        return found


def _shadow_of(character: str) -> str:
    code = ord(character)
    if character in _JOINERS:
        return _JOINER
    if character.isspace() or code in _ZERO_WIDTH:
        return " "
    if character.isascii():
        return character if character.isprintable() else _SYMBOL
    if character == "’":
        return "'"
    if character.isdecimal():
        return "0"
    if character.isalnum():
        return "a"
    # Skin tones, and the tag characters that spell the flags of England, Scotland and Wales.
    if 0x1F3FB <= code <= 0x1F3FF or 0xE0020 <= code <= 0xE007F:
        return _MODIFIER
    if 0x1F1E6 <= code <= 0x1F1FF:
        return _FLAG
    return _MARK if unicodedata.category(character).startswith("M") else _SYMBOL


_SHADOW = _Shadow()


def tokenise(text: str) -> list[tuple[int, int]]:
    """Where the words of a text stand: (start, end) characters, in order, by the rule at the head of this module.

    They never overlap and leave out nothing but blanks. Takes time linear in the text.
    """
    return [match.span() for match in _TOKEN.finditer(text.translate(_SHADOW))]


def tokens_of(line: str) -> list[str]:
    """The ready tokens of a line, between which stand blanks or tabs."""
    return _BETWEEN_BLANKS.findall(line)


def last_word_end(text: str, known: int = 0) -> int:
    """Where the last word ends that a blank follows, and that more text therefore leaves as it is; 0 where there is none.

    The first `known` characters are known to hold no such end: of a text that grows only what is new is looked at.
    """
    for place in range(len(text) - 1, max(1, known) - 1, -1):
        if text[place].isspace() and not text[place - 1].isspace():
            return place
    return 0


def locate(tokens: Sequence[str], text: str) -> tuple[tuple[int, int], ...]:
    """Where the tokens stand in the text that they were cut from, in order, with nothing but blanks before and between them.

    Returns:
        For each token its (start, end) characters; empty where the text does not spell the tokens.
    """
    found: list[tuple[int, int]] = []
    end = 0
    for token in tokens:
        start = text.find(token, end)
        if start < 0 or not _is_blank(text[end:start]):
            return ()
        end = start + len(token)
        found.append((start, end))
    return tuple(found)


def _is_blank(text: str) -> bool:
    return not text or text.isspace() or not text.translate(_SHADOW).strip(" " + _JOINER)


def read_text(path: str | os.PathLike[str]) -> Iterator[TokenRecord]:
    """Plain text: a record for each line, cut into words; an empty line gives a record without tokens."""
    return read_text_lines(open_lines(path), os.fspath(path))


def read_text_lines(lines: Iterable[tuple[int, str]], file: str) -> Iterator[TokenRecord]:
    """As `read_text`, from numbered lines; `file` is what messages call them. Each record comes as soon as its line does."""
    return (_record(line, tokenise(line), Source(file, number)) for number, line in lines)


def read_tokens(path: str | os.PathLike[str]) -> Iterator[TokenRecord]:
    """Ready tokens: a record for each line, blanks or tabs between its tokens; offsets are those in the line."""
    return read_tokens_lines(open_lines(path), os.fspath(path))


def read_tokens_lines(lines: Iterable[tuple[int, str]], file: str) -> Iterator[TokenRecord]:
    """As `read_tokens`, from numbered lines; `file` is what messages call them. Each record comes as soon as its line does."""
    return (_record(line, [match.span() for match in _BETWEEN_BLANKS.finditer(line)], Source(file, number)) for number, line in lines)


def _record(line: str, offsets: Sequence[tuple[int, int]], source: Source) -> TokenRecord:
    return TokenRecord(tuple(line[start:end] for start, end in offsets), source, text=line, offsets=tuple(offsets))
