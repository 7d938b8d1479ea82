"""One recurrent layer on the engine, with gradients: what the stack and the drop-ins for torch.nn run on.

Everything is flat: x [N, I] holds the steps of all sequences one after another, offsets [B+1] say where
each begins. D directions (one or two) run in one call of the engine. Letters and gate order as in
`tidegate.kernels.twins`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd import forward_ad

from tidegate.kernels import engine

EngineCell = Literal["rnn", "rnn-relu", "lstm", "gru", "gru-reset-after", "mingru", "minlstm"]
# Of one direction, as `engine.Layer` takes them: weight_ih [G·H, I], weight_hh [G·H, H], bias_ih, bias_hh [G·H] (both or neither), with
# layer norm gain_ih, gain_hh [G·H] and an lstm's gain_c, shift_c [H]. mingru and minlstm have weight_ih and bias_ih, else None.
DirectionWeights = tuple[Tensor | None, ...]

PLAIN = (Tensor, torch.nn.Parameter)
DTYPES = (torch.float32, torch.float64)
_autocast = torch._C._is_any_autocast_enabled
_modes = torch._C._len_torch_dispatch_stack
_transform = torch._C._functorch.peek_interpreter_stack
_tracing = torch._C._get_tracing_state
REFUSAL = (
    "the gradient of a gradient (create_graph=True) was asked of a layer that ran on tidegate's engine, which has first derivatives "
    "only. For recurrent layers use torch.nn.RNN, torch.nn.LSTM or torch.nn.GRU there, whose state_dict() is the same, or "
    "tidegate.nn.cells."
)


def is_plain_torch() -> bool:
    """Whether nothing wants to see or to change torch's operations one by one, so that the engine may take their place.

    False under autocast, torch.func's transforms, forward-mode differentiation, torch.jit.trace and dispatch modes.
    """
    return not (_autocast() or _modes() or forward_ad._current_level >= 0) and _transform() is None and _tracing() is None


def is_transformed() -> bool:
    """Whether a transform of torch.func is at work (grad, vmap, jvp); asked in a way that torch.compile can trace."""
    return torch._C._are_functorch_transforms_active()


def is_for_engine(tensor: Any, dtype: torch.dtype) -> bool:
    """Whether the engine can read the tensor: no subclass, dense, on the CPU, of that dtype, and that one float32 or float64."""
    return (
        type(tensor) in PLAIN
        and tensor.dtype is dtype
        and dtype in DTYPES
        and tensor.is_cpu
        and tensor.layout is torch.strided
        and not tensor.is_neg()
    )


def runs_on_engine(x: Tensor, *others: Tensor) -> bool:
    """Whether a layer that takes these tensors runs on the engine: it is there, may take torch's place, and can read all of them as x."""
    return all(is_for_engine(part, x.dtype) for part in (x, *others)) and is_plain_torch() and engine.is_there()


def array_of(tensor: Tensor) -> NDArray[Any]:
    """The tensor's own memory as a C-contiguous array; a copy only where it is not contiguous."""
    return np.ascontiguousarray(view_of(tensor))


def view_of(tensor: Tensor) -> NDArray[Any]:
    """The tensor's own memory as an array of the same strides."""
    array: NDArray[Any] = (tensor.detach() if tensor.requires_grad else tensor).numpy()
    return array


def engine_layer(
    cell: EngineCell,
    weights: Sequence[DirectionWeights],
    *,
    reverse: bool = False,
    trains: bool = False,
    zoneout: tuple[float, float] = (0.0, 0.0),
) -> engine.Layer:
    """The engine's layer for torch's weights, packed: a copy, which later changes of the weights do not reach."""
    arrays = [tuple(None if part is None else array_of(part) for part in direction) for direction in weights]
    return engine.Layer(cell, arrays, reverse=reverse, trains=trains, threads=torch.get_num_threads(), zoneout=zoneout)


def recurrence(
    cell: EngineCell,
    x: Tensor,
    offsets: NDArray[np.int64],
    weights: Sequence[DirectionWeights],
    h0: Tensor | None = None,
    c0: Tensor | None = None,
    *,
    reverse: bool = False,
    rows: NDArray[np.int64] | None = None,
    mask: Tensor | None = None,
    zoneout: tuple[float, float] = (0.0, 0.0),
    seed: Tensor | int | None = None,
) -> tuple[Tensor, Tensor, Tensor | None]:
    """The states of one layer at every step, and each sequence's last.

    Args:
        cell: which; `gru` is the paper's, `gru-reset-after` torch's.
        x: float32 or float64 [N, I], on the CPU; or any shape [..., I] whose rows are N.
        offsets: [B+1], from 0 to N; sequences may be empty.
        weights: of D directions, dtype as x. Of two, the second reads from the end of each sequence.
        h0, c0: [D, B, H], the states to begin from; None for zeros.
        reverse: with one direction: read from the end.
        rows: [N], the row of x and of y in which each step of the flat batch stands; None: in order.
        mask: [D, B, H], what h is multiplied with where it enters the recurrent matrix; not differentiable. Recurrent dropout, Gal &
            Ghahramani 2016, arXiv 1512.05287.
        zoneout: the probabilities that a unit of h, and of an LSTM's c, keeps its past. Krueger et al. 2016, arXiv 1606.01305.
        seed: of zoneout's draws, 0 to 2^64 − 1, or a tensor of one int64; None: in expectation.

    Returns:
        y [..., D·H], the directions side by side; hn [D, B, H] and, of the LSTM, cn [D, B, H], else None: the states after each
        sequence's last step read. All differentiable once by x, h0, c0 and the weights.

    Raises:
        ShapeError: x, the offsets, the weights or the states do not fit each other.
        RuntimeError: in the backward pass of a backward pass.
    """
    parts = [part for direction in weights for part in direction]
    call = _Call(
        cell, offsets, len(weights), reverse, rows, None if mask is None else array_of(mask), zoneout, None if seed is None else int(seed)
    )
    if torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in (x, h0, c0, *parts)):
        outputs: tuple[Tensor, ...] = _Recurrence.apply(call, x, h0, c0, *parts)  # type: ignore[no-untyped-call]
    else:
        outputs = call.outputs(call.forward(flat_of(x), h0, c0, parts, trains=False)[0], x)
    return outputs[0], outputs[1], outputs[2] if len(outputs) == 3 else None


