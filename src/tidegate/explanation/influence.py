"""What an answer hangs on, measured: units, contexts and directions are taken away, and the fall of the answer's score is looked at."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
from numpy.typing import NDArray

from tidegate.explanation.evidence import Check, Influence
from tidegate.explanation.occlusion.occlusion import LEAST, MOST_READ, Meter, occlusion_of
from tidegate.explanation.subjects.subject import BLANK, CUT, KEEP, WHOLE, Scores, Subject, Variants
from tidegate.explanation.trace import Direction
from tidegate.runtime.layers import LayerReading, RecurrentStack

Array = NDArray[np.floating]

# So many units' contexts are held at a time.
_ABREAST = 256


def influence_of(subject: Subject, *, draws: int = 50, seed: int = 1, told: Callable[[int, int], None] | None = None) -> Influence:
    """What the subject's answer hangs on.

    Args:
        draws: how many sets of units are drawn by chance for the check.
        seed: of these.
        told: is told, from time to time, how many units were read and how many will be in all, as far as that is known.
    """
    length = len(subject.units)
    contexts = 3 * length * min(length, 2 * _reach(length)) if subject.has_unit_answers else 0
    # Beside occlusion: the input as it is and without a direction, without each channel, and the sets that are drawn.
    meter = Meter(told, contexts + length * (4 + len(subject.channels) + draws))
    subject.watch = meter.add
    base = float(subject.scores(subject.as_it_is())[0])
    occlusion, is_single = occlusion_of(subject, base, meter)
    left, right = _contexts(subject)
    return Influence(
        of=subject.of,
        panel=subject.panel,
        occlusion=occlusion,
        is_single=is_single,
        left=left,
        right=right,
        forward=_fall_without(subject, "forward", base),
        backward=_fall_without(subject, "backward", base),
        channels=subject.channels,
        channel_occlusion=_channel_occlusion(subject, base),
        check=check_of(subject, occlusion, draws=draws, seed=seed),
        at=subject.place,
    )


def _channel_occlusion(subject: Subject, base: float) -> Scores:
    """[C], fall of the score without each channel, from end to end."""
    channels = len(subject.channels)
    variants = np.full((channels, len(subject.units), channels), KEEP, dtype=np.uint8)
    variants[np.arange(channels), :, np.arange(channels)] = BLANK
    return base - subject.scores(variants) if channels else np.zeros(0)


def _reach(length: int) -> int:
    """How many units of context on either side are read; read are both, the left and the right."""
    return length if length * length <= MOST_READ else max(LEAST, MOST_READ // (4 * length))


def _contexts(subject: Subject) -> tuple[Scores, Scores]:
    """[T], of each unit the fall of its own answer's score without all that stands before it, and without all behind it."""
    if not subject.has_unit_answers:
        return np.zeros(0), np.zeros(0)
    length = len(subject.units)
    steps = np.arange(length)
    reach = _reach(length)
    if reach < length:
        subject.notes.append(f"the input is long: contexts are the {reach} {subject.unit_name}s on either side.")
    left, right = np.empty(length), np.empty(length)
    for begin in range(0, length, _ABREAST):
        places = steps[begin : begin + _ABREAST]
        from_here = steps[None, :] - places[:, None]
        whole = np.repeat(subject.as_it_is(), len(places), axis=0)
        whole[np.abs(from_here) > reach] = CUT
        without_left, without_right = (np.where(mask, np.uint8(CUT), whole) for mask in (from_here < 0, from_here > 0))
        found = subject.scores(np.concatenate([whole, without_left, without_right]), np.tile(places, 3))
        own, no_left, no_right = np.split(found, 3)
        left[places], right[places] = own - no_left, own - no_right
    return left, right


def _fall_without(subject: Subject, direction: Direction, base: float) -> float | None:
    """Fall of the score where the states of one direction, of every layer, are zeros; None where no stack reads that way."""
    with ExitStack() as watching:
        is_there = False
        for name, stack in subject.input_stacks.items():
            columns = _columns(stack, direction, is_turned=name in subject.turned)
            if columns is None:
                continue
            is_there = True

            def without(reading: LayerReading, states: Array, columns: slice = columns) -> Array:
                states = states.copy()
                states[:, columns] = 0
                return states

            watching.enter_context(stack.watched(without))
        return base - float(subject.scores(subject.as_it_is())[0]) if is_there else None


def _columns(stack: RecurrentStack, direction: Direction, *, is_turned: bool) -> slice | None:
    """Where a layer's states [N, directions · H] hold that direction; None where they do not."""
    if not stack.architecture.is_bidirectional:
        return slice(0, stack.output_size) if (direction == "backward") == is_turned else None
    half = stack.output_size // 2
    return slice(0, half) if direction == "forward" else slice(half, 2 * half)


def check_of(subject: Subject, importance: Array, *, draws: int = 50, seed: int = 1) -> Check | None:
    """Takes away the tenth of the units that is called most important, one at least, and as many others, drawn so many times.

    They are cut out, which is another way than the blanks by which occlusion found them. Where the score allows no cutting they are
    blanked, two at least, since the one that moved the answer most when blanked would do so again.

    Args:
        importance: [T].

    Returns:
        None where fewer others are left than are taken away.
    """
    able = np.arange(len(subject.units))
    if subject.place is not None:
        able = np.delete(able, subject.place)  # the unit that is asked about stays
    if not subject.reads_ahead and subject.place is not None:
        able = able[: subject.place]
    removed = max(1 if subject.can_cut else 2, len(able) // 10)
    if len(able) < 2 * removed:
        return None
    ranked = able[np.argsort(-importance[able], kind="stable")]
    random, way = np.random.default_rng(seed), CUT if subject.can_cut else BLANK
    chosen = [ranked[:removed], *(random.choice(ranked[removed:], removed, replace=False) for _ in range(draws))]
    variants: Variants = np.repeat(subject.as_it_is(), len(chosen), axis=0)
    for row, units in zip(variants, chosen, strict=True):
        row[units] = way
    places = np.full(len(variants), WHOLE, dtype=np.int64)
    falls = float(subject.scores(subject.as_it_is())[0]) - subject.scores(variants, places)
    return Check(removed, float(falls[0]), tuple(falls[1:].tolist()))
