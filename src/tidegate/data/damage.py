"""Damaged characters in a text: lost ones, UTF-8 read as something else, control characters, HTML entities, split accents."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator

# What each byte of 128 to 191 becomes where UTF-8 is read as Latin-1 or CP1252, and the way back.
_FROM_CP1252 = {bytes([byte]).decode("cp1252", "ignore"): byte for byte in range(0x80, 0xA0)}
_TO_LATIN1 = {ord(character): byte for character, byte in _FROM_CP1252.items() if character}
_FOLLOWING = "[\x80-\xbf" + "".join(map(chr, _TO_LATIN1)) + "]"
# Greek, Cyrillic, Hebrew and Arabic only from two letters on: one alone is more often a capital in front of another letter (Czech ÍŽ).
_MOJIBAKE = re.compile(f"[ÂÃÄÅ]{_FOLLOWING}|(?:[ÎÏÐÑ×ØÙ]{_FOLLOWING}){{2,}}|[à-ï]{_FOLLOWING}{{2}}|[ð-ô]{_FOLLOWING}{{3}}")
# What may rightly follow a letter with an accent: "café\xa0»" has the shape of mojibake and is none.
_TYPOGRAPHIC = frozenset("\xa0«»‘’‚“”„‹›–—…")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});")
# Kind of damage -> what it is and how to mend it.
DAMAGE = {
    "lost": ("U+FFFD, the sign for a character that was lost", "Read the source again in its true encoding."),
    "mojibake": (
        "UTF-8 that was read as Latin-1 or CP1252 ('Ã©' for 'é')",
        "Convert the source as UTF-8 again, or mend the texts: text.encode('cp1252').decode('utf-8').",
    ),
    "control": (
        "control characters",
        "Remove them. Those from \\x80 to \\x9f are CP1252 read as Latin-1: text.encode('latin-1').decode('cp1252').",
    ),
    "composed": (
        "letters and accents as separate characters, where others have them in one",
        "Bring all into one form: unicodedata.normalize('NFC', text).",
    ),
    "entities": ("HTML entities ('&amp;' for '&')", "Where answers will be wanted on plain text: html.unescape(text)."),
}


def damage_in(text: str) -> Iterator[tuple[str, int]]:
    """Kinds of damaged characters and where each comes first."""
    if "&" in text:
        entity = next((match for match in _ENTITY.finditer(text) if html.unescape(match[0]) != match[0]), None)
        if entity:
            yield "entities", entity.start()
    at = -1
    if not text.isascii():
        at = _mojibake(text)
        if at >= 0:
            yield "mojibake", at
        if "\ufffd" in text:
            yield "lost", text.index("\ufffd")
        if not unicodedata.is_normalized("NFC", text):
            yield "composed", next((n for n, character in enumerate(text) if unicodedata.combining(character)), 0)
    control = _CONTROL.search(text) if at < 0 else None  # in mojibake they are a part of it
    if control:
        yield "control", control.start()


def _mojibake(text: str) -> int:
    """Where UTF-8 that was read as Latin-1 or CP1252 begins; -1 if nowhere."""
    for match in _MOJIBAKE.finditer(text):
        found, before = match[0], text[max(0, match.start() - 1) : match.start()]
        is_likely = (found[0] in "ÂÃ" and not before.isupper()) or (found[0] in "ÄÅ" and before.islower())
        if _TYPOGRAPHIC.issuperset(found[1:]) and not is_likely:
            continue
        try:
            found.translate(_TO_LATIN1).encode("latin-1").decode("utf-8")
        except UnicodeError:
            continue
        return match.start()
    return -1


def has_composed(text: str) -> bool:
    """Whether a letter stands there together with its accent as one character."""
    return not text.isascii() and not unicodedata.is_normalized("NFD", text) and unicodedata.is_normalized("NFC", text)
