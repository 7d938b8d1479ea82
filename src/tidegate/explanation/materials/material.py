"""A data set as it is read for a survey of gates: batch by batch, and of every step which groups it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data import TextRecord, TokenRecord
from tidegate.data.batches import turned_rows
from tidegate.data.pairs import Entry
from tidegate.errors import DataError

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
# Of a stack by its name, and of its run, counted from 0: the place of the panel along which it runs then, and of each of its N steps the
# groups [N, G] that it belongs to, −1 for one that is not told of. None of a run that is not surveyed.
GroupsOf = Callable[[str, int], tuple[int, Ids] | None]

# The groups that are told of, the most frequent ones: bounds the memory.
MOST_GROUPS = 2000
# Numbers are low, middling or high by the thirds of the data.
THIRDS = (1 / 3, 2 / 3)
LEVELS = ("low", "middle", "high", "missing")


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups to which the steps of a panel may belong.

    Attributes:
        panel: as explanations of single inputs call it: 'input', or 'source' and 'target', or 'past' and 'ahead'.
        unit_name: what a step is: 'word', 'character', 'piece', 'step', 'segment'.
        names: of the groups.
    """

    panel: str
    unit_name: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Sequences that are read together.

    Attributes:
        read: reads them, once; the stacks may then be watched.
        groups_of: see `GroupsOf`.
    """

    read: Callable[[], object]
    groups_of: GroupsOf


@dataclass(frozen=True, slots=True)
class Material:
    """All that is read.

    Attributes:
        panels: what is surveyed apart.
        sequences: how many there are.
        batches: reads all of them, batch by batch.
        notes: sentences that the reader needs.
        sequence_name: what a sequence is: 'sequence', 'pair', 'window', 'part' of a series.
    """

    panels: tuple[Groups, ...]
    sequences: int
    batches: Callable[[], Iterator[Batch]]
    notes: tuple[str, ...] = ()
    sequence_name: str = "sequence"


def along(groups: Ids, offsets: Ids) -> GroupsOf:
    """Groups [N, G] of the steps of sequences, offsets [B+1], that the stacks of words and the like read once each, 'right' from their
    ends; the stacks that read the characters of a word are not surveyed."""

    def groups_of(stack: str, run: int) -> tuple[int, Ids] | None:
        if stack.startswith("character_encoder"):
            return None
        return 0, groups[turned_rows(offsets)] if stack == "right" else groups

    return groups_of


def most_frequent(counts: Sequence[int], unit_name: str, min_count: int) -> tuple[list[int], tuple[str, ...]]:
    """The places of the groups that are told of, the most frequent first, and what is to be said of those that are not.

    Args:
        counts: of each group how often it is met.
        min_count: those that are met less often are not told of.
    """
    ranked = np.argsort(-np.asarray(counts, dtype=np.int64), kind="stable").tolist()
    told = [place for place in ranked if counts[place] >= min_count]
    if left := len(told) - MOST_GROUPS:
        note = f"of the {unit_name}s the {MOST_GROUPS:,} most frequent are told of; {left:,} others were met {min_count} times or more."
        return told[:MOST_GROUPS], (note,) if left > 0 else ()
    return told, ()


def several(given: Any) -> list[Any]:
    """A data set as a list.

    Raises:
        DataError: one record or input where several are expected.
    """
    if isinstance(given, str | Path | TokenRecord | TextRecord | Entry):
        raise DataError(f"one {type(given).__name__} was given where a data set is expected; write [input, …].")
    return list(given)
