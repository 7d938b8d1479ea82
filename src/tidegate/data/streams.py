"""Plain text as streams of ids for language models: files one after another, cut into training, development and test data by position.

Nothing here holds a whole text, but for a line, which is read whole before it is cut: the text comes in blocks, once to be measured, once
for its units to be counted and once for its ids to be written, and ids that are many lie in a file without a name, mapped into memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.data.opening import open_lines
from tidegate.data.reading import expand
from tidegate.data.unit_base import with_line_ends
from tidegate.data.units import LineBreaks, UnitKind, Units, count_units
from tidegate.errors import DataError, RecipeError, RunError

# Characters of a block.
_BLOCK = 1 << 20
# Ids that are kept in memory; what is longer goes to a file.
_IN_MEMORY = 1 << 24


@dataclass(frozen=True, slots=True)
class Stream:
    """A text as ids.

    Attributes:
        ids: [N] unsigned integers of two bytes, or of four where the vocabulary needs them; mapped from a file where N is large.
        characters: how many characters the text has, line ends counted once.
        unknown: how many of the ids are 0.
        first_unknown: the first unit that has no id of its own; empty where there is none.
    """

    ids: NDArray[Any]
    characters: int
    unknown: int
    first_unknown: str

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class TextStreams:
    """The streams that a language model is trained, chosen and tested on.

    Attributes:
        test: None where there are neither test files nor a share of the text for them.
        split: a sentence that says where development and test data come from.
    """

    units: Units
    train: Stream
    dev: Stream
    test: Stream | None
    split: str


def encode_files(
    train: Sequence[str],
    dev: Sequence[str] = (),
    test: Sequence[str] = (),
    *,
    unit: UnitKind,
    dev_share: float = 0.1,
    test_share: float = 0.0,
    min_count: int = 1,
    vocabulary_size: int = 0,
    line_breaks: LineBreaks = "unit",
    lowercase: bool = False,
    units: Units | None = None,
) -> TextStreams:
    """Reads files (names or globs, several are one text) and gives them as ids; units are counted on the training text alone.

    Without development files the last `dev_share` of the training files is development data; without test files the last `test_share` is
    test data, and development data comes before it. The text is cut by position in characters: for characters at
    int((1 − dev_share − test_share) · n) and int((1 − test_share) · n), for words and BPE at the first line end there or later.

    Args:
        unit: what is counted; not looked at where `units` are given.
        min_count: see `count_units`, as for the three settings that follow it.

    Raises:
        DataError: a file without text, a part of the text that comes out empty, and what `open_lines` refuses.
        RecipeError: shares that leave no text for training or none for development; a vocabulary too small for BPE.
        MissingExtraError: BPE without the library `tokenizers`.
    """
    files = expand(train)
    if not files:
        raise DataError("there is no text to train on. Name at least one file.")
    settings = _Counting(unit, min_count, vocabulary_size, line_breaks, lowercase)
    shares = (0.0 if dev else dev_share), (0.0 if test else test_share)
    _check_shares(*shares, has_dev=bool(dev))
    units, streams = _encode(lambda: _lines(files), sum(map(_measure, files)), ", ".join(files), *shares, units or settings)
    for name, given in (("dev", dev), ("test", test)):
        if given:
            streams[name] = _given(given, units)
    return TextStreams(units, streams["train"], streams["dev"], streams.get("test"), _split_sentence(dev, test, *shares))


def encode_texts(
    train: Sequence[str],
    dev: Sequence[str] = (),
    *,
    unit: UnitKind,
    dev_share: float = 0.1,
    test_share: float = 0.0,
    min_count: int = 1,
    vocabulary_size: int = 0,
    line_breaks: LineBreaks = "unit",
    lowercase: bool = False,
    units: Units | None = None,
) -> TextStreams:
    """As `encode_files`, from texts in memory: they are one text, each behind a line break."""

    def lines(texts: Sequence[str]) -> Iterator[str]:
        return (line for text in texts for line in with_line_ends(text).removesuffix("\n").split("\n"))

    settings = _Counting(unit, min_count, vocabulary_size, line_breaks, lowercase)
    shares = (0.0 if dev else dev_share), test_share
    _check_shares(*shares, has_dev=bool(dev))
    if not any(text.strip() for text in train):
        raise DataError(_no_text("the text given"))
    length = sum(len(line) + 1 for line in lines(train))
    units, streams = _encode(lambda: lines(train), length, "the text given", *shares, units or settings)
    if dev:
        streams["dev"] = encode_lines(lines(dev), units, name="the development text given")
    named = ("the one given",) if dev else ()
    return TextStreams(units, streams["train"], streams["dev"], streams.get("test"), _split_sentence(named, (), *shares))


class _Counting(NamedTuple):
    """How units are counted, as `count_units` takes it."""

    unit: UnitKind
    min_count: int
    vocabulary_size: int
    line_breaks: LineBreaks
    lowercase: bool


def _encode(
    lines: Callable[[], Iterator[str]], length: int, name: str, dev_share: float, test_share: float, units: Units | _Counting
) -> tuple[Units, dict[str, Stream]]:
    """The units, and the parts of a text by name, for shares cut off its end.

    Args:
        lines: gives the text anew, from its first line on.
        length: its characters.
        name: what messages call it.
        units: as they are, or how they are counted on the training part.
    """
    kind = units.kind if isinstance(units, Units) else units.unit
    shares = {"train": 1 - dev_share - test_share, "dev": dev_share, "test": test_share}
    # Rounded, since 1 - 0.15 - 0.05 is a little less than 0.8.
    cuts = {part: int(round(share * length, 6)) for part, share in (("dev", shares["train"]), ("test", 1 - test_share))}
    cuts = {part: cut for part, cut in cuts.items() if shares[part]}

    def parts() -> Iterator[tuple[str, str]]:
        return _in_parts(_blocks(lines()), cuts, at_line_ends=kind != "char")

    if not isinstance(units, Units):
        training = (block for _, block in takewhile(lambda part: part[0] == "train", parts()))
        how = units._asdict()
        units = count_units(training, how.pop("unit"), **how)
    writers = {part: _Writer(units) for part in ("train", *cuts)}
    for part, block in parts():
        writers[part].add(block)
    streams = {part: writer.stream() for part, writer in writers.items()}
    for part, stream in streams.items():
        if not len(stream):
            raise DataError(_empty_part(part, name, length, shares[part], kind))
    return units, streams


def encode_lines(lines: Iterable[str], units: Units, *, name: str = "the text") -> Stream:
    """A text as ids, from its lines; `name` is what messages call it.

    Raises:
        DataError: it holds no text.
    """
    is_blank = True

    def watched() -> Iterator[str]:
        nonlocal is_blank
        for line in lines:
            is_blank = is_blank and not line.strip()
            yield line.removesuffix("\n").removesuffix("\r")

    writer = _Writer(units)
    for block in _blocks(watched()):
        writer.add(block)
    stream = writer.stream()
    if is_blank or not len(stream):
        raise DataError(_no_text(name))
    return stream


def _given(names: Sequence[str], units: Units) -> Stream:
    files = expand(names)
    for file in files:
        _measure(file)
    return encode_lines(_lines(files), units, name=", ".join(files))


def _lines(files: Sequence[str]) -> Iterator[str]:
    return (line for file in files for _, line in open_lines(file))


def _measure(file: str) -> int:
    """How many characters a file has, each line with its end."""
    length, is_blank = 0, True
    for _, line in open_lines(file):
        length += len(line) + 1
        is_blank = is_blank and not line.strip()
    if is_blank:
        raise DataError(_no_text(file))
    return length


def _blocks(lines: Iterable[str]) -> Iterator[str]:
    """The lines with their ends, in blocks of about a million characters that end at line ends.

    None ends in an empty line, since a run of empty lines may be one unit. A line longer than a block is cut: before its last blank that
    fits, so that no word is cut but one of a million characters.
    """
    held: list[str] = []
    size = 0
    for line in lines:
        start = 0
        while len(line) - start > _BLOCK:
            blank = line.rfind(" ", start + 1, start + _BLOCK)
            end = blank if blank > 0 else start + _BLOCK
            yield "".join(held) + line[start:end]
            held, size, start = [], 0, end
        held.append(line[start:] + "\n")
        size += len(held[-1])
        if size >= _BLOCK and not held[-1].isspace():
            yield "".join(held)
            held, size = [], 0
    if held:
        yield "".join(held)


def _in_parts(blocks: Iterable[str], cuts: Mapping[str, int], *, at_line_ends: bool) -> Iterator[tuple[str, str]]:
    """The blocks cut into parts, each piece with its part's name: "train" to begin with, and from the position of a cut on that cut's.

    Args:
        at_line_ends: whether a cut waits for the next line end.
    """
    waiting = list(cuts.items())
    part, position = "train", 0
    for block in blocks:
        begin = 0
        while waiting:
            cut = waiting[0][1] - position
            if at_line_ends and cut <= len(block):
                cut = block.find("\n", max(cut - 1, 0)) + 1 or len(block) + 1
            if cut > len(block):
                break
            if cut > begin:
                yield part, block[begin:cut]
            part, begin = waiting.pop(0)[0], cut
        if begin < len(block):
            yield part, block[begin:]
        position += len(block)


class _Writer:
    """Ids of blocks, one after another, in memory first and in a file without a name once they are many."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._dtype = np.dtype(np.uint16 if len(units) <= 1 << 16 else np.uint32)
        self._held: list[NDArray[Any]] = []
        self._file: IO[bytes] | None = None
        self._length = self._held_length = self._characters = self._unknown = 0
        self._first_unknown = ""

    def add(self, block: str) -> None:
        ids = self._units.encode(block)
        unknown = len(ids) - int(np.count_nonzero(ids))
        if unknown and not self._unknown:
            self._first_unknown = self._units.unknown_in(block)[0]
        self._unknown += unknown
        self._characters += len(block)
        self._length += len(ids)
        self._held_length += len(ids)
        self._held.append(ids.astype(self._dtype))
        if self._held_length > _IN_MEMORY:
            self._spill()

    def stream(self) -> Stream:
        ids: NDArray[Any] = np.concatenate([np.zeros(0, dtype=self._dtype), *self._held])
        if self._file is not None:
            self._spill()
            # The mapping keeps the file, which has no name, until the ids are dropped.
            with self._file as file:
                file.flush()
                ids = np.memmap(file, dtype=self._dtype, mode="r", shape=(self._length,))
        return Stream(ids, self._characters, self._unknown, self._first_unknown)

    def _spill(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as what is mapped from it)
            for ids in self._held:
                self._file.write(ids.data)
        except OSError as error:
            raise RunError(
                f"the ids of the text could not be kept in a file of the folder for temporary files, {tempfile.gettempdir()}: "
                f"{error.strerror or error}. Make room there, or name another folder by the environment variable TMPDIR."
            ) from error
        self._held, self._held_length = [], 0


