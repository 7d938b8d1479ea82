"""The compiled engine's values: against the plain twins and torch.nn, and what mirrors, swaps, neighbours and cuts must not change."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence, pad_sequence

from kernels.conftest import (
    ARRANGEMENTS,
    PARTS,
    TOLERANCE,
    Array,
    Case,
    assert_close,
    assert_outputs_close,
    assert_same_bits,
    by_twins,
    every_arrangement,
    every_cell,
    every_choice_of_biases,
    gates_of,
    run_python,
    with_and_without_states,
)
from strategies import LENGTHS, RAGGED, SEEDS, offsets_of
from tidegate.kernels import _engine, engine
from tidegate.kernels.engine import RECURRENT_CELLS, Layer, Output

DTYPES = {"float32": np.float32, "float64": np.float64}

every_dtype = pytest.mark.parametrize("dtype", list(DTYPES))


def assert_equals_twins(case: Case, what: str = "") -> None:
    assert_outputs_close(case.forward(threads=1), by_twins(case)[0], TOLERANCE[case.x.dtype.name], what)


@pytest.mark.parametrize("lengths", [RAGGED, (5,), (1,), (4, 4, 4), (1, 2, 3), (3, 2, 1), (0, 2), (2, 0), (0, 0), ()], ids=str)
@every_arrangement
@every_dtype
@every_cell
def test_states_equal_the_twins(cell: str, dtype: str, arrangement: str, lengths: tuple[int, ...]) -> None:
    assert_equals_twins(Case.draw(cell, lengths, 3, 5, dtype=DTYPES[dtype], **ARRANGEMENTS[arrangement]))


@with_and_without_states
@every_choice_of_biases
@every_arrangement
@every_cell
def test_absent_biases_and_states_count_as_zeros(cell: str, arrangement: str, biases: tuple[bool, bool], states: bool) -> None:
    assert_equals_twins(Case.draw(cell, (2, 4, 1), 3, 19, biases=biases, states=states, **ARRANGEMENTS[arrangement]))


@every_cell
def test_h0_and_c0_may_be_given_one_without_the_other(cell: str) -> None:
    case = Case.draw(cell, (2, 3), 3, 5)
    assert_equals_twins(replace(case, c0=None))
    assert_equals_twins(replace(case, h0=None))


@pytest.mark.parametrize(
    "hidden", [range(1, 24), range(24, 48), range(48, 71), (80, 96, 112, 113)], ids=["1 to 23", "24 to 47", "48 to 70", "80 to 113"]
)
@every_dtype
@every_cell
def test_states_equal_the_twins_at_every_hidden_size(cell: str, dtype: str, hidden: range) -> None:
    for size in hidden:
        assert_equals_twins(Case.draw(cell, (3, 1, 2), 2, size, directions=2, dtype=DTYPES[dtype]), f"H {size}")


# Seventy units fill panels of four vectors, seventeen do not; the height of a tile of rows goes with the width of its panel.
@pytest.mark.parametrize(
    ("batch", "hidden"),
    [(range(1, 14), 17), (range(14, 27), 17), (range(27, 41), 17), (range(1, 18), 70)],
    ids=["1 to 13", "14 to 26", "27 to 40", "1 to 17 of 70 units"],
)
@every_dtype
@every_cell
def test_states_equal_the_twins_at_every_number_of_sequences(cell: str, dtype: str, batch: range, hidden: int) -> None:
    for count in batch:
        lengths = [2 - (b % 3 == 1) for b in range(count)]
        assert_equals_twins(Case.draw(cell, lengths, 1, hidden, dtype=DTYPES[dtype]), f"B {count}")


@pytest.mark.parametrize("input_size", [1, 2, 31, 64, 511, 512, 513, 1030])
@every_dtype
@every_cell
def test_states_equal_the_twins_at_any_input_size(cell: str, dtype: str, input_size: int) -> None:
    assert_equals_twins(Case.draw(cell, (2, 3), input_size, 18, directions=2, dtype=DTYPES[dtype]))


@pytest.mark.parametrize(
    "lengths",
    [(95,), (96,), (97,), (200,), (1,) * 120, (50, 50), (3,) * 33, (40, 1, 90)],
    ids=lambda lengths: f"{sum(lengths)} rows of {len(lengths)}",
)
@every_cell
def test_states_equal_the_twins_where_rows_exceed_a_chunk(cell: str, lengths: tuple[int, ...]) -> None:
    for dtype in DTYPES.values():
        assert_equals_twins(Case.draw(cell, lengths, 2, 9, directions=2, dtype=dtype))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(RECURRENT_CELLS),
    st.sampled_from(list(DTYPES)),
    st.sampled_from(list(ARRANGEMENTS)),
    LENGTHS,
    st.integers(1, 40),
    st.integers(1, 70),
    st.tuples(st.booleans(), st.booleans()),
    st.booleans(),
    st.booleans(),
    SEEDS,
)
def test_states_equal_the_twins_whatever_the_shapes(
    cell: str,
    dtype: str,
    arrangement: str,
    lengths: list[int],
    input_size: int,
    hidden: int,
    biases: tuple[bool, bool],
    states: bool,
    keep: bool,
    seed: int,
) -> None:
    case = Case.draw(
        cell, lengths, input_size, hidden, dtype=DTYPES[dtype], biases=biases, states=states, seed=seed, **ARRANGEMENTS[arrangement]
    )
    assert_outputs_close(case.forward(keep=keep, threads=1), by_twins(case)[0], TOLERANCE[dtype])


@every_dtype
@every_cell
def test_what_comes_out_has_the_shapes_and_the_dtype_promised(cell: str, dtype: str) -> None:
    case = Case.draw(cell, (2, 0, 3), 4, 5, directions=2, dtype=DTYPES[dtype])
    out = case.forward()
    assert isinstance(out, Output)
    assert (out.y.shape, out.hn.shape) == ((5, 10), (2, 3, 5))
    assert {part.dtype for part in (out.y, out.hn)} == {np.dtype(dtype)}
    assert out.tape is None
    if cell == "lstm":
        assert (out.cn.shape, out.cn.dtype) == ((2, 3, 5), np.dtype(dtype))
    else:
        assert out.cn is None


@every_dtype
@every_cell
def test_a_layer_says_what_it_is(cell: str, dtype: str) -> None:
    layer = Case.draw(cell, (1,), 3, 5, directions=2, dtype=DTYPES[dtype]).layer()
    assert (layer.cell, layer.input_size, layer.hidden_size, layer.directions, layer.dtype) == (cell, 3, 5, 2, dtype)
    with pytest.raises(AttributeError):
        layer.cell = "lstm"  # type: ignore[misc]


@every_arrangement
@every_cell
def test_an_empty_sequence_ends_with_the_state_it_began_with(cell: str, arrangement: str) -> None:
    case = Case.draw(cell, (0, 2, 0), 3, 5, **ARRANGEMENTS[arrangement])
    out = case.forward()
    assert case.h0 is not None
    assert out.hn[:, [0, 2]].tolist() == case.h0[:, [0, 2]].tolist()
    assert np.abs(out.hn[:, 1] - case.h0[:, 1]).max() > 1e-2
    if cell == "lstm":
        assert case.c0 is not None
        assert out.cn[:, [0, 2]].tolist() == case.c0[:, [0, 2]].tolist()
    assert replace(case, h0=None, c0=None).forward().hn[:, [0, 2]].tolist() == np.zeros_like(case.h0[:, [0, 2]]).tolist()


@every_arrangement
@every_cell
def test_final_states_are_those_of_the_last_step_read(cell: str, arrangement: str) -> None:
    case = Case.draw(cell, (2, 4, 1), 3, 5, **ARRANGEMENTS[arrangement])
    out = case.forward()
    for d in range(case.directions):
        last = case.offsets[:-1] if case.reads_backward(d) else case.offsets[1:] - 1
        assert out.hn[d].tolist() == out.y[last, d * 5 : d * 5 + 5].tolist()


# Mirrors, swaps, neighbours, cuts. Each sum is taken in the same order whatever stands beside it, so all of these hold to the bit.


@every_dtype
@every_cell
def test_one_direction_of_two_is_that_direction_alone(cell: str, dtype: str) -> None:
    case = Case.draw(cell, RAGGED, 3, 21, directions=2, dtype=DTYPES[dtype])
    both = case.forward()
    for d in range(2):
        own = slice(d * 21, d * 21 + 21)
        half = Output(both.y[:, own], both.hn[d : d + 1], None if both.cn is None else both.cn[d : d + 1], None)
        assert_same_bits(case.only(d).forward(), half)
    assert np.abs(both.y[:, :21] - both.y[:, 21:]).max() > 1e-2


@every_dtype
@every_cell
def test_reading_from_the_end_is_reading_the_reversed_sequence_from_the_start(cell: str, dtype: str) -> None:
    case = Case.draw(cell, RAGGED, 3, 21, dtype=DTYPES[dtype])
    turned = np.concatenate([np.arange(begin, end)[::-1] for begin, end in pairwise(case.offsets)])
    straight = replace(case, x=case.x[turned]).forward()
    from_end = replace(case, reverse=True).forward()
    assert_same_bits(from_end, straight._replace(y=straight.y[turned]))
    assert np.abs(from_end.y - case.forward().y).max() > 1e-2


@every_dtype
@every_cell
def test_sequences_in_another_order_give_the_same_answers_in_that_order(cell: str, dtype: str) -> None:
    case = Case.draw(cell, (4, 1, 0, 6, 2, 4, 3), 3, 21, directions=2, dtype=DTYPES[dtype])
    order = [3, 2, 6, 0, 5, 1, 4]
    out = case.forward()
    assert_same_bits(case.sequences(order).forward(), picked(case, out, order))


def picked(case: Case, out: Output, chosen: list[int]) -> Output:
    """The answers for some of the sequences, in that order."""
    return Output(out.y[case.rows(chosen)], out.hn[:, chosen], None if out.cn is None else out.cn[:, chosen], None)


@pytest.mark.parametrize("lengths", [(4, 1, 0, 6, 2, 4, 3), (5,) * 23, (9, 1, 1, 1, 1, 1, 1, 1, 1)], ids=str)
@every_dtype
@every_cell
def test_a_batch_is_its_parts(cell: str, dtype: str, lengths: tuple[int, ...]) -> None:
    case = Case.draw(cell, lengths, 3, 21, directions=2, dtype=DTYPES[dtype])
    layer, whole = case.layer(), case.forward()
    for part in ([0], [1], list(range(2, len(lengths))), list(range(0, len(lengths), 2)), []):
        assert_same_bits(case.sequences(part).forward(layer), picked(case, whole, part), f"in sequences {part}")


@pytest.mark.parametrize("cut", [1, 4, 6])
@every_dtype
@every_cell
def test_two_chunks_with_the_state_carried_over_are_the_whole(cell: str, dtype: str, cut: int) -> None:
    lengths = (7, 9, 4)
    case = Case.draw(cell, lengths, 3, 21, dtype=DTYPES[dtype])
    layer, whole = case.layer(), case.forward()
    spans = list(pairwise(case.offsets.tolist()))
    first = np.concatenate([np.arange(begin, min(begin + cut, end)) for begin, end in spans])
    second = np.setdiff1d(np.arange(len(case.x)), first)
    begun = layer.forward(case.x[first], offsets_of([min(cut, length) for length in lengths]), case.h0, case.c0)
    ended = layer.forward(case.x[second], offsets_of([max(length - cut, 0) for length in lengths]), begun.hn, begun.cn)
    y = np.empty_like(whole.y)
    y[first], y[second] = begun.y, ended.y
    assert_same_bits(ended._replace(y=y), whole)


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 7, 13, 40])
@pytest.mark.parametrize("reverse", [False, True], ids=["from the start", "from the end"])
@every_cell
def test_steps_one_by_one_are_the_sequence(cell: str, reverse: bool, batch: int) -> None:
    for dtype, hidden in ((np.float32, 33), (np.float64, 7)):
        case = Case.draw(cell, (4,) * batch, 3, hidden, dtype=dtype, reverse=reverse)
        layer, whole = case.layer(), case.forward()
        x, y = case.x.reshape(batch, 4, 3), np.empty((batch, 4, hidden), dtype=dtype)
        assert case.h0 is not None
        h, c = case.h0[0], None if case.c0 is None else case.c0[0]
        for t in reversed(range(4)) if reverse else range(4):
            result = layer.step(np.ascontiguousarray(x[:, t]), h, c) if cell == "lstm" else layer.step(np.ascontiguousarray(x[:, t]), h)
            h, c = result if cell == "lstm" else (result, None)
            y[:, t] = h
        assert_same_bits(Output(y.reshape(-1, hidden), h[None], None if c is None else c[None], None), whole)


@every_cell
def test_a_step_of_no_sequence_gives_no_state(cell: str) -> None:
    case = Case.draw(cell, (), 3, 5)
    nothing = np.zeros((0, 5))
    result = case.layer().step(np.zeros((0, 3)), nothing, *([nothing] if cell == "lstm" else []))
    assert [part.shape for part in (result if cell == "lstm" else (result,))] == [(0, 5)] * (2 if cell == "lstm" else 1)


@every_cell
def test_steps_of_layers_of_different_sizes_take_turns(cell: str) -> None:
    small, large = Case.draw(cell, (1,) * 2, 3, 5), Case.draw(cell, (1,) * 9, 30, 70)
    layers = {id(case): case.layer() for case in (small, large)}
    wanted = {id(case): case.forward().hn[0] for case in (small, large)}
    for case in (small, large, small, large, large, small):
        assert case.h0 is not None
        result = layers[id(case)].step(case.x, case.h0[0], *([case.c0[0]] if case.c0 is not None else []))
        assert (result[0] if cell == "lstm" else result).tobytes() == wanted[id(case)].tobytes()


@every_dtype
@every_cell
def test_distinct_inputs_read_by_place_are_inputs_spelled_out(cell: str, dtype: str) -> None:
    case = Case.draw(cell, (4, 0, 7, 2), 3, 21, directions=2, dtype=DTYPES[dtype])
    random = np.random.default_rng(1)
    for distinct in (1, 2, 5, 150):
        x = random.normal(size=(distinct, 3)).astype(dtype)
        places = random.integers(0, distinct, len(case.x))
        spelled = replace(case, x=x[places])
        assert_same_bits(replace(case, x=x).forward(places=places), spelled.forward(), f"with {distinct} distinct inputs")
        assert_equals_twins(spelled)


@every_cell
def test_without_steps_no_distinct_input_is_needed(cell: str) -> None:
    case = Case.draw(cell, (0, 0), 3, 5)
    out = case.forward(places=np.zeros(0, dtype=np.int64))
    assert case.h0 is not None
    assert (out.y.shape, out.hn.tolist()) == ((0, 5), case.h0.tolist())


@pytest.mark.parametrize("lengths", [RAGGED, (60, 60, 2)], ids=str)
@every_dtype
@every_cell
def test_keeping_what_backward_needs_changes_no_value(cell: str, dtype: str, lengths: tuple[int, ...]) -> None:
    case = Case.draw(cell, lengths, 3, 21, directions=2, dtype=DTYPES[dtype])
    trains = case.layer(trains=True)
    kept = case.forward(trains, keep=True)
    assert isinstance(kept.tape, _engine.Tape)
    assert_same_bits(case.forward(trains), kept)
    assert_same_bits(case.forward(case.layer()), kept)


# torch.nn


def torch_layer(case: Case) -> nn.RNNBase:
    """torch.nn's layer with the case's weights; both directions or the first."""
    kind = {"lstm": nn.LSTM, "gru-reset-after": nn.GRU}.get(case.cell, nn.RNN)
    options = {"nonlinearity": "relu"} if case.cell == "rnn-relu" else {}
    layer = kind(case.x.shape[1], case.hidden_size, bidirectional=case.directions == 2, bias=case.weights[0][2] is not None, **options)
    layer = layer.to(torch.from_numpy(case.x).dtype)
    with torch.no_grad():
        for d, parts in enumerate(case.weights):
            for name, part in zip(PARTS, parts, strict=True):
                if part is not None:
                    getattr(layer, f"{name}_l0{'_reverse' * d}").copy_(torch.from_numpy(part))
    return layer


def by_torch_nn(case: Case) -> Output:
    """What torch.nn makes of sequences of one step or more."""
    layer, lengths = torch_layer(case), torch.tensor(case.lengths)
    padded = pad_sequence(list(torch.from_numpy(case.x).split(case.lengths)))
    state = tuple(torch.from_numpy(part) for part in (case.h0, case.c0) if part is not None)
    with torch.no_grad():
        packed, final = layer(
            pack_padded_sequence(padded, lengths, enforce_sorted=False), None if not state else state if len(state) == 2 else state[0]
        )
        assert isinstance(packed, PackedSequence)
        y, _ = pad_packed_sequence(packed, batch_first=True)
    hn, cn = final if case.cell == "lstm" else (final, None)
    return Output(
        np.concatenate([row[:length] for row, length in zip(y.numpy(), case.lengths, strict=True)]),
        hn.numpy(),
        None if cn is None else cn.numpy(),
        None,
    )


@pytest.mark.parametrize(
    ("lengths", "input_size", "hidden"),
    [((4, 7, 1, 5), 6, 9), ((1,), 1, 1), ((30,) * 10, 40, 64), ((12, 3, 12, 8, 1), 700, 150)],
    ids=["small", "one of everything", "equal lengths", "wide"],
)
@pytest.mark.parametrize("bias", [True, False], ids=["biases", "no bias"])
@pytest.mark.parametrize("directions", [1, 2])
@every_dtype
@pytest.mark.parametrize("cell", ["rnn", "rnn-relu", "lstm", "gru-reset-after"])
def test_states_equal_those_of_torch_nn(
    cell: str, dtype: str, directions: int, bias: bool, lengths: tuple[int, ...], input_size: int, hidden: int
) -> None:
    case = Case.draw(cell, lengths, input_size, hidden, directions=directions, biases=(bias, bias), dtype=DTYPES[dtype])
    tolerance = 2 * TOLERANCE[dtype]  # torch rounds too
    assert_outputs_close(case.forward(), by_torch_nn(case), tolerance)
    case = replace(case, h0=None, c0=None)
    assert_outputs_close(case.forward(), by_torch_nn(case), tolerance)


# NaN and infinity. Five units leave lanes of every vector to padding.

BAD = {"NaN": np.nan, "infinity": np.inf, "minus infinity": -np.inf}
every_bad_number = pytest.mark.parametrize("bad", list(BAD))
# torch has no GRU of the paper's form: its values are compared with the twins' here and there only.
TORCH_CELLS = ["rnn", "rnn-relu", "lstm", "gru-reset-after"]


def assert_alike(got: Array, wanted: Array) -> None:
    """Equal, with NaN where the other has NaN and infinities of one sign."""
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5, equal_nan=True)


@every_bad_number
@pytest.mark.parametrize("where", ["x", "h0", "c0"])
@every_dtype
@pytest.mark.parametrize("cell", TORCH_CELLS)
def test_nan_and_infinity_give_what_torch_nn_gives(cell: str, dtype: str, where: str, bad: str) -> None:
    if where == "c0" and cell != "lstm":
        return
    for seed in range(5):
        case = Case.draw(cell, (4, 5, 3), 3, 5, directions=2, dtype=DTYPES[dtype], seed=seed)
        getattr(case, where)[(5, 1) if where == "x" else (slice(None), 1, 2)] = BAD[bad]
        ours, theirs = case.forward(), by_torch_nn(case)
        assert not np.isfinite(theirs.y).all() or bad != "NaN"
        assert_alike(ours.y, theirs.y)
        assert_alike(ours.hn, theirs.hn)
        if cell == "lstm":
            assert_alike(ours.cn, theirs.cn)


@every_bad_number
@pytest.mark.parametrize("cell", ["gru"])
def test_nan_and_infinity_give_what_the_twins_give(cell: str, bad: str) -> None:
    case = Case.draw(cell, (4, 5, 3), 3, 5, directions=2)
    case.x[5, 1] = BAD[bad]
    with np.errstate(all="ignore"):
        wanted = by_twins(case)[0]
    out = case.forward()
    assert_alike(out.y, wanted.y)
    assert_alike(out.hn, wanted.hn)


@every_bad_number
@every_dtype
@every_cell
def test_nan_and_infinity_reach_no_neighbour(cell: str, dtype: str, bad: str) -> None:
    case = Case.draw(cell, (4, 5, 3, 5), 3, 5, directions=2, dtype=DTYPES[dtype])
    clean = case.forward()
    case.x[4:9], others = BAD[bad], [0, 2, 3]
    for plane in (case.h0, case.c0):
        if plane is not None:
            plane[:, 1] = BAD[bad]
    assert_same_bits(picked(case, case.forward(), others), picked(case, clean, others))
    assert not np.isfinite(case.forward().y[4:9]).all() or bad != "NaN"


@every_cell
def test_a_unit_with_an_infinite_weight_keeps_to_itself_where_nothing_recurs(cell: str) -> None:
    # One input, so that no gate of the unit is infinity less infinity; NaN of a reset gate would reach all units through U(r∘h).
    case = Case.draw(cell, (1, 1, 1), 1, 5, states=False)
    clean = case.forward()
    for gate in range(gates_of(cell)):
        case.weights[0][0][gate * 5 + 2] = np.inf
    others = [0, 1, 3, 4]
    assert case.forward().y[:, others].tobytes() == clean.y[:, others].tobytes()


@pytest.mark.parametrize("scale", [1e2, 1e4, 1e30])
@every_dtype
@every_cell
def test_gates_driven_to_their_ends_stay_finite_and_equal_the_twins(cell: str, dtype: str, scale: float) -> None:
    if cell == "rnn-relu":
        return  # grows without end, as it should
    case = Case.draw(cell, (3, 2), 3, 5, dtype=DTYPES[dtype])
    case = replace(case, x=(case.x * scale).astype(dtype))
    assert_equals_twins(case)


@every_dtype
def test_gates_are_exact_along_their_whole_slope(dtype: str) -> None:
    # A network that forgets and writes everything shows σ and tanh themselves: h' = σ(x) · tanh(c), c = x for an rnn of one unit.
    a = np.concatenate([np.linspace(-30, 30, 4001), np.linspace(-1e-3, 1e-3, 401), [-80.0, 80.0, 0.0]]).astype(dtype)
    one, zero = np.ones((1, 1), dtype=dtype), np.zeros((1, 1), dtype=dtype)
    rnn = Layer("rnn", [(one, zero, None, None)])
    tanh = rnn.forward(a[:, None], np.arange(len(a) + 1)).y[:, 0]
    np.testing.assert_allclose(tanh, np.tanh(a.astype(np.float64)), rtol=4 * np.finfo(dtype).eps, atol=0)
    # A GRU whose candidate is tanh(0) = 0 and whose state was 1 gives z = σ(x).
    gru = Layer("gru-reset-after", [(np.array([[0], [1], [0]], dtype=dtype), np.zeros((3, 1), dtype=dtype), None, None)])
    sigmoid = gru.forward(a[:, None], np.arange(len(a) + 1), np.ones((1, len(a), 1), dtype=dtype)).y[:, 0]
    np.testing.assert_allclose(sigmoid, 1 / (1 + np.exp(-a.astype(np.float64))), rtol=4 * np.finfo(dtype).eps, atol=0)


# Arrays


@every_cell
def test_read_only_arrays_are_read_and_none_is_written(cell: str) -> None:
    case = Case.draw(cell, RAGGED, 3, 5, directions=2)
    given = [
        case.x,
        case.offsets,
        case.dy,
        case.dhn,
        *(part for w in case.weights for part in w),
        *(part for part in (case.h0, case.c0, case.dcn) if part is not None),
    ]
    before = [part.tobytes() for part in given if part is not None]
    expected = case.forward()
    for part in given:
        if part is not None:
            part.flags.writeable = False
    assert_same_bits(case.forward(), expected)
    case.backward()
    case.sequences([1, 2]).forward()
    places = np.zeros(len(case.x), dtype=np.int64)
    places.flags.writeable = False
    case.forward(places=places)
    assert [part.tobytes() for part in given if part is not None] == before


def test_weights_are_copied_when_the_layer_is_made() -> None:
    case = Case.draw("lstm", RAGGED, 3, 5)
    layer = case.layer(trains=True)
    before, gradients = case.forward(layer), case.backward(layer)
    for part in case.weights[0]:
        assert part is not None
        part[:] = np.nan
    assert_same_bits(case.forward(layer), before)
    assert_same_bits(case.backward(layer), gradients)


def test_outputs_can_be_written_and_outlive_their_layer() -> None:
    case = Case.draw("lstm", RAGGED, 3, 5)
    layer = case.layer(trains=True)
    out = case.forward(layer, keep=True)
    gradients = layer.backward(out.tape, case.x, case.dy, needs_dh0=True)
    wanted = [part.copy() for part in (out.y, out.hn, out.cn, gradients.dx, gradients.dh0, *gradients.weights[0])]
    tape = out.tape
    del layer
    for _ in range(20):
        Case.draw("lstm", RAGGED, 3, 5, seed=1).backward()  # what was let go is used anew
    for part, copied in zip((out.y, out.hn, out.cn, gradients.dx, gradients.dh0, *gradients.weights[0]), wanted, strict=True):
        assert part.tobytes() == copied.tobytes()
        assert part.flags.writeable
        assert part.flags.c_contiguous
        part += 1
    assert tape is not None
    assert np.isfinite(tape.gates(0)).all()


def test_two_calls_share_no_memory() -> None:
    case = Case.draw("lstm", RAGGED, 3, 5)
    layer = case.layer()
    first = case.forward(layer)
    kept = first.y.copy()
    second = case.forward(layer)
    second.y[:] = -1
    assert first.y.tobytes() == kept.tobytes()


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
def test_thousands_of_training_steps_take_no_more_memory_than_a_few() -> None:
    cases = [Case.draw(cell, (9, 3, 5), 16, 24, directions=2, dtype=np.float32) for cell in RECURRENT_CELLS]
    layers = [case.layer(trains=True) for case in cases]

    def run(times: int) -> None:
        for _ in range(times):
            for case, layer in zip(cases, layers, strict=True):
                tape = layer.forward(case.x, case.offsets, keep=True).tape
                layer.backward(tape, case.x, case.dy)

    run(50)
    before = resident_bytes()
    run(400)
    case, layer = cases[2], layers[2]
    for _ in range(200):
        case.layer(trains=True, threads=1)
        tape = case.forward(layer, keep=True, threads=1).tape
        assert tape is not None
        tape.gates(1)
    # One pass of all five cells takes some hundred kilobytes: one in twenty lost would show.
    assert resident_bytes() - before < 8 << 20


def test_memory_that_is_kept_for_later_can_be_given_back() -> None:
    case = Case.draw("lstm", (50,) * 20, 30, 64, dtype=np.float32)
    expected = case.forward()
    _engine.release_kept_memory()
    _engine.release_kept_memory()
    assert_same_bits(case.forward(), expected)


# Instruction sets

# Runs the cases of an .npz on one instruction set and writes what comes out; also that threads, keeping and neighbours change no bit there.
ON_ONE_SET = """
import sys
import numpy as np
from tidegate.kernels import engine

