"""The plain twins against numbers worked by hand, and what mirrors, swaps and neighbours must not change."""

from __future__ import annotations

from itertools import pairwise
from math import log, tanh

import numpy as np
import pytest

from strategies import RAGGED, cell_weights, offsets_of
from tidegate.kernels import CELLS, GATES, Cell, CellWeights, run_layer
from tidegate.kernels.twins import gru_cell, gru_reset_after_cell, logistic, lstm_cell, rnn_cell

# σ(ln 3) = 3/4, σ(−ln 3) = 1/4, σ(ln 4) = 4/5, and tanh(ln 3 / 2) = 1/2.
LN3 = log(3)

every_cell = pytest.mark.parametrize("cell", list(CELLS))


def weights(ih: object, hh: object, b_ih: object, b_hh: object) -> CellWeights:
    return CellWeights(*(np.array(part, dtype=np.float64) for part in (ih, hh, b_ih, b_hh)))


def column(*values: float) -> list[list[float]]:
    return [[value] for value in values]


def test_logistic_is_one_over_one_plus_e_to_the_minus_a_and_never_overflows() -> None:
    a = np.linspace(-30, 30, 61)
    np.testing.assert_allclose(logistic(a), 1 / (1 + np.exp(-a)), rtol=0, atol=1e-15)
    with np.errstate(all="raise"):
        assert logistic(np.array([-1e6, 0.0, 1e6])).tolist() == [0.0, 0.5, 1.0]
    assert logistic(np.zeros(1, dtype=np.float32)).dtype == np.float32


def test_rnn_step_worked_by_hand() -> None:
    # 0.5·1 + 0.25 + (−1)·0.5 + 0.25 = 0.5
    (h,) = rnn_cell(np.array([1.0]), (np.array([0.5]),), weights([[0.5]], [[-1.0]], [0.25], [0.25]))
    assert h == pytest.approx([tanh(0.5)], abs=1e-15)


def test_rnn_matrices_multiply_from_the_left() -> None:
    # W = [[1, 2], [0, 0]], x = (0.1, 0.2) -> (0.5, 0); U = [[0, 1], [0, 0]], h = (0.3, 0.4) -> (0.4, 0). Transposed ones differ.
    (h,) = rnn_cell(np.array([0.1, 0.2]), (np.array([0.3, 0.4]),), weights([[1, 2], [0, 0]], [[0, 1], [0, 0]], [0, 0], [0, 0]))
    assert h == pytest.approx([tanh(0.9), 0.0], abs=1e-15)


def test_lstm_step_worked_by_hand_with_four_different_gates() -> None:
    # i = σ(ln 3) = 3/4, f = σ(−ln 3) = 1/4, g = tanh(ln 3 / 2) = 1/2, o = σ(ln 4) = 4/5; x and h count for nothing.
    # c' = 1/4 · 2 + 3/4 · 1/2 = 0.875; h' = 4/5 · tanh(0.875)
    w = weights(column(0, 0, 0, 0), column(0, 0, 0, 0), [LN3, -LN3, 0, 0], [0, 0, LN3 / 2, log(4)])
    h, c = lstm_cell(np.array([5.0]), (np.array([0.9]), np.array([2.0])), w)
    assert c == pytest.approx([0.875], abs=1e-15)
    assert h == pytest.approx([0.8 * tanh(0.875)], abs=1e-15)


def test_lstm_reads_input_and_past_into_its_gates() -> None:
    # i = σ(ln 3 · x), f = σ(−ln 3 · h), g = tanh(ln 3 / 2 · x), o = σ(ln 4 · h) with x = h = 1: the same numbers as above.
    w = weights(column(LN3, 0, LN3 / 2, 0), column(0, -LN3, 0, log(4)), [0, 0, 0, 0], [0, 0, 0, 0])
    h, c = lstm_cell(np.array([1.0]), (np.array([1.0]), np.array([2.0])), w)
    assert c == pytest.approx([0.875], abs=1e-15)
    assert h == pytest.approx([0.8 * tanh(0.875)], abs=1e-15)


