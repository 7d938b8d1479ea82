"""The plain twins against numbers worked by hand, and what mirrors, swaps and neighbours must not change."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import exp, log, sqrt, tanh

import numpy as np
import pytest

from strategies import RAGGED, cell_weights, every_variant, offsets_of
from tidegate.errors import RecipeError, ShapeError
from tidegate.kernels import CELLS, GATES, WITH_LAYER_NORM, WITHOUT_RECURRENT_MATRIX, Cell, CellWeights, Zoneout, run_layer
from tidegate.kernels.twins import (
    gru_cell,
    gru_reset_after_cell,
    keeping_share,
    layer_norm,
    logistic,
    lstm_cell,
    mingru_cell,
    minlstm_cell,
    rnn_cell,
    zoned,
)
from tidegate.kernels.zoneout import check_zoneout, kept_units

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
    w.recurrent[1][:] = np.repeat([r_bias, z_bias, n_bias], 4)
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


def test_mingru_step_worked_by_hand() -> None:
    # z = σ(ln 3 · 1) = 3/4, n = 2 · 1 + 1 = 3: h' = 3/4 · 1/2 + 1/4 · 3
    (h,) = mingru_cell(np.array([1.0]), (np.array([0.5]),), without_matrix(column(LN3, 2), [0, 1]))
    assert h == pytest.approx([0.375 + 0.75], abs=1e-15)


def test_minlstm_step_worked_by_hand() -> None:
    # i = σ(ln 4) = 4/5, f = σ(−ln 3) = 1/4: s = 1/4 / (1/4 + 4/5) = 5/21; g = 2 · 1 + 1 = 3, of which no tanh is taken.
    (h,) = minlstm_cell(np.array([1.0]), (np.array([0.5]),), without_matrix(column(0, -LN3, 2), [log(4), 0, 1]))
    assert h == pytest.approx([5 / 21 * 0.5 + 16 / 21 * 3], abs=1e-15)


def without_matrix(ih: object, b_ih: object) -> CellWeights:
    return CellWeights(np.array(ih, dtype=np.float64), None, np.array(b_ih, dtype=np.float64), None)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_minlstm_keeps_its_digits_where_both_gates_are_all_but_shut(dtype: type) -> None:
    i, f = np.meshgrid(np.linspace(-80, 30, 23), np.linspace(-80, 30, 23))
    expected = 1 / (1 + np.exp(-f)) / (1 / (1 + np.exp(-f)) + 1 / (1 + np.exp(-i)))
    np.testing.assert_allclose(keeping_share(i.astype(dtype), f.astype(dtype)), expected, rtol=3e-5 if dtype is np.float32 else 1e-12)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        far = np.array([-1e30, 1e30], dtype=dtype)
        assert keeping_share(far, far).tolist() == [0.5, 0.5]
        assert keeping_share(far, far[::-1]) == pytest.approx([1, 0], abs=1e-30)


@pytest.mark.parametrize("cell", sorted(WITHOUT_RECURRENT_MATRIX))
def test_without_a_recurrent_matrix_what_is_kept_hangs_on_the_input_alone(cell: Cell) -> None:
    """h' is a line in h, its slope the same whatever h: what a step of 1 adds at any h is what is kept."""
    random = np.random.default_rng(9)
    w, x, h = cell_weights(random, cell, 3, 4), random.normal(size=3), random.normal(size=4)
    slopes = [CELLS[cell](x, (at + 1,), w)[0] - CELLS[cell](x, (at,), w)[0] for at in (h, 10 * h, 0 * h)]
    np.testing.assert_allclose(slopes, np.broadcast_to(slopes[0], (3, 4)), rtol=0, atol=1e-14)
    assert ((slopes[0] > 0) & (slopes[0] < 1)).all()


@pytest.mark.parametrize("cell", sorted(set(CELLS) - WITHOUT_RECURRENT_MATRIX))
def test_a_recurrent_matrix_that_is_missing_is_named(cell: Cell) -> None:
    w = cell_weights(np.random.default_rng(0), "minlstm", 3, 4)
    with pytest.raises(ShapeError, match="weight_hh or bias_hh is None; expected arrays"):
        CELLS[cell](np.zeros(3), (np.zeros(4), np.zeros(4))[: 1 + (cell == "lstm")], w)


