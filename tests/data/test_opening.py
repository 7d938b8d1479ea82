"""Lines are cut and decoded as promised; whatever is no text is refused with a sentence that mends it."""

from __future__ import annotations

import gzip
import io
import os
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.opening import excerpt, open_lines, open_stream
from tidegate.errors import DataError, EncodingError


def _written(folder: Path, content: bytes, name: str = "file.txt") -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


def _refusal(path: str) -> str:
    with pytest.raises(DataError) as caught:
        list(open_lines(path))
    return str(caught.value)


def _from_bytes(content: bytes) -> list[tuple[int, str]]:
    return list(open_stream(io.BytesIO(content), "standard input"))


def test_lines_are_numbered_from_one_and_lose_their_ends(tmp_path: Path) -> None:
    path = _written(tmp_path, b"one\ntwo\r\n\rfour\r\n\nsix")
    assert list(open_lines(path)) == [(1, "one"), (2, "two"), (3, ""), (4, "four"), (5, ""), (6, "six")]


def test_a_path_object_is_as_good_as_a_name(tmp_path: Path) -> None:
    assert list(open_lines(Path(_written(tmp_path, b"one\n")))) == [(1, "one")]


def test_unicode_line_separators_do_not_end_a_line() -> None:
    line = "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg"
    assert _from_bytes(line.encode()) == [(1, line)]


@given(st.lists(st.sampled_from(["a", "é", "\n", "\r", "\r\n", "\u2028", " "])).map("".join))
def test_lines_are_those_between_the_three_ends(text: str) -> None:
    expected = re.split("\r\n|\r|\n", text)
    if expected[-1] == "":
        expected.pop()
    assert _from_bytes(text.encode()) == list(enumerate(expected, 1))


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_lines_longer_than_one_piece_stay_whole_whichever_end_they_have(end: bytes) -> None:
    # 65,535 and 65,536 bytes put the line end on both sides of a piece's border.
    sizes = [65_534, 65_535, 65_536, 65_537, 200_000, 0, 1]
    assert [len(line) for _, line in _from_bytes(end.join(b"x" * size for size in sizes) + end)] == sizes


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert _from_bytes(b"\xef\xbb\xbfone\ntwo") == [(1, "one"), (2, "two")]


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert list(open_lines(_written(tmp_path, b""))) == []


@pytest.mark.parametrize("name", ["file.gz", "file.txt"])
def test_gzip_is_told_by_content_whatever_the_name(tmp_path: Path, name: str) -> None:
    content = "one\r\nzwölf\n".encode() * 30_000
    assert list(open_lines(_written(tmp_path, gzip.compress(content), name))) == _from_bytes(content)


def test_plain_text_named_gz_is_read_as_it_is(tmp_path: Path) -> None:
    assert list(open_lines(_written(tmp_path, b"one\n", "file.gz"))) == [(1, "one")]


def test_gzip_files_joined_into_one_are_read_to_the_end(tmp_path: Path) -> None:
    assert list(open_lines(_written(tmp_path, gzip.compress(b"one\n") + gzip.compress(b"two\n")))) == [(1, "one"), (2, "two")]


def test_gzip_from_a_stream_is_unpacked() -> None:
    assert _from_bytes(gzip.compress(b"one\ntwo\n")) == [(1, "one"), (2, "two")]


def test_a_line_of_a_pipe_is_handed_out_before_the_next_is_written() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as stream, open(writing, "wb", buffering=0) as sink:
        lines = open_stream(stream, "standard input")
        for number, line in enumerate(["one", "two", "three"], 1):
            sink.write(f"{line}\n".encode())
            found: list[tuple[int, str]] = []
            waiting = threading.Thread(target=lambda into=found: into.append(next(lines)), daemon=True)
            waiting.start()
            waiting.join(60)
            assert found == [(number, line)]


def test_latin1_is_refused_with_line_byte_and_the_command_that_mends_it(tmp_path: Path) -> None:
    path = _written(tmp_path, "fine\ncafé au lait\n".encode("latin1"))
    with pytest.raises(EncodingError) as caught:
        list(open_lines(path))
    assert str(caught.value) == (
        f"{path}, line 2: byte 0xE9 at byte 4 of the line is not UTF-8 (invalid continuation byte), which was expected. "
        f"If the file is Latin-1, convert it: iconv -f latin1 -t utf-8 {path} > NEW"
    )


def test_lines_before_the_bad_byte_are_still_handed_out(tmp_path: Path) -> None:
    lines = open_lines(_written(tmp_path, b"one\n\xe9\n"))
    assert next(lines) == (1, "one")
    with pytest.raises(EncodingError):
        next(lines)


