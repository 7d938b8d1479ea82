"""Connected speech made of single recordings: several one after another, with pauses, louder and softer, in noise; and where each is."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tidegate.data.recordings import Recording
from tidegate.data.records import Source
from tidegate.data.resampling import at_rate
from tidegate.data.sound_augmentation import Range, with_noise
from tidegate.data.wav import write_wav
from tidegate.errors import DataError, OutputError, RecipeError

# Pauses between recordings, noise, and how much louder or softer a recording is, as streams have them by default.
GAP_SECONDS: Range = (0.05, 0.5)
SNR_DB: Range = (15.0, 40.0)
_GAIN_DB: Range = (-6.0, 6.0)
# What sums beyond full scale is brought down to.
_PEAK = 0.99


@dataclass(frozen=True, slots=True)
class SoundSpan:
    """Where one of the recordings is in a stream.

    Attributes:
        unit: what is said in it, or its label where that is not told; empty where nothing is said.
        start, end: seconds from the stream's beginning.
    """

    unit: str
    start: float
    end: float


@dataclass(frozen=True, slots=True, eq=False)
class ConnectedRecording(Recording):
    """A recording made of others: its text joins theirs (or their labels) with blanks; of one in which nothing is said there is the sound.

    Attributes:
        spans: where they are, in order.
    """

    spans: tuple[SoundSpan, ...] = ()


def connect(
    recordings: Sequence[Recording],
    rng: Generator,
    *,
    count: int,
    rate: int,
    gap_seconds: Range = GAP_SECONDS,
    snr_db: Range | None = None,
    name: str = "",
) -> ConnectedRecording:
    """A stream of `count` recordings, drawn with replacement, of one group where they have groups.

    Before the first, between and after the last are pauses of lengths drawn from `gap_seconds`. A pure function of its arguments.

    Args:
        rate: of the stream; recordings at others are resampled.
        snr_db: range of the ratio of the sound to noise, white or pink, that lies over all of it; None: pauses are silence.

    Raises:
        DataError: no recordings, or one without text and label.
        RecipeError: a negative pause, or a range whose lower end is the higher one.
    """
    if not 0 <= gap_seconds[0] <= gap_seconds[1] or (snr_db and snr_db[0] > snr_db[1]):
        raise RecipeError(f"pauses {gap_seconds} s, noise {snr_db} dB: ranges (low, high) were expected, pauses of 0 s or more.")
    if not recordings:
        raise DataError("no recordings to connect: at least one was expected.")
    first = recordings[int(rng.integers(len(recordings)))]
    of_group = [one for one in recordings if one.group == first.group]
    drawn = [of_group[place] for place in rng.integers(len(of_group), size=count)]
    parts: list[NDArray[np.float32]] = []
    spans: list[SoundSpan] = []
    at = 0
    for one in drawn:
        unit = one.transcript
        if unit is None:
            raise DataError(f"{one.source}: '{one.name}' has neither text nor label, so that nothing tells what is said in it.")
        gap = round(rate * rng.uniform(*gap_seconds))
        samples = at_rate(one.samples, one.rate, rate) * np.float32(10 ** (rng.uniform(*_GAIN_DB) / 20))
        begin, at = at + gap, at + gap + len(samples)
        parts += [np.zeros(gap, dtype=np.float32), samples]
        spans.append(SoundSpan(unit, begin / rate, at / rate))
    stream = np.concatenate([*parts, np.zeros(round(rate * rng.uniform(*gap_seconds)), dtype=np.float32)])
    if snr_db is not None:
        stream = with_noise(stream, rng, snr_db)
    peak = float(np.abs(stream).max(initial=0))
    if peak > _PEAK:
        stream *= np.float32(_PEAK / peak)
    text = " ".join(span.unit for span in spans if span.unit)
    return ConnectedRecording(stream, rate, Source(name or "connected", 0), name, text=text, group=first.group, spans=tuple(spans))


def connected_set(
    recordings: Sequence[Recording],
    *,
    streams: int,
    seed: int,
    count: tuple[int, int] = (1, 7),
    rate: int = 0,
    gap_seconds: Range = GAP_SECONDS,
    snr_db: Range | None = SNR_DB,
) -> list[ConnectedRecording]:
    """So many streams of `count` recordings each, drawn from that range, its ends included. Each depends on the seed and its place alone.

    Args:
        rate: of the streams; 0: the one that most recordings have.

    Raises:
        DataError: as `connect`.
        RecipeError: as `connect`; a range of counts that does not begin at 1 or above.
    """
    if not 1 <= count[0] <= count[1]:
        raise RecipeError(f"count {count[0]}-{count[1]}: expected a range such as 1-7, of 1 or more.")
    if not recordings:
        raise DataError("no recordings to connect: at least one was expected.")
    rate = rate or Counter(one.rate for one in recordings).most_common(1)[0][0]
    # Once, not each time that one is drawn.
    ready = [one if one.rate == rate else replace(one, samples=at_rate(one.samples, one.rate, rate), rate=rate) for one in recordings]
    made = []
    for place in range(streams):
        rng = np.random.default_rng([seed, place])
        drawn = int(rng.integers(count[0], count[1] + 1))
        name = f"stream_{place + 1:0{max(4, len(str(streams)))}d}.wav"
        made.append(connect(ready, rng, count=drawn, rate=rate, gap_seconds=gap_seconds, snr_db=snr_db, name=name))
    return made


def write_connected(streams: Sequence[ConnectedRecording], folder: str | os.PathLike[str]) -> None:
    """Writes the streams as .wav files by their names, streams.tsv (path, text, group) and spans.tsv (path, unit, start, end).

    Raises:
        OutputError: the folder holds something, or cannot be written.
    """
    out = Path(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise OutputError(f"{out} holds something already; nothing was written. Name another folder, or empty it first.")
        for one in streams:
            write_wav(out / one.name, one.samples, one.rate)
        texts = [("path", "text", "group"), *((one.name, one.text or "", one.group) for one in streams)]
        spans = [(one.name, span.unit, f"{span.start:.4f}", f"{span.end:.4f}") for one in streams for span in one.spans]
        _write_table(out / "streams.tsv", texts)
        _write_table(out / "spans.tsv", [("path", "unit", "start", "end"), *spans])
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror or error}.") from error


def _write_table(path: Path, rows: Iterable[tuple[str, ...]]) -> None:
    # A blank for what would end a cell.
    path.write_text("".join("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in rows), encoding="utf-8")
