"""Frames and samples from a pipe, as they come."""

from __future__ import annotations

import io
import math
import os
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from tidegate.cli.live_numbers import frames_as_they_come
from tidegate.cli.live_sound import samples_as_they_come
from tidegate.data.cells import MISSING
from tidegate.data.number_sequences import SequenceColumns
from tidegate.data.wav import read_wav
from tidegate.errors import DataError

FEATURES = ("x", "z")


def frames(text: str, missing: tuple[str, ...] = ()) -> list[list[float] | None]:
    found = frames_as_they_come(io.BytesIO(text.encode()), SequenceColumns("name", "", FEATURES), missing)
    return [None if frame is None else frame[0].tolist() for frame in found]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("1,2\n3,-4.5\n", id="commas"),
        pytest.param("1\t2\n3\t-4.5\n", id="tabs"),
        pytest.param("1;2\n3;-4.5\n", id="semicolons"),
        pytest.param("  1 2\n3   -4.5 \n", id="blanks"),
        pytest.param("x,z\n1,2\n3,-4.5\n", id="a header"),
        pytest.param("name,z,label,x\na,2,up,1\na,-4.5,up,3", id="a header in another order, with more columns"),
        pytest.param("1|2\n3|-4.5\n", id="bars"),
        pytest.param("1,0;2\n3;-4,5\n", id="decimal commas between semicolons"),
        pytest.param("1,0\t2,0\n3\t-4,5\n", id="decimal commas between tabs"),
        pytest.param("1,0 2,0\n3 -4,5\n", id="decimal commas between blanks"),
        pytest.param('"a;b";"z";"x"\nq;2;1,0\n"r;s";"-4,5";3\n', id="a header in quotes with a delimiter inside, decimal commas"),
        pytest.param('"x"\t"z"\n1\t2\n3\t-4.5\n', id="tabs and quotes"),
        pytest.param('"x","z"\r\n"1","2"\r\n"3","-4.5"\r\n', id="quotes and Windows' line ends"),
    ],
)
def test_a_line_is_a_frame(text: str) -> None:
    assert frames(text) == [[1, 2], [3, -4.5]]


def test_an_empty_line_ends_a_sequence_and_the_header_may_come_again() -> None:
    assert frames("z x\n2 1\n\n \nz x\n4 3\n") == [[1, 2], None, None, [3, 4]]


def test_another_name_in_the_column_of_sequences_begins_another_sequence() -> None:
    found = frames("name,x,z\na,1,2\na,3,4\nb,5,6\n\nb,7,8\na,9,0\n")
    assert found == [[1, 2], [3, 4], None, [5, 6], None, [7, 8], None, [9, 0]]
    with pytest.raises(DataError, match="standard input, line 3: column 'name' is empty"):
        frames("name,x,z\na,1,2\n,3,4\n")


def test_quotes_in_names_between_tabs_may_be_meant() -> None:
    columns = SequenceColumns(features=('"x"', "z"))
    found = list(frames_as_they_come(io.BytesIO(b'z\t"x"\n2\t1\n'), columns, ()))
    assert [None if frame is None else frame.tolist() for frame in found] == [[[1, 2]]]


@pytest.mark.parametrize("mark", [*sorted(MISSING - {""}), "gone", " -9999.0"])
def test_what_is_missing_in_tables_is_missing_live(mark: str) -> None:
    for text in (f"x,z\n{mark},2\n", f"{mark},2\n"):
        (frame,) = frames(text, missing=("gone", "-9999"))
        assert frame is not None
        assert math.isnan(frame[0])
        assert frame[1] == 2


