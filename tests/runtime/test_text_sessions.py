"""Sentences through taggers and texts through classifiers as they come: what is said is what the whole network says of so much of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from conftest import topic_texts
from tidegate.data import Source, TextRecord
from tidegate.decoding import Transitions, fixed_lag_viterbi
from tidegate.errors import DataError, ModelError, RecipeError
from tidegate.kernels import ARCHITECTURES, engine
from tidegate.runtime import TagModel, TokenAnswer
from tidegate.runtime.tag import as_records

from .test_classify import ODD_TEXTS, small_task, untrained
from .test_tag import TagTask, small_corpus

ONE_WAY = [name for name, entry in ARCHITECTURES.items() if not entry.is_bidirectional]
TWO_WAY = [name for name, entry in ARCHITECTURES.items() if entry.is_bidirectional]
SENTENCES = [["Teddy", "Roosevelt", "was", "here", "42", "!"], ["bears"], ["Teddy", "bears", "unheard-of", "Teddy", "Teddy"] * 3]


@pytest.fixture(params=["engine", "loop"])
def _everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "loop":
        monkeypatch.setattr(engine, "is_built", lambda: False)


def tagger(**settings: Any) -> TagModel:
    """A tagger as it begins, its CRF's transitions drawn."""
    recipe, corpus = small_corpus(num_layers=2, **settings)
    task = TagTask(recipe, corpus)
    model = task.as_model(task.build_network().eval())
    for transitions in model.network.transitions.values():
        transitions.pair[:] = np.random.default_rng(5).normal(size=transitions.pair.shape)
    return model


def all_told(model: TagModel, tokens: list[str], cut: int, lookahead: int | None) -> list[TokenAnswer]:
    session = model.session(lookahead=lookahead)
    told = []
    for begin in range(0, len(tokens), cut):
        told += session.feed(tokens[begin : begin + cut])
        assert session.position == len(told) == max(0, min(len(tokens), begin + cut) - session.lookahead)
    return [*told, *session.finish()]


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize("arch", ONE_WAY)
def test_a_one_way_softmax_tagger_says_at_once_what_it_says_of_the_whole(arch: str) -> None:
    model = tagger(arch=arch, head="softmax")
    for tokens, probability in zip(SENTENCES, model.predict_proba(SENTENCES), strict=True):
        for cut in (1, 2, 100):
            told = all_told(model, tokens, cut, None)
            assert [answer.token for answer in told] == tokens
            assert [answer.index for answer in told] == list(range(len(tokens)))
            assert [answer.columns["tag"] for answer in told] == [model.labels["tag"][k] for k in probability.argmax(axis=1)]
            np.testing.assert_allclose([answer.probabilities["tag"] for answer in told], probability.max(axis=1), atol=1e-5)


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize("lookahead", [0, 1, 3, 100])
def test_a_crf_decides_by_the_best_path_up_to_the_lag(lookahead: int) -> None:
    model = tagger(arch="gru", head="crf")
    transitions = model.network.transitions["tag"]
    for tokens in SENTENCES:
        logits, offsets = model.network.logits([tokens])
        open_end = Transitions(transitions.pair, transitions.start, np.zeros_like(transitions.end))
        known = max(0, len(tokens) - lookahead)  # labels that are told before the sentence ends
        expected = [model.labels["tag"][k] for k in fixed_lag_viterbi(logits["tag"], offsets, open_end, lookahead)[:known]]
        told = [answer.columns["tag"] for answer in all_told(model, tokens, 2, lookahead)]
        assert told[:known] == expected
        if lookahead >= len(tokens):
            (whole,) = model.predict([tokens])
            assert told == whole


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize("arch", TWO_WAY)
@pytest.mark.parametrize("lookahead", [0, 1, 2, 5])
def test_a_two_way_tagger_says_of_a_token_what_it_says_with_so_much_of_the_right(arch: str, lookahead: int) -> None:
    model = tagger(arch=arch, head="softmax")
    bounded = model.network.with_lookahead(lookahead)
    for tokens in SENTENCES:
        best = bounded.logits([tokens])[0]["tag"].argmax(axis=1)
        for cut in (1, 3):
            assert [answer.columns["tag"] for answer in all_told(model, tokens, cut, lookahead)] == [model.labels["tag"][k] for k in best]
    for head in ("softmax", "crf"):
        model = tagger(arch=arch, head=head)
        (whole,) = model.predict([SENTENCES[0]])
        assert [answer.columns["tag"] for answer in all_told(model, SENTENCES[0], 1, 50)] == whole


