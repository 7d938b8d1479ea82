"""Time series as a picture: what was known, what is told, its bands, and the holes. SVG or PNG, by matplotlib."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tidegate.runtime.picture_files import write_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = NDArray[np.floating[Any]]
Moments = NDArray[np.datetime64] | NDArray[np.int64]

# Beyond so many series a picture is a wall; the first are drawn and the rest is named.
MOST_SERIES = 12
# Blue, orange and black of the palette of Okabe and Ito, told apart by colour-blind readers too; lines and marks differ as well.
_KNOWN, _TOLD, _TRUE, _HOLE = "#000000", "#0072B2", "#D55E00", "#BBBBBB"


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One series as it is drawn. Times rise; NaN is a hole.

    Attributes:
        title: what stands above it.
        times, known: [T], the values that were given.
        told_times, told: [F], the values that a model tells, medians; after the others of a forecast, between them of filled holes.
        bands: lower and upper bounds, [F] each, by level in percent.
        truth: [F], what the told values turned out to be, where that is known.
    """

    title: str
    times: Moments
    known: Array
    told_times: Moments
    told: Array
    bands: Mapping[int, tuple[Array, Array]] = field(default_factory=dict)
    truth: Array | None = None


def draw_series(pictures: Sequence[Picture], path: Path, *, title: str = "") -> str | None:
    """Writes a picture of these series to `path`, below and beside each other; SVG or PNG by its suffix, equal input to equal bytes.

    Args:
        pictures: at least one; the first `MOST_SERIES` are drawn.
        title: what stands above all of them.

    Returns:
        A sentence on what was left out, if anything was.

    Raises:
        OutputError: `path` ends in no known suffix, or cannot be written.
        MissingExtraError: matplotlib is not there.
    """
    shown = pictures[:MOST_SERIES]
    write_figure(lambda: _figure(shown, title), path)
    if len(shown) == len(pictures):
        return None
    return f"{path} shows {len(shown)} of {len(pictures)} series, the first ones; a picture has room for no more."


def around_gaps(known: Array, told: NDArray[np.int64], *, least: int = 96) -> slice:
    """A stretch of a series worth drawing: around its longest told gap, ten times as long, and at least `least` steps.

    Args:
        known: [T], the values that were given.
        told: the places of those that were not, rising.
    """
    if not len(told) or len(known) <= least:
        return slice(0, len(known))
    begins = np.flatnonzero(np.diff(told, prepend=told[0] - 2) != 1)
    lengths = np.diff(begins, append=len(told))
    longest = int(lengths.argmax())
    middle = int(told[begins[longest]] + lengths[longest] // 2)
    width = min(len(known), max(least, 10 * int(lengths[longest])))
    begin = min(max(0, middle - width // 2), len(known) - width)
    return slice(begin, begin + width)


def _figure(pictures: Sequence[Picture], title: str) -> Figure:
    from matplotlib.figure import Figure

    columns = 1 if len(pictures) < 4 else 2 if len(pictures) < 9 else 3
    rows = math.ceil(len(pictures) / columns)
    figure = Figure(figsize=(9 if columns == 1 else 12, max(3.2, 2.5 * rows + 0.6)), layout="constrained")
    handles: dict[str, Any] = {}
    for number, picture in enumerate(pictures, 1):
        axes = figure.add_subplot(rows, columns, number)
        _draw(axes, picture)
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    if title:
        figure.suptitle(title, fontsize=9, color="#555555")
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)
    return figure


def _draw(axes: Axes, picture: Picture) -> None:
    known_at, told_at = _places(picture.times), _places(picture.told_times)
    step = _step(known_at, told_at)
    _draw_holes(axes, known_at, picture.known, step)
    axes.plot(known_at, picture.known, color=_KNOWN, linewidth=1, label="known", gid="known", **_dot(_has_lonely(picture.known)))
    runs = _runs(told_at, step)
    for rank, level in enumerate(sorted(picture.bands, reverse=True)):
        lower, upper = picture.bands[level]
        for place, run in enumerate(runs):
            label = f"{level} % band" if not place else None
            at, low, high = _widened(told_at[run], lower[run], upper[run], step)
            axes.fill_between(
                at, low, high, color=_TOLD, alpha=0.15 + 0.15 * rank, linewidth=0, label=label, gid=f"band-{level}-{place}"
            )  # fmt: skip
    for values, colour, line, label, gid in (
        (picture.truth, _TRUE, "--", "what came", "truth"),
        (picture.told, _TOLD, "-", "told", "told"),
    ):
        if values is None:
            continue
        for place, run in enumerate(runs):
            style: dict[str, Any] = {
                "color": colour,
                "linestyle": line,
                "linewidth": 1.3,
                "label": label if not place else None,
                "gid": f"{gid}-{place}",
            }
            axes.plot(told_at[run], values[run], **style, **_dot(_has_lonely(values[run])))
    if picture.told_times.dtype.kind == "M":
        _date_axis(axes)
    axes.margins(x=0.01)
    axes.set_title(picture.title, fontsize=9, loc="left")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_holes(axes: Axes, at: Array, known: Array, step: float) -> None:
    """A grey bar over the height of the picture wherever a value is missing."""
    missing = np.flatnonzero(np.isnan(known))
    if len(missing):
        begins = np.flatnonzero(np.diff(missing, prepend=missing[0] - 2) != 1)
        ends = np.append(begins[1:], len(missing)) - 1
        bars = [
            (at[missing[a]] - step / 2, at[missing[b]] - at[missing[a]] + step) for a, b in zip(begins, ends, strict=True)
        ]  # fmt: skip
        bar = axes.broken_barh(bars, (0, 1), transform=axes.get_xaxis_transform(), color=_HOLE, alpha=0.4, linewidth=0, label="missing")
        bar.set_gid("holes")


def _places(times: Moments) -> Array:
    """Times as places on the axis: days of matplotlib's, or the numbers themselves."""
    if times.dtype.kind != "M":
        return times.astype(np.float64)
    from matplotlib.dates import date2num

    return np.asarray(date2num(times), dtype=np.float64)  # type: ignore[no-untyped-call]


def _step(known_at: Array, told_at: Array) -> float:
    """The usual distance of two places."""
    both = np.unique(np.concatenate([known_at, told_at]))
    return float(np.median(np.diff(both))) if len(both) > 1 else 1.0


def _runs(at: Array, step: float) -> list[slice]:
    """Stretches without a break: a line that ran across one would tell what nobody told. Months differ in length."""
    breaks = [0, *(np.flatnonzero(np.diff(at) > 1.6 * step) + 1).tolist(), len(at)]
    return [slice(a, b) for a, b in pairwise(breaks) if b > a]


def _widened(at: Array, low: Array, high: Array, step: float) -> tuple[Array, Array, Array]:
    """The band of a single step has no width; it is drawn half a step to either side."""
    if len(at) > 1:
        return at, low, high
    return np.array([at[0] - step / 2, at[0] + step / 2]), np.repeat(low, 2), np.repeat(high, 2)


def _has_lonely(values: Array) -> bool:
    """Whether a value stands between two that are missing, where a line alone would not show it."""
    seen = np.isfinite(values)
    around = np.concatenate([[False], seen, [False]])
    return bool((seen & ~around[:-2] & ~around[2:]).any())


def _dot(is_needed: bool) -> dict[str, Any]:
    return {"marker": "o", "markersize": 2.5} if is_needed else {}


def _date_axis(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