given, results = np.load(sys.argv[1]), {}
for name in sorted({key.split("|")[0] for key in given}):
    cell = name.split(" ")[0]
    part = lambda key: given[f"{name}|{key}"]
    weights = [tuple(part(f"w{d}{i}") for i in range(4)) for d in range(2)]
    layer = engine.Layer(cell, weights, trains=True)
    c0, dcn = (part("c0"), part("dcn")) if cell == "lstm" else (None, None)
    x, offsets, dy = part("x"), part("offsets"), part("dy")
    for threads in (1, 2):
        out = layer.forward(x, offsets, part("h0"), c0, keep=True, threads=threads)
        gradients = layer.backward(out.tape, x, dy, part("dhn"), dcn, needs_dh0=True, threads=threads)
        found = [out.y, out.hn, gradients.dx, gradients.dh0, *(w for d in gradients.weights for w in d)]
        if threads == 1:
            first = found
        assert all(a.tobytes() == b.tobytes() for a, b in zip(first, found)), name
    assert layer.forward(x, offsets, part("h0"), c0).y.tobytes() == out.y.tobytes(), name
    longest = int(np.argmax(np.diff(offsets)))
    begin, end = offsets[longest], offsets[longest + 1]
    alone = layer.forward(x[begin:end], np.array([0, end - begin]), part("h0")[:, longest : longest + 1].copy(), None if c0 is None else c0[:, longest : longest + 1].copy())
    assert alone.y.tobytes() == out.y[begin:end].tobytes(), name
    results |= {f"{name}|{i}": array for i, array in enumerate(found)}
