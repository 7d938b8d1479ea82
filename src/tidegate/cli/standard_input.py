"""Standard input as a file, for readers that need the whole of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tidegate.errors import DataError

# How files begin whose names readers go by; everything else is a table.
_SUFFIXES = {b"RIFF": ".wav", b"PK\3\4": ".npz"}


@contextmanager
def named_files(files: Sequence[str]) -> Iterator[list[str]]:
    """The names of files to read; '-', or nothing at all, is standard input, which is a file for as long as this lasts.

    Raises:
        DataError: standard input is closed; and what readers raise, the file called standard input.
    """
    if files and "-" not in files:
        yield list(files)
        return
    if sys.stdin is None:
        raise DataError("standard input is closed. Give a file, or pipe something in.")
    with TemporaryDirectory() as folder:
        first = sys.stdin.buffer.read(4)
        path = Path(folder) / f"standard-input{_SUFFIXES.get(first, '.csv')}"
        with path.open("wb") as file:
            file.write(first)
            shutil.copyfileobj(sys.stdin.buffer, file)
        try:
            yield [str(path) if name == "-" else name for name in files or ["-"]]
        except DataError as error:
            raise DataError(str(error).replace(str(path), "standard input")) from None
