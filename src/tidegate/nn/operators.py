"""The engine's recurrent layer as operators of torch's own, for graphs: torch.compile, torch.export, AOTAutograd.

    tidegate::recurrence             a layer forward
    tidegate::recurrence_backward    its gradients

A graph knows an operator by its schema, by the shapes that it gives (`register_fake`) and by its derivative (`register_autograd`).
Outside of graphs `recurrence` has a shorter way, an autograd.Function; what both compute is the same to the bit.

What a backward pass needs of its forward pass, the engine's tape, is no tensor. It hangs on one: `reserve`, a byte that the
forward operator gives and the backward operator takes. So it lives exactly as long as that tensor does. Where another tensor came
in its place (a saved-tensor hook, activation checkpointing, a graph that was moved to another process), the backward operator
computes the forward pass once more.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.weak import WeakTensorKeyDictionary

from tidegate.kernels import GATES, engine
from tidegate.kernels.architecture import WITHOUT_RECURRENT_MATRIX
from tidegate.nn.dropouts import DrawnLayer
from tidegate.nn.packed import PackedLayers
from tidegate.nn.recurrence import DTYPES, PLAIN, REFUSAL, DirectionWeights, EngineCell, array_of, engine_layer, is_transformed

_INPUTS = "Tensor x, Tensor offsets, Tensor[] weights, Tensor? h0, Tensor? c0, Tensor? rows, Tensor? mask, Tensor? seed"
torch.library.define(
    "tidegate::recurrence",
    f"(str cell, int directions, {_INPUTS}, *, float zoneout_h=0.0, float zoneout_c=0.0, bool reverse=False, bool keep=False)"
    " -> (Tensor y, Tensor hn, Tensor cn, Tensor reserve)",
    tags=(torch.Tag.pt2_compliant_tag, torch.Tag.needs_fixed_stride_order),
)
torch.library.define(
    "tidegate::recurrence_backward",
    f"(str cell, int directions, Tensor? dy, Tensor? dhn, Tensor? dcn, {_INPUTS}, Tensor reserve, *, float zoneout_h, float zoneout_c,"
    " bool reverse, bool needs_dx, bool needs_states) -> (Tensor dx, Tensor dh0, Tensor dc0, Tensor[] dweights)",
    tags=(torch.Tag.pt2_compliant_tag, torch.Tag.needs_fixed_stride_order),
)


class Kept(NamedTuple):
    """What hangs on a `reserve`."""

    layer: engine.Layer
    tape: engine.Tape


# Layers packed for graphs that only answer, by the first of their weights: with it they go.
_packed: MutableMapping[Any, PackedLayers] = WeakTensorKeyDictionary()


def directions_of(cell: EngineCell, directions: int, weights: Sequence[Tensor]) -> list[DirectionWeights]:
    """The weights of one layer as `recurrence` takes them, a tuple a direction, from the flat list of those that are there."""
    size = len(weights) // directions
    each = [tuple(weights[begin : begin + size]) for begin in range(0, len(weights), size)]
    if cell in WITHOUT_RECURRENT_MATRIX:
        return [(weight, None, bias[0] if bias else None, None) for weight, *bias in each]
    return [(*direction, None, None) if size == 2 else direction for direction in each]


def _written_out(direction: DirectionWeights) -> DirectionWeights:
    """With zeros for biases that are missing before gains, since a flat list of weights says by its length alone which they are."""
    weight, bias = direction[0], direction[2]
    if len(direction) == 4 or bias is not None or weight is None:
        return direction
    zeros = weight.new_zeros(weight.shape[0])
    return (*direction[:2], zeros, zeros, *direction[4:])


def hidden_size_of(cell: EngineCell, weights: Sequence[Tensor]) -> Any:
    """H; a symbol where sizes are left free."""
    return weights[0].shape[0] // GATES[cell] if cell in WITHOUT_RECURRENT_MATRIX else weights[1].shape[1]


def is_for_operator(tensor: Any, dtype: torch.dtype) -> bool:
    """`is_for_engine` of a tensor in a graph that is being recorded, where torch.export's tensors have a type of their own."""
    return (
        isinstance(tensor, Tensor)
        and (type(tensor) in PLAIN or torch.compiler.is_exporting())
        and tensor.dtype == dtype
        and dtype in DTYPES
        and tensor.device.type == "cpu"
        and tensor.layout == torch.strided
    )


