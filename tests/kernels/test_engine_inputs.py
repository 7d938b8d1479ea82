"""What the compiled engine refuses: every argument wrong in every way, by name, with what was expected; and nothing crashes it."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from kernels.conftest import Case, assert_same_bits, run_python
from tidegate.errors import ShapeError
from tidegate.kernels import _engine
from tidegate.kernels.engine import RECURRENT_CELLS, Layer

# Two directions, three sequences, six steps, I 4, H 5: no two sizes of an array are the same, and none is one.
BOTH_WAYS = Case.draw("lstm", (2, 1, 3), 4, 5, directions=2, dtype=np.float32)
ONE_WAY = Case.draw("lstm", (1, 1, 1), 4, 5, dtype=np.float32)
PLACES = np.array([0, 1, 2, 3, 4, 5])


def forward(**changed: Any) -> Any:
    case = BOTH_WAYS
    given = {"x": case.x, "offsets": case.offsets, "h0": case.h0, "c0": case.c0, **changed}
    return case.layer().forward(**given)


def step(**changed: Any) -> Any:
    case = ONE_WAY
    assert case.h0 is not None
    assert case.c0 is not None
    given = {"x": case.x, "h": case.h0[0], "c": case.c0[0], **changed}
    return case.layer().step(**given)


def backward(**changed: Any) -> Any:
    case = BOTH_WAYS
    layer = case.layer(trains=True)
    given = {"tape": case.forward(layer, keep=True).tape, "x": case.x, "dy": case.dy, "dhn": case.dhn, "dcn": case.dcn, **changed}
    return layer.backward(**given)


def build(**changed: Any) -> Any:
    first, second = (dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), parts, strict=True)) for parts in BOTH_WAYS.weights)
    return Layer("lstm", [tuple(first.values()), tuple({**second, **changed}.values())])


GOOD: dict[str, tuple[Callable[..., Any], str, Any]] = {
    **{f"forward {name}": (forward, name, getattr(BOTH_WAYS, name)) for name in ("x", "offsets", "h0", "c0")},
    "forward places": (forward, "places", PLACES),
    "step x": (step, "x", ONE_WAY.x),
    "step h": (step, "h", ONE_WAY.h0[0]),  # type: ignore[index]
    "step c": (step, "c", ONE_WAY.c0[0]),  # type: ignore[index]
    **{f"backward {name}": (backward, name, getattr(BOTH_WAYS, name)) for name in ("x", "dy", "dhn", "dcn")},
    **{
        name: (build, name, part) for name, part in zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), BOTH_WAYS.weights[1], strict=True)
    },
}
OPTIONAL = {"h0", "c0", "places", "dy", "dhn", "dcn", "bias_ih", "bias_hh"}


def misaligned(part: Any) -> Any:
    """The same numbers, a byte further on."""
    block = np.zeros(part.nbytes + 1, dtype=np.uint8)
    view = block[1:].view(part.dtype).reshape(part.shape)
    view[:] = part
    assert not view.flags.aligned
    return view


def field_of(part: Any) -> Any:
    """The same numbers as one field of records, a byte between each two: strides that are no multiple of the item."""
    records = np.zeros(part.shape, dtype=[("value", part.dtype), ("gap", "i1")])
    records["value"] = part
    return records["value"]


def other_float(part: Any) -> Any:
    return part.astype(np.float64 if part.dtype == np.float32 else np.float32)


def every_second(part: Any) -> Any:
    wide = np.zeros((*part.shape[:-1], 2 * part.shape[-1]), dtype=part.dtype)
    wide[..., ::2] = part
    return wide[..., ::2]


WRONG_DTYPE: dict[str, Callable[[Any], Any]] = {
    "other float": other_float,
    "float16": lambda part: part.astype(np.float16),
    "longdouble": lambda part: part.astype(np.longdouble),
    "complex64": lambda part: part.astype(np.complex64),
    "int32": lambda part: part.astype(np.int32),
    "uint64": lambda part: np.abs(part).astype(np.uint64),
    "bool": lambda part: part > 0,
    "object": lambda part: part.astype(object),
    "swapped bytes": lambda part: part.astype(part.dtype.newbyteorder()),
    "text": lambda part: part.astype(np.str_),
    "bytes": lambda part: part.astype(np.bytes_),
    "dates": lambda part: part.astype(np.int64).astype("datetime64[s]"),
    "records": lambda part: np.zeros(part.shape, dtype=[("a", "f4"), ("b", "i1")]),
    "nothing wide": lambda part: np.zeros(part.shape, dtype="V"),
}
NO_ARRAY: dict[str, Callable[[Any], Any]] = {
    "list": lambda part: part.tolist(),
    "tuple": lambda part: tuple(part),
    "number": lambda part: 3.0,
    "str": lambda part: "abc",
    "object of no kind": lambda part: object(),
    "type": lambda part: np.ndarray,
    "array of arrays": lambda part: [part],
}
WRONG_SHAPE: dict[str, Callable[[Any], Any]] = {
    "one axis more": lambda part: part[None],
    "one axis less": lambda part: np.ascontiguousarray(part[0]),
    "no axis": lambda part: np.zeros((), dtype=part.dtype),
    "five axes": lambda part: np.zeros((1, 1, 1, 1, 1), dtype=part.dtype),
    "first axis longer": lambda part: np.concatenate([part, part[-1:]]),
    "first axis shorter": lambda part: part[:-1].copy(),
    "last axis longer": lambda part: np.concatenate([part, part[..., :1]], axis=-1),
    "last axis shorter": lambda part: part[..., :-1].copy(),
    "last axis empty": lambda part: part[..., :0].copy(),
    "first axis empty": lambda part: part[:0].copy(),
    "turned": lambda part: np.ascontiguousarray(part.T),
}
WRONG_LAYOUT: dict[str, Callable[[Any], Any]] = {
    "Fortran order": np.asfortranarray,
    "backward along the first axis": lambda part: part[::-1],
    "backward along the last axis": lambda part: part[..., ::-1],
    "every second": every_second,
    "one row again and again": lambda part: np.broadcast_to(part[:1], part.shape),
    "one number again and again": lambda part: np.broadcast_to(part.ravel()[0], part.shape),
}

every_argument = pytest.mark.parametrize("argument", list(GOOD))


def refusal(argument: str, value: Any, *kinds: type[Exception]) -> str:
    """The message with which a wrong value for an argument is refused."""
    call, name, _ = GOOD[argument]
    with pytest.raises(kinds) as caught:
        call(**{name: value})
    assert isinstance(caught.value, (TypeError, ValueError))
    return str(caught.value)


@every_argument
def test_what_is_changed_below_is_right_as_it_stands(argument: str) -> None:
    call, name, part = GOOD[argument]
    call(**{name: part.copy()})


@pytest.mark.parametrize("wrong", list(WRONG_DTYPE))
@every_argument
def test_another_dtype_is_refused_by_the_argument_s_name_and_both_dtypes(argument: str, wrong: str) -> None:
    _, name, part = GOOD[argument]
    message = refusal(argument, WRONG_DTYPE[wrong](part), TypeError)
    assert message.startswith(f"{name} is ")
    assert re.search(rf"expected .*\b{part.dtype}\b", message)
    if wrong in ("float16", "longdouble", "complex64", "int32", "uint64", "bool", "object"):
        assert re.search(rf"\b{wrong}", message)


@pytest.mark.parametrize("wrong", list(NO_ARRAY))
@every_argument
def test_what_is_no_array_is_refused_by_the_argument_s_name(argument: str, wrong: str) -> None:
    _, name, part = GOOD[argument]
    message = refusal(argument, NO_ARRAY[wrong](part), TypeError)
    assert message.startswith(f"{name} is ")
    assert "array" in message
    assert "expected" in message


@every_argument
def test_none_is_refused_where_an_array_is_needed(argument: str) -> None:
    call, name, _ = GOOD[argument]
    if name in OPTIONAL:
        call(**{name: None})
    else:
        message = refusal(argument, None, TypeError)
        assert message.startswith((f"{name} is ", f"{name} is missing"))
        if name != "c":
            assert "expected" in message


@pytest.mark.parametrize("wrong", list(WRONG_SHAPE))
@every_argument
def test_another_shape_is_refused_by_the_argument_s_name_and_both_shapes(argument: str, wrong: str) -> None:
    _, name, part = GOOD[argument]
    value = WRONG_SHAPE[wrong](part)
    if value.shape == part.shape:
        return  # one axis only: turned, it stays what it is
    message = refusal(argument, value, ShapeError)
    # Where the number of rows is the batch's own, another argument does not fit any more.
    others = {"x": ("offsets", "h"), "offsets": ("h0", "offsets ends"), "places": ("offsets",), "h": (), "c": ()}.get(name, ())
    assert message.startswith((name, *others))
    assert "expected" in message
    if message.startswith(f"{name} has the shape"):
        assert str(list(value.shape)) in message


@pytest.mark.parametrize("wrong", list(WRONG_LAYOUT))
@every_argument
def test_an_array_that_is_not_contiguous_is_refused_and_the_mending_named(argument: str, wrong: str) -> None:
    _, name, part = GOOD[argument]
    value = WRONG_LAYOUT[wrong](part)
    if value.flags.c_contiguous:
        return
    assert refusal(argument, value, ShapeError) == f"{name} is not C-contiguous: pass numpy.ascontiguousarray({name})."


@every_argument
def test_a_misaligned_array_is_refused(argument: str) -> None:
    _, name, part = GOOD[argument]
    assert refusal(argument, misaligned(part), ShapeError) == f"{name} is not aligned to its items: pass a copy, numpy.array({name})."


@every_argument
def test_strides_that_are_no_multiple_of_an_item_are_refused(argument: str) -> None:
    _, name, part = GOOD[argument]
    message = refusal(argument, field_of(part), ShapeError, TypeError)
    assert message.startswith(f"{name} is not ")


@every_argument
def test_an_exotic_array_is_read_rightly_or_refused(argument: str) -> None:
    """Whatever else holds numbers: read as what it is, or refused by the argument's name."""
    call, name, part = GOOD[argument]
    exotic = (torch.from_numpy(part.copy()), memoryview(part), np.ma.masked_array(part), part.view(type("Own", (np.ndarray,), {})))
    wanted = numbers_of(call(**{name: part}))
    for value in exotic:
        try:
            got = numbers_of(call(**{name: value}))
        except TypeError as error:
            assert re.match(rf"{name} is .*; expected ", str(error))  # noqa: PT017
        else:
            assert got == wanted


