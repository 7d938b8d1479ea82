"""Translators read from a directory: what they say of pairs, against the plain twins unit by unit, and what they answer and how."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidegate.artefact import ModelContent, finish_output
from tidegate.data.pairs import Entry
from tidegate.data.token_units import TokenUnits
from tidegate.data.units import CharacterUnits, Units, count_units
from tidegate.errors import DataError, RecipeError
from tidegate.kernels import ARCHITECTURES, engine
from tidegate.runtime import TranslateModel, head, load, translate
from translate_models import TranslateTwin

CHARACTERS = CharacterUnits(["", "a", "b", "c", "é"])
PHONES = TokenUnits(["", "AH", "B", "K", "T"])
FEW = TokenUnits(["", "x", "y"])
CELLS = [name for name, entry in ARCHITECTURES.items() if not entry.is_bidirectional]
SOURCES = ["abc", "", "a", "cabbé", "bb", "caé", "éa"]


@pytest.fixture(params=["engine", "loop"])
def _everywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "loop":
        monkeypatch.setattr(engine, "is_built", lambda: False)


def read(units: Units, text: str) -> list[int]:
    """The units of a source with its end symbol."""
    return [*units.encode(text).tolist(), len(units)]


def relative(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


PAIRS = [("abc", "K AH T"), ("a", ""), ("", "B"), ("cabbé", "B B AH K T"), ("éx", "T ZZ")]
NETWORKS: list[dict[str, Any]] = [
    *({"arch": arch, "decoder": "gru"} for arch in ARCHITECTURES),
    *({"arch": "bigru", "decoder": cell, "attention": kind} for cell in CELLS for kind in ("additive", "multiplicative", "none")),
    *({"decoder_layers": layers, "layers": 2, "attention": kind} for layers in (1, 3) for kind in ("additive", "none")),
    {"layer_norm": True, "zoneout": (0.2, 0.1)},
    {"arch": "lstm", "is_simultaneous": True},
]


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_pairs_score_as_the_twins_say(options: dict[str, Any]) -> None:
    twin = TranslateTwin(CHARACTERS, PHONES, **options)
    scores = list(TranslateModel(twin.stored).logprob(PAIRS))
    relative([score.logprob for score in scores], [twin.logprob(read(CHARACTERS, x), PHONES.encode(y).tolist()) for x, y in PAIRS])
    assert [(score.n, score.unknown) for score in scores] == [(4, 0), (1, 0), (2, 0), (6, 0), (3, 1)]
    assert scores[4].to_json() == {"logprob": round(scores[4].logprob, 6), "n": 3, "n_unknown": 1}


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize("options", NETWORKS, ids=str)
def test_greedy_targets_are_the_twins_best_units(options: dict[str, Any]) -> None:
    twin = TranslateTwin(CHARACTERS, PHONES, **options)
    for source, found in zip(SOURCES, TranslateModel(twin.stored).translate(SOURCES, beam=1), strict=True):
        assert found.source == source
        if not source:
            assert (found.target, found.score, found.hypotheses) == ("", 0.0, ())
            continue
        units = greedy(twin, source)
        (hypothesis,) = found.hypotheses
        assert hypothesis.target == PHONES.decode(units)
        assert hypothesis.units == tuple(PHONES.texts[unit] for unit in units)
        relative(hypothesis.logprob, twin.logprob(read(CHARACTERS, source), units))
        relative(hypothesis.score, hypothesis.logprob / ((6 + len(units)) / 6))
        if twin.attention == "none":
            assert hypothesis.attention is None
        else:
            relative(hypothesis.attention, twin.told(read(CHARACTERS, source), units)[1])


def greedy(twin: TranslateTwin, source: str, wait_k: int | None = None) -> list[int]:
    """By the twin; of at most ceil(5 · S / 6) + 5 units, and of 10 where S is below 6."""
    cap, units = math.ceil(5 * max(1, len(source) / 6)) + 5, []
    while len(units) < cap:
        row = twin.told(read(CHARACTERS, source), units, wait_k)[0][-1]
        best = int(row[1:].argmax()) + 1
        if best == len(PHONES):
            break
        units.append(best)
    return units


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize(("alpha", "beta"), [(0.0, 0.0), (1.0, 0.0), (0.5, 0.3)])
@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
def test_the_n_best_are_the_best_of_all_targets(attention: str, alpha: float, beta: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a beam that holds every target that a cap of four allows."""
    monkeypatch.setattr(translate, "cap_of", lambda *_: 4)
    # A vocabulary for a beam of 32: of its units all but two have next to no probability.
    units = TokenUnits(["", "x", "y", *(f"z{n}" for n in range(30))])
    twin = TranslateTwin(CHARACTERS, units, attention=attention, decoder="gru", seed=3)
    twin.stored.tensors["head.bias"][3:-1] = -200
    twin.weights["head.bias"][3:-1] = -200
    found = TranslateModel(twin.stored).translate(["ab", "c"], beam=32, n_best=6, length_penalty=alpha, coverage_penalty=beta)
    for source, translation in zip(["ab", "c"], found, strict=True):
        scores = {}
        for target in (target for length in range(5) for target in itertools.product((1, 2), repeat=length)):
            _, attended = twin.told(read(CHARACTERS, source), target)
            coverage = float(np.log(np.minimum(sum(attended), 1)).sum())
            logprob = twin.logprob(read(CHARACTERS, source), target)
            scores[target] = logprob / ((6 + len(target)) / 6) ** alpha + beta * coverage
        best = sorted(scores, key=lambda target: -scores[target])[:6]
        assert [hypothesis.target for hypothesis in translation.hypotheses] == [units.decode(target) for target in best]
        relative([hypothesis.score for hypothesis in translation.hypotheses], [scores[target] for target in best])
        for hypothesis, target in zip(translation.hypotheses, best, strict=True):
            relative(hypothesis.attention, twin.told(read(CHARACTERS, source), target)[1])


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("attention", ["additive", "none"])
def test_no_answer_hangs_on_the_others_of_its_batch(beam: int, attention: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = TranslateModel(TranslateTwin(CHARACTERS, PHONES, attention=attention, decoder="gru", decoder_size=9, seed=6).stored)
    random = np.random.default_rng(0)
    sources = ["".join(random.choice(list("abcé "), size=length)) for length in random.integers(0, 14, 60)]
    together = model.translate(sources, beam=beam, n_best=min(2, beam))
    monkeypatch.setattr(translate, "_NUMBERS", 1)
    for source, given in zip(sources, together, strict=True):
        (alone,) = model.translate([source], beam=beam, n_best=min(2, beam))
        assert [each.target for each in alone.hypotheses] == [each.target for each in given.hypotheses]
        relative([each.score for each in alone.hypotheses], [each.score for each in given.hypotheses])
    assert len({each.target for each in together}) > 10
    assert model.predict(sources, beam=beam) == [each.target for each in together]


def test_a_wider_beam_finds_targets_no_less_probable_than_a_narrow_one_on_average() -> None:
    model = TranslateModel(TranslateTwin(CHARACTERS, PHONES, decoder="gru", decoder_size=9, seed=6).stored)
    sources = ["".join(letters) for letters in itertools.product("abc", repeat=4)]
    means = [np.mean([each.score for each in model.translate(sources, beam=beam)]) for beam in (1, 2, 5)]
    assert means[0] < means[1] < means[2]


def test_what_is_not_said_is_the_recipe_s() -> None:
    twin = TranslateTwin(CHARACTERS, PHONES, recipe={"beam": 4, "length_penalty": 0.3, "coverage_penalty": 0.2})
    model = TranslateModel(twin.stored)
    said = model.translate(SOURCES, beam=4, length_penalty=0.3, coverage_penalty=0.2)
    assert [each.to_json() for each in model.translate(SOURCES)] == [each.to_json() for each in said]
    assert [each.score for each in model.translate(SOURCES, coverage_penalty=0.0)] != [each.score for each in said]
    # A recipe's beam may be wider than a small vocabulary; the widest possible one then serves.
    narrow = TranslateModel(TranslateTwin(CHARACTERS, FEW, recipe={"beam": 9}).stored)
    assert narrow.predict(SOURCES) == narrow.predict(SOURCES, beam=3)


def test_the_unknown_unit_is_never_given() -> None:
    twin = TranslateTwin(CHARACTERS, PHONES)
    twin.stored.tensors["head.bias"][0] = 100
    found = TranslateModel(twin.stored).translate(["abc", "b"], beam=5, n_best=5)
    assert all(unit for each in found for hypothesis in each.hypotheses for unit in hypothesis.units)
    assert all(hypothesis.logprob < -50 for each in found for hypothesis in each.hypotheses)


def test_a_target_that_would_never_end_is_ended() -> None:
    twin = TranslateTwin(CHARACTERS, PHONES, longest=(6, 5))
    twin.stored.tensors["head.bias"][len(PHONES)] = -1e4
    model = TranslateModel(twin.stored)
    for source, units in (("a", 10), ("abcabc", 10), ("abcabcabc", 13)):
        (found,) = model.translate([source], beam=2)
        assert len(found.hypotheses[0].units) == units
        assert found.hypotheses[0].logprob < -5000


WAITING: list[dict[str, Any]] = [
    {"arch": cell, "decoder": cell, "attention": kind, "is_simultaneous": True} for cell in CELLS for kind in ("additive", "multiplicative")
]


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize("options", WAITING, ids=str)
@pytest.mark.parametrize("wait_k", [1, 2, 5])
def test_wait_k_sees_so_much_of_the_source_and_no_more(options: dict[str, Any], wait_k: int) -> None:
    twin = TranslateTwin(CHARACTERS, PHONES, **options)
    model = TranslateModel(twin.stored)
    for source, found in zip(SOURCES, model.translate(SOURCES, wait_k=wait_k), strict=True):
        if source:
            units = greedy(twin, source, wait_k)
            assert found.target == PHONES.decode(units)
            relative(found.hypotheses[0].attention, twin.told(read(CHARACTERS, source), units, wait_k)[1])
    entries = [Entry(source, ("K AH", "T")) for source in SOURCES if source]
    nats = -sum(twin.logprob(read(CHARACTERS, e.source), PHONES.encode(t).tolist(), wait_k) for e in entries for t in e.targets)
    relative(model.evaluate(entries, wait_k=wait_k)["nats"], nats / (5 * len(entries)))


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("arch", ["lstm", "gru", "mingru"])
@pytest.mark.parametrize("wait_k", [1, 3, 100])
def test_a_source_of_characters_that_comes_in_any_cuts_is_answered_as_the_whole(arch: str, wait_k: int, ends: bool) -> None:
    units = CharacterUnits(["", " ", "a", "b", "c", "é"])
    twin = TranslateTwin(units, PHONES, arch=arch, layers=2, is_simultaneous=True, longest=(6, 2), seed=5)
    if not ends:  # a target is then as long as it may be, which a source that goes on raises
        twin.stored.tensors["head.bias"][-1] = -1e4
    model = TranslateModel(twin.stored)
    for source in ("abcéx ab  c", "a", "", "  ab ", " \t", "cab" * 20, "a\r\nb"):
        (whole,) = model.predict([source], wait_k=wait_k)
        for cut in (1, 2, 5, 100):
            session = model.session(wait_k)
            pieces = [session.feed(source[begin : begin + cut]) for begin in range(0, len(source), cut)]
            assert "".join(pieces) + session.finish() == whole
            if cut == 1:
                # Told as soon as it can be, and no sooner.
                told = 0
                for read_, piece in enumerate(itertools.accumulate(pieces), 1):
                    told = len(piece.split())
                    assert told <= max(0, len(source[:read_].strip()) - wait_k + 1)
                if not ends and wait_k < 100 and len(source) == 60:
                    assert len(whole.split()) == 25
                    assert told > 20


@pytest.mark.parametrize("kind", ["word", "token", "bpe"])
@pytest.mark.parametrize("wait_k", [1, 2])
def test_a_source_of_words_is_read_word_by_word(kind: Any, wait_k: int) -> None:
    if kind == "bpe":
        pytest.importorskip("tokenizers")
    texts = ['the cat, said "it\'s  3.50" at www.a.de/b – no', "  a cat the  the ", "the", "", " ", "the\tcat\nit's , no"]
    size = 270 if kind == "bpe" else 0
    units = count_units([text + "\n" for text in texts], kind, min_count=1, vocabulary_size=size, line_breaks="blank", lowercase=False)
    model = TranslateModel(TranslateTwin(units, units, arch="gru", decoder="gru", is_simultaneous=True, seed=1).stored)
    for source in texts:
        (whole,) = model.predict([source], wait_k=wait_k)
        for cut in (1, 3, 100):
            session = model.session(wait_k)
            pieces = [session.feed(source[begin : begin + cut]) for begin in range(0, len(source), cut)]
            assert "".join(pieces) + session.finish() == whole, (source, cut)


def test_a_session_that_has_ended_takes_no_more() -> None:
    model = TranslateModel(TranslateTwin(CHARACTERS, PHONES, arch="lstm", is_simultaneous=True).stored)
    session = model.session(1)
    session.finish()
    for again in (session.finish, lambda: session.feed("a")):
        with pytest.raises(RecipeError, match="the source of this session has ended; begin another session"):
            again()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, r"beam is 0; expected a whole number from 1 to 5, the units that this model chooses among"),
        ({"beam": 6}, r"beam is 6; expected a whole number from 1 to 5"),
        ({"beam": 2.5}, r"beam is 2.5; expected"),
        ({"beam": "5"}, r"beam is 5; expected"),
        ({"n_best": 0}, r"n_best is 0; expected a whole number from 1 to 3, the width of the beam"),
        ({"beam": 2, "n_best": 3}, r"n_best is 3; expected a whole number from 1 to 2"),
        ({"length_penalty": -0.5}, r"length_penalty is -0.5; expected 0 or more"),
        ({"coverage_penalty": math.nan}, r"coverage_penalty is nan; expected 0 or more"),
        ({"wait_k": 2}, r"this model reads a whole source before it answers, so there is no wait_k; .* --simultaneous"),
    ],
    ids=str,
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    model = TranslateModel(TranslateTwin(CHARACTERS, PHONES).stored)
    for method in (model.translate, model.translate_all, model.predict):
        with pytest.raises(RecipeError, match=message):
            method(["a"], **options)


