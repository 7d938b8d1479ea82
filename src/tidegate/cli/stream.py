"""`tidegate stream`: answers while a sentence, a text, numbers or sound are still coming in. Needs no torch."""

from __future__ import annotations

import sys

import typer

from tidegate.cli import sequence_options
from tidegate.cli.options import Model, Threads, Version

_FOR = "tidegate stream answers token by token or step by step while text, numbers or sound come in"


def stream(
    model: Model,
    lookahead: sequence_options.LiveLookahead = None,
    latency: sequence_options.Latency = False,
    threads: Threads = None,
    version: Version = False,
) -> None:
    """Answer on standard output while a sequence comes in on standard input, a line of JSON a step, each at once.

    Of text come lines of words, and an empty line ends a sentence or a text. A tagger reads what stands between blanks as tokens, as
    --input tokens does. Of numbers a line is a frame: its features in the order of training, or below a header with their names, with
    commas, semicolons, tabs, bars or blanks between; a sequence ends at an empty line, and where the header's column of sequences
    changes. Of sound come raw samples, 16 bits, little-endian, one channel, at the model's rate; or a .wav file. A classifier says after
    each step what it would say if the sequence ended there, and "final" at its end. A two-way network needs a look-ahead, by which its
    answers lag; so may the labels of a one-way tagger with a CRF.

    Examples:

    tidegate stream tagger-bilstm/ --lookahead 2 < tokens.txt

    tidegate stream topics-gru/ < article.txt

    tidegate stream moves-gru/ < trial.csv

    arecord -t raw -f S16_LE -c 1 -r 8000 | tidegate stream digits-gru/

    tidegate stream streams-bilstm/ --lookahead 200ms --latency < call.wav

    ffmpeg -i call.mp3 -f wav - | tidegate stream streams-gru/
    """
    from tidegate.threads import use_threads

    use_threads(threads)
    from tidegate.cli.fitting import kind_of
    from tidegate.cli.latency import Latency
    from tidegate.errors import DataError, OutputError, RecipeError
    from tidegate.runtime import ClassifyModel, SequenceClassifyModel, SequenceTagModel, TagModel, TranscribeModel, load

    loaded = load(model)
    if not isinstance(loaded, TagModel | ClassifyModel | SequenceClassifyModel | SequenceTagModel | TranscribeModel):
        instead = {
            "translate": f"this model translates. Lines are answered as they come by: tidegate predict {model}",
            "forecast": f"this model forecasts tables. They are answered by: tidegate predict {model} FILE",
            "fill": f"this model fills the holes of tables. They are filled by: tidegate predict {model} FILE",
        }.get(kind_of(loaded), f"this model writes text. That is done by: tidegate predict {model} --prompt TEXT")
        raise RecipeError(f"{_FOR}, and {instead}")
    if sys.stdin is None:
        raise DataError("standard input is closed. Pipe text, frames or samples in.")
    if sys.stdout is None:
        raise OutputError("standard output is closed. Open it, for the answers are written there.")
    timed: Latency | None = None
    try:
        if isinstance(loaded, TagModel | ClassifyModel):
            from tidegate.cli.live_text import answer_text, unit_of

            timed = Latency(unit_of(loaded)) if latency else None
            answer_text(loaded, lookahead, timed)
        else:
            from tidegate.cli.live_frames import answer_frames

            timed = Latency(step_seconds=loaded.frames.step_seconds or 0.0) if latency else None
            answer_frames(loaded, lookahead, timed)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None  # what was written stays
    finally:
        if timed is not None:
            timed.print()