def numbers_of(result: Any) -> list[bytes]:
    """What came out, as bytes: a layer's by what it makes of the batch."""
    if isinstance(result, Layer):
        result = BOTH_WAYS.forward(result)
    return [part.tobytes() for part in result if isinstance(part, np.ndarray)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16, torch.int32])
@every_argument
def test_a_tensor_of_another_dtype_is_refused(argument: str, dtype: torch.dtype) -> None:
    _, name, part = GOOD[argument]
    assert refusal(argument, torch.zeros(part.shape, dtype=dtype), TypeError).startswith(f"{name} is ")


def test_arguments_that_are_at_odds_with_the_cell_are_refused() -> None:
    plane = np.zeros((1, 2, 5), dtype=np.float32)
    for cell in RECURRENT_CELLS:
        if cell == "lstm":
            continue
        case = Case.draw(cell, (2, 1), 4, 5, dtype=np.float32)
        layer = case.layer(trains=True)
        with pytest.raises(TypeError, match=f"^c0 was given, but {cell} has no cell state.$"):
            layer.forward(case.x, case.offsets, case.h0, plane)
        with pytest.raises(TypeError, match=f"^c was given, but {cell} has no cell state.$"):
            layer.step(case.x[:2], plane[0], plane[0])
        with pytest.raises(TypeError, match=f"^dcn was given, but {cell} has no cell state.$"):
            layer.backward(case.forward(layer, keep=True).tape, case.x, case.dy, None, plane)
    with pytest.raises(TypeError, match="^c is missing; an lstm's step needs float"):
        ONE_WAY.layer().step(ONE_WAY.x, ONE_WAY.h0[0])  # type: ignore[index]
    with pytest.raises(ValueError, match=r"^step was called on a layer of two directions"):
        BOTH_WAYS.layer().step(BOTH_WAYS.x, np.zeros((6, 5), "f4"), np.zeros((6, 5), "f4"))


