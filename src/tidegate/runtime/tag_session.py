"""A sentence through a tagger as it comes, token by token; saved and gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.data.vocabulary import LabelColumn
from tidegate.decoding import CrfStream
from tidegate.decoding.crf_stream import Decided
from tidegate.errors import DataError
from tidegate.runtime.stack_session import StackSession
from tidegate.runtime.tag_network import TagNetwork


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """What is said of one token.

    Attributes:
        index: which of the sentence, from 0.
        token: itself.
        columns: for each label column the label.
        probabilities: for each label column how probable it is by what was read so far.
    """

    index: int
    token: str
    columns: dict[str, str]
    probabilities: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """The answer as `stream` writes it."""
        first = next(iter(self.columns))
        said = {"index": self.index, "token": self.token, "label": self.columns[first], "probability": round(self.probabilities[first], 6)}
        return said | ({"columns": self.columns} if len(self.columns) > 1 else {})


class TagSession(StackSession):
    """One sentence and a label for each of its tokens, as late as the look-ahead is long.

    A two-way stack has a window of L tokens to read back from. Read one way, L is the lag of the CRFs' Viterbi. From L = T on the labels
    are those of the whole sentence. What is held and the time that a token takes do not grow with it.

    Args:
        network: reads one way, or with a look-ahead.
        columns: the label columns.
        lag: of the CRFs in tokens, behind the stack's own look-ahead.
        kind: what a saved session must have in common with this one.
    """

    def __init__(self, network: TagNetwork, columns: Sequence[LabelColumn], lag: int, kind: Callable[[], dict[str, Any]]) -> None:
        super().__init__(network.stack, kind)
        self._network, self._columns, self._lag = network, columns, lag
        self._decoders = {column.name: CrfStream(network.transitions.get(column.name), len(column.labels), lag) for column in columns}
        self._waiting: list[str] = []  # tokens without labels yet

    @property
    def lookahead(self) -> int:
        """L: by how many tokens answers lag."""
        return super().lookahead + self._lag

    def feed(self, tokens: str | Sequence[str]) -> list[TokenAnswer]:
        """Reads on, one token or several; gives what is new.

        Raises:
            RecipeError: the session has ended.
            DataError: what was given are no tokens.
        """
        self._refuse_ended()
        tokens = list(tokens) if isinstance(tokens, Iterable) and not isinstance(tokens, str) else [tokens]
        for token in tokens:
            if not isinstance(token, str) or not token:
                raise DataError(f"{token!r:.60} is no token; feed a token, or a list of them, each a str of a character at least.")
        if not tokens:
            return []
        self._waiting += tokens
        logits = self._network.head(self._stack.feed(self._network.vectors(tokens)))
        return self._answers({name: decoder.feed(logits[name]) for name, decoder in self._decoders.items()})

    def finish(self) -> list[TokenAnswer]:
        """Ends the sentence, and gives what was still to come.

        Raises:
            RecipeError: it has ended already.
        """
        self._refuse_ended()
        logits = self._network.head(self._stack.finish())
        answers = self._answers({name: decoder.finish(logits[name]) for name, decoder in self._decoders.items()})
        self._has_ended = True
        return answers

    def _answers(self, decided: dict[str, list[Decided]]) -> list[TokenAnswer]:
        count = len(next(iter(decided.values())))
        labels = {column.name: column.labels for column in self._columns}
        answers = []
        for place, token in enumerate(self._waiting[:count]):
            found = {name: steps[place] for name, steps in decided.items()}
            columns = {name: labels[name][number] for name, (number, _) in found.items()}
            answers.append(TokenAnswer(self._told + place, token, columns, {name: sure for name, (_, sure) in found.items()}))
        self._waiting = self._waiting[count:]
        self._told += count
        return answers

    def _says(self) -> dict[str, Any]:
        return super()._says() | {"waiting": self._waiting}

    def _take_over(self, says: dict[str, Any]) -> None:
        super()._take_over(says)
        self._waiting = [str(token) for token in says["waiting"]]

    def _parts(self) -> dict[str, Any]:
        return super()._parts() | {f"column {place}": decoder for place, decoder in enumerate(self._decoders.values())}
