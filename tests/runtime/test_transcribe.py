"""The transcriber on NumPy alone: its steps by the plain twins, what is read from them, and units while a recording is still coming."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import groupby, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frame_models import FrameModelMaker, recordings, sound_frames
from tidegate.data.recordings import Recording, RecordingColumns
from tidegate.data.wav import write_wav
from tidegate.decoding import softmax
from tidegate.errors import DataError, RecipeError, ShapeError
from tidegate.runtime.transcribe import TranscribeModel

UNITS = ("one", "two", "three")


def maker_of(arch: str = "gru", **options: Any) -> FrameModelMaker:
    maker = FrameModelMaker("transcribe", arch, labels=UNITS, **options)
    maker.tensors["head.weight"] *= 4  # or one unit would be the best of every step
    return maker


def greedy(logits: Any) -> list[tuple[int, int]]:
    """(unit, step) where the best units of the steps change and are no blank: the definition of CTC's mapping B."""
    runs, step = [], 0
    for unit, run in groupby(logits.argmax(axis=1).tolist()):
        runs.append((unit, step))
        step += len(list(run))
    return [(unit, step) for unit, step in runs if unit]


@pytest.mark.parametrize("unit", ["word", "char"])
@pytest.mark.parametrize(("arch", "lookahead"), [("lstm", None), ("bigru", None), ("bigru", 4)])
def test_a_transcript_is_what_the_plain_twins_steps_spell(arch: str, lookahead: int | None, unit: str) -> None:
    maker = maker_of(arch, lookahead=lookahead, unit=unit)
    model, records = TranscribeModel(maker.stored), recordings((0.5, 0.01, 1.2, 0.1))
    for batch_tokens in (1, 4096):
        for record, answer in zip(records, model.answers(records, batch_tokens=batch_tokens), strict=True):
            logits = maker.logits(record)
            expected, p = greedy(logits), softmax(logits)
            assert list(zip(answer.units, answer.steps, strict=True)) == [(UNITS[label - 1], step) for label, step in expected]
            assert answer.text == (" " if unit == "word" else "").join(answer.units)
            np.testing.assert_allclose(answer.probabilities, [p[step, label] for label, step in expected], atol=1e-4)
            assert answer.score == pytest.approx(float(np.log(p.max(axis=1)).sum()), abs=1e-3)
            # 25 ms windows every 10 ms, two a step.
            ahead = {None: 0, 4: 4}[lookahead]
            heard = [((2 * (step + ahead) + 1) * 0.010 + 0.025) for step in answer.steps]
            right = [record.seconds] * len(heard) if arch == "bigru" and lookahead is None else [min(at, record.seconds) for at in heard]
            assert answer.seconds == pytest.approx(right)
    assert len(set(model.predict(records))) > 2


def test_a_beam_as_wide_as_all_transcripts_finds_the_most_probable_ones() -> None:
    maker = maker_of()
    model = TranscribeModel(maker.stored)
    (record,) = recordings([0.105])  # five steps
    p = softmax(maker.logits(record))
    assert len(p) == 5
    totals: dict[str, float] = {}
    for path in product(range(len(UNITS) + 1), repeat=len(p)):
        text = " ".join(UNITS[unit - 1] for unit, _ in groupby(path) if unit)
        totals[text] = totals.get(text, 0.0) + float(np.prod(p[np.arange(len(p)), path]))
    best = sorted(totals.items(), key=lambda entry: -entry[1])[:3]
    (answer,) = model.answers([record], beam=5000, n_best=3)
    assert [one.text for one in answer.n_best] == [text for text, _ in best]
    np.testing.assert_allclose([one.score for one in answer.n_best], np.log([each for _, each in best]), atol=1e-3)
    assert (answer.text, answer.score) == (answer.n_best[0].text, answer.n_best[0].score)


@pytest.mark.parametrize(("arch", "lookahead"), [("gru", None), ("bigru", "100ms")])
def test_a_session_tells_units_as_they_begin_and_all_that_predict_tells(arch: str, lookahead: str | None) -> None:
    model = TranscribeModel(maker_of(arch).stored)
    for record in recordings((1.3, 0.01)):
        (expected,) = model.answers([record], lookahead=lookahead, beam=1)
        for cut in (50, 801, len(record.samples)):
            session, heard = model.session(lookahead=lookahead), []
            for begin in range(0, len(record.samples), cut):
                part = record.samples[begin : begin + cut]
                for unit in session.feed(part):
                    # No sooner than it can be, and in the first part that it can be.
                    assert begin / 8000 < unit.seconds <= (begin + len(part)) / 8000 + 1e-9
                    heard.append(unit)
            heard += session.finish()
            assert session.text == expected.text
            assert [(one.unit, one.step) for one in heard] == list(zip(expected.units, expected.steps, strict=True))
            np.testing.assert_allclose([one.seconds for one in heard], expected.seconds)
            np.testing.assert_allclose([one.probability for one in heard], expected.probabilities, atol=1e-5)


def test_a_session_goes_on_from_its_bytes_wherever_it_is_cut() -> None:
    model = TranscribeModel(maker_of().stored)
    (record,) = recordings([1.3])
    whole = model.session()
    expected = [*whole.feed(record.samples), *whole.finish()]
    for place in (0, 100, 3000, 3200, 3360, 3520, 5000, 10400):
        first, second = model.session(), model.session()
        begun = first.feed(record.samples[:place])
        second.restore(first.to_bytes())
        heard = [*begun, *second.feed(record.samples[place:]), *second.finish()]
        assert [(one.unit, one.step) for one in heard] == [(one.unit, one.step) for one in expected]
        np.testing.assert_allclose([one.seconds for one in heard], [one.seconds for one in expected])
        assert second.text == whole.text


