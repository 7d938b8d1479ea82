"""A subject: a trained model and one input that it is to be explained on, and how its answer's score changes with the input.

A variant of the input is a row of `KEEP`, `BLANK` and `CUT`, one for each of its T units: left as it is, replaced by what says nothing
(of words the unknown word, of units of a language model a vector of zeros, of numbers their mean or a hole), or taken out, so that its
neighbours meet. A model whose input cannot be cut reads a blank there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import RecipeError
from tidegate.explanation.explanation import Attention
from tidegate.explanation.occlusion.singly import Singly
from tidegate.explanation.panel import Panel, panel_of
from tidegate.explanation.trace import LayerTrace
from tidegate.runtime.layers import Pooling, RecurrentStack

Array = NDArray[np.floating[Any]]

Scores = NDArray[np.float64]
Variants = NDArray[np.uint8]
Places = NDArray[np.int64]

KEEP, BLANK, CUT = 0, 1, 2
# Stands among places for the answer that is explained.
WHOLE = -1
# The word that no vocabulary holds: unknown word, shape and character.
NOTHING = ""
# Most units of all variants that are read together; bounds the memory.
BATCH_UNITS = 8192


@dataclass(frozen=True, slots=True)
class Said:
    """What the model answered, in words.

    Attributes:
        answer: as a sentence's part, for instance "spam (0.97)".
        said: of each unit the answer there; empty where only the whole has one.
        probabilities: of these.
    """

    answer: str
    said: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()


class PlaceError(RecipeError):
    """`at` names no place that can be asked about.

    Args:
        at: as it was given, counted from 0.
        expected: what it could have been, in words.
        places: these, from the first to the last.
    """

    def __init__(self, at: Any, expected: str, places: tuple[int, int]) -> None:
        super().__init__(f"at is {at!r}; {expected}, {spoken_range(*places)} was expected.")
        self.expected, self.places = expected, places


def spoken_range(first: int, last: int) -> str:
    """The whole numbers from the first to the last, in words."""
    return f"the whole number {first}" if first == last else f"a whole number from {first} to {last}"


class Subject(ABC):
    """A model and one input.

    Attributes:
        OPTIONS: what `explain` may be told of such a model, beside the input.
        units, unit_name: what stands along the input, T of them in words, and what one of them is.
        panel: the name of the panel whose units are varied.
        source: the input in words.
        stacks: the network's, by name; they are watched.
        turned: names of those that read the input from its end.
        channels: names of features or covariates, C of them, where a unit has several; variants may then be [V, T, C].
        place: the unit whose answer is explained; None where it is that to the whole.
        has_unit_answers: whether every unit has an answer of its own.
        can_cut: whether the score means the same where units, but `place`, are cut out.
        reads_ahead: whether what stands behind a unit can change the answer there.
        notes: sentences that the reader needs.
        watch: is told how many units were read whenever variants were.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ()

    units: tuple[str, ...]
    unit_name: str = "word"
    panel: str = "input"
    source: str
    stacks: Mapping[str, RecurrentStack]
    turned: frozenset[str] = frozenset()
    channels: tuple[str, ...] = ()
    place: int | None = None
    has_unit_answers: bool = False
    can_cut: bool = True
    reads_ahead: bool = True

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.notes: list[str] = []
        self.watch: Callable[[float], object] = lambda units: None

    @classmethod
    def of_model(cls, model: Any, given: Any, **options: Any) -> Subject:
        """The subject of a runtime model and one input; `options` are among `OPTIONS`."""
        kind: Any = cls
        subject: Subject = kind(model, given, **options)
        return subject

    @abstractmethod
    def run(self) -> Said:
        """Answers as the model does, once."""

    @property
    @abstractmethod
    def of(self) -> str:
        """What is scored, in words, for instance "log p of 'spam'"."""

    @abstractmethod
    def _scores(self, variants: Variants, places: Places) -> Scores:
        """[V]: as `scores`, of so few variants that they are read together; the model has run."""

    @property
    def input_stacks(self) -> Mapping[str, RecurrentStack]:
        """Those whose directions are deleted to see what each is worth; all, unless some read anything but the input."""
        return self.stacks

    def singly(self) -> Singly | None:
        """Scores without single units, found without reading all anew; None of a model of which that cannot be."""
        return None

    @cached_property
    def said(self) -> Said:
        """The answer; the first look at it runs the model."""
        return self.run()

    def scores(self, variants: Variants, places: Places | None = None) -> Scores:
        """The score [V] of the answer for variants [V, T], or [V, T, C]; the higher, the surer.

        The answer scored is the one that the model gave to the input as it is. What is equal is read once.

        Args:
            places: [V], of each variant the unit whose answer is scored; `WHOLE` for the answer that is explained. None: that of all.
        """
        _ = self.said
        if places is None:
            places = np.full(len(variants), WHOLE, dtype=np.int64)
        if not self.reads_ahead:
            # What is not read is not varied either, so that it changes nothing to the last bit.
            meant = np.where((places == WHOLE) & (self.place is not None), -1 if self.place is None else self.place, places)
            behind = (np.arange(variants.shape[1]) > meant[:, None]) & (meant[:, None] != WHOLE)
            variants = np.where(behind.reshape(*behind.shape, *[1] * (variants.ndim - 2)), np.uint8(CUT), variants)
        rows = np.concatenate([variants.reshape(len(variants), -1), places.astype(np.int64)[:, None].view(np.uint8)], axis=1)
        _, first, again = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        # The longest together, as they are read in the same time then.
        left = (variants[first] != CUT).reshape(len(first), -1).sum(axis=1)
        order, found = np.argsort(-left, kind="stable"), np.empty(len(first))
        at = 0
        while at < len(order):
            count = max(1, BATCH_UNITS * max(1, len(self.channels)) // max(1, int(left[order[at]])))
            part = order[at : at + count]
            found[part] = self._scores(variants[first[part]], places[first[part]])
            self.watch(float(left[part].sum()) / max(1, len(self.channels) if variants.ndim > 2 else 1))
            at += count
        return found[again.reshape(-1)]

    def panels(self, traces: list[LayerTrace]) -> tuple[Panel, ...]:
        """The input with all that was traced along it, each step beside the unit that it read."""
        extras = {"said": self.said.said, "probabilities": self.said.probabilities}
        along = [turned_round(trace) if trace.stack in self.turned else trace for trace in traces]
        return (panel_of(self.panel, self.unit_name, self.units, along, extras),)

    def attention(self) -> Attention | None:
        """Where the answer was read from; None of a model that has no attention over its input."""
        return None

    def as_it_is(self) -> Variants:
        """[1, T], the input unchanged."""
        return np.full((1, len(self.units)), KEEP, dtype=np.uint8)

    def checked_place(self, at: Any) -> int | None:
        """`at`, a unit counted from 0, as a place.

        Raises:
            RecipeError: it is no whole number, or no unit stands there.
        """
        if at is None:
            return None
        if isinstance(at, bool) or not isinstance(at, int | np.integer) or not 0 <= at < len(self.units):
            count = len(self.units)
            raise PlaceError(at, f"the input has {count:,} {self.unit_name}{'' if count == 1 else 's'}", (0, count - 1))
        return int(at)


def pooling_attention(answer: str, units: tuple[str, ...], pooling: Pooling | None, states: Array) -> Attention | None:
    """How much of each unit's states [T, D] the pooling took into the answer; None without attention in the pooling."""
    if pooling is None or "attention" not in pooling.pools:
        return None
    return Attention((answer,), units, pooling.weights(states, np.array([0, len(units)]))[None])


def offsets_of(kept: NDArray[np.bool_]) -> Places:
    """The offsets [V+1] of variants whose units [V, T] are kept or not."""
    return np.concatenate([[0], np.cumsum(kept.sum(axis=1))])


def visible(text: str) -> str:
    """A unit of text with blanks and line breaks that can be seen."""
    return text.replace("\n", "↵") if text.strip(" ") else "␣" * len(text)


def turned_round(trace: LayerTrace) -> LayerTrace:
    """A trace of a one-way stack that read the input from its end, in the order of the input."""
    turned: dict[str, Any] = {
        name: None if values is None else values[::-1]
        for name in ("x", "before", "states", "cells", "cells_before")
        for values in [getattr(trace, name)]
    }
    return replace(trace, direction="backward", gates={name: values[::-1] for name, values in trace.gates.items()}, **turned)
