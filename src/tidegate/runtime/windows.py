"""A stream of any length answered in order and in bounded memory.

A window of it is taken, batched by length, answered, and given back in the order it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np

from tidegate.data import reading_order

# Most tokens of one batch. Measured in bench/RESULTS.md, "prediction".
BATCH_TOKENS = 4096
# So many batches are taken from the stream at a time; batching by length pays only within such a window.
_WINDOW_BATCHES = 8

Record = TypeVar("Record")
Answer = TypeVar("Answer")


def answered(
    records: Iterable[Record], length: Callable[[Record], int], answer: Callable[[list[Record]], Iterable[Answer]], *, batch_tokens: int
) -> Iterator[Answer]:
    """An answer per record, in order, reading the records as they are needed.

    Args:
        length: the tokens of a record.
        answer: the answers to a batch of records of like length.
        batch_tokens: most tokens of a batch; bounds the memory.
    """
    window: list[Record] = []
    lengths: list[int] = []
    tokens = 0
    for record in records:
        window.append(record)
        lengths.append(length(record))
        tokens += max(1, lengths[-1])
        if tokens >= _WINDOW_BATCHES * batch_tokens:
            yield from _answer_window(window, lengths, answer, batch_tokens)
            window, lengths, tokens = [], [], 0
    yield from _answer_window(window, lengths, answer, batch_tokens)


def _answer_window(
    records: list[Record], lengths: list[int], answer: Callable[[list[Record]], Iterable[Answer]], batch_tokens: int
) -> list[Answer]:
    answers: dict[int, Answer] = {}
    for batch in reading_order(np.array(lengths, dtype=np.int64), budget_tokens=batch_tokens):
        places = batch.tolist()
        answers.update(zip(places, answer([records[place] for place in places]), strict=True))
    return [answers[place] for place in range(len(records))]