# Offsets and places


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        ([], r"offsets is empty; expected int64 [B + 1], rising from 0: [0] for no sequence."),
        ([1, 6], r"offsets[0] is 1; expected 0."),
        ([-1, 6], r"offsets[0] is -1; expected 0."),
        ([0, 4, 3, 6], r"offsets[2] is 3, below offsets[1], 4; expected offsets that never fall."),
        ([0, -2, 6], r"offsets[1] is -2, below offsets[0], 0; expected offsets that never fall."),
        ([0, 2**62, 6], r"offsets[2] is 6, below offsets[1], 4611686018427387904; expected offsets that never fall."),
        ([0, 2**63 - 1], r"offsets ends with 9223372036854775807, but x has 6 rows; expected the two to be equal."),
        ([0, -(2**63)], r"offsets[1] is -9223372036854775808, below offsets[0], 0; expected offsets that never fall."),
        ([0, 7], r"offsets ends with 7, but x has 6 rows; expected the two to be equal."),
        ([0, 3, 5], r"offsets ends with 5, but x has 6 rows; expected the two to be equal."),
        ([0], r"offsets ends with 0, but x has 6 rows; expected the two to be equal."),
        ([0, 0], r"offsets ends with 0, but x has 6 rows; expected the two to be equal."),
    ],
    ids=str,
)
@pytest.mark.parametrize("keep", [False, True], ids=["", "kept"])
def test_offsets_that_do_not_rise_from_zero_to_the_number_of_rows_are_refused(offsets: list[int], message: str, keep: bool) -> None:
    layer = BOTH_WAYS.layer(trains=True)
    with pytest.raises(ShapeError) as caught:
        layer.forward(BOTH_WAYS.x, np.array(offsets, dtype=np.int64), keep=keep)
    assert str(caught.value) == message


