"""Frames of numbers as a network reads them, and ragged batches of them."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from tidegate.data import Source
from tidegate.data.frame_scales import FrameScale
from tidegate.data.frames import Frames, collate_frames, frames_from_json
from tidegate.data.number_frames import NumberFrames
from tidegate.data.sequences import NumberSequence, SequenceColumns
from tidegate.errors import DataError, RecipeError, ShapeError

RANDOM = np.random.default_rng(3)
VALUES = RANDOM.normal(5, 3, size=(17, 3))
VALUES[4:6, 1] = np.nan
COLUMNS = SequenceColumns("id", "t", ("a", "b", "c"), "label")


def frames(per_step: int = 1) -> NumberFrames:
    return NumberFrames(COLUMNS, FrameScale.of([VALUES], per_step=per_step))


def record(values: np.ndarray) -> NumberSequence:
    return NumberSequence(values, Source("a.csv", 7), "s")


@pytest.mark.parametrize("per_step", [1, 4])
def test_frames_become_steps_at_once_and_as_they_come(per_step: int) -> None:
    own: Frames = frames(per_step)
    x = own.of(record(VALUES))
    assert x.dtype == np.float32
    assert x.shape == (own.steps(17), own.width) == (-(-17 // per_step), 4 * per_step)
    # By hand: a hole is what was there before, and is marked.
    filled = VALUES.copy()
    filled[4:6, 1] = VALUES[3, 1]
    scaled = (filled - np.nanmean(VALUES, axis=0)) / np.nanstd(VALUES, axis=0)
    np.testing.assert_allclose(x.reshape(-1, 4)[:17, :3], scaled, atol=1e-5)
    assert x.reshape(-1, 4)[:17, 3].tolist() == np.isnan(VALUES[:, 1]).tolist()
    stream = own.stream()
    parts = [stream.feed(VALUES[0]), stream.feed(VALUES[1:1]), stream.feed(VALUES[1:9]), stream.feed(VALUES[9:]), stream.finish()]
    assert np.concatenate(parts).tobytes() == x.tobytes()
    assert own.of(record(VALUES[:0])).shape == (0, own.width)
    again = frames_from_json(json.loads(json.dumps(own.to_json())))
    assert isinstance(again, NumberFrames)
    assert again.columns == COLUMNS
    assert again.of(record(VALUES)).tobytes() == x.tobytes()


def test_another_number_of_features_is_refused() -> None:
    with pytest.raises(DataError, match=r"a\.csv, line 7: sequence 's' has 2 features; 3 were expected: a, b, c"):
        frames().of(record(VALUES[:, :2]))
    with pytest.raises(DataError, match=re.escape("has an array of shape [17]")):
        frames().of(record(VALUES[:, 0]))
    with pytest.raises(ShapeError, match=re.escape("frames of shape [4] were given; [n, 3] or [3] was expected")):
        frames().stream().feed(np.zeros(4))


def test_steps_of_numbers_have_no_seconds() -> None:
    own = frames()
    assert own.input == "numbers"
    assert own.step_seconds is None
    assert own.delay_seconds(3, 2) is None
    assert own.lookahead_steps(" 3") == 3
    assert own.lookahead_steps("0") == 0
    for span in ("100ms", "", "-1", "1.5"):
        with pytest.raises(RecipeError, match=f"a look-ahead of '{re.escape(span)}' was asked for; .* a whole number of steps"):
            own.lookahead_steps(span)


def test_ragged_batches() -> None:
    xs = [RANDOM.normal(size=(length, 2)).astype(np.float32) for length in (3, 0, 1)]
    whole = np.concatenate(xs)
    batch = collate_frames(xs)
    assert (batch.tokens, batch.offsets.tolist(), batch.labels.tolist(), batch.label_offsets) == (4, [0, 3, 3, 4], [], None)
    assert np.array_equal(batch.x, whole)
    assert collate_frames(xs, [4, 5, 6]).labels.tolist() == [4, 5, 6]
    assert collate_frames(xs, np.array([4, 5, 6])).labels.tolist() == [4, 5, 6]
    assert collate_frames(xs, [np.array([1, 2, 3]), np.array([]), np.array([4])], labelled="step").labels.tolist() == [1, 2, 3, 4]
    batch = collate_frames(xs, [np.array([1]), np.array([2, 3]), np.array([])], labelled="transcript")
    assert batch.label_offsets is not None
    assert (batch.labels.tolist(), batch.label_offsets.tolist()) == ([1, 2, 3], [0, 1, 3, 3])
    assert batch.labels.dtype == batch.offsets.dtype == np.int64
    with pytest.raises(ValueError, match=re.escape("labels for [3, 1, 1] steps, and there are [3, 0, 1]")):
        collate_frames(xs, [np.array([1, 2, 3]), np.array([1]), np.array([4])], labelled="step")
    with pytest.raises(ValueError, match="2 labels for 3 sequences"):
        collate_frames(xs, [1, 2])
