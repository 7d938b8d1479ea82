"""Connected speech: where each recording is, what the whole says, and one seed for the same bits."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tidegate.data.connected import ConnectedRecording, connect, connected_set, write_connected
from tidegate.data.ranges import read_count_range, read_range
from tidegate.data.recordings import Recording, read_recordings
from tidegate.data.records import Source
from tidegate.errors import DataError, OutputError, RecipeError


def recordings(rate: int = 8000, groups: str = "ab") -> list[Recording]:
    """Tones of known pitch, so that a span tells which of them is in it."""
    made = []
    for group in groups or " ":
        for digit in range(5):
            time = np.arange(int((0.1 + 0.02 * digit) * rate)) / rate
            tone = (0.4 * np.sin(2 * np.pi * hz(str(digit)) * time)).astype(np.float32)
            made.append(Recording(tone, rate, Source("x", 0), f"{digit}{group}", label=str(digit), group=group.strip()))
    return made


def hz(label: str) -> float:
    return 300 + 200 * int(label)


def heard(samples: np.ndarray, rate: int) -> float:
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 14)).argmax()) * rate / (1 << 14)


@pytest.mark.parametrize("rate", [8000, 11025])
def test_spans_are_where_the_sound_is(rate: int) -> None:
    stream = connect(recordings(), np.random.default_rng(0), count=6, rate=rate, gap_seconds=(0.05, 0.2))
    assert (len(stream.spans), stream.rate, stream.text) == (6, rate, " ".join(span.unit for span in stream.spans))
    is_sound = np.zeros(len(stream.samples), dtype=bool)
    end, levels = 0.0, set()
    for span in stream.spans:
        assert 0.05 - 1e-4 <= span.start - end <= 0.2 + 1e-4
        end = span.end
        place = slice(round(span.start * rate), round(span.end * rate))
        is_sound[place] = True
        assert span.end - span.start == pytest.approx(0.1 + 0.02 * int(span.unit), abs=1e-3)
        assert heard(stream.samples[place], rate) == pytest.approx(hz(span.unit), abs=5)
        levels.add(round(float(np.abs(stream.samples[place]).max()), 2))
    assert 0.05 - 1e-4 <= stream.seconds - end <= 0.2 + 1e-4
    assert not stream.samples[~is_sound].any()
    assert len(levels) > 3
    assert max(levels) <= 0.99


def test_noise_lies_over_all_of_it() -> None:
    quiet, noisy = (connect(recordings(), np.random.default_rng(4), count=3, rate=8000, snr_db=snr) for snr in (None, (10, 10)))
    assert quiet.text == noisy.text
    assert (noisy.samples != 0).all()
    # Both may have been brought down below full scale: the noise is what is left of the best fit.
    clean, given = quiet.samples.astype(float), noisy.samples.astype(float)
    scale = clean @ given / (clean @ clean)
    assert 10 * np.log10(np.mean((scale * clean) ** 2) / np.mean((given - scale * clean) ** 2)) == pytest.approx(10, abs=0.3)


def test_a_stream_has_one_speaker_and_hangs_on_its_seed_and_place() -> None:
    given = recordings()
    streams = connected_set(given, streams=40, seed=3, count=(2, 4))
    assert {len(one.spans) for one in streams} == {2, 3, 4}
    assert {one.group for one in streams} == {"a", "b"}
    assert len({one.text for one in streams}) > 20
    assert streams[0].name == "stream_0001.wav"
    fewer = connected_set(given, streams=5, seed=3, count=(2, 4))
    for one, other in zip(fewer, streams, strict=False):
        assert np.array_equal(one.samples, other.samples)
        assert one.spans == other.spans
    assert connected_set(given, streams=1, seed=4, count=(2, 4))[0].samples.tolist() != streams[0].samples.tolist()
    # Of mixed rates the most frequent is taken.
    mixed = connected_set([*given, *recordings(16000)[:3]], streams=20, seed=1)
    assert {one.rate for one in mixed} == {8000}
    assert {one.rate for one in connected_set(given, streams=2, seed=1, rate=16000)} == {16000}


def test_transcripts_go_before_labels() -> None:
    one = Recording(np.ones(80, dtype=np.float32), 8000, Source("x", 0), "x", label="7", text="number seven")
    assert connect([one], np.random.default_rng(0), count=2, rate=8000).text == "number seven number seven"


def test_where_nothing_is_said_there_is_sound_and_no_text(tmp_path: Path) -> None:
    noise = Recording(np.ones(80, dtype=np.float32), 8000, Source("x", 0), "x", label="noise", text="")
    word = replace(noise, text="on")
    made = connect([noise, word], np.random.default_rng(0), count=6, rate=8000, name="a.wav")
    units = [span.unit for span in made.spans]
    assert set(units) == {"", "on"}
    assert made.text == " ".join(["on"] * units.count("on"))
    assert all(made.samples[round(8000 * span.start) : round(8000 * span.end)].all() for span in made.spans)
    quiet = connect([noise], np.random.default_rng(0), count=2, rate=8000, name="b.wav")
    write_connected([made, quiet], tmp_path / "out")
    assert [one.transcript for one in read_recordings([str(tmp_path / "out" / "streams.tsv")], needs="text").recordings] == [made.text, ""]


def test_what_cannot_be_connected() -> None:
    mute = Recording(np.ones(80, dtype=np.float32), 8000, Source("x.wav", 0), "x")
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match=r"x.wav: 'x' has neither text nor label"):
        connect([mute], rng, count=1, rate=8000)
    for make in (lambda: connect([], rng, count=1, rate=8000), lambda: connected_set([], streams=1, seed=1)):
        with pytest.raises(DataError, match="no recordings to connect"):
            make()
    with pytest.raises(RecipeError, match="pauses of 0 s or more"):
        connect(recordings(), rng, count=1, rate=8000, gap_seconds=(-1, 1))
    with pytest.raises(RecipeError, match="count 0-3"):
        connected_set(recordings(), streams=1, seed=1, count=(0, 3))


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    streams = connected_set(recordings(), streams=3, seed=1, count=(1, 3))
    write_connected(streams, tmp_path / "new" / "out")
    found = read_recordings([str(tmp_path / "new" / "out" / "streams.tsv")], needs="text")
    for one, written in zip(found.recordings, streams, strict=True):
        assert isinstance(written, ConnectedRecording)
        assert (one.name, one.text, one.group, one.rate) == (written.name, written.text, written.group, 8000)
        np.testing.assert_allclose(one.samples, written.samples, atol=1 / 32768)
    with open(tmp_path / "new" / "out" / "spans.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    expected = [(one.name, span.unit, span.start, span.end) for one in streams for span in one.spans]
    assert [(row["path"], row["unit"]) for row in rows] == [row[:2] for row in expected]
    np.testing.assert_allclose([(float(row["start"]), float(row["end"])) for row in rows], [row[2:] for row in expected], atol=1e-4)
    with pytest.raises(OutputError, match="holds something already"):
        write_connected(streams, tmp_path / "new" / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_connected(streams, tmp_path / "file" / "out")


def test_ranges_as_they_are_written() -> None:
    texts = {
        "1-7": (1, 7),
        "0.9 - 1.1": (0.9, 1.1),
        "-5-20": (-5, 20),
        "-9--3": (-9, -3),
        ".5": (0.5, 0.5),
        "1..2": (1, 2),
        "15–40": (15, 40),
    }
    assert {text: read_range(text, "--snr") for text in texts} == texts
    assert read_count_range("2-5", "--count") == (2, 5)
    for text in ("", "a-b", "1-2-3", "1-"):
        with pytest.raises(RecipeError, match=f"--snr {text}: expected a range"):
            read_range(text, "--snr")
    with pytest.raises(RecipeError, match="--snr 3-1: the lower end is the higher one"):
        read_range("3-1", "--snr")
    for text in ("0-3", "1.5-3"):
        with pytest.raises(RecipeError, match="whole numbers of 1 or more"):
            read_count_range(text, "--count")
