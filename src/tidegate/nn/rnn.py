"""`RNN`, `LSTM` and `GRU`: torch.nn's modules of these names, run on the engine.

Constructor, parameters, their names and beginnings, `state_dict`, kinds of input and output, errors: all torch.nn's, since
each class is a subclass of torch.nn's. What the engine does not do is handed to torch.nn as it came: other devices and
dtypes, `proj_size`, autocast, torch.func's transforms, tracing, an empty batch, arguments that do not fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from tidegate.kernels import engine
from tidegate.nn.layouts import Layout, packed_layout, padded_layout
from tidegate.nn.packed import PackedLayers
from tidegate.nn.paper_gru import run_module
from tidegate.nn.recurrence import (
    DirectionWeights,
    EngineCell,
    array_of,
    is_engine_there,
    is_for_engine,
    is_plain_torch,
    recurrence,
    view_of,
)

_CELLS: dict[str, EngineCell] = {"RNN_TANH": "rnn", "RNN_RELU": "rnn-relu", "LSTM": "lstm", "GRU": "gru-reset-after"}
_is_compiling = torch.compiler.is_compiling
_compiler = torch._C._dynamo.eval_frame.get_eval_frame_callback


class _OnEngine(nn.RNNBase):
    """What the three share. Stands before torch.nn's class, whose `forward` is the way out."""

    # In `__dict__` only while it holds something: nn.Module's own __setattr__ takes microseconds.
    _packed: PackedLayers | None = None

    def forward(self, input: Any, hx: Any = None) -> Any:
        """The states of the last layer at every step, and the last states of all layers; as torch.nn's.

        Args:
            input: [T, B, I], with `batch_first` [B, T, I], one sequence [T, I], or a PackedSequence.
            hx: the states to begin from, [layers · D, B, H] or, for one sequence, [layers · D, H]; the LSTM takes a pair (h0, c0).
                None for zeros.

        Returns:
            The states, of the input's kind, D · H wide, and the last states, shaped as `hx`; the LSTM's as a pair (hn, cn).

        Raises:
            RuntimeError, ValueError: shapes and dtypes that do not fit, as torch.nn says it; RuntimeError in the backward pass of
                a backward pass.
        """
        if _is_compiling():
            return self._by_torch(input, hx)
        if _compiler() is not None:  # called between two graphs of torch.compile, which would go on to compile what is called here
            return torch.compiler.disable(self._run)(input, hx)  # type: ignore[no-untyped-call]
        return self._run(input, hx)

    def _run(self, input: Any, hx: Any) -> Any:
        is_packed = isinstance(input, PackedSequence)
        x = input.data if is_packed else input
        weights, packed = self._weights() if is_plain_torch() and not self.proj_size else ([], None)
        if not weights or not is_for_engine(x, weights[0].dtype) or not is_engine_there():
            return self._by_torch(input, hx)
        layout, is_single = self._layout(input, x), x is input and x.dim() == 2
        states = None if layout is None else [] if hx is None else self._states(hx, layout.sequences, x.dtype, is_single)
        if layout is None or states is None:
            return self._by_torch(input, hx)
        if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *states, *weights)):
            y, last = self._train(x, layout, states, weights)
        else:
            y, last = self._infer(x, layout, states, (packed or self._pack(weights)).layers)
        if is_single:
            last = [part.squeeze(1) for part in last]
        output = PackedSequence(y, input.batch_sizes, input.sorted_indices, input.unsorted_indices) if is_packed else y
        return output, last[0] if len(last) == 1 else (last[0], last[1])

    def _by_torch(self, input: Any, hx: Any) -> Any:
        return super().forward(input, hx)

    def _cell(self) -> EngineCell:
        return _CELLS[self.mode]

    def _weights(self) -> tuple[list[Tensor], PackedLayers | None]:
        """All weights as they stand, torch.nn's order, none where one is not for the engine; and what is packed of just these."""
        names, parameters = self._flat_weights_names, self._parameters
        try:
            weights: list[Any] = [parameters[name] for name in names]
        except KeyError:  # computed ones: parametrized, pruned, normed
            weights = [getattr(self, name, None) for name in names]
        packed = self._packed
        if packed is not None and packed.fits(self._cell(), weights):
            return weights, packed
        dtype: Any = getattr(weights[0], "dtype", None)
        return (weights if all(is_for_engine(weight, dtype) for weight in weights) else []), None

    def _layout(self, input: Any, x: Tensor) -> Layout | None:
        """None where the batch is empty or does not fit."""
        shape = x.shape
        if not 2 <= len(shape) <= 3 or shape[-1] != self.input_size:
            return None
        if x is input:
            return padded_layout(shape[:-1], self.batch_first)
        return packed_layout(input) if len(shape) == 2 else None

    def _states(self, hx: Any, sequences: int, dtype: torch.dtype, is_single: bool) -> list[Tensor] | None:
        """The states to begin from, [layers · D, B, H] each; None where they are not for the engine or do not fit."""
        parts = hx if self.mode == "LSTM" else (hx,)
        if not isinstance(parts, tuple | list) or len(parts) != (2 if self.mode == "LSTM" else 1):
            return None
        rows = self.num_layers * (1 + self.bidirectional)
        expected = (rows, self.hidden_size) if is_single else (rows, sequences, self.hidden_size)
        if not all(is_for_engine(part, dtype) and part.shape == expected for part in parts):
            return None
        return [part.unsqueeze(1) for part in parts] if is_single else list(parts)

    def _by_layer(self, weights: Sequence[Tensor]) -> list[list[DirectionWeights]]:
        size, directions = 4 if self.bias else 2, 1 + self.bidirectional
        each: list[Any] = [(*weights[begin : begin + size], None, None)[:4] for begin in range(0, len(weights), size)]
        return [each[begin : begin + directions] for begin in range(0, len(each), directions)]

    def _pack(self, weights: Sequence[Tensor]) -> PackedLayers:
        packed = PackedLayers(self._cell(), weights, self._by_layer(weights))
        self.__dict__["_packed"] = packed
        return packed

    def _train(self, x: Tensor, layout: Layout, states: Sequence[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        self.__dict__.pop("_packed", None)  # the weights are about to change
        cell, last = self._cell(), []
        begins = [torch.split(part, 1 + self.bidirectional) for part in states] if self.num_layers > 1 else [(part,) for part in states]
        for number, layer in enumerate(self._by_layer(weights)):
            if number and self.dropout and self.training:
                x = functional.dropout(x, self.dropout, training=True)
            begin = [part[number] for part in begins]
            enters, leaves = layout if number == 0 else None, layout if number == self.num_layers - 1 else None
            x, *ends = recurrence(cell, x, layout.offsets, layer, *begin, enters=enters, leaves=leaves)
            last.append([end for end in ends if end is not None])
        return x, last[0] if len(last) == 1 else [torch.cat(parts) for parts in zip(*last, strict=True)]

    def _infer(self, x: Tensor, layout: Layout, states: Sequence[Tensor], layers: Sequence[engine.Layer]) -> tuple[Tensor, list[Tensor]]:
        threads, offsets = torch.get_num_threads(), layout.offsets
        flat = layout.flatten(view_of(x))
        begins = [array_of(part) for part in states]
        ends: list[Any]
        if len(layers) == 1:
            flat, *ends, _ = layers[0].forward(flat, offsets, *begins, threads=threads)
        else:
            directions, last = 1 + self.bidirectional, []
            for number, layer in enumerate(layers):
                if number and self.dropout and self.training:
                    flat = functional.dropout(torch.from_numpy(flat), self.dropout, training=True).numpy()
                begin = [part[number * directions : (number + 1) * directions] for part in begins]
                flat, *ends, _ = layer.forward(flat, offsets, *begin, threads=threads)
                last.append(ends)
            ends = [None if parts[0] is None else np.concatenate(parts) for parts in zip(*last, strict=True)]
        y = torch.from_numpy(layout.restore(flat))
        return y, [torch.from_numpy(end) for end in ends if end is not None]

    def flatten_parameters(self) -> None:
        """As torch.nn's, and packs the weights anew at the next call: needed only where some were written through `.data` in part."""
        self.__dict__.pop("_packed", None)
        super().flatten_parameters()

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[no-untyped-call]
        state.pop("_packed", None)
        return state

    def __prepare_scriptable__(self) -> nn.Module:
        """torch.jit.script compiles torch.nn's module, with these parameters."""
        theirs: Any = {RNN: nn.RNN, LSTM: nn.LSTM, GRU: nn.GRU}.get(type(self))
        if theirs is None:  # a subclass: its own forward is what is to be compiled
            return self
        module: nn.Module = theirs.__new__(theirs)
        module.__setstate__(self.__getstate__())  # type: ignore[no-untyped-call]
        return module


class RNN(_OnEngine, nn.RNN):
    """torch.nn.RNN on the engine: h' = tanh(W x + b + U h + b'), or ReLU for tanh; arguments as torch.nn.RNN's."""


class LSTM(_OnEngine, nn.LSTM):
    """torch.nn.LSTM on the engine; arguments as torch.nn.LSTM's. With `proj_size` it runs on torch.nn."""


class GRU(_OnEngine, nn.GRU):
    """torch.nn.GRU on the engine, and the GRU of the paper.

    Args:
        *args, **kwargs: as torch.nn.GRU's.
        reset_after: True: the reset gate multiplies after the matrix, n = tanh(W x + b + r∘(U h + b')), as in torch.nn, Keras and
            cuDNN. False: before it, n = tanh(W x + b + U(r∘h) + b'), as published; both biases exist and are summed. Names and
            shapes of the parameters are the same, their meaning is not: a `state_dict` says nothing of which it is.

    Source: Cho et al. 2014, arXiv 1406.1078, equations 5 to 8.
    """

    def __init__(self, *args: Any, reset_after: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reset_after = reset_after

    def _cell(self) -> EngineCell:
        return "gru-reset-after" if self.reset_after else "gru"

    def extra_repr(self) -> str:
        """As torch.nn.GRU's, and whose GRU it is where it is not torch's."""
        return super().extra_repr() + ("" if self.reset_after else ", reset_after=False")

    def _by_torch(self, input: Any, hx: Any) -> Any:
        return super()._by_torch(input, hx) if self.reset_after else run_module(self, input, hx)

    def __prepare_scriptable__(self) -> nn.Module:
        if not self.reset_after:
            raise NotImplementedError(
                "torch.jit.script was given a tidegate.nn.GRU with reset_after=False, the GRU of the paper, which torch.nn does not have. "
                "Use reset_after=True, or torch.jit.trace, which records the steps of this one."
            )
        return super().__prepare_scriptable__()
