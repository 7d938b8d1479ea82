"""Pairs come back as they were written, gathered by their sources; what is no pair is refused with its place."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tidegate.data.lexicon import without_stress
from tidegate.data.pairs import Entry, PairText, entries_of, read_pairs, split_entries
from tidegate.errors import DataError


class Reader:
    """Writes files and reads their pairs, or takes down the refusal without the folder's name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, content: str, name: str = "in.tsv", **settings: Any) -> PairText:
        path = self.folder / name
        data = content.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return read_pairs([str(path)], **settings)

    def refusal(self, content: str, name: str = "in.tsv", **settings: Any) -> str:
        with pytest.raises(DataError) as caught:
            self(content, name, **settings)
        return str(caught.value).removeprefix(f"{self.folder}/")


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def pairs_of(text: PairText) -> list[tuple[str, str]]:
    return [(entry.source, target) for entry in text.entries for target in entry.targets]


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        ("Go.\tVe.\nHi.\tHola.\n", "a.tsv", [("Go.", "Ve."), ("Hi.", "Hola.")]),
        ("Go.\tVe.\nHi.\tHola.\n", "a.txt", [("Go.", "Ve."), ("Hi.", "Hola.")]),
        ("Go.\tVe.\r\nHi.\tHola.", "a.txt.gz", [("Go.", "Ve."), ("Hi.", "Hola.")]),
        # Between tabs a quote is a character; blanks at the ends go, those inside stay.
        ('"Go"\t Ve  te \n\n  \nHi\tHo"la\n', "a.tsv", [('"Go"', "Ve  te"), ("Hi", 'Ho"la')]),
        ('"Go, now",Ve\nHi,"Ho ""la"""\n', "a.csv", [("Go, now", "Ve"), ("Hi", 'Ho "la"')]),
        ("Go;Ve\nHi;Hola\n", "a.csv", [("Go", "Ve"), ("Hi", "Hola")]),
        ('"two\n  lines",dos\nb,c\n', "a.csv", [("two lines", "dos"), ("b", "c")]),
        # NFC is not applied.
        ("e\u0301\té\n", "a.tsv", [("e\u0301", "é")]),
        ("source\ttarget\na\tb\n", "a.tsv", [("a", "b")]),
        ("SRC,Tgt\na,b\n", "a.csv", [("a", "b")]),
        ("word\tpronunciation\na\tb c\n", "a.tsv", [("a", "b c")]),
        ("target\tsource\nb\ta\n", "a.tsv", [("a", "b")]),
        # A first pair that only half looks like names of columns is a pair.
        ("word\tpalabra\na\tb\n", "a.tsv", [("word", "palabra"), ("a", "b")]),
    ],
)
def test_tables_of_two_columns(read: Reader, content: str, name: str, expected: list[tuple[str, str]]) -> None:
    text = read(content, name)
    assert pairs_of(text) == expected
    assert not text.is_lexicon
    assert text.pairs == len(expected)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"source": "1", "target": "3"}, [("id", "es"), ("7", "Ve"), ("8", "Hola")]),
        ({"source": "en", "target": "es"}, [("Go", "Ve"), ("Hi", "Hola")]),
        ({"source": "EN", "target": "3"}, [("Go", "Ve"), ("Hi", "Hola")]),
        ({"source": "es", "target": "en"}, [("Ve", "Go"), ("Hola", "Hi")]),
    ],
)
def test_columns_are_taken_as_asked_for(read: Reader, settings: dict[str, str], expected: list[tuple[str, str]]) -> None:
    assert pairs_of(read("id\ten\tes\n7\tGo\tVe\n8\tHi\tHola\n", **settings)) == expected


def test_of_two_columns_one_name_is_enough(read: Reader) -> None:
    text = read("es\ten\nVe\tGo\n", source="en")
    assert pairs_of(text) == [("Go", "Ve")]
    assert text.notes == ("the first row is a header: source 'en', target 'es'",)
    # Digits are numbers of columns even where a first row holds them: sums, dates.
    assert pairs_of(read("1\tone\n2\ttwo\n", source="2", target="1")) == [("one", "1"), ("two", "2")]


LEXICON = """;;; # CMUdict
# a comment
#hash HH AE1 SH # the mark

'bout  B AW1 T
read R EH1 D
aalborg\tAO1 L B AO0 R G # place, danish
read(2) R IY1 D
o(r ao1 r
sharp(3) SH AA1 R P
"""


