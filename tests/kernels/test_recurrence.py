"""The NumPy loop over ragged batches against the plain twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import LENGTHS, RAGGED, SEEDS, cell_weights, offsets_of
from tidegate.errors import ShapeError
from tidegate.kernels import CELLS, Cell, CellWeights, PackedCell, TimeMajor, run_layer, run_packed

every_cell = pytest.mark.parametrize("cell", list(CELLS))
both_directions = pytest.mark.parametrize("reverse", [False, True])


def packed(cell: Cell, x: Any, lengths: Any, w: CellWeights, *, reverse: bool) -> Any:
    return run_packed(PackedCell.pack(cell, w), x, TimeMajor.of(offsets_of(lengths), reverse=reverse))


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("lengths", [RAGGED, (5,), (1,), (4, 4, 4), (1, 2, 3), (3, 2, 1), (0, 2)], ids=str)
@both_directions
@every_cell
def test_states_equal_the_twins(cell: Cell, reverse: bool, lengths: tuple[int, ...], dtype: Any, tolerance: float) -> None:
    random = np.random.default_rng(len(lengths))
    w = cell_weights(random, cell, 5, 4, dtype)
    x = random.normal(size=(sum(lengths), 5)).astype(dtype)
    states = packed(cell, x, lengths, w, reverse=reverse)
    exact = CellWeights(*(part.astype(np.float64) for part in (w.weight_ih, w.weight_hh, w.bias_ih, w.bias_hh)))
    expected = run_layer(cell, x.astype(np.float64), offsets_of(lengths), exact, reverse=reverse)
    assert states.dtype == dtype
    np.testing.assert_allclose(states, expected, rtol=0, atol=tolerance)


@given(LENGTHS, SEEDS, st.sampled_from(list(CELLS)), st.booleans(), st.integers(1, 3), st.integers(1, 3))
def test_states_equal_the_twins_whatever_the_lengths(
    lengths: list[int], seed: int, cell: Cell, reverse: bool, input_size: int, hidden_size: int
) -> None:
    random = np.random.default_rng(seed)
    w, x = cell_weights(random, cell, input_size, hidden_size), random.normal(size=(sum(lengths), input_size))
    expected = run_layer(cell, x, offsets_of(lengths), w, reverse=reverse)
    np.testing.assert_allclose(packed(cell, x, lengths, w, reverse=reverse), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("lengths", [(), (0,), (0, 0)], ids=str)
@both_directions
@every_cell
def test_a_batch_without_steps_gives_no_states(cell: Cell, reverse: bool, lengths: tuple[int, ...]) -> None:
    w = cell_weights(np.random.default_rng(0), cell, 3, 2)
    assert packed(cell, np.zeros((0, 3)), lengths, w, reverse=reverse).shape == (0, 2)


@both_directions
@every_cell
def test_other_sequences_in_the_batch_change_nothing(cell: Cell, reverse: bool) -> None:
    random = np.random.default_rng(1)
    w, x = cell_weights(random, cell, 3, 4), random.normal(size=(16, 3))
    together = packed(cell, x, (6, 3, 2, 5), w, reverse=reverse)
    alone = packed(cell, x[6:9], (3,), w, reverse=reverse)
    np.testing.assert_allclose(together[6:9], alone, rtol=0, atol=1e-14)
    x[:6], x[9:] = 1e3, -1e3
    np.testing.assert_allclose(packed(cell, x, (6, 3, 2, 5), w, reverse=reverse)[6:9], alone, rtol=0, atol=1e-14)


@every_cell
def test_swapping_two_sequences_swaps_their_states(cell: Cell) -> None:
    random = np.random.default_rng(2)
    w, a, b = cell_weights(random, cell, 3, 4), random.normal(size=(4, 3)), random.normal(size=(4, 3))
    ab = packed(cell, np.concatenate([a, b]), (4, 4), w, reverse=False)
    ba = packed(cell, np.concatenate([b, a]), (4, 4), w, reverse=False)
    np.testing.assert_allclose(ab, np.concatenate([ba[4:], ba[:4]]), rtol=0, atol=1e-14)


@every_cell
def test_inputs_and_weights_are_left_as_they_were(cell: Cell) -> None:
    random = np.random.default_rng(3)
    w, x = cell_weights(random, cell, 3, 4), random.normal(size=(5, 3))
    cell_packed, before = PackedCell.pack(cell, w), x.copy()
    layout = TimeMajor.of(offsets_of((3, 2)))
    first = run_packed(cell_packed, x, layout)
    assert run_packed(cell_packed, x, layout).tolist() == first.tolist()
    assert x.tolist() == before.tolist()


@every_cell
def test_large_inputs_saturate_without_a_warning(cell: Cell) -> None:
    random = np.random.default_rng(4)
    w = cell_weights(random, cell, 3, 4, np.float32)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        states = packed(cell, np.full((4, 3), 1e30, dtype=np.float32), (4,), w, reverse=False)
    assert np.abs(states).max() <= 1


@pytest.mark.parametrize(
    ("cell", "belongs_to", "message"),
    [
        ("lstm", "gru", "weight_ih has 6 rows, but lstm with hidden_size 2 needs 4 × 2 = 8. Check that the weights belong to this cell."),
        ("gru", "lstm", "weight_ih has 8 rows, but gru with hidden_size 2 needs 3 × 2 = 6. Check that the weights belong to this cell."),
        ("rnn", "gru", "weight_ih has 6 rows, but rnn with hidden_size 2 needs 1 × 2 = 2. Check that the weights belong to this cell."),
    ],
)
def test_weights_of_another_cell_are_refused_with_both_numbers(cell: Cell, belongs_to: Cell, message: str) -> None:
    w = cell_weights(np.random.default_rng(0), belongs_to, 3, 2)
    with pytest.raises(ShapeError) as caught:
        PackedCell.pack(cell, w)
    assert str(caught.value) == message


@given(LENGTHS, st.booleans())
def test_every_row_stands_in_one_place_and_fewer_and_fewer_sequences_run(lengths: list[int], reverse: bool) -> None:
    layout = TimeMajor.of(offsets_of(lengths), reverse=reverse)
    assert sorted(layout.rows.tolist()) == list(range(sum(lengths)))
    assert len(layout.active) == max(lengths, default=0)
    assert (np.diff(layout.active) <= 0).all()
    assert (layout.active > 0).all()
    assert layout.active.sum() == sum(lengths)


@given(LENGTHS, st.booleans())
def test_step_after_step_the_running_sequences_stand_longest_first(lengths: list[int], reverse: bool) -> None:
    offsets = offsets_of(lengths)
    layout = TimeMajor.of(offsets, reverse=reverse)
    longest_first = sorted(range(len(lengths)), key=lambda b: -lengths[b])  # stable: ties in the batch's order
    expected = [
        int(offsets[b + 1]) - 1 - step if reverse else int(offsets[b]) + step
        for step in range(max(lengths, default=0))
        for b in longest_first
        if step < lengths[b]
    ]
    assert layout.rows.tolist() == expected
    assert layout.active.tolist() == [sum(step < length for length in lengths) for step in range(max(lengths, default=0))]


@every_cell
def test_distinct_inputs_read_by_place_give_the_states_of_inputs_spelled_out(cell: Cell) -> None:
    random = np.random.default_rng(3)
    packed = PackedCell.pack(cell, cell_weights(random, cell, 5, 4))
    x, places = random.normal(size=(6, 5)), random.integers(0, 6, size=sum(RAGGED))
    layout = TimeMajor.of(offsets_of(RAGGED), reverse=True)
    np.testing.assert_allclose(run_packed(packed, x, layout, places), run_packed(packed, x[places], layout), atol=1e-12)
