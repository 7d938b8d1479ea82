"""Units taken away one by one: reading on gives the plain numbers, and of inputs that are too long it is said what was looked at alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidegate
from conftest import SMALL_GENERATOR, topic_texts, toy_text
from frame_models import FrameModelMaker, sequences
from tidegate.artefact import StoredModel, read_model
from tidegate.explanation.occlusion import occlusion
from tidegate.explanation.occlusion.occlusion import Meter, occlusion_of
from tidegate.explanation.subjects import Subject, subject_of
from tidegate.explanation.subjects.subject import BLANK
from tidegate.runtime import ClassifyModel, GenerateModel, SequenceClassifyModel, load
from tidegate.training.generation.generator import Generator

LONG = " ".join(" ".join(text) if not isinstance(text, str) else text for text in topic_texts(40, seed=9)[0])


def quiet_meter() -> Meter:
    return Meter(None, 0)


def falls_of(subject: Subject) -> tuple[Any, Any]:
    return occlusion_of(subject, float(subject.scores(subject.as_it_is())[0]), quiet_meter())


def plain_falls(subject: Subject) -> Any:
    """Each unit blanked, and all that is left read anew."""
    length = len(subject.units)
    variants = np.repeat(subject.as_it_is(), length, axis=0)
    np.fill_diagonal(variants, BLANK)
    return subject.scores(subject.as_it_is())[0] - subject.scores(variants)


def doubled(stored: StoredModel) -> StoredModel:
    """The same weights in double precision, in which both ways round so little that they can be told from each other."""
    tensors = {name: tensor.astype(np.float64) if tensor.dtype == np.float32 else tensor for name, tensor in stored.tensors.items()}
    return replace(stored, tensors=tensors)


def check_reading_on(subject: Subject) -> None:
    assert len(subject.units) > occlusion.LEAST
    singly = subject.singly()
    assert singly is not None
    assert singly.base == pytest.approx(subject.scores(subject.as_it_is())[0], abs=1e-6)
    falls, is_single = falls_of(subject)
    assert is_single.all()
    np.testing.assert_allclose(falls, plain_falls(subject), atol=1e-6, rtol=0)
    assert np.abs(falls).max() > 1e-3


@pytest.mark.parametrize(
    "settings",
    [
        {"arch": "bilstm"},
        {"arch": "gru", "num_layers": 2, "wide": False, "pooling": ["mean", "last"]},
        {"arch": "bigru", "unit": "char", "max_length": 150},
        {"arch": "bimingru", "max_length": 100, "pooling": ["max"]},
    ],
    ids=lambda settings: settings["arch"],
)
def test_a_classifier_of_texts_reads_on(train_texts: Callable[..., Any], tmp_path: Path, settings: dict[str, Any]) -> None:
    model = ClassifyModel(doubled(read_model(train_texts(tmp_path / "toy", **{"max_epochs": 1, **settings}).path)))
    for label in model.classes[:2]:
        check_reading_on(subject_of(model, LONG, label=label))


def test_several_labels_a_text_read_on(tmp_path: Path) -> None:
    texts = ["bread and salt", "a song", "bread and a song", "rain"] * 10
    labels = [("food",), ("music",), ("food", "music"), ()] * 10
    model = tidegate.Classifier(quiet=True, hidden_size=8, word_size=8, character_size=4, max_epochs=1).fit(texts, labels).model_
    check_reading_on(subject_of(model, LONG, label="music"))


@pytest.mark.parametrize("arch", ["bigru", "lstm"])
def test_a_classifier_of_sequences_reads_on(arch: str) -> None:
    model = SequenceClassifyModel(doubled(FrameModelMaker("classify", arch).stored))
    check_reading_on(subject_of(model, sequences((90,))[0]))


@pytest.fixture(scope="module")
def language_model() -> GenerateModel:
    settings: dict[str, Any] = {**SMALL_GENERATOR, "arch": "lstm", "max_epochs": 1}
    return Generator(quiet=True, **settings).fit(texts=toy_text(100).splitlines()).model_


@pytest.mark.parametrize("at", [None, 70])
def test_a_language_model_reads_on(language_model: GenerateModel, at: int | None) -> None:
    subject = subject_of(language_model, toy_text(4)[:130], at=at)
    check_reading_on(subject)
    if at is not None:
        assert (falls_of(subject)[0][at + 1 :] == 0).all()


def test_a_look_ahead_is_read_anew() -> None:
    model = SequenceClassifyModel(FrameModelMaker("classify", "bigru", lookahead=3).stored)
    subject = subject_of(model, sequences((40,))[0])
    assert subject.singly() is None
    np.testing.assert_allclose(falls_of(subject)[0], plain_falls(subject), atol=1e-9)


@pytest.mark.parametrize("reads_on", [True, False])
def test_of_too_long_an_input_the_units_of_the_strongest_stretches_are_taken_alone(
    toy_classifier: Path, monkeypatch: pytest.MonkeyPatch, reads_on: bool
) -> None:
    model = load(toy_classifier)
    subject = subject_of(model, " ".join(LONG.split()[:120]))
    length = len(subject.units)
    plain = plain_falls(subject)
    monkeypatch.setattr(occlusion, "LEAST", 8)
    monkeypatch.setattr(occlusion, "MOST_READ", 2 * 10 * length)  # 10 stretches of 12, and, read anew, 10 units alone
    monkeypatch.setattr(occlusion, "MOST_READ_ON", 30 * 96)  # about 30 units alone, which are 2 stretches
    if not reads_on:
        monkeypatch.setattr(type(subject), "singly", lambda self: None)
    falls, is_single = falls_of(subject)
    stretches = np.arange(length).reshape(10, 12)
    variants = np.repeat(subject.as_it_is(), 10, axis=0)
    for row, stretch in zip(variants, stretches, strict=True):
        row[stretch] = BLANK
    whole = subject.scores(subject.as_it_is())[0] - subject.scores(variants)
    strongest = np.argsort(-np.abs(whole))
    (note,) = (note for note in subject.notes if "the input is long" in note)
    assert "its 120 words were taken away in stretches of up to 12" in note
    if reads_on:
        assert is_single.sum() in (12, 24, 36)
        looked_at = strongest[: is_single.sum() // 12]
        assert is_single.reshape(10, 12)[looked_at].all()
        np.testing.assert_allclose(falls[is_single], plain[is_single], atol=1e-6)
        first = int(stretches[looked_at].min())
        assert f"words {first + 1} to" in note
        assert "on which most hangs, alone" in note
    else:
        # Not even one stretch fits: the strongest is cut into as many parts as may be read.
        looked_at = strongest[:1]
        own = stretches[looked_at[0]]
        assert is_single[own].sum() == 8  # of 12 units in 10 parts
        assert is_single.sum() == 8
        np.testing.assert_allclose(falls[is_single], plain[is_single], atol=1e-6)
    for number in set(range(10)) - set(looked_at.tolist()):
        np.testing.assert_allclose(falls[stretches[number]], whole[number] / 12, atol=1e-9)


def test_the_progress_rises_to_all_that_is_read(toy_classifier: Path) -> None:
    told: list[tuple[int, int]] = []
    explanation = tidegate.explain(toy_classifier, " ".join(LONG.split()[:100]), told=lambda done, total: told.append((done, total)))
    assert explanation.influence is not None
    assert explanation.influence.is_single.all()
    assert len(told) > 3
    done = [count for count, _ in told]
    assert done == sorted(done)
    assert all(count <= total for count, total in told)
    assert done[-1] > 0.5 * told[-1][1]
