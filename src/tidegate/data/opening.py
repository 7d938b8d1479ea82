"""Files and streams as numbered lines of text: UTF-8, plain or gzip, any of the three line endings.

Nothing is read ahead of the line that is asked for, so files may be larger than memory and a pipe
is answered line by line. Whatever cannot be text is refused here, with the file, the line and the
command that mends it, so that no reader above has to think of encodings.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import zlib
from collections.abc import Iterator
from typing import Protocol

from tidegate.errors import DataError, EncodingError, nearest

# Longest piece taken at once: a file without line ends (or with \r alone) does not fill the memory.
_PIECE = 1 << 16
GZIP = b"\x1f\x8b"
_UTF8_MARK = b"\xef\xbb\xbf"
# UTF-32 first: its little-endian mark begins with UTF-16's.
_WIDE_MARKS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class ByteStream(Protocol):
    """What is needed of a stream: lines of bytes, at most `limit` bytes at a time, and plain reading where it is gzip."""

    def readline(self, limit: int = -1, /) -> bytes: ...

    def read(self, size: int = -1, /) -> bytes: ...


def open_lines(path: str | os.PathLike[str]) -> Iterator[tuple[int, str]]:
    """The lines of a file, numbered from 1, without their line ends (\\n, \\r\\n or \\r, nothing else).

    gzip is told by the content, not by the name; a UTF-8 byte order mark is dropped.

    Raises:
        EncodingError: bytes that are not UTF-8.
        DataError: no such file, a folder, no permission, a damaged gzip file, NUL bytes.
    """
    name = os.fspath(path)
    try:
        stream = open(name, "rb")  # noqa: SIM115 (closed below: only opening it may fail with these messages)
    except (OSError, ValueError) as error:
        raise DataError(_not_opened(name, error)) from error
    with stream:
        yield from _text_lines(stream, name, "")


def open_stream(stream: ByteStream, name: str) -> Iterator[tuple[int, str]]:
    """As `open_lines`, from an open binary stream (`sys.stdin.buffer`); `name` is what messages call it.

    Each line is handed out as soon as its end has been read.
    """
    return _text_lines(stream, name, "pass it through")


def excerpt(text: str, width: int = 60) -> str:
    """The text in quotes for a message, cut after `width` characters."""
    return repr(text if len(text) <= width else text[:width] + "…")


def suffix_of(path: str | os.PathLike[str]) -> str:
    """The ending of a file's name in lower case, that of what is inside for .gz."""
    return os.path.splitext(os.fspath(path).removesuffix(".gz"))[1].lower()


