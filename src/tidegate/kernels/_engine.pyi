"""The compiled engine; `csrc/module.cpp` is its source and `engine` its face."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.kernels.engine import Gradients, Output

Array = NDArray[np.floating[Any]]
Weights = tuple[Array, Array, Array | None, Array | None]

class Tape:
    """What a forward pass keeps for the backward one."""

    @property
    def nbytes(self) -> int: ...
    def gates(self, direction: int = 0) -> Array:
        """[N, gates, H], activated, in the order of x's rows: lstm i, f, g, o; the GRUs r, z, n; rnn the states."""

class Layer:
    """One recurrent layer of one or two directions, its weights packed for the engine (a copy).

    Args:
        cell: rnn, rnn-relu, lstm, gru (Cho et al. 2014) or gru-reset-after.
        weights: for each direction (weight_ih [gates · H, I], weight_hh [gates · H, H], bias_ih and bias_hh [gates · H] or None), in
            torch.nn's order of the gates, all float32 or all float64. Of two directions the second reads backward.
        reverse: whether a layer of one direction reads backward.
        trains: packs what `backward` needs too.
        threads: TIDEGATE_NUM_THREADS or what is available, if None.

    Raises:
        ShapeError: sizes that do not fit, arrays that are not C-contiguous or not aligned.
        TypeError: no array, or of another dtype.
    """

    def __init__(
        self, cell: str, weights: Sequence[Weights], *, reverse: bool = False, trains: bool = False, threads: int | None = None
    ) -> None: ...
    @property
    def cell(self) -> str: ...
    @property
    def input_size(self) -> int: ...
    @property
    def hidden_size(self) -> int: ...
    @property
    def directions(self) -> int: ...
    @property
    def dtype(self) -> str: ...
    def forward(
        self,
        x: Array,
        offsets: NDArray[np.int64],
        h0: Array | None = None,
        c0: Array | None = None,
        *,
        places: NDArray[np.int64] | None = None,
        keep: bool = False,
        threads: int | None = None,
    ) -> Output:
        """The states of a ragged batch: x [N, I], offsets [B+1] rising from 0 to N (lengths of zero too), h0 and c0 [directions, B, H].

        With `places` [N], x is [U, I] and step n reads x[places[n]]; for inference only. `keep` keeps what `backward` needs.
        """

    def step(self, x: Array, h: Array, c: Array | None = None) -> Any:
        """One step of B sequences: x [B, I], h and c [B, H] to the next (h, c), or h where the cell has no c. One direction only."""

    def backward(
        self,
        tape: Tape,
        x: Array,
        dy: Array | None = None,
        dhn: Array | None = None,
        dcn: Array | None = None,
        *,
        needs_dx: bool = True,
        needs_dh0: bool = False,
        threads: int | None = None,
    ) -> Gradients:
        """The gradients of everything, from those of y [N, directions · H], hn and cn [directions, B, H]; None is zero."""

def crf_loss(
    emissions: Array,
    labels: NDArray[np.int64],
    offsets: NDArray[np.int64],
    pair: Array,
    start: Array,
    end: Array,
    *,
    needs_gradients: bool = True,
) -> tuple[float, Array, Array, Array, Array]:
    """−log p(labels | emissions) in nats, summed over the sequences, and its gradients by emissions, pair, start and end.

    emissions [N, K], labels [N], offsets [B+1], pair [K, K] (from the row's label to the column's), start and end [K]. Without
    `needs_gradients` the gradients are None.
    """

def register(output: type[Output], gradients: type[Gradients], shape_error: type[Exception], default_threads: int) -> None: ...
def instruction_set() -> str: ...
def usable_instruction_sets() -> list[str]: ...
def parallel_runtime() -> str: ...
def release_kept_memory() -> None: ...
