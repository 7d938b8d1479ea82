"""Language models read from a directory: what they say of a text, against the plain twins unit by unit, and what they write and fill."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from language_models import LanguageModel
from tidegate.artefact import ModelContent, finish_output
from tidegate.data.streams import Stream, encode_lines
from tidegate.data.units import CharacterUnits, Units, count_units
from tidegate.errors import DataError, RecipeError
from tidegate.kernels import ARCHITECTURES, WITH_LAYER_NORM, engine
from tidegate.runtime import GenerateModel, generate_network, load, text_scores

CHARACTERS = CharacterUnits(["", "\n", " ", "a", "b", "c", "é", "😀"])
IDS = np.random.default_rng(5).integers(0, len(CHARACTERS), 60)
ONE_WAY = [name for name, entry in ARCHITECTURES.items() if not entry.is_bidirectional]
TWO_WAY = [name for name, entry in ARCHITECTURES.items() if entry.is_bidirectional]
TEXT = "the cat sat on the mat.\nthe dog, the cat's friend, ran off — 😀!\n" * 4


@pytest.fixture(params=["engine", "loop"])
def _everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "loop":
        monkeypatch.setattr(engine, "is_built", lambda: False)


def counted(kind: Any) -> Units:
    return count_units([TEXT], kind, min_count=1, vocabulary_size=300 if kind == "bpe" else 0, line_breaks="unit", lowercase=False)


def stream_of(ids: Any, characters: int = 0) -> Stream:
    return Stream(np.asarray(ids, dtype=np.uint16), characters or len(ids), int((np.asarray(ids) == 0).sum()), "")


def relative(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize(("layers", "is_tied"), [(1, False), (2, True)])
@pytest.mark.parametrize("arch", ONE_WAY)
def test_log_probabilities_are_the_twins(arch: str, layers: int, is_tied: bool) -> None:
    drawn = LanguageModel(arch, CHARACTERS, layers=layers, is_tied=is_tied)
    relative(GenerateModel(drawn.stored).log_probabilities(IDS), drawn.log_probabilities(IDS.tolist()))


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize("arch", [arch for arch in ONE_WAY if arch in WITH_LAYER_NORM])
def test_layer_norm_and_zoneout_are_read_from_the_settings(arch: str) -> None:
    drawn = LanguageModel(arch, CHARACTERS, layers=2, layer_norm=True, zoneout=(0.2, 0.1 if arch == "lstm" else 0.0))
    model = GenerateModel(drawn.stored)
    np.testing.assert_allclose(model.log_probabilities(IDS), drawn.log_probabilities(IDS.tolist()), rtol=1e-4, atol=1e-4)
    session = model.session()
    session.feed("ab")
    written = "".join(session.sample(length=6, temperature=0))
    ids = [unit for unit in CHARACTERS.encode("ab" + written).tolist() if unit]
    expected = [int(row[1:].argmax()) + 1 for row in drawn.next_log_probabilities(ids)[2:8]]
    assert CHARACTERS.encode(written).tolist() == expected


def test_a_text_without_a_line_break_among_its_units_begins_at_zeros() -> None:
    drawn = LanguageModel("gru", CharacterUnits(["", "a", "b"]))
    assert drawn.units.line_end is None
    relative(GenerateModel(drawn.stored).log_probabilities(np.array([1, 2, 0])), drawn.log_probabilities([1, 2, 0]))
    assert GenerateModel(drawn.stored).log_probabilities(np.zeros(0, dtype=np.int64)).shape == (0,)


@pytest.mark.parametrize("length", [1, 9, 10, 11, 100, 95])
def test_a_long_text_is_scored_in_stretches_each_after_its_context(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_STRETCH", 10), ("_CONTEXT", 4), ("_SLICE", 3), ("_ABREAST", 4)):
        monkeypatch.setattr(text_scores, name, value)
    drawn = LanguageModel("lstm", CHARACTERS)
    ids = np.random.default_rng(length).integers(0, len(CHARACTERS), length).tolist()
    nats = 0.0
    for begin in range(0, length, 10):
        first = max(0, begin - 4)
        nats -= sum(drawn.log_probabilities(ids[first : begin + 10])[begin - first :])
    scores = GenerateModel(drawn.stored).evaluate_stream(stream_of(ids, characters=2 * length))
    assert scores["n"] == length
    assert scores["n_unknown"] == ids.count(0)
    assert scores["n_characters"] == 2 * length
    relative(scores["nats"], nats / length)
    relative(scores["bits"], nats / length / math.log(2))
    relative(scores["perplexity"], math.exp(nats / length))
    relative(scores["bits_per_character"], nats / (2 * length) / math.log(2))


def test_a_text_within_one_stretch_is_scored_as_a_whole() -> None:
    drawn = LanguageModel("gru", CHARACTERS, is_tied=True)
    model = GenerateModel(drawn.stored)
    lines = ["ab cé", "", "😀xa"]
    ids = CHARACTERS.encode("\n".join(lines) + "\n")
    scores = model.evaluate(lines)
    assert (scores["n"], scores["n_characters"], scores["n_unknown"]) == (11, 11, 1)
    relative(scores["nats"], -model.log_probabilities(ids).mean())


@pytest.mark.usefixtures("_everywhere")
def test_each_line_is_a_text_of_its_own_with_its_end() -> None:
    drawn = LanguageModel("gru", CHARACTERS)
    lines = ["ab", "", "xé a\n", "c" * 50]
    scores = list(GenerateModel(drawn.stored).logprob(lines))
    texts = [CHARACTERS.encode(line.rstrip("\n") + "\n").tolist() for line in lines]
    assert [score.n for score in scores] == [3, 1, 5, 51]
    assert [score.unknown for score in scores] == [0, 0, 1, 0]
    relative([score.logprob for score in scores], [sum(drawn.log_probabilities(ids)) for ids in texts])
    assert scores[0].to_json() == {"logprob": round(scores[0].logprob, 6), "n": 3, "n_unknown": 0}


def test_lines_are_read_as_scores_are_taken() -> None:
    def endless() -> Iterator[str]:
        while True:
            yield "abc"

    assert len(list(islice(GenerateModel(LanguageModel("rnn", CHARACTERS).stored).logprob(endless()), 3))) == 3


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize(("layers", "is_tied", "stretch"), [(1, False, 100), (2, True, 3), (2, False, 1)])
@pytest.mark.parametrize("arch", TWO_WAY)
def test_a_two_way_model_tells_each_unit_from_all_others(
    arch: str, layers: int, is_tied: bool, stretch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate_network, "_STRETCH", stretch)
    drawn = LanguageModel(arch, CHARACTERS, layers=layers, is_tied=is_tied)
    model = GenerateModel(drawn.stored)
    text = "ab___ é\n___"
    ids, places = CHARACTERS.encode_with_blanks(text)
    expected = drawn.two_way_log_probabilities(ids.tolist(), places.tolist())
    filled = model.fill(text, n_best=7)
    for number, (blank, place) in enumerate(zip(filled.blanks, places.tolist(), strict=True)):
        for side in ("left", "right", "both"):
            row = np.exp(expected[side][place])
            order = np.argsort(-row[1:], kind="stable") + 1
            given = getattr(blank, side)
            assert [text for text, _ in given] == [CHARACTERS.texts[unit] for unit in order], (number, side)
            relative([probability for _, probability in given], row[order])
    whole = CHARACTERS.encode("abé\n").tolist()
    each = drawn.two_way_log_probabilities(whole)["both"]
    for score in [*model.logprob(["abé"]), *model.logprob(["abé", "abé"])]:  # alone and with others
        relative(score.logprob, sum(row[unit] for row, unit in zip(each, whole, strict=True)))
    assert set(score.to_json()) == {"pseudo_log_likelihood", "n", "n_unknown"}


@pytest.mark.parametrize("arch", TWO_WAY)
def test_no_unit_sees_itself(arch: str) -> None:
    """What stands at a place changes nothing of what is told there, from any side, and something elsewhere."""
    network = GenerateModel(LanguageModel(arch, CHARACTERS, layers=2).stored).network
    ids, offsets = IDS[:12], np.array([0, 5, 5, 12])
    contexts = network.contexts(ids, offsets)  # type: ignore[union-attr]
    for place in range(12):
        other = ids.copy()
        other[place] = (other[place] + 1) % len(CHARACTERS)
        changed = [(a != b).any(axis=1) for a, b in zip(network.contexts(other, offsets), contexts, strict=True)]  # type: ignore[union-attr]
        begin, end = (0, 5) if place < 5 else (5, 12)
        assert np.flatnonzero(changed[0]).tolist() == list(range(place + 1, end))
        assert np.flatnonzero(changed[1]).tolist() == list(range(begin, place))


@pytest.mark.parametrize("length", [1, 4, 5, 12, 31])
def test_a_two_way_text_is_scored_window_by_window_with_as_much_to_read_on_either_side(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_scores, "_ROWS", 24)
    drawn = LanguageModel("bilstm", CHARACTERS, window=4)
    ids = np.random.default_rng(length).integers(0, len(CHARACTERS), length).tolist()
    logs: dict[str, list[float]] = {"both": [], "left": [], "right": []}
    hits: dict[str, int] = dict.fromkeys(logs, 0)
    for begin in range(0, length, 4):
        first = max(0, begin - 4)
        for side, rows in drawn.two_way_log_probabilities(ids[first : begin + 8]).items():
            for place in range(begin, min(begin + 4, length)):
                row = rows[place - first]
                logs[side].append(row[ids[place]])
                hits[side] += int(row.argmax()) == ids[place]
    scores = GenerateModel(drawn.stored).evaluate_stream(stream_of(ids))
    assert set(scores) == {
        *("n", "nats", "bits", "perplexity", "n_characters", "bits_per_character", "n_unknown", "accuracy", "left", "right")
    }
    for side, result in (("both", scores), ("left", scores["left"]), ("right", scores["right"])):
        relative(result["nats"], -np.mean(logs[side]))
        relative(result["perplexity"], math.exp(-np.mean(logs[side])))
        assert result["accuracy"] == pytest.approx(hits[side] / length)


@pytest.mark.usefixtures("_everywhere")
def test_units_are_drawn_by_the_probabilities_of_the_twins() -> None:
    drawn = LanguageModel("lstm", CHARACTERS)
    model = GenerateModel(drawn.stored)
    random = np.random.default_rng(1)
    first = ["".join(model.sample("ab", length=1, seed=random)) for _ in range(3000)]
    expected = np.exp(drawn.next_log_probabilities(CHARACTERS.encode("ab").tolist())[-1])[1:]
    expected *= 3000 / expected.sum()  # id 0 is never drawn
    counts = np.array([first.count(text) for text in CHARACTERS.texts[1:]])
    assert counts.sum() == 3000
    assert ((counts - expected) ** 2 / expected).sum() < 22.5  # once in a thousand times with 6 degrees of freedom; the seed is fixed


def test_greedy_writing_takes_the_best_known_unit_each_time() -> None:
    drawn = LanguageModel("gru", CHARACTERS, layers=2, is_tied=True)
    ids = CHARACTERS.encode("ca").tolist()
    for _ in range(30):
        ids.append(int(drawn.next_log_probabilities(ids)[-1][1:].argmax()) + 1)
    written = "".join(GenerateModel(drawn.stored).sample("ca", length=30, temperature=0))
    assert written == CHARACTERS.decode(ids[2:])


def test_the_same_seed_writes_the_same_and_another_does_not() -> None:
    model = GenerateModel(LanguageModel("lstm", CHARACTERS).stored)
    texts = ["".join(model.sample("a", length=200, seed=seed)) for seed in (3, 3, 4, None, None)]
    assert texts[0] == texts[1]
    assert len(set(texts)) == 4
    assert all(len(text) == 200 for text in texts)
    assert "".join(model.sample("a", length=0, seed=3)) == ""


@pytest.mark.parametrize("stop", ["a", "ab", "ba\n", "aab"])
def test_a_stop_string_ends_the_text_wherever_pieces_end(stop: str) -> None:
    model = GenerateModel(LanguageModel("lstm", CharacterUnits(["", "\n", "a", "b"])).stored)
    for seed in range(20):
        whole = "".join(model.sample(length=60, seed=seed))
        pieces = list(model.sample(length=60, seed=seed, stop=stop))
        assert "".join(pieces) == whole.partition(stop)[0]
        assert all(pieces)


@pytest.mark.parametrize("kind", ["char", "word", "bpe"])
def test_every_kind_of_unit_writes_whole_characters(kind: Any) -> None:
    if kind == "bpe":
        pytest.importorskip("tokenizers")
    units = counted(kind)
    model = GenerateModel(LanguageModel("gru", units).stored)
    for seed in range(5):
        pieces = list(model.sample("the cat", length=80, temperature=2.0, seed=seed))
        session = model.session()
        session.feed("the cat")
        list(session.sample(length=80, temperature=2.0, seed=seed))
        assert session.position == len(units.encode("the cat")) + 80
        for piece in pieces[:-1]:
            assert piece.encode()
        if kind == "word":
            assert "  " not in "".join(pieces)
    (whole,) = model.predict(["the cat"], length=80, temperature=2.0, seed=4)
    assert whole == "the cat" + "".join(pieces)


def test_a_blank_at_the_end_of_a_prompt_is_not_written_twice() -> None:
    model = GenerateModel(LanguageModel("gru", counted("word")).stored)
    for seed in range(10):
        without, with_blank = ("".join(model.sample(prompt, length=5, seed=seed)) for prompt in ("the cat", "the cat "))
        assert with_blank == without.removeprefix(" ")


def test_each_text_is_continued_and_the_first_is_what_sample_writes() -> None:
    model = GenerateModel(LanguageModel("gru", CHARACTERS).stored)
    first, second = model.predict(["ab", "ab"], length=40, seed=7)
    assert first == "ab" + "".join(model.sample("ab", length=40, seed=7))
    assert second != first
    assert model.predict([]) == []


def test_the_next_unit_s_distribution() -> None:
    drawn = LanguageModel("lstm", CHARACTERS)
    texts = ["", "ab", "é"]
    found = GenerateModel(drawn.stored).predict_proba(texts)
    relative(found, [np.exp(drawn.next_log_probabilities(CHARACTERS.encode(text).tolist())[-1]) for text in texts])
    two_way = GenerateModel(LanguageModel("bigru", CHARACTERS).stored)
    (row,) = two_way.predict_proba(["a___b"])
    assert row.sum() == pytest.approx(1)
    (blank,) = two_way.fill("a___b", n_best=7).blanks
    assert [probability for _, probability in blank.both] == sorted(row[1:].tolist(), reverse=True)


@pytest.mark.parametrize("kind", ["char", "word", "bpe"])
def test_blanks_are_filled_where_they_stand(kind: Any) -> None:
    if kind == "bpe":
        pytest.importorskip("tokenizers")
    units = counted(kind)
    model = GenerateModel(LanguageModel("bilstm", units).stored)
    text = "the ___ sat on\nthe _____."
    filled = model.fill(text, n_best=2)
    assert [(blank.start, blank.end) for blank in filled.blanks] == [(4, 7), (19, 24)]
    best = [blank.both[0][0] for blank in filled.blanks]
    assert all(best)
    assert [len(blank.left) for blank in filled.blanks] == [2, 2]
    assert "___" not in filled.text
    assert model.predict([text]) == [filled.text]
    content = filled.to_json()
    assert content["text"] == filled.text
    assert content["blanks"][1]["start"] == 19
    assert content["blanks"][0]["both"][0] == [best[0], round(filled.blanks[0].both[0][1], 6)]


def test_scores_of_a_large_vocabulary_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = LanguageModel("gru", CHARACTERS)
    whole = GenerateModel(drawn.stored).log_probabilities(IDS)
    monkeypatch.setattr("tidegate.runtime.head.SCORES", 3 * len(CHARACTERS) + 1)
    np.testing.assert_allclose(GenerateModel(drawn.stored).log_probabilities(IDS), whole, atol=1e-5)


def test_a_model_directory_is_loaded_evaluated_and_saved(tmp_path: Path) -> None:
    drawn = LanguageModel("lstm", CHARACTERS)
    stored = drawn.stored
    (tmp_path / "a.partial").mkdir()
    finish_output(
        tmp_path / "a.partial", tmp_path / "a", ModelContent(stored.config, stored.tensors, stored.vocabulary, stored.metrics, "# A model")
    )
    model = load(tmp_path / "a")
    assert isinstance(model, GenerateModel)
    assert (model.is_two_way, model.columns, model.metrics) == (False, (), {"dev": {"bits": 2.0}})
    model.save(tmp_path / "b")
    again = load(tmp_path / "b")
    assert isinstance(again, GenerateModel)
    assert again.log_probabilities(IDS).tolist() == GenerateModel(stored).log_probabilities(IDS).tolist()


def test_unknown_characters_in_a_prompt_are_refused_and_unknown_words_are_told() -> None:
    model = GenerateModel(LanguageModel("gru", CHARACTERS).stored)
    with pytest.raises(DataError, match=r"the prompt has characters that the training text has not: 'x', 'ß'\. Write it without them"):
        model.sample("axßx")
    assert model.notes("ab") == ()
    words = GenerateModel(LanguageModel("gru", counted("word")).stored)
    assert words.notes("the zebra sat") == ("the prompt has words that the model does not know and reads as unknown: 'zebra'.",)
    assert "".join(words.sample("the zebra", length=3, seed=0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1}, "temperature is -1; expected 0"),
        ({"top_k": -1}, "top_k is -1; expected"),
        ({"top_p": 0}, "top_p is 0; expected"),
        ({"length": -1}, "length is -1; expected how many units to write, 0 or more"),
        ({"length": None}, "length is None; expected"),
        ({"length": float("nan")}, "length is nan; expected"),
        ({"top_k": "5"}, "top_k is 5; expected"),
        ({"top_k": 2.5}, "top_k is 2.5; expected"),
        ({"seed": "x"}, "seed is x; expected a whole number"),
        ({"seed": -1}, "seed is -1; expected a whole number, 0 or more"),
    ],
    ids=str,
)
def test_impossible_options_are_refused_before_anything_is_written(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        GenerateModel(LanguageModel("gru", CHARACTERS).stored).sample("a", **options)


def test_whole_numbers_of_other_types_are_numbers() -> None:
    one_way, two_way = (GenerateModel(LanguageModel(arch, CHARACTERS).stored) for arch in ("gru", "bigru"))
    written = one_way.predict(["a"], length=9.0, seed=3.0, top_k=np.int64(4))
    assert written == one_way.predict(["a"], length=9, seed=3, top_k=4)
    assert two_way.fill("a___", n_best=2.0) == two_way.fill("a___", n_best=2)  # type: ignore[arg-type]


def test_what_a_direction_cannot_do_is_refused_with_what_can() -> None:
    one_way = GenerateModel(LanguageModel("gru", CHARACTERS).stored)
    two_way = GenerateModel(LanguageModel("bigru", CHARACTERS).stored)
    assert two_way.is_two_way
    with pytest.raises(
        RecipeError, match=r"a bigru cannot go on writing, since it needs the text to the right, which is not written yet\. Train a one-way"
    ):
        two_way.sample("a")
    with pytest.raises(RecipeError, match="cannot go on writing"):
        two_way.session()
    with pytest.raises(RecipeError, match="pseudo-log-likelihood"):
        two_way.log_probabilities(IDS)
    with pytest.raises(RecipeError, match=r"a gru reads from left to right .* Train a two-way architecture, such as bigru"):
        one_way.fill("a___")
    with pytest.raises(DataError, match=r"'ab' has no blank to fill; write ___ where one character is missing"):
        two_way.fill("ab")
    with pytest.raises(DataError, match=r"has 2 blanks; predict_proba answers one a text"):
        two_way.predict_proba(["___a___"])
    with pytest.raises(RecipeError, match="n_best is 0; expected"):
        two_way.fill("a___", n_best=0)
    with pytest.raises(RecipeError, match=r"temperature is for writing on, and a bigru fills blanks; it takes n_best"):
        two_way.predict(["a___"], temperature=0.5)
    with pytest.raises(RecipeError, match=r"n_best is for filling blanks, and a gru goes on writing; it takes length, temperature"):
        one_way.predict(["a"], n_best=3)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "logprob", "evaluate"])
def test_one_text_instead_of_a_list_is_refused(method: str) -> None:
    with pytest.raises(DataError, match=r"one text was given where .* write \[text\]"):
        getattr(GenerateModel(LanguageModel("gru", CHARACTERS).stored), method)("ab")
    with pytest.raises(DataError, match="text 2 is 5; a text is a str"):
        GenerateModel(LanguageModel("gru", CHARACTERS).stored).predict(["a", 5])  # type: ignore[list-item]


def test_a_text_without_text_is_refused() -> None:
    with pytest.raises(DataError, match="holds no text"):
        GenerateModel(LanguageModel("gru", CHARACTERS).stored).evaluate([])
    assert len(encode_lines(["a"], CHARACTERS)) == 2


def test_lines_with_any_line_end_are_the_same_text() -> None:
    streams = [encode_lines([f"ab{end}", f"{end}", f"b{end}"], CHARACTERS) for end in ("", "\n", "\r\n", "\r")]
    assert {(stream.ids.tobytes(), stream.characters) for stream in streams} == {
        (CHARACTERS.encode("ab\n\nb\n").astype(np.uint16).tobytes(), 6)
    }