@pytest.mark.parametrize(
    ("settings", "lookahead"),
    [({"arch": "lstm", "head": "crf"}, 2), ({"arch": "bigru", "head": "softmax"}, 3), ({"arch": "gru", "head": "softmax"}, None)],
)
def test_a_saved_tagging_session_goes_on(settings: dict[str, Any], lookahead: int | None) -> None:
    model = tagger(**settings)
    tokens = SENTENCES[2]
    for cut in (0, 1, 7, len(tokens)):
        first, second = model.session(lookahead=lookahead), model.session(lookahead=lookahead)
        begun = first.feed(tokens[:cut])
        second.restore(first.to_bytes())
        assert [*begun, *second.feed(tokens[cut:]), *second.finish()] == all_told(model, tokens, 100, lookahead)
    if lookahead:
        with pytest.raises(ModelError, match="lookahead"):
            model.session(lookahead=1).restore(second.to_bytes())


def test_taggers_that_cannot_answer_live_say_so() -> None:
    with pytest.raises(RecipeError, match="both ends.*--lookahead TOKENS"):
        tagger(arch="bilstm").session()
    with pytest.raises(RecipeError, match="reads one way and needs none"):
        tagger(arch="gru", head="softmax").session(lookahead=2)
    for head in ("crf", "softmax"):
        for wrong in (-1, 1.5, "two"):
            with pytest.raises(RecipeError, match="whole number from 0 on"):
                tagger(arch="gru", head=head).session(lookahead=wrong)  # type: ignore[arg-type]
    session = tagger(arch="gru").session()
    for given in ([""], [3], ["a", None]):
        with pytest.raises(DataError, match="is no token"):
            session.feed(given)  # type: ignore[arg-type]
    assert session.feed([]) == []
    assert [answer.token for answer in session.feed("one")] == ["one"]
    session.finish()
    for late in (session.finish, lambda: session.feed("two")):
        with pytest.raises(RecipeError, match="has ended"):
            late()
    with pytest.raises(ModelError, match="another model"):
        tagger(arch="lstm").session().restore(session.to_bytes())


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize("unit", ["word", "char"])
@pytest.mark.parametrize("wide", [True, False], ids=["wide", "deep"])
@pytest.mark.parametrize("pool", [["attention", "max", "mean", "last"], ["mean"]], ids=len)
def test_a_classifier_says_of_a_text_that_comes_what_it_says_of_so_much_of_it(unit: str, wide: bool, pool: list[str]) -> None:
    _, model = untrained(small_task(arch="gru", wide=wide, unit=unit, num_layers=2, pooling=pool, max_length=30))
    for text in [*topic_texts(2)[0], *ODD_TEXTS]:
        for cut in (1, 3, 1000):
            session = model.session()
            for begin in range(0, len(text), cut):
                answer = session.feed(text[begin : begin + cut])
                if answer is not None:
                    (expected,) = model.answers([answer.record])
                    assert text.startswith(answer.record.text)
                    assert answer.label == expected.label
                    np.testing.assert_allclose(answer.probabilities, expected.probabilities, atol=1e-5)
            last = session.finish()
            assert last.record.text == text
            (expected,) = model.answers([last.record])
            np.testing.assert_allclose(last.probabilities, expected.probabilities, atol=1e-5)


