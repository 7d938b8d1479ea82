"""`tidegate data connect`, run as a person would."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from tidegate.data.wav import read_wav, write_wav

from .test_commands import assert_users_mistake, tidegate


def test_streams_out_of_single_recordings(tmp_path: Path) -> None:
    (tmp_path / "single").mkdir()
    for label in "01":
        for group in ("anna", "ben"):
            write_wav(tmp_path / "single" / f"{label}_{group}_0.wav", np.sin(np.arange(800) * (1 + int(label)) / 3) / 2, 8000)
    command = ("data", "connect", "single", "--pattern", "{label}_{group}_{}", "--streams", "4", "--count", "2-3", "--snr", "none")
    done = tidegate(*command, "--out", "out", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert "out: 4 streams of " in done.stderr
    assert "out of 4 recordings; their transcripts are in" in done.stderr
    with open(tmp_path / "out" / "streams.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert len(rows) == 4
    assert {row["group"] for row in rows} <= {"anna", "ben"}
    assert all(set(row["text"].split()) <= {"0", "1"} and 2 <= len(row["text"].split()) <= 3 for row in rows)
    # The seed is 1 unless another is asked for, and makes the same files.
    assert tidegate(*command, "--out", "again", "--seed", "1", "--quiet", cwd=tmp_path).stderr == ""
    tidegate(*command, "--out", "other", "--seed", "2", cwd=tmp_path)
    for row in rows:
        assert (tmp_path / "out" / row["path"]).read_bytes() == (tmp_path / "again" / row["path"]).read_bytes()
        assert read_wav(tmp_path / "out" / row["path"])[1] == 8000
    assert (tmp_path / "out" / "spans.tsv").read_text() != (tmp_path / "other" / "spans.tsv").read_text()

    assert_users_mistake(tidegate(*command, "--out", "out", cwd=tmp_path), "out holds something already")
    assert_users_mistake(tidegate("data", "connect", "single", "--out", "new", cwd=tmp_path), "nothing tells the transcript", "--pattern")
    assert_users_mistake(tidegate(*command, "--out", "new", "--count", "0-2", cwd=tmp_path), "--count 0-2: expected whole numbers")
    assert_users_mistake(tidegate(*command, "--out", "new", "--gap", "long", cwd=tmp_path), "--gap long: expected a range")
    assert_users_mistake(tidegate(*command, "--out", "new", "--rate", "7", cwd=tmp_path), "--rate = 7", "from 1,000 to 768,000")
    assert not (tmp_path / "new").exists()


def test_help_names_every_option() -> None:
    shown = tidegate("data", "connect", "--help").stdout
    for option in "--out --streams --count --gap --snr --rate --pattern --path --label --text --group --seed --quiet --version".split():
        assert f"{option} " in shown