def test_offsets_end_with_the_number_of_places_where_places_are_given() -> None:
    with pytest.raises(ShapeError, match=r"^offsets ends with 6, but places has 4 rows; expected the two to be equal.$"):
        forward(places=PLACES[:4].copy())


@pytest.mark.parametrize("place", [6, 7, -1, 2**62, -(2**63), 2**63 - 1])
def test_places_outside_of_x_are_refused(place: int) -> None:
    for at in (0, 3, 5):
        places = PLACES.copy()
        places[at] = place
        with pytest.raises(ShapeError) as caught:
            forward(places=places)
        assert str(caught.value) == f"places[{at}] is {place}, but x has 6 rows; expected 0 to 5."


def test_places_in_an_x_without_rows_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"^x has no rows, but places has 6; expected "):
        forward(x=BOTH_WAYS.x[:0].copy(), places=PLACES)


# Options


def test_keeping_needs_a_layer_that_trains_and_an_x_of_its_own() -> None:
    with pytest.raises(ValueError, match="^keep was given, but the layer was built without trains=True"):
        BOTH_WAYS.layer().forward(BOTH_WAYS.x, BOTH_WAYS.offsets, keep=True)
    with pytest.raises(ValueError, match="^keep was given with places"):
        BOTH_WAYS.layer(trains=True).forward(BOTH_WAYS.x, BOTH_WAYS.offsets, places=PLACES, keep=True)


@pytest.mark.parametrize("threads", [0, -1, -(2**31), -(2**63), 2**31, 2**40, 2**70, 1.5, "2", [2], np.array([1, 2])], ids=str)
def test_a_number_of_threads_that_is_none_is_refused(threads: Any) -> None:
    layer = BOTH_WAYS.layer(trains=True)
    tape = BOTH_WAYS.forward(layer, keep=True).tape
    for call in (
        lambda: BOTH_WAYS.layer(threads=threads),
        lambda: BOTH_WAYS.forward(layer, threads=threads),
        lambda: layer.backward(tape, BOTH_WAYS.x, threads=threads),
    ):
        with pytest.raises((TypeError, ValueError)) as caught:
            call()
        assert re.search(r"^threads is .*; expected ", str(caught.value))


@pytest.mark.parametrize("threads", [1, 2, np.int64(2), None])
def test_a_number_of_threads_may_be_any_whole_number_or_left_open(threads: Any) -> None:
    layer = BOTH_WAYS.layer(trains=True, threads=threads)
    assert_same_bits(BOTH_WAYS.forward(layer, threads=threads), BOTH_WAYS.forward(layer, threads=1))
    assert_same_bits(BOTH_WAYS.backward(layer, threads=threads), BOTH_WAYS.backward(layer, threads=1))


@pytest.mark.parametrize("named", ["99999999999", "2147483648", "1025"])
def test_a_number_of_threads_beyond_all_bounds_in_the_environment_is_cut_or_named(named: str) -> None:
    code = """
import numpy as np
from tidegate.errors import RecipeError
try:
    from tidegate.kernels import engine
    layer = engine.Layer("rnn", [(np.ones((1, 1)), np.ones((1, 1)), None, None)])
    print(layer.forward(np.zeros((3, 1)), np.array([0, 3])).y.tolist())
except (RecipeError, ValueError) as error:
    print("TIDEGATE_NUM_THREADS" in str(error))
"""
    done = run_python(code, TIDEGATE_NUM_THREADS=named)
    assert done.stdout.strip() in ("True", "[[0.0], [0.0], [0.0]]"), done.stderr