def test_words_are_counted_when_a_blank_follows_and_characters_at_once() -> None:
    _, by_word = untrained(small_task(arch="lstm"))
    session = by_word.session()
    said = [
        (piece, answer.record.text if answer else None)
        for piece in ("sn", "ow a", "nd", " ", "  ", "ice ")
        for answer in [session.feed(piece)]
    ]
    assert said == [("sn", None), ("ow a", "snow"), ("nd", None), (" ", "snow and"), ("  ", None), ("ice ", "snow and   ice")]
    assert (session.position, session.finish().record.text) == (3, "snow and   ice ")
    _, by_character = untrained(small_task(arch="lstm", unit="char"))
    other = by_character.session()
    answer = other.feed("sn")
    assert answer is not None
    assert (answer.record.text, other.position) == ("sn", 2)


@pytest.mark.parametrize("lookahead", [0, 2, 100])
@pytest.mark.parametrize("unit", ["word", "char"])
def test_a_two_way_classifier_with_a_look_ahead_ends_where_one_that_is_bounded_does(unit: str, lookahead: int) -> None:
    _, model = untrained(small_task(arch="bigru", unit=unit, wide=False, pooling=["max", "mean"]))
    network = model.network.with_lookahead(lookahead)
    for text in topic_texts(3)[0]:
        session = model.session(lookahead=lookahead)
        for piece in text:
            session.feed(piece)
        words, units = model.cut(TextRecord(text, Source("in.csv", 1)))
        expected = network.logits([units], [words])
        np.testing.assert_allclose(
            np.log(session.finish().probabilities), np.log(np.exp(expected[0]) / np.exp(expected[0]).sum()), atol=1e-4
        )


@pytest.mark.parametrize("settings", [{"arch": "gru"}, {"arch": "lstm", "unit": "char", "wide": False}, {"arch": "bilstm"}], ids=str)
def test_a_saved_classifying_session_goes_on(settings: dict[str, Any]) -> None:
    _, model = untrained(small_task(**settings))
    lookahead = 2 if settings["arch"] == "bilstm" else None
    text = "snow and rain all  over the"
    for cut in (0, 1, 6, 11, len(text)):
        first, second, whole = (model.session(lookahead=lookahead) for _ in range(3))
        first.feed(text[:cut])
        second.restore(first.to_bytes())
        second.feed(text[cut:])
        whole.feed(text[:cut])
        whole.feed(text[cut:])
        assert second.position == whole.position
        np.testing.assert_array_equal(second.finish().probabilities, whole.finish().probabilities)


def test_classifiers_that_cannot_answer_live_say_so() -> None:
    with pytest.raises(RecipeError, match="both ends.*--lookahead WORDS"):
        untrained(small_task(arch="bilstm"))[1].session()
    with pytest.raises(RecipeError, match="reads one way and needs none"):
        untrained(small_task(arch="gru"))[1].session(lookahead=1)
    session = untrained(small_task(arch="gru"))[1].session()
    assert session.finish().record.text == ""
    with pytest.raises(RecipeError, match="has ended"):
        session.feed("snow ")
    with pytest.raises(ModelError, match="no saved session"):
        untrained(small_task(arch="gru"))[1].session().restore(b"PK nothing")


@pytest.mark.parametrize(
    ("labels", "settings"),
    [
        (["weather|food", "food"] * 30, {"label_separator": "|"}),
        (["weather", "food", "other"] * 20, {"out_of_scope": "other"}),
        (["weather", "food"] * 30, {"positive": "food"}),
    ],
    ids=["several", "out of scope", "positive"],
)
def test_a_session_decides_as_predict_does_whatever_is_decided(labels: list[str], settings: dict[str, Any]) -> None:
    _, model = untrained(small_task(labels, arch="gru", **settings))
    model._doubt = 0.5 if model.out_of_scope else None
    session = model.session()
    decided = set()
    for word in " ".join(topic_texts(4)[0]).split():
        answer = session.feed(f"{word} ")
        assert answer is not None
        (expected,) = model.answers([answer.record])
        assert (answer.label, answer.labels) == (expected.label, expected.labels)
        decided.add(answer.labels)
    assert len(decided) > 1