def is_json(line: str) -> bool:
    """Whether the line is JSON by itself."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def nearest_file(path: str) -> str:
    """Names the file most like `path` in the same folder, as the end of a sentence; empty where none is near."""
    folder, base = os.path.split(path)
    try:
        known = sorted(os.listdir(folder or "."))
    except (OSError, ValueError):
        return f" There is no folder '{folder}' that could be read." if folder else ""
    found = nearest(base, known)
    return found.replace(" '", f" '{os.path.join(folder, '')}", 1) if folder else found


def _not_opened(name: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{name}: no such file.{nearest_file(name)} Check the path, which is read from the folder '{os.getcwd()}'."
    if isinstance(error, IsADirectoryError):
        return f"{name} is a folder; a file was expected. Name files in it, for instance '{os.path.join(name, '*.conllu')}'."
    if isinstance(error, PermissionError):
        return f"{name}: no permission to read this file. Ask its owner, or allow it with: chmod u+r {name}"
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"{name} cannot be opened: {reason}. A readable file was expected; check the path."


class _Rejoined:
    """A stream with the bytes that were read to look at it put back in front."""

    def __init__(self, first: bytes, rest: ByteStream) -> None:
        self._first, self._rest = first, rest

    def read(self, size: int = -1, /) -> bytes:
        if not self._first:
            return self._rest.read(size)
        end = len(self._first) if size < 0 else size
        given, self._first = self._first[:end], self._first[end:]
        return given + self._rest.read() if size < 0 else given

    def seek(self, offset: int, whence: int = 0, /) -> int:
        raise io.UnsupportedOperation("a stream that was looked at cannot be rewound")

    def readline(self, limit: int = -1, /) -> bytes:
        # Called for plain text alone, where `first` is one piece that `readline` itself gave.
        if not self._first:
            return self._rest.readline(limit)
        given, self._first = self._first, b""
        return given


def _text_lines(stream: ByteStream, name: str, piped: str) -> Iterator[tuple[int, str]]:
    beyond_ascii = number = 0
    try:
        first = stream.readline(_PIECE)
        zipped = first.startswith(GZIP)
        rejoined = _Rejoined(first, stream)
        source: ByteStream = io.BufferedReader(gzip.GzipFile(fileobj=rejoined, mode="rb")) if zipped else rejoined
        for number, raw in enumerate(_byte_lines(source), 1):
            if number == 1:
                _refuse_wide(raw, name, zipped, piped)
                raw = raw.removeprefix(_UTF8_MARK)
            if b"\0" in raw:
                raise DataError(
                    f"{name}, line {number}: a NUL byte at byte {raw.index(0) + 1} of the line, so this is a binary file; text in "
                    "UTF-8 was "
                    "expected. Export it as text, or, if it is UTF-16 without a byte order mark, convert it: "
                    f"{_command('utf-16le', name, zipped, piped)}"
                )
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise EncodingError(_not_utf8(name, number, error, beyond_ascii, _command("latin1", name, zipped, piped))) from error
            if not beyond_ascii and not line.isascii():
                beyond_ascii = number
            yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        kind = "ends before its compressed data does: it was cut short" if isinstance(error, EOFError) else f"is damaged ({error})"
        raise DataError(
            f"{name}: the gzip file {kind}, after {number} whole lines. Fetch it again; `gzip -t` tells whether it is sound."
        ) from error
    except OSError as error:
        raise DataError(
            f"{name}: reading failed after line {number}: {error.strerror or error}. Check the disk or the connection."
        ) from error


def _byte_lines(stream: ByteStream) -> Iterator[bytes]:
    """Lines cut at \\n, \\r\\n and \\r, without those."""
    held: list[bytes] = []
    while piece := stream.readline(_PIECE):
        # A \r that ended the last piece: whether it is half of \r\n shows only now, and a piece never reaches past \n.
        if held and held[-1].endswith(b"\r") and piece != b"\n":
            yield _without_end(held)
            held = []
        # Bytes, unlike str, are cut at \n, \r\n and \r alone.
        lines = piece.splitlines(keepends=True)
        for place, line in enumerate(lines, 1):
            held.append(line)
            if line.endswith(b"\n") or (line.endswith(b"\r") and place < len(lines)):
                yield _without_end(held)
                held = []
    if held:
        yield _without_end(held)


def _without_end(parts: list[bytes]) -> bytes:
    line = parts[0] if len(parts) == 1 else b"".join(parts)
    if line.endswith(b"\r\n"):
        return line[:-2]
    return line[:-1] if line.endswith((b"\n", b"\r")) else line


def _refuse_wide(raw: bytes, name: str, zipped: bool, piped: str) -> None:
    for mark, encoding in _WIDE_MARKS:
        if raw.startswith(mark):
            shown = " ".join(f"{byte:02X}" for byte in mark)
            raise EncodingError(
                f"{name}, line 1: the file begins with {shown}, the byte order mark of {encoding.upper()}; UTF-8 was expected. "
                f"Convert it: {_command(encoding, name, zipped, piped)}"
            )


def _command(encoding: str, name: str, zipped: bool, piped: str) -> str:
    if piped:
        return f"{piped} `iconv -f {encoding} -t utf-8`"
    if zipped:
        return f"zcat {name} | iconv -f {encoding} -t utf-8 > NEW"
    return f"iconv -f {encoding} -t utf-8 {name} > NEW"


def _not_utf8(name: str, number: int, error: UnicodeDecodeError, beyond_ascii: int, command: str) -> str:
    place = f"byte 0x{error.object[error.start]:02X} at byte {error.start + 1} of the line"
    found = f"{name}, line {number}: {place} is not UTF-8 ({error.reason}), which was expected."
    if not beyond_ascii:
        return f"{found} If the file is Latin-1, convert it: {command}"
    return (
        f"{found} Line {beyond_ascii} held valid UTF-8 beyond ASCII, so the file has mixed encodings: converting all of it would spoil "
        "what is right. "
        f"Convert the lines concerned alone, each with: sed -n '{number}p' | iconv -f latin1 -t utf-8 (a file wholly in Latin-1: {command})"
    )
