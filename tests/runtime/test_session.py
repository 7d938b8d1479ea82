"""Sessions: a text read and written in turn, however it is cut, saved and gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from language_models import LanguageModel
from tidegate.artefact import StoredModel
from tidegate.data.units import CharacterUnits, count_units
from tidegate.errors import ModelError, RecipeError
from tidegate.kernels import ARCHITECTURES, engine
from tidegate.runtime import GenerateModel, Session
from timing import least_seconds

CHARACTERS = CharacterUnits(["", "\n", " ", "a", "b", "c", "é", "😀"])
ONE_WAY = [name for name, entry in ARCHITECTURES.items() if not entry.is_bidirectional]
TEXT = "ab cé\n😀xa bb ca\n" * 6


@pytest.fixture(params=["engine", "loop"])
def everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "loop":
        monkeypatch.setattr(engine, "is_built", lambda: False)
    return str(request.param)


def model_of(arch: str = "lstm", **options: Any) -> GenerateModel:
    return GenerateModel(LanguageModel(arch, CHARACTERS, layers=2, **options).stored)


def states_of(session: Session) -> list[list[Any]]:
    return [part.tolist() for state in session._states for part in state]


@pytest.mark.parametrize("hidden", [7, 64])
@pytest.mark.parametrize("arch", ONE_WAY)
def test_a_text_read_in_parts_leaves_the_same_state_as_read_at_once(arch: str, hidden: int, everywhere: str) -> None:
    model = model_of(arch, hidden=hidden, is_tied=True)
    whole = model.session()
    expected = whole.feed(TEXT)
    for cut in (1, 3, 17, 100):
        session = model.session()
        scores = np.concatenate([session.feed(TEXT[begin : begin + cut]) for begin in range(0, len(TEXT), cut)])
        assert session.position == len(TEXT)
        np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)
        if everywhere == "engine":  # to the bit; on the loop to rounding
            assert states_of(session) == states_of(whole)
            assert session.probabilities().tolist() == whole.probabilities().tolist()
        np.testing.assert_allclose(session.probabilities(), whole.probabilities(), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(expected, model.log_probabilities(CHARACTERS.encode(TEXT)), rtol=1e-5, atol=1e-5)


def test_a_quotation_mark_left_open_long_ago_is_closed_after_a_session_was_saved() -> None:
    words = count_units(['a "b b" c\n' * 9], "word", min_count=1, vocabulary_size=0, line_breaks="unit", lowercase=False)
    model = GenerateModel(LanguageModel("gru", words).stored)
    mark, b = words.encode('"b').tolist()
    for text, expected in (('c "b' + " b" * 40, '"'), ('c "b' + " b" * 40 + '" b b', ' "')):
        session = model.session()
        session.feed(text[:9])
        session.feed(text[9:])
        for one in (session, model.session(session.to_bytes())):
            assert one._decoder.push(mark) + one._decoder.push(b) == expected + (" b" if expected == '"' else "b")


@pytest.mark.parametrize("arch", ["rnn", "lstm", "gru", "gru-reset-after", "mingru"])
def test_what_is_written_leaves_the_state_that_reading_it_leaves(arch: str, everywhere: str) -> None:
    model = model_of(arch)
    writer, reader = model.session(), model.session()
    writer.feed("ab")
    written = "".join(writer.sample(length=40, seed=1))
    reader.feed("ab" + written)
    assert writer.position == reader.position == 42
    if everywhere == "engine":
        assert states_of(writer) == states_of(reader)
    np.testing.assert_allclose(writer.probabilities(), reader.probabilities(), rtol=1e-4, atol=1e-6)


def test_probabilities_are_those_of_what_comes_next() -> None:
    model = model_of("gru")
    session = model.session()
    for character in "ab xé\n":
        unit = int(CHARACTERS.encode(character)[0])
        before = session.probabilities()
        assert before.sum() == pytest.approx(1)
        (score,) = session.feed(character)
        assert score == pytest.approx(np.log(before[unit]), abs=1e-5)
    assert session.feed("").shape == (0,)


@pytest.mark.usefixtures("everywhere")
@pytest.mark.parametrize("arch", ["lstm", "mingru"])
@pytest.mark.parametrize("written", [0, 1, 5, 99])
def test_a_session_saved_and_taken_up_again_writes_on_the_same(arch: str, written: int) -> None:
    model = model_of(arch)
    session = model.session()
    session.feed("ca")
    begun = "".join(session.sample(length=written, seed=3))
    data = session.to_bytes()
    again = model_of(arch).session(data)  # as another process would
    assert again.position == session.position == 2 + written
    assert again.to_bytes() == data
    options: list[dict[str, Any]] = [{}, {"temperature": 0.5}, {"top_k": 3}, {"top_p": 0.8, "temperature": 2.0}, {"stop": "a"}]
    for option in options:
        assert list(again.sample(length=30, **option)) == list(session.sample(length=30, **option))
    assert begun + "".join(model.session(data).sample(length=30)) == _sampled(model, written + 30)


def _sampled(model: GenerateModel, length: int) -> str:
    session = model.session()
    session.feed("ca")
    return "".join(session.sample(length=length, seed=3))


def test_a_session_may_be_saved_between_two_pieces() -> None:
    model = model_of()
    session = model.session()
    pieces = session.sample(length=200, seed=5)
    first = "".join(next(pieces) for _ in range(70))
    saved = session.to_bytes()
    rest = "".join(pieces)  # saving disturbs nothing
    assert rest == "".join(model.session(saved).sample(length=130))
    assert first + rest == "".join(model.session().sample(length=200, seed=5))


def test_a_sample_left_in_the_middle_does_not_draw_ahead() -> None:
    model = model_of()
    left, whole = model.session(), model.session()
    pieces = left.sample(length=200, seed=5)
    begun = "".join(next(pieces) for _ in range(10))
    assert begun + "".join(left.sample(length=20)) == "".join(whole.sample(length=30, seed=5))


def test_bytes_do_not_grow_with_the_text_and_a_unit_costs_the_same_late_as_early() -> None:
    session = model_of("gru").session()
    session.feed("a" * 100)
    list(session.sample(length=100, seed=0))
    early = len(session.to_bytes())
    session.feed("ab c" * 25_000)
    assert session.position == 100_200
    assert abs(len(session.to_bytes()) - early) < 200

    other = model_of("gru").session()
    fresh = least_seconds(lambda: list(other.sample(length=50)), 0, tries=7)
    assert least_seconds(lambda: list(session.sample(length=50)), 5 * fresh, tries=100) < 5 * fresh


@pytest.mark.parametrize("kind", ["word", "bpe"])
def test_a_text_of_words_or_pieces_saved_at_any_place_is_written_on_the_same(kind: Any) -> None:
    if kind == "bpe":
        pytest.importorskip("tokenizers")
    units = count_units(
        ["the cat, sat — 😀é.\n" * 3], kind, min_count=1, vocabulary_size=270 * (kind == "bpe"), line_breaks="unit", lowercase=False
    )
    model = GenerateModel(LanguageModel("gru", units).stored)
    whole = model.session()
    whole.feed("the cat ")
    text = "".join(whole.sample(length=60, temperature=3.0, seed=1)) + whole.finish()
    for cut in range(0, 60, 7):
        session = model.session()
        session.feed("the cat ")
        begun = "".join(session.sample(length=cut, temperature=3.0, seed=1))
        again = model.session(session.to_bytes())
        assert begun + "".join(again.sample(length=60 - cut, temperature=3.0)) + again.finish() == text


def test_a_stop_string_is_told_and_writing_goes_on_behind_it() -> None:
    model = GenerateModel(LanguageModel("lstm", CharacterUnits(["", "\n", "a", "b"])).stored)
    session = model.session()
    whole = "".join(model.sample(length=60, seed=2))
    assert "ab" in whole
    begun = "".join(session.sample(length=60, seed=2, stop="ab"))
    assert session.is_stopped
    assert session.position == len(begun) + 2
    assert begun + "ab" + "".join(session.sample(length=60 - session.position)) == whole
    assert not session.is_stopped


def test_sessions_of_one_model_do_not_touch_each_other() -> None:
    model = model_of()
    alone = [list(model.sample("ab", length=30, seed=seed)) for seed in (1, 2)]
    first, second = model.session(), model.session()
    first.feed("ab")
    second.feed("ab")
    turns = zip(first.sample(length=30, seed=1), second.sample(length=30, seed=2), strict=True)
    assert [list(pieces) for pieces in zip(*turns, strict=True)] == alone


def test_another_model_s_session_is_refused() -> None:
    data = model_of("gru").session().to_bytes()
    for other in (model_of("gru", seed=1), model_of("gru-reset-after"), model_of("lstm"), model_of("gru", hidden=8)):
        with pytest.raises(ModelError, match="the session was saved by another model; go on with the model that began it"):
            other.session(data)
    # The same tensors under another architecture.
    drawn = LanguageModel("gru", CHARACTERS).stored
    settings = drawn.config | {"network": drawn.config["network"] | {"arch": "gru-reset-after"}}
    with pytest.raises(ModelError, match="another model"):
        GenerateModel(StoredModel(Path("model"), settings, drawn.tensors, drawn.vocabulary, {})).session(
            GenerateModel(drawn).session().to_bytes()
        )


@pytest.mark.parametrize("damage", ["empty", "cut", "no session", "turned bits", "no array"])
def test_damaged_bytes_are_refused(damage: str) -> None:
    model = model_of("gru")
    data = model.session().to_bytes()
    half = len(data) // 2
    given = {
        "empty": b"",
        "cut": data[:half],
        "no session": json.dumps({"position": 3}).encode(),
        "turned bits": data[:400] + bytes(byte ^ 0xFF for byte in data[400:440]) + data[440:],
        "no array": data.replace(b"state.1.0", b"state.9.0"),
    }[damage]
    with pytest.raises(ModelError, match=r"this is no saved session, or a damaged one .*; give what to_bytes\(\) returned, whole"):
        model.session(given)


def test_impossible_options_are_refused_when_asked_for() -> None:
    with pytest.raises(RecipeError, match="temperature is -1"):
        model_of().session().sample(temperature=-1)
