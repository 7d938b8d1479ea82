"""Options over time series, each spelled and explained once: of `train forecast` and `train fill`, and of what such models answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# What `train` reads: which columns are what.
SeriesFiles = Annotated[
    list[str],
    typer.Argument(
        metavar="TRAIN...",
        help="Tables with a header, a row a time: CSV or TSV, .gz too; several files and globs, each a series of its own unless --series "
        "names a column.",
        show_default=False,
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        "--time",
        metavar="COL[,COL...]",
        help="Column of the times, by name or 1-based number; several are joined (year,month,day,hour) \\[default: ds, else found]",
        show_default=False,
    ),
]
TargetColumns = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="COL[,COL...]",
        help="Column of the values; each of several is a series of its own \\[default: y, else the only numbers left]",
        show_default=False,
    ),
]
SeriesColumn = Annotated[
    str | None,
    typer.Option(
        "--series",
        metavar="COL",
        help="Column that says which series a row belongs to \\[default: unique_id, else the file's name]",
        show_default=False,
    ),
]
FutureCovariates = Annotated[
    str | None,
    typer.Option(
        "--future-covariates",
        metavar="COL,...",
        help="Columns that are known ahead (holidays, prices, a weather forecast) \\[default: none]",
        show_default=False,
    ),
]
PastCovariates = Annotated[
    str | None,
    typer.Option(
        "--past-covariates",
        metavar="COL,...",
        help="Columns that are measured along with the target and not known ahead \\[default: none]",
        show_default=False,
    ),
]
Covariates = Annotated[
    str | None,
    typer.Option(
        "--past-covariates",
        metavar="COL,...",
        help="Other columns of the same times, measured or known; their own holes may be where the target's are \\[default: none]",
        show_default=False,
    ),
]
CovariatesToo = Annotated[
    str | None,
    typer.Option(
        "--future-covariates",
        metavar="COL,...",
        help="The same as --past-covariates: what is filled lies in the past",
        show_default=False,
    ),
]
StaticCovariates = Annotated[
    str | None,
    typer.Option(
        "--static-covariates",
        metavar="COL,...",
        help="Columns with one value a series (altitude, kind of site) \\[default: none]",
        show_default=False,
    ),
]
Frequency = Annotated[
    str | None,
    typer.Option(
        "--frequency",
        metavar="F",
        help="Length of a step: 15min, h, D, W, MS … \\[default: the most common distance of two rows]",
        show_default=False,
    ),
]
Season = Annotated[
    int | None,
    typer.Option(
        "--season",
        min=1,
        metavar="N",
        help="Steps after which the pattern repeats, for the seasonal baseline and MASE \\[default: a day of shorter steps, 7 days, 52 "
        "weeks, 12 months, 4 quarters]",
        show_default=False,
    ),
]
Missing = Annotated[
    str | None,
    typer.Option(
        "--missing",
        metavar="TEXT,...",
        help="Further cells that stand for a missing value, for instance -9999 (empty, NA, NaN, null and ? always do)",
        show_default=False,
    ),
]

# How the rows are cut and what is told of them.
Horizon = Annotated[
    str | None,
    typer.Option(
        "--horizon", metavar="24|1d", help="How far ahead to tell: steps, or a duration \\[default: a season]", show_default=False
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        "--context", metavar="96|4d", help="How far back to read: steps, or a duration \\[default: by the horizon]", show_default=False
    ),
]
Gaps = Annotated[
    str | None,
    typer.Option(
        "--gaps",
        metavar="mask|interpolate|refuse",
        help="Holes in what is read: marked, with the time since the last value; bridged by a line; or an error \\[default: mask]",
        show_default=False,
    ),
]
DevLast = Annotated[
    str | None,
    typer.Option(
        "--dev-last",
        metavar="T",
        help="The last steps before the test's, by which epochs are chosen: steps, or a duration (60d) \\[default: a tenth]",
        show_default=False,
    ),
]
TestLast = Annotated[
    str | None,
    typer.Option(
        "--test-last",
        metavar="T",
        help="The last steps of all, scored once at the end: steps, or a duration (60d) \\[default: none]",
        show_default=False,
    ),
]
Levels = Annotated[
    str | None,
    typer.Option(
        "--levels",
        metavar="50,90",
        help="Percent of what comes that shall lie inside each band \\[default: 50,90]",
        show_default=False,
    ),
]

# What such models answer: predict, evaluate.
Future = Annotated[
    list[str] | None,
    typer.Option(
        "--future",
        metavar="FILE",
        help="Forecaster: rows after the last known value with what is known ahead; repeat for several. They may also stand at "
        "the end of the input, the target left empty.",
        show_default=False,
    ),
]
PredictHorizon = Annotated[
    str | None,
    typer.Option(
        "--horizon", metavar="24|1d", help="Forecaster: how far ahead, steps or a duration \\[default: as in training]", show_default=False
    ),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Forecaster, filler: draw what was known, what is told and its bands, at most 12 series; .svg or .png",
        show_default=False,
    ),
]
Last = Annotated[
    str | None,
    typer.Option(
        "--last",
        metavar="T",
        help="Forecaster, filler: score the last steps of each series alone: steps, or a duration \\[default: all that can be]",
        show_default=False,
    ),
]
Every = Annotated[
    str | None,
    typer.Option(
        "--every",
        metavar="T",
        help="Forecaster: a forecast begins every so many steps, or every such duration \\[default: every horizon]",
        show_default=False,
    ),
]
Scaled = Annotated[
    bool,
    typer.Option(
        "--scaled", help="Forecaster: errors in standard deviations of each series' training part, as papers give them, not in its unit."
    ),
]
