"""The compiled engine; `csrc/module.cpp` and the other `csrc/module_….cpp` are its source and `engine` its face."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.kernels.engine import Gradients, Output

Array = NDArray[np.floating[Any]]
# weight_ih, weight_hh, bias_ih, bias_hh, and with layer norm gain_ih, gain_hh and an lstm's gain_c, shift_c.
Weights = tuple[Array | None, ...]

class Tape:
    """What a forward pass keeps for the backward one."""

    @property
    def nbytes(self) -> int: ...
    def gates(self, direction: int = 0) -> Array:
        """[N, gates, H], activated, in the order of x's rows: lstm i, f, g, o; the GRUs r, z, n; mingru z, n; minlstm i, f, g; rnn the
        states, with zoneout those before it."""

class Layer:
    """One recurrent layer of one or two directions, its weights packed for the engine (a copy).

    Args:
        cell: rnn, rnn-relu, lstm, gru (Cho et al. 2014), gru-reset-after, mingru or minlstm.
        weights: for each direction (weight_ih [gates · H, I], weight_hh [gates · H, H], bias_ih and bias_hh [gates · H] or None), in
            torch.nn's order of the gates, all float32 or all float64. Of two directions the second reads backward. mingru (z, n) and
            minlstm (i, f, g) have no weight_hh and no bias_hh: None. With layer norm lstm and the GRUs have gain_ih and gain_hh
            [gates · H] too, and an lstm gain_c and shift_c [H] (Ba et al. 2016; equations in docs/cells.md).
        reverse: whether a layer of one direction reads backward.
        trains: packs what `backward` needs too.
        threads: TIDEGATE_NUM_THREADS or what is available, if None.
        zoneout: probabilities, at least 0 and below 1, with which h and an lstm's c keep their past.

    Raises:
        ShapeError: sizes that do not fit, arrays that are not C-contiguous or not aligned.
        TypeError: no array, or of another dtype.
        ValueError: an unknown cell, or zoneout that is no probability or that the cell has not.
    """

    def __init__(
        self,
        cell: str,
        weights: Sequence[Weights],
        *,
        reverse: bool = False,
        trains: bool = False,
        threads: int | None = None,
        zoneout: tuple[float, float] = (0.0, 0.0),
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
        mask: Array | None = None,
        seed: int | None = None,
        rows: NDArray[np.int64] | None = None,
        places: NDArray[np.int64] | None = None,
        keep: bool = False,
        threads: int | None = None,
    ) -> Output:
        """The states of a ragged batch: x [N, I], offsets [B+1] rising from 0 to N (lengths of zero too), h0 and c0 [directions, B, H].

        `mask` [directions, B, H] multiplies h where it enters the recurrent matrix (recurrent dropout). `seed` draws which units zoneout
        keeps (`tidegate.kernels.zoneout`); without it zoneout is in expectation. With `rows` [N], every number from 0 to N − 1 once,
        step n of the flat batch stands in row rows[n] of x, of y and of their gradients. With `places` [N], x is [U, I] and its row n
        is x[places[n]]; for inference only. `keep` keeps what `backward` needs.
        """

    def step(self, x: Array, h: Array, c: Array | None = None, *, threads: int | None = None) -> Any:
        """One step of B sequences: x [B, I], h and c [B, H] to the next (h, c), or h where the cell has no c. One direction only.

        `threads` that share the step of a large layer; one if None, since to wake a second one takes longer than most steps.
        """

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
        needs_weights: bool = True,
        threads: int | None = None,
    ) -> Gradients:
        """The gradients of everything, from those of y [N, directions · H], hn and cn [directions, B, H]; None is zero.

        What is not needed is None; without `needs_weights` the list of weights is empty.
        """

# Attention over ragged batches; the equations, and what each array is, stand in `tidegate.kernels.attention`. float32 or float64, all
# alike. Threads share the sequences, and a long one's rows and columns; their number changes no bit.

def attention(
    queries: Array,
    keys: Array,
    values: Array,
    target_offsets: NDArray[np.int64],
    source_offsets: NDArray[np.int64],
    *,
    energy: Array | None = None,
    limits: NDArray[np.int64] | None = None,
    threads: int | None = None,
) -> tuple[Array, Array]:
    """The contexts [Nt, D] and weights [P] of queries [Nt, A] over keys [Ns, A] and values [Ns, D]."""

def attention_backward(
    dcontext: Array,
    dweights: Array | None,
    queries: Array,
    keys: Array,
    values: Array,
    weights: Array,
    target_offsets: NDArray[np.int64],
    source_offsets: NDArray[np.int64],
    energy: Array | None = None,
    limits: NDArray[np.int64] | None = None,
    *,
    threads: int | None = None,
) -> tuple[Array, Array, Array, Array | None]:
    """The gradients of queries, keys, values and energy, from those of contexts and weights; None is zero."""

# The CRF. Everywhere emissions [N, K], offsets [B+1], pair [K, K] (from the row's label to the column's), start and end [K]; float32 or
# float64, all alike. A path's score is start + emissions + pairs + end; an empty sequence has one path, of score 0. Threads share the
# sequences, and their number changes no bit.

def crf_loss(
    emissions: Array,
    labels: NDArray[np.int64],
    offsets: NDArray[np.int64],
    pair: Array,
    start: Array,
    end: Array,
    *,
    needs_gradients: bool = True,
    threads: int | None = None,
) -> tuple[float, Array, Array, Array, Array]:
    """−log p(labels | emissions) in nats, summed over the sequences, and its gradients by emissions, pair, start and end.

    labels [N]. Without `needs_gradients` the gradients are None.
    """

def crf_log_partition(
    emissions: Array,
    offsets: NDArray[np.int64],
    pair: Array,
    start: Array,
    end: Array,
    *,
    weights: NDArray[np.float64] | None = None,
    threads: int | None = None,
) -> tuple[NDArray[np.float64], Array, Array, Array, Array]:
    """log Z = log Σ e^score over all paths of each sequence [B], in float64, and gradients.

    They are those of Σ weights · log Z, weights [B], by emissions, pair, start and end; None without weights.
    """

def crf_marginals(
    emissions: Array, offsets: NDArray[np.int64], pair: Array, start: Array, end: Array, *, threads: int | None = None
) -> NDArray[np.float64]:
    """p(label at step | emissions) [N, K]; e^score of pairs and edges counts as e^−300 of the greatest at least."""

def crf_viterbi(
    emissions: Array, offsets: NDArray[np.int64], pair: Array, start: Array, end: Array, *, threads: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The best path of each sequence, labels [N], and its score [B], NaN where a score is; of equal scores the lowest label."""

