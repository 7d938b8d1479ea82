"""ONNX Runtime's side: a graph of one node with the same weights, run with and without spinning workers, plainly and with bound memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
from onnx import TensorProto, helper, numpy_helper

from tidegate.kernels import GATES, Cell

from .contest import Contestant
from .shapes import Array, Batch, Shape

# Where ONNX's blocks of H rows stand in torch's: lstm i, o, f, c out of i, f, g, o; gru z, r, h out of r, z, n.
_BLOCKS: dict[Cell, tuple[int, ...]] = {"lstm": (0, 3, 1, 2), "gru": (1, 0, 2), "gru-reset-after": (1, 0, 2), "rnn": (0,)}
_NODE = {"lstm": "LSTM", "gru": "GRU", "gru-reset-after": "GRU", "rnn": "RNN"}
Weights = list[tuple[Array, Array, Array, Array]]


def make_graph(cell: Cell, weights: Weights, *, has_lengths: bool, has_state: bool = False) -> bytes:
    """A model of one node: x [T, B, I] -> y [T, D, B, H]; with a state, (x, h, c) -> (h, c), [D, B, H] each."""
    hidden = weights[0][1].shape[1]

    def ordered(array: Array) -> Array:
        blocks = array.reshape(GATES[cell], hidden, *array.shape[1:])
        return np.ascontiguousarray(blocks[list(_BLOCKS[cell])].reshape(array.shape))

    stacks = {
        "w": np.stack([ordered(direction[0]) for direction in weights]),
        "r": np.stack([ordered(direction[1]) for direction in weights]),
        "b": np.stack([np.concatenate([ordered(direction[2]), ordered(direction[3])]) for direction in weights]),
    }
    directions, width = len(weights), weights[0][0].shape[1]
    settings: dict[str, Any] = {"hidden_size": hidden, "direction": "bidirectional" if directions == 2 else "forward"}
    if _NODE[cell] == "GRU":
        settings["linear_before_reset"] = int(cell == "gru-reset-after")
    states = [] if not has_state else ["h", "c"] if cell == "lstm" else ["h"]
    inputs = ["x", "w", "r", "b", "lengths" if has_lengths else "", *states]
    outputs = ["", *(f"{state}_new" for state in states)] if has_state else ["y"]
    state_shape = [directions, "B", hidden]
    graph_inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["T", "B", width])]
    if has_lengths:
        graph_inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, ["B"]))
    graph_inputs += [helper.make_tensor_value_info(state, TensorProto.FLOAT, state_shape) for state in states]
    shapes = {"y": ["T", directions, "B", hidden]}
    graph_outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes.get(name, state_shape)) for name in outputs if name]
    node = helper.make_node(_NODE[cell], inputs, outputs, **settings)
    initializers = [numpy_helper.from_array(array, name) for name, array in stacks.items()]
    graph = helper.make_graph([node], "layer", graph_inputs, graph_outputs, initializers)
    model: bytes = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    return model


def make_session(model: bytes, *, threads: int, spins: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "1" if spins else "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def onnx_contestants(cell: Cell, weights: Weights, shape: Shape, batches: list[Batch], *, threads: int) -> list[Contestant]:
    """ONNX Runtime's ways: workers that spin or not × plain or bound memory × real lengths or padding as it stands.

    On one thread as well where there is one sequence alone. Padded, and the outputs are left as they come: [T, D, B, H].
    """
    made = []
    padded = [np.ascontiguousarray(batch.pad(batch.x)) for batch in batches]
    for has_lengths in (True, False) if shape.is_ragged else (False,):
        model = make_graph(cell, weights, has_lengths=has_lengths)
        feeds = [
            {"x": x} | ({"lengths": batch.lengths.astype(np.int32)} if has_lengths else {})
            for x, batch in zip(padded, batches, strict=True)
        ]
        is_exact = has_lengths or not shape.is_ragged or shape.directions == 1
        kinds = [(threads, True), (threads, False)] if threads > 1 else [(1, False)]
        if threads > 1 and max(map(len, shape.batches)) == 1:
            kinds.append((1, False))
        for count, spins in kinds:
            session = make_session(model, threads=count, spins=spins)
            for is_bound in (False, True):
                parts = ["ORT", "spinning" if spins else "", "bound" if is_bound else ""]
                parts += ["" if not shape.is_ragged else "real lengths" if has_lengths else "padded"]
                parts += [f"{count} thread" if count != threads else ""]
                run = _bound(session, feeds, weights) if is_bound else _plain(session, feeds)
                made.append(
                    Contestant(", ".join(filter(None, parts)), "onnx", run, _answer(session, feeds[0], batches[0]), is_exact=is_exact)
                )
    return made


def _plain(session: Any, feeds: list[dict[str, Any]]) -> Callable[[], None]:
    def run() -> None:
        for feed in feeds:
            session.run(["y"], feed)

    return run


def _bound(session: Any, feeds: list[dict[str, Any]], weights: Weights) -> Callable[[], None]:
    """Inputs and outputs keep their memory from call to call."""
    bindings, hidden = [], weights[0][1].shape[1]
    for feed in feeds:
        binding = session.io_binding()
        for name, array in feed.items():
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
        y = np.zeros((feed["x"].shape[0], len(weights), feed["x"].shape[1], hidden), dtype=np.float32)
        binding.bind_ortvalue_output("y", onnxruntime.OrtValue.ortvalue_from_numpy(y))
        bindings.append(binding)

    def run() -> None:
        for binding in bindings:
            session.run_with_iobinding(binding)

    return run


def _answer(session: Any, feed: dict[str, Any], batch: Batch) -> Callable[[], dict[str, Array]]:
    def answer() -> dict[str, Array]:
        y = session.run(["y"], feed)[0]
        steps, directions, sequences, hidden = y.shape
        return {"y": batch.unpad(np.ascontiguousarray(y.transpose(0, 2, 1, 3)).reshape(steps, sequences, directions * hidden))}

    return answer
