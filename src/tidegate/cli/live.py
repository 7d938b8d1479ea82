"""Records from a pipe as they come: whatever is there is answered together, and nobody waits for more."""

from __future__ import annotations

import os
import queue
import sys
import threading
from collections.abc import Iterator
from itertools import chain

from tidegate.data import TokenRecord
from tidegate.data.conllu import read_conllu_lines
from tidegate.data.opening import open_stream
from tidegate.data.reading import detect_line
from tidegate.data.spans import read_span_lines_from
from tidegate.data.words import read_text_lines, read_tokens_lines
from tidegate.errors import DataError

# Enough to keep the network busy while the next lines are read; bounded, so that a fast writer cannot fill the memory.
_MOST_WAITING = 4096


_NAME = "standard input"


def standard_input(kind: str) -> Iterator[TokenRecord]:
    """The records on standard input, each as soon as it is there; with kind 'auto' the first line tells CoNLL-U and JSON from text.

    Raises:
        DataError: standard input is closed, or what the format's reader refuses.
    """
    if sys.stdin is None:
        raise DataError("standard input is closed. Give a file, or pipe something in.")
    # A stream of its own: a thread may wait on it for ever, and at its end the interpreter would abort on the lock of sys.stdin's.
    with os.fdopen(os.dup(sys.stdin.fileno()), "rb") as stream:
        lines = open_stream(stream, _NAME)
        first = next(lines, None)
        if first is None:
            return
        found = detect_line(first[1]) if kind == "auto" else kind
        every = chain([first], lines)
        if found == "spans":
            yield from read_span_lines_from(every, _NAME, label=(), is_labelled=False)
        else:
            reader = {"text": read_text_lines, "tokens": read_tokens_lines, "conllu": read_conllu_lines}[found]
            yield from reader(every, _NAME)


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
