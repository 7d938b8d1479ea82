"""`RNN`, `LSTM` and `GRU`: torch.nn's modules of these names, run on the engine.

Constructor, parameters, their names and beginnings, `state_dict`, kinds of input and output, errors: all torch.nn's, since
each class is a subclass of torch.nn's. What the engine does not do is handed to torch.nn as it came: other devices and
dtypes, `proj_size`, torch.func's transforms, tracing by torch.jit, an empty batch, arguments that do not fit. Where torch.nn has
no such layer either, the paper's GRU and the variants of the cells, it is handed to `plain`. In a graph of torch.compile or
torch.export a layer is an operator (`operators`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from tidegate.kernels import engine
from tidegate.kernels.architecture import VARIANTS
from tidegate.nn.admission import admit
from tidegate.nn.dropouts import DrawnLayer, Dropouts, check_variants
from tidegate.nn.layouts import Layout, packed_layout, padded_layout
from tidegate.nn.operators import graph_takes, is_for_operator, run_padded
from tidegate.nn.packed import PackedLayers
from tidegate.nn.plain import run_module
from tidegate.nn.recurrence import (
    DirectionWeights,
    EngineCell,
    array_of,
    flat_of,
    is_for_engine,
    is_plain_torch,
    recurrence,
)
from tidegate.nn.resets import Pieces, flags_of, run_pieces

_CELLS: dict[str, EngineCell] = {"RNN_TANH": "rnn", "RNN_RELU": "rnn-relu", "LSTM": "lstm", "GRU": "gru-reset-after"}
_BREAK = (
    "a recurrent layer of tidegate.nn was given what its engine does not do in a graph (a PackedSequence, a GPU, another dtype than "
    "float32 and float64, proj_size, a transform of torch.func, an empty batch, or shapes that do not fit), and breaks the graph as "
    "torch.nn's does."
)
# What autocast may have made of a float32 tensor before it comes here.
_LOWERED = (torch.float32, torch.bfloat16, torch.float16)
_is_autocast = torch.is_autocast_enabled
_is_compiling = torch.compiler.is_compiling
_compiler = torch._C._dynamo.eval_frame.get_eval_frame_callback


class _OnEngine(nn.RNNBase):
    """What the three share. Stands before torch.nn's class, whose `forward` is the way out."""

    # In `__dict__` only while it holds something: nn.Module's own __setattr__ takes microseconds.
    _packed: PackedLayers | None = None
    # In `__dict__` only where they were asked for: without them a module holds what torch.nn's holds.
    recurrent_dropout: float = 0.0
    zoneout: float = 0.0
    zoneout_cell: float = 0.0
    weight_drop: float = 0.0
    layer_norm: bool = False
    _norm_names: Sequence[Sequence[str]] = ()  # of each layer and direction

    def __init__(
        self,
        *args: Any,
        recurrent_dropout: float = 0.0,
        zoneout: float = 0.0,
        zoneout_cell: float = 0.0,
        weight_drop: float = 0.0,
        layer_norm: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        rates = {"recurrent_dropout": recurrent_dropout, "zoneout": zoneout, "zoneout_cell": zoneout_cell, "weight_drop": weight_drop}
        check_variants(f"tidegate.nn.{type(self).__name__}", _CELLS[self.mode], layer_norm=layer_norm, **rates)
        for name, value in {**rates, "layer_norm": layer_norm}.items():
            if not value:
                continue
            if self.proj_size:
                raise ValueError(f"tidegate.nn.LSTM was given proj_size={self.proj_size} and {name}={value!r}; it has either, not both.")
            setattr(self, name, value)
        if layer_norm:
            self._add_norms()

    def _add_norms(self) -> None:
        """Gains of 1 and shifts of 0, named as torch.nn names its weights; apart from its lists, which are for its own kernels."""
        names = []
        for layer in self._all_weights:
            suffix = layer[0].removeprefix("weight_ih")
            sizes = {"gain_ih": len(getattr(self, layer[0])), "gain_hh": len(getattr(self, layer[1]))}
            if self.mode == "LSTM":
                sizes |= {"gain_c": self.hidden_size, "shift_c": self.hidden_size}
            for part, size in sizes.items():
                setattr(self, part + suffix, nn.Parameter(getattr(self, layer[0]).new_empty(size)))
            names.append([part + suffix for part in sizes])
        self._norm_names = names
        self._reset_norms()

    def _reset_norms(self) -> None:
        for name in (name for names in self._norm_names for name in names):
            nn.init.constant_(getattr(self, name), 0.0 if name.startswith("shift") else 1.0)

    def reset_parameters(self) -> None:
        """As torch.nn's; gains begin at 1 and shifts at 0."""
        super().reset_parameters()
        self._reset_norms()

    def forward(self, input: Any, hx: Any = None, resets: Any = None) -> Any:
        """The states of the last layer at every step, and the last states of all layers; as torch.nn's.

        Args:
            input: [T, B, I], with `batch_first` [B, T, I], one sequence [T, I], or a PackedSequence.
            hx: the states to begin from, [layers · D, B, H] or, for one sequence, [layers · D, H]; the LSTM takes a pair (h0, c0).
                None for zeros.
            resets: bool [T, B], with `batch_first` [B, T], or [T]; for a PackedSequence one packed alike, or its data [N]. True where
                the states are zeros again before the step is read: no state passes between it and the step before, in neither
                direction. At a sequence's first step it keeps `hx` out, and the last state of the direction that reads backward is
                zeros. None for none.

        Returns:
            The states, of the input's kind, D · H wide, and the last states, shaped as `hx`; the LSTM's as a pair (hn, cn).

        Raises:
            RuntimeError, ValueError: shapes and dtypes that do not fit, as torch.nn says it; RuntimeError in the backward pass of
                a backward pass.
        """
        if resets is not None:
            is_compiled = _is_compiling() or _compiler() is not None
            run = torch.compiler.disable(self._reset) if is_compiled else self._reset  # type: ignore[no-untyped-call]
            return run(input, hx, resets)
        if _is_autocast("cpu"):
            found = self._under_autocast(input, hx)
            if found is not None:
                return found
        if _is_compiling():
            return self._traced(input, hx)
        if _compiler() is not None:  # called between two graphs of torch.compile, which would go on to compile what is called here
            return torch.compiler.disable(self._run)(input, hx)  # type: ignore[no-untyped-call]
        return self._run(input, hx)

    @property
    def _varies(self) -> bool:
        """Whether torch.nn's cell is not all there is."""
        return self.layer_norm or self._dropouts.draws

    @property
    def _dropouts(self) -> Dropouts:
        return Dropouts(self.recurrent_dropout, self.zoneout, self.zoneout_cell, self.weight_drop)

    def _run(self, input: Any, hx: Any, resets: Any = None) -> Any:
        is_packed = isinstance(input, PackedSequence)
        x = input.data if is_packed else input
        weights, packed = self._weights() if is_plain_torch() and not self.proj_size else ([], None)
        if not weights or not is_for_engine(x, weights[0].dtype) or not engine.is_there():
            return self._elsewhere(input, hx, resets)
        layout, is_single = self._layout(input, x), x is input and x.dim() == 2
        states = None if layout is None else [] if hx is None else self._states(hx, layout.sequences, x.dtype, is_single)
        if layout is None or states is None:
            return self._elsewhere(input, hx, resets)
        pieces = None
        if resets is not None:
            pieces = Pieces(layout.offsets, flags_of(resets, input, layout), 1 + self.bidirectional)
            layout, states = pieces.layout(layout), [pieces.begins(part) for part in states]
        draws = self.training and self._dropouts.draws
        if draws or (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, *states, *weights))):
            y, last = self._train(x, layout, states, weights)
        else:
            y, last = self._infer(x, layout, states, (packed or self._pack(weights)).layers)
        if pieces is not None:
            last = [pieces.ends(part) for part in last]
        return _output(input, y, last)

    def _reset(self, input: Any, hx: Any, resets: Any) -> Any:
        """As `forward` with resets, which no operator does."""
        found = self._under_autocast(input, hx, resets) if _is_autocast("cpu") else None
        return self._run(input, hx, resets) if found is None else found

    def _under_autocast(self, input: Any, hx: Any, resets: Any = None) -> Any:
        """In float32 on the engine, and out in the dtype that torch.nn's module gives; None where that is not for the engine.

        torch.nn's RNN gives autocast's own dtype, and so does its LSTM of a padded batch; its GRU, and its LSTM of a PackedSequence, that
        of the states, or without any the input's.
        """
        parts = [] if hx is None else list(hx) if isinstance(hx, tuple | list) else [hx]
        x = input.data if isinstance(input, PackedSequence) else input
        weights: list[Any] = [getattr(self, name, None) for name in self._weight_names()]
        if (
            self.proj_size
            or not engine.is_built()
            or not all(isinstance(tensor, Tensor) and tensor.device.type == "cpu" for tensor in (x, *parts, *weights))
            or not all(tensor.dtype in _LOWERED for tensor in (x, *parts))
            or not all(weight.dtype == torch.float32 for weight in weights)
            or x.numel() == 0
        ):
            return None
        cell = self._cell()
        is_passed_on = cell == "gru-reset-after" or (cell == "lstm" and x is not input)
        dtype = (parts or [x])[0].dtype if is_passed_on else torch.get_autocast_dtype("cpu")
        begins = tuple(part.float() for part in parts)
        with torch.autocast("cpu", enabled=False):
            y, last = self.forward(input.float(), None if hx is None else begins if isinstance(hx, tuple | list) else begins[0], resets)
        return y.to(dtype), tuple(part.to(dtype) for part in last) if isinstance(last, tuple) else last.to(dtype)

    def _traced(self, input: Any, hx: Any) -> Any:
        """As `forward`, in a graph of torch.compile or torch.export. What is not for the engine breaks the former, as torch.nn's does."""
        found = self._by_operators(input, hx)
        if found is not None:
            return found
        if torch.compiler.is_exporting():
            return self._by_torch(input, hx)
        torch._dynamo.graph_break(msg=_BREAK)
        return torch.compiler.disable(self._run)(input, hx)  # type: ignore[no-untyped-call]

    def _by_operators(self, input: Any, hx: Any) -> Any:
        """As `_run`, each layer a node of the graph; None where that is not for the engine."""
        if self.proj_size or not isinstance(input, Tensor) or not 2 <= input.dim() <= 3:
            return None
        if not graph_takes(*(weights := [getattr(self, name) for name in self._weight_names()]), input):
            return None
        shape, is_single = input.shape, input.dim() == 2
        if shape[-1] != self.input_size or any(size == 0 for size in shape):
            return None
        sequences = 1 if is_single else shape[0 if self.batch_first else 1]
        states = [] if hx is None else self._states(hx, sequences, input.dtype, is_single, is_for_operator)
        if states is None:
            return None
        dropout = self.dropout if self.training else 0.0
        layers = self._drawn(self._by_layer(weights), sequences)
        y, last = run_padded(self._cell(), input, layers, states, is_batch_first=self.batch_first, dropout=dropout)
        if is_single:
            last = [part.squeeze(1) for part in last]
        return y, last[0] if len(last) == 1 else (last[0], last[1])

    def _by_torch(self, input: Any, hx: Any) -> Any:
        """By torch.nn, or where it has no such layer in plain torch."""
        if not self._varies:
            return super().forward(input, hx)
        return self._by_plain(input, hx)

    def _by_plain(self, input: Any, hx: Any) -> Any:
        """In plain torch."""
        by_layer = self._by_layer([getattr(self, name, None) for name in self._weight_names()])
        return run_module(self, input, hx, self._cell(), lambda sequences: self._drawn(by_layer, sequences))

    def _elsewhere(self, input: Any, hx: Any, resets: Any) -> Any:
        """Not on the engine; with resets, as the packed batch of the pieces."""
        if resets is None:
            return self._by_torch(input, hx)
        is_packed = isinstance(input, PackedSequence)
        x = input.data if is_packed else input
        layout, is_single = self._layout(input, x), x is input and x.dim() == 2
        states = None if layout is None else [] if hx is None else self._states(hx, layout.sequences, x.dtype, is_single, _is_tensor)
        if layout is None or states is None:
            return self._by_torch(input, hx)  # an empty batch, or what torch.nn refuses

        def run(packed: PackedSequence, begins: Sequence[Tensor]) -> tuple[Tensor, Sequence[Tensor]]:
            output, last = self._by_torch(packed, _as_torch(begins) if begins else None)
            return output.data, last if self.mode == "LSTM" else (last,)

        pieces = Pieces(layout.offsets, flags_of(resets, input, layout), 1 + self.bidirectional)
        y, last = run_pieces(run, x, layout, pieces, states)
        return _output(input, y, last)

    def _cell(self) -> EngineCell:
        return _CELLS[self.mode]

    def _weights(self) -> tuple[list[Tensor], PackedLayers | None]:
        """All weights as they stand, torch.nn's order, none where one is not for the engine; and what is packed of just these."""
        names, parameters = self._weight_names(), self._parameters
        try:
            weights: list[Any] = [parameters[name] for name in names]
        except KeyError:  # computed ones: parametrized, pruned, normed
            weights = [getattr(self, name, None) for name in names]
        packed = self._packed
        if packed is not None and packed.fits(self._cell(), weights, (self.zoneout, self.zoneout_cell)):
            return weights, packed
        dtype: Any = getattr(weights[0], "dtype", None)
        return (weights if all(is_for_engine(weight, dtype) for weight in weights) else []), None

    def _weight_names(self) -> Sequence[str]:
        """Of all weights, direction after direction: torch.nn's, and behind each direction's what norms it."""
        if not self._norm_names:
            return self._flat_weights_names
        return [name for theirs, norms in zip(self._all_weights, self._norm_names, strict=True) for name in (*theirs, *norms)]

    def _layout(self, input: Any, x: Tensor) -> Layout | None:
        """None where the batch is empty or does not fit."""
        shape = x.shape
        if not 2 <= len(shape) <= 3 or shape[-1] != self.input_size:
            return None
        if x is input:
            return padded_layout(shape[:-1], self.batch_first)
        return packed_layout(input) if len(shape) == 2 else None

    def _states(
        self,
        hx: Any,
        sequences: int,
        dtype: torch.dtype,
        is_single: bool,
        is_readable: Callable[[Any, torch.dtype], bool] = is_for_engine,
    ) -> list[Tensor] | None:
        """The states to begin from, [layers · D, B, H] each; None where they are not for the engine or do not fit."""
        parts = hx if self.mode == "LSTM" else (hx,)
        if not isinstance(parts, tuple | list) or len(parts) != (2 if self.mode == "LSTM" else 1):
            return None
        rows = self.num_layers * (1 + self.bidirectional)
        widths = (self.proj_size or self.hidden_size, self.hidden_size)
        for part, width in zip(parts, widths, strict=False):
            if not is_readable(part, dtype) or part.shape != ((rows, width) if is_single else (rows, sequences, width)):
                return None
        return [part.unsqueeze(1) for part in parts] if is_single else list(parts)

    def _by_layer(self, weights: Sequence[Any]) -> list[list[DirectionWeights]]:
        plain, directions = 4 if self.bias else 2, 1 + self.bidirectional
        size = plain + (len(self._norm_names[0]) if self._norm_names else 0)
        each: list[Any] = [
            (*weights[begin : begin + plain], None, None)[:4] + tuple(weights[begin + plain : begin + size])
            for begin in range(0, len(weights), size)
        ]
        return [each[begin : begin + directions] for begin in range(0, len(each), directions)]

    def _drawn(self, by_layer: Sequence[Sequence[DirectionWeights]], sequences: int) -> list[DrawnLayer]:
        """All layers with what chance makes of them, drawn before anything runs, so that it is the same wherever they run."""
        dropouts = self._dropouts
        return [dropouts.drawn(layer, sequences, is_training=self.training) for layer in by_layer]

    def _pack(self, weights: Sequence[Tensor]) -> PackedLayers:
        packed = PackedLayers(self._cell(), weights, self._by_layer(weights), (self.zoneout, self.zoneout_cell))
        self.__dict__["_packed"] = packed
        return packed

    def _train(self, x: Tensor, layout: Layout, states: Sequence[Tensor], weights: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        self.__dict__.pop("_packed", None)  # the weights are about to change
        cell, last = self._cell(), []
        begins = [torch.split(part, 1 + self.bidirectional) for part in states] if self.num_layers > 1 else [(part,) for part in states]
        for number, layer in enumerate(self._drawn(self._by_layer(weights), layout.sequences)):
            if number and self.dropout and self.training:
                x = functional.dropout(x, self.dropout, training=True)
            begin = [part[number] for part in begins]
            x, *ends = recurrence(
                cell,
                x,
                layout.offsets,
                layer.weights,
                *begin,
                rows=layout.rows,
                mask=layer.mask,
                zoneout=layer.zoneout,
                seed=layer.seed,
            )
            last.append([end for end in ends if end is not None])
        return x, last[0] if len(last) == 1 else [torch.cat(parts) for parts in zip(*last, strict=True)]

    def _infer(self, x: Tensor, layout: Layout, states: Sequence[Tensor], layers: Sequence[engine.Layer]) -> tuple[Tensor, list[Tensor]]:
        flat = flat_of(x)
        begins = [array_of(part) for part in states]
        options: dict[str, Any] = {"rows": layout.rows, "threads": torch.get_num_threads()}
        ends: list[Any]
        if len(layers) == 1:
            flat, *ends, _ = layers[0].forward(flat, layout.offsets, *begins, **options)
        else:
            directions, last = 1 + self.bidirectional, []
            for number, layer in enumerate(layers):
                if number and self.dropout and self.training:
                    flat = functional.dropout(torch.from_numpy(flat), self.dropout, training=True).numpy()
                begin = [part[number * directions : (number + 1) * directions] for part in begins]
                flat, *ends, _ = layer.forward(flat, layout.offsets, *begin, **options)
                last.append(ends)
            ends = [None if parts[0] is None else np.concatenate(parts) for parts in zip(*last, strict=True)]
        y = torch.from_numpy(flat if x.dim() == 2 else flat.reshape(*x.shape[:-1], -1))
        return y, [torch.from_numpy(end) for end in ends if end is not None]

    def flatten_parameters(self) -> None:
        """As torch.nn's, and packs the weights anew at the next call: needed only where some were written through `.data` in part."""
        self.__dict__.pop("_packed", None)
        super().flatten_parameters()

    def extra_repr(self) -> str:
        """As torch.nn's, and the variants that were asked for."""
        variants = _options_text(self)
        return super().extra_repr() + (f", {variants}" if variants else "")

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[no-untyped-call]
        state.pop("_packed", None)
        return state

    def __prepare_scriptable__(self) -> nn.Module:
        """torch.jit.script compiles torch.nn's module, with these parameters."""
        if self._varies:
            raise NotImplementedError(
                f"torch.jit.script was given a tidegate.nn.{type(self).__name__} with {_options_text(self)}, which torch.nn does not have. "
                "Use torch.jit.trace, which records the steps."
            )
        theirs: Any = {RNN: nn.RNN, LSTM: nn.LSTM, GRU: nn.GRU}.get(type(self))
        if theirs is None:  # a subclass: its own forward is what is to be compiled
            return self
        module: nn.Module = theirs.__new__(theirs)
        module.__setstate__(self.__getstate__())  # type: ignore[no-untyped-call]
        return module


admit(_OnEngine)


def _is_tensor(part: Any, dtype: torch.dtype) -> bool:
    return isinstance(part, Tensor)


def _options_text(module: _OnEngine) -> str:
    """The variants of a module, as they were given."""
    return ", ".join(f"{name}={value}" for name in VARIANTS if (value := getattr(module, name)))


def _output(input: Any, y: Tensor, last: Sequence[Tensor]) -> Any:
    """The states [.., D·H] as a batch of the input's kind, and the last states [layers · D, B, H] as torch.nn gives them."""
    if isinstance(input, PackedSequence):
        return PackedSequence(y, input.batch_sizes, input.sorted_indices, input.unsorted_indices), _as_torch(last)
    return y, _as_torch(last if input.dim() == 3 else [part.squeeze(1) for part in last])


def _as_torch(states: Sequence[Tensor]) -> Any:
    """h, or the LSTM's pair of h and c."""
    return states[0] if len(states) == 1 else (states[0], states[1])


class RNN(_OnEngine, nn.RNN):
    """torch.nn.RNN on the engine: h' = tanh(W x + b + U h + b'), or ReLU for tanh.

    Args:
        *args, **kwargs: as torch.nn.RNN's.
        recurrent_dropout: probability, on the state where it enters the recurrent matrix, one draw a sequence (arXiv 1512.05287).
        zoneout: probability that a unit of h keeps its past (arXiv 1606.01305); outside training the expectation.
        weight_drop: probability, on the elements of the recurrent matrices, one draw a call (arXiv 1708.02182).
    """


class LSTM(_OnEngine, nn.LSTM):
    """torch.nn.LSTM on the engine. With `proj_size` it runs on torch.nn.

    Args:
        *args, **kwargs: as torch.nn.LSTM's.
        recurrent_dropout, zoneout, weight_drop: as in `RNN`.
        zoneout_cell: as `zoneout`, of the cell's state c.
        layer_norm: both products and the cell's state are normed (Ba et al. 2016, arXiv 1607.06450); adds parameters gain_ih,
            gain_hh, gain_c and shift_c for each layer and direction.
    """


class GRU(_OnEngine, nn.GRU):
    """torch.nn.GRU on the engine, and the GRU of the paper.

    Args:
        *args, **kwargs: as torch.nn.GRU's.
        reset_after: True: the reset gate multiplies after the matrix, n = tanh(W x + b + r∘(U h + b')), as in torch.nn, Keras and
            cuDNN. False: before it, n = tanh(W x + b + U(r∘h) + b'), as published; both biases exist and are summed. Names and
            shapes of the parameters are the same, their meaning is not: a `state_dict` says nothing of which it is.
        recurrent_dropout, zoneout, weight_drop: as in `RNN`.
        layer_norm: both products are normed, r and z as one group, n as another (Ba et al. 2016, arXiv 1607.06450); adds parameters
            gain_ih and gain_hh for each layer and direction.

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
        return super()._by_torch(input, hx) if self.reset_after else self._by_plain(input, hx)

    def __prepare_scriptable__(self) -> nn.Module:
        if not self.reset_after:
            raise NotImplementedError(
                "torch.jit.script was given a tidegate.nn.GRU with reset_after=False, the GRU of the paper, which torch.nn does not have. "
                "Use reset_after=True, or torch.jit.trace, which records the steps of this one."
            )
        return super().__prepare_scriptable__()