def test_unknown_and_missing_arguments_are_refused() -> None:
    layer = BOTH_WAYS.layer(trains=True)
    tape = BOTH_WAYS.forward(layer, keep=True).tape
    calls: tuple[Callable[[], Any], ...] = (
        lambda: layer.forward(),
        lambda: layer.forward(BOTH_WAYS.x),
        lambda: layer.forward(BOTH_WAYS.x, BOTH_WAYS.offsets, length=3),
        lambda: layer.forward(BOTH_WAYS.x, BOTH_WAYS.offsets, None, None, None),
        lambda: layer.forward(BOTH_WAYS.x, BOTH_WAYS.offsets, offsets=BOTH_WAYS.offsets),
        lambda: layer.step(BOTH_WAYS.x),
        lambda: layer.backward(),
        lambda: layer.backward(tape),
        lambda: layer.backward(tape, BOTH_WAYS.x, None, None, None, True),
        lambda: Layer(),
        lambda: Layer("lstm"),
        lambda: Layer("lstm", BOTH_WAYS.weights, True),
        lambda: Layer("lstm", BOTH_WAYS.weights, train=True),
        lambda: Layer.forward(BOTH_WAYS.x, BOTH_WAYS.offsets),
        lambda: Layer.forward(None, BOTH_WAYS.x, BOTH_WAYS.offsets),
    )
    for call in calls:
        with pytest.raises(TypeError):
            call()


# Layers and tapes


@pytest.mark.parametrize("cell", ["LSTM", "", "lstm ", "lstm\0", "rnn_relu", "σ", "gru-reset-before", "l" * 10000])
def test_an_unknown_cell_is_refused_and_the_known_are_named(cell: str) -> None:
    with pytest.raises(
        ValueError, match=f"^cell is '{re.escape(cell)}'; expected one of rnn, rnn-relu, lstm, gru, gru-reset-after, mingru, minlstm[.]$"
    ):
        Layer(cell, BOTH_WAYS.weights)


@pytest.mark.parametrize("cell", [None, 3, b"lstm", ["lstm"], "lstm\ud800"], ids=repr)
def test_a_cell_that_is_no_text_is_refused(cell: Any) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        Layer(cell, BOTH_WAYS.weights)
    assert "cell" in str(caught.value)


def weights_of(cell: str, input_size: int = 4, hidden: int = 5, dtype: Any = np.float32) -> Any:
    return Case.draw(cell, (), input_size, hidden, dtype=dtype).weights[0]


OWN = weights_of("lstm")
ONE_OR_TWO = "weights has {} entries; expected one (weight_ih, weight_hh, bias_ih, bias_hh) for each of one or two directions."
FOUR = "weights[{}] has {} entries; expected (weight_ih, weight_hh, bias_ih, bias_hh) or, with layer norm, (weight_ih, weight_hh, bias_ih, bias_hh, gain_ih, gain_hh, gain_c, shift_c)."


class Lies:
    """A sequence whose length and entries do not agree."""

    def __init__(self, length: Any, *entries: Any) -> None:
        self.length, self.entries = length, entries

    def __len__(self) -> int:
        return self.length  # type: ignore[no-any-return]

    def __getitem__(self, at: int) -> Any:
        return self.entries[at]


