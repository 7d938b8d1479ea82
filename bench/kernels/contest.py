"""Opponents in turn: who takes part, how they are checked against each other, how they are timed."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import numpy as np

from .shapes import Array

# Seconds of a turn: several calls, so that the clock and the first of them weigh nothing.
TURN_S = 0.03
# After two rounds the two fastest of a kind go on, the second only if it is no slower than this.
HOPELESS = 1.3
# A call that takes so long needs no warming up beyond the check, and no second one in a turn.
LONG_S = 0.3


@dataclass(frozen=True)
class Contestant:
    """One way of computing one thing.

    Attributes:
        name: as in the table.
        family: "layer", "drop-in" (both are the engine), "torch" or "onnx".
        run: one call.
        answer: what it computes, by name, for the first batch alone: "y" [N, D·H] and, when training, gradients.
        setting: held around every call, outside the clock: threads, oneDNN, inference mode.
        is_exact: whether the backward direction begins at each sequence's own end; where not, it is not compared.
    """

    name: str
    family: str
    run: Callable[[], object]
    answer: Callable[[], Mapping[str, Array]]
    setting: Callable[[], AbstractContextManager[object]] = nullcontext
    is_exact: bool = True


@dataclass
class Timing:
    """Seconds a call, one reading a round; who is no finalist has two readings alone."""

    contestant: Contestant
    readings: list[float] = field(default_factory=list)
    is_finalist: bool = True

    @property
    def name(self) -> str:
        return self.contestant.name

    @property
    def median(self) -> float:
        return statistics.median(self.readings)


class DifferentNumbersError(Exception):
    """A contestant does not compute what the reference computes."""


def check(contestants: Sequence[Contestant], reference: Mapping[str, Array], hidden_size: int) -> tuple[float, dict[str, float]]:
    """Compares everybody's answers with the reference's.

    Returns:
        The largest difference, as a share of the largest entry, and the seconds that each took to answer.

    Raises:
        DifferentNumbersError: one differs by more than 1e-4.
    """
    worst, seconds = 0.0, {}
    for contestant in contestants:
        began = time.perf_counter()
        with contestant.setting():
            answer = contestant.answer()
        seconds[contestant.name] = time.perf_counter() - began
        for name in reference.keys() & answer.keys():
            found, expected = answer[name], reference[name]
            if not contestant.is_exact:
                if name == "dx" or name.endswith("_reverse"):
                    continue
                if name == "y":
                    found, expected = found[:, :hidden_size], expected[:, :hidden_size]
            scale = max(float(np.abs(expected).max(initial=0)), 1e-3)
            difference = float(np.abs(found - expected).max(initial=0)) / scale if found.shape == expected.shape else math.inf
            if not difference <= 1e-4:
                raise DifferentNumbersError(
                    f"{contestant.name}: {name} differs by {difference:.1e} of its largest entry; at most 1e-4 expected."
                )
            worst = max(worst, difference)
    return worst, seconds


def settle(limit_s: float = 1.0) -> None:
    """Waits until no thread of this process works any more.

    Workers of ONNX Runtime spin for about 40 ms after their last work, those of torch's OpenMP for about 6 (measured on 2 cores of
    an EPYC); whoever came next would share his cores with them.
    """
    ends = time.perf_counter() + limit_s
    while time.perf_counter() < ends:
        began, worked = time.perf_counter(), time.process_time()
        time.sleep(0.003)
        if time.process_time() - worked < 0.1 * (time.perf_counter() - began):
            return


def _turn(contestant: Contestant, calls: int) -> float:
    settle()
    with contestant.setting():
        if calls > 1:
            contestant.run()  # wakes the threads
        began = time.perf_counter()
        for _ in range(calls):
            contestant.run()
        return (time.perf_counter() - began) / calls


def compete(contestants: Sequence[Contestant], *, rounds: int, seconds: float, seen: Mapping[str, float] | None = None) -> list[Timing]:
    """Times all in turn, round by round.

    Args:
        contestants: warmed up here.
        rounds: at most so many.
        seconds: no new round is begun after so many, but three are run in any case.
        seen: about how long a call took, of those who have made one.
    """
    calls = [_calls_in_a_turn(contestant, (seen or {}).get(contestant.name, 0.0)) for contestant in contestants]
    timings = [Timing(contestant) for contestant in contestants]
    began = time.perf_counter()
    for number in range(rounds):
        if number >= 3 and time.perf_counter() - began > seconds:
            break
        for timing, count in zip(timings, calls, strict=True):
            if timing.is_finalist:
                timing.readings.append(_turn(timing.contestant, count))
        if number == 1:
            _choose_finalists(timings)
    return timings


def _calls_in_a_turn(contestant: Contestant, seen: float) -> int:
    """Warms up; a first short call may have compiled something."""
    taken = seen or math.inf
    with contestant.setting():
        for _ in range(3 if seen < LONG_S else 0):
            began = time.perf_counter()
            contestant.run()
            taken = min(taken, time.perf_counter() - began)
            if taken > LONG_S:
                break
    return max(1, round(TURN_S / taken))


def _choose_finalists(timings: Sequence[Timing]) -> None:
    """A kind is a family, and in it those who begin the backward direction rightly and those who do not."""
    kinds: dict[tuple[str, bool], list[Timing]] = {}
    for timing in timings:
        kinds.setdefault((timing.contestant.family, timing.contestant.is_exact), []).append(timing)
    for kind in kinds.values():
        kind.sort(key=lambda timing: min(timing.readings))
        for place, timing in enumerate(kind):
            timing.is_finalist = place < 2 and min(timing.readings) <= HOPELESS * min(kind[0].readings)


def best_of(timings: Sequence[Timing], *families: str, only_exact: bool = False) -> Timing | None:
    """The fastest of these families by its median; None when there is none."""
    finalists = [timing for timing in timings if timing.is_finalist and timing.contestant.family in families]
    if only_exact:
        finalists = [timing for timing in finalists if timing.contestant.is_exact]
    return min(finalists, key=lambda timing: timing.median, default=None)
