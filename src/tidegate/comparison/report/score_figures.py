"""Figures of scores: the leaderboard, differences of pairs, score over the size of the training data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tidegate.comparison.report import wording
from tidegate.comparison.report.compared import Compared, Entry, judged, turned
from tidegate.comparison.report.drawing import Picture, Table, draw
from tidegate.comparison.report.layout import WIDTH, legend
from tidegate.comparison.report.looks import SENTINELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_PAIRS = 15
_INK, _MUTED = SENTINELS["ink"], SENTINELS["muted"]


def leaderboard(compared: Compared, *, has_costs: bool) -> Picture | None:
    """Every run's score, their mean and spread; with `has_costs` the figures of cost beside them."""
    rows = compared.rows
    if not compared.scored:
        return None
    table = Table(
        ["contender", compared.score, "spread", "runs"],
        [
            [wording.short(row["title"]), wording.score(row["score"]), wording.score(row["spread"]), str(row["runs"] - row["failed"])]
            for row in rows
        ],
    )
    best, last = compared.scored[0], compared.scored[-1]

    def paint(figure: Figure) -> None:
        if not has_costs:
            _paint_scores(figure.add_subplot(), compared)
            return
        grid = figure.add_gridspec(1, 2, width_ratios=(1, 0.86))
        scores = figure.add_subplot(grid[0, 0])
        _paint_scores(scores, compared)
        _paint_costs(figure.add_subplot(grid[0, 1], sharey=scores), rows)

    return draw(
        "leaderboard" if has_costs else "scores",
        "Score of every contender",
        (10.5 if has_costs else WIDTH, 0.36 * len(rows) + 0.95),
        paint,
        alt=f"{len(rows)} contenders, best first: {wording.short(best['title'])} with {wording.score(best['score'])}, "
        f"last {wording.short(last['title'])} with {wording.score(last['score'])}, on the {compared.where}.",
        caption="Small marks are single runs, large ones their mean; bars are one standard deviation over seeds or folds. Networks are "
        f"filled, baselines hollow.{compared.far_off_note.replace(', and not drawn', '; an arrow stands at the edge')}",
        table=table,
    )


def _paint_scores(axes: Axes, compared: Compared) -> None:
    for place, row in enumerate(compared.rows):
        look = compared.looks[row["name"]]
        if row["score"] is None:
            axes.text(0.01, place, "failed", transform=axes.get_yaxis_transform(), ha="left", va="center", color=_MUTED)
            continue
        if row["name"] in compared.far_off:
            arrow, x, side = (f"{wording.score(row['score'])} ▶", 1, "right") if compared.is_lower_better else ("◀ ", 0, "left")
            said = arrow if compared.is_lower_better else arrow + wording.score(row["score"])
            axes.text(x, place, said, transform=axes.get_yaxis_transform(), ha=side, va="center", color=_MUTED)
            continue
        runs = [run["score"] for run in compared.runs(row["name"])]
        if len(runs) > 1:
            axes.plot(runs, [place] * len(runs), linestyle="", alpha=0.5, **look.marked(3.5))
        axes.errorbar(row["score"], place, xerr=row["spread"] or None, ecolor=look.sentinel, elinewidth=1.4, capsize=3, **look.marked(7))
    axes.margins(x=0.08)
    axes.set_yticks(range(len(compared.rows)), [wording.short(row["title"], 36) for row in compared.rows])
    axes.set_ylim(len(compared.rows) - 0.5, -0.6)
    axes.set_xlabel(f"{compared.score} on the {compared.where}" + (", lower is better" if compared.is_lower_better else ""))
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def _paint_costs(axes: Axes, rows: Sequence[Entry]) -> None:
    """Columns of figures, each row beside its mark."""
    axes.set_axis_off()
    columns: tuple[tuple[str, float, Callable[[Entry], str]], ...] = (
        ("score", 0.36, _spread_out),
        ("training", 0.58, lambda row: wording.seconds(row["train_seconds"])),
        ("ms/sequence", 0.84, lambda row: wording.milliseconds(row["ms_per_sequence"])),
        ("MB", 1.0, lambda row: wording.megabytes(row["megabytes"])),
    )
    for heading, x, spoken in columns:
        axes.text(x, -0.75, heading, transform=axes.get_yaxis_transform(), ha="right", va="center", color=_MUTED)
        for place, row in enumerate(rows):
            axes.text(x, place, spoken(row), transform=axes.get_yaxis_transform(), ha="right", va="center")


def _spread_out(row: Entry) -> str:
    if row["score"] is None:
        return "failed"
    return wording.score(row["score"]) + (f" ± {wording.score(row['spread'])}" if row["spread"] is not None else "")