@pytest.mark.parametrize(
    ("weights", "kind", "message"),
    [
        pytest.param([], ShapeError, ONE_OR_TWO.format(0), id="none"),
        pytest.param([OWN] * 3, ShapeError, ONE_OR_TWO.format(3), id="three directions"),
        pytest.param([OWN[:3]], ShapeError, FOUR.format(0, 3), id="three entries"),
        pytest.param([OWN, (*OWN, OWN[0])], ShapeError, FOUR.format(1, 5), id="five entries"),
        pytest.param([OWN, ()], ShapeError, FOUR.format(1, 0), id="no entries"),
        pytest.param(OWN, ShapeError, "weights", id="not in a list"),
        pytest.param(None, TypeError, "weights", id="None"),
        pytest.param(3, TypeError, "weights", id="a number"),
        pytest.param("ab", TypeError, "weights", id="a text"),
        pytest.param({0: OWN}, TypeError, "weights", id="a dict"),
        pytest.param({OWN[0].tobytes()}, TypeError, "weights", id="a set"),
        pytest.param(iter([OWN]), TypeError, "weights", id="an iterator"),
        pytest.param([None], TypeError, "weights[0]", id="a direction that is None"),
        pytest.param([OWN, 5], TypeError, "weights[1]", id="a direction that is a number"),
        pytest.param([OWN, "abcd"], TypeError, "weight", id="a direction that is a text"),
        pytest.param(np.zeros((1, 4, 20, 5), "f4"), (ShapeError, TypeError), "", id="one array"),
        pytest.param([(None, *OWN[1:])], TypeError, "weight_ih", id="no weight_ih"),
        pytest.param([(OWN[0], None, None, None)], TypeError, "weight_hh", id="no weight_hh"),
        pytest.param(
            [weights_of("gru")], ShapeError, "weight_hh has the shape [15, 5]; expected float32 [gates · H, H]", id="those of a gru"
        ),
        pytest.param(
            [weights_of("rnn")], ShapeError, "weight_hh has the shape [5, 5]; expected float32 [gates · H, H]", id="those of an rnn"
        ),
        pytest.param([(OWN[1], OWN[0], *OWN[2:])], ShapeError, "weight_hh has the shape [20, 4]", id="ih and hh exchanged"),
        pytest.param([tuple(part.T.copy() for part in OWN)], ShapeError, "weight_hh has the shape [5, 20]", id="turned"),
        pytest.param([OWN, weights_of("lstm", hidden=6)], ShapeError, "weight_hh has the shape [24, 6]", id="directions of different H"),
        pytest.param([OWN, weights_of("lstm", 3)], ShapeError, "weight_ih has the shape [20, 3]", id="directions of different I"),
        pytest.param(
            [OWN, weights_of("lstm", dtype=np.float64)],
            TypeError,
            "weight_hh is float64; expected float32",
            id="directions of different dtype",
        ),
        pytest.param([(OWN[0], OWN[1].astype("f8"), None, None)], TypeError, "weight_hh is float64; expected float32", id="mixed dtypes"),
        pytest.param(
            [(OWN[0].astype("f8"), *OWN[1:])], TypeError, "weight_hh is float32; expected float64", id="mixed dtypes, float64 first"
        ),
        pytest.param(
            [(*OWN[:2], OWN[2].astype("f8"), None)], TypeError, "bias_ih is float64; expected float32", id="a bias of another dtype"
        ),
        pytest.param([tuple(part.astype("i8") for part in OWN)], TypeError, "weight_", id="whole numbers"),
        pytest.param([tuple(part.astype("f2") for part in OWN)], TypeError, "weight_", id="float16"),
        pytest.param([(OWN[0][:, :0].copy(), *OWN[1:])], ShapeError, "weight_ih has the shape [20, 0]", id="I of 0"),
        pytest.param(
            [(np.zeros((0, 4), "f4"), np.zeros((0, 0), "f4"), None, None)], ShapeError, "weight_hh has the shape [0, 0]", id="H of 0"
        ),
        pytest.param([(*OWN[:2], OWN[2][:19].copy(), None)], ShapeError, "bias_ih has the shape [19]", id="a bias too short"),
        pytest.param([(*OWN[:3], OWN[3][None])], ShapeError, "bias_hh has the shape [1, 20]", id="a bias of two axes"),
    ],
)
def test_wrong_weights_are_refused(weights: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind) as caught:
        Layer("lstm", weights)
    assert message in str(caught.value)
    assert "expected" in str(caught.value)


def test_sequences_that_lie_are_refused_or_raise_their_own_error() -> None:
    for weights in (
        Lies(1),
        Lies(2, OWN),
        Lies(-1, OWN),
        Lies(2**62, OWN),
        Lies("a"),
        [Lies(4, *OWN[:2])],
        [Lies(4)],
        Lies(1, Lies(4, *OWN[:3])),
    ):
        with pytest.raises((TypeError, ValueError, IndexError, OverflowError)):
            Layer("lstm", weights)  # type: ignore[arg-type]


def test_reverse_is_for_one_direction() -> None:
    with pytest.raises(ValueError, match="^reverse was given with two directions; it is for a layer of one.$"):
        Layer("lstm", BOTH_WAYS.weights, reverse=True)


def test_a_layer_refuses_a_tape_that_is_not_its_own_kind() -> None:
    case = Case.draw("lstm", (2, 3), 4, 5, dtype=np.float32)
    layer = case.layer(trains=True)
    others = {
        "H": Case.draw("lstm", (2, 3), 4, 6, dtype=np.float32),
        "I": Case.draw("lstm", (2, 3), 3, 5, dtype=np.float32),
        "directions": Case.draw("lstm", (2, 3), 4, 5, directions=2, dtype=np.float32),
        "cell": Case.draw("gru", (2, 3), 4, 5, dtype=np.float32),
        "cell of as many gates": Case.draw("rnn", (2, 3), 4, 5, dtype=np.float32),
    }
    for name, other in others.items():
        tape = other.forward(keep=True).tape
        with pytest.raises(ShapeError, match=r"^tape was kept by .*expected.*lstm.*4.*5.*1"):
            layer.backward(tape, case.x, case.dy)
        with pytest.raises(ShapeError, match="^tape was kept by"):
            other.layer(trains=True).backward(case.forward(layer, keep=True).tape, other.x)
        assert name
    for cell in ("rnn", "gru"):  # as many gates, and yet another cell
        pair = Case.draw(cell, (2,), 4, 5), Case.draw({"rnn": "rnn-relu", "gru": "gru-reset-after"}[cell], (2,), 4, 5)
        with pytest.raises(ShapeError, match="^tape was kept by"):
            pair[0].layer(trains=True).backward(pair[1].forward(keep=True).tape, pair[0].x)
    with pytest.raises(TypeError, match="^tape is of another dtype than the layer"):
        layer.backward(case.astype(np.float64).forward(keep=True).tape, case.x)
    for nothing in (None, layer, case.x, "tape"):
        with pytest.raises(TypeError, match="^tape is of the type"):
            layer.backward(nothing, case.x)
    with pytest.raises(ValueError, match="^backward was called on a layer built without trains=True"):
        case.layer().backward(case.forward(layer, keep=True).tape, case.x)


