"""The leaderboard as a picture: score with its spread on the left, what it costs in figures on the right. SVG, by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.artefact import write_atomically
from tidegate.comparison.leaderboard import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Blue and orange of the palette of Okabe and Ito, told apart by colour-blind readers too; the marks differ as well.
_MARKS = {"network": ("o", "#0072B2"), "baseline": ("s", "#D55E00")}


def draw_leaderboard(rows: Sequence[Row], path: Path, *, score: str, scored_on: str) -> None:
    """Writes the picture to `path`. With several sizes of training data, a second panel shows score over size.

    Raises:
        OutputError: `path` cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    shares = sorted({row.share for row in rows})
    full = [row for row in rows if row.share == max(shares)]
    heights = [0.34 * len(full) + 0.9, *([2.8] if len(shares) > 1 else [])]
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tidegate", "font.size": 9}):
        figure = Figure(figsize=(11, sum(heights) + 0.2), layout="constrained")
        grid = figure.add_gridspec(len(heights), 2, height_ratios=heights, width_ratios=[1, 1])
        scores = figure.add_subplot(grid[0, 0])
        _draw_scores(scores, full, score, scored_on)
        _draw_costs(figure.add_subplot(grid[0, 1], sharey=scores), full)
        if len(shares) > 1:
            _draw_sizes(figure.add_subplot(grid[1, :]), rows, shares, score)
        with write_atomically(path) as file:
            figure.savefig(file, format="svg", metadata={"Date": None})


def _draw_scores(axes: Axes, rows: Sequence[Row], score: str, scored_on: str) -> None:
    where = {"dev": "development data", "test": "test data", "folds": "test folds"}[scored_on]
    reached = sorted(row.score for row in rows if row.score is not None)
    # The lowest, which is mostly the majority's, may lie so far off that all others would fall together.
    is_far = len(reached) > 2 and reached[1] - reached[0] > 2 * (reached[-1] - reached[1])
    for place, row in enumerate(rows):
        mark, colour = _MARKS[row.kind]
        if row.score is None:
            continue
        if is_far and row.score == reached[0]:
            axes.annotate(f"◀ {row.score:.4f}", (0, place), xycoords=axes.get_yaxis_transform(), color=colour, va="center")
            continue
        axes.errorbar(row.score, place, xerr=row.spread, fmt=mark, color=colour, capsize=3, markersize=6)
    axes.margins(x=0.1)
    axes.set_yticks(range(len(rows)), [row.title for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.8)
    axes.set_xlabel(f"{score} on the {where} (● network, ■ baseline)")
    axes.set_title("mean, and standard deviation over folds or seeds", fontsize=9, loc="left", color="#555555")
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_costs(axes: Axes, rows: Sequence[Row]) -> None:
    """Columns of figures, each row beside its mark."""
    axes.set_axis_off()
    columns = (("score", 0.40, _score), ("training", 0.60, _seconds), ("ms/sequence", 0.85, _milliseconds), ("MB", 1.0, _megabytes))
    for heading, x, spoken in columns:
        axes.text(x, -0.75, heading, transform=axes.get_yaxis_transform(), ha="right", va="center", color="#555555")
        for place, row in enumerate(rows):
            axes.text(x, place, spoken(row), transform=axes.get_yaxis_transform(), ha="right", va="center")


def _draw_sizes(axes: Axes, rows: Sequence[Row], shares: Sequence[float], score: str) -> None:
    for name in dict.fromkeys(row.name for row in rows):
        own = sorted((row for row in rows if row.name == name and row.score is not None), key=lambda row: row.share)
        mark, _ = _MARKS[own[0].kind] if own else ("o", "")
        axes.errorbar(
            [100 * row.share for row in own],
            [row.score for row in own if row.score is not None],
            yerr=[row.spread or 0.0 for row in own],
            marker=mark,
            linestyle="-" if own and own[0].kind == "network" else "--",
            capsize=3,
            label=own[0].title if own else name,
        )
    axes.set_xticks([100 * share for share in shares], [f"{share:.0%}" for share in shares])
    axes.set_xlabel("share of the training data")
    axes.set_ylabel(score)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="best", fontsize=8)


def _score(row: Row) -> str:
    if row.score is None:
        return "failed"
    return f"{row.score:.4f}" + (f" ± {row.spread:.4f}" if row.spread is not None else "")


def _seconds(row: Row) -> str:
    return "–" if row.train_seconds is None else f"{row.train_seconds:,.1f} s"


def _milliseconds(row: Row) -> str:
    return "–" if row.ms_per_sequence is None else f"{row.ms_per_sequence:.3f}"


def _megabytes(row: Row) -> str:
    return "–" if row.megabytes is None else f"{row.megabytes:.1f}"


def cells_of(row: Row) -> dict[str, str]:
    """The row in words, for a table in the terminal."""
    return {
        "": row.title,
        "score": _score(row),
        "parameters": "–" if row.parameters is None else f"{row.parameters:,.0f}",
        "training": _seconds(row),
        "ms/sequence": _milliseconds(row),
        "MB": _megabytes(row),
    }