def flat_of(tensor: Tensor) -> NDArray[Any]:
    """The tensor's rows [N, width]; its own memory where it is contiguous."""
    array = array_of(tensor)
    return array if array.ndim == 2 else array.reshape(-1, array.shape[-1])


class _Call(NamedTuple):
    """What a pass over one layer depends on besides tensors that have gradients."""

    cell: EngineCell
    offsets: NDArray[np.int64]
    directions: int
    reverse: bool
    rows: NDArray[np.int64] | None
    mask: NDArray[Any] | None
    zoneout: tuple[float, float]
    seed: int | None

    def outputs(self, output: engine.Output, x: Tensor) -> tuple[Tensor, ...]:
        y = output.y if x.dim() == 2 else output.y.reshape(*x.shape[:-1], -1)
        return tuple(torch.from_numpy(part) for part in (y, output.hn, output.cn) if part is not None)

    def forward(
        self, x: NDArray[Any], h0: Tensor | None, c0: Tensor | None, parts: Sequence[Tensor | None], *, trains: bool
    ) -> tuple[engine.Output, engine.Layer]:
        """What the engine gives, for `trains` its tape too, and the layer that `backward` needs."""
        size = len(parts) // self.directions
        weights = [tuple(parts[begin : begin + size]) for begin in range(0, len(parts), size)]
        layer = engine_layer(self.cell, weights, reverse=self.reverse, trains=trains, zoneout=self.zoneout)
        arrays = None if h0 is None else array_of(h0), None if c0 is None else array_of(c0)
        options: dict[str, Any] = {"mask": self.mask, "seed": self.seed, "rows": self.rows, "threads": torch.get_num_threads()}
        return layer.forward(x, self.offsets, *arrays, keep=trains, **options), layer


class _Recurrence(torch.autograd.Function):
    """Gradients by the engine. What it keeps for them hangs on a saved tensor, and so lives exactly as long as torch's own would."""

    @staticmethod
    def forward(ctx: Any, call: _Call, x: Tensor, h0: Tensor | None, c0: Tensor | None, *parts: Tensor | None) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        flat = flat_of(x)
        output, layer = call.forward(flat, h0, c0, parts, trains=True)
        keeper = torch.empty(0)
        keeper.kept = layer, output.tape  # type: ignore[attr-defined]
        # x itself where its memory is what was read, for torch to see if it is written to; else the copy that was read.
        is_copied = not np.may_share_memory(flat, view_of(x))
        ctx.call, ctx.shape = call, x.shape
        ctx.save_for_backward(keeper, torch.from_numpy(flat) if is_copied else x, h0, c0, *parts)
        return call.outputs(output, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Any, ...]:
        call: _Call = ctx.call
        keeper, x, h0, c0, *parts = ctx.saved_tensors
        flat = flat_of(x)
        if hasattr(keeper, "kept"):
            layer, tape = keeper.kept
        else:  # a saved-tensor hook, activation checkpointing for one, gave back another tensor: computed once more
            output, layer = call.forward(flat, h0, c0, parts, trains=True)
            tape = output.tape
        dy, *ends = gradients
        _, needs_dx, needs_dh0, needs_dc0, *needs_weights = ctx.needs_input_grad
        found = layer.backward(
            tape,
            flat,
            None if dy is None else flat_of(dy),
            *(None if end is None else array_of(end) for end in ends),
            needs_dx=needs_dx,
            needs_dh0=needs_dh0 or needs_dc0,
            needs_weights=any(needs_weights),
            threads=torch.get_num_threads(),
        )
        dx = None if found.dx is None else found.dx.reshape(ctx.shape)
        of_weights = [part for direction in found.weights for part in direction] or [None] * len(parts)
        arrays = [dx, found.dh0, found.dc0, *of_weights]
        tensors = [
            torch.from_numpy(array) if is_needed and array is not None else None
            for array, is_needed in zip(arrays, ctx.needs_input_grad[1:], strict=True)
        ]
        return None, *(differentiable_once(tensors) if torch.is_grad_enabled() else tensors)


def differentiable_once(gradients: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
    """Gradients computed under create_graph=True, made to refuse their own differentiation with a clear message.

    torch's `once_differentiable` does so only where the incoming gradient requires one; of y.sum(), whose does not, it would give
    a gradient of the gradient that silently lacks this layer.
    """
    marked: tuple[Tensor | None, ...] = _Once.apply(*(None if part is None else part.requires_grad_() for part in gradients))  # type: ignore[no-untyped-call]
    return marked


class _Once(torch.autograd.Function):
    """Hands gradients on and refuses to be differentiated, whatever the gradients depend on."""

    @staticmethod
    def forward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        return tuple(None if part is None else part.view_as(part) for part in gradients)

    @staticmethod
    def backward(ctx: Any, *_: Tensor | None) -> Any:
        raise RuntimeError(REFUSAL)
