"""Integrated gradients: the torch half scores as the subject does, and attributions add up to what the score falls by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("captum")

import builtins

import torch

import tidegate
from frame_models import FrameModelMaker, recordings, sequences
from language_models import LanguageModel
from tidegate.data.units import CharacterUnits
from tidegate.errors import MissingExtraError, RecipeError
from tidegate.explanation.gradients import integrated
from tidegate.explanation.gradients.integrated import integrated_gradients
from tidegate.explanation.gradients.scores import differentiable
from tidegate.explanation.subjects import subject_of
from tidegate.explanation.subjects.classify import ClassifySubject
from tidegate.explanation.subjects.subject import BLANK
from tidegate.runtime import GenerateModel, SequenceClassifyModel, SequenceTagModel, TagModel, TranscribeModel, TranslateModel, load
from translate_models import TranslateTwin

SENTENCE = "Teddy bears are on sale".split()


def check(subject: Any) -> None:
    """Torch's score is the subject's, of the input and of blanks alone, and the attributions are complete."""
    found = differentiable(subject)
    variants = np.repeat(subject.as_it_is(), 2, axis=0)
    variants[1] = BLANK
    score, blank = subject.scores(variants)
    told = [float(found.score(torch.from_numpy(np.ascontiguousarray(part))[None])[0]) for part in (found.x, found.blank)]
    if isinstance(subject, ClassifySubject) and subject.network.wide_scores([["a"]]) is not None:
        blank = told[1]  # the n-grams stay
    np.testing.assert_allclose(told, [score, blank], atol=2e-4, rtol=1e-4)
    gradients = integrated_gradients(subject)
    assert gradients.units.shape == (len(subject.units),)
    assert gradients.fall == pytest.approx(score - blank, abs=5e-4)
    assert gradients.is_complete
    assert gradients.units.sum() == pytest.approx(gradients.fall, abs=max(1e-3, 0.01 * np.abs(gradients.units).sum()))
    assert np.abs(gradients.units).max() > 0


@pytest.mark.parametrize("at", [None, 0])
def test_a_taggers_gradients_add_up(toy_model: Path, at: int | None) -> None:
    model = load(toy_model)
    assert isinstance(model, TagModel)
    subject = subject_of(model, SENTENCE, at=at)
    check(subject)
    explained = tidegate.explain(model, SENTENCE, at=at, gradients=True)
    assert explained.influence is not None
    np.testing.assert_allclose(explained.influence.gradient, integrated_gradients(subject).units)
    assert len(explained.to_json()["influence"]["gradient"]) == len(SENTENCE)


def test_a_classifiers_gradients_add_up(toy_classifier: Path) -> None:
    for label in ("food", "weather"):
        check(subject_of(load(toy_classifier), "the bread with cheese was very hail today", label=label))


@pytest.mark.parametrize("arch", ["rnn", "gru", "lstm", "gru-reset-after", "mingru", "bilstm", "bigru", "biminlstm"])
def test_a_language_models_gradients_add_up(arch: str) -> None:
    for is_tied in (False, True):
        model = GenerateModel(LanguageModel(arch, CharacterUnits(["", "\n", "a", "b", "c"]), is_tied=is_tied, layers=2).stored)
        check(subject_of(model, "abcab"))
        check(subject_of(model, "abcab", at=2))


@pytest.mark.parametrize("arch", ["gru", "bilstm"])
def test_gradients_of_sequences_add_up(arch: str) -> None:
    (sequence,) = sequences((9,))
    made = FrameModelMaker("classify", arch)
    check(subject_of(SequenceClassifyModel(made.stored), sequence, label="storm"))
    for at in (None, 4):
        check(subject_of(SequenceTagModel(FrameModelMaker("tag", arch).stored), sequence, at=at))


def test_gradients_of_a_transcript_add_up() -> None:
    check(subject_of(TranscribeModel(FrameModelMaker("transcribe", "bigru").stored), recordings((0.4,))[0]))


@pytest.mark.parametrize("attention", ["additive", "multiplicative", "none"])
def test_a_translators_gradients_add_up(attention: str) -> None:
    stored = TranslateTwin(*(CharacterUnits(["", *texts]) for texts in ("abc", "xyz")), attention=attention, layer_norm=True).stored
    stored.tensors["head.bias"][-1] -= 3
    for at in (None, 0):
        check(subject_of(TranslateModel(stored), "abcab", at=at))


def test_gradients_of_a_bounded_look_ahead_add_up() -> None:
    (sequence,) = sequences((9,))
    check(subject_of(SequenceTagModel(FrameModelMaker("tag", "bigru", lookahead=2).stored), sequence, at=4))


def test_what_is_read_after_the_step_asked_about_has_no_gradient() -> None:
    (sequence,) = sequences((9,))
    subject = subject_of(SequenceTagModel(FrameModelMaker("tag", "gru").stored), sequence, at=4)
    np.testing.assert_array_equal(integrated_gradients(subject).units[5:], 0)


def test_a_score_of_a_linear_kind_is_attributed_exactly() -> None:
    """An rnn near zero is linear: the attributions are then the falls by occlusion."""
    made = FrameModelMaker("classify", "rnn", pools=("mean",), layers=1, labels=("a", "b"))
    for name, tensor in made.stored.tensors.items():
        if name.startswith("stack"):
            tensor *= 1e-3
    made.stored.tensors["embed.bias"][:] = 50  # the relu is open everywhere
    made.stored.tensors["head.weight"] *= 1e-2
    (sequence,) = sequences((6,))
    subject = subject_of(SequenceClassifyModel(made.stored), sequence, label="a")
    variants = np.repeat(subject.as_it_is(), 7, axis=0)
    variants[np.arange(1, 7), np.arange(6)] = BLANK
    scores = subject.scores(variants)
    found = differentiable(subject)
    x = torch.from_numpy(np.repeat(found.x[None], 7, axis=0))
    x[np.arange(1, 7), np.arange(6)] = torch.from_numpy(found.blank[0])
    exact = found.score(x.double().float()).double().numpy()
    np.testing.assert_allclose(scores, exact, atol=1e-5)
    np.testing.assert_allclose(integrated_gradients(subject).units, exact[0] - exact[1:], atol=1e-6)


def test_an_unfinished_sum_is_said(monkeypatch: pytest.MonkeyPatch, toy_classifier: Path) -> None:
    monkeypatch.setattr(integrated, "TOLERANCE", 0.0)
    monkeypatch.setattr(integrated, "LEAST_GAP", -1.0)
    monkeypatch.setattr(integrated, "MOST_STEPS", 32)
    subject = subject_of(load(toy_classifier), "the bread")
    found = integrated_gradients(subject)
    assert found.steps == 32
    assert any("attributions add up to" in note for note in subject.notes)


def test_gradients_that_there_are_not_are_refused(monkeypatch: pytest.MonkeyPatch, toy_classifier: Path) -> None:
    model = load(toy_classifier)
    with pytest.raises(RecipeError, match="influence=False"):
        tidegate.explain(model, "the bread", gradients=True, influence=False)
    real = builtins.__import__

    def without_captum(name: str, *given: Any, **named: Any) -> Any:
        if name.startswith("captum"):
            raise ImportError(name)
        return real(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without_captum)
    with pytest.raises(MissingExtraError, match="a gradient attribution needs the extra 'train'"):
        tidegate.explain(model, "the bread", gradients=True)
