"""The word rule, and the files it is applied to."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.data.words import last_word_end, locate, read_text, read_text_lines, read_tokens, tokenise
from timing import least_seconds


def words(text: str) -> list[str]:
    return [text[begin:end] for begin, end in tokenise(text)]


# Characters where the rule has to decide something, beside whatever else hypothesis finds.
PIECES = [
    "a",
    "é",
    "न",
    "ा",
    "\u0301",
    "\u200d",
    "\u200b",
    "7",
    ".",
    ",",
    ":",
    "/",
    "'",
    "’",
    "@",
    "#",
    "_",
    " ",
    "\n",
    "😀",
    "🏽",
    "❤",
    "\ufe0f",
    "🇩",
    "http://",
    "www.",
]
SPICY = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=30).map("".join)
# What may be left out between tokens: blanks, zero-width characters and joiners that join nothing.
LEFT_OUT = "\u200b\u200c\u200d\u200e\u200f\u061c\u180e\u00ad\ufeff" + "".join(map(chr, [*range(0x202A, 0x202F), *range(0x2060, 0x2070)]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat sat.", ["The", "cat", "sat", "."]),
        ("it's", ["it", "'s"]),
        ("don't", ["don", "'t"]),
        ("Ann’s", ["Ann", "’s"]),
        ("the boys' toys", ["the", "boys", "'", "toys"]),
        ("'quoted'", ["'", "quoted", "'"]),
        ("3.50 1,000 10:30 1/2", ["3.50", "1,000", "10:30", "1/2"]),
        ("In 1999. Then", ["In", "1999", ".", "Then"]),
        ("50% (or $5)", ["50", "%", "(", "or", "$", "5", ")"]),
        ("see https://example.org/a?b=c, now", ["see", "https://example.org/a?b=c", ",", "now"]),
        ("(www.example.org).", ["(", "www.example.org", ")", "."]),
        ("http://", ["http", ":", "/", "/"]),
        ("write to ann.lee+x@mail.example.org.", ["write", "to", "ann.lee+x@mail.example.org", "."]),
        ("@ann likes #rnn_s!", ["@ann", "likes", "#rnn_s", "!"]),
        ("# @ ##", ["#", "@", "#", "#"]),
        ("snake_case x2", ["snake_case", "x2"]),
        ("well-known", ["well", "-", "known"]),
        ("wait...", ["wait", ".", ".", "."]),
        ("zwölf e\u0301te\u0301", ["zwölf", "e\u0301te\u0301"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("می\u200cخواهم", ["می\u200cخواهم"]),
        ("٣٫٥ and ٣.٥", ["٣", "٫", "٥", "and", "٣.٥"]),
        ("ok👍🏽❤️👩\u200d👩\u200d👧!", ["ok", "👍🏽", "❤️", "👩\u200d👩\u200d👧", "!"]),
        ("🇩🇪🇫🇷", ["🇩🇪", "🇫🇷"]),
        ("1️⃣#️⃣", ["1️⃣", "#️⃣"]),
        ("\ufeffone\u200btwo", ["one", "two"]),
        ("a\u00a0b\u3000c\u2028d", ["a", "b", "c", "d"]),
        ("", []),
        (" \t\u200d ", []),
    ],
)
def test_words_are_cut_by_the_documented_rule(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(SPICY)
def test_tokens_come_in_order_without_overlap_and_leave_out_only_blanks(text: str) -> None:
    end = 0
    for start, stop in [*tokenise(text), (len(text), len(text))]:
        assert end <= start <= stop
        assert all(character.isspace() or character in LEFT_OUT for character in text[end:start])
        end = stop
    assert all(stop > start for start, stop in tokenise(text))


@given(SPICY, SPICY)
def test_a_blank_between_two_texts_keeps_their_words_apart(first: str, second: str) -> None:
    assert words(f"{first} {second}") == words(first) + words(second)


@given(SPICY)
def test_words_are_found_again_where_they_were_cut(text: str) -> None:
    assert list(locate(words(text), text)) == tokenise(text)


def test_tokens_that_the_text_does_not_spell_have_no_place() -> None:
    assert locate(["a", "c"], "a b c") == ()
    assert locate(["a", "b"], "b a") == ()
    assert locate(["du", "pain"], "du  pain") == ((0, 2), (4, 8))


@pytest.mark.parametrize(
    "line",
    [
        "word, " * 50_000,
        *(character * 1_000_000 for character in "a1.'@#_é\u0301\u200d😀🇩 "),
        "a." * 500_000,
        "a@" * 500_000,
        "http://." * 120_000,
    ],
    ids=lambda line: ascii(line[:2]),
)
def test_long_lines_take_time_linear_in_their_length(line: str) -> None:
    # A quadratic rule would need a hundred times as long for ten times the line; the floor keeps the clock's noise out.
    most = 40 * max(least_seconds(lambda: tokenise(line[: len(line) // 10]), 0, tries=3), 0.02)
    assert least_seconds(lambda: tokenise(line), most) < most


def test_each_line_is_a_record_and_an_empty_line_one_without_tokens(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("It's fine.\n\n last\n", encoding="utf-8")
    first, second, third = read_text(path)
    assert first.tokens == ("It", "'s", "fine", ".")
    assert first.text == "It's fine."
    assert first.offsets == ((0, 2), (2, 4), (5, 9), (9, 10))
    assert (len(second), second.text, str(second.source)) == (0, "", f"{path}, line 2")
    assert third.offsets == ((1, 5),)
    assert str(third.where(0)) == f"{path}, line 3"


def test_a_record_of_text_comes_before_the_next_line_is_asked_for() -> None:
    def lines():  # type: ignore[no-untyped-def]
        yield 1, "one"
        raise AssertionError("the second line was asked for too early")

    assert next(read_text_lines(lines(), "standard input")).tokens == ("one",)


def test_ready_tokens_are_cut_at_blanks_and_tabs_alone(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    path.write_text("  do n't\tsay 1\u00a0000 (x)  \n\n", encoding="utf-8")
    first, second = read_tokens(path)
    assert first.tokens == ("do", "n't", "say", "1\u00a0000", "(x)")
    assert first.offsets[:2] == ((2, 4), (5, 8))
    assert second.tokens == ()


@given(st.lists(st.text(alphabet="a. \t\u00a0\u200b👍", max_size=5), max_size=6))
def test_of_a_text_that_grows_the_last_word_end_is_found_in_what_is_new(pieces: list[str]) -> None:
    text = "".join(pieces)
    ends = [place for place in range(1, len(text)) if text[place].isspace() and not text[place - 1].isspace()]
    assert last_word_end(text) == (ends[-1] if ends else 0)
    pending, given_on = "", 0
    for piece in pieces:
        known, pending = len(pending), pending + piece
        end = last_word_end(pending, known)
        assert end == last_word_end(pending)
        given_on, pending = given_on + end, pending[end:]
    assert given_on == (ends[-1] if ends else 0)
    assert [text[begin:end] for begin, end in tokenise(text)] == [
        part[begin:end] for part in (text[:given_on], text[given_on:]) for begin, end in tokenise(part)
    ]
