"""The table of `lookahead` as a picture: digit errors over delay, a mark a network, a ring the mean of its seeds."""

from __future__ import annotations

from pathlib import Path

from tidegate.artefact import write_atomically

# Of the palette of Okabe and Ito; marks differ as well.
_STYLES = {
    "one way": ("s", "#D55E00"),
    "0": ("v", "#CC79A7"),
    "100ms": ("^", "#E69F00"),
    "200ms": ("o", "#0072B2"),
    "400ms": ("D", "#56B4E9"),
}
_OTHER = ("P", "#009E73")


def draw_curve(table: Path, picture: Path) -> None:
    """Draws the rows that `lookahead` printed into `table`, as SVG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.read_text(encoding="utf-8").splitlines()]
    rows = [row for row in rows if len(row) == 9 and row[3].endswith("%")]
    means = [(row[0], float(row[5]), float(row[3].rstrip(" %"))) for row in rows if row[1] == "mean"]
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tidegate", "font.size": 9}):
        figure = Figure(figsize=(7, 3.8), layout="constrained")
        axes = figure.add_subplot()
        two_ways = sorted((delay, error) for span, delay, error in means if span != "one way")
        axes.plot(*zip(*two_ways, strict=True), color="#999999", linewidth=1, zorder=1)
        for span, delay, error in means:
            mark, colour = _STYLES.get(span, _OTHER)
            own = [(float(row[5]), float(row[3].rstrip(" %"))) for row in rows if row[0] == span and row[1] != "mean"]
            axes.plot(*zip(*own, strict=True), mark, color=colour, markersize=4, alpha=0.6, linestyle="none", zorder=2)
            axes.plot(delay, error, mark, color=colour, markersize=9, linestyle="none", zorder=3)
            said = "one way" if span == "one way" else f"two ways, {span} ahead" if span != "all" else "two ways, whole stream"
            # What stands close together is named on either side.
            aside = {"xytext": (-9, -3), "ha": "right"} if span in ("0", "one way") else {"xytext": (8, 7)}
            axes.annotate(said, (delay, error), textcoords="offset points", fontsize=8, **aside)
        axes.set_xscale("symlog", linthresh=300)
        axes.set_xlabel("said so many ms after the end of a digit's recording (median; recordings end with a quiet moment)")
        axes.set_ylabel("digit errors, %")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        axes.margins(x=0.18)
        axes.spines[["top", "right"]].set_visible(False)
        with write_atomically(picture) as file:
            figure.savefig(file, format="svg", metadata={"Date": None})