def test_gates_of_a_direction_that_there_is_not_are_refused() -> None:
    tape = BOTH_WAYS.forward(keep=True).tape
    assert tape is not None
    for direction in (2, -1, 2**40):
        with pytest.raises((IndexError, TypeError)) as caught:
            tape.gates(direction)
        assert "direction" in str(caught.value)
    with pytest.raises(IndexError, match=r"^direction is 2; expected 0 to 1.$"):
        tape.gates(2)
    with pytest.raises(TypeError):
        tape.gates("first")  # type: ignore[arg-type]


def test_layers_and_tapes_come_only_from_where_they_are_made() -> None:
    with pytest.raises(TypeError):
        _engine.Tape()
    layer, tape = BOTH_WAYS.layer(), BOTH_WAYS.forward(keep=True).tape
    for thing in (layer, tape):
        with pytest.raises(TypeError):
            pickle.dumps(thing)
        with pytest.raises(TypeError):
            copy.copy(thing)
        with pytest.raises(TypeError):
            copy.deepcopy(thing)
        with pytest.raises(AttributeError):
            thing.nbytes = 3  # type: ignore[union-attr, misc]


def test_after_every_refusal_the_layer_is_what_it_was() -> None:
    layer = BOTH_WAYS.layer(trains=True)
    expected = BOTH_WAYS.backward(layer)
    tape = BOTH_WAYS.forward(layer, keep=True).tape
    for wrong in (*WRONG_DTYPE.values(), *WRONG_SHAPE.values(), *WRONG_LAYOUT.values()):
        for call in (lambda value: layer.forward(value, BOTH_WAYS.offsets), lambda value: layer.backward(tape, value)):
            with pytest.raises((TypeError, ValueError)):
                call(wrong(BOTH_WAYS.x))
    assert_same_bits(BOTH_WAYS.backward(layer), expected)


# What might end the process ends one of its own

DANGEROUS = {
    "offsets that overrun": "layer.forward(x, np.array([0, 2**40]))",
    "offsets that fall below zero": "layer.forward(x, np.array([0, -(2**40), 6]))",
    "offsets that wrap around": "layer.forward(x, np.array([0, 2**63 - 1, -(2**63), 6]))",
    "places far outside": "layer.forward(x, offsets, places=np.full(6, 2**40))",
    "places far below": "layer.forward(x, offsets, places=np.full(6, -(2**40)))",
    "x of one number": "layer.forward(np.broadcast_to(np.float32(1), (6, 4)), offsets)",
    "x whose strides lead away": "layer.forward(np.lib.stride_tricks.as_strided(x, (6, 4), (1 << 40, 4)), offsets)",
    "x of no row that says it has many": "layer.forward(np.lib.stride_tricks.as_strided(x[:0], (1 << 40, 4), (0, 0)), np.array([0, 1 << 40]))",
    "misaligned x": "layer.forward(np.zeros(97, np.uint8)[1:].view(np.float32).reshape(6, 4), offsets)",
    "one field of records": "layer.forward(np.zeros((6, 4), dtype=[('a', 'f4'), ('b', 'i1')])['a'], offsets)",
    "a layer that was never made": "Layer.__new__(Layer).forward(x, offsets)",
    "a layer's attribute that was never made": "Layer.__new__(Layer).cell",
    "a tape that was never made": "type(tape).__new__(type(tape)).gates(0)",
    "backward with a tape that was never made": "layer.backward(type(tape).__new__(type(tape)), x)",
    "a layer made twice": "layer.__init__('lstm', weights)",
    "a heir that forgets to make its layer": "type('Heir', (Layer,), {'__init__': lambda self: None})().forward(x, offsets)",
    "backward with another x": "layer.backward(tape, x[:5].copy())",
    "backward of a shorter batch": "layer.backward(tape, x, np.zeros((5, 5), np.float32))",
    "a tape of another layer": "Layer('lstm', [tuple(np.zeros(s, np.float32) for s in ((240, 4), (240, 60), (240,), (240,)))], trains=True).backward(tape, x)",
    "weights that are too few": "Layer('lstm', [(np.zeros((20, 4), np.float32), np.zeros((20, 5), np.float32), np.zeros(1, np.float32), None)])",
    "a step of another number of rows": "layer.step(x, np.zeros((5, 5), np.float32), np.zeros((6, 5), np.float32))",
    "a step of no c": "layer.step(x, np.zeros((6, 5), np.float32), None)",
    "a huge layer of no memory": "Layer('rnn', [(np.broadcast_to(np.float32(0), (1 << 40, 1)), np.broadcast_to(np.float32(0), (1 << 40, 1 << 40)), None, None)])",
}

