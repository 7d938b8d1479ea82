"""What a one-way model costs on live sound: samples come in chunks, answers are given at once; one thread."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tidegate.data.connected import connected_set
from tidegate.training.frame_material import parts_of
from tidegate.training.recipe import build_recipe
from tidegate.training.sequences.corpus import corpus_of as labelled_corpus
from tidegate.training.sequences.recipe import SequenceClassifyRecipe
from tidegate.training.sequences.task import SequenceClassifyTask
from tidegate.training.transcription.corpus import corpus_of
from tidegate.training.transcription.recipe import TranscribeRecipe
from tidegate.training.transcription.task import TranscribeTask

from .material import SOUND_COLUMNS, digits

_CHUNKS_MS = (10, 20, 100)
_STREAMS = 60


def print_live(settings: Mapping[str, Any]) -> None:
    """A row a model and size of chunk. The weights are a fresh network's: they change nothing of the cost."""
    recordings = [replace(one, text=one.label) for one in digits()]
    streams = connected_set(recordings, streams=_STREAMS, seed=3)
    print("| model | chunk, ms | real-time factor | ms a chunk: median | 99 % | sound, s |")
    print("|---|---|---|---|---|---|")
    for name, model in _models(recordings, settings):
        for chunk in _CHUNKS_MS:
            taken, seconds = _fed(model, [stream.samples for stream in streams], streams[0].rate, chunk)
            cells = [f"{taken.sum() / seconds:.4f}", *(f"{1000 * value:.3f}" for value in np.percentile(taken, [50, 99]))]
            print(f"| {name} | {chunk} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)


def _models(recordings: Sequence[Any], settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    options = {"arch": "gru", "seed": 1}
    classify = build_recipe(SequenceClassifyRecipe, recipe="fsdd", options=options, settings=settings)
    parts = parts_of(recordings, recordings[:50], [], SOUND_COLUMNS, classify)
    labelled = SequenceClassifyTask(classify, labelled_corpus(parts, classify))
    transcribe = build_recipe(TranscribeRecipe, recipe="fsdd", options=options, settings=settings)
    connected = TranscribeTask(transcribe, corpus_of(parts, transcribe))
    return [
        ("classify, a decision each step of 20 ms", labelled.as_model(labelled.build_network())),
        ("transcribe, steps of 50 ms", connected.as_model(connected.build_network())),
    ]


def _fed(model: Any, sounds: Sequence[np.ndarray[Any, Any]], rate: int, chunk_ms: int) -> tuple[np.ndarray[Any, Any], float]:
    """Seconds that each chunk took, and seconds of sound."""
    size = rate * chunk_ms // 1000
    taken: list[float] = []
    for samples in sounds:
        session = model.session()
        for begin in range(0, len(samples), size):
            piece = samples[begin : begin + size]
            started = time.perf_counter()
            session.feed(piece)
            taken.append(time.perf_counter() - started)
        session.finish()
    return np.array(taken), sum(len(samples) for samples in sounds) / rate