def graph_takes(x: Tensor, *others: Tensor) -> bool:
    """`runs_on_engine` in a graph that is being recorded: whether a layer that takes these tensors can be a node of it."""
    return all(is_for_operator(part, x.dtype) for part in (x, *others)) and not is_transformed() and engine.is_built()


def recurrence_operator(
    cell: EngineCell,
    x: Tensor,
    offsets: Tensor,
    layer: DrawnLayer,
    h0: Tensor | None = None,
    c0: Tensor | None = None,
    *,
    rows: Tensor | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """The states of one layer at every step, and each sequence's last, as one node of a graph.

    Args:
        cell: which; `gru` is the paper's, `gru-reset-after` torch's.
        x: float32 or float64 [N, I], on the CPU.
        offsets: int64 [B+1], from 0 to N.
        layer: weights of D directions, and what was drawn.
        h0, c0: [D, B, H], the states to begin from; None for zeros.
        rows: int64 [N], where the steps stand in x and y.

    Returns:
        y [N, D·H], and [hn] or, of the LSTM, [hn, cn], each [D, B, H].
    """
    flat = [part for direction in layer.weights for part in _written_out(direction) if part is not None]
    # An exported program mostly answers. One that is trained on computes the forward pass twice.
    keep = (
        torch.is_grad_enabled()
        and not torch.compiler.is_exporting()
        and any(tensor is not None and tensor.requires_grad for tensor in (x, h0, c0, *flat))
    )
    inputs = cell, len(layer.weights), x, offsets, flat, h0, c0, rows, layer.mask, layer.seed
    y, hn, cn, _ = torch.ops.tidegate.recurrence(*inputs, zoneout_h=layer.zoneout[0], zoneout_c=layer.zoneout[1], keep=keep)
    return y, [hn, cn] if cell == "lstm" else [hn]


def run_padded(
    cell: EngineCell,
    x: Tensor,
    layers: Sequence[DrawnLayer],
    states: Sequence[Tensor],
    *,
    is_batch_first: bool,
    dropout: float,
) -> tuple[Tensor, list[Tensor]]:
    """The last layer's states at every step, and all layers' last states, as operators.

    Args:
        cell: of all layers.
        x: [T, I], [T, B, I] or, batch first, [B, T, I].
        layers: each with its draws.
        states: none, or h0 and, of the LSTM, c0, [layers · D, B, H].
        is_batch_first: of three dimensions, B is the first.
        dropout: probability, on the input of every layer but the first.

    Returns:
        y, shaped as x, D · H wide; [hn] or, of the LSTM, [hn, cn], each [layers · D, B, H].
    """
    is_time_major = x.dim() == 3 and not is_batch_first
    shape = x.shape[:-1]
    steps, sequences = shape if is_time_major else (shape[-1], shape[0] if len(shape) == 2 else 1)
    flat, offsets = x.reshape(sequences * steps, x.shape[-1]), torch.arange(sequences + 1) * steps
    rows = torch.arange(sequences * steps).view(steps, sequences).T.reshape(-1) if is_time_major else None
    begins = [torch.chunk(part, len(layers)) for part in states]
    last: list[list[Tensor]] = []
    for number, layer in enumerate(layers):
        if number and dropout:
            flat = functional.dropout(flat, dropout, training=True)
        flat, ends = recurrence_operator(cell, flat, offsets, layer, *(part[number] for part in begins), rows=rows)
        last.append(ends)
    return flat.view(*shape, flat.shape[-1]), [torch.cat(parts) for parts in zip(*last, strict=True)]


class _Inputs(NamedTuple):
    """What both operators take, by the schema's order and names."""

    cell: EngineCell
    directions: int
    x: Tensor
    offsets: Tensor
    weights: Sequence[Tensor]
    h0: Tensor | None
    c0: Tensor | None
    rows: Tensor | None
    mask: Tensor | None
    seed: Tensor | None

    def layer(self, zoneout: tuple[float, float], *, reverse: bool, trains: bool) -> engine.Layer:
        each = directions_of(self.cell, self.directions, self.weights)
        return engine_layer(self.cell, each, reverse=reverse, trains=trains, zoneout=zoneout)

    def packed_layer(self, zoneout: tuple[float, float], *, reverse: bool) -> engine.Layer:
        """That of these weights, packed before if they stand as they did."""
        if reverse or any(zoneout):
            return self.layer(zoneout, reverse=reverse, trains=False)
        packed = _packed.get(self.weights[0])
        if packed is None or not packed.fits(self.cell, self.weights):
            packed = PackedLayers(self.cell, self.weights, [directions_of(self.cell, self.directions, self.weights)])
            _packed[self.weights[0]] = packed
        return packed.layers[0]

    def forward(self, layer: engine.Layer, *, keep: bool) -> engine.Output:
        given = [_or_none(part) for part in (self.h0, self.c0)]
        options: dict[str, Any] = {
            "mask": _or_none(self.mask),
            "seed": None if self.seed is None else int(self.seed),
            "rows": _or_none(self.rows),
            "threads": torch.get_num_threads(),
        }
        return layer.forward(array_of(self.x), array_of(self.offsets), *given, keep=keep, **options)

    def ends_shape(self) -> tuple[Any, ...]:
        return self.directions, self.offsets.shape[0] - 1, hidden_size_of(self.cell, self.weights)


@torch.library.impl("tidegate::recurrence", "CPU")
def _recurrence(
    *inputs: Any, zoneout_h: float = 0.0, zoneout_c: float = 0.0, reverse: bool = False, keep: bool = False
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    given, zoneout = _Inputs(*inputs), (zoneout_h, zoneout_c)
    reserve = torch.zeros(1, dtype=torch.uint8)
    if keep:
        _packed.pop(given.weights[0], None)  # the weights are about to change
        layer = given.layer(zoneout, reverse=reverse, trains=True)
    else:
        layer = given.packed_layer(zoneout, reverse=reverse)
    output = given.forward(layer, keep=keep)
    if output.tape is not None:
        reserve.kept = Kept(layer, output.tape)  # type: ignore[attr-defined]
    cn = given.x.new_empty(0) if output.cn is None else torch.from_numpy(output.cn)
    return torch.from_numpy(output.y), torch.from_numpy(output.hn), cn, reserve


@torch.library.impl("tidegate::recurrence_backward", "CPU")
def _recurrence_backward(
    cell: EngineCell,
    directions: int,
    dy: Tensor | None,
    dhn: Tensor | None,
    dcn: Tensor | None,
    *inputs: Any,
    zoneout_h: float,
    zoneout_c: float,
    reverse: bool,
    needs_dx: bool,
    needs_states: bool,
) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    *rest, reserve = inputs
    given = _Inputs(cell, directions, *rest)
    kept: Kept | None = getattr(reserve, "kept", None)
    if kept is None:
        layer = given.layer((zoneout_h, zoneout_c), reverse=reverse, trains=True)
        tape = given.forward(layer, keep=True).tape
        assert tape is not None
        kept = Kept(layer, tape)
    found = kept.layer.backward(
        kept.tape,
        array_of(given.x),
        _or_none(dy),
        _or_none(dhn),
        _or_none(dcn) if cell == "lstm" else None,
        needs_dx=needs_dx,
        needs_dh0=needs_states,
        threads=torch.get_num_threads(),
    )
    dx, dh0, dc0 = (given.x.new_empty(0) if part is None else torch.from_numpy(part) for part in (found.dx, found.dh0, found.dc0))
    size = len(given.weights) // directions
    each = [[part for part in direction if part is not None][:size] for direction in found.weights]
    return dx, dh0, dc0, [torch.from_numpy(part) for direction in each for part in direction]


@torch.library.register_fake("tidegate::recurrence")  # type: ignore[untyped-decorator]
def _recurrence_shapes(
    *inputs: Any, zoneout_h: float = 0.0, zoneout_c: float = 0.0, reverse: bool = False, keep: bool = False
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    given = _Inputs(*inputs)
    x, ends = given.x, given.ends_shape()
    cn = x.new_empty(ends if given.cell == "lstm" else (0,))
    return x.new_empty(x.shape[0], ends[0] * ends[2]), x.new_empty(ends), cn, x.new_empty(1, dtype=torch.uint8)


@torch.library.register_fake("tidegate::recurrence_backward")  # type: ignore[untyped-decorator]
def _gradient_shapes(
    cell: EngineCell,
    directions: int,
    dy: Tensor | None,
    dhn: Tensor | None,
    dcn: Tensor | None,
    *inputs: Any,
    zoneout_h: float,
    zoneout_c: float,
    reverse: bool,
    needs_dx: bool,
    needs_states: bool,
) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    given = _Inputs(cell, directions, *inputs[:-1])
    x, ends = given.x, given.ends_shape()
    return (
        x.new_empty(x.shape if needs_dx else (0,)),
        x.new_empty(ends if needs_states else (0,)),
        x.new_empty(ends if needs_states and cell == "lstm" else (0,)),
        [x.new_empty(part.shape) for part in given.weights],
    )


def _save(ctx: Any, inputs: tuple[Any, ...], keyword_only_inputs: dict[str, Any], output: tuple[Tensor, ...]) -> None:
    given = _Inputs(*inputs)
    ctx.set_materialize_grads(False)
    ctx.cell, ctx.directions = given.cell, given.directions
    ctx.options = {name: keyword_only_inputs[name] for name in ("zoneout_h", "zoneout_c", "reverse")}
    optional = (given.h0, given.c0, given.rows, given.mask, given.seed)
    ctx.is_there = [part is not None for part in optional]
    ctx.save_for_backward(output[3], given.x, given.offsets, *(part for part in optional if part is not None), *given.weights)


def _differentiate(ctx: Any, dy: Tensor | None, dhn: Tensor | None, dcn: Tensor | None, _: None) -> tuple[Any, ...]:
    reserve, x, offsets, *rest = ctx.saved_tensors
    optional = [rest.pop(0) if is_there else None for is_there in ctx.is_there]
    _, _, needs_dx, _, needs_weights, needs_dh0, needs_dc0, *_ = ctx.needs_input_grad
    dx, dh0, dc0, dweights = torch.ops.tidegate.recurrence_backward(
        ctx.cell,
        ctx.directions,
        dy,
        dhn,
        dcn,
        x,
        offsets,
        rest,
        *optional,
        reserve,
        needs_dx=needs_dx,
        needs_states=needs_dh0 or needs_dc0,
        **ctx.options,
    )
    weights = [part if is_needed else None for part, is_needed in zip(dweights, needs_weights, strict=True)]
    return None, None, dx if needs_dx else None, None, weights, dh0 if needs_dh0 else None, dc0 if needs_dc0 else None, None, None, None


def _refuse(ctx: Any, *_: Any) -> Any:
    raise RuntimeError(REFUSAL)


torch.library.register_autograd("tidegate::recurrence", _differentiate, setup_context=_save)
torch.library.register_autograd("tidegate::recurrence_backward", _refuse)
torch.library.register_autocast("tidegate::recurrence", "cpu", torch.float32)


def _or_none(tensor: Tensor | None) -> Any:
    return None if tensor is None else array_of(tensor)