def test_layer_norm_worked_by_hand() -> None:
    # Of (1, 3): mean 2, biased variance 1.
    scale = 1 / sqrt(1 + 1e-5)
    assert layer_norm(np.array([1.0, 3.0]), np.array([2.0, 5.0])) == pytest.approx([-2 * scale, 5 * scale], abs=1e-15)
    assert layer_norm(np.array([4.0, 4.0]), np.array([2.0, 5.0])).tolist() == [0, 0]
    assert layer_norm(np.array([1.0, 3.0]), None).tolist() == [1, 3]
    rows = np.array([[1.0, 3.0], [10.0, 30.0]])
    assert layer_norm(rows, np.ones(2)) == pytest.approx(np.array([[-1, 1], [-1, 1]]), abs=1e-5)


def normed(values: Sequence[float], gains: Sequence[float]) -> list[float]:
    mean = sum(values) / len(values)
    variance = sum((value - mean) ** 2 for value in values) / len(values)
    return [gain * (value - mean) / sqrt(variance + 1e-5) for value, gain in zip(values, gains, strict=True)]


def times(matrix: np.ndarray, vector: Sequence[float]) -> list[float]:
    return [sum(float(entry) * part for entry, part in zip(row, vector, strict=True)) for row in matrix]


def sigma(a: float) -> float:
    return 1 / (1 + exp(-a))


def normed_step(cell: Cell, x: list[float], h: list[float], c: list[float], w: CellWeights) -> tuple[list[float], list[float]]:
    """A step with layer norm, unit by unit in Python's floats, from the equations of arXiv 1607.06450."""
    size = len(h)
    assert w.weight_hh is not None
    assert w.gain_ih is not None
    assert w.gain_hh is not None
    bias = list(zip(w.bias_ih, w.bias_hh, strict=True))  # type: ignore[arg-type]
    if cell == "lstm":
        from_x, from_h = normed(times(w.weight_ih, x), w.gain_ih), normed(times(w.weight_hh, h), w.gain_hh)
        a = [from_x[k] + from_h[k] + bias[k][0] + bias[k][1] for k in range(4 * size)]
        i, f, g, o = (a[k * size : (k + 1) * size] for k in range(4))
        new_c = [sigma(f[k]) * c[k] + sigma(i[k]) * tanh(g[k]) for k in range(size)]
        read = normed(new_c, w.gain_c)  # type: ignore[arg-type]
        return [sigma(o[k]) * tanh(read[k] + w.shift_c[k]) for k in range(size)], new_c  # type: ignore[index]
    two = 2 * size
    gates_x, gates_h = normed(times(w.weight_ih[:two], x), w.gain_ih[:two]), normed(times(w.weight_hh[:two], h), w.gain_hh[:two])
    gates = [sigma(gates_x[k] + gates_h[k] + bias[k][0] + bias[k][1]) for k in range(two)]
    r, z = gates[:size], gates[size:]
    past = [r[k] * h[k] for k in range(size)] if cell == "gru" else h
    n_x, n_h = normed(times(w.weight_ih[two:], x), w.gain_ih[two:]), normed(times(w.weight_hh[two:], past), w.gain_hh[two:])
    inner = [n_h[k] + bias[two + k][1] for k in range(size)]
    n = [tanh(n_x[k] + bias[two + k][0] + (inner[k] if cell == "gru" else r[k] * inner[k])) for k in range(size)]
    return [z[k] * h[k] + (1 - z[k]) * n[k] for k in range(size)], c


@pytest.mark.parametrize("hidden_size", [1, 5])
@pytest.mark.parametrize("cell", sorted(WITH_LAYER_NORM))
def test_layer_norm_steps_equal_the_equations_unit_by_unit(cell: Cell, hidden_size: int) -> None:
    random = np.random.default_rng(10)
    w = cell_weights(random, cell, 3, hidden_size, layer_norm=True)
    x, h, c = random.normal(size=3), random.normal(size=hidden_size), random.normal(size=hidden_size)
    state = (h, c) if cell == "lstm" else (h,)
    new_h, new_c = normed_step(cell, x.tolist(), h.tolist(), c.tolist(), w)
    after = CELLS[cell](x, state, w)
    np.testing.assert_allclose(after[0], new_h, rtol=0, atol=1e-13)
    if cell == "lstm":
        np.testing.assert_allclose(after[1], new_c, rtol=0, atol=1e-13)


