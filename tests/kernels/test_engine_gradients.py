"""The compiled engine's gradients: against autograd over the torch twins, torch.nn and numerical differences; and what is kept for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from kernels.conftest import (
    ARRANGEMENTS,
    PARTS,
    Array,
    Case,
    arrays_of,
    assert_close,
    assert_same_bits,
    by_twins,
    every_arrangement,
    every_cell,
    every_choice_of_biases,
    gates_of,
    with_and_without_states,
)
from strategies import LENGTHS, RAGGED, SEEDS
from tidegate.kernels.engine import RECURRENT_CELLS, Gradients
from tidegate.nn import CELLS as TORCH_TWINS

# Of each array's largest entry.
GRADIENT_TOLERANCE = 1e-10


def relu_cell(x: Tensor, state: tuple[Tensor, ...], w: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    w_ih, w_hh, b_ih, b_hh = w
    return (torch.relu(x @ w_ih.T + b_ih + state[0] @ w_hh.T + b_hh),)


def tensors_of(case: Case) -> tuple[Tensor, list[list[Tensor]], list[Tensor]]:
    """x, the weights of each direction and the states, absent ones as zeros, all of them asking for gradients."""

    def tensor(part: Array | None, *shape: int) -> Tensor:
        return torch.tensor(np.zeros(shape) if part is None else part, dtype=torch.float64, requires_grad=True)

    plane = (case.directions, len(case.lengths), case.hidden_size)
    weights = [[tensor(part, len(parts[0])) for part in parts] for parts in case.weights]
    return tensor(case.x), weights, [tensor(part, *plane) for part in (case.h0, case.c0)[: 2 if case.cell == "lstm" else 1]]


def run_twins(case: Case, x: Tensor, weights: list[list[Tensor]], states: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
    """y and the final states by the torch twins, all sequences that still run at a step together."""
    step: Callable[..., Any] = relu_cell if case.cell == "rnn-relu" else TORCH_TWINS[case.cell]  # type: ignore[index]
    lengths = case.lengths
    order = sorted(range(len(lengths)), key=lambda b: -lengths[b])
    columns = []
    final: list[list[Tensor]] = [[] for _ in states]
    for d in range(case.directions):
        state = tuple(plane[d][order] for plane in states)
        ended: list[list[Tensor]] = [[] for _ in states]
        own_rows: list[int] = []
        own: list[Tensor] = []
        for t in range(max(lengths, default=0) + 1):
            running = sum(length > t for length in lengths)
            for parts, plane in zip(ended, state, strict=True):
                parts.insert(0, plane[running:])
            if not running:
                break
            read = [int(case.offsets[b + 1]) - 1 - t if case.reads_backward(d) else int(case.offsets[b]) + t for b in order[:running]]
            state = step(x[read], tuple(plane[:running] for plane in state), tuple(weights[d]))
            own_rows += read
            own.append(state[0])
        back = np.argsort(order)
        for parts, done in zip(final, ended, strict=True):
            parts.append(torch.cat(done)[back])
        columns.append(torch.cat(own)[np.argsort(own_rows)] if own else x.new_zeros(0, case.hidden_size))
    return torch.cat(columns, dim=1), [torch.stack(parts) for parts in final]


def by_torch(case: Case, *, of_y: bool = True, of_h: bool = True, of_c: bool = True) -> Gradients:
    """The gradients in float64 by autograd, from some of those given from above."""
    x, weights, states = tensors_of(case)
    y, final = run_twins(case, x, weights, states)
    above = [(y, case.dy, of_y), (final[0], case.dhn, of_h), *([(final[1], case.dcn, of_c)] if case.cell == "lstm" else [])]
    zero = sum((part * 0).sum() for part in (x, *states, *(part for parts in weights for part in parts)))
    loss = zero + sum((part * torch.tensor(given, dtype=torch.float64)).sum() for part, given, is_asked in above if is_asked)
    assert isinstance(loss, Tensor)
    loss.backward()

    def gradient(part: Tensor) -> Array:
        assert part.grad is not None
        return part.grad.numpy()

    dh0, *dc0 = (gradient(part) for part in states)
    return Gradients(gradient(x), [tuple(gradient(part) for part in parts) for parts in weights], dh0, dc0[0] if dc0 else None)  # type: ignore[misc]


def assert_gradients_close(got: Gradients, wanted: Gradients, tolerance: float, what: str = "") -> None:
    ours, theirs = arrays_of(got), arrays_of(wanted)
    assert ours.keys() == theirs.keys()
    for name, part in ours.items():
        assert_close(part, theirs[name], tolerance, f"{name} {what}")


def assert_equals_autograd(case: Case, what: str = "") -> None:
    assert_gradients_close(case.backward(threads=1), by_torch(case), GRADIENT_TOLERANCE, what)


@pytest.mark.parametrize("lengths", [RAGGED, (5,), (1,), (1, 1, 1), (4, 4, 4), (1, 2, 3), (0, 2), (0, 0), ()], ids=str)
@every_arrangement
@every_cell
def test_gradients_equal_autograd_over_the_twins(cell: str, arrangement: str, lengths: tuple[int, ...]) -> None:
    assert_equals_autograd(Case.draw(cell, lengths, 3, 5, **ARRANGEMENTS[arrangement]))


@with_and_without_states
@every_choice_of_biases
@every_arrangement
@every_cell
def test_gradients_of_absent_biases_and_states_are_given_too(cell: str, arrangement: str, biases: tuple[bool, bool], states: bool) -> None:
    assert_equals_autograd(Case.draw(cell, (2, 4, 1), 3, 19, biases=biases, states=states, **ARRANGEMENTS[arrangement]))


@pytest.mark.parametrize(
    "hidden", [range(1, 24), range(24, 48), range(48, 71), (80, 112, 129, 150)], ids=["1 to 23", "24 to 47", "48 to 70", "80 to 150"]
)
@every_cell
def test_gradients_equal_autograd_at_every_hidden_size(cell: str, hidden: range) -> None:
    for size in hidden:
        assert_equals_autograd(Case.draw(cell, (3, 1, 2), 2, size, directions=2), f"H {size}")


@every_cell
def test_gradients_equal_autograd_at_every_number_of_sequences(cell: str) -> None:
    for count in range(1, 41):
        assert_equals_autograd(Case.draw(cell, [2 - (b % 3 == 1) for b in range(count)], 1, 9), f"B {count}")


@pytest.mark.parametrize("input_size", [1, 2, 7, 8, 9, 23, 24, 25, 64, 513])
@every_cell
def test_gradients_equal_autograd_at_any_input_size(cell: str, input_size: int) -> None:
    assert_equals_autograd(Case.draw(cell, (2, 3), input_size, 18, directions=2))


# Around a chunk of forward (96 rows), a slice of the weights' sums (128) and a block of dx (240).
@pytest.mark.parametrize(
    "lengths",
    [(97,), (127,), (128,), (129,), (241,), (1,) * 130, (128, 1), (3,) * 81, (100, 1, 0, 160), (5,) * 60],
    ids=lambda lengths: f"{sum(lengths)} rows of {len(lengths)}",
)
@every_cell
def test_gradients_equal_autograd_where_rows_exceed_a_slice(cell: str, lengths: tuple[int, ...]) -> None:
    assert_equals_autograd(Case.draw(cell, lengths, 2, 9, directions=2))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(RECURRENT_CELLS),
    st.sampled_from(list(ARRANGEMENTS)),
    LENGTHS,
    st.integers(1, 40),
    st.integers(1, 70),
    st.tuples(st.booleans(), st.booleans()),
    st.booleans(),
    SEEDS,
)
def test_gradients_equal_autograd_whatever_the_shapes(
    cell: str, arrangement: str, lengths: list[int], input_size: int, hidden: int, biases: tuple[bool, bool], states: bool, seed: int
) -> None:
    assert_equals_autograd(
        Case.draw(cell, lengths, input_size, hidden, biases=biases, states=states, seed=seed, **ARRANGEMENTS[arrangement])
    )


@pytest.mark.parametrize(
    ("lengths", "input_size", "hidden"), [(RAGGED, 3, 5), ((9, 4, 4, 12, 1), 20, 33), ((2,) * 70, 64, 48)], ids=["small", "ragged", "many"]
)
@every_arrangement
@every_cell
def test_float32_gradients_equal_those_of_float64(
    cell: str, arrangement: str, lengths: tuple[int, ...], input_size: int, hidden: int
) -> None:
    case = Case.draw(cell, lengths, input_size, hidden, dtype=np.float32, **ARRANGEMENTS[arrangement])
    single = case.backward()
    assert {part.dtype for part in arrays_of(single).values()} == {np.dtype(np.float32)}
    assert_gradients_close(single, case.astype(np.float64).backward(), 1e-5)


@every_arrangement
@every_cell
def test_gradients_equal_numerical_differences(cell: str, arrangement: str) -> None:
    """Along a random direction in each argument: (L(p + εv) − L(p − εv)) / 2ε = ⟨dL/dp, v⟩, with no other code than the engine's own."""
    case = Case.draw(cell, (3, 0, 1, 5), 3, 5, **ARRANGEMENTS[arrangement])
    if cell == "rnn-relu":  # no kink within ε of any state: all of them are checked to be well away from it
        with_margin = by_twins(case)[0].y
        assert np.abs(with_margin[with_margin != 0]).min() > 1e-4
    gradients, random, epsilon = case.backward(), np.random.default_rng(3), 1e-6

    def loss(changed: Case) -> float:
        out = changed.forward()
        above = [(out.y, case.dy), (out.hn, case.dhn), (out.cn, case.dcn)]
        return float(sum((part * given).sum() for part, given in above if part is not None))

    def check(name: str, part: Array, gradient: Array, put: Callable[[Array], Case]) -> None:
        direction = random.normal(size=part.shape)
        numerical = (loss(put(part + epsilon * direction)) - loss(put(part - epsilon * direction))) / (2 * epsilon)
        assert float((gradient * direction).sum()) == pytest.approx(numerical, rel=1e-6, abs=1e-7), name

    def with_weight(d: int, i: int, part: Array) -> Case:
        weights = [list(parts) for parts in case.weights]
        weights[d][i] = part
        return replace(case, weights=tuple(tuple(parts) for parts in weights))

    check("x", case.x, gradients.dx, lambda part: replace(case, x=part))
    check("h0", case.h0, gradients.dh0, lambda part: replace(case, h0=part))
    if case.c0 is not None:
        check("c0", case.c0, gradients.dc0, lambda part: replace(case, c0=part))
    for d in range(case.directions):
        for i, name in enumerate(PARTS):
            check(f"{name} of direction {d}", case.weights[d][i], gradients.weights[d][i], lambda part, d=d, i=i: with_weight(d, i, part))


