"""RNN, LSTM and GRU with recurrent dropout, zoneout, weight drop and layer norm, and with resets inside a sequence."""

from __future__ import annotations

import copy
import io
import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from drop_ins import HIDDEN, INPUT, INPUTS, UNEVEN, assert_alike, drawn, flat, run, states_of
from tidegate.errors import ShapeError
from tidegate.kernels import engine
from tidegate.nn import GRU, LSTM, RNN
from tidegate.nn.resets import Pieces
from twin_layers import ALL, CASES, PATHS, ByTheTwins, fitting, take

MODULES: dict[str, tuple[Any, dict[str, Any]]] = {
    "rnn": (RNN, {}),
    "rnn-relu": (RNN, {"nonlinearity": "relu"}),
    "lstm": (LSTM, {}),
    "gru": (GRU, {"reset_after": False}),
    "gru-reset-after": (GRU, {}),
}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def module_of(cell: str, **options: Any) -> Any:
    """Of random weights, the gains and shifts too."""
    kind, more = MODULES[cell]
    module = kind(INPUT, HIDDEN, **more, **{"dtype": torch.float64, **options})
    for name, parameter in module.named_parameters():
        if name.startswith(("gain", "shift")):
            nn.init.normal_(parameter)
    return module


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize(("cell", "options"), CASES)
@pytest.mark.parametrize("path", PATHS)
def test_a_module_equals_the_twins_on_the_same_draws(
    cell: str, options: dict[str, Any], name: str, is_training: bool, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(path, monkeypatch)
    batch_first, bias = name in ("transposed", "one sequence"), name != "packed"
    module = module_of(cell, num_layers=2, bidirectional=True, bias=bias, batch_first=batch_first, **options).train(is_training)
    make, leaf, sequences = drawn(name, batch_first=batch_first)
    hx = None if name == "sliced" else states_of(module, sequences)
    torch.manual_seed(5)
    mine, gradients = run(module, make, leaf, hx)
    torch.manual_seed(5)
    wanted, wanted_gradients = run(ByTheTwins(module), make, leaf, hx)
    assert_alike(mine, wanted, 1e-11)
    for one, other in zip(gradients, wanted_gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-11)
    with torch.no_grad():
        for _ in range(2):  # packed the first time
            torch.manual_seed(5)
            assert_alike(module(make(leaf), hx), wanted, 1e-11)


def resets_like(input: Any, *, batch_first: bool) -> tuple[Any, list[list[int]]]:
    """Some walls, of the input's kind, and for each sequence the steps at which it begins anew."""
    if isinstance(input, PackedSequence):
        walls = torch.rand(len(UNEVEN), max(UNEVEN)) < 0.4
        walls[0, 0] = walls[1, 2] = True
        lengths = pad_packed_sequence(input)[1]
        packed = pack_padded_sequence(walls, lengths, batch_first=True, enforce_sorted=input.sorted_indices is None)
        return packed, [[t for t in range(length) if walls[b, t]] for b, length in enumerate(lengths.tolist())]
    shape = input.shape[:-1]
    walls = torch.rand(shape) < 0.4
    by_sequence = walls[None] if len(shape) == 1 else walls if batch_first else walls.T
    by_sequence[0, 0] = True
    by_sequence[-1, -1] = True
    return walls, [[t for t, wall in enumerate(row.tolist()) if wall] for row in by_sequence]


def by_the_pieces(module: Any, x: list[Tensor], walls: list[list[int]], hx: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Each piece of each sequence run as a sequence of its own: the states, and the last states [layers · D, B, H]."""
    directions = 1 + module.bidirectional
    ys, ends = [], []
    for b, sequence in enumerate(x):
        cuts = [0, *(t for t in walls[b] if t), len(sequence)]
        pieces, last = [], []
        for number, (begin, end) in enumerate(pairwise(cuts)):
            states = [torch.zeros_like(part[:, b]) for part in hx]
            for part, whole in zip(states, hx, strict=True):
                if number == 0 and 0 not in walls[b]:
                    part[::directions] = whole[::directions, b]
                if end == len(sequence) and directions == 2:
                    part[1::2] = whole[1::2, b]
            output, state = module(sequence[begin:end], tuple(states) if len(states) == 2 else states[0])
            pieces.append(output)
            last.append(state if isinstance(state, tuple) else (state,))
        ys.append(torch.cat(pieces))
        rows = []
        for place in range(len(hx)):
            end = last[-1][place].clone()
            if directions == 2:
                end[1::2] = 0.0 if 0 in walls[b] else last[0][place][1::2]
            rows.append(end)
        ends.append(rows)
    return ys, [torch.stack(parts, dim=1) for parts in zip(*ends, strict=True)]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("has_states", [True, False])
@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", list(MODULES))
def test_resets_equal_the_pieces_run_apart(
    cell: str, bidirectional: bool, name: str, has_states: bool, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(path, monkeypatch)
    batch_first = name == "one step"
    module = module_of(cell, num_layers=2, bidirectional=bidirectional, batch_first=batch_first)
    make, leaf, sequences = drawn(name, batch_first=batch_first)
    begins = [part.requires_grad_() for part in flat(states_of(module, sequences))]
    leaf.requires_grad_()
    input = make(leaf)
    resets, walls = resets_like(input, batch_first=batch_first)
    hx: Any = (tuple(begins) if len(begins) == 2 else begins[0]) if has_states else None
    output, last = module(input, hx, resets=resets)
    assert type(output) is type(input)
    if isinstance(input, PackedSequence):
        padded, lengths = pad_packed_sequence(input, batch_first=True)
        rows = [row[:length] for row, length in zip(padded, lengths, strict=True)]
        padded, _ = pad_packed_sequence(output, batch_first=True)
        got = [row[: len(one)] for row, one in zip(padded, rows, strict=True)]
        by_data = module(input, hx, resets.data)
        assert_alike(by_data, (output, last), 0.0)
    elif name == "single":
        rows, got = [input], [output]
    else:
        rows, got = (list(part if batch_first else part.transpose(0, 1)) for part in (input, output))
    wholes = [part if sequences else part[:, None] for part in begins]
    if not has_states:
        wholes = [torch.zeros_like(part) for part in wholes]
    wanted, wanted_last = by_the_pieces(module, rows, walls, wholes)
    for one, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)
    for one, other in zip(flat(last), wanted_last, strict=True):
        torch.testing.assert_close(one, other if sequences else other[:, 0], rtol=1e-11, atol=1e-12)
    inputs = [leaf, *(begins if has_states else []), *module.parameters()]
    totals = loss([*got, *flat(last)]), loss([*wanted, *(part if sequences else part[:, 0] for part in wanted_last)])
    gradients = [torch.autograd.grad(total, inputs, retain_graph=True, materialize_grads=True) for total in totals]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-11)
    with torch.no_grad():
        assert_alike(module(input, hx, resets), (output, last), 1e-11)


def loss(parts: list[Tensor]) -> Tensor:
    return sum(((part * torch.arange(1, part.numel() + 1).view(part.shape).cos()).sum() for part in parts), torch.zeros(()))


@pytest.mark.parametrize("path", PATHS)
def test_a_wall_between_two_chunks_is_a_wall_inside_one(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks handed on by their states, forward from the first and backward from the last, are the sequence in one piece."""
    take(path, monkeypatch)
    x, resets = torch.randn(9, INPUT, dtype=torch.float64), torch.zeros(9, dtype=torch.bool)
    resets[4] = True
    for bidirectional in (False, True):
        lstm = module_of("lstm", bidirectional=bidirectional)
        h, c = states_of(lstm, 0)
        whole, (hn, cn) = lstm(x, (h, c), resets)
        forward = slice(0, 1)
        first, first_last = lstm(x[:4], (h, c), resets[:4])
        second, second_last = lstm(x[4:], first_last, resets[4:])
        torch.testing.assert_close(whole[4:, :HIDDEN], second[:, :HIDDEN])
        for part, end in zip((hn, cn), second_last, strict=True):
            torch.testing.assert_close(part[forward], end[forward])
        if bidirectional:
            backward_second, last = lstm(x[4:], (h, c), resets[4:])
            assert all((part[1] == 0).all() for part in last)
            backward_first, first_last = lstm(x[:4], last, resets[:4])
            torch.testing.assert_close(whole[:, HIDDEN:], torch.cat([backward_first, backward_second])[:, HIDDEN:])
            torch.testing.assert_close(hn[1], first_last[0][1])
        else:
            torch.testing.assert_close(whole[:4], first)


@pytest.mark.parametrize("path", PATHS)
def test_resets_beside_every_variant(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces are sequences of their own, masks and all: the same draws as of a batch of them."""
    take(path, monkeypatch)
    lstm = module_of("lstm", num_layers=2, bidirectional=True, **ALL)
    x, resets = torch.randn(9, INPUT, dtype=torch.float64), torch.zeros(9, dtype=torch.bool)
    resets[[2, 6]] = True
    torch.manual_seed(4)
    y, _ = lstm(x, resets=resets)
    pieces = nn.utils.rnn.pack_sequence([x[:2], x[2:6], x[6:]], enforce_sorted=False)
    torch.manual_seed(4)
    apart, lengths = pad_packed_sequence(lstm(pieces)[0], batch_first=True)
    torch.testing.assert_close(y, torch.cat([row[:length] for row, length in zip(apart, lengths, strict=True)]), rtol=1e-11, atol=1e-12)


def test_pieces_of_ragged_sequences() -> None:
    resets = np.array([1, 0, 1, 0, 0, 0, 1, 0, 0], dtype=bool)
    pieces = Pieces(np.array([0, 4, 4, 5, 9]), resets, 2)
    assert pieces.offsets.tolist() == [0, 2, 4, 4, 5, 6, 9]
    states = torch.arange(1.0, 9).view(2, 4, 1)
    assert pieces.begins(states)[:, :, 0].tolist() == [[0, 0, 2, 3, 4, 0], [0, 5, 6, 7, 0, 8]]
    ends = torch.arange(1.0, 13).view(2, 6, 1)
    assert pieces.ends(ends)[:, :, 0].tolist() == [[2, 3, 4, 6], [0, 9, 10, 11]]


@pytest.mark.parametrize(
    ("resets", "said"),
    [
        (torch.zeros(4, 6, dtype=torch.bool), r"resets is torch.bool of shape \[4, 6\]; expected torch.bool of shape \[6, 4\]"),
        (torch.zeros(6, 4), r"resets is torch.float32 of shape \[6, 4\]; expected torch.bool"),
        (np.zeros((6, 4), dtype=bool), r"resets is ndarray; expected torch.bool of shape \[6, 4\]"),
        (pack_padded_sequence(torch.zeros(6, 4, dtype=torch.bool), torch.tensor([6, 6, 3, 1])), "not packed as the input is"),
    ],
)
@pytest.mark.parametrize("path", PATHS)
def test_resets_that_do_not_fit_are_refused(resets: Any, said: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(path, monkeypatch)
    with pytest.raises(ShapeError, match=said):
        module_of("lstm")(torch.randn(6, 4, INPUT, dtype=torch.float64), None, resets)


def test_resets_packed_otherwise_are_refused() -> None:
    lstm, x, walls = module_of("lstm"), torch.randn(6, 4, INPUT, dtype=torch.float64), torch.zeros(6, 4, dtype=torch.bool)
    packed = pack_padded_sequence(x, torch.tensor([3, 6, 6, 1]), enforce_sorted=False)
    with pytest.raises(ShapeError, match="not packed as the input is"):
        lstm(packed, None, pack_padded_sequence(walls, torch.tensor([3, 6, 5, 1]), enforce_sorted=False))
    with pytest.raises(ShapeError, match="sorted otherwise"):
        lstm(packed, None, pack_padded_sequence(walls, torch.tensor([6, 3, 6, 1]), enforce_sorted=False))


def test_an_empty_batch_takes_empty_resets() -> None:
    x = torch.randn(6, 0, INPUT, dtype=torch.float64)
    assert module_of("lstm")(x, None, torch.zeros(6, 0, dtype=torch.bool))[0].shape == (6, 0, HIDDEN)


@pytest.mark.parametrize("cell", ["lstm", "gru", "gru-reset-after"])
def test_layer_norm_adds_parameters_named_as_torch_nn_names_its_own(cell: str) -> None:
    kind, more = MODULES[cell]
    torch.manual_seed(3)
    module = kind(INPUT, HIDDEN, 2, bidirectional=True, layer_norm=True, **more)
    torch.manual_seed(3)
    plain = kind(INPUT, HIDDEN, 2, bidirectional=True, **more)
    rows = (4 if cell == "lstm" else 3) * HIDDEN
    sizes = {"gain_ih": rows, "gain_hh": rows} | ({"gain_c": HIDDEN, "shift_c": HIDDEN} if cell == "lstm" else {})
    added = {f"{part}_l{layer}{suffix}": (size,) for part, size in sizes.items() for layer in (0, 1) for suffix in ("", "_reverse")}
    mine, theirs = module.state_dict(), plain.state_dict()
    assert {name: tuple(part.shape) for name, part in mine.items() if name not in theirs} == added
    assert all(torch.equal(mine[name], part) for name, part in theirs.items())  # begins as torch.nn's
    assert module._flat_weights_names == plain._flat_weights_names
    assert len(module._flat_weights) == len(plain._flat_weights)
    assert len(module.all_weights) == len(plain.all_weights)
    for name in added:
        assert (mine[name] == (0 if name.startswith("shift") else 1)).all()
        nn.init.normal_(module.get_parameter(name))
    module.reset_parameters()
    assert all((module.get_parameter(name) == (0 if name.startswith("shift") else 1)).all() for name in added)


def saved(module: Any) -> Any:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module)), saved], ids=["copy", "pickle", "torch"]
)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "gru-reset-after"])
@pytest.mark.parametrize("path", PATHS)
def test_copies_carry_the_variants(cell: str, copied: Any, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(path, monkeypatch)
    module, x = module_of(cell, **fitting(cell, ALL)), torch.randn(6, 4, INPUT, dtype=torch.float64)
    other = copied(module)
    assert repr(other) == repr(module)
    for each in (module, other):
        each.eval()
    assert_alike(other(x), module(x), 1e-14)
    other.load_state_dict(module.state_dict())
    module.float().double().train()
    torch.manual_seed(2)
    before = module(x)
    torch.manual_seed(2)
    assert_alike(other.float().double().train()(x), before, 1e-14)


@pytest.mark.parametrize("path", PATHS)
def test_weights_gains_and_rates_that_change_are_seen(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(path, monkeypatch)
    module, x = module_of("lstm", zoneout=0.2, layer_norm=True).eval(), torch.randn(6, 4, INPUT, dtype=torch.float64)
    with torch.no_grad():
        for name in ("gain_ih_l0", "gain_hh_l0", "gain_c_l0", "shift_c_l0", "weight_hh_l0"):
            before = module(x)
            module.get_parameter(name).mul_(1.5)
            assert_alike(module(x), ByTheTwins(module)(x), 1e-11)
            assert not torch.allclose(module(x)[0], before[0])
        before = module(x)
        module.zoneout = 0.4
        assert not torch.allclose(module(x)[0], before[0])
        assert_alike(module(x), ByTheTwins(module)(x), 1e-11)


def test_they_say_what_they_are() -> None:
    assert (
        repr(LSTM(3, 5, 2, recurrent_dropout=0.25, layer_norm=True)) == "LSTM(3, 5, num_layers=2, recurrent_dropout=0.25, layer_norm=True)"
    )
    assert repr(GRU(3, 5, reset_after=False, zoneout=0.1)) == "GRU(3, 5, zoneout=0.1, reset_after=False)"


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: RNN(3, 5, layer_norm=True), "tidegate.nn.RNN was given layer_norm=True, but the plain rnn has no layer_norm; lstm, gru"),
        (lambda: GRU(3, 5, zoneout_cell=0.1), "tidegate.nn.GRU was given zoneout_cell=0.1, but .* use zoneout, which keeps the state h"),
        (lambda: LSTM(3, 5, zoneout=1.0), r"tidegate.nn.LSTM was given zoneout=1.0; expected a probability of 0 or more and less than 1"),
        (lambda: LSTM(3, 5, recurrent_dropout=-1), "recurrent_dropout=-1; expected a probability"),
        (lambda: LSTM(3, 5, proj_size=2, weight_drop=0.1), "was given proj_size=2 and weight_drop=0.1; it has either, not both"),
    ],
)
def test_what_a_module_does_not_have_is_refused(build: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("kind", [RNN, LSTM, GRU])
def test_variants_are_traced_and_not_scripted_as_torchs(kind: Any) -> None:
    module, x = kind(INPUT, HIDDEN, zoneout=0.25).eval(), torch.randn(6, 4, INPUT)
    with pytest.raises(NotImplementedError, match=rf"given a tidegate.nn.{kind.__name__} with zoneout=0.25, .* Use torch\.jit\.trace"):
        torch.jit.script(module)
    assert_alike(torch.jit.trace(module, (x,), check_trace=False)(x), ByTheTwins(module)(x), 1e-5)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru", "gru-reset-after"])
def test_variants_run_where_the_engine_does_not(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dtypes, devices, autocast, transforms."""

    def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("this was to run on torch")

    monkeypatch.setattr(engine, "Layer", refused)
    module, x = (
        module_of(cell, num_layers=2, bidirectional=True, dropout=0.1, dtype=torch.float32, **fitting(cell, ALL)),
        torch.randn(6, 4, INPUT),
    )
    resets = torch.rand(6, 4) < 0.3
    assert copy.deepcopy(module).to(torch.bfloat16)(x.bfloat16())[0].dtype == torch.bfloat16
    assert copy.deepcopy(module).to("meta")(x.to("meta"))[0].shape == (6, 4, 2 * HIDDEN)
    monkeypatch.setattr(engine, "is_built", lambda: False)  # which computes in float32 under autocast
    with torch.autocast("cpu", dtype=torch.bfloat16):
        module(x, None, resets)[0].sum().backward()
        lowered, _ = module.eval()(x)
    each = torch.vmap(lambda x: module(x)[0])(x[None].expand(2, -1, -1, -1))
    torch.testing.assert_close(lowered.float(), each[0], rtol=0.1, atol=0.1)
    assert module(x[:, :0])[0].shape == (6, 0, 2 * HIDDEN)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", PATHS)
def test_torch_compile_goes_round_variants_and_resets(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(path, monkeypatch)
    torch._dynamo.reset()
    for module, resets in ((module_of("lstm", zoneout=0.2, layer_norm=True), None), (module_of("lstm"), torch.rand(6, 4) < 0.3)):
        module.eval()
        compiled, x = (
            torch.compile(lambda x, module=module, resets=resets: module(x, None, resets)[0] * 2, backend="eager"),
            torch.randn(6, 4, INPUT).double(),
        )
        assert_alike(compiled(x), module(x, None, resets)[0] * 2, 1e-12)
