"""One sequence through a network as it comes: frames or samples in, final states of steps out; saved and gone on with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tidegate.data.frames import FrameStream
from tidegate.decoding import softmax
from tidegate.runtime.running_pooling import RunningPooling
from tidegate.runtime.sequence_network import SequenceNetwork
from tidegate.runtime.stack_session import StackSession

Array = NDArray[np.floating[Any]]
Probabilities = NDArray[np.float64]
Answer = TypeVar("Answer")


class FrameSession(StackSession, ABC, Generic[Answer]):
    """What sessions over frames share. It costs the same memory and the same time a step however long the sequence grows.

    With a look-ahead of L steps what is said of a step comes L steps after it; `finish` gives what is left.

    Args:
        steps: makes steps of frames or samples.
        network: reads one way, or with a look-ahead.
        kind: what a saved session must have in common with this one: model (a digest), look-ahead and rate.
    """

    def __init__(self, steps: FrameStream, network: SequenceNetwork, kind: Callable[[], dict[str, Any]]) -> None:
        super().__init__(network.stack, kind)
        self._steps, self._network = steps, network

    def feed(self, values: NDArray[np.floating[Any]]) -> list[Answer]:
        """Reads on: frames [n, D] or one [D], of sound samples [n]; gives what is new.

        Raises:
            RecipeError: the session has ended.
            ShapeError: another number of features, or sound of another shape.
        """
        self._refuse_ended()
        x = self._steps.feed(values)
        return self._answered(self._stack.feed(self._network.vectors(x))) if len(x) else []

    def finish(self) -> list[Answer]:
        """Ends the sequence, and gives what was still to come.

        Raises:
            RecipeError: it has ended already.
        """
        self._refuse_ended()
        x = self._steps.finish()
        states = [self._stack.feed(self._network.vectors(x))] if len(x) else []
        answers = self._answered(np.concatenate([*states, self._stack.finish()]))
        self._has_ended = True
        return answers

    def _answered(self, states: Array) -> list[Answer]:
        if not len(states):
            return []
        answers = self._answers(states)
        self._told += len(states)
        return answers

    @abstractmethod
    def _answers(self, states: Array) -> list[Answer]:
        """What is new with states [m, directions · H], one at least, of the steps from `position` on."""

    def _parts(self) -> dict[str, Any]:
        return {"steps": self._steps} | super()._parts()


@dataclass(frozen=True, slots=True)
class StepAnswer:
    """What is said of one step, or of a sequence up to it.

    Attributes:
        step: which, from 0.
        label: the most probable one.
        probability: of it.
        probabilities: [K], of every label, in the order of the model's labels.
    """

    step: int
    label: str
    probability: float
    probabilities: Probabilities


class SequenceSession(FrameSession[StepAnswer]):
    """One sequence and its label: after every step the decision as if the sequence ended there, what `predict` says of so much of it.

    With a look-ahead the steps behind it are known to the network, but not yet counted.
    """

    def __init__(self, steps: FrameStream, network: SequenceNetwork, classes: tuple[str, ...], kind: Callable[[], dict[str, Any]]) -> None:
        super().__init__(steps, network, kind)
        assert network.pooling is not None
        self._classes, self._pooling = classes, RunningPooling(network.pooling)

    def _answers(self, states: Array) -> list[StepAnswer]:
        return step_answers(self._network.head(self._pooling.feed(states)), self._classes, self._told)

    def _parts(self) -> dict[str, Any]:
        return super()._parts() | {"pooling": self._pooling}


class SequenceTagSession(FrameSession[StepAnswer]):
    """One sequence and a label for each of its steps, as late as the look-ahead is long."""

    def __init__(self, steps: FrameStream, network: SequenceNetwork, classes: tuple[str, ...], kind: Callable[[], dict[str, Any]]) -> None:
        super().__init__(steps, network, kind)
        self._classes = classes

    def _answers(self, states: Array) -> list[StepAnswer]:
        return step_answers(self._network.head(states), self._classes, self._told)


def step_answers(logits: Array, classes: tuple[str, ...], first: int) -> list[StepAnswer]:
    """Answers of steps from `first` on, from logits [m, K]."""
    probabilities = softmax(logits)
    best = probabilities.argmax(axis=1).tolist()
    return [StepAnswer(first + n, classes[k], float(probabilities[n, k]), probabilities[n]) for n, k in enumerate(best)]
