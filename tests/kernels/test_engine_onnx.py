"""The compiled engine against the ONNX project's own node tests, and against ONNX Runtime for what those leave out.

ONNX writes the gates in other orders than torch.nn: lstm i, o, f, c and gru z, r, h. Its GRU is the paper's unless linear_before_reset is 1,
and its update gate is ours: H = (1 − z)∘h + z∘H.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from onnx.backend.test.case import node as node_cases
from onnx.backend.test.case.test_case import TestCase

from kernels.conftest import PARTS, Array, Case, assert_close
from strategies import offsets_of
from tidegate.kernels.engine import RECURRENT_CELLS, Layer

# For each block of ours the block of ONNX's.
BLOCKS = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
NOT_RUN = {"test_lstm_with_peepholes": "the engine's lstm has no peepholes"}
NAMES = {
    *(
        "test_lstm_defaults",
        "test_lstm_with_initial_bias",
        "test_lstm_with_peepholes",
        "test_lstm_batchwise",
        "test_lstm_reverse",
        "test_lstm_bidirectional",
    ),
    *(
        "test_gru_defaults",
        "test_gru_with_initial_bias",
        "test_gru_seq_length",
        "test_gru_batchwise",
        "test_gru_reverse",
        "test_gru_bidirectional",
    ),
    *("test_simple_rnn_defaults", "test_simple_rnn_with_initial_bias", "test_rnn_seq_length"),
    *("test_simple_rnn_batchwise", "test_simple_rnn_reverse", "test_simple_rnn_bidirectional"),
}


def recurrent_cases() -> list[TestCase]:
    """ONNX's cases of the three operators; reading the folder whole takes ten seconds and warns of overflows in others."""

    def read(package: Any) -> None:
        for module in ("lstm", "gru", "rnn"):
            importlib.import_module(f"{package.__name__}.{module}")

    with mock.patch.object(node_cases, "import_recursive", read):
        return [case for case in node_cases.collect_testcases() if case.model.graph.node[0].op_type in BLOCKS]


ONNX_CASES = recurrent_cases()


def run_engine(operator: str, given: Mapping[str, Array], attributes: Mapping[str, Any], dtype: Any = np.float32) -> dict[str, Array]:
    """Y, Y_h and Y_c as ONNX lays them out: the inputs of a node turned into a layer and a ragged batch, and the answers turned back."""
    blocks, hidden = BLOCKS[operator], attributes["hidden_size"]
    cell = {"LSTM": "lstm", "GRU": "gru-reset-after" if attributes.get("linear_before_reset") else "gru", "RNN": "rnn"}[operator]
    if b"Relu" in attributes.get("activations", []):
        cell = "rnn-relu"

    def reordered(part: Array) -> Array:
        return np.concatenate([np.split(part, len(blocks))[block] for block in blocks]).astype(dtype)

    weights = []
    for d, (w, r) in enumerate(zip(given["W"], given["R"], strict=True)):
        biases = np.split(given["B"][d], 2) if "B" in given else (None, None)
        weights.append(tuple(None if part is None else reordered(part) for part in (w, r, *biases)))
    layer = Layer(cell, weights, reverse=attributes.get("direction") == b"reverse")
    x = given["X"] if attributes.get("layout") else given["X"].swapaxes(0, 1)  # [B, T, I]
    batch, steps = x.shape[:2]
    lengths = given.get("sequence_lens", np.full(batch, steps)).tolist()
    states = [np.ascontiguousarray(given[name], dtype=dtype) if name in given else None for name in ("initial_h", "initial_c")]
    flat = np.concatenate([row[:length] for row, length in zip(x, lengths, strict=True)]).astype(dtype)
    out = layer.forward(flat, offsets_of(lengths), *states)
    y = np.zeros((batch, steps, len(weights), hidden), dtype=dtype)
    for b, rows in enumerate(np.split(out.y, np.cumsum(lengths)[:-1])):
        y[b, : len(rows)] = rows.reshape(-1, len(weights), hidden)
    if attributes.get("layout"):
        return {"Y": y, "Y_h": out.hn.swapaxes(0, 1)}
    return {"Y": y.transpose(1, 2, 0, 3), "Y_h": out.hn, "Y_c": out.cn}


