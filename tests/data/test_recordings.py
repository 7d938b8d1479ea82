"""Recordings from folders, from files' names and from tables, and what is wrong with them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidegate.data.recording_files import SOUND_SUFFIXES
from tidegate.data.recording_names import NamePattern
from tidegate.data.recordings import Recording, RecordingColumns, read_recordings
from tidegate.data.wav import write_wav
from tidegate.errors import DataError, RecipeError


def record(path: Path, count: int = 80, rate: int = 8000, level: float = 0.5) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(path, level * np.sin(np.arange(count)), rate)
    return str(path)


def told(recordings: tuple[Recording, ...]) -> list[tuple[str, str, str | None, str]]:
    return [(one.name, one.label, one.text, one.group) for one in recordings]


@pytest.mark.parametrize(
    ("pattern", "path", "said"),
    [
        ("{label}_{group}_{}", "a/b/7_jackson_32.wav", {"label": "7", "group": "jackson"}),
        ("{label}_{group}_{}", "7_jack_son_32.wav", {"label": "7", "group": "jack"}),
        ("{}-{text}", "x-turn the light on.WAV", {"text": "turn the light on"}),
        ("{group}/{label}.{}", "data/anna/yes.1.wav", {"group": "anna", "label": "yes"}),
        ("take({}){label}", "take()no.wav", {"label": "no"}),
    ],
)
def test_names_that_tell(pattern: str, path: str, said: dict[str, str]) -> None:
    found = NamePattern(pattern)
    assert found.read(path) == said
    assert found.fields == said.keys()


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("{lable}_{}", "{lable} is unknown. Did you mean 'label'?"),
        ("{label}_{label}", "{label} stands there twice"),
        ("{}_{}", "it says nothing"),
        ("", "it says nothing"),
        ("{label}_{", "a brace stands alone"),
    ],
)
def test_patterns_that_cannot_be(pattern: str, said: str) -> None:
    with pytest.raises(RecipeError) as error:
        NamePattern(pattern)
    assert said in str(error.value)


def test_folders_name_the_labels(tmp_path: Path) -> None:
    for name in ("yes/b.wav", "yes/a.wav", "no/anna/c.WAV", "no/.hidden.wav", ".git/x.wav"):
        record(tmp_path / name)
    (tmp_path / "README.md").write_text("not sound")
    found = read_recordings([str(tmp_path)], needs="label")
    assert told(found.recordings) == [
        (os.path.join("no", "anna", "c.WAV"), "no", None, ""),
        (os.path.join("yes", "a.wav"), "yes", None, ""),
        (os.path.join("yes", "b.wav"), "yes", None, ""),
    ]
    first = found.recordings[1]
    assert (len(first.samples), first.samples.dtype, first.rate, first.seconds) == (80, np.float32, 8000, 0.01)
    assert str(first.source) == str(tmp_path / "yes" / "a.wav")
    # The names may tell the speaker, the folders the label.
    found = read_recordings([str(tmp_path / "yes")], pattern="{group}", needs="")
    assert told(found.recordings) == [("a.wav", "", None, "a"), ("b.wav", "", None, "b")]
    assert told(read_recordings([str(tmp_path)], pattern="{group}", needs="label").recordings)[1] == (
        os.path.join("yes", "a.wav"),
        "yes",
        None,
        "a",
    )
    # Labels are what is said where nothing else tells it.
    found = read_recordings([str(tmp_path)], needs="text")
    assert [one.transcript for one in found.recordings] == ["no", "yes", "yes"]
    assert found.notes == ("no transcripts are told: the label of a recording is what is said in it",)


def test_files_and_globs_by_their_names(tmp_path: Path) -> None:
    for name in ("1_anna_0.wav", "0_ben_1.wav", "0_ben_0.wav"):
        record(tmp_path / name)
    found = read_recordings([str(tmp_path / "1_anna_0.wav"), str(tmp_path / "*.wav")], pattern="{label}_{group}_{}", needs="label")
    assert [(one.label, one.group) for one in found.recordings] == [("1", "anna"), ("0", "ben"), ("0", "ben")]
    assert found.columns == RecordingColumns(pattern="{label}_{group}_{}")
    assert RecordingColumns.from_json(json.loads(json.dumps(found.columns.to_json()))) == found.columns
    # To be answered they need no labels.
    assert [one.label for one in read_recordings([str(tmp_path / "*.wav")], needs="label", is_labelled=False).recordings] == [""] * 3
    record(tmp_path / "odd.wav")
    with pytest.raises(DataError, match="the name 'odd' does not have the form '{label}_{group}_{}'"):
        read_recordings([str(tmp_path)], pattern="{label}_{group}_{}")
    for given in (tmp_path, tmp_path / "odd.wav"):
        with pytest.raises(DataError, match=r"nothing tells the label of .*--pattern '{label}_{}'"):
            read_recordings([str(given)], needs="label")


TABLE = [("wav", "speaker", "class", "sentence"), ("x/a.wav", "anna", "yes", "yes please "), ("x/b.wav", "ben", "no", "")]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".txt"])
def test_tables(suffix: str, tmp_path: Path) -> None:
    record(tmp_path / "x" / "a.wav")
    record(tmp_path / "x" / "b.wav")
    path = tmp_path / f"list{suffix}"
    between = "," if suffix == ".csv" else "\t"
    lines = [between.join(row) for row in TABLE]
    if suffix == ".jsonl":
        lines = [json.dumps(dict(zip(TABLE[0], row, strict=True))) for row in TABLE[1:]]
    path.write_text("\n".join(lines) + "\n")
    for needs in ("label", "text", ""):
        found = read_recordings([str(path)], needs=needs)
        # Nothing may be said in a recording.
        assert told(found.recordings) == [("x/a.wav", "yes", "yes please", "anna"), ("x/b.wav", "no", "", "ben")]
    assert found.columns == RecordingColumns("wav", "class", "sentence", "speaker")
    assert found.notes == ("columns of recordings: path 'wav', label 'class', text 'sentence', group 'speaker'",)
    assert str(found.recordings[1].source) == f"{path}, line {2 if suffix == '.jsonl' else 3}"
    found = read_recordings([str(path)], label="2", text="CLASS", needs="text")
    assert told(found.recordings)[0] == ("x/a.wav", "anna", "yes", "")


def test_tables_without_a_header_and_with_other_names(tmp_path: Path) -> None:
    for name in ("7_a.wav", "8_b.wav"):
        record(tmp_path / name)
    path = tmp_path / "list.tsv"
    path.write_text("7_a.wav\tseven\n8_b.wav\teight\n")
    for needs, place in (("label", 1), ("text", 2)):
        found = read_recordings([str(path)], needs=needs)
        assert [row[place] for row in told(found.recordings)] == ["seven", "eight"]
    found = read_recordings([str(path)], path="1", needs="label", pattern="{label}_{group}")
    assert told(found.recordings) == [("7_a.wav", "7", None, "a"), ("8_b.wav", "8", None, "b")]
    path.write_text("where\twhat\tmore\n7_a.wav\tseven\t1\n")
    assert told(read_recordings([str(path)], text="what", needs="text").recordings) == [("7_a.wav", "", "seven", "")]
    with pytest.raises(DataError, match=r"list.tsv, line 2: no column found that holds the label. .*'what'.*--label COL"):
        read_recordings([str(path)], needs="label")
    # A label will do where no transcript is told, row by row as file by file.
    path.write_text("path\tlabel\n7_a.wav\tseven\n")
    (tmp_path / "eight").mkdir()
    record(tmp_path / "eight" / "a.wav")
    found = read_recordings([str(path), str(tmp_path / "eight" / "a.wav")], needs="text", pattern="{text}")
    assert [one.transcript for one in found.recordings] == ["7_a", "a"]


def test_an_empty_transcript_says_nothing_whatever_the_label(tmp_path: Path) -> None:
    record(tmp_path / "a.wav")
    (tmp_path / "list.csv").write_text("path,label,text\na.wav,noise,\na.wav,light,turn it on\n")
    (tmp_path / "labels.csv").write_text("path,label\na.wav,noise\n")
    names = [str(tmp_path / name) for name in ("list.csv", "labels.csv")]
    assert [one.transcript for one in read_recordings(names, needs="text").recordings] == ["", "turn it on", "noise"]


TRAINING = RecordingColumns("path", "", "sentence", "speaker", "{label}_{}")


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        ("path\n7_a.wav\n", {"is_labelled": False}, ("", None, "")),
        ("path,text,group\n7_a.wav,on,g\n", {"is_labelled": False}, ("", "on", "g")),
        ("path,text,group\n7_a.wav,on,g\n", {}, ("7", "on", "g")),
        ("path,what\n7_a.wav,on\n", {"text": "what"}, ("7", "on", "")),
        # The columns of training go before those of usual names.
        ("path,text,sentence,speaker,group\n7_a.wav,x,on,s,g\n", {}, ("7", "on", "s")),
        ("7_a.wav\n", {"is_labelled": False}, ("", None, "")),
        ("file,Sentence\nb.wav,on\n", {}, ("", "on", "")),
    ],
)
def test_a_trained_model_finds_its_columns_in_other_tables(
    rows: str, options: dict[str, Any], expected: tuple[str, str | None, str], tmp_path: Path
) -> None:
    for name in ("7_a.wav", "b.wav"):
        record(tmp_path / name)
    (tmp_path / "list.csv").write_text(rows)
    (found,) = read_recordings([str(tmp_path / "list.csv")], needs="text", like=TRAINING, **options).recordings
    assert (found.label, found.text, found.group) == expected


def test_a_trained_model_misses_no_column_but_what_it_needs(tmp_path: Path) -> None:
    record(tmp_path / "b.wav")
    (tmp_path / "list.csv").write_text("n,b\n1,b.wav\n")
    found = read_recordings([str(tmp_path / "list.csv")], needs="label", like=RecordingColumns("1", "2"), is_labelled=False)
    assert [one.name for one in found.recordings] == ["b.wav"]
    (tmp_path / "list.csv").write_text("path,a,b\nb.wav,1,2\n")
    for needs in ("label", "text"):
        with pytest.raises(DataError, match=rf"no column found that holds the .*Name it with --{needs} COL"):
            read_recordings([str(tmp_path / "list.csv")], needs=needs, like=RecordingColumns("path", "x", "y"))
    (tmp_path / "list.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"no column found that names the files\. Columns: 1 'a', 2 'b'\. Call it 'path'\.$"):
        read_recordings([str(tmp_path / "list.csv")], like=RecordingColumns())
    for like, said in ((RecordingColumns(), ""), (TRAINING, r"give them names as in training \('{label}_{}'\), ")):
        with pytest.raises(DataError, match=rf"DIR/LABEL/\*\.wav\), {said}or give a table"):
            read_recordings([str(tmp_path)], needs="label", like=like)


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        ("path,label\na.wav,yes\nc.wav,no\n", {}, "list.csv, line 3: no file '{folder}/c.wav'. Did you mean '{folder}/a.wav'?"),
        ("path,label\na.wav,yes\na.wav, \n", {}, "list.csv, line 3: the label of 'a.wav' is empty"),
        ("path,label\n,yes\n", {}, "list.csv, line 2: no file: the cell 'path' is empty"),
        ("path,label\nbad.wav,yes\n", {}, "list.csv, line 2: {folder}/bad.wav: no WAV file"),
        ("path,label\nsong.mp3,yes\n", {}, "list.csv, line 2: {folder}/song.mp3: sound is read from .wav files alone"),
        (
            "path,label\na.wav,yes\n",
            {"label": "labl"},
            "there is no column 'labl' here; there are: 1 'path', 2 'label'. Did you mean 'label'?",
        ),
        ("path,label\na.wav,yes\n", {"pattern": "{group}-{}"}, "list.csv, line 2: {folder}/a.wav: the name 'a' does not have"),
        ("one,two\n1,2\n", {}, "list.csv, line 2: no column found that names the files"),
        ("path,label,label\na.wav,1,2\n", {}, "two columns are called 'label'"),
        ("path,label\n", {}, "names no recordings"),
        ("path,label\na.wav\n", {}, "list.csv, line 2: 1 cell found, 2 expected"),
    ],
)
def test_what_is_wrong_with_a_table_is_said_with_its_line(rows: str, options: dict[str, str], said: str, tmp_path: Path) -> None:
    record(tmp_path / "a.wav")
    (tmp_path / "bad.wav").write_text("this is not sound")
    (tmp_path / "song.mp3").write_text("")
    (tmp_path / "list.csv").write_text(rows)
    with pytest.raises(DataError) as error:
        read_recordings([str(tmp_path / "list.csv")], needs="label", **options)
    assert said.format(folder=tmp_path) in str(error.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "flac").mkdir()
    (tmp_path / "flac" / "a.flac").write_text("")
    (tmp_path / "song.mp3").write_text("")
    (tmp_path / "a.pdf").write_text("")
    (tmp_path / "bad.wav").write_text("nothing")
    for name, said in (
        ("empty", r"no \.wav files in this folder\. Expected folder/LABEL/\*\.wav"),
        ("flac", 'no .wav files, but .flac such as .*for f in .*.flac; do ffmpeg -i "\\$f"'),
        ("song.mp3", "Convert it: ffmpeg -i .*song.mp3 -c:a pcm_s16le song.wav"),
        ("a.pdf", "expected a .wav file, a folder of them, or a table that names them"),
        ("bad.wav", "bad.wav: no WAV file"),
        ("no*.wav", "nothing matches this pattern"),
        ("bda.wav", "no such file or folder. Did you mean .*bad.wav"),
    ):
        with pytest.raises(DataError, match=said):
            read_recordings([str(tmp_path / name)])


def test_what_is_detected_as_sound_is_read_or_said_to_be_converted(tmp_path: Path) -> None:
    record(tmp_path / "yes" / "a.wav")
    (tmp_path / "yes" / "a.wav").rename(tmp_path / "yes" / "a.WAVE")
    for given in (tmp_path, tmp_path / "yes" / "a.WAVE"):
        assert [len(one.samples) for one in read_recordings([str(given)]).recordings] == [80]
    for suffix in SOUND_SUFFIXES - {".wav", ".wave"}:
        (tmp_path / f"a{suffix}").write_text("")
        with pytest.raises(DataError, match="Convert it: ffmpeg"):
            read_recordings([str(tmp_path / f"a{suffix}")])


def test_what_is_odd_is_noted(tmp_path: Path) -> None:
    record(tmp_path / "a.wav")
    record(tmp_path / "b.wav", rate=16000)
    record(tmp_path / "long.wav", count=61 * 8000)
    record(tmp_path / "still.wav", level=0)
    rates, long, silent = read_recordings([str(tmp_path)]).notes
    assert "3 of 8,000 Hz, 1 of 16,000 Hz" in rates
    assert "1 of 4 recordings are longer than 60 s (long.wav: 61 s)" in long
    assert silent == "nothing is heard in still.wav: all samples are 0"
