"""Sound from standard input, raw samples or a .wav stream, as it comes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tidegate.data.wav import STANDARD_INPUT, WavForm, begins_wav, other_form, read_header
from tidegate.errors import DataError

# So many bytes are taken at once at most, and whatever is there if it is less.
_PIECE = 1 << 14
# What writes into a pipe does not know how much is to come, and says 0 or a number beyond anything.
_ENDLESS = 1 << 62
# So many bytes of text and nothing else are no samples; an end before that neither.
_TEXT = 512
_PRINTABLE = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\n\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Bytes(Protocol):
    """What is needed of standard input."""

    def read(self, size: int = -1, /) -> bytes: ...

    def read1(self, size: int = -1, /) -> bytes: ...


def samples_as_they_come(stream: Bytes, rate: int, step: int | None) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Samples [n] in [-1, 1] of one channel and their rate, as soon as they are there.

    A stream that begins as a .wav file does is one, of any form that files may have; channels are averaged. Anything else is raw samples at
    `rate`, 16 bits, little-endian, one channel.

    Args:
        step: samples of each piece at the model's rate; None: as many as are there.

    Raises:
        DataError: a .wav stream that is compressed, damaged or cut in its header; another file of sound, or text.
    """
    held = stream.read(12)
    form, left = WavForm(rate, 1, 16, is_float=False, size=None), _ENDLESS
    if begins_wav(held):
        form = read_header(stream, STANDARD_INPUT, held)
        held, left = b"", form.size or _ENDLESS
    else:
        held = _raw(held, stream, rate)
    width = form.frame_bytes
    size = None if step is None else max(1, round(step * form.rate / rate)) * width
    is_open = True
    while is_open:
        piece = stream.read1(min(_PIECE, left))
        left -= len(piece)
        is_open = bool(piece)
        held += piece
        whole = len(held) - len(held) % (size or width) if is_open else len(held) - len(held) % width
        for place in range(0, whole, size or max(1, whole)):
            samples = form.samples_of(held[place : min(whole, place + (size or whole))])
            if form.is_float and not np.isfinite(samples).all():
                value = samples[~np.isfinite(samples)][0]
                raise DataError(f"{STANDARD_INPUT}: a sample is {value}; numbers were expected. Write the sound again.")
            yield samples, form.rate
        held = held[whole:]


def _raw(begin: bytes, stream: Bytes, rate: int) -> bytes:
    """The first bytes of raw samples, `begin` and more where they might be text.

    Raises:
        DataError: another file of sound, or text.
    """
    kind = other_form(begin)
    # Loud sound may begin as text does, but not for long; sound that cannot be text is handed on at once.
    while not kind and _is_text(begin):
        piece = stream.read1(_TEXT)
        begin += piece
        if (len(begin) >= _TEXT or not piece) and _is_text(begin[:_TEXT]):
            kind = "text"
    if not kind:
        return begin
    raise DataError(
        f"{STANDARD_INPUT} is {kind}; a .wav stream was expected, or raw samples, 16 bits, little-endian, one channel, at {rate:,} Hz. "
        f"Convert sound: ffmpeg -i IN -ac 1 -ar {rate} -f s16le - | tidegate stream …"
    )


def _is_text(begin: bytes) -> bool:
    """Whether these bytes, 12 at least, are letters, digits and the like alone."""
    return len(begin) >= 12 and _PRINTABLE.issuperset(begin.removeprefix(_BYTE_ORDER_MARK))
