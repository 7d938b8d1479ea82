"""The tagger of sequences on NumPy alone: against the plain twins, and labels while a sequence is still coming."""

from __future__ import annotations

import json

import numpy as np
import pytest

from frame_models import FrameModelMaker, sequences
from tidegate.decoding import softmax
from tidegate.errors import DataError, RecipeError
from tidegate.runtime import sequence_network
from tidegate.runtime.sequence_tag import SequenceTagModel


@pytest.mark.parametrize(("arch", "lookahead"), [("lstm", None), ("bigru", None), ("bilstm", 3)])
def test_every_step_has_the_plain_twins_label_in_any_batch(arch: str, lookahead: int | None) -> None:
    maker = FrameModelMaker("tag", arch, lookahead=lookahead)
    model, records = SequenceTagModel(maker.stored), sequences()
    expected = [softmax(maker.logits(record)) for record in records]
    for found, right in zip(model.predict_proba(records), expected, strict=True):
        np.testing.assert_allclose(found, right, atol=2e-5)
    for batch_tokens in (1, 20, 4096):
        for answer, right in zip(model.answers(records, batch_tokens=batch_tokens), expected, strict=True):
            assert answer.labels == [model.classes[k] for k in right.argmax(axis=1)]
            np.testing.assert_allclose(answer.probabilities, right.max(axis=1), atol=2e-5)
    assert model.predict([record.values for record in records]) == [answer.labels for answer in model.answers(records)]


@pytest.mark.parametrize(("arch", "lookahead"), [("gru", None), ("bigru", 4)])
def test_a_session_labels_every_step_as_late_as_its_look_ahead(arch: str, lookahead: int | None) -> None:
    model = SequenceTagModel(FrameModelMaker("tag", arch).stored)
    (record,) = sequences([30])
    (expected,) = model.answers([record], lookahead=lookahead)
    for cut in (1, 7, 30):
        session = model.session(lookahead=lookahead)
        told = [session.feed(record.values[begin : begin + cut]) for begin in range(0, 30, cut)]
        lag = lookahead or 0
        assert np.cumsum([len(part) for part in told]).tolist() == [max(0, min(30, begin + cut) - lag) for begin in range(0, 30, cut)]
        answers = [answer for part in [*told, session.finish()] for answer in part]
        assert [answer.step for answer in answers] == list(range(30))
        assert [answer.label for answer in answers] == expected.labels
        np.testing.assert_allclose([answer.probability for answer in answers], expected.probabilities, atol=1e-5)


def test_a_session_goes_on_from_its_bytes_and_a_whole_two_way_one_is_refused() -> None:
    model = SequenceTagModel(FrameModelMaker("tag", "bigru").stored)
    (record,) = sequences([30])
    first, second = model.session(lookahead=4), model.session(lookahead=4)
    answers = first.feed(record.values[:11])
    second.restore(first.to_bytes())
    answers += [*second.feed(record.values[11:]), *second.finish()]
    assert [answer.label for answer in answers] == next(model.answers([record], lookahead=4)).labels
    with pytest.raises(RecipeError, match=r"reads a sequence from both ends"):
        model.session()


def test_evaluate_counts_every_step_once() -> None:
    model = SequenceTagModel(FrameModelMaker("tag").stored)
    records = sequences(range(1, 20), label="storm")
    scores = model.evaluate(iter(records), batch_tokens=30)
    labels = [label for answer in model.answers(records) for label in answer.labels]
    assert scores["n"] == len(labels) == 190
    assert scores["accuracy"] == labels.count("storm") / 190 == pytest.approx(model.score(records, [record.labels for record in records]))
    assert 0 < scores["accuracy"] < 1
    assert sum(scores["confusion"]["storm"].values()) == scores["per_label"]["storm"]["support"] == 190
    with pytest.raises(DataError, match=r"in\.csv, line 2: 's0' carries no label"):
        model.evaluate(sequences([3]))
    with pytest.raises(DataError, match=r"'s0' has 0 labels and 3 steps; every step needs one"):
        model.evaluate(sequences([3], labels=["calm"]))
    with pytest.raises(DataError, match=r"give of each sequence a label for each step"):
        model.score(sequences([3]), [["calm"]])


def test_answers_as_json_and_unsure_ones() -> None:
    model = SequenceTagModel(FrameModelMaker("tag").stored)
    (record,) = sequences([5], label="tide")
    (answer,) = model.answers([record])
    content = model.to_json(answer, with_input=True)
    assert json.loads(json.dumps(content)) == content
    assert (content["name"], content["input"]) == ("s0", {"kind": ["tide"] * 5})
    assert model.to_json(answer) == {"labels": answer.labels, "probabilities": [round(p, 6) for p in answer.probabilities.tolist()]}
    least = sorted(answer.probabilities)[2]
    (unsure,) = model.answers([record], abstain_below=least)
    assert unsure.labels.count(None) == 2


def test_a_long_sequence_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = SequenceTagModel(FrameModelMaker("tag", "bigru", lookahead=4).stored)
    (record,) = sequences([203])
    (whole,) = model.answers([record])
    monkeypatch.setattr(sequence_network, "_READ", 20)
    (parts,) = model.answers([record])
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-6)