@pytest.mark.parametrize("given", ["dy", "dhn", "dcn", "dhn and dcn", "dy and dhn", "none"])
@every_arrangement
@every_cell
def test_an_absent_gradient_from_above_counts_as_zeros(cell: str, arrangement: str, given: str) -> None:
    if "dcn" in given and cell != "lstm":
        return
    case, asked = Case.draw(cell, RAGGED, 3, 19, **ARRANGEMENTS[arrangement]), given.split(" and ")
    layer = case.layer(trains=True)
    tape = case.forward(layer, keep=True).tape
    above = {name: getattr(case, name) for name in asked if name != "none"}
    got = layer.backward(tape, case.x, **above, needs_dh0=True)
    assert_gradients_close(got, by_torch(case, of_y="dy" in asked, of_h="dhn" in asked, of_c="dcn" in asked), GRADIENT_TOLERANCE)
    zeros = {name: np.zeros_like(getattr(case, name)) for name in ("dy", "dhn", "dcn")[: 3 if cell == "lstm" else 2]}
    assert_gradients_close(layer.backward(tape, case.x, **{**zeros, **above}, needs_dh0=True), got, 0)


@every_arrangement
@every_cell
def test_what_is_not_needed_is_not_given_and_changes_nothing_else(cell: str, arrangement: str) -> None:
    case = Case.draw(cell, RAGGED, 3, 19, **ARRANGEMENTS[arrangement])
    layer = case.layer(trains=True)
    everything = case.backward(layer)
    assert (everything.dc0 is None) == (cell != "lstm")
    for needs_dx in (True, False):
        for needs_dh0 in (True, False):
            got = case.backward(layer, needs_dx=needs_dx, needs_dh0=needs_dh0)
            wanted = everything._replace(dx=everything.dx if needs_dx else None)
            assert_same_bits(got, wanted if needs_dh0 else wanted._replace(dh0=None, dc0=None))
    plain = layer.backward(case.forward(layer, keep=True).tape, case.x, case.dy)
    assert plain.dx is not None
    assert (plain.dh0, plain.dc0) == (None, None)