@pytest.mark.parametrize("name", ["cmu.dict", "cmu.dict.gz"])
def test_a_lexicon_joins_variants_and_drops_comments(read: Reader, name: str) -> None:
    text = read(LEXICON, name)
    assert text.is_lexicon
    assert [(entry.source, entry.targets) for entry in text.entries] == [
        ("#hash", ("HH AE1 SH",)),
        ("'bout", ("B AW1 T",)),
        ("read", ("R EH1 D", "R IY1 D")),
        ("aalborg", ("AO1 L B AO0 R G",)),
        ("o(r", ("ao1 r",)),
        ("sharp", ("SH AA1 R P",)),
    ]
    assert text.pairs == 7
    assert text.entries[2].place == f"{read.folder / name}, line 6"
    assert text.notes == ("read as a lexicon: a word a line, then its phones with blanks between",)


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        ("a EY1\nof AH1 V\n", "a.txt", True),
        ("a EY1\nof AH1 V\n", "lexicon", True),
        # One tab anywhere in the first lines makes a table of it.
        ("a\tEY1\nof\tAH1 V\n", "a.txt", False),
        ("a\tEY1\nof\tAH1 V\n", "a.dict", True),
    ],
)
def test_what_is_a_lexicon(read: Reader, content: str, name: str, expected: bool) -> None:
    text = read(content, name)
    assert text.is_lexicon is expected
    assert pairs_of(text) == [("a", "EY1"), ("of", "AH1 V")]
    if not expected:
        assert read(content, name, is_lexicon=True).is_lexicon


@pytest.mark.parametrize(
    ("phones", "expected"),
    [
        ("HH AH0 L OW1", "HH AH L OW"),
        ("ah0 AXR2 ER1", "ah AXR ER"),
        # No vowels of ARPAbet: tones, numbers, other letters.
        ("ma1 T2 1 AH3 AH01", "ma1 T2 1 AH3 AH01"),
        ("h ə ˈl oʊ", "h ə l oʊ"),
        ("ˌk æ ˈ t", "k æ t"),
        ("kəˈluˌni", "kəluni"),
        ("ˈ ˌ", ""),
    ],
)
def test_stress_is_dropped_and_nothing_else(phones: str, expected: str) -> None:
    assert without_stress(phones) == expected


def test_targets_that_stress_alone_told_apart_become_one(read: Reader) -> None:
    text = read("import IH0 M P AO1 R T\nimport(2) IH1 M P AO2 R T\na EY1\n", "a.dict", stress="drop")
    assert [entry.targets for entry in text.entries] == [("IH M P AO R T",), ("EY",)]
    assert text.pairs == 2
    assert text.notes[-1] == "1 of 3 lines repeat a pair and count once"
    assert read("a\tb\n", stress="drop").notes == ("stress is to be dropped, but no target carries a mark of it (AH0, ˈ, ˌ)",)
    assert "nothing is left of the target 'ˈ'" in read.refusal("a\tˈ\n", stress="drop")


def test_lines_of_one_source_are_one_entry_across_files(tmp_path: Path) -> None:
    (tmp_path / "1.tsv").write_text("Go.\tVe.\nHi.\tHola.\nGo.\tVaya.\n", encoding="utf-8")
    (tmp_path / "2.tsv").write_text("source\ttarget\nHi.\tHola.\nGo.\tVete.\nRun!\t¡Corre!\n", encoding="utf-8")
    text = read_pairs([str(tmp_path / "*.tsv")])
    assert text.entries == (
        Entry("Go.", ("Ve.", "Vaya.", "Vete."), f"{tmp_path / '1.tsv'}, line 1"),
        Entry("Hi.", ("Hola.",), f"{tmp_path / '1.tsv'}, line 2"),
        Entry("Run!", ("¡Corre!",), f"{tmp_path / '2.tsv'}, line 4"),
    )
    assert text.pairs == 5
    assert text.notes[-1] == "1 of 6 lines repeat a pair and count once"
    # A table beside a lexicon: no lexicon as a whole.
    (tmp_path / "3.dict").write_text("Go. G OW1\n", encoding="utf-8")
    mixed = read_pairs([str(tmp_path / "1.tsv"), str(tmp_path / "3.dict")])
    assert not mixed.is_lexicon
    assert mixed.entries[0].targets == ("Ve.", "Vaya.", "G OW1")


