"""`explain` of models over sequences of numbers, sound and series, with random weights: what is shown is what the model did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import forecast_models
import tidegate
from frame_models import FEATURES, FrameModelMaker, recordings, sequences
from tidegate.data.number_sequences import NumberSequence
from tidegate.errors import DataError, RecipeError
from tidegate.explanation.subjects import subject_of
from tidegate.explanation.subjects.subject import BLANK, CUT, KEEP
from tidegate.runtime import FillModel, SequenceClassifyModel, SequenceTagModel, TranscribeModel, load

SEQUENCE: NumberSequence = sequences((14,))[0]


@pytest.fixture(scope="module")
def classifier() -> SequenceClassifyModel:
    return SequenceClassifyModel(FrameModelMaker("classify", "bigru").stored)


@pytest.fixture(scope="module")
def tagger() -> SequenceTagModel:
    return SequenceTagModel(FrameModelMaker("tag", "lstm").stored)


@pytest.fixture(scope="module")
def filler(toy_filler: Path) -> FillModel:
    model = load(toy_filler)
    assert isinstance(model, FillModel)
    return model


def without_steps(sequence: NumberSequence, steps: list[int]) -> NumberSequence:
    return replace(sequence, values=np.delete(sequence.values, steps, axis=0))


def test_a_sequence_classified(classifier: SequenceClassifyModel) -> None:
    found = tidegate.explain(classifier, SEQUENCE)
    (label,) = classifier.predict([SEQUENCE])
    assert found.answer.startswith(f"{label} (")
    (panel,) = found.panels
    assert panel.units == tuple(map(str, range(14)))
    assert [(layer.title, layer.trace.states.shape) for layer in panel.layers][:2] == [("layer 1 →", (14, 6)), ("layer 1 ←", (14, 6))]
    assert found.attention is not None
    assert found.attention.weights.shape == (1, 14)
    assert found.attention.weights.sum() == pytest.approx(1, abs=1e-6)
    influence = found.influence
    assert influence is not None
    assert influence.channels == FEATURES
    assert influence.channel_occlusion.shape == (3,)
    assert influence.check is not None
    assert influence.forward is not None
    assert influence.backward is not None


def test_scores_of_a_sequence_are_those_of_the_sequence_varied(classifier: SequenceClassifyModel) -> None:
    for number, label in enumerate(classifier.classes):
        subject = subject_of(classifier, SEQUENCE, label=label)
        cut = subject.as_it_is()
        cut[0, 9:] = CUT
        expected = np.log(classifier.predict_proba([SEQUENCE, without_steps(SEQUENCE, list(range(9, 14)))])[:, number])
        np.testing.assert_allclose(subject.scores(np.concatenate([subject.as_it_is(), cut])), expected, atol=1e-5)


def test_a_feature_that_is_blanked_reads_as_one_that_was_never_measured(classifier: SequenceClassifyModel) -> None:
    subject = subject_of(classifier, SEQUENCE, label="storm")
    variants = np.full((3, 14, 3), KEEP, dtype=np.uint8)
    variants[np.arange(3), :, np.arange(3)] = BLANK
    expected = []
    for feature in range(3):
        values = SEQUENCE.values.copy()
        # Of a feature without holes in training nothing marks them, so the mean is what says nothing.
        values[:, feature] = np.nan if feature == 0 else classifier.frames.scale.centre[feature]
        expected.append(classifier.predict_proba([replace(SEQUENCE, values=values)])[0][classifier.classes.index("storm")])
    np.testing.assert_allclose(subject.scores(variants), np.log(expected), atol=1e-5)


def test_steps_that_are_read_several_frames_at_a_time() -> None:
    from frame_models import number_frames

    model = SequenceClassifyModel(FrameModelMaker("classify", "gru", frames=number_frames(per_step=3)).stored)
    found = tidegate.explain(model, SEQUENCE)
    assert len(found.panels[0].units) == 5
    assert found.influence is not None
    assert found.influence.channels == FEATURES


def test_each_step_tagged_has_its_contexts(tagger: SequenceTagModel) -> None:
    found = tidegate.explain(tagger, SEQUENCE)
    assert found.panels[0].said == tuple(tagger.predict([SEQUENCE])[0])
    probabilities = tagger.predict_proba([SEQUENCE])[0]
    assert found.panels[0].probabilities == pytest.approx(probabilities.max(axis=1).tolist())
    influence = found.influence
    assert influence is not None
    np.testing.assert_array_equal(influence.right, 0)  # read one way
    assert (influence.left[1:] != 0).any()
    # The left context of step 5 is worth what its label loses where steps 0 to 4 are not there.
    place = 5
    alone = tagger.predict_proba([without_steps(SEQUENCE, list(range(place)))])[0][0]
    label = int(probabilities[place].argmax())
    assert influence.left[place] == pytest.approx(np.log(probabilities[place, label]) - np.log(alone[label]), abs=1e-5)


def test_one_step_tagged(tagger: SequenceTagModel) -> None:
    found = tidegate.explain(tagger, SEQUENCE, at=3)
    assert found.influence is not None
    assert found.influence.of == f"log p of {tagger.predict([SEQUENCE])[0][3]!r} at step 3"
    np.testing.assert_array_equal(found.influence.occlusion[4:], 0)
    with pytest.raises(RecipeError, match="at is 14"):
        tidegate.explain(tagger, SEQUENCE, at=14)


def test_sequences_that_cannot_be_explained_are_refused(classifier: SequenceClassifyModel) -> None:
    with pytest.raises(DataError, match="has no step"):
        tidegate.explain(classifier, np.zeros((0, 3)))
    with pytest.raises(RecipeError, match="the model has no label 'calmer'.*'calm'"):
        tidegate.explain(classifier, SEQUENCE, label="calmer")
    with pytest.raises(DataError, match="2 features"):
        tidegate.explain(classifier, np.zeros((4, 2)))


@pytest.mark.parametrize("beam", [1, 4])
def test_a_recording_transcribed(beam: int) -> None:
    made = FrameModelMaker("transcribe", "bilstm")
    made.stored.config["recipe"]["beam"] = beam
    model = TranscribeModel(made.stored)
    recording = recordings((0.6,))[0]
    found = tidegate.explain(model, recording)
    (text,) = model.predict([recording])
    assert text
    assert found.answer.startswith(f"{text!r} (log p ")
    (panel,) = found.panels
    assert panel.units[:3] == ("0.00 s", "0.02 s", "0.04 s")
    assert len(panel.layers) == 4
    assert found.influence is not None
    assert len(found.influence.channels) == 12
    assert found.influence.channels[0].endswith(" Hz")
    subject = subject_of(model, recording)
    # log p of a transcript is above that of its best alignment, and no probability is above 1.
    (best,) = model.answers([recording], beam=1)
    assert 0 >= subject.scores(subject.as_it_is())[0] >= (best.score if best.text == text else -np.inf)


def filler_input(path: Path) -> str:
    return str(path / "pumps.csv")


def test_a_gap_filled(filler: FillModel, toy_series: Path) -> None:
    path = filler_input(toy_series)
    panel = filler.panel([path])
    found = tidegate.explain(filler, [path], series="north")
    assert "the series has" in " ".join(found.notes)
    subject = subject_of(filler, panel, series="north")
    series = next(one for one in filler.fill(panel) if one.series.name == "north")
    expected = series.y[subject.gap]  # type: ignore[attr-defined]
    np.testing.assert_allclose(subject.medians, expected, rtol=2e-3)  # type: ignore[attr-defined]
    influence = found.influence
    assert influence is not None
    assert {"pressure", "heat", "wind", "open", "calendar: day"} <= set(influence.channels)
    first, gap = subject.first, subject.gap  # type: ignore[attr-defined]
    # To take away what was never there changes nothing.
    unseen = np.full((1, len(subject.units), len(subject.channels)), KEEP, dtype=np.uint8)
    unseen[0, gap - first, 0] = BLANK
    assert subject.scores(unseen)[0] == pytest.approx(0, abs=1e-6)
    # What stands beside the gap matters more than what stands far away.
    near = influence.occlusion[[gap[0] - 1 - first, gap[-1] + 1 - first]].max()
    assert near > np.median(influence.occlusion)
    assert found.panels[0].said[gap[0] - first] == f"{subject.medians[0]:.4g}"  # type: ignore[attr-defined]
    assert found.panels[0].units[gap[0] - first].endswith("  ?")


def test_a_step_without_a_value_reads_as_a_hole(filler: FillModel, toy_series: Path) -> None:
    panel = filler.panel([filler_input(toy_series)])
    subject: Any = subject_of(filler, panel, series="south")
    variants = subject.as_it_is()
    step = int(subject.gap[0]) - 1
    only_target = np.full((1, len(subject.units), len(subject.channels)), KEEP, dtype=np.uint8)
    only_target[0, step - subject.first, 0] = BLANK
    series = [
        one if one.name != "south" else replace(one, y=np.where(np.arange(len(one.y)) == step, np.nan, one.y)) for one in panel.series
    ]
    holed: Any = subject_of(filler, replace(panel, series=tuple(series)), series="south", at=int(subject.gap[0]))
    again = holed.medians[1:]  # the gap is one step longer
    expected = -np.abs(again - subject.medians).mean()
    assert subject.scores(only_target)[0] == pytest.approx(expected, rel=0.02)
    assert subject.scores(variants)[0] == 0


def test_gaps_that_are_not_there_are_refused(filler: FillModel, toy_series: Path) -> None:
    panel = filler.panel([filler_input(toy_series)])
    with pytest.raises(RecipeError, match="there are 2 series, and one at a time is explained. Name its series"):
        tidegate.explain(filler, panel)
    with pytest.raises(RecipeError, match="series is 'nort'; known are"):
        tidegate.explain(filler, panel, series="nort")
    full = replace(panel, series=tuple(replace(one, y=np.nan_to_num(one.y, nan=1.0)) for one in panel.series))
    with pytest.raises(DataError, match="has no hole"):
        tidegate.explain(filler, full, series="north")
    seen = int(np.flatnonzero(np.isfinite(panel.series[0].y))[0])
    with pytest.raises(RecipeError, match=f"at is {seen}; the series has a value there or no such step"):
        tidegate.explain(filler, panel, series=panel.series[0].name, at=seen)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    return forecast_models.table(tmp_path_factory.mktemp("forecast") / "table.csv")


@pytest.mark.parametrize("decoding", ["direct", "recursive"])
@pytest.mark.parametrize("scaling", ["last", "window"])
def test_a_forecast(table: str, decoding: str, scaling: str) -> None:
    trained = forecast_models.Trained(table, "all", decoding=decoding, scaling=scaling, layers=2)
    found = tidegate.explain(trained.model, trained.panel, series="a")
    told = trained.model.predict(trained.panel).series[0].quantiles
    medians = told[:, told.shape[1] // 2]
    subject: Any = subject_of(trained.model, trained.panel, series="a")
    np.testing.assert_allclose(subject.medians, medians, rtol=1e-4)
    past, ahead = found.panels
    assert (past.name, past.unit_name, len(past.units)) == ("past", "segment", forecast_models.CONTEXT // forecast_models.W)
    assert past.units[-1].endswith(trained.panel.show_time(trained.panel.series[0], len(trained.panel.series[0].y) - 1))
    assert (ahead.name, len(ahead.units)) == ("ahead", 3)
    assert [layer.trace.states.shape[0] for layer in (*past.layers, *ahead.layers)] == [4, 4, 3, 3]
    assert ahead.said[0] == f"{medians[:3].mean():.4g}"
    # The decoder goes on from where the past ended.
    np.testing.assert_allclose(ahead.layers[0].trace.before[0], past.layers[0].trace.states[-1], atol=1e-6)
    influence = found.influence
    assert influence is not None
    assert influence.channels[:4] == ("load", "wind", "plan", "sky")
    assert (influence.occlusion >= 0).all()
    assert influence.occlusion.max() > 0
    assert influence.forward is None


def test_a_segment_that_says_nothing_reads_as_holes(table: str) -> None:
    trained = forecast_models.Trained(table, "targets")
    panel = trained.panel
    subject: Any = subject_of(trained.model, panel, series="a", target="flow", at=2)
    variants = np.repeat(subject.as_it_is(), 2, axis=0)
    variants[1, 1] = BLANK
    begin = subject.first + forecast_models.W
    place = next(k for k, one in enumerate(panel.series) if (one.name, one.target) == ("a", "flow"))
    y = panel.series[place].y.copy()
    y[begin : begin + forecast_models.W] = np.nan
    series = tuple(replace(one, y=y) if k == place else one for k, one in enumerate(panel.series))
    told = [trained.model.predict(given).series[place].quantiles[2] for given in (panel, replace(panel, series=series))]
    change = abs(told[0][len(told[0]) // 2] - told[1][len(told[0]) // 2])
    np.testing.assert_allclose(subject.scores(variants), [0, -change], rtol=1e-3, atol=1e-6)


def test_forecasts_that_cannot_be_explained_are_refused(table: str) -> None:
    trained = forecast_models.Trained(table, "all")
    with pytest.raises(RecipeError, match="at is 7; the model tells 7 steps ahead, a whole number from 0 to 6 was expected"):
        tidegate.explain(trained.model, trained.panel, series="a", at=7)
    with pytest.raises(RecipeError, match="there are 3 series"):
        tidegate.explain(trained.model, trained.panel)
    ended = replace(trained.panel.series[0], has_row=trained.panel.series[0].has_row[: len(trained.panel.series[0].y)])
    with pytest.raises(DataError, match="the rows given end at"):
        tidegate.explain(trained.model, replace(trained.panel, series=(ended,)))