@every_cell
def test_one_tape_serves_any_number_of_backward_passes(cell: str) -> None:
    case = Case.draw(cell, RAGGED, 3, 19, directions=2, dtype=np.float32)
    layer = case.layer(trains=True)
    tape, other = case.forward(layer, keep=True).tape, Case.draw(cell, (4, 4), 3, 19, directions=2, dtype=np.float32, seed=1)
    first = layer.backward(tape, case.x, case.dy, case.dhn, needs_dh0=True)
    layer.backward(tape, case.x, -case.dy)
    other.backward(layer)  # with a tape of its own in between
    assert_same_bits(layer.backward(tape, case.x, case.dy, case.dhn, needs_dh0=True), first)
    # Twice the gradient from above is twice every gradient, to the bit.
    twice = layer.backward(tape, case.x, 2 * case.dy, 2 * case.dhn, needs_dh0=True)
    for name, part in arrays_of(twice).items():
        assert (part == 2 * arrays_of(first)[name]).all(), name


@every_cell
def test_tapes_of_several_batches_are_kept_side_by_side(cell: str) -> None:
    cases = [Case.draw(cell, lengths, 3, 19, dtype=np.float32) for lengths in ((3, 1), (2, 2, 2), (9,))]
    cases = [replace(case, weights=cases[0].weights) for case in cases]
    layer = cases[0].layer(trains=True)
    tapes = [case.forward(layer, keep=True).tape for case in cases]
    for case, tape in reversed(list(zip(cases, tapes, strict=True))):
        got = layer.backward(tape, case.x, case.dy, case.dhn, case.dcn, needs_dh0=True)
        assert_same_bits(got, case.backward())