@pytest.mark.parametrize(
    ("content", "name", "settings", "message"),
    [
        (
            "Go.\nHi.\n",
            "in.tsv",
            {},
            "in.tsv, line 1: one column: 'Go.'. Two were expected in every line, a source and its target with a tab",
        ),
        ("Go home now.\nHi there, everybody.\n", "in.txt", {}, "in.txt, line 1: one column: 'Go home now.'."),
        ("alone\nwords\n", "in.txt", {}, "in.txt, line 1: one column: 'alone'."),
        ("Go.\nHi.\n", "in.csv", {}, "with a comma between"),
        (
            "Go.\tVe.\tCC-BY\nHi.\tHola.\tCC-BY\n",
            "in.tsv",
            {},
            "in.tsv, line 1: 3 columns: 1 'Go.', 2 'Ve.', 3 'CC-BY'. Two were expected, source and target: name the column of source and "
            "target by its number, or by its name in a header, for instance --source 1 --target 2.",
        ),
        (
            "a\tb\tc\n",
            "in.tsv",
            {"source": "1"},
            "name the column of target by its number, or by its name in a header, for instance --target 2",
        ),
        ("a,b,c\n", "in.csv", {"target": "1"}, "for instance --source 2."),
        ("a\tb\n", "in.tsv", {"source": "3"}, "in.tsv, line 1: there is no column '3' here; the first row has: 1 'a', 2 'b'."),
        ("a\tb\n", "in.tsv", {"source": "0"}, "there is no column '0'"),
        ("english\tspanish\n", "in.tsv", {"source": "englsh"}, "there is no column 'englsh' here"),
        ("x\tx\n", "in.tsv", {"source": "x"}, "2 columns are called 'x' here; the first row has: 1 'x', 2 'x'. Ask"),
        ("a\tb\n", "in.tsv", {"source": "1", "target": "1"}, "column 1 was asked for as the source and as the target"),
        ("a\tb\nc\t \n", "in.tsv", {}, "in.tsv, line 2: the target is empty: 'c |  '. A pair has text on both sides"),
        ("a\tb\n\tc\n", "in.tsv", {}, "in.tsv, line 2: the source is empty"),
        ("a\tb\n\t\n", "in.tsv", {}, "in.tsv, line 2: the source is empty"),
        ('a,b\nc,""\n', "in.csv", {}, "in.csv, line 2: the target is empty"),
        ("a\tb\nc\n", "in.tsv", {}, "in.tsv, line 2: no tab in 'c'; 2 columns with tabs between were expected, as in line 1. Put a tab"),
        ("a\tb\nc\td\te\n", "in.tsv", {}, "in.tsv, line 2: 3 columns in 'c\\td\\te'; 2 columns"),
        ("a,b\nc,d,e\n", "in.csv", {}, "in.csv, line 2: 3 cells found, 2 expected as in line 1"),
        ("", "in.tsv", {}, "in.tsv holds no pairs"),
        ("source\ttarget\n", "in.tsv", {}, "in.tsv holds no pairs"),
        ("\n;;; nothing\n", "in.dict", {}, "in.dict holds no pairs"),
        ("a EY1\nof\n", "in.dict", {}, "in.dict, line 2: a word without phones: 'of'. In a lexicon a line holds a word and its phones"),
        ("a EY1\nof # AH1 V\n", "in.txt", {}, "in.txt, line 2: a word without phones: 'of # AH1 V'"),
        ("a EY1\n", "in.dict", {"source": "1"}, "in.dict is a lexicon (a word and its phones, blanks between), which has no columns"),
    ],
)
def test_what_is_no_pair_is_refused_with_its_place(read: Reader, content: str, name: str, settings: dict[str, str], message: str) -> None:
    assert message in read.refusal(content, name, **settings)


def test_no_file_and_a_file_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Name at least one file"):
        read_pairs([])
    with pytest.raises(DataError, match="no such file"):
        read_pairs([str(tmp_path / "a.tsv")])


def test_pairs_in_memory_are_gathered_alike() -> None:
    entries = entries_of([(" a ", "b"), ("c", "d"), ("a", "e"), ("a", "b")])
    assert entries == (Entry("a", ("b", "e"), "pair 1"), Entry("c", ("d",), "pair 2"))
    assert entries_of([("a", "AH0"), ("a", "AH1")], stress="drop") == (Entry("a", ("AH",), "pair 1"),)
    assert entries_of([]) == ()
    with pytest.raises(DataError, match="pair 2: the target is empty"):
        entries_of([("a", "b"), ("c", " ")])


ENTRIES = [Entry(str(number), ("x", "y")) for number in range(200)]


def test_a_split_keeps_entries_whole_and_in_order_and_hangs_on_the_seed() -> None:
    parts = split_entries(ENTRIES, dev_share=0.1, test_share=0.05, seed=3)
    dev = parts[1]
    assert [len(part) for part in parts] == [170, 20, 10]
    places = [[int(entry.source) for entry in part] for part in parts]
    assert all(part == sorted(part) for part in places)
    assert sorted(place for part in places for place in part) == list(range(200))
    assert split_entries(ENTRIES, dev_share=0.1, test_share=0.05, seed=3) == parts
    assert split_entries(ENTRIES, dev_share=0.1, test_share=0.05, seed=4)[1] != dev
    # By chance, not off the end.
    assert max(places[0]) > min(places[1])
    assert places[1] != list(range(places[1][0], places[1][0] + 20))
    assert split_entries(ENTRIES, dev_share=0.1, test_share=0.0, seed=3)[1:] == (dev, [])


@pytest.mark.parametrize(("number", "test_share", "sizes"), [(2, 0.0, (1, 1, 0)), (3, 0.001, (1, 1, 1)), (2, 0.1, None), (1, 0.0, None)])
def test_the_smallest_splits(number: int, test_share: float, sizes: tuple[int, int, int] | None) -> None:
    if sizes is None:
        with pytest.raises(DataError, match=f"{number} distinct sources are too few"):
            split_entries(ENTRIES[:number], dev_share=0.001, test_share=test_share, seed=1)
    else:
        parts = split_entries(ENTRIES[:number], dev_share=0.001, test_share=test_share, seed=1)
        assert tuple(map(len, parts)) == sizes
