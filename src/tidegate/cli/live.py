"""Records from a pipe as they come: whatever is there is answered together, and nobody waits for more."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

# Enough to keep the network busy while the next lines are read; bounded, so that a fast writer cannot fill the memory.
_MOST_WAITING = 4096

Record = TypeVar("Record")


def available(records: Iterator[Record], size: Callable[[Record], int], *, most: int) -> Iterator[list[Record]]:
    """Groups of the records that have arrived, each of `most` at most by `size` (one record at least).

    A thread reads ahead; a single line that arrives alone is handed on at once. An error of the reader
    is raised here, after everything before it has been handed on.
    """
    waiting: queue.Queue[Record | BaseException | None] = queue.Queue(_MOST_WAITING)

    def read() -> None:
        try:
            for record in records:
                waiting.put(record)
        except BaseException as error:
            waiting.put(error)
        else:
            waiting.put(None)

    threading.Thread(target=read, daemon=True).start()
    end: BaseException | bool | None = False
    while end is False:
        group: list[Record] = []
        total = 0
        item = waiting.get()
        while True:
            if item is None or isinstance(item, BaseException):
                end = item
                break
            group.append(item)
            total += size(item)
            if total >= most:
                break
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                break
        if group:
            yield group
    if isinstance(end, BaseException):
        raise end
