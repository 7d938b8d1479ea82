"""A live count on standard error for commands that read a stream whose end is not known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Record = TypeVar("Record")


def counted(records: Iterable[Record], doing: str, *, is_shown: bool) -> Iterator[Record]:
    """Passes the records on and, on a terminal, shows how many were read and how fast."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not (is_shown and console.is_terminal):
        yield from records
        return
    with Progress(
        TextColumn(doing),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[status]}"),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task(doing, total=None, status="")
        began = time.monotonic()
        for number, record in enumerate(records, 1):
            if number % 64 == 0:
                rate = number / max(1e-9, time.monotonic() - began)
                bar.update(task, status=f"{number:,} sequences · {rate:,.0f} a second")
            yield record


@contextmanager
def steps_shown(doing: str, *, is_shown: bool, least: int = 0) -> Iterator[Callable[[int, int], None]]:
    """A function to tell how many steps are done, of how many; on a terminal a bar with the time left shows it.

    Args:
        least: of fewer steps no bar is shown.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn(doing), BarColumn(bar_width=24), TimeRemainingColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not (is_shown and console.is_terminal))
    task = bar.add_task(doing, total=None)

    def told(done: int, total: int) -> None:
        if total >= least:
            bar.start()
        bar.update(task, completed=done, total=total)

    try:
        if not least:
            bar.start()
        yield told
    finally:
        bar.stop()
