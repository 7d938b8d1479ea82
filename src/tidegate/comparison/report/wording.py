"""Numbers and foreign texts as they stand in the report."""

from __future__ import annotations

# Longer texts than these are cut in the middle: of labels, of what was read or answered.
LABEL, TEXT = 60, 300
_BULKY = {code: chr(0x2400 + code) for code in range(32)} | {0x7F: "␡", 0x09: " ", 0x0A: " ", 0x0D: " "}
_BULKY |= dict.fromkeys(range(0x80, 0xA0), "�") | dict.fromkeys((0xFFFE, 0xFFFF), "�") | dict.fromkeys(range(0xD800, 0xE000), "�")


def short(text: object, most: int = LABEL) -> str:
    """A text of the user's on one line: what XML cannot hold is made visible, and what is too long is cut in the middle."""
    whole = str(text)
    if len(whole) > most:
        end = most // 4
        whole = f"{whole[: most - end - 1]}…{whole[-end:]}"
    return whole.translate(_BULKY)


def score(value: float | None, *, signed: bool = False) -> str:
    """Four decimals; of figures of ten and more (BLEU, percent) two."""
    if value is None:
        return "–"
    digits = 2 if abs(value) >= 10 else 4
    value = round(value, digits) + 0.0  # no −0.0000
    return (f"{value:+.{digits}f}" if signed and value else f"{value:.{digits}f}").replace("-", "−")


def probability(p: float | None) -> str:
    if p is None:
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def seconds(value: float | None) -> str:
    if value is None:
        return "–"
    if value < 1:
        return f"{1000 * value:.0f} ms" if value >= 0.001 else "< 1 ms"
    if value < 120:
        return f"{value:.1f} s"
    return minutes(value / 60)


def minutes(value: float | None) -> str:
    if value is None:
        return "–"
    if value < 2:
        return f"{60 * value:.0f} s"
    return f"{value:.1f} min" if value < 120 else f"{value / 60:.1f} h"


def milliseconds(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 10 else f"{value:,.1f}"


def megabytes(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.1f}"


def count(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def several(items: list[str]) -> str:
    """a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""
