"""Small files by the names that the examples of the documentation use."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from conftest import conllu_text, sounds_of, toy_text, toy_words
from tidegate.data.wav import write_wav

Writer = Callable[[Path], None]


def sentences(count: int, seed: int = 1) -> Writer:
    return lambda path: _write(path, conllu_text(count, seed=seed))


def text(count: int, seed: int = 1) -> Writer:
    """Sentences, a line each, some said by somebody."""
    lines = toy_text(count, seed=seed).splitlines()
    return lambda path: _write(path, "".join(f"ROMEO: {line}\n" if number % 5 == 0 else f"{line}\n" for number, line in enumerate(lines)))


def messages(count: int, seed: int = 1) -> Writer:
    """A table of texts of which a third is spam."""

    def write(path: Path) -> None:
        chance = random.Random(seed)
        words = {
            "spam": "win cheap pills money free prize now click".split(),
            "ham": "lunch tomorrow see you at home the train late".split(),
        }
        rows = []
        for number in range(count):
            label = "ham" if number % 3 else "spam"
            rows.append([" ".join(chance.choices(words[label], k=6)) + f" {number}", label])
        _table(path, ["text", "label"], rows)

    return write


def lexicon(count: int, first: int = 0) -> Writer:
    return lambda path: _write(path, "".join(f"{word} {sounds_of(word)}\n" for word in toy_words(400)[first : first + count]))


def pairs(count: int, first: int = 0) -> Writer:
    """Three words, and the same words turned round."""

    def write(path: Path) -> None:
        words = toy_words(40)
        chance = random.Random(first)
        sources = [chance.choices(words, k=3) for _ in range(count)]
        _write(path, "".join(f"{' '.join(source)}\t{' '.join(source[::-1])}\n" for source in sources))

    return write


def pump(path: Path) -> None:
    """An hour a row: pressure in a daily wave, with holes."""
    chance = random.Random(1)
    begin = datetime(2024, 3, 1)
    rows = []
    for hour in range(24 * 40):
        value = "" if 300 < hour < 304 or hour % 97 == 5 else f"{20 + 5 * np.sin(np.pi * hour / 12) + chance.gauss(0, 0.3):.2f}"
        rows.append([(begin + timedelta(hours=hour)).isoformat(" "), value])
    _table(path, ["timestamp", "pressure"], rows)


def station(seed: int) -> Writer:
    """An hour a row as in the Beijing air data: parts of the time in four columns, dust with holes, and the weather."""

    def write(path: Path) -> None:
        chance = random.Random(seed)
        begin = datetime(2024, 1, 1)
        rows = []
        for hour in range(24 * 195):
            at = begin + timedelta(hours=hour)
            dust = "NA" if hour % 53 == 7 else f"{60 + 20 * np.sin(np.pi * hour / 12) + chance.gauss(0, 5):.0f}"
            rows.append(
                [at.year, at.month, at.day, at.hour, dust, f"{chance.gauss(10, 3):.1f}", f"{chance.random():.1f}", chance.choice("NS")]
            )
        _table(path, ["year", "month", "day", "hour", "PM2.5", "TEMP", "WSPM", "wd"], rows)

    return write


def steps(names: tuple[str, str], label: str, count: int, seed: int = 1, *, each: bool = False) -> Writer:
    """Sequences of two features that rise or fall, labelled as a whole or, with `each`, at every step."""

    def write(path: Path) -> None:
        chance = random.Random(seed)
        rows: list[list[object]] = []
        for sequence in range(count):
            sign, length = chance.choice((-1, 1)), chance.randrange(6, 14)
            for step in range(length):
                x = sign * (2 * step / (length - 1) - 1) + chance.gauss(0, 0.1)
                said = ("high" if x > 0 else "low") if each else ("up" if sign > 0 else "down")
                rows.append([f"s{sequence}", step, f"{x:.3f}", f"{chance.gauss(0, 1):.3f}", said])
        _table(path, [*names, "x", "y", label], rows)

    return write


def spoken_digits(path: Path) -> None:
    """A folder of recordings at 8 kHz, `7_anna_3.wav`: a tone a digit."""
    path.mkdir()
    noise = np.random.default_rng(1)
    for digit in range(3):
        for speaker in ("anna", "ben", "cleo"):
            for number in range(4):
                write_wav(path / f"{digit}_{speaker}_{number}.wav", _tone(300 + 500 * digit, noise), 8000)


def recording(path: Path) -> None:
    noise = np.random.default_rng(2)
    write_wav(path, np.concatenate([_tone(300, noise), _tone(1300, noise)]), 8000)


def transcripts(path: Path) -> None:
    """A table of recordings of one or two words, which stand beside it."""
    noise = np.random.default_rng(3)
    rows = []
    for number in range(16):
        words = [("low", "high")[(number + place) % 2] for place in range(1 + number % 2)]
        name = f"said-{number}.wav"
        write_wav(path.parent / name, np.concatenate([_tone(300 if word == "low" else 1300, noise) for word in words]), 8000)
        rows.append([name, " ".join(words)])
    _write(path, "file\tsentence\n" + "".join("\t".join(row) + "\n" for row in rows))


def _tone(hertz: float, noise: np.random.Generator) -> np.ndarray:
    time = np.arange(int(8000 * noise.uniform(0.2, 0.3))) / 8000
    return (0.3 * np.sin(2 * np.pi * hertz * time) + 0.01 * noise.standard_normal(len(time))).astype(np.float32)


def _write(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8")


def _table(path: Path, header: list[str], rows: list[list[object]] | list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


FILES: dict[str, Writer] = {
    "train.conllu": sentences(60),
    "dev.conllu": sentences(20, seed=2),
    "test.conllu": sentences(20, seed=3),
    "raw.conllu": sentences(10, seed=4),
    "spam.csv": messages(120),
    "new.csv": messages(30, seed=2),
    "plays.txt": text(120),
    "novel.txt": text(120, seed=2),
    "lines.txt": text(5, seed=3),
    "cmudict.dict": lexicon(200),
    "test.dict": lexicon(20, first=300),
    "pairs.tsv": pairs(120),
    "test.tsv": pairs(10, first=1),
    "pump.csv": pump,
    "station-1.csv": station(1),
    "station-2.csv": station(2),
    "moves.csv": steps(("trial", "t"), "gesture", 40),
    "test.csv": steps(("trial", "t"), "gesture", 10, seed=2),
    "sleep.csv": steps(("night", "epoch"), "stage", 30, each=True),
    "digits": spoken_digits,
    "spoken.tsv": transcripts,
    "call.wav": recording,
    "call.mp3": recording,
}
# On these pages a name stands for another file.
OF_PAGE: dict[str, dict[str, Writer]] = {
    "docs/sequences.md": {"new.csv": steps(("trial", "t"), "gesture", 10, seed=3)},
}