def test_what_a_session_refuses_was_not_heard() -> None:
    model, (record,) = TranscribeModel(maker_of().stored), recordings((0.5,))
    session, other = model.session(rate=np.int64(8000)), model.session(rate=8000)
    for given in (record.samples[:, None].repeat(2, axis=1), 0.5, ["loud"]):
        with pytest.raises(ShapeError, match="one channel"):
            session.feed(given)
    assert [*session.feed(record.samples), *session.finish()] == [*other.feed(record.samples), *other.finish()]
    assert session.to_bytes() == other.to_bytes()
    for rate in ("8000", 44100.0, -5, 0):
        with pytest.raises(RecipeError, match="rate = "):
            model.session(rate=rate)  # type: ignore[arg-type]


def test_a_two_way_network_hears_the_end_first() -> None:
    with pytest.raises(RecipeError, match=r"this bigru reads a sequence from both ends"):
        TranscribeModel(maker_of("bigru").stored).session()


def test_evaluate_counts_errors_by_units() -> None:
    model = TranscribeModel(maker_of().stored)
    records = recordings((0.5, 0.8))
    first, second = model.predict(records)
    right = [replace(records[0], text=f"{first} nine"), replace(records[1], label=second)]
    n_units = len(first.split()) + 1 + len(second.split())
    scores = model.evaluate(iter(right))
    assert scores == {
        "n": 2,
        "n_units": n_units,
        "wer": 1 / n_units,
        "exact_match": 0.5,
        "substitutions": 0,
        "deletions": 1,
        "insertions": 0,
        "n_unknown_units": 1,
    }
    assert model.score(records, [f"{first} nine", second]) == pytest.approx(1 - 1 / n_units)
    with pytest.raises(DataError, match=r"no recording has a transcript.* Name its column with --text"):
        model.evaluate(records)
    with pytest.raises(DataError, match=r"2 recordings, but 1 transcripts"):
        model.score(records, [first])


def test_answers_as_json() -> None:
    model = TranscribeModel(maker_of().stored)
    (record,) = recordings([0.5], text="one two")
    (answer,) = model.answers([record], beam=4, n_best=2)
    content = model.to_json(answer, with_input=True)
    assert json.loads(json.dumps(content)) == content
    assert list(content) == ["name", "text", "units", "score", "n_best", "input"]
    assert (content["name"], content["input"]) == ("0.wav", {"kind": "one two"})
    assert [one["unit"] for one in content["units"]] == list(answer.units)
    assert set(content["units"][0]) == {"unit", "seconds", "probability"}
    (plain,) = model.answers([record])
    assert list(model.to_json(plain)) == ["text", "units", "score"]


def test_tables_are_read_whatever_training_called_their_columns(tmp_path: Path) -> None:
    model = TranscribeModel(maker_of().stored)
    model.read_as = RecordingColumns("path", text="sentence", group="speaker", pattern="{label}_{group}")
    for name, table in (("ponly", "path\na.wav\n"), ("streams", "path\ttext\tgroup\na.wav\tone\tanna\n"), ("folder/x", "")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.tsv").write_text(table)
    for name in ("a.wav", "folder/a.wav"):
        write_wav(tmp_path / name, np.ones(800), 8000)
    for name in ("ponly", "streams"):
        assert [one.name for one in model.read([str(tmp_path / f"{name}.tsv")])] == ["a.wav"]
    for text in ("", "text"):
        (record,) = model.read([str(tmp_path / "streams.tsv")], text=text, is_labelled=True)
        assert isinstance(record, Recording)
        assert (record.text, record.group) == ("one", "anna")
    with pytest.raises(
        DataError, match=r"nothing tells the transcript of a.wav.*names as in training \('{label}_{group}'\), or give a table"
    ):
        model.read([str(tmp_path / "folder")], is_labelled=True)
    with pytest.raises(DataError, match=r"--text foo names a column of a table, and .*folder holds none"):
        model.read([str(tmp_path / "folder")], text="foo", is_labelled=True)


def test_files_are_read_at_their_own_rate(tmp_path: Path) -> None:
    model = TranscribeModel(maker_of(frames=sound_frames()).stored)
    (record,) = recordings([0.6], rate=16000)
    write_wav(tmp_path / "a.wav", record.samples, 16000)
    assert model.predict([tmp_path / "a.wav", str(tmp_path / "a.wav")]) == model.predict([record]) * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, r"beam is 0; expected how many transcripts, a whole number from 1 on"),
        ({"n_best": 1.5}, r"n_best is 1\.5; expected how many"),
        ({"beam": 2, "n_best": 3}, r"the 3 best transcripts were asked for, but a beam of 2 holds no more than 2\. Raise --beam"),
        ({"lookahead": "soon"}, r"lookahead 'soon'"),
    ],
)
def test_options_outside_their_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        list(TranscribeModel(maker_of().stored).answers(recordings(), **options))


def test_an_empty_recording_is_refused() -> None:
    with pytest.raises(DataError, match=r"the recordings given, recording 1: recording '1' is empty"):
        TranscribeModel(maker_of().stored).predict([np.zeros(0)])
