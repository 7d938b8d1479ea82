"""`tidegate stream`: answers while a sequence of numbers or sound is still coming in. Needs no torch."""

from __future__ import annotations

import json
import os
import sys
import time
from array import array
from typing import TYPE_CHECKING, Any

import typer

from tidegate.cli import sequence_options
from tidegate.cli.options import Model, Threads, Version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tidegate.cli.sequences import SequenceModel

_FOR = "tidegate stream answers step by step while numbers or sound come in"


def stream(
    model: Model,
    lookahead: sequence_options.Lookahead = None,
    latency: sequence_options.Latency = False,
    threads: Threads = None,
    version: Version = False,
) -> None:
    """Answer on standard output while a sequence comes in on standard input, a line of JSON a step, each at once.

    Of numbers a line is a frame: its features in the order of training, or below a header with their names, with commas, semicolons, tabs,
    bars or blanks between; a sequence ends at an empty line, and where the header's column of sequences changes. Of sound come raw samples,
    16 bits, little-endian, one channel, at the model's rate; or a .wav file. A classifier says after each step what it would say if the
    sequence ended there, and "final" at its end. A two-way network needs a look-ahead, by which its answers lag.

    Examples:

    tidegate stream moves-gru/ < trial.csv

    arecord -t raw -f S16_LE -c 1 -r 8000 | tidegate stream digits-gru/

    tidegate stream streams-bilstm/ --lookahead 200ms --latency < call.wav

    ffmpeg -i call.mp3 -f wav - | tidegate stream streams-gru/
    """
    from tidegate.threads import use_threads

    use_threads(threads)
    from tidegate.cli.fitting import kind_of
    from tidegate.errors import DataError, OutputError, RecipeError
    from tidegate.runtime import SequenceClassifyModel, SequenceTagModel, TranscribeModel, load

    loaded = load(model)
    if not isinstance(loaded, SequenceClassifyModel | SequenceTagModel | TranscribeModel):
        instead = {
            "tag": f"this model tags tokens. Lines are answered as they come by: tidegate predict {model}",
            "classify": f"this model classifies texts. Lines are answered as they come by: tidegate predict {model}",
            "translate": f"this model translates. Lines are answered as they come by: tidegate predict {model}",
            "forecast": f"this model forecasts tables. They are answered by: tidegate predict {model} FILE",
            "fill": f"this model fills the holes of tables. They are filled by: tidegate predict {model} FILE",
        }.get(kind_of(loaded), f"this model writes text. That is done by: tidegate predict {model} --prompt TEXT")
        raise RecipeError(f"{_FOR}, and {instead}")
    if sys.stdin is None:
        raise DataError("standard input is closed. Pipe frames or samples in.")
    if sys.stdout is None:
        raise OutputError("standard output is closed. Open it, for the answers are written there.")
    live = _Live(loaded, lookahead, is_timed=latency)
    try:
        for values, rate in _pieces(loaded, is_one_step=latency):
            live.feed(values, rate)
        live.end()
    except KeyboardInterrupt:
        raise typer.Exit(130) from None  # what was written stays
    finally:
        if latency:
            live.print_latency()


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

    def __init__(self, model: SequenceModel, lookahead: str | None, *, is_timed: bool) -> None:
        from tidegate.runtime import SequenceClassifyModel, TranscribeModel

        self._model, self._lookahead = model, lookahead
        self._is_decision, self._is_transcript = isinstance(model, SequenceClassifyModel), isinstance(model, TranscribeModel)
        self._session: Any = None
        self._last: dict[str, Any] = {}
        self._units = 0
        self._seconds = array("d") if is_timed else None
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
        if self._seconds is not None:
            self._measure(time.perf_counter() - began)
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
        for line in lines:
            print(json.dumps(line, ensure_ascii=False))
        if lines:
            sys.stdout.flush()

    def _said(self, answer: Any) -> dict[str, Any]:
        if self._is_transcript:
            self._units += 1
            return {"index": self._units - 1, "unit": answer.unit, "seconds": round(answer.seconds, 3), "final": True}
        # What is said of a step stays; what is said of the sequence may change until it ends.
        said = {"index": answer.step, "label": answer.label, "probability": round(answer.probability, 6)}
        return said | {"final": not self._is_decision}

    def _measure(self, seconds: float) -> None:
        """Counts what a piece took: a step of sound, or a frame of numbers, of which a step may have several."""
        from tidegate.data.number_frames import NumberFrames

        assert self._seconds is not None
        self._unfinished += seconds
        self._frames += 1
        frames = self._model.frames
        if not isinstance(frames, NumberFrames) or self._frames % frames.scale.per_step == 0:
            self._seconds.append(self._unfinished)
            self._unfinished = 0.0

    def print_latency(self) -> None:
        """How long a step took, and of sound how that compares with real time; on standard error."""
        import numpy as np

        if not self._seconds:
            return
        frames = self._model.frames
        p50, p99 = (1000 * float(np.quantile(self._seconds, share)) for share in (0.5, 0.99))
        said = f"{len(self._seconds):,} steps: {p50:.3f} ms a step (median), {p99:.3f} ms (99 %)"
        if frames.step_seconds:
            share = sum(self._seconds) / max(1e-9, len(self._seconds) * frames.step_seconds)
            said += f"; {share:.4f} of real time"
        print(said, file=sys.stderr)
