"""Sequences of numbers: frames [T, D] in order, what they are called, and their labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.records import Source


@dataclass(frozen=True, slots=True, eq=False)
class NumberSequence:
    """One sequence of T frames of D features.

    Attributes:
        values: [T, D] float32 or float64, finite or NaN (missing); T may be 0.
        source: where it begins.
        name: what the data calls it; unique among the sequences that were read together.
        label: of the whole sequence; empty where it has none, or one a frame.
        labels: T, one a frame; empty where the frames have none.
        group: which a split never cuts through (a person, a day); empty without one.
    """

    values: NDArray[np.floating[Any]]
    source: Source
    name: str
    label: str = ""
    labels: tuple[str, ...] = ()
    group: str = ""

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class SequenceColumns:
    """Which columns of the tables hold what, by name; empty where no column does.

    Attributes:
        sequence: tells the sequences apart; empty where files or arrays do.
        step: the order of the frames; empty where it is that of the rows.
        features: D of them, in the order that a network reads them in.
    """

    sequence: str = ""
    step: str = ""
    features: tuple[str, ...] = ()
    label: str = ""
    group: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"features": list(self.features)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> SequenceColumns:
        return cls(**{**stored, "features": tuple(stored["features"])})


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Sequences that were read together, all of the features of `columns`; `notes` are sentences on how they were read."""

    columns: SequenceColumns
    sequences: tuple[NumberSequence, ...]
    notes: tuple[str, ...] = ()
