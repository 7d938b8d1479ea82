"""Frames and sound through a session while they come in, a line of JSON a step."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Any

from tidegate.cli.live_lines import write_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tidegate.cli.latency import Latency
    from tidegate.cli.sequences import SequenceModel


def answer_frames(model: SequenceModel, lookahead: str | None, latency: Latency | None) -> None:
    """Answers what comes in on standard input until it ends; `latency` counts what each step took.

    Raises:
        RecipeError: the model cannot answer live, or not with that look-ahead.
        DataError: what comes in is not what the model reads.
    """
    live = _Live(model, lookahead, latency)
    for values, rate in _pieces(model, is_one_step=latency is not None):
        live.feed(values, rate)
    live.end()


def _pieces(model: SequenceModel, *, is_one_step: bool) -> Iterator[tuple[Any, int | None]]:
    """What comes in, piece by piece: frames [1, D] or samples [n], and their rate; None ends a sequence."""
    from tidegate.cli.live_numbers import frames_as_they_come
    from tidegate.cli.live_sound import samples_as_they_come
    from tidegate.data.number_frames import NumberFrames
    from tidegate.data.sound_frames import SoundFrames

    frames = model.frames
    with os.fdopen(os.dup(sys.stdin.fileno()), "rb") as given:
        if isinstance(frames, SoundFrames):
            step = round(frames.step_seconds * frames.mel.rate) if is_one_step else None
            yield from samples_as_they_come(given, frames.mel.rate, step)
        elif isinstance(frames, NumberFrames):
            for frame in frames_as_they_come(given, frames.columns, model.config["recipe"]["missing"]):
                yield frame, None


class _Live:
    """Feeds a session, begins another one where a sequence ends, writes what they answer and measures how long they take."""

    def __init__(self, model: SequenceModel, lookahead: str | None, latency: Latency | None) -> None:
        from tidegate.runtime import SequenceClassifyModel, TranscribeModel

        self._model, self._lookahead = model, lookahead
        self._is_decision, self._is_transcript = isinstance(model, SequenceClassifyModel), isinstance(model, TranscribeModel)
        self._session: Any = None
        self._last: dict[str, Any] = {}
        self._units = 0
        self._latency = latency
        self._unfinished, self._frames = 0.0, 0
        self._begin(None)  # so that a model that cannot answer live is refused before anything is read
        self._has_begun = False

    def feed(self, values: Any, rate: int | None) -> None:
        """Reads a piece; None ends a sequence."""
        if values is None:
            self.end()
            return
        if not self._has_begun:
            self._begin(rate)
            self._has_begun = True
        began = time.perf_counter()
        answers = self._session.feed(values)
        if self._latency is not None:
            self._measure(self._latency, time.perf_counter() - began)
        self._write(answers, is_last=False)

    def end(self) -> None:
        """Ends the sequence, if one has begun."""
        if self._has_begun:
            self._write(self._session.finish(), is_last=True)
        self._has_begun = False

    def _begin(self, rate: int | None) -> None:
        options = {} if rate is None else {"rate": rate}
        self._session = self._model.session(lookahead=self._lookahead, **options)
        self._last, self._units = {}, 0

    def _write(self, answers: list[Any], *, is_last: bool) -> None:
        lines = [self._said(answer) for answer in answers]
        if self._is_decision:
            if is_last and (lines or self._last):
                lines = [*lines[:-1], (lines[-1] if lines else self._last) | {"final": True}]
            self._last = lines[-1] if lines else self._last
        write_lines(lines)

    def _said(self, answer: Any) -> dict[str, Any]:
        if self._is_transcript:
            self._units += 1
            return {"index": self._units - 1, "unit": answer.unit, "seconds": round(answer.seconds, 3), "final": True}
        # What is said of a step stays; what is said of the sequence may change until it ends.
        said = {"index": answer.step, "label": answer.label, "probability": round(answer.probability, 6)}
        return said | {"final": not self._is_decision}

    def _measure(self, latency: Latency, seconds: float) -> None:
        """Counts what a piece took: a step of sound, or a frame of numbers, of which a step may have several."""
        from tidegate.data.number_frames import NumberFrames

        self._unfinished += seconds
        self._frames += 1
        frames = self._model.frames
        if not isinstance(frames, NumberFrames) or self._frames % frames.scale.per_step == 0:
            latency.add(self._unfinished)
            self._unfinished = 0.0
