"""Builders that several tests share: ragged batches, random weights, records, and CRF and CTC by enumeration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.typing import NDArray

from tidegate.data import Source, TokenRecord
from tidegate.decoding import Scheme
from tidegate.kernels import GATES, WITH_LAYER_NORM, WITHOUT_RECURRENT_MATRIX, Cell, CellWeights, Zoneout, weight_names

Array = NDArray[np.floating[Any]]

# Unequal, unsorted, with a tie, a single step, and nothing at the front, in the middle and at the end.
RAGGED = (0, 3, 1, 6, 0, 3, 5, 0)
LENGTHS = st.lists(st.integers(0, 7), max_size=9)
SEEDS = st.integers(0, 2**32 - 1)


def offsets_of(lengths: Sequence[int]) -> NDArray[np.int64]:
    """Offsets [B+1] of sequences that long."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


# Every cell plain, with layer norm, with zoneout and with both, as far as it has them; zoneout as probabilities of h and of c.
VARIANTS: list[tuple[Cell, bool, Zoneout]] = [
    (cell, layer_norm, (p_h, 0.75 * p_h if cell == "lstm" else 0.0))
    for cell in GATES
    for layer_norm in (False, True)
    for p_h in (0.0, 0.2)
    if (not layer_norm or cell in WITH_LAYER_NORM) and (not p_h or cell not in WITHOUT_RECURRENT_MATRIX)
]
every_variant = pytest.mark.parametrize(
    ("cell", "layer_norm", "zoneout"),
    VARIANTS,
    ids=[f"{cell}{', layer norm' * layer_norm}{', zoneout' * any(zoneout)}" for cell, layer_norm, zoneout in VARIANTS],
)


def cell_weights(
    random: np.random.Generator, cell: Cell, input_size: int, hidden_size: int, dtype: Any = np.float64, *, layer_norm: bool = False
) -> CellWeights:
    """Random weights, wide enough for the gates to leave their middle; gains spread about 1."""
    rows = GATES[cell] * hidden_size
    shapes = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size), "gain_c": (hidden_size,), "shift_c": (hidden_size,)}
    given: dict[str, Any] = {"weight_hh": None, "bias_hh": None}
    for name in weight_names(cell, layer_norm=layer_norm):
        drawn = random.normal(scale=0.8, size=shapes.get(name, (rows,)))
        given[name] = (drawn + name.startswith("gain")).astype(dtype)
    return CellWeights(**given)


def weights_as(w: CellWeights, dtype: Any) -> CellWeights:
    """The same weights of another precision."""
    parts = (getattr(w, field.name) for field in fields(w))
    return CellWeights(*(None if part is None else part.astype(dtype) for part in parts))  # type: ignore[arg-type]


def module_weights(module: Any) -> CellWeights:
    """Those of a torch module whose parameters have these names, its precision kept."""
    given = {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}
    return CellWeights(**{"weight_hh": None, "bias_hh": None, **given})


def sentence(tokens: str, line: int = 1, file: str = "in.conll", **labels: str) -> TokenRecord:
    """A record of tokens and labels given as words between blanks, one line to a token."""
    words = tuple(tokens.split())
    columns = {name: tuple(column.split()) for name, column in labels.items()}
    return TokenRecord(words, Source(file, line), columns, tuple(range(line, line + len(words))))


def labelings(emissions: Array, pair: Array, start: Array, end: Array) -> tuple[list[tuple[int, ...]], NDArray[np.float64]]:
    """Every labelling of one sequence [T, K] of one step or more, and the CRF's score of each."""
    paths = list(product(range(emissions.shape[1]), repeat=len(emissions)))
    scores = []
    for path in paths:
        score = float(start[path[0]]) + float(end[path[-1]])
        score += sum(float(emissions[step, label]) for step, label in enumerate(path))
        score += sum(float(pair[path[step - 1], path[step]]) for step in range(1, len(path)))
        scores.append(score)
    return paths, np.array(scores)


def log_of_sum(scores: NDArray[np.float64]) -> float:
    """log Σ e^score."""
    return float(scores.max() + np.log(np.exp(scores - scores.max()).sum()))


def alignments(log_p: Array, blank: int) -> dict[tuple[int, ...], list[tuple[float, tuple[int, ...]]]]:
    """Of every transcript that CTC's labels at the steps of log_p [T, K] can spell, its alignments, each with its log p."""
    found: dict[tuple[int, ...], list[tuple[float, tuple[int, ...]]]] = {}
    for path in product(range(log_p.shape[1]), repeat=len(log_p)):
        spelled = tuple(label for t, label in enumerate(path) if label != blank and (t == 0 or label != path[t - 1]))
        found.setdefault(spelled, []).append((float(sum(log_p[t, label] for t, label in enumerate(path))), path))
    return found


def log_softmax(logits: Array) -> NDArray[np.float64]:
    """log p of each column, row by row; in float64."""
    x = logits.astype(np.float64)
    return np.asarray(x - np.log(np.exp(x - x.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)) - x.max(axis=1, keepdims=True))


def spell(spans: Sequence[tuple[int, int, str]], length: int, scheme: Scheme) -> list[str]:
    """The labels of the given spans, in order, in any scheme; the tests' own reading of the schemes' definitions."""
    labels = ["O"] * length
    for place, (start, end, kind) in enumerate(spans):
        touches_its_like = place > 0 and spans[place - 1][1:] == (start, kind)
        for step in range(start, end):
            prefix = "I"
            if scheme == "BIOES":
                first, last = step == start, step == end - 1
                prefix = "S" if first and last else "B" if first else "E" if last else "I"
            elif step == start and (scheme == "IOB2" or touches_its_like):
                prefix = "B"
            labels[step] = f"{prefix}-{kind}"
    return labels


@st.composite
def spans(draw: st.DrawFn, kinds: str = "XY", longest: int = 12) -> tuple[list[tuple[int, int, str]], int]:
    """Spans that do not overlap (they may touch), and the length of their sequence."""
    found: list[tuple[int, int, str]] = []
    place = 0
    for gap, length, kind in draw(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from(kinds)), max_size=longest // 3)):
        found.append((place + gap, place + gap + length, kind))
        place += gap + length
    return found, place + draw(st.integers(0, 2))
