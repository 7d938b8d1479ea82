"""How a text is cut into windows."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tidegate.training.generation.windows import ShuffledWindows, StreamWindows


@pytest.mark.parametrize(("length", "streams", "window"), [(100, 4, 5), (101, 3, 7), (12, 1, 11), (30, 5, 5), (9, 2, 4)])
def test_streams_go_on_from_window_to_window(length: int, streams: int, window: int) -> None:
    ids = np.arange(length, dtype=np.uint16)  # each unit's id is its place
    windows = StreamWindows(ids, streams=streams, window=window, seed=1, epoch=0)
    read = list(windows)
    assert len(read) == len(windows) == max(1, (length // streams - 1) // window)
    assert [batch.begins for batch in read] == [True] + [False] * (len(read) - 1)
    for batch in read:
        assert batch.units.shape == (streams, window)
        assert batch.tokens == streams * window
        assert batch.targets is not None
        assert (batch.targets == (batch.units + 1) % length).all()
    for before, after in pairwise(read):
        assert before.targets is not None
        assert (after.units[:, 0] == before.targets[:, -1]).all()
    units = np.concatenate([batch.units for batch in read], axis=1)
    if len(read) * window * streams <= length:
        assert len(np.unique(units)) == units.size, "a unit is read twice in an epoch"


@pytest.mark.parametrize("kind", [StreamWindows, ShuffledWindows])
def test_an_epoch_is_a_function_of_seed_and_number(kind: type[StreamWindows] | type[ShuffledWindows]) -> None:
    ids = np.arange(500, dtype=np.uint16)

    def units(seed: int, epoch: int) -> list[list[list[int]]]:
        return [batch.units.tolist() for batch in kind(ids, streams=3, window=10, seed=seed, epoch=epoch)]

    assert units(1, 0) == units(1, 0)
    assert units(1, 0) != units(1, 1)
    assert units(1, 0) != units(2, 0)


@pytest.mark.parametrize(("length", "streams", "window"), [(100, 4, 5), (101, 3, 7), (12, 2, 11), (11, 4, 11)])
def test_shuffled_windows_are_whole_stretches_of_the_text_each_read_once(length: int, streams: int, window: int) -> None:
    ids = np.arange(length, dtype=np.uint16)
    windows = ShuffledWindows(ids, streams=streams, window=window, seed=1, epoch=0)
    read = list(windows)
    assert len(read) == len(windows)
    rows = np.concatenate([batch.units for batch in read])
    assert all(batch.begins and batch.targets is None and len(batch.units) <= streams for batch in read)
    assert (np.diff(rows, axis=1) == 1).all()
    assert len(np.unique(rows)) == rows.size
    assert length - rows.size < 2 * window, "more than the ends was left out"
