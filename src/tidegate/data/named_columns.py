"""Tables of numbers by the names of their columns: which row is a header, and what no table of numbers is read from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice

from tidegate.data.opening import open_lines, suffix_of
from tidegate.data.tables import BARE_SUFFIXES, plain, sniff_delimiter
from tidegate.data.time_forms import looks_like_times

# Tables that are no lines of cells, and what a frame of pandas reads them by.
OTHER_TABLES = {
    ".jsonl": "read_json(FILE, lines=True)",
    ".ndjson": "read_json(FILE, lines=True)",
    ".json": "read_json(FILE)",
    ".parquet": "read_parquet(FILE)",
    ".feather": "read_feather(FILE)",
    ".xlsx": "read_excel(FILE)",
    ".xls": "read_excel(FILE)",
    ".ods": "read_excel(FILE)",
}


def named_columns(
    lines: Sequence[int], cells: Sequence[list[str]], known: Collection[str] = ()
) -> tuple[list[str], dict[str, list[str]], Sequence[int]]:
    """The names of a table's columns, the columns by name (of those with one name the first), and the line of each row.

    Without a header the names are column1, column2, …

    Args:
        lines: of all rows, a header with them; at least one.
        cells: the columns.
        known: names, in lower case, any of which makes the first row a header even where other cells of it are numbers.
    """
    first = [column[0].strip() for column in cells]
    # A header has no number and no time; the first column of a frame that was saved with its index has no name.
    has_header = not any(map(_is_value, first)) or any(plain(cell) in known for cell in first)
    names = first if has_header else [f"column{place}" for place in range(1, len(first) + 1)]
    # Of columns with one name the first stands for all, until the name is asked for.
    columns = {name: column[has_header:] for name, column in reversed(list(zip(names, cells, strict=True)))}
    return names, columns, lines[has_header:]


def is_comma_free(file: str) -> bool:
    """Whether the cells of this file are separated by something else than commas."""
    return suffix_of(file) in BARE_SUFFIXES or sniff_delimiter(line for _, line in islice(open_lines(file), 20))[0] != ","


def _is_value(cell: str) -> bool:
    if looks_like_times([cell]):
        return True
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return cell.lower() not in ("nan", "inf", "infinity")