@every_cell
def test_bias_gradients_are_the_same_but_for_the_candidate_of_reset_after(cell: str) -> None:
    for parts in Case.draw(cell, RAGGED, 3, 5, directions=2).backward().weights:
        same = parts[2] == parts[3]
        assert same.all() if cell != "gru-reset-after" else same[:10].all() and not same[10:].any()


@every_cell
def test_gradients_of_a_batch_are_those_of_its_sequences(cell: str) -> None:
    case = Case.draw(cell, (4, 1, 0, 6, 2, 4, 3), 3, 21, directions=2)
    whole, layer = case.backward(), case.layer(trains=True)
    alone = [case.sequences([b]).backward(layer) for b in range(7)]
    for b, part in enumerate(alone):
        rows = case.rows([b])
        assert part.dx.tobytes() == whole.dx[rows].tobytes()
        assert part.dh0.tobytes() == np.ascontiguousarray(whole.dh0[:, [b]]).tobytes()
    for d in range(2):
        for i, name in enumerate(PARTS):
            assert_close(sum(part.weights[d][i] for part in alone), whole.weights[d][i], 1e-13, name)


@every_cell
def test_gradients_of_one_direction_of_two_are_those_of_that_direction_alone(cell: str) -> None:
    case = Case.draw(cell, RAGGED, 3, 21, directions=2, dtype=np.float32)
    both = case.backward()
    halves = [case.only(d).backward() for d in range(2)]
    for d, half in enumerate(halves):
        for ours, theirs in zip(half.weights[0], both.weights[d], strict=True):
            assert ours.tobytes() == theirs.tobytes()
        assert half.dh0.tobytes() == both.dh0[d : d + 1].tobytes()
    assert_close(both.dx, halves[0].dx.astype(np.float64) + halves[1].dx, 1e-6)


@every_cell
def test_gradients_of_the_reversed_sequence_are_reversed(cell: str) -> None:
    case = Case.draw(cell, RAGGED, 3, 21, dtype=np.float32)
    turned = np.concatenate([np.arange(begin, end)[::-1] for begin, end in pairwise(case.offsets)])
    straight = case.backward()
    mirrored = replace(case, x=case.x[turned], dy=case.dy[turned], reverse=True).backward()
    assert_same_bits(mirrored._replace(dx=mirrored.dx[turned]), straight)


