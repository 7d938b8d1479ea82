"""`tidegate compare` of every task, as a user calls it: one seed, one epoch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conftest import SMALL_FILLER, SMALL_FORECASTER, SMALL_GENERATOR, SMALL_SEQUENCES, SMALL_SOUNDS, SMALL_TRANSLATOR, TOY_COLUMNS, toy_text


def tidegate(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tidegate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False, timeout=300)


def given(settings: dict[str, Any]) -> list[str]:
    """Settings as options."""
    left_out = ("arch", "max_epochs", *TOY_COLUMNS)
    return [part for key, value in settings.items() if key not in left_out for part in ("--set", f"{key}={str(value).lower()}")]


def columns() -> list[str]:
    return [part for key, value in TOY_COLUMNS.items() for part in (f"--{key.replace('_', '-')}", value)]


def compared(cwd: Path, task: str, *arguments: object) -> dict[str, Any]:
    """What results.json says of a comparison of a gru."""
    how = ("--arch", "gru", "--seeds", "1", "--max-epochs", "1", "--threads", "1", "--quiet", "--out", "out")
    done = tidegate("compare", task, *arguments, *how, cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert "out/results.json" in done.stdout
    content: dict[str, Any] = json.loads((cwd / "out" / "results.json").read_text(encoding="utf-8"))
    assert content["task"] == task
    assert not content["failures"]
    return content


@pytest.mark.slow
def test_series_are_compared_by_the_command(toy_series: Path, tmp_path: Path) -> None:
    content = compared(tmp_path, "forecast", toy_series / "pumps.csv", *columns(), *given(SMALL_FORECASTER))
    assert (content["score"], content["lower_is_better"]) == ("mase", True)
    (tmp_path / "out").rename(tmp_path / "first")
    assert compared(tmp_path, "fill", toy_series / "pumps.csv", *columns(), *given(SMALL_FILLER))["score"] == "mae"


@pytest.mark.slow
def test_texts_that_are_written_are_compared_by_the_command(toy_sounds: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(toy_text(200), encoding="utf-8")
    assert compared(tmp_path, "generate", "text.txt", "--unit", "word", *given(SMALL_GENERATOR))["score"] == "nats"
    (tmp_path / "out").rename(tmp_path / "first")
    content = compared(tmp_path, "translate", toy_sounds / "dev.dict", "--folds", "2", *given(SMALL_TRANSLATOR))
    assert (content["score"], content["scored_on"]) == ("exact_match", "folds")


@pytest.mark.slow
def test_sequences_are_compared_by_the_command(toy_moves: Path, toy_tones: Path, tmp_path: Path) -> None:
    moves = (toy_moves / "moves.csv", "--features", "a,b", *given(SMALL_SEQUENCES))
    assert compared(tmp_path, "classify", *moves, "--label", "label", "--test", toy_moves / "test.csv")["scored_on"] == "test"
    (tmp_path / "out").rename(tmp_path / "first")
    assert compared(tmp_path, "tag", *moves, "--label", "phase")["score"] == "accuracy"
    (tmp_path / "out").rename(tmp_path / "second")
    content = compared(tmp_path, "transcribe", toy_tones / "*_?.wav", "--pattern", "{text}_{}_{}", *given(SMALL_SOUNDS))
    assert (content["score"], content["lower_is_better"]) == ("wer", True)


def test_what_cannot_be_compared_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("to be or not to be\n", encoding="utf-8")
    for arguments, part in (
        (("generate", "text.txt", "--arch", "gru,bigru"), "whose nats do not compare"),
        (("classify", "text.txt", "--baselines", "some"), "--baselines some is neither auto nor none"),
    ):
        done = tidegate("compare", *arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert part in done.stderr
        assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]
