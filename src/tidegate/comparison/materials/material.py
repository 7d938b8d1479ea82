"""What all materials of comparisons share: portions of the data, and what is measured of a network on one."""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tidegate.data import TextRecord, folds_of, stratified_order
from tidegate.scoring.outcomes import Examples, Outcomes
from tidegate.training.recipe import Recipe
from tidegate.training.task import TrainingTask

Record = TypeVar("Record")

# Characters that are kept of an example's input, and of an answer.
_LONGEST_INPUT, _LONGEST_ANSWER = 300, 100
# Steps of a session that are not timed.
WARM_STEPS = 5
# So many steps are timed at least: a moment in which the machine did something else is not all there is.
_LEAST = 10


@dataclass(frozen=True, slots=True)
class Portion(Generic[Record]):
    """What one group of runs trains on, chooses by and is scored on."""

    train: list[Record]
    dev: list[Record]
    test: list[Record]

    @property
    def scored(self) -> list[Record]:
        """The test records, or without any the development records."""
        return self.test or self.dev


class Material(ABC, Generic[Record]):
    """What is compared on.

    Args:
        train, dev, test: what is learnt from, chosen by and scored, an entry an example.
        recipe: the settings that all runs share.
    """

    def __init__(self, train: list[Record], dev: list[Record], test: list[Record], recipe: Recipe) -> None:
        self.train: list[Record] = train
        self.dev: list[Record] = dev
        self.test: list[Record] = test
        self.notes: list[str] = []  # what the user should read before the first run
        self.recipe = recipe

    @abstractmethod
    def portion(self, *, fold: int | None, folds: int, share: float) -> Portion[Record]:
        """The records of one fold's run (all of them without folds), with so large a share of the training records."""

    @abstractmethod
    def task(self, portion: Portion[Record], recipe: Recipe) -> TrainingTask[Any]:
        """The task of all runs on a portion with the recipe's seed; `TrainingTask.with_arch` gives each its own."""

    @abstractmethod
    def examples(self, portion: Portion[Record]) -> Examples:
        """What is scored of the portion, in words."""

    @abstractmethod
    def outcomes(self, task: Any, model: Any, portion: Portion[Record]) -> Outcomes:
        """What a trained network answers to each of the `examples`; their score is the task's own.

        Args:
            task: what the network was trained on.
            model: of the NumPy runtime.
        """

    @abstractmethod
    def answer_all(self, model: Any, portion: Portion[Record]) -> int:
        """Answers everything that is scored, batches and all, as `predict` does; gives the number of sequences."""

    def step_seconds(self, model: Any, portion: Portion[Record], *, most_seconds: float) -> list[float] | None:
        """Seconds of each step of sessions that are fed with what is scored, warm, for about so long at most.

        None for a network that reads whole sequences.
        """
        return None

    @abstractmethod
    def fingerprint(self) -> str:
        """A digest of all data, so that a comparison is resumed on those that it was begun on."""


class CutMaterial(Material[Record]):
    """Records that may be cut anywhere between two of them: into folds, and into shares of the training data.

    Args:
        train, dev, test: the records; without `dev` a share of each portion's training records is held out.
    """

    @abstractmethod
    def held_out(self, records: list[Record]) -> tuple[list[Record], list[Record]]:
        """The records cut into training and development records."""

    @abstractmethod
    def as_texts(self, records: Sequence[Record]) -> list[TextRecord]:
        """For cutting alone: what makes two records equal, and the label by which cuts are stratified."""

    @abstractmethod
    def content(self, record: Record) -> bytes:
        """All that a record says, for the fingerprint."""

    def portion(self, *, fold: int | None, folds: int, share: float) -> Portion[Record]:
        """As of every material. A smaller share is part of every larger one; fold and share are the same for every architecture and seed.

        Raises:
            DataError: too few records for so many folds, or for a development set.
        """
        train, test = self.train, self.test
        if fold is not None:
            number = folds_of(self.as_texts(train), folds=folds, seed=self.recipe.seed)
            test = [record for record, own in zip(train, number, strict=True) if own == fold]
            train = [record for record, own in zip(train, number, strict=True) if own != fold]
        dev = self.dev
        if not dev:
            train, dev = self.held_out(train)
        return Portion(self._share_of(train, share), dev, test)

    def _share_of(self, records: list[Record], share: float) -> list[Record]:
        """The first of the records in an order in which every label comes as evenly as it can."""
        if share >= 1:
            return records
        order = stratified_order(self.as_texts(records), seed=self.recipe.seed)[: max(2, round(share * len(records)))]
        return [records[place] for place in sorted(order)]

    def fingerprint(self) -> str:
        sha = hashlib.sha256()
        for part in (self.train, self.dev, self.test):
            for record in part:
                sha.update(self.content(record))
                sha.update(b"\0")
            sha.update(b"|")
        return sha.hexdigest()


class UncutMaterial(Material[Record]):
    """Data in which position or time says what is learnt from and what is scored: there are no folds of it, and no shares."""

    def portion(self, *, fold: int | None, folds: int, share: float) -> Portion[Record]:
        assert fold is None
        assert share == 1
        return Portion(self.train, self.dev, self.test)


def timed(steps: Iterable[Callable[[], object]], *, most_seconds: float) -> list[float]:
    """Seconds of each step, without the first few, which warm up, and for about so long at most, but of some whatever they take."""
    seconds: list[float] = []
    end = 0.0
    for number, step in enumerate(steps):
        began = time.perf_counter()
        step()
        now = time.perf_counter()
        if number < WARM_STEPS:
            end = now + most_seconds
            continue
        seconds.append(now - began)
        if now > end and len(seconds) >= _LEAST:
            break
    return seconds


def shown_input(text: str) -> str:
    """An example's input, short enough for a table."""
    return _capped(text, _LONGEST_INPUT)


def shown_answer(text: str) -> str:
    """An answer, short enough for a table."""
    return _capped(text, _LONGEST_ANSWER)


def _capped(text: str, most: int) -> str:
    text = " ".join(text[: 4 * most].split()) if len(text) > 4 * most else " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"
