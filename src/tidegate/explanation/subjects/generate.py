"""The subjects of `generate`: log p of the unit that comes next, or, of a two-way model, of what stands in a blank."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tidegate.data.unit_base import UnitKind
from tidegate.data.units import BLANK as BLANK_TEXT
from tidegate.decoding import softmax
from tidegate.errors import DataError, listed
from tidegate.explanation.occlusion.singly import LastSingly, Singly
from tidegate.explanation.subjects.subject import BLANK, CUT, WHOLE, Places, Said, Scores, Subject, Variants, offsets_of, visible
from tidegate.explanation.subjects.tag import one_or_all
from tidegate.runtime.generate import GenerateModel
from tidegate.runtime.generate_network import OneWayNetwork, TwoWayNetwork

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]

_UNIT_NAMES: dict[UnitKind, str] = {"char": "character", "word": "word", "bpe": "piece", "token": "token"}


class GenerateSubject(Subject):
    """A language model and one text. A unit that is blanked is read as zeros.

    Args:
        at: the unit at which the answer is explained, counted from 0.

    Raises:
        DataError: no text, or an empty one.
        RecipeError: no unit stands at `at`.
    """

    OPTIONS: ClassVar[tuple[str, ...]] = ("at",)

    @classmethod
    def of_model(cls, model: Any, given: Any, **options: Any) -> Subject:
        if not isinstance(given, str):
            raise DataError(f"{given!r:.60} was given to be explained; a language model reads a text, which is a str.")
        kind = TwoWaySubject if model.is_two_way else OneWaySubject
        return kind(model, given, **options)

    def __init__(self, model: GenerateModel, given: str, *, at: int | None = None) -> None:
        super().__init__(model.config)
        self.model, self._units, self.source = model, model.units, given
        self.ids, self._blanks = self._encoded(given)
        if not len(self.ids):
            raise DataError("the text is empty, so there is nothing to explain. Give a text.")
        self.unit_name = _UNIT_NAMES[self._units.kind]
        self.units = tuple(map(visible, self._units.written(given, with_blanks=model.is_two_way)))
        self.has_unit_answers = True
        self.place = self.checked_place(at)
        is_unknown = self.ids == 0
        is_unknown[self._blanks] = False
        if unknown := [self.units[place] for place in np.flatnonzero(is_unknown).tolist()]:
            self.notes.append(f"{self.unit_name}s that the model does not know: {listed(map(repr, dict.fromkeys(unknown)))}.")

    @abstractmethod
    def _encoded(self, text: str) -> tuple[Ids, Ids]:
        """The ids [T] of a text, and the places of its blanks."""

    def _told(self, p: Array) -> None:
        """Keeps the best unit [T] at each place by probabilities p [T, V], in ids and words; the unknown unit is none."""
        self.best: Ids = p[:, 1:].argmax(axis=1) + 1
        self._best_probabilities = tuple(p[np.arange(len(p)), self.best].tolist())
        self._best_texts = tuple(visible(self._units.texts[unit]) for unit in self.best.tolist())


class OneWaySubject(GenerateSubject):
    """A one-way model: the answer at a unit is what it expects next once it has read that unit; if none is asked about, at the last."""

    network: OneWayNetwork

    def __init__(self, model: GenerateModel, given: str, *, at: int | None = None) -> None:
        assert isinstance(model.network, OneWayNetwork)
        self.network = model.network
        super().__init__(model, given, at=at)
        self.stacks = {"stack": self.network.stack}
        self.reads_ahead = False
        if self.place is None:
            self.place = len(self.units) - 1

    def _encoded(self, text: str) -> tuple[Ids, Ids]:
        return self._units.encode(text), np.zeros(0, dtype=np.int64)

    def run(self) -> Said:
        network = self.network
        tops, _ = network.stack.run(network.embedding[self.ids], np.array([0, len(self.ids)]), network.start)
        self._told(np.concatenate([softmax(scores) for _, scores in network.head.logits(network.vectors(tops))]))
        assert self.place is not None
        said = f"{self._best_texts[self.place]!r} next ({self._best_probabilities[self.place]:.2f})"
        return Said(said, self._best_texts, self._best_probabilities)

    @property
    def of(self) -> str:
        assert self.place is not None
        return f"log p of {self.said.said[self.place]!r} after {self.units[self.place]!r}"

    def _scores(self, variants: Variants, places: Places) -> Scores:
        kept, network = variants != CUT, self.network
        x = network.embedding[np.broadcast_to(self.ids, variants.shape)[kept]]
        x[variants[kept] == BLANK] = 0
        tops, _ = network.stack.run(x, offsets_of(kept), network.start_of(len(variants)))
        meant = np.where(places == WHOLE, -1 if self.place is None else self.place, places)
        rows = offsets_of(kept)[:-1] + (np.cumsum(kept, axis=1) - kept)[np.arange(len(kept)), meant]
        return network.head.log_probabilities(network.vectors(tops[rows]), self.best[meant])

    def singly(self) -> Singly | None:
        network, place = self.network, self.place
        assert place is not None
        _ = self.said

        def score(states: Array) -> Scores:
            return network.head.log_probabilities(network.vectors(states), np.repeat(self.best[place], len(states)))

        x = network.embedding[self.ids[: place + 1]]
        return LastSingly(network.stack, x, np.zeros_like(x[0]), network.start, score)


class TwoWaySubject(GenerateSubject):
    """A two-way model: the answer at a unit is what both sides tell of it; of a blank what fills it best, of others what stands there.

    If none is asked about, the score is log p of what fills the blank, added up over several; without blanks, over all units.
    """

    network: TwoWayNetwork

    def __init__(self, model: GenerateModel, given: str, *, at: int | None = None) -> None:
        assert isinstance(model.network, TwoWayNetwork)
        self.network = model.network
        super().__init__(model, given, at=at)
        self.stacks = dict(zip(("left", "right"), self.network.stacks, strict=True))
        self.turned = frozenset({"right"})
        if self.place is None and len(self._blanks) == 1:
            self.place = int(self._blanks[0])
        self.can_cut = self.place is not None
        self.asked = np.zeros(len(self.ids), dtype=np.bool_)
        self.asked[self._blanks if len(self._blanks) else slice(None)] = True

    def _encoded(self, text: str) -> tuple[Ids, Ids]:
        return self._units.encode_with_blanks(text)

    def _vectors(self, ids: Ids, offsets: Ids) -> Array:
        return self.network.vectors(*self.network.contexts(ids, offsets))["both"]

    def run(self) -> Said:
        self.read = self.ids.copy()
        self.read[self._blanks] = self.network.blank
        vectors = self._vectors(self.read, np.array([0, len(self.ids)]))
        self._told(np.concatenate([softmax(scores) for _, scores in self.network.head.logits(vectors)]))
        self.targets = self.ids.copy()
        self.targets[self._blanks] = self.best[self._blanks]
        shown = self._blanks.tolist() if self.place is None else [self.place]
        told = [f"{self._best_texts[place]!r} ({self._best_probabilities[place]:.2f})" for place in shown]
        said = ", ".join(told) + f" for {self.units[shown[0]]!r}" if told else "each unit told from all others"
        return Said(said, self._best_texts, self._best_probabilities)

    @property
    def of(self) -> str:
        if self.place is not None:
            is_blank = self.units[self.place] == BLANK_TEXT
            told = self.said.said[self.place] if is_blank else self.units[self.place]
            return f"log p of {told!r} {'in the blank' if is_blank else 'given all others'}"
        return "log p of what fills the blanks, added up" if len(self._blanks) else "log p of each unit given all others, added up"

    def _scores(self, variants: Variants, places: Places) -> Scores:
        if self.place is not None:
            places = np.where(places == WHOLE, self.place, places)
        variants, again = np.unique(variants, axis=0, return_inverse=True)  # many places may be asked about in one
        kept, which = variants != CUT, again.reshape(-1)
        read = np.where(variants == BLANK, self.network.blank, self.read)[kept]
        targets = np.broadcast_to(self.targets, variants.shape)[kept]
        vectors = self._vectors(read, offsets_of(kept))
        # Scores of a whole vocabulary cost most: of the units that are asked about alone.
        is_scored = np.zeros(variants.shape, dtype=np.bool_)
        is_scored[which[places == WHOLE]] = self.asked
        is_scored[which[places != WHOLE], places[places != WHOLE]] = True
        rows = is_scored[kept]
        found = np.zeros(len(read))
        found[rows] = self.network.head.log_probabilities(vectors[rows], targets[rows])
        return one_or_all(found, kept, places, which, counted=np.broadcast_to(self.asked, variants.shape)[kept])