def _check_shares(dev_share: float, test_share: float, *, has_dev: bool) -> None:
    if not (0 <= dev_share < 1 and 0 <= test_share < 1 and dev_share + test_share < 1):
        raise RecipeError(
            f"dev_share is {dev_share} and test_share {test_share}; shares from 0 to below 1, together below 1, were expected, so that "
            "text is left to train on. Set smaller ones."
        )
    if not (dev_share or has_dev):
        raise RecipeError(
            "dev_share is 0 and no development file is named, so nothing says when to stop. Set dev_share (0.1, say), or name a "
            "development file with --dev."
        )


def _no_text(name: str) -> str:
    return f"{name} holds no text. A file with more than blanks and line ends was expected; check that it was written whole."


def _empty_part(part: str, name: str, length: int, share: float, kind: UnitKind) -> str:
    what = {"train": "training", "dev": "development", "test": "test"}[part]
    where = "by position" if kind == "char" else "at the next line end"
    instead = "development and test files" if part == "train" else f"a {what} file with --{part}"
    return (
        f"{name}: the {what} part comes out empty, {_percent(share)} of {length:,} characters cut {where}. Give more text, set "
        f"other shares, or name {instead}."
    )


def _split_sentence(dev: Sequence[str], test: Sequence[str], dev_share: float, test_share: float) -> str:
    parts = []
    for what, given, share in (("development", dev, dev_share), ("test", test, test_share)):
        if given:
            parts.append(f"the {what} set is {', '.join(given)}")
        elif what == "development" and test_share and share:
            parts.append(f"the {what} set is the {_percent(share)} of the text before the test set")
        elif share:
            parts.append(f"the {what} set is the last {_percent(share)} of the text")
    return "; ".join(parts)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