def test_what_a_model_has_not_is_refused() -> None:
    waiting = TranslateModel(TranslateTwin(CHARACTERS, PHONES, arch="lstm", is_simultaneous=True).stored)
    with pytest.raises(RecipeError, match=r"beam is 2 with wait_k 1; what has been told cannot be taken back"):
        waiting.translate(["a"], beam=2, wait_k=1)
    for wait_k in (0, 1.5, "2"):
        with pytest.raises(RecipeError, match=rf"wait_k is {wait_k}; expected how many units of the source are waited for, 1 or more"):
            waiting.translate(["a"], wait_k=wait_k)  # type: ignore[arg-type]
        with pytest.raises(RecipeError, match=rf"wait_k is {wait_k}"):
            waiting.session(wait_k)  # type: ignore[arg-type]
    whole = TranslateModel(TranslateTwin(CHARACTERS, PHONES, attention="none").stored)
    with pytest.raises(RecipeError, match="reads a whole source"):
        whole.session(1)
    with pytest.raises(RecipeError, match=r"coverage_penalty is 0.5, but this model has no attention"):
        whole.translate(["a"], coverage_penalty=0.5)
    with pytest.raises(RecipeError, match="this model has no attention to show"):
        whole.translate(["a"])[0].to_json(with_attention=True)


