"""What the layers of a stack did while a model answered: the states and gates of every layer and direction at every step.

The model answers as always; its stacks are watched meanwhile (`RecurrentStack.watched`), and the gates are computed from what was read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.kernels import Cell, CellWeights, State, Zoneout
from tidegate.kernels.gates import KEEPER, cell_states, gates_of, states_before
from tidegate.kernels.lookahead import layer_lookaheads
from tidegate.kernels.recurrence import PackedCell, step_packed
from tidegate.runtime.layers import LayerReading, RecurrentStack

Array = NDArray[np.floating[Any]]
Ids = NDArray[np.int64]
Direction = Literal["forward", "backward"]


@dataclass(frozen=True, slots=True, eq=False)
class LayerTrace:
    """One layer and direction over N steps.

    Attributes:
        stack: which stack of the network, for instance 'stack', 'encoder', 'decoder.0'.
        number: of the layer, from 0, the lowest; a decoder has a stack for each.
        direction: 'backward' reads from the end.
        cell: which.
        weights: its weights.
        x: [N, I], what it read.
        before: [N, H], the state before each step.
        states: [N, H], h after each step.
        gates: [N, H] by name (`kernels.gates.GATE_NAMES` and the candidate); empty for an rnn.
        cells, cells_before: [N, H], an LSTM's c after each step and before it; None for others.
        zoneout: the shares of h and of an LSTM's c that stay whatever the gates say.
    """

    stack: str
    number: int
    direction: Direction
    cell: Cell
    weights: CellWeights
    x: Array
    before: Array
    states: Array
    gates: Mapping[str, Array]
    cells: Array | None
    cells_before: Array | None
    zoneout: Zoneout

    @property
    def kept(self) -> Array | None:
        """[N, H], the share of the past (of an LSTM's c, of others' h) that each step kept, by its gate and by zoneout.

        None for an rnn, which has no gate that says so.
        """
        if not KEEPER[self.cell]:
            return None
        gate, always = self.gates[KEEPER[self.cell]], self.zoneout[1 if self.cell == "lstm" else 0]
        return always + (1 - always) * gate if always else gate


def traced(stacks: Mapping[str, RecurrentStack], work: Callable[[], object]) -> list[LayerTrace]:
    """Runs `work`, which must read one sequence, and gives what the stacks did meanwhile, layer by layer, in the order of the reading.

    A stack that is run several times is traced as often.
    """
    readings: list[tuple[str, RecurrentStack, LayerReading, Array]] = []
    with ExitStack() as watching:
        for name, stack in stacks.items():

            def watch(reading: LayerReading, states: Array, name: str = name, stack: RecurrentStack = stack) -> Array:
                readings.append((name, stack, reading, states))
                return states

            watching.enter_context(stack.watched(watch))
        work()
    return [trace for reading in readings for trace in layer_traces(*reading)]


def layer_traces(name: str, stack: RecurrentStack, reading: LayerReading, states: Array) -> list[LayerTrace]:
    """What each direction of one layer did, forward first; sequences of a batch one after another."""
    cell, offsets = stack.architecture.cell, reading.offsets
    x = reading.x if reading.places is None else reading.x[reading.places]
    hidden = states.shape[1] // len(reading.weights)
    _, _, own_number = name.rpartition(".")
    number = reading.number + (int(own_number) if own_number.isdecimal() else 0)
    found = []
    for place, weights in enumerate(reading.weights):
        own = states[:, place * hidden : (place + 1) * hidden]
        is_backward, is_bounded = place == 1, stack.lookahead is not None
        first = _first(reading.before, place, is_bounded=is_bounded)
        c_before: Array | None = None
        if is_backward and is_bounded:
            share = layer_lookaheads(stack.lookahead or 0, len(stack.layers))[reading.number]
            before, c_before = _window_states_before(cell, weights, stack.zoneout, x, offsets, share)
        else:
            before = states_before(own, offsets, None if first is None else first[0], reverse=is_backward)
        gates = gates_of(cell, weights, reading.x, before, reading.places)
        cells: Array | None = None
        if c_before is not None:
            kept = gates["f"].dtype.type(stack.zoneout[1])
            cells = kept * c_before + (1 - kept) * (gates["f"] * c_before + gates["i"] * gates["g"])
        elif cell == "lstm":
            c_first = None if first is None else first[1]
            cells = cell_states(gates, offsets, c_first, reverse=is_backward, zoneout=stack.zoneout)
            c_before = states_before(cells, offsets, c_first, reverse=is_backward)
        direction: Direction = "backward" if is_backward else "forward"
        found.append(LayerTrace(name, number, direction, cell, weights, x, before, own, gates, cells, c_before, stack.zoneout))
    return found


def _first(before: State | None, place: int, *, is_bounded: bool) -> list[Array] | None:
    """h, and of an lstm c, [B, H] each, that a direction began from; None for zeros."""
    if before is None or (is_bounded and place == 1):
        return None
    return [part[place] for part in before]


def _window_states_before(
    cell: Cell, weights: CellWeights, zoneout: Zoneout, x: Array, offsets: Ids, lookahead: int
) -> tuple[Array, Array | None]:
    """h [N, H], and of an lstm c, before the last step of each step's own window: after those of its steps that lie ahead."""
    packed = PackedCell.pack(cell, weights, zoneout)
    ends = np.repeat(offsets[1:], np.diff(offsets))
    steps = np.arange(len(x))
    state = [np.zeros((len(x), packed.hidden_size), dtype=x.dtype) for _ in range(2 if cell == "lstm" else 1)]
    for ahead in range(lookahead, 0, -1):
        rows = steps[steps + ahead < ends]
        for part, new in zip(state, step_packed(packed, x[rows + ahead], tuple(part[rows] for part in state)), strict=True):
            part[rows] = new
    return state[0], state[1] if cell == "lstm" else None
