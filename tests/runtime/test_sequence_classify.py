"""The classifier of sequences on NumPy alone: against the plain twins, and its decisions while a sequence is still coming."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from frame_models import POOLS, FrameModelMaker, number_frames, recordings, sequences, sound_frames
from tidegate.data.number_sequences import NumberSequence
from tidegate.data.records import Source
from tidegate.decoding import softmax
from tidegate.errors import DataError, ModelError, RecipeError, ShapeError
from tidegate.kernels import ARCHITECTURES, engine
from tidegate.runtime import sequence_network
from tidegate.runtime.frame_session import SequenceSession, StepAnswer
from tidegate.runtime.sequence_classify import SequenceClassifyModel


@pytest.fixture(params=["engine", "loop"])
def everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "loop":
        monkeypatch.setattr(engine, "is_built", lambda: False)
    return str(request.param)


def probabilities(model: SequenceClassifyModel, records: Any, **options: Any) -> Any:
    return np.array([answer.probabilities for answer in model.answers(records, **options)])


def fed(session: SequenceSession, values: Any, cut: int) -> list[StepAnswer]:
    answers = [answer for begin in range(0, len(values), cut) for answer in session.feed(values[begin : begin + cut])]
    return [*answers, *session.finish()]


@pytest.mark.parametrize("lookahead", [None, 3])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_answers_are_the_plain_twins_in_any_batch(arch: str, lookahead: int | None, everywhere: str) -> None:
    lookahead = lookahead if ARCHITECTURES[arch].is_bidirectional else None
    maker = FrameModelMaker("classify", arch, frames=number_frames(per_step=2), lookahead=lookahead)
    model, records = SequenceClassifyModel(maker.stored), sequences()
    expected = np.array([softmax(maker.logits(record)[None])[0] for record in records])
    assert np.ptp(expected, axis=0).max() > 0.01
    for batch_tokens in (1, 9, 4096):
        np.testing.assert_allclose(probabilities(model, records, batch_tokens=batch_tokens), expected, atol=2e-5)
    assert [answer.record for answer in model.answers(records, batch_tokens=9)] == records
    assert model.predict([record.values for record in records]) == [model.classes[k] for k in expected.argmax(axis=1)]
    np.testing.assert_allclose(model.predict_proba(records), expected, atol=2e-5)


@pytest.mark.parametrize("pools", [POOLS, *((pool,) for pool in POOLS)], ids=["all", *POOLS])
@pytest.mark.parametrize("arch", ["gru", "lstm", "minlstm"])
def test_after_every_step_a_session_decides_as_predict_does_of_so_much(arch: str, pools: tuple[str, ...], everywhere: str) -> None:
    model = SequenceClassifyModel(FrameModelMaker("classify", arch, pools=pools).stored)
    (record,) = sequences([40])
    expected = model.predict_proba([record.values[: n + 1] for n in range(40)])
    for cut in (1, 7, 40):
        answers = fed(model.session(), record.values, cut)
        assert [answer.step for answer in answers] == list(range(40))
        np.testing.assert_allclose([answer.probabilities for answer in answers], expected, atol=1e-5)
        for answer in answers:
            best = int(answer.probabilities.argmax())
            assert (answer.label, answer.probability) == (model.classes[best], answer.probabilities[best])


@pytest.mark.parametrize("pools", [POOLS, *((pool,) for pool in POOLS)], ids=["all", *POOLS])
def test_with_a_look_ahead_answers_lag_and_the_last_is_of_the_whole_sequence(pools: tuple[str, ...]) -> None:
    maker = FrameModelMaker("classify", "bigru", pools=pools)
    model = SequenceClassifyModel(maker.stored)
    (record,) = sequences([40])
    maker.lookahead = 5
    expected = softmax(maker.logits(record)[None])[0]
    (answer,) = model.answers([record], lookahead="5")
    np.testing.assert_allclose(answer.probabilities, expected, atol=2e-5)
    for cut in (1, 9, 40):
        session = model.session(lookahead=5)
        told = [len(session.feed(record.values[begin : begin + cut])) for begin in range(0, 40, cut)]
        assert np.cumsum(told).tolist() == [max(0, min(40, begin + cut) - 5) for begin in range(0, 40, cut)]
        rest = session.finish()
        assert [answer.step for answer in rest] == [35, 36, 37, 38, 39]
        np.testing.assert_allclose(rest[-1].probabilities, expected, atol=2e-5)


def test_energies_far_apart_are_weighed_as_they_should(monkeypatch: pytest.MonkeyPatch) -> None:
    maker = FrameModelMaker("classify", pools=["attention"])
    maker.tensors["pooling.query"] *= 2000
    model = SequenceClassifyModel(maker.stored)
    (record,) = sequences([60])
    expected = model.predict_proba([record.values[: n + 1] for n in range(60)])
    answers = fed(model.session(), record.values, 60)
    np.testing.assert_allclose([answer.probabilities for answer in answers], expected, atol=1e-4)


def test_sound_is_read_as_it_comes_at_its_own_rate_or_at_another() -> None:
    maker = FrameModelMaker("classify", frames=sound_frames())
    model = SequenceClassifyModel(maker.stored)
    for record in recordings():
        expected = softmax(maker.logits(record)[None])[0]
        (answer,) = model.answers([record])
        np.testing.assert_allclose(answer.probabilities, expected, atol=2e-5)
        for cut in (37, 800):
            last = fed(model.session(), record.samples, cut)[-1]
            np.testing.assert_allclose(last.probabilities, expected, atol=2e-5)
    (other,) = recordings([0.4], rate=11025)
    (answer,) = model.answers([other])
    last = fed(model.session(rate=11025), other.samples, 100)[-1]
    np.testing.assert_allclose(last.probabilities, answer.probabilities, atol=2e-5)
    assert model.predict([record.samples for record in recordings()]) == model.predict(recordings())


@pytest.mark.parametrize(("arch", "lookahead"), [("lstm", None), ("bilstm", 4)])
@pytest.mark.parametrize("input", ["numbers", "sound"])
def test_a_session_goes_on_from_its_bytes(input: str, arch: str, lookahead: int | None) -> None:
    frames = number_frames(per_step=3) if input == "numbers" else sound_frames(per_step=3)
    model = SequenceClassifyModel(FrameModelMaker("classify", arch, frames=frames).stored)
    rate = 11025 if input == "sound" else None
    values = sequences([50])[0].values if input == "numbers" else recordings([0.6], rate=11025)[0].samples
    expected = fed(model.session(lookahead=lookahead, rate=rate), values, 7)
    for place in (0, 1, 14, len(values) // 2):
        first, second = (model.session(lookahead=lookahead, rate=rate) for _ in range(2))
        begun = first.feed(values[:place]) if place else []
        second.restore(first.to_bytes())
        assert second.position == len(begun)
        answers = [*begun, *second.feed(values[place:]), *second.finish()]
        assert [answer.step for answer in answers] == [answer.step for answer in expected]
        np.testing.assert_allclose([answer.probabilities for answer in answers], [answer.probabilities for answer in expected], atol=1e-6)


def test_bytes_of_another_session_are_refused() -> None:
    model, other = (SequenceClassifyModel(FrameModelMaker("classify", "bigru", seed=seed).stored) for seed in (0, 1))
    saved = model.session(lookahead=4).to_bytes()
    with pytest.raises(ModelError, match=r"the session was saved by another model; go on with the model that began it"):
        other.session(lookahead=4).restore(saved)
    with pytest.raises(ModelError, match=r"the session was saved with lookahead 4, not 3; begin this one with the same"):
        model.session(lookahead=3).restore(saved)
    for damaged in (b"", b"x" * 100, saved[:-30]):
        with pytest.raises(ModelError, match=r"this is no saved session, or a damaged one"):
            model.session(lookahead=4).restore(damaged)


def test_a_session_that_has_ended_reads_no_more() -> None:
    session = SequenceClassifyModel(FrameModelMaker("classify").stored).session()
    assert session.finish() == []
    for more in (session.finish, lambda: session.feed(np.zeros(3))):
        with pytest.raises(RecipeError, match=r"this session has ended; begin another one for the next sequence"):
            more()
    with pytest.raises(RecipeError, match=r"this session has ended"):
        again = SequenceClassifyModel(FrameModelMaker("classify").stored).session()
        again.restore(session.to_bytes())
        again.finish()


def test_what_a_session_cannot_be_is_said() -> None:
    with pytest.raises(RecipeError, match=r"this bigru reads a sequence from both ends.*Give a look-ahead, --lookahead SPAN"):
        SequenceClassifyModel(FrameModelMaker("classify", "bigru").stored).session()
    model = SequenceClassifyModel(FrameModelMaker("classify", "gru").stored)
    with pytest.raises(RecipeError, match=r"a look-ahead of 3 steps was given, but gru reads one way"):
        model.session(lookahead=3)
    with pytest.raises(RecipeError, match=r"a rate of 8000 was given, but the model reads numbers"):
        model.session(rate=8000)
    with pytest.raises(ShapeError, match=r"\[n, 3\] or \[3\] was expected"):
        model.session().feed(np.zeros((2, 4)))


@pytest.mark.parametrize(("arch", "lookahead"), [("gru", None), ("bigru", 4)])
def test_a_long_sequence_is_read_in_parts(arch: str, lookahead: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    model = SequenceClassifyModel(FrameModelMaker("classify", arch, lookahead=lookahead).stored)
    records = sequences([203])
    whole = probabilities(model, records)
    monkeypatch.setattr(sequence_network, "_READ", 20)
    np.testing.assert_allclose(probabilities(model, records), whole, atol=1e-6)


@pytest.mark.parametrize("arch", ["gru", "bigru"])
def test_evaluate_scores_whole_sequences_and_their_beginnings(arch: str) -> None:
    model = SequenceClassifyModel(FrameModelMaker("classify", arch).stored)
    records = sequences(range(1, 40), labels=["calm", "storm", "tide"])
    right = [record.label for record in records]
    scores = model.evaluate(iter(records), batch_tokens=50)
    assert scores["n"] == 39
    assert scores["accuracy"] == pytest.approx(model.score(records, right))
    assert sum(sum(row.values()) for row in scores["confusion"].values()) == 39
    for entry in scores["by_share"]:
        cut = [record.values[: int(np.ceil(round(len(record) * entry["share"], 6)))] for record in records]
        assert entry["accuracy"] == pytest.approx(model.score(cut, right))
    assert [entry["share"] for entry in scores["by_share"]] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert model.evaluate(records, batch_tokens=50, shares=False) == {key: value for key, value in scores.items() if key != "by_share"}


def test_labels_that_training_lacked_count_as_wrong_and_many_are_refused() -> None:
    model = SequenceClassifyModel(FrameModelMaker("classify").stored)
    known = sequences([3] * 99, labels=["calm", "storm"])
    odd = sequences([3], labels=["gale"])
    scores = model.evaluate([*known, *odd])
    assert (scores["n"], scores["n_unknown_labels"]) == (100, 1)
    assert "label 'gale' of column 'kind' is not among the 3 labels" in scores["first_unknown_label"]
    with pytest.raises(DataError, match=r"in\.csv, line 2: label 'gale'"):
        model.evaluate([*known[:9], *odd])
    with pytest.raises(DataError, match=r"in\.csv, line 2: 's0' carries no label"):
        model.evaluate(sequences([3]))


def test_answers_as_json_and_unsure_ones() -> None:
    model = SequenceClassifyModel(FrameModelMaker("classify").stored)
    (record,) = sequences([5], labels=["tide"])
    (answer,) = model.answers([record])
    content = model.to_json(answer, with_input=True)
    assert json.loads(json.dumps(content)) == content
    assert list(content) == ["name", "label", "probability", "probabilities", "input"]
    assert (content["name"], content["input"]) == ("s0", {"kind": "tide"})
    assert content["probabilities"] == {name: round(p, 6) for name, p in zip(model.classes, answer.probabilities.tolist(), strict=True)}
    assert model.to_json(answer) == {key: content[key] for key in ("label", "probability", "probabilities")}
    (unsure,) = model.answers([record], abstain_below=answer.probability + 1e-6)
    assert (unsure.label, unsure.probability) == (None, answer.probability)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((4, 3)), r"one sequence was given where a list of them is expected; write \[sequence\]"),
        ([np.zeros(3)], r"sequence 1 is an array of shape \[3\]; an array \[T, D\] was expected"),
        ([np.zeros((2, 3)), [["a", "b", "c"]]], r"sequence 2 is .*an array \[T, D\] of numbers was expected"),
        ([np.zeros((2, 4))], r"the sequences given, sequence 1: sequence '1' has 4 features; 3 were expected: speed, heat"),
        ([np.zeros((0, 3))], r"the sequences given, sequence 1: sequence '1' is empty; there is nothing to answer"),
        ([NumberSequence(np.zeros((0, 3)), Source("in.csv", 7), "storm")], r"in\.csv, line 7: sequence 'storm' is empty"),
        ("in.csv", r"a str was given where a list is expected"),
    ],
)
def test_what_is_no_sequence_is_refused(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        SequenceClassifyModel(FrameModelMaker("classify").stored).predict(given)
