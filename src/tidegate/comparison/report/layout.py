"""Where things stand in figures: panels beside each other, legends above them, names beside points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import mean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Inches of a whole figure.
WIDTH = 9.5
_Box = tuple[float, float, float, float]


def panelled(count: int) -> tuple[float, float]:
    """Inches of a figure of so many small panels, up to four beside each other."""
    columns = _columns(count)
    wide = WIDTH / 4 if columns < 3 else WIDTH / columns
    return max(4.6, wide * columns), max(2.05, 0.72 * wide) * -(-count // columns) + 0.45


def panels(figure: Figure, names: Sequence[str]) -> Iterator[tuple[str, Axes]]:
    """A panel for each name, all with the same axes."""
    columns = _columns(len(names))
    grid = figure.subplots(-(-len(names) // columns), columns, sharex=True, sharey=True, squeeze=False)
    cells = list(grid.flat)
    for cell in cells[len(names) :]:
        cell.set_visible(False)
    for name, axes in zip(names, cells, strict=False):
        below = cells.index(axes) + columns
        axes.tick_params(labelbottom=below >= len(names))
        yield name, axes


def _columns(count: int) -> int:
    """Of panels: up to four, three where the last row would be emptier otherwise."""
    return 3 if count in (5, 6, 9) else min(4, count)


def legend(figure: Figure, names: Sequence[str]) -> None:
    """Above the axes, in as many columns as there is room for."""
    usual = mean(min(24, len(name)) for name in names) + 3
    figure.legend(loc="outside upper left", ncols=max(1, min(len(names), int(72 * WIDTH / (5.6 * usual + 46)))), columnspacing=1.6)


def label_points(axes: Axes, points: Iterable[tuple[float, float, str, bool]], lines: Iterable[_Box] = ()) -> None:
    """Writes names, bold ones too, beside points without laying one over another, over lines (x, y, x, y), as far as there is room.

    The layout must stand already.
    """
    placed: list[_Box] = []
    transform = axes.transData
    for a, b, c, d in lines:
        (x, y), (far, high) = transform.transform((a, b)), transform.transform((c, d))
        placed.append((min(x, far) - 1, min(y, high) - 1, max(x, far) + 1, max(y, high) + 1))
    spots = [(*transform.transform((x, y)), text, is_bold) for x, y, text, is_bold in points]
    marks = [(x - 5, y - 5, x + 5, y + 5) for x, y, _, _ in spots]
    scale = axes.figure.dpi / 72
    edges = (axes.bbox.x0, axes.bbox.x1 + 6)
    for (x, y, text, is_bold), own in zip(spots, marks, strict=True):
        wide, high = 5.9 * len(text) * scale, 11 * scale
        boxes = []
        for step in range(8):
            for up in (step, -step) if step else (0,):
                shift = up * 0.45 * high
                boxes.append((x + 10, y - high / 2 + shift, "left", shift))
                boxes.append((x - 10 - wide, y - high / 2 + shift, "right", shift))
        taken = placed + [mark for mark in marks if mark is not own]
        left, low, side, shift = min(boxes, key=lambda box: _cost((box[0], box[1], box[0] + wide, box[1] + high), taken, edges, box[3]))
        placed.append((left, low, left + wide, low + high))
        spot = transform.inverted().transform((x, y))
        offset = ((10 if side == "left" else -10) / scale, shift / scale)
        note = axes.annotate(text, (spot[0], spot[1]), offset, textcoords="offset points", ha=side, va="center")
        note.set_in_layout(False)  # the axes stay where they were when room was looked for
        if is_bold:
            note.set_fontweight("bold")


def _cost(box: _Box, taken: Iterable[_Box], edges: tuple[float, float], shift: float) -> float:
    overlap = 0.0
    for other in taken:
        wide = min(box[2], other[2]) - max(box[0], other[0])
        high = min(box[3], other[3]) - max(box[1], other[1])
        overlap += max(0.0, wide) * max(0.0, high)
    return 100 * overlap + 50 * max(0.0, box[2] - edges[1], edges[0] - box[0]) + abs(shift)
