"""Characters, words and BPE pieces: to ids and back, whole, unit by unit, with blanks, and as JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data import BLANK, Units, blank_spans, units_from_json
from tidegate.data.units import LineBreaks, UnitKind, count_units
from tidegate.data.words import tokenise
from tidegate.errors import MissingExtraError, ModelError, RecipeError, ShapeError

PROSE = (
    "“Well, Prince, so Genoa and Lucca are now just family estates of the Buonapartes. But I warn you, I don't say it's (quite) so.”\n"
    "“Well,” said he; “it's a dog-cart—a Prince's, Genoa, and so on: it isn't (just) mine!”\n"
    "“But you don't say so, Prince,” said Lucca. “I say: Genoa and Lucca.”\n"
    'He said "Well" and "so on", and then "I say".\n'
    '"Just so," said the family.\n'
)
CHINESE = "naïve 你好，世界 😀 🏽 \u0301\n"


def counted(text: str, kind: UnitKind, *, min_count: int = 1, vocabulary_size: int = 0, line_breaks: LineBreaks = "unit") -> Units:
    size = vocabulary_size or 300 * (kind == "bpe")
    return count_units([text], kind, min_count=min_count, vocabulary_size=size, line_breaks=line_breaks, lowercase=False)


BPE = counted(PROSE * 2, "bpe", vocabulary_size=330)
CHARACTERS = counted(PROSE + CHINESE, "char")
WORDS = counted(PROSE, "word")
TOKENS = counted("HH AH0 L OW1\nt͡ʃ AH0 OW1 AH0", "token")


def texts_of(units: Units, text: str) -> list[str]:
    return [units.texts[unit] for unit in units.encode(text)]


def test_characters_have_ids_by_count_then_spelling() -> None:
    units = counted("bb\naab\ncd", "char")
    assert units.texts == ("", "b", "\n", "a", "c", "d")
    assert units.line_end == 2
    assert units.encode("abx\r\nb\rd").tolist() == [3, 1, 0, 2, 1, 2, 5]
    assert units.encode("").tolist() == []
    assert units.decode([3, 0, 1]) == "ab"
    assert units.unknown_in("xaxÿ😀\ny") == ["x", "ÿ", "😀", "y"]
    assert counted("ab", "char").line_end is None


def test_half_a_surrogate_pair_is_no_accident() -> None:
    assert CHARACTERS.encode("a\ud800").tolist() == [CHARACTERS.encode("a")[0], 0]
    assert WORDS.encode("he \ud800").tolist()[-1] == 0
    assert BPE.decode(BPE.encode("a\ud800")) == "a\ufffd"
    # No file can hold it, so it is unknown also where the training text has it.
    for kind in ("char", "word"):
        units = counted("a \ud800 😀 \udfff b", kind)
        assert sorted(text for text in units.texts if not text.isspace()) == ["", "a", "b", "😀"]
        json.dumps(units.to_json(), ensure_ascii=False).encode()


@pytest.mark.parametrize(("kind", "expected"), [("char", ["", "\n", "a", "b"]), ("word", ["", "\n", "a", "b"])])
def test_rare_units_are_unknown_but_the_line_break_never_is(kind: UnitKind, expected: list[str]) -> None:
    text = "a a a b b c\n" if kind == "word" else "aaabbc\n"
    assert sorted(counted(text, kind, min_count=2).texts) == expected
    assert sorted(counted(text, kind, vocabulary_size=4).texts) == expected
    assert len(counted(text, kind, vocabulary_size=3)) == 3


def test_words_are_those_of_the_rule_and_line_ends_are_units() -> None:
    expected: list[str] = []
    for line in PROSE.splitlines():
        expected += [*(line[start:end] for start, end in tokenise(line)), "\n"]
    assert texts_of(WORDS, PROSE) == expected
    assert WORDS.texts[1] == ","
    assert WORDS.line_end == WORDS.texts.index("\n")
    assert WORDS.unknown_in("Well, Mary, said Mary Poppins") == ["Mary", "Poppins"]
    assert count_units(["A a\n"], "word", min_count=1, vocabulary_size=0, line_breaks="unit", lowercase=True).texts == ("", "a", "\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b\nc\n\n\n \nd\n", "a b c ¶ d"),
        ("\n\na\n", "¶ a"),
        ("a\n\n", "a ¶"),
        ("a\nb", "a b"),
        ("\n", "¶"),
        ("", ""),
    ],
)
def test_line_breaks_as_blanks_leave_one_unit_for_empty_lines(text: str, expected: str) -> None:
    units = counted("a b c d\n\na", "word", line_breaks="blank")
    assert " ".join(texts_of(units, text)).replace("\n", "¶") == expected
    assert units.decode(units.encode(text)) == expected.replace(" ¶ ", "\n\n").replace("¶ ", "\n\n").replace(" ¶", "\n\n").replace(
        "¶", "\n\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        PROSE,
        "“But it's so, Prince!” said he.\n\n“Genoa and Lucca—just (so) so.”\n",
        'Prince said "so" and "I don\'t", and Lucca.\n"Well," said he.\n',
        # A mark that was never closed is forgotten at the line's end.
        'He said "so\n"Well," said he.\n',
    ],
)
def test_blanks_between_words_are_learnt(text: str) -> None:
    assert WORDS.decode(WORDS.encode(text)) == text


def test_a_noun_mostly_seen_before_a_comma_is_not_joined_to_what_follows() -> None:
    units = counted("Genoa, and Genoa, and Lucca, or Genoa and\n", "word")
    assert units.decode(units.encode("Genoa and Lucca and, Genoa")) == "Genoa and Lucca and, Genoa"


def test_words_from_blocks_are_those_of_the_whole() -> None:
    lines = PROSE.splitlines(keepends=True)
    parted = count_units(lines, "word", min_count=1, vocabulary_size=0, line_breaks="unit", lowercase=False)
    assert parted.texts == WORDS.texts


@given(st.text())
def test_bpe_gives_every_text_back(text: str) -> None:
    ids = BPE.encode(text)
    assert BPE.decode(ids) == text.replace("\r\n", "\n").replace("\r", "\n")
    assert (ids > 0).all()
    assert BPE.unknown_in(text) == []


def test_bpe_pieces_do_not_depend_on_blocks_and_training_repeats() -> None:
    text = "a\n\n\n  b\n \n\n" + PROSE
    pieces = [BPE.encode(line) for line in text.splitlines(keepends=True)]
    assert np.concatenate(pieces).tolist() == BPE.encode(text).tolist()
    assert BPE.texts[BPE.line_end or 0] == "\n"
    assert len(BPE) == 330
    assert len(BPE.encode(PROSE)) < len(PROSE) / 2
    assert counted(PROSE * 2, "bpe", vocabulary_size=330).to_json() == BPE.to_json()


@given(st.text(st.sampled_from("naïve你好，世界😀🏽\u0301 \n")), st.integers(0, 40))
def test_bpe_is_decoded_character_by_character(text: str, cut: int) -> None:
    ids = BPE.encode(text).tolist()
    decoder = BPE.decoder()
    pieces = [decoder.push(unit) for unit in ids]
    assert "".join(pieces) + decoder.finish() == text
    assert "\ufffd" not in "".join(pieces)
    # Begun anew anywhere, the rest is the rest.
    later = BPE.decoder(ids[:cut])
    assert "".join(later.push(unit) for unit in ids[cut:]) == "".join(pieces[cut:])


def test_bytes_that_end_within_a_character_come_out_at_the_end() -> None:
    decoder = BPE.decoder()
    first = BPE.encode("😀")[:2]
    assert [decoder.push(int(unit)) for unit in first] == ["", ""]
    assert decoder.finish() == "\ufffd"


@pytest.mark.parametrize("units", [CHARACTERS, WORDS, BPE], ids=lambda units: units.kind)
@pytest.mark.parametrize("cut", [0, 1, 7, 20])
def test_a_decoder_goes_on_where_the_ids_before_end(units: Units, cut: int) -> None:
    ids = units.encode(PROSE).tolist()
    decoder = units.decoder(ids[:cut])
    pieces = [decoder.push(unit) for unit in ids[cut:]] + [decoder.finish()]
    assert units.decode(ids[:cut]) + "".join(pieces) == PROSE
    begun = units.decoder()
    written = "".join(begun.push(unit) for unit in ids[:cut])
    after = units.decoder(begun.before())
    assert written + "".join(after.push(unit) for unit in ids[cut:]) + after.finish() == PROSE


def test_an_unknown_word_keeps_its_place_but_has_no_text() -> None:
    assert WORDS.decode(WORDS.encode("He said Mary, Prince")) == "He said, Prince"
    assert WORDS.decode(WORDS.encode("Mary said")) == " said"


def test_tokens_are_what_stands_between_blanks() -> None:
    assert TOKENS.texts == ("", "AH0", "OW1", "HH", "L", "t͡ʃ")
    assert (TOKENS.kind, TOKENS.line_end) == ("token", None)
    assert TOKENS.encode("  L\tOW1 \r\n AH0 X1 L. ").tolist() == [4, 2, 1, 0, 0]
    assert TOKENS.encode(" ").tolist() == []
    assert TOKENS.decode([0, 4, 2, 0, 1]) == "L OW1 AH0"
    assert TOKENS.decode([]) == ""
    assert TOKENS.unknown_in("x AH0 y\nx") == ["x", "y"]
    assert counted("a b a \ud800 c", "token", min_count=2).texts == ("", "a")
    assert counted("a b a \ud800 c", "token", vocabulary_size=3).texts == ("", "a", "b")


@pytest.mark.parametrize("cut", range(5))
def test_a_decoder_of_tokens_goes_on_where_the_ids_before_end(cut: int) -> None:
    ids = [3, 1, 0, 4]
    begun = TOKENS.decoder()
    written = "".join(begun.push(unit) for unit in ids[:cut])
    for decoder in (TOKENS.decoder(ids[:cut]), TOKENS.decoder(begun.before())):
        assert written + "".join(decoder.push(unit) for unit in ids[cut:]) + decoder.finish() == "HH AH0 L"


def test_a_blank_among_tokens_is_one_of_them() -> None:
    ids, places = TOKENS.encode_with_blanks("HH ___ L")
    assert (ids.tolist(), places.tolist()) == ([3, 0, 4], [1])
    assert TOKENS.text_with("HH ___ L", [1]) == "HH AH0 L"


@pytest.mark.parametrize(
    ("text", "words", "characters"),
    [
        ("He ___ so.", ["He", "_", "so", "."], "He _ so."),
        ("___", ["_"], "_"),
        ("He said____, so", ["He", "said", "_", ",", "so"], "He said_, so"),
        ("___'s dog-___ ___", ["_", "'s", "dog", "-", "_", "_"], "_'s dog-_ _"),
        ("so___just", ["so", "_", "just"], "so_just"),
        ("and __ so", ["and", "", "so"], "and __ so"),
        ("so\r\n___", ["so", "\n", "_"], "so\n_"),
        ("so", ["so"], "so"),
        ("", [], ""),
    ],
)
def test_a_blank_is_one_unit_with_id_0(text: str, words: list[str], characters: str) -> None:
    for units, expected in ((WORDS, words), (counted(PROSE + "_", "char"), list(characters))):
        ids, places = units.encode_with_blanks(text)
        shown = [units.texts[unit] for unit in ids]
        for place in places:
            assert ids[place] == 0
            shown[place] = "_"
        assert shown == expected
        assert len(places) == len(blank_spans(text))


def test_a_bpe_blank_takes_the_blank_before_it() -> None:
    ids, places = BPE.encode_with_blanks("so and ___ so ___")
    whole = BPE.encode("so and Lucca so")
    filling = BPE.encode(" and")
    assert len(filling) == 1
    assert ids[places].tolist() == [0, 0]
    assert places[0] == len(BPE.encode("so and"))
    assert ids[: places[0]].tolist() == whole[: places[0]].tolist()
    assert BPE.text_with("so ___ so___.", [int(filling[0]), int(filling[0])]) == "so and so and."


def test_filled_texts_keep_what_they_were_otherwise() -> None:
    unit = int(WORDS.encode("Genoa")[0])
    assert WORDS.text_with(f"He said\r\n  {BLANK},_____", [unit, 0]) == "He said\r\n  Genoa,"
    assert blank_spans("a ___b__ ____") == [(2, 5), (9, 13)]
    with pytest.raises(ShapeError, match="1 units for 2 blanks"):
        WORDS.text_with("___ ___", [1])


@pytest.mark.parametrize(
    "units", [CHARACTERS, WORDS, BPE, TOKENS, counted("a b\n\nc", "word", line_breaks="blank")], ids=lambda units: units.kind
)
def test_json_gives_the_same_units(units: Units) -> None:
    again = units_from_json(json.loads(json.dumps(units.to_json())))
    assert type(again) is type(units)
    assert (again.texts, again.line_end, again.to_json()) == (units.texts, units.line_end, units.to_json())
    assert again.encode(PROSE).tolist() == units.encode(PROSE).tolist()
    assert again.decode(again.encode(PROSE)) == units.decode(units.encode(PROSE))


@pytest.mark.parametrize(
    ("units", "change", "message"),
    [
        (CHARACTERS, {"unit": "syllable"}, "'unit', 'syllable', where char, word, bpe or token was expected"),
        (CHARACTERS, {"unit": None}, "'unit', None"),
        (CHARACTERS, {"texts": None}, "lacks or misspells"),
        (CHARACTERS, {"texts": []}, "lacks or misspells"),
        (CHARACTERS, {"texts": ["a", "b"]}, "'texts', which are not distinct texts behind an empty one"),
        (CHARACTERS, {"texts": ["", "b", "b"]}, "'texts'"),
        (CHARACTERS, {"texts": ["", "b", 3]}, "'texts'"),
        (CHARACTERS, {"texts": ["", "bc"]}, "'texts', of which 'bc' is no single character"),
        (WORDS, {"joins_left": [10_000]}, "'joins_left', where ids below"),
        (WORDS, {"joins_right": ["x"]}, "lacks or misspells"),
        (WORDS, {"is_paired": 3}, "'is_paired'"),
        (WORDS, {"line_breaks": "none"}, "'line_breaks', 'none', where unit or blank was expected"),
        (WORDS, {"lowercase": "yes"}, "'lowercase', 'yes', where true or false was expected"),
        (TOKENS, {"texts": ["", "a b"]}, "'texts', of which 'a b' holds a blank and is no token"),
        (TOKENS, {"texts": ["", "a", "a"]}, "'texts', which are not distinct"),
        (BPE, {"tokenizer": {}}, "'tokenizer'"),
        (BPE, {"tokenizer": None}, "'tokenizer'"),
        (
            BPE,
            {"tokenizer": {**BPE.to_json()["tokenizer"], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}},
            "lack single bytes",
        ),
    ],
)
def test_damaged_json_is_refused(units: Units, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match="the model directory is damaged") as caught:
        units_from_json({**units.to_json(), **change})
    assert message in str(caught.value)


@pytest.mark.parametrize("units", [CHARACTERS, WORDS, BPE, TOKENS], ids=lambda units: units.kind)
def test_json_that_lacks_a_part_is_refused(units: Units) -> None:
    for key in units.to_json():
        with pytest.raises(ModelError, match=f"lacks or misspells '{key}'"):
            units_from_json({name: value for name, value in units.to_json().items() if name != key})


def test_bpe_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    content = BPE.to_json()
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    for attempt in (lambda: counted("a", "bpe"), lambda: units_from_json(content)):
        with pytest.raises(MissingExtraError, match=r"pip install 'tidegate\[bpe\]'"):
            attempt()


@pytest.mark.parametrize("size", [0, 3, 256])
def test_a_vocabulary_too_small_for_bytes_is_refused(size: int) -> None:
    with pytest.raises(RecipeError, match=f"vocabulary_size is {size}; .* more than 256 was expected"):
        count_units(["a"], "bpe", min_count=1, vocabulary_size=size, line_breaks="unit", lowercase=False)
    assert len(count_units(["a"], "bpe", min_count=1, vocabulary_size=257, line_breaks="unit", lowercase=False)) == 257