np.savez(sys.argv[2], **results)
print(engine.instruction_set())
"""


@pytest.mark.parametrize("name", ["avx512", "avx2", "neon", "baseline"])
def test_every_instruction_set_gives_the_same_numbers(name: str, tmp_path: Path) -> None:
    if name not in _engine.usable_instruction_sets():
        pytest.skip(f"{name} was not built or does not run here")
    given, wanted = {}, {}
    for cell in RECURRENT_CELLS:
        for dtype in DTYPES:
            for lengths, input_size, hidden in ((RAGGED, 3, 5), ((9, 4, 4, 1, 1, 12, 2), 37, 33), ((2,) * 23, 8, 64)):
                case = Case.draw(cell, lengths, input_size, hidden, directions=2, dtype=DTYPES[dtype])
                key = f"{cell} {dtype} {hidden}"
                arrays = {name: getattr(case, name) for name in ("x", "offsets", "dy", "dhn", "dcn", "h0", "c0")}
                arrays |= {f"w{d}{i}": part for d, parts in enumerate(case.weights) for i, part in enumerate(parts)}
                given |= {f"{key}|{name}": part for name, part in arrays.items() if part is not None}
                out, gradients = case.forward(), case.backward()
                for i, part in enumerate((out.y, out.hn, gradients.dx, gradients.dh0, *(w for d in gradients.weights for w in d))):
                    wanted[f"{key}|{i}"] = part
    np.savez(tmp_path / "given.npz", **given)
    done = run_python(ON_ONE_SET, tmp_path / "given.npz", tmp_path / "results.npz", TIDEGATE_ISA=name)
    assert (done.stdout.strip(), done.returncode) == (name, 0), done.stderr
    with np.load(tmp_path / "results.npz") as results:
        assert results.keys() == wanted.keys()
        for key, part in wanted.items():
            assert_close(results[key], part, TOLERANCE["float32" if "float32" in key else "float64"], f"{key} on {name}")


def test_the_instruction_set_is_the_best_there_is() -> None:
    done = run_python("from tidegate.kernels import engine\nprint(engine.instruction_set())", TIDEGATE_ISA="")
    assert done.stdout.strip() == _engine.usable_instruction_sets()[0], done.stderr


@pytest.mark.parametrize("asked", ["mmx", "AVX2", "avx2 "])
def test_an_unknown_instruction_set_is_refused_and_the_known_are_named(asked: str) -> None:
    code = """
import numpy as np
from tidegate.kernels import engine
for ask in (engine.instruction_set, lambda: engine.Layer("rnn", [(np.ones((1, 1)), np.ones((1, 1)), None, None)])):
    try:
        ask()
    except ValueError as error:
        print(error)
"""
    done = run_python(code, TIDEGATE_ISA=asked)
    message = f"TIDEGATE_ISA is '{asked}', but this build on this processor has {', '.join(_engine.usable_instruction_sets())}. Choose one of these or unset it."
    assert (done.stdout.splitlines(), done.returncode) == ([message] * 2, 0), done.stderr


def test_the_engine_is_built_and_says_what_it_runs_on() -> None:
    assert engine.is_built()
    assert engine.instruction_set() in _engine.usable_instruction_sets()
    assert set(_engine.usable_instruction_sets()) <= {"avx512", "avx2", "neon", "baseline"}
