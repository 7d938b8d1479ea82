"""Records from a pipe as they come: whatever is there is answered together, and nobody waits for more."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

from tidegate.data import TokenRecord

# Enough to keep the network busy while the next lines are read; bounded, so that a fast writer cannot fill the memory.
_MOST_WAITING = 4096


def available(records: Iterator[TokenRecord], *, most_tokens: int) -> Iterator[list[TokenRecord]]:
    """Groups of the records that have arrived, at most so many tokens each (one record at least).

    A thread reads ahead; a single line that arrives alone is handed on at once. An error of the reader
    is raised here, after everything before it has been handed on.
    """
    waiting: queue.Queue[TokenRecord | BaseException | None] = queue.Queue(_MOST_WAITING)

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
        group: list[TokenRecord] = []
        tokens = 0
        item = waiting.get()
        while True:
            if item is None or isinstance(item, BaseException):
                end = item
                break
            group.append(item)
            tokens += len(item)
            if tokens >= most_tokens:
                break
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                break
        if group:
            yield group
    if isinstance(end, BaseException):
        raise end