def test_zoneout_mixes_past_and_new_by_hand() -> None:
    past, new = (np.array([1.0, 2.0]), np.array([3.0, 4.0])), (np.array([10.0, 20.0]), np.array([30.0, 40.0]))
    h, c = zoned(past, new, (np.array([1.0, 0.0]), np.array([0.25, 0.5])))
    assert (h.tolist(), c.tolist()) == ([1, 20], [23.25, 22])
    assert len(zoned(past[:1], new[:1], (np.zeros(2), np.ones(2)))) == 1


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize(("reverse", "direction"), [(False, 0), (True, 1), (True, 0)])
@pytest.mark.parametrize("cell", sorted(set(CELLS) - WITHOUT_RECURRENT_MATRIX))
def test_zoneout_keeps_the_drawn_units_or_the_expected_share(cell: Cell, reverse: bool, direction: int, seed: int | None) -> None:
    """Step by step: the cell's own step on what zoneout left, h' from the c before zoneout, then the two mixtures."""
    random = np.random.default_rng(11)
    w, x, p = cell_weights(random, cell, 3, 4), random.normal(size=(7, 3)), (0.4, 0.3)
    rows = np.arange(7)
    drawn = [kept_units(seed or 0, rows, 4, q, direction=direction, state=name) for q, name in zip(p, ("h", "c"), strict=True)]  # type: ignore[arg-type]
    expected = np.zeros((7, 4))
    for begin, end in ((0, 5), (5, 7)):
        state = [np.zeros(4)] * (2 if cell == "lstm" else 1)
        for n in range(begin, end)[:: -1 if reverse else 1]:
            new = CELLS[cell](x[n], tuple(state), w)
            for k, (before, after) in enumerate(zip(state.copy(), new, strict=True)):
                state[k] = p[k] * before + (1 - p[k]) * after if seed is None else np.where(drawn[k][n], before, after)
            expected[n] = state[0]
    states = run_layer(cell, x, [0, 5, 7], w, reverse=reverse, zoneout=p, seed=seed, direction=direction)
    np.testing.assert_allclose(states, expected, rtol=0, atol=1e-15)
    assert np.abs(states - run_layer(cell, x, [0, 5, 7], w, reverse=reverse)).max() > 1e-2


@pytest.mark.parametrize(
    ("cell", "zoneout", "message"),
    [
        ("lstm", (1.0, 0.0), "zoneout is 1.0; expected a probability from 0 up to, not including, 1."),
        ("lstm", (0.0, -0.1), "zoneout_cell is -0.1; expected a probability from 0 up to, not including, 1."),
        ("gru", (0.1, 0.2), "zoneout_cell is 0.2, but gru has no state c to keep"),
        ("mingru", (0.1, 0.0), "zoneout is 0.1, but mingru has no recurrent matrix"),
    ],
)
def test_zoneout_that_a_cell_cannot_have_is_refused(cell: Cell, zoneout: Zoneout, message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        check_zoneout(cell, zoneout)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("cell", sorted(set(CELLS) - WITHOUT_RECURRENT_MATRIX))
def test_both_biases_are_summed_but_for_the_candidate_of_reset_after(cell: Cell) -> None:
    random = np.random.default_rng(3)
    w = cell_weights(random, cell, 3, 2)
    u, b_hh = w.recurrent
    joined = CellWeights(w.weight_ih, u, w.bias_ih + b_hh, np.zeros_like(b_hh))
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


@every_variant
def test_backward_direction_equals_forward_direction_on_the_reversed_sequence(cell: Cell, layer_norm: bool, zoneout: Zoneout) -> None:
    random = np.random.default_rng(5)
    offsets = offsets_of(RAGGED)
    w, x = cell_weights(random, cell, 3, 2, layer_norm=layer_norm), random.normal(size=(offsets[-1], 3))
    turned = np.concatenate([np.arange(begin, end)[::-1] for begin, end in pairwise(offsets)])
    backward = run_layer(cell, x, offsets, w, reverse=True, zoneout=zoneout)
    assert backward.tolist() == run_layer(cell, x[turned], offsets, w, zoneout=zoneout)[turned].tolist()
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
    assert w.hidden_size(cell) == 2
    assert len(w.weight_ih) == GATES[cell] * 2
