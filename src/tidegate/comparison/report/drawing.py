"""Figures of the report: drawn by matplotlib in stand-in colours, written as SVG whose colours follow the reader's theme.

Text stays text. Everything foreign is handled as XML, never by searching in the file, so that a label may look like a colour or a tag.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidegate.comparison.report.looks import PALETTE, SENTINELS, variables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "http://www.w3.org/2000/svg"
_HREF = "{http://www.w3.org/1999/xlink}href"
_FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif"
_NAMES = {sentinel: name for name, sentinel in SENTINELS.items()}
_COLOUR = re.compile("|".join(_NAMES))
_FINE = re.compile(r"(-?\d+\.\d\d)\d+")
_INK, _MUTED, _LINE = SENTINELS["ink"], SENTINELS["muted"], SENTINELS["line"]
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "tidegate",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.color": _INK,
    "axes.facecolor": "none",
    "axes.edgecolor": _MUTED,
    "axes.labelcolor": _MUTED,
    "axes.labelsize": 9.5,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _LINE,
    "grid.linewidth": 0.7,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "xtick.major.pad": 5,
    "ytick.major.pad": 5,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.handlelength": 2.6,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers in words: what a figure shows, or what a section says.

    Attributes:
        columns: their headings; the first heads the names of the rows.
        rows: of cells as written.
        note: what the table leaves out, if anything.
    """

    columns: list[str]
    rows: list[list[str]]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """One figure.

    Attributes:
        name: of its file, and of the section of the page.
        title, alt: what it is called, and what it shows in a sentence or two for those who do not see it.
        caption: how it is read.
        width: in units of its own, of which 9.5 are the height of its text.
        inline, standalone: SVG for a page that sets the palette, and as a file of its own.
        table: the numbers behind it.
    """

    name: str
    title: str
    alt: str
    caption: str
    width: float
    inline: str
    standalone: str
    table: Table


def draw(
    name: str, title: str, size: tuple[float, float], paint: Callable[[Figure], None], *, alt: str, table: Table, caption: str = ""
) -> Picture:
    """Lets `paint` fill a figure of `size` inches and writes it as SVG, equal figures to equal bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    file = io.BytesIO()
    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        # Text is written as text, in the reader's fonts: that matplotlib's own has no such letter does not matter.
        warnings.filterwarnings("ignore", message="Glyph|Matplotlib currently does not support|.*constrained_layout not applied")
        figure = Figure(figsize=size)
        paint(figure)
        figure.savefig(file, format="svg", metadata={"Date": None})
    root = ET.fromstring(file.getvalue().decode("utf-8"))
    _tidy(root, name)
    root.set("role", "img")
    root.set("aria-label", f"{title}. {alt}")
    ET.register_namespace("", _SVG)
    inline = ET.tostring(root, encoding="unicode").replace(f' xmlns="{_SVG}"', "", 1)
    return Picture(name, title, alt, caption, 72 * size[0], inline, _standalone(root, title, alt), table)


def _tidy(root: ET.Element, name: str) -> None:
    """Names of elements that are the figure's own, colours of the theme, two decimals, the reader's fonts."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    for element in root.iter():
        for key, value in list(element.attrib.items()):
            if key == "id":
                element.set(key, f"{name}-{value}")
            elif key == _HREF:
                del element.attrib[key]
                element.set("href", f"#{name}-{value[1:]}")
            elif key == "style":
                element.set(key, _styled(value))
            elif "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{name}-"))
            elif key in ("d", "x", "y", "transform", "points"):
                element.set(key, " ".join(_FINE.sub(r"\1", value).split()))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("style", f"font-family: {_FONTS}; stroke-linejoin: round; stroke-linecap: butt")


def _styled(style: str) -> str:
    """Declarations of a style without its fonts, and with the theme's colours."""
    kept = [part.strip() for part in style.split(";") if not part.strip().startswith("font-family")]
    return _COLOUR.sub(lambda found: f"var(--{_NAMES[found[0]]}, {PALETTE[_NAMES[found[0]]][0]})", "; ".join(filter(None, kept)))


def _standalone(root: ET.Element, title: str, alt: str) -> str:
    """As a file: with its own size, paper and palette; programs that know no variables find plain colours beside them."""
    own = ET.fromstring(ET.tostring(root))
    for element in own.iter():
        for part in element.get("style", "").split(";"):
            key, _, value = part.strip().partition(": ")
            if key in ("fill", "stroke") and value.startswith("var("):
                element.set(key, value.rstrip(")").rpartition(", ")[2])
    _, _, width, height = own.get("viewBox", "0 0 0 0").split()
    own.set("width", f"{width}pt")
    own.set("height", f"{height}pt")
    heading, description = ET.Element(f"{{{_SVG}}}title"), ET.Element(f"{{{_SVG}}}desc")
    heading.text, description.text = title, alt
    style = ET.Element(f"{{{_SVG}}}style")
    style.text = f":root {{ {variables(0)} }} @media (prefers-color-scheme: dark) {{ :root {{ {variables(1)} }} }}"
    paper = ET.Element(f"{{{_SVG}}}rect", {"width": width, "height": height, "fill": PALETTE["paper"][0], "style": "fill: var(--paper)"})
    for place, element in enumerate((heading, description, style, paper)):
        own.insert(place, element)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(own, encoding="unicode") + "\n"
