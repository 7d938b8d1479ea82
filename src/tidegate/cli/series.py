"""What `predict` does with forecasters and fillers: tables read, what comes or was missing written out as rows, and drawn."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tidegate.cli.answers import Rows, stream_to, write_text
from tidegate.cli.standard_input import named_files
from tidegate.data.raw_tables import delimiter_of
from tidegate.data.reading import expand
from tidegate.errors import OutputError
from tidegate.runtime.filled_tables import FilledFile, added_columns, filled_files
from tidegate.runtime.series_chart import draw_series
from tidegate.runtime.series_pictures import fill_pictures, forecast_pictures

if TYPE_CHECKING:
    from tidegate.runtime import FillModel, ForecastModel
    from tidegate.runtime.series_chart import Picture


def answer_forecasts(
    model: ForecastModel,
    files: Sequence[str],
    output: Path | None,
    form: str,
    *,
    future: Sequence[str],
    horizon: str | None,
    plot: Path | None,
    quiet: bool,
) -> None:
    """Writes a row for each step after the last known value of each series.

    Args:
        files: names and globs; '-' or nothing is standard input.
        output: where to; None: standard output.
        form: 'csv' or 'jsonl'.
        future: files with what is known ahead.
        horizon: steps or a duration; None: as in training.
        plot: where to draw the forecasts.

    Raises:
        DataError: a table cannot be read, is too short, or its covariates end early.
        RecipeError: a horizon that is none, or beyond what the model can tell.
    """
    steps = None if horizon is None else model.series.frequency.steps(horizon, "--horizon")
    with named_files(files) as paths:
        panel = model.read(paths, list(future) or None)
    told = model.predict(panel, horizon=steps)
    if not quiet:
        if future and not panel.columns.future:
            print("The model reads nothing that is known ahead; --future is not used.", file=sys.stderr)
        _tell(told.notes)
    with stream_to(output) as stream:
        _write(stream, form, told.rows())
    if plot is not None:
        _draw(forecast_pictures(panel, told), plot, model.config, quiet=quiet)


def answer_fillings(model: FillModel, files: Sequence[str], output: Path | None, form: str, *, plot: Path | None, quiet: bool) -> None:
    """Writes a table with its holes filled and marked; of several tables each into a folder, under its own name.

    Args:
        files, form, plot: as of `answer_forecasts`.
        output: a file, or a folder that is there; None: standard output.

    Raises:
        DataError: a table cannot be read, or a target has no value at all.
        OutputError: several tables were given and no folder; or the place cannot be written.
    """
    with named_files(files) as paths:
        names = expand(paths)
        places = _places(names, output, form)
        panel = model.panel(names)
        filled = model.fill(panel)
        added = [name for target in panel.columns.target for name in added_columns(target, model.levels)]
        if not quiet:
            _tell(model.notes(panel))
        for place, table in zip(places, filled_files(panel, filled, model.levels), strict=True):
            if table.added and not quiet:
                print(f"{table.added:,} rows whose time was missing are added.", file=sys.stderr)
            with stream_to(place) as stream:
                if form == "csv":
                    for piece in table.text():
                        write_text(stream, piece)
                    stream.flush()
                else:
                    _write(stream, form, _rows_of(table, panel.columns.target, added))
    if plot is not None:
        pictures = list(fill_pictures(panel, filled, model.levels))
        if pictures:
            _draw(pictures, plot, model.config, quiet=quiet)
        elif not quiet:
            print(f"Nothing is missing, so there is nothing to draw: {plot} is not written.", file=sys.stderr)


def _places(names: Sequence[str], output: Path | None, form: str) -> list[Path | None]:
    """Where each table goes."""
    if output is not None and output.is_dir():
        ends = [Path(name).name.removesuffix(".gz") for name in names]
        places = [output / (end if form == "csv" else f"{Path(end).stem}.jsonl") for end in ends]
        if len(set(places)) < len(places):
            raise OutputError(f"--output {output}: two of the tables have the same name, and one would be lost. Fill them one by one.")
    elif len(names) > 1:
        raise OutputError(
            f"{len(names)} tables were given, and a filler gives each back as a table of its own. Name a folder that is there with "
            "--output, or give one table."
        )
    else:
        places = [output] if output is not None else []
    for name, place in zip(names, places, strict=False):
        if place.exists() and place.resolve() == Path(name).resolve():
            raise OutputError(f"--output {place} is the input itself, which would be lost. Name another place.")
    return list(places) or [None]


def _rows_of(table: FilledFile, targets: Sequence[str], added: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The rows of a table by their columns: targets and what was added beside them as numbers, everything else as it was written."""
    delimiter, is_quoted = delimiter_of(table.file)
    lines = [line.replace("\r\n", "\n").replace("\r", "\n") for line in table.lines if line.strip()]
    rows = csv.reader(lines, delimiter=delimiter) if is_quoted else iter(line.split(delimiter) for line in lines)
    names = next(rows) if table.has_header else []
    numbers = {*targets, *added}
    for row in rows:
        names = names or [*(f"column{place}" for place in range(1, len(row) - len(added) + 1)), *added]
        yield {name: _number(cell) if name in numbers else cell for name, cell in zip(names, row, strict=True)}


def _number(cell: str) -> float | int | None:
    """A cell as a number, with a decimal comma too."""
    if not cell.strip():
        return None
    try:
        return int(cell)
    except ValueError:
        return float(cell.replace(",", "."))


def _write(stream: IO[bytes], form: str, rows: Iterable[Mapping[str, Any]]) -> None:
    """Rows of the same columns as CSV or as JSON Lines, a missing value being an empty cell or null."""
    table = None
    for row in rows:
        if form == "jsonl":
            write_text(stream, json.dumps(row, ensure_ascii=False) + "\n")
        else:
            table = table or Rows(stream, list(row))
            table.write(list(row.values()))
    stream.flush()


def _draw(pictures: Sequence[Picture], plot: Path, config: Mapping[str, Any], *, quiet: bool) -> None:
    said = draw_series(pictures, plot, title=f"{config['task']}, {config['arch']}")
    if said and not quiet:
        print(said, file=sys.stderr)


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        print(note, file=sys.stderr)