def test_a_file_that_was_utf8_before_is_said_to_have_mixed_encodings(tmp_path: Path) -> None:
    message = _refusal(_written(tmp_path, "ok\nzwölf\nplain\n".encode() + "zwölf\n".encode("latin1")))
    assert "line 4: byte 0xF6 at byte 3" in message
    assert "Line 2 held valid UTF-8 beyond ASCII, so the file has mixed encodings" in message
    assert "sed -n '4p' | iconv -f latin1 -t utf-8" in message


def test_the_command_for_a_gzip_file_unpacks_it_first(tmp_path: Path) -> None:
    path = _written(tmp_path, gzip.compress(b"caf\xe9\n"))
    assert _refusal(path).endswith(f"convert it: zcat {path} | iconv -f latin1 -t utf-8 > NEW")


def test_the_command_for_a_pipe_names_no_file() -> None:
    with pytest.raises(EncodingError, match=r"standard input, line 1: .*convert it: pass it through `iconv -f latin1 -t utf-8`"):
        _from_bytes(b"caf\xe9\n")


@pytest.mark.parametrize(
    ("encoding", "mark", "shown"),
    [("utf-16-le", b"\xff\xfe", "FF FE"), ("utf-16-be", b"\xfe\xff", "FE FF")],
)
def test_utf16_is_named_by_its_byte_order_mark(tmp_path: Path, encoding: str, mark: bytes, shown: str) -> None:
    path = _written(tmp_path, mark + "one\n".encode(encoding))
    assert _refusal(path) == (
        f"{path}, line 1: the file begins with {shown}, the byte order mark of UTF-16; UTF-8 was expected. Convert it: iconv -f utf-16 "
        f"-t utf-8 {path} > NEW"
    )


def test_a_nul_byte_makes_a_binary_file(tmp_path: Path) -> None:
    path = _written(tmp_path, b"one\ntw\0o\n")
    message = _refusal(path)
    assert message.startswith(f"{path}, line 2: a NUL byte at byte 3 of the line, so this is a binary file; text in UTF-8 was expected.")
    assert "iconv -f utf-16le -t utf-8" in message


def test_a_missing_file_is_named_with_its_nearest_neighbour(tmp_path: Path) -> None:
    _written(tmp_path, b"", "train.conllu")
    missing = str(tmp_path / "trian.conllu")
    message = _refusal(missing)
    assert message.startswith(f"{missing}: no such file. Did you mean '{tmp_path / 'train.conllu'}'? Check the path")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert f"There is no folder '{tmp_path / 'absent'}'" in _refusal(str(tmp_path / "absent" / "train.conllu"))


def test_a_folder_is_refused_with_a_pattern_for_its_files(tmp_path: Path) -> None:
    message = _refusal(str(tmp_path))
    assert message == f"{tmp_path} is a folder; a file was expected. Name files in it, for instance '{tmp_path}/*.conllu'."


def test_a_file_without_permission_is_refused_with_the_command_that_allows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Raised by hand: the superuser may read everything, and tests may run as one.
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    assert _refusal("secret.txt") == "secret.txt: no permission to read this file. Ask its owner, or allow it with: chmod u+r secret.txt"


def test_a_gzip_file_cut_short_is_refused_and_says_how_far_it_went(tmp_path: Path) -> None:
    whole = gzip.compress(b"".join(b"line %d\n" % number for number in range(100_000)))
    path = _written(tmp_path, whole[: len(whole) // 2], "file.gz")
    assert re.fullmatch(
        rf"{re.escape(path)}: the gzip file ends before its compressed data does: it was cut short, after \d+ whole lines\. "
        r"Fetch it again; `gzip -t` tells whether it is sound\.",
        _refusal(path),
    )


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(os.urandom(2000).hex().encode()))
    content[200:260] = b"\xff" * 60
    assert "the gzip file is damaged (" in _refusal(_written(tmp_path, bytes(content), "file.gz"))


def test_a_read_that_fails_midway_names_the_last_good_line() -> None:
    class Failing(io.BytesIO):
        def readline(self, limit: int | None = -1, /) -> bytes:
            if line := super().readline(limit):
                return line
            raise OSError(5, "Input/output error")

    lines = open_stream(Failing(b"one\ntwo\n"), "tape")
    assert [next(lines), next(lines)] == [(1, "one"), (2, "two")]
    with pytest.raises(DataError, match=r"tape: reading failed after line 2: Input/output error\. Check the disk"):
        next(lines)


def test_an_excerpt_is_cut_and_shows_its_tabs() -> None:
    assert excerpt("a\tb") == r"'a\tb'"
    assert excerpt("x" * 61) == "'" + "x" * 60 + "…'"
