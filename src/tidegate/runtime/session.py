"""A text that a one-way model reads and writes in turn: the states after it, and what is needed to go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.data.units import Decoder, Units
from tidegate.decoding import Sampling, softmax
from tidegate.decoding.sampling import is_whole
from tidegate.errors import RecipeError
from tidegate.runtime.generate_network import OneWayNetwork
from tidegate.runtime.saved_session import damaged, session_bytes, session_content

# Units that are read together: bounds the memory that a long text takes.
_READ = 4096
# So much noise is made at a time.
_NOISE = 4096


class Noise:
    """Rows of noise for draws, made many at a time; the random numbers stand as if each had been made when it was taken, once settled."""

    def __init__(self, random: np.random.Generator, units: int) -> None:
        self.random, self._units = random, units
        self._rows = max(1, _NOISE // max(1, units))
        self._block: Any = ()
        self._used = 0
        self._sampling: Sampling | None = None
        self._before: Any = None

    def next(self, sampling: Sampling) -> Any:
        """A row [units] for `sampling.choose`."""
        if self._used == len(self._block):
            self._before, self._sampling = self.random.bit_generator.state, sampling
            self._block, self._used = sampling.noise(self.random, self._rows, self._units), 0
        self._used += 1
        return self._block[self._used - 1]

    def settle(self) -> None:
        """Puts back what was made and not taken."""
        if self._used < len(self._block) and self._sampling is not None:
            self.random.bit_generator.state = self._before
            self._sampling.noise(self.random, self._used, self._units)
        self._block, self._used = (), 0


class Session:
    """One text, begun after a line break; it costs the same memory and the same time a unit however long the text grows.

    Attributes:
        position: how many units were read or written.
        is_stopped: whether the last sample ended at its stop string.
    """

    def __init__(self, network: OneWayNetwork, units: Units, digest: Callable[[], str]) -> None:
        self._network, self._units, self._digest = network, units, digest
        self._states = network.start
        self._decoder: Decoder = units.decoder()
        self._noise = Noise(np.random.default_rng(), len(units) - 1)
        self._is_after_blank = False
        self.position = 0
        self.is_stopped = False

    def feed(self, text: str) -> NDArray[np.float64]:
        """Reads a text and gives log p [n] of each of its units, in nats, given all before it.

        Read in parts, a text of characters leaves the same states (on the engine to the bit), and log-probabilities the same to rounding.
        Words and pieces of BPE are those of each part by itself.
        """
        ids = self._units.encode(text)
        scores = [np.zeros(0)]
        for begin in range(0, len(ids), _READ):
            part = ids[begin : begin + _READ]
            before, self._states = self._network.read(part, np.array([0, len(part)]), self._states)
            scores.append(self._network.head.log_probabilities(self._network.vectors(before), part))
        if len(ids):
            self.position += len(ids)
            self._decoder = self._units.decoder((*self._decoder.before(), *ids.tolist()))
            self._is_after_blank = text[-1].isspace()
        return np.concatenate(scores)

    def probabilities(self) -> NDArray[np.float64]:
        """[V] of the next unit; that of id 0 is the unknown units'."""
        probabilities: NDArray[np.float64] = softmax(self._network.next_logits(self._states).astype(np.float64)[None])[0]
        return probabilities

    def sample(
        self,
        *,
        length: int = 500,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        stop: str = "",
        seed: int | np.random.Generator | None = None,
    ) -> Iterator[str]:
        """Goes on writing, in pieces as they come; what it has given is read, and the session may be saved between two pieces.

        Args:
            length: the most units that are written. A character whose last bytes are still to come is held back, for the next sample or
                `finish`.
            temperature, top_k, top_p: as `Sampling` says.
            stop: ends the text where it would come; it is read but not given.
            seed: of random numbers begun anew, or the numbers themselves; None goes on with the session's.

        Raises:
            RecipeError: an option outside its range.
        """
        sampling = Sampling(temperature, top_k, top_p)
        if not is_whole(length, least=0):
            raise RecipeError(f"length is {length}; expected how many units to write, 0 or more.")
        self._noise.settle()
        if seed is not None:
            self._noise = Noise(seeded(seed), len(self._units) - 1)
        self.is_stopped = False
        pieces = self._written(sampling, int(length))
        return self._until(pieces, stop) if stop else pieces

    def _written(self, sampling: Sampling, length: int) -> Iterator[str]:
        network, noise, push = self._network, self._noise, self._decoder.push
        logits = np.empty(len(self._units), dtype=network.embedding.dtype)
        known = logits[1:]  # the unknown unit, id 0, is never drawn
        try:
            for _ in range(length):
                network.next_logits(self._states, logits)
                unit = sampling.choose(known, noise.next(sampling)) + 1
                self._states = network.step(unit, self._states)
                self.position += 1
                piece = push(unit)
                if piece:
                    if self._is_after_blank:
                        # The blank that a word brings along stands there already.
                        piece = piece.removeprefix(" ") if self._units.kind == "word" else piece
                        self._is_after_blank = False
                    yield piece
        finally:
            noise.settle()

    def _until(self, pieces: Iterator[str], stop: str) -> Iterator[str]:
        """The pieces up to the stop string; what may be its beginning is held back until that is known."""
        held = ""
        for piece in pieces:
            held += piece
            at = held.find(stop)
            if at >= 0:
                self.is_stopped = True
                if at:
                    yield held[:at]
                return
            keep = next(n for n in range(min(len(stop) - 1, len(held)), -1, -1) if stop.startswith(held[len(held) - n :]))
            if keep < len(held):
                yield held[: len(held) - keep]
                held = held[len(held) - keep :]
        if held:
            yield held

    def finish(self) -> str:
        """What was written and held back, as far as it can be told; the session may go on."""
        before, rest = self._decoder.before(), self._decoder.finish()
        self._decoder = self._units.decoder(before)
        return rest

    def to_bytes(self) -> bytes:
        """All that `GenerateModel.session` needs to go on from here with the same numbers; no pickle."""
        self._noise.settle()
        says = {
            "model": self._digest(),
            "position": self.position,
            "before": self._decoder.before(),
            "is_after_blank": self._is_after_blank,
            "is_stopped": self.is_stopped,
            "random": self._noise.random.bit_generator.state,
        }
        states = {f"state.{layer}.{part}": array for layer, state in enumerate(self._states) for part, array in enumerate(state)}
        return session_bytes(says, states)

    def restore(self, data: bytes) -> None:
        """Takes over what `to_bytes` gave.

        Raises:
            ModelError: it is another model's, cut or no session at all.
        """
        says, arrays = session_content(data, {"model": self._digest()})
        try:
            states = tuple(tuple(arrays[f"state.{layer}.{part}"] for part in range(len(state))) for layer, state in enumerate(self._states))
            random = np.random.default_rng(0)
            random.bit_generator.state = says["random"]
            decoder = self._units.decoder(says["before"])
            self.position, self._is_after_blank, self.is_stopped = says["position"], says["is_after_blank"], says["is_stopped"]
        except (ValueError, KeyError, TypeError) as error:
            raise damaged(error) from error
        self._states, self._noise, self._decoder = states, Noise(random, len(self._units) - 1), decoder


def seeded(seed: int | np.random.Generator | None) -> np.random.Generator:
    """The random numbers of that seed, other ones every time for None.

    Raises:
        RecipeError: it is no whole number from 0 on.
    """
    if seed is None or isinstance(seed, np.random.Generator):
        return np.random.default_rng(seed)
    if not is_whole(seed, least=0):
        raise RecipeError(f"seed is {seed}; expected a whole number, 0 or more.")
    return np.random.default_rng(int(seed))
