"""The NumPy half of `generate`: a model directory writes text, scores it, fills blanks, and is saved again. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.artefact import StoredModel, copy_model
from tidegate.data.streams import Stream, encode_lines
from tidegate.data.units import Units, units_from_json
from tidegate.errors import DataError, RecipeError, listed
from tidegate.kernels import architecture
from tidegate.runtime.filling import Filled, blank_probabilities, filled
from tidegate.runtime.generate_network import Ids, OneWayNetwork, TwoWayNetwork
from tidegate.runtime.session import Session, seeded
from tidegate.runtime.text_scores import LineScore, line_scores, one_way_log_probabilities, one_way_score, two_way_score, unit_nats

Probabilities = NDArray[np.float64]


class GenerateModel:
    """A trained language model, read from a model directory. A text begins after a line break.

    Attributes:
        config, metrics: what the directory says of itself.
        units: characters, words or pieces, and their ids.
        is_two_way: whether it reads from both ends, and so fills blanks instead of writing on.
        columns: none, since its data has no labels.
        network: one-way or two-way.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, model: StoredModel) -> None:
        self._path = model.path
        self.config = model.config
        self.metrics = model.metrics
        self.units: Units = units_from_json(model.vocabulary)
        self._arch: str = model.config["network"]["arch"]
        self.is_two_way = architecture(self._arch).is_bidirectional
        self.network = TwoWayNetwork(model) if self.is_two_way else OneWayNetwork(model, self.units.line_end)
        self.stored = model

    def log_probabilities(self, ids: Ids) -> Probabilities:
        """log p [N] of each unit of one text from its beginning, in nats, given all before it.

        Raises:
            RecipeError: the model is two-way.
        """
        return one_way_log_probabilities(self._one_way("gives no probability of a text from left to right", _SCORE_LINES), ids)

    def evaluate_stream(self, stream: Stream) -> dict[str, Any]:
        """Scores against one long text, with the keys of `evaluate --format json`; `nats` and `bits` are a unit's.

        Unknown units count, by the probability of id 0. A two-way model tells each unit from all others: with `accuracy`, and `left` and
        `right` from one side alone.
        """
        if isinstance(self.network, TwoWayNetwork):
            return two_way_score(self.network, stream, self.config["recipe"]["window"])
        return one_way_score(self.network, stream)

    def unit_nats(self, stream: Stream) -> Probabilities:
        """[N], −log p of each unit of one long text, whose mean is the `nats` of `evaluate_stream`."""
        return unit_nats(self.network, stream, self.config["recipe"]["window"])

    def evaluate(self, lines: Iterable[str]) -> dict[str, Any]:
        """As `evaluate_stream`, of a text given in lines.

        Raises:
            DataError: there is no text.
        """
        _refuse_one_text(lines)
        return self.evaluate_stream(encode_lines(lines, self.units))

    def logprob(self, lines: Iterable[str]) -> Iterator[LineScore]:
        """A score per line, in order, reading the lines as they are needed; each is a text of its own."""
        _refuse_one_text(lines)
        return line_scores(self.network, self.units, lines)

    def session(self, data: bytes | None = None) -> Session:
        """A text to read and write in turn, from its beginning, or from where the session that gave `data` stood.

        Raises:
            RecipeError: the model is two-way.
            ModelError: the data is another model's, or damaged.
        """
        session = Session(self._one_way(*_CANNOT_WRITE), self.units, lambda: self.stored.digest)
        if data is not None:
            session.restore(data)
        return session

    def notes(self, prompt: str) -> tuple[str, ...]:
        """What is to be said of a prompt: which of its words the model does not know, and reads as unknown.

        Raises:
            DataError: characters that the model does not know.
        """
        unknown = self.units.unknown_in(prompt)
        if not unknown:
            return ()
        named = listed(map(repr, unknown))
        if self.units.kind == "char":
            raise DataError(
                f"the prompt has characters that the training text has not: {named}. Write it without them, or train on a text with them."
            )
        return (f"the prompt has words that the model does not know and reads as unknown: {named}.",)

    def sample(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        stop: str = "",
        seed: int | np.random.Generator | None = None,
    ) -> Iterator[str]:
        """Writes on from the prompt; gives the continuation in pieces as they come.

        Args:
            prompt: what it goes on from; empty for the beginning of a text. `notes` says what of it is unknown.
            length: the most units that are written.
            temperature: below 1 safer, above 1 bolder; 0 always takes the most probable unit.
            top_k: only the k most probable units may be drawn; 0 lets all.
            top_p: only the fewest most probable units that together have this probability.
            stop: ends the text where it would come; it is not given itself.
            seed: of the random numbers, or the numbers themselves; None for other ones every time.

        Raises:
            RecipeError: an option outside its range, or a two-way model.
            DataError: characters in the prompt that the model does not know.
        """
        session = self.session()
        self.notes(prompt)
        pieces = session.sample(length=length, temperature=temperature, top_k=top_k, top_p=top_p, stop=stop, seed=seed)
        return self._continued(session, prompt, pieces)

    @staticmethod
    def _continued(session: Session, prompt: str, pieces: Iterator[str]) -> Iterator[str]:
        session.feed(prompt)
        yield from pieces
        if not session.is_stopped and (rest := session.finish()):
            yield rest

    def fill(self, text: str, *, n_best: int = 5) -> Filled:
        """The text with its blanks (`___`) filled, and the `n_best` units for each, told from both sides and from one alone.

        Raises:
            RecipeError: a one-way model, or n_best below 1.
            DataError: the text has no blank.
        """
        return filled(self._two_way(), self.units, text, n_best)

    def predict(self, texts: Iterable[str], **options: Any) -> list[str]:
        """Each text with its continuation, options as `sample` has; of a two-way model each with its blanks filled.

        With a seed, one row of random numbers goes through all the texts.

        Raises:
            RecipeError, DataError: as `sample` and `fill`.
        """
        given = _checked_texts(texts)
        allowed, other = (_FILL_OPTIONS, "writing on") if self.is_two_way else (_SAMPLE_OPTIONS, "filling blanks")
        for name in options:
            if name not in allowed:
                does = "fills blanks" if self.is_two_way else "goes on writing"
                raise RecipeError(f"{name} is for {other}, and a {self._arch} {does}; it takes {', '.join(allowed)}.")
        if self.is_two_way:
            return [self.fill(text, **options).text for text in given]
        options["seed"] = seeded(options.get("seed"))
        return [text + "".join(self.sample(text, **options)) for text in given]

    def predict_proba(self, texts: Iterable[str]) -> Probabilities:
        """[N, V], by id: the unit after each text; of a two-way model the one in its blank.

        Raises:
            DataError: no text, or in a text for a two-way model not one blank.
        """
        rows = [self._distribution(text) for text in _checked_texts(texts)]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.units))

    def _distribution(self, text: str) -> Probabilities:
        if not isinstance(self.network, TwoWayNetwork):
            session = self.session()
            session.feed(text)
            return session.probabilities()
        both = blank_probabilities(self.network, self.units, text)["both"]
        if len(both) != 1:
            raise DataError(f"{text!r:.60} has {len(both)} blanks; predict_proba answers one a text. Use fill for more.")
        distribution: Probabilities = both[0]
        return distribution

    def save(self, path: str | Path) -> None:
        """Copies the model directory to `path`.

        Raises:
            OutputError: `path` exists or cannot be written.
        """
        copy_model(self._path, Path(path))

    def _one_way(self, cannot: str, mend: str) -> OneWayNetwork:
        if isinstance(self.network, TwoWayNetwork):
            raise RecipeError(f"a {self._arch} {cannot}, since it needs the text to the right, which is not written yet. {mend}")
        return self.network

    def _two_way(self) -> TwoWayNetwork:
        if isinstance(self.network, OneWayNetwork):
            raise RecipeError(
                f"a {self._arch} reads from left to right and does not see what follows a blank. Train a two-way architecture, such as "
                f"bi{self._arch}; or let this one go on writing with sample."
            )
        return self.network


_SAMPLE_OPTIONS = ("length", "temperature", "top_k", "top_p", "stop", "seed")
_FILL_OPTIONS = ("n_best",)
_CANNOT_WRITE = (
    "cannot go on writing",
    "Train a one-way architecture, such as lstm or gru; or let this one fill blanks, written ___, in a text.",
)
_SCORE_LINES = "Train a one-way architecture, such as lstm or gru; or take this one's pseudo-log-likelihood, by logprob."


def _refuse_one_text(lines: Iterable[str]) -> None:
    if isinstance(lines, str):
        raise DataError("one text was given where lines are expected; write [text], or text.splitlines().")


def _checked_texts(texts: Iterable[str]) -> list[str]:
    if isinstance(texts, str):
        raise DataError("one text was given where a list of texts is expected; write [text].")
    given = list(texts)
    for number, text in enumerate(given, 1):
        if not isinstance(text, str):
            raise DataError(f"text {number} is {text!r:.60}; a text is a str.")
    return given
