"""Tables given back with their holes filled: files cell by cell as they were, frames of pandas or polars as frames of the same kind."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import write_atomically
from tidegate.data.raw_tables import delimiter_of, mark_of, raw_cells, read_raw
from tidegate.data.series import Panel, Series, frame_like
from tidegate.errors import DataError
from tidegate.runtime.bands import rounded
from tidegate.scoring.forecasting import sides_of

if TYPE_CHECKING:
    from tidegate.runtime.fill import FilledSeries

Values = NDArray[np.float64]
Ints = NDArray[np.int64]

_PARTS = ("year", "month", "day", "hour", "minute", "second")


@dataclass(frozen=True, slots=True)
class FilledFile:
    """A file with its holes filled.

    Attributes:
        file: its name.
        has_header: whether the first of the lines names the columns.
        lines: as they were, with values in the place of holes and the added columns; without line ends, but a quoted cell may hold some.
        ends: of the lines, as the file has them.
        mark: the byte order mark of the file, or nothing.
        added: rows that are new, because their time was missing.
    """

    file: str
    has_header: bool
    lines: list[str]
    ends: list[str]
    mark: str
    added: int

    def text(self) -> Iterator[str]:
        """What the file has, piece by piece."""
        yield self.mark
        for line, end in zip(self.lines, self.ends, strict=True):
            yield line + end

    def write(self, path: str | os.PathLike[str]) -> None:
        """Writes the lines to a file.

        Raises:
            OutputError: it cannot be written.
        """
        with write_atomically(Path(path)) as file:
            file.writelines(piece.encode() for piece in self.text())


def added_columns(target: str, levels: Sequence[int]) -> list[str]:
    """The names of the columns that are put beside a target."""
    return [f"{target}-filled", *(f"{target}-{side}-{level}" for level in sorted(levels) for side in ("lo", "hi"))]


class _Fillings:
    """What holes are filled with, by series and step.

    Args:
        panel: as it was read.
        filled: each of its series.
        levels: of the bands, in percent.
    """

    def __init__(self, panel: Panel, filled: Sequence[FilledSeries], levels: Sequence[int]) -> None:
        self.targets = panel.columns.target
        self.names = [name for target in self.targets for name in added_columns(target, levels)]
        self.levels = len(levels)
        self._bounds = [place for sides in sides_of(levels).values() for place in sides]
        self._by_key = {
            (one.series.name, one.series.target): dict(zip(one.steps.tolist(), one.quantiles.tolist(), strict=True)) for one in filled
        }
        self.series: dict[str, Series] = {one.series.name: one.series for one in reversed(filled)}

    def has(self, name: str, step: int) -> bool:
        """Whether something is filled in at a step of a series."""
        return any(step in self._by_key.get((name, target), ()) for target in self.targets)

    def of(self, name: str, step: int) -> Iterator[tuple[str, float | None, list[float]]]:
        """For each target what a step of a series is filled with, and the bounds of its bands; None and [] where there was a value."""
        for target in self.targets:
            quantiles = self._by_key.get((name, target), {}).get(step)
            if quantiles is None:
                yield target, None, []
            else:
                yield target, quantiles[self.levels], [quantiles[place] for place in self._bounds]


def filled_files(panel: Panel, filled: Sequence[FilledSeries], levels: Sequence[int]) -> list[FilledFile]:
    """The files that a panel was read from, each with its holes filled."""
    fillings = _Fillings(panel, filled, levels)
    places = panel.rows.places
    missing = _missing_steps(panel, fillings)
    return [_filled_file(file, panel, fillings, np.flatnonzero(places.file == number), missing) for number, file in enumerate(places.files)]


def _missing_steps(panel: Panel, fillings: _Fillings) -> dict[int, list[int]]:
    """For each row of the tables the steps that belong behind it and have no row of their own; rows without any have no entry.

    Where times fall down the table, steps belong behind the row that is later than they are, the latest first.
    """
    found: dict[int, list[int]] = {}
    for code, name in enumerate(panel.rows.names):
        series = fillings.series.get(name)
        if series is None or series.has_row.all():
            continue
        rows = np.flatnonzero(panel.rows.name == code)
        row_of = dict(zip(panel.rows.step[rows].tolist(), rows.tolist(), strict=True))
        with_row = np.flatnonzero(series.has_row).tolist()
        for before, after in pairwise(with_row):
            if after > before + 1:
                one, other = row_of[before], row_of[after]
                between = range(before + 1, after)
                found.setdefault(min(one, other), []).extend(between if one < other else reversed(between))
    return found


def _filled_file(file: str, panel: Panel, fillings: _Fillings, rows: Ints, missing: Mapping[int, list[int]]) -> FilledFile:
    delimiter, is_quoted = delimiter_of(file)
    row_at = dict(zip(panel.rows.places.line[rows].tolist(), rows.tolist(), strict=True))
    names, codes, steps = panel.rows.names, panel.rows.name.tolist(), panel.rows.step.tolist()
    lines: list[str] = []
    ends: list[str] = []
    written = _Written(delimiter)
    place_of: dict[str, int] = {}
    has_header, added = False, 0
    nothing = delimiter.join(["", *_extra(fillings.of("", -1), written, fillings.levels)])
    for raw in read_raw(file, is_quoted=is_quoted):
        row = row_at.get(raw.line)
        ends += [raw.end] * (1 + len(missing.get(row, ()) if row is not None else ()))
        if raw.is_blank:
            lines.append(raw.text)
            continue
        if row is not None and place_of and written.is_decided and row not in missing and not fillings.has(names[codes[row]], steps[row]):
            lines.append(raw.text + nothing)
            continue
        cells = raw_cells(raw.text, delimiter, is_quoted=is_quoted)
        if row is None:
            has_header = True
            _refuse_taken(fillings.names, [_bare(cell).strip() for cell in cells], file)
            place_of = {_bare(cell).strip(): place for place, cell in reversed(list(enumerate(cells)))}
            is_wrapped = cells[-1].startswith('"')
            lines.append(delimiter.join([*cells, *(f'"{name}"' if is_wrapped else _quoted(name, delimiter) for name in fillings.names)]))
            continue
        place_of = place_of or {f"column{place}": place - 1 for place in range(1, len(cells) + 1)}
        name = names[codes[row]]
        for step in (steps[row], *missing.get(row, ())):
            told = list(fillings.of(name, step))
            new = cells if step == steps[row] else _new_row(cells, panel, fillings.series[name], step, place_of)
            added += new is not cells
            now = list(new)
            for target, value, bounds in told:
                written.watch(cells[place_of[target]])
                if value is not None:
                    now[place_of[target]] = written.number(value, bounds, like=cells[place_of[target]])
            lines.append(delimiter.join([*now, *_extra(told, written, fillings.levels)]))
    if not ends[-1]:  # rows that were added behind a last line without an end
        ends = [end or ends[0] or "\n" for end in ends[:-1]] + [""]
    return FilledFile(file, has_header, lines, ends, mark_of(file), added)


def _refuse_taken(added: Sequence[str], columns: Sequence[str], table: str) -> None:
    """Refuses a table that has one of the columns that are added to it."""
    if taken := [name for name in added if name in columns]:
        raise DataError(
            f"{table}: there is a column '{taken[0]}' already, as in a table that was filled before. Give the table as it was measured, or "
            "rename the column."
        )


def _extra(told: Iterable[tuple[str, float | None, list[float]]], written: _Written, levels: int) -> list[str]:
    """The cells of the added columns."""
    cells: list[str] = []
    for _, value, bounds in told:
        cells += ["0", *[""] * 2 * levels] if value is None else ["1", *(written.number(bound, bounds) for bound in bounds)]
    return cells


def _new_row(before: Sequence[str], panel: Panel, series: Series, step: int, place_of: Mapping[str, int]) -> list[str]:
    """A row of a step that had none: its time, and of the row before its series and what is constant in it."""
    columns = panel.columns
    cells = [""] * len(before)
    for kept in (*([columns.series] if columns.series else []), *columns.static):
        cells[place_of[kept]] = before[place_of[kept]]
    for column, text in zip(columns.time, time_cells(panel, series, step), strict=True):
        cells[place_of[column]] = f'"{text}"' if before[place_of[column]].startswith('"') else text
    return cells


def time_cells(panel: Panel, series: Series, step: int) -> list[str]:
    """The time of a step, in as many cells as the table has columns of times."""
    text = panel.show_time(series, step)
    columns = panel.columns.time
    if len(columns) == 1:
        return [text]
    pieces = text.split(" ")
    if len(pieces) == len(columns) and not all(_part_of(column) for column in columns):
        return pieces
    time = panel.times(series, step, 1)[0].astype("datetime64[s]").item()
    parts = [_part_of(column) for column in columns]
    named = parts if all(parts) else _PARTS[: len(columns)]
    return [str(getattr(time, part)) for part in named]


def _part_of(column: str) -> str:
    name = column.strip().casefold()
    return next((part for part in _PARTS if name in (part, f"{part}s")), "")


class _Written:
    """How a file writes numbers: with decimal commas, if its targets have them."""

    def __init__(self, delimiter: str) -> None:
        self.is_decided = delimiter == ","
        self._has_commas = False

    def watch(self, cell: str) -> None:
        """Looks at a value of a target, until one has shown it."""
        if not self.is_decided and ("," in cell or "." in cell):
            self.is_decided, self._has_commas = True, "," in cell

    def number(self, value: float, bounds: Sequence[float], *, like: str = "") -> str:
        text = np.format_float_positional(rounded(value, max(bounds) - min(bounds)), trim="-")
        if self._has_commas:
            text = text.replace(".", ",")
        return f'"{text}"' if like.startswith('"') else text


def _bare(cell: str) -> str:
    """A cell as the reader of tables has it."""
    return cell[1:-1].replace('""', '"').replace("\r\n", "\n").replace("\r", "\n") if cell.startswith('"') else cell


def _quoted(name: str, delimiter: str) -> str:
    return '"{}"'.format(name.replace('"', '""')) if delimiter in name or '"' in name else name


def filled_frame(frame: Any, panel: Panel, filled: Sequence[FilledSeries], levels: Sequence[int]) -> Any:
    """The frame that a panel was read from with its holes filled, of the same kind; rows that had no time are added where they
    belong in the order of their series' rows."""
    fillings = _Fillings(panel, filled, levels)
    missing = _missing_steps(panel, fillings)
    source: list[int] = []  # of each row of the answer the frame's row that it is, or that it follows
    keys: list[tuple[str, int]] = []  # its series and step
    is_new: list[bool] = []
    for row, (code, step) in enumerate(zip(panel.rows.name.tolist(), panel.rows.step.tolist(), strict=True)):
        added = missing.get(row, [])
        source += [row] * (1 + len(added))
        keys += [(panel.rows.names[code], one) for one in (step, *added)]
        is_new += [False] + [True] * len(added)
    _refuse_taken(fillings.names, [str(name) for name in frame.columns], "the frame")
    columns: dict[str, Any] = {**_filled_columns(filled, fillings, levels, keys)}
    is_polars = hasattr(frame, "with_columns")
    if is_polars:  # in which what is missing is null, and NaN a number
        kind = type(frame[frame.columns[0]])
        columns = {name: kind(name, values, nan_to_null=True) for name, values in columns.items()}
    if not any(is_new):
        return frame.with_columns(list(columns.values())) if is_polars else frame.assign(**columns)
    time, kept = panel.columns.time, {panel.columns.series, *panel.columns.static}
    whole: dict[str, Any] = {}
    for name in frame.columns:
        values = list(frame[name].to_list())
        if name in columns:
            whole[name] = columns[name]
        elif name in time and len(time) == 1:
            whole[name] = _with_new_times(frame[name].to_numpy(), values, panel, fillings, source, keys, is_new)
        elif name in time:
            at, is_whole = time.index(name), frame[name].to_numpy().dtype.kind in "iu"
            cells = [time_cells(panel, fillings.series[key[0]], key[1])[at] if new else "" for key, new in zip(keys, is_new, strict=True)]
            whole[name] = [
                (int(cell) if is_whole else cell) if new else values[row] for row, cell, new in zip(source, cells, is_new, strict=True)
            ]
        else:
            whole[name] = [None if new and name not in kept else values[row] for row, new in zip(source, is_new, strict=True)]
    return frame_like(frame, whole | {name: values for name, values in columns.items() if name not in whole})