@every_cell
def test_a_cut_passes_its_gradient_on_through_the_states(cell: str) -> None:
    case = Case.draw(cell, (6, 6), 3, 21)
    layer, whole = case.layer(trains=True), case.backward()
    halves = [np.array([0, 1, 2, 6, 7, 8]), np.array([3, 4, 5, 9, 10, 11])]
    offsets = np.array([0, 3, 6])
    x = [case.x[half] for half in halves]
    begun = layer.forward(x[0], offsets, case.h0, case.c0, keep=True)
    ended = layer.forward(x[1], offsets, begun.hn, begun.cn, keep=True)
    late = layer.backward(ended.tape, x[1], case.dy[halves[1]], case.dhn, case.dcn, needs_dh0=True)
    early = layer.backward(begun.tape, x[0], case.dy[halves[0]], late.dh0, late.dc0, needs_dh0=True)
    assert_close(early.dx, whole.dx[halves[0]], 1e-13)
    assert_close(late.dx, whole.dx[halves[1]], 1e-13)
    assert_close(early.dh0, whole.dh0, 1e-13)
    for ours, first, second in zip(whole.weights[0], early.weights[0], late.weights[0], strict=True):
        assert_close(first + second, ours, 1e-13)


# torch.nn, NaN and infinity


def by_torch_nn(case: Case) -> Gradients:
    """torch.nn's gradients, of sequences of one step or more, from dy."""
    kind = {"lstm": nn.LSTM, "gru-reset-after": nn.GRU}.get(case.cell, nn.RNN)
    options = {"nonlinearity": "relu"} if case.cell == "rnn-relu" else {}
    layer = kind(case.x.shape[1], case.hidden_size, bidirectional=case.directions == 2, **options).to(torch.from_numpy(case.x).dtype)
    with torch.no_grad():
        for d, parts in enumerate(case.weights):
            for name, part in zip(PARTS, parts, strict=True):
                getattr(layer, f"{name}_l0{'_reverse' * d}").copy_(torch.from_numpy(part))
    x = torch.tensor(case.x, requires_grad=True)
    states = [torch.tensor(part, requires_grad=True) for part in (case.h0, case.c0) if part is not None]
    lengths = torch.tensor(case.lengths)
    packed = pack_padded_sequence(pad_sequence(list(x.split(case.lengths))), lengths, enforce_sorted=False)
    y, _ = pad_packed_sequence(layer(packed, tuple(states) if case.cell == "lstm" else states[0])[0], batch_first=True)
    flat = torch.cat([row[:length] for row, length in zip(y, case.lengths, strict=True)])
    flat.backward(torch.from_numpy(case.dy))
    weights = [tuple(getattr(layer, f"{name}_l0{'_reverse' * d}").grad.numpy() for name in PARTS) for d in range(case.directions)]
    return Gradients(x.grad.numpy(), weights, *[part.grad.numpy() for part in states], *([] if case.cell == "lstm" else [None]))  # type: ignore[arg-type]


TORCH_CELLS = ["rnn", "rnn-relu", "lstm", "gru-reset-after"]


@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("cell", TORCH_CELLS)
def test_gradients_equal_those_of_torch_nn(cell: str, directions: int) -> None:
    case = Case.draw(cell, (4, 7, 1, 5), 6, 37, directions=directions)
    case = replace(case, dhn=np.zeros_like(case.dhn), dcn=None)
    assert_gradients_close(case.backward(), by_torch_nn(case), GRADIENT_TOLERANCE)


BAD = {"NaN": np.nan, "infinity": np.inf, "minus infinity": -np.inf}


