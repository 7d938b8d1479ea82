"""Connected digits: error rate and delay over how far a network looks ahead, one way against two ways."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.data.connected import ConnectedRecording
from tidegate.runtime import load
from tidegate.training.frame_material import parts_of
from tidegate.training.recipe import build_recipe
from tidegate.training.run import train
from tidegate.training.transcription.corpus import corpus_of
from tidegate.training.transcription.recipe import TranscribeRecipe
from tidegate.training.transcription.task import TranscribeTask

from .labels import DEV_TAKES, TEST_TAKES
from .material import SOUND_COLUMNS, digits, take

# A one-way network, and two-way ones that see so far ahead; all: to the end of the stream.
ONE_WAY, ALL = "one way", "all"


def print_lookahead(spans: Sequence[str], seeds: Sequence[int], settings: Mapping[str, Any], keep: Path | None, *, quiet: bool) -> None:
    """A row a network; each is trained with the look-ahead that it is scored with."""
    shown = "dev digit errors | test digit errors | streams wholly right | said after a digit's end, ms: median | 90 % | epochs | seconds"
    print(f"| look-ahead | seed | {shown} |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    recordings = [replace(one, text=one.label) for one in digits()]
    test = [one for one in recordings if take(one) in TEST_TAKES]
    dev = [one for one in recordings if take(one) in DEV_TAKES]
    rest = [one for one in recordings if take(one) not in (*TEST_TAKES, *DEV_TAKES)]
    for span in spans:
        found = []
        for seed in seeds:
            arch = {"arch": "gru"} if span == ONE_WAY else {"arch": "bigru", "lookahead": "" if span == ALL else span}
            recipe = build_recipe(TranscribeRecipe, recipe="fsdd", options={"seed": seed, **arch}, settings=settings)
            corpus = corpus_of(parts_of(rest, dev, test, SOUND_COLUMNS, recipe), recipe)
            with tempfile.TemporaryDirectory() as folder:
                out = (keep or Path(folder)) / f"{span.replace(' ', '-')}-{seed}"
                metrics = train(TranscribeTask(recipe, corpus), out, overwrite=True, quiet=quiet).metrics
                late = np.array(list(delays(load(out), corpus.parts.test)))
            median, high = np.percentile(1000 * late, [50, 90])
            scores = (metrics["dev"]["wer"], metrics["test"]["wer"], metrics["test"]["exact_match"], median, high)
            found.append(scores)
            print(_row(span, str(seed), scores, f"{len(metrics['epochs'])} | {metrics['seconds']:.0f}"), flush=True)
        print(_row(span, "mean", [statistics.fmean(each) for each in zip(*found, strict=True)], "|"), flush=True)


def _row(span: str, seed: str, scores: Sequence[float], rest: str) -> str:
    dev, test, exact, median, high = scores
    return f"| {span} | {seed} | {100 * dev:.2f} % | {100 * test:.2f} % | {100 * exact:.1f} % | {median:.0f} | {high:.0f} | {rest} |"


def delays(model: Any, streams: Sequence[Any]) -> Iterator[float]:
    """Of every digit that was heard rightly, seconds from the end of its recording to the moment at which it could be said."""
    for transcript in model.answers(streams):
        stream = transcript.record
        assert isinstance(stream, ConnectedRecording)
        spoken = [span.unit for span in stream.spans]
        for first, second, size in SequenceMatcher(None, spoken, list(transcript.units), autojunk=False).get_matching_blocks():
            for place in range(size):
                heard = transcript.seconds[second + place]
                # What needs the whole stream is said when it has ended.
                yield min(heard, stream.seconds) - stream.spans[first + place].end
