"""Cells of tables as numbers: which are missing, which are numbers, and the decimal commas among them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from tidegate.data.opening import excerpt
from tidegate.data.records import Source
from tidegate.errors import DataError

Numbers = NDArray[np.float64]

# What stands for a value that is not there, whatever the user adds.
MISSING = frozenset(
    (
        "",
        "NA",
        "N/A",
        "n/a",
        "#N/A",
        "<NA>",
        "na",
        "NaN",
        "nan",
        "NAN",
        "null",
        "NULL",
        "Null",
        "None",
        "none",
        "NaT",
        "?",
        "-",
        "--",
        "---",
        ".",
    )
)
# So many cells show whether most of a column repeat.
_SAMPLE = 1000
# So many cells show what a column holds.
_SHOWING = 200
_WITH_COMMA = re.compile(r"[+-]?\d+,\d+")
_WITHOUT = re.compile(r"[+-]?\d+")


class Missing:
    """What counts as missing: the usual marks, and the user's own, as text and as a number (-9999 is -9999.0 too).

    Args:
        marks: the user's.
    """

    def __init__(self, marks: Sequence[str] = ()) -> None:
        self.texts = MISSING | {mark.strip() for mark in marks}
        self.values = np.array([value for mark in marks if (value := _number(mark)) is not None], dtype=np.float64)

    def numbers(self, cells: Sequence[str]) -> Numbers | None:
        """[n] cells as numbers, NaN where they are missing; None where one is neither."""
        values = self._read(cells)
        if values is None:
            stripped = [cell.strip() for cell in cells]
            values = None if stripped == list(cells) else self._read(stripped)
        return None if values is None or np.isinf(values).any() else self.without(values)

    def _read(self, cells: Sequence[str]) -> Numbers | None:
        texts = self.texts
        sample = cells[:_SAMPLE]
        try:
            if 2 * len(set(sample)) < len(sample):
                values = {cell: float(cell) if cell not in texts else np.nan for cell in set(cells)}
                return np.fromiter(map(values.__getitem__, cells), dtype=np.float64, count=len(cells))
            return np.fromiter((np.nan if cell in texts else float(cell) for cell in cells), dtype=np.float64, count=len(cells))
        except ValueError:
            return None

    def without(self, values: Numbers) -> Numbers:
        """The numbers with NaN for those that stand for a missing value."""
        return np.where(np.isin(values, self.values), np.nan, values) if len(self.values) else values

    def words(self, cells: Sequence[str]) -> NDArray[np.object_]:
        """[n] cells as texts, None where they are missing."""
        found = np.empty(len(cells), dtype=object)
        words = {cell: None if (word := cell.strip()) in self.texts else word for cell in set(cells)}
        found[:] = list(map(words.__getitem__, cells))
        return found

    def others(self, cells: Sequence[str]) -> tuple[dict[str, int], int]:
        """The cells that are neither numbers nor missing, each with how often it stands there; and how many are not missing."""
        found = Counter(cells)
        present = {cell: count for cell, count in found.items() if cell.strip() not in self.texts}
        return {cell: count for cell, count in present.items() if not _is_finite(cell)}, sum(present.values())


def is_mostly_numbers(cells: Sequence[str], missing: Missing) -> bool:
    """Whether half of the cells that are not missing, or more, are numbers: others among them are then mistakes."""
    present = [cell for cell in map(str.strip, cells[:_SHOWING]) if cell not in missing.texts]
    numbers = sum(_number(cell.replace(",", ".")) is not None for cell in present)
    return 2 * numbers >= len(present) if present else len(cells) == 0 or len(cells) > _SHOWING


def with_points(cells: Sequence[str], missing: Missing) -> list[str] | None:
    """The cells with points for decimal commas, where every number is written so (3,5) or whole; None where it is not so."""
    stripped = [cell.strip() for cell in cells]
    present = [cell for cell in stripped if cell not in missing.texts]
    commas = sum(1 for cell in present if _WITH_COMMA.fullmatch(cell))
    if not commas or any(not _WITH_COMMA.fullmatch(cell) and not _WITHOUT.fullmatch(cell) for cell in present):
        return None
    return [cell.replace(",", ".") for cell in stripped]


def required_numbers(
    cells: Sequence[str],
    name: str,
    where: Callable[[int], Source],
    missing: Missing,
    decimal_commas: Collection[str],
    notes: dict[str, None],
) -> Numbers:
    """[n] the cells of a column that must hold numbers.

    Args:
        decimal_commas: files in which a comma cannot be the delimiter, so that it may stand in a number.

    Raises:
        DataError: a cell that is neither a number nor missing; decimal commas elsewhere.
    """
    values = missing.numbers(cells)
    if values is not None:
        return values
    pointed = with_points(cells, missing)
    if pointed is not None:
        values = missing.numbers(pointed)
        row = next(place for place, cell in enumerate(cells) if "," in cell)
        if values is not None and where(row).file in decimal_commas:
            notes[f"column '{name}' has decimal commas: {excerpt(cells[row].strip())} is read as {pointed[row]}"] = None
            return values
        raise DataError(
            f"{where(row)}: {excerpt(cells[row].strip())} in column '{name}' has a decimal comma. Write points ({pointed[row]}), or "
            "separate the columns by semicolons, where decimal commas are understood."
        )
    others, _ = missing.others(cells)
    # A decimal comma is no mistake where commas are understood.
    places = [place for place, cell in enumerate(cells) if cell in others]
    wrong = [place for place in places if not _WITH_COMMA.fullmatch(cells[place].strip()) or where(place).file not in decimal_commas]
    if not wrong:
        comma = places[0]
        pointed_cells = {
            cell for cell in cells if cell.strip() not in missing.texts and not _WITHOUT.fullmatch(cell.strip()) and _is_finite(cell)
        }
        point = next(place for place, cell in enumerate(cells) if cell in pointed_cells)
        raise DataError(
            f"{where(comma)}: {excerpt(cells[comma].strip())} in column '{name}' has a decimal comma, and {excerpt(cells[point].strip())} "
            f"({where(point)}) is written with a point. Write all its numbers in one way."
        )
    row = wrong[0]
    cell = cells[row].strip()
    mark = cell if re.fullmatch(r"[^\s,]+", cell) else repr(cell)
    raise DataError(
        f"{where(row)}: {excerpt(cell)} in column '{name}' is no number. Write a number, or leave the cell empty; if it stands for a "
        f"missing value, say so with --missing {mark}."
    )


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _is_finite(cell: str) -> bool:
    value = _number(cell)
    return value is not None and math.isfinite(value)