@pytest.mark.parametrize("method", ["translate", "translate_all", "predict"])
def test_one_text_instead_of_a_list_and_no_texts_are_refused(method: str) -> None:
    model = TranslateModel(TranslateTwin(CHARACTERS, PHONES).stored)
    with pytest.raises(DataError, match=r"one text was given where a list of texts is expected; write \[text\]"):
        getattr(model, method)("ab")
    with pytest.raises(DataError, match="text 2 is 5; a text is a str"):
        list(getattr(model, method)(["a", 5]))
    assert list(getattr(model, method)([])) == []


def test_pairs_that_are_none_are_refused() -> None:
    model = TranslateModel(TranslateTwin(CHARACTERS, PHONES).stored)
    for bad in (["ab"], [("a",)], [("a", 5)], [("a", "b", "c")]):
        with pytest.raises(DataError, match="pair 1 is .*; a pair is a source and a target, two texts"):
            list(model.logprob(bad))  # type: ignore[arg-type]
    with pytest.raises(DataError, match="there are no pairs to score"):
        model.evaluate([])


def test_notes_name_what_is_unknown_and_what_is_long() -> None:
    model = TranslateModel(TranslateTwin(CHARACTERS, PHONES).stored)
    known, unknown, long, both = model.translate(["abc", "axbßx", "abcabcab", "qwertzuiop"])
    assert known.notes == ()
    assert unknown.notes == ("the source has units that the model does not know and reads as unknown: 'x', 'ß'.",)
    assert long.notes == ("the source has 8 units; the longest that training saw has 6.",)
    assert both.notes[0].endswith("unknown: 'q', 'w', 'e', 'r', 't' and 5 more.")
    assert len(both.notes) == 2
    assert unknown.units == ("a", "<unk>", "b", "<unk>", "<unk>")


