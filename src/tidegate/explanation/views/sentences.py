"""What the views say in words, the same in each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Content = Mapping[str, Any]

# What stands for what cannot be seen.
_SIGNS = {" ": "␣", "\n": "↵", "\t": "⇥", "": "∅"}
_PLAIN = str.maketrans(
    {"·": ",", "→": "->", "←": "<-", "−": "-", "±": "+-", "…": "...", "–": "-", "─": "-", "●": "o", "█": "#", "▒": "=", "▲": "+", "▼": "-"}
)
# Smaller changes of a score come of rounding; falls of log p by less than the other are hardly any.
NOISE, _HARDLY = 1e-5, 0.005
# A memory longer than that is no number of words any more.
FOREVER = 1e5


def seen(unit: str) -> str:
    """A unit as it can be seen on one line."""
    if unit in _SIGNS:
        return _SIGNS[unit]
    return "".join(c if c.isprintable() else _SIGNS.get(c, "�") for c in unit)


def shortened(text: str, most: int = 400) -> str:
    """The text, or of a longer one its beginning."""
    return text if len(text) <= most else text[: most - 1] + "…"


def plain(text: str) -> str:
    """The same in ASCII, for terminals that know no more."""
    text = text.translate(_PLAIN)
    return text.encode("ascii", "replace").decode()


def number(value: float, digits: int = 2) -> str:
    """With a true minus, and none before a zero."""
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def signed(value: float, digits: int = 2) -> str:
    """With + or − before it; a zero has neither."""
    text = number(value, digits)
    return text if float(text.replace("−", "-")) <= 0 else f"+{text}"


def counted(count: int, name: str) -> str:
    """'1 word', '1,200 words'."""
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def read_of(survey: Content) -> str:
    """What a survey read: '80 sequences, 1,200 words', or '40 pairs: source 300 characters, target 310 tokens'."""
    panels = survey["panels"]
    read = counted(survey["sequences"], survey["sequence_name"])
    if len(panels) == 1:
        return f"{read}, {counted(panels[0]['steps'], panels[0]['unit_name'])}"
    each = (f"{panel['name']} {counted(panel['steps'], panel['unit_name'])}" for panel in panels)
    return f"{read}: {', '.join(each)}"


def places(found: Sequence[int], most: int = 20) -> str:
    """Hidden units by their numbers from 1, the first of many."""
    told = ", ".join(str(place + 1) for place in found[:most])
    return f"{told} and {len(found) - most:,} more" if len(found) > most else told


def digits_of(value: float) -> int:
    """Decimals of a fall of a score: two, of a small one as many as show two digits that count."""
    return 2 if abs(value) >= 0.1 or abs(value) < NOISE else 1 - math.floor(math.log10(abs(value)))


def fine(value: float) -> str:
    """A fall of a score with its decimals."""
    return number(value, digits_of(value))


def _is_hardly(value: float, most: float) -> bool:
    return abs(value) < max(NOISE, min(_HARDLY, abs(most) / 50))


def _fall(value: float, most: float = 1.0) -> str:
    """`most` is the greatest fall that it is told beside: a fiftieth of it is nothing."""
    if _is_hardly(value, most):
        return "hardly moves"
    return f"falls by {fine(value)}" if value > 0 else f"rises by {fine(-value)}"


def influence_sentences(content: Content) -> list[str]:
    """The check and its verdict, the directions, where one unit's answer is explained its two contexts, and what gradients deal out."""
    influence = content["influence"]
    if influence is None:
        return []
    panel = next((panel for panel in content["panels"] if panel["name"] == influence["panel"]), None)
    name, units = (panel["unit_name"], panel["units"]) if panel else ("unit", [])
    said = []
    if check := influence["check"]:
        k, most = check["removed"], max(abs(check["important"]), abs(check["random_mean"]))
        # The unit whose answer is explained stays.
        meant = f"most important {'other ' if influence['at'] is not None else ''}{name}"
        these = f"the {meant}" if k == 1 else f"the {k} {meant}s"
        others = "1 other by chance" if k == 1 else f"{k} others by chance"
        said.append(
            f"Without {these} the score ({influence['of']}) {_fall(check['important'], most)}; without {others} it "
            f"{_fall(check['random_mean'], most)} on average{_verdict(check, name, most)}"
        )
    if influence["forward"] is not None:
        other = "" if influence["backward"] is None else f"; without those of the backward direction it {_fall(influence['backward'])}"
        said.append(f"Without the states of the forward direction the score {_fall(influence['forward'])}{other}.")
    at = influence["at"]
    if at is not None and len(influence["left"]) > max(at, 1):
        left, right = influence["left"][at], influence["right"][at]
        said.append(
            f"Without all that stands before {seen(units[at])!r} the score {_fall(left)}, without all behind it it {_fall(right)}: "
            f"{_weight(left, right, influence['left_share'][at])}."
        )
    if influence["gradient_of"] not in ("", influence["of"]):
        said.append(f"What the gradients deal out, in the target's unit: {influence['gradient_of']}.")
    return said


def _verdict(check: Content, name: str, most: float) -> str:
    """What the check says of the bars, frankly."""
    if _is_hardly(check["important"], most) and _is_hardly(check["random_mean"], most):
        return f": the answer hangs on no {name} alone. Make little of the bars."
    return f". In {check['beaten']:.0%} of {check['draws']} draws the others moved it less: {_words_of_verdict(check, name)}"


def _words_of_verdict(check: Content, name: str) -> str:
    if check["holds"]:
        return "what is called important is."
    if check["important"] > max(check["random_mean"], NOISE):
        return "that is not clearly more than by chance. Make little of the bars."
    these = f"the {name}" if check["removed"] == 1 else f"the {name}s"
    return f"{these} called important did not move the answer more than others do. Make little of the bars."


def _weight(left: float, right: float, share: float | None) -> str:
    """What two contexts are worth to one answer."""
    if share is not None:
        return f"of what speaks for the answer {share:.0%} stands on the left"
    if max(abs(left), abs(right)) < _HARDLY:
        return "neither context matters"
    return "neither context speaks for the answer"


def memory_sentence(layer: Content, unit_name: str) -> str:
    """How long the units of a layer keep the past, in what stands along its input; empty of an rnn."""
    if not layer["memory"]:
        return ""
    lengths: Sequence[float] = sorted(layer["memory"])

    def at(share: float) -> str:
        value = lengths[min(len(lengths) - 1, int(share * len(lengths)))]
        return "ever" if value >= FOREVER else f"{value:,.{int(value < 10)}f} {unit_name}s"

    return f"half of the units keep the past for {at(0.5)} or more, a tenth for {at(0.9)} or more (until 1/e of it is left)"
