"""torch's side: torch.nn in each form of input and with oneDNN on and off, the paper's GRU in three formulations, and our drop-ins."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from tidegate.kernels import Cell

from .contest import Contestant
from .paper_gru import FORMULATIONS, PaperGRU
from .shapes import Array, Batch, Shape

TORCH = {"lstm": nn.LSTM, "gru": nn.GRU, "gru-reset-after": nn.GRU, "rnn": nn.RNN}


def make_module(cell: Cell, shape: Shape) -> nn.RNNBase:
    """torch.nn's module with the weights that all contestants share; for the paper's GRU it only carries them."""
    torch.manual_seed(4)
    made: nn.RNNBase = TORCH[cell](shape.input_size, shape.hidden_size, bidirectional=shape.directions == 2)
    return made


def weights_of(module: nn.RNNBase) -> list[tuple[Array, Array, Array, Array]]:
    """weight_ih, weight_hh, bias_ih, bias_hh of each direction."""
    suffixes = ("_l0", "_l0_reverse") if module.bidirectional else ("_l0",)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [tuple(getattr(module, name + suffix).detach().numpy() for name in names) for suffix in suffixes]


def make_drop_in(cell: Cell, module: nn.RNNBase) -> nn.Module:
    """tidegate.nn's module of the same weights."""
    import tidegate.nn

    name = {"lstm": "LSTM", "rnn": "RNN"}.get(cell, "GRU")
    settings: dict[str, Any] = {"reset_after": False} if cell == "gru" else {}
    made: nn.Module = getattr(tidegate.nn, name)(module.input_size, module.hidden_size, bidirectional=module.bidirectional, **settings)
    made.load_state_dict(module.state_dict())
    return made


@contextmanager
def torch_setting(threads: int, *, onednn: bool, is_training: bool) -> Iterator[None]:
    before = torch.get_num_threads(), torch.backends.mkldnn.enabled
    torch.set_num_threads(threads)
    torch.backends.mkldnn.enabled = onednn  # type: ignore[assignment]
    try:
        with torch.inference_mode(not is_training):
            yield
    finally:
        torch.set_num_threads(before[0])
        torch.backends.mkldnn.enabled = before[1]


@dataclass(frozen=True)
class _Input:
    """One batch as the module takes it; `leaf` is the tensor in it whose gradient is wanted, `dy` the gradient from above."""

    argument: Any
    leaf: Tensor
    dy: Tensor


def _padded(batch: Batch) -> _Input:
    x = torch.from_numpy(batch.pad(batch.x))
    return _Input(x, x, torch.from_numpy(batch.pad(batch.dy)))


def _packed(batch: Batch) -> _Input:
    lengths = torch.from_numpy(batch.lengths)
    x, dy = (pack_padded_sequence(torch.from_numpy(batch.pad(flat)), lengths, enforce_sorted=False) for flat in (batch.x, batch.dy))
    return _Input(x, x.data, dy.data)


def _packed_sorted(batch: Batch) -> _Input:
    batch = batch.sorted_by_length()[0]
    lengths = torch.from_numpy(batch.lengths)
    x, dy = (pack_padded_sequence(torch.from_numpy(batch.pad(flat)), lengths, enforce_sorted=True) for flat in (batch.x, batch.dy))
    return _Input(x, x.data, dy.data)


# Turned into these forms outside the clock, to the opponents' advantage; what they give back is not turned either.
FORMS: dict[str, Callable[[Batch], _Input]] = {"padded": _padded, "packed": _packed, "packed, sorted": _packed_sorted}