def parts_of(case: TestCase) -> tuple[onnx.NodeProto, dict[str, Any]]:
    node = case.model.graph.node[0]
    return node, {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def test_onnx_has_the_cases_that_we_know_of() -> None:
    assert {case.name for case in ONNX_CASES} == NAMES
    known = {"hidden_size", "layout", "direction"}
    assert all(parts_of(case)[1].keys() <= known for case in ONNX_CASES), "an attribute that run_engine does not read"
    peepholes = {case.name for case in ONNX_CASES if "P" in case.model.graph.node[0].input}
    assert peepholes == NOT_RUN.keys()


@pytest.mark.parametrize(
    "case", [case for case in ONNX_CASES if case.name not in NOT_RUN], ids=lambda case: case.name.removeprefix("test_")
)
def test_node_tests_of_the_onnx_project_hold(case: TestCase) -> None:
    node, attributes = parts_of(case)
    assert case.data_sets
    for inputs, outputs in case.data_sets:
        for dtype, tolerance in ((np.float32, 1e-5), (np.float64, 1e-6)):  # the answers they give are float32
            got = run_engine(node.op_type, dict(zip(node.input, inputs, strict=True)), attributes, dtype)
            names = [name for name in node.output if name]
            assert names
            for name, wanted in zip(names, outputs, strict=True):
                assert_close(got[name], wanted, tolerance, name)


# What ONNX's cases leave out: unequal lengths, first states, both ways with two biases, linear_before_reset and ReLU.


def onnx_node(case: Case) -> tuple[str, dict[str, Array], dict[str, Any]]:
    """A case as an ONNX node: operator, inputs and attributes."""
    operator = {"lstm": "LSTM", "gru": "GRU", "gru-reset-after": "GRU"}.get(case.cell, "RNN")
    back = np.argsort(BLOCKS[operator])

    def reordered(part: Array) -> Array:
        return np.concatenate([np.split(part, len(back))[block] for block in back])

    weights = [dict(zip(PARTS, map(reordered, parts), strict=True)) for parts in case.weights]  # type: ignore[arg-type]
    x = np.zeros((max(case.lengths), len(case.lengths), case.x.shape[1]), dtype=case.x.dtype)
    for b, rows in enumerate(np.split(case.x, case.offsets[1:-1])):
        x[: len(rows), b] = rows
    inputs = {
        "X": x,
        "W": np.stack([parts["weight_ih"] for parts in weights]),
        "R": np.stack([parts["weight_hh"] for parts in weights]),
        "B": np.stack([np.concatenate([parts["bias_ih"], parts["bias_hh"]]) for parts in weights]),
        "sequence_lens": np.array(case.lengths, dtype=np.int32),
        "initial_h": case.h0,
        "initial_c": case.c0,
    }
    attributes: dict[str, Any] = {
        "hidden_size": case.hidden_size,
        "direction": b"bidirectional" if case.directions == 2 else b"reverse" if case.reverse else b"forward",
    }
    if operator == "GRU":
        attributes["linear_before_reset"] = int(case.cell == "gru-reset-after")
    if operator == "RNN":
        attributes["activations"] = [b"Relu" if case.cell == "rnn-relu" else b"Tanh"] * case.directions
    return operator, {name: part for name, part in inputs.items() if part is not None}, attributes


def by_onnxruntime(operator: str, inputs: Mapping[str, Array], attributes: Mapping[str, Any]) -> dict[str, Array]:
    names: Sequence[str] = ("Y", "Y_h", "Y_c") if operator == "LSTM" else ("Y", "Y_h")
    node = helper.make_node(operator, list(inputs), list(names), **attributes)
    graph = helper.make_graph(
        [node],
        "layer",
        [
            helper.make_tensor_value_info(name, TensorProto.INT32 if name == "sequence_lens" else TensorProto.FLOAT, part.shape)
            for name, part in inputs.items()
        ],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return dict(zip(names, session.run(None, dict(inputs)), strict=True))


@pytest.mark.parametrize("arrangement", [{}, {"reverse": True}, {"directions": 2}], ids=["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("cell", RECURRENT_CELLS)
def test_answers_equal_those_of_onnx_runtime(cell: str, arrangement: dict[str, Any]) -> None:
    case = Case.draw(cell, (5, 2, 7, 1, 7), 6, 21, dtype=np.float32, **arrangement)
    for given in (case, replace(case, h0=None, c0=None)):
        operator, inputs, attributes = onnx_node(given)
        wanted = by_onnxruntime(operator, inputs, attributes)
        for name, part in run_engine(operator, inputs, attributes).items():
            if part is not None:
                assert_close(part, wanted[name], 2e-5, name)  # ONNX Runtime's own σ and tanh are approximations too
