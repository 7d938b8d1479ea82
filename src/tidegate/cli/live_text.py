"""Sentences and texts through a session while they come in, a line of JSON a token."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

from tidegate.cli.live_lines import write_lines
from tidegate.data.opening import open_stream
from tidegate.data.words import tokens_of
from tidegate.errors import RecipeError
from tidegate.runtime import ClassifyAnswer, ClassifyModel, TagModel, TokenAnswer

if TYPE_CHECKING:
    from tidegate.cli.latency import Latency

# A word with the blanks behind it, or blanks at a line's beginning.
_PIECE = re.compile(r"\S+\s*|\s+")


def answer_text(model: TagModel | ClassifyModel, lookahead: str | None, latency: Latency | None) -> None:
    """Answers what comes in on standard input until it ends; `latency` counts what each token, word or character took.

    Raises:
        RecipeError: the model cannot answer live, or not with that look-ahead.
        DataError: what comes in is no text.
    """
    steps = _steps_of(lookahead)
    live = _Sentences(model, steps, latency) if isinstance(model, TagModel) else _Texts(model, steps, latency)
    for _, line in open_stream(sys.stdin.buffer, "standard input"):
        if not live.read(line):
            live.end()
    live.end()


def unit_of(model: TagModel | ClassifyModel) -> str:
    """What a step of the model's sessions is called."""
    if isinstance(model, TagModel):
        return "token"
    return "character" if model.unit == "char" else "word"


def _steps_of(lookahead: str | None) -> int | None:
    if lookahead is None:
        return None
    # Python itself makes no number of thousands of digits; no text is as long as eighteen say.
    if not lookahead.strip().isdecimal() or len(lookahead.strip()) > 18:
        raise RecipeError(f"--lookahead is '{lookahead:.60}'; of text it is a number of tokens, words or characters: 0, 1, 2, …")
    return int(lookahead)


class _Sentences:
    """Tokens, blanks between them; their labels, each as soon as it is settled."""

    def __init__(self, model: TagModel, lookahead: int | None, latency: Latency | None) -> None:
        self._model, self._lookahead, self._latency = model, lookahead, latency
        self._session = model.session(lookahead=lookahead)  # so that a model that cannot answer live is refused before anything is read
        self._has_begun = False

    def read(self, line: str) -> bool:
        """Reads the tokens of a line; whether there are any."""
        tokens = tokens_of(line)
        self._has_begun |= bool(tokens)
        for token in tokens:
            began = time.perf_counter()
            answers = self._session.feed(token)
            if self._latency is not None:
                self._latency.add(time.perf_counter() - began)
            self._write(answers)
        return bool(tokens)

    def end(self) -> None:
        """Ends the sentence, if one has begun."""
        if self._has_begun:
            self._write(self._session.finish())
            self._session, self._has_begun = self._model.session(lookahead=self._lookahead), False

    def _write(self, answers: list[TokenAnswer]) -> None:
        write_lines(answer.to_json() | {"final": True} for answer in answers)


class _Texts:
    """Lines of a text; after each word or character what would be said if the text ended there."""

    def __init__(self, model: ClassifyModel, lookahead: int | None, latency: Latency | None) -> None:
        self._model, self._lookahead, self._latency = model, lookahead, latency
        self._session = model.session(lookahead=lookahead)
        self._has_begun = False

    def read(self, line: str) -> bool:
        """Reads a line, and that it has ended; whether it holds more than blanks."""
        if not line.strip():
            return False
        # The end of a line settles its last word; as a character it counts where another line follows.
        pieces = _PIECE.findall(line + "\n") if self._model.unit == "word" else "\n" + line if self._has_begun else line
        self._has_begun = True
        for piece in pieces:
            began = time.perf_counter()
            answer = self._session.feed(piece)
            if answer is not None:
                if self._latency is not None:
                    self._latency.add(time.perf_counter() - began)
                self._write(answer, is_final=False)
        return True

    def end(self) -> None:
        """Ends the text, if one has begun."""
        if self._has_begun:
            self._write(self._session.finish(), is_final=True)
            self._session, self._has_begun = self._model.session(lookahead=self._lookahead), False

    def _write(self, answer: ClassifyAnswer, *, is_final: bool) -> None:
        said = self._model.to_json(answer)
        del said["probabilities"]
        write_lines([{"index": self._session.position - 1} | said | {"final": is_final}])
