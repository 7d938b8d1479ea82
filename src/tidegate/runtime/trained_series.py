"""What a model of series keeps of its training's: columns, clock, how covariates are coded, and each series' number and scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tidegate.data.clock import Frequency
from tidegate.data.covariates import CovariateCoder
from tidegate.data.scales import SeriesScale, Transform, scale_of
from tidegate.data.series import Panel, Series, SeriesTask, panel_of_frame, read_panel
from tidegate.data.series_tables import SeriesColumns
from tidegate.data.time_forms import TimeForm
from tidegate.errors import DataError, RecipeError, listed, nearest


class TrainedSeries:
    """The series of a model's training, by which others are read.

    Args:
        vocabulary: vocabulary.json.
        recipe: of the training.
        task: how far a series goes where it is read: to its last value ('forecast') or its last row ('fill').

    Attributes:
        columns: which columns of a table hold what.
        frequency, season: of the clock.
        form: how times are written.
        coder: of covariates.
    """

    def __init__(self, vocabulary: Mapping[str, Any], recipe: Mapping[str, Any], task: SeriesTask) -> None:
        self.columns = SeriesColumns.from_json(vocabulary["columns"])
        self.frequency = Frequency.parse(vocabulary["frequency"])
        self.season: int = vocabulary["season"]
        self.form = TimeForm.from_json(vocabulary["form"])
        self.coder = CovariateCoder.from_json(vocabulary["covariates"])
        self.missing: tuple[str, ...] = tuple(recipe["missing"])
        self._transform: Transform = recipe["transform"]
        self._task: SeriesTask = task
        self._known = {
            (each["name"], each["target"]): (number, SeriesScale.from_json(each["scale"]))
            for number, each in enumerate(vocabulary["series"], 1)
        }

    def __len__(self) -> int:
        return len(self._known)

    def __getitem__(self, key: tuple[str, str]) -> tuple[int, SeriesScale]:
        """Number, from 1, and scale of the series of this name and target."""
        return self._known[key]

    def read(self, data: Any, future: Any = None) -> Panel:
        """The series of files (names or globs, or one of them), or of a frame of pandas or polars, by the columns of training.

        Args:
            data: the same, or a panel, which is given back.
            future: files or a frame of rows that come after, with what is known ahead.

        Raises:
            DataError: files, columns, times or values that are not as they should be.
            RecipeError: `future` beside a panel.
        """
        if isinstance(data, Panel):
            if future is not None:
                raise RecipeError("future was given beside series that are read already; read both together, by read(data, future).")
            return data
        asked: dict[str, Any] = {name: getattr(self.columns, name) for name in ("time", "target", "series", "past", "future", "static")}
        asked |= {"frequency": self.frequency, "missing": self.missing, "form": self.form, "task": self._task}
        if hasattr(data, "columns"):
            return panel_of_frame(data, ahead=future, **asked)
        return read_panel(_names(data), ahead=() if future is None else _names(future), **asked)

    def identified(self, panel: Panel, until: Sequence[int] | None = None) -> tuple[list[tuple[int, SeriesScale]], tuple[str, ...]]:
        """Of each series its number (0: training did not have it) and its scale, and what is to be said of them.

        Args:
            until: of each series the steps that a series which training did not have is scaled by; None: all.
        """
        notes = []
        renamed = self.renamed(panel.series)
        if renamed:
            notes.append(f"'{panel.series[0].name}' is read as the series that training had, '{renamed}'.")
        ends: Sequence[int | None] = until or [None] * len(panel.series)
        found = [self.of(series, name=renamed, until=end) for series, end in zip(panel.series, ends, strict=True)]
        unknown = [panel.key(series) for series, (number, _) in zip(panel.series, found, strict=True) if not number]
        if unknown:
            notes.append(f"{len(unknown)} series that training did not have are scaled by the rows given: {listed(unknown)}.")
        return found, tuple(notes)

    def renamed(self, series: Sequence[Series]) -> str:
        """One file in training and one now are the same series, whatever the files are called: its name in training; empty otherwise."""
        trained, given = {name for name, _ in self._known}, {one.name for one in series}
        return next(iter(trained)) if self.columns.series is None and len(trained) == len(given) == 1 and trained != given else ""

    def of(self, series: Series, *, name: str = "", until: int | None = None) -> tuple[int, SeriesScale]:
        """Number and scale of a series; of one that training did not have, 0 and that of its own first `until` steps.

        Args:
            name: what training called it; empty: as it is called.
        """
        known = self._known.get((name or series.name, series.target))
        what = f"series '{series.key(len(self.columns.target))}' ({series.place})"
        return known or (0, scale_of(series.y[:until], self.season, self._transform, what=what))

    def chosen(self, series: str | None, target: str | None) -> tuple[str, str]:
        """Name and target of the one that is asked for, or of the only one.

        Raises:
            RecipeError: training had no such series, or several and none is named.
        """
        name = _chosen("series", series, list(dict.fromkeys(name for name, _ in self._known)))
        column = _chosen("target", target, self.columns.target)
        if (name, column) not in self._known:
            raise RecipeError(f"training had no values of '{column}' of the series '{name}'; name another one.")
        return name, column


def series_vocabulary(panel: Panel, scales: Sequence[SeriesScale], coder: CovariateCoder, season: int) -> dict[str, Any]:
    """vocabulary.json of a model trained on a panel, as `TrainedSeries` reads it."""
    return {
        "columns": panel.columns.to_json(),
        "frequency": panel.frequency.text,
        "season": season,
        "form": panel.form.to_json(),
        "series": [
            {"name": series.name, "target": series.target, "scale": scale.to_json()}
            for series, scale in zip(panel.series, scales, strict=True)
        ],
        "covariates": coder.to_json(),
    }


def _chosen(what: str, asked: str | None, known: Sequence[str]) -> str:
    if asked is None and len(known) == 1:
        return known[0]
    if asked not in known:
        given = (
            f"{what} is '{asked}', which training did not have" if asked is not None else f"training had several, and no {what} was named"
        )
        raise RecipeError(f"{given}; known are {listed(known)}.{nearest(asked or '', known)}")
    return str(asked)


def _names(files: Any) -> list[str]:
    if isinstance(files, str | Path):
        return [str(files)]
    given = list(files)
    for each in given:
        if not isinstance(each, str | Path):
            raise DataError(f"{each!r:.60} was given where files are expected; give names of files, or a frame of pandas or polars.")
    return [str(each) for each in given]