@pytest.mark.parametrize(("forget", "kept"), [(80.0, 1.0), (-80.0, 0.0)])
def test_lstm_forget_gate_alone_decides_what_stays_of_the_cell(forget: float, kept: float) -> None:
    w = weights(column(0, 0, 0, 0), column(0, 0, 0, 0), [-80, forget, 3, 0], [0, 0, 0, 0])  # i = 0: nothing is written
    _, c = lstm_cell(np.array([1.0]), (np.array([0.3]), np.array([1.7])), w)
    assert c == pytest.approx([kept * 1.7], abs=1e-15)


def test_gru_step_worked_by_hand() -> None:
    # r = 3/4, z = 1/4; U = 2, h = 1/2, b' = 1.  Before: n = tanh(2 · (3/4 · 1/2) + 1) = tanh(1.75).
    # After: n = tanh(3/4 · (2 · 1/2 + 1)) = tanh(1.5).  h' = 1/4 · 1/2 + 3/4 · n
    w = weights(column(0, 0, 0), column(0, 0, 2), [LN3, -LN3, 0], [0, 0, 1])
    (before,) = gru_cell(np.array([7.0]), (np.array([0.5]),), w)
    (after,) = gru_reset_after_cell(np.array([7.0]), (np.array([0.5]),), w)
    assert before == pytest.approx([0.125 + 0.75 * tanh(1.75)], abs=1e-15)
    assert after == pytest.approx([0.125 + 0.75 * tanh(1.5)], abs=1e-15)


def test_reset_before_and_reset_after_mix_two_units_differently() -> None:
    # r = (3/4, 1/4), z = 1/2, U swaps the units, h = (0.4, 0.8).
    # Before: U(r∘h) = (1/4 · 0.8, 3/4 · 0.4) = (0.2, 0.3).  After: r∘(U h) = (3/4 · 0.8, 1/4 · 0.4) = (0.6, 0.1).
    hh = [[0, 0], [0, 0], [0, 0], [0, 0], [0, 1], [1, 0]]
    w = weights(np.zeros((6, 1)), hh, [LN3, -LN3, 0, 0, 0, 0], np.zeros(6))
    h = np.array([0.4, 0.8])
    (before,) = gru_cell(np.zeros(1), (h,), w)
    (after,) = gru_reset_after_cell(np.zeros(1), (h,), w)
    assert before == pytest.approx([0.2 + tanh(0.2) / 2, 0.4 + tanh(0.3) / 2], abs=1e-15)
    assert after == pytest.approx([0.2 + tanh(0.6) / 2, 0.4 + tanh(0.1) / 2], abs=1e-15)


def random_gru(seed: int, *, r_bias: float = 0.0, z_bias: float = 0.0, n_bias: float = 0.0) -> tuple[CellWeights, np.random.Generator]:
    random = np.random.default_rng(seed)
    w = cell_weights(random, "gru", 3, 4)
    w.bias_hh[:] = np.repeat([r_bias, z_bias, n_bias], 4)
    return w, random


def test_reset_before_and_reset_after_agree_where_the_gate_is_open_or_the_past_empty() -> None:
    w, random = random_gru(1)
    x, h = random.normal(size=3), random.normal(size=4)
    assert np.abs(gru_cell(x, (h,), w)[0] - gru_reset_after_cell(x, (h,), w)[0]).max() > 1e-2
    np.testing.assert_allclose(gru_cell(x, (0 * h,), w)[0], gru_reset_after_cell(x, (0 * h,), w)[0], atol=1e-15)
    w, _ = random_gru(1, r_bias=80)  # r = 1
    np.testing.assert_allclose(gru_cell(x, (h,), w)[0], gru_reset_after_cell(x, (h,), w)[0], atol=1e-15)


@pytest.mark.parametrize("cell", ["gru", "gru-reset-after"])
def test_update_gate_near_one_keeps_the_past_and_near_zero_drops_it(cell: Cell) -> None:
    w, random = random_gru(2, z_bias=100)
    x, h = random.normal(size=3), random.normal(size=4)
    assert CELLS[cell](x, (h,), w)[0].tolist() == h.tolist()
    w, _ = random_gru(2, z_bias=-100, r_bias=-100)  # z = 0 and r = 0: of the past not even the candidate sees anything
    expected = np.tanh(w.weight_ih[8:] @ x + w.bias_ih[8:])
    np.testing.assert_allclose(CELLS[cell](x, (h,), w)[0], expected, atol=1e-15)