def pairs(compared: Compared) -> Picture | None:
    """Differences between contenders with their intervals: all, or where these are too many those to the best."""
    entries: list[Entry] = list(compared.content.get("pairs") or ())
    if not entries:
        return None
    near = len(compared.scored) - len(compared.far_off)
    is_all = near * (near - 1) // 2 <= _MOST_PAIRS
    # The better one first, so that all bars lean to the same side.
    ordered = [pair if (pair["difference"] < 0) != compared.is_lower_better else turned(pair) for pair in entries]
    shown = ordered if is_all else list(compared.against_best.values())
    shown = [pair for pair in shown if not {pair["a"], pair["b"]} & set(compared.far_off)]
    place_of = {name: place for place, name in enumerate(compared.names)}
    shown = sorted(shown, key=lambda pair: (place_of.get(pair["b"], 0), place_of.get(pair["a"], 0)))

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.axvline(0, color=_INK, linewidth=1)
        for place, pair in enumerate(shown):
            is_open = pair["p"] is None or pair["is_tie"]
            colour = _MUTED if is_open else SENTINELS["c0"]
            if pair["low"] is not None:
                axes.plot([pair["low"], pair["high"]], [place, place], color=colour, linewidth=2 if is_open else 2.6, solid_capstyle="butt")
            axes.plot(
                pair["difference"],
                place,
                marker="o" if is_open else "D",
                markersize=7,
                markerfacecolor=SENTINELS["paper"] if is_open else colour,
                markeredgecolor=colour,
                markeredgewidth=1.5,
            )
            said = judged(pair, is_lower_better=compared.is_lower_better)
            if pair["p"] is not None:
                said += f", p {_equal(_adjusted(pair))}"
            axes.text(1.02, place, said, transform=axes.get_yaxis_transform(), va="center", color=_MUTED if is_open else _INK)
        axes.set_yticks(range(len(shown)), [f"{wording.short(pair['a'], 22)} − {wording.short(pair['b'], 22)}" for pair in shown])
        axes.set_ylim(len(shown) - 0.5, -0.6)
        axes.margins(x=0.06)
        axes.set_xlabel(f"difference in {compared.score}, with its 95 % interval")
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)

    told = [_told(pair, is_lower_better=compared.is_lower_better) for pair in shown[:6]]
    return draw(
        "pairs",
        "Differences between contenders",
        (WIDTH, 0.34 * len(shown) + 0.95),
        paint,
        alt=f"Intervals of {len(shown)} differences. {'; '.join(told)}.",
        caption="Round, hollow marks: no difference that could be told from chance (p of 0.05 and more, adjusted for all pairs). Diamonds: "
        "a difference. An interval is of its pair alone: it may leave out zero where the adjusted p tells no difference."
        + ("" if is_all else f" Drawn are those to {wording.short(compared.best)}; all {len(entries)} stand in the table.")
        + compared.far_off_note,
        table=Table(
            ["contenders", "difference", "95 % interval", "p", "p, adjusted", "says"],
            [
                [
                    f"{wording.short(pair['a'])} − {wording.short(pair['b'])}",
                    wording.score(pair["difference"], signed=True),
                    interval(pair),
                    wording.probability(pair["p"]),
                    wording.probability(pair.get("p_adjusted")),
                    judged(pair, is_lower_better=compared.is_lower_better),
                ]
                for pair in ordered
            ],
        ),
    )


def _told(pair: Entry, *, is_lower_better: bool) -> str:
    a, b, said = wording.short(pair["a"]), wording.short(pair["b"]), judged(pair, is_lower_better=is_lower_better)
    if said == "no claim":
        return f"{a} and {b}, no claim"
    return f"{a} and {b}, a tie" if said == "tie" else f"{a} {said} than {b}"


def _adjusted(pair: Entry) -> float:
    found: float | None = pair.get("p_adjusted")
    return float(pair["p"]) if found is None else found


def _equal(p: float) -> str:
    said = wording.probability(p)
    return said if said.startswith("<") else f"= {said}"


def interval(pair: Entry) -> str:
    if pair["low"] is None:
        return "–"
    return f"{wording.score(pair['low'], signed=True)} to {wording.score(pair['high'], signed=True)}"


def sizes(compared: Compared) -> Picture | None:
    """Score over the share of the training data, where there are several."""
    if len(compared.shares) < 2:
        return None
    rows: list[Entry] = [row for row in compared.content["leaderboard"] if row["score"] is not None]
    by_name = {name: sorted((row for row in rows if row["name"] == name), key=lambda row: row["share"]) for name in compared.names}
    by_name = {name: own for name, own in by_name.items() if own}

    def paint(figure: Figure) -> None:
        axes = figure.add_subplot()
        for name, own in by_name.items():
            look = compared.looks[name]
            axes.errorbar(
                [100 * row["share"] for row in own],
                [row["score"] for row in own],
                yerr=[row["spread"] or 0.0 for row in own],
                color=look.sentinel,
                linestyle=look.dash,
                capsize=3,
                elinewidth=1,
                label=wording.short(name, 24),
                **look.marked(),
            )
        axes.set_xticks([100 * share for share in compared.shares], [f"{share:.0%}" for share in compared.shares])
        axes.set_xlabel("share of the training data")
        axes.set_ylabel(compared.score)
        legend(figure, list(by_name))

    gains = [f"{wording.short(name)} {wording.score(own[-1]['score'] - own[0]['score'], signed=True)}" for name, own in by_name.items()]
    return draw(
        "training-size",
        "Would more training data help?",
        (WIDTH, 4.2),
        paint,
        alt=f"{compared.score} over {compared.shares[0]:.0%} to {compared.shares[-1]:.0%} of the data. Change: {', '.join(gains)}.",
        caption="Bars are one standard deviation over seeds or folds. Lines that still rise at the right promise more from more data.",
        table=Table(
            ["contender", *(f"{share:.0%}" for share in compared.shares)],
            [
                [wording.short(name), *(wording.score({row["share"]: row["score"] for row in own}.get(share)) for share in compared.shares)]
                for name, own in by_name.items()
            ],
        ),
    )
