"""Loss over time as a picture: what the training and the development data said after each epoch. SVG, by matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.artefact import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Where the picture stands in a model directory.
LOSS_CHART = Path("training") / "loss.svg"

# Blue and orange of the palette of Okabe and Ito, told apart by colour-blind readers too; marks and lines differ as well.
_CURVES = {"train_loss": ("training", "o", "--", "#0072B2"), "dev_loss": ("development", "s", "-", "#D55E00")}
# Beyond so many epochs their marks and numbers would run into each other.
_MOST_NUMBERS = 16


def series_chart(task: str) -> Path:
    """Where the picture of the series that a model tells stands in its directory."""
    return Path("training") / f"{task}.svg"


def draw_loss(history: Sequence[Mapping[str, float]], best_epoch: int, path: Path, *, title: str) -> None:
    """Writes the picture to `path`: both losses at the end of every epoch, over the time that training took.

    Args:
        history: an entry an epoch, in order: epoch, train_loss, dev_loss, seconds.
        best_epoch: the one whose weights became the model.
        title: what was trained.

    Raises:
        OutputError: `path` cannot be written.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "tidegate", "font.size": 9}):
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        axes = figure.add_subplot()
        seconds, unit = _scale(sum(entry["seconds"] for entry in history))
        times = list(accumulate(entry["seconds"] / seconds for entry in history))
        _draw_curves(axes, history, times)
        _mark_best(axes, history, times, best_epoch)
        _number_epochs(axes, history, times)
        axes.set_xlim(0, max(times[-1], 1e-3) * 1.04)  # a clock may say that nothing took any time
        axes.set_xlabel(unit)
        axes.set_ylabel("loss in nats")
        axes.set_title(title, fontsize=9, loc="left", color="#555555")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="best", fontsize=8)
        with write_atomically(path) as file:
            figure.savefig(file, format="svg", metadata={"Date": None})


def _scale(seconds: float) -> tuple[float, str]:
    """How many seconds the unit of time has that suits so long a run, and its name."""
    if seconds < 120:
        return 1.0, "seconds"
    return (60.0, "minutes") if seconds < 4 * 3600 else (3600.0, "hours")


def _draw_curves(axes: Axes, history: Sequence[Mapping[str, float]], times: Sequence[float]) -> None:
    for key, (name, mark, line, colour) in _CURVES.items():
        axes.plot(
            times, [entry[key] for entry in history], marker=mark, linestyle=line, color=colour, markersize=4, label=name, gid=key
        )  # fmt: skip


def _mark_best(axes: Axes, history: Sequence[Mapping[str, float]], times: Sequence[float], best_epoch: int) -> None:
    """A line through the chosen epoch and a ring round its loss on the development data."""
    for entry, time in zip(history, times, strict=True):
        if entry["epoch"] == best_epoch:
            axes.axvline(time, color="#888888", linewidth=1, linestyle=":", zorder=0)
            ring = f"epoch {best_epoch}, kept: {entry['dev_loss']:.4f}"
            axes.plot(
                time, entry["dev_loss"], "o", markersize=10, color="none", markeredgecolor="#555555", label=ring, gid="best_epoch"
            )  # fmt: skip


def _number_epochs(axes: Axes, history: Sequence[Mapping[str, float]], times: Sequence[float]) -> None:
    """The numbers of the epochs along the upper edge, of many every so-manieth."""
    every = -(-len(history) // _MOST_NUMBERS)
    shown = [(time, int(entry["epoch"])) for entry, time in zip(history, times, strict=True) if int(entry["epoch"]) % every == 0]
    upper = axes.secondary_xaxis("top")
    upper.set_xticks([time for time, _ in shown], [str(number) for _, number in shown], color="#555555")
    upper.set_xlabel("epoch", color="#555555")
    upper.spines["top"].set_visible(False)