def test_an_answer_in_json() -> None:
    model = TranslateModel(TranslateTwin(CHARACTERS, PHONES, seed=4).stored)
    found, nothing = model.translate([" ab ", "  "], beam=3, n_best=2)
    content = found.to_json()
    assert set(content) == {"target", "score", "n_best"}
    assert [set(each) for each in content["n_best"]] == [{"target", "score", "logprob"}] * 2
    assert (content["target"], content["score"]) == (content["n_best"][0]["target"], content["n_best"][0]["score"])
    assert content["n_best"][0]["score"] > content["n_best"][1]["score"]
    shown = found.to_json(with_attention=True)["attention"]
    assert shown["source"] == ["a", "b", "</s>"]
    assert shown["target"] == [*found.hypotheses[0].units, "</s>"]
    assert np.array(shown["weights"]).shape == (len(shown["target"]), 3)
    np.testing.assert_allclose(np.sum(shown["weights"], axis=1), 1, atol=1e-5)
    assert nothing.to_json() == {"target": "", "score": 0.0, "n_best": []}
    assert nothing.to_json(with_attention=True)["attention"] == {"source": [], "target": [], "weights": []}


def test_sources_and_pairs_are_read_as_answers_are_taken() -> None:
    def endless() -> Iterator[str]:
        while True:
            yield "abc"

    model = TranslateModel(TranslateTwin(CHARACTERS, PHONES).stored)
    assert len(list(islice(model.translate_all(endless(), beam=1), 3))) == 3
    assert len(list(islice(model.logprob((text, "K") for text in endless()), 3))) == 3


