"""A text cut into windows for training: one way in streams that go on, two ways in stretches in any order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.tasks.generate import TextWindow

Ids = NDArray[Any]


class StreamWindows:
    """The windows of one epoch over `streams` stretches of the text that are read side by side, each from window to window.

    The text is taken as a ring, cut at a place drawn anew each epoch, so that neither streams nor windows always begin at the
    same units. No more of it is in memory than the windows that are read.
    """

    def __init__(self, ids: Ids, *, streams: int, window: int, seed: int, epoch: int) -> None:
        self._ids, self._window = ids, window
        length = len(ids) // streams
        self._count = max(1, (length - 1) // window)
        shift = int(np.random.default_rng([seed, epoch]).integers(len(ids)))
        self._starts = shift + np.arange(streams, dtype=np.int64) * length

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[TextWindow]:
        within = np.arange(self._window + 1, dtype=np.int64)
        for number in range(self._count):
            places = (self._starts[:, None] + number * self._window + within) % len(self._ids)
            read = self._ids[places].astype(np.int64)
            yield TextWindow(read[:, :-1], read[:, 1:], number == 0)


class ShuffledWindows:
    """The windows of one epoch in an order drawn anew, `streams` of them a batch; where they begin is drawn anew too."""

    def __init__(self, ids: Ids, *, streams: int, window: int, seed: int, epoch: int) -> None:
        self._ids, self._window, self._streams = ids, window, streams
        rng = np.random.default_rng([seed, epoch])
        shift = int(rng.integers(min(window, len(ids) - window) + 1))
        self._starts = rng.permutation(np.arange(shift, len(ids) - window + 1, window, dtype=np.int64))

    def __len__(self) -> int:
        return -(-len(self._starts) // self._streams)

    def __iter__(self) -> Iterator[TextWindow]:
        within = np.arange(self._window, dtype=np.int64)
        for first in range(0, len(self._starts), self._streams):
            places = self._starts[first : first + self._streams, None] + within
            yield TextWindow(self._ids[places].astype(np.int64), None, True)
