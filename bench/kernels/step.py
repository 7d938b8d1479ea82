"""One step from Python: a sequence that arrives step by step, NumPy in and out, the state handed back each time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from onnxruntime import OrtValue  # type: ignore[import-untyped]
from torch import nn

from tidegate.kernels import Cell

from .bars import STEP_RATIO, STEP_US
from .contest import Contestant, best_of, check, compete
from .onnx_side import Weights, make_graph, make_session
from .paper_gru import gru_step
from .shapes import Array, Shape
from .table import markdown, micros, times, verdict
from .torch_side import make_module, reference, torch_setting, weights_of

Row = dict[str, Any]
# State before and after: (h,) or (h, c), as the contestant likes them.
State = tuple[Array, ...]
Step = Callable[[Array, State], State]
STEPS = 64
SHAPE = Shape("B1 I128 H128", ((STEPS,),), 128, 128, 1)


def _stream(step: Step, xs: list[Array], state: State) -> Callable[[], State]:
    def run() -> State:
        now = state
        for x in xs:
            now = step(x, now)
        return now

    return run


def _states(step: Step, xs: list[Array], state: State) -> Callable[[], Mapping[str, Array]]:
    def answer() -> dict[str, Array]:
        now, states = state, []
        for x in xs:
            now = step(x, now)
            states.append(np.array(now[0]).reshape(-1))
        return {"y": np.stack(states)}

    return answer


def _onnx_step(session: Any, names: list[str]) -> Step:
    outputs = [f"{name}_new" for name in names]

    def step(x: Array, state: State) -> State:
        return tuple(session.run(outputs, {"x": x, **dict(zip(names, state, strict=True))}))

    return step


def _onnx_bound_step(session: Any, names: list[str]) -> Step:
    """Two sets of arrays take turns as the old state and the new, bound once; what a step gives lives until the next step but one."""
    sets = [[np.zeros((1, 1, SHAPE.hidden_size), dtype=np.float32) for _ in names] for _ in range(2)]
    buffer = np.zeros((1, 1, SHAPE.input_size), dtype=np.float32)
    bindings = []
    for old, new in (sets, sets[::-1]):
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", OrtValue.ortvalue_from_numpy(buffer))
        for name, before, after in zip(names, old, new, strict=True):
            binding.bind_ortvalue_input(name, OrtValue.ortvalue_from_numpy(before))
            binding.bind_ortvalue_output(f"{name}_new", OrtValue.ortvalue_from_numpy(after))
        bindings.append((binding, tuple(old), tuple(new)))

    def step(x: Array, state: State) -> State:
        buffer[:] = x
        binding, old, new = bindings[state is bindings[0][2]]
        if state is not old:
            for array, given in zip(old, state, strict=True):
                array[:] = given
        session.run_with_iobinding(binding)
        return new

    return step


def _torch_steps(cell: Cell, module: nn.RNNBase) -> dict[str, Step]:
    """torch.nn's whole layer on one step, its cell class where it has one, and the paper's step."""
    w_ih, w_hh, b_ih, b_hh = (parameter.detach() for parameter in module.parameters())

    def whole(x: Array, state: State) -> State:
        given = tuple(map(torch.from_numpy, state))
        _, new = module(torch.from_numpy(x), given if cell == "lstm" else given[0])
        return tuple(array.numpy() for array in new) if cell == "lstm" else (new.numpy(),)

    def lstm(x: Array, state: State) -> State:
        new = torch.lstm_cell(torch.from_numpy(x), tuple(map(torch.from_numpy, state)), w_ih, w_hh, b_ih, b_hh)
        return tuple(array.numpy() for array in new)

    def other(operation: Any) -> Step:
        return lambda x, state: (operation(torch.from_numpy(x), torch.from_numpy(state[0]), w_ih, w_hh, b_ih, b_hh).numpy(),)

    if cell == "gru":
        border = 2 * module.hidden_size
        bias, u_gates, u_new = b_ih + b_hh, w_hh[:border].T, w_hh[border:].T
        b_gates, b_new, v_gates, v_new = bias[:border], bias[border:], w_ih[:border].T, w_ih[border:].T

        def paper(x: Array, state: State) -> State:
            given = torch.from_numpy(x)
            gates, new = torch.addmm(b_gates, given, v_gates), torch.addmm(b_new, given, v_new)
            return (gru_step(gates, new, torch.from_numpy(state[0]), u_gates, u_new).numpy(),)

        return {"the paper's step": paper}
    single: Step = lstm if cell == "lstm" else other(torch.gru_cell if cell == "gru-reset-after" else torch.rnn_tanh_cell)
    return {"nn layer": whole, "cell": single}


def _engine_step(cell: Cell, weights: Weights) -> tuple[Step, str]:
    from .engine_side import make_layer

    layer = make_layer(cell, weights, threads=1)
    if hasattr(layer, "step"):
        if cell == "lstm":
            return lambda x, state: layer.step(x, *state), "Layer.step"

        def step(x: Array, state: State) -> State:
            new = layer.step(x, *state)
            return new[:1] if isinstance(new, tuple) else (new,)

        return step, "Layer.step"
    offsets = np.array([0, 1], dtype=np.int64)

    def forward(x: Array, state: State) -> State:
        output = layer.forward(x, offsets, *state)
        return (output.hn, output.cn) if cell == "lstm" else (output.hn,)

    return forward, "Layer.forward"


def contestants_of(cell: Cell, module: nn.RNNBase, *, with_engine: bool) -> list[Contestant]:
    weights = weights_of(module)
    x = SHAPE.make_batches()[0].x
    names = ["h", "c"] if cell == "lstm" else ["h"]
    made = []

    def add(name: str, family: str, step: Step, dims: tuple[int, int], setting: Any = None) -> None:
        """`dims`: how many axes x and the states have."""
        xs = [row.reshape((1,) * (dims[0] - 1) + (-1,)).copy() for row in x]
        state = tuple(np.zeros((1,) * (dims[1] - 1) + (SHAPE.hidden_size,), dtype=np.float32) for _ in names)
        settings = {} if setting is None else {"setting": setting}
        made.append(Contestant(name, family, _stream(step, xs, state), _states(step, xs, state), **settings))

    if with_engine:
        step, name = _engine_step(cell, weights)
        add(name, "layer", step, (2, 2 if name == "Layer.step" else 3))
    for name, step in _torch_steps(cell, module.eval()).items():
        for onednn in (True, False) if name == "nn layer" else (True,):
            setting = partial(torch_setting, 1, onednn=onednn, is_training=False)
            label = f"torch, {name}" + (f", oneDNN {'on' if onednn else 'off'}" if name == "nn layer" else "")
            add(label, "torch", step, (3, 3) if name == "nn layer" else (2, 2), setting)
    session = make_session(make_graph(cell, weights, has_lengths=False, has_state=True), threads=1, spins=False)
    add("ORT", "onnx", _onnx_step(session, names), (3, 3))
    add("ORT, bound to two buffers", "onnx", _onnx_bound_step(session, names), (3, 3))
    return made


def measure(cell: Cell, *, rounds: int, seconds: float, with_engine: bool) -> Row:
    module = make_module(cell, SHAPE)
    made = contestants_of(cell, module, with_engine=with_engine)
    difference, _ = check(made, reference(cell, module, SHAPE.make_batches()[0], is_training=False), SHAPE.hidden_size)
    timings = compete(made, rounds=rounds, seconds=seconds)
    best = {family: found for family in ("layer", "torch", "onnx") if (found := best_of(timings, family)) is not None}
    return {
        "cell": cell,
        "largest_difference": difference,
        "best": {family: timing.name for family, timing in best.items()},
        "medians": {timing.name: timing.median / STEPS for timing in timings},
    }


def table(rows: list[Row]) -> str:
    headings = ["cell", "engine µs", "through", "bar", "ORT µs", "ORT, bound to two buffers, µs", "best of ORT / engine", "bar"]
    headings += ["torch µs", "which"]
    lines = []
    for row in rows:
        medians, best, cell = row["medians"], row["best"], row["cell"]
        own = medians[best["layer"]] if "layer" in best else None
        found = None if own is None else medians[best["onnx"]] / own
        cells = [cell, micros(own), best.get("layer", "–"), "" if own is None else verdict(1e6 * own, STEP_US[cell], at_most=True)]
        cells += [micros(medians[name]) for name in ("ORT", "ORT, bound to two buffers")]
        cells += [times(found), "" if found is None else verdict(found, STEP_RATIO[cell])]
        lines.append([*cells, micros(medians[best["torch"]]), best["torch"]])
    return "### One step from Python, B1 I128 H128, NumPy in and out, one thread\n\n" + markdown(headings, lines)
