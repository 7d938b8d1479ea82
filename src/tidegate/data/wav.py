"""WAV files: one channel of samples in [-1, 1] from PCM of 8, 16, 24 or 32 bits and from floats; and 16 bits written.

Read here rather than by the standard library's `wave`, which before Python 3.12 refuses the extensible form that 24 bits come in, reads no
floats, and takes a file that was cut short for a whole one.
"""

from __future__ import annotations

import os
import struct
import wave
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tidegate.data.resampling import RATES
from tidegate.errors import DataError, OutputError

Floats = NDArray[np.float32]

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_COMPRESSED = {2: "ADPCM", 6: "A-law", 7: "mu-law", 17: "ADPCM", 49: "GSM", 85: "MP3"}
# What writers into a pipe put for a length that they cannot know: the largest number, or nearly so (arecord, sox).
_UNKNOWN = 0x7FFF0000
# What messages call a stream that has no name.
STANDARD_INPUT = "standard input"
# Other files of sound, by how they begin.
_OTHERS = ((b"fLaC", "FLAC"), (b"OggS", "Ogg"), (b"ID3", "MP3"), (b"\xff\xfb", "MP3"), (b"FORM", "AIFF"), (b"caff", "CAF"), (b".snd", "AU"))


@dataclass(frozen=True, slots=True)
class WavForm:
    """How the samples of a WAV file are written.

    Attributes:
        rate: samples a second.
        channels: side by side.
        bits: of a sample of one channel.
        is_float: whether samples are floats.
        size: bytes of samples that the header promises; None where it does not know.
    """

    rate: int
    channels: int
    bits: int
    is_float: bool
    size: int | None

    @property
    def frame_bytes(self) -> int:
        """Bytes of one moment, all channels."""
        return self.channels * self.bits // 8

    def samples_of(self, data: bytes) -> Floats:
        """Samples [n], channels averaged, of whole moments."""
        values = self._values(data)
        if self.channels > 1:
            values = values.reshape(-1, self.channels).mean(axis=1, dtype=np.float32)
        return values

    def _values(self, data: bytes) -> Floats:
        if self.is_float:
            return np.frombuffer(data, dtype=f"<f{self.bits // 8}").astype(np.float32)
        if self.bits == 8:  # alone without a sign
            return (np.frombuffer(data, dtype=np.uint8).astype(np.float32) - 128) / np.float32(128)
        if self.bits == 24:
            # As the upper bytes of 32 bits.
            wide = np.zeros((len(data) // 3, 4), dtype=np.uint8)
            wide[:, 1:] = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3)
            return wide.view("<i4")[:, 0].astype(np.float32) / np.float32(2**31)
        return np.frombuffer(data, dtype=f"<i{self.bits // 8}").astype(np.float32) / np.float32(2 ** (self.bits - 1))


def read_wav(path: str | os.PathLike[str]) -> tuple[Floats, int]:
    """Samples [n], in [-1, 1] (floats may go beyond), and how many there are a second; several channels are averaged.

    Raises:
        DataError: no such file, no WAV file, compressed, cut short, without samples, or with floats that are no numbers.
    """
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            form = read_header(file, name)
            data = file.read() if form.size is None else file.read(form.size)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{name}: cannot be read: {reason}. A .wav file was expected.") from error
    if form.size is not None and len(data) < form.size:
        raise DataError(
            f"{name}: cut short: {len(data):,} bytes of samples, and its header promises {form.size:,}. Copy or record it again; what is "
            f"there can be kept with: {_command(name)}"
        )
    whole = len(data) // form.frame_bytes * form.frame_bytes
    if not whole:
        raise DataError(f"{name} holds no samples. Remove it, or record it again.")
    samples = form.samples_of(data[:whole])
    if form.is_float and not np.isfinite(samples).all():
        place = int(np.argmax(~np.isfinite(samples)))
        raise DataError(f"{name}: sample {place + 1:,} is {samples[place]}; numbers were expected. Write the file again.")
    return samples, form.rate


def write_wav(path: str | os.PathLike[str], samples: NDArray[np.floating[Any]], rate: int) -> None:
    """Writes samples [n] in [-1, 1] with 16 bits; what goes beyond is cut off.

    Raises:
        OutputError: it cannot be written.
    """
    whole = np.clip(np.rint(np.asarray(samples, dtype=np.float64) * 32768), -32768, 32767).astype("<i2")
    try:
        with open(path, "wb") as stream, wave.open(stream, "wb") as file:
            file.setparams((1, 2, rate, len(whole), "NONE", "not compressed"))
            file.writeframes(whole.tobytes())
    except OSError as error:
        raise OutputError(f"{os.fspath(path)} cannot be written: {error.strerror or error}.") from error


class Readable(Protocol):
    """What is needed of a stream of bytes."""

    def read(self, size: int = -1, /) -> bytes: ...


def read_header(stream: Readable, name: str, begin: bytes | None = None) -> WavForm:
    """What a WAV stream says of its samples, which begin where this has read to; `name` is what messages call it.

    Args:
        begin: the first 12 bytes, where they were read already.

    Raises:
        DataError: no WAV, a header that is cut short or contradicts itself, or samples that are compressed.
    """
    begin = stream.read(12) if begin is None else begin
    if not begins_wav(begin):
        raise DataError(_not_wav(begin, name))
    form: WavForm | None = None
    while True:
        head = stream.read(8)
        if len(head) < 8:
            what = "samples (no chunk 'data')" if form else "a word on its samples (no chunk 'fmt ')"
            raise DataError(f"{name}: the WAV file ends before it comes to {what}: cut short or damaged. Copy or record it again.")
        kind, size = head[:4], struct.unpack("<I", head[4:])[0]
        if kind == b"data":
            if form is None:
                raise DataError(f"{name}: a damaged WAV file: samples come before the chunk 'fmt ' that tells what they are. {_mend(name)}")
            return form if size >= _UNKNOWN else WavForm(form.rate, form.channels, form.bits, form.is_float, size)
        # A chunk of odd size is followed by a byte of nothing.
        content = stream.read(size + size % 2)
        if kind == b"fmt " and len(content) >= size:
            form = _form_of(content, name)


def begins_wav(begin: bytes) -> bool:
    """Whether a WAV stream begins with these 12 bytes."""
    return len(begin) == 12 and begin[:4] == b"RIFF" and begin[8:] == b"WAVE"


def other_form(begin: bytes) -> str:
    """Which other file of sound begins with these 12 bytes; empty where none is known that does."""
    return "MP4 or M4A" if begin[4:8] == b"ftyp" else next((kind for mark, kind in _OTHERS if begin.startswith(mark)), "")


def _form_of(content: bytes, name: str) -> WavForm:
    if len(content) < 16:
        raise DataError(f"{name}: a damaged WAV file: {len(content)} bytes in the chunk 'fmt ', 16 or more expected. {_mend(name)}")
    code, channels, rate, _, align, bits = struct.unpack("<HHIIHH", content[:16])
    if code == _EXTENSIBLE and len(content) >= 26:
        code = struct.unpack("<H", content[24:26])[0]
    known = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64)}
    if code not in known:
        what = f" ({_COMPRESSED[code]})" if code in _COMPRESSED else ""
        raise DataError(f"{name}: the WAV file is compressed, format {code}{what}; PCM or floats were expected. {_mend(name)}")
    if bits not in known[code]:
        expected = ", ".join(map(str, known[code]))
        raise DataError(f"{name}: samples of {bits} {'float ' * (code == _FLOAT)}bits; one of {expected} was expected. {_mend(name)}")
    if rate not in RATES:
        raise DataError(
            f"{name}: a damaged WAV file: {rate:,} samples a second; {RATES[0]:,} to {RATES[-1]:,} were expected. Copy or record it again."
        )
    if not channels or align != channels * bits // 8:
        raise DataError(
            f"{name}: a damaged WAV file: {channels} channels of {bits} bits in {align} bytes, {rate} times a second, cannot be. "
            f"{_mend(name)}"
        )
    return WavForm(rate, channels, bits, code == _FLOAT, None)


def _not_wav(begin: bytes, name: str) -> str:
    if not begin:
        return f"{name} is empty. A WAV file was expected; record it again."
    other = other_form(begin)
    what = f"{other}, no WAV file" if other else "no WAV file (it does not begin with RIFF … WAVE)"
    return f"{name}: {what}. {_mend(name)}"


def _mend(name: str) -> str:
    return f"Convert it: {_command(name)}"


def _command(name: str) -> str:
    if name == STANDARD_INPUT:
        return "ffmpeg -i IN -c:a pcm_s16le -f wav - | tidegate …"
    stem = os.path.splitext(os.path.basename(name))[0]
    out = f"{stem}.wav" if not name.lower().endswith(".wav") else f"{stem}_pcm.wav"
    return f"ffmpeg -i {name} -c:a pcm_s16le {out}"
