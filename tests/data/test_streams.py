"""Files of plain text as streams of ids: where they are cut, what is counted on what, and that no whole text is held."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.data import Stream, TextStreams, encode_files, encode_lines, streams
from tidegate.data.units import UnitKind, count_units
from tidegate.errors import DataError, EncodingError, RecipeError, RunError
from timing import least_seconds

PROSE = "".join(f"line {number % 3}: “so it's {'so ' * (number % 7)}(and) on”.\n" + "\n" * (number % 5 == 0) for number in range(80))


def written(folder: Path, text: str, name: str = "text.txt") -> str:
    (folder / name).write_bytes(text.encode())
    return str(folder / name)


def decoded(streams: TextStreams) -> list[str]:
    return [streams.units.decode(stream.ids.tolist()) for stream in (streams.train, streams.dev, streams.test) if stream is not None]


def expected_parts(text: str, shares: tuple[float, float], *, at_line_ends: bool) -> list[str]:
    cuts = [int(round(share * len(text), 6)) for share in (1 - shares[0] - shares[1], 1 - shares[1])]
    if at_line_ends:
        cuts = [text.index("\n", cut - 1) + 1 for cut in cuts]
    return [text[: cuts[0]], text[cuts[0] : cuts[1]], *([text[cuts[1] :]] if shares[1] else [])]


@pytest.mark.parametrize("shares", [(0.1, 0.0), (0.1, 0.1), (0.15, 0.05), (0.5, 0.25)])
@pytest.mark.parametrize("block", [5, 100, 1 << 20])
@pytest.mark.parametrize("kind", ["char", "word", "bpe"])
def test_texts_are_cut_by_position(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: UnitKind, block: int, shares: tuple[float, float]
) -> None:
    # Blocks of a few characters: every cut falls on or beside a border somewhere.
    monkeypatch.setattr(streams, "_BLOCK", block)
    size = 300 if kind == "bpe" else 0
    found = encode_files([written(tmp_path, PROSE)], unit=kind, dev_share=shares[0], test_share=shares[1], vocabulary_size=size)
    expected = expected_parts(PROSE, shares, at_line_ends=kind != "char")
    if kind != "word" or block > 5:
        # Words as long as a block are cut.
        assert decoded(found) == expected
    assert [len(part) for part in expected] == [s.characters for s in (found.train, found.dev, found.test) if s is not None]
    assert (found.test is None) == (shares[1] == 0)


def test_a_cut_at_a_line_end_stays_there(tmp_path: Path) -> None:
    found = encode_files([written(tmp_path, "aaaa\n" * 10)], unit="word", dev_share=0.2, test_share=0.2)
    assert [len(stream) for stream in (found.train, found.dev, found.test or [])] == [12, 4, 4]


@given(st.lists(st.sampled_from(["a", "b c", "", " ", "dd  d"]), min_size=1, max_size=12), st.sampled_from([1, 2, 5, 9]))
@settings(deadline=None)
def test_blocks_hide_no_line_break(lines: list[str], block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "_BLOCK", block)
        blocks = list(streams._blocks(lines))
    assert "".join(blocks) == "".join(line + "\n" for line in lines)
    # Where empty lines together are a unit, their run lies in one block.
    assert all(not piece.endswith("\n") or piece.rstrip(" \n") + "\n" == piece for piece in blocks[:-1])


def test_several_files_are_one_text_and_may_be_compressed(tmp_path: Path) -> None:
    written(tmp_path, "ab\r\ncd", "1.txt")
    (tmp_path / "2.txt").write_bytes(gzip.compress("\ufeffef\rab\n".encode()))
    found = encode_files([str(tmp_path / "[12].txt")], unit="char", dev_share=0.25)
    assert decoded(found) == ["ab\ncd\nef\n", "ab\n"]


def test_units_are_counted_on_the_training_text_alone_or_given(tmp_path: Path) -> None:
    train, dev = written(tmp_path, "abc\nabc\nx"), written(tmp_path, "abz\nyz\n", "dev.txt")
    found = encode_files([train], [dev], unit="char", dev_share=0.9)
    assert found.units.texts == ("", "\n", "a", "b", "c", "x")
    assert decoded(found)[0] == "abc\nabc\nx\n"
    assert (found.dev.unknown, found.dev.first_unknown, found.dev.characters, len(found.dev)) == (3, "z", 7, 7)
    assert (found.train.unknown, found.train.first_unknown) == (0, "")
    again = encode_files([dev], [train], unit="word", units=found.units)
    assert again.units is found.units
    assert again.train.ids.tolist() == found.dev.ids.tolist()
    split = encode_files([train], unit="char", dev_share=0.2)
    assert "x" not in split.units.texts
    assert split.dev.first_unknown == "x"


def test_where_development_and_test_data_come_from_is_said(tmp_path: Path) -> None:
    text, other = written(tmp_path, PROSE), written(tmp_path, PROSE, "other.txt")
    said = [
        encode_files([text], dev, test, unit="char", test_share=share).split
        for dev, test, share in (([], [], 0.0), ([], [], 0.05), ([other], [], 0.0), ([other], [other], 0.2), ([], [other], 0.0))
    ]
    assert said == [
        "the development set is the last 10 % of the text",
        "the development set is the 10 % of the text before the test set; the test set is the last 5 % of the text",
        f"the development set is {other}",
        f"the development set is {other}; the test set is {other}",
        f"the development set is the last 10 % of the text; the test set is {other}",
    ]


def test_numbers_have_as_many_bytes_as_the_vocabulary_needs(tmp_path: Path) -> None:
    for count, dtype in ((60_000, np.uint16), (70_000, np.uint32)):
        text = "\n".join(chr(0x10000 + number) for number in range(count))
        found = encode_files([written(tmp_path, text)], [written(tmp_path, "a", "dev.txt")], unit="char")
        assert (len(found.units), found.train.ids.dtype, found.dev.ids.dtype) == (count + 2, dtype, dtype)
        assert found.units.decode(found.train.ids) == text + "\n"


def test_many_ids_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(tmp_path, PROSE)
    in_memory = encode_files([text], unit="char")
    monkeypatch.setattr(streams, "_IN_MEMORY", 1000)
    monkeypatch.setattr(streams, "_BLOCK", 300)
    mapped = encode_files([text], unit="char")
    assert isinstance(mapped.train.ids, np.memmap)
    assert not isinstance(mapped.dev.ids, np.memmap)
    assert mapped.train.ids.tolist() == in_memory.train.ids.tolist()


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(streams, "_IN_MEMORY", 100)
    monkeypatch.setattr(streams.tempfile, "TemporaryFile", Full)
    with pytest.raises(RunError, match="No space left on device. Make room there, or name another folder by .* TMPDIR"):
        encode_files([written(tmp_path, PROSE)], unit="char")


@pytest.mark.slow
def test_the_whole_text_is_never_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "so it is, and so it was. " * 40
    text = written(tmp_path, f"{line}\n" * 60_000)
    monkeypatch.setattr(streams, "_IN_MEMORY", 1 << 20)
    tracemalloc.start()
    try:
        found = encode_files([text], unit="char")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.train.characters + found.dev.characters == 60_000 * (len(line) + 1)
    # Of 60 million characters.
    assert peak < 40_000_000


def test_a_long_line_is_cut_between_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(tmp_path, "lorem ipsum, dolor  sit " * 500 + "\nend\n")
    whole = {kind: encode_files([text], [text], unit=kind, vocabulary_size=size) for kind, size in (("word", 0), ("bpe", 290))}
    monkeypatch.setattr(streams, "_BLOCK", 100)
    for kind, expected in whole.items():
        found = encode_files([text], [text], unit=kind, units=expected.units)
        assert found.train.ids.tolist() == expected.train.ids.tolist()


def test_a_megabyte_of_characters_is_read_in_no_time(tmp_path: Path) -> None:
    text = written(tmp_path, "so it is, and so it was: so.\n" * 36_000)
    assert least_seconds(lambda: encode_files([text], unit="char"), 5) < 5


def test_lines_are_encoded_as_a_file_of_them() -> None:
    units = count_units(["abc\n"], "char", min_count=1, vocabulary_size=0, line_breaks="unit", lowercase=False)
    stream = encode_lines(["ab", "c\n", "", "xa"], units)
    assert units.decode(stream.ids.tolist()) == "ab\nc\n\na\n"
    assert (stream.characters, stream.unknown, stream.first_unknown) == (9, 1, "x")
    assert isinstance(stream, Stream)
    for lines in ([], ["", " "]):
        with pytest.raises(DataError, match="^standard input holds no text. "):
            encode_lines(lines, units, name="standard input")


@pytest.mark.parametrize("text", ["", "\n\n \n"])
def test_a_file_without_text_is_refused_wherever_it_is_named(tmp_path: Path, text: str) -> None:
    good, empty = written(tmp_path, PROSE), written(tmp_path, text, "empty.txt")
    for train, dev, test in (([good, empty], [], []), ([good], [empty], []), ([good], [good], [empty])):
        with pytest.raises(DataError, match=r"empty\.txt holds no text\. A file with more than blanks and line ends was expected"):
            encode_files(train, dev, test, unit="char")
    with pytest.raises(DataError, match="there is no text to train on"):
        encode_files([], unit="char")


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [(b"ab\0c\n", DataError, "a NUL byte"), (b"ab\xff\n", EncodingError, "is not UTF-8"), (b"\x1f\x8bxx", DataError, "gzip file")],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, error: type[DataError], message: str) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(content)
    with pytest.raises(error, match=message):
        encode_files([str(path)], unit="char")


@pytest.mark.parametrize(
    ("text", "kind", "shares", "message"),
    [
        ("one line only\n", "word", (0.1, 0.0), "the development part comes out empty, 10 % of 14 characters cut at the next line end"),
        ("one line only\n", "bpe", (0.1, 0.0), "or name a development file with --dev"),
        ("one\ntwo\n", "char", (0.01, 0.1), "the development part comes out empty, 1 % of 8 characters"),
        ("one\ntwo\n", "word", (0.25, 0.25), "or name a test file with --test"),
        ("a\n", "char", (0.9, 0.0), "the training part comes out empty"),
    ],
)
def test_a_part_that_comes_out_empty_is_refused(
    tmp_path: Path, text: str, kind: UnitKind, shares: tuple[float, float], message: str
) -> None:
    with pytest.raises(DataError, match="Give more text") as caught:
        encode_files([written(tmp_path, text)], unit=kind, dev_share=shares[0], test_share=shares[1], vocabulary_size=300)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ((-0.1, 0), "dev_share is -0.1"),
        ((1.0, 0), "together below 1"),
        ((0.5, 0.5), "together below 1"),
        ((0, 0.1), "dev_share is 0 and no"),
    ],
)
def test_shares_that_leave_nothing_are_refused(tmp_path: Path, shares: tuple[float, float], message: str) -> None:
    text = written(tmp_path, PROSE)
    with pytest.raises(RecipeError, match=message):
        encode_files([text], unit="char", dev_share=shares[0], test_share=shares[1])