def crf_viterbi_fixed_lag(
    emissions: Array, offsets: NDArray[np.int64], pair: Array, start: Array, end: Array, lag: int, *, threads: int | None = None
) -> NDArray[np.int64]:
    """Labels [N], that of step t from the best path up to step t + lag (without `end`), or of the whole sequence if that is shorter."""

def crf_n_best(
    emissions: Array, offsets: NDArray[np.int64], pair: Array, start: Array, end: Array, n: int, *, threads: int | None = None
) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Of each sequence of T steps the n best paths, or all Kᵀ where they are fewer: labels [n, T] and scores [n], falling.

    Scores are added in float64. Of equal ones the path with the lower last label comes first; where these are the same, the label before
    decides, and so on. Where a score is NaN, all scores are and the labels are 0.
    """

# CTC, of logits [N, K] in float32 or float64 and offsets [B+1]; what each array is stands in `tidegate.kernels.ctc`. Threads share the
# sequences, and their number changes no bit.

def ctc_loss(
    logits: Array,
    offsets: NDArray[np.int64],
    targets: NDArray[np.int64],
    target_offsets: NDArray[np.int64],
    *,
    blank: int = 0,
    needs_gradient: bool = True,
    threads: int | None = None,
) -> tuple[NDArray[np.float64], Array]:
    """−log p of each transcript [B] and the gradient of their sum by the logits [N, K]; None without `needs_gradient`."""

def ctc_beam(
    logits: Array,
    offsets: NDArray[np.int64],
    *,
    beam: int = 16,
    n_best: int = 1,
    blank: int = 0,
    prune: float = 0.0,
    threads: int | None = None,
) -> list[list[tuple[NDArray[np.int64], NDArray[np.int64], float]]]:
    """Of each sequence the `n_best` transcripts by prefix beam search, the best first: labels [L], steps [L], log p.

    `beam` of them are kept at each step; labels less probable there than `prune`, but for the most probable one, are not tried. Steps are
    those where the labels begin on the transcript's best alignment. Equal ones come in the order in which they were met.
    """

def register(output: type[Output], gradients: type[Gradients], shape_error: type[Exception], default_threads: int) -> None: ...
def instruction_set() -> str: ...
def usable_instruction_sets() -> list[str]: ...
def parallel_runtime() -> str: ...
def release_kept_memory() -> None: ...
