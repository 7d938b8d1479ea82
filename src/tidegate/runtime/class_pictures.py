"""Scores of classifiers and taggers as a picture: which labels were taken for which, and how soon in a sequence the answer is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tidegate.runtime.picture_files import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# The right label, the given one, and how often: `confusion` of `evaluate --format json`.
Confusion = Mapping[str, Mapping[str, int]]

# Beyond so many labels the numbers in the cells cannot be read any more; the most frequent ones are drawn.
MOST_LABELS = 30
_LONGEST_NAME = 18
# Shares are blue from white on; what is written on cells darker than this is white.
_BLUE, _DARK = "#0072B2", 0.55
_INCH = 0.55


def draw_classes(scores: Mapping[str, Any], path: Path, *, title: str = "") -> str | None:
    """Writes a picture of scores to `path`; SVG or PNG by its suffix, equal scores to equal bytes.

    Each cell of the table has its count and, below it, its share of the row, the right label's; cells of right answers are framed. Where
    the scores say what the answers were after a share of each sequence (`by_share`), a curve of that stands beside it.

    Args:
        scores: of `evaluate`; `confusion` is needed.
        title: what stands above.

    Returns:
        A sentence on what was left out, if anything was.

    Raises:
        OutputError: `path` ends in no known suffix, or cannot be written.
        MissingExtraError: matplotlib is not there.
    """
    confusion: Confusion = scores["confusion"]
    labels = labels_of(confusion)
    shown = shown_labels(confusion)
    write_figure(lambda: _figure(confusion, shown, scores.get("by_share") or (), title), path)
    if len(shown) == len(labels):
        return None
    return f"{path} shows the {len(shown)} most frequent of {len(labels)} labels; a picture has room for no more. All: --format json."


def labels_of(confusion: Confusion) -> list[str]:
    """All labels of the answers, right and given ones, sorted."""
    return sorted({*confusion, *(label for row in confusion.values() for label in row)})


def shown_labels(confusion: Confusion) -> list[str]:
    """The most frequent labels that there is room for, sorted."""
    support = {label: sum(confusion.get(label, {}).values()) for label in labels_of(confusion)}
    return sorted(sorted(support, key=lambda label: (-support[label], label))[:MOST_LABELS])


def _figure(confusion: Confusion, labels: Sequence[str], by_share: Sequence[Mapping[str, float]], title: str) -> Figure:
    from matplotlib.figure import Figure

    side = max(2.4, _INCH * len(labels)) + 1.6
    width = side + 4.6 if by_share else side
    figure = Figure(figsize=(width, max(side, 3.4)), layout="constrained")
    grid = figure.add_gridspec(1, 2 if by_share else 1, width_ratios=(side, 4.6) if by_share else (1,))
    _draw_confusion(figure.add_subplot(grid[0, 0]), confusion, labels)
    if by_share:
        _draw_shares(figure.add_subplot(grid[0, 1]), by_share)
    if title:
        figure.suptitle(title, fontsize=9, color="#555555", parse_math=False)
    return figure


def _draw_confusion(axes: Axes, confusion: Confusion, labels: Sequence[str]) -> None:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    counts = [[confusion.get(right, {}).get(given, 0) for given in labels] for right in labels]
    totals = [sum(confusion.get(right, {}).values()) for right in labels]  # with what is not shown, so that shares are those of all
    shares = [[count / max(1, total) for count in row] for row, total in zip(counts, totals, strict=True)]
    axes.imshow(shares, cmap=LinearSegmentedColormap.from_list("shares", ["#FFFFFF", _BLUE]), vmin=0, vmax=1)
    for row, right in enumerate(labels):
        for column, given in enumerate(labels):
            if not counts[row][column]:
                continue
            colour = "#FFFFFF" if shares[row][column] > _DARK else "#000000"
            said = f"{counts[row][column]:,}\n{_percent(shares[row][column])}"
            size = 7 if counts[row][column] < 10_000 else 5
            axes.text(column, row, said, ha="center", va="center", color=colour, fontsize=size, gid=f"cell-{row}-{column}")
            if right == given:
                axes.add_patch(Rectangle((column - 0.47, row - 0.47), 0.94, 0.94, fill=False, edgecolor="#000000", linewidth=1.2))
    names = [label if len(label) <= _LONGEST_NAME else label[: _LONGEST_NAME - 1] + "…" for label in labels]
    is_wide = sum(map(len, names)) > 8 * len(names) or len(names) > 12
    axes.set_xticks(range(len(names)), names, rotation=90 if is_wide else 0, fontsize=8, parse_math=False)
    axes.set_yticks(range(len(names)), names, fontsize=8, parse_math=False)
    axes.set_xlabel("answer")
    axes.set_ylabel("right label")
    axes.set_title("count, and share of the right label's row", fontsize=8, loc="left")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _draw_shares(axes: Axes, by_share: Sequence[Mapping[str, float]]) -> None:
    seen = [100 * entry["share"] for entry in by_share]
    right = [entry["accuracy"] for entry in by_share]
    axes.plot(seen, right, marker="o", markersize=4, color=_BLUE, gid="by-share")
    for place, (x, y) in enumerate(zip(seen, right, strict=True)):
        axes.annotate(f"{y:.2f}", (x, y), (0, 6), textcoords="offset points", ha="center", fontsize=7, gid=f"share-{place}")
    axes.set_xlim(0, 104)
    axes.set_ylim(0, 1.08)
    axes.set_xlabel("share of the sequence seen, in percent")
    axes.set_ylabel("accuracy")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _percent(share: float) -> str:
    """Whole percent; what is not nothing and not everything does not look like it."""
    if 0 < share < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < share < 1 else f"{100 * share:.0f} %"
