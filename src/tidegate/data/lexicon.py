"""Pronouncing lexicons as CMUdict writes them: a line `word PH PH …`, blanks between.

`word(2)` is another pronunciation of `word`; lines that begin with `;;;` or with `#` and a blank are comments, and so is what
follows a `#` with blanks on both sides at the end of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from tidegate.data.opening import excerpt
from tidegate.data.records import Source
from tidegate.errors import DataError

LEXICON_SUFFIX = ".dict"
_COMMENT_LINE = re.compile(r";;;|#(\s|$)")
_COMMENT = re.compile(r"\s#(\s.*)?$")
_VARIANT = re.compile(r"(.+)\([0-9]+\)")
# Phones have so many characters at most, nearly always.
_LONGEST_PHONE = 4
# The vowels of ARPAbet, which carry 0, 1 or 2 for the stress of their syllable.
_STRESSED = re.compile(r"(A[AEHOWXY]|AXR|E[HRY]|I[HXY]|O[WY]|U[HWX])[0-2]", re.IGNORECASE)
_STRESS_MARKS = str.maketrans("", "", "ˈˌ")


def read_lexicon(lines: Iterator[tuple[int, str]], file: str) -> Iterator[tuple[int, str, str]]:
    """Line number, word and phones, one blank between them, of each line that is no comment.

    Raises:
        DataError: a word without phones.
    """
    for number, line in lines:
        word, *phones = _cut(line) or [""]
        if not word:
            continue
        if not phones:
            raise DataError(
                f"{Source(file, number)}: a word without phones: {excerpt(line)}. In a lexicon a line holds a word and its phones, blanks "
                "between them (HELLO HH AH0 L OW1): write them, or remove the line. If the file holds pairs of texts, put a tab between "
                "source and target in every line."
            )
        if word.endswith(")") and (variant := _VARIANT.fullmatch(word)):
            word = variant[1]
        yield number, word, " ".join(phones)


def looks_like_lexicon(lines: Iterable[str]) -> bool:
    """Whether what follows the first word of each line looks like phones."""
    return are_phones([phone for line in lines for phone in _cut(line)[1:]])


def are_phones(tokens: Sequence[str]) -> bool:
    """Whether these tokens are short enough for phones; none are not."""
    return bool(tokens) and sum(len(token) <= _LONGEST_PHONE for token in tokens) >= 0.9 * len(tokens)


def without_stress(phones: str) -> str:
    """The phones without the digits of ARPAbet's vowels (AH0) and without IPA's marks ˈ and ˌ, one blank between them."""
    plain = (_STRESSED.sub(r"\1", phone) if phone[-1] in "012" and _STRESSED.fullmatch(phone) else phone for phone in phones.split())
    return " ".join(" ".join(plain).translate(_STRESS_MARKS).split())


def _cut(line: str) -> list[str]:
    """A line's word and phones; nothing of a comment."""
    if _COMMENT_LINE.match(line):
        return []
    return (_COMMENT.sub("", line) if "#" in line else line).split()
