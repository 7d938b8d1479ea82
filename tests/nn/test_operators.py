"""The engine as operators of torch.library: what a graph is told of them, torch.compile, torch.export and autocast round the drop-ins."""

from __future__ import annotations

import gc
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._functorch import config as functorch_config
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.checkpoint import checkpoint

from drop_ins import HIDDEN, INPUT, KINDS, assert_alike, every_kind, flat, pair, states_of
from strategies import RAGGED, offsets_of
from tidegate.kernels import GATES, architecture, engine
from tidegate.kernels.architecture import WITHOUT_RECURRENT_MATRIX
from tidegate.nn import GRU, LSTM, RNN, RecurrentStack, operators
from tidegate.nn.recurrence import recurrence

CELLS, MINIMAL = engine.RECURRENT_CELLS, sorted(WITHOUT_RECURRENT_MATRIX)
# torch's own, of what dynamo meets on its way.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    torch.manual_seed(0)
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


class Arguments(NamedTuple):
    """Those of `tidegate::recurrence`, three sequences, one of them empty."""

    cell: Any
    directions: int
    x: Tensor
    offsets: Tensor
    weights: list[Tensor]
    h0: Tensor
    c0: Tensor | None
    rows: Tensor | None
    mask: Tensor | None
    seed: Tensor | None

    @classmethod
    def draw(
        cls,
        cell: str,
        directions: int,
        *,
        bias: bool = True,
        dtype: torch.dtype = torch.float64,
        recorded: str = "all",
        variant: str = "plain",
    ) -> Arguments:
        """`recorded` says what requires a gradient."""
        gates = GATES["rnn" if cell == "rnn-relu" else cell]  # type: ignore[index]

        def drawn(*shape: int, name: str) -> Tensor:
            return torch.randn(*shape, dtype=dtype, requires_grad=recorded in ("all", name))

        shapes = [(gates * HIDDEN, INPUT), *([] if cell in MINIMAL else [(gates * HIDDEN, HIDDEN)])]
        shapes += [(gates * HIDDEN,)] * (bias * len(shapes))
        if variant == "layer norm":
            shapes += [(gates * HIDDEN,)] * 2 + [(HIDDEN,)] * (2 * (cell == "lstm"))
        x, states = drawn(7, INPUT, name="x"), [drawn(directions, 3, HIDDEN, name="states") for _ in range(1 + (cell == "lstm"))]
        weights = [drawn(*shape, name="weights") for _ in range(directions) for shape in shapes]
        return cls(
            cell,
            directions,
            x,
            torch.tensor([0, 3, 3, 7]),
            weights,
            states[0],
            states[1] if cell == "lstm" else None,
            torch.randperm(7) if variant == "rows" else None,
            (torch.rand(directions, 3, HIDDEN) < 0.5).to(dtype) * 2 if variant == "mask" else None,
            torch.tensor(5) if variant == "zoneout" else None,
        )

    def options(self) -> dict[str, float]:
        """Keyword arguments that both operators share."""
        return {"zoneout_h": 0.0 if self.seed is None else 0.3, "zoneout_c": 0.3 if self.seed is not None and self.cell == "lstm" else 0.0}


def checked(operator: Any, arguments: Any, options: dict[str, Any]) -> None:
    assert set(torch.library.opcheck(operator, arguments, options).values()) == {"SUCCESS"}


PLAIN_CASES = [
    (1, True, torch.float32, "all", "plain"),
    (2, False, torch.float64, "x", "plain"),
    (1, False, torch.float64, "weights", "plain"),
    (2, True, torch.float32, "states", "rows"),
    (1, True, torch.float64, "none", "plain"),
]
VARIED_CASES = [(2, True, torch.float32, "all", "mask"), (1, True, torch.float64, "all", "zoneout")]
NORMED_CASES = [(2, True, torch.float32, "all", "layer norm")]
CASES = (
    [(cell, *case) for cell in (*CELLS, *MINIMAL) for case in PLAIN_CASES]
    + [(cell, *case) for cell in CELLS for case in VARIED_CASES]
    + [(cell, *case) for cell in ("lstm", "gru", "gru-reset-after") for case in NORMED_CASES]
)


