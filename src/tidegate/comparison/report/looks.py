"""How contenders look in every figure and table: a colour, a mark and a dash each, so that none is told by its colour alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# By name, on light and on dark paper. c0 to c5 are the hues of Okabe and Ito (2008), which colour-blind readers tell apart; those
# that are too faint on one of the papers are darkened or lightened until they stand out by 4.5 : 1, as text must (WCAG 1.4.3).
PALETTE: dict[str, tuple[str, str]] = {
    "paper": ("#ffffff", "#15181c"),
    "ink": ("#1d2126", "#e7e9ec"),
    "muted": ("#5a626c", "#a6aeb8"),
    "line": ("#dfe3e8", "#343b44"),
    "c0": ("#0072b2", "#56b4e9"),
    "c1": ("#bd4f00", "#ee7733"),
    "c2": ("#007d5b", "#1fb88a"),
    "c3": ("#ab4a84", "#dd94bd"),
    "c4": ("#946300", "#e69f00"),
    "c5": ("#706a00", "#f0e442"),
    "c6": ("#1d2126", "#e7e9ec"),
}
# What matplotlib draws with in place of each: told again in the SVG it writes, and made a variable of CSS.
SENTINELS = {name: f"#{number:02x}7f{255 - number:02x}" for number, name in enumerate(PALETTE, start=1)}

_COLOURS = ("c0", "c1", "c2", "c3", "c4", "c5", "c6")
_MARKS = ("o", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*", "d", "H")
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (3, 1, 1, 1, 1, 1)))
_BASELINE_MARKS = ("s", "D", "o", "^", "v", "p")


@dataclass(frozen=True, slots=True)
class Look:
    """One contender's.

    Attributes:
        colour: a name of `PALETTE`.
        mark, dash: as matplotlib calls them.
        is_hollow: baselines are, networks are not.
    """

    colour: str
    mark: str
    dash: Any
    is_hollow: bool

    @property
    def sentinel(self) -> str:
        return SENTINELS[self.colour]

    def marked(self, size: float = 6) -> dict[str, Any]:
        """Arguments of a mark for matplotlib, which draws it on its own line."""
        face = "none" if self.is_hollow else self.sentinel
        return {"marker": self.mark, "markersize": size, "markerfacecolor": face, "markeredgecolor": self.sentinel, "markeredgewidth": 1.3}

    @property
    def polygons(self) -> list[str]:
        """The mark as points of polygons in a square from -1 to 1, for the page's own tables."""
        from matplotlib.markers import MarkerStyle

        style = MarkerStyle(self.mark)
        path = style.get_path().transformed(style.get_transform())
        outlines: Any = path.to_polygons()
        return [" ".join(f"{1.4 * x:.2f},{-1.4 * y:.2f}" for x, y in points) for points in outlines]


def looks_of(kinds: Mapping[str, str]) -> dict[str, Look]:
    """A look for each contender; the same one however the leaderboard is ordered.

    Args:
        kinds: 'network' or 'baseline' for every contender's name.
    """
    found: dict[str, Look] = {}
    for place, name in enumerate(_sorted(kinds, "network")):
        found[name] = Look(
            _COLOURS[place % len(_COLOURS)],
            _MARKS[place % len(_MARKS)],
            _DASHES[(place + place // len(_COLOURS)) % len(_DASHES)],
            is_hollow=False,
        )
    for place, name in enumerate(_sorted(kinds, "baseline")):
        found[name] = Look("muted", _BASELINE_MARKS[place % len(_BASELINE_MARKS)], (0, (1, 1.6)), is_hollow=True)
    return found


def _sorted(kinds: Mapping[str, str], kind: str) -> Iterable[str]:
    return sorted(name for name, own in kinds.items() if own == kind)


def variables(theme: int) -> str:
    """The palette as variables of CSS; `theme` is 0 for light paper, 1 for dark."""
    return " ".join(f"--{name}: {colours[theme]};" for name, colours in PALETTE.items())
