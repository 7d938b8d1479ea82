"""Fixed splits of the data sets that have none of their own, by a checksum of the source, so that anyone can make the same."""

from __future__ import annotations

import gzip
import os
import re
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_LONGEST_SENTENCE = 12


class SplitFiles(NamedTuple):
    """Paths of the three parts."""

    train: str
    dev: str
    test: str


def split_files(name: str) -> SplitFiles:
    """Writes the three parts of a data set into a folder of their own, which is kept until the process ends."""
    parts: dict[str, list[str]] = {"train": [], "dev": [], "test": []}
    for part, line in {"cmudict": _cmudict, "tatoeba_eng_spa": _tatoeba}[name]():
        parts[part].append(line)
    folder = Path(_folders.setdefault(name, tempfile.TemporaryDirectory(prefix="tidegate-bench-")).name)
    suffix = {"cmudict": ".dict", "tatoeba_eng_spa": ".tsv"}[name]
    for part, lines in parts.items():
        (folder / f"{part}{suffix}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return SplitFiles(*(str(folder / f"{part}{suffix}") for part in ("train", "dev", "test")))


_folders: dict[str, tempfile.TemporaryDirectory[str]] = {}


def _part(source: str, shares: int) -> str:
    """Of `shares` equal shares the first is test data, the second development data."""
    return {0: "test", 1: "dev"}.get(zlib.crc32(source.encode()) % shares, "train")


def _cmudict() -> Iterator[tuple[str, str]]:
    """Words of a–z and the apostrophe; all pronunciations of a word in one part."""
    for line in _lines("cmudict", "cmudict.dict.gz"):
        word = re.sub(r"\(\d+\)$", "", line.split(" ", 1)[0])
        if re.fullmatch("[a-z']+", word):
            yield _part(word, 20), line


def _tatoeba() -> Iterator[tuple[str, str]]:
    """Pairs of at most twelve English words; all translations of a sentence in one part."""
    for line in _lines("tatoeba_eng_spa", "spa.txt.gz"):
        sentence = line.split("\t", 1)[0]
        if len(sentence.split()) <= _LONGEST_SENTENCE:
            yield _part(sentence, 40), line


def _lines(name: str, file: str) -> Iterator[str]:
    path = Path(os.environ.get("TIDEGATE_DATA", "../shared/data")) / name / file
    if not path.exists():
        sys.exit(f"{path} is not there; name the folder of data sets with TIDEGATE_DATA")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield line.rstrip("\n")
