"""Training of transcribers: the torch half beside the runtime's, what is learnt, streams drawn anew, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tidegate
from conftest import SMALL_SOUNDS, power_cut
from tidegate.data.recordings import Recording, read_recordings
from tidegate.errors import DataError, RecipeError
from tidegate.training.files import RunFiles
from tidegate.training.recipe import build_recipe
from tidegate.training.sequences.corpus import read_corpus as read_labelled
from tidegate.training.sequences.recipe import SequenceClassifyRecipe
from tidegate.training.sequences.task import SequenceClassifyTask
from tidegate.training.transcription.corpus import read_corpus
from tidegate.training.transcription.recipe import TranscribeRecipe
from tidegate.training.transcription.task import TranscribeTask


def test_a_transcriber_learns_streams_of_tones(toy_transcriber: Path) -> None:
    model = tidegate.load(toy_transcriber)
    assert model.metrics["test"]["wer"] <= 0.1
    assert model.metrics["test"]["n"] >= 50


def _task(toy_tones: Path, **settings: Any) -> TranscribeTask:
    options: dict[str, Any] = {**SMALL_SOUNDS, "pattern": "{text}_{group}_{}", "shift_ms": 0.0, **settings}
    recipe = build_recipe(TranscribeRecipe, options=options)
    return TranscribeTask(recipe, read_corpus(RunFiles([str(toy_tones)]), recipe))


@pytest.mark.parametrize("settings", [{}, {"arch": "bilstm"}, {"arch": "bigru", "lookahead": "100ms"}, {"unit": "char"}])
def test_the_runtime_gives_the_networks_logits_and_scores(toy_tones: Path, settings: dict[str, Any]) -> None:
    task = _task(toy_tones, connect="1-3", **settings)
    network = task.build_network().eval()
    records = task.parts.dev[:5]
    batch = task.plain_batch(records)
    with torch.no_grad():
        expected = network(batch)
    model = task.as_model(network)
    np.testing.assert_allclose(model.network(None).logits(batch.x, batch.offsets), expected.numpy(), rtol=0, atol=1e-5)
    assert task.dev_score(network) <= 0
    with torch.no_grad():
        loss = float(network.loss(task.plain_batch(task.parts.dev)))
    assert task.dev_loss(network) == pytest.approx(loss, rel=1e-5)


def test_streams_are_drawn_anew_each_epoch_and_the_same_for_the_same_epoch(toy_tones: Path) -> None:
    task = _task(toy_tones, connect="2-3")
    first, again, later = (list(task.batches(epoch)) for epoch in (0, 0, 1))
    assert all((one.x == other.x).all() for one, other in zip(first, again, strict=True))
    assert not any(one.x.shape == other.x.shape and (one.x == other.x).all() for one, other in zip(first, later, strict=False))
    counts = np.concatenate([np.diff(batch.label_offsets) for batch in first if batch.label_offsets is not None])
    assert set(counts.tolist()) == {2, 3}
    passes = len(task.lengths) / len(task.pass_lengths(task.recipe))
    assert int(counts.sum()) == pytest.approx(passes * len(task.parts.train), rel=0.1)  # each comes about once a pass


def test_a_run_that_was_cut_off_goes_on_to_the_same_bits(train_tones: Callable[..., Any], tmp_path: Path) -> None:
    with power_cut():
        train_tones(tmp_path / "cut", max_epochs=3)
    train_tones(tmp_path / "cut", max_epochs=3, resume=True)
    train_tones(tmp_path / "whole", max_epochs=3)
    assert (tmp_path / "cut" / "model.safetensors").read_bytes() == (tmp_path / "whole" / "model.safetensors").read_bytes()


def test_recordings_shorter_than_their_transcripts_are_left_out(toy_tones: Path, tmp_path: Path) -> None:
    rows = [f"{toy_tones / f'low_anna_{number}.wav'}\tlow" for number in range(5)]
    rows += [f"{toy_tones / 'high_ben_1.wav'}\t{'high ' * 50}"]
    table = tmp_path / "said.tsv"
    table.write_text("\n".join(["path\ttext", *rows]) + "\n", encoding="utf-8")
    recipe = build_recipe(TranscribeRecipe, options=SMALL_SOUNDS)
    corpus = read_corpus(RunFiles([str(table)], [str(table)]), recipe)
    assert len(corpus.parts.train) == 5
    assert any("1 recordings are too short for their transcripts and left out" in note for note in corpus.notes)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"connect": "0-3"}, "whole numbers of 1 or more"),
        ({"connect": "many"}, "expected a range"),
        ({"gap": "1-0.5"}, "the lower end is the higher one"),
        ({"lookahead": "100ms"}, "is for two-way architectures"),
        ({"lookahead": "soon", "arch": "bigru"}, "neither steps nor a time"),
        ({"unit": "sentence"}, "unit"),
    ],
)
def test_settings_that_do_not_fit_are_refused(toy_tones: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        _task(toy_tones, **settings).build_network()


def _given(toy_tones: Path) -> tuple[list[np.ndarray[Any, Any]], list[str]]:
    recordings = read_recordings([str(toy_tones)], pattern="{label}_{group}_{}").recordings
    return [one.samples for one in recordings], [one.label for one in recordings]


def test_the_transcriber_in_python_takes_samples(toy_tones: Path) -> None:
    samples, texts = _given(toy_tones)
    settings = {**SMALL_SOUNDS, "arch": "bigru", "sample_rate": 4000, "connect": "1-3", "shift_ms": 0.0, "quiet": True}
    transcriber = tidegate.Transcriber(**settings).fit(samples, texts)
    assert transcriber.score(samples, texts) >= 0.9
    assert len(transcriber.predict(samples[:4])) == 4


def test_samples_of_whole_numbers_and_nan_are_refused(toy_tones: Path) -> None:
    samples, texts = _given(toy_tones)
    transcriber = tidegate.Transcriber(sample_rate=4000, quiet=True)
    with pytest.raises(DataError, match="divide by 32768"):
        transcriber.fit([(one * 32768).astype(np.int16) for one in samples], texts)
    samples[3] = np.full(800, np.nan)
    with pytest.raises(DataError, match="recording 3 holds samples that are not finite"):
        transcriber.fit(samples, texts)


def test_samples_without_a_rate_are_refused(toy_tones: Path) -> None:
    with pytest.raises(DataError, match="sample_rate=8000"):
        tidegate.Transcriber(quiet=True).fit(*_given(toy_tones))


def test_a_classifier_of_sound_learns_tones_and_answers_on_live_sound(toy_tones: Path) -> None:
    recipe = build_recipe(SequenceClassifyRecipe, options={**SMALL_SOUNDS, "input": "sound", "pattern": "{label}_{group}_{}"})
    task = SequenceClassifyTask(recipe, read_labelled(RunFiles([str(toy_tones)]), recipe))
    assert {record.rate for record in task.varied.records if isinstance(record, Recording)} == {4000}
    assert task.dev_loss(task.build_network()) == pytest.approx(np.log(3), abs=0.5)