@pytest.mark.parametrize("kind", ["token", "char", "word"])
def test_evaluate_scores_targets_and_tells_perplexity_and_length(kind: Any) -> None:
    texts = ["the cat", "a cat", "the"]
    units = PHONES if kind == "token" else count_units(texts, kind, min_count=1, vocabulary_size=0, line_breaks="unit", lowercase=False)
    targets = ["AH B", "K", "T T"] if kind == "token" else texts
    twin = TranslateTwin(CHARACTERS, units, longest=(20, 5), seed=1)
    model = TranslateModel(twin.stored)
    sources = ["abc", "cab", "abcéa", "aaaaaaaaaaaaaaaaa"]
    given = model.predict(sources)
    # The first two are right.
    entries = [Entry(source, (targets[n % 3], given[n]) if n < 2 else (targets[n % 3],)) for n, source in enumerate(sources)]
    result = model.evaluate(iter(entries))
    assert result["n"] == 4
    assert result["exact_match"] == sum(text in entry.targets for text, entry in zip(given, entries, strict=True)) / 4 >= 0.5
    assert set(result) - {"n", "exact_match", "nats", "perplexity", "n_unknown", "by_length"} == {
        *{"token": ("per", "wer"), "char": ("cer",), "word": ("bleu", "chrf")}[kind]
    }
    pairs = [(entry.source, target) for entry in entries for target in entry.targets]
    logprobs = [twin.logprob(read(CHARACTERS, source), units.encode(target).tolist()) for source, target in pairs]
    relative(result["nats"], -sum(logprobs) / sum(len(units.encode(target)) + 1 for _, target in pairs))
    relative(result["perplexity"], math.exp(result["nats"]))
    assert [(row["source_units"], row["n"]) for row in result["by_length"]] == [("1–4", 2), ("5–8", 1), ("17–32", 1)]
    mean = sum(row["n"] * row["exact_match"] for row in result["by_length"]) / 4
    assert mean == pytest.approx(result["exact_match"])


def test_scores_of_a_large_vocabulary_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = TranslateModel(TranslateTwin(CHARACTERS, PHONES).stored)
    expected = [each.logprob for each in model.logprob(PAIRS)]
    monkeypatch.setattr(head, "SCORES", 3 * (len(PHONES) + 1))
    relative([each.logprob for each in model.logprob(PAIRS)], expected)


def test_a_model_directory_is_loaded_and_saved(tmp_path: Path) -> None:
    stored = TranslateTwin(CHARACTERS, PHONES).stored
    (tmp_path / "a.partial").mkdir()
    finish_output(
        tmp_path / "a.partial", tmp_path / "a", ModelContent(stored.config, stored.tensors, stored.vocabulary, stored.metrics, "# A model")
    )
    model = load(tmp_path / "a")
    assert isinstance(model, TranslateModel)
    assert (model.columns, model.metrics, model.source_units.kind, model.target_units.kind) == (
        (),
        {"dev": {"exact_match": 0.5}},
        "char",
        "token",
    )
    model.save(tmp_path / "b")
    again = load(tmp_path / "b")
    assert isinstance(again, TranslateModel)
    assert again.predict(SOURCES) == TranslateModel(stored).predict(SOURCES)
