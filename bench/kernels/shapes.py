"""What is computed: the cells, and the shapes of their input, real sentences among them.

Letters: N steps of all sequences together, B sequences, T steps of the longest, I input width, H hidden width, D directions.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.kernels import GATES, Cell

Array = NDArray[np.floating[Any]]
CELLS: tuple[Cell, ...] = ("lstm", "gru-reset-after", "gru", "rnn")
EWT_BATCHES = 16


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch, flat: sequence after sequence, nothing padded.

    Attributes:
        lengths: [B].
        x: [N, I], float32.
        dy: [N, D·H], the gradient that reaches the states; float32.
    """

    lengths: NDArray[np.int64]
    x: Array
    dy: Array

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        return np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """[N], where each flat row stands in a padded block [T·B, ...]."""
        sequence = np.repeat(np.arange(len(self.lengths)), self.lengths)
        step = np.arange(len(self.x)) - self.offsets[sequence]
        return (step * len(self.lengths) + sequence).astype(np.int64)

    def pad(self, flat: Array) -> Array:
        """[N, W] -> [T, B, W], zeros where nothing stands."""
        steps, width = int(self.lengths.max()), flat.shape[1]
        padded = np.zeros((steps * len(self.lengths), width), dtype=flat.dtype)
        padded[self.places] = flat
        return padded.reshape(steps, len(self.lengths), width)

    def unpad(self, padded: Array) -> Array:
        """[T, B, W] -> [N, W]."""
        return padded.reshape(-1, padded.shape[2])[self.places]

    def sorted_by_length(self) -> tuple[Batch, NDArray[np.int64]]:
        """The same sequences, longest first; and for each flat row of the new batch the row it had here."""
        order = np.argsort(-self.lengths, kind="stable")
        rows = np.concatenate([np.arange(self.offsets[place], self.offsets[place + 1]) for place in order])
        return Batch(self.lengths[order], self.x[rows], self.dy[rows]), rows


@dataclass(frozen=True)
class Shape:
    """A layer's widths and the lengths of what it reads.

    Attributes:
        name: as in the table.
        batches: the lengths of each batch; one call reads all of them, one after another.
    """

    name: str
    batches: tuple[tuple[int, ...], ...]
    input_size: int
    hidden_size: int
    directions: int

    @property
    def tokens(self) -> int:
        return sum(map(sum, self.batches))

    @property
    def is_ragged(self) -> bool:
        return any(len(set(lengths)) > 1 for lengths in self.batches)

    def flops(self, cell: Cell, *, is_training: bool) -> float:
        """Of the matrix products alone; the backward direction of learning takes each twice."""
        forward = 2.0 * self.tokens * GATES[cell] * self.hidden_size * (self.input_size + self.hidden_size) * self.directions
        return 3 * forward if is_training else forward

    def make_batches(self) -> list[Batch]:
        """The batches, filled from a fixed seed."""
        rng = np.random.default_rng(4)
        made = []
        for lengths in self.batches:
            x = rng.standard_normal((sum(lengths), self.input_size), dtype=np.float32)
            dy = rng.standard_normal((sum(lengths), self.directions * self.hidden_size), dtype=np.float32)
            made.append(Batch(np.array(lengths, dtype=np.int64), x, dy))
        return made


def _even(name: str, B: int, T: int, I: int, H: int, directions: int) -> Shape:  # noqa: E741
    return Shape(name, ((T,) * B,), I, H, directions)


def ewt_lengths() -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]] | None:
    """Lengths of 16 batches of 32 sentences of UD English EWT's development file: shuffled, and bucketed.

    Bucketed: all 2,001 sorted by length and cut into batches, of which 16 are taken at even distances. None where the data is not there.
    """
    path = Path(os.environ.get("TIDEGATE_DATA", "../shared/data")) / "ud_english_ewt" / "en_ewt-ud-dev.conllu.gz"
    if not path.is_file():
        return None
    from tidegate.data.reading import read_labelled

    lengths = np.array([len(record) for record in read_labelled(path, label=("upos",))])
    shuffled, in_order = np.random.default_rng(4).permutation(lengths), np.sort(lengths)
    batches = [tuple(order[cut : cut + 32].tolist()) for order in (shuffled, in_order) for cut in range(0, len(lengths) - 31, 32)]
    full = len(batches) // 2
    places = np.linspace(0, full - 1, EWT_BATCHES).round().astype(int).tolist()
    return [batches[place] for place in places], [batches[full + place] for place in places]


def all_shapes() -> tuple[list[Shape], str]:
    """The shapes in the table's order, and a note, empty unless some are missing."""
    shapes = [
        _even("B1 T1 I128 H128", 1, 1, 128, 128, 1),
        _even("B1 T50 I100 H128 bi", 1, 50, 100, 128, 2),
        _even("B32 T40 I128 H256 bi", 32, 40, 128, 256, 2),
        _even("B64 T128 I128 H512", 64, 128, 128, 512, 1),
        _even("B16 T200 I32 H64", 16, 200, 32, 64, 1),
        _even("B8 T500 I256 H1024", 8, 500, 256, 1024, 1),
    ]
    lengths = ewt_lengths()
    if lengths is None:
        return shapes, "UD English EWT is not there, so its four shapes are missing; name the folder of data sets with TIDEGATE_DATA."
    for hidden in (128, 256):
        for order, batches in zip(("shuffled", "bucketed"), lengths, strict=True):
            shapes.append(Shape(f"EWT B32 I200 H{hidden} bi {order}", tuple(batches), 200, hidden, 2))
    return shapes, ""