class TorchLayer:
    """A module and its batches in one form; one call reads all of them, and learns from them when training."""

    def __init__(
        self, module: nn.Module, batches: list[Batch], form: str, *, is_training: bool, dtype: torch.dtype = torch.float32
    ) -> None:
        self.module = copy.deepcopy(module).to(dtype).train(is_training)
        self.batches = batches
        self.form = form
        self.is_training = is_training
        self.inputs = [_with_leaf(FORMS[form](batch), dtype, needs_gradient=is_training) for batch in batches]
        self.parameters = list(self.module.parameters())

    def run(self) -> None:
        for given in self.inputs:
            y = self.module(given.argument)[0]
            if self.is_training:
                (y if isinstance(y, Tensor) else y.data).backward(given.dy)
                given.leaf.grad = None
                for parameter in self.parameters:
                    parameter.grad = None

    def answer(self) -> dict[str, Array]:
        """Of the first batch, in the order of its flat rows."""
        given = self.inputs[0]
        y = self.module(given.argument)[0]
        found = {"y": self._flat(y if isinstance(y, Tensor) else y.data)}
        if self.is_training:
            (y if isinstance(y, Tensor) else y.data).backward(given.dy)
            assert given.leaf.grad is not None
            found["dx"] = self._flat(given.leaf.grad)
            given.leaf.grad = None
            for name, parameter in self.module.named_parameters():
                assert parameter.grad is not None
                found[name] = parameter.grad.numpy().copy()
                parameter.grad = None
        return found

    def _flat(self, values: Tensor) -> Array:
        batch, argument = self.batches[0], self.inputs[0].argument
        values = values.detach()
        if isinstance(argument, PackedSequence):
            values = pad_packed_sequence(PackedSequence(values, *argument[1:]))[0]
        if self.form != "packed, sorted":
            return batch.unpad(values.numpy())
        in_order, rows = batch.sorted_by_length()
        flat = np.empty((len(rows), values.shape[2]), dtype=values.numpy().dtype)
        flat[rows] = in_order.unpad(values.numpy())
        return flat


def _with_leaf(given: _Input, dtype: torch.dtype, *, needs_gradient: bool) -> _Input:
    leaf = given.leaf.to(dtype).requires_grad_(needs_gradient)
    argument = PackedSequence(leaf, *given.argument[1:]) if isinstance(given.argument, PackedSequence) else leaf
    return _Input(argument, leaf, given.dy.to(dtype))


def reference(
    cell: Cell, module: nn.RNNBase, batch: Batch, *, is_training: bool, dtype: torch.dtype = torch.float64
) -> Mapping[str, Array]:
    """Answer of torch.nn (or, for the paper's GRU, of the loop in torch), packed, so right for unequal lengths."""
    source: nn.Module = PaperGRU(module, "loop") if cell == "gru" else module
    layer = TorchLayer(source, [batch], "packed", is_training=is_training, dtype=dtype)
    with torch.set_grad_enabled(is_training):
        return layer.answer()


def torch_contestants(
    cell: Cell, module: nn.RNNBase, shape: Shape, batches: list[Batch], *, threads: int, is_training: bool
) -> list[Contestant]:
    """Every way of torch's: forms of input × oneDNN; on one thread as well where there is one sequence alone."""
    made = []
    forms = list(FORMS) if shape.is_ragged else ["padded"]
    counts = [threads, 1] if threads > 1 and max(map(len, shape.batches)) == 1 else [threads]
    for formulation in FORMULATIONS if cell == "gru" else ("",):
        for form in forms:
            if formulation == "compiled step" and form != "padded":
                continue  # a batch that shrinks would be compiled anew at every step
            source = PaperGRU(module, formulation) if formulation else module
            layer = TorchLayer(source, batches, form, is_training=is_training)
            for count in counts:
                # The loops' operations never come to oneDNN.
                for onednn in (True,) if formulation else (True, False):
                    parts = [formulation, form if shape.is_ragged else "", "" if formulation else f"oneDNN {'on' if onednn else 'off'}"]
                    name = ", ".join(["torch", *filter(None, parts)] + ([f"{count} thread"] if count != threads else []))
                    setting = partial(torch_setting, count, onednn=onednn, is_training=is_training)
                    is_exact = form != "padded" or not shape.is_ragged or shape.directions == 1
                    made.append(Contestant(name, "torch", layer.run, layer.answer, setting, is_exact))
    return made


def drop_in_contestant(
    cell: Cell, module: nn.RNNBase, shape: Shape, batches: list[Batch], *, threads: int, is_training: bool
) -> Contestant:
    """tidegate.nn on the same tensors as torch.nn; real lengths come as a PackedSequence in the order they have."""
    layer = TorchLayer(make_drop_in(cell, module), batches, "packed" if shape.is_ragged else "padded", is_training=is_training)
    return Contestant("drop-in", "drop-in", layer.run, layer.answer, partial(torch_setting, threads, onednn=True, is_training=is_training))
