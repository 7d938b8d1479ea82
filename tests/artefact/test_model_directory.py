from __future__ import annotations

import errno
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidegate.artefact import (
    REQUIRED_FILES,
    ModelContent,
    claim_output,
    copy_model,
    finish_output,
    partial_of,
    read_model,
    write_atomically,
)
from tidegate.errors import ModelError, OutputError, RunError
from tidegate.runtime import load

CONTENT = ModelContent({"task": "tag", "arch": "gru"}, {"b": np.ones(3), "a": np.arange(4.0)}, {"words": ["é"]}, {"dev": {}}, "# card\n")


def write(out: Path) -> Path:
    finish_output(claim_output(out, overwrite=False, resume=False), out, CONTENT)
    return out


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(tmp_path / "model")


def test_what_was_written_is_read_back(model: Path) -> None:
    assert sorted(path.name for path in model.iterdir()) == sorted(REQUIRED_FILES)
    stored = read_model(model)
    assert stored.config["arch"] == "gru"
    assert stored.vocabulary == {"words": ["é"]}
    np.testing.assert_array_equal(stored.tensors["a"], np.arange(4, dtype=np.float32))


def test_equal_content_gives_equal_bytes(tmp_path: Path) -> None:
    first, second = write(tmp_path / "one"), write(tmp_path / "two")
    for name in REQUIRED_FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes()


@pytest.mark.parametrize("name", REQUIRED_FILES)
def test_a_cut_file_is_refused(model: Path, name: str) -> None:
    path = model / name
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ModelError, match=rf"{name}.*(cut or altered|cut or damaged).*(fetch the directory again|train the model anew)"):
        read_model(model)


@pytest.mark.parametrize("name", REQUIRED_FILES)
def test_an_altered_file_is_refused(model: Path, name: str) -> None:
    path = model / name
    content = path.read_bytes()
    old, new = (b'"gru"', b'"rnn"') if name == "config.json" else (content[-2:-1], b"~")
    position = content.rindex(old)
    path.write_bytes(content[:position] + new + content[position + len(old) :])
    with pytest.raises(ModelError, match=rf"{name}.*(does not match|was altered)"):
        read_model(model)


@pytest.mark.parametrize("name", REQUIRED_FILES)
def test_a_missing_file_is_named(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(ModelError, match=rf"holds no {name}, so it is no complete model directory"):
        read_model(model)


def test_of_a_comparison_the_models_in_it_are_named(tmp_path: Path) -> None:
    for name in ("gru-1", "gru-2", "lstm-1", "lstm-2"):
        (tmp_path / "report" / "models" / name).mkdir(parents=True)
    (tmp_path / "report" / "results.json").write_text("{}", encoding="utf-8")
    with pytest.raises(
        ModelError, match=r"report is a comparison, no model\. Its models stand in .*models: gru-1, gru-2, lstm-1, …\. Name one"
    ):
        read_model(tmp_path / "report")


def test_a_newer_format_asks_for_an_upgrade(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "format_version": 2}))
    with pytest.raises(
        ModelError, match=r"format version 2; this tidegate reads versions up to 1\. Upgrade it: pip install --upgrade tidegate"
    ):
        read_model(model)


def test_another_programs_directory_and_another_task_are_refused(model: Path, tmp_path: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "format": "other"}))
    with pytest.raises(ModelError, match="says format 'other', not 'tidegate-model'"):
        read_model(model)
    other = tmp_path / "other"
    finish_output(claim_output(other, overwrite=False, resume=False), other, ModelContent({"task": "sing"}, {}, {}, {}, ""))
    with pytest.raises(ModelError, match="was trained for the task 'sing'; this tidegate knows tag, classify"):
        load(other)


def test_a_file_or_nothing_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="file is a file; a model is a directory that holds config.json"):
        read_model(tmp_path / "file")
    with pytest.raises(ModelError, match="nowhere does not exist; a model is a directory"):
        read_model(tmp_path / "nowhere")


def test_an_interrupted_runs_directory_says_how_to_go_on(tmp_path: Path) -> None:
    partial = claim_output(tmp_path / "model", overwrite=False, resume=False)
    with pytest.raises(ModelError, match=r"interrupted: continue it with --resume"):
        read_model(partial)


def test_an_existing_place_is_never_replaced_unasked(model: Path) -> None:
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    with pytest.raises(OutputError, match=r"model exists already \(a directory\); nothing was written\. .* --overwrite"):
        claim_output(model, overwrite=False, resume=False)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    assert list(model.parent.iterdir()) == [model]


def test_interrupted_work_is_neither_lost_nor_taken_unasked(tmp_path: Path) -> None:
    partial = claim_output(tmp_path / "model", overwrite=False, resume=False)
    (partial / "work").write_text("hours")
    with pytest.raises(OutputError, match=r"holds the work of a run that was interrupted; .* --resume, or begin again with --overwrite"):
        claim_output(tmp_path / "model", overwrite=False, resume=False)
    assert (claim_output(tmp_path / "model", overwrite=False, resume=True) / "work").exists()
    assert not (claim_output(tmp_path / "model", overwrite=True, resume=False) / "work").exists()