@pytest.mark.parametrize(("cell", "directions", "bias", "dtype", "recorded", "variant"), CASES, ids=str)
def test_torch_finds_nothing_wrong_with_the_operators(
    cell: str, directions: int, bias: bool, dtype: torch.dtype, recorded: str, variant: str
) -> None:
    arguments = Arguments.draw(cell, directions, bias=bias, dtype=dtype, recorded=recorded, variant=variant)
    shared = {"reverse": directions == 1, **arguments.options()}
    checked(torch.ops.tidegate.recurrence.default, tuple(arguments), {**shared, "keep": recorded != "none"})
    with torch.no_grad():
        y, hn, cn, reserve = torch.ops.tidegate.recurrence(*arguments, **shared, keep=True)
    _, _, *rest = torch.utils._pytree.tree_map_only(Tensor, Tensor.detach, tuple(arguments))
    for dy, dhn, dcn in ((torch.randn_like(y), None, None), (None, torch.randn_like(hn), torch.randn_like(cn))):
        options = {**shared, "needs_dx": dy is not None, "needs_states": dhn is not None}
        given = (cell, directions, dy, dhn, dcn if cell == "lstm" else None, *rest, reserve)
        checked(torch.ops.tidegate.recurrence_backward.default, given, options)


@pytest.mark.parametrize("is_kept", [True, False])
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize(
    ("cell", "variant"),
    [(cell, variant) for cell in (*CELLS, *MINIMAL) for variant in ("plain", "rows")]
    + [(cell, variant) for cell in CELLS for variant in ("mask", "zoneout")]
    + [(cell, "layer norm") for cell in ("lstm", "gru", "gru-reset-after")],
)
def test_the_operators_give_the_same_bits_as_the_layer_outside_of_graphs(cell: Any, variant: str, directions: int, is_kept: bool) -> None:
    """With a tape kept, and with the forward pass computed once more."""
    arguments = Arguments.draw(cell, directions, variant=variant)
    _, _, x, offsets, weights, h0, c0, rows, mask, seed = arguments
    leaves = [x, h0, *([] if c0 is None else [c0]), *weights]
    y, hn, cn, _ = torch.ops.tidegate.recurrence(*arguments, **arguments.options(), keep=is_kept)
    other = recurrence(
        cell,
        x,
        offsets.numpy(),
        operators.directions_of(cell, directions, weights),
        h0,
        c0,
        rows=None if rows is None else rows.numpy(),
        mask=mask,
        zoneout=tuple(arguments.options().values()),  # type: ignore[arg-type]
        seed=None if seed is None else int(seed),
    )
    results = []
    for parts in ((y, hn, cn) if c0 is not None else (y, hn), [part for part in other if part is not None]):
        loss = sum((part * torch.arange(1.0, part.numel() + 1).view(part.shape).cos()).sum() for part in parts)
        results.append([*parts, *torch.autograd.grad(loss, leaves)])  # type: ignore[arg-type]
    assert_alike(*results, 0.0)


class Model(nn.Module):
    """A drop-in between other layers; gives back its last states too."""

    def __init__(self, inner: nn.Module, width: int = HIDDEN) -> None:
        super().__init__()
        self.before, self.inner, self.after = nn.Linear(INPUT, INPUT), inner, nn.Linear(width, 2)

    def forward(self, x: Tensor, hx: Any = None) -> tuple[Tensor, Any]:
        y, last = self.inner(torch.tanh(self.before(x)), hx)
        return torch.relu(self.after(y)), last


def learned(model: Any, module: nn.Module, x: Tensor, hx: Any) -> list[Tensor]:
    """Outputs, and gradients of input, states and parameters."""
    x = x.clone().requires_grad_()
    begins = [part.clone().requires_grad_() for part in flat(hx)]
    output = flat(model(x, None if hx is None else tuple(begins) if isinstance(hx, tuple) else begins[0]))
    loss = sum((part * torch.arange(1.0, part.numel() + 1).view(part.shape).cos()).sum() for part in output)
    return [*output, *torch.autograd.grad(loss, [x, *begins, *module.parameters()])]  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("rnn", {"batch_first": True}),
        ("rnn-relu", {"bidirectional": True}),
        ("lstm", {"num_layers": 2, "bidirectional": True, "bias": False}),
        ("gru", {"num_layers": 2, "batch_first": True}),
        ("paper", {"num_layers": 2, "bidirectional": True, "batch_first": True}),
    ],
    ids=str,
)
def test_compiled_whole_it_equals_eager_for_batches_of_any_size(kind: str, options: dict[str, Any], engine_calls: list[str]) -> None:
    inner = GRU(INPUT, HIDDEN, reset_after=False, **options) if kind == "paper" else pair(kind, dtype=torch.float32, **options)[0]
    module = Model(inner, HIDDEN * (1 + inner.bidirectional))
    graphs: list[Any] = []

    def backend(graph: Any, examples: Any) -> Any:
        graphs.append(graph)
        return torch._dynamo.lookup_backend("aot_eager")(graph, examples)

    compiled = torch.compile(module, backend=backend, fullgraph=True)
    for shape in ((4, 6), (5, 7), (3, 9), (8, 2)):
        x, hx = torch.randn(*shape, INPUT), states_of(inner, shape[0 if inner.batch_first else 1], torch.float32)
        engine_calls.clear()
        mine = learned(compiled, module, x, hx)
        assert len(engine_calls) == inner.num_layers  # forward alone: the backward pass found what it had kept
        assert_alike(mine, learned(module, module, x, hx), 1e-6)
    assert len(graphs) == 2  # sizes fixed, then sizes free
    single, hx = torch.randn(6, INPUT), states_of(inner, 0, torch.float32)
    assert_alike(learned(compiled, module, single, hx), learned(module, module, single, hx), 1e-6)