def test_missing_cells_are_nan_also_in_the_first_line() -> None:
    found = frames("NA,2\n,3\n-9999,4\n", missing=("-9999",))
    assert [frame is not None and math.isnan(frame[0]) for frame in found] == [True] * 3
    assert [frame and frame[1] for frame in found] == [2, 3, 4]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("1,2\n3,broken\n", ["standard input, line 2", "'broken'", "'z'"], id="a word"),
        pytest.param("1,2\n3,1e300\n", ["line 2", "1e+300", "'z'", "up to 1e+30"], id="too large"),
        pytest.param("x;z\n1.5;2,5\n", ["line 2", "'2,5'", "'z'", "decimal comma"], id="points and commas"),
        pytest.param('x,z\n1,"2,5"\n', ["line 2", "'2,5'", "semicolons"], id="a decimal comma between commas"),
        pytest.param('x,z\n"1,2\n', ["line 2", "quoted cell"], id="an open quote"),
        pytest.param("1,2\n3,inf\n", ["line 2", "'inf'"], id="infinity"),
        pytest.param("1,2\n3\n", ["line 2", "1 cells", "2 were expected", "x, z"], id="too few"),
        pytest.param("1,2,3\n", ["line 1", "3 cells", "2 were expected"], id="too many"),
        pytest.param("x,z,a\n1,2\n", ["line 2", "3 were expected", "header"], id="fewer than the header"),
        pytest.param("x,y\n1,2\n", ["line 1", "no column 'z'", "x, y"], id="a header that lacks a feature"),
    ],
)
def test_what_is_no_frame_is_one_message_with_its_line(text: str, parts: list[str]) -> None:
    with pytest.raises(DataError) as refused:
        frames(text)
    for part in parts:
        assert part in str(refused.value)


def sound(samples: list[int], *, rate: int = 8000, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.array(samples, dtype="<i2").tobytes())
    return buffer.getvalue()


class Trickle(io.RawIOBase):
    """Gives a few bytes at a time, as a pipe may."""

    def __init__(self, content: bytes, most: int) -> None:
        self._content, self._most = io.BytesIO(content), most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        piece = self._content.read(min(self._most, len(buffer)))
        buffer[: len(piece)] = piece
        return len(piece)


def samples_of(content: bytes, *, most: int = 1 << 16, step: int | None = None) -> tuple[list[int], set[int], list[int]]:
    """All samples, their rates, and the sizes of the pieces."""
    pieces = list(samples_as_they_come(io.BufferedReader(Trickle(content, most)), 8000, step))
    values = np.concatenate([samples for samples, _ in pieces] or [np.zeros(0)])
    return np.round(values * 32768).astype(int).tolist(), {rate for _, rate in pieces}, [len(samples) for samples, _ in pieces]


@pytest.mark.parametrize("most", [1, 3, 7, 1 << 16])
@pytest.mark.parametrize("step", [None, 1, 4])
def test_raw_samples_and_wav_streams_are_the_same_wherever_they_are_cut(most: int, step: int | None) -> None:
    given = [0, 1, -1, 32767, -32768, 300, 7, 8, 9, 10, 11]
    for content in (np.array(given, dtype="<i2").tobytes(), sound(given)):
        values, rates, sizes = samples_of(content, most=most, step=step)
        assert (values, rates) == (given, {8000})
        if step is not None:
            assert sizes == [step] * (len(given) // step) + [len(given) % step] * (len(given) % step > 0)


def test_channels_are_averaged_and_the_rate_is_told() -> None:
    assert samples_of(sound([100, 200, -100, -300], rate=44100, channels=2))[:2] == ([150, -200], {44100})
    # A step lasts as long at another rate.
    assert samples_of(sound(list(range(20)), rate=16000), step=4)[2] == [8, 8, 4]


def test_other_chunks_are_passed_over_and_a_stream_need_not_know_its_length() -> None:
    content = sound([1, 2, 3])
    longer = content[:36] + b"LIST" + struct.pack("<I", 3) + b"abc\0" + b"data" + struct.pack("<I", 0xFFFFFFFF) + content[44:]
    assert samples_of(longer)[0] == [1, 2, 3]
    assert samples_of(content[:40] + struct.pack("<I", 0) + content[44:])[0] == [1, 2, 3]
    assert samples_of(content + b"LIST" + struct.pack("<I", 4) + b"abcd")[0] == [1, 2, 3]


def test_nothing_at_all_and_half_a_sample_are_no_samples() -> None:
    assert samples_of(b"")[0] == samples_of(b"\1")[0] == []
    assert samples_of(struct.pack("<hhhhhhh", *range(7)) + b"\1")[0] == list(range(7))


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        pytest.param((34, b"\x0c\0"), ["standard input", "12 bits", "ffmpeg -i IN", "| tidegate"], id="12 bits"),
        pytest.param((20, b"\7\0"), ["mu-law", "ffmpeg -i IN"], id="compressed"),
        pytest.param((12, b"junk"), ["samples come before"], id="no form"),
        pytest.param((24, struct.pack("<I", 96_000_001)), ["96,000,001 samples a second"], id="a damaged rate"),
    ],
)
def test_other_wav_streams_are_refused(change: tuple[int, bytes], parts: list[str]) -> None:
    place, given = change
    content = sound([1, 2, 3])
    with pytest.raises(DataError) as refused:
        samples_of(content[:place] + given + content[place + len(given) :])
    for part in parts:
        assert part in str(refused.value)