@pytest.mark.parametrize("heads", [{"tag": "softmax", "kind": "crf"}, {"tag": "crf", "kind": "softmax"}], ids=str)
def test_columns_with_and_without_a_crf_are_told_together(heads: dict[str, str]) -> None:
    model = tagger(arch="gru", head="crf")
    network = model.network
    tag = network._heads["tag"]
    # A second column with the same scores; only one of the two has transitions.
    network._heads["kind"] = tag
    transitions = network.transitions["tag"]
    network.transitions = {name: transitions for name, head in heads.items() if head == "crf"}
    model._columns = (model._columns[0], replace(model._columns[0], name="kind"))
    model.columns, model.labels = ("tag", "kind"), dict.fromkeys(heads, model.labels["tag"])
    (whole,) = model.answers(as_records([SENTENCES[0]]))
    told = all_told(model, SENTENCES[0], 1, 50)
    for name in heads:
        assert [answer.columns[name] for answer in told] == whole.columns[name]
        np.testing.assert_allclose([answer.probabilities[name] for answer in told], whole.probabilities[name], atol=1e-5)
    for lag in (0, 1):
        by_itself = next(name for name, head in heads.items() if head == "softmax")
        assert [answer.columns[by_itself] for answer in all_told(model, SENTENCES[0], 1, lag)] == whole.columns[by_itself]


def test_two_threads_may_each_have_a_session_of_one_model() -> None:
    model = tagger(arch="gru")
    texts = [[f"{word}{number}" for number in range(300)] for word in ("old", "new")]
    alone = [[answer.columns for answer in all_told(tagger(arch="gru"), tokens, 1, 1)] for tokens in texts]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda tokens: [answer.columns for answer in all_told(model, tokens, 1, 1)], texts))
    assert together == alone


def test_halves_of_a_surrogate_pair_stay_two_characters_in_a_saved_session() -> None:
    halves = "\ud83d", "\ude00"
    _, model = untrained(small_task(arch="gru", unit="char"))
    first, second = model.session(), model.session()
    first.feed("a ")
    for half in halves:
        first.feed(half)
    second.restore(first.to_bytes())
    assert second.finish().record.text == "a " + "".join(halves)
    by_token, other = (tagger(arch="gru").session(lookahead=3) for _ in range(2))
    by_token.feed(["".join(halves)])
    other.restore(by_token.to_bytes())
    assert [answer.token for answer in other.finish()] == ["".join(halves)]


def test_any_whole_number_is_a_look_ahead_and_can_be_saved() -> None:
    for model in (tagger(arch="gru"), tagger(arch="bilstm")):
        expected = all_told(model, SENTENCES[0], 1, 2)
        for lookahead in (2.0, np.int64(2), np.float32(2)):
            session = model.session(lookahead=lookahead)  # type: ignore[arg-type]
            session.feed(SENTENCES[0][:3])
            other = model.session(lookahead=2)
            other.restore(session.to_bytes())
            assert [*other.feed(SENTENCES[0][3:]), *other.finish()] == expected[1:]


def test_what_is_no_text_and_what_are_no_tokens_are_refused() -> None:
    _, classifier = untrained(small_task(arch="gru"))
    for given in (None, 3, ["snow "], b"snow "):
        with pytest.raises(DataError, match="is no text; feed a str"):
            classifier.session().feed(given)  # type: ignore[arg-type]
    for given in (None, 3, b"snow"):
        with pytest.raises(DataError, match="is no token"):
            tagger(arch="gru").session().feed(given)  # type: ignore[arg-type]