IN_A_PROCESS = """
import gc, sys
import numpy as np
from tidegate.kernels.engine import Layer

weights = [tuple(np.ones(shape, np.float32) / 9 for shape in ((20, 4), (20, 5), (20,), (20,)))]
layer = Layer("lstm", weights, trains=True)
x, offsets = np.ones((6, 4), np.float32), np.array([0, 2, 6])
expected = layer.forward(x, offsets, keep=True)
tape = expected.tape
try:
    eval(sys.argv[1])
    print("nothing was raised")
except (TypeError, ValueError, IndexError) as error:
    print("refused")
gc.collect()
assert layer.forward(x, offsets).y.tobytes() == expected.y.tobytes()
assert np.isfinite(layer.backward(tape, x, expected.y).dx).all()
"""


@pytest.mark.parametrize("dangerous", list(DANGEROUS))
def test_dangerous_calls_are_refused_and_the_process_lives(dangerous: str) -> None:
    # nanobind warns of objects that were never made before it refuses them.
    done = run_python("import warnings\nwarnings.simplefilter('ignore')\n" + IN_A_PROCESS, DANGEROUS[dangerous])
    assert (done.returncode, done.stdout.strip()) == (0, "refused"), done.stderr


def test_random_bytes_for_offsets_and_places_are_refused_or_read() -> None:
    """Ten thousand draws in a process of its own: small numbers around the edges and any int64."""
    code = """
import numpy as np
from tidegate.kernels.engine import Layer

random = np.random.default_rng(0)
layer = Layer("gru", [tuple(np.ones(shape, np.float32) / 9 for shape in ((15, 2), (15, 5), (15,), (15,)))])
x = np.ones((5, 2), np.float32)
refused = 0
for draw in range(10000):
    wild = random.integers(-(2**63), 2**63 - 1, 4) if draw % 4 == 0 else random.integers(-1, 8, 4)
    offsets = np.sort(wild) if draw % 2 else wild
    places = random.integers(-1, 7, random.integers(0, 7)) if draw % 3 == 0 else None
    if draw % 5 == 0:
        offsets[0] = 0
    if draw % 5 < 3:
        offsets[-1] = 5 if places is None else len(places)
    try:
        out = layer.forward(x, offsets, places=places, threads=1 + draw % 2)
        assert np.isfinite(out.y).all() and out.y.shape == (offsets[-1], 5)
    except ValueError:
        refused += 1
print(refused)
"""
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    assert 1000 < int(done.stdout) < 9990


@pytest.mark.parametrize("written", ["places", "offsets"])
def test_numbers_written_by_another_thread_during_a_call_lead_nowhere(written: str) -> None:
    """What was checked is what is used: a call that another thread writes into is refused or answered, whatever the answer."""
    code = f"""
import sys, threading, time
import numpy as np
from tidegate.kernels.engine import Layer

sys.setswitchinterval(1e-4)
random = np.random.default_rng(0)
layer = Layer("rnn", [(random.normal(size=(64, 8)), random.normal(size=(64, 64)) / 10, None, None)])
x, places, offsets = random.normal(size=(5, 8)), np.zeros(4000, dtype=np.int64), np.arange(4001)
good, stop = {written}.copy(), threading.Event()

def write():
    while not stop.is_set():
        {written}[100:-100] = 2**40
        {written}[:] = good

writer = threading.Thread(target=write, daemon=True)
writer.start()
answered, until = 0, time.monotonic() + 1.5
while time.monotonic() < until:
    try:
        layer.forward(x, offsets, places=places, threads=1)
        answered += 1
    except ValueError:
        pass
stop.set()
writer.join()
print("lives")
"""
    done = run_python(code, timeout_s=600)
    assert (done.returncode, done.stdout.strip()) == (0, "lives"), done.stderr
