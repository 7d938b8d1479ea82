"""Model directories over frames: which model is read from which, on NumPy alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from frame_models import FrameModelMaker, number_frames, recordings, sequences, sound_frames
from tidegate.artefact.writing import ModelContent, claim_output, finish_output
from tidegate.errors import ModelError
from tidegate.runtime import SequenceClassifyModel, SequenceTagModel, TranscribeModel, load


def directory(maker: FrameModelMaker, out: Path, **config: Any) -> Path:
    stored = maker.stored
    content = ModelContent(
        stored.config | {"tidegate_version": "0"} | config, stored.tensors, stored.vocabulary, stored.metrics, "A model."
    )
    finish_output(claim_output(out, overwrite=False, resume=False), out, content)
    return out


@pytest.mark.parametrize(
    ("task", "input", "model"),
    [
        ("classify", "numbers", SequenceClassifyModel),
        ("classify", "sound", SequenceClassifyModel),
        ("tag", "numbers", SequenceTagModel),
        ("transcribe", "sound", TranscribeModel),
    ],
)
def test_a_directory_is_read_by_its_task_and_its_input_and_saved_again(task: str, input: str, model: type, tmp_path: Path) -> None:
    maker = FrameModelMaker(task, "bigru", frames=number_frames() if input == "numbers" else sound_frames(), lookahead=3)
    loaded: Any = load(directory(maker, tmp_path / "model"))
    assert type(loaded) is model
    assert (loaded.input, loaded.lookahead, loaded.columns, loaded.metrics) == (input, 3, ("kind",), {"dev": {"accuracy": 0.5}})
    assert loaded.read_as.to_json() == maker.stored.vocabulary["columns"]
    records: Any = sequences() if input == "numbers" else recordings()
    loaded.save(tmp_path / "copy")
    again: Any = load(tmp_path / "copy")
    assert again.predict(records) == loaded.predict(records) == model(maker.stored).predict(records)  # type: ignore[attr-defined]
    session = loaded.session()
    session.feed(records[0].values if input == "numbers" else records[0].samples)
    again.session().restore(session.to_bytes())


def test_a_task_over_what_this_tidegate_cannot_read_is_refused(tmp_path: Path) -> None:
    path = directory(FrameModelMaker("tag"), tmp_path / "model", input="smells")
    with pytest.raises(ModelError, match=r"was trained for the task 'tag' over smells; this tidegate knows tag, classify, .*Upgrade it"):
        load(path)


def test_frames_are_answered_without_torch(tmp_path: Path) -> None:
    path = directory(FrameModelMaker("transcribe"), tmp_path / "model")
    code = "import sys, numpy, tidegate; tidegate.load(sys.argv[1]).predict([numpy.ones(4000)]); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, path], check=True, timeout=300)
