"""The NumPy loop over ragged batches against the plain twins."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import LENGTHS, RAGGED, SEEDS, VARIANTS, cell_weights, every_variant, offsets_of, weights_as
from tidegate.errors import RecipeError, ShapeError
from tidegate.kernels import (
    CELLS,
    WITHOUT_RECURRENT_MATRIX,
    Cell,
    CellWeights,
    PackedCell,
    TimeMajor,
    Zoneout,
    run_layer,
    run_packed,
    step_packed,
)

every_cell = pytest.mark.parametrize("cell", list(CELLS))
both_directions = pytest.mark.parametrize("reverse", [False, True])


def packed(cell: Cell, x: Any, lengths: Any, w: CellWeights, *, reverse: bool, zoneout: Zoneout = (0.0, 0.0)) -> Any:
    return run_packed(PackedCell.pack(cell, w, zoneout), x, TimeMajor.of(offsets_of(lengths), reverse=reverse))[0]


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float64, 1e-12)])
@pytest.mark.parametrize("lengths", [RAGGED, (5,), (1,), (4, 4, 4), (1, 2, 3), (3, 2, 1), (0, 2)], ids=str)
@both_directions
@every_variant
def test_states_equal_the_twins(
    cell: Cell, layer_norm: bool, zoneout: Zoneout, reverse: bool, lengths: tuple[int, ...], dtype: Any, tolerance: float
) -> None:
    random = np.random.default_rng(len(lengths))
    w = cell_weights(random, cell, 5, 4, dtype, layer_norm=layer_norm)
    x = random.normal(size=(sum(lengths), 5)).astype(dtype)
    states = packed(cell, x, lengths, w, reverse=reverse, zoneout=zoneout)
    exact = weights_as(w, np.float64)
    expected = run_layer(cell, x.astype(np.float64), offsets_of(lengths), exact, reverse=reverse, zoneout=zoneout)
    assert states.dtype == dtype
    np.testing.assert_allclose(states, expected, rtol=0, atol=tolerance)


@given(LENGTHS, SEEDS, st.sampled_from(VARIANTS), st.booleans(), st.integers(1, 3), st.integers(1, 3))
def test_states_equal_the_twins_whatever_the_lengths(
    lengths: list[int], seed: int, variant: tuple[Cell, bool, Zoneout], reverse: bool, input_size: int, hidden_size: int
) -> None:
    cell, layer_norm, zoneout = variant
    random = np.random.default_rng(seed)
    w = cell_weights(random, cell, input_size, hidden_size, layer_norm=layer_norm)
    x = random.normal(size=(sum(lengths), input_size))
    expected = run_layer(cell, x, offsets_of(lengths), w, reverse=reverse, zoneout=zoneout)
    # Layer norm divides by the spread, √1e-5 at the least, and so makes rounding up to 300 times as large.
    tolerance = 1e-9 if layer_norm else 1e-12
    np.testing.assert_allclose(packed(cell, x, lengths, w, reverse=reverse, zoneout=zoneout), expected, rtol=0, atol=tolerance)


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


@every_variant
def test_inputs_and_weights_are_left_as_they_were(cell: Cell, layer_norm: bool, zoneout: Zoneout) -> None:
    random = np.random.default_rng(3)
    w, x = cell_weights(random, cell, 3, 4, layer_norm=layer_norm), random.normal(size=(5, 3))
    cell_packed, before = PackedCell.pack(cell, w, zoneout), x.copy()
    layout = TimeMajor.of(offsets_of((3, 2)))
    first, _ = run_packed(cell_packed, x, layout)
    assert run_packed(cell_packed, x, layout)[0].tolist() == first.tolist()
    assert x.tolist() == before.tolist()


@every_cell
def test_large_inputs_saturate_without_a_warning(cell: Cell) -> None:
    random = np.random.default_rng(4)
    w = cell_weights(random, cell, 3, 4, np.float32)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        states = packed(cell, np.full((4, 3), 1e30, dtype=np.float32), (4,), w, reverse=False)
    if cell in WITHOUT_RECURRENT_MATRIX:  # what comes in place of the past is a line in x there
        assert np.isfinite(states).all()
    else:
        assert np.abs(states).max() <= 1


@pytest.mark.parametrize(
    ("cell", "belongs_to", "message"),
    [
        ("lstm", "gru", "weight_ih has 6 rows, but lstm with hidden_size 2 needs 4 × 2 = 8. Check that the weights belong to this cell."),
        ("gru", "lstm", "weight_ih has 8 rows, but gru with hidden_size 2 needs 3 × 2 = 6. Check that the weights belong to this cell."),
        ("rnn", "gru", "weight_ih has 6 rows, but rnn with hidden_size 2 needs 1 × 2 = 2. Check that the weights belong to this cell."),
        (
            "minlstm",
            "mingru",
            "weight_ih has 4 rows, but minlstm with hidden_size 1 needs 3 × 1 = 3. Check that the weights belong to this cell.",
        ),
        (
            "lstm",
            "mingru",
            "lstm was given weight_ih, bias_ih; it has weight_ih, weight_hh, bias_ih, bias_hh. Check that the weights belong to this cell.",
        ),
        (
            "mingru",
            "gru",
            "mingru was given weight_ih, weight_hh, bias_ih, bias_hh; it has weight_ih, bias_ih. Check that the weights belong to this cell.",
        ),
    ],
)
def test_weights_of_another_cell_are_refused_with_both_numbers(cell: Cell, belongs_to: Cell, message: str) -> None:
    w = cell_weights(np.random.default_rng(0), belongs_to, 3, 2)
    with pytest.raises(ShapeError) as caught:
        PackedCell.pack(cell, w)
    assert str(caught.value) == message


def test_gains_of_another_cell_and_zoneout_without_a_matrix_are_refused() -> None:
    random = np.random.default_rng(0)
    with pytest.raises(ShapeError, match=r"gru was given .*, gain_ih, gain_hh, gain_c, shift_c; it has .*, gain_ih, gain_hh\. "):
        PackedCell.pack("gru", cell_weights(random, "lstm", 3, 2, layer_norm=True))
    with pytest.raises(RecipeError, match="the plain rnn has no layer_norm"):
        PackedCell.pack("rnn", cell_weights(random, "gru", 3, 2, layer_norm=True))
    with pytest.raises(RecipeError, match="mingru has no recurrent matrix"):
        PackedCell.pack("mingru", cell_weights(random, "mingru", 3, 2), (0.1, 0.0))


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


@every_variant
def test_distinct_inputs_read_by_place_give_the_states_of_inputs_spelled_out(cell: Cell, layer_norm: bool, zoneout: Zoneout) -> None:
    random = np.random.default_rng(3)
    packed = PackedCell.pack(cell, cell_weights(random, cell, 5, 4, layer_norm=layer_norm), zoneout)
    x, places = random.normal(size=(6, 5)), random.integers(0, 6, size=sum(RAGGED))
    layout = TimeMajor.of(offsets_of(RAGGED), reverse=True)
    np.testing.assert_allclose(run_packed(packed, x, layout, places)[0], run_packed(packed, x[places], layout)[0], atol=1e-12)


@pytest.mark.parametrize("cuts", [RAGGED, (0,) * 8, (0, 1, 1, 2, 0, 3, 4, 0), (0, 3, 0, 0, 0, 1, 5, 0)], ids=str)
@both_directions
@every_variant
def test_a_batch_read_in_two_parts_gives_the_states_of_one(
    cell: Cell, layer_norm: bool, zoneout: Zoneout, reverse: bool, cuts: tuple[int, ...]
) -> None:
    """Of each sequence the first `cuts` steps that are read, then the others, from the states after the first."""
    random = np.random.default_rng(6)
    w = PackedCell.pack(cell, cell_weights(random, cell, 5, 4, layer_norm=layer_norm), zoneout)
    x, offsets = random.normal(size=(sum(RAGGED), 5)), offsets_of(RAGGED)
    whole, last = run_packed(w, x, TimeMajor.of(offsets, reverse=reverse))
    assert len(last) == (2 if cell == "lstm" else 1)
    ends = offsets[:-1] if reverse else offsets[1:] - 1
    filled = np.array(RAGGED) > 0
    assert last[0][filled].tolist() == whole[ends[filled]].tolist()
    assert not last[0][~filled].any()
    rows = [list(range(begin, end)[:: -1 if reverse else 1]) for begin, end in pairwise(offsets)]
    state = None
    for part in (
        [taken[:cut] for taken, cut in zip(rows, cuts, strict=True)],
        [taken[cut:] for taken, cut in zip(rows, cuts, strict=True)],
    ):
        flat = [row for taken in part for row in sorted(taken)]
        states, state = run_packed(w, x[flat], TimeMajor.of(offsets_of([len(taken) for taken in part]), reverse=reverse), None, state)
        np.testing.assert_allclose(states, whole[flat], atol=1e-12)
    assert state is not None
    for found, expected in zip(state, last, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


@every_variant
def test_step_after_step_gives_the_states_of_a_sequence(cell: Cell, layer_norm: bool, zoneout: Zoneout) -> None:
    random = np.random.default_rng(7)
    w = PackedCell.pack(cell, cell_weights(random, cell, 5, 4, layer_norm=layer_norm), zoneout)
    x = random.normal(size=(3, 6, 5))
    whole, last = run_packed(w, x.reshape(18, 5), TimeMajor.of(np.array([0, 6, 12, 18])))
    state = tuple(np.zeros((3, 4)) for _ in last)
    for t in range(6):
        before = [part.copy() for part in state]
        after = step_packed(w, x[:, t], state)
        assert all((part == kept).all() for part, kept in zip(state, before, strict=True))  # what was given is left as it was
        state = after
        np.testing.assert_allclose(state[0], whole.reshape(3, 6, 4)[:, t], atol=1e-12)
    np.testing.assert_allclose(state[-1], last[-1], atol=1e-12)
