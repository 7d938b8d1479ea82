"""WAV files: every form that samples come in, and what is wrong with files."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile

from tidegate.data.wav import read_wav, write_wav
from tidegate.errors import DataError, OutputError

SOUND = np.sin(np.arange(400) / 7) * 0.7


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def form(code: int, channels: int, rate: int, bits: int, extra: bytes = b"") -> bytes:
    return chunk(
        b"fmt ", struct.pack("<HHIIHH", code, channels, rate, rate * channels * bits // 8 % 2**32, channels * bits // 8, bits) + extra
    )


def riff(*chunks: bytes) -> bytes:
    content = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content)) + content


def whole(bits: int) -> bytes:
    """The sound in so many bits."""
    if bits == 8:
        return np.rint(SOUND * 128 + 128).astype(np.uint8).tobytes()
    return b"".join(int(value).to_bytes(bits // 8, "little", signed=True) for value in np.rint(SOUND * 2 ** (bits - 1)))


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_whole_numbers_of_any_width(bits: int, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, bits // 8, 44100, 0, "NONE", ""))
        file.writeframes(whole(bits))
    samples, rate = read_wav(path)
    assert (rate, samples.dtype) == (44100, np.float32)
    np.testing.assert_allclose(samples, SOUND, atol=max(0.51 * 2.0 ** (1 - bits), 1e-7))
    # The extensible form of the same, with chunks of odd size around it.
    extra = struct.pack("<HHIH", 22, bits, 4, 1) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    path.write_bytes(
        riff(chunk(b"LIST", b"odd"), form(0xFFFE, 1, 8000, bits, extra), chunk(b"data", whole(bits)), chunk(b"LIST", b"x" * 9))
    )
    again, rate = read_wav(path)
    assert rate == 8000
    assert np.array_equal(again, samples)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_floats(kind: type, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    scipy.io.wavfile.write(path, 16000, SOUND.astype(kind))
    samples, rate = read_wav(path)
    assert rate == 16000
    assert np.array_equal(samples, SOUND.astype(np.float32))
    broken = SOUND.astype(kind)
    broken[7] = np.nan
    scipy.io.wavfile.write(path, 16000, broken)
    with pytest.raises(DataError, match=r"a.wav: sample 8 is nan"):
        read_wav(path)


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = np.int16([100, -32768, 7]), np.int16([300, 32767, 8])
    scipy.io.wavfile.write(tmp_path / "a.wav", 8000, np.stack([left, right], axis=1))
    np.testing.assert_allclose(read_wav(tmp_path / "a.wav")[0], [200 / 32768, -0.5 / 32768, 7.5 / 32768], rtol=1e-6)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.array([0.5, -0.25, 2, -2, 1.2 / 32768]), 8000)
    samples, rate = read_wav(tmp_path / "a.wav")
    assert (samples * 32768).tolist() == [16384, -8192, 32767, -32768, 1]
    assert rate == 8000 == scipy.io.wavfile.read(tmp_path / "a.wav")[0]
    with pytest.raises(OutputError, match="cannot be written"):
        write_wav(tmp_path / "no" / "a.wav", samples, 8000)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF800])
def test_a_length_that_a_pipe_could_not_know(size: int, tmp_path: Path) -> None:
    # A half sample at the end, as where a pipe was cut.
    (tmp_path / "a.wav").write_bytes(riff(form(1, 1, 8000, 16), b"data" + struct.pack("<I", size) + whole(16) + b"\0"))
    assert len(read_wav(tmp_path / "a.wav")[0]) == len(SOUND)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"RIFF\0\0", "no WAV file"),
        (b"not a sound at all", "no WAV file .*ffmpeg -i .*a.wav -c:a pcm_s16le a_pcm.wav"),
        (b"fLaC" + b"\0" * 40, "FLAC, no WAV file"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "M4A, no WAV"),
        (riff(form(1, 1, 8000, 16)), "ends before it comes to samples"),
        (riff(chunk(b"LIST", b"")), "ends before it comes to a word on its samples"),
        (riff(chunk(b"data", b"\0\0"), form(1, 1, 8000, 16)), "samples come before"),
        (riff(form(1, 1, 8000, 16), chunk(b"data", b"")), "holds no samples"),
        (riff(form(1, 1, 8000, 16), b"data" + struct.pack("<I", 802) + whole(16)), "cut short: 800 bytes of samples, .* promises 802"),
        (riff(form(1, 1, 8000, 16)[:20]), "ends before"),
        (riff(chunk(b"fmt ", b"\1\0\1\0"), chunk(b"data", b"\0\0")), "4 bytes in the chunk 'fmt '"),
        (riff(form(7, 1, 8000, 8), chunk(b"data", b"\0\0")), r"compressed, format 7 \(mu-law\).*ffmpeg"),
        (riff(form(1, 1, 8000, 12), chunk(b"data", b"\0\0")), "samples of 12 bits"),
        (riff(form(3, 1, 8000, 16), chunk(b"data", b"\0\0")), "samples of 16 float bits"),
        (riff(form(1, 0, 8000, 16), chunk(b"data", b"\0\0")), "0 channels"),
        *(
            (riff(form(1, 1, rate, 16), chunk(b"data", b"\0\0")), f"damaged WAV file: {rate:,} samples a second; 1,000 to 768,000")
            for rate in (0, 1, 7, 96_000_001, 4_000_000_000)
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_said(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(DataError, match=said) as error:
        read_wav(tmp_path / "a.wav")
    assert str(error.value).startswith(str(tmp_path / "a.wav"))


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "no.wav", tmp_path):
        with pytest.raises(DataError, match=r"cannot be read: .* A \.wav file was expected"):
            read_wav(path)