@pytest.mark.slow
def test_inductor() -> None:
    """One graph alone, since it goes to a C++ compiler: two layers, two directions, sizes free, an optimiser's steps between."""
    module = Model(LSTM(INPUT, HIDDEN, 2, bidirectional=True), 2 * HIDDEN)
    compiled, optimiser = torch.compile(module, fullgraph=True, dynamic=True), torch.optim.SGD(module.parameters(), lr=0.1)
    for shape in ((4, 6), (5, 7), (9, 3)):
        x = torch.randn(*shape, INPUT)
        assert_alike(learned(compiled, module, x, None), learned(module, module, x, None), 1e-5)
        module(x)[0].sum().backward()
        optimiser.step()


@pytest.mark.slow
@every_kind
def test_dropout_between_layers_draws_as_eager_does_and_not_outside_training(kind: str) -> None:
    mine, _, more = KINDS[kind]
    module, x = mine(INPUT, 100, 2, **more, dropout=0.5), torch.randn(4, 2, INPUT)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    drawn = []
    for run in (compiled, module, compiled):
        torch.manual_seed(len(drawn) // 2)
        drawn.append(run(x)[0])
    assert_alike(drawn[0], drawn[1], 1e-6)
    assert not torch.allclose(drawn[0], drawn[2])
    module.eval()
    assert_alike(compiled(x), module(x), 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "module",
    [
        LSTM(INPUT, HIDDEN, 2, bidirectional=True, recurrent_dropout=0.3, zoneout=0.2, zoneout_cell=0.1, weight_drop=0.2, layer_norm=True),
        LSTM(INPUT, HIDDEN, bias=False, layer_norm=True),
        GRU(INPUT, HIDDEN, bias=False, layer_norm=True),
        GRU(INPUT, HIDDEN, reset_after=False, recurrent_dropout=0.3),
        GRU(INPUT, HIDDEN, zoneout=0.4, layer_norm=True),
        RNN(INPUT, HIDDEN, weight_drop=0.4),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_training", [True, False])
def test_dropouts_inside_the_recurrence_are_compiled_whole_and_draw_as_eager_does(module: nn.Module, is_training: bool) -> None:
    module.train(is_training)
    compiled, x = torch.compile(module, backend="aot_eager", fullgraph=True), torch.randn(5, 3, INPUT)
    found = []
    for run in (compiled, module):
        torch.manual_seed(1)
        y = run(x)[0]
        found.append([y, *torch.autograd.grad(y.square().sum(), list(module.parameters()))])
    assert_alike(*found, 1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bilstm", "mingru"])
def test_a_varied_stack_is_compiled_whole(name: str) -> None:
    options = {} if name == "mingru" else {"recurrent_dropout": 0.3, "zoneout": 0.2, "layer_norm": True}
    stack = RecurrentStack(architecture(name), INPUT, HIDDEN, 2, 0.3, **options)  # type: ignore[arg-type]
    compiled, x = torch.compile(stack, backend="aot_eager", fullgraph=True), torch.randn(sum(RAGGED), INPUT)
    found = []
    for run in (compiled, stack):
        torch.manual_seed(1)
        found.append([run(x, offsets_of(RAGGED))])
    assert_alike(*found, 1e-6)


@pytest.mark.slow
def test_compiled_inference_packs_once_and_sees_what_changes(engine_calls: list[str]) -> None:
    module, x = LSTM(INPUT, HIDDEN), torch.randn(4, 2, INPUT)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    with torch.no_grad():
        compiled(x)
        engine_calls.clear()
        before = compiled(x)[0]
        assert not engine_calls
        module.weight_hh_l0.mul_(2)
        assert not torch.allclose(compiled(x)[0], before)
        assert_alike(compiled(x), module(x), 1e-6)
    held = len(operators._packed)
    del module, compiled
    torch._dynamo.reset()
    gc.collect()
    assert len(operators._packed) < held


def kept() -> int:
    gc.collect()
    return sum(type(thing) is operators.Kept for thing in gc.get_objects())


@pytest.mark.slow
def test_tapes_live_as_long_as_their_graph() -> None:
    module, x = GRU(INPUT, HIDDEN, 2), torch.randn(4, 2, INPUT)
    compiled, before = torch.compile(module, backend="aot_eager", fullgraph=True), kept()
    for _ in range(100):
        compiled(x)[0].sum().backward()
    assert kept() == before
    with functorch_config.patch(donated_buffer=False):
        torch._dynamo.reset()
        compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
        loss = compiled(x)[0].sum()
        assert kept() == before + 2
        first = torch.autograd.grad(loss, module.weight_hh_l0, retain_graph=True)
        assert_alike(first, torch.autograd.grad(loss, module.weight_hh_l0, retain_graph=True), 0.0)
        assert_alike(first, torch.autograd.grad(module(x)[0].sum(), module.weight_hh_l0), 1e-6)
        del loss
    assert kept() == before


@pytest.mark.slow
def test_activation_checkpointing_inside_a_graph() -> None:
    module, x = Model(LSTM(INPUT, HIDDEN, 2)), torch.randn(4, 2, INPUT)

    def run(x: Tensor, hx: Any = None) -> Any:
        return checkpoint(module, x, hx, use_reentrant=False)

    compiled = torch.compile(run, backend="aot_eager", fullgraph=True)
    assert_alike(learned(compiled, module, x, None), learned(module, module, x, None), 1e-6)


@pytest.mark.parametrize("hook", ["pack to a copy", "checkpoint"])
def test_where_the_reserve_is_lost_the_forward_pass_runs_again(hook: str, engine_calls: list[str]) -> None:
    arguments = Arguments.draw("lstm", 2)
    x = arguments.x

    def run(x: Tensor) -> Tensor:
        return torch.ops.tidegate.recurrence(*arguments._replace(x=x), keep=True)[0]  # type: ignore[no-any-return]

    (wanted,) = torch.autograd.grad(run(x).square().sum(), x)
    engine_calls.clear()
    if hook == "checkpoint":
        y = checkpoint(run, x, use_reentrant=False)
    else:
        with torch.autograd.graph.saved_tensors_hooks(Tensor.clone, lambda tensor: tensor):
            y = run(x)
    assert_alike(torch.autograd.grad(y.square().sum(), x), (wanted,), 0.0)
    assert len(engine_calls) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_gradients_of_gradients_are_refused(backend: str) -> None:
    module, x = LSTM(INPUT, HIDDEN), torch.randn(4, 2, INPUT, requires_grad=True)
    message = "torch.nn.LSTM or torch.nn.GRU there" if backend == "eager" else "does not currently support double backward"
    with functorch_config.patch(donated_buffer=False), pytest.raises(RuntimeError, match=message):
        y = torch.compile(module, backend=backend, fullgraph=True)(x)[0]
        torch.autograd.grad(torch.autograd.grad(y.square().sum(), x, create_graph=True)[0].sum(), x)


HANDED_ON: dict[str, Callable[[], tuple[Any, Any, tuple[Any, ...]]]] = {
    "proj_size": lambda: (*pair("lstm", proj_size=2, dtype=torch.float32), (torch.randn(4, 2, INPUT),)),
    "bfloat16": lambda: (*pair("gru", dtype=torch.bfloat16), (torch.randn(4, 2, INPUT, dtype=torch.bfloat16),)),
    "no sequences": lambda: (*pair("rnn", dtype=torch.float32), (torch.randn(4, 0, INPUT),)),
    "meta": lambda: (LSTM(INPUT, HIDDEN, device="meta"), nn.LSTM(INPUT, HIDDEN, device="meta"), (torch.empty(4, 2, INPUT, device="meta"),)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(HANDED_ON))
def test_what_the_engine_does_not_do_breaks_the_graph_and_goes_to_torch_nn(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs, arguments = HANDED_ON[name]()
    monkeypatch.setattr(engine, "Layer", None)
    mine, output = torch.compile(ours, backend="eager")(*arguments), theirs(*arguments)
    assert [part.shape for part in flat(mine)] == [part.shape for part in flat(output)]
    if name != "meta":
        assert_alike(mine, output, 0.0)
    torch._dynamo.reset()
    with pytest.raises(torch._dynamo.exc.Unsupported, match=r"what its engine does not do in a graph \(a PackedSequence, a GPU"):
        torch.compile(ours, backend="eager", fullgraph=True)(*arguments)


@pytest.mark.slow
def test_errors_in_graphs_are_torch_nns() -> None:
    ours, theirs = pair("lstm", dtype=torch.float32)
    for x, hx in ((torch.randn(4, 2, INPUT + 1), None), (torch.randn(4, 2, INPUT), states_of(theirs, 3, torch.float32))):
        with pytest.raises(RuntimeError) as raised:
            theirs(x, hx)
        with pytest.raises(RuntimeError) as own:
            torch.compile(ours, backend="eager")(x, hx)
        assert str(own.value).startswith(str(raised.value))


@pytest.mark.slow
def test_a_packed_sequence_and_torch_func_break_the_graph_with_the_same_numbers(engine_calls: list[str]) -> None:
    ours, theirs = pair("gru", dtype=torch.float32)
    packed = pack_padded_sequence(torch.randn(5, 3, INPUT), torch.tensor([2, 5, 1]), enforce_sorted=False)
    assert_alike(torch.compile(ours, backend="eager")(packed), theirs(packed), 1e-6)
    assert engine_calls
    results = []
    for module in (ours, theirs):

        def gradient(x: Tensor, module: Any = module) -> Tensor:
            return torch.func.grad(lambda x: module(x)[0].square().sum())(x)

        results.append((torch.compile(gradient, backend="eager") if module is ours else gradient)(torch.ones(4, 2, INPUT)))
    assert_alike(*results, 1e-6)


@pytest.mark.slow
def test_torch_nns_own_modules_still_break_the_graph() -> None:
    """Only ours are let in: torch's would be unrolled step by step."""
    with pytest.raises(torch._dynamo.exc.Unsupported, match="RNN, GRU, or LSTM"):
        torch.compile(Model(nn.LSTM(INPUT, HIDDEN)), backend="eager", fullgraph=True)(torch.randn(4, 2, INPUT))


@pytest.mark.slow
def test_dynamo_lets_ours_in_when_it_was_there_first() -> None:
    """It comes second in all other tests; importing `tidegate.nn` alone does not import it, which takes a second."""
    code = (
        "import sys, torch\n"
        "import {}, tidegate.nn\n"
        "assert ('torch._dynamo' in sys.modules) is {}\n"
        "if {}: torch.compile(tidegate.nn.LSTM(3, 5), backend='eager', fullgraph=True)(torch.ones(2, 2, 3))"
    )
    for first, is_there in (("torch._dynamo", True), ("torch", False)):
        subprocess.run([sys.executable, "-W", "ignore", "-c", code.format(first, is_there, is_there)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("is_dynamic", [False, True])
def test_export(strict: bool, is_dynamic: bool, engine_calls: list[str]) -> None:
    module, x = Model(LSTM(INPUT, HIDDEN, 2, bidirectional=True, batch_first=True), 2 * HIDDEN).eval(), torch.randn(4, 6, INPUT)
    sizes = ({0: torch.export.Dim("B"), 1: torch.export.Dim("T")}, None) if is_dynamic else None
    hx = states_of(module.inner, 4, torch.float32)
    program = torch.export.export(module, (x, None), strict=strict, dynamic_shapes=sizes)
    with_states = torch.export.export(module, (x, hx), strict=strict)
    assert sum("tidegate.recurrence" in str(node.target) for node in program.graph.nodes) == 2
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    loaded = torch.export.load(file).module()
    engine_calls.clear()
    for given in (x, torch.randn(3, 9, INPUT)) if is_dynamic else (x,):
        assert_alike(loaded(given, None), module(given), 1e-6)
        assert_alike(program.run_decompositions().module()(given, None), module(given), 1e-6)
    assert engine_calls
    assert_alike(with_states.module()(x, hx), module(x, hx), 1e-6)
    trained = program.module()
    mine, wanted = (list(torch.autograd.grad(run(x, None)[0].sum(), list(run.parameters()))) for run in (trained, module))
    assert_alike(mine, wanted, 1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("state", [None, torch.float32, torch.bfloat16])
@every_kind
def test_autocast_runs_on_the_engine_and_gives_torch_nns_dtypes(
    kind: str, state: torch.dtype | None, dtype: torch.dtype, engine_calls: list[str]
) -> None:
    ours, theirs = pair(kind, dtype=torch.float32, num_layers=2, bidirectional=True)
    x, hx = torch.randn(6, 4, INPUT).to(dtype), None if state is None else states_of(theirs, 4, state)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine, output = ours(x, hx), theirs(x, hx)
    assert len(engine_calls) == 2
    for one, other in zip(flat(mine), flat(output), strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=0.05, atol=0.05)
    wide = tuple(part.float() for part in flat(hx))
    exact = ours(x.float(), None if hx is None else wide if kind == "lstm" else wide[0])
    assert_alike(flat(mine), [part.to(one.dtype) for part, one in zip(flat(exact), flat(mine), strict=True)], 0.0)  # float32 within
    sum(part.float().sum() for part in flat(mine)).backward()  # type: ignore[union-attr]
    assert all(parameter.grad is not None and parameter.grad.dtype == torch.float32 for parameter in ours.parameters())


@pytest.mark.parametrize("kind", ["paper", "packed", "double", "bfloat16", "proj_size"])
def test_autocast_of_what_else_there_is(kind: str) -> None:
    x = torch.randn(6, 4, INPUT)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        if kind == "paper":
            assert GRU(INPUT, HIDDEN, reset_after=False)(x)[0].dtype == torch.bfloat16
        elif kind == "packed":
            ours, theirs = pair("lstm", dtype=torch.float32)
            packed = pack_padded_sequence(x, torch.tensor([6, 2, 4, 1]), enforce_sorted=False)
            mine, output = ours(packed), theirs(packed)
            assert type(mine[0]) is type(output[0])
            assert [part.dtype for part in flat(mine)] == [part.dtype for part in flat(output)]
            torch.testing.assert_close(mine[0].data, output[0].data, rtol=0.05, atol=0.05)
        elif kind == "proj_size":
            ours, theirs = pair("lstm", dtype=torch.float32, proj_size=2)
            assert_alike(ours(x), theirs(x), 0.0)
        else:
            dtype = torch.float64 if kind == "double" else torch.bfloat16
            ours, theirs = pair("gru", dtype=dtype)
            assert_alike(ours(x.to(dtype)), theirs(x.to(dtype)), 1e-12 if kind == "double" else 0.0)


@pytest.mark.slow
@every_kind
def test_autocast_does_not_break_the_graph(kind: str) -> None:
    ours, _ = pair(kind, dtype=torch.float32)
    module, x = Model(ours), torch.randn(6, 4, INPUT)
    compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mine, wanted = compiled(x), module(x)
    assert_alike(mine, wanted, 0.02)
    mine[0].float().sum().backward()
    assert all(parameter.grad is not None for parameter in ours.parameters())


def test_autocast_casts_what_the_operator_is_given() -> None:
    arguments = Arguments.draw("lstm", 1, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        y, *_ = torch.ops.tidegate.recurrence(*arguments._replace(x=arguments.x.bfloat16()))
    assert y.dtype == torch.float32


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bilstm", "gru"])
def test_the_stack_is_compiled_whole(name: str, engine_calls: list[str]) -> None:
    stack = RecurrentStack(architecture(name), INPUT, HIDDEN, 2, dropout=0.5)
    compiled = torch.compile(stack, backend="aot_eager", fullgraph=True)
    for lengths in (RAGGED, (2, 0, 5), (1, 7, 3, 4)):
        x, offsets = torch.randn(sum(lengths), INPUT, requires_grad=True), offsets_of(lengths)
        results = []
        for run in (compiled, stack):
            torch.manual_seed(1)
            y = run(x, offsets)
            results.append([y, *torch.autograd.grad(y.square().sum(), [x, *stack.parameters()])])
        assert_alike(*results, 1e-6)
    assert len(engine_calls) == 3 * 2 * 2
    low = RecurrentStack(architecture(name), INPUT, HIDDEN).bfloat16()
    x, offsets = torch.randn(5, INPUT).bfloat16(), np.array([0, 2, 5])
    assert_alike(torch.compile(low, backend="aot_eager")(x, offsets), low(x, offsets), 0.0)


def test_the_cells_of_the_drop_ins_are_all_tried() -> None:
    assert {RNN(1, 1)._cell(), RNN(1, 1, nonlinearity="relu")._cell(), LSTM(1, 1)._cell(), GRU(1, 1)._cell()} < set(CELLS)
