"""The engine's NumPy face, in C++, over ragged batches: recurrent layers of one or two directions, attention, the CRF, and CTC.

`Layer` is the compiled module's own class, and the functions are its own. Where the module was not built, `is_built()` is False and
making a `Layer` is refused; what would call it then runs on the plain twins, or on torch.nn above the torch line, and `note_missing()`
says so once.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import MissingEngineError, ShapeError
from tidegate.threads import default_threads

__all__ = [
    "CELLS",
    "RECURRENT_CELLS",
    "Gradients",
    "Layer",
    "MissingEngineWarning",
    "Output",
    "Tape",
    "attention",
    "attention_backward",
    "crf_log_partition",
    "crf_loss",
    "crf_marginals",
    "crf_n_best",
    "crf_viterbi",
    "crf_viterbi_fixed_lag",
    "ctc_beam",
    "ctc_loss",
    "instruction_set",
    "is_built",
    "is_there",
    "note_missing",
]

Array = NDArray[np.floating[Any]]

RECURRENT_CELLS = ("rnn", "rnn-relu", "lstm", "gru", "gru-reset-after")
# With those whose gates see the input alone, and which have no recurrent matrix.
CELLS = (*RECURRENT_CELLS, "mingru", "minlstm")


class Output(NamedTuple):
    """What a forward pass gives.

    Attributes:
        y: [N, directions · H], the states at every step, directions side by side.
        hn: [directions, B, H], the state after the last step that each direction read; h0 of an empty sequence.
        cn: the same of the cells, for an lstm.
        tape: what `backward` needs, where it was kept.
    """

    y: Array
    hn: Array
    cn: Array | None
    tape: Tape | None


class Gradients(NamedTuple):
    """What a backward pass gives: the gradients of x, of each direction's weights in the order given, of h0 and c0.

    A direction's weights are (weight_ih, weight_hh, bias_ih, bias_hh), and as many more as the layer has; both biases have gradients
    whether they were given or not, and what the cell has not is None.
    """

    dx: Array | None
    weights: list[tuple[Any, ...]]
    dh0: Array | None
    dc0: Array | None


class MissingEngineWarning(UserWarning):
    """The engine was not built, and everything runs on the plain twins: same numbers, several times slower."""


_missing: str | None = None
if TYPE_CHECKING:
    from tidegate.kernels import _engine
    from tidegate.kernels._engine import (
        Layer,
        Tape,
        attention,
        attention_backward,
        crf_log_partition,
        crf_loss,
        crf_marginals,
        crf_n_best,
        crf_viterbi,
        crf_viterbi_fixed_lag,
        ctc_beam,
        ctc_loss,
    )
else:
    try:
        from tidegate.kernels import _engine
    except ImportError as error:
        _missing = str(error)

        class Layer:
            """Stands where the engine was not built: making one is refused."""

            def __init__(self, *_: Any, **__: Any) -> None:
                raise MissingEngineError(_missing)

        def _refuse(*_: Any, **__: Any) -> Any:
            raise MissingEngineError(_missing)

        attention = attention_backward = _refuse
        crf_log_partition = crf_loss = crf_marginals = crf_n_best = crf_viterbi = crf_viterbi_fixed_lag = _refuse
        ctc_beam = ctc_loss = _refuse

    else:
        _engine.register(Output, Gradients, ShapeError, default_threads())
        Layer, Tape = _engine.Layer, _engine.Tape
        attention, attention_backward = _engine.attention, _engine.attention_backward
        crf_log_partition, crf_loss, crf_marginals = _engine.crf_log_partition, _engine.crf_loss, _engine.crf_marginals
        crf_n_best, crf_viterbi, crf_viterbi_fixed_lag = _engine.crf_n_best, _engine.crf_viterbi, _engine.crf_viterbi_fixed_lag
        ctc_beam, ctc_loss = _engine.ctc_beam, _engine.ctc_loss


def is_built() -> bool:
    """Whether the compiled engine is there."""
    return _missing is None


def instruction_set() -> str:
    """The instruction set that runs: avx512, avx2, neon or baseline; "twins" without the engine.

    Raises:
        ValueError: TIDEGATE_ISA names one that was not built or that this processor lacks.
    """
    return _engine.instruction_set() if _missing is None else "twins"


def is_there() -> bool:
    """Whether the compiled engine is there; where it is not, that is said once."""
    if not is_built():
        note_missing()
    return is_built()


def note_missing() -> None:
    """Warns, once a process, that the engine was not built; nothing where it was."""
    if _missing is not None:
        # One place in one module: Python's own filter shows it once.
        warnings.warn(
            "tidegate's engine was not built, so recurrent layers run on the plain twins: the same numbers, several times slower. "
            "With a C++ compiler at hand (GCC 12, Clang 14 or newer), installing tidegate anew builds it.",
            MissingEngineWarning,
            stacklevel=1,
        )
