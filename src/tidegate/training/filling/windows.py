"""The training parts of series cut into windows, with gaps hidden in them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tidegate.data.fill_batches import FillBatch, FillSteps, collate_steps, read_steps
from tidegate.data.hiding import hide
from tidegate.kernels import architecture
from tidegate.training.filling.corpus import FillCorpus
from tidegate.training.filling.recipe import FillRecipe

Floats = NDArray[np.float32]


# Batches that an epoch has at least: of short series several passes make one, since a score after every few steps says little.
_LEAST_BATCHES = 30


def passes_of(tokens: int, recipe: FillRecipe) -> int:
    """Passes over training parts of so many steps in all that an epoch is."""
    return -(-_LEAST_BATCHES // -(-tokens // (recipe.window * recipe.batch_windows)))


class HiddenWindows:
    """The windows of one epoch: in each of its passes gaps are hidden anew in all series, which are then cut at places drawn anew."""

    def __init__(self, corpus: FillCorpus, recipe: FillRecipe, epoch: int, passes: int) -> None:
        self._corpus, self._recipe = corpus, recipe
        self._rngs = [np.random.default_rng([recipe.seed, epoch, *([number] if number else [])]) for number in range(passes)]
        self._windows = [self._cut(rng) for rng in self._rngs]

    def _cut(self, rng: np.random.Generator) -> list[tuple[int, int, int]]:
        """Windows of one pass: a series and its first and last step each."""
        window, found = self._recipe.window, []
        shift = int(rng.integers(window))
        for place, ends in enumerate(self._corpus.ends):
            cuts = [0, *range(shift or window, ends.train, window), ends.train]
            found += [(place, first, last) for first, last in pairwise(cuts) if last > first]
        return found

    def __len__(self) -> int:
        return sum(-(-len(windows) // self._recipe.batch_windows) for windows in self._windows)

    def __iter__(self) -> Iterator[FillBatch]:
        size = self._recipe.batch_windows
        for rng, windows in zip(self._rngs, self._windows, strict=True):
            read, targets = self._hidden(rng)
            order = rng.permutation(len(windows)).tolist()
            for begin in range(0, len(order), size):
                chosen = [windows[number] for number in order[begin : begin + size]]
                yield collate_steps(
                    [(read[place], first, last) for place, first, last in chosen],
                    [targets[place][first:last] for place, first, last in chosen],
                )

    def _hidden(self, rng: np.random.Generator) -> tuple[list[FillSteps], list[Floats]]:
        """The training parts as they are read with gaps hidden, and what was hidden, NaN elsewhere."""
        corpus, recipe = self._corpus, self._recipe
        train = corpus.until("train")
        hidden = hide(
            [np.isfinite(series.y) for series in train],
            corpus.starts,
            corpus.patterns,
            rng,
            share=recipe.hidden_share,
            bounds=[(0, len(series.y)) for series in train],
        )
        encoded = [
            corpus.coder.encode(gaps.of(series, corpus.columns), scale, id=number)
            for number, (gaps, series, scale) in enumerate(zip(hidden, train, corpus.scales, strict=True), 1)
        ]
        is_two_way = architecture(recipe.arch).is_bidirectional
        targets = [
            np.where(gaps.is_hidden, scale.apply(series.y), np.nan).astype(np.float32)
            for gaps, scale, series in zip(hidden, corpus.scales, train, strict=True)
        ]
        return read_steps(encoded, corpus.starts, is_two_way=is_two_way, others=recipe.others == "yes"), targets