@pytest.mark.parametrize("scale", [1, 100])
@pytest.mark.parametrize("bad", list(BAD))
@pytest.mark.parametrize("where", ["x", "h0", "c0"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("cell", TORCH_CELLS)
def test_gradients_of_nan_and_infinity_are_those_of_torch_nn(cell: str, dtype: str, where: str, bad: str, scale: int) -> None:
    """Five units: the rest of each vector is padding, and no NaN may come out of there."""
    if where == "c0" and cell != "lstm":
        return
    for seed in range(3):
        case = Case.draw(cell, (4, 5, 3), 3, 5, directions=2, dtype=np.dtype(dtype), seed=seed)
        case = replace(case, dhn=np.zeros_like(case.dhn), dcn=None, dy=(scale * case.dy).astype(dtype))
        getattr(case, where)[(5, 1) if where == "x" else (slice(None), 1, 2)] = BAD[bad]
        ours, theirs = arrays_of(case.backward()), arrays_of(by_torch_nn(case))
        for name, part in ours.items():
            np.testing.assert_allclose(part, theirs[name], rtol=1e-4, atol=1e-4 * scale, equal_nan=True, err_msg=f"{name}, seed {seed}")


@pytest.mark.parametrize("bad", list(BAD))
@pytest.mark.parametrize("where", ["x", "h0", "c0", "dy", "dhn", "dcn"])
@every_cell
def test_nan_and_infinity_reach_no_neighbour_s_gradient(cell: str, where: str, bad: str) -> None:
    if "c" in where and cell != "lstm":
        return
    case = Case.draw(cell, (4, 5, 3, 5), 3, 5, directions=2, dtype=np.float32)
    clean = case.backward()
    getattr(case, where)[slice(4, 9) if where in ("x", "dy") else (slice(None), 1)] = BAD[bad]
    got, others = case.backward(), [0, 2, 3]
    rows = case.rows(others)
    assert got.dx[rows].tobytes() == clean.dx[rows].tobytes()
    assert got.dh0[:, others].tobytes() == clean.dh0[:, others].tobytes()
    if cell == "lstm":
        assert got.dc0[:, others].tobytes() == clean.dc0[:, others].tobytes()
    if where.startswith("d"):
        assert not np.isfinite(got.dx[4:9]).all()


@pytest.mark.parametrize("bad", list(BAD))
@every_cell
def test_a_bad_gradient_of_one_unit_stays_out_of_what_was_read_later(cell: str, bad: str) -> None:
    case = Case.draw(cell, (6, 4), 3, 5, dtype=np.float32)
    clean = case.backward()
    case.dy[3, 2] = BAD[bad]
    got = case.backward()
    later = [4, 5, 6, 7, 8, 9]
    assert got.dx[later].tobytes() == clean.dx[later].tobytes()


# What is kept


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("hidden", [5, 16, 33])
@every_arrangement
@every_cell
def test_the_gates_kept_are_those_of_the_twins(cell: str, arrangement: str, hidden: int, dtype: str) -> None:
    case = Case.draw(cell, RAGGED, 3, hidden, dtype=np.dtype(dtype), **ARRANGEMENTS[arrangement])
    tape = case.forward(keep=True).tape
    assert tape is not None
    _, wanted = by_twins(case)
    for d in range(case.directions):
        got = tape.gates(d)
        assert got.shape == (len(case.x), gates_of(cell), hidden)
        assert got.dtype == np.dtype(dtype)
        assert_close(got, wanted[d], 1e-5 if dtype == "float32" else 1e-12)
    assert tape.gates().tobytes() == tape.gates(0).tobytes()


@every_cell
def test_gates_are_those_kept_also_after_backward(cell: str) -> None:
    case = Case.draw(cell, RAGGED, 3, 5, directions=2)
    layer = case.layer(trains=True)
    tape = case.forward(layer, keep=True).tape
    assert tape is not None
    before = [tape.gates(d) for d in range(2)]
    layer.backward(tape, case.x, case.dy, case.dhn, case.dcn)
    assert [part.tobytes() for part in before] == [tape.gates(d).tobytes() for d in range(2)]
    before[0][:] = 0  # a copy: the tape's own stay
    assert tape.gates(0).any()


@pytest.mark.parametrize(("lengths", "hidden"), [((2000,), 16), ((50,) * 40, 64), ((300, 700, 1000), 48)], ids=str)
@pytest.mark.parametrize("directions", [1, 2])
@every_cell
def test_a_tape_takes_no_more_than_two_values_beside_the_gates_a_unit_step_and_direction(
    cell: str, directions: int, lengths: tuple[int, ...], hidden: int
) -> None:
    case = Case.draw(cell, lengths, 3, hidden, directions=directions, dtype=np.float32, states=False)
    tape = case.forward(keep=True).tape
    assert tape is not None
    steps, sequences = sum(lengths), len(lengths)
    per_step = (gates_of(cell) + 2) * hidden * 4
    beside = directions * 2 * sequences * hidden * 4 + 8 * (3 * sequences + max(lengths) + 2)  # h0, c0; offsets, order, places, beginnings
    assert steps * directions * hidden * 4 < tape.nbytes <= steps * directions * per_step + beside
