"""Numbers as marks in the terminal: bars for what the answer hangs on, shares of two contexts, and where the units of a gate lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.explanation.views.sentences import Content, number, signed

if TYPE_CHECKING:
    from rich.text import Text

# Of gates and states, by their letters.
COLOURS = {"z": "cyan", "f": "cyan", "s": "cyan", "r": "magenta", "i": "red", "o": "yellow", "h": "blue"}
# Bars are solid or striped; of a gate a range, its mean, and where nothing lies.
FULL, OTHER, RANGE, MEAN, REST = "█▒─●·"
# A gate's mark takes so many characters at least; with less room its number stands alone.
LEAST_MARK = 6
_BAR, _SHARE = 7, 6


def bar_of(value: float, strongest: float, digits: int, *, is_narrow: bool) -> Text:
    """A sign, a bar and the number: what is for the answer solid, what is against it striped; where it is narrow the number alone."""
    from rich.text import Text

    shown, style = signed(value, digits), "green" if value > 0 else "red"
    if is_narrow:
        return Text(shown, style=style)
    sign = shown[0] if shown[0] in "+−" else " "
    bar = (FULL if value > 0 else OTHER) * round(_BAR * abs(value) / strongest)
    return Text(f"{sign} {bar:<{_BAR}} ", style=style).append(f"{number(abs(value), digits):>{digits + 3}}", style="dim")


def share_of(share: float | None, *, is_narrow: bool) -> Text:
    """The left context's share and the right one's; None where neither is worth anything."""
    from rich.text import Text

    if share is None:
        return Text("–" if is_narrow else "neither", style="dim")
    if is_narrow:
        return Text(f"{share:.2f}")
    left = round(_SHARE * share)
    return Text(FULL * left, style="cyan").append(OTHER * (_SHARE - left), style="magenta").append(f" {share:.2f}", style="dim")


def mark_of(gate: Content, name: str, at: int, width: int) -> Text:
    """Where the units of a gate lie at a step, from 0 or −1 on the left to 1, and their mean in numbers."""
    from rich.text import Text

    mean, low, high = gate["mean"][at], gate["low"][at], gate["high"][at]
    shown = number(mean)
    if width < LEAST_MARK:
        return Text(shown)
    most = gate.get("scale") or 1.0

    def place(value: float) -> int:
        share = (value / most + 1) / 2 if gate["signed"] else value
        return min(width - 1, max(0, round(share * (width - 1))))

    line = [REST] * width
    for spot in range(place(low), place(high) + 1):
        line[spot] = RANGE
    line[place(mean)] = MEAN
    return Text("".join(line), style=COLOURS.get(name, "")).append(f" {shown:>5}")
