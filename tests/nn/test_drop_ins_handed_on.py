"""What the engine does not do is handed to torch.nn, the paper's GRU to its twin: answers and errors are torch.nn's."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from drop_ins import HIDDEN, INPUT, KINDS, assert_alike, drawn, every_kind, flat, pair, run, states_of
from tidegate.kernels import engine
from tidegate.nn import GRU, LSTM, RNN


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever makes a layer for the engine fails."""

    def refused(*_: Any, **__: Any) -> Any:
        raise AssertionError("this was to be handed on")

    monkeypatch.setattr(engine, "Layer", refused)


def batch(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(6, 4, INPUT, dtype=dtype)


@pytest.mark.usefixtures("no_engine")
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("name", ["batch", "single", "packed unsorted"])
def test_projections(name: str, bidirectional: bool) -> None:
    ours, theirs = pair("lstm", num_layers=2, bidirectional=bidirectional, proj_size=2)
    make, leaf, sequences = drawn(name)
    rows = 2 * (1 + bidirectional)
    hx = tuple(torch.randn((rows, sequences, width) if sequences else (rows, width), dtype=torch.float64) for width in (2, HIDDEN))
    for states in (None, hx):
        (mine, my_gradients), (output, gradients) = run(ours, make, leaf, states), run(theirs, make, leaf, states)
        assert_alike(mine, output, 0.0)
        assert_alike(my_gradients, gradients, 0.0)


@pytest.mark.usefixtures("no_engine")
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@every_kind
def test_other_dtypes(kind: str, dtype: torch.dtype) -> None:
    ours, theirs = pair(kind, dtype=dtype)
    assert_alike(ours(batch(dtype)), theirs(batch(dtype)), 10.0)
    x = batch(dtype)
    assert_alike(ours(x), theirs(x), 0.0)


@pytest.mark.usefixtures("no_engine")
@every_kind
def test_the_meta_device(kind: str) -> None:
    mine, theirs, more = KINDS[kind]
    ours, torchs = (which(INPUT, HIDDEN, **more, device="meta") for which in (mine, theirs))
    x = torch.empty(6, 4, INPUT, device="meta")
    assert [part.shape for part in flat(ours(x))] == [part.shape for part in flat(torchs(x))]


@pytest.mark.usefixtures("no_engine")
@every_kind
def test_a_batch_of_no_sequences(kind: str) -> None:
    ours, theirs = pair(kind)
    assert_alike(ours(torch.empty(6, 0, INPUT, dtype=torch.float64)), theirs(torch.empty(6, 0, INPUT, dtype=torch.float64)), 0.0)


@pytest.mark.usefixtures("no_engine")
@every_kind
def test_forward_mode_and_transforms(kind: str) -> None:
    ours, theirs = pair(kind)
    x, direction = batch(), batch()
    results = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own, on first use of its forward mode
        for module in (ours, theirs):
            with forward_ad.dual_level():
                results.append(forward_ad.unpack_dual(module(forward_ad.make_dual(x, direction))[0]).tangent)
            results.append(torch.func.grad(lambda x, module=module: module(x)[0].square().sum())(x))
            results.append(torch.func.jvp(lambda x, module=module: module(x)[0], (x,), (direction,))[1])
    assert_alike(results[:3], results[3:], 0.0)


@pytest.mark.usefixtures("no_engine")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@every_kind
def test_tracing_and_scripting(kind: str) -> None:
    ours, theirs = pair(kind)
    x = batch()
    assert_alike(torch.jit.trace(ours, (x,), check_trace=False)(x), theirs(x), 0.0)
    assert_alike(torch.jit.script(_First(ours))(x), theirs(x)[0], 0.0)


class _First(nn.Module):
    """A parent: torch.jit.script gives a lone torch.nn.LSTM no `forward` either."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.inner(x)
        return y  # type: ignore[no-any-return]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_papers_gru_is_not_scripted_as_torchs() -> None:
    with pytest.raises(NotImplementedError, match=r"reset_after=False, .* Use reset_after=True, or torch\.jit\.trace"):
        torch.jit.script(_First(GRU(INPUT, HIDDEN, reset_after=False)))


class Weighed(Tensor):
    """Any subclass of Tensor."""


@pytest.mark.usefixtures("no_engine")
def test_subclasses_of_tensor_and_dispatch_modes() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    ours, theirs = pair("gru")
    x = batch()
    assert type(ours(x.as_subclass(Weighed))[0]) is type(theirs(x.as_subclass(Weighed))[0])
    counts = []
    for module in (ours, theirs):
        with FlopCounterMode(display=False) as counter:
            module(x)
        counts.append(counter.get_total_flops())
    assert counts[0] == counts[1] > 0


@pytest.mark.usefixtures("no_engine")
def test_views_with_the_negative_bit() -> None:
    ours, theirs = pair("lstm")
    x = torch.randn(6, 4, INPUT, dtype=torch.complex128).conj().imag
    assert x.is_neg()
    assert_alike(ours(x), theirs(x), 0.0)


@pytest.mark.usefixtures("no_engine")
@every_kind
def test_where_the_engine_was_not_built(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "is_built", lambda: False)
    said: list[bool] = []
    monkeypatch.setattr(engine, "note_missing", lambda: said.append(True))
    ours, theirs = pair(kind)
    make, leaf, sequences = drawn("packed unsorted")
    hx = states_of(theirs, sequences)
    (mine, my_gradients), (output, gradients) = run(ours, make, leaf, hx), run(theirs, make, leaf, hx)
    assert_alike(mine, output, 0.0)
    assert_alike(my_gradients, gradients, 0.0)
    assert said


# Each a call with something wrong; in the comment, what is.
WRONG: dict[str, Callable[[Any], Any]] = {
    "dtype": lambda module: module(batch(torch.float32)),
    "width": lambda module: module(torch.randn(6, 4, INPUT + 1, dtype=torch.float64)),
    "one dimension": lambda module: module(torch.randn(INPUT, dtype=torch.float64)),
    "four dimensions": lambda module: module(torch.randn(2, 6, 4, INPUT, dtype=torch.float64)),
    "no steps": lambda module: module(torch.empty(0, 4, INPUT, dtype=torch.float64)),
    "states of another batch": lambda module: module(batch(), states_of(module, 3)),
    "states of another dtype": lambda module: module(batch(), states_of(module, 4, torch.float32)),
    "unbatched states of a batch": lambda module: module(batch(), states_of(module, 0)),
    "batched states of a single": lambda module: module(batch()[:, 0], states_of(module, 4)),
    "states of a wrong kind": lambda module: module(batch(), "zeros"),
    "packed states of another batch": lambda module: module(
        pack_padded_sequence(batch(), torch.tensor([6, 6, 3, 1])), states_of(module, 3)
    ),
    "packed of three dimensions": lambda module: module(pack_padded_sequence(batch()[..., None], torch.tensor([6, 6, 3, 1]))),
    "packed of another dtype": lambda module: module(pack_padded_sequence(batch(torch.float32), torch.tensor([6, 6, 3, 1]))),
    "packed, sizes that rise": lambda module: module(PackedSequence(batch()[:, 0], torch.tensor([2, 4]))),
    "packed, sizes of more rows": lambda module: module(PackedSequence(batch()[:, 0], torch.tensor([5, 4]))),
    "no tensor": lambda module: module([[1.0, 2.0, 3.0]]),
    "integers": lambda module: module(torch.ones(6, 4, INPUT, dtype=torch.int64)),
}


@pytest.mark.usefixtures("no_engine")
@pytest.mark.parametrize("wrong", list(WRONG))
@every_kind
def test_what_does_not_fit_raises_what_torch_nn_raises(kind: str, wrong: str) -> None:
    ours, theirs = pair(kind, num_layers=2)
    torch.manual_seed(1)
    with pytest.raises(Exception) as raised:  # noqa: PT011
        WRONG[wrong](theirs)
    torch.manual_seed(1)
    with pytest.raises(type(raised.value)) as own:
        WRONG[wrong](ours)
    assert type(own.value) is type(raised.value)
    assert str(own.value) == str(raised.value)


CHECKED = [
    wrong
    for wrong in WRONG
    if wrong
    not in (
        "states of a wrong kind",
        "no tensor",
        "packed, sizes that rise",
        "packed, sizes of more rows",
        "states of another dtype",
    )
]


@pytest.mark.usefixtures("no_engine")
@pytest.mark.parametrize("wrong", CHECKED)
def test_the_papers_gru_says_it_in_torch_nns_words(wrong: str) -> None:
    papers, torchs = GRU(INPUT, HIDDEN, 2, reset_after=False, dtype=torch.float64), nn.GRU(INPUT, HIDDEN, 2, dtype=torch.float64)
    with pytest.raises(Exception) as raised:  # noqa: PT011
        WRONG[wrong](torchs)
    with pytest.raises(type(raised.value)) as own:
        WRONG[wrong](papers)
    assert str(own.value) == str(raised.value)


@pytest.mark.usefixtures("no_engine")
@pytest.mark.parametrize("wrong", [wrong for wrong in WRONG if wrong not in CHECKED])
def test_the_papers_gru_refuses_what_else_is_wrong(wrong: str) -> None:
    with pytest.raises((RuntimeError, ValueError, AttributeError, IndexError, TypeError)):
        WRONG[wrong](GRU(INPUT, HIDDEN, 2, reset_after=False, dtype=torch.float64))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_papers_gru_runs_on_torch_alone_where_the_engine_does_not(bidirectional: bool, no_engine: None) -> None:
    """Dtypes, devices and transforms; `test_drop_ins` compares its numbers with the cell's."""
    options: dict[str, Any] = {"num_layers": 2, "bidirectional": bidirectional, "reset_after": False}
    x = batch(torch.float32)
    low = GRU(INPUT, HIDDEN, **options, dtype=torch.bfloat16)
    assert low(x.bfloat16())[0].dtype == torch.bfloat16
    assert GRU(INPUT, HIDDEN, **options, device="meta")(x.to("meta"))[0].shape == (6, 4, HIDDEN * (1 + bidirectional))
    gru = GRU(INPUT, HIDDEN, **options)
    each = torch.vmap(lambda x: gru(x)[0])(x[None].expand(2, -1, -1, -1))
    torch.testing.assert_close(each[0], each[1])
    assert gru(x[:, :0])[0].shape == (6, 0, HIDDEN * (1 + bidirectional))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@every_kind
def test_cuda(kind: str, no_engine: None) -> None:
    ours, theirs = (module.cuda() for module in pair(kind, dtype=torch.float32))
    x = batch(torch.float32).cuda()
    assert_alike(ours(x), theirs(x), 1e-6)
    assert GRU(INPUT, HIDDEN, reset_after=False).cuda()(x)[0].is_cuda
    assert isinstance(ours, (RNN, LSTM, GRU))