def _with_new_times(
    array: NDArray[Any],
    values: Sequence[Any],
    panel: Panel,
    fillings: _Fillings,
    source: Sequence[int],
    keys: Sequence[tuple[str, int]],
    is_new: Sequence[bool],
) -> Any:
    """A frame's column of times, as an array and as a list of values, with those of the new rows."""
    added = [panel.times(fillings.series[name], step, 1) for (name, step), new in zip(keys, is_new, strict=True) if new]
    times = iter(panel.form.column(np.concatenate(added)))
    if array.dtype.kind in "Miu":
        column = array[np.array(source)]
        column[np.array(is_new)] = np.array(list(times)).astype(array.dtype)
        return column
    return [next(times) if new else values[row] for row, new in zip(source, is_new, strict=True)]


def _filled_columns(
    filled: Sequence[FilledSeries], fillings: _Fillings, levels: Sequence[int], keys: Sequence[tuple[str, int]]
) -> dict[str, NDArray[Any]]:
    """The targets without holes and the columns beside them, a row a series and step."""
    known = {(one.series.name, one.series.target): one.y for one in filled}
    told = [list(fillings.of(*key)) for key in keys]
    columns: dict[str, NDArray[Any]] = {}
    for target in fillings.targets:
        columns[target] = np.array([known[name, target][step] if (name, target) in known else np.nan for name, step in keys])
    for place, target in enumerate(fillings.targets):
        names = added_columns(target, levels)
        columns[names[0]] = np.array([int(of[place][1] is not None) for of in told], dtype=np.int64)
        for number, name in enumerate(names[1:]):
            columns[name] = np.array([of[place][2][number] if of[place][2] else np.nan for of in told])
    return columns
