from __future__ import annotations

import pytest

from tidegate.data.records import Source
from tidegate.data.time_forms import cells_of_time, read_times


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        (("when",), [["2024-03-31 05:00", "2024-03-31 06:00"]]),
        (("day", "month", "year", "hour"), [["31", "31"], ["3", "3"], ["2024", "2024"], ["5", "6"]]),
        (("a", "b", "c"), [["2024", "2024"], ["3", "4"], ["31", "1"]]),
        (("date", "clock"), [["2024-03-31", "2024-04-01"], ["05:30", "06:30"]]),
        (("t",), [["17", "18"]]),
    ],
)
def test_a_time_as_cells_is_read_as_that_time_again(names: tuple[str, ...], cells: list[list[str]]) -> None:
    times, form = read_times(cells, names, lambda row: Source("a", row + 1), {})
    written = [cells_of_time(time, names, form) for time in times]
    again, _ = read_times([list(column) for column in zip(*written, strict=True)], names, lambda row: Source("b", row + 1), {}, form)
    assert again.tolist() == times.tolist()
