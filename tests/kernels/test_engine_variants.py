"""Recurrent dropout, zoneout, layer norm, the cells without a recurrent matrix, and rows that stand elsewhere, on the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from equations import GATES, MINIMAL, Variant
from tidegate.errors import ShapeError
from tidegate.kernels.engine import CELLS, RECURRENT_CELLS, Layer

RAGGED = [3, 0, 7, 1, 4]
NORMED = ("lstm", "gru", "gru-reset-after")
READING: dict[str, dict[str, Any]] = {"from the start": {}, "from the end": {"reverse": True}, "both ways": {"directions": 2}}

every_reading = pytest.mark.parametrize("reading", READING.values(), ids=READING)


def zoneout_of(cell: str) -> tuple[float, float]:
    return (0.3, 0.4) if cell == "lstm" else (0.3, 0.0)


def variants() -> list[Any]:
    cases: list[Any] = []
    for cell in CELLS:
        forms: dict[str, dict[str, Any]] = {"plain": {}}
        if cell not in MINIMAL:
            forms["mask"] = {"masked": True}
            forms["zoneout drawn"] = {"zoneout": zoneout_of(cell), "seed": 2**63 + 5}
            forms["zoneout expected"] = {"zoneout": zoneout_of(cell)}
            forms["mask and zoneout"] = {"masked": True, "zoneout": zoneout_of(cell), "seed": 7}
        if cell in NORMED:
            forms["layer norm"] = {"layer_norm": True}
            forms["all"] = {"layer_norm": True, "masked": True, "zoneout": zoneout_of(cell), "seed": 7}
        cases += [pytest.param(cell, form, id=f"{cell}, {name}") for name, form in forms.items()]
    return cases


every_variant = pytest.mark.parametrize(("cell", "form"), variants())


def assert_close(found: Any, truth: Any, tolerance: float, name: str) -> None:
    truth = truth.detach().numpy()
    assert found.shape == truth.shape, name
    assert np.abs(found - truth).max(initial=0) <= tolerance * max(1.0, np.abs(truth).max(initial=0)), name


@every_variant
@every_reading
@pytest.mark.parametrize("hidden_size", [1, 5, 24])
@pytest.mark.parametrize("states", [True, False], ids=["with h0", "from zeros"])
def test_values_and_gradients_are_those_of_the_equations(
    cell: str, form: dict[str, Any], reading: dict[str, Any], hidden_size: int, states: bool
) -> None:
    if hidden_size == 1 and form.get("layer_norm"):
        pytest.skip("one value normalised is zero")
    case = Variant(cell, RAGGED, 3, hidden_size, states=states, **form, **reading)
    layer = case.layer(trains=True)
    out = case.forward(layer, keep=True)
    for name, found, truth in zip(("y", "hn", "cn"), out, case.truth(), strict=False):
        assert (found is None) == (truth is None)
        if truth is not None:
            assert_close(found, truth, 1e-12, name)
    found, truths = case.found(layer, out.tape), case.gradients()
    assert found.keys() == truths.keys()
    for name, truth in truths.items():
        assert_close(found[name], truth, 1e-11, name)


@every_variant
def test_nothing_hangs_on_what_is_kept_on_threads_or_on_the_type(cell: str, form: dict[str, Any]) -> None:
    case = Variant(cell, [30, 17, 0, 25, 25, 9], 40, 72, directions=2, **form)
    layer = case.layer(trains=True)
    out = case.forward(layer, keep=True, threads=1)
    found = case.found(layer, out.tape, threads=1)
    for threads in (2, 3, 8):
        again = case.forward(layer, keep=True, threads=threads)
        for a, b in zip(out[:3], again[:3], strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                assert_array_equal(a, b)
        for name, gradient in case.found(layer, again.tape, threads=threads).items():
            assert_array_equal(gradient, found[name], name)
    assert_array_equal(case.forward(case.layer(), threads=2).y, out.y)
    single = case.layer(np.float32, trains=True)
    narrow = case.forward(single, np.float32, keep=True)
    assert narrow.y.dtype == np.float32
    assert np.abs(narrow.y - out.y).max() < 2e-5 * max(1.0, np.abs(out.y).max())
    for name, gradient in case.found(single, narrow.tape, np.float32).items():
        assert np.abs(gradient - found[name]).max() < 2e-4 * np.abs(found[name]).max(), name


@every_variant
def test_steps_are_the_layer_in_expectation(cell: str, form: dict[str, Any]) -> None:
    """A step takes no mask and draws nothing: it is for streams."""
    case = Variant(cell, [6], 3, 20, **{name: value for name, value in form.items() if name not in ("masked", "seed")})
    layer = case.layer()
    whole = case.forward(layer)
    x, h = case.x.detach().numpy(), case.h0.detach().numpy()[0]  # type: ignore[union-attr]
    c = None if case.c0 is None else case.c0.detach().numpy()[0]
    for step in range(6):
        out = layer.step(x[step : step + 1], h, c)
        h, c = out if isinstance(out, tuple) else (out, None)
        np.testing.assert_allclose(h[0], whole.y[step], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("cell", CELLS)
@every_reading
def test_rows_may_stand_anywhere(cell: str, reading: dict[str, Any]) -> None:
    case = Variant(
        cell,
        [30, 17, 0, 25],
        40,
        72,
        **reading,
        masked=cell not in MINIMAL,
        zoneout=zoneout_of(cell) if cell in RECURRENT_CELLS else (0, 0),
        seed=3,
    )
    layer = case.layer(trains=True)
    rows = np.random.default_rng(0).permutation(72)
    out = case.forward(layer, keep=True)
    plain = case.found(layer, out.tape)
    x, dy = np.empty((72, 40)), np.empty_like(out.y)
    x[rows], dy[rows] = case.x.detach().numpy(), case.dy.numpy()
    states = [None if part is None else part.detach().numpy() for part in (case.h0, case.c0)]
    moved = layer.forward(x, case.offsets, *states, mask=None if case.mask is None else case.mask.numpy(), seed=3, rows=rows, keep=True)
    assert_array_equal(moved.y[rows], out.y)
    assert_array_equal(moved.hn, out.hn)
    assert_array_equal(moved.tape.gates(0)[rows], out.tape.gates(0))
    gradients = layer.backward(moved.tape, x, dy, case.dhn.numpy(), None if case.dcn is None else case.dcn.numpy(), needs_dh0=True)
    assert_array_equal(gradients.dx[rows], plain["x"])
    for a, name in zip(gradients.weights[0], ("weight_ih", "weight_hh", "bias_ih", "bias_hh"), strict=True):
        assert (a is None) == (f"{name}[0]" not in plain)
        if a is not None:
            assert_array_equal(a, plain[f"{name}[0]"])
    once = layer.forward(
        x, case.offsets, *states, rows=rows, places=np.arange(72), mask=None if case.mask is None else case.mask.numpy(), seed=3
    )
    np.testing.assert_allclose(once.y, moved.y, rtol=1e-12, atol=1e-14)


def test_gradients_of_weights_can_be_left_out() -> None:
    case = Variant("lstm", RAGGED, 3, 20)
    layer = case.layer(trains=True)
    out = case.forward(layer, keep=True)
    whole = case.found(layer, out.tape)
    some = case.found(layer, out.tape, needs_weights=False)
    assert some.keys() == {"x", "h0", "c0"}
    for name, gradient in some.items():
        assert_array_equal(gradient, whole[name])


@pytest.mark.parametrize("cell", MINIMAL)
def test_extreme_inputs_of_the_minimal_cells(cell: str) -> None:
    """Gates at their limits: no NaN, and a state between its past and the new value."""
    weight = np.concatenate([np.full((1, 1), scale, np.float32) for scale in (1.0, 1.0, 1e-3)[-GATES[cell] :]])
    layer = Layer(cell, [(weight, None, None, None)], trains=True)
    x = np.float32([[-1e4], [-100], [-87.5], [100], [1e4], [0]])
    out = layer.forward(x, np.array([0, 6]), np.ones((1, 1, 1), np.float32), keep=True)
    assert np.isfinite(out.y).all()
    assert np.isfinite(layer.backward(out.tape, x, np.ones_like(out.y)).dx).all()


@pytest.mark.parametrize("cell", MINIMAL)
def test_what_is_too_large_for_the_caches_has_the_same_bits(cell: str) -> None:
    """From 64 MB on, rows are written past the caches; of one of two sequences it is less."""
    random, steps, hidden = np.random.default_rng(0), 9000, 256
    weight = random.normal(size=(GATES[cell] * hidden, 2)).astype(np.float32)
    layer = Layer(cell, [(weight, None, None, None)], trains=True)
    x, dy = random.normal(size=(2 * steps, 2)).astype(np.float32), random.normal(size=(2 * steps, hidden)).astype(np.float32)
    whole = layer.forward(x, np.array([0, steps, 2 * steps]), keep=True)
    gradients = layer.backward(whole.tape, x, dy)
    weights = 0
    for half in (slice(0, steps), slice(steps, 2 * steps)):
        alone = layer.forward(x[half], np.array([0, steps]), keep=True)
        assert_array_equal(whole.y[half], alone.y)
        own = layer.backward(alone.tape, x[half], dy[half])
        assert_array_equal(gradients.dx[half], own.dx)
        weights = weights + own.weights[0][0].astype(np.float64)
    np.testing.assert_allclose(gradients.weights[0][0], weights, rtol=1e-3, atol=1e-4 * np.abs(weights).max())
    assert_array_equal(layer.forward(x, np.array([0, 2 * steps])).y[:steps], whole.y[:steps])


def test_wrong_arguments_are_named() -> None:
    case = Variant("gru", RAGGED, 3, 5)
    plain = case.engine_weights()[0]
    with pytest.raises(
        ShapeError,
        match=r"weights\[0\] has 5 entries; expected \(weight_ih, weight_hh, bias_ih, bias_hh\) or, with layer norm, \(weight_ih, .*gain_hh\)\.",
    ):
        Layer("gru", [(*plain, plain[2])])
    with pytest.raises(ShapeError, match=r"weights\[0\] has 6 entries; expected \(weight_ih, weight_hh, bias_ih, bias_hh\)\."):
        Layer("rnn", [(*plain, plain[2], plain[3])])
    with pytest.raises(ShapeError, match=r"weights\[1\] has 4 entries, but weights\[0\] has 6; expected as many"):
        Layer("gru", [(*plain, plain[2], plain[3]), plain])
    with pytest.raises(ShapeError, match=r"gain_hh has the shape \[5\]; expected float64 \[gates · H\], here \[15\]"):
        Layer("gru", [(*plain, plain[2], plain[3][:5])])
    with pytest.raises(TypeError, match="weight_hh was given, but mingru has no recurrent matrix; expected None"):
        Layer("mingru", [plain])
    with pytest.raises(ShapeError, match=r"weight_ih has the shape \[15, 3\]; expected float64 \[gates · H, I\], here \[14, 3\]"):
        Layer("mingru", [(plain[0], None, None, None)])
    with pytest.raises(ShapeError, match=r"weight_ih has the shape \[1, 3\]; expected \[gates · H, I\] with H above 0"):
        Layer("mingru", [(plain[0][:1].copy(), None, None, None)])
    minimal = Layer("mingru", [(plain[0][:10].copy(), None, None, None)], trains=True)
    with pytest.raises(TypeError, match="mask was given, but mingru has no recurrent matrix"):
        minimal.forward(np.zeros((1, 3)), np.array([0, 1]), mask=np.zeros((1, 1, 5)))
    with pytest.raises(ValueError, match=r"zoneout was given, but minlstm has no recurrent matrix; expected \(0, 0\)"):
        Layer("minlstm", [(plain[0], None, None, None)], zoneout=(0.1, 0))
    for wrong, message in {
        (1.0, 0): r"zoneout\[0\] is 1.0; expected a probability, at least 0 and below 1",
        (-0.1, 0): r"zoneout\[0\] is -0.1; expected",
        (0, float("nan")): r"zoneout\[1\] is nan; expected",
        (0, 0.5): r"zoneout\[1\] was given, but gru has no cell state; expected 0",
    }.items():
        with pytest.raises(ValueError, match=message):
            Layer("gru", [plain], zoneout=wrong)
    with pytest.raises(ShapeError, match="zoneout has 1 entries"):
        Layer("gru", [plain], zoneout=(0.5,))
    with pytest.raises(TypeError, match=r"zoneout\[0\] is of the type str; expected a number"):
        Layer("gru", [plain], zoneout=("a", 0))
    with pytest.raises(TypeError, match="zoneout is of the type float; expected two probabilities"):
        Layer("gru", [plain], zoneout=0.5)  # type: ignore[arg-type]
    layer = case.layer()
    for seed in (-1, 2**64, 0.5, "a"):
        with pytest.raises((TypeError, ValueError), match=r"seed is .*; expected a whole number from 0 to 2\^64 − 1, or None"):
            case.forward(layer, seed=seed)
    with pytest.raises(ShapeError, match=r"mask has the shape \[1, 4, 5\]; expected float64 \[directions, B, H\], here \[1, 5, 5\]"):
        case.forward(layer, mask=np.zeros((1, 4, 5)))
    rows = np.arange(15)
    with pytest.raises(ShapeError, match=r"rows\[3\] is 0 once more; expected every row once"):
        case.forward(layer, rows=np.where(rows == 3, 0, rows))
    with pytest.raises(ShapeError, match=r"rows\[3\] is 15; expected 0 to 14"):
        case.forward(layer, rows=np.where(rows == 3, 15, rows))
    with pytest.raises(ShapeError, match=r"rows has the shape \[14\]; expected int64 \[N\], here \[15\]"):
        case.forward(layer, rows=rows[:14])