@pytest.mark.parametrize("most", [5, 1 << 16])
@pytest.mark.parametrize(("code", "bits"), [(1, 8), (1, 24), (1, 32), (3, 32), (3, 64)])
def test_wav_streams_of_every_form_are_heard_as_files_are(code: int, bits: int, most: int, tmp_path: Path) -> None:
    content = sound(list(range(24)))
    content = content[:20] + struct.pack("<HHIIHH", code, 1, 8000, bits * 1000, bits // 8, bits) + content[36:40] + struct.pack("<I", 48)
    wide = np.linspace(-0.5, 0.5, 48 * 8 // bits)
    content += wide.astype(f"<f{bits // 8}").tobytes() if code == 3 else bytes(range(48))
    content = content[:44] + content[-48:]
    (tmp_path / "a.wav").write_bytes(content)
    pieces = [samples for samples, _ in samples_as_they_come(io.BufferedReader(Trickle(content, most)), 8000, None)]
    assert np.array_equal(np.concatenate(pieces), read_wav(tmp_path / "a.wav")[0])


def test_floats_that_are_no_numbers_are_refused() -> None:
    content = sound([0, 0])
    content = content[:20] + struct.pack("<HHIIHH", 3, 1, 8000, 32000, 4, 32) + content[36:44] + np.float32([np.nan]).tobytes()
    with pytest.raises(DataError, match="standard input: a sample is nan"):
        samples_of(content)


@pytest.mark.parametrize("most", [5, 1 << 16])
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"ID3\4" + bytes(900), "MP3"),
        (b"\xff\xfb\x90\x44" + bytes(900), "MP3"),
        (b"fLaC" + bytes(900), "FLAC"),
        (b"\0\0\0\x20ftypM4A " + bytes(900), "M4A"),
        (b"x,z\n1,2.5\n3,4\n", "text"),
        (b"\xef\xbb\xbfx,z\r\n" + b"1,2.5\r\n" * 400, "text"),
    ],
)
def test_what_is_no_sound_is_not_answered_as_samples(content: bytes, kind: str, most: int) -> None:
    with pytest.raises(DataError, match=f"standard input is .*{kind};.* -ar 8000 .*tidegate stream"):
        samples_of(content, most=most)


def test_samples_may_begin_as_text_does() -> None:
    content = b"Hello, world" * 20 + b"\0\1" + b"more text" * 100
    values, _, _ = samples_of(content, most=7)
    assert values == np.frombuffer(content, dtype="<i2").tolist()


def test_a_wav_stream_that_is_cut_in_its_header_is_refused() -> None:
    with pytest.raises(DataError, match="cut short"):
        samples_of(sound([1, 2, 3])[:30])


def test_what_has_come_is_given_at_once() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        pieces = samples_as_they_come(stream, 8000, None)
        os.write(writing, np.arange(10, dtype="<i2").tobytes())
        assert len(next(pieces)[0]) == 10
        os.write(writing, np.arange(3, dtype="<i2").tobytes())
        assert len(next(pieces)[0]) == 3
        os.close(writing)
        assert list(pieces) == []
