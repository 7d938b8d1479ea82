"""`explain` of translators with random weights: both panels, the attention, and scores of the target that was found."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidegate
from tidegate.data.units import CharacterUnits
from tidegate.errors import DataError, RecipeError
from tidegate.explanation.subjects import subject_of
from tidegate.explanation.subjects.subject import BLANK, CUT
from tidegate.runtime import TranslateModel
from translate_models import TranslateTwin

UNITS = CharacterUnits(["", "a", "b", "c", "d"]), CharacterUnits(["", "x", "y", "z"])
SOURCE = "abcadb"


def made(**options: Any) -> TranslateModel:
    stored = TranslateTwin(*UNITS, **options).stored
    stored.tensors["head.bias"][-1] -= 3  # so that targets do not end at once
    return TranslateModel(stored)


@pytest.mark.parametrize("attention", ["additive", "multiplicative", "none"])
@pytest.mark.parametrize("decoder", ["lstm", "gru"])
def test_a_translation(attention: str, decoder: str) -> None:
    model = made(attention=attention, decoder=decoder)
    (translation,) = model.translate([SOURCE])
    found = tidegate.explain(model, SOURCE)
    assert translation.target
    assert found.answer.startswith(f"{translation.target!r} (log p ")
    source, target = found.panels
    assert source.units == (*SOURCE, "</s>")
    assert [layer.title for layer in source.layers] == ["layer 1 →", "layer 1 ←"]
    assert target.units == ("</s>", *translation.target)
    assert target.said == (*translation.target, "</s>")
    assert [layer.trace.stack for layer in target.layers] == ["decoder.0", "decoder.1"]
    assert all(layer.trace.states.shape == (len(target.units), 7) for layer in target.layers)
    assert np.log(target.probabilities).sum() == pytest.approx(translation.hypotheses[0].logprob, abs=1e-4)
    if attention == "none":
        assert found.attention is None
    else:
        assert found.attention is not None
        assert found.attention.sources == source.units
        np.testing.assert_allclose(found.attention.weights, translation.hypotheses[0].attention)
        np.testing.assert_allclose(found.attention.weights.sum(axis=1), 1, atol=1e-5)
    influence = found.influence
    assert influence is not None
    assert influence.panel == "source"
    assert influence.occlusion[-1] == 0  # its end stays
    assert influence.forward is not None
    assert influence.backward is not None


def test_scores_are_those_of_the_same_target_for_the_source_varied() -> None:
    model = made()
    subject = subject_of(model, SOURCE)
    variants = np.repeat(subject.as_it_is(), 3, axis=0)
    variants[1, 2:4] = CUT
    variants[2, 0] = BLANK
    target = model.predict([SOURCE])[0]
    scores = [score.logprob for score in model.logprob([(text, target) for text in (SOURCE, "abdb", "?bcadb")])]
    np.testing.assert_allclose(subject.scores(variants), scores, atol=1e-5)


def test_the_units_of_a_target_add_up_to_the_whole() -> None:
    model = made()
    target = model.predict([SOURCE])[0]
    whole = subject_of(model, SOURCE)
    variants = np.repeat(whole.as_it_is(), 2, axis=0)
    variants[1, 3] = BLANK
    each = [subject_of(model, SOURCE, at=place).scores(variants) for place in range(len(target) + 1)]
    np.testing.assert_allclose(np.sum(each, axis=0), whole.scores(variants), atol=1e-5)


def test_what_cannot_be_explained_is_refused() -> None:
    model = made()
    with pytest.raises(DataError, match="is empty, so there is nothing to explain"):
        tidegate.explain(model, "  ")
    with pytest.raises(RecipeError, match="at is 99; the target has"):
        tidegate.explain(model, SOURCE, at=99)
    with pytest.raises(RecipeError, match="label was given, which means nothing for a TranslateModel"):
        tidegate.explain(model, SOURCE, label="x")
    assert any("does not know" in note for note in tidegate.explain(model, "ab?", influence=False).notes)