@every_cell
def test_both_biases_are_summed_but_for_the_candidate_of_reset_after(cell: Cell) -> None:
    random = np.random.default_rng(3)
    w = cell_weights(random, cell, 3, 2)
    joined = CellWeights(w.weight_ih, w.weight_hh, w.bias_ih + w.bias_hh, np.zeros_like(w.bias_hh))
    x = random.normal(size=3)
    state = tuple(random.normal(size=2) for _ in range(2 if cell == "lstm" else 1))
    difference = np.abs(CELLS[cell](x, state, w)[0] - CELLS[cell](x, state, joined)[0]).max()
    assert difference > 1e-2 if cell == "gru-reset-after" else difference < 1e-14


@every_cell
def test_a_layer_is_its_cell_step_after_step_from_zeros(cell: Cell) -> None:
    random = np.random.default_rng(4)
    w, x = cell_weights(random, cell, 3, 2), random.normal(size=(3, 3))
    state = (np.zeros(2),) * (2 if cell == "lstm" else 1)
    expected = []
    for step in x:
        state = CELLS[cell](step, state, w)
        expected.append(state[0])
    assert run_layer(cell, x, [0, 3], w).tolist() == np.array(expected).tolist()


@every_cell
def test_backward_direction_equals_forward_direction_on_the_reversed_sequence(cell: Cell) -> None:
    random = np.random.default_rng(5)
    offsets = offsets_of(RAGGED)
    w, x = cell_weights(random, cell, 3, 2), random.normal(size=(offsets[-1], 3))
    turned = np.concatenate([np.arange(begin, end)[::-1] for begin, end in pairwise(offsets)])
    backward = run_layer(cell, x, offsets, w, reverse=True)
    assert backward.tolist() == run_layer(cell, x[turned], offsets, w)[turned].tolist()
    assert np.abs(backward - run_layer(cell, x, offsets, w)).max() > 1e-2


@pytest.mark.parametrize("reverse", [False, True])
@every_cell
def test_sequences_know_nothing_of_each_other(cell: Cell, reverse: bool) -> None:
    random = np.random.default_rng(6)
    w, a, b = cell_weights(random, cell, 3, 2), random.normal(size=(4, 3)), random.normal(size=(2, 3))
    ab = run_layer(cell, np.concatenate([a, b]), [0, 4, 6], w, reverse=reverse)
    ba = run_layer(cell, np.concatenate([b, a]), [0, 2, 6], w, reverse=reverse)
    assert ab[:4].tolist() == ba[2:].tolist() == run_layer(cell, a, [0, 4], w, reverse=reverse).tolist()
    assert ab[4:].tolist() == ba[:2].tolist() == run_layer(cell, b, [0, 2], w, reverse=reverse).tolist()


@every_cell
def test_sequences_of_no_steps_add_and_change_nothing(cell: Cell) -> None:
    random = np.random.default_rng(7)
    w, x = cell_weights(random, cell, 3, 2), random.normal(size=(4, 3))
    assert run_layer(cell, x, [0, 0, 3, 3, 4, 4], w).tolist() == run_layer(cell, x, [0, 3, 4], w).tolist()
    assert run_layer(cell, x[:0], [0, 0], w).shape == (0, 2)
    assert run_layer(cell, x[:0], [0], w).shape == (0, 2)


@every_cell
def test_precision_of_the_input_is_kept(cell: Cell) -> None:
    random = np.random.default_rng(8)
    w = cell_weights(random, cell, 3, 2, np.float32)
    assert run_layer(cell, random.normal(size=(4, 3)).astype(np.float32), [0, 4], w).dtype == np.float32
    assert w.hidden_size == 2
    assert len(w.weight_ih) == GATES[cell] * 2
