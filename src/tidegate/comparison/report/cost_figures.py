"""Figures of what a score costs: learning curves, and score against seconds of training and milliseconds of answering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import log10
from statistics import median
from typing import TYPE_CHECKING

from tidegate.comparison.report import wording
from tidegate.comparison.report.compared import Compared, Entry
from tidegate.comparison.report.drawing import Picture, Table, draw
from tidegate.comparison.report.layout import WIDTH, label_points, panelled, panels
from tidegate.comparison.report.looks import SENTINELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Points of a line and rows of a table of epochs; more can be told apart by nobody.
_MOST_POINTS, _MOST_EPOCHS = 200, 60
# First scores that lie so many times the spread of all later ones off are left out of the picture.
_FAR = 3
_MUTED, _LINE = SENTINELS["muted"], SENTINELS["line"]


def learning_curves(compared: Compared) -> Picture | None:
    """Score on the development data over epochs, a panel for each architecture; thin lines are seeds, the bold one their median."""
    curves = {name: _curves(compared.runs(name)) for name in compared.networks}
    curves = {name: found for name, found in curves.items() if found}
    if not curves:
        return None
    medians = {name: _middle(found) for name, found in curves.items()}
    titles = {row["name"]: row for row in compared.rows}
    reached = {name: titles[name].get("epochs_to_95") for name in curves}
    window = _window(curves, reached)

    def paint(figure: Figure) -> None:
        from matplotlib.ticker import MaxNLocator

        for name, axes in panels(figure, list(curves)):
            look = compared.looks[name]
            for other, line in medians.items():
                if other != name:
                    axes.plot(*zip(*_thinned(line), strict=True), color=_LINE, linewidth=1)
            for line in curves[name]:
                axes.plot(*zip(*_thinned(line), strict=True), color=look.sentinel, linewidth=0.7, alpha=0.75)
            points = _thinned(medians[name])
            axes.plot(*zip(*points, strict=True), color=look.sentinel, linewidth=2.4, markevery=[len(points) - 1], **look.marked(6))
            axes.set_title(wording.short(name, 24))
            if window is not None:
                axes.set_ylim(*window)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
            if (epoch := reached[name]) is not None:
                axes.axvline(epoch, color=_MUTED, linewidth=1, linestyle=(0, (2, 2)))
        figure.supxlabel("epoch", fontsize=9.5, color=_MUTED)
        figure.supylabel(f"{compared.score} on the development data", fontsize=9.5, color=_MUTED)

    epochs = sorted({epoch for line in medians.values() for epoch, _ in line})
    count = min(len(epochs), _MOST_EPOCHS)
    shown = [epochs[place * (len(epochs) - 1) // max(1, count - 1)] for place in range(count)]
    scores = {name: dict(line) for name, line in medians.items()}
    ends = [f"{wording.short(name)} {wording.score(line[-1][1])} after {line[-1][0]} epochs" for name, line in medians.items()]
    return draw(
        "learning-curves",
        "Learning curves",
        panelled(len(curves)),
        paint,
        alt=f"{compared.score} on the development data over epochs, a panel for each architecture. Median at the end: {'; '.join(ends)}.",
        caption="Thin lines are seeds, the bold one their median (as long as half of them go on); grey are the others' medians. "
        "The dotted line is the epoch in which 95 % of the best was reached."
        + ("" if window is None else " The first epochs lie outside the picture; the table has them."),
        table=Table(
            ["epoch", *map(wording.short, medians)],
            [[str(epoch), *(wording.score(scores[name].get(epoch)) for name in medians)] for epoch in shown],
            note="" if len(shown) == len(epochs) else f"{len(shown)} of {len(epochs)} epochs; all are in results.json.",
        ),
    )


def _window(curves: Mapping[str, Sequence[Sequence[tuple[int, float]]]], reached: Mapping[str, float | None]) -> tuple[float, float] | None:
    """The scores from 95 % of the best on, where those before lie so far off that nothing could be told apart; else None."""
    points = [(epoch >= (reached[name] or 0), score) for name, lines in curves.items() for line in lines for epoch, score in line]
    late, scores = [score for is_late, score in points if is_late], [score for _, score in points]
    low, high = min(late), max(late)
    span = high - low
    if span <= 0 or (low - min(scores) <= _FAR * span and max(scores) - high <= _FAR * span):
        return None
    return low - 0.25 * span, high + 0.25 * span


def _curves(runs: Sequence[Entry]) -> list[list[tuple[int, float]]]:
    lines = [
        [(int(entry["epoch"]), entry["dev_score"]) for entry in run.get("epochs") or () if entry.get("dev_score") is not None]
        for run in runs
    ]
    return [line for line in lines if line]


def _middle(lines: Sequence[Sequence[tuple[int, float]]]) -> list[tuple[int, float]]:
    known = [dict(line) for line in lines]
    found = []
    for epoch in sorted(set().union(*known)):
        scores = [line[epoch] for line in known if epoch in line]
        if 2 * len(scores) >= len(lines):
            found.append((epoch, median(scores)))
    return found


def _thinned(line: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    step = -(-len(line) // _MOST_POINTS)
    return [*line[:-1:step], line[-1]]


def costs(compared: Compared) -> Picture | None:
    """Score against seconds of training, and against milliseconds a sequence; the front of those that nobody beats in both."""
    panels_of = {"train_seconds": "seconds of training", "ms_per_sequence": "milliseconds a sequence, answering"}
    near = [row for row in compared.scored if row["name"] not in compared.far_off]
    fronts = {key: _front(compared.scored, key, is_lower_better=compared.is_lower_better) for key in panels_of}
    if not any(row[key] for row in near for key in panels_of):
        return None

    def paint(figure: Figure) -> None:
        pair = figure.subplots(1, 2, sharey=True)
        for axes, (key, spoken) in zip(pair, panels_of.items(), strict=True):
            known = [row for row in near if row[key]]
            axes.set_xscale("log")
            front = [row for row in known if row["name"] in fronts[key]]
            front.sort(key=lambda row: row[key])
            axes.step(
                [row[key] for row in front],
                [row["score"] for row in front],
                where="post",
                color=_MUTED,
                linewidth=1,
                linestyle=(0, (4, 3)),
                zorder=1,
            )
            for row in known:
                axes.plot(row[key], row["score"], linestyle="", **compared.looks[row["name"]].marked(8))
            axes.margins(0.1, 0.12)
            low, high = axes.get_xlim()
            axes.set_xlim(low, high * (high / low) ** 0.14)  # names stand to the right of their marks
            axes.set_xlabel(spoken)
            _tick_logarithms(axes)
        if compared.is_lower_better:
            pair[0].invert_yaxis()
        pair[0].set_ylabel(compared.score + (", lower is better (upside down)" if compared.is_lower_better else ""))
        figure.draw_without_rendering()
        for axes, key in zip(pair, panels_of, strict=True):
            own = [row for row in near if row[key]]
            front = sorted((row for row in own if row["name"] in fronts[key]), key=lambda row: row[key])
            lines = [
                ((one[key], one["score"], two[key], one["score"]), (two[key], one["score"], two[key], two["score"]))
                for one, two in pairwise(front)
            ]
            names = [(row[key], row["score"], wording.short(row["name"], 22), row["name"] in fronts[key]) for row in own]
            label_points(axes, names, [line for two in lines for line in two])

    said = [f"over {spoken} {wording.several(list(map(wording.short, fronts[key])))}" for key, spoken in panels_of.items() if fronts[key]]
    return draw(
        "score-and-cost",
        "Score against cost",
        (WIDTH, 3.9),
        paint,
        alt=f"Two panels of points. On the front, where nobody is both better and cheaper: {'; '.join(said)}.",
        caption=f"Up and to the left is better. Joined by the dashed line and bold: nobody is both better and cheaper (the Pareto front). "
        f"Medians over runs; both scales of cost are logarithmic.{compared.far_off_note}",
        table=Table(
            ["contender", compared.score, "training", "on the front", "ms/sequence", "on the front"],
            [
                [
                    wording.short(row["title"]),
                    wording.score(row["score"]),
                    wording.seconds(row["train_seconds"]),
                    "yes" if row["name"] in fronts["train_seconds"] else "no",
                    wording.milliseconds(row["ms_per_sequence"]),
                    "yes" if row["name"] in fronts["ms_per_sequence"] else "no",
                ]
                for row in compared.scored
            ],
        ),
    )


def _tick_logarithms(axes: Axes) -> None:
    """1, 2, 5, 10, 20 …, fewer where the axis spans many powers of ten, written as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    low, high = axes.get_xlim()
    powers = log10(high / low)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if powers < 2 else (1, 3) if powers < 3.5 else (1,), numticks=20))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _front(rows: Sequence[Entry], key: str, *, is_lower_better: bool) -> list[str]:
    """Names of those that nobody beats in score without costing more, cheapest first."""
    sign = -1 if is_lower_better else 1
    found: list[str] = []
    best: float | None = None
    for row in sorted((row for row in rows if row[key]), key=lambda row: (row[key], -sign * row["score"])):
        if best is None or sign * row["score"] > best:
            best = sign * row["score"]
            found.append(row["name"])
    return found
