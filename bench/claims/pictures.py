"""The figures of docs/claims.md: small SVG, told apart by marks and dashes as well as by colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# The palette of Okabe and Ito.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_MARKS = "osD^vP"


def lines(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    x: str,
    y: str,
    title: str,
    logarithmic: bool = False,
    dashed: Sequence[str] = (),
    names: Sequence[str] = (),
) -> Any:
    """A figure with one line for each (xs, ys); dashed are those whose names hold one of these words; `names` of the ticks of x."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tidegate", "font.size": 9}):
        figure = Figure(figsize=(8.6, 3.2), layout="constrained")
        axes = figure.add_subplot()
        for place, (name, (xs, ys)) in enumerate(series.items()):
            is_dashed = any(word in name for word in dashed)
            axes.plot(
                xs,
                ys,
                color=_COLOURS[place % len(_COLOURS)],
                marker=_MARKS[place % len(_MARKS)],
                markevery=max(1, len(xs) // 10),
                markersize=4,
                linewidth=1.4,
                linestyle="--" if is_dashed else "-",
                label=name,
            )
        if logarithmic:
            axes.set_yscale("log")
        if names:
            axes.set_xticks(range(len(names)), list(names))
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.set_title(title, fontsize=9, loc="left", color="#555555")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False)
    return figure


def save(figure: Any, path: Path) -> None:
    """Writes it as SVG; equal figures give equal bytes."""
    import matplotlib as mpl

    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tidegate", "font.size": 9}):
        figure.savefig(path, format="svg", metadata={"Date": None})
