"""What stands below an explanation's rows in the terminal: channels by what hangs on them, and where attention read the answer from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tidegate.explanation.views.choice import weights_along
from tidegate.explanation.views.marks import bar_of
from tidegate.explanation.views.sentences import NOISE, Content, digits_of, fine, seen, shortened, signed

if TYPE_CHECKING:
    from rich.console import Console

# Of a word so many characters.
_WORD = 18
# A terminal of this width has room for the step at which a channel counts most.
_ROOM_FOR_STRONGEST = 70
# Of what attention read: units that are told of one answer; of several answers those, beside the strongest, that had so much.
_STRONGEST, _LEAST_WEIGHT = 5, 0.05
# Weights that are all below so many equal shares are told as one.
_ALIKE = 1.1


def print_channels(content: Content, console: Console, *, is_narrow: bool) -> None:
    """Features or covariates, by how far the score falls without them: over all steps, or their strongest step."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    influence = content["influence"]
    falls = influence["channel_occlusion"]
    is_by_step = bool(falls) and isinstance(falls[0], list)
    totals = [sum(row[place] for row in falls) for place in range(len(influence["channels"]))] if is_by_step else falls
    strongest = max([NOISE, *map(abs, totals)])
    digits = digits_of(strongest)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("channel", max_width=30, overflow="ellipsis", no_wrap=True)
    table.add_column("hangs on it" + (", added up" if is_by_step else ""), no_wrap=True)
    has_strongest = is_by_step and console.width >= _ROOM_FOR_STRONGEST
    if has_strongest:
        table.add_column("strongest at", no_wrap=True)
    gradient = influence["channel_gradient"]
    gradient_digits = digits_of(max(map(abs, gradient), default=0.0))
    if gradient:
        table.add_column("gradient", no_wrap=True, justify="right")
    for place, channel in enumerate(influence["channels"]):
        row = [Text(channel), bar_of(totals[place], strongest, digits, is_narrow=is_narrow)]
        if has_strongest:
            at = max(range(len(falls)), key=lambda step: abs(falls[step][place]))
            row.append(Text(f"step {at + 1}: {signed(falls[at][place])}"))
        if gradient:
            row.append(Text(signed(gradient[place], gradient_digits), style="green" if gradient[place] > 0 else "red"))
        table.add_row(*row)
    console.print()
    console.print(table)


def print_attention(content: Content, console: Console, most: int) -> None:
    """Of each unit of the answer the source units that it was read from, the strongest first."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    attention = content["attention"]
    console.print()
    for panel in content["panels"]:
        if weights := weights_along(content, panel):
            console.print(Text(_read_from(panel, weights)))
            return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("answer", no_wrap=True, max_width=_WORD, overflow="ellipsis")
    table.add_column("read from")
    for target, weights in list(zip(attention["targets"], attention["weights"], strict=True))[:most]:
        first, *others = sorted(range(len(weights)), key=lambda at: -weights[at])[:3]
        told = [first, *(at for at in others if weights[at] >= _LEAST_WEIGHT)]
        parts = (f"{seen(attention['sources'][at])} {fine(weights[at])}" for at in told)
        table.add_row(Text(seen(target), style="bold"), Text(" · ".join(parts)))
    console.print(table)
    if len(attention["targets"]) > most:
        console.print(Text(f"shown: the first {most} of {len(attention['targets'])} units of the answer.", style="yellow"))


def _read_from(panel: Content, weights: Sequence[float]) -> str:
    """The units that went into the answer most, with their places, beside what an equal share would be."""
    strongest = sorted(range(len(weights)), key=lambda at: -weights[at])[:_STRONGEST]
    equal = 1 / len(weights)
    if weights[strongest[0]] < _ALIKE * equal:
        return f"Attention read about as much from every {panel['unit_name']}: {fine(equal)}."
    told = (f"{shortened(seen(panel['units'][at]), _WORD)} ({at + 1:,}) {fine(weights[at])}" for at in strongest)
    return f"Attention read most from: {' · '.join(told)}; an equal share is {fine(equal)}."
