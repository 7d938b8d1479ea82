"""The engine's NumPy face: one recurrent layer of one or two directions over a ragged batch, forward and backward, in C++.

`Layer` is the compiled module's own class. Where the module was not built, `is_built()` is False and making a `Layer` is refused;
what would call it then runs on the plain twins, or on torch.nn above the torch line, and `note_missing()` says so once.
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
    "Gradients",
    "Layer",
    "MissingEngineWarning",
    "Output",
    "Tape",
    "crf_loss",
    "instruction_set",
    "is_built",
    "note_missing",
]

Array = NDArray[np.floating[Any]]

CELLS = ("rnn", "rnn-relu", "lstm", "gru", "gru-reset-after")


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
    """What a backward pass gives: the gradients of x, of (weight_ih, weight_hh, bias_ih, bias_hh) a direction, of h0 and c0."""

    dx: Array | None
    weights: list[tuple[Array, Array, Array, Array]]
    dh0: Array | None
    dc0: Array | None


class MissingEngineWarning(UserWarning):
    """The engine was not built, and everything runs on the plain twins: same numbers, several times slower."""


_missing: str | None = None
if TYPE_CHECKING:
    from tidegate.kernels import _engine
    from tidegate.kernels._engine import Layer, Tape, crf_loss
else:
    try:
        from tidegate.kernels import _engine
    except ImportError as error:
        _missing = str(error)

        class Layer:
            """Stands where the engine was not built: making one is refused."""

            def __init__(self, *_: Any, **__: Any) -> None:
                raise MissingEngineError(_missing)

        def crf_loss(*_: Any, **__: Any) -> Any:
            raise MissingEngineError(_missing)

    else:
        _engine.register(Output, Gradients, ShapeError, default_threads())
        Layer, Tape, crf_loss = _engine.Layer, _engine.Tape, _engine.crf_loss


def is_built() -> bool:
    """Whether the compiled engine is there."""
    return _missing is None


def instruction_set() -> str:
    """The instruction set that runs: avx512, avx2, neon or baseline; "twins" without the engine.

    Raises:
        ValueError: TIDEGATE_ISA names one that was not built or that this processor lacks.
    """
    return _engine.instruction_set() if _missing is None else "twins"


def note_missing() -> None:
    """Warns, once a process, that the engine was not built; nothing where it was."""
    if _missing is not None:
        # One place in one module: Python's own filter shows it once.
        warnings.warn(
            "tidegate's engine was not built, so recurrent layers run on the plain twins: the same numbers, several times slower. "
            "With a C++ compiler at hand (GCC 12, Clang 15 or newer), installing tidegate anew builds it.",
            MissingEngineWarning,
            stacklevel=1,
        )
