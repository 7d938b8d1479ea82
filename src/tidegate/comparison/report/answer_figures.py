"""Figures of answers: score per label, by length, by position, and how far what contenders call probable is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

from tidegate.comparison.report import wording
from tidegate.comparison.report.compared import Compared, Entry
from tidegate.comparison.report.drawing import Picture, Table, draw
from tidegate.comparison.report.layout import WIDTH, legend, panelled, panels
from tidegate.comparison.report.looks import SENTINELS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# So many labels are drawn; the table has all.
MOST_LABELS = 25
_MUTED, _LINE = SENTINELS["muted"], SENTINELS["line"]


def by_label(compared: Compared) -> Picture | None:
    """For each right label the share of its answers that were right: of all labels those where the networks differ most."""
    shares: Mapping[str, Mapping[str, float]] = (compared.content.get("differences") or {}).get("by_label") or {}
    shares = {label: own for label, own in shares.items() if any(share is not None for share in own.values())}
    if not shares:
        return None
    names = _known(compared, shares.values())
    judges = [name for name in names if name in compared.networks] or names
    gap = {label: _gap(own, judges) for label, own in shares.items()}
    ordered = sorted(shares, key=lambda label: (-gap[label], label))
    shown = ordered[:MOST_LABELS]

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for place, label in enumerate(shown):
            known = [100 * shares[label][name] for name in names if shares[label].get(name) is not None]
            axes.plot([min(known), max(known)], [place, place], color=_LINE, linewidth=5, solid_capstyle="round", zorder=1)
        for name in names:
            points = [(100 * shares[label][name], place) for place, label in enumerate(shown) if shares[label].get(name) is not None]
            if points:
                axes.plot(
                    *zip(*points, strict=True), linestyle="", label=wording.short(name, 24), zorder=2, **compared.looks[name].marked(7)
                )
        axes.set_yticks(range(len(shown)), [wording.short(label, 28) for label in shown])
        axes.set_ylim(len(shown) - 0.5, -0.6)
        axes.margins(x=0.04)
        axes.set_xlabel("right answers of those that wanted the label, in percent")
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        legend(figure, names)

    widest = [f"{wording.short(label)} ({100 * gap[label]:.0f} points)" for label in ordered[:3]]
    left_out = f"The {len(shown)} labels of {len(shares)} where networks differ most are drawn; all stand in the table."
    return draw(
        "by-label",
        "Right answers per label",
        (WIDTH, 0.3 * len(shown) + 1.5),
        paint,
        alt=f"Share of right answers for {len(shown)} labels, a mark for each contender. The widest differences: {', '.join(widest)}.",
        caption="The grey bar spans from the worst to the best contender; widest first."
        + (f" {left_out}" if len(shown) < len(shares) else ""),
        table=Table(
            ["label", *(wording.short(name) for name in names)],
            [[wording.short(label), *(_percent(shares[label].get(name)) for name in names)] for label in ordered],
        ),
    )


def _gap(own: Mapping[str, float], judges: Sequence[str]) -> float:
    known = [own[name] for name in judges if own.get(name) is not None]
    return max(known) - min(known) if known else 0.0


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def by_length(compared: Compared) -> Picture | None:
    bins: list[Entry] = (compared.content.get("differences") or {}).get("by_length") or []
    if len(bins) < 2:
        return None
    unit = (compared.content.get("differences") or {}).get("length_name") or "length"
    places = [f"{entry['low']}–{entry['high']}" if entry["low"] != entry["high"] else str(entry["low"]) for entry in bins]
    return _lines(
        compared,
        "by-length",
        "Score by length",
        f"{unit} of the example" if unit == "length" else f"{unit} in the example",
        [f"{place}\nn = {entry['n']:,}" for place, entry in zip(places, bins, strict=True)],
        places,
        [entry["scores"] for entry in bins],
        caption="n is the number of examples in each class of length; scores of few examples mean little.",
    )


def by_position(compared: Compared) -> Picture | None:
    found: Mapping[str, Any] = (compared.content.get("differences") or {}).get("by_position") or {}
    rows: list[Entry] = found.get("rows") or []
    if len(rows) < 2:
        return None
    places = [wording.short(row["position"], 12) for row in rows]
    name = wording.short(found.get("name") or "position")
    return _lines(compared, "by-position", "Score by position", name, places, places, [row["scores"] for row in rows])


def _lines(
    compared: Compared,
    name: str,
    title: str,
    axis: str,
    ticks: Sequence[str],
    places: Sequence[str],
    scores: Sequence[Mapping[str, float]],
    caption: str = "",
) -> Picture | None:
    """Scores of every contender over places that stand at equal distances."""
    names = _known(compared, scores)
    shown = [contender for contender in names if contender not in compared.far_off]
    if not shown:
        return None

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for contender in shown:
            points = [(place, own[contender]) for place, own in enumerate(scores) if own.get(contender) is not None]
            if points:
                look = compared.looks[contender]
                axes.plot(
                    *zip(*points, strict=True),
                    color=look.sentinel,
                    linestyle=look.dash,
                    label=wording.short(contender, 24),
                    **look.marked(),
                )
        step = -(-len(ticks) // 24)
        axes.set_xticks(range(0, len(ticks), step), ticks[::step])
        axes.set_xlabel(axis)
        axes.set_ylabel(compared.score + (", lower is better" if compared.is_lower_better else ""))
        legend(figure, shown)

    ends = [
        f"{wording.short(contender)} {wording.score(scores[0].get(contender))} to {wording.score(scores[-1].get(contender))}"
        for contender in names[:6]
    ]
    return draw(
        name,
        title,
        (WIDTH, 4.0),
        paint,
        alt=f"{compared.score} over {axis}, a line for each contender. From the first to the last: {'; '.join(ends)}.",
        caption=caption + compared.far_off_note,
        table=Table(
            [axis, *map(wording.short, names)],
            [[place, *(wording.score(own.get(contender)) for contender in names)] for place, own in zip(places, scores, strict=True)],
        ),
    )


def calibration(compared: Compared) -> Picture | None:
    """How often answers were right, over how probable they were called: a panel for each contender that says so."""
    bins = {name: _pooled(compared.runs(name)) for name in compared.names}
    bins = {name: found for name, found in bins.items() if found}
    if not bins:
        return None
    errors = {row["name"]: row.get("ece") for row in compared.rows}

    def paint(figure: Figure) -> None:
        for name, axes in panels(figure, list(bins)):
            look = compared.looks[name]
            axes.plot([0, 1], [0, 1], color=_MUTED, linewidth=1, linestyle=(0, (4, 3)))
            total = sum(entry["n"] for entry in bins[name])
            for entry in bins[name]:
                x, y = entry["confidence"], entry["accuracy"]
                axes.plot([x, x], [x, y], color=look.sentinel, linewidth=1, alpha=0.6)
                axes.plot(x, y, linestyle="", clip_on=False, zorder=3, **look.marked(3 + 8 * (entry["n"] / total) ** 0.5))
            axes.set_title(wording.short(name, 18))
            axes.text(0.04, 0.93, f"ECE {wording.score(errors[name])}", transform=axes.transAxes, va="top")
            axes.set_xlim(-0.02, 1.04)
            axes.set_ylim(-0.02, 1.04)
            axes.set_xticks([0, 0.5, 1])
            axes.set_yticks([0, 0.5, 1])
        figure.supxlabel("probability of the answer", fontsize=9.5, color=_MUTED)
        figure.supylabel("share that was right", fontsize=9.5, color=_MUTED)

    said = [f"{wording.short(name)} {wording.score(errors[name])}" for name in bins]
    return draw(
        "calibration",
        "Calibration",
        panelled(len(bins)),
        paint,
        alt=f"A panel for each of {len(bins)} contenders: share of right answers over their probability. "
        f"Expected calibration error: {', '.join(said)}.",
        caption="On the dashed line, of answers called 80 % probable 80 % are right; below it a contender is too sure of itself, above it "
        "too modest. Large marks stand for many answers. ECE, the expected calibration error, is the mean distance from the line.",
        table=Table(
            ["contender", "probability", "answers", "mean probability", "right"],
            [
                [
                    wording.short(name),
                    f"{entry['low']:.2f} to {entry['high']:.2f}",
                    wording.count(entry["n"]),
                    f"{entry['confidence']:.3f}",
                    f"{entry['accuracy']:.3f}",
                ]
                for name, found in bins.items()
                for entry in found
            ],
        ),
    )


def _pooled(runs: Sequence[Entry]) -> list[dict[str, float]]:
    """The bins of several runs as one: means weighted by how many answers fell into each."""
    grouped: dict[tuple[float, float], list[Entry]] = {}
    for run in runs:
        for entry in (run.get("calibration") or {}).get("bins") or ():
            if entry["n"]:
                grouped.setdefault((entry["low"], entry["high"]), []).append(entry)
    found = []
    for (low, high), entries in sorted(grouped.items()):
        n = sum(entry["n"] for entry in entries)
        means = {key: sum(entry["n"] * entry[key] for entry in entries) / n for key in ("confidence", "accuracy")}
        found.append({"low": low, "high": high, "n": mean(entry["n"] for entry in entries), **means})
    return found


def _known(compared: Compared, scores: Sequence[Mapping[str, float]] | Any) -> list[str]:
    """Contenders that are spoken of, in the order of the leaderboard."""
    spoken = set().union(*scores)
    return [name for name in compared.names if name in spoken]