def test_a_place_under_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match=r"cannot be written: Not a directory\. Name a place that you may write with --out"):
        claim_output(tmp_path / "file" / "model", overwrite=False, resume=False)


@pytest.mark.parametrize("failing", ["model.safetensors", "config.json"])
def test_a_full_disk_leaves_the_old_model_and_no_new_one(model: Path, failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    partial = claim_output(model, overwrite=True, resume=False)
    real = Path.open

    def full(self: Path, *args: Any, **kwargs: Any) -> Any:
        if self.name == failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(
        RunError, match=r"could not be written: No space left on device\. No model was left there; make room and run again with --resume"
    ):
        finish_output(partial, model, CONTENT)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before
    assert not (partial / "config.json").exists()


def test_overwriting_replaces_the_whole_directory(model: Path) -> None:
    (model / "stray").write_text("x")
    finish_output(claim_output(model, overwrite=True, resume=False), model, CONTENT)
    assert sorted(path.name for path in model.iterdir()) == sorted(REQUIRED_FILES)
    assert list(model.parent.iterdir()) == [model]


def test_overwriting_never_touches_what_is_no_model(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years")
    with pytest.raises(
        OutputError, match="mine exists already and is neither a model nor empty, so --overwrite does not touch it; nothing was written"
    ):
        claim_output(mine, overwrite=True, resume=False)
    with pytest.raises(OutputError, match="thesis.txt exists already and is neither a model nor empty"):
        claim_output(mine / "thesis.txt", overwrite=True, resume=False)
    assert (mine / "thesis.txt").read_text() == "years"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    (tmp_path / "empty").mkdir()
    claim_output(tmp_path / "empty", overwrite=True, resume=False)
    with pytest.raises(OutputError, match=r"\. is no name for a new directory"):
        partial_of(Path("."))


def test_the_old_model_comes_back_if_the_new_one_cannot_take_its_place(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    partial = claim_output(model, overwrite=True, resume=False)
    real = os.rename

    def failing(source: Any, target: Any) -> None:
        if Path(source) == partial:
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "rename", failing)
    with pytest.raises(RunError, match="could not be written: Input/output error"):
        finish_output(partial, model, CONTENT)
    assert {path.name: path.read_bytes() for path in model.iterdir()} == before


@pytest.mark.parametrize("after", [1, 2])
def test_ctrl_c_between_two_renames_leaves_one_whole_model(model: Path, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    (model / "stray").write_text("old")
    partial = claim_output(model, overwrite=True, resume=False)
    real, done = os.rename, []

    def interrupted(source: Any, target: Any) -> None:
        real(source, target)
        done.append(target)
        if len(done) == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finish_output(partial, model, CONTENT)
    monkeypatch.undo()
    assert (model / "stray").exists() == (after == 1)
    assert set(REQUIRED_FILES) <= {path.name for path in model.iterdir()}
    assert sorted(model.parent.iterdir()) == ([model, partial] if after == 1 else [model])


@pytest.mark.parametrize("name", REQUIRED_FILES)
def test_a_copy_cut_off_by_ctrl_c_leaves_nothing(model: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.read_bytes

    def interrupted(self: Path) -> bytes:
        if self.name == name:
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(Path, "read_bytes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        copy_model(model, model.with_name("copy"))
    assert list(model.parent.iterdir()) == [model]


def test_a_copy_never_touches_the_work_of_an_interrupted_run(model: Path) -> None:
    partial = claim_output(model.with_name("other"), overwrite=False, resume=False)
    (partial / "last.ckpt").write_text("hours")
    with pytest.raises(OutputError, match=r"other\.partial exists already; nothing was written"):
        copy_model(model, model.with_name("other"))
    assert (partial / "last.ckpt").read_text() == "hours"


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with write_atomically(tmp_path / "link") as stream:
        stream.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_written_to_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    with write_atomically(pipe) as stream:
        stream.write(b"through")
    reader.join(timeout=60)
    assert received == [b"through"]
    assert pipe.is_fifo()


def test_a_directory_as_output_file_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a directory; a file was expected. Name a file in it"), write_atomically(tmp_path):
        pass


def test_an_output_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "answers.jsonl"
    target.write_text("old")
    with pytest.raises(ValueError, match="midway"), write_atomically(target) as stream:
        stream.write(b"half")
        raise ValueError("midway")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
    with write_atomically(target) as stream:
        stream.write(b"new")
    assert target.read_text() == "new"
    with pytest.raises(OutputError, match="cannot be written: No such file or directory"), write_atomically(tmp_path / "no" / "x"):
        pass


def test_a_real_model_survives_a_move(toy_model: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(toy_model, moved)
    assert load(moved).predict([["Teddy", "bears"]]) == load(toy_model).predict([["Teddy", "bears"]])
